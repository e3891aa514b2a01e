//! M12: what the operator closes, and the operator's way out.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pressrun_deliver::{EgressPolicy, Parcel, Ports, ProxyConfig, Resolve};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;
use pressrun_domain::secret::Secret;
use pressrun_testkit::{
    ConnectProxy, HttpAnswer, HttpBehaviour, HttpReceiver, SftpScript, SftpServer, SmtpScript, SmtpSink, TestCertificate,
};

use crate::aim::{Speech, aim};
use crate::bench::{Bench, accepted, carriers, now, rejected, retry, webhook, with_password};

/// Names of a house and of the world; everything is at home in the end.
struct House;

#[async_trait]
impl Resolve for House {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "inside.example" | "receiver.example" => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
            "empty.example" => Ok(Vec::new()),
            _ => Err(io::Error::other("Name or service not known")),
        }
    }
}

fn proxied(proxy: &ConnectProxy) -> ProxyConfig {
    ProxyConfig::new(proxy.url())
}

#[tokio::test]
async fn m12_what_the_operator_denies_is_not_connected_to_although_it_is_allowed() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let port = receiver.address().port();
    for (deny, only) in [("127.0.0.0/8", None), ("localhost", None), ("127.0.0.1", Some("10.0.0.0/8"))] {
        let closed = carriers(|config| {
            let policy = EgressPolicy::parse(["127.0.0.1", "localhost"]).and_then(|policy| policy.deny([deny])).expect("rules");
            config.egress = policy.only(only).expect("rules");
        });
        let host = if deny == "localhost" { "localhost" } else { "127.0.0.1" };
        let delivered = closed.deliver(&webhook(format!("http://{host}:{port}/"), &[]), &bench.link_only(), now()).await;
        assert!(rejected(&delivered).contains("closed to deliveries"), "{deny}: {delivered:?}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn m12_a_network_is_denied_by_the_address_that_a_name_has_when_it_is_used() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let closed = carriers(|config| {
        config.egress = EgressPolicy::parse(["receiver.example"]).and_then(|policy| policy.deny(["127.0.0.0/8"])).expect("rules");
        config.resolver = Arc::new(House);
    });
    let url = format!("http://receiver.example:{}/", receiver.address().port());
    retry(&closed.deliver(&webhook(url, &[]), &bench.link_only(), now()).await);
    assert_eq!(receiver.connections(), 0, "a name that is allowed does not open what is denied");
}

#[tokio::test]
async fn m12_an_unusual_port_of_a_public_host_is_refused_before_anything_is_asked() {
    let (bench, closed) = (Bench::new(), carriers(|config| config.egress = EgressPolicy::default()));
    for url in ["https://1.1.1.1:8443/", "http://hooks.example.com:6379/"] {
        let delivered = closed.deliver(&webhook(url, &[]), &bench.link_only(), now()).await;
        assert!(rejected(&delivered).contains("[egress] ports"), "{delivered:?}");
    }
}

#[tokio::test]
async fn m12_names_inside_fail_as_names_that_do_not_exist_do() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let port = receiver.address().port();
    let closed = carriers(|config| {
        config.egress = EgressPolicy::default().on_ports(vec![Ports::ALL]).expect("ports");
        config.resolver = Arc::new(House);
    });
    let mut told = Vec::new();
    for name in ["inside.example", "empty.example", "missing.example"] {
        let delivered = closed.deliver(&webhook(format!("http://{name}:{port}/"), &[]), &bench.link_only(), now()).await;
        told.push(retry(&delivered).replace(name, "NAME"));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn m12_a_webhook_leaves_through_the_proxy_to_the_address_that_was_checked() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    let receiver = HttpReceiver::start_tls(&certificate).await;
    let port = receiver.address().port();
    let proxy = ConnectProxy::to(receiver.address()).await;
    let carriers = carriers(|config| {
        let login = Some(("blobby".to_owned(), Secret::new("pr0xy-p4ss")));
        config.proxy = Some(ProxyConfig { credentials: login, ..proxied(&proxy) });
        config.extra_roots = vec![certificate.authority_der.clone()];
    });
    accepted(&carriers.deliver(&webhook(format!("https://localhost:{port}/hook"), &[]), &bench.csv(), now()).await);
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("CONNECT ") && !asked[0].contains("localhost"), "an address, not a name: {}", asked[0]);
    assert!(asked[0].contains("\r\nProxy-Authorization: Basic YmxvYmJ5OnByMHh5LXA0c3M=\r\n"), "{}", asked[0]);
    let request = &receiver.requests()[0];
    assert_eq!((request.path.as_str(), request.header("proxy-authorization")), ("/hook", None), "the login is the proxy's alone");
}

#[tokio::test]
async fn m12_the_policy_is_asked_before_the_proxy() {
    let bench = Bench::new();
    let proxy = ConnectProxy::saying("HTTP/1.1 200 OK\r\n\r\n").await;
    for resolves in [false, true] {
        let closed = carriers(|config| {
            config.egress = EgressPolicy::default().on_ports(vec![Ports::ALL]).expect("ports");
            config.resolver = Arc::new(House);
            config.proxy = Some(ProxyConfig { resolves, ..proxied(&proxy) });
        });
        for url in ["http://10.0.0.7/", "http://localhost/", "http://[::ffff:127.0.0.1]/"] {
            rejected(&closed.deliver(&webhook(url, &[]), &bench.link_only(), now()).await);
        }
        if !resolves {
            retry(&closed.deliver(&webhook("http://inside.example/", &[]), &bench.link_only(), now()).await);
        }
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[tokio::test]
async fn m12_a_proxy_that_looks_names_up_is_given_names_and_nobody_else_is_asked() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let proxy = ConnectProxy::to(receiver.address()).await;
    let carriers = carriers(|config| {
        config.egress = EgressPolicy::default();
        config.resolver = Arc::new(House);
        config.proxy = Some(ProxyConfig { resolves: true, ..proxied(&proxy) });
    });
    accepted(&carriers.deliver(&webhook("http://hooks.partner.example/x", &[]), &bench.link_only(), now()).await);
    assert!(proxy.asked()[0].starts_with("CONNECT hooks.partner.example:80 HTTP/1.1\r\n"), "{:?}", proxy.asked());
    assert_eq!(receiver.requests()[0].header("host"), Some("hooks.partner.example"));
}

#[tokio::test]
async fn m12_what_the_proxy_says_is_for_the_operator() {
    let bench = Bench::new();
    let mut told = Vec::new();
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "HTTP/1.1 403 Forbidden: 10.0.0.7 is internal\r\n\r\n",
        "HTTP/1.1 502 no such name\r\n\r\n",
        "220 mail.example.com ESMTP\r\n\r\n",
        "HTTP/1.1 200",
        "",
    ] {
        let proxy = ConnectProxy::saying(answer).await;
        let carriers = carriers(|config| config.proxy = Some(proxied(&proxy)));
        let delivered = carriers.deliver(&webhook("http://127.0.0.1:9/", &[]), &bench.link_only(), now()).await;
        assert!(matches!(delivered.outcome, Outcome::Retry { .. }), "{answer}: {delivered:?}");
        told.push(retry(&delivered).to_owned());
    }
    told.dedup();
    assert_eq!(told, ["webhook: connect: the proxy opened no connection to 127.0.0.1; the operator's log says why"]);
}

#[tokio::test]
async fn m12_a_proxy_that_babbles_is_cut_off() {
    let bench = Bench::new();
    let endless: &'static str = Box::leak("HTTP/1.1 200 OK\r\nX: y\r\n".repeat(2_000).into_boxed_str());
    let proxy = ConnectProxy::saying(endless).await;
    let carriers = carriers(|config| config.proxy = Some(proxied(&proxy)));
    retry(&carriers.deliver(&webhook("http://127.0.0.1:9/", &[]), &bench.link_only(), now()).await);
}

#[tokio::test]
async fn m12_a_proxy_that_falls_silent_is_given_up_at_the_deadline() {
    let (bench, proxy) = (Bench::new(), HttpReceiver::start().await);
    proxy.always(HttpAnswer::new(200, "").behaving(HttpBehaviour::Hang));
    let carriers = carriers(|config| config.proxy = Some(ProxyConfig::new(proxy.url(""))));
    let (destination, parcel) = (webhook("http://127.0.0.1:9/", &[]), bench.link_only());
    let hang = proxy.hang();
    let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
    tokio::time::resume();
    assert_eq!(retry(&delivered), "webhook: connect: timed out");
}

#[tokio::test]
async fn m12_slack_leaves_through_the_proxy_and_exceptions_do_not() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let proxy = ConnectProxy::to(receiver.address()).await;
    receiver.always(HttpAnswer::new(200, r#"{"ok":true,"ts":"1"}"#));
    for (except, through) in [(None, 1), (Some("127.0.0.0/8"), 1), (Some("localhost"), 1), (Some("*.partner.example"), 2)] {
        let mut aimed = aim(&bench, Speech::Slack, "localhost", receiver.address().port(), |config| {
            config.proxy =
                Some(ProxyConfig { except: except.iter().map(|rule| rule.parse().expect("a rule")).collect(), ..proxied(&proxy) });
        });
        aimed.parcel = Parcel { target: "C0123".into(), ..bench.link_only() };
        accepted(&aimed.deliver().await);
        assert_eq!(proxy.asked().len(), through, "{except:?}");
    }
    assert_eq!(receiver.requests().len(), 4);
}

#[tokio::test]
async fn m12_sftp_and_mail_pass_by_the_proxy_unless_it_is_for_them_too() {
    let bench = Bench::new();
    let sftp = SftpServer::start("blobby", "1am@g00dBL0b", SftpScript::default()).await;
    let smtp = SmtpSink::start(SmtpScript::default()).await;
    for (sftp_too, expected) in [(false, 0), (true, 1)] {
        let proxy = ConnectProxy::to(sftp.address()).await;
        let carriers = carriers(|config| config.proxy = Some(ProxyConfig { sftp: sftp_too, ..proxied(&proxy) }));
        accepted(&carriers.deliver(&Destination::Sftp(with_password(&sftp, "1am@g00dBL0b")), &bench.csv(), now()).await);
        assert_eq!(proxy.asked().len(), expected, "the server speaks first, and no byte of it is lost");
    }
    for (mail_too, expected) in [(false, 0), (true, 1)] {
        let proxy = ConnectProxy::to(smtp.address()).await;
        let aimed = aim(&bench, Speech::Smtp, "127.0.0.1", smtp.address().port(), |config| {
            config.proxy = Some(ProxyConfig { mail: mail_too, ..proxied(&proxy) });
        });
        accepted(&aimed.deliver().await);
        assert_eq!(proxy.asked().len(), expected);
    }
}

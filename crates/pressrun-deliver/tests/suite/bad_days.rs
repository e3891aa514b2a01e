//! Every destination on its bad days: names that are not found, servers that are silent, slow, endless or someone else's, wires that break
//! at any byte. Nothing hangs; each deadline passes in tokio's time, not in ours.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pressrun_deliver::{Deadlines, Delivered, Resolve};
use pressrun_domain::delivery::Outcome;
use pressrun_testkit::{Afterwards, Babbler, Fault, Hang, HttpReceiver, Proxy, SmtpScript, SmtpSink, SmtpSinkTls, TestCertificate, Way};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::aim::{Aimed, Speech, aim, aim_by_name};
use crate::bench::{Bench, accepted, held, rejected, retry};
use crate::servers::Server;

/// Delivers; when the counterpart goes silent, deadlines pass at once.
async fn outlasting(aimed: &Aimed, hang: &Hang) -> Delivered {
    let mut attempt = std::pin::pin!(aimed.deliver());
    tokio::select! {
        delivered = &mut attempt => delivered,
        () = hang.let_deadlines_pass() => {
            let delivered = attempt.await;
            tokio::time::resume();
            delivered
        }
    }
}

/// Never answers, and says so.
struct NeverResolves(Hang);

#[async_trait]
impl Resolve for NeverResolves {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.forever().await;
        Ok(Vec::new())
    }
}

/// Has these addresses for every name.
struct Addresses(Vec<IpAddr>);

#[async_trait]
impl Resolve for Addresses {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        if self.0.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "no such host")) } else { Ok(self.0.clone()) }
    }
}

#[tokio::test]
async fn s9_a_name_that_is_not_answered_for_is_given_up_on() {
    let bench = Bench::new();
    for speech in Speech::ALL {
        let hang = Hang::default();
        let aimed = aim_by_name(&bench, speech, 4321, Arc::new(NeverResolves(hang.clone())));
        let delivered = outlasting(&aimed, &hang).await;
        assert!(retry(&delivered).ends_with("connect: timed out"), "{speech:?}: {delivered:?}");
    }
}

#[tokio::test]
async fn s9_a_name_that_does_not_exist_today_may_exist_later() {
    let bench = Bench::new();
    for speech in Speech::ALL {
        let delivered = aim_by_name(&bench, speech, 4321, Arc::new(Addresses(Vec::new()))).deliver().await;
        // M12: what the resolver said is for the operator, and told where the operator typed the name.
        let words = match speech {
            Speech::Webhook | Speech::WebhookOverTls | Speech::Sftp => "slow.example has no address that deliveries may go to",
            _ => "slow.example: the name could not be looked up: no such host",
        };
        assert!(retry(&delivered).contains(words), "{speech:?}: {delivered:?}");
    }
}

#[tokio::test]
async fn s9_a_refused_connection_is_tried_at_every_address_and_again_later() {
    let bench = Bench::new();
    let closed = HttpReceiver::start().await;
    let port = closed.address().port();
    drop(closed);
    tokio::task::yield_now().await;
    let both = vec![IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 1])];
    for speech in Speech::ALL {
        let delivered = aim_by_name(&bench, speech, port, Arc::new(Addresses(both.clone()))).deliver().await;
        assert!(retry(&delivered).contains("connect: "), "{speech:?}: {delivered:?}");
    }
    // The first address is closed, the second is the server.
    let receiver = HttpReceiver::start().await;
    let delivered = aim_by_name(&bench, Speech::Webhook, receiver.address().port(), Arc::new(Addresses(both))).deliver().await;
    assert_eq!(accepted(&delivered), "HTTP 200 ok");
}

#[tokio::test]
async fn s9_a_server_that_says_nothing_is_given_up_on() {
    let bench = Bench::new();
    for speech in Speech::ALL {
        let mute = Babbler::start("", Afterwards::Silence).await;
        let aimed = aim(&bench, speech, "localhost", mute.address().port(), |_| {});
        let delivered = outlasting(&aimed, &mute.hang()).await;
        assert!(retry(&delivered).ends_with("timed out"), "{speech:?}: {delivered:?}");
        assert_eq!(mute.connections(), 1, "{speech:?}");
    }
}

/// How a server of each kind begins to speak.
fn beginning(speech: Speech) -> &'static str {
    match speech {
        Speech::Smtp => "220-sink.test ",
        // A record of the greatest length.
        Speech::SmtpOverTls | Speech::WebhookOverTls => "\u{16}\u{3}\u{3}\u{40}\0",
        Speech::Sftp => "SSH-2.0-slow",
        Speech::Webhook | Speech::Slack | Speech::S3 | Speech::TokenService => "HTTP/1.1 200 OK\r\nX-Slow: ",
    }
}

#[tokio::test]
async fn s9_a_server_that_drips_is_given_up_on_although_something_always_comes() {
    let bench = Bench::new();
    for speech in Speech::ALL {
        let slow = Babbler::start(beginning(speech), Afterwards::Drip(b'x')).await;
        let aimed = aim(&bench, speech, "localhost", slow.address().port(), |_| {});
        let delivered = outlasting(&aimed, &slow.hang()).await;
        retry(&delivered);
    }
}

#[tokio::test]
async fn s9_a_server_that_never_stops_talking_is_cut_off() {
    let bench = Bench::new();
    for speech in Speech::ALL {
        let endless = Babbler::start(beginning(speech), Afterwards::Flood(b'x')).await;
        let aimed = aim(&bench, speech, "localhost", endless.address().port(), |_| {});
        let delivered = aimed.deliver().await;
        assert!(!retry(&delivered).contains("timed out"), "a bound ends it, not the clock: {speech:?}: {delivered:?}");
    }
}

#[tokio::test]
async fn s9_a_wrong_certificate_is_named_and_nothing_is_said_over_it() {
    let bench = Bench::new();
    for (certificate, trusted, reason) in [
        (TestCertificate::expired(), true, "has expired"),
        (TestCertificate::for_another_host(), true, "is for another host"),
        (TestCertificate::generate(), false, "is signed by itself or by an authority that is not trusted"),
        (TestCertificate::self_signed(), false, "is signed by itself or by an authority that is not trusted"),
    ] {
        let receiver = HttpReceiver::start_tls(&certificate).await;
        let sink = SmtpSink::start(SmtpScript { tls: SmtpSinkTls::Implicit(certificate.clone()), ..SmtpScript::default() }).await;
        for (speech, port) in [(Speech::WebhookOverTls, receiver.address().port()), (Speech::SmtpOverTls, sink.port())] {
            let roots = if trusted { vec![certificate.authority_der.clone()] } else { Vec::new() };
            let delivered = aim(&bench, speech, "localhost", port, |config| config.extra_roots = roots).deliver().await;
            // Mail is held: the relay is the operator's, who has to look at it.
            let said = if speech == Speech::SmtpOverTls { held(&delivered) } else { retry(&delivered) };
            assert!(said.contains(&format!("the server's certificate {reason}")), "{speech:?}: {delivered:?}");
        }
        assert!(receiver.requests().is_empty() && sink.mails().is_empty());
    }
}

/// What arrived is whole, and a repetition can be told from something new (I6).
fn has_it_once_or_marked(server: &Server, aimed: &Aimed) {
    let bytes = std::fs::read(&aimed.parcel.artifact.as_ref().expect("a file").path).expect("spool");
    match server {
        Server::Smtp(sink) => {
            let mails = sink.mails();
            assert!(!mails.is_empty() && mails.iter().all(|mail| mail.data == mails[0].data), "one Message-ID, equal bytes");
        }
        Server::Webhook(receiver) => {
            let requests = receiver.requests();
            let id = requests.last().expect("a request").header("webhook-id").expect("signed").to_owned();
            assert!(requests.iter().all(|request| request.header("webhook-id") == Some(&id) && request.body == bytes));
        }
        Server::Sftp(files) => {
            let names: Vec<_> = std::fs::read_dir(files.files()).expect("folder").map(|entry| entry.expect("entry").file_name()).collect();
            assert_eq!(names, ["Orders.csv"], "nothing unfinished");
            assert_eq!(std::fs::read(files.files().join("Orders.csv")).expect("file"), bytes);
        }
        Server::Slack(workspace) => assert!(workspace.files().iter().all(|file| file.bytes == bytes && file.name == "Orders.csv")),
        Server::Store(store) => {
            let objects = store.objects();
            assert_eq!(objects.len(), 1, "one name");
            assert_eq!(objects["blob-reports/a/b/Orders.csv"].bytes, bytes);
        }
    }
}

/// Breaks the wire at many places of a delivery, one after the other, and mends it again.
async fn break_everywhere(cut: bool) {
    let bench = Bench::new();
    for speech in Speech::PLAIN {
        let server = Server::start(speech).await;
        let proxy = Proxy::to(server.address()).await;
        let reach = || aim(&bench, speech, "127.0.0.1", proxy.address().port(), |_| {});
        accepted(&reach().deliver().await);
        let (up, down) = proxy.carried();
        for (way, bytes) in [(Way::Up, up), (Way::Down, down)] {
            for eighth in 0..8 {
                let after = bytes * eighth / 8;
                proxy.break_with(Some(Fault { way, after, cut }));
                let aimed = reach();
                let delivered = outlasting(&aimed, &proxy.hang()).await;
                match &delivered.outcome {
                    Outcome::Retry { reason, .. } => assert!(cut || reason.contains("timed out"), "{speech:?} {way:?} {after}: {reason}"),
                    // The status had come before the wire broke.
                    Outcome::Accepted { .. } => assert_eq!(way, Way::Down, "{speech:?} {after}: {delivered:?}"),
                    Outcome::Rejected { reason } | Outcome::Held { reason, .. } => {
                        panic!("{speech:?} {way:?} {after} of {bytes}: {reason}")
                    }
                }
            }
        }
        proxy.break_with(None);
        let aimed = reach();
        accepted(&aimed.deliver().await);
        has_it_once_or_marked(&server, &aimed);
    }
}

#[tokio::test]
async fn i6_a_wire_cut_at_any_byte_is_retried_and_leaves_nothing_half() {
    break_everywhere(true).await;
}

#[tokio::test]
async fn s9_a_wire_that_falls_silent_at_any_byte_ends_in_a_deadline() {
    break_everywhere(false).await;
}

/// Tells when it was asked.
struct Tells(Vec<IpAddr>, Arc<Notify>);

#[async_trait]
impl Resolve for Tells {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.1.notify_one();
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn s9_an_address_that_swallows_packets_leaves_time_for_the_next_one() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let port = receiver.address().port();
    // Nobody accepts here: when its queue is full, a connection is neither taken nor refused.
    let full = TcpSocket::new_v4().expect("a socket");
    full.bind(SocketAddr::from(([127, 0, 0, 3], port))).expect("the port is free at this address");
    let full = full.listen(1).expect("listens");
    let waiting: Vec<_> = (0..8).map(|_| tokio::spawn(TcpStream::connect(full.local_addr().expect("an address")))).collect();
    let asked = Arc::new(Notify::new());
    let addresses = vec![IpAddr::from([127, 0, 0, 3]), IpAddr::from([127, 0, 0, 1])];
    let aimed = aim_by_name(&bench, Speech::Webhook, port, Arc::new(Tells(addresses, Arc::clone(&asked))));
    let half_the_time_passes = async {
        asked.notified().await;
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        tokio::time::advance(Deadlines::default().connect / 2 + Duration::from_millis(1)).await;
        tokio::time::resume();
    };
    let (delivered, ()) = tokio::join!(aimed.deliver(), half_the_time_passes);
    assert_eq!(accepted(&delivered), "HTTP 200 ok");
    drop(waiting);
}

#[tokio::test]
async fn d5_what_the_policy_refuses_is_final_for_every_destination_of_a_tenant() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let port = receiver.address().port();
    for speech in [Speech::Webhook, Speech::WebhookOverTls, Speech::Sftp] {
        let closed = aim(&bench, speech, "127.0.0.1", port, |config| config.egress = pressrun_deliver::EgressPolicy::default());
        assert!(rejected(&closed.deliver().await).contains("private or local address"), "{speech:?}");
    }
    assert_eq!(receiver.connections(), 0);
}

//! How mail leaves through relays as they are: strict, crowded, slow to trust, and sometimes wrong about us.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use pressrun_deliver::{Carriers, Delivered, DomainPace, MailConfig, MailLogin, Parcel, SecretSource, SmtpConfig, SmtpTls, TokenSource};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, HttpReceiver, SmtpPhase, SmtpScript, SmtpSink, SmtpSinkTls, TestCertificate};

use crate::bench::{Bench, accepted, carriers, email, held, now, rejected, retry};

fn relay(sink: &SmtpSink, change: impl FnOnce(&mut SmtpConfig)) -> Carriers {
    let mut mail = SmtpConfig::new("localhost", sink.port(), SmtpTls::None, "reports@myorg.co");
    change(&mut mail);
    carriers(|config| config.mail = MailConfig::Smtp(Box::new(mail)))
}

async fn send(carriers: &Carriers, bench: &Bench) -> Delivered {
    carriers.deliver(&email(), &bench.link_only(), now()).await
}

/// So many mails to these people at once.
async fn send_all(carriers: &Carriers, bench: &Bench, people: &[&str]) -> Vec<Delivered> {
    let parcels: Vec<Parcel> = people
        .iter()
        .enumerate()
        .map(|(n, person)| Parcel { target: (*person).to_owned(), idempotency_key: format!("run-7.{n}"), ..bench.link_only() })
        .collect();
    let email = email();
    join_all(parcels.iter().map(|parcel| carriers.deliver(&email, parcel, now()))).await
}

#[tokio::test]
async fn h5_a_strict_relay_hears_a_name_of_ours() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript { checks_hello: true, ..SmtpScript::default() }).await);
    accepted(&send(&relay(&sink, |_| {}), &bench).await);
    accepted(&send(&relay(&sink, |mail| mail.hello_name = Some("reports.myorg.co".into())), &bench).await);
    assert_eq!(sink.hellos()[1], "reports.myorg.co");
    let refused = send(&relay(&sink, |mail| mail.hello_name = Some("[192.0.2.1]".into())), &bench).await;
    let reason = held(&refused);
    assert!(
        reason.starts_with("mail: EHLO: 550 5.7.1 [192.0.2.1]: Helo command rejected") && reason.contains("mail.hello_name"),
        "{reason}"
    );
}

#[tokio::test]
async fn h5_the_name_is_said_again_inside_tls() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    let sink = SmtpSink::start(SmtpScript { tls: SmtpSinkTls::StartTls(certificate.clone()), ..SmtpScript::default() }).await;
    let carriers = relay(&sink, |mail| {
        mail.tls = SmtpTls::StartTls;
        mail.hello_name = Some("reports.myorg.co".into());
        mail.ca_pem = Some(certificate.authority_pem.clone());
    });
    accepted(&send(&carriers, &bench).await);
    assert_eq!(sink.hellos(), ["reports.myorg.co", "reports.myorg.co"]);
}

#[test]
fn h5_a_name_that_is_none_is_refused_at_the_start() {
    let mut mail = SmtpConfig::new("localhost", 25, SmtpTls::None, "reports@myorg.co");
    mail.hello_name = Some("pressrun".into());
    let error = Carriers::new(pressrun_deliver::CarrierConfig::new(MailConfig::Smtp(Box::new(mail)))).err().expect("refused").to_string();
    assert!(error.contains("mail.hello_name") && error.contains("reports.example.com"), "{error}");
}

#[tokio::test]
async fn h6_no_more_connections_than_configured_and_nobody_fails_by_waiting() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let carriers = relay(&sink, |mail| mail.pace.connections = 3);
    let people: Vec<String> = (0..40).map(|n| format!("blob{n}@myorg.co")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    send_all(&carriers, &bench, &people).await.iter().for_each(|delivered| drop(accepted(delivered).to_owned()));
    assert_eq!(sink.mails().len(), 40);
    assert!(sink.most_at_once() <= 3 && sink.connections() <= 3, "{} at once, {} in all", sink.most_at_once(), sink.connections());
}

#[tokio::test]
async fn h6_too_many_connections_means_fewer_of_ours_and_no_lost_attempt() {
    let script = SmtpScript { connections_max: Some(2), ..SmtpScript::default() };
    let (bench, sink) = (Bench::new(), SmtpSink::start(script).await);
    let carriers = relay(&sink, |mail| mail.pace.connections = 8);
    let people: Vec<String> = (0..30).map(|n| format!("blob{n}@myorg.co")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let mut waiting = 0;
    for delivered in send_all(&carriers, &bench, &people).await {
        match delivered.outcome {
            Outcome::Accepted { .. } => {}
            // Whoever came before anybody was connected waits a minute; that is no attempt.
            Outcome::Held { by_hand: false, .. } => waiting += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sink.mails().len() + waiting, 30);
    let before = sink.connections();
    let later = now() + SignedDuration::from_mins(2);
    accepted(&carriers.deliver(&email(), &bench.link_only(), later).await);
    assert!(sink.connections() - before <= 1, "it goes on with fewer");
}

#[tokio::test]
async fn h6_a_relay_that_is_full_of_others_is_looked_at_later_by_one() {
    let answer = HashMap::from([(SmtpPhase::Connect, (421, "4.7.0 too many connections".to_owned()))]);
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript { answer, ..SmtpScript::default() }).await);
    let carriers = relay(&sink, |_| {});
    for _ in 0..5 {
        let delivered = send(&carriers, &bench).await;
        let Outcome::Held { not_before, by_hand, .. } = delivered.outcome else { panic!("{delivered:?}") };
        assert!(!by_hand && not_before == now() + SignedDuration::from_mins(1));
    }
    assert_eq!(sink.connections(), 1, "the first found out for all");
    sink.follow(|script| script.answer.clear());
    accepted(&carriers.deliver(&email(), &bench.link_only(), now() + SignedDuration::from_mins(1)).await);
}

#[tokio::test]
async fn h6_a_domain_of_recipients_has_bounds_of_its_own() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let bounds = DomainPace { connections: Some(1), per_minute: None };
    let carriers = relay(&sink, |mail| {
        mail.pace.connections = 8;
        mail.pace.domains = BTreeMap::from([("slow.example".to_owned(), bounds)]);
    });
    let people = ["a@slow.example", "b@slow.example", "c@SLOW.example", "d@slow.example"];
    send_all(&carriers, &bench, &people).await.iter().for_each(|delivered| drop(accepted(delivered).to_owned()));
    assert_eq!((sink.most_at_once(), sink.mails().len()), (1, 4));
}

#[tokio::test]
async fn h6_greylisting_is_waited_for_as_long_as_it_takes() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript { greylist: 1, ..SmtpScript::default() }).await);
    let carriers = relay(&sink, |_| {});
    let delivered = send(&carriers, &bench).await;
    let Outcome::Retry { reason, not_before } = &delivered.outcome else { panic!("{delivered:?}") };
    assert!(reason.contains("greylisted"), "{reason}");
    assert!(not_before.is_some_and(|at| at > now() + SignedDuration::from_mins(5)), "{not_before:?}");
    accepted(&send(&carriers, &bench).await);
    assert_eq!(sink.connections(), 1, "the connection is none the worse");
}

#[tokio::test]
async fn h6_a_kept_connection_that_the_relay_ended_is_no_failed_attempt() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript { mails_max: Some(2), ..SmtpScript::default() }).await);
    let carriers = relay(&sink, |_| {});
    for _ in 0..5 {
        accepted(&send(&carriers, &bench).await);
    }
    assert_eq!(sink.connections(), 3, "two mails each");
}

#[tokio::test]
async fn h6_a_connection_that_carried_enough_is_replaced_at_once() {
    let answer = Some("452 4.5.3 Too many recipients: Too many messages sent".to_owned());
    let script = SmtpScript { mails_max: Some(2), mails_max_answer: answer, ..SmtpScript::default() };
    let (bench, sink) = (Bench::new(), SmtpSink::start(script).await);
    let carriers = relay(&sink, |_| {});
    for _ in 0..5 {
        accepted(&send(&carriers, &bench).await);
    }
    assert_eq!(sink.connections(), 3, "two mails each");
}

#[tokio::test]
async fn h6_a_token_from_an_endpoint_logs_in_and_is_fetched_once() {
    let (bench, endpoint) = (Bench::new(), HttpReceiver::start().await);
    endpoint.always(HttpAnswer::new(200, "{\"access_token\":\"t0k3n-one\",\"expires_in\":3600}"));
    for only_oauthbearer in [false, true] {
        let token = Some(("reports@myorg.co".to_owned(), "t0k3n-one".to_owned()));
        let sink = SmtpSink::start(SmtpScript { token, only_oauthbearer, mails_max: Some(1), ..SmtpScript::default() }).await;
        let carriers = relay(&sink, |mail| mail.login = Some(endpoint_login(&endpoint)));
        let before = endpoint.requests().len();
        accepted(&send(&carriers, &bench).await);
        accepted(&send(&carriers, &bench).await);
        assert_eq!((sink.connections(), sink.mails()[0].user.as_deref()), (2, Some("reports@myorg.co")));
        assert_eq!(endpoint.requests().len() - before, 1, "kept until it ends");
        let asked = String::from_utf8(endpoint.requests().remove(before).body.clone()).expect("a form");
        assert_eq!(asked, "grant_type=client_credentials&client_id=id&client_secret=cl13nt-s3cret&scope=https%3A%2F%2Foutlook%2F.default");
    }
}

fn endpoint_login(endpoint: &HttpReceiver) -> MailLogin {
    MailLogin::Token {
        user: "reports@myorg.co".into(),
        tokens: TokenSource::ClientCredentials {
            token_url: endpoint.url("/token"),
            client_id: "id".into(),
            client_secret: SecretSource::Text(Secret::new("cl13nt-s3cret")),
            scope: Some("https://outlook/.default".into()),
        },
    }
}

#[tokio::test]
async fn h6_a_token_that_is_refused_is_fetched_anew_once() {
    let (bench, endpoint) = (Bench::new(), HttpReceiver::start().await);
    let answer = |token: &str| HttpAnswer::new(200, format!("{{\"access_token\":\"{token}\",\"expires_in\":3600}}"));
    endpoint.push([answer("t0k3n-old"), answer("t0k3n-new")]);
    let token = Some(("reports@myorg.co".to_owned(), "t0k3n-new".to_owned()));
    let sink = SmtpSink::start(SmtpScript { token, ..SmtpScript::default() }).await;
    let carriers = relay(&sink, |mail| mail.login = Some(endpoint_login(&endpoint)));
    accepted(&send(&carriers, &bench).await);
    assert_eq!((sink.logins(), endpoint.requests().len()), (2, 2));

    endpoint.always(answer("t0k3n-bad"));
    let carriers = relay(&sink, |mail| mail.login = Some(endpoint_login(&endpoint)));
    let delivered = send(&carriers, &bench).await;
    let reason = held(&delivered);
    assert!(reason.contains("535") && reason.contains("401") && reason.contains("mail.oauth"), "{reason}");
    assert!(!reason.contains("t0k3n"), "D13: {reason}");
    assert_eq!(sink.logins(), 4, "twice, and not for ever");

    endpoint.always(HttpAnswer::new(401, "{\"error\":\"invalid_client\",\"hint\":\"cl13nt-s3cret is wrong\"}"));
    let carriers = relay(&sink, |mail| mail.login = Some(endpoint_login(&endpoint)));
    let delivered = send(&carriers, &bench).await;
    let reason = held(&delivered);
    assert!(reason.contains("mail.oauth.token_url: HTTP 401") && !reason.contains("cl13nt-s3cret"), "{reason}");
}

#[tokio::test]
async fn h6_a_program_prints_the_token() {
    let bench = Bench::new();
    let token = Some(("reports@myorg.co".to_owned(), "t0k3n".to_owned()));
    let sink = SmtpSink::start(SmtpScript { token, ..SmtpScript::default() }).await;
    for (words, expected) in [
        (vec!["echo", "t0k3n"], None),
        (vec!["echo", "{\"access_token\":\"t0k3n\",\"expires_in\":60}"], None),
        (vec!["echo"], Some("mail.oauth.command: echo printed no token")),
        (vec!["false"], Some("mail.oauth.command: false ended with")),
        (vec!["/no/such/program"], Some("mail.oauth.command: /no/such/program could not be started")),
    ] {
        let words = words.into_iter().map(str::to_owned).collect();
        let login = MailLogin::Token { user: "reports@myorg.co".into(), tokens: TokenSource::Command(words) };
        let delivered = send(&relay(&sink, |mail| mail.login = Some(login)), &bench).await;
        match expected {
            None => drop(accepted(&delivered).to_owned()),
            Some(words) => assert!(held(&delivered).contains(words), "{delivered:?}"),
        }
    }
}

fn with_file(sink: &SmtpSink, file: &Path) -> Carriers {
    let password = SecretSource::File(file.to_owned());
    relay(sink, |mail| mail.login = Some(MailLogin::Password { user: "blob".into(), password }))
}

#[tokio::test]
async fn newcomer_16_a_refused_login_holds_every_mail_and_is_tried_by_one() {
    let bench = Bench::new();
    let sink = SmtpSink::start(SmtpScript { credentials: Some(("blob".into(), "right".into())), ..SmtpScript::default() }).await;
    let file = bench.spool.path().join("password");
    std::fs::write(&file, "wr0ng-p4ss\n").expect("writes");
    let carriers = with_file(&sink, &file);
    let first = send(&carriers, &bench).await;
    let Outcome::Held { reason, since, not_before, by_hand } = &first.outcome else { panic!("{first:?}") };
    assert!(reason.contains("535") && reason.contains("check mail.username and mail.password") && !reason.contains("wr0ng"), "{reason}");
    assert!(*by_hand && *since == now() && *not_before > now());
    let people: Vec<String> = (0..20).map(|n| format!("blob{n}@myorg.co")).collect();
    for delivered in send_all(&carriers, &bench, &people.iter().map(String::as_str).collect::<Vec<_>>()).await {
        assert_eq!(delivered.outcome, first.outcome, "one trouble, one instant");
    }
    assert_eq!(sink.logins(), 1, "an account is not locked out by a thousand mails");

    std::fs::write(&file, "right\n").expect("writes");
    accepted(&send(&carriers, &bench).await);
    accepted(&send(&carriers, &bench).await);
    assert_eq!((sink.logins(), sink.mails().len()), (2, 2), "a corrected file lets them go at once");
}

#[tokio::test]
async fn newcomer_16_every_refusal_of_us_is_held_and_every_refusal_of_a_mail_is_not() {
    let bench = Bench::new();
    for (phase, code, is_held) in [
        (SmtpPhase::Auth, 535, true),
        (SmtpPhase::Auth, 534, true),
        (SmtpPhase::Auth, 500, true),
        (SmtpPhase::Mail, 530, true),
        (SmtpPhase::Rcpt, 530, true),
        (SmtpPhase::Mail, 550, false),
        (SmtpPhase::Rcpt, 550, false),
        (SmtpPhase::Message, 554, false),
    ] {
        let answer = HashMap::from([(phase, (code, "5.7.0 scripted".to_owned()))]);
        let sink = SmtpSink::start(SmtpScript { answer, credentials: Some(("blob".into(), "pw".into())), ..SmtpScript::default() }).await;
        let delivered = send(&relay(&sink, |mail| mail.login = Some(MailLogin::password("blob", "pw"))), &bench).await;
        let reason = if is_held { held(&delivered) } else { rejected(&delivered) };
        assert!(reason.contains(&code.to_string()), "{phase:?} {code}: {reason}");
    }
}

#[tokio::test]
async fn newcomer_16_a_secret_that_cannot_be_read_is_named_and_waited_for() {
    let bench = Bench::new();
    let sink = SmtpSink::start(SmtpScript { credentials: Some(("blob".into(), "right".into())), ..SmtpScript::default() }).await;
    let file = bench.spool.path().join("password");
    let carriers = with_file(&sink, &file);
    assert!(held(&send(&carriers, &bench).await).contains("mail.password_file could not be read"));
    std::fs::write(&file, "right").expect("writes");
    accepted(&carriers.deliver(&email(), &bench.link_only(), now() + SignedDuration::from_mins(1)).await);
}

#[tokio::test]
async fn newcomer_12_advice_names_what_can_be_written() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let delivered = send(&relay(&sink, |mail| mail.tls = SmtpTls::StartTls), &bench).await;
    let (reason, port) = (held(&delivered), sink.port());
    for words in [
        format!("mail: STARTTLS: localhost:{port} does not offer it"),
        "mail.url = \"smtps://localhost:465\"".to_owned(),
        format!("\"smtp+plain://localhost:{port}\""),
    ] {
        assert!(reason.contains(&words), "{words} in {reason}");
    }
    let delivered = send(&relay(&sink, |mail| mail.tls = SmtpTls::Implicit), &bench).await;
    assert!(retry(&delivered).contains("mail.url = \"smtp://localhost:587\""), "{delivered:?}");
}

#[tokio::test]
async fn newcomer_27_a_certificate_is_spoken_of_in_words_and_may_be_named() {
    let bench = Bench::new();
    for (case, certificate, named, expected) in [
        ("an authority of one's own", TestCertificate::generate(), true, None),
        ("the same, not named", TestCertificate::generate(), false, Some("signed by itself or by an authority that is not trusted")),
        ("signed by itself", TestCertificate::self_signed(), true, None),
        ("as made by hand, an authority's", TestCertificate::self_signed_authority(), true, None),
        ("the same, not named", TestCertificate::self_signed_authority(), false, Some("mail.ca_file")),
        ("expired", TestCertificate::expired(), true, Some("has expired")),
        ("another host's", TestCertificate::for_another_host(), true, Some("is for another host")),
    ] {
        let sink = SmtpSink::start(SmtpScript { tls: SmtpSinkTls::Implicit(certificate.clone()), ..SmtpScript::default() }).await;
        let carriers = relay(&sink, |mail| {
            mail.tls = SmtpTls::Implicit;
            mail.ca_pem = named.then(|| certificate.authority_pem.clone());
        });
        let delivered = send(&carriers, &bench).await;
        match expected {
            None => drop(accepted(&delivered).to_owned()),
            Some(words) => {
                let reason = held(&delivered);
                assert!(
                    reason.starts_with(&format!("mail: TLS: localhost:{}: ", sink.port())) && reason.contains(words),
                    "{case}: {reason}"
                );
                assert!(!reason.contains("Error(") && !reason.contains("CaUsed"), "{case}: {reason}");
            }
        }
    }
}

#[test]
fn newcomer_27_a_file_without_a_certificate_is_refused_at_the_start() {
    let mut mail = SmtpConfig::new("localhost", 25, SmtpTls::StartTls, "reports@myorg.co");
    mail.ca_pem = Some("no certificate".into());
    let error = Carriers::new(pressrun_deliver::CarrierConfig::new(MailConfig::Smtp(Box::new(mail)))).err().expect("refused");
    assert!(error.to_string().contains("mail.ca_file"), "{error}");
}

#[tokio::test]
async fn newcomer_27_a_certificate_of_another_server_is_not_let_in_by_being_named() {
    let (bench, named, shown) = (Bench::new(), TestCertificate::self_signed_authority(), TestCertificate::self_signed_authority());
    let sink = SmtpSink::start(SmtpScript { tls: SmtpSinkTls::Implicit(shown), ..SmtpScript::default() }).await;
    let carriers = relay(&sink, |mail| (mail.tls, mail.ca_pem) = (SmtpTls::Implicit, Some(named.authority_pem.clone())));
    held(&send(&carriers, &bench).await);
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn h6_a_connection_that_nobody_needs_is_closed_before_the_relay_loses_patience() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let carriers = relay(&sink, |_| {});
    accepted(&send(&carriers, &bench).await);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(51)).await;
    sink.all_closed().await;
    tokio::time::resume();
    accepted(&send(&carriers, &bench).await);
    assert_eq!(sink.connections(), 2);
}

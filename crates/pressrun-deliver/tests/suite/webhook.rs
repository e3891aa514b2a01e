//! D1 to D5.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pressrun_deliver::{EgressPolicy, Ports, Resolve, webhook_signature};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::output::Format;
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, HttpBehaviour, HttpReceiver, ReceivedRequest, TestCertificate, instant};

use crate::bench::{Bench, LINK, accepted, carriers, now, rejected, retry, webhook};

#[tokio::test]
async fn d1_link_only_posts_a_json_object_with_the_url() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let delivered = carriers(|_| {}).deliver(&webhook(receiver.url("/hook?a=b"), &[]), &bench.link_only(), now()).await;
    assert_eq!(accepted(&delivered), "HTTP 200 ok");
    let request = &receiver.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.text(), format!("{{\"url\":\"{LINK}\"}}"));
    assert_eq!(request.header("host"), Some(receiver.address().to_string().as_str()));
}

#[tokio::test]
async fn d2_csv_and_json_are_the_body_itself() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let json = bench.file("Ümsatz.json", "application/json", b"[{\"a\":1}]");
    for (parcel, media_type, name) in
        [(bench.csv(), "text/csv", "Orders.csv"), (bench.parcel(Format::Json, Some(json)), "application/json", "%C3%9Cmsatz.json")]
    {
        accepted(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), &[]), &parcel, now()).await);
        let request = receiver.requests().pop().expect("received");
        let artifact = parcel.artifact.expect("a file");
        assert_eq!(request.body, std::fs::read(&artifact.path).expect("spool"));
        assert_eq!(request.header("content-type"), Some(media_type));
        assert_eq!(request.header("content-length"), Some(artifact.bytes.to_string().as_str()));
        assert_eq!(request.header("x-filename"), Some(name));
    }
}

#[tokio::test]
async fn d2_other_files_are_one_form_part_with_equal_bytes_on_every_attempt() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let carriers = carriers(|_| {});
    for (format, name, media_type) in [
        (Format::Pdf, "Orders.pdf", "application/pdf"),
        (Format::Png, "Or\"ders.png", "image/png"),
        (Format::Xlsx, "Orders.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (Format::Csv, "Orders.zip", "application/zip"),
    ] {
        let file = bench.file(name, media_type, &crate::bench::noise(200_000));
        let parcel = bench.parcel(format, Some(file));
        for _ in 0..2 {
            accepted(&carriers.deliver(&webhook(receiver.url("/"), &["whsec_c2VjcmV0"]), &parcel, now()).await);
        }
        let requests = receiver.requests();
        let [.., first, second] = requests.as_slice() else { panic!("two requests") };
        assert_eq!((&first.body, first.header("webhook-signature")), (&second.body, second.header("webhook-signature")), "I6");
        let boundary = first.header("content-type").expect("type").split_once("boundary=").expect("boundary").1;
        let text = first.text();
        assert!(text.starts_with(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"Or")), "{name}");
        assert!(text.contains(&format!("\r\nContent-Type: {media_type}\r\n\r\n")), "{name}");
        assert!(!text.lines().nth(1).expect("header").contains("Or\"ders"), "a quote would end the name");
        let start = first.body.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("head") + 4;
        let end = first.body.len() - format!("\r\n--{boundary}--\r\n").len();
        assert_eq!(first.body[start..end], crate::bench::noise(200_000)[..], "{name}");
    }
}

#[tokio::test]
async fn d4_headers_carry_the_ids_and_one_signature_for_each_secret() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let parcel = bench.csv();
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an older one"];
    accepted(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), &secrets), &parcel, now()).await);
    let request = receiver.requests().remove(0);
    for (name, value) in [
        ("webhook-id", "run-7.delivery-1".to_owned()),
        ("idempotency-key", "run-7.delivery-1".to_owned()),
        ("webhook-timestamp", now().as_second().to_string()),
        ("pressrun-delivery-id", parcel.delivery_id.to_string()),
        ("pressrun-run-id", parcel.run_id.to_string()),
        ("pressrun-schedule-id", parcel.schedule_id.to_string()),
        ("pressrun-scheduled-for", "2026-11-24T09:00:00Z".to_owned()),
        ("webhook-signature", webhook_signature(&secrets.map(Secret::new), "run-7.delivery-1", now().as_second(), &request.body)),
    ] {
        assert_eq!(request.header(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(request.header("webhook-signature").expect("signed").split(' ').count(), 2);

    accepted(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), &[]), &parcel, now()).await);
    assert_eq!(receiver.requests()[1].header("webhook-signature"), None, "no secret, no signature");
}

#[tokio::test]
async fn d3_answers_are_classified_and_redirects_are_not_followed() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let (carriers, destination, parcel) = (carriers(|_| {}), webhook(receiver.url("/"), &[]), bench.link_only());
    receiver.push([204, 201].map(|status| HttpAnswer::new(status, "")));
    for _ in 0..2 {
        accepted(&carriers.deliver(&destination, &parcel, now()).await);
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        receiver.push([HttpAnswer::new(status, "busy")]);
        assert_eq!(retry(&carriers.deliver(&destination, &parcel, now()).await), format!("webhook: HTTP {status} busy"));
    }
    for status in [400, 401, 403, 404, 405, 413, 422] {
        receiver.push([HttpAnswer::new(status, "no such hook")]);
        assert_eq!(rejected(&carriers.deliver(&destination, &parcel, now()).await), format!("webhook: HTTP {status} no such hook"));
    }
    let target = HttpReceiver::start().await;
    for status in [301, 302, 303, 307, 308] {
        receiver.push([HttpAnswer::new(status, "").header("Location", &target.url("/elsewhere"))]);
        let delivered = carriers.deliver(&destination, &parcel, now()).await;
        assert!(rejected(&delivered).contains("not followed"), "{delivered:?}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn d3_an_address_that_is_gone_is_final_with_a_reason_of_its_own() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    receiver.push([HttpAnswer::new(410, "unsubscribed"), HttpAnswer::new(404, "unsubscribed")]);
    let (carriers, destination) = (carriers(|_| {}), webhook(receiver.url("/"), &[]));
    let gone = carriers.deliver(&destination, &bench.link_only(), now()).await;
    assert!(
        rejected(&gone).starts_with("webhook: HTTP 410 unsubscribed; the receiver says that this address is gone for good"),
        "{gone:?}"
    );
    assert!(!rejected(&carriers.deliver(&destination, &bench.link_only(), now()).await).contains("gone for good"));
}

#[tokio::test]
async fn d3_answers_that_are_packed_huge_or_endless_are_bounded() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let (carriers, destination, parcel) = (carriers(|_| {}), webhook(receiver.url("/"), &[]), bench.link_only());
    let bomb: Vec<u8> = [&[0x1f, 0x8b, 8, 0][..], &[0; 3000]].concat();
    receiver.push([
        HttpAnswer::new(500, bomb).header("Content-Encoding", "gzip"),
        HttpAnswer::new(500, "x".repeat(1000)).behaving(HttpBehaviour::Endless),
        HttpAnswer::new(500, vec![0xff; 10_000]),
    ]);
    assert_eq!(retry(&carriers.deliver(&destination, &parcel, now()).await), "webhook: HTTP 500 (an answer packed with gzip)");
    for _ in 0..2 {
        let delivered = carriers.deliver(&destination, &parcel, now()).await;
        assert!(retry(&delivered).len() <= 2048 + "webhook: …".len(), "{}", retry(&delivered).len());
    }
    receiver.push([HttpAnswer::new(503, "later").behaving(HttpBehaviour::DripForever)]);
    let hang = receiver.hang();
    let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
    assert!(retry(&delivered).starts_with("webhook: HTTP 503 l"), "{delivered:?}");
}

/// Whether one of the signatures in the header is `secret`'s, as a receiver checks it with any library of Standard Webhooks.
fn signed_by(secret: &str, request: &ReceivedRequest) -> bool {
    let key = secret.strip_prefix("whsec_").map_or_else(|| secret.as_bytes().to_vec(), |text| BASE64.decode(text).expect("base64"));
    let head = |name: &str| request.header(name).expect("signed").to_owned();
    let text = [format!("{}.{}.", head("webhook-id"), head("webhook-timestamp")).into_bytes(), request.body.clone()].concat();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    head("webhook-signature").split(' ').filter_map(|signature| signature.strip_prefix("v1,")).any(|signature| {
        let signature = BASE64.decode(signature).expect("base64");
        ring::hmac::verify(&key, &text, &signature).is_ok()
    })
}

#[tokio::test]
async fn d4_a_secret_is_replaced_without_a_moment_in_which_a_receiver_cannot_verify() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let (old, new) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_bmV3IHNlY3JldCBuZXcgc2VjcmV0");
    for (secrets, by_old, by_new) in [(&[old][..], true, false), (&[new, old][..], true, true), (&[new][..], false, true)] {
        for parcel in [bench.csv(), bench.pdf(200_000), bench.link_only()] {
            accepted(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), secrets), &parcel, now()).await);
            let request = receiver.requests().pop().expect("received");
            assert_eq!((signed_by(old, &request), signed_by(new, &request)), (by_old, by_new), "{secrets:?}");
        }
    }
}

#[tokio::test]
async fn s9_retry_after_is_passed_on() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    receiver.push([
        HttpAnswer::new(429, "").header("Retry-After", "90"),
        HttpAnswer::new(503, "").header("Retry-After", "Tue, 24 Nov 2026 09:10:00 GMT"),
        HttpAnswer::new(503, "").header("Retry-After", "soon"),
    ]);
    for expected in [Some("2026-11-24T09:01:35Z"), Some("2026-11-24T09:10:00Z"), None] {
        let delivered = carriers(|_| {}).deliver(&webhook(receiver.url("/"), &[]), &bench.link_only(), now()).await;
        let Outcome::Retry { not_before, .. } = delivered.outcome else { panic!("{delivered:?}") };
        assert_eq!(not_before, expected.map(instant));
    }
}

#[tokio::test]
async fn d3_silence_and_cuts_are_retried_and_a_late_body_does_not_undo_a_success() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let (carriers, destination, parcel) = (carriers(|_| {}), webhook(receiver.url("/"), &[]), bench.link_only());
    receiver.push([HttpAnswer::default().behaving(HttpBehaviour::Drop)]);
    assert!(retry(&carriers.deliver(&destination, &parcel, now()).await).starts_with("webhook: answer: "));
    receiver.push([HttpAnswer::new(200, "half of this").behaving(HttpBehaviour::CutBody)]);
    accepted(&carriers.deliver(&destination, &parcel, now()).await);
    receiver.push([HttpAnswer::new(200, vec![b'x'; 3 << 20])]);
    assert!(accepted(&carriers.deliver(&destination, &parcel, now()).await).len() <= 2048 + 3, "a huge answer is cut");

    receiver.push([HttpAnswer::new(200, "slow").behaving(HttpBehaviour::Drip)]);
    let hang = receiver.hang();
    let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
    assert_eq!(accepted(&delivered), "HTTP 200 sl");
}

#[tokio::test]
async fn d4_a_silent_receiver_ends_after_the_total_deadline() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    receiver.push([HttpAnswer::default().behaving(HttpBehaviour::Hang)]);
    let (carriers, destination, parcel) = (carriers(|_| {}), webhook(receiver.url("/"), &[]), bench.link_only());
    let hang = receiver.hang();
    let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
    assert!(retry(&delivered).contains("timed out"), "{delivered:?}");
}

#[tokio::test]
async fn d5_private_addresses_are_refused_without_a_connection() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let closed = carriers(|config| config.egress = EgressPolicy::default());
    let port = receiver.address().port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "ftp://example.com/".to_owned(),
    ] {
        rejected(&closed.deliver(&webhook(&url, &["s3cr3t"]), &bench.link_only(), now()).await);
    }
    let other_port = carriers(|config| config.egress = EgressPolicy::parse([format!("127.0.0.1:{}", port.wrapping_add(1))]).expect("rule"));
    rejected(&other_port.deliver(&webhook(receiver.url("/"), &[]), &bench.link_only(), now()).await);
    assert_eq!(receiver.connections(), 0);
}

/// Public at first, loopback afterwards.
struct Rebinding(AtomicUsize);

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![if first { [93, 184, 216, 34] } else { [127, 0, 0, 1] }.into()])
    }
}

#[tokio::test]
async fn d5_a_name_that_moves_to_loopback_after_the_save_is_refused_at_send() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0)));
    let url = format!("http://rebinding.example:{}/", receiver.address().port());
    let policy = EgressPolicy::default().on_ports(vec![Ports::ALL]).expect("ports");
    policy.check_url(&url).expect("a name like others when saved");
    let public = resolver.resolve("rebinding.example").await.expect("public when somebody looked");
    assert!(pressrun_deliver::egress::is_public(public[0]));
    let closed = carriers(|config| {
        config.egress = policy;
        config.resolver = resolver.clone();
    });
    let delivered = closed.deliver(&webhook(&url, &[]), &bench.link_only(), now()).await;
    assert!(retry(&delivered).contains("rebinding.example has no address that deliveries may go to"), "{delivered:?}");
    assert_eq!(receiver.connections(), 0);
}

/// Answers with what is allowed, and with the next address of loopback the next time.
struct Moving(AtomicUsize);

#[async_trait]
impl Resolve for Moving {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1 + u8::try_from(self.0.fetch_add(1, Ordering::SeqCst)).expect("few")])])
    }
}

#[tokio::test]
async fn d5_the_address_that_was_checked_is_the_address_that_is_connected_to() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let port = receiver.address().port();
    let resolver = Arc::new(Moving(AtomicUsize::new(0)));
    let carriers = carriers(|config| {
        config.egress = EgressPolicy::parse([format!("127.0.0.1:{port}")]).expect("rule");
        config.resolver = resolver.clone();
    });
    let destination = webhook(format!("http://moving.example:{port}/"), &[]);
    accepted(&carriers.deliver(&destination, &bench.link_only(), now()).await);
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1, "one lookup: nothing is asked between check and use");
    assert!(
        retry(&carriers.deliver(&destination, &bench.link_only(), now()).await).contains("no address that deliveries may go to"),
        "127.0.0.2 the next time"
    );
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn d5_a_redirect_into_our_own_network_is_not_followed() {
    let (bench, receiver, inside) = (Bench::new(), HttpReceiver::start().await, HttpReceiver::start().await);
    let carriers = carriers(|_| {});
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        receiver.push([HttpAnswer::new(status, "").header("Location", &inside.url("/admin"))]);
        let delivered = carriers.deliver(&webhook(receiver.url("/"), &[]), &bench.link_only(), now()).await;
        assert!(rejected(&delivered).contains("redirects (3xx) are not followed"), "{delivered:?}");
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn tls_needs_a_trusted_certificate() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    let receiver = HttpReceiver::start_tls(&certificate).await;
    let destination = webhook(receiver.url("/"), &[]);
    let delivered = carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await;
    assert!(retry(&delivered).starts_with("webhook: TLS: "), "{delivered:?}");
    assert!(receiver.requests().is_empty());
    let trusting = carriers(|config| config.extra_roots = vec![certificate.authority_der.clone()]);
    accepted(&trusting.deliver(&destination, &bench.csv(), now()).await);
}

#[tokio::test]
async fn d13_credentials_in_the_address_are_sent_and_never_quoted() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let url = format!("http://blob:p%40ss%21word@{}/", receiver.address());
    receiver.push([HttpAnswer::new(401, "p@ss!word is wrong")]);
    let delivered = carriers(|_| {}).deliver(&webhook(url, &[]), &bench.link_only(), now()).await;
    assert_eq!(rejected(&delivered), "webhook: HTTP 401 [redacted] is wrong");
    assert_eq!(receiver.requests()[0].header("authorization"), Some("Basic YmxvYjpwQHNzIXdvcmQ="));
}

#[tokio::test]
async fn d13_a_receiver_that_quotes_the_whole_request_gives_no_secret_away() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::serving(|request| HttpAnswer::new(500, format!("{:?}", request.headers))).await);
    let url = format!("http://blob:p%40ss%21word@{}/", receiver.address());
    let delivered = carriers(|_| {}).deliver(&webhook(url, &["whsec_c2VjcmV0"]), &bench.link_only(), now()).await;
    let reason = retry(&delivered);
    assert!(reason.contains("Basic [redacted]") && !reason.contains("YmxvYjpwQHNzIXdvcmQ="), "{reason}");
}

#[tokio::test]
async fn m2_a_receiver_that_quotes_path_and_query_gives_neither_away() {
    let bench = Bench::new();
    for status in [200, 302, 404, 503] {
        // Express, nginx and others name what was asked for, also in the place that they redirect to.
        let receiver = HttpReceiver::serving(move |request| {
            let quoted = format!("<pre>Cannot POST {}</pre>", request.path.replace('&', "&amp;"));
            HttpAnswer::new(status, quoted).header("Location", &request.path)
        })
        .await;
        let url = receiver.url("/services/T000/B000/SECRETPATH?key=QUERY%2FSECRET&also=OTHERSECRET");
        let delivered = carriers(|_| {}).deliver(&webhook(url, &[]), &bench.link_only(), now()).await;
        let shown = format!("{delivered:?}");
        assert!(shown.contains(&format!("HTTP {status}")) && shown.contains("[redacted]"), "{shown}");
        for part in ["SECRETPATH", "QUERY", "OTHERSECRET", "T000"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

#[tokio::test]
async fn m5_an_address_that_an_older_version_took_ends_the_run_with_what_is_wrong() {
    let bench = Bench::new();
    for (url, fault) in [
        ("http:example.com", "write it as https://host/path"),
        ("", "write it as https://host/path"),
        ("https://a..b/", "between its dots"),
    ] {
        let delivered = carriers(|_| {}).deliver(&webhook(url, &[]), &bench.link_only(), now()).await;
        let reason = rejected(&delivered);
        assert!(reason.starts_with("webhook: Invalid url") && reason.contains(fault), "{reason}");
    }
}

#[tokio::test]
async fn l2_a_changed_or_missing_artifact_is_not_sent() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let mut parcel = bench.pdf(1000);
    parcel.artifact.as_mut().expect("a file").bytes = 999;
    assert!(retry(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), &[]), &parcel, now()).await).contains("artifact"));
    std::fs::remove_file(&parcel.artifact.as_ref().expect("a file").path).expect("removed");
    assert!(retry(&carriers(|_| {}).deliver(&webhook(receiver.url("/"), &[]), &parcel, now()).await).contains("artifact"));
    assert!(receiver.requests().is_empty());
}

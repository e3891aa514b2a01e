//! Whatever a remote says, nothing panics: random bytes on the wire of every protocol, random bodies inside valid answers, random packets
//! inside a valid SSH session.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use pressrun_deliver::ProxyConfig;
use pressrun_domain::delivery::Outcome;
use pressrun_testkit::{Afterwards, Babbler, HttpAnswer, HttpReceiver, SftpScript, SftpServer};
use proptest::prelude::*;

use crate::aim::{Speech, aim};
use crate::bench::Bench;

/// Panics of this process, on any thread, caught or not.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            usual(panic);
        }));
    });
}

/// Runs one attempt, and tells whether the counterpart's words were survived.
fn survives<F: Future<Output = Outcome>>(attempt: impl FnOnce() -> F) -> Outcome {
    count_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(attempt());
    drop(runtime);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked: {outcome:?}");
    assert!(!format!("{outcome:?}").contains("internal error"), "{outcome:?}");
    outcome
}

/// Bytes that begin as an answer of some protocol may, or do not.
fn wire_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        proptest::sample::select(vec![
            "220 ready\r\n",
            "250-SIZE 99999999999999999999\r\n",
            "250 AUTH\r\n",
            "354 \r\n",
            "250\r\n",
            "550 5.1.1\r\n",
            "SSH-2.0-x\r\n",
            "SSH-1.99-\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 429 \r\nRetry-After: -1\r\n",
            "HTTP/1.1 999 \r\n",
            "HTTP/1.0 204 No\r\n\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "Content-Encoding: gzip\r\n",
            "Location: //\r\n",
            "\r\n\r\n",
            "{\"ok\":true,\"file_id\":\"F\",\"upload_url\":\"http://[::1\"}",
            "<Error><Code></Code>",
            "\u{16}\u{3}\u{3}\0\u{2}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        // The beginning of an SSH binary packet: length, padding, SSH_MSG_KEXINIT.
        Just(vec![0, 0, 0, 12, 10, 20]),
        Just(vec![0xff, 0xff, 0xff, 0xff]),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Text that looks like JSON or XML from a distance.
fn body_text() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"ok\":true",
        "\"ok\":false",
        "\"error\":",
        "\"ratelimited\"",
        "\"file_id\":\"F1\"",
        "\"upload_url\":\"x\"",
        ",",
        ":",
        "null",
        "1e999",
        "\"channel\":{\"id\":7}",
        "\"\\ud800\"",
        "<Error>",
        "<Code>",
        "</Code>",
        "SlowDown",
        "<Message>",
        "</Message>",
        "<UploadId>",
        "</UploadId>",
        "<Expiration>",
        "9999-99-99T99:99:99Z",
        "</Expiration>",
        "<AccessKeyId>a</AccessKeyId>",
        "<SecretAccessKey>b</SecretAccessKey>",
        "<SessionToken>\r\nc</SessionToken>",
        "<Expiration>2026-11-24T10:00:05Z</Expiration>",
        "&amp;",
        "&#x41;",
        "<![CDATA[",
        "<Region>..</Region>",
        "é",
        "\0",
    ]);
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_on_any_wire_make_us_panic(bytes in wire_bytes(), kind in 0..Speech::ALL.len()) {
        let bench = Bench::new();
        let outcome = survives(|| async {
            let server = Babbler::start(bytes.clone(), Afterwards::Close).await;
            aim(&bench, Speech::ALL[kind], "localhost", server.address().port(), |_| {}).deliver().await.outcome
        });
        if matches!(Speech::ALL[kind], Speech::Sftp | Speech::SmtpOverTls | Speech::WebhookOverTls) {
            prop_assert!(!matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
    }

    #[test]
    fn no_bytes_of_a_proxy_make_us_panic(bytes in wire_bytes(), kind in 0..2_usize) {
        let bench = Bench::new();
        survives(|| async {
            let proxy = Babbler::start(bytes.clone(), Afterwards::Close).await;
            let speech = [Speech::Webhook, Speech::Sftp][kind];
            let url = format!("http://{}", proxy.address());
            aim(&bench, speech, "localhost", 9, |config| config.proxy = Some(ProxyConfig { sftp: true, ..ProxyConfig::new(url) })).deliver().await.outcome
        });
    }

    #[test]
    fn no_body_of_an_answer_makes_us_panic(bodies in proptest::collection::vec(body_text(), 3), status in 100_u16..700, kind in 0..4_usize) {
        let bench = Bench::new();
        survives(|| async {
            let receiver = HttpReceiver::start().await;
            // The first answers are successes, so that what follows them is reached.
            let answers = bodies.iter().enumerate().map(|(at, body)| HttpAnswer::new(if at + 1 < bodies.len() { 200 } else { status }, body.clone()));
            receiver.push(answers.map(|answer| answer.header("Retry-After", "99999999999")));
            let speech = [Speech::Webhook, Speech::Slack, Speech::S3, Speech::TokenService][kind];
            aim(&bench, speech, "127.0.0.1", receiver.address().port(), |_| {}).deliver().await.outcome
        });
    }
}

/// SFTP packets that may come at the wrong time, with wrong lengths inside.
fn sftp_bytes() -> impl Strategy<Value = Vec<u8>> {
    let packet = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40), any::<bool>()).prop_map(|(kind, rest, honest)| {
        let length = u32::try_from(rest.len() + 1).expect("short");
        let mut packet = if honest { length } else { length.wrapping_mul(77_777) }.to_be_bytes().to_vec();
        packet.push(if honest { kind % 8 + 98 } else { kind });
        packet.extend(rest);
        packet
    });
    let hello = prop_oneof![Just(vec![0, 0, 0, 5, 2, 0, 0, 0, 3]), Just(vec![0, 0, 0, 5, 2, 0xff, 0xff, 0xff, 0xff]), Just(Vec::new())];
    (hello, proptest::collection::vec(packet, 0..5)).prop_map(|(hello, packets)| [hello, packets.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_packets_inside_a_valid_session_make_us_panic(bytes in sftp_bytes()) {
        let bench = Bench::new();
        let outcome = survives(|| async {
            let script = SftpScript { babble: Some(bytes.clone()), ..SftpScript::default() };
            let server = Arc::new(SftpServer::start("blobby", "1am@g00dBL0b", script).await);
            aim(&bench, Speech::Sftp, "127.0.0.1", server.address().port(), |_| {}).deliver().await.outcome
        });
        prop_assert!(!matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
}

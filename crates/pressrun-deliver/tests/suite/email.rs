//! R1, R2, D11, D12, P2, P12, I6 and S9 for mail.

use std::collections::HashMap;

use pressrun_deliver::{Carriers, INLINE_PNG_BYTES_MAX, MailConfig, MailLogin, SmtpConfig, SmtpTls};
use pressrun_domain::output::Format;
use pressrun_testkit::{ReceivedMail, SmtpPhase, SmtpScript, SmtpSink, SmtpSinkTls, TestCertificate, spool_file, temp_dir};
use proptest::prelude::*;

use crate::bench::{Bench, LINK, accepted, carriers, email, held, noise, now, rejected, retry};

fn relay(sink: &SmtpSink, change: impl FnOnce(&mut SmtpConfig)) -> MailConfig {
    let mut mail = SmtpConfig::new("localhost", sink.port(), SmtpTls::None, "Pressrun <reports@myorg.co>");
    mail.reply_to = Some("owner@myorg.co".into());
    change(&mut mail);
    MailConfig::Smtp(Box::new(mail))
}

/// Quoted-printable undone, as far as these tests need it.
fn readable(mail: &ReceivedMail) -> String {
    mail.text().replace("=\r\n", "").replace("=3D", "=")
}

fn mailing(sink: &SmtpSink) -> Carriers {
    let mail = relay(sink, |_| {});
    carriers(|config| config.mail = mail)
}

#[tokio::test]
async fn d11_a_mail_has_text_html_and_the_file_for_exactly_one_recipient() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mut parcel = bench.csv();
    parcel.message.subject = "Umsätze 東京 täglich".into();
    parcel.message.text = "Line <one> & two\nline 2".into();
    parcel.message.unsubscribe = Some("https://pressrun.example/u/abc".into());
    parcel.artifact.as_mut().expect("a file").name = "Umsätze 東京.csv".into();
    assert_eq!(accepted(&mailing(&sink).deliver(&email(), &parcel, now()).await), "250 2.0.0 queued as TEST1");
    let mail = sink.mails().remove(0);
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("reports@myorg.co", ["iamagoodblob@myorg.co".to_owned()].as_slice()), "P2");
    for (name, value) in [
        ("From", "Pressrun <reports@myorg.co>"),
        ("To", "iamagoodblob@myorg.co"),
        ("Reply-To", "owner@myorg.co"),
        ("Message-ID", "<run-7.delivery-1@myorg.co>"),
        ("Date", "Tue, 24 Nov 2026 09:00:05 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("List-Unsubscribe", "<https://pressrun.example/u/abc>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(mail.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(mail.header("Subject").expect("subject").starts_with("=?utf-8?b?"));
    assert!(mail.data.is_ascii(), "nothing outside ASCII on the wire");
    let text = readable(&mail);
    assert!(text.contains("Content-Type: text/plain") && text.contains("Line &lt;one&gt; &amp; two<br>"), "{text}");
    assert!(text.contains("filename*0*=utf-8''Ums%C3%A4tze%20%E6%9D%B1%E4%BA%AC.csv"), "RFC 2231: {text}");
}

#[tokio::test]
async fn p2_each_recipient_has_an_envelope_and_a_header_alone() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let carriers = mailing(&sink);
    let people = ["blobby@myorg.co", "blobmanager@myorg.co"];
    for person in people {
        let mut parcel = bench.csv();
        (parcel.target, parcel.idempotency_key) = (person.into(), format!("run-7.{person}"));
        accepted(&carriers.deliver(&email(), &parcel, now()).await);
    }
    for (person, mail) in people.iter().zip(sink.mails()) {
        assert_eq!((mail.to.as_slice(), mail.header("To").as_deref()), ([(*person).to_owned()].as_slice(), Some(*person)));
        assert!(mail.header("Cc").is_none() && mail.header("Bcc").is_none());
        let other = people.iter().find(|other| *other != person).expect("two");
        assert!(!mail.text().contains(other), "{person} does not see {other}");
    }
    assert_ne!(sink.mails()[0].header("Message-ID"), sink.mails()[1].header("Message-ID"), "I6: a mark for each piece");
}

#[tokio::test]
async fn d11_no_text_can_add_a_header() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mut parcel = bench.csv();
    parcel.message.subject = "Sales\r\nBcc: evil@myorg.co\r\n\r\nbody".into();
    parcel.message.text = "x\r\n.\r\nMAIL FROM:<evil@myorg.co>".into();
    parcel.message.unsubscribe = Some("https://a.example/\r\nX-Evil: 1".into());
    parcel.artifact.as_mut().expect("a file").name = "a\"\r\nX-Evil: 1\r\n.csv".into();
    accepted(&mailing(&sink).deliver(&email(), &parcel, now()).await);
    let [mail] = sink.mails().try_into().expect("one mail");
    assert!(mail.header("Bcc").is_none() && !mail.text().lines().any(|line| line.starts_with("X-Evil")), "{}", mail.text());

    parcel.target = "a@myorg.co>\r\nRCPT TO:<evil@myorg.co".into();
    rejected(&mailing(&sink).deliver(&email(), &parcel, now()).await);
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn r2_a_picture_of_two_mebibytes_is_inline_and_one_byte_more_is_attached() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mailing = mailing(&sink);
    for (bytes, inline) in [(INLINE_PNG_BYTES_MAX, true), (INLINE_PNG_BYTES_MAX + 1, false)] {
        let picture = noise(usize::try_from(bytes).expect("fits"));
        let mut parcel = bench.parcel(Format::Png, Some(bench.file("Orders.png", "image/png", &picture)));
        parcel.inline_png = Some(spool_file(&bench.spool, "inline", &picture));
        accepted(&mailing.deliver(&email(), &parcel, now()).await);
        let text = sink.mails().pop().expect("a mail").text();
        assert_eq!(text.contains("multipart/related") && text.contains("Content-ID: <dashboard>"), inline, "{bytes}");
        assert_eq!(text.contains("cid:dashboard"), inline, "{bytes}");
        assert_eq!(text.contains("attachment; filename=\"Orders.png\""), !inline, "{bytes}");
        assert_eq!(text.matches("Content-Type: image/png").count(), 1, "once, not twice: {bytes}");
    }
    assert_eq!(sink.connections(), 1, "the pool keeps the connection");
}

#[tokio::test]
async fn d12_an_attachment_above_the_limit_is_left_out_with_reason_and_link() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mail = relay(&sink, |mail| {
        mail.max_attachment_bytes = 1000;
    });
    let carriers = carriers(|config| config.mail = mail);
    let delivered = carriers.deliver(&email(), &bench.pdf(1000), now()).await;
    assert!(delivered.warnings.is_empty() && accepted(&delivered).starts_with("250"));
    let delivered = carriers.deliver(&email(), &bench.pdf(1001), now()).await;
    assert_eq!(delivered.warnings, ["attachmentTooLarge"]);
    accepted(&delivered);
    let text = readable(&sink.mails().pop().expect("a mail"));
    assert!(!text.contains("application/pdf") && text.contains("Orders.pdf is not attached") && text.contains(LINK), "{text}");
}

#[tokio::test]
async fn i6_a_repeated_mail_has_equal_bytes_and_the_same_message_id() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let (carriers, parcel) = (mailing(&sink), bench.pdf(5000));
    sink.follow(|script| script.drop_at = Some(SmtpPhase::Message));
    assert!(retry(&carriers.deliver(&email(), &parcel, now()).await).starts_with("mail: message: "));
    sink.follow(|script| script.drop_at = None);
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    let mails = sink.mails();
    assert_eq!(mails.len(), 2, "the first was taken before the answer was lost");
    assert_eq!(mails[0].data, mails[1].data);
}

#[tokio::test]
async fn s9_4xx_is_retried_and_5xx_is_rejected_at_every_phase() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let parcel = bench.link_only();
    for (phase, name) in [
        (SmtpPhase::Connect, "greeting"),
        (SmtpPhase::Ehlo, "EHLO"),
        (SmtpPhase::Mail, "MAIL FROM"),
        (SmtpPhase::Rcpt, "RCPT TO"),
        (SmtpPhase::Data, "DATA"),
        (SmtpPhase::Message, "message"),
    ] {
        for (code, final_) in [(421, false), (451, false), (550, true), (554, true)] {
            sink.follow(|script| script.answer = HashMap::from([(phase, (code, "scripted".to_owned()))]));
            let delivered = mailing(&sink).deliver(&email(), &parcel, now()).await;
            // What is refused before there is an envelope is refused to us, and not to a mail.
            let opening = matches!(phase, SmtpPhase::Connect | SmtpPhase::Ehlo);
            let reason = match (final_, opening) {
                (true, true) => held(&delivered),
                (true, false) => rejected(&delivered),
                (false, _) => retry(&delivered),
            };
            assert!(reason.starts_with(&format!("mail: {name}: ")) && reason.contains(&code.to_string()), "{phase:?} {code}: {reason}");
        }
    }
    // RFC 5321 §4.3.2: only 354 asks for the message, and only 2xx says that it was taken.
    for (phase, code) in [(SmtpPhase::Data, 250), (SmtpPhase::Message, 354)] {
        sink.follow(|script| script.answer = HashMap::from([(phase, (code, "scripted".to_owned()))]));
        let delivered = mailing(&sink).deliver(&email(), &parcel, now()).await;
        let reason = retry(&delivered);
        assert!(reason.contains(&code.to_string()), "{phase:?}: {reason}");
    }
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn p4_a_refused_or_greylisted_recipient_does_not_disturb_the_next_one() {
    let refuse = HashMap::from([("gone@myorg.co".to_owned(), (550, "5.1.1 no such user".to_owned()))]);
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript { refuse, greylist: 1, ..SmtpScript::default() }).await);
    let carriers = mailing(&sink);
    let mut parcel = bench.link_only();
    assert!(retry(&carriers.deliver(&email(), &parcel, now()).await).contains("greylisted"));
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    parcel.target = "gone@myorg.co".into();
    assert!(rejected(&carriers.deliver(&email(), &parcel, now()).await).contains("no such user"));
    parcel.target = "next@myorg.co".into();
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    assert_eq!(sink.connections(), 1);
    assert_eq!(sink.mails().len(), 2);
}

#[tokio::test]
async fn s9_silence_is_retried_with_the_phase_named() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    for (phase, name) in [
        (SmtpPhase::Connect, "greeting"),
        (SmtpPhase::Ehlo, "EHLO"),
        (SmtpPhase::StartTls, "STARTTLS"),
        (SmtpPhase::Auth, "AUTH"),
        (SmtpPhase::Mail, "MAIL FROM"),
        (SmtpPhase::Rcpt, "RCPT TO"),
        (SmtpPhase::Data, "DATA"),
        (SmtpPhase::Message, "message"),
    ] {
        let tls = SmtpSinkTls::StartTls(certificate.clone());
        let script = SmtpScript { hang_at: Some(phase), tls, credentials: Some(("blob".into(), "pw".into())), ..SmtpScript::default() };
        let sink = SmtpSink::start(script).await;
        let mail = relay(&sink, |mail| {
            (mail.tls, mail.login) = (SmtpTls::StartTls, Some(MailLogin::password("blob", "pw")));
        });
        let carriers = carriers(|config| (config.mail, config.extra_roots) = (mail, vec![certificate.authority_der.clone()]));
        let (destination, parcel, hang) = (email(), bench.link_only(), sink.hang());
        let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
        tokio::time::resume();
        assert_eq!(retry(&delivered), format!("mail: {name}: timed out"));
    }
}

#[tokio::test]
async fn s9_a_refused_or_cut_connection_is_retried() {
    let bench = Bench::new();
    let gone = SmtpSink::start(SmtpScript::default()).await;
    let carriers = mailing(&gone);
    drop(gone);
    tokio::task::yield_now().await;
    assert!(retry(&carriers.deliver(&email(), &bench.link_only(), now()).await).starts_with("mail: "));
    for phase in [SmtpPhase::Connect, SmtpPhase::Ehlo, SmtpPhase::Mail, SmtpPhase::Rcpt, SmtpPhase::Data] {
        let sink = SmtpSink::start(SmtpScript { drop_at: Some(phase), ..SmtpScript::default() }).await;
        retry(&mailing(&sink).deliver(&email(), &bench.link_only(), now()).await);
    }
}

#[tokio::test]
async fn a_stale_connection_of_the_pool_is_replaced() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let carriers = mailing(&sink);
    accepted(&carriers.deliver(&email(), &bench.link_only(), now()).await);
    sink.follow(|script| script.drop_at = Some(SmtpPhase::Mail));
    retry(&carriers.deliver(&email(), &bench.link_only(), now()).await);
    sink.follow(|script| script.drop_at = None);
    accepted(&carriers.deliver(&email(), &bench.link_only(), now()).await);
    assert_eq!((sink.mails().len(), sink.connections()), (2, 3), "one that was kept, one tried in its place, one for the last mail");
}

#[tokio::test]
async fn mail_is_encrypted_and_authenticated_as_configured() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    for (tls, offered, only_login) in [
        (SmtpTls::StartTls, SmtpSinkTls::StartTls(certificate.clone()), false),
        (SmtpTls::Implicit, SmtpSinkTls::Implicit(certificate.clone()), true),
    ] {
        let script =
            SmtpScript { tls: offered, credentials: Some(("blob".into(), "1am@g00dBL0b".into())), only_login, ..SmtpScript::default() };
        let sink = SmtpSink::start(script).await;
        let configured = |password: &str| {
            relay(&sink, |mail| {
                mail.tls = tls;
                mail.login = Some(MailLogin::password("blob", password));
            })
        };
        let good = configured("1am@g00dBL0b");
        let trusting = carriers(|config| (config.mail, config.extra_roots) = (good.clone(), vec![certificate.authority_der.clone()]));
        accepted(&trusting.deliver(&email(), &bench.link_only(), now()).await);
        let mail = sink.mails().remove(0);
        assert!(mail.encrypted && mail.user.as_deref() == Some("blob"), "{tls:?}");

        let untrusting = carriers(|config| config.mail = good.clone());
        held(&untrusting.deliver(&email(), &bench.link_only(), now()).await);

        let bad = configured("wr0ng-p4ss");
        let refused = carriers(|config| (config.mail, config.extra_roots) = (bad, vec![certificate.authority_der.clone()]));
        let delivered = refused.deliver(&email(), &bench.link_only(), now()).await;
        let reason = held(&delivered);
        assert!(reason.starts_with("mail: AUTH: 535 ") && reason.contains("check mail.username and mail.password"), "{reason}");
        assert!(!reason.contains("wr0ng-p4ss"), "D13: {reason}");
        assert_eq!(sink.mails().len(), 1);
    }
}

#[tokio::test]
async fn starttls_is_never_skipped() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mail = relay(&sink, |mail| {
        mail.tls = SmtpTls::StartTls;
    });
    let delivered = carriers(|config| config.mail = mail).deliver(&email(), &bench.link_only(), now()).await;
    assert!(held(&delivered).starts_with("mail: STARTTLS: "), "{delivered:?}");
}

#[tokio::test]
async fn what_is_said_in_the_clear_behind_starttls_is_no_answer() {
    let (bench, certificate) = (Bench::new(), TestCertificate::generate());
    let injects = Some("250-evil.example\r\n250 AUTH PLAIN".to_owned());
    let tls = SmtpSinkTls::StartTls(certificate.clone());
    let sink = SmtpSink::start(SmtpScript { tls, injects, credentials: Some(("blob".into(), "pw".into())), ..SmtpScript::default() }).await;
    let mail = relay(&sink, |mail| {
        (mail.tls, mail.login) = (SmtpTls::StartTls, Some(MailLogin::password("blob", "pw")));
    });
    let carriers = carriers(|config| (config.mail, config.extra_roots) = (mail, vec![certificate.authority_der.clone()]));
    let delivered = carriers.deliver(&email(), &bench.link_only(), now()).await;
    assert_eq!(retry(&delivered), "mail: STARTTLS: the server went on in the clear after STARTTLS");
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_login_that_the_server_does_not_offer_is_a_named_reason() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mail = relay(&sink, |mail| {
        mail.login = Some(MailLogin::password("blob", "pw"));
    });
    let delivered = carriers(|config| config.mail = mail).deliver(&email(), &bench.link_only(), now()).await;
    assert!(held(&delivered).contains("offers no login that we know"), "{delivered:?}");
}

#[tokio::test]
async fn d12_the_mail_servers_own_size_limit_drops_the_file_and_not_the_mail() {
    let bench = Bench::new();
    for hides_size in [false, true] {
        let script = SmtpScript { size_max: Some(20_000), hides_size, ..SmtpScript::default() };
        let sink = SmtpSink::start(script).await;
        let carriers = mailing(&sink);
        let delivered = carriers.deliver(&email(), &bench.pdf(5000), now()).await;
        assert!(delivered.warnings.is_empty(), "{delivered:?}");
        assert_eq!(sink.mails()[0].options.contains("SIZE="), !hides_size, "RFC 1870");

        let delivered = carriers.deliver(&email(), &bench.pdf(100_000), now()).await;
        accepted(&delivered);
        assert_eq!(delivered.warnings, ["attachmentTooLarge"]);
        let [with_file, without] = sink.mails().try_into().expect("two mails");
        let text = readable(&without);
        assert!(text.contains("Orders.pdf is not attached: it has 100000 bytes, and the mail server does not take"), "{text}");
        assert!(text.contains(LINK) && !text.contains("application/pdf"), "{text}");
        assert_eq!(with_file.header("Message-ID"), without.header("Message-ID"), "I6");

        sink.follow(|script| script.size_max = Some(200));
        let too_large = mailing(&sink).deliver(&email(), &bench.link_only(), now()).await;
        assert!(rejected(&too_large).contains(if hides_size { "552 5.3.4" } else { "takes at most 200" }), "{too_large:?}");
    }
}

#[tokio::test]
async fn internationalised_senders_are_sent_or_clearly_refused() {
    let bench = Bench::new();
    for (from, reply_to, smtputf8, taken) in [
        ("Blöb <reports@exämple.org>", None, false, Some("reports@xn--exmple-cua.org")),
        ("blöb@myorg.co", None, false, None),
        ("blöb@myorg.co", None, true, Some("blöb@myorg.co")),
        ("reports@myorg.co", Some("blöb@myorg.co"), false, None),
        ("reports@myorg.co", Some("blöb@myorg.co"), true, Some("reports@myorg.co")),
    ] {
        let sink = SmtpSink::start(SmtpScript { smtputf8, ..SmtpScript::default() }).await;
        let mail = relay(&sink, |mail| {
            (mail.from, mail.reply_to) = (from.into(), reply_to.map(str::to_owned));
        });
        let delivered = carriers(|config| config.mail = mail).deliver(&email(), &bench.link_only(), now()).await;
        match taken {
            Some(address) => {
                accepted(&delivered);
                assert_eq!(sink.mails()[0].from, address);
            }
            None => assert!(rejected(&delivered).contains("SMTPUTF8"), "{from} {reply_to:?}: {delivered:?}"),
        }
    }
}

#[tokio::test]
async fn internationalised_addresses_are_sent_or_clearly_refused() {
    let bench = Bench::new();
    for (smtputf8, target, taken) in [
        (false, "blob@exämple.org", Some("blob@xn--exmple-cua.org")),
        (false, "blöb@myorg.co", None),
        (true, "blöb@myorg.co", Some("blöb@myorg.co")),
    ] {
        let sink = SmtpSink::start(SmtpScript { smtputf8, ..SmtpScript::default() }).await;
        let mut parcel = bench.link_only();
        parcel.target = target.into();
        let delivered = mailing(&sink).deliver(&email(), &parcel, now()).await;
        match taken {
            Some(address) => {
                accepted(&delivered);
                assert_eq!(sink.mails()[0].to, [address]);
                assert_eq!(sink.mails()[0].options.contains("SMTPUTF8"), smtputf8);
            }
            None => assert!(rejected(&delivered).contains("SMTPUTF8"), "{delivered:?}"),
        }
    }
}

#[tokio::test]
async fn i6_the_folder_holds_one_file_for_a_key_however_often_it_is_sent() {
    let (bench, folder) = (Bench::new(), temp_dir());
    let mail = MailConfig::File { folder: folder.path().join("mails"), from: "reports@myorg.co".into() };
    let carriers = carriers(|config| config.mail = mail);
    let mut parcel = bench.csv();
    for _ in 0..2 {
        assert_eq!(accepted(&carriers.deliver(&email(), &parcel, now()).await), "written to run-7.delivery-1.eml");
    }
    parcel.idempotency_key = "../../etc/cron.d/x".into();
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    let names: Vec<_> =
        std::fs::read_dir(folder.path().join("mails")).expect("folder").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let mail = std::fs::read_to_string(folder.path().join("mails/run-7.delivery-1.eml")).expect("mail");
    assert!(mail.contains("Subject: Daily Sales report\r\n") && mail.contains("filename=\"Orders.csv\""), "{mail}");
}

/// Texts that try to become something else in a header.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: evil@myorg.co\r\n".to_owned()),
        Just("\nX-Evil: 1".to_owned()),
        Just("\r\n\r\nbody".to_owned()),
        Just("\u{2028}Bcc: x\u{85}".to_owned()),
        Just("=?utf-8?q?=0d=0aBcc:_x?=".to_owned()),
        Just("\"; filename=\"x.exe".to_owned()),
        Just("../../etc/passwd\0".to_owned()),
        ".{0,20}",
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn d11_whatever_the_texts_hold_the_headers_are_ours(
        subject in hostile_text(), text in hostile_text(), link in hostile_text(), unsubscribe in hostile_text(), name in hostile_text(), key in hostile_text(),
    ) {
        let (bench, folder) = (Bench::new(), temp_dir());
        let mail = MailConfig::File { folder: folder.path().to_owned(), from: "reports@myorg.co".into() };
        let carriers = carriers(|config| config.mail = mail);
        let mut parcel = bench.pdf(10);
        (parcel.message.subject, parcel.message.text, parcel.idempotency_key) = (subject, text, key);
        (parcel.message.link, parcel.message.unsubscribe) = (Some(link), Some(format!("https://pressrun.example/u/{unsubscribe}")));
        parcel.artifact.as_mut().expect("a file").name = name;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let delivered = runtime.block_on(carriers.deliver(&email(), &parcel, now()));
        accepted(&delivered);
        let file = std::fs::read_dir(folder.path()).expect("folder").next().expect("one mail").expect("entry").path();
        let mail = String::from_utf8_lossy(&std::fs::read(file).expect("mail")).into_owned();
        let (head, _) = mail.split_once("\r\n\r\n").expect("a head");
        for line in head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])) {
            let (name, value) = line.split_once(": ").expect("a header");
            let ours = [
                "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version",
                "Content-Type",
            ];
            prop_assert!(ours.contains(&name), "{}", line);
            prop_assert!(!value.contains(['\n', '\r']), "{}", line);
        }
        prop_assert_eq!(head.matches("\r\nTo: ").count() + usize::from(head.starts_with("To: ")), 1);
        prop_assert_eq!(mail.matches("Content-Disposition: attachment").count(), 1);
    }
}

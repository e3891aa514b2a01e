//! Whom a mail names: To, Cc, Reply-To, and the envelope sender.

use pressrun_deliver::{MailConfig, SmtpConfig, SmtpTls};
use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::delivery::{Heading, MailRole};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::secret::Secret;
use pressrun_testkit::{SmtpPhase, SmtpScript, SmtpSink};

use crate::bench::{Bench, accepted, carriers, email, now, rejected, retry};

fn relay(sink: &SmtpSink) -> MailConfig {
    let mut mail = SmtpConfig::new("localhost", sink.port(), SmtpTls::None, "Pressrun <reports@myorg.co>");
    mail.reply_to = Some("operator@myorg.co".into());
    MailConfig::Smtp(Box::new(mail))
}

fn address(text: &str) -> EmailAddress {
    text.parse().expect("an address")
}

#[tokio::test]
async fn p2_each_copy_goes_to_one_person_and_names_whom_it_may() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mail = relay(&sink);
    let carriers = carriers(|config| config.mail = mail);
    let (one, undisclosed) = (Some("boss@myorg.co"), "undisclosed-recipients:;");
    for (case, role, copy_of, reply_to, to) in [
        ("a recipient sees only themselves", MailRole::To, None, None, "iamagoodblob@myorg.co"),
        ("a copy of one person's mail names them", MailRole::Cc, one, Some("author@myorg.co"), "boss@myorg.co"),
        ("a copy of several people's names none", MailRole::Cc, None, None, undisclosed),
        ("a blind copy likewise", MailRole::Bcc, one, None, "boss@myorg.co"),
        ("of several", MailRole::Bcc, None, None, undisclosed),
    ] {
        let mut parcel = bench.link_only();
        parcel.message.heading = Heading {
            role,
            copy_of: copy_of.map(address),
            cc: vec![address("cc@myorg.co"), address("other@exämple.org")],
            reply_to: reply_to.map(address),
        };
        accepted(&carriers.deliver(&email(), &parcel, now()).await);
        let mail = sink.mails().pop().expect("a mail");
        assert_eq!(mail.to, ["iamagoodblob@myorg.co"], "{case}: one envelope each");
        assert_eq!(mail.header("To").as_deref(), Some(to), "{case}");
        assert_eq!(mail.header("Cc").as_deref(), Some("cc@myorg.co, other@xn--exmple-cua.org"), "{case}");
        assert_eq!(mail.header("Reply-To").as_deref(), Some(reply_to.unwrap_or("operator@myorg.co")), "{case}");
        assert!(mail.header("Bcc").is_none(), "{case}");
        assert!(mail.data.is_ascii(), "{case}");
    }
}

#[tokio::test]
async fn verp_each_mail_has_a_return_path_of_its_own_on_every_attempt() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let paths = ReturnPath::new("bounces@reports.example.com", &Secret::new("k")).expect("an address");
    let mail = relay(&sink);
    let carriers = carriers(|config| (config.mail, config.return_path) = (mail, Some(paths.clone())));
    let parcel = bench.link_only();
    sink.follow(|script| script.drop_at = Some(SmtpPhase::Message));
    retry(&carriers.deliver(&email(), &parcel, now()).await);
    sink.follow(|script| script.drop_at = None);
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    let mails = sink.mails();
    assert_eq!((mails.len(), &mails[0].from), (2, &mails[1].from));
    assert_eq!(paths.read(&mails[0].from), Some(parcel.delivery_id), "{}", mails[0].from);
    assert_eq!(mails[0].header("From").as_deref(), Some("Pressrun <reports@myorg.co>"), "readers see the sender");
}

#[tokio::test]
async fn verp_no_answer_of_a_relay_tells_the_return_path() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let paths = ReturnPath::new("bounces@reports.example.com", &Secret::new("k")).expect("an address");
    let mail = relay(&sink);
    let carriers = carriers(|config| (config.mail, config.return_path) = (mail, Some(paths.clone())));
    let parcel = bench.link_only();
    let own = paths.of(parcel.delivery_id);
    for (code, quoted) in [(550, own.clone()), (451, own.to_ascii_uppercase())] {
        sink.follow(|script| script.answer = [(SmtpPhase::Message, (code, format!("sender <{quoted}> is not welcome")))].into());
        let delivered = carriers.deliver(&email(), &parcel, now()).await;
        let said = delivered.outcome.reason().expect("it was refused");
        assert!(said.contains("[return path]") && said.contains("is not welcome"), "{said}");
        assert_eq!(paths.read(said.split(['<', '>']).nth(1).expect("an address")), None, "{said}");
    }
}

#[tokio::test]
async fn h7_without_a_way_for_mail_nothing_is_said_to_be_delivered() {
    let bench = Bench::new();
    let carriers = carriers(|config| config.mail = MailConfig::Off);
    assert!(carriers.unready(&email()).is_some_and(|why| why.contains("mail.url")));
    let delivered = carriers.deliver(&email(), &bench.link_only(), now()).await;
    assert!(rejected(&delivered).contains("mail is not configured"), "{delivered:?}");
}

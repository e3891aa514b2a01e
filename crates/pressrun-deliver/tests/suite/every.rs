//! What holds for every destination, whatever it speaks.

use std::collections::HashMap;

use pressrun_deliver::{
    Carriers, Delivered, DkimConfig, MailConfig, MailLogin, Parcel, S3Config, S3Credentials, SlackConfig, SmtpConfig, SmtpTls,
};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, S3Settings, SlackRecipientType, SlackSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{
    HttpAnswer, HttpBehaviour, HttpReceiver, SftpPhase, SftpScript, SftpServer, SftpStatus, SmtpPhase, SmtpScript, SmtpSink,
};

use crate::aim::{Speech, aim};
use crate::bench::{Bench, accepted, carriers, email, now, rejected, retry, webhook, with_password};

/// Secret of every kind; must never be seen in an outcome.
const SECRET: &str = "s3cr3t-n3v3r-t0-b3-s33n";

/// How the counterpart behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    RefusesForGood,
    RefusesForNow,
    Cuts,
    Hangs,
}

/// A destination with its counterpart.
struct Case {
    destination: Destination,
    carriers: Carriers,
    parcel: Parcel,
    remote: Remote,
}

enum Remote {
    Mail(SmtpSink),
    Http(HttpReceiver),
    Files(Box<SftpServer>),
}

impl Case {
    fn hang(&self) -> pressrun_testkit::Hang {
        match &self.remote {
            Remote::Mail(sink) => sink.hang(),
            Remote::Http(receiver) => receiver.hang(),
            Remote::Files(server) => server.hang(),
        }
    }

    async fn deliver(&self) -> Delivered {
        self.carriers.deliver(&self.destination, &self.parcel, now()).await
    }
}

async fn http(mood: Mood, good: &str) -> HttpReceiver {
    let receiver = HttpReceiver::start().await;
    // The remote quotes the secret back, as some do.
    receiver.always(match mood {
        Mood::Takes => HttpAnswer::new(200, good),
        Mood::RefusesForGood => HttpAnswer::new(403, format!("{SECRET} is wrong")),
        Mood::RefusesForNow => HttpAnswer::new(503, format!("{SECRET} later")),
        Mood::Cuts => HttpAnswer::default().behaving(HttpBehaviour::Drop),
        Mood::Hangs => HttpAnswer::default().behaving(HttpBehaviour::Hang),
    });
    receiver
}

async fn mail_case(bench: &Bench, mood: Mood) -> Case {
    let answer = |code: u16| HashMap::from([(SmtpPhase::Rcpt, (code, format!("{SECRET} no")))]);
    let sink = SmtpSink::start(match mood {
        Mood::Takes => SmtpScript::default(),
        Mood::RefusesForGood => SmtpScript { answer: answer(550), ..SmtpScript::default() },
        Mood::RefusesForNow => SmtpScript { answer: answer(451), ..SmtpScript::default() },
        Mood::Cuts => SmtpScript { drop_at: Some(SmtpPhase::Data), ..SmtpScript::default() },
        Mood::Hangs => SmtpScript { hang_at: Some(SmtpPhase::Data), ..SmtpScript::default() },
    })
    .await;
    sink.follow(|script| script.credentials = Some(("blob".into(), SECRET.into())));
    let mail = SmtpConfig {
        login: Some(MailLogin::password("blob", SECRET)),
        ..SmtpConfig::new("127.0.0.1", sink.port(), SmtpTls::None, "reports@myorg.co")
    };
    let carriers = carriers(|config| config.mail = MailConfig::Smtp(Box::new(mail)));
    Case { destination: email(), carriers, parcel: bench.csv(), remote: Remote::Mail(sink) }
}

async fn webhook_case(bench: &Bench, mood: Mood) -> Case {
    let receiver = http(mood, "ok").await;
    Case {
        destination: webhook(receiver.url("/"), &[SECRET]),
        carriers: carriers(|_| {}),
        parcel: bench.csv(),
        remote: Remote::Http(receiver),
    }
}

async fn sftp_case(bench: &Bench, mood: Mood) -> Case {
    let script = match mood {
        Mood::Takes => SftpScript::default(),
        Mood::RefusesForGood => SftpScript { fail_at: Some((SftpPhase::Open, SftpStatus::PermissionDenied)), ..SftpScript::default() },
        Mood::RefusesForNow => SftpScript { fail_at: Some((SftpPhase::Write, SftpStatus::Failure)), ..SftpScript::default() },
        Mood::Cuts => SftpScript { cut_after_bytes: Some(1), ..SftpScript::default() },
        Mood::Hangs => SftpScript { hang_at: Some(SftpPhase::Write), ..SftpScript::default() },
    };
    let server = SftpServer::start("blobby", SECRET, script).await;
    let destination = Destination::Sftp(with_password(&server, SECRET));
    Case { destination, carriers: carriers(|_| {}), parcel: bench.csv(), remote: Remote::Files(Box::new(server)) }
}

async fn slack_case(bench: &Bench, mood: Mood) -> Case {
    let receiver = http(mood, "{\"ok\":true,\"ts\":\"1\"}").await;
    let slack = SlackConfig { token: Secret::new(SECRET), base_url: receiver.url("/api"), allow_mentions: false };
    let settings = SlackSettings { recipient_type: SlackRecipientType::Channel, recipients: vec!["C1".into()], text_body: None };
    Case {
        destination: Destination::Slack(settings),
        carriers: carriers(|config| config.slack = Some(slack)),
        parcel: bench.link_only(),
        remote: Remote::Http(receiver),
    }
}

async fn s3_case(bench: &Bench, mood: Mood) -> Case {
    let receiver = http(mood, "").await;
    let keys = S3Credentials { access_key_id: "AKIA".into(), secret_access_key: Secret::new(SECRET), session_token: None };
    let s3 = S3Config { assume_role: false, endpoint: Some(receiver.url("")), ..S3Config::new(keys) };
    let settings = S3Settings {
        bucket_name: "blob-reports".into(),
        region: "us-east-1".into(),
        role_arn: "arn:aws:iam::123456789012:role/x".into(),
        key_prefix: None,
        filename: None,
    };
    Case {
        destination: Destination::S3(settings),
        carriers: carriers(|config| config.s3 = Some(s3)),
        parcel: bench.csv(),
        remote: Remote::Http(receiver),
    }
}

async fn each(bench: &Bench, mood: Mood) -> [Case; 5] {
    [
        mail_case(bench, mood).await,
        webhook_case(bench, mood).await,
        sftp_case(bench, mood).await,
        slack_case(bench, mood).await,
        s3_case(bench, mood).await,
    ]
}

#[track_caller]
fn leaks_nothing(case: &Case, delivered: &Delivered) {
    let stored = serde_json::to_string(&delivered.outcome).expect("serializes");
    for shown in [format!("{delivered:?}"), stored, format!("{:?}", case.destination), format!("{:?}", case.parcel)] {
        assert!(!shown.contains(SECRET), "D13: {shown}");
    }
}

#[tokio::test]
async fn d13_every_destination_accepts_and_repeats_without_showing_a_secret() {
    let bench = Bench::new();
    for case in each(&bench, Mood::Takes).await {
        let (first, second) = (case.deliver().await, case.deliver().await);
        assert_eq!(accepted(&first), accepted(&second), "I6: {:?}", case.destination.kind());
        leaks_nothing(&case, &first);
        match &case.remote {
            Remote::Mail(sink) => assert_eq!(sink.mails()[0].data, sink.mails()[1].data),
            Remote::Http(receiver) => assert_eq!(receiver.requests()[0], receiver.requests()[1]),
            Remote::Files(server) => assert_eq!(std::fs::read_dir(server.files()).expect("folder").count(), 1),
        }
    }
}

#[tokio::test]
async fn d3_every_destination_tells_for_good_from_for_now() {
    let bench = Bench::new();
    for case in each(&bench, Mood::RefusesForGood).await {
        let delivered = case.deliver().await;
        rejected(&delivered);
        leaks_nothing(&case, &delivered);
    }
    for mood in [Mood::RefusesForNow, Mood::Cuts] {
        for case in each(&bench, mood).await {
            let delivered = case.deliver().await;
            retry(&delivered);
            leaks_nothing(&case, &delivered);
        }
    }
}

#[tokio::test]
async fn s9_every_destination_gives_up_on_silence() {
    let bench = Bench::new();
    for case in each(&bench, Mood::Hangs).await {
        let hang = case.hang();
        let (delivered, ()) = tokio::join!(case.deliver(), hang.let_deadlines_pass());
        tokio::time::resume();
        assert!(retry(&delivered).contains("timed out"), "{delivered:?}");
        leaks_nothing(&case, &delivered);
    }
}

#[tokio::test]
async fn l2_every_destination_survives_a_vanished_artifact() {
    let bench = Bench::new();
    for mut case in each(&bench, Mood::Takes).await {
        let Some(artifact) = &mut case.parcel.artifact else { continue };
        artifact.path = bench.spool.path().join("gone");
        let delivered = case.deliver().await;
        assert!(matches!(delivered.outcome, Outcome::Retry { .. }), "{delivered:?}");
    }
}

#[tokio::test]
async fn d3_every_http_status_has_its_decision_at_every_destination_that_speaks_http() {
    let bench = Bench::new();
    let receiver = HttpReceiver::start().await;
    for speech in [Speech::Webhook, Speech::S3, Speech::TokenService, Speech::Slack] {
        let aimed = aim(&bench, speech, "127.0.0.1", receiver.address().port(), |_| {});
        for status in 200..600 {
            receiver.push([HttpAnswer::new(status, "")]);
            let outcome = aimed.deliver().await.outcome;
            let case = format!("{speech:?} {status}: {outcome:?}");
            match (speech, status) {
                // An answer without Slack's or the token service's words is none, whatever its status.
                (Speech::Slack | Speech::TokenService, 200..=299) => assert!(matches!(outcome, Outcome::Retry { .. }), "{case}"),
                (_, 200..=299) => assert!(matches!(outcome, Outcome::Accepted { .. }), "{case}"),
                (_, 408 | 425 | 429 | 500..=599) => assert!(matches!(outcome, Outcome::Retry { .. }), "{case}"),
                _ => assert!(matches!(outcome, Outcome::Rejected { .. }), "{case}"),
            }
        }
    }
}

#[test]
fn d13_no_configuration_prints_its_secrets() {
    let keys =
        S3Credentials { access_key_id: "AKIA".into(), secret_access_key: Secret::new(SECRET), session_token: Some(Secret::new(SECRET)) };
    let mail = SmtpConfig {
        login: Some(MailLogin::password("blob", SECRET)),
        ..SmtpConfig::new("mail.example.com", 587, SmtpTls::StartTls, "reports@myorg.co")
    };
    let dkim = DkimConfig { domain: "myorg.co".into(), selector: "s".into(), private_key: Secret::new(SECRET) };
    let slack = SlackConfig { token: Secret::new(SECRET), base_url: "https://slack.com/api".into(), allow_mentions: false };
    for shown in [format!("{mail:?}"), format!("{dkim:?}"), format!("{slack:?}"), format!("{:?}", S3Config::new(keys))] {
        assert!(!shown.contains(SECRET) && shown.contains("[redacted]"), "{shown}");
    }
}

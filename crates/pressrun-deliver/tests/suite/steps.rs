//! What a person sees who tries a way out before eight o'clock: how far it came, in whose words.

use std::sync::{Arc, Mutex};

use pressrun_deliver::{
    Carriers, MailConfig, MailLogin, S3Config, S3Credentials, SecretSource, SlackConfig, SmtpConfig, SmtpTls, StepListener, heard,
};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, S3Settings, SftpSettings, SlackRecipientType, SlackSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{
    HttpReceiver, ObjectServer, SftpScript, SftpServer, SlackWorkspace, SmtpScript, SmtpSink, SmtpSinkTls, TestCertificate,
};

use crate::bench::{Bench, accepted, carriers, email, now, webhook, with_password};

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl StepListener for Kept {
    fn step(&self, words: &str) {
        self.0.lock().unwrap().push(words.to_owned());
    }
}

/// What came of connecting, and the steps on the way.
async fn reached(carriers: &Carriers, destination: &Destination) -> (Result<String, String>, String) {
    let kept = Arc::new(Kept::default());
    let secrets = destination.secrets().into_values().collect();
    let outcome = heard(Arc::clone(&kept) as Arc<dyn StepListener>, secrets, carriers.reach(destination, now())).await;
    let steps = kept.0.lock().unwrap().join("\n");
    let outcome = match outcome {
        Outcome::Accepted { receipt } => Ok(receipt),
        Outcome::Retry { reason, .. } | Outcome::Rejected { reason } | Outcome::Held { reason, .. } => Err(reason),
    };
    (outcome, steps)
}

fn has(steps: &str, words: &[&str]) {
    let mut rest = steps;
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word:?} in this order in:\n{steps}"));
        rest = &rest[at + word.len()..];
    }
}

fn slack(token: &str, workspace: &SlackWorkspace) -> Carriers {
    let config = SlackConfig { token: Secret::new(token), base_url: workspace.receiver().url("/api"), allow_mentions: false };
    carriers(|carriers| carriers.slack = Some(config))
}

#[tokio::test]
async fn newcomer_ranked_7_a_mail_server_is_tried_up_to_the_login_and_nothing_is_sent() {
    let certificate = TestCertificate::generate();
    let script = SmtpScript {
        tls: SmtpSinkTls::StartTls(certificate.clone()),
        credentials: Some(("reports".into(), "right".into())),
        ..SmtpScript::default()
    };
    let sink = SmtpSink::start(script).await;
    let relay = |password: &str| {
        let mut mail = SmtpConfig::new("localhost", sink.port(), SmtpTls::StartTls, "reports@myorg.co");
        mail.ca_pem = Some(certificate.authority_pem.clone());
        mail.login = Some(MailLogin::Password { user: "reports".into(), password: SecretSource::Text(Secret::new(password)) });
        carriers(|config| config.mail = MailConfig::Smtp(Box::new(mail)))
    };
    let (outcome, steps) = reached(&relay("right"), &email()).await;
    assert_eq!(outcome, Ok(format!("localhost:{} lets us in as reports", sink.port())));
    has(
        &steps,
        &[
            "localhost is 127.0.0.1",
            "connected to 127.0.0.1",
            "greeting: 220",
            "STARTTLS",
            "TLSv1",
            "trusted",
            "AUTH PLAIN",
            "logged in as reports",
        ],
    );
    let wrong = relay("wr0ng-s3cret");
    let (outcome, steps) = reached(&wrong, &email()).await;
    let reason = outcome.expect_err("the password is wrong");
    assert!(reason.contains("535") && reason.contains("mail.username and mail.password"), "{reason}");
    assert!(!format!("{reason}{steps}").contains("wr0ng-s3cret"), "{steps}");
    // A try that failed holds no mail back.
    sink.follow(|script| script.credentials = Some(("reports".into(), "wr0ng-s3cret".into())));
    accepted(&wrong.deliver(&email(), &Bench::new().link_only(), now()).await);
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn newcomer_ranked_7_an_sftp_server_is_tried_up_to_its_files() {
    let server = SftpServer::start("blobby", "pw", SftpScript::default()).await;
    let carriers = carriers(|_| {});
    let (outcome, steps) = reached(&carriers, &Destination::Sftp(with_password(&server, "pw"))).await;
    assert!(outcome.as_ref().is_ok_and(|words| words.contains("blobby is logged in")), "{outcome:?}");
    has(
        &steps,
        &[
            "connected to 127.0.0.1",
            &format!("host key is ssh-ed25519 {}", server.fingerprint()),
            "pinned nowhere",
            "logged in as blobby",
            "SFTP has begun",
        ],
    );
    let pinned = SftpSettings { host_key: Some(server.host_key()), ..with_password(&server, "wrong-s3cret") };
    let (outcome, steps) = reached(&carriers, &Destination::Sftp(pinned)).await;
    assert!(outcome.is_err_and(|reason| reason.contains("wrong user name or password")));
    assert!(steps.contains("the pinned one") && !steps.contains("logged in") && !steps.contains("wrong-s3cret"), "{steps}");
    assert_eq!(std::fs::read_dir(server.files()).unwrap().count(), 0, "nothing was written");
}

#[tokio::test]
async fn newcomer_ranked_7_a_webhook_is_connected_to_and_gets_no_request() {
    let receiver = HttpReceiver::start().await;
    let to = webhook(receiver.url("/hook/t0p-s3cret"), &[]);
    let (outcome, steps) = reached(&carriers(|_| {}), &to).await;
    assert!(outcome.is_ok_and(|words| words.ends_with("can be reached")), "{steps}");
    assert!(receiver.requests().is_empty() && steps.contains("connected to 127.0.0.1") && !steps.contains("t0p-s3cret"), "{steps}");
    let closed = carriers(|config| config.egress = pressrun_deliver::EgressPolicy::default());
    let (outcome, steps) = reached(&closed, &to).await;
    assert!(outcome.is_err_and(|reason| reason.contains("egress")), "the policy holds for tries too");
    assert!(!steps.contains("connected"), "{steps}");
}

#[tokio::test]
async fn newcomer_ranked_7_slack_says_whose_token_it_is_and_gets_no_post() {
    let workspace = SlackWorkspace::start("xoxb-right").await;
    let settings = SlackSettings { recipient_type: SlackRecipientType::Channel, recipients: vec!["C0123".into()], text_body: None };
    let to = Destination::Slack(settings);
    let (outcome, steps) = reached(&slack("xoxb-right", &workspace), &to).await;
    assert_eq!(outcome.as_deref(), Ok("the token is that of pressrun in the workspace Blobs"), "{steps}");
    has(&steps, &["connected to", "HTTP 200", "auth.test: ok"]);
    let (outcome, _) = reached(&slack("xoxb-wrong", &workspace), &to).await;
    assert!(outcome.is_err_and(|reason| reason.contains("the operator renews the Slack token")));
    assert!(workspace.posts().is_empty() && workspace.files().is_empty());
}

#[tokio::test]
async fn newcomer_ranked_7_a_bucket_is_tried_up_to_its_role_and_gets_no_object() {
    const ROLE: &str = "arn:aws:iam::123456789012:role/reports";
    let server = ObjectServer::start("AKIDEXAMPLE", "s3cret", &["company-reports"]).await;
    let config = |assume_role: bool| S3Config {
        endpoint: Some(server.receiver().url("")),
        sts_endpoint: Some(server.receiver().url("/sts")),
        assume_role,
        external_id: Some("5b10b5a1".to_owned()),
        ..S3Config::new(S3Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("s3cret"),
            session_token: None,
        })
    };
    let settings = S3Settings {
        bucket_name: "company-reports".into(),
        region: "eu-central-1".into(),
        role_arn: ROLE.into(),
        key_prefix: None,
        filename: None,
    };
    let to = Destination::S3(settings);
    let (outcome, steps) = reached(&carriers(|carriers| carriers.s3 = Some(config(true))), &to).await;
    assert!(outcome.is_err_and(|reason| reason.contains("assume role")), "{steps}");
    server.allow_role(ROLE, "5b10b5a1");
    let (outcome, steps) = reached(&carriers(|carriers| carriers.s3 = Some(config(true))), &to).await;
    assert!(outcome.as_ref().is_ok_and(|words| words.contains("there are keys for company-reports")), "{outcome:?} {steps}");
    has(&steps, &["our own keys are there", "HTTP 200", "the role arn:aws:iam::123456789012:role/reports is assumed", "connected to"]);
    assert!(server.objects().is_empty() && !steps.contains("s3cret"), "{steps}");
}

#[tokio::test]
async fn steps_of_a_delivery_end_with_what_the_server_said() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let mail = SmtpConfig::new("localhost", sink.port(), SmtpTls::None, "reports@myorg.co");
    let carriers = carriers(|config| config.mail = MailConfig::Smtp(Box::new(mail)));
    let kept = Arc::new(Kept::default());
    let (to, parcel) = (email(), bench.csv());
    let delivered = heard(Arc::clone(&kept) as Arc<dyn StepListener>, Vec::new(), carriers.deliver(&to, &parcel, now())).await;
    assert!(accepted(&delivered).starts_with("250"));
    has(&kept.0.lock().unwrap().join("\n"), &["greeting: 220", "EHLO", "MAIL FROM: accepted", "RCPT TO: accepted"]);
}

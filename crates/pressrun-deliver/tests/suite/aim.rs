//! Every way out, aimed at an address of the test's choice.

use std::sync::Arc;

use pressrun_deliver::{
    CarrierConfig, Carriers, Delivered, EgressPolicy, MailConfig, Parcel, Resolve, S3Config, S3Credentials, SlackConfig, SmtpConfig,
    SmtpTls,
};
use pressrun_domain::destination::{Destination, S3Settings, SftpSettings, SlackRecipientType, SlackSettings};
use pressrun_domain::secret::Secret;

use crate::bench::{Bench, carriers, email, now, sftp, webhook};

/// What is spoken to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Smtp,
    SmtpOverTls,
    Webhook,
    WebhookOverTls,
    Sftp,
    Slack,
    S3,
    TokenService,
}

impl Speech {
    pub(crate) const ALL: [Self; 8] =
        [Self::Smtp, Self::SmtpOverTls, Self::Webhook, Self::WebhookOverTls, Self::Sftp, Self::Slack, Self::S3, Self::TokenService];

    /// Those that begin without TLS.
    pub(crate) const PLAIN: [Self; 6] = [Self::Smtp, Self::Webhook, Self::Sftp, Self::Slack, Self::S3, Self::TokenService];
}

/// A destination, with what it takes to reach it.
pub(crate) struct Aimed {
    pub(crate) destination: Destination,
    pub(crate) carriers: Carriers,
    pub(crate) parcel: Parcel,
}

impl Aimed {
    pub(crate) async fn deliver(&self) -> Delivered {
        self.carriers.deliver(&self.destination, &self.parcel, now()).await
    }
}

pub(crate) fn bucket() -> S3Settings {
    S3Settings {
        bucket_name: "blob-reports".into(),
        region: "us-east-1".into(),
        role_arn: "arn:aws:iam::123456789012:role/deliver".into(),
        key_prefix: Some("a/b/".into()),
        filename: None,
    }
}

/// Aims `speech` at `host:port`.
pub(crate) fn aim(bench: &Bench, speech: Speech, host: &str, port: u16, change: impl FnOnce(&mut CarrierConfig)) -> Aimed {
    let mut parcel = bench.csv();
    let http = format!("http://{host}:{port}");
    let s3 = S3Config::new(S3Credentials {
        access_key_id: "AKIAEXAMPLE".into(),
        secret_access_key: Secret::new("wJalrXUtnFEMI"),
        session_token: None,
    });
    let carriers = carriers(|config| {
        config.egress = EgressPolicy::parse(["127.0.0.1", "localhost", "slow.example"]).expect("rules");
        match speech {
            Speech::Smtp | Speech::SmtpOverTls => {
                let tls = if speech == Speech::Smtp { SmtpTls::None } else { SmtpTls::Implicit };
                config.mail = MailConfig::Smtp(Box::new(SmtpConfig::new(host, port, tls, "reports@myorg.co")));
            }
            Speech::Webhook | Speech::WebhookOverTls | Speech::Sftp => {}
            Speech::Slack => {
                config.slack =
                    Some(SlackConfig { token: Secret::new("xoxb-t0ken"), base_url: format!("{http}/api"), allow_mentions: false });
            }
            Speech::S3 => config.s3 = Some(S3Config { assume_role: false, endpoint: Some(http.clone()), ..s3 }),
            Speech::TokenService => {
                let sts_endpoint = Some(format!("{http}/sts"));
                config.s3 = Some(S3Config { external_id: Some("org-1".into()), endpoint: Some(http.clone()), sts_endpoint, ..s3 });
            }
        }
        change(config);
    });
    let destination = match speech {
        Speech::Smtp | Speech::SmtpOverTls => email(),
        Speech::Webhook => webhook(format!("{http}/hook"), &["whsec_c2VjcmV0"]),
        Speech::WebhookOverTls => webhook(format!("https://{host}:{port}/hook"), &[]),
        Speech::Sftp => {
            let password = Some(Secret::new("1am@g00dBL0b"));
            Destination::Sftp(SftpSettings { address: host.to_owned(), password, ..sftp(port, "blobby") })
        }
        Speech::Slack => {
            parcel.target = "C0123".into();
            let recipient_type = SlackRecipientType::Channel;
            Destination::Slack(SlackSettings { recipient_type, recipients: vec!["C0123".into()], text_body: None })
        }
        Speech::S3 | Speech::TokenService => Destination::S3(bucket()),
    };
    Aimed { destination, carriers, parcel }
}

/// The same with a resolver.
pub(crate) fn aim_by_name(bench: &Bench, speech: Speech, port: u16, resolver: Arc<dyn Resolve>) -> Aimed {
    aim(bench, speech, "slow.example", port, |config| config.resolver = resolver)
}

//! Parcels, carriers and the three ways to look at an outcome.

use std::sync::Arc;

use jiff::Timestamp;
use pressrun_deliver::{CarrierConfig, Carriers, Delivered, EgressPolicy, MailConfig, Parcel, ParcelFile};
use pressrun_domain::delivery::{Message, Outcome};
use pressrun_domain::destination::{Destination, EmailSettings, SftpSettings, WebhookSettings};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::SftpQuirks;
use pressrun_testkit::{SftpServer, instant, spool_file, temp_dir};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) const LINK: &str = "https://pressrun.example/d/12db1a0a?region=US";

pub(crate) fn now() -> Timestamp {
    instant("2026-11-24T09:00:05Z")
}

/// A spool and a parcel maker.
pub(crate) struct Bench {
    pub(crate) spool: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { spool: temp_dir() }
    }

    pub(crate) fn file(&self, name: &str, media_type: &str, bytes: &[u8]) -> ParcelFile {
        ParcelFile {
            path: spool_file(&self.spool, &format!("{}.artifact", hex::encode(&Sha256::digest(bytes)[..6])), bytes),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(bytes)),
        }
    }

    #[expect(clippy::unused_self, reason = "a parcel belongs to the bench whose spool it names")]
    pub(crate) fn parcel(&self, format: Format, artifact: Option<ParcelFile>) -> Parcel {
        Parcel {
            idempotency_key: "run-7.delivery-1".to_owned(),
            run_id: RunId::generate(),
            delivery_id: DeliveryId::generate(),
            schedule_id: ScheduleId::generate(),
            schedule_name: "Daily Orders".to_owned(),
            scheduled_for: instant("2026-11-24T09:00:00Z"),
            format,
            target: "iamagoodblob@myorg.co".to_owned(),
            message: Message {
                subject: "Daily Sales report".to_owned(),
                text: "Here are the daily sales!".to_owned(),
                words: None,
                inline_png: None,
                link: Some(LINK.to_owned()),
                unsubscribe: None,
                ..Message::default()
            },
            trace: None,
            inline_png: None,
            artifact,
        }
    }

    /// A csv of a few kilobytes.
    pub(crate) fn csv(&self) -> Parcel {
        let rows = (0..400).fold(String::new(), |rows, n| rows + &format!("{n},\"Umsätze {n}\"\r\n"));
        let file = self.file("Orders.csv", "text/csv", format!("id,name\r\n{rows}").as_bytes());
        self.parcel(Format::Csv, Some(file))
    }

    pub(crate) fn pdf(&self, bytes: usize) -> Parcel {
        let file = self.file("Orders.pdf", "application/pdf", &noise(bytes));
        self.parcel(Format::Pdf, Some(file))
    }

    /// Other bytes under a name of the test's choice.
    pub(crate) fn pdf_named(&self, name: &str, bytes: usize) -> Parcel {
        let file = self.file(name, "application/pdf", &noise(bytes));
        self.parcel(Format::Pdf, Some(file))
    }

    pub(crate) fn link_only(&self) -> Parcel {
        self.parcel(Format::LinkOnly, None)
    }
}

/// Bytes of every value, not compressible to a pattern that a bug would keep.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Carriers that may reach loopback; mail goes to a folder unless changed.
pub(crate) fn carriers(change: impl FnOnce(&mut CarrierConfig)) -> Carriers {
    let mut config = CarrierConfig::new(MailConfig::File { folder: std::env::temp_dir().join("unused"), from: "reports@myorg.co".into() });
    config.egress = EgressPolicy::parse(["127.0.0.1", "localhost"]).expect("rules");
    config.resolver = Arc::new(pressrun_deliver::SystemResolver);
    change(&mut config);
    Carriers::new(config).expect("a valid configuration")
}

pub(crate) fn email() -> Destination {
    Destination::Email(EmailSettings::default())
}

pub(crate) fn webhook(url: impl Into<String>, secrets: &[&str]) -> Destination {
    Destination::Webhook(WebhookSettings::new(url, secrets.iter().map(|text| Secret::new(*text)).collect()))
}

pub(crate) fn sftp(port: u16, user: &str) -> SftpSettings {
    SftpSettings {
        address: "sftp://127.0.0.1".to_owned(),
        port,
        username: user.to_owned(),
        password: None,
        private_key: None,
        passphrase: None,
        path: None,
        host_key: None,
        quirks: SftpQuirks::default(),
    }
}

pub(crate) fn with_password(server: &SftpServer, password: &str) -> SftpSettings {
    SftpSettings { password: Some(Secret::new(password)), ..sftp(server.address().port(), "blobby") }
}

#[track_caller]
pub(crate) fn accepted(delivered: &Delivered) -> &str {
    match &delivered.outcome {
        Outcome::Accepted { receipt } => receipt,
        other => panic!("not accepted: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn retry(delivered: &Delivered) -> &str {
    match &delivered.outcome {
        Outcome::Retry { reason, .. } => reason,
        other => panic!("not to be retried: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn held(delivered: &Delivered) -> &str {
    match &delivered.outcome {
        Outcome::Held { reason, .. } => reason,
        other => panic!("not held: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn rejected(delivered: &Delivered) -> &str {
    match &delivered.outcome {
        Outcome::Rejected { reason } => reason,
        other => panic!("not rejected: {other:?}"),
    }
}

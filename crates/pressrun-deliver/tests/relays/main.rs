//! Mail through the servers that people run: Postfix, Exim and OpenSMTPD, each as strict as it can be made, each on loopback.
//!
//! `cargo xtask relays` fetches the servers and runs these tests; they need root, because the servers want to change their user. What a relay
//! takes it hands on to the recording sink, so that a test sees what arrived behind it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod exim;
mod opensmtpd;
mod policy;
mod postfix;
mod server;

use std::path::Path;

use futures::future::join_all;
use pressrun_deliver::{CarrierConfig, Carriers, Delivered, MailConfig, MailLogin, Parcel, ParcelFile, SmtpConfig, SmtpTls};
use pressrun_domain::delivery::{Message, Outcome};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_testkit::instant;

use crate::server::Place;

/// Bytes of a message that the relays take.
const SIZE_MAX: u64 = 200_000;
/// Connections that they take at once, where they can be told.
const CONNECTIONS_MAX: usize = 2;

fn config(port: u16, tls: SmtpTls, change: impl FnOnce(&mut SmtpConfig)) -> Carriers {
    let mut smtp = SmtpConfig::new("localhost", port, tls, "reports@myorg.co");
    change(&mut smtp);
    Carriers::new(CarrierConfig::new(MailConfig::Smtp(Box::new(smtp)))).expect("a valid configuration")
}

/// Carriers that the relay knows, inside TLS.
fn known(place: &Place, connections: usize) -> Carriers {
    config(place.port, SmtpTls::StartTls, |smtp| {
        smtp.login = Some(MailLogin::password("blob", "right"));
        (smtp.ca_pem, smtp.pace.connections) = (Some(place.authority().to_owned()), connections);
    })
}

fn parcel(key: &str, to: &str, file: Option<&Path>) -> Parcel {
    let artifact = file.map(|path| ParcelFile {
        path: path.to_owned(),
        name: "Orders.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        bytes: std::fs::metadata(path).expect("a file").len(),
        sha256: String::new(),
    });
    Parcel {
        idempotency_key: key.to_owned(),
        run_id: RunId::generate(),
        delivery_id: DeliveryId::generate(),
        schedule_id: ScheduleId::generate(),
        schedule_name: "Orders".to_owned(),
        scheduled_for: instant("2026-11-24T09:00:00Z"),
        format: Format::Pdf,
        target: to.to_owned(),
        message: Message {
            subject: format!("Umsätze {}", "lang".repeat(300)),
            text: format!(".\r\n{}\r\n..", "x".repeat(3000)),
            link: Some("https://pressrun.example/d/1".to_owned()),
            ..Message::default()
        },
        trace: None,
        inline_png: None,
        artifact,
    }
}

async fn deliver(carriers: &Carriers, parcel: &Parcel) -> Delivered {
    let email = EmailSettings::default();
    carriers.deliver(&Destination::Email(email), parcel, instant("2026-11-24T09:00:05Z")).await
}

#[track_caller]
fn accepted(delivered: &Delivered) {
    assert!(matches!(delivered.outcome, Outcome::Accepted { .. }), "{delivered:?}");
}

/// No login and no mail before TLS, not even from a polite client.
async fn nothing_is_taken_in_the_clear(place: &Place) {
    let hello = "EHLO [127.0.0.1]";
    for line in ["AUTH PLAIN AGJsb2IAcmlnaHQ=", "MAIL FROM:<a@b.example>"] {
        let answer = place.say(&[hello, line]).await.expect("an answer");
        assert!(answer.starts_with('5'), "{line}: {answer}");
    }
}

/// A login that is wrong is held, and a right one is taken.
async fn a_login_is_asked_for(port: u16, tls: SmtpTls, ca_pem: &str) {
    let with = |password: &str| {
        let login = MailLogin::password("blob", password);
        config(port, tls, |smtp| (smtp.login, smtp.ca_pem) = (Some(login), Some(ca_pem.to_owned())))
    };
    let refused = deliver(&with("wrong"), &parcel("login.1", "a@myorg.co", None)).await;
    assert!(matches!(&refused.outcome, Outcome::Held { reason, .. } if reason.contains("535")), "{refused:?}");
    accepted(&deliver(&with("right"), &parcel("login.2", "a@myorg.co", None)).await);
    let nobody = config(port, tls, |smtp| smtp.ca_pem = Some(ca_pem.to_owned()));
    let refused = deliver(&nobody, &parcel("login.3", "a@myorg.co", None)).await;
    assert!(!matches!(refused.outcome, Outcome::Accepted { .. }), "{refused:?}");
}

/// A relay that does not know us yet says no without a certificate that it could show.
async fn an_unknown_certificate_is_held(port: u16, tls: SmtpTls) {
    let held = deliver(&config(port, tls, |_| {}), &parcel("tls.1", "a@myorg.co", None)).await;
    assert!(matches!(&held.outcome, Outcome::Held { reason, .. } if reason.contains("mail.ca_file")), "{held:?}");
}

/// More mails at once than connections are taken: all arrive, and none fails.
async fn a_crowd_gets_through(carriers: &Carriers) {
    let parcels: Vec<_> = (0..30).map(|n| parcel(&format!("crowd.{n}"), &format!("p{n}@myorg.co"), None)).collect();
    let mut left: Vec<&Parcel> = parcels.iter().collect();
    for minute in 0..10 {
        let now = instant("2026-11-24T10:00:00Z") + jiff::SignedDuration::from_mins(minute);
        let email = EmailSettings::default();
        let destination = Destination::Email(email);
        let delivered = join_all(left.iter().map(|parcel| carriers.deliver(&destination, parcel, now))).await;
        let again = left.iter().zip(&delivered).filter(|(_, delivered)| match &delivered.outcome {
            Outcome::Accepted { .. } => false,
            Outcome::Held { by_hand: false, .. } => true,
            other => panic!("{other:?}"),
        });
        left = again.map(|(parcel, _)| *parcel).collect();
        if left.is_empty() {
            return;
        }
    }
    panic!("{} mails never got through", left.len());
}

/// A file that is too big is left out; the words arrive.
async fn a_file_that_is_too_big_is_left_out(carriers: &Carriers, folder: &Path) {
    let file = folder.join("big");
    std::fs::write(&file, vec![7; 300_000]).expect("writes");
    let delivered = deliver(carriers, &parcel("size.1", "a@myorg.co", Some(&file))).await;
    accepted(&delivered);
    assert_eq!(delivered.warnings, ["attachmentTooLarge"]);
    std::fs::write(&file, vec![7; 100_000]).expect("writes");
    let delivered = deliver(carriers, &parcel("size.2", "a@myorg.co", Some(&file))).await;
    accepted(&delivered);
    assert!(delivered.warnings.is_empty());
}

/// A mail that is put off comes again after five minutes, and is taken once `relents` was called.
async fn greylisting_is_waited_for(carriers: &Carriers, relents: impl FnOnce()) {
    let parcel = parcel("grey.1", "grey@myorg.co", None);
    let put_off = deliver(carriers, &parcel).await;
    let Outcome::Retry { not_before: Some(at), .. } = &put_off.outcome else { panic!("{put_off:?}") };
    assert!(*at >= instant("2026-11-24T09:05:05Z"), "{at}");
    relents();
    accepted(&deliver(carriers, &parcel).await);
}

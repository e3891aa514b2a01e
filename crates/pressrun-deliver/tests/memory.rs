//! What mails on their way take of this machine. A program of its own, because memory is a process's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, reason = "tests")]

use std::sync::Arc;

use futures::future::join_all;
use pressrun_deliver::{CarrierConfig, Carriers, MailConfig, Parcel, ParcelFile, SmtpConfig, SmtpTls};
use pressrun_domain::delivery::{Message, Outcome};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_testkit::{SmtpScript, SmtpSink, instant, temp_dir};

const MAILS: usize = 72;
const FILE_BYTES: u64 = 18 << 20;
const MEMORY_BYTES_MAX: u64 = 200 << 20;

/// The most memory that this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_seventy_two_mails_of_18_mb_in_flight_take_less_than_200_mb() {
    let spool = temp_dir();
    let path = spool.path().join("artifact");
    std::fs::File::create(&path).and_then(|file| file.set_len(FILE_BYTES)).expect("a file");
    // Nobody's mail is answered before all are under way.
    let sink = SmtpSink::start(SmtpScript { forgets_content: true, together: Some(MAILS), ..SmtpScript::default() }).await;
    let mut smtp = SmtpConfig::new("127.0.0.1", sink.port(), SmtpTls::None, "reports@myorg.co");
    smtp.pace.connections = MAILS;
    let carriers = Arc::new(Carriers::new(CarrierConfig::new(MailConfig::Smtp(Box::new(smtp)))).expect("a valid configuration"));
    let email = Destination::Email(EmailSettings::default());
    let mails = (0..MAILS).map(|n| {
        let artifact = ParcelFile {
            path: path.clone(),
            name: "Orders.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            bytes: FILE_BYTES,
            sha256: String::new(),
        };
        let parcel = Parcel {
            idempotency_key: format!("run-7.{n}"),
            run_id: RunId::generate(),
            delivery_id: DeliveryId::generate(),
            schedule_id: ScheduleId::generate(),
            schedule_name: "Orders".to_owned(),
            scheduled_for: instant("2026-11-24T09:00:00Z"),
            format: Format::Pdf,
            target: format!("blob{n}@myorg.co"),
            message: Message { subject: "Orders".to_owned(), text: "Here they are.".to_owned(), ..Message::default() },
            trace: None,
            inline_png: None,
            artifact: Some(artifact),
        };
        let (carriers, email) = (Arc::clone(&carriers), email.clone());
        tokio::spawn(async move { carriers.deliver(&email, &parcel, instant("2026-11-24T09:00:05Z")).await })
    });
    for delivered in join_all(mails).await {
        let delivered = delivered.expect("no panic");
        assert!(matches!(delivered.outcome, Outcome::Accepted { .. }), "{delivered:?}");
    }
    assert_eq!(sink.connections(), MAILS, "all were under way at once");
    assert!(sink.bytes() > MAILS as u64 * FILE_BYTES, "the files were really sent");
    println!("peak {} MiB", peak() >> 20);
    assert!(peak() < MEMORY_BYTES_MAX, "{} MiB", peak() >> 20);
}

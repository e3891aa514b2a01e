//! The program dies by SIGKILL at every step of a run and is started again: real receivers count what came.
//!
//! Nothing is lost, nothing comes twice under one mark, but for the one piece that was under way when its answer could not be written down:
//! that one is repeated with the same mark and the same bytes.

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{Run, RunKind, RunStatus};
use pressrun_domain::schedule::{Definition, SystemDisabledReason};
use pressrun_engine::fail::FailPoint;
use pressrun_testkit::{HttpAnswer, ReceivedMail};

use crate::people::email_only;
use crate::process::{Site, eventually};
use crate::world::ended;

/// One piece after the other, so that one is under way at most.
const ONE_AT_A_TIME: &str = "lease_seconds = 60\nparallel_deliveries = 1";

/// Every place that a run comes by which has one audience and ends with its last answer.
fn points() -> impl Iterator<Item = FailPoint> {
    FailPoint::ALL.into_iter().filter(|point| !matches!(point, FailPoint::BetweenAudiences | FailPoint::BeforeFinish))
}

/// Dies at `point`, starts again, and waits for the end of the run. Its lease is a minute long: nobody waits for it to lapse.
async fn die_and_go_on(site: &Site, definition: Definition, point: &str) -> (ScheduleId, Run, Vec<Delivery>) {
    let schedule = site.due_once(definition).await;
    site.start(Some(point)).killed().await;
    let again = site.start(None);
    let (run, deliveries) = site.ended(schedule).await;
    again.stop().await;
    (schedule, run, deliveries)
}

fn assert_all_accepted(run: &Run, deliveries: &[Delivery], point: &str) {
    assert_eq!(ended(run).0, RunStatus::Complete, "{point}: {:?}", run.record);
    for delivery in deliveries {
        assert!(matches!(delivery.state, DeliveryState::Accepted { .. }), "{point}: {delivery:?}");
    }
}

/// How often a piece may come when the process died at `point` for the `time`th time, being the `number`th piece.
fn times(point: FailPoint, time: usize, number: usize) -> usize {
    if point == FailPoint::AfterAnswer && time == number { 2 } else { 1 }
}

/// A mail without the one line that says when it was sent.
fn without_date(mail: &ReceivedMail) -> String {
    mail.text().lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
}

/// The mails that carry the mark of a piece.
fn mails_of(site: &Site, delivery: &Delivery) -> Vec<ReceivedMail> {
    let mut mails = site.smtp.mails();
    mails.retain(|mail| mail.header("Message-ID").is_some_and(|id| id.contains(&delivery.idempotency_key)));
    mails
}

fn assert_mails(site: &Site, delivery: &Delivery, count: usize, point: &str) {
    let mine = mails_of(site, delivery);
    assert_eq!(mine.len(), count, "{point}: {}", delivery.target);
    assert!(mine.iter().all(|mail| without_date(mail) == without_date(&mine[0])), "{point}: the same bytes");
}

#[tokio::test]
async fn i6_i7_mail_is_neither_lost_nor_doubled_wherever_the_process_dies() {
    let site = Site::new(ONE_AT_A_TIME).await;
    let people = ["a@x.example", "b@x.example", "c@x.example"];
    let mut expected = 0;
    for point in points() {
        // The second piece of three, where there is a second.
        let time = if matches!(point, FailPoint::BeforeAttempt | FailPoint::AfterBegin | FailPoint::AfterAnswer | FailPoint::AfterAttempt) {
            2
        } else {
            1
        };
        let name = format!("{}:{time}", point.as_str());
        let (_, run, deliveries) = die_and_go_on(&site, Site::email(&people), &name).await;
        assert_all_accepted(&run, &deliveries, &name);
        assert_eq!(deliveries.len(), people.len(), "{name}");
        for (number, delivery) in (1..).zip(&deliveries) {
            assert_mails(&site, delivery, times(point, time, number), &name);
            expected += times(point, time, number);
        }
    }
    assert_eq!(site.smtp.mails().len(), expected, "and no mail besides");
}

#[tokio::test]
async fn i6_i7_a_webhook_is_neither_lost_nor_doubled_wherever_the_process_dies() {
    let site = Site::new(ONE_AT_A_TIME).await;
    let mut expected = 0;
    for point in points() {
        let (_, run, deliveries) = die_and_go_on(&site, site.webhook(), point.as_str()).await;
        assert_all_accepted(&run, &deliveries, point.as_str());
        let requests = site.http.requests();
        let mark = deliveries[0].idempotency_key.as_str();
        let mine: Vec<_> = requests.iter().filter(|request| request.header("idempotency-key") == Some(mark)).collect();
        assert_eq!(mine.len(), times(point, 1, 1), "{}", point.as_str());
        assert!(mine.iter().all(|request| request.body == mine[0].body), "{}: the same bytes", point.as_str());
        expected += mine.len();
    }
    assert_eq!(site.http.requests().len(), expected, "and nothing besides");
}

#[tokio::test]
async fn i6_i7_an_upload_is_neither_lost_nor_doubled_wherever_the_process_dies() {
    let site = Site::new(ONE_AT_A_TIME).await.with_sshd();
    for (number, point) in points().enumerate() {
        let mut definition = site.sftp();
        definition.name = format!("daily {}", point.as_str());
        let (_, run, deliveries) = die_and_go_on(&site, definition, point.as_str()).await;
        assert_all_accepted(&run, &deliveries, point.as_str());
        let artifact = deliveries[0].artifact.as_ref().unwrap();
        let uploads = site.uploads();
        assert_eq!(uploads.len(), number + 1, "{}: one whole file each, and no half one: {uploads:?}", point.as_str());
        let (_, bytes) = uploads.iter().find(|(name, _)| *name == artifact.name).unwrap();
        assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes)), artifact.sha256, "{}", point.as_str());
    }
}

#[tokio::test]
async fn s10_the_owner_hears_of_a_failure_once_wherever_the_process_dies() {
    let site = Site::new(ONE_AT_A_TIME).await;
    site.http.always(HttpAnswer::new(400, "no"));
    for point in ["after_attempt", "before_finish", "after_finish"] {
        let (mails, requests) = (site.smtp.mails().len(), site.http.requests().len());
        let schedule = site.due_once(site.webhook()).await;
        site.start(Some(point)).killed().await;
        let again = site.start(None);
        let (run, _) = site.ended(schedule).await;
        let notice = told(&site, &run).await;
        again.stop().await;
        assert_eq!(ended(&run).0, RunStatus::Error, "{point}");
        assert_eq!(site.http.requests().len() - requests, 1, "{point}: what was refused is not sent again");
        assert_eq!(site.smtp.mails().len() - mails, 1, "{point}");
        let sent = site.smtp.mails().pop().unwrap();
        assert!(sent.header("Message-ID").is_some_and(|id| id.contains(&notice.to_string())), "{point}: {}", sent.text());
    }
}

/// Waits until the owner was told of a run; returns the notice's id.
async fn told(site: &Site, run: &Run) -> pressrun_domain::id::DeliveryId {
    eventually("the owner is told", async || {
        let notices = site.store.notices_of(run.id).await.unwrap();
        notices.into_iter().find(|notice| matches!(notice.state, DeliveryState::Accepted { .. })).map(|notice| notice.id)
    })
    .await
}

#[tokio::test]
async fn x1_a_schedule_is_switched_off_also_when_the_process_dies_over_its_notice() {
    let site = Site::new(ONE_AT_A_TIME).await;
    let mut definition = site.webhook();
    definition.identifier = "no-such-dashboard".into();
    let schedule = site.due_once(definition).await;
    // What is published is checked at start too; the run has to be queued before.
    let stored = site.store.schedule(schedule).await.unwrap().unwrap();
    let run = Run::queued(schedule, stored.definition, RunKind::Manual, stored.created_at);
    site.store
        .enqueue(&pressrun_store::Enqueue { run }, &pressrun_store::sample::change_at(Verb::RunTriggered, stored.created_at))
        .await
        .unwrap();
    // A dashboard may be away for moments; not here.
    let start = |point| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pressrun"));
        command.env("PRESSRUN_CATALOG__SETTLE_SECONDS", "0");
        crate::process::Server::start(command, site.dir.path(), point)
    };
    start(Some("before_finish")).killed().await;
    let again = start(None);
    let (run, _) = site.ended(schedule).await;
    again.stop().await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("missingQuery")));
    let saved = site.store.schedule(schedule).await.unwrap().unwrap();
    assert_eq!(saved.system_disabled.map(|disabled| disabled.reason), Some(SystemDisabledReason::MissingQuery));
    assert!(site.smtp.mails().len() <= 1, "said once, by the run or by the publication that came first");
}

#[tokio::test]
async fn i6_p4_a_personal_run_that_dies_between_two_promises_sends_each_copy_once() {
    let site = Site::new(ONE_AT_A_TIME).await;
    let people: [(&str, Option<&[&str]>); 4] = [
        ("us@x.example", Some(&["US"])),
        ("eu@x.example", Some(&["EU"])),
        ("both@x.example", Some(&["EU", "US"])),
        ("too@x.example", Some(&["US"])),
    ];
    let recipients = email_only(site.store.as_ref(), &people).await;
    // Three audiences: the first has its pieces in the ledger, or the first two, when the process dies; some of them may have been sent by then,
    // and one may be under way: nobody knows whether that one arrived, and it comes again under its mark.
    let points = [
        "before_promise:2",
        "before_promise:3",
        "after_query:2",
        "after_render:3",
        "amid_promises:2",
        "between_audiences:1",
        "between_audiences:3",
        "after_begin:1",
        "after_answer:1",
        "after_attempt:1",
    ];
    for point in points {
        let mut definition = Site::email(&[]);
        if let Destination::Email(email) = &mut definition.destination {
            (email.fan_out, email.recipients) = (true, recipients.clone());
        }
        let before = site.smtp.mails().len();
        let (_, run, deliveries) = die_and_go_on(&site, definition, point).await;
        assert_all_accepted(&run, &deliveries, point);
        let prepared = (run.record.artifacts.len(), run.record.tiles.len());
        assert_eq!((deliveries.len(), prepared), (4, (3, 6)), "{point}: each audience is prepared once");
        let mut came = 0;
        for delivery in &deliveries {
            let unknown = delivery.attempts.iter().filter(|attempt| attempt.outcome.is_none()).count();
            let copies = mails_of(&site, delivery).len();
            let possible = 1..=1 + unknown;
            assert!(possible.contains(&copies), "{point}: {copies} of {delivery:?}");
            assert_mails(&site, delivery, copies, point);
            came += copies;
        }
        assert_eq!(site.smtp.mails().len() - before, came, "{point}");
        match point {
            // It was accepted, and that was not written down.
            "after_answer:1" => assert_eq!(came, 5),
            "after_begin:1" | "after_attempt:1" => assert_eq!(came, 4, "{point}"),
            _ => assert!(came <= 5, "{point}: one at a time"),
        }
    }
}

//! Sample entities for tests, this crate's and others'. Every id is new, every other field is fixed.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "fixed texts that are known to parse; tests only")]

use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::audience::OWNERS;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::condition::{Condition, ConditionKind};
use pressrun_domain::delivery::{Delivery, DeliveryState, Message};
use pressrun_domain::destination::{
    Destination, EmailSettings, Person, Recipient, S3Settings, SftpSettings, SlackRecipientType, SlackSettings, WebhookSettings,
};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{ApiKeyId, DeliveryId, MembershipId, RecipientId, RunId, ScheduleId, UserId};
use pressrun_domain::key::{ApiKey, KeyKind, Scopes};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::{ArtifactRecord, Run, RunKind, RunRecord, RunStatus};
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::SftpQuirks;
use uuid::Uuid;

use crate::{DueSchedule, Enqueue, ListQuery, Names, Notices, PlannedOccurrence, PlannedSchedule, Planning, RunEnd, Sealer, SealingKey};

/// 2025-07-24T09:00:00Z: when samples are due.
pub const NINE: &str = "2025-07-24T09:00:00Z";

/// An instant, from its RFC 3339 text.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// `seconds` after [`NINE`].
#[must_use]
pub fn after(seconds: i64) -> Timestamp {
    at(NINE) + jiff::SignedDuration::from_secs(seconds)
}

/// An address.
#[must_use]
pub fn email(text: &str) -> EmailAddress {
    text.parse().expect("an address")
}

/// The member numbered `number`, always of the same id.
#[must_use]
pub fn member(number: u128) -> MembershipId {
    MembershipId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + number))
}

/// What Pressrun itself does at [`NINE`].
#[must_use]
pub fn change(verb: Verb) -> Change {
    change_at(verb, at(NINE))
}

/// What Pressrun itself does at `now`.
#[must_use]
pub fn change_at(verb: Verb, now: Timestamp) -> Change {
    Change::by_system(verb, now)
}

/// A sealer with a fixed key.
#[must_use]
pub fn sealer() -> Sealer {
    Sealer::new(vec![SealingKey::new(&[7; 32])]).expect("one key")
}

/// A definition of this name: daily at nine, a pdf by mail to `blob@myorg.co`, of dashboard `12db1a0a`, owned by `member(1)`.
#[must_use]
pub fn definition(name: &str) -> Definition {
    Definition {
        name: name.into(),
        identifier: "12db1a0a".into(),
        owner: member(1),
        cron: "0 9 ? * * *".into(),
        timezone: "UTC".into(),
        timezone_override: None,
        format: Format::Pdf,
        options: OutputOptions::default(),
        tile: None,
        filters: IndexMap::new(),
        condition: None,
        kill_jobs_on_failure: false,
        destination: to_members(&["blob@myorg.co"]),
        worthless_after: None,
        link_epoch: 0,
    }
}

/// A schedule of this name, due at [`NINE`]; see [`definition`].
#[must_use]
pub fn schedule(name: &str) -> Schedule {
    let made = at("2025-07-01T00:00:00Z");
    Schedule {
        id: ScheduleId::generate(),
        definition: definition(name),
        disabled_at: None,
        system_disabled: None,
        created_at: made,
        updated_at: made,
        version: 1,
        next_at: Some(at(NINE)),
        last_run: None,
    }
}

/// Names of the catalog for [`schedule`].
#[must_use]
pub fn names() -> Names {
    Names { dashboard: "Blob Sales".into(), owner: "Blob Ross".into(), condition_query: None }
}

/// A condition on the tile `2`.
#[must_use]
pub fn condition(kind: ConditionKind) -> Condition {
    Condition { kind, tile: "2".into() }
}

/// A place on a list.
#[must_use]
pub fn recipient(address: &str, person: Person) -> Recipient {
    Recipient { id: RecipientId::generate(), email: email(address), person }
}

/// Mail to members with these addresses.
#[must_use]
pub fn to_members(addresses: &[&str]) -> Destination {
    to(addresses.iter().map(|address| recipient(address, Person::Member(MembershipId::generate()))).collect())
}

/// Mail to email-only users.
#[must_use]
pub fn to_users(users: &[(&str, UserId)]) -> Destination {
    to(users.iter().map(|(address, user)| recipient(address, Person::EmailOnly(*user))).collect())
}

fn to(recipients: Vec<Recipient>) -> Destination {
    Destination::Email(EmailSettings { recipients, subject: "Blobs".into(), ..EmailSettings::default() })
}

/// An SFTP server with a password.
#[must_use]
pub fn sftp(password: &str) -> Destination {
    Destination::Sftp(SftpSettings {
        address: "sftp.blobsrus.com".into(),
        port: 22,
        username: "blobby".into(),
        password: Some(Secret::new(password)),
        private_key: None,
        passphrase: None,
        path: None,
        host_key: None,
        quirks: SftpQuirks::default(),
    })
}

/// A webhook with signing secrets.
#[must_use]
pub fn webhook(secrets: &[&str]) -> Destination {
    let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    Destination::Webhook(WebhookSettings::new("https://hooks.blobsrus.com/in", secrets))
}

/// A Slack channel.
#[must_use]
pub fn slack() -> Destination {
    let recipients = vec!["C0123456789".into()];
    Destination::Slack(SlackSettings { recipient_type: SlackRecipientType::Channel, recipients, text_body: None })
}

/// A bucket.
#[must_use]
pub fn s3() -> Destination {
    Destination::S3(S3Settings {
        bucket_name: "blob-reports".into(),
        region: "us-east-1".into(),
        role_arn: "arn:aws:iam::123456789012:role/blob".into(),
        key_prefix: None,
        filename: None,
    })
}

/// The schedule as planning sees it; `None` when it has no next instant.
pub async fn due<S: Planning + ?Sized>(store: &S, schedule: &Schedule) -> Option<DueSchedule> {
    for due in store.due_schedules(Timestamp::MAX, Timestamp::MIN, 100_000).await.expect("readable") {
        if store.schedule_of(due.key).await.expect("readable") == Some(schedule.id) {
            return Some(due);
        }
    }
    None
}

/// The one occurrence of a schedule at its next instant, and the next a day later.
#[must_use]
pub fn planned(schedule: DueSchedule) -> PlannedSchedule {
    let at = schedule.from;
    PlannedSchedule {
        schedule,
        starts: vec![PlannedOccurrence { at, dst: None }],
        missed: Vec::new(),
        through: at,
        next_at: Some(at + jiff::SignedDuration::from_hours(24)),
    }
}

/// Plans each of these schedules at its next instant, and releases what is ready at `now`; returns how many runs were queued.
pub async fn occur<S: Planning + ?Sized>(store: &S, schedules: &[&Schedule], now: Timestamp) -> u32 {
    let mut plans = Vec::new();
    for due in store.due_schedules(Timestamp::MAX, Timestamp::MIN, 100_000).await.expect("readable") {
        let id = store.schedule_of(due.key).await.expect("readable");
        if schedules.iter().any(|schedule| Some(schedule.id) == id) {
            plans.push(planned(due));
        }
    }
    store.plan(&plans, now).await.expect("planned");
    store.release_planned(now, Timestamp::MIN, 100_000).await.expect("released").queued
}

/// A notice about a schedule to its owner, due at `now`.
#[must_use]
pub fn notice(schedule: ScheduleId, now: Timestamp) -> Notice {
    Notice {
        id: DeliveryId::generate(),
        kind: NoticeKind::ScheduleUnplannable,
        schedule,
        run: None,
        to: NoticeTo::Owner(email("blob@myorg.co")),
        subject: "Cannot be planned".into(),
        text: "It cannot be planned.".into(),
        body: "{}".into(),
        created_at: now,
        state: DeliveryState::Pending { not_before: now },
        attempts: Vec::new(),
    }
}

/// Claims every notice of both lanes that is due at `now`.
///
/// # Panics
/// The store failed.
pub async fn claim_notices(store: &(impl Notices + ?Sized), now: Timestamp, hidden_until: Timestamp) -> Vec<Notice> {
    let mut claimed = Vec::new();
    for lane in NoticeLane::ALL {
        claimed.append(&mut store.claim_notices(lane, now, hidden_until, 9).await.expect("the store answers"));
    }
    claimed
}

/// A queued run of `schedule`, promised at `now`.
#[must_use]
pub fn run(schedule: &Schedule, kind: RunKind, now: Timestamp) -> Run {
    Run::queued(schedule.id, schedule.definition.clone(), kind, now)
}

/// A manual trigger of `schedule`.
#[must_use]
pub fn manual(schedule: &Schedule, now: Timestamp) -> Enqueue {
    Enqueue { run: run(schedule, RunKind::Manual, now) }
}

/// A test of `definition`: its schedule id is of no schedule.
#[must_use]
pub fn test_delivery(definition: Definition, now: Timestamp) -> Enqueue {
    let unsaved = Schedule { definition, ..schedule("test") };
    Enqueue { run: run(&unsaved, RunKind::Test, now) }
}

/// A rendered file with this hash.
#[must_use]
pub fn artifact(sha256: &str) -> ArtifactRecord {
    ArtifactRecord {
        audience: OWNERS.into(),
        name: "Blob Sales.pdf".into(),
        media_type: "application/pdf".into(),
        bytes: 1234,
        sha256: sha256.into(),
        pages: 1,
        ms: 5,
    }
}

/// A piece owed to `target` from [`NINE`] on.
#[must_use]
pub fn piece(run: RunId, target: &str) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        run,
        target: target.into(),
        audience: String::new(),
        artifact: Some(artifact("aa11")),
        idempotency_key: format!("{run}.{target}"),
        message: Message { subject: "Blobs".into(), text: "Here they are".into(), ..Message::default() },
        state: DeliveryState::Pending { not_before: at(NINE) },
        attempts: Vec::new(),
    }
}

/// An ending with nothing to add.
#[must_use]
pub fn end(status: RunStatus) -> RunEnd {
    RunEnd { status, reason: None, record: RunRecord::default(), judged: Vec::new(), disable: None, notices: Vec::new() }
}

/// The first page of the list, by schedule name upwards, without filters.
#[must_use]
pub fn list() -> ListQuery {
    ListQuery::all(20)
}

/// A key of `member(1)`.
#[must_use]
pub fn api_key(kind: KeyKind, created_at: Timestamp) -> ApiKey {
    ApiKey {
        id: ApiKeyId::generate(),
        kind,
        member: member(1),
        name: "ci".into(),
        prefix: "prk_1234".into(),
        scopes: Scopes::ALL,
        created_at,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

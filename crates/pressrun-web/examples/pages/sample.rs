//! The sample catalog with schedules and runs of every kind, some of them with hostile names: for the tests, and for looking at.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "samples; they are known to be right")]
#![allow(dead_code, unreachable_pub, reason = "the tests and the example each use a part")]

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_api::{ApiState, ArtifactSource};
use pressrun_domain::audit::Verb;
use pressrun_domain::clock::Clock;
use pressrun_domain::condition::{ConditionKind, Judgement};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::destination::{Destination, Person};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, MembershipId, RecipientId, RunId, ScheduleId, WorkerId};
use pressrun_domain::key::{ApiKey, KeyKind};
use pressrun_domain::run::{ConditionRecord, RunRecord, RunStatus, TileRecord};
use pressrun_domain::schedule::{FilterConfig, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_store::{
    Keys, MissedOccurrences, Names, PlannedOccurrence, PlannedSchedule, Planning as _, RunEnd, Runs, Schedules, SqliteStore, StoreError,
    sample,
};
use pressrun_web::{DashboardError, DashboardPage, DashboardSource, DashboardView, FilterLine, LinkError, SharedView, WebState};
use sha2::{Digest, Sha256};

/// A name that must stay a name.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}fdp";
/// The hash of the sample artifact.
pub const ARTIFACT: &str = "a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5";
/// The signature that unsubscribes.
pub const SIGNATURE: &str = "5160";
/// A webhook secret and an SFTP password that no page may show.
pub const SECRET: &str = "1am@g00dBL0b";

/// Pages over samples.
pub struct Site {
    pub state: WebState,
    pub store: Arc<SqliteStore>,
    /// Tokens of an admin, of a member of `sales`, and of one who is in no group.
    pub admin: &'static str,
    pub sales: &'static str,
    pub guest: &'static str,
    /// A mail schedule with a hostile name on `12db1a0a`.
    pub open: ScheduleId,
    /// Its run, delivered after a retry.
    pub run: RunId,
    /// Its first recipient.
    pub recipient: RecipientId,
    /// An SFTP schedule on `da115a1c`, which only `sales` may see.
    pub closed: ScheduleId,
}

pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        sample::after(3 * 3600)
    }

    fn sleep_until(&self, _instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// Shows the same tiles for everything, and repeats the filters it was asked for.
pub struct Boards(pub Vec<DashboardPage>);

#[async_trait]
impl DashboardSource for Boards {
    async fn dashboard(
        &self,
        identifier: &DocumentIdentifier,
        filters: &FilterConfig,
        member: MembershipId,
    ) -> Result<DashboardView, DashboardError> {
        if filters.values().any(|value| value.to_string().contains("boom")) {
            return Err(DashboardError::Filters(format!("boom is no region {HOSTILE}")));
        }
        let asked = serde_json::to_string(filters).unwrap();
        Ok(DashboardView {
            title: format!("Orders {identifier}"),
            description: Some("Orders and revenue by month, region and status.".into()),
            as_of_text: "Thu 24 Jul 2025, 08:00 EDT".into(),
            zone: "America/New_York".into(),
            filters: vec![
                FilterLine { key: "region".into(), label: "Region".into(), value: asked },
                FilterLine { key: "status".into(), label: "Status".into(), value: String::new() },
            ],
            pages: self.0.clone(),
            notes: vec![format!("Shown for {member}")],
        })
    }

    /// A link for each answer: `good`, `expired`, `withdrawn`, `busy`, `broken`; every other one is not ours.
    async fn shared(&self, token: &str, filters: &str) -> Result<SharedView, LinkError> {
        match token {
            "good" => {}
            "expired" => return Err(LinkError::Expired),
            "withdrawn" => return Err(LinkError::Withdrawn),
            "busy" => return Err(LinkError::Dashboard(DashboardError::Busy)),
            "broken" => return Err(LinkError::Dashboard(DashboardError::Failed(format!("table finance.{HOSTILE} is gone")))),
            _ => return Err(LinkError::Unknown),
        }
        let filters: FilterConfig = serde_json::from_str(filters).unwrap_or_default();
        let mut view = self.dashboard(&"12db1a0a".into(), &filters, MembershipId::generate()).await.unwrap();
        view.title = HOSTILE.into();
        view.notes.clear();
        Ok(SharedView { view, organization: HOSTILE.into(), expires: sample::after(30 * 86_400) })
    }
}

/// Keeps one file.
pub struct OneFile(pub PathBuf);

#[async_trait]
impl ArtifactSource for OneFile {
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, StoreError> {
        Ok((sha256 == ARTIFACT).then(|| self.0.clone()))
    }
}

/// Fills an in-memory store and puts pages around it; `dir` holds the catalog and one artifact.
pub async fn site(dir: &Path, tiles: Vec<DashboardPage>) -> Site {
    let catalog_dir = dir.join("catalog");
    pressrun_catalog::sample::write(&catalog_dir).unwrap();
    let catalog = Arc::new(pressrun_catalog::load(&catalog_dir).expect("the sample catalog"));
    let file = dir.join("artifact");
    std::fs::write(&file, b"%PDF-1.7 sample").unwrap();
    let member = |address: &str| catalog.member_by_email(&address.parse::<EmailAddress>().unwrap()).unwrap().id;
    let (ross, hill, sato) = (member("blob.ross@myorg.co"), member("blobby.hill@myorg.co"), member("blob.sato@myorg.com"));
    let store = Arc::new(SqliteStore::open_in_memory(sample::sealer()).await.unwrap());
    for (token, kind, member) in
        [("admin", KeyKind::Organization, ross), ("sales", KeyKind::Personal, hill), ("guest", KeyKind::Personal, sato)]
    {
        let key = ApiKey { member, ..sample::api_key(kind, sample::at(sample::NINE)) };
        store.insert_key(&key, Sha256::digest(token.as_bytes()).into(), &sample::change(Verb::KeyCreated)).await.unwrap();
    }
    let people = vec![
        sample::recipient("blobina@blobsrus.com", Person::Member(hill)),
        sample::recipient("blob.sato@myorg.com", Person::Member(sato)),
    ];
    let recipient = people[0].id;
    let mut open = schedule(HOSTILE, ross, "America/New_York");
    if let Destination::Email(mail) = &mut open.definition.destination {
        mail.recipients = people;
        mail.subject = format!("{HOSTILE} {{{{ now }}}}");
    }
    open.definition.filters =
        serde_json::from_str(r#"{"region": {"type": "string", "kind": "EQUALS", "values": ["US", "<b>CA</b>"]}}"#).unwrap();
    let run = delivered(&store, &open).await;
    let mut closed = schedule("Nightly files for finance", ross, "Europe/Berlin");
    closed.definition.identifier = "da115a1c".into();
    closed.definition.cron = "30 2 ? * * *".into();
    closed.definition.destination = sample::sftp(SECRET);
    closed.definition.format = pressrun_domain::output::Format::Csv;
    closed.next_at = Some(sample::at("2025-07-25T00:30:00Z"));
    insert(&store, &closed).await;
    let mut hook = schedule("Revenue to the data lake", hill, "UTC");
    hook.definition.destination = sample::webhook(&[SECRET]);
    hook.disabled_at = Some(sample::at(sample::NINE));
    insert(&store, &hook).await;
    let mut alert = schedule("Stock alert", hill, "Asia/Tokyo");
    alert.definition.condition = Some(pressrun_domain::condition::Condition { kind: ConditionKind::ResultsPresent, tile: "1".into() });
    alert.definition.destination = sample::slack();
    unmet(&store, &alert).await;
    let api_catalog = Arc::clone(&catalog);
    let api = ApiState {
        store: store.clone(),
        catalog: Arc::new(move || Arc::clone(&api_catalog)),
        clock: Arc::new(Still),
        urls: Arc::new(pressrun_api::AllowAll),
        artifacts: Arc::new(OneFile(file)),
        engine: Arc::new(pressrun_api::NoEngine),
        wake: Arc::default(),
        config: pressrun_api::ApiConfig::default(),
    };
    Site {
        state: WebState {
            store: store.clone(),
            catalog: Arc::new(move || catalog.clone()),
            clock: Arc::new(Still),
            dashboards: Arc::new(Boards(tiles)),
            unsubscribe: Arc::new(|_, _, signature| signature == SIGNATURE),
            door: pressrun_api::Door::new(&api),
            api: api.clone(),
            sessions: pressrun_web::SessionLimits::default(),
            session_key: Secret::new("session key of the samples"),
            public_url: "http://127.0.0.1:8080".into(),
        },
        store,
        admin: "admin",
        sales: "sales",
        guest: "guest",
        open: open.id,
        run,
        recipient,
        closed: closed.id,
    }
}

fn schedule(name: &str, owner: MembershipId, zone: &str) -> Schedule {
    let mut schedule = sample::schedule(name);
    schedule.definition.owner = owner;
    schedule.definition.timezone = zone.into();
    schedule
}

async fn insert(store: &SqliteStore, schedule: &Schedule) {
    let names = Names { dashboard: "Orders".into(), owner: "Blob Ross".into(), condition_query: None };
    store.insert_schedule(schedule, &names, &sample::change(Verb::ScheduleCreated)).await.unwrap();
}

/// Inserts `schedule` with a missed and a skipped occurrence and one run; returns the run's claim.
async fn claimed(store: &SqliteStore, schedule: &Schedule) -> pressrun_store::ClaimedRun {
    insert(store, schedule).await;
    let due = sample::due(store, schedule).await.unwrap();
    let missed = MissedOccurrences {
        run: RunId::generate(),
        last: PlannedOccurrence { at: due.from - SignedDuration::from_hours(24), dst: Some("dst_gap") },
        detail: "the service was down at the instant".to_owned(),
    };
    store.plan(&[PlannedSchedule { missed: vec![missed], ..sample::planned(due) }], sample::after(1)).await.unwrap();
    store.release_planned(sample::after(1), Timestamp::MIN, 1).await.unwrap();
    // Another instant comes while that run is under way.
    let next = sample::due(store, schedule).await.unwrap();
    let beside = PlannedOccurrence { at: due.from - SignedDuration::from_hours(48), dst: None };
    let plan = PlannedSchedule { starts: vec![beside], next_at: next.next_at, ..sample::planned(next) };
    store.plan(&[plan], sample::after(1)).await.unwrap();
    store.release_planned(sample::after(1), Timestamp::MIN, 1).await.unwrap();
    store.claim(WorkerId::generate(), sample::after(2), sample::after(600), 1).await.unwrap().remove(0)
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    let from = sample::after(10 + i64::from(number) * 40);
    Attempt { number, started_at: from, ended_at: Some(from + SignedDuration::from_millis(840)), outcome: Some(outcome) }
}

async fn delivered(store: &SqliteStore, schedule: &Schedule) -> RunId {
    let claim = claimed(store, schedule).await;
    let (run, lease) = (claim.run.id, claim.lease);
    let pieces: Vec<Delivery> = ["blobina@blobsrus.com", "blob.sato@myorg.com"]
        .iter()
        .map(|target| {
            let mut piece = sample::piece(run, target);
            piece.artifact = Some(sample::artifact(ARTIFACT));
            piece.message.subject = HOSTILE.into();
            piece
        })
        .collect();
    store.promise(&lease, &pieces).await.unwrap();
    let retry = Outcome::Retry { reason: format!("421 try later {HOSTILE}"), not_before: Some(sample::after(90)) };
    let taken = Outcome::Accepted { receipt: "250 2.0.0 Ok: queued as 4F2A91C0".into() };
    let refused = Outcome::Rejected { reason: "550 5.1.1 no such mailbox".into() };
    for (piece, tries) in pieces.iter().zip([vec![retry, taken], vec![refused]]) {
        let last = tries.len() as u32;
        for (number, outcome) in (1..).zip(tries) {
            let number = store.begin_attempt(&lease, piece.id, sample::after(10)).await.map_or(number, |number| number);
            let state = match &outcome {
                Outcome::Accepted { .. } => DeliveryState::Accepted { at: sample::after(95) },
                Outcome::Rejected { reason } => DeliveryState::Failed { at: sample::after(60), reason: reason.clone() },
                Outcome::Retry { .. } | Outcome::Held { .. } => DeliveryState::Pending { not_before: sample::after(90) },
            };
            assert!(number <= last);
            store.end_attempt(&lease, piece.id, &attempt(number, outcome), &state, &pressrun_store::Learnt::default()).await.unwrap();
        }
    }
    let mut record = RunRecord::default();
    record.note(sample::after(2), "claimed", Some("by worker 7".into()));
    record.note(sample::after(6), "queried", Some("2 tiles, 1,240 rows".into()));
    record.note(sample::after(9), "rendered", Some(format!("{HOSTILE} (1234 bytes)")));
    record.warn(format!("tile \"{HOSTILE}\" stopped at its limit of 1,000 rows"));
    for (title, rows, error) in [("Orders by month", 1_240, None), (HOSTILE, 0, Some("no such column: pice"))] {
        record.tiles.push(TileRecord {
            key: "1".into(),
            title: title.into(),
            audience: String::new(),
            rows,
            ms: 412,
            truncated: rows > 1_000,
            error: error.map(str::to_owned),
            quotes_data: false,
        });
    }
    record.artifacts.push(sample::artifact(ARTIFACT));
    record.error = Some("one of two recipients refused".into());
    store.finish(&lease, &RunEnd { record, ..sample::end(RunStatus::ErrorDelivered) }, sample::after(96)).await.unwrap();
    run
}

async fn unmet(store: &SqliteStore, schedule: &Schedule) {
    let claim = claimed(store, schedule).await;
    let mut record = RunRecord::default();
    record.conditions.push(ConditionRecord {
        audience: String::new(),
        tile: "1".into(),
        rows: 0,
        judgement: Judgement::Unmet,
        added: None,
        removed: None,
        kind: None,
        fingerprint: None,
        baseline: None,
    });
    store.finish(&claim.lease, &RunEnd { record, ..sample::end(RunStatus::ConditionUnmet) }, sample::after(4)).await.unwrap();
}

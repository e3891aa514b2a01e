//! A small company with one dashboard, and an engine that runs on a fake clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::CatalogHandle;
use pressrun_deliver::{CarrierConfig, Carriers, EgressPolicy, MailConfig, SmtpConfig, SmtpTls};
use pressrun_domain::audit::Verb;
use pressrun_domain::clock::Clock;
use pressrun_domain::condition::{Condition, ConditionKind};
use pressrun_domain::delivery::Delivery;
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient, WebhookSettings};
use pressrun_domain::id::{MembershipId, RecipientId, RunId, ScheduleId};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::{Run, RunKind, RunState, RunStatus};
use pressrun_domain::schedule::{Definition, FilterConfig, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_engine::content::Producer;
use pressrun_engine::executor::{ExecutorConfig, ExecutorPool};
use pressrun_engine::links::Links;
use pressrun_engine::pipeline::Context;
use pressrun_engine::spool::Spool;
use pressrun_engine::{Carrier, Engine, EngineConfig, publish};
use pressrun_store::{Enqueue, PostgresSettings, PostgresStore, Sealer, SealingKey, SqliteStore, Store};
use pressrun_testkit::{FakeClock, HttpReceiver, SmtpScript, SmtpSink, instant, postgres_of_tests};
use tempfile::TempDir;

/// When the tests begin: a Thursday.
pub(crate) const START: &str = "2025-07-24T08:30:00Z";

/// Blob Ross, admin and owner.
pub(crate) const OWNER: &str = "0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11";

/// Blobby Hill, a member.
pub(crate) const HILL: &str = "0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12";

const CONNECTIONS: &str = "
connections:
  files:
    kind: files
    folder: data
    timezone: UTC
    timeout_seconds: 5
";

const PEOPLE: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
attributes:
  region: { type: String, multiple_values: true }
members:
  - { id: 0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11, user_id: 0b10b001-77aa-4c55-8d10-5a2e8c1d9e21, name: Blob Ross, email: blob.ross@myorg.co, admin: true, attributes: { region: [US, EU] } }
  - { id: 0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12, user_id: 0b10b002-77aa-4c55-8d10-5a2e8c1d9e22, name: Blobby Hill, email: blobby.hill@myorg.co, attributes: { region: [US] } }
  - { id: 0b10b003-5f6e-4f0c-9a35-0b7f3f1f2a13, user_id: 0b10b003-77aa-4c55-8d10-5a2e8c1d9e23, name: Blob Gone, email: gone@myorg.co, active: false }
groups:
  - { id: 0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01, name: sales, members: [blob.ross@myorg.co] }
";

const SALES: &str = "
identifier: sales
name: Sales
connection: files
filters:
  region: { label: Region, type: string }
tiles:
  '1':
    title: Sales by region
    sql: |
      select region, sum(amount) as amount from sales
      where {{ filter('region', 'region') }} and {{ user_attribute('region', 'region') }}
      group by region order by region
    at: { x: 0, y: 4, w: 24, h: 8 }
  total:
    title: Total
    sql: select sum(amount) as amount from sales where {{ user_attribute('region', 'region') }}
    chart: { mark: kpi, value: amount }
    at: { x: 0, y: 0, w: 12, h: 4 }
  refunds:
    title: Refunds
    hidden: true
    sql: select day, amount from sales where amount < 0
    at: { x: 0, y: 12, w: 12, h: 4 }
  note:
    markdown: Numbers are **net**.
    at: { x: 12, y: 0, w: 12, h: 4 }
";

/// Each hostile tile is a document of its own; `mixed` has one good tile beside a bad one.
const HOSTILE: [(&str, &str); 6] = [
    ("never-yields", "select count(*) as n from range(3000000) a join range(3000000) b on a.value * b.value % 7 = a.value + b.value"),
    ("endless-repeat", "select repeat('x', 1900000000) as x"),
    ("unknown-column", "select regoin from sales"),
    ("unreadable", "select * from broken"),
    ("ddl", "create table x as select 1"),
    ("empty", "select * from sales where amount > 1000000"),
];

const SALES_CSV: &str = "day,region,amount\n2025-07-21,US,10\n2025-07-22,EU,20.5\n2025-07-23,US,30\n";

/// Everything a run touches.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<CatalogHandle>,
    pub(crate) engine: Engine,
    pub(crate) smtp: SmtpSink,
    pub(crate) http: HttpReceiver,
}

impl World {
    /// A world with default settings.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose settings are changed first.
    pub(crate) async fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_catalog(&dir.path().join("catalog"));
        let sealer = Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap();
        let store: Arc<dyn Store> = match postgres_of_tests().await {
            None => Arc::new(SqliteStore::open(&dir.path().join("pressrun.db"), sealer).await.unwrap()),
            Some(url) => Arc::new(PostgresStore::open(&PostgresSettings::new(url), sealer).await.unwrap().by_callers_clock()),
        };
        let clock = Arc::new(FakeClock::at(instant(START)));
        let smtp = SmtpSink::start(SmtpScript::default()).await;
        let http = HttpReceiver::start().await;
        let carriers = Arc::new(carriers(&smtp, &http));
        let mut config = EngineConfig::new("http://reports.example");
        config.mail_preview = false;
        change(&mut config);
        let (engine, catalog) = engine(&dir, &store, &clock, carriers, config);
        Self { dir, clock, store, catalog, engine, smtp, http }
    }

    /// Another engine over the same rows and files, as after a restart or on another node.
    pub(crate) fn another_engine(&self, carrier: Arc<dyn Carrier>) -> Engine {
        self.another_engine_with(carrier, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn another_engine_with(&self, carrier: Arc<dyn Carrier>, change: impl FnOnce(&mut EngineConfig)) -> Engine {
        let mut config = EngineConfig::new("http://reports.example");
        config.mail_preview = false;
        change(&mut config);
        engine(&self.dir, &self.store, &self.clock, carrier, config).0
    }

    /// An engine over other rows, such as those of a backup.
    pub(crate) fn engine_on(&self, store: &Arc<dyn Store>) -> Engine {
        engine(&self.dir, store, &self.clock, self.carriers(), EngineConfig::new("http://reports.example")).0
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Carriers to this world's sinks.
    pub(crate) fn carriers(&self) -> Arc<dyn Carrier> {
        Arc::new(carriers(&self.smtp, &self.http))
    }

    /// Carriers that may reach these receivers.
    pub(crate) fn carriers_to(&self, receivers: &[&HttpReceiver]) -> Arc<dyn Carrier> {
        Arc::new(carriers_within(&self.smtp, receivers))
    }

    /// Replaces a data file.
    pub(crate) fn write_data(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join("catalog/data").join(name), text).unwrap();
    }

    /// A webhook schedule daily at nine.
    pub(crate) fn webhook(&self, format: Format) -> Definition {
        definition(Destination::Webhook(WebhookSettings::new(self.http.url("/hook"), Vec::new())), format)
    }

    /// An e-mail schedule daily at nine to these addresses.
    pub(crate) fn email(&self, format: Format, recipients: &[&str]) -> Definition {
        let recipients = recipients.iter().map(|address| Recipient {
            id: RecipientId::generate(),
            email: address.parse().unwrap(),
            person: self.person(address),
        });
        let settings = EmailSettings {
            recipients: recipients.collect(),
            subject: "Sales of {{currentDate}}".to_owned(),
            text_body: Some("Hello".to_owned()),
            ..EmailSettings::default()
        };
        definition(Destination::Email(settings), format)
    }

    fn person(&self, address: &str) -> Person {
        let catalog = self.catalog.current();
        let member = catalog.member_by_email(&address.parse().unwrap());
        member.map_or_else(|| Person::EmailOnly(pressrun_domain::id::UserId::generate()), |member| Person::Member(member.id))
    }

    /// Saves a schedule whose next instant is nine o'clock.
    pub(crate) async fn save(&self, definition: Definition) -> ScheduleId {
        let now = self.clock.now();
        let cron: pressrun_cron::CronExpression = definition.cron.parse().unwrap();
        let zone = pressrun_cron::zone(&definition.timezone).unwrap();
        let schedule = Schedule {
            id: ScheduleId::generate(),
            next_at: cron.next_after(now, &zone).map(|occurrence| occurrence.at),
            disabled_at: None,
            system_disabled: None,
            created_at: now,
            updated_at: now,
            version: 1,
            last_run: None,
            definition,
        };
        let names = publish::names(&schedule.definition, &self.catalog.current());
        self.store.insert_schedule(&schedule, &names, &pressrun_store::sample::change(Verb::ScheduleCreated)).await.unwrap();
        schedule.id
    }

    /// Queues a manual run of a saved schedule.
    pub(crate) async fn trigger(&self, schedule: ScheduleId) -> RunId {
        let definition = self.store.schedule(schedule).await.unwrap().unwrap().definition;
        self.enqueue(schedule, definition, RunKind::Manual).await
    }

    /// Queues a run.
    pub(crate) async fn enqueue(&self, schedule_id: ScheduleId, definition: Definition, kind: RunKind) -> RunId {
        let now = self.clock.now();
        let run = Run::queued(schedule_id, definition, kind, now);
        let id = run.id;
        self.store.enqueue(&Enqueue { run }, &pressrun_store::sample::change_at(Verb::RunTriggered, now)).await.unwrap();
        id
    }

    /// Goes to the instant, plans and works until nothing is available.
    pub(crate) async fn go_to(&self, at: &str) {
        self.clock.set(instant(at));
        self.engine.tick().await.unwrap();
        self.engine.drain().await.unwrap();
    }

    /// Lets time pass, plans and works until nothing is available.
    pub(crate) async fn pass(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.engine.tick().await.unwrap();
        self.engine.drain().await.unwrap();
    }

    /// Works through one definition at once and returns its run with its pieces.
    pub(crate) async fn run_now(&self, definition: Definition) -> (Run, Vec<Delivery>) {
        let schedule = self.save(definition).await;
        let run = self.trigger(schedule).await;
        self.engine.drain().await.unwrap();
        self.run(run).await
    }

    /// A run with its pieces.
    pub(crate) async fn run(&self, id: RunId) -> (Run, Vec<Delivery>) {
        (self.store.run(id).await.unwrap().unwrap(), self.store.deliveries(id).await.unwrap())
    }

    /// Every run of a schedule, oldest first.
    pub(crate) async fn runs(&self, schedule: ScheduleId) -> Vec<Run> {
        let mut runs = Vec::new();
        for listed in self.store.list_runs(Some(schedule), 1, 100).await.unwrap().rows.iter().rev() {
            runs.push(self.store.run(listed.id).await.unwrap().unwrap());
        }
        runs
    }
}

/// The status and reason of an ended run.
pub(crate) fn ended(run: &Run) -> (RunStatus, Option<&str>) {
    match &run.state {
        RunState::Ended { status, reason, .. } => (*status, reason.as_deref()),
        other => panic!("the run has not ended: {other:?}; {:?}", run.record),
    }
}

/// Makes a definition an alert on a tile.
pub(crate) fn watching(mut definition: Definition, kind: ConditionKind, tile: &str) -> Definition {
    definition.condition = Some(Condition { kind, tile: tile.into() });
    definition
}

pub(crate) fn definition(destination: Destination, format: Format) -> Definition {
    Definition {
        name: "Daily sales".to_owned(),
        identifier: "sales".into(),
        owner: MembershipId(OWNER.parse().unwrap()),
        cron: "0 9 ? * * *".to_owned(),
        timezone: "UTC".to_owned(),
        timezone_override: None,
        format,
        options: OutputOptions::default(),
        tile: None,
        filters: FilterConfig::new(),
        condition: None,
        kill_jobs_on_failure: false,
        destination,
        worthless_after: None,
        link_epoch: 0,
    }
}

/// Writes the tests' catalog and its data into the folder `root`.
pub(crate) fn write_catalog(root: &Path) {
    std::fs::create_dir_all(root.join("dashboards")).unwrap();
    std::fs::create_dir_all(root.join("data")).unwrap();
    std::fs::write(root.join("connections.yaml"), CONNECTIONS).unwrap();
    std::fs::write(root.join("people.yaml"), PEOPLE).unwrap();
    std::fs::write(root.join("dashboards/sales.yaml"), SALES).unwrap();
    let secret = SALES.replace("identifier: sales", "identifier: secret\naccess: { groups: [sales] }");
    std::fs::write(root.join("dashboards/secret.yaml"), secret).unwrap();
    std::fs::write(root.join("data/sales.csv"), SALES_CSV).unwrap();
    std::fs::write(root.join("data/broken.parquet"), b"PAR1 this is no parquet file PAR1").unwrap();
    // Of long before the tests' clock: a broken file that was written lately is taken for one that is still being written.
    let broken = std::fs::File::options().write(true).open(root.join("data/broken.parquet")).unwrap();
    broken.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 50)).unwrap();
    for (name, sql) in HOSTILE {
        let good = "  good: { title: Good, sql: select 1 as one, at: { x: 0, y: 8, w: 24, h: 8 } }\n";
        let tile = format!("  '1': {{ title: Bad, sql: \"{sql}\", at: {{ x: 0, y: 0, w: 24, h: 8 }} }}\n");
        let yaml =
            |identifier: &str, more: &str| format!("identifier: {identifier}\nname: {name}\nconnection: files\ntiles:\n{tile}{more}");
        std::fs::write(root.join(format!("dashboards/{name}.yaml")), yaml(name, "")).unwrap();
        std::fs::write(root.join(format!("dashboards/mixed-{name}.yaml")), yaml(&format!("mixed-{name}"), good)).unwrap();
    }
}

fn carriers(smtp: &SmtpSink, http: &HttpReceiver) -> Carriers {
    carriers_within(smtp, &[http])
}

fn carriers_within(smtp: &SmtpSink, receivers: &[&HttpReceiver]) -> Carriers {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mail = MailConfig::Smtp(Box::new(SmtpConfig::new("127.0.0.1", smtp.port(), SmtpTls::None, "Reports <reports@myorg.co>")));
    let egress = EgressPolicy::parse(receivers.iter().map(|http| http.address().to_string())).unwrap();
    Carriers::new(CarrierConfig { egress, ..CarrierConfig::new(mail) }).unwrap()
}

fn engine(
    dir: &TempDir,
    store: &Arc<dyn Store>,
    clock: &Arc<FakeClock>,
    carrier: Arc<dyn Carrier>,
    config: EngineConfig,
) -> (Engine, Arc<CatalogHandle>) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let catalog = CatalogHandle::open(dir.path().join("catalog"), Arc::clone(&clock)).unwrap_or_else(|error| panic!("{error}"));
    let config = Arc::new(config);
    let spool = Spool::open(dir.path().join("spool")).unwrap();
    let context = Context {
        store: Arc::clone(store),
        catalog: Arc::clone(&catalog),
        clock,
        carrier,
        producer: Producer::new(executors(dir.path().join("tmp")), Arc::clone(&config)),
        artifacts: Arc::new(spool.clone()),
        spool,
        links: Links::new(&config.public_url, Secret::new("k")),
        config,
        faults: Arc::default(),
        receivers: pressrun_engine::Receivers::default(),
    };
    (Engine::new(context, Arc::default()), catalog)
}

/// Executor processes of the program under test, with 1 GiB each.
pub(crate) fn executors(temp_dir: PathBuf) -> ExecutorPool {
    let program = env!("CARGO_BIN_EXE_pressrun").to_owned();
    let command = vec![program, "executor".to_owned()];
    let mut config = ExecutorConfig::new(command, temp_dir);
    config.memory_bytes = 1 << 30;
    config.processes = 2;
    config.idle = Duration::from_secs(60);
    ExecutorPool::new(config)
}

/// Whether an instant lies in a text form in a list of runs.
pub(crate) fn at(run: &Run) -> Timestamp {
    run.scheduled_for
}

//! A folder with a catalog, a configuration and a database full of schedules.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::id::{MembershipId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_store::{Names, Schedules as _, SqliteStore, sample};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tempfile::TempDir;

const PEOPLE: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
attributes:
  region: { type: String, multiple_values: true }
members:
  - { id: 0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11, user_id: 0b10b001-77aa-4c55-8d10-5a2e8c1d9e21, name: Blob Ross, email: blob.ross@myorg.co, admin: true }
";

const OWNER: &str = "0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11";

const CONNECTIONS: &str = "
connections:
  files: { kind: files, folder: data, timezone: UTC, timeout_seconds: 60 }
";

const SALES: &str = "
identifier: sales
name: Sales
connection: files
tiles:
  '1':
    title: Sales by region
    sql: select region, sum(amount) as amount from sales where {{ user_attribute('region', 'region') }} group by region order by region
    at: { x: 0, y: 4, w: 24, h: 8 }
";

/// Of that, what a site is made of.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    /// Whoever asks the database while the server runs.
    pub(crate) rows: SqliteConnection,
    pub(crate) store: SqliteStore,
}

impl Site {
    /// An empty site whose configuration has these lines besides.
    pub(crate) async fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("catalog/dashboards")).unwrap();
        std::fs::create_dir_all(at("catalog/data")).unwrap();
        std::fs::write(at("catalog/people.yaml"), PEOPLE).unwrap();
        std::fs::write(at("catalog/connections.yaml"), CONNECTIONS).unwrap();
        std::fs::write(at("catalog/dashboards/sales.yaml"), SALES).unwrap();
        std::fs::write(at("catalog/data/sales.csv"), "day,region,amount\n2025-07-21,US,10\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = |name: &str| at(name).display().to_string();
        let all = format!(
            "[server]\nlisten = '127.0.0.1:{port}'\n[store]\nurl = 'sqlite://{}'\n[catalog]\npath = '{}'\n[spool]\npath = '{}'\n[egress]\nallow = \
             ['127.0.0.0/8']\n[secrets]\nkeys = ['{}']\n{config}\n",
            path("pressrun.db"),
            path("catalog"),
            path("spool"),
            "07".repeat(32),
        );
        std::fs::write(at("pressrun.toml"), all).unwrap();
        let store = SqliteStore::open(&at("pressrun.db"), sample::sealer()).await.unwrap();
        let rows = SqliteConnectOptions::new().filename(at("pressrun.db")).foreign_keys(false).connect().await.unwrap();
        Self { folder, port, rows, store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An address of the dashboard to this port of this machine.
    pub(crate) fn webhook(port: u16, cron: &str) -> Definition {
        let destination = Destination::Webhook(WebhookSettings::new(format!("http://127.0.0.1:{port}/hook"), Vec::new()));
        Definition {
            identifier: "sales".into(),
            owner: MembershipId(OWNER.parse().unwrap()),
            cron: cron.to_owned(),
            format: Format::LinkOnly,
            destination,
            ..sample::definition("Daily sales")
        }
    }

    /// Saves one schedule.
    pub(crate) async fn save(&self, definition: Definition) -> ScheduleId {
        let now = Timestamp::now();
        let now = Timestamp::from_second(now.as_second()).unwrap();
        let cron: pressrun_cron::CronExpression = definition.cron.parse().unwrap();
        let zone = pressrun_cron::zone(&definition.timezone).unwrap();
        let next_at = cron.next_after(now, &zone).map(|occurrence| occurrence.at);
        let schedule = Schedule { definition, next_at, created_at: now, updated_at: now, ..sample::schedule("") };
        let names = Names { dashboard: "Sales".into(), owner: "Blob Ross".into(), condition_query: None };
        self.store.insert_schedule(&schedule, &names, &sample::change_at(Verb::ScheduleCreated, now)).await.unwrap();
        schedule.id
    }

    /// Saves `count` of them, many at once.
    pub(crate) async fn save_many(&self, definition: &Definition, count: usize) {
        let mut left = count;
        while left > 0 {
            let now = left.min(200);
            let saves = (0..now).map(|_| self.save(definition.clone()));
            futures_of(saves).await;
            left -= now;
        }
    }

    /// Adds `count` schedules like that one that are not due for years, by statements of their own; each has a name and an id of its own.
    pub(crate) async fn clone_idle(&mut self, of: ScheduleId, count: usize) {
        let columns: Vec<String> = sqlx::query("SELECT name FROM pragma_table_info('schedules')")
            .fetch_all(&mut self.rows)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        let values: Vec<String> = columns
            .iter()
            .map(|column| match column.as_str() {
                "id" => "printf('%08x-0000-4000-8000-%012x', n.i * 2654435761 % 4294967296, n.i)".to_owned(),
                "name_key" => "randomblob(16)".to_owned(),
                "name_folded" => "'schedule ' || n.i".to_owned(),
                other => format!("s.{other}"),
            })
            .collect();
        sqlx::raw_sql("PRAGMA synchronous = OFF; BEGIN; CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)")
            .execute(&mut self.rows)
            .await
            .unwrap();
        let far = Timestamp::now() + SignedDuration::from_hours(24 * 365);
        let schedules =
            format!("INSERT INTO schedules ({}) SELECT {} FROM n, schedules s WHERE s.id = $2", columns.join(", "), values.join(", "));
        for statement in [
            "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1) INSERT INTO n SELECT i FROM c",
            schedules.as_str(),
            "INSERT INTO due (owner, document, schedule_id, timing, next_at, planned_through)
             SELECT u.owner, u.document, printf('%08x-0000-4000-8000-%012x', n.i * 2654435761 % 4294967296, n.i), u.timing, $3 + n.i * 1000000, u.planned_through
             FROM n, due u WHERE u.schedule_id = $2",
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
                .bind(i64::try_from(count).unwrap())
                .bind(of.to_string())
                .bind(far.as_microsecond())
                .execute(&mut self.rows)
                .await
                .unwrap();
        }
        sqlx::raw_sql("COMMIT; DROP TABLE n; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.rows).await.unwrap();
    }

    /// So many runs of an instant are in a state.
    pub(crate) async fn count(&mut self, at: Timestamp, state: &str) -> usize {
        let row = sqlx::query("SELECT count(*) FROM runs WHERE scheduled_for = $1 AND state = $2");
        let row = row.bind(at.as_microsecond()).bind(state).fetch_one(&mut self.rows).await.unwrap();
        usize::try_from(row.get::<i64, _>(0)).unwrap()
    }
}

/// Waits for all of them.
async fn futures_of<F: Future<Output = ScheduleId>>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

//! Where it happens: a database, a spool that all nodes reach, receivers, and nodes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_testkit::{PostgresServer, Proxy, temp_dir};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::node::{Node, config_of};
use crate::receivers::Receivers;

const TOKEN: &str = "chaos-token-of-the-organization";

const PEOPLE: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
members:
  - { id: 0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11, user_id: 0b10b001-77aa-4c55-8d10-5a2e8c1d9e21, name: Blob Ross, email: blob.ross@myorg.co, admin: true }
dev_keys:
  - { token: chaos-token-of-the-organization, kind: organization, member: blob.ross@myorg.co }
";

const SALES: &str = "
identifier: sales
name: Sales
connection: files
tiles:
  '1': { title: Sales, sql: select region from sales order by region, at: { x: 0, y: 0, w: 24, h: 8 } }
";

/// Room of the spool when its disk can be filled.
const DISK: &str = "size=48m";

pub(crate) struct Site {
    // In this order: nodes end before what they use.
    pub(crate) nodes: Vec<Node>,
    pub(crate) receivers: Receivers,
    database: PostgresServer,
    schema: String,
    ports: Vec<u16>,
    small_disk: Option<SmallDisk>,
    folder: TempDir,
}

/// When the first and the last schedule is due.
pub(crate) struct Due {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let folder = temp_dir();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("catalog/dashboards")).unwrap();
        std::fs::create_dir_all(at("catalog/data")).unwrap();
        std::fs::create_dir_all(at("spool")).unwrap();
        std::fs::write(at("catalog/people.yaml"), PEOPLE).unwrap();
        std::fs::write(at("catalog/connections.yaml"), "connections:\n  files: { kind: files, folder: data, timezone: UTC }\n").unwrap();
        std::fs::write(at("catalog/dashboards/sales.yaml"), SALES).unwrap();
        std::fs::write(at("catalog/data/sales.csv"), "region,amount\nUS,10\nEU,20\n").unwrap();
        let database = PostgresServer::start().expect("PostgreSQL is needed: install the package postgresql");
        let schema = "chaos".to_owned();
        database.ask("CREATE SCHEMA chaos").await;
        let receivers = Receivers::start().await;
        let small_disk = SmallDisk::mount(&at("spool"));
        let (mut nodes, mut ports) = (Vec::new(), Vec::new());
        // The clock of the third is off by more than a node may be: it has to stand by, and to do no harm.
        for (name, skew) in [("node 1", None), ("node 2", None), ("node 3", None), ("node 4, a clock 20 s ahead", Some("+20s"))] {
            if skew.is_some() && !is_installed("faketime") {
                continue;
            }
            let wire = Proxy::to(([127, 0, 0, 1], database.port()).into()).await;
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let config = config_of(folder.path(), &name[..6].replace(' ', "-"));
            std::fs::write(&config, configuration(folder.path(), port, wire.address().port(), receivers.mail.port())).unwrap();
            nodes.push(Node::new(name, config, wire, skew));
            ports.push(port);
        }
        Self { nodes, receivers, database, schema, ports, small_disk, folder }
    }

    /// Starts the nodes, one after the other until it is ready.
    pub(crate) async fn begin(&mut self) {
        for (node, port) in self.nodes.iter_mut().zip(&self.ports) {
            node.start();
            // One with a wrong clock is not ready for anything.
            if node.is_skewed() {
                continue;
            }
            let began = Instant::now();
            while request(*port, "GET", "/readyz", None).await.is_none_or(|(status, _)| status != 200) {
                assert!(node.is_running() && began.elapsed() < Duration::from_secs(60), "{} does not start:\n{}", node.name, node.log());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Saves so many schedules by the API: mail, webhook and SFTP in turn, each due once.
    pub(crate) async fn schedule(&self, count: usize, minutes: usize) -> Due {
        let ahead = SignedDuration::from_secs(15 + i64::try_from(count / 50).unwrap());
        let now = Timestamp::now() + ahead;
        let first = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(60) + 60).unwrap();
        let bodies: Vec<Value> = (0..count).map(|index| self.body(index, first, minutes)).collect();
        let port = self.ports[0];
        let mut bodies = bodies.into_iter().peekable();
        while bodies.peek().is_some() {
            let mut saving = tokio::task::JoinSet::new();
            for body in bodies.by_ref().take(8) {
                saving.spawn(async move {
                    loop {
                        let (status, answer) =
                            request(port, "POST", "/api/v1/schedules", Some(&body)).await.expect("the first node answers");
                        match status {
                            200 | 201 => return,
                            429 => tokio::time::sleep(Duration::from_secs(1)).await,
                            _ => panic!("{status} {answer}"),
                        }
                    }
                });
            }
            saving.join_all().await;
        }
        let last = first + SignedDuration::from_mins(i64::try_from(minutes).unwrap() - 1);
        assert!(Timestamp::now() < first, "saving took longer than was planned for");
        Due { first, last }
    }

    fn body(&self, index: usize, first: Timestamp, minutes: usize) -> Value {
        let at = first + SignedDuration::from_mins(i64::try_from(index % minutes).unwrap());
        let cron = TimeZone::UTC.to_datetime(at).strftime("%-M %-H %-d %-m ? %Y").to_string();
        let mut body = json!({
            "identifier": "sales", "name": name_of(index), "schedule": cron, "timezone": "UTC",
            "format": if index % 3 == 1 { "json" } else { "csv" },
        });
        let more = match index % 3 {
            0 => json!({ "destinationType": "email", "recipients": ["blob.ross@myorg.co"], "subject": name_of(index) }),
            1 => json!({ "destinationType": "webhook", "url": self.receivers.webhook.url("/hook") }),
            _ => json!({
                "destinationType": "sftp", "address": "127.0.0.1", "port": self.receivers.sftp_wire.address().port(),
                "username": self.receivers.sftp_user(), "privateKeyUnencrypted": self.receivers.key.private_text(),
            }),
        };
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// The first column of what the database answers.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        self.database.ask(&format!("SET search_path TO {}; {sql}", self.schema)).await
    }

    /// Stops the database or starts it again.
    pub(crate) fn database_away(&self, away: bool) {
        tokio::task::block_in_place(|| if away { self.database.halt() } else { self.database.begin() });
    }

    /// Whether nothing is owed any more before `patience` ends.
    pub(crate) async fn settled(&self, count: usize, patience: Duration) -> bool {
        let owed = "SELECT (SELECT count(*) FROM runs WHERE state IN ('queued', 'running')) + (SELECT count(*) FROM queue) \
            + (SELECT count(*) FROM planned) + (SELECT count(*) FROM deliveries WHERE state = 'pending') \
            + (SELECT count(*) FROM due WHERE next_at IS NOT NULL)";
        let began = Instant::now();
        while began.elapsed() < patience {
            let done: usize = self.ask("SELECT count(*) FROM runs").await[0].parse().unwrap();
            if done >= count && self.ask(owed).await == ["0"] {
                return true;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        false
    }

    pub(crate) fn has_small_disk(&self) -> bool {
        self.small_disk.is_some()
    }

    /// Fills the spool's disk, or makes room again.
    pub(crate) fn fill_disk(&self, full: bool) {
        let file = self.folder.path().join("spool/filled");
        if full {
            // As much as goes in.
            let _ = std::fs::write(file, vec![0; 64 << 20]);
        } else {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// What a schedule is called, so that it is found among what arrived.
pub(crate) fn name_of(index: usize) -> String {
    format!("chaos-{index:06}")
}

fn configuration(folder: &Path, port: u16, database: u16, mail: u16) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "[server]\nlisten = '127.0.0.1:{port}'\n\
         [store]\nurl = 'postgres://tester@127.0.0.1:{database}/postgres?sslmode=disable&options[search_path]=chaos'\nstatement_seconds = 10\n\
         [catalog]\npath = '{}'\n[spool]\npath = '{}'\n[mail]\nurl = 'smtp+plain://127.0.0.1:{mail}'\npreview = false\n\
         [egress]\nallow = ['127.0.0.0/8']\n[secrets]\nkeys = ['{}']\n\
         [limits]\nrequests_per_minute = 1000000\nschedules_per_member = 1000000\n[retry]\nfirst_wait_seconds = 1\nmax_attempts = 40\n[scheduler]\nlease_seconds = 10\n[render]\nprocesses = 1\n",
        at("catalog"),
        at("spool"),
        "07".repeat(32),
    )
}

/// One request to a node; status and body, or nothing when nobody answers.
async fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A disk of a few megabytes; only root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(place).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(place.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

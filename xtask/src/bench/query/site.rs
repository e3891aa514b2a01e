//! The sample catalog, a server on it, and a receiver of what it delivers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The token of the server's development key.
const TOKEN: &str = "bench-token-that-opens-everything-here";

/// The longest run.
const LONGEST: Duration = Duration::from_secs(600);

/// A folder with catalog, data and configuration.
pub(super) struct Site {
    binary: PathBuf,
    folder: TempDir,
    port: u16,
    receiver: u16,
    /// Says when something was delivered.
    delivered: mpsc::Receiver<()>,
}

/// A server; killed when dropped.
pub(super) struct Server<'a> {
    child: Child,
    site: &'a Site,
}

/// A run as the API tells it.
pub(super) struct Run(pub(super) Value);

/// What some runs took, each on the average.
pub(super) struct Measured {
    /// Processor time of the server and its children.
    pub(super) cpu_ms: f64,
    /// Of that, of the children.
    pub(super) children_ms: f64,
    pub(super) wall_ms: f64,
    /// Milliseconds of each step of the queries, by its name; none of a program that does not tell them.
    pub(super) steps: BTreeMap<String, f64>,
    pub(super) last: Run,
}

impl Site {
    /// The sample catalog with its data, as `binary` writes it.
    pub(super) fn new(binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let receiver = TcpListener::bind("127.0.0.1:0")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (says, delivered) = mpsc::channel();
        let site = Self { binary: binary.to_owned(), folder, port, receiver: receiver.local_addr()?.port(), delivered };
        std::thread::spawn(move || {
            for stream in receiver.incoming().flatten() {
                let says = says.clone();
                std::thread::spawn(move || receive(stream, &says));
            }
        });
        let demo = site.path("demo");
        let mut command = Command::new(binary);
        command.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data"]).arg(&demo).stdin(Stdio::null()).stdout(Stdio::null());
        crate::run(&mut command)?;
        std::fs::rename(demo.join("catalog"), site.path("catalog"))?;
        site.append(
            "catalog/people.yaml",
            &format!("\ndev_keys:\n  - {{ token: {TOKEN}, kind: organization, member: blob.ross@myorg.co }}\n"),
        )?;
        let at = |name: &str| site.path(name).display().to_string();
        let config = format!(
            "[server]\nlisten = '127.0.0.1:{port}'\n[store]\nurl = 'sqlite://{}'\n[catalog]\npath = '{}'\n[spool]\npath = '{}'\n[egress]\n\
             allow = ['127.0.0.0/8']\n[limits]\nrequests_per_minute = 0\n[scheduler]\nmax_rows = 1000000\n",
            at("pressrun.db"),
            at("catalog"),
            at("spool"),
        );
        std::fs::write(site.path("pressrun.toml"), config)?;
        Ok(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let before = std::fs::read_to_string(self.path(name)).with_context(|| format!("no {name}"))?;
        Ok(std::fs::write(self.path(name), before + text)?)
    }

    /// Writes a file into the folder of the warehouse.
    pub(super) fn write_data(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path("catalog/data").join(name), text)?)
    }

    pub(super) fn write_dashboard(&self, name: &str, yaml: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path(&format!("catalog/dashboards/{name}.yaml")), yaml)?)
    }

    pub(super) fn add_connection(&self, yaml: &str) -> anyhow::Result<()> {
        self.append("catalog/connections.yaml", yaml)
    }

    /// Starts a server and waits until it answers.
    pub(super) fn start(&self) -> anyhow::Result<Server<'_>> {
        let log = std::fs::File::create(self.path("log"))?;
        let child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(self.path("pressrun.toml"))
            .env("PRESSRUN_LOG", "warn,pressrun_engine::content=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Server { child, site: self };
        while server.call("GET", "/healthz", None).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended ({status}): {}", std::fs::read_to_string(self.path("log"))?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Server<'_> {
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.site.port))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        if head.split(' ').nth(1) != Some("200") {
            bail!("{method} {path}: {answer}");
        }
        Ok(serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Saves a schedule that never fires by itself while we look, and delivers to the receiver; returns its id.
    pub(super) fn schedule(&self, wanted: &Value) -> anyhow::Result<String> {
        let mut body = json!({
            "name": "Bench", "schedule": "0 9 1 1 ? *", "timezone": "UTC", "destinationType": "webhook",
            "url": format!("http://127.0.0.1:{}/", self.site.receiver),
        });
        if let (Some(body), Some(wanted)) = (body.as_object_mut(), wanted.as_object()) {
            body.extend(wanted.clone());
        }
        let answer = self.call("POST", "/api/v1/schedules", Some(&body))?;
        Ok(answer["id"].as_str().with_context(|| format!("no id in {answer}"))?.to_owned())
    }

    /// Begins a run; returns the schedule's id for [`Self::ended`].
    pub(super) fn trigger(&self, schedule: &str) -> anyhow::Result<String> {
        self.call("POST", &format!("/api/v1/schedules/{schedule}/trigger"), None)?;
        Ok(schedule.to_owned())
    }

    /// Runs a schedule once. The server is not asked before the delivery came: questions cost it time that would count as the run's.
    fn once(&self, schedule: &str) -> anyhow::Result<Run> {
        while self.site.delivered.try_recv().is_ok() {}
        self.trigger(schedule)?;
        self.site.delivered.recv_timeout(LONGEST).context("nothing was delivered")?;
        self.ended(schedule)
    }

    /// Waits for the end of the newest run of a schedule.
    pub(super) fn ended(&self, schedule: &str) -> anyhow::Result<Run> {
        loop {
            let runs = self.call("GET", &format!("/api/v1/schedules/{schedule}/runs?pageSize=1"), None)?;
            let newest = &runs["records"][0];
            if newest["state"] == "ended" {
                let run = self.call("GET", &format!("/api/v1/runs/{}", newest["id"].as_str().unwrap_or_default()), None)?;
                if run["status"] != "COMPLETE" {
                    bail!("the run did not complete: {run}");
                }
                return Ok(Run(run));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// So many runs of a schedule, one after the other.
    pub(super) fn measured(&self, schedule: &str, runs: usize) -> anyhow::Result<Measured> {
        let (began, before, logged) = (Instant::now(), self.cpu_ms()?, self.log()?.len());
        let mut last = Run(Value::Null);
        for _ in 0..runs {
            last = self.once(schedule)?;
        }
        let each = |all: f64| all / runs as f64;
        let (after, wall_ms) = (self.cpu_ms()?, began.elapsed().as_secs_f64() * 1000.0);
        let (own, children) = (after.0 - before.0, after.1 - before.1);
        let mut steps = BTreeMap::new();
        let log = self.log()?;
        for told in
            log.get(logged..).unwrap_or_default().lines().filter_map(|line| line.split_once(" steps=")?.1.split_inclusive('}').next())
        {
            let told: BTreeMap<String, f64> = serde_json::from_str(told).with_context(|| format!("steps {told}"))?;
            for (step, micros) in told {
                *steps.entry(step).or_insert(0.0) += each(micros / 1000.0);
            }
        }
        Ok(Measured { cpu_ms: each(own + children), children_ms: each(children), wall_ms: each(wall_ms), steps, last })
    }

    /// Runs a schedule for so long.
    pub(super) fn warm_up(&self, schedule: &str, time: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < time {
            self.once(schedule)?;
        }
        Ok(())
    }

    fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.site.path("log"))?)
    }

    /// Processor time so far of the server; and of its children, with those that are gone.
    fn cpu_ms(&self) -> anyhow::Result<(f64, f64)> {
        let own = stat(self.child.id()).context("the server is gone")?;
        let children = self.children()?;
        Ok((own.cpu_ms, own.gone_ms + children.iter().map(|child| child.cpu_ms).sum::<f64>()))
    }

    /// Memory that the children hold now.
    pub(super) fn children_mb(&self) -> anyhow::Result<f64> {
        Ok(self.children()?.iter().map(|child| child.memory_mb).sum())
    }

    fn children(&self) -> anyhow::Result<Vec<Stat>> {
        let processes = std::fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(processes.filter_map(stat).filter(|stat| stat.parent == self.child.id()).collect())
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the system says of a process.
struct Stat {
    parent: u32,
    cpu_ms: f64,
    /// Of its children that it has waited for.
    gone_ms: f64,
    memory_mb: f64,
}

/// `None` when there is no such process any more. Linux counts in hundredths of a second and, here, pages of 4 KiB.
fn stat(process: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        cpu_ms: (number(11)? + number(12)?) * 10.0,
        gone_ms: (number(13)? + number(14)?) * 10.0,
        memory_mb: number(21)? * 4.0 / 1024.0,
    })
}

/// Takes what is sent, and says thank you.
fn receive(stream: TcpStream, says: &mpsc::Sender<()>) {
    let Ok(mut answer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0_u64, String::new());
        loop {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let taken = std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink());
        if taken.is_err() || answer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
        // Nobody may listen any more.
        let _ = says.send(());
    }
}

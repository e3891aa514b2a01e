//! The real program as a process of its own: `pressrun serve` on the small company, real receivers, a real clock.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient, SftpSettings, WebhookSettings};
use pressrun_domain::id::{RecipientId, ScheduleId, UserId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{Run, RunState};
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::SftpQuirks;
use pressrun_store::{Names, PostgresSettings, PostgresStore, Sealer, SealingKey, SqliteStore, Store};
use pressrun_testkit::{HttpReceiver, OpenSshServer, PostgresServer, SmtpScript, SmtpSink, SshKey};
use tempfile::TempDir;

use crate::world::{definition, write_catalog};

fn sealer() -> Sealer {
    Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap()
}

/// A folder, a database and receivers; servers come and go.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) smtp: SmtpSink,
    pub(crate) http: HttpReceiver,
    key: SshKey,
    sshd: Option<OpenSshServer>,
}

impl Site {
    /// A site whose configuration has these lines besides.
    pub(crate) async fn new(scheduler: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pressrun.db");
        let store = Arc::new(SqliteStore::open(&file, sealer()).await.unwrap());
        Self::on(dir, store, &format!("sqlite://{}", file.display()), scheduler, "").await
    }

    /// The same with rows in PostgreSQL, on which any number of nodes may work, and with these lines below `[mail]`.
    pub(crate) async fn on_postgres(scheduler: &str, mail: &str) -> Self {
        static SERVER: OnceLock<PostgresServer> = OnceLock::new();
        let url = SERVER.get_or_init(|| PostgresServer::shared("pressrun-tests")).schema().await;
        let store = Arc::new(PostgresStore::open(&PostgresSettings::new(url.clone()), sealer()).await.unwrap());
        Self::on(tempfile::tempdir().unwrap(), store, &url, scheduler, mail).await
    }

    async fn on(dir: TempDir, store: Arc<dyn Store>, url: &str, scheduler: &str, mail: &str) -> Self {
        write_catalog(&dir.path().join("catalog"));
        let smtp = SmtpSink::start(SmtpScript::default()).await;
        let http = HttpReceiver::start().await;
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "[server]\nlisten = '127.0.0.1:0'\n[store]\nurl = '{url}'\n[catalog]\npath = '{}'\n[spool]\npath = '{}'\n\
             [mail]\nurl = 'smtp+plain://127.0.0.1:{}'\npreview = false\n{mail}\n[egress]\nallow = ['127.0.0.0/8']\n[retry]\nfirst_wait_seconds = 1\n\
             [render]\nprocesses = 1\nmemory_mb = 1024\n[secrets]\nkeys = ['{}']\n[scheduler]\n{scheduler}\n",
            at("catalog"),
            at("spool"),
            smtp.port(),
            "07".repeat(32),
        );
        std::fs::write(dir.path().join("pressrun.toml"), config).unwrap();
        Self { dir, store, smtp, http, key: SshKey::generate(), sshd: None }
    }

    /// Starts OpenSSH's server too.
    pub(crate) fn with_sshd(mut self) -> Self {
        self.sshd = Some(OpenSshServer::start(&self.key));
        self
    }

    /// The folder that uploads end in.
    pub(crate) fn uploads(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.sshd.as_ref().unwrap().files();
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect();
        files.sort();
        files
    }

    /// A csv by mail to these addresses.
    pub(crate) fn email(recipients: &[&str]) -> Definition {
        let recipient = |address: &&str| Recipient {
            id: RecipientId::generate(),
            email: address.parse().unwrap(),
            person: Person::EmailOnly(UserId::generate()),
        };
        definition(
            Destination::Email(EmailSettings {
                recipients: recipients.iter().map(recipient).collect(),
                subject: "Sales".to_owned(),
                ..EmailSettings::default()
            }),
            Format::Csv,
        )
    }

    /// A json to the receiver.
    pub(crate) fn webhook(&self) -> Definition {
        definition(Destination::Webhook(WebhookSettings::new(self.http.url("/hook"), Vec::new())), Format::Json)
    }

    /// A csv to the SSH server.
    pub(crate) fn sftp(&self) -> Definition {
        let sshd = self.sshd.as_ref().unwrap();
        let settings = SftpSettings {
            address: "127.0.0.1".to_owned(),
            port: sshd.address().port(),
            username: sshd.user().to_owned(),
            password: None,
            private_key: Some(Secret::new(self.key.private_text())),
            passphrase: None,
            path: None,
            host_key: Some(sshd.host_key()),
            quirks: SftpQuirks::default(),
        };
        definition(Destination::Sftp(settings), Format::Csv)
    }

    /// Saves a schedule that was due at the beginning of this minute, and never again.
    pub(crate) async fn due_once(&self, mut definition: Definition) -> ScheduleId {
        let now = now();
        let minute = now.to_zoned_datetime(TimeZone::UTC);
        definition.cron = minute.strftime("%M %H %d %m ? %Y").to_string();
        let due = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(60)).unwrap();
        let schedule = Schedule {
            id: ScheduleId::generate(),
            next_at: Some(due),
            disabled_at: None,
            system_disabled: None,
            created_at: due,
            updated_at: due,
            version: 1,
            last_run: None,
            definition,
        };
        let names = Names { dashboard: "Sales".into(), owner: "Blob Ross".into(), condition_query: None };
        self.store.insert_schedule(&schedule, &names, &pressrun_store::sample::change(Verb::ScheduleCreated)).await.unwrap();
        schedule.id
    }

    /// Starts a server; with a fail point it dies there.
    pub(crate) fn start(&self, fail_point: Option<&str>) -> Server {
        Server::start(Command::new(env!("CARGO_BIN_EXE_pressrun")), self.dir.path(), fail_point)
    }

    /// Waits until the one run of a schedule has ended.
    pub(crate) async fn ended(&self, schedule: ScheduleId) -> (Run, Vec<Delivery>) {
        let run = eventually("the run ends", async || {
            let runs = self.store.list_runs(Some(schedule), 1, 10).await.unwrap().rows;
            runs.into_iter().find(|run| matches!(run.state, RunState::Ended { .. }))
        })
        .await;
        // A list says less of it.
        let run = self.store.run(run.id).await.unwrap().unwrap();
        let deliveries = self.store.deliveries(run.id).await.unwrap();
        (run, deliveries)
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: std::path::PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

impl Server {
    /// Starts `command serve` on the site in `dir`.
    pub(crate) fn start(command: Command, dir: &Path, fail_point: Option<&str>) -> Self {
        Self::start_with(command, dir, fail_point, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(mut command: Command, dir: &Path, fail_point: Option<&str>, arguments: &[&str]) -> Self {
        let log = tempfile::Builder::new().prefix("serve-").suffix(".log").tempfile_in(dir).unwrap().keep().unwrap();
        command
            .args(["serve", "--config"])
            .arg(dir.join("pressrun.toml"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.0);
        if let Some(point) = fail_point {
            command.env("FAIL_POINT", point);
        }
        Self { child: command.spawn().unwrap(), log: log.1 }
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The most memory that it has held so far, in bytes (Linux).
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let child = &mut self.child;
        let what = format!("the server ends; see {}", log.display());
        eventually(&what, async || child.try_wait().unwrap()).await
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Tells it that the catalog is as it is meant to be.
    pub(crate) fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        // Before it listens it may not listen to signals either.
        eventually("the server listens", async || self.log().contains("listening").then_some(())).await;
        self.terminate();
        assert!(self.end().await.success(), "{}", self.log());
    }

    /// Kills it.
    pub(crate) async fn kill(self) {
        self.signal(rustix::process::Signal::KILL);
        self.killed().await;
    }

    /// Waits until it died of SIGKILL.
    pub(crate) async fn killed(mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.end().await;
        assert_eq!(status.signal(), Some(9), "it died elsewhere: {status}\n{}", self.log());
    }
}

/// Looks until something is found. Processes of their own do not tell when they are done, so that a test has to look; a deadline turns a hang
/// into a failure.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test has a real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

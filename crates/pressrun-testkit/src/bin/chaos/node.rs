//! A node: the program as a process of its own, with a wire of its own to the database.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pressrun_testkit::{Fault, Proxy, Way};

/// A node; killed when dropped.
pub(crate) struct Node {
    pub(crate) name: String,
    config: PathBuf,
    log: PathBuf,
    wire: Proxy,
    /// How far its clock is off, as `faketime` takes it; `None` for a right one.
    skew: Option<&'static str>,
    child: Option<Child>,
    pub(crate) stopped: bool,
}

impl Node {
    /// A node that is not started yet.
    pub(crate) fn new(name: &str, config: PathBuf, wire: Proxy, skew: Option<&'static str>) -> Self {
        let log = config.with_extension("log");
        Self { name: name.to_owned(), config, log, wire, skew, child: None, stopped: false }
    }

    pub(crate) fn is_skewed(&self) -> bool {
        self.skew.is_some()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub(crate) fn start(&mut self) {
        let program = std::env::var("PRESSRUN_CHAOS_BINARY").expect("PRESSRUN_CHAOS_BINARY is the program");
        let mut command = match self.skew {
            // Only the wall clock: one that nobody sets goes on as it is.
            Some(skew) => {
                let mut command = Command::new("faketime");
                command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").args(["-f", skew, &program]);
                command
            }
            None => Command::new(program),
        };
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        command.args(["serve", "--config"]).arg(&self.config).env("NO_COLOR", "1");
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.stopped = false;
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops the process where it stands, as a host that hangs or a machine that is suspended.
    pub(crate) fn stop(&mut self) {
        self.signal("STOP");
        self.stopped = true;
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self) {
        self.signal("CONT");
        self.stopped = false;
    }

    fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
        }
    }

    /// Cuts the wire to the database, also for new connections, or joins it again.
    pub(crate) fn cut(&self, cut: bool) {
        self.wire.break_with(cut.then_some(Fault { way: Way::Up, after: 0, cut: true }));
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where a node of this name has its configuration.
pub(crate) fn config_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.toml"))
}

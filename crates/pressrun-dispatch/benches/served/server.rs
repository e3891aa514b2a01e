//! The program as a process, and what the system says of it (Linux).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts the server of this configuration, and waits until it is ready; how long that took.
    pub(crate) fn start(folder: &Path, port: u16) -> (Self, Duration) {
        let program = std::env::var("PRESSRUN_BENCH_BINARY").unwrap();
        Self::start_by(Command::new(program), folder, port)
    }

    /// The same by way of another program, such as one that counts system calls.
    pub(crate) fn start_by(mut command: Command, folder: &Path, port: u16) -> (Self, Duration) {
        let log = folder.join("log");
        command.args(["serve", "--config"]).arg(folder.join("pressrun.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let began = Instant::now();
        let mut server = Self { child: command.spawn().unwrap(), port, log };
        while !server.is_ready() {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended: {}", server.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        (server, began.elapsed())
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = String::new();
        let asked = write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Processor seconds so far of it and its children, those that are gone included.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let own = stat(self.child.id()).unwrap_or_default();
        let children = children(self.child.id()).filter_map(stat).map(|stat| stat.cpu);
        own.cpu + own.gone + children.sum::<f64>()
    }

    /// Processor seconds of its own so far, in the program and in the system.
    pub(crate) fn own_cpu_seconds(&self) -> (f64, f64) {
        let own = stat(self.child.id()).unwrap_or_default();
        (own.cpu - own.system, own.system)
    }

    /// Memory that it holds, and that it held at most, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever counts its calls does not take it along.
        for child in children(self.child.id()) {
            if let Some(child) = i32::try_from(child).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn children(of: u32) -> impl Iterator<Item = u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(move |process| stat(*process).is_some_and(|stat| stat.parent == of))
}

#[derive(Default)]
struct Stat {
    parent: u32,
    cpu: f64,
    system: f64,
    gone: f64,
}

/// `None` when there is no such process any more. Linux counts in hundredths of a second.
fn stat(process: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / 100.0);
    let (user, system) = (seconds(11)?, seconds(12)?);
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu: user + system, system, gone: seconds(13)? + seconds(14)? })
}

//! A headless Chromium that stays warm: spoken to over its debugging pipe, its processor time and memory read from the system.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::figures::Figures;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Prints before the first that counts.
const WARM: usize = 2;

/// Seconds after which a browser that hangs is killed, and with it the measurement.
const LONGEST: u64 = 3_600;

/// What of its work is not ours to measure is switched off; nothing is asked of any network.
const SWITCHES: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--remote-debugging-pipe",
];

/// A running browser with one page.
pub(crate) struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    last: u64,
    /// Names of events that came while an answer was waited for.
    events: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` where there is none.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let Some(name) = NAMES.into_iter().find(|name| crate::machine::has(name)) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let pipe = |name: &str| -> anyhow::Result<String> {
            let path = folder.path().join(name).to_string_lossy().into_owned();
            crate::run(Command::new("mkfifo").arg(&path))?;
            Ok(path)
        };
        let (to, from) = (pipe("to")?, pipe("from")?);
        // The browser reads its descriptor 3 and writes its descriptor 4; the shell opens them.
        let line = format!(
            "exec timeout --signal=KILL {LONGEST} {name} {} --user-data-dir={} 3<{to} 4>{from}",
            SWITCHES.join(" "),
            folder.path().join("profile").display()
        );
        let process = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Opening a pipe waits for its other end, in the shell's order.
        let to = File::options().write(true).open(to)?;
        let from = BufReader::new(File::open(from)?);
        let mut browser = Self { process, to, from, session: String::new(), last: 0, events: Vec::new(), _folder: folder };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": target.get("targetId"), "flatten": true }))?;
        attached.get("sessionId").and_then(Value::as_str).context("a session")?.clone_into(&mut browser.session);
        browser.call("Page.enable", &json!({}))?;
        Ok(Some(browser))
    }

    /// Opens the page and does `what` with it again and again; CPU time and memory are those of all its processes.
    pub(crate) fn measure(&mut self, page: &Path, runs: usize, what: fn(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<Figures> {
        let address = format!("file://{}", page.canonicalize()?.display());
        let root = self.process.id();
        let peak = Peak::watch(root);
        let mut times = Vec::with_capacity(runs);
        for run in 0..WARM + runs {
            let before = cpu_ms(root);
            self.events.clear();
            self.call("Page.navigate", &json!({ "url": address }))?;
            self.wait_for("Page.loadEventFired")?;
            what(self)?;
            if run >= WARM {
                times.push(cpu_ms(root) - before);
            }
        }
        Ok(Figures::new(times, peak.stop()))
    }

    /// The page as a pdf.
    pub(crate) fn print(&mut self) -> anyhow::Result<()> {
        self.call("Page.printToPDF", &json!({ "printBackground": true, "generateTaggedPDF": true, "generateDocumentOutline": true }))?;
        Ok(())
    }

    /// The whole page as a picture of two pixels a point.
    pub(crate) fn picture(&mut self) -> anyhow::Result<()> {
        let metrics = json!({ "width": 840, "height": 1200, "deviceScaleFactor": 2, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &metrics)?;
        self.call("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }))?;
        self.call("Emulation.clearDeviceMetricsOverride", &json!({}))?;
        Ok(())
    }

    fn call(&mut self, method: &str, parameters: &Value) -> anyhow::Result<Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        write!(self.to, "{message}\0")?;
        self.to.flush()?;
        loop {
            let answer = self.read()?;
            if answer.get("id").and_then(Value::as_u64) == Some(self.last) {
                if let Some(error) = answer.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(answer.get("result").cloned().unwrap_or_default());
            }
        }
    }

    fn wait_for(&mut self, event: &str) -> anyhow::Result<()> {
        while !self.events.iter().any(|seen| seen == event) {
            self.read()?;
        }
        Ok(())
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes)?;
        if bytes.pop() != Some(0) {
            bail!("the browser went away");
        }
        let message: Value = serde_json::from_slice(&bytes)?;
        if let Some(event) = message.get("method").and_then(Value::as_str) {
            self.events.push(event.to_owned());
        }
        Ok(message)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call("Browser.close", &json!({}));
        let _ = self.process.wait();
    }
}

/// The greatest memory of all processes, looked at ten times a second.
struct Peak {
    most_kb: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Peak {
    fn watch(root: u32) -> Self {
        let (most_kb, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (most, stop) = (most_kb.clone(), done.clone());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(memory_kb(root), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { most_kb, done, thread }
    }

    fn stop(self) -> f64 {
        self.done.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.most_kb.load(Ordering::Relaxed) as f64 / 1024.0
    }
}

/// A process and all that descend from it.
fn family(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut family = vec![root];
    let mut at = 0;
    while let Some(pid) = family.get(at) {
        family.extend(children.get(pid).cloned().unwrap_or_default());
        at += 1;
    }
    family
}

/// The fields of `/proc/PID/stat` behind the name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// CPU time of the family in milliseconds; the system counts in hundredths of a second. Children that ended count with their parents.
fn cpu_ms(root: u32) -> f64 {
    let ticks = |pid: u32| -> f64 {
        let fields = stat(pid).unwrap_or_default();
        (11..15).filter_map(|field| fields.get(field)?.parse::<f64>().ok()).sum()
    };
    family(root).into_iter().map(ticks).sum::<f64>() * 10.0
}

/// Memory of the family in kilobytes, shared pages by their share.
fn memory_kb(root: u32) -> u64 {
    let own = |pid: u32| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
    };
    family(root).into_iter().filter_map(own).sum()
}

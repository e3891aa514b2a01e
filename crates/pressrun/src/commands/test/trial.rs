//! One attempt, with its steps.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use pressrun_deliver::{CarrierConfig, Carriers, Parcel, ParcelFile, StepListener, heard};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::delivery::{Message, Outcome};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::output::Format;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::clock::WallClock;
use crate::show;

/// How it is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// Nothing is delivered.
    pub connect_only: bool,
    /// Each step is printed when it is done.
    pub says_steps: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Whether the other side took it, or let us in.
    pub worked: bool,
    /// The other side's words, or why it did not.
    pub words: String,
    /// How long it took.
    pub seconds: f64,
    /// What was done, each with the seconds since the beginning.
    pub steps: Vec<(f64, String)>,
    /// The host key that the server showed, when none is pinned.
    pub host_key: Option<String>,
}

impl Trial {
    /// Makes one attempt.
    ///
    /// # Errors
    /// A setting cannot work, or the test file cannot be written.
    pub(crate) async fn run(self, config: CarrierConfig, destination: &Destination, target: &str) -> anyhow::Result<Tried> {
        let carriers = Carriers::new(config)?;
        let began = Instant::now();
        let steps = Arc::new(Steps { began, printed: self.says_steps, said: Mutex::default() });
        let secrets = destination.secrets().into_values().collect();
        let now = WallClock.now();
        let (outcome, host_key) = if self.connect_only {
            (heard(Arc::clone(&steps) as Arc<dyn StepListener>, secrets, carriers.reach(destination, now)).await, None)
        } else {
            let dir = tempfile::tempdir().context("could not create a temporary folder")?;
            let parcel = parcel(dir.path(), target, now)?;
            let attempt = carriers.deliver(destination, &parcel, now);
            let delivered = heard(Arc::clone(&steps) as Arc<dyn StepListener>, secrets, attempt).await;
            (delivered.outcome, delivered.learnt_host_key)
        };
        let (worked, words) = match outcome {
            Outcome::Accepted { receipt } => (true, receipt),
            Outcome::Retry { reason, .. } => (false, format!("{reason} (a run would try again)")),
            Outcome::Rejected { reason } => (false, reason),
            Outcome::Held { reason, .. } => (false, format!("{reason} (runs would wait until this is put right)")),
        };
        let said = std::mem::take(&mut *steps.said.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Tried { worked, words, seconds: began.elapsed().as_secs_f64(), steps: said, host_key })
    }
}

/// A small file that says what it is.
fn parcel(dir: &Path, target: &str, now: jiff::Timestamp) -> anyhow::Result<Parcel> {
    let name = format!("pressrun-test-{}.csv", now.strftime("%Y%m%d-%H%M%S"));
    let words = "This is a test of Pressrun. It was asked for on the command line; nothing has to be done with it.";
    let bytes = format!("test,made_at\r\n\"{words}\",{}\r\n", show::instant(now)).into_bytes();
    let path = dir.join(&name);
    std::fs::write(&path, &bytes).with_context(|| format!("could not write {}", path.display()))?;
    let delivery_id = DeliveryId::generate();
    Ok(Parcel {
        idempotency_key: format!("test-{delivery_id}"),
        run_id: RunId::generate(),
        delivery_id,
        schedule_id: ScheduleId::generate(),
        schedule_name: "Pressrun test".to_owned(),
        scheduled_for: now,
        format: Format::Csv,
        target: target.to_owned(),
        message: Message { subject: "Pressrun test".to_owned(), text: words.to_owned(), ..Message::default() },
        trace: None,
        inline_png: None,
        artifact: Some(ParcelFile {
            path,
            name,
            media_type: "text/csv".to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
        }),
    })
}

/// The steps, kept and printed.
struct Steps {
    began: Instant,
    printed: bool,
    said: Mutex<Vec<(f64, String)>>,
}

impl StepListener for Steps {
    fn step(&self, words: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        if self.printed {
            show::line(format!("{seconds:8.3} s  {words}"));
        }
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push((seconds, words.to_owned()));
    }
}

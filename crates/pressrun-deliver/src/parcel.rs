//! What is handed over, and what comes back.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::delivery::{Message, Outcome};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::trace::TraceContext;

/// One file or message for one target.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The same on every attempt (I6).
    pub idempotency_key: String,
    /// The run that promised it.
    pub run_id: RunId,
    /// The promise itself.
    pub delivery_id: DeliveryId,
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// The schedule's name, for people.
    pub schedule_name: String,
    /// The occurrence, a UTC instant.
    pub scheduled_for: Timestamp,
    /// The schedule's format.
    pub format: Format,
    /// Mail address or Slack id; the destination's name for the others.
    pub target: String,
    /// The words around the artifact.
    pub message: Message,
    /// The attempt's place in the trace of its run, when that is told: receivers of webhooks may go on with it.
    pub trace: Option<TraceContext>,
    /// Picture shown in the HTML by content id `dashboard`; attached instead when above 2 MiB (R2).
    pub inline_png: Option<PathBuf>,
    /// The file; `None` for link_only.
    pub artifact: Option<ParcelFile>,
}

impl Parcel {
    /// The name that a file gets at its destination: the artifact's, or one made from schedule and occurrence for `link_only`.
    pub(crate) fn file_name(&self) -> String {
        let name = match &self.artifact {
            Some(artifact) => artifact.name.clone(),
            None => format!("{}_{}.json", self.schedule_name, self.scheduled_for.strftime("%Y-%m-%d_%H%M%S")),
        };
        let mut safe: String = name.chars().map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c }).collect();
        if safe.trim_matches('.').is_empty() {
            "delivery".clone_into(&mut safe);
        }
        safe
    }
}

/// A file in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Final name with extension (D9).
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// What one attempt came to, and what was learnt on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The decision about this attempt.
    pub outcome: Outcome,
    /// Host key to pin, in OpenSSH form; only after a success without a pinned key (D7).
    pub learnt_host_key: Option<String>,
    /// Short words for the run's warnings, such as `attachmentTooLarge` (D12).
    pub warnings: Vec<String>,
}

impl From<Outcome> for Delivered {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, learnt_host_key: None, warnings: Vec::new() }
    }
}

/// Takes a parcel to one destination: one attempt, never more.
#[async_trait]
pub trait Deliverer: Send + Sync {
    /// Delivers `parcel`; `now` is the instant of the attempt and dates the message.
    async fn deliver(&self, parcel: &Parcel, now: Timestamp) -> Delivered;
}

/// Hears when an attempt has its turn, where a way out has bounds of its own, such as mails a minute: until then it waits, and nobody works on it.
pub trait TurnWatch: Send + Sync {
    /// It has its turn.
    fn has_turn(&self);

    /// It has lost it, and waits for another one.
    fn waits_again(&self);
}

/// Nobody wants to know.
impl TurnWatch for () {
    fn has_turn(&self) {}

    fn waits_again(&self) {}
}

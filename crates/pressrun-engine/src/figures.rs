//! What is counted of runs and deliveries. Every label is one of a few words that are known beforehand: neither schedules nor hosts nor what others
//! answer makes a series, which would be kept for as long as the process lives.

use jiff::SignedDuration;
use pressrun_domain::delivery::{Delivery, DeliveryState, Outcome};
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::notice::NoticeLane;
use pressrun_domain::reason;
use pressrun_domain::run::RunStatus;

/// A step of a run that takes time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// From the instant to the first claim.
    Wait,
    /// From a claim to the end of what it does.
    Claim,
    /// A query, by whoever asked first.
    Query,
    /// An artifact.
    Render,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Claim => "claim",
            Self::Query => "query",
            Self::Render => "render",
        }
    }
}

/// A step took so long.
pub(crate) fn step(step: Step, took: SignedDuration) {
    metrics::histogram!("pressrun_step_duration_seconds", "step" => step.as_str()).record(took.as_secs_f64().max(0.0));
}

/// A run ended by its worker.
pub(crate) fn run_ended(status: RunStatus, reason: Option<&str>) {
    metrics::counter!("pressrun_runs_total", "status" => status.as_str(), "reason" => reason::word(reason)).increment(1);
}

/// A lease was lost to another worker.
pub(crate) fn lease_lost() {
    metrics::counter!("pressrun_leases_lost_total").increment(1);
}

/// These were written down: what is owed of them is promised, and the others have come to their end already.
pub(crate) fn promised(kind: DestinationKind, pieces: &[Delivery]) {
    let mut owed = 0;
    for piece in pieces {
        match piece.state {
            DeliveryState::Pending { .. } => owed += 1,
            DeliveryState::Accepted { .. } | DeliveryState::Failed { .. } | DeliveryState::Skipped { .. } => {
                piece_ended(kind, &piece.state);
            }
        }
    }
    metrics::counter!("pressrun_pieces_promised_total", "destination" => kind.as_str()).increment(owed);
}

/// A piece came to its end, or has to be tried again.
pub(crate) fn piece_ended(kind: DestinationKind, state: &DeliveryState) {
    let outcome = match state {
        DeliveryState::Accepted { .. } => "accepted",
        DeliveryState::Failed { .. } => "failed",
        DeliveryState::Skipped { .. } => "skipped",
        DeliveryState::Pending { .. } => return,
    };
    metrics::counter!("pressrun_pieces_total", "destination" => kind.as_str(), "outcome" => outcome).increment(1);
}

/// What an attempt came to, in a word.
pub(crate) fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Retry { .. } => "retry",
        Outcome::Held { .. } => "held",
        Outcome::Rejected { .. } => "rejected",
    }
}

/// An attempt was answered, so long after it had its turn.
pub(crate) fn attempt(kind: DestinationKind, outcome: &Outcome, took: SignedDuration) {
    let (destination, outcome) = (kind.as_str(), outcome_word(outcome));
    metrics::counter!("pressrun_attempts_total", "destination" => destination, "outcome" => outcome).increment(1);
    metrics::histogram!("pressrun_attempt_duration_seconds", "destination" => destination).record(took.as_secs_f64().max(0.0));
}

/// An attempt is under way until this is dropped.
pub(crate) struct UnderWay(metrics::Gauge);

impl UnderWay {
    pub(crate) fn new(kind: DestinationKind) -> Self {
        let gauge = metrics::gauge!("pressrun_attempts_in_progress", "destination" => kind.as_str());
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A try at a notice came to something.
pub(crate) fn notice(lane: NoticeLane, state: &DeliveryState) {
    let outcome = match state {
        DeliveryState::Accepted { .. } => "accepted",
        DeliveryState::Failed { .. } | DeliveryState::Skipped { .. } => "failed",
        DeliveryState::Pending { .. } => "retry",
    };
    let to = match lane {
        NoticeLane::People => "people",
        NoticeLane::Operator => "operator",
    };
    metrics::counter!("pressrun_notices_total", "to" => to, "outcome" => outcome).increment(1);
}

/// Somebody was to be told of what is overdue, and heard it or not.
pub(crate) fn alarm(heard: bool) {
    metrics::counter!("pressrun_alarms_total", "outcome" => if heard { "accepted" } else { "failed" }).increment(1);
}

/// A query was answered by a connection of this kind, or failed.
pub(crate) fn query(source: &'static str, succeeded: bool) {
    let outcome = if succeeded { "ok" } else { "failed" };
    metrics::counter!("pressrun_queries_total", "source" => source, "outcome" => outcome).increment(1);
}

/// An artifact was looked for.
pub(crate) fn artifact(found: &'static str) {
    metrics::counter!("pressrun_artifact_reads_total", "found" => found).increment(1);
}

/// A child process came to its end otherwise than by being idle.
pub(crate) fn child_ended(why: &'static str) {
    metrics::counter!("pressrun_executor_deaths_total", "why" => why).increment(1);
}

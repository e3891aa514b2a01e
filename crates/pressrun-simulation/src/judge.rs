//! Whether the promise was kept: what should have happened, by a calendar of its own, against what the history and the book say did.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::{Delivery, DeliveryState, Outcome};
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{Run, RunKind, RunState, RunStatus, SkipReason};

use crate::book::{Book, Sent, short};
use crate::scenario::{Plan, ZONES};

/// A stretch of time in which a schedule fires.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// What it does.
    pub plan: Plan,
    /// After this instant of the wall clock.
    pub from: Timestamp,
    /// Up to this one; it goes on when `None`.
    pub to: Option<Timestamp>,
}

/// What became of a schedule.
#[derive(Debug, Clone)]
pub struct Life {
    /// Its id.
    pub id: ScheduleId,
    /// When it fires, and as what.
    pub spans: Vec<Span>,
}

impl Life {
    /// A schedule that was made at `now`.
    #[must_use]
    pub fn new(id: ScheduleId, plan: Plan, now: Timestamp) -> Self {
        Self { id, spans: vec![Span { plan, from: now, to: None }] }
    }

    /// Instants at which it fires, up to `end`.
    fn instants(&self, end: Timestamp) -> BTreeSet<Timestamp> {
        let of = |span: &Span| {
            let zone = TimeZone::get(ZONES[span.plan.zone % ZONES.len()]).unwrap_or(TimeZone::UTC);
            span.plan.cadence.instants(&zone, span.from, span.to.unwrap_or(end).min(end))
        };
        self.spans.iter().flat_map(of).collect()
    }
}

/// What one row says of instants that were missed.
struct MissedRange {
    first: Timestamp,
    last: Timestamp,
}

/// Looks at everything that is known of one schedule, `end` being the present and everything having been as it should since `quiet_at`.
pub fn judge(book: &mut Book, life: &Life, runs: &[(Run, Vec<Delivery>)], quiet_at: Timestamp, end: Timestamp) {
    judge_occurrences(book, life, runs, end);
    for (run, pieces) in runs {
        judge_run(book, run, pieces, quiet_at);
    }
}

/// Every due instant ends as exactly one run, or as one named skip.
fn judge_occurrences(book: &mut Book, life: &Life, runs: &[(Run, Vec<Delivery>)], end: Timestamp) {
    // What is due at the very end may still be on its way.
    let due = life.instants(end - SignedDuration::from_secs(10));
    let could_be = life.instants(end);
    let mut rows: BTreeMap<Timestamp, u32> = BTreeMap::new();
    let mut missed = Vec::new();
    for (run, _) in runs.iter().filter(|(run, _)| run.kind == RunKind::Scheduled) {
        *rows.entry(run.scheduled_for).or_default() += 1;
        if let RunState::Skipped { reason: SkipReason::Missed } = run.state {
            missed.push(missed_range(run));
        }
        if !could_be.contains(&run.scheduled_for) {
            book.breach("nothing runs at another instant", format!("{} is for {}, when nothing was due", short(run.id), run.scheduled_for));
        }
    }
    for at in due {
        let told = missed.iter().filter(|range| range.first <= at && at < range.last).count();
        let rows = rows.get(&at).copied().unwrap_or(0) as usize;
        if rows + told == 0 {
            book.breach("every due instant is dealt with", format!("nothing became of {at}"));
        } else if rows + told > 1 {
            book.breach("every due instant is dealt with once", format!("{at} has {rows} rows and is told as missed {told} times"));
        }
    }
}

/// The instants that a row tells were missed; its own is the last of them.
fn missed_range(run: &Run) -> MissedRange {
    let last = run.scheduled_for;
    let words = run.record.timeline.iter().find_map(|entry| entry.detail.as_deref()).unwrap_or_default();
    let first = words.split_once(" instants from ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    MissedRange { first: first.unwrap_or(last), last }
}

fn judge_run(book: &mut Book, run: &Run, pieces: &[Delivery], quiet_at: Timestamp) {
    let name = short(run.id);
    for piece in pieces {
        judge_piece(book, run, piece);
    }
    match &run.state {
        RunState::Queued { .. } | RunState::Running { .. } if run.created_at < quiet_at => {
            book.breach("every run ends", format!("{name} of {} is still {:?}", run.scheduled_for, run.state));
        }
        RunState::Ended { status, reason, .. } => {
            let is = |wanted: fn(&DeliveryState) -> bool| pieces.iter().filter(|piece| wanted(&piece.state)).count();
            let accepted = is(|state| matches!(state, DeliveryState::Accepted { .. }));
            let failed = is(|state| matches!(state, DeliveryState::Failed { .. }));
            let pending = is(|state| matches!(state, DeliveryState::Pending { .. }));
            let holds = match status {
                RunStatus::Complete => accepted > 0 && failed == 0,
                RunStatus::ErrorDelivered => accepted > 0,
                RunStatus::Error => accepted == 0 && reason.is_some(),
                RunStatus::Killed => reason.is_some(),
                RunStatus::ConditionUnmet => pieces.is_empty(),
            };
            if pending > 0 {
                book.breach("every piece ends", format!("{name} ended with {pending} pieces that are owed"));
            }
            if !holds {
                let how =
                    format!("{name} is {status:?} ({reason:?}) with {accepted} pieces accepted and {failed} failed of {}", pieces.len());
                book.breach("the status is what happened", how);
            }
        }
        RunState::Queued { .. } | RunState::Running { .. } | RunState::Skipped { .. } => {}
    }
}

/// Each piece is told as it went, and is not sent again after it was known to be accepted.
fn judge_piece(book: &mut Book, run: &Run, piece: &Delivery) {
    let sent: Vec<Sent> = book.sent.iter().filter(|sent| sent.piece == piece.id).cloned().collect();
    let name = format!("{} to {}", short(run.id), piece.target);
    if let Some(other) = sent.iter().find(|sent| sent.mark != piece.idempotency_key) {
        book.breach("one mark a piece", format!("{name} went as {} and as {}", other.mark, piece.idempotency_key));
    }
    let taken = sent.iter().any(|sent| sent.taken);
    match &piece.state {
        DeliveryState::Accepted { .. } if !taken => {
            book.breach("accepted is what was taken", format!("{name} is told as accepted, and nobody took it"));
        }
        DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } if reason.is_empty() => {
            book.breach("what fails has a reason", format!("{name} has none"));
        }
        _ => {}
    }
    let mut known = false;
    for sent in &sent {
        if known {
            book.breach("nothing accepted is sent again", format!("{name} was sent again at {}", sent.started_at));
        }
        let attempt = piece.attempts.iter().find(|attempt| attempt.started_at == sent.started_at);
        match attempt {
            None => book.breach("nothing is sent that is not a row before", format!("{name} at {} has no attempt", sent.started_at)),
            Some(attempt) => known |= matches!(attempt.outcome, Some(Outcome::Accepted { .. })),
        }
    }
}

//! Spans of a run's trace: what it waited for, what each claim did, each query with what its child process spent time on, each file, each attempt.
//!
//! They are ordinary spans of `tracing`, under a target that says that others may read them: no rows, recipients, addresses or texts of errors are in them.
//! Whoever wires the program decides whether they are told, and to whom. All but that of a claim are of the lowest level: where nobody is told of them,
//! they cost nothing. Times that have passed are told as fields: `took_us`, and `ago_us` since then.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::id::DeliveryId;
use pressrun_domain::reason;
use pressrun_domain::run::{Lease, Run, RunStatus};
use pressrun_domain::trace::TraceContext;
use tracing::Span;
use tracing::field::Empty;

/// The target of spans that may be told.
const TARGET: &str = "pressrun::trace";

/// The work of a claim. Every line of the log about a run is inside of one.
pub(crate) fn claim(run: &Run, lease: &Lease) -> Span {
    tracing::error_span!(
        target: TARGET,
        "claim",
        run_id = %run.id,
        schedule_id = %run.schedule_id,
        fence = lease.fence,
        outcome = Empty,
    )
}

/// From the instant of a run to its first claim, just now.
pub(crate) fn waited(run: &Run, now: Timestamp) {
    let took_us = micros(now.duration_since(run.scheduled_for));
    drop(tracing::trace_span!(target: TARGET, parent: None, "wait", run_id = %run.id, took_us));
}

/// The run as a whole, which ends now.
pub(crate) fn ended(run: &Run, now: Timestamp, status: RunStatus, why: Option<&str>) {
    drop(tracing::trace_span!(
        target: TARGET,
        parent: None,
        "run",
        is_first = true,
        run_id = %run.id,
        schedule_id = %run.schedule_id,
        kind = run.kind.as_str(),
        destination = run.definition.destination.kind().as_str(),
        format = run.definition.format.as_str(),
        claims = run.fence,
        status = status.as_str(),
        reason = reason::word(why),
        failed = status.is_failure(),
        took_us = micros(now.duration_since(run.scheduled_for)),
    ));
}

/// A query, as whoever asks waits for it.
pub(crate) fn query(connection: &str) -> Span {
    tracing::trace_span!(target: TARGET, "query", connection, rows = Empty, failed = Empty)
}

/// Its execution, which others may share.
pub(crate) fn execute(source: &'static str) -> Span {
    tracing::trace_span!(target: TARGET, "execute", source, rows = Empty, bytes = Empty, failed = Empty)
}

/// What a child process spent the time of a query on that has just ended, one after the other.
pub(crate) fn steps(steps: &IndexMap<String, u64>) {
    let mut ago_us = 0;
    for (step, took) in steps.iter().rev() {
        let took_us = i64::try_from(*took).unwrap_or(i64::MAX);
        drop(tracing::trace_span!(target: TARGET, "step", step = step.as_str(), took_us, ago_us));
        ago_us = i64::saturating_add(ago_us, took_us);
    }
}

/// The rendering of a file.
pub(crate) fn render(format: &'static str) -> Span {
    tracing::trace_span!(target: TARGET, "render", format, bytes = Empty, pages = Empty, failed = Empty)
}

/// An attempt at a piece, under the id that its receiver may be told.
pub(crate) fn attempt(kind: DestinationKind, piece: DeliveryId, number: u32, known_as: Option<TraceContext>) -> Span {
    let span_id = known_as.map(TraceContext::span_id);
    tracing::trace_span!(
        target: TARGET,
        "attempt",
        span_id,
        piece = %piece,
        number,
        destination = kind.as_str(),
        bytes = Empty,
        outcome = Empty,
        failed = Empty,
        sending_us = Empty,
    )
}

fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).max(0)
}

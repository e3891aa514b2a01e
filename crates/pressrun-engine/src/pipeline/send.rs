//! Pieces that were promised are sent: each pending one is tried once, outcomes are written down, retries are decided.

use std::collections::HashSet;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel, ParcelFile};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, counted};
use pressrun_domain::destination::Destination;
use pressrun_domain::mail::MailWords;
use pressrun_domain::retry::Next;
use pressrun_domain::run::RunKind;
use pressrun_store::{Learnt, StoreError};

use super::suppressed::{SUPPRESSED, suppressed};
use super::{Context, Halt, Work};
use crate::fail::{FailPoint, reach};

/// Pieces read from the ledger at once; between two such pages a run gives way to others that wait for a worker.
const PAGE: u32 = 200;

/// How far a run has come with its pieces.
pub(super) enum Sent {
    /// Nothing is owed.
    All,
    /// Some have to be tried again, the earliest at this instant.
    Some { retry_at: Timestamp },
    /// The way out is shut, whatever is tried.
    Held { until: Timestamp, reason: String, since: Timestamp, by_hand: bool },
    /// More could be tried, but others wait.
    GaveWay,
}

/// What came of one try, as far as the run is concerned.
struct Tried {
    delivered: Delivered,
    /// The way out is shut until then, and the piece may wait that long.
    held_until: Option<Timestamp>,
}

/// Tries every piece that is due, a bounded number at once and a page after the other.
pub(super) async fn send_pending(work: &mut Work<'_>) -> Result<Sent, Halt> {
    let store = &work.context.store;
    work.check_sending().await?;
    let before = store.tally(work.run.id).await?;
    let due_by = due_by(work.context.clock.now(), before.next_attempt, work.context.config.longest_wait());
    loop {
        let page = store.owed(work.run.id, due_by, PAGE).await?;
        let last = page.len() < PAGE as usize;
        if let Some(held) = send_page(work, page).await? {
            return Ok(held);
        }
        if last {
            break;
        }
        work.check_sending().await?;
        if store.others_wait(work.context.clock.now()).await? {
            return Ok(Sent::GaveWay);
        }
    }
    Ok(match store.tally(work.run.id).await?.next_attempt {
        Some(retry_at) => Sent::Some { retry_at },
        None => Sent::All,
    })
}

/// Until when pieces count as due. No retry waits for longer than `longest`; one that seems to was put off before the clock was set back,
/// and then all are due.
fn due_by(now: Timestamp, next_attempt: Option<Timestamp>, longest: SignedDuration) -> Timestamp {
    let implausible = now.saturating_add(longest).unwrap_or(Timestamp::MAX);
    if next_attempt.is_some_and(|at| at > implausible) { Timestamp::MAX } else { now }
}

/// Tries a page of pieces. When one finds the way out shut, or cannot be written down, those under way are ended and no further one is begun:
/// what holds for one holds for the thousand after it.
async fn send_page(work: &mut Work<'_>, mut page: Vec<Delivery>) -> Result<Option<Sent>, Halt> {
    let (context, lease) = (work.context, work.lease);
    let (run, destination) = (work.run, &work.run.definition.destination);
    // What came back since they were promised ends the mail to an address here.
    let mailed = page.iter().filter(|_| destination.email().is_some()).map(|delivery| delivery.target.as_str());
    let suppressed = suppressed(context.store.as_ref(), mailed).await?;
    let mut waiting = page.iter_mut();
    let mut under_way = FuturesUnordered::new();
    let held_since = work.progress.held_since;
    let attempt = |delivery| attempt(context, lease, run, destination, &suppressed, held_since, delivery);
    under_way.extend(waiting.by_ref().take(context.config.parallel_deliveries).map(attempt));
    let (mut held, mut refused) = (None, None);
    while let Some(result) = under_way.next().await {
        let Tried { delivered, held_until } = match result {
            Ok(tried) => tried,
            // Those under way may be accepted by now: they are heard to their end, or they would be sent again.
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        match &delivered.outcome {
            Outcome::Held { reason, since, by_hand, .. } => {
                work.progress.held_since.get_or_insert(context.clock.now());
                if let Some(until) = held_until {
                    held = Some(Sent::Held { until, reason: reason.clone(), since: *since, by_hand: *by_hand });
                }
            }
            Outcome::Accepted { .. } | Outcome::Retry { .. } | Outcome::Rejected { .. } => work.progress.held_since = None,
        }
        if let Outcome::Held { reason, .. } | Outcome::Retry { reason, .. } = &delivered.outcome {
            work.progress.waits_for = Some(reason.clone());
        }
        work.progress.degraded |= learnt(&delivered).degraded;
        for warning in delivered.warnings {
            work.written.warn(warning);
        }
        if held.is_none() && refused.is_none() && work.may_begin().is_ok() {
            under_way.extend(waiting.next().map(attempt));
        }
    }
    refused.map_or(Ok(held), |error| Err(error.into()))
}

/// What a run learns by an answer.
fn learnt(delivered: &Delivered) -> Learnt {
    Learnt {
        warnings: delivered.warnings.clone(),
        // A mail without its attachment is less than was promised (D12).
        degraded: delivered.warnings.iter().any(|warning| warning.starts_with("attachmentTooLarge")),
        host_key: delivered.learnt_host_key.clone(),
    }
}

/// One try at one piece, written down before it begins and after it ended.
async fn attempt(
    context: &Context,
    lease: pressrun_domain::run::Lease,
    run: &pressrun_domain::run::Run,
    destination: &Destination,
    suppressed: &HashSet<String>,
    held_since: Option<Timestamp>,
    delivery: &mut Delivery,
) -> Result<Tried, StoreError> {
    let started_at = context.clock.now();
    reach(FailPoint::BeforeAttempt);
    let number = context.store.begin_attempt(&lease, delivery.id, started_at).await?;
    reach(FailPoint::AfterBegin);
    let parcel =
        if suppressed.contains(&delivery.target.to_lowercase()) { Err(SUPPRESSED.to_owned()) } else { parcel(context, run, delivery) };
    let delivered = match parcel {
        Ok(parcel) => context.carrier.deliver(destination, &parcel, started_at).await,
        Err(reason) => Delivered { outcome: Outcome::Rejected { reason }, learnt_host_key: None, warnings: Vec::new() },
    };
    reach(FailPoint::AfterAnswer);
    let ended_at = context.clock.now();
    let (first, made) = retries_since(&delivery.attempts, ended_at);
    let mut held_until = None;
    delivery.state = match &delivered.outcome {
        Outcome::Accepted { .. } => DeliveryState::Accepted { at: ended_at },
        Outcome::Rejected { reason } => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
        Outcome::Retry { reason, not_before } => match context.config.retry.next(delivery.id, made, first, ended_at, *not_before) {
            Next::At(at) => DeliveryState::Pending { not_before: at },
            Next::Exhausted if made > 1 => {
                DeliveryState::Failed { at: ended_at, reason: format!("{reason}; given up after {made} attempts") }
            }
            Next::Exhausted => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
            Next::TooLate => DeliveryState::Failed { at: ended_at, reason: format!("{reason}; the time for retries is over") },
        },
        // Who tests wants to know now.
        Outcome::Held { reason, .. } if run.kind == RunKind::Test => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
        Outcome::Held { reason, not_before, .. } => {
            match context.config.retry.held(held_since.unwrap_or(ended_at), ended_at, *not_before) {
                Next::At(at) => {
                    held_until = Some(at);
                    DeliveryState::Pending { not_before: at }
                }
                Next::Exhausted | Next::TooLate => {
                    DeliveryState::Failed { at: ended_at, reason: format!("{reason}; the time for waiting is over") }
                }
            }
        }
    };
    let attempt = Attempt { number, started_at, ended_at: Some(ended_at), outcome: Some(delivered.outcome.clone()) };
    context.store.end_attempt(&lease, delivery.id, &attempt, &delivery.state, &learnt(&delivered)).await?;
    reach(FailPoint::AfterAttempt);
    delivery.attempts.push(attempt);
    Ok(Tried { delivered, held_until })
}

/// Since when the time for retries runs, and how many attempts count, this one included that ended at `ended_at`.
///
/// The time runs from the end of the first attempt that counts: before it, a piece may have waited long for its turn.
fn retries_since(before: &[Attempt], ended_at: Timestamp) -> (Timestamp, u32) {
    let first = before.iter().find(|attempt| counted(std::slice::from_ref(attempt)) > 0);
    let since = first.map_or(ended_at, |attempt| attempt.ended_at.unwrap_or(attempt.started_at));
    (since, counted(before) + 1)
}

/// Puts a piece together from the spool; the bytes are the same on every attempt (I6).
fn parcel(context: &Context, run: &pressrun_domain::run::Run, delivery: &Delivery) -> Result<Parcel, String> {
    let lost = |what: &str| format!("the {what} is no longer in the spool; trigger the schedule to make it anew");
    let find = |sha256: &String, what| context.spool.find(sha256).ok_or_else(|| lost(what));
    let mut message = delivery.message.clone();
    if let Some(sha256) = &message.words_artifact {
        message.words = Some(words(&find(sha256, "mail's text")?)?);
    }
    let inline_png = message.inline_png.as_ref().map(|sha256| find(sha256, "picture")).transpose()?;
    let artifact = delivery.artifact.as_ref().map(|artifact| {
        Ok::<_, String>(ParcelFile {
            path: find(&artifact.sha256, "artifact")?,
            name: artifact.name.clone(),
            media_type: artifact.media_type.clone(),
            bytes: artifact.bytes,
            sha256: artifact.sha256.clone(),
        })
    });
    Ok(Parcel {
        idempotency_key: delivery.idempotency_key.clone(),
        run_id: run.id,
        delivery_id: delivery.id,
        schedule_id: run.schedule_id,
        schedule_name: run.definition.name.clone(),
        scheduled_for: run.scheduled_for,
        format: run.definition.format,
        target: delivery.target.clone(),
        message,
        inline_png,
        artifact: artifact.transpose()?,
    })
}

/// The words of a mail as the renderer made them.
fn words(path: &std::path::Path) -> Result<MailWords, String> {
    let json = std::fs::read(path).map_err(|error| format!("could not read the mail's text: {error}"))?;
    serde_json::from_slice(&json)
        .map_err(|_| "the mail's text was made by another version of Pressrun; trigger the schedule to make it anew".to_owned())
}

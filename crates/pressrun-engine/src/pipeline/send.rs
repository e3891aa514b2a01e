//! Pieces that were promised are sent: each pending one is tried once, outcomes are written down, retries are decided.
//!
//! A few pieces of a run are under way at once. Each waits for its turn at whoever takes it, among the pieces of all runs; when one ends the next
//! one begins, so that a slow one holds up nothing but itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::Delivered;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, counted};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::retry::Next;
use pressrun_domain::run::{Lease, Run, RunKind};
use pressrun_store::{Learnt, StoreError};
use tokio_util::sync::CancellationToken;

use super::alongside::alongside;
use super::carried::{Carried, Unsendable};
use super::meanwhile::{Stage, Stages};
use super::suppressed::{SUPPRESSED, suppressed};
use super::turns::Turns;
use super::{Context, Halt, LOOK_FOR_STOP, Work};
use crate::fail::{FailPoint, reach};
use crate::receivers::Visit;

/// Pieces read from the ledger at once.
const PAGE: u32 = 200;

/// How far a run has come with its pieces.
pub(super) enum Sent {
    /// Nothing is owed.
    All,
    /// Some have to be tried again, the earliest at this instant.
    Some { retry_at: Timestamp },
    /// The way out is shut, whatever is tried.
    Held { until: Timestamp, reason: String, since: Timestamp, by_hand: bool },
}

/// What came of one try, as far as the run is concerned.
struct Tried {
    delivered: Delivered,
    /// The way out is shut until then, and the piece may wait that long.
    held_until: Option<Timestamp>,
}

/// The end of what was to be a try; `None` when it was not begun.
type Ended = (DeliveryId, Result<Option<Tried>, StoreError>);

/// What the pieces of a page need, read once for all of them.
struct Lot {
    carried: Carried,
    /// Mail to these came back since it was promised, and ends here.
    suppressed: HashSet<String>,
}

/// Tries every piece that is due, a bounded number at once.
pub(super) async fn send_pending(work: &mut Work<'_>, visit: &Visit) -> Result<Sent, Halt> {
    let store = &work.context.store;
    work.check_sending().await?;
    let before = store.tally(work.run.id).await?;
    let due_by = due_by(work.context.clock.now(), before.next_attempt, work.context.config.longest_wait());
    if let Some(held) = send_due(work, visit, Some(due_by), Stages::all_prepared()).await? {
        return Ok(held);
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

/// Sends what is promised while other audiences are prepared.
pub(super) async fn send_meanwhile(work: &mut Work<'_>, mut stages: Stages) -> Result<(), Halt> {
    loop {
        let look_at = match stages.now() {
            Stage::Over => return Ok(()),
            Stage::Nothing => None,
            Stage::Promised(_) | Stage::Until(_) => match work.visit() {
                Ok(visit) => return send_due(work, &visit, None, stages).await.map(|_| ()),
                Err(wait) => work.context.clock.now().checked_add(wait).ok(),
            },
        };
        tokio::select! {
            biased;
            () = stages.changed() => {}
            () = until(work.context, look_at) => {}
        }
    }
}

/// Tries the pieces that are due by then, or by now when no instant is given. When one finds the way out shut or cannot be written down, or
/// when the run has to stop, those under way are heard to their end, for they may be accepted by now, and no further one is begun: what holds
/// for one holds for the thousand after it.
///
/// Those that are promised meanwhile are sent too, and then a way out that is shut is looked at again.
async fn send_due(work: &mut Work<'_>, visit: &Visit, due_by: Option<Timestamp>, mut stages: Stages) -> Result<Option<Sent>, Halt> {
    let context = work.context;
    let (turns, mut quit) = (Arc::clone(&work.turns), CancellationToken::new());
    let way = Way { context, lease: work.lease, run: work.run, visit, turns: &turns };
    turns.wait(context.clock.steady());
    let (mut waiting, mut lot, mut more) = (VecDeque::new(), None, true);
    let (mut under_way, mut ids) = (FuturesUnordered::new(), HashSet::new());
    let mut ended: VecDeque<Ended> = VecDeque::new();
    let (mut held, mut halt, mut all_begun, mut over) = (None, None, true, false);
    let mut look = context.clock.sleep(LOOK_FOR_STOP);
    loop {
        while let Some((id, tried)) = ended.pop_front() {
            ids.remove(&id);
            match tried {
                Ok(Some(tried)) => held = work.hear(tried).or(held),
                Ok(None) => all_begun = false,
                Err(error) => halt = Some(error.into()),
            }
        }
        let stage = stages.now();
        over = over || stage == Stage::Over;
        // What has ended is heard before another one begins.
        while !over && held.is_none() && halt.is_none() && ended.is_empty() && under_way.len() < context.config.parallel_deliveries {
            if waiting.is_empty() && more {
                let page = next_page(work, due_by.unwrap_or_else(|| context.clock.now()), &ids);
                match alongside(&mut under_way, &mut ended, page).await {
                    Ok(page) => {
                        more = page.more;
                        waiting = page.pieces;
                        lot = Some(Arc::new(page.lot));
                    }
                    Err(error) => halt = Some(error),
                }
                continue;
            }
            let (Some(_), Some(lot)) = (waiting.front(), lot.clone()) else { break };
            if let Err(stop) = work.may_begin() {
                halt = Some(stop);
                break;
            }
            let Some(piece) = waiting.pop_front() else { break };
            ids.insert(piece.id);
            under_way.push(way.attempt(lot, work.progress.held_since, quit.clone(), piece));
        }
        if over || held.is_some() || halt.is_some() {
            quit.cancel();
        }
        let others_follow = matches!(stage, Stage::Nothing | Stage::Promised(_)) && !over && halt.is_none();
        if !ended.is_empty() {
            continue;
        }
        if under_way.is_empty() && !others_follow {
            break;
        }
        let shut_until = held.as_ref().and_then(Sent::held_until);
        tokio::select! {
            biased;
            Some(one) = under_way.next() => ended.push_back(one),
            () = stages.changed() => more = true,
            () = until(context, shut_until), if others_follow => {
                (held, more, quit) = (None, true, CancellationToken::new());
            }
            () = until(context, stage.ends_at()) => over = true,
            () = &mut look => {
                look = context.clock.sleep(LOOK_FOR_STOP);
                if halt.is_none() {
                    halt = alongside(&mut under_way, &mut ended, work.check_sending()).await.err();
                }
            }
        }
    }
    turns.stop_waiting(context.clock.steady());
    match halt {
        // It would have stopped, had there been anything left.
        Some(Halt::Stop(_)) if all_begun && waiting.is_empty() && !more => Ok(held),
        Some(halt) => Err(halt),
        None => Ok(held),
    }
}

/// Ends at the instant; never when there is none.
async fn until(context: &Context, at: Option<Timestamp>) {
    match at {
        Some(at) => context.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Sent {
    /// When a way out that is shut is looked at again.
    fn held_until(&self) -> Option<Timestamp> {
        if let Self::Held { until, .. } = self { Some(*until) } else { None }
    }
}

/// Pieces that may be tried.
struct Page {
    pieces: VecDeque<Delivery>,
    lot: Lot,
    /// The ledger may have others.
    more: bool,
}

/// The next pieces that are due, but for those under way.
async fn next_page(work: &Work<'_>, due_by: Timestamp, under_way: &HashSet<DeliveryId>) -> Result<Page, Halt> {
    let (store, run) = (work.context.store.as_ref(), work.run);
    work.check_cancelled().await?;
    // Those under way are still owed, and stand among the first.
    let most = PAGE.saturating_add(u32::try_from(under_way.len()).unwrap_or(u32::MAX));
    let owed = store.owed(run.id, due_by, most).await?;
    let more = owed.len() == most as usize;
    let pieces: Vec<Delivery> = owed.into_iter().filter(|piece| !under_way.contains(&piece.id)).collect();
    let mailed = pieces.iter().filter(|_| run.definition.destination.email().is_some()).map(|piece| piece.target.as_str());
    let suppressed = suppressed(store, mailed).await?;
    let carried = Carried::by(&pieces, work.context.artifacts.as_ref()).await;
    Ok(Page { pieces: pieces.into(), lot: Lot { carried, suppressed }, more })
}

impl Work<'_> {
    /// Takes note of a try; `Some` when it found the way out shut.
    fn hear(&mut self, Tried { delivered, held_until }: Tried) -> Option<Sent> {
        let mut held = None;
        match &delivered.outcome {
            Outcome::Held { reason, since, by_hand, .. } => {
                self.progress.held_since.get_or_insert(self.context.clock.now());
                held = held_until.map(|until| Sent::Held { until, reason: reason.clone(), since: *since, by_hand: *by_hand });
            }
            Outcome::Accepted { .. } | Outcome::Retry { .. } | Outcome::Rejected { .. } => self.progress.held_since = None,
        }
        if let Outcome::Held { reason, .. } | Outcome::Retry { reason, .. } = &delivered.outcome {
            self.progress.waits_for = Some(reason.clone());
        }
        self.progress.degraded |= learnt(&delivered).degraded;
        for warning in delivered.warnings {
            self.written.warn(warning);
        }
        held
    }
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

/// What all attempts of a run share.
struct Way<'a> {
    context: &'a Context,
    lease: Lease,
    run: &'a Run,
    visit: &'a Visit,
    turns: &'a Turns,
}

impl Way<'_> {
    /// Waits for the turn of a piece and tries it; `None` when it was to `quit` before.
    async fn attempt(&self, lot: Arc<Lot>, held_since: Option<Timestamp>, quit: CancellationToken, piece: Delivery) -> Ended {
        let id = piece.id;
        let _turn = match self.run.definition.destination.email() {
            // Mail waits for its turn at the relay, and at the recipient's domain, where it is sent.
            Some(_) => None,
            None => {
                let turn = tokio::select! {
                    biased;
                    () = quit.cancelled() => return (id, Ok(None)),
                    turn = self.visit.turn() => turn,
                };
                Some(turn)
            }
        };
        let clock = &self.context.clock;
        self.turns.begin(clock.steady());
        let tried = attempt(self, &lot, held_since, piece).await;
        let ended = clock.steady();
        self.turns.end(ended);
        self.visit.ended(ended);
        (id, tried.map(Some))
    }
}

/// One try at one piece, written down before it begins and after it ended.
async fn attempt(way: &Way<'_>, lot: &Lot, held_since: Option<Timestamp>, mut delivery: Delivery) -> Result<Tried, StoreError> {
    let Way { context, lease, run, .. } = way;
    let started_at = context.clock.now();
    reach(FailPoint::BeforeAttempt);
    let number = context.store.begin_attempt(lease, delivery.id, started_at).await?;
    reach(FailPoint::AfterBegin);
    let is_suppressed = lot.suppressed.contains(&delivery.target.to_lowercase());
    let parcel = if is_suppressed { Err(Unsendable::ForGood(SUPPRESSED.to_owned())) } else { lot.carried.parcel(run, &delivery) };
    let delivered = match parcel {
        Ok(parcel) => context.carrier.deliver(&run.definition.destination, &parcel, started_at).await,
        Err(why) => Delivered { outcome: why.into(), learnt_host_key: None, warnings: Vec::new() },
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
    context.store.end_attempt(lease, delivery.id, &attempt, &delivery.state, &learnt(&delivered)).await?;
    reach(FailPoint::AfterAttempt);
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

//! Pieces that were promised are sent: each pending one is tried once, outcomes are written down, retries are decided.
//!
//! A few pieces of a run are under way at once. Each waits for its turn at whoever takes it, among the pieces of all runs; when one ends the next
//! one begins, so that a slow one holds up nothing but itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use futures::StreamExt;
use futures::future::Either;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, TurnWatch};
use pressrun_dispatch::Permit;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, counted};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::retry::Next;
use pressrun_domain::run::{Lease, Run, RunKind};
use pressrun_domain::trace::TraceContext;
use pressrun_store::{LastAnswer, Learnt, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::alongside::alongside;
use super::carried::{Carried, Unsendable};
use super::first::{First, PlainEnd};
use super::meanwhile::{Stage, Stages};
use super::suppressed::{SUPPRESSED, suppressed};
use super::turns::Turns;
use super::{Context, Halt, LOOK_FOR_STOP, Work};
use crate::fail::{FailPoint, reach};
use crate::figures;
use crate::gate::Pass;
use crate::receivers::Visit;
use crate::trace;

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
    /// Everything was taken, and with the last answer the run has ended.
    Ended,
}

/// What came of one try, as far as the run is concerned.
struct Tried {
    delivered: Delivered,
    /// The way out is shut until then, and the piece may wait that long.
    held_until: Option<Timestamp>,
    /// The run has ended with it.
    ended: bool,
}

/// The end of what was to be a try; `None` when it was not begun.
type Ended = (DeliveryId, Result<Option<Tried>, StoreError>);

/// What the pieces of a page need, read once for all of them.
pub(super) struct Lot {
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
    match send_due(work, visit, Some(due_by), Stages::all_prepared(), Start::Read).await? {
        Some(held) => Ok(held),
        None => what_is_left(work).await,
    }
}

/// Sends what was promised a moment ago, all that the run owes.
pub(super) async fn send_first(work: &mut Work<'_>, first: First) -> Result<Sent, Halt> {
    let First { visit, lot, turns, waiting, at, end, .. } = first;
    let start = Start::Known { lot, turns, waiting, at, end };
    match send_due(work, &visit, Some(at), Stages::all_prepared(), start).await? {
        Some(held_or_ended) => Ok(held_or_ended),
        None => what_is_left(work).await,
    }
}

async fn what_is_left(work: &Work<'_>) -> Result<Sent, Halt> {
    Ok(match work.context.store.tally(work.run.id).await?.next_attempt {
        Some(retry_at) => Sent::Some { retry_at },
        None => Sent::All,
    })
}

/// What there is to be sent at first.
enum Start {
    /// What the ledger has.
    Read,
    /// These; attempts at those that have their turn began at an instant. It is all that the run owes.
    Known { lot: Arc<Lot>, turns: Vec<(Delivery, Option<Pass>)>, waiting: VecDeque<Delivery>, at: Timestamp, end: Option<PlainEnd> },
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
                Ok(visit) => return send_due(work, &visit, None, stages, Start::Read).await.map(|_| ()),
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
async fn send_due(
    work: &mut Work<'_>,
    visit: &Visit,
    due_by: Option<Timestamp>,
    mut stages: Stages,
    start: Start,
) -> Result<Option<Sent>, Halt> {
    let context = work.context;
    let (turns, mut quit) = (Arc::clone(&work.turns), CancellationToken::new());
    turns.wait(context.clock.steady());
    // While others are prepared the permit is theirs.
    let permit = matches!(start, Start::Known { .. }).then_some(work.permit);
    let (mut waiting, mut lot, mut more, begun, end) = match start {
        Start::Read => (VecDeque::new(), None, true, None, None),
        Start::Known { lot, turns, waiting, at, end } => (waiting, Some(lot), false, Some((turns, at)), end),
    };
    let way = Way { context, lease: work.lease, run: work.run, permit, visit, turns: &turns, end: end.as_ref() };
    let (mut under_way, mut ids) = (FuturesUnordered::new(), HashSet::new());
    if let (Some((begun, at)), Some(lot)) = (begun, &lot) {
        for (piece, pass) in begun {
            ids.insert(piece.id);
            let begun = Begun { number: 1, at };
            under_way.push(Either::Left(way.go_on(Arc::clone(lot), work.progress.held_since, piece, begun, pass)));
        }
    }
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
            under_way.push(Either::Right(way.attempt(lot, work.progress.held_since, quit.clone(), piece)));
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
                // It was not so soon.
                permit.inspect(|permit| permit.give_back());
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

/// What these pieces need.
pub(super) async fn read_lot(work: &Work<'_>, pieces: &[Delivery]) -> Result<Lot, StoreError> {
    let is_mail = work.run.definition.destination.email().is_some();
    let suppressed = if is_mail {
        suppressed(work.context.store.as_ref(), pieces.iter().map(|piece| piece.target.as_str())).await?
    } else {
        HashSet::new()
    };
    Ok(Lot { carried: Carried::by(pieces, work.context.artifacts.as_ref()).await, suppressed })
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
    let lot = read_lot(work, &pieces).await?;
    Ok(Page { pieces: pieces.into(), lot, more })
}

impl Work<'_> {
    /// Takes note of a try; `Some` when it found the way out shut.
    fn hear(&mut self, Tried { delivered, held_until, ended }: Tried) -> Option<Sent> {
        let mut held = ended.then_some(Sent::Ended);
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
    /// Given back when a piece has its turn.
    permit: Option<&'a Permit>,
    visit: &'a Visit,
    turns: &'a Turns,
    end: Option<&'a PlainEnd>,
}

/// An attempt that is written down.
#[derive(Debug, Clone, Copy)]
struct Begun {
    number: u32,
    at: Timestamp,
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
        let timing = Timing::of(self);
        reach(FailPoint::BeforeAttempt);
        let at = self.context.clock.now();
        let tried = match self.context.store.begin_attempt(&self.lease, id, at).await {
            Ok(number) => attempt(self, &lot, held_since, piece, Begun { number, at }, &timing).await,
            Err(error) => Err(error),
        };
        timing.end();
        (id, tried.map(Some))
    }

    /// Tries a piece whose attempt is written down already.
    async fn go_on(&self, lot: Arc<Lot>, held_since: Option<Timestamp>, piece: Delivery, begun: Begun, _turn: Option<Pass>) -> Ended {
        let (id, timing) = (piece.id, Timing::of(self));
        let tried = attempt(self, &lot, held_since, piece, begun, &timing).await;
        timing.end();
        (id, tried.map(Some))
    }
}

/// Counts the time in which an attempt is under way.
struct Timing<'a> {
    way: &'a Way<'a>,
    is_under_way: AtomicBool,
    /// When, by the steady clock in microseconds, it had its turn last.
    turn_at: AtomicI64,
}

impl<'a> Timing<'a> {
    fn of(way: &'a Way<'a>) -> Self {
        Self { way, is_under_way: AtomicBool::new(false), turn_at: AtomicI64::new(micros(way.context.clock.steady())) }
    }

    /// How long ago it had its turn.
    fn since_turn(&self) -> SignedDuration {
        SignedDuration::from_micros(micros(self.way.context.clock.steady()) - self.turn_at.load(Ordering::Relaxed))
    }

    fn end(&self) {
        self.waits_again();
        self.way.visit.ended(self.way.context.clock.steady());
    }
}

fn micros(steady: SignedDuration) -> i64 {
    i64::try_from(steady.as_micros()).unwrap_or(i64::MAX)
}

impl TurnWatch for Timing<'_> {
    fn has_turn(&self) {
        self.turn_at.store(micros(self.way.context.clock.steady()), Ordering::Relaxed);
        self.way.permit.inspect(|permit| permit.give_back());
        if !self.is_under_way.swap(true, Ordering::Relaxed) {
            self.way.turns.begin(self.way.context.clock.steady());
        }
    }

    fn waits_again(&self) {
        if self.is_under_way.swap(false, Ordering::Relaxed) {
            self.way.turns.end(self.way.context.clock.steady());
        }
    }
}

/// One try at one piece, which is written down; what came of it is written after it ended.
async fn attempt(
    way: &Way<'_>,
    lot: &Lot,
    held_since: Option<Timestamp>,
    mut delivery: Delivery,
    begun: Begun,
    timing: &Timing<'_>,
) -> Result<Tried, StoreError> {
    let Way { context, lease, run, .. } = way;
    let Begun { number, at: started_at } = begun;
    reach(FailPoint::AfterBegin);
    let is_suppressed = lot.suppressed.contains(&delivery.target.to_lowercase());
    let parcel = if is_suppressed { Err(Unsendable::ForGood(SUPPRESSED.to_owned())) } else { lot.carried.parcel(run, &delivery) };
    let kind = run.definition.destination.kind();
    let delivered = match parcel {
        Ok(mut parcel) => {
            parcel.trace = context.config.trace_ratio.map(|ratio| TraceContext::of_run(run.id, ratio).of_attempt(delivery.id, number));
            let span = trace::attempt(kind, delivery.id, number, parcel.trace);
            span.record("bytes", parcel.artifact.as_ref().map_or(0, |artifact| artifact.bytes));
            let _under_way = figures::UnderWay::new(kind);
            let sending = context.carrier.deliver_in_turn(&run.definition.destination, &parcel, started_at, timing);
            let delivered = sending.instrument(span.clone()).await;
            let took = timing.since_turn();
            figures::attempt(kind, &delivered.outcome, took);
            span.record("outcome", figures::outcome_word(&delivered.outcome)).record("sending_us", micros(took));
            span.record("failed", !matches!(delivered.outcome, Outcome::Accepted { .. }));
            delivered
        }
        Err(why) => Delivered { outcome: why.into(), learnt_host_key: None, warnings: Vec::new() },
    };
    reach(FailPoint::AfterAnswer);
    let ended_at = context.clock.now();
    let attempt = Attempt { number, started_at, ended_at: Some(ended_at), outcome: Some(delivered.outcome.clone()) };
    let learnt = learnt(&delivered);
    let is_taken = matches!(delivered.outcome, Outcome::Accepted { .. });
    let mut ended = false;
    let mut held_until = None;
    if let Some(end) = way.end.filter(|end| is_taken && end.is_last() && !learnt.degraded) {
        let (delivery, record) = (delivery.id, PlainEnd::record(ended_at));
        ended = context.store.settle(lease, &LastAnswer { delivery, attempt, at: ended_at, learnt, record }).await?;
        figures::piece_ended(kind, &DeliveryState::Accepted { at: ended_at });
        end.count();
    } else {
        (delivery.state, held_until) = way.next_state(&delivery, &delivered.outcome, held_since, ended_at);
        context.store.end_attempt(lease, delivery.id, &attempt, &delivery.state, &learnt).await?;
        figures::piece_ended(kind, &delivery.state);
        if let Some(end) = way.end.filter(|_| is_taken) {
            end.count();
        }
    }
    reach(FailPoint::AfterAttempt);
    Ok(Tried { delivered, held_until, ended })
}

impl Way<'_> {
    /// Where a piece stands after an attempt that ended at `ended_at`; and until when the way out is shut, when that is why it waits.
    fn next_state(
        &self,
        delivery: &Delivery,
        outcome: &Outcome,
        held_since: Option<Timestamp>,
        ended_at: Timestamp,
    ) -> (DeliveryState, Option<Timestamp>) {
        let (first, made) = retries_since(&delivery.attempts, ended_at);
        let retry = &self.context.config.retry;
        let failed = |reason: String| (DeliveryState::Failed { at: ended_at, reason }, None);
        match outcome {
            Outcome::Accepted { .. } => (DeliveryState::Accepted { at: ended_at }, None),
            Outcome::Rejected { reason } => failed(reason.clone()),
            Outcome::Retry { reason, not_before } => match retry.next(delivery.id, made, first, ended_at, *not_before) {
                Next::At(at) => (DeliveryState::Pending { not_before: at }, None),
                Next::Exhausted if made > 1 => failed(format!("{reason}; given up after {made} attempts")),
                Next::Exhausted => failed(reason.clone()),
                Next::TooLate => failed(format!("{reason}; the time for retries is over")),
            },
            // Who tests wants to know now.
            Outcome::Held { reason, .. } if self.run.kind == RunKind::Test => failed(reason.clone()),
            Outcome::Held { reason, not_before, .. } => match retry.held(held_since.unwrap_or(ended_at), ended_at, *not_before) {
                Next::At(at) => (DeliveryState::Pending { not_before: at }, Some(at)),
                Next::Exhausted | Next::TooLate => failed(format!("{reason}; the time for waiting is over")),
            },
        }
    }
}

/// Since when the time for retries runs, and how many attempts count, this one included that ended at `ended_at`.
///
/// The time runs from the end of the first attempt that counts: before it, a piece may have waited long for its turn.
fn retries_since(before: &[Attempt], ended_at: Timestamp) -> (Timestamp, u32) {
    let first = before.iter().find(|attempt| counted(std::slice::from_ref(attempt)) > 0);
    let since = first.map_or(ended_at, |attempt| attempt.ended_at.unwrap_or(attempt.started_at));
    (since, counted(before) + 1)
}

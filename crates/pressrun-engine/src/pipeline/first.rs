//! Pieces that are sent as soon as they are promised, without being read again: those of a run that promises all it owes in one go.
//!
//! Those that have their turn at once begin with the promise, in one write. When the last of them is taken, the run ends with its answer, in
//! another: so a run of one piece is written three times, and what is claimed, promised or answered at one time by many runs is one commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::run::{RunRecord, RunStatus, TimelineEntry};

use super::send::{Lot, read_lot};
use super::{Halt, Work};
use crate::gate::Pass;
use crate::receivers::Visit;

/// Most pieces of such a run.
pub(super) const MOST: usize = 200;

/// What such a run sends.
pub(super) struct First {
    pub(super) visit: Visit,
    pub(super) lot: Arc<Lot>,
    /// Pieces that have their turn.
    pub(super) turns: Vec<(Delivery, Option<Pass>)>,
    /// The others.
    pub(super) waiting: VecDeque<Delivery>,
    /// When attempts at the former began.
    pub(super) at: Timestamp,
    /// They are sent so soon that the run keeps its permit until then.
    pub(super) is_soon: bool,
    pub(super) end: Option<PlainEnd>,
}

impl First {
    /// What of `pieces` is owed; `None` when nothing is, or when too many wait for the same receiver.
    pub(super) async fn of(work: &Work<'_>, pieces: &[Delivery]) -> Result<Option<Self>, Halt> {
        let is_owed = |piece: &&Delivery| matches!(piece.state, DeliveryState::Pending { .. });
        let mut waiting: VecDeque<Delivery> = pieces.iter().filter(is_owed).cloned().collect();
        let Ok(visit) = work.visit() else { return Ok(None) };
        if waiting.is_empty() {
            return Ok(None);
        }
        let lot = Arc::new(read_lot(work, waiting.make_contiguous()).await?);
        let end = PlainEnd::of(work, waiting.len());
        // Mail waits for its turn at the relay where it is sent.
        let is_mail = work.run.definition.destination.email().is_some();
        let mut turns = Vec::new();
        while turns.len() < work.context.config.parallel_deliveries {
            let pass = if is_mail { None } else { visit.turn_at_once() };
            if pass.is_none() && !is_mail {
                break;
            }
            let Some(piece) = waiting.pop_front() else { break };
            turns.push((piece, pass));
        }
        let is_soon = visit.is_soon();
        Ok(Some(Self { visit, lot, turns, waiting, at: Timestamp::UNIX_EPOCH, is_soon, end }))
    }

    /// Pieces whose attempts begin with the promise.
    pub(super) fn begun(&self) -> impl Iterator<Item = DeliveryId> + '_ {
        self.turns.iter().map(|(piece, _)| piece.id)
    }

    /// They have begun.
    pub(super) fn begun_at(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }
}

/// The end of a run of which nothing has failed so far, and which leaves nothing to be judged by: should the rest be taken, it says no more than that.
pub(super) struct PlainEnd {
    /// Pieces of which it is not written down that they were taken.
    left: AtomicUsize,
}

impl PlainEnd {
    /// `None` when the end of a run with so many pieces depends on more than their answers, or has to be told in other words.
    fn of(work: &Work<'_>, pieces: usize) -> Option<Self> {
        let has_failed = work.progress.degraded || work.record.tiles.iter().chain(&work.written.tiles).any(|tile| tile.error.is_some());
        let is_plain = !has_failed && work.run.definition.condition.is_none() && work.record.outline.is_none();
        is_plain.then(|| Self { left: AtomicUsize::new(pieces) })
    }

    /// Whether the piece that is taken now is the last.
    pub(super) fn is_last(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 1
    }

    /// That another one was taken is written down.
    pub(super) fn count(&self) {
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    /// What history says of it.
    pub(super) fn record(at: Timestamp) -> RunRecord {
        let line = TimelineEntry { at, event: "ended".to_owned(), detail: Some(RunStatus::Complete.as_str().to_owned()) };
        RunRecord { timeline: vec![line], ..RunRecord::default() }
    }
}

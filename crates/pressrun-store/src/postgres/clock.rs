//! The database's clock, by which leases are given and lapse (P1).
//!
//! Whoever calls says instants of its node. How far that node's clock is off is measured with each heartbeat, and what is compared between nodes is moved by
//! so much: two nodes whose clocks differ give leases of the same length, and neither takes over what the other still has. A node whose clock is off
//! by more than [`MOST_OFF`] claims, plans and releases nothing until it is put right: the instants of its schedules would be wrong.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::run::{Lease, RunState, TimelineEntry, Worked};

use super::Once;
use crate::{ClaimRequest, ClaimedRun, DueSchedule, Planning as _, Released, RunNews, Runs as _, StoreError};

/// A node that is off by more does no work that goes by the clock.
pub(super) const MOST_OFF: SignedDuration = SignedDuration::from_secs(2);

/// What one node does for all: planning. Others would read the same, and throw their work away (P3). It plans some seconds ahead, so that another one takes over in time.
const PLANNING: &str = "planning";

/// How far a node's clock is behind the database's, in microseconds; negative when it is ahead.
#[derive(Debug, Default)]
pub(super) struct Offset(AtomicI64);

impl Offset {
    /// Notes what both clocks say at one instant.
    pub(super) fn measure(&self, node: Timestamp, database: Timestamp) {
        let behind = i64::try_from(database.duration_since(node).as_micros()).unwrap_or(i64::MAX);
        let was_off = self.is_off();
        self.0.store(behind, Ordering::Relaxed);
        let seconds = SignedDuration::from_micros(behind).as_secs_f64();
        metrics::gauge!("pressrun_clock_offset_seconds").set(seconds);
        if self.is_off() && !was_off {
            tracing::error!(seconds, "this node's clock differs from the database's: it claims and plans nothing until it is put right");
        } else if was_off && !self.is_off() {
            tracing::info!(seconds, "this node's clock is right again: it works on");
        }
    }

    /// Whether the node's clock is too far off to work by it.
    pub(super) fn is_off(&self) -> bool {
        self.0.load(Ordering::Relaxed).unsigned_abs() > u64::try_from(MOST_OFF.as_micros()).unwrap_or(u64::MAX)
    }

    /// An instant of the node on the database's clock.
    pub(super) fn to_database(&self, at: Timestamp) -> Timestamp {
        Self::moved(at, self.0.load(Ordering::Relaxed))
    }

    /// An instant of the database's clock on the node's.
    pub(super) fn to_node(&self, at: Timestamp) -> Timestamp {
        Self::moved(at, self.0.load(Ordering::Relaxed).saturating_neg())
    }

    fn moved(at: Timestamp, by: i64) -> Timestamp {
        let by = SignedDuration::from_micros(by);
        at.saturating_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
    }
}

/// Calls whose instants are compared between nodes. A node whose clock is off, or that a newer schema has left behind, finds nothing to do.
impl Once {
    fn stands_still(&self) -> bool {
        self.offset.is_off() || self.left_behind.load(Ordering::Relaxed)
    }

    pub(super) async fn claim_by_clock(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        if self.stands_still() {
            return Ok(Vec::new());
        }
        let (now, lease_until) = (self.offset.to_database(request.now), self.offset.to_database(request.lease_until));
        let mut claimed = self.claim_some(&ClaimRequest { now, lease_until, ..request.clone() }).await?;
        for claim in &mut claimed {
            claim.lease.until = self.offset.to_node(claim.lease.until);
            claim.run.state = RunState::Running { lease: claim.lease };
        }
        Ok(claimed)
    }

    pub(super) async fn renew_by_clock(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError> {
        self.renew(lease, self.offset.to_database(until)).await?;
        Ok(Lease { until, ..*lease })
    }

    pub(super) async fn release_by_clock(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        self.release(lease, self.offset.to_database(available_at), news).await
    }

    pub(super) async fn hand_back_by_clock(
        &self,
        lease: &Lease,
        now: Timestamp,
        lines: &[TimelineEntry],
        worked: Worked,
    ) -> Result<(), StoreError> {
        self.hand_back(lease, self.offset.to_database(now), lines, worked).await
    }

    pub(super) async fn yield_by_clock(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        self.yield_run(lease, self.offset.to_database(now), news).await
    }

    pub(super) async fn wait_by_clock(&self, now: Timestamp) -> Result<bool, StoreError> {
        if self.stands_still() { Ok(false) } else { self.others_wait(self.offset.to_database(now)).await }
    }

    pub(super) async fn next_by_clock(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        if self.stands_still() {
            return Ok(None);
        }
        let next = self.next_available(self.offset.to_database(after)).await?;
        Ok(next.map(|next| self.offset.to_node(next)))
    }

    pub(super) async fn due_by_clock(&self, until: Timestamp, late: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        if self.stands_still() || !self.leads(PLANNING).await? {
            return Ok(Vec::new());
        }
        self.due_schedules(until, late, limit).await
    }

    pub(super) async fn next_due_by_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        // Whoever does not plan looks again after a while, and not when something is due.
        if self.stands_still() || !self.leads(PLANNING).await? { Ok(None) } else { self.next_due().await }
    }

    pub(super) async fn next_ready_by_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.stands_still() { Ok(None) } else { self.next_ready().await }
    }

    pub(super) async fn release_planned_by_clock(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError> {
        if self.stands_still() { Ok(Released::default()) } else { self.release_planned(now, oldest, limit).await }
    }
}

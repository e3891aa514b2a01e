//! [`Runs`] on SQLite; each method is told in the module of its matter.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Tally};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, MembershipId, RunId, ScheduleId, WorkerId};
use pressrun_domain::run::{Lease, Run, RunRecord};
use sqlx::Row as _;

use super::attempts::Entry;
use super::lease::hold;
use super::ledger::Which;
use super::{SqliteStore, artifacts};
use crate::{AudienceTargets, ClaimRequest, ClaimedRun, Enqueue, Page, RunEnd, Runs, StoreError};

#[async_trait]
impl Runs for SqliteStore {
    async fn enqueue(&self, run: &Enqueue, change: &Change) -> Result<(), StoreError> {
        self.insert_run(run, change).await
    }

    async fn enqueue_resend(&self, run: &Run, piece: &Delivery, change: &Change) -> Result<(), StoreError> {
        self.insert_resend(run, piece, change).await
    }

    async fn resends(&self, of: RunId) -> Result<Vec<Run>, StoreError> {
        self.runs_that_resend(of).await
    }

    async fn claim_some(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.claim_runs(request).await
    }

    async fn announce(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.presence.announce(worker);
        Ok(())
    }

    async fn release_dead(&self, now: Timestamp) -> Result<u32, StoreError> {
        self.release_leases_of_the_dead(now).await
    }

    async fn others_wait(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.somebody_waits(now).await
    }

    async fn next_available(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.earliest_available(after).await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError> {
        self.renew_lease(lease, until).await
    }

    async fn release(&self, lease: &Lease, available_at: Timestamp, record: &RunRecord) -> Result<(), StoreError> {
        self.release_run(lease, available_at, record).await
    }

    async fn hand_back(&self, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
        self.hand_run_back(lease, now).await
    }

    async fn yield_run(&self, lease: &Lease, now: Timestamp, record: &RunRecord) -> Result<(), StoreError> {
        self.queue_behind(lease, now, record).await
    }

    async fn save_record(&self, lease: &Lease, record: &RunRecord) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        artifacts::put_record(&mut tx, lease.run, record).await?;
        Ok(tx.commit().await?)
    }

    async fn promise(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.promise_pieces(lease, deliveries).await
    }

    async fn forget_promises(&self, lease: &Lease) -> Result<(), StoreError> {
        self.forget_pieces(lease).await
    }

    async fn deliveries(&self, run: RunId) -> Result<Vec<Delivery>, StoreError> {
        self.pieces(run, &Which::All).await
    }

    async fn piece_page(&self, run: RunId, page: u64, page_size: u32) -> Result<Page<Delivery>, StoreError> {
        let total = self.count_pieces(run).await?.all();
        let rows = self.pieces(run, &Which::Page { page, page_size }).await?;
        Ok(Page { rows, total })
    }

    async fn pieces_to(&self, run: RunId, address: &EmailAddress) -> Result<Vec<Delivery>, StoreError> {
        self.addressed(run, address).await
    }

    async fn audiences(&self, run: RunId) -> Result<Vec<AudienceTargets>, StoreError> {
        self.count_audiences(run).await
    }

    async fn owed(&self, run: RunId, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.pieces(run, &Which::Due { now, limit }).await
    }

    async fn delivery(&self, run: RunId, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.pieces(run, &Which::One(id)).await?.pop())
    }

    async fn tally(&self, run: RunId) -> Result<Tally, StoreError> {
        self.count_pieces(run).await
    }

    async fn begin_attempt(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError> {
        self.write_attempt(Entry::Begin { lease: *lease, delivery, now }).await
    }

    async fn end_attempt(&self, lease: &Lease, delivery: DeliveryId, attempt: &Attempt, state: &DeliveryState) -> Result<(), StoreError> {
        let entry = Entry::End { lease: *lease, delivery, attempt: attempt.clone(), state: state.clone() };
        self.write_attempt(entry).await.map(|_| ())
    }

    async fn finish(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        self.finish_run(lease, end, now).await
    }

    async fn cancel(&self, run: RunId, change: &Change) -> Result<bool, StoreError> {
        self.cancel_run(run, change).await
    }

    async fn is_cancelled(&self, run: RunId) -> Result<bool, StoreError> {
        self.wants_cancel(run).await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        self.one_run(id).await
    }

    async fn list_runs(&self, schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Result<Page<Run>, StoreError> {
        self.run_page(schedule, page, page_size).await
    }

    async fn runs_under_way(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        self.under_way_of(schedules).await
    }

    async fn latest_failures(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        self.failures_of(schedules).await
    }

    async fn count_tests(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError> {
        self.tests_of(owner, since).await
    }

    async fn baseline(&self, schedule: ScheduleId, audience: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT fingerprint FROM baselines WHERE schedule_id = $1 AND audience = $2")
            .bind(schedule.to_string())
            .bind(audience)
            .fetch_optional(&self.read)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    async fn reset_baselines(&self, schedule: ScheduleId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM baselines WHERE schedule_id = $1").bind(schedule.to_string()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn live_artifacts(&self, kept_since: Timestamp) -> Result<Vec<String>, StoreError> {
        self.named_artifacts(kept_since).await
    }
}

//! [`Runs`]; each method is told in the module of its matter.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::access::told::HistoryReader;
use pressrun_domain::audit::Change;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Tally};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, MembershipId, RunId, ScheduleId, WorkerId};
use pressrun_domain::run::{Lease, Run, RunStatus, TimelineEntry, Worked};

use super::Backend;
use super::entries::Entry;
use super::ledger::Which;
use crate::{
    AudienceDone, AudienceTargets, ClaimRequest, ClaimedRun, Enqueue, HistoryQuery, LastAnswer, Learnt, Page, RunEnd, RunNews, Runs,
    StoreError, StoredBaseline,
};

#[async_trait]
impl Runs for Backend {
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
        self.announce_worker(worker).await
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

    async fn release(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        self.release_run(lease, available_at, news).await
    }

    async fn hand_back(&self, lease: &Lease, now: Timestamp, lines: &[TimelineEntry], worked: Worked) -> Result<(), StoreError> {
        self.hand_run_back(lease, now, lines, worked).await
    }

    async fn yield_run(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        self.queue_behind(lease, now, news).await
    }

    async fn add_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
        self.put_news(lease, news).await
    }

    async fn promise(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.promise_pieces(lease, deliveries).await
    }

    async fn finish_audience(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        done: Option<&AudienceDone>,
    ) -> Result<(), StoreError> {
        self.finish_audience_of(lease, pieces, news, done).await
    }

    async fn promise_and_begin(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        begun: &[DeliveryId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.promise_and_begin_of(lease, pieces, news, begun, now).await
    }

    async fn audiences_done(&self, run: RunId) -> Result<Vec<AudienceDone>, StoreError> {
        self.done_audiences(run).await
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
        self.writer.write(Entry::Begin { lease: *lease, delivery, now }).await
    }

    async fn end_attempt(
        &self,
        lease: &Lease,
        delivery: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        learnt: &Learnt,
    ) -> Result<(), StoreError> {
        let (attempt, state, learnt) = (attempt.clone(), state.clone(), learnt.clone());
        self.writer.write(Entry::End { lease: *lease, delivery, attempt, state, learnt }).await.map(drop)
    }

    async fn settle(&self, lease: &Lease, last: &LastAnswer) -> Result<bool, StoreError> {
        let ended = self.writer.write(Entry::Settle { lease: *lease, last: last.clone() }).await?;
        Ok(ended != 0)
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

    async fn list_runs_for(
        &self,
        reader: &HistoryReader,
        schedule: ScheduleId,
        page: u64,
        page_size: u32,
    ) -> Result<Page<Run>, StoreError> {
        self.run_page_for(reader, schedule, page, page_size).await
    }

    async fn runs_under_way(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        self.under_way_of(schedules).await
    }

    async fn last_endings(&self, schedule: ScheduleId, limit: u32) -> Result<Vec<RunStatus>, StoreError> {
        self.endings_of(schedule, limit).await
    }

    async fn latest_failures(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        self.failures_of(schedules).await
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<Run>, StoreError> {
        self.history_of(query).await
    }

    async fn count_tests(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError> {
        self.tests_of(owner, since).await
    }

    async fn baselines(&self, schedule: ScheduleId, audiences: &[&str]) -> Result<Vec<StoredBaseline>, StoreError> {
        self.baselines_of(schedule, audiences).await
    }

    async fn reset_baselines(&self, schedule: ScheduleId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM baselines WHERE schedule_id = $1").bind(schedule.to_string()).execute(&mut *tx).await?;
        tx.commit().await
    }
}

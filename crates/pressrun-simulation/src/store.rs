//! The store as a node has it: every call waits to be granted by the world, and is then made on the real one.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::access::told::HistoryReader;
use pressrun_domain::audit::{Change, Entry, Object};
use pressrun_domain::bounce::{Bounce, Mailed, Suppression};
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Tally};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{
    ApiKeyId, DeliveryId, DocumentIdentifier, MembershipId, RecipientId, RunId, ScheduleId, SessionId, SubscriptionRequestId, UserId,
    WorkerId,
};
use pressrun_domain::key::ApiKey;
use pressrun_domain::notice::{Notice, NoticeLane, NoticeTo};
use pressrun_domain::run::{Lease, Run, RunRecord, RunState, RunStatus, TimelineEntry, Worked};
use pressrun_domain::schedule::{Schedule, SystemDisabled};
use pressrun_domain::secret::Secret;
use pressrun_domain::session::Session;
use pressrun_domain::users::EmailOnlyUser;
use pressrun_store::{
    Agreed, Asked, AudienceDone, AudienceTargets, Audit, AuditQuery, CatalogPublication, CatalogReading, CatalogStanding, Catalogs,
    ClaimRequest, ClaimedRun, Consents, DueSchedule, Enqueue, Figures, GroundsKey, Hints, HistoryQuery, Keys, LastAnswer, Learnt,
    ListQuery, ListRow, ListedMember, Listening, Names, Notices, Overdue, OverdueRun, Owed, Page, People, PlannedSchedule, PlannedThrough,
    Planning, PlanningNote, Pruned, PublishedCatalog, PutRight, Quotas, Released, Replanned, Retention, RunCounts, RunEnd, RunNews, Runs,
    ScheduleCounts, ScheduleKey, Schedules, Seals, Sessions, SharedGrounds, SqliteStore, StoreError, StoredBaseline, Suppressions, Timing,
    TimingId, UnreadRun, Upserted, Waiting,
};

use crate::book::Book;
use crate::node::Idleness;
use crate::office::DOCUMENTS;
use crate::plants::Plant;
use crate::stage::{Ask, Grant, NodeId, Stage};

/// The store of one node.
pub struct StagedStore {
    inner: Arc<SqliteStore>,
    stage: Stage,
    node: NodeId,
    idleness: Arc<Idleness>,
    plant: Option<Plant>,
    memory: Mutex<Memory>,
}

/// What planted faults remember.
#[derive(Default)]
struct Memory {
    /// Runs as they were claimed.
    claimed: BTreeMap<RunId, ClaimedRun>,
    /// The document of the run that was claimed last.
    served: Option<DocumentIdentifier>,
    /// Until when answers are dropped.
    drops_until: SignedDuration,
    /// What is old has been swept away.
    swept: bool,
}

impl StagedStore {
    /// `inner`, each call of which waits for the world.
    #[must_use]
    pub fn new(inner: Arc<SqliteStore>, stage: Stage, node: NodeId, idleness: Arc<Idleness>, plant: Option<Plant>) -> Self {
        Self { inner, stage, node, idleness, plant, memory: Mutex::default() }
    }

    /// Makes one call; `note` hears what was done, also when the caller will not.
    async fn call<T>(
        &self,
        name: &'static str,
        made: impl Future<Output = Result<T, StoreError>>,
        note: impl FnOnce(&Result<T, StoreError>, &mut Book),
    ) -> Result<T, StoreError> {
        let grant = self.stage.ask(self.node, Ask::Store(name), SignedDuration::ZERO).await;
        if grant == Grant::Refuse {
            return Err(unavailable());
        }
        let calling = self.idleness.calling();
        let answer = made.await;
        drop(calling);
        note(&answer, &mut self.stage.state().book);
        match grant {
            Grant::Go | Grant::Refuse => answer,
            Grant::Lose => Err(unavailable()),
            Grant::Late(by) => {
                self.stage.ask(self.node, Ask::Answer(name), by).await;
                answer
            }
        }
    }

    /// The same for a write under a lease.
    async fn write<T>(
        &self,
        lease: &Lease,
        name: &'static str,
        made: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (node, held) = (self.node, *lease);
        self.call(name, made, |answer, book| book.wrote(node, &held, name, answer)).await
    }

    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of whoever has the run now.
    async fn usurped(&self, run: RunId) -> Option<Lease> {
        let _calling = self.idleness.calling();
        match self.inner.run(run).await.ok()??.state {
            RunState::Running { lease } => Some(lease),
            RunState::Queued { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => None,
        }
    }

    /// Notes what was claimed, and spoils it as the plant says.
    fn spoil_claims(&self, claimed: &mut [ClaimedRun], now: Timestamp) {
        for ClaimedRun { run, lease } in claimed.iter_mut() {
            let waited = run.started_at.map_or(SignedDuration::ZERO, |began| now.duration_since(began).max(SignedDuration::ZERO));
            match self.plant {
                Some(Plant::WaitingIsWork) if run.progress.promised_at.is_none() => run.progress.worked.preparing = waited,
                Some(Plant::WaitingIsWork) => run.progress.worked.sending = waited,
                Some(Plant::DeathsUncounted) => run.progress.fence = lease.fence.saturating_sub(1),
                _ => {}
            }
        }
        let mut memory = self.memory();
        for claimed in claimed.iter() {
            memory.served = Some(claimed.run.definition.identifier.clone());
            memory.claimed.insert(claimed.run.id, claimed.clone());
        }
    }

    /// Notes that every piece of a run is promised, when these news said so and somebody heard that they are kept.
    fn note_promised(&self, lease: &Lease, news: &RunNews, kept: &Result<(), StoreError>) {
        if kept.is_ok() && news.progress.promised_at.is_some() {
            self.stage.state().book.promised(lease.run);
        }
    }

    /// Leaves starts out of schedules that have a run under way, and what was missed.
    async fn spoil_plan(&self, schedules: &[PlannedSchedule]) -> Result<Vec<PlannedSchedule>, StoreError> {
        let _calling = self.idleness.calling();
        let mut spoilt = schedules.to_vec();
        for of in &mut spoilt {
            if self.has(Plant::MissedUntold) {
                of.missed.clear();
            }
            if self.has(Plant::OverlapUntold)
                && let Some(schedule) = self.inner.schedule_of(of.schedule.key).await?
                && !self.inner.runs_under_way(&[schedule]).await?.is_empty()
            {
                of.starts.clear();
            }
        }
        Ok(spoilt)
    }

    /// What is owed of a run, as the plant says.
    async fn spoil_owed(&self, run: RunId, mut owed: Vec<Delivery>) -> Result<Vec<Delivery>, StoreError> {
        if self.has(Plant::MarkOfItsOwn) {
            for piece in &mut owed {
                piece.idempotency_key = format!("{}-{}", piece.idempotency_key, piece.attempts.len());
            }
        }
        let again = self.memory().claimed.get(&run).is_some_and(|claimed| claimed.lease.fence > 1);
        if self.has(Plant::AcceptedIsOwed) && again {
            let _calling = self.idleness.calling();
            let pieces = self.inner.deliveries(run).await?;
            owed.extend(pieces.into_iter().filter(|piece| matches!(piece.state, DeliveryState::Accepted { .. })));
        }
        Ok(owed)
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the simulation says so".to_owned())
}

/// Implements a trait of the store: plain methods are called as they are, those that hold a lease tell the book, and the rest is written out.
macro_rules! staged {
    (
        $trait:ident { $(async fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)* }
        $(fenced { $(async fn $fenced:ident(&self, $lease:ident: &Lease $(, $with:ident: $of:ty)*) -> $said:ty;)* })?
        $(own { $($own:tt)* })?
    ) => {
        #[async_trait]
        impl $trait for StagedStore {
            $(async fn $name(&self $(, $argument: $type)*) -> $answer {
                self.call(stringify!($name), self.inner.$name($($argument),*), |_, _| {}).await
            })*
            $($(async fn $fenced(&self, $lease: &Lease $(, $with: $of)*) -> $said {
                let answer = self.write($lease, stringify!($fenced), self.inner.$fenced($lease $(, $with)*)).await;
                if matches!(answer, Err(StoreError::LeaseLost))
                    && self.has(Plant::FenceIgnored)
                    && let Some(usurped) = self.usurped($lease.run).await
                {
                    return self.write($lease, stringify!($fenced), self.inner.$fenced(&usurped $(, $with)*)).await;
                }
                answer
            })*)?
            $($($own)*)?
        }
    };
}

staged! {
    Schedules {
        async fn insert_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<(), StoreError>;
        async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;
        async fn replace_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<u64, StoreError>;
        async fn delete_schedule(&self, id: ScheduleId, change: &Change) -> Result<bool, StoreError>;
        async fn list_schedules(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError>;
        async fn grounds(&self, after: GroundsKey, limit: u32) -> Result<Vec<SharedGrounds>, StoreError>;
        async fn standing_on(&self, grounds: GroundsKey, switched_off: bool, after: Option<ScheduleId>, limit: u32) -> Result<Vec<Schedule>, StoreError>;
        async fn refresh_names(&self, dashboards: &[(DocumentIdentifier, String)], owners: &[(MembershipId, String)]) -> Result<(), StoreError>;
        async fn listed_members(&self, after: Option<MembershipId>, limit: u32) -> Result<Vec<ListedMember>, StoreError>;
        async fn move_members(&self, moved: &[(MembershipId, EmailAddress)]) -> Result<u64, StoreError>;
    }
}

staged! {
    Consents {
        async fn put_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<(), StoreError>;
        async fn offer(&self, schedule: ScheduleId) -> Result<Option<OwnershipOffer>, StoreError>;
        async fn drop_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<bool, StoreError>;
        async fn put_request(&self, request: &SubscriptionRequest, notices: &[Notice], change: &Change) -> Result<Asked, StoreError>;
        async fn requests(&self, schedule: ScheduleId) -> Result<Vec<SubscriptionRequest>, StoreError>;
        async fn request(&self, id: SubscriptionRequestId) -> Result<Option<SubscriptionRequest>, StoreError>;
        async fn decline_request(&self, id: SubscriptionRequestId, notices: &[Notice], change: &Change) -> Result<bool, StoreError>;
        async fn drop_request(&self, schedule: ScheduleId, member: MembershipId) -> Result<(), StoreError>;
        async fn agree(&self, schedule: &Schedule, names: &Names, agreed: Agreed<'_>, notices: &[Notice], change: &Change) -> Result<u64, StoreError>;
    }
}

staged! {
    Planning {
        async fn due_schedules(&self, until: Timestamp, late: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError>;
        async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
        async fn next_ready(&self) -> Result<Option<Timestamp>, StoreError>;
        async fn planned_beyond(&self, beyond: Option<Timestamp>, after: ScheduleKey, limit: u32) -> Result<Vec<PlannedThrough>, StoreError>;
        async fn replan(&self, schedules: &[Replanned], now: Timestamp) -> Result<(), StoreError>;
        async fn dealt_with(&self, stretches: &[(ScheduleKey, Timestamp, Timestamp)]) -> Result<Vec<(ScheduleKey, Timestamp)>, StoreError>;
        async fn forget_future(&self, clock: &PutRight) -> Result<(), StoreError>;
        async fn schedule_of(&self, key: ScheduleKey) -> Result<Option<ScheduleId>, StoreError>;
        async fn set_aside(&self, schedule: &DueSchedule, notices: &[Notice]) -> Result<bool, StoreError>;
        async fn timings(&self, ids: &[TimingId]) -> Result<Vec<Timing>, StoreError>;
        async fn keep_planning_note(&self, name: PlanningNote, text: &str) -> Result<(), StoreError>;
    }
    own {
        async fn plan(&self, schedules: &[PlannedSchedule], now: Timestamp) -> Result<(), StoreError> {
            let spoilt = self.spoil_plan(schedules).await?;
            self.call("plan", self.inner.plan(&spoilt, now), |_, _| {}).await
        }

        async fn release_planned(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError> {
            self.call("release_planned", self.inner.release_planned(now, oldest, limit), |released, book| {
                // A pass releases until nothing is left, after it has planned.
                if matches!(released, Ok(Released { taken: 0, .. })) {
                    book.planned(now);
                }
            })
            .await
        }

        async fn planning_note(&self, name: PlanningNote) -> Result<Option<String>, StoreError> {
            let note = self.call("planning_note", self.inner.planning_note(name), |_, _| {}).await?;
            let unnoticed = name == PlanningNote::Rules && note.is_some() && self.has(Plant::RulesUnnoticed);
            Ok(if unnoticed { Some(pressrun_cron::rules()) } else { note })
        }
    }
}

staged! {
    Runs {
        async fn enqueue(&self, run: &Enqueue, change: &Change) -> Result<(), StoreError>;
        async fn enqueue_resend(&self, run: &Run, piece: &Delivery, change: &Change) -> Result<(), StoreError>;
        async fn resends(&self, of: RunId) -> Result<Vec<Run>, StoreError>;
        async fn announce(&self, worker: WorkerId) -> Result<(), StoreError>;
        async fn others_wait(&self, now: Timestamp) -> Result<bool, StoreError>;
        async fn next_available(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
        async fn deliveries(&self, run: RunId) -> Result<Vec<Delivery>, StoreError>;
        async fn piece_page(&self, run: RunId, page: u64, page_size: u32) -> Result<Page<Delivery>, StoreError>;
        async fn pieces_to(&self, run: RunId, address: &EmailAddress) -> Result<Vec<Delivery>, StoreError>;
        async fn audiences(&self, run: RunId) -> Result<Vec<AudienceTargets>, StoreError>;
        async fn delivery(&self, run: RunId, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;
        async fn tally(&self, run: RunId) -> Result<Tally, StoreError>;
        async fn cancel(&self, run: RunId, change: &Change) -> Result<bool, StoreError>;
        async fn is_cancelled(&self, run: RunId) -> Result<bool, StoreError>;
        async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;
        async fn list_runs(&self, schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Result<Page<Run>, StoreError>;
        async fn list_runs_for(&self, reader: &HistoryReader, schedule: ScheduleId, page: u64, page_size: u32) -> Result<Page<Run>, StoreError>;
        async fn runs_under_way(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError>;
        async fn last_endings(&self, schedule: ScheduleId, limit: u32) -> Result<Vec<RunStatus>, StoreError>;
        async fn latest_failures(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError>;
        async fn history(&self, query: &HistoryQuery) -> Result<Vec<Run>, StoreError>;
        async fn count_tests(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError>;
        async fn baselines(&self, schedule: ScheduleId, audiences: &[&str]) -> Result<Vec<StoredBaseline>, StoreError>;
        async fn reset_baselines(&self, schedule: ScheduleId) -> Result<(), StoreError>;
    }
    fenced {
        async fn release(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError>;
        async fn yield_run(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError>;
        async fn promise(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError>;
        async fn forget_promises(&self, lease: &Lease) -> Result<(), StoreError>;
        async fn finish(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError>;
    }
    own {
        async fn claim_some(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
            let node = self.node;
            let mut request = request.clone();
            if self.has(Plant::LastServedFirst)
                && let Some(served) = self.memory().served.clone()
            {
                request.busy = DOCUMENTS.iter().filter(|document| **document != served.as_str()).map(|document| (*document).into()).collect();
            }
            let note = |claimed: &Result<Vec<ClaimedRun>, StoreError>, book: &mut Book| {
                claimed.iter().flatten().for_each(|claimed| book.claimed(node, claimed));
            };
            let mut claimed = self.call("claim_some", self.inner.claim_some(&request), note).await?;
            if claimed.is_empty() && self.has(Plant::LastServedFirst) {
                request.busy.clear();
                claimed = self.call("claim_some", self.inner.claim_some(&request), note).await?;
            }
            if self.has(Plant::OwedIsSwept) && self.memory().swept {
                claimed.retain(|claimed| claimed.run.progress.promised_at.is_none());
            }
            self.spoil_claims(&mut claimed, request.now);
            Ok(claimed)
        }

        async fn add_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
            let added = self.write(lease, "add_news", self.inner.add_news(lease, news)).await;
            self.note_promised(lease, news, &added);
            added
        }

        async fn finish_audience(
            &self,
            lease: &Lease,
            pieces: &[Delivery],
            news: &RunNews,
            done: Option<&AudienceDone>,
        ) -> Result<(), StoreError> {
            let lost = self.has(Plant::AudienceLost) && lease.fence > 1 && done.is_some();
            let pieces = if lost { &[] } else { pieces };
            let finishing = self.inner.finish_audience(lease, pieces, news, done);
            let (node, held) = (self.node, *lease);
            let note = |answer: &Result<(), StoreError>, book: &mut Book| {
                book.wrote(node, &held, "finish_audience", answer);
                if let (Ok(()), Some(done)) = (answer, done) {
                    book.audience_done(held.run, &done.digest);
                }
            };
            let finished = self.call("finish_audience", finishing, note).await;
            self.note_promised(lease, news, &finished);
            finished
        }

        async fn audiences_done(&self, run: RunId) -> Result<Vec<AudienceDone>, StoreError> {
            let done = self.call("audiences_done", self.inner.audiences_done(run), |_, _| {}).await?;
            Ok(if self.has(Plant::AudiencesForgotten) { Vec::new() } else { done })
        }

        async fn promise_and_begin(
            &self,
            lease: &Lease,
            pieces: &[Delivery],
            news: &RunNews,
            begun: &[DeliveryId],
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            let mut answer =
                self.write(lease, "promise_and_begin", self.inner.promise_and_begin(lease, pieces, news, begun, now)).await;
            if matches!(answer, Err(StoreError::LeaseLost))
                && self.has(Plant::FenceIgnored)
                && let Some(usurped) = self.usurped(lease.run).await
            {
                let promised = self.inner.promise_and_begin(&usurped, pieces, news, begun, now);
                answer = self.write(lease, "promise_and_begin", promised).await;
            }
            let kept = answer.as_ref().map(|_| ()).map_err(Clone::clone);
            self.note_promised(lease, news, &kept);
            answer
        }

        async fn settle(&self, lease: &Lease, last: &LastAnswer) -> Result<bool, StoreError> {
            let (node, held) = (self.node, *lease);
            if self.has(Plant::AnswersDropped) && self.stage.state().steady < self.memory().drops_until {
                return Err(unavailable());
            }
            let name = |answer: &Result<bool, StoreError>| if matches!(answer, Ok(true)) { "finish" } else { "end_attempt" };
            let settled = self.inner.settle(lease, last);
            let answer = self.call("settle", settled, |answer, book| book.wrote(node, &held, name(answer), answer)).await;
            self.stage.state().book.recorded(node, last.delivery);
            match answer {
                Err(StoreError::LeaseLost) if self.has(Plant::FenceIgnored) => match self.usurped(lease.run).await {
                    Some(usurped) => {
                        let settled = self.inner.settle(&usurped, last);
                        self.call("settle", settled, |answer, book| book.wrote(node, &held, name(answer), answer)).await
                    }
                    None => Err(StoreError::LeaseLost),
                },
                Err(StoreError::Unavailable(_)) => {
                    self.memory().drops_until = self.stage.state().steady + SignedDuration::from_secs(60);
                    Err(unavailable())
                }
                answer => answer,
            }
        }

        async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError> {
            if self.has(Plant::LeaseUnrenewed) {
                return Ok(Lease { until, ..*lease });
            }
            self.write(lease, "renew", self.inner.renew(lease, until)).await
        }

        async fn hand_back(&self, lease: &Lease, now: Timestamp, lines: &[TimelineEntry], worked: Worked) -> Result<(), StoreError> {
            let before = self.memory().claimed.get(&lease.run).map(|claimed| claimed.run.progress.clone());
            if let Some(progress) = before.filter(|_| self.has(Plant::HandBackForgets)) {
                let record = RunRecord { timeline: lines.to_vec(), ..RunRecord::default() };
                let news = RunNews { record, progress, ..RunNews::default() };
                return self.write(lease, "hand_back", self.inner.release(lease, now, &news)).await;
            }
            self.write(lease, "hand_back", self.inner.hand_back(lease, now, lines, worked)).await
        }

        async fn owed(&self, run: RunId, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
            let owed = self.call("owed", self.inner.owed(run, now, limit), |_, _| {}).await?;
            self.spoil_owed(run, owed).await
        }

        async fn begin_attempt(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError> {
            let mut answer = self.write(lease, "begin_attempt", self.inner.begin_attempt(lease, delivery, now)).await;
            if matches!(answer, Err(StoreError::LeaseLost))
                && self.has(Plant::FenceIgnored)
                && let Some(usurped) = self.usurped(lease.run).await
            {
                answer = self.write(lease, "begin_attempt", self.inner.begin_attempt(&usurped, delivery, now)).await;
            }
            match answer {
                Err(StoreError::Conflict) if self.has(Plant::AcceptedIsOwed) => Ok(99),
                answer => answer,
            }
        }

        async fn end_attempt(
            &self,
            lease: &Lease,
            delivery: DeliveryId,
            attempt: &Attempt,
            state: &DeliveryState,
            learnt: &Learnt,
        ) -> Result<(), StoreError> {
            let node = self.node;
            if self.has(Plant::AnswersDropped) && self.stage.state().steady < self.memory().drops_until {
                return Err(unavailable());
            }
            let ended = self.inner.end_attempt(lease, delivery, attempt, state, learnt);
            let held = *lease;
            let answer = self.call("end_attempt", ended, |answer, book| book.wrote(node, &held, "end_attempt", answer)).await;
            self.stage.state().book.recorded(node, delivery);
            if matches!(answer, Err(StoreError::LeaseLost))
                && self.has(Plant::FenceIgnored)
                && let Some(usurped) = self.usurped(lease.run).await
            {
                let ended = self.inner.end_attempt(&usurped, delivery, attempt, state, learnt);
                return self.write(lease, "end_attempt", ended).await;
            }
            match answer {
                Err(StoreError::Conflict | StoreError::NotFound(_)) if self.has(Plant::AcceptedIsOwed) => Ok(()),
                Err(StoreError::Unavailable(_)) => {
                    self.memory().drops_until = self.stage.state().steady + SignedDuration::from_secs(60);
                    Err(unavailable())
                }
                answer => answer,
            }
        }

        async fn release_dead(&self, now: Timestamp) -> Result<u32, StoreError> {
            // Mostly nobody has died since the last look, and looking costs more than all else that an idle node does.
            if !self.stage.state().book.has_unseen_death() {
                return Ok(0);
            }
            self.call("release_dead", self.inner.release_dead(now), |released, book| {
                if released.is_ok() {
                    book.saw_the_dead();
                }
            })
            .await
        }
    }
}

staged! {
    Notices {
        async fn add_notices(&self, notices: &[Notice]) -> Result<u32, StoreError>;
        async fn system_disable(&self, schedule: ScheduleId, version: u64, disabled: SystemDisabled, notices: &[Notice]) -> Result<(), StoreError>;
        async fn system_enable(&self, schedule: ScheduleId, version: u64, next_at: Option<Timestamp>, at: Timestamp, notices: &[Notice]) -> Result<(), StoreError>;
        async fn claim_notices(&self, lane: NoticeLane, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Result<Vec<Notice>, StoreError>;
        async fn renew_notices(&self, held: &[(DeliveryId, Timestamp)], hidden_until: Timestamp) -> Result<(), StoreError>;
        async fn next_notice(&self, lane: NoticeLane) -> Result<Option<Timestamp>, StoreError>;
        async fn settle_notice(&self, id: DeliveryId, attempt: &Attempt, state: &DeliveryState, follow_ups: &[Notice]) -> Result<(), StoreError>;
        async fn notices_of(&self, run: RunId) -> Result<Vec<Notice>, StoreError>;
        async fn alarmed(&self, schedule: ScheduleId) -> Result<Vec<NoticeTo>, StoreError>;
        async fn tell_unread(&self, run: RunId, said: &[Notice]) -> Result<(), StoreError>;
    }
    own {
        async fn unread_runs(&self, _limit: u32) -> Result<Vec<UnreadRun>, StoreError> {
            // Nothing damages rows here, and a look every five seconds would cost more than all else that an idle node does.
            Ok(Vec::new())
        }
    }
}

staged! {
    People {
        async fn upsert_users(&self, users: &[Upserted], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError>;
        async fn users_by_email(&self, emails: &[EmailAddress]) -> Result<Vec<EmailOnlyUser>, StoreError>;
        async fn users_by_id(&self, ids: &[UserId]) -> Result<Vec<EmailOnlyUser>, StoreError>;
        async fn lists_naming(&self, email: &EmailAddress, limit: u32) -> Result<Vec<ScheduleId>, StoreError>;
        async fn list_users(&self, email_part: Option<&str>, after: Option<&str>, limit: u32, descending: bool) -> Result<Page<EmailOnlyUser>, StoreError>;
        async fn delete_users(&self, emails: &[EmailAddress], ids: &[UserId], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError>;
        async fn remove_recipient(&self, schedule: ScheduleId, recipient: RecipientId, change: &Change) -> Result<bool, StoreError>;
        async fn opt_out(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError>;
        async fn opt_in(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError>;
        async fn opted_out(&self, schedule: ScheduleId) -> Result<Vec<String>, StoreError>;
    }
}

staged! {
    Suppressions {
        async fn mailed(&self, delivery: DeliveryId) -> Result<Option<Mailed>, StoreError>;
        async fn record_bounce(&self, bounce: &Bounce, mailed: &Mailed, notices: &[Notice]) -> Result<bool, StoreError>;
        async fn bounces_of(&self, pieces: &[DeliveryId]) -> Result<Vec<Bounce>, StoreError>;
        async fn suppressed(&self, emails: &[EmailAddress]) -> Result<Vec<Suppression>, StoreError>;
        async fn list_suppressions(&self, part: Option<&str>, after: Option<&str>, limit: u32) -> Result<Page<Suppression>, StoreError>;
        async fn lift_suppression(&self, email: &EmailAddress, change: &Change) -> Result<bool, StoreError>;
    }
}

staged! {
    Keys {
        async fn insert_key(&self, key: &ApiKey, token_sha256: [u8; 32], change: &Change) -> Result<(), StoreError>;
        async fn key_by_hash(&self, token_sha256: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;
        async fn list_keys(&self, member: Option<MembershipId>) -> Result<Vec<ApiKey>, StoreError>;
        async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
        async fn revoke_key(&self, id: ApiKeyId, change: &Change) -> Result<bool, StoreError>;
    }
}

staged! {
    Sessions {
        async fn begin_session(&self, session: &Session, secret_sha256: [u8; 32], change: &Change) -> Result<(), StoreError>;
        async fn session_by_hash(&self, secret_sha256: [u8; 32]) -> Result<Option<(Session, Option<ApiKey>)>, StoreError>;
        async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError>;
        async fn sessions_of(&self, member: MembershipId, now: Timestamp) -> Result<Vec<Session>, StoreError>;
        async fn end_session(&self, id: SessionId, member: MembershipId, change: &Change) -> Result<bool, StoreError>;
        async fn end_sessions_of(&self, member: MembershipId, kept: Option<SessionId>, change: &Change) -> Result<u32, StoreError>;
    }
}

staged! {
    Seals {
        async fn reseal_all(&self) -> Result<u64, StoreError>;
        async fn own_secret(&self, name: &str, first: &Secret) -> Result<Secret, StoreError>;
    }
}

staged! {
    Audit {
        async fn record(&self, change: &Change, object: &Object, count: u32) -> Result<(), StoreError>;
        async fn audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, StoreError>;
        async fn audit_of_runs(&self, runs: &[RunId]) -> Result<Vec<Entry>, StoreError>;
    }
}

staged! {
    Catalogs {
        async fn read_catalog(&self, reading: &CatalogReading<'_>, now: Timestamp) -> Result<CatalogStanding, StoreError>;
        async fn leave_catalog(&self, process: WorkerId) -> Result<(), StoreError>;
        async fn catalog_in_force(&self) -> Result<Option<String>, StoreError>;
        async fn publish_catalog(&self, published: &CatalogPublication<'_>, now: Timestamp) -> Result<PublishedCatalog, StoreError>;
        async fn withdraw_catalog(&self, by: &str, now: Timestamp) -> Result<(), StoreError>;
        async fn published_catalog(&self) -> Result<Option<PublishedCatalog>, StoreError>;
        async fn was_published(&self, hash: &str) -> Result<bool, StoreError>;
        async fn published_files(&self, publication: i64) -> Result<BTreeMap<String, String>, StoreError>;
    }
}

/// Time is not what passes here: nodes go by their timers.
#[async_trait]
impl Hints for StagedStore {
    async fn listen(&self) -> Result<Box<dyn Listening>, StoreError> {
        Err(unavailable())
    }
}

/// As of the store inside: one process has it.
impl Quotas for StagedStore {}

staged! {
    Overdue {
        async fn note_overdue(&self, late: Timestamp, now: Timestamp, limit: u32) -> Result<u32, StoreError>;
        async fn claim_overdue(&self, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Result<Vec<OverdueRun>, StoreError>;
        async fn overdue_told(&self, told: &[OverdueRun], now: Timestamp) -> Result<(), StoreError>;
        async fn count_overdue(&self) -> Result<u64, StoreError>;
    }
}

staged! {
    Figures {
        async fn waiting(&self, now: Timestamp) -> Result<Waiting, StoreError>;
        async fn still_owed(&self, late: Timestamp) -> Result<Owed, StoreError>;
        async fn schedule_counts(&self) -> Result<ScheduleCounts, StoreError>;
        async fn runs_between(&self, from: Timestamp, until: Timestamp) -> Result<RunCounts, StoreError>;
        async fn workers_alive(&self) -> Result<Option<u64>, StoreError>;
    }
}

staged! {
    Retention {
        async fn prune_notices(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
        async fn prune_audit(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
        async fn unknown_artifacts(&self, hashes: &[String]) -> Result<Vec<String>, StoreError>;
    }
    own {
        async fn prune_runs(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
            self.memory().swept = true;
            self.call("prune_runs", self.inner.prune_runs(kept_since, limit), |_, book| book.swept(kept_since)).await
        }

        async fn prune_artifacts(&self, _needed_since: Timestamp, _limit: u32) -> Result<Vec<String>, StoreError> {
            // The sweep of the spool is on a thread of its own, and nothing here waits for it.
            std::future::pending().await
        }
    }
}

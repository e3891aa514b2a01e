//! The store as a node has it: every call waits to be granted by the world, and is then made on the real one.

use std::future::Future;
use std::sync::Arc;

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
use pressrun_domain::notice::{Notice, NoticeTo};
use pressrun_domain::run::{Lease, Run, RunStatus, TimelineEntry, Worked};
use pressrun_domain::schedule::{Schedule, SystemDisabled};
use pressrun_domain::secret::Secret;
use pressrun_domain::session::Session;
use pressrun_domain::users::EmailOnlyUser;
use pressrun_store::{
    Agreed, Asked, AudienceDone, AudienceTargets, Audit, AuditQuery, CatalogReading, CatalogStanding, Catalogs, ClaimRequest, ClaimedRun,
    Consents, DueSchedule, Enqueue, GroundsKey, Keys, Learnt, ListQuery, ListRow, Names, Notices, Page, People, PlannedSchedule, Planning,
    PlanningNote, Pruned, Released, Replanned, Retention, RunEnd, RunNews, Runs, ScheduleKey, Schedules, Seals, Sessions, SharedGrounds,
    SqliteStore, StoreError, StoredBaseline, Suppressions, Timing, TimingId, UnreadRun, Upserted,
};

use crate::book::Book;
use crate::node::Idleness;
use crate::stage::{Ask, Grant, NodeId, Stage};

/// The store of one node.
pub struct StagedStore {
    inner: SqliteStore,
    stage: Stage,
    node: NodeId,
    idleness: Arc<Idleness>,
}

impl StagedStore {
    /// `inner`, each call of which waits for the world.
    #[must_use]
    pub fn new(inner: SqliteStore, stage: Stage, node: NodeId, idleness: Arc<Idleness>) -> Self {
        Self { inner, stage, node, idleness }
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
                let held = *$lease;
                self.call(stringify!($fenced), self.inner.$fenced($lease $(, $with)*), |answer, book| {
                    if answer.is_ok() {
                        book.wrote(&held, stringify!($fenced));
                    }
                })
                .await
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
        async fn timings(&self, ids: &[TimingId]) -> Result<Vec<Timing>, StoreError>;
        async fn plan(&self, schedules: &[PlannedSchedule], now: Timestamp) -> Result<(), StoreError>;
        async fn release_planned(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError>;
        async fn next_ready(&self) -> Result<Option<Timestamp>, StoreError>;
        async fn planned_beyond(&self, beyond: Option<Timestamp>, after: ScheduleKey, limit: u32) -> Result<Vec<(DueSchedule, Timestamp)>, StoreError>;
        async fn replan(&self, schedules: &[Replanned], now: Timestamp) -> Result<(), StoreError>;
        async fn forget_future(&self, now: Timestamp) -> Result<(), StoreError>;
        async fn schedule_of(&self, key: ScheduleKey) -> Result<Option<ScheduleId>, StoreError>;
        async fn set_aside(&self, schedule: &DueSchedule, notices: &[Notice]) -> Result<bool, StoreError>;
        async fn planning_note(&self, name: PlanningNote) -> Result<Option<String>, StoreError>;
        async fn keep_planning_note(&self, name: PlanningNote, text: &str) -> Result<(), StoreError>;
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
        async fn audiences_done(&self, run: RunId) -> Result<Vec<AudienceDone>, StoreError>;
        async fn audiences(&self, run: RunId) -> Result<Vec<AudienceTargets>, StoreError>;
        async fn owed(&self, run: RunId, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError>;
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
        async fn count_tests(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError>;
        async fn baselines(&self, schedule: ScheduleId, audiences: &[&str]) -> Result<Vec<StoredBaseline>, StoreError>;
        async fn reset_baselines(&self, schedule: ScheduleId) -> Result<(), StoreError>;
    }
    fenced {
        async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError>;
        async fn release(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError>;
        async fn hand_back(&self, lease: &Lease, now: Timestamp, lines: &[TimelineEntry], worked: Worked) -> Result<(), StoreError>;
        async fn yield_run(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError>;
        async fn add_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError>;
        async fn promise(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError>;
        async fn finish_audience(&self, lease: &Lease, pieces: &[Delivery], news: &RunNews, done: Option<&AudienceDone>) -> Result<(), StoreError>;
        async fn forget_promises(&self, lease: &Lease) -> Result<(), StoreError>;
        async fn begin_attempt(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError>;
        async fn end_attempt(&self, lease: &Lease, delivery: DeliveryId, attempt: &Attempt, state: &DeliveryState, learnt: &Learnt) -> Result<(), StoreError>;
        async fn finish(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError>;
    }
    own {
        async fn claim_some(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
            let node = self.node;
            self.call("claim_some", self.inner.claim_some(request), |claimed, book| {
                for claimed in claimed.iter().flatten() {
                    book.claimed(node, claimed);
                }
            })
            .await
        }

        async fn release_dead(&self, now: Timestamp) -> Result<u32, StoreError> {
            // Mostly nobody has died, and the look costs more than all else that an idle node does.
            if !self.stage.state().book.is_anybody_dead() {
                return Ok(0);
            }
            self.call("release_dead", self.inner.release_dead(now), |_, _| {}).await
        }
    }
}

staged! {
    Notices {
        async fn add_notices(&self, notices: &[Notice]) -> Result<u32, StoreError>;
        async fn system_disable(&self, schedule: ScheduleId, version: u64, disabled: SystemDisabled, notices: &[Notice]) -> Result<(), StoreError>;
        async fn system_enable(&self, schedule: ScheduleId, version: u64, next_at: Option<Timestamp>, at: Timestamp, notices: &[Notice]) -> Result<(), StoreError>;
        async fn claim_notices(&self, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Result<Vec<Notice>, StoreError>;
        async fn next_notice(&self) -> Result<Option<Timestamp>, StoreError>;
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
    }
}

staged! {
    Retention {
        async fn prune_runs(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
        async fn prune_notices(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
        async fn prune_audit(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
        async fn unknown_artifacts(&self, hashes: &[String]) -> Result<Vec<String>, StoreError>;
    }
    own {
        async fn prune_artifacts(&self, _needed_since: Timestamp, _limit: u32) -> Result<Vec<String>, StoreError> {
            // The sweep of the spool is on a thread of its own, and nothing here waits for it.
            std::future::pending().await
        }
    }
}

//! Calls that the database undid because of others are made again.
//!
//! Each call is one transaction: when it was a deadlock's victim, or its connection was cut before the commit (a fail-over, a restart, a pooler), nothing of
//! it was written. What was cut in the commit itself is not made again, for nobody knows whether it was. No call waits for ever for a server that does not answer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
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
use pressrun_domain::run::{Lease, Run, RunStatus, TimelineEntry, Worked};
use pressrun_domain::schedule::{Schedule, SystemDisabled};
use pressrun_domain::secret::Secret;
use pressrun_domain::session::Session;
use pressrun_domain::users::EmailOnlyUser;
use tokio::time::{sleep, timeout};

use super::PostgresStore;
use crate::{
    Agreed, Asked, AudienceDone, AudienceTargets, Audit, AuditQuery, CatalogPublication, CatalogReading, CatalogStanding, Catalogs,
    ClaimRequest, ClaimedRun, Consents, DueSchedule, Enqueue, Figures, GroundsKey, HistoryQuery, Keys, LastAnswer, Learnt, ListQuery,
    ListRow, ListedMember, Names, Notices, Overdue, OverdueRun, Owed, Page, People, PlannedSchedule, PlannedThrough, Planning,
    PlanningNote, Pruned, PublishedCatalog, PutRight, Quotas, Released, Replanned, Retention, RunCounts, RunEnd, RunNews, Runs,
    ScheduleCounts, ScheduleKey, Schedules, Seals, Sessions, ShareAsked, SharedGrounds, StoreError, StoredBaseline, Suppressions,
    TakeAsked, Taken, Timing, TimingId, UnreadRun, Upserted, Waiting,
};

/// Pauses before a call is made again. Deadlocks are over at once, a fail-over takes seconds: callers wait longer by themselves.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(2),
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_500),
];

/// How much longer than one of its statements may take a call waits for an answer: some make tens of thousands of small ones.
const GRACE: Duration = Duration::from_secs(270);

impl PostgresStore {
    async fn again<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut pauses = PAUSES.into_iter();
        loop {
            let longest = self.settings.statement_timeout.saturating_add(GRACE);
            let Ok(answer) = timeout(longest, call()).await else {
                return Err(StoreError::Unavailable(format!("the database did not answer within {} seconds", longest.as_secs())));
            };
            let Err(StoreError::Undone(fault)) = answer else { return answer };
            let Some(pause) = pauses.next() else { return Err(StoreError::Unavailable(fault)) };
            tracing::debug!(fault, "the database undid a call, which is made again");
            sleep(pause).await;
        }
    }
}

/// Implements a trait by the same methods of [`Once`](super::Once), or by others, each of which is made again as long as it is undone.
macro_rules! again {
    ($trait:ident: $($method:ident($($name:ident: $type:ty),*) -> $answer:ty $(, by $other:ident)?;)+) => {
        #[async_trait]
        impl $trait for PostgresStore {$(
            async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                self.again(|| again!(@call self, $trait, $method, ($($name),*) $(, $other)?)).await
            }
        )+}
    };
    (@call $self:ident, $trait:ident, $method:ident, ($($name:ident),*)) => { $trait::$method(&$self.once, $($name),*) };
    (@call $self:ident, $trait:ident, $method:ident, ($($name:ident),*), $other:ident) => { $self.once.$other($($name),*) };
}

again! { Schedules:
    insert_schedule(schedule: &Schedule, names: &Names, change: &Change) -> ();
    schedule(id: ScheduleId) -> Option<Schedule>;
    replace_schedule(schedule: &Schedule, names: &Names, change: &Change) -> u64;
    delete_schedule(id: ScheduleId, change: &Change) -> bool;
    list_schedules(query: &ListQuery) -> Page<ListRow>;
    grounds(after: GroundsKey, limit: u32) -> Vec<SharedGrounds>;
    standing_on(grounds: GroundsKey, switched_off: bool, after: Option<ScheduleId>, limit: u32) -> Vec<Schedule>;
    refresh_names(dashboards: &[(DocumentIdentifier, String)], owners: &[(MembershipId, String)]) -> ();
    listed_members(after: Option<MembershipId>, limit: u32) -> Vec<ListedMember>;
    move_members(moved: &[(MembershipId, EmailAddress)]) -> u64;
}

again! { Consents:
    put_offer(offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> ();
    offer(schedule: ScheduleId) -> Option<OwnershipOffer>;
    drop_offer(offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> bool;
    put_request(request: &SubscriptionRequest, notices: &[Notice], change: &Change) -> Asked;
    requests(schedule: ScheduleId) -> Vec<SubscriptionRequest>;
    request(id: SubscriptionRequestId) -> Option<SubscriptionRequest>;
    decline_request(id: SubscriptionRequestId, notices: &[Notice], change: &Change) -> bool;
    drop_request(schedule: ScheduleId, member: MembershipId) -> ();
    agree(schedule: &Schedule, names: &Names, agreed: Agreed<'_>, notices: &[Notice], change: &Change) -> u64;
}

again! { Planning:
    due_schedules(until: Timestamp, late: Timestamp, limit: u32) -> Vec<DueSchedule>, by due_by_clock;
    next_due() -> Option<Timestamp>, by next_due_by_clock;
    timings(ids: &[TimingId]) -> Vec<Timing>;
    plan(schedules: &[PlannedSchedule], now: Timestamp) -> ();
    release_planned(now: Timestamp, oldest: Timestamp, limit: u32) -> Released, by release_planned_by_clock;
    next_ready() -> Option<Timestamp>, by next_ready_by_clock;
    planned_beyond(beyond: Option<Timestamp>, after: ScheduleKey, limit: u32) -> Vec<PlannedThrough>;
    replan(schedules: &[Replanned], now: Timestamp) -> ();
    dealt_with(stretches: &[(ScheduleKey, Timestamp, Timestamp)]) -> Vec<(ScheduleKey, Timestamp)>;
    forget_future(clock: &PutRight) -> ();
    schedule_of(key: ScheduleKey) -> Option<ScheduleId>;
    set_aside(schedule: &DueSchedule, notices: &[Notice]) -> bool;
    planning_note(name: PlanningNote) -> Option<String>;
    keep_planning_note(name: PlanningNote, text: &str) -> ();
}

again! { Runs:
    enqueue(run: &Enqueue, change: &Change) -> ();
    enqueue_resend(run: &Run, piece: &Delivery, change: &Change) -> ();
    resends(of: RunId) -> Vec<Run>;
    claim_some(request: &ClaimRequest) -> Vec<ClaimedRun>, by claim_by_clock;
    announce(worker: WorkerId) -> ();
    release_dead(now: Timestamp) -> u32;
    others_wait(now: Timestamp) -> bool, by wait_by_clock;
    next_available(after: Timestamp) -> Option<Timestamp>, by next_by_clock;
    renew(lease: &Lease, until: Timestamp) -> Lease, by renew_by_clock;
    release(lease: &Lease, available_at: Timestamp, news: &RunNews) -> (), by release_by_clock;
    hand_back(lease: &Lease, now: Timestamp, lines: &[TimelineEntry], worked: Worked) -> (), by hand_back_by_clock;
    yield_run(lease: &Lease, now: Timestamp, news: &RunNews) -> (), by yield_by_clock;
    add_news(lease: &Lease, news: &RunNews) -> ();
    promise(lease: &Lease, deliveries: &[Delivery]) -> ();
    finish_audience(lease: &Lease, pieces: &[Delivery], news: &RunNews, done: Option<&AudienceDone>) -> ();
    promise_and_begin(lease: &Lease, pieces: &[Delivery], news: &RunNews, begun: &[DeliveryId], now: Timestamp) -> bool;
    audiences_done(run: RunId) -> Vec<AudienceDone>;
    forget_promises(lease: &Lease) -> ();
    deliveries(run: RunId) -> Vec<Delivery>;
    piece_page(run: RunId, page: u64, page_size: u32) -> Page<Delivery>;
    pieces_to(run: RunId, address: &EmailAddress) -> Vec<Delivery>;
    audiences(run: RunId) -> Vec<AudienceTargets>;
    owed(run: RunId, now: Timestamp, limit: u32) -> Vec<Delivery>;
    delivery(run: RunId, id: DeliveryId) -> Option<Delivery>;
    tally(run: RunId) -> Tally;
    begin_attempt(lease: &Lease, delivery: DeliveryId, now: Timestamp) -> u32;
    end_attempt(lease: &Lease, delivery: DeliveryId, attempt: &Attempt, state: &DeliveryState, learnt: &Learnt) -> ();
    settle(lease: &Lease, last: &LastAnswer) -> bool;
    finish(lease: &Lease, end: &RunEnd, now: Timestamp) -> ();
    cancel(run: RunId, change: &Change) -> bool;
    is_cancelled(run: RunId) -> bool;
    run(id: RunId) -> Option<Run>;
    list_runs(schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Page<Run>;
    list_runs_for(reader: &HistoryReader, schedule: ScheduleId, page: u64, page_size: u32) -> Page<Run>;
    runs_under_way(schedules: &[ScheduleId]) -> Vec<Run>;
    last_endings(schedule: ScheduleId, limit: u32) -> Vec<RunStatus>;
    latest_failures(schedules: &[ScheduleId]) -> Vec<Run>;
    history(query: &HistoryQuery) -> Vec<Run>;
    count_tests(owner: MembershipId, since: Timestamp) -> u64;
    baselines(schedule: ScheduleId, audiences: &[&str]) -> Vec<StoredBaseline>;
    reset_baselines(schedule: ScheduleId) -> ();
}

again! { Notices:
    add_notices(notices: &[Notice]) -> u32;
    system_disable(schedule: ScheduleId, version: u64, disabled: SystemDisabled, notices: &[Notice]) -> ();
    system_enable(schedule: ScheduleId, version: u64, next_at: Option<Timestamp>, at: Timestamp, notices: &[Notice]) -> ();
    claim_notices(lane: NoticeLane, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Vec<Notice>;
    renew_notices(held: &[(DeliveryId, Timestamp)], hidden_until: Timestamp) -> ();
    next_notice(lane: NoticeLane) -> Option<Timestamp>;
    settle_notice(id: DeliveryId, attempt: &Attempt, state: &DeliveryState, follow_ups: &[Notice]) -> ();
    notices_of(run: RunId) -> Vec<Notice>;
    alarmed(schedule: ScheduleId) -> Vec<NoticeTo>;
    unread_runs(limit: u32) -> Vec<UnreadRun>;
    tell_unread(run: RunId, said: &[Notice]) -> ();
}

again! { People:
    upsert_users(users: &[Upserted], change: &Change) -> Vec<EmailOnlyUser>;
    users_by_email(emails: &[EmailAddress]) -> Vec<EmailOnlyUser>;
    users_by_id(ids: &[UserId]) -> Vec<EmailOnlyUser>;
    lists_naming(email: &EmailAddress, limit: u32) -> Vec<ScheduleId>;
    list_users(email_part: Option<&str>, after: Option<&str>, limit: u32, descending: bool) -> Page<EmailOnlyUser>;
    delete_users(emails: &[EmailAddress], ids: &[UserId], change: &Change) -> Vec<EmailOnlyUser>;
    remove_recipient(schedule: ScheduleId, recipient: RecipientId, change: &Change) -> bool;
    opt_out(schedule: ScheduleId, email: &EmailAddress, change: &Change) -> ();
    opt_in(schedule: ScheduleId, email: &EmailAddress, change: &Change) -> ();
    opted_out(schedule: ScheduleId) -> Vec<String>;
}

again! { Suppressions:
    mailed(delivery: DeliveryId) -> Option<Mailed>;
    record_bounce(bounce: &Bounce, mailed: &Mailed, notices: &[Notice]) -> bool;
    bounces_of(pieces: &[DeliveryId]) -> Vec<Bounce>;
    suppressed(emails: &[EmailAddress]) -> Vec<Suppression>;
    list_suppressions(part: Option<&str>, after: Option<&str>, limit: u32) -> Page<Suppression>;
    lift_suppression(email: &EmailAddress, change: &Change) -> bool;
}

again! { Keys:
    insert_key(key: &ApiKey, token_sha256: [u8; 32], change: &Change) -> ();
    key_by_hash(token_sha256: [u8; 32]) -> Option<ApiKey>;
    list_keys(member: Option<MembershipId>) -> Vec<ApiKey>;
    touch_key(id: ApiKeyId, now: Timestamp) -> ();
    revoke_key(id: ApiKeyId, change: &Change) -> bool;
}

again! { Sessions:
    begin_session(session: &Session, secret_sha256: [u8; 32], change: &Change) -> ();
    session_by_hash(secret_sha256: [u8; 32]) -> Option<(Session, Option<ApiKey>)>;
    touch_session(id: SessionId, now: Timestamp) -> ();
    sessions_of(member: MembershipId, now: Timestamp) -> Vec<Session>;
    end_session(id: SessionId, member: MembershipId, change: &Change) -> bool;
    end_sessions_of(member: MembershipId, kept: Option<SessionId>, change: &Change) -> u32;
}

again! { Seals:
    reseal_all() -> u64;
    own_secret(name: &str, first: &Secret) -> Secret;
}

again! { Audit:
    record(change: &Change, object: &Object, count: u32) -> ();
    audit(query: &AuditQuery) -> Vec<Entry>;
    audit_of_runs(runs: &[RunId]) -> Vec<Entry>;
}

again! { Retention:
    make_months() -> (), by make_months_once;
    prune_months(kept_since: Timestamp) -> u64, by prune_months_once;
    prune_runs(kept_since: Timestamp, limit: u32) -> Pruned;
    prune_notices(kept_since: Timestamp, limit: u32) -> Pruned;
    prune_audit(kept_since: Timestamp, limit: u32) -> Pruned;
    prune_artifacts(needed_since: Timestamp, limit: u32) -> Vec<String>;
    unknown_artifacts(hashes: &[String]) -> Vec<String>;
}

again! { Overdue:
    note_overdue(late: Timestamp, now: Timestamp, limit: u32) -> u32;
    claim_overdue(now: Timestamp, hidden_until: Timestamp, limit: u32) -> Vec<OverdueRun>;
    overdue_told(told: &[OverdueRun], now: Timestamp) -> ();
    count_overdue() -> u64;
}

#[async_trait]
impl Quotas for PostgresStore {
    fn divides(&self) -> bool {
        true
    }

    async fn share(&self, holder: WorkerId, asked: &[ShareAsked]) -> Result<Vec<u32>, StoreError> {
        self.again(|| self.once.share_once(holder, asked)).await
    }

    async fn leave_shares(&self, holder: WorkerId) -> Result<(), StoreError> {
        self.again(|| self.once.leave_shares_once(holder)).await
    }

    async fn book(&self, rate: &str, between: Duration, count: u32) -> Result<Duration, StoreError> {
        self.again(|| self.once.book_once(rate, between, count)).await
    }

    async fn take(&self, rate: &str, between: Duration, most: u32, asked: TakeAsked) -> Result<Taken, StoreError> {
        self.again(|| self.once.take_once(rate, between, most, asked)).await
    }
}

again! { Figures:
    waiting(now: Timestamp) -> Waiting;
    still_owed(late: Timestamp) -> Owed;
    schedule_counts() -> ScheduleCounts;
    workers_alive() -> Option<u64>;
    runs_between(from: Timestamp, until: Timestamp) -> RunCounts;
}

again! { Catalogs:
    read_catalog(reading: &CatalogReading<'_>, now: Timestamp) -> CatalogStanding;
    leave_catalog(process: WorkerId) -> ();
    catalog_in_force() -> Option<String>;
    publish_catalog(published: &CatalogPublication<'_>, now: Timestamp) -> PublishedCatalog;
    withdraw_catalog(by: &str, now: Timestamp) -> ();
    published_catalog() -> Option<PublishedCatalog>;
    was_published(hash: &str) -> bool;
    published_files(publication: i64) -> BTreeMap<String, String>;
}

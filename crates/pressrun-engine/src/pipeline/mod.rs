//! One run, from claim to verdict.
//!
//! Theory of operation. A claimed run has promised everything it owes, or it has not. If not, it is *prepared*: audiences are resolved, and
//! for each the condition is judged, queries run, the artifact is rendered into the spool and its pieces are promised, a batch in a
//! transaction, so that ten thousand of them are never in memory together. The last transaction adds what was found to the history and says
//! that the audience is done; what a claim that died before it left of it is thrown away, for nothing of it was sent. When all are done the run
//! gives its permit back. Meanwhile, and then alone, it is *sent*: each piece of an audience that is done is tried once, when it has its turn
//! at whoever takes it. When only retries are left the run is handed back until the earliest is due. When nothing is pending the verdict is
//! known and the run ends. So a crash at any point repeats the preparation of some audiences (nothing of them was sent) and goes on sending
//! (what was accepted is in the ledger).
//!
//! Preparing many audiences gives way to runs that wait for a worker, and goes on with those that are not done.
//!
//! Three bounds end a run, and none of them counts time in which nobody worked on it or all of it waited for its turn: preparing and sending
//! each by the time that claims have worked, and the age at which the occurrence is worth nothing any more. Workers that die over a run are
//! counted, and five in a row are enough.

pub(crate) mod alongside;
pub mod audience;
mod carried;
mod edition;
mod first;
mod judge;
mod link;
mod meanwhile;
mod message;
mod outline;
mod piece;
mod prepare;
mod send;
pub(crate) mod suppressed;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::CatalogHandle;
use pressrun_dispatch::Permit;
use pressrun_domain::audience::OWNERS;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use pressrun_domain::retry::Next;
use pressrun_domain::run::{CLAIMS_WITHOUT_PROGRESS, JudgedResult, Lease, Progress, Run, RunRecord, RunStatus, TimelineEntry, Worked};
use pressrun_domain::schedule::{SystemDisabledReason, fault};
use pressrun_query::QueryError;
use pressrun_store::{RunEnd, RunNews, Store, StoreError};

use crate::artifacts::ArtifactStore;
use crate::carrier::Carrier;
use crate::config::EngineConfig;
use crate::content::{ContentError, Producer};
use crate::faults::{Faults, Verdict};
use crate::links::Links;
use crate::notice::{self, Ending};
use crate::publish;
use crate::receivers::{Receivers, Visit};
use crate::spool::Spool;
use crate::standing;
use first::First;
use send::Sent;
use turns::Turns;

/// What every run needs.
#[derive(Clone)]
pub struct Context {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Dashboards and people.
    pub catalog: Arc<CatalogHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub carrier: Arc<dyn Carrier>,
    /// Queries and artifacts.
    pub producer: Producer,
    /// Half-made files.
    pub spool: Spool,
    /// Finished files.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Addresses.
    pub links: Links,
    /// Bounds.
    pub config: Arc<EngineConfig>,
    /// Faults of schedules that are not yet known to hold.
    pub faults: Arc<Faults>,
    /// Who takes deliveries, of whatever run.
    pub receivers: Receivers,
}

/// How work on a claim ends.
#[derive(Debug)]
pub enum Step {
    /// The run is over.
    End(Box<RunEnd>),
    /// It is over, and that is written.
    Ended(RunStatus),
    /// Something is owed, not before this instant.
    Wait(Timestamp),
    /// Audiences have to be prepared, and somebody else waits: they go first.
    Yield,
}

/// A run that cannot go on.
#[derive(Debug)]
pub(crate) struct Stop {
    status: RunStatus,
    reason: String,
    error: Option<String>,
    disable: Option<SystemDisabledReason>,
}

impl Stop {
    fn new(status: RunStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), error: None, disable: None }
    }

    fn because(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}

/// Why a step did not go through: the run stops, the store failed and the claim is given up, queries are asked again later, or others go first.
#[derive(Debug)]
pub(crate) enum Halt {
    Stop(Box<Stop>),
    Store(StoreError),
    AskAgain(Timestamp),
    GiveWay,
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(Box::new(stop))
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a run stands on.
enum Footing {
    /// The catalog that it runs by.
    Firm(Arc<Catalog>),
    /// Its schedule cannot run by the files as they are, which may be for moments.
    Waits { until: Timestamp, why: &'static str },
}

/// What preparing came to.
enum Prepared {
    /// It waits for its dashboard until then.
    Waits { until: Timestamp },
    /// All is promised; this is sent at once.
    Promised(Option<Box<First>>),
}

/// One claimed run being worked on.
pub struct Work<'a> {
    context: &'a Context,
    run: &'a Run,
    lease: Lease,
    producer: Producer,
    /// What happened and is not written yet.
    record: RunRecord,
    /// What this claim has written.
    written: RunRecord,
    /// Results that become baselines, not written yet.
    judged: Vec<JudgedResult>,
    /// The receiver at which it is to wait, when too many do.
    waits_at: Option<String>,
    progress: Progress,
    /// Since when, by the steady clock, the work is not counted yet.
    since: SignedDuration,
    /// What of that it did nothing but wait for its turn.
    turns: Arc<Turns>,
    permit: &'a Permit,
    /// When, by the steady clock, the claim began.
    begun: SignedDuration,
}

impl<'a> Work<'a> {
    /// Work on a run that was claimed just now.
    #[must_use]
    pub fn new(context: &'a Context, run: &'a Run, lease: Lease, permit: &'a Permit) -> Self {
        let progress = Progress { waits_for: None, ..run.progress.clone() };
        Self {
            context,
            run,
            lease,
            producer: context.producer.for_run(run.kind),
            record: RunRecord { outline: run.record.outline.clone(), ..RunRecord::default() },
            written: RunRecord::default(),
            judged: Vec::new(),
            waits_at: None,
            progress,
            since: context.clock.steady(),
            turns: Arc::default(),
            permit,
            begun: context.clock.steady(),
        }
    }

    /// Works until the run is over or has to wait; what is to be written then is [`Work::news`]. Dropping it at a stop is safe: promises and
    /// attempts are rows, so whoever claims the run next goes on where it was.
    ///
    /// # Errors
    /// The store failed or the lease is lost: nothing more may be written.
    pub async fn go_on(&mut self) -> Result<Step, StoreError> {
        let event = if self.run.fence <= 1 { "claimed" } else { "resumed" };
        let late = self.context.clock.now().duration_since(self.run.scheduled_for);
        let late = SignedDuration::new(late.as_secs(), late.subsec_millis() * 1_000_000);
        self.note(event, Some(format!("by worker {}, {late:#} after its instant", self.lease.worker)));
        match self.go().await {
            Ok(Step::Wait(until)) | Err(Halt::AskAgain(until)) => Ok(Step::Wait(self.while_it_is_worth_it(until))),
            Ok(step) => Ok(step),
            Err(Halt::Store(error)) => Err(error),
            Err(Halt::GiveWay) => {
                self.note("gaveWay", Some("others waited for a worker".to_owned()));
                Ok(Step::Yield)
            }
            Err(Halt::Stop(stop)) => Ok(Step::End(Box::new(self.stopped(*stop).await?))),
        }
    }

    /// What is to be written of the run; it is given out once.
    pub fn news(&mut self) -> RunNews {
        self.progress.worked = self.worked();
        self.since = self.context.clock.steady();
        self.turns = Arc::default();
        // What is told goes on from where it stands.
        let next = RunRecord { outline: self.record.outline.clone(), ..RunRecord::default() };
        let record = std::mem::replace(&mut self.record, next);
        RunNews { record, progress: self.progress.clone(), judged: std::mem::take(&mut self.judged), waits_at: self.waits_at.take() }
    }

    /// The lines and the time worked that a run keeps which is handed back in the middle.
    pub fn leave(mut self) -> (Vec<TimelineEntry>, Worked) {
        self.note("handedBack", Some("the server stops".to_owned()));
        let worked = self.worked();
        (self.record.timeline, worked)
    }

    /// Time worked until now.
    fn worked(&self) -> Worked {
        let now = self.context.clock.steady();
        let passed = now.saturating_sub(self.since).saturating_sub(self.turns.waited(now)).max(SignedDuration::ZERO);
        let mut worked = self.progress.worked;
        let phase = if self.progress.promised_at.is_none() { &mut worked.preparing } else { &mut worked.sending };
        *phase = phase.saturating_add(passed);
        worked
    }
}

/// An instant in a timeline.
fn clock_words(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Time between two looks whether the file that a run waits for is right.
const CATALOG_LOOK: SignedDuration = SignedDuration::from_mins(1);

/// How often a run looks whether it is still wanted.
const LOOK_FOR_STOP: SignedDuration = SignedDuration::from_secs(2);

/// Ends when somebody asked for the run to be stopped, or deleted its schedule: what is slow is dropped then (S5, X9).
async fn until_stopped(context: &Context, run: &Run) -> Stop {
    loop {
        context.clock.sleep(LOOK_FOR_STOP).await;
        // A store that fails now is heard of by the work itself.
        if let Ok(Some(stop)) = asked_to_stop(context, run).await {
            return stop;
        }
    }
}

/// Whether the run is to be stopped, and the named reason.
async fn asked_to_stop(context: &Context, run: &Run) -> Result<Option<Stop>, StoreError> {
    if !context.store.is_cancelled(run.id).await? {
        return Ok(None);
    }
    let gone = run.kind.counts() && context.store.schedule(run.schedule_id).await?.is_none();
    Ok(Some(Stop::new(RunStatus::Killed, if gone { "deleted" } else { "cancelled" })))
}

impl Work<'_> {
    async fn go(&mut self) -> Result<Step, Halt> {
        if self.run.is_poison() {
            let error = format!("{CLAIMS_WITHOUT_PROGRESS} workers in a row died over it; the log of the server says more");
            return Err(Stop::new(RunStatus::Error, "workerDied").because(error).into());
        }
        let destination = &self.run.definition.destination;
        if destination.email().is_none() {
            // Its turn may be there when its pieces are.
            self.context.receivers.expect(&destination.receiver(), self.context.config.deliveries_of_one_host);
        }
        let first = match self.progress.promised_at {
            None => match self.prepare().await? {
                Prepared::Waits { until } => return Ok(Step::Wait(until)),
                Prepared::Promised(first) => first.map(|first| *first),
            },
            Some(_) => None,
        };
        // All that is left is to wait for others: a receiver that hangs holds no worker.
        if !first.as_ref().is_some_and(|first| first.is_soon) {
            self.permit.give_back();
        }
        let sent = match first {
            Some(first) => send::send_first(self, first).await?,
            None => match self.visit() {
                Ok(visit) => send::send_pending(self, &visit).await?,
                Err(wait) => {
                    let until = self.context.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
                    let receiver = self.run.definition.destination.receiver();
                    self.context.receivers.put_back(&receiver);
                    self.waits_at = Some(receiver);
                    self.progress.waits_for = Some("many deliveries wait for the same receiver".to_owned());
                    self.note(
                        "queued",
                        Some(format!("many deliveries wait for the same receiver; looked at again at {}", clock_words(until))),
                    );
                    return Ok(Step::Wait(until));
                }
            },
        };
        match sent {
            Sent::All => {}
            Sent::Ended => return Ok(Step::Ended(RunStatus::Complete)),
            Sent::Some { retry_at } => {
                self.note("waiting", Some(format!("next attempt at {}", clock_words(retry_at))));
                return Ok(Step::Wait(retry_at));
            }
            Sent::Held { until, reason, since, by_hand } => {
                self.note("held", Some(format!("{reason}; looked at again at {until}")));
                if by_hand {
                    let notice = notice::about_holding(self.context, self.run, &self.record, &reason, since);
                    self.context.store.add_notices(notice.as_slice()).await?;
                }
                return Ok(Step::Wait(until));
            }
        }
        let mut record = self.whole_record().await?;
        let failed_before = self.progress.degraded || record.tiles.iter().any(|tile| tile.error.is_some());
        let tally = self.context.store.tally(self.run.id).await?;
        let status = tally.verdict(failed_before).unwrap_or(RunStatus::Error);
        let accepted = matches!(status, RunStatus::Complete | RunStatus::ErrorDelivered);
        let reason = (!accepted).then(|| tally.first_failure.unwrap_or_else(|| "noRecipients".to_owned()));
        self.tell_of_own_copy(&record).await?;
        self.outline_ends(&mut record, status, reason.as_deref());
        let ending = Ending { status, reason: reason.as_deref(), disable: None, promised: true };
        let notices = notice::about_run(self.context, self.run, &record, ending).await?;
        Ok(Step::End(Box::new(RunEnd { notices, ..self.end(status, reason) })))
    }

    /// Lets the pieces of the run go to whoever takes them, or says how long to wait with that.
    fn visit(&self) -> Result<Visit, SignedDuration> {
        let Context { receivers, config, clock, .. } = self.context;
        receivers.visit(self.run.definition.destination.receiver(), config.deliveries_of_one_host, clock.steady())
    }

    /// From the claim to all promises.
    async fn prepare(&mut self) -> Result<Prepared, Halt> {
        let store = &self.context.store;
        // One that is claimed for the first time was wanted when it was.
        if self.run.fence > 1 {
            self.check_cancelled().await?;
        }
        let catalog = match self.catalog().await? {
            Footing::Firm(catalog) => catalog,
            Footing::Waits { until, why } => {
                self.note("waiting", Some(why.to_owned()));
                self.progress.waits_for = Some(why.to_owned());
                return Ok(Prepared::Waits { until });
            }
        };
        self.check_preparing()?;
        if let Some(why) = self.context.carrier.unready(&self.run.definition.destination) {
            return Err(Stop::new(RunStatus::Error, "notConfigured").because(why).into());
        }
        if self.run.fence > 1 {
            store.forget_promises(&self.lease).await?;
        }
        Ok(Prepared::Promised(self.prepare_and_send(&catalog).await?.map(Box::new)))
    }

    /// Everything that happened to the run. What earlier claims found is read only now: most runs are over with their first.
    async fn whole_record(&self) -> Result<RunRecord, StoreError> {
        let mut record = match (self.run.fence, self.run.progress.promised_at) {
            (0..=1, None) => self.written.clone(),
            _ => self.context.store.run(self.run.id).await?.map(|run| run.record).unwrap_or_default(),
        };
        record.add(self.record.clone());
        Ok(record)
    }

    /// The end of a run that could not go on.
    async fn stopped(&mut self, stop: Stop) -> Result<RunEnd, StoreError> {
        self.record.error = stop.error;
        let disable = stop.disable.filter(|_| self.run.kind.counts());
        let mut status = stop.status;
        // What somebody has is not undone by what went wrong afterwards (S2).
        if status == RunStatus::Error && self.context.store.tally(self.run.id).await?.accepted > 0 {
            status = RunStatus::ErrorDelivered;
        }
        let mut record = self.whole_record().await?;
        self.outline_ends(&mut record, status, Some(&stop.reason));
        let ending = Ending { status, reason: Some(&stop.reason), disable, promised: false };
        let notices = notice::about_run(self.context, self.run, &record, ending).await?;
        Ok(RunEnd { notices, disable, ..self.end(status, Some(stop.reason)) })
    }

    fn end(&mut self, status: RunStatus, reason: Option<String>) -> RunEnd {
        self.note(
            "ended",
            Some(reason.as_ref().map_or_else(|| status.as_str().to_owned(), |reason| format!("{} ({reason})", status.as_str()))),
        );
        let RunNews { record, judged, .. } = self.news();
        // Tests and resends leave the schedule alone (S8).
        let judged = if self.run.kind.counts() { judged } else { Vec::new() };
        RunEnd { status, reason, record, judged, disable: None, notices: Vec::new() }
    }

    /// Stops a run whose time is up (S5). That somebody cancelled it is looked at every two seconds meanwhile, and when it promises.
    fn check_preparing(&self) -> Result<(), Halt> {
        self.check_worth()?;
        self.time_left().map(|_| ())
    }

    /// The same for a run that has promised: what nobody has yet may have become worthless, and sending has a time of its own.
    async fn check_sending(&self) -> Result<(), Halt> {
        self.check_cancelled().await?;
        self.may_begin()
    }

    /// Whether there is time for another attempt.
    fn may_begin(&self) -> Result<(), Halt> {
        self.check_worth()?;
        let most = self.context.config.max_sending;
        if self.worked().sending < most {
            return Ok(());
        }
        let error = format!("sending it took longer than {} minutes of work and was stopped", most.as_mins());
        Err(Stop::new(RunStatus::Killed, "killed: deadline").because(error).into())
    }

    /// Stops a run that somebody cancelled, also when some pieces have gone; a deleted schedule's only when none has (X9).
    async fn check_cancelled(&self) -> Result<(), Halt> {
        match asked_to_stop(self.context, self.run).await? {
            Some(stop) => Err(stop.into()),
            None => Ok(()),
        }
    }

    /// Gives up what nobody wants any more.
    fn check_worth(&self) -> Result<(), Halt> {
        let worthless_at = self.run.worthless_at(self.context.config.worthless_after);
        if self.context.clock.now() < worthless_at {
            return Ok(());
        }
        let error = format!("it was worth nothing any more after {}", worthless_at.strftime("%Y-%m-%d %H:%M UTC"));
        Err(Stop::new(RunStatus::Error, "tooLate").because(error).into())
    }

    /// When a run is looked at again that waits for `until`: at the instant at which it is worth nothing any more, when that comes before. It would
    /// only hold up later occurrences.
    fn while_it_is_worth_it(&self, until: Timestamp) -> Timestamp {
        let worthless_at = self.run.worthless_at(self.context.config.worthless_after);
        if worthless_at > self.context.clock.now() { until.min(worthless_at) } else { until }
    }

    /// What is left of the time for preparing; what earlier claims have worked counts, and what the run waited does not.
    fn time_left(&self) -> Result<Duration, Halt> {
        let most = self.context.config.max_run;
        match Duration::try_from(most.saturating_sub(self.worked().preparing)) {
            Ok(left) if !left.is_zero() => Ok(left),
            _ => {
                let error = format!("preparing it took longer than {} minutes of work and was stopped", most.as_mins());
                Err(Stop::new(RunStatus::Killed, "killed: deadline").because(error).into())
            }
        }
    }

    /// When the queries are asked again if one fails in passing now (S9); `None` when they have been asked often or long enough.
    fn asks_again_at(&self) -> Option<Timestamp> {
        let now = self.context.clock.now();
        let (mark, made) = (piece::delivery_id(self.run.id, "queries"), self.progress.query_failures + 1);
        match self.context.config.retry.next(mark, made, self.progress.queries_fail_since.unwrap_or(now), now, None) {
            Next::At(at) => Some(at),
            Next::Exhausted | Next::TooLate => None,
        }
    }

    /// Puts the run back until `again` when the query of a tile failed in passing, such as at a database that fails over; the failure says so
    /// when that has been done often enough.
    fn ask_again(&mut self, again: Option<Timestamp>, title: &str, audience: &str, error: &mut QueryError) -> Result<(), Halt> {
        if !error.is_transient() {
            return Ok(());
        }
        let made = self.progress.query_failures + 1;
        let Some(at) = again else {
            if made > 1 {
                error.message = format!("{}; given up after {made} attempts", error.message);
            }
            return Ok(());
        };
        self.progress.query_failures = made;
        self.progress.queries_fail_since.get_or_insert(self.context.clock.now());
        // What a database says of other people's rows is not the owner's to know.
        let why = if audience == OWNERS { format!(": {error}") } else { format!(" for {audience}") };
        self.progress.waits_for = Some(format!("the query of \u{201c}{title}\u{201d} failed{why}"));
        self.note("queryRetry", Some(format!("\u{201c}{title}\u{201d}{why}; attempt {made} failed, the next one is at {at}")));
        Err(Halt::AskAgain(at))
    }

    /// The run stops for this, or is put back when what is in the way may pass: a full disk, an artifact store that does not answer.
    fn halted_by(&mut self, error: &ContentError) -> Halt {
        let again = self.asks_again_at().filter(|_| error.is_transient());
        let Some(at) = again else { return edition::stop_for(error).into() };
        // The queries are asked again as well.
        let made = self.progress.query_failures + 1;
        self.progress.query_failures = made;
        self.progress.queries_fail_since.get_or_insert(self.context.clock.now());
        self.progress.waits_for = Some(error.to_string());
        self.note("artifactRetry", Some(format!("{error}; attempt {made} failed, the next one is at {at}")));
        Halt::AskAgain(at)
    }

    /// The catalog to run by. A run whose schedule can no longer run is stopped, and the schedule switched off (X1, Q2, F12), once it is known
    /// that it is meant so; one whose dashboard's file has a fault waits until it is right.
    async fn catalog(&self) -> Result<Footing, Halt> {
        let (context, definition, now) = (self.context, &self.run.definition, self.context.clock.now());
        publish::read_again_if_due(context).await;
        // In this order: what is judged is never older than it is said to be.
        let (read_at, catalog) = (context.catalog.read_at(), context.catalog.current());
        // Who tries a schedule out wants to know now.
        let may_wait = self.run.kind.counts();
        if catalog.waits(&definition.identifier) {
            let error = "the dashboard's file has a fault; administrators see which, and `pressrun check` says what would be right";
            if may_wait && now < self.run.worthless_at(context.config.worthless_after) {
                return Ok(Footing::Waits { until: now + CATALOG_LOOK, why: "the dashboard's file has a fault" });
            }
            return Err(Stop::new(RunStatus::Error, "faultyDashboard").because(error).into());
        }
        let Some(reason) = fault(definition, &catalog) else {
            context.faults.forget(self.run.schedule_id);
            return Ok(Footing::Firm(catalog));
        };
        if may_wait && let Verdict::NotYet(left) = context.faults.judge(self.run.schedule_id, read_at, context.clock.steady()) {
            let schedule = context.store.schedule(self.run.schedule_id).await?;
            if schedule.is_some_and(|schedule| schedule.system_disabled.is_none()) {
                return Ok(Footing::Waits {
                    until: now.saturating_add(left.max(LOOK_FOR_STOP)).unwrap_or(Timestamp::MAX),
                    why: "what it delivers is missing, which may be for moments",
                });
            }
        }
        let may_judge = standing::of(context, &catalog).await?.may_judge();
        if may_wait && !may_judge && now < self.run.worthless_at(context.config.worthless_after) {
            return Ok(Footing::Waits {
                until: now + CATALOG_LOOK,
                why: "what it delivers is missing here, and not every process has the same catalog",
            });
        }
        context.faults.forget(self.run.schedule_id);
        let error = match reason {
            SystemDisabledReason::MissingQuery => "the dashboard, the delivered tile or the watched query no longer exists",
            SystemDisabledReason::NoAccess => "the owner may no longer see the dashboard",
            SystemDisabledReason::OrphanedFilterConfigKeys => "a filter override names a filter that the dashboard no longer has",
        };
        let mut stop = Stop::new(RunStatus::Error, reason.as_str()).because(error);
        stop.disable = Some(reason).filter(|_| may_judge);
        Err(stop.into())
    }

    fn note(&mut self, event: &str, detail: Option<String>) {
        self.record.note(self.context.clock.now(), event, detail);
    }
}

//! Occurrences become rows a little before their instant, and queued runs at it.
//!
//! Theory of operation. A pass *plans* every schedule whose next instant comes within the look-ahead: its occurrences go into the plan, and the
//! schedule moves on to its next instant. And it *releases* what of the plan has come: runs are queued, or skipped as overlap. So at nine o'clock
//! nothing has to be found out any more. What a schedule was planned for and was not released goes when the schedule changes. Schedules of one
//! expression, zone and next instant have one plan, which is made once.
//!
//! At the start, and when the clock is set back, schedules are *planned anew* from where each has been dealt with: by the rules of zones as they are
//! now (T16), up to the present only, and from no instant before a schedule was what it is (H7).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;
use pressrun_domain::id::RunId;
use pressrun_domain::missed::{Missed, Why};
use pressrun_domain::plan::{CATCH_UP_LIMIT, Plan, plan};
use pressrun_domain::run::SkipReason;
use pressrun_store::{
    DueSchedule, MissedOccurrences, PlannedOccurrence, PlannedSchedule, PlannedThrough, PlanningNote, PutRight, Replanned, ScheduleKey,
    Store, StoreError, TimingId,
};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::claimer::{TRY_AGAIN, sleep_until};
use crate::clockwork::{ClockWatch, Clockwork, LastLook, WasAhead};
use crate::config::DispatchConfig;
use crate::drift::Reading;
use crate::fail::{FailPoint, reach};
use crate::runner::Runner;
use crate::supervise::Pulse;
use crate::timings::Timings;

/// Schedules planned in one transaction.
const PLAN_BATCH: u32 = 2_000;

/// Occurrences released in one transaction: few, so that the first of a burst does not wait for the last.
const RELEASE_BATCH: u32 = 1_000;

/// How long before its instant an occurrence is planned.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(5);

/// What was planned and not released for so long was left by a process that died.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// Time between two notes of when planning last looked at the clock.
const NOTE_TICK: SignedDuration = SignedDuration::from_mins(1);

/// From where schedules are planned anew.
#[derive(Debug, Clone, Copy)]
struct Anew {
    /// Those that were planned beyond this; all of them when `None`.
    beyond: Option<Timestamp>,
    /// What came after this instant is planned anew, by schedules that were what they are.
    since: Timestamp,
    /// What schedules that were made what they are later than the present are to be taken for; `None` while that is believed.
    made: Option<Made>,
}

/// The clock by which somebody made a schedule what it is was ahead.
#[derive(Debug, Clone, Copy)]
struct Made {
    now: Timestamp,
    /// By so much, as far as that is known.
    ahead_by: SignedDuration,
}

impl Made {
    /// What a right clock showed at `at` of that one; no more than the present.
    fn right(self, at: Timestamp) -> Timestamp {
        if at <= self.now { at } else { at.saturating_sub(self.ahead_by).map_or(self.now, |right| right.min(self.now)) }
    }
}

impl Anew {
    /// Up to where a schedule stays dealt with.
    fn through(&self, planned: &PlannedThrough) -> Timestamp {
        let fires_from = self.made.map_or(planned.fires_from, |made| made.right(planned.fires_from));
        planned.through.min(self.since).max(fires_from)
    }
}

/// What is noted of the clock in the store.
#[derive(Debug, Default)]
struct Noted {
    at: Option<Timestamp>,
    /// What was last beyond doubt while the clock is in doubt, as it is stored.
    sure: Option<String>,
}

/// Plans what is due. Any number of planners may share a store.
pub struct Planner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    config: DispatchConfig,
    wake: Arc<Notify>,
    ready: Arc<Notify>,
    timings: Mutex<Timings>,
}

impl Planner {
    /// A planner; `wake` is signalled by whoever queues a run or changes a schedule, and `ready` by the planner whenever runs may be available.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        runner: Arc<dyn Runner>,
        config: DispatchConfig,
        wake: Arc<Notify>,
        ready: Arc<Notify>,
    ) -> Self {
        Self { store, clock, runner, config, wake, ready, timings: Mutex::default() }
    }

    /// Plans everything that is due or about to be, and releases what has come; returns how many runs were queued.
    ///
    /// # Errors
    /// The store failed; what was done so far stays.
    pub async fn pass(&self) -> Result<u32, StoreError> {
        let mut queued = 0;
        self.plan_and_release(self.clock.now(), |released| queued += released).await?;
        Ok(queued)
    }

    /// Plans until `stop`.
    pub async fn run(self, stop: CancellationToken, pulse: Pulse) {
        let planning = async {
            let mut watch = self.started(&pulse).await;
            let mut noted = Noted::default();
            loop {
                pulse.beat();
                let woken = self.wake.notified();
                let now = self.clock.now();
                let looked = self.look(&mut watch, &mut noted, now, &pulse).await;
                pulse.passed(looked.is_ok());
                let next = match looked {
                    Ok(next) => next,
                    Err(error) => {
                        warn!(%error, "could not plan; trying again");
                        Some(now + TRY_AGAIN)
                    }
                };
                // Whoever woke the planner may have queued a run.
                self.ready.notify_one();
                tokio::select! {
                    // In this order each time, so that a simulation repeats itself.
                    biased;
                    () = woken => {}
                    () = sleep_until(self.clock.as_ref(), next) => {}
                    // The clock may be set back meanwhile, and `next` be hours away.
                    () = self.clock.sleep(self.config.poll) => {}
                }
            }
        };
        // A write that is dropped in the middle never was.
        stop.run_until_cancelled(planning).await;
    }

    /// Plans every schedule by the rules as they are now, unless that has been done; then watches the clock.
    async fn started(&self, pulse: &Pulse) -> ClockWatch {
        loop {
            pulse.beat();
            match self.follow_rules(pulse).await {
                Ok(last) => return ClockWatch::new(Reading::of(self.clock.as_ref(), self.clock.now()), last),
                Err(error) => {
                    pulse.passed(false);
                    warn!(%error, "could not see by which rules schedules were planned; trying again");
                }
            }
            self.clock.sleep(TRY_AGAIN).await;
        }
    }

    /// Plans anew when the time zone database is another than the one that schedules were planned by (H8, T16); returns when planning last
    /// looked at the clock.
    async fn follow_rules(&self, pulse: &Pulse) -> Result<Option<LastLook>, StoreError> {
        let mut noted = [None; 2];
        for (noted, name) in noted.iter_mut().zip([PlanningNote::LastTick, PlanningNote::LastSure]) {
            *noted = self.store.planning_note(name).await?.and_then(|text| text.parse::<Timestamp>().ok());
        }
        let [at, sure] = noted;
        let rules = pressrun_cron::rules();
        let known = self.store.planning_note(PlanningNote::Rules).await?;
        if known.as_ref() != Some(&rules) {
            // By a clock that is behind, what comes again has been dealt with.
            let since = at.map_or(self.clock.now(), |at| at.max(self.clock.now()));
            let changed = self.plan_anew(Anew { beyond: None, since, made: None }, pulse).await?;
            self.store.keep_planning_note(PlanningNote::Rules, &rules).await?;
            info!(rules, before = known, changed, "schedules are planned by the rules of this version");
        }
        Ok(at.map(|at| LastLook { at, sure: sure.unwrap_or(at) }))
    }

    /// Notes what the clock shows, once a minute, and what was last beyond doubt.
    async fn note(&self, watch: &ClockWatch, noted: &mut Noted, now: Reading) -> Result<(), StoreError> {
        let sure = watch.in_doubt_since(now).map(|sure| sure.to_string()).unwrap_or_default();
        // The end of a doubt is noted when there is a later look.
        if !sure.is_empty() {
            self.note_sure(&sure, noted).await?;
        }
        if noted.at.is_none_or(|at| now.wall.duration_since(at).abs() >= NOTE_TICK) {
            self.store.keep_planning_note(PlanningNote::LastTick, &now.wall.to_string()).await?;
            noted.at = Some(now.wall);
        }
        self.note_sure(&sure, noted).await
    }

    async fn note_sure(&self, sure: &str, noted: &mut Noted) -> Result<(), StoreError> {
        if noted.sure.as_deref() != Some(sure) {
            self.store.keep_planning_note(PlanningNote::LastSure, sure).await?;
            noted.sure = Some(sure.to_owned());
        }
        Ok(())
    }

    /// One look at the clock, and what follows from it; returns when to look again.
    async fn look(
        &self,
        watch: &mut ClockWatch,
        noted: &mut Noted,
        now: Timestamp,
        pulse: &Pulse,
    ) -> Result<Option<Timestamp>, StoreError> {
        let reading = Reading::of(self.clock.as_ref(), now);
        match watch.look(reading) {
            Clockwork::Ahead => return Ok(None),
            Clockwork::WasAhead(WasAhead { since, ahead_from, by }) => {
                self.store.forget_future(&PutRight { ahead_from, since, now }).await?;
                let anew = Anew { beyond: Some(now + LOOK_AHEAD), since, made: Some(Made { now, ahead_by: by }) };
                let changed = self.plan_anew(anew, pulse).await?;
                watch.settled();
                info!(changed, %since, "schedules that were planned beyond the present are planned anew");
            }
            Clockwork::Runs => {}
        }
        self.note(watch, noted, reading).await?;
        self.plan_and_release(now, |_| {
            self.ready.notify_one();
            pulse.beat();
        })
        .await?;
        let due = self.store.next_due().await?.map(|at| at.saturating_sub(LOOK_AHEAD).unwrap_or(Timestamp::MIN));
        let ready = self.store.next_ready().await?;
        // What is still there was lost to another node: no busy loop.
        Ok(due.into_iter().chain(ready).min().map(|at| at.max(now + SignedDuration::from_millis(1))))
    }

    /// Plans batch after batch, and releases what has come in between; `done` hears after each how many runs were queued.
    async fn plan_and_release(&self, now: Timestamp, mut done: impl FnMut(u32)) -> Result<(), StoreError> {
        while let Some(full) = self.plan_batch(now).await? {
            done(self.release_batch(now).await?.0);
            if !full {
                break;
            }
        }
        loop {
            let (queued, taken) = self.release_batch(now).await?;
            if taken == 0 {
                return Ok(());
            }
            done(queued);
        }
    }

    async fn release_batch(&self, now: Timestamp) -> Result<(u32, u32), StoreError> {
        let oldest = now.saturating_sub(CATCH_UP_LIMIT).unwrap_or(Timestamp::MIN);
        let released = self.store.release_planned(now, oldest, RELEASE_BATCH).await?;
        Ok((released.queued, released.taken))
    }

    /// Plans up to [`PLAN_BATCH`] schedules and says whether there may be more; `None` when none was due.
    async fn plan_batch(&self, now: Timestamp) -> Result<Option<bool>, StoreError> {
        let (horizon, began) = (now + LOOK_AHEAD, self.clock.steady());
        let due = self.store.due_schedules(horizon, now - LATE, PLAN_BATCH).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let (planned, faulty) = self.decide(&due, now, horizon).await?;
        self.store.plan(&planned, now).await?;
        let (starts, missed) = planned.iter().fold((0, 0), |(starts, missed), of| (starts + of.starts.len(), missed + of.missed.len()));
        metrics::counter!("pressrun_occurrences_planned_total").increment(starts as u64);
        metrics::counter!("pressrun_occurrences_skipped_total", "reason" => SkipReason::Missed.as_str()).increment(missed as u64);
        metrics::histogram!("pressrun_step_duration_seconds", "step" => "plan")
            .record(self.clock.steady().saturating_sub(began).as_secs_f64());
        for (schedule, fault) in faulty {
            self.set_aside(&schedule, &fault).await?;
        }
        reach(FailPoint::AfterPlan);
        Ok(Some(due.len() >= PLAN_BATCH as usize))
    }

    /// What becomes of each schedule, and those that cannot be planned with the fault.
    async fn decide(
        &self,
        due: &[DueSchedule],
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<(Vec<PlannedSchedule>, Vec<(DueSchedule, String)>), StoreError> {
        let mut timings = self.timings.lock().await;
        timings.learn(self.store.as_ref(), due.iter().map(|schedule| schedule.timing)).await?;
        let mut plans: HashMap<(TimingId, Timestamp), Result<Plan, String>> = HashMap::new();
        let (mut decided, mut faulty) = (Vec::with_capacity(due.len()), Vec::new());
        for schedule in due {
            let plan = plans.entry((schedule.timing, schedule.from)).or_insert_with(|| {
                let pattern = timings.pattern(schedule.timing)?;
                Ok(plan(&pattern.cron, &pattern.zone, schedule.from, now, horizon))
            });
            match plan {
                Ok(_) => decided.push(*schedule),
                Err(fault) => faulty.push((*schedule, fault.clone())),
            }
        }
        let known = |schedule: &DueSchedule| plans.get(&(schedule.timing, schedule.from)).and_then(|plan| plan.as_ref().ok());
        let stretches = decided.iter().filter_map(|schedule| Some((schedule.key, known(schedule)?.missed?)));
        let dealt_with = self.dealt_with(stretches).await?;
        let mut planned = Vec::with_capacity(decided.len());
        for schedule in decided {
            let (Some(plan), Ok(pattern)) = (known(&schedule), timings.pattern(schedule.timing)) else { continue };
            let missed = match (plan.missed, dealt_with.get(&schedule.key)) {
                (Some(missed), Some(dealt_with)) => missed.without(pattern, dealt_with),
                (missed, _) => missed.into_iter().collect(),
            };
            planned.push(of_schedule(schedule, plan, &missed, horizon));
        }
        Ok((planned, faulty))
    }

    /// What of these stretches of missed instants was dealt with all the same: before the clock was set back, and put right (H7).
    async fn dealt_with(
        &self,
        stretches: impl Iterator<Item = (ScheduleKey, Missed)>,
    ) -> Result<HashMap<ScheduleKey, BTreeSet<Timestamp>>, StoreError> {
        let stretches: Vec<_> = stretches.map(|(key, missed)| (key, missed.first, missed.last.at)).collect();
        let mut dealt_with: HashMap<_, BTreeSet<_>> = HashMap::new();
        if !stretches.is_empty() {
            for (key, at) in self.store.dealt_with(&stretches).await? {
                dealt_with.entry(key).or_default().insert(at);
            }
        }
        Ok(dealt_with)
    }

    /// Without this it would be found due for ever; and somebody has to know that it does not fire (M10).
    async fn set_aside(&self, schedule: &DueSchedule, fault: &str) -> Result<(), StoreError> {
        let Some(id) = self.store.schedule_of(schedule.key).await? else { return Ok(()) };
        error!(schedule = %id, fault, "the schedule cannot be planned and will not fire until it is edited");
        let notices = self.runner.about_unplannable(id, fault).await;
        self.store.set_aside(schedule, &notices).await.map(drop)
    }

    /// Plans schedules again from where each has been dealt with, as far as that can be trusted. Returns how many are due at another instant than before.
    async fn plan_anew(&self, anew: Anew, pulse: &Pulse) -> Result<u32, StoreError> {
        let (mut after, mut changed) = (ScheduleKey::default(), 0);
        loop {
            pulse.beat();
            let page = self.store.planned_beyond(anew.beyond, after, PLAN_BATCH).await?;
            let Some(last) = page.last() else { return Ok(changed) };
            after = last.schedule.key;
            let mut timings = self.timings.lock().await;
            timings.learn(self.store.as_ref(), page.iter().map(|planned| planned.schedule.timing)).await?;
            let (mut replanned, mut faulty) = (Vec::new(), Vec::new());
            for planned in page {
                let schedule = planned.schedule;
                match timings.pattern(schedule.timing) {
                    Ok(pattern) => {
                        let through = anew.through(&planned);
                        let next_at = pattern.next_after(through);
                        if next_at != schedule.next_at || anew.beyond.is_some() {
                            replanned.push(Replanned { schedule, through, next_at });
                        }
                    }
                    Err(fault) if schedule.next_at.is_some() => faulty.push((schedule, fault)),
                    Err(_) => {}
                }
            }
            drop(timings);
            for (schedule, fault) in faulty {
                self.set_aside(&schedule, &fault).await?;
            }
            changed += u32::try_from(replanned.len()).unwrap_or(u32::MAX);
            if !replanned.is_empty() {
                self.store.replan(&replanned, anew.since).await?;
            }
        }
    }
}

fn of_schedule(schedule: DueSchedule, plan: &Plan, missed: &[Missed], through: Timestamp) -> PlannedSchedule {
    let occurrence = |of: &pressrun_cron::Occurrence| PlannedOccurrence { at: of.at, dst: of.dst.map(pressrun_cron::DstNote::as_str) };
    let told =
        |missed: &Missed| MissedOccurrences { run: RunId::generate(), last: occurrence(&missed.last), detail: missed.in_words(Why::Down) };
    PlannedSchedule {
        schedule,
        starts: plan.starts.iter().map(occurrence).collect(),
        missed: missed.iter().map(told).collect(),
        through,
        next_at: plan.next_at,
    }
}

//! Whether the promise was kept: what should have happened, by a calendar of its own, against what the history and the book say did.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::LOOK_AHEAD;
use pressrun_domain::delivery::{Delivery, DeliveryState, Outcome};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::run::{Run, RunKind, RunState, RunStatus, SkipReason};
use pressrun_domain::schedule::Schedule;
use pressrun_store::DueSchedule;

use crate::book::{Book, Sent, short};
use crate::scenario::{Goods, Plan, ZONES, zone};

/// A stretch of time in which a schedule fires.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// What it does.
    pub plan: Plan,
    /// By which time zone database.
    pub rules: u32,
    /// After this instant of the wall clock.
    pub from: Timestamp,
    /// Up to this one; it goes on when `None`.
    pub to: Option<Timestamp>,
    /// When somebody made the schedule what it is, by a right clock.
    made: Timestamp,
    /// When somebody or something ended that, by a right clock.
    ended: Option<Timestamp>,
    /// It goes on as the next one, by the rules of another time zone database.
    has_other_rules: bool,
}

/// When something happens.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the wall clock.
    pub wall: Timestamp,
    /// By a right clock.
    pub right: Timestamp,
}

impl Span {
    fn zone(&self) -> TimeZone {
        TimeZone::get(zone(ZONES[self.plan.zone % ZONES.len()], self.rules)).unwrap_or(TimeZone::UTC)
    }

    fn fires_at(&self, at: Timestamp) -> bool {
        at > self.from && self.to.is_none_or(|to| at <= to) && self.plan.cadence.fires_at(&self.zone(), at)
    }
}

/// What became of a schedule.
#[derive(Debug, Clone)]
pub struct Life {
    /// Its id.
    pub id: ScheduleId,
    /// What it does now.
    pub plan: Plan,
    /// When it has to fire.
    spans: Vec<Span>,
    /// When it may have fired, before the clock was set back.
    before: Vec<Span>,
    /// It is deleted.
    pub gone: bool,
}

impl Life {
    /// A schedule that was made at `now`.
    #[must_use]
    pub fn new(id: ScheduleId, plan: Plan, rules: u32, now: Moment) -> Self {
        let mut life = Self { id, plan, spans: Vec::new(), before: Vec::new(), gone: false };
        life.begin(plan, rules, now);
        life
    }

    /// From `now` on it fires like this.
    pub fn begin(&mut self, plan: Plan, rules: u32, now: Moment) {
        self.plan = plan;
        self.spans.push(Span { plan, rules, from: now.wall, to: None, made: now.right, ended: None, has_other_rules: false });
    }

    /// At `now` it no longer fires as it did.
    pub fn end(&mut self, now: Moment) {
        for span in self.spans.iter_mut().filter(|span| span.to.is_none()) {
            (span.to, span.ended) = (Some(now.wall), Some(now.right));
        }
    }

    /// Whether it fires now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.spans.last().is_some_and(|span| span.to.is_none())
    }

    /// The clock, which showed `was`, was set back to `wall`, when a right one shows `right`. What comes after that comes again, and as it is now;
    /// and what comes by a clock that is behind may come, though nobody counts on it. Nothing comes from before the schedule was made what it is. By a right clock
    /// planning had looked at everything up to `looked`: what came from then until rules changed may come by either.
    pub fn set_back(&mut self, was: Timestamp, wall: Timestamp, right: Timestamp, looked: Timestamp) {
        let (now, until) = (wall.max(right), was + LOOK_AHEAD);
        self.before.extend(self.spans.iter().filter(|span| span.to.is_none()).map(|span| Span { from: span.from.min(span.made), ..*span }));
        self.before.extend(self.spans.iter().map(|span| Span { to: Some(span.to.map_or(until, |to| to.min(until))), ..*span }));
        let mut other_rules_from = None;
        for span in &mut self.spans {
            span.from = other_rules_from.unwrap_or(span.from).min(now);
            other_rules_from = None;
            // What a clock that was ahead ended was over when a right one showed less.
            if span.to.is_none_or(|to| to <= now) {
                continue;
            }
            let ended = span.ended.map_or(now, |ended| ended.min(now));
            span.to = Some(if span.has_other_rules { looked.clamp(span.from, ended.max(span.from)) } else { ended });
            other_rules_from = span.has_other_rules.then_some(ended);
        }
    }

    /// Another time zone database came at `now`, and by it is planned what comes after `from`. What was planned ahead by the one before comes if it comes at once; and what the new one would
    /// have had since the last occurrence may be made up for.
    pub fn change_rules(&mut self, rules: u32, now: Moment, from: Timestamp) {
        self.end(Moment { wall: from, right: now.right });
        let now = now.wall;
        let Some(last) = self.spans.last_mut() else { return };
        last.has_other_rules = true;
        let last = *last;
        self.before.push(Span { to: Some(now + LOOK_AHEAD), ..last });
        self.before.push(Span { rules, from: now - SignedDuration::from_hours(80), to: None, ..last });
        // By a clock that is behind that is before it was made.
        self.spans.push(Span { rules, from: from.max(last.from), to: None, has_other_rules: false, ..last });
    }

    /// Instants at which it has to have fired, up to `end`.
    fn due(&self, end: Timestamp) -> BTreeSet<Timestamp> {
        let of = |span: &Span| span.plan.cadence.instants(&span.zone(), span.from, span.to.unwrap_or(end).min(end));
        self.spans.iter().flat_map(of).collect()
    }

    /// Whether it may have fired then.
    fn may_fire_at(&self, at: Timestamp) -> bool {
        self.spans.iter().chain(&self.before).any(|span| span.fires_at(at))
    }

    /// When it fires next after `now`.
    fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let span = self.spans.last().filter(|span| span.to.is_none())?;
        span.plan.cadence.first_after(&span.zone(), now)
    }
}

/// What there is to judge of one schedule.
pub struct Case<'a> {
    /// What should have happened to it.
    pub life: &'a Life,
    /// Its runs with their pieces.
    pub runs: &'a [(Run, Vec<Delivery>)],
    /// As it is stored.
    pub schedule: Option<&'a Schedule>,
    /// As planning has it.
    pub due: Option<&'a DueSchedule>,
    /// Since when everything has been as it should be.
    pub quiet_at: Timestamp,
    /// The present.
    pub end: Timestamp,
    /// The clock was always right.
    pub right_clock: bool,
    /// History is kept for so short a time that some of it is gone.
    pub swept: bool,
}

/// Looks at everything that is known of one schedule.
pub fn judge(book: &mut Book, case: &Case<'_>) {
    judge_occurrences(book, case);
    judge_planning(book, case);
    for (run, pieces) in case.runs {
        judge_run(book, case, run, pieces);
    }
    judge_last_run(book, case);
}

/// Every due instant ends as exactly one run, or as one named skip.
fn judge_occurrences(book: &mut Book, case: &Case<'_>) {
    // What is due at the very end may still be on its way.
    let due = case.life.due(case.end - SignedDuration::from_secs(10));
    let mut rows: BTreeMap<Timestamp, u32> = BTreeMap::new();
    let mut missed = Vec::new();
    for (run, _) in case.runs.iter().filter(|(run, _)| run.kind == RunKind::Scheduled) {
        *rows.entry(run.scheduled_for).or_default() += 1;
        if let RunState::Skipped { reason: SkipReason::Missed } = run.state {
            missed.push(missed_range(run));
        }
        if !case.life.may_fire_at(run.scheduled_for) {
            book.breach("nothing runs at another instant", format!("{} is for {}, when nothing was due", short(run.id), run.scheduled_for));
        }
    }
    for at in due {
        let told = missed.iter().filter(|(first, last)| *first <= at && at < *last).count();
        let rows = rows.get(&at).copied().unwrap_or(0) as usize;
        if rows + told == 0 && at >= book.kept_since {
            book.breach("every due instant is dealt with", format!("nothing became of {at}"));
        } else if rows + told > 1 {
            book.breach("every due instant is dealt with once", format!("{at} has {rows} rows and is told as missed {told} times"));
        }
    }
}

/// The first and the last of the instants that a row tells were missed; its own is the last of them.
fn missed_range(run: &Run) -> (Timestamp, Timestamp) {
    let last = run.scheduled_for;
    let words = run.record.timeline.iter().find_map(|entry| entry.detail.as_deref()).unwrap_or_default();
    let first = words.split_once(" instants from ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    (first.unwrap_or(last), last)
}

/// No schedule is silent while it is active, and none fires that is not.
fn judge_planning(book: &mut Book, case: &Case<'_>) {
    let next = case.due.and_then(|due| due.next_at);
    if case.life.gone || !case.life.is_active() {
        if let Some(next) = next {
            book.breach("what is paused is silent", format!("it is due at {next}"));
        }
        return;
    }
    let expected = case.life.next_after(case.end);
    // What is about to come is planned already.
    let soon = expected.filter(|at| at.duration_since(case.end) <= SignedDuration::from_secs(6)).and_then(|at| case.life.next_after(at));
    if next != expected && (soon.is_none() || next != soon) {
        book.breach("no schedule is silent", format!("it is due at {next:?}, and should be at {expected:?}"));
    }
}

fn judge_run(book: &mut Book, case: &Case<'_>, run: &Run, pieces: &[Delivery]) {
    let name = short(run.id);
    for piece in pieces {
        judge_piece(book, run, piece);
    }
    judge_bytes(book, case, run.id);
    match &run.state {
        RunState::Queued { .. } | RunState::Running { .. } if run.created_at < case.quiet_at => {
            book.breach("every run ends", format!("{name} of {} is still {:?}", run.scheduled_for, run.state));
        }
        RunState::Ended { status, reason, .. } => {
            let is = |wanted: fn(&DeliveryState) -> bool| pieces.iter().filter(|piece| wanted(&piece.state)).count();
            let accepted = is(|state| matches!(state, DeliveryState::Accepted { .. }));
            let failed = is(|state| matches!(state, DeliveryState::Failed { .. }));
            let pending = is(|state| matches!(state, DeliveryState::Pending { .. }));
            let promised = if run.kind == RunKind::Resend { 1 } else { case.life.plan.goods.pieces() };
            // Somebody may have left the list; whoever unsubscribed has a piece that says so.
            let least = run.definition.destination.email().map_or(promised, |email| email.recipients.len().min(promised));
            let whole = (least..=promised).contains(&pieces.len());
            let holds = match status {
                RunStatus::Complete => accepted > 0 && failed == 0 && whole,
                RunStatus::ErrorDelivered => accepted > 0 && whole,
                RunStatus::Error => accepted == 0 && reason.is_some(),
                RunStatus::Killed => reason.is_some(),
                RunStatus::ConditionUnmet => pieces.is_empty(),
            };
            if pending > 0 {
                book.breach("every piece ends", format!("{name} ended with {pending} pieces that are owed"));
            }
            if !holds {
                let how = format!("{name} is {status:?} ({reason:?}) with {accepted} pieces accepted and {failed} failed of {promised}");
                book.breach("the status is what happened", how);
            }
            let deadline = reason.as_deref().is_some_and(|reason| reason.starts_with("killed: deadline"));
            if *status == RunStatus::Killed && deadline && book.worked(run.id) < PATIENCE {
                let how = format!("{name} was killed for its time after {:#} of work", book.worked(run.id));
                book.breach("waiting kills nothing", how);
            }
        }
        RunState::Queued { .. } | RunState::Running { .. } | RunState::Skipped { .. } => {}
    }
}

/// Nothing is killed for its time before so much of it has gone into work.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// One run sends one file: what is half sent is not made anew (S9, I6).
fn judge_bytes(book: &mut Book, case: &Case<'_>, run: RunId) {
    // Personal copies are one file for each audience, and so one for each piece.
    let apart = matches!(case.life.plan.goods, Goods::Personal(_) | Goods::Audiences(_));
    let mut files: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for sent in book.sent.iter().filter(|sent| sent.run == run) {
        files.entry(apart.then_some(sent.piece)).or_default().extend(sent.bytes.as_deref());
    }
    if let Some(most) = files.values().map(BTreeSet::len).max().filter(|most| *most > 1) {
        book.breach("one run sends one file", format!("{} sent {most}", short(run)));
    }
}

/// Each piece is told as it went, and is not sent again after it was known to be accepted.
fn judge_piece(book: &mut Book, run: &Run, piece: &Delivery) {
    let sent: Vec<Sent> = book.sent.iter().filter(|sent| sent.piece == piece.id).cloned().collect();
    let name = format!("{} to {}", short(run.id), piece.target);
    if let Some(other) = sent.iter().find(|sent| sent.mark != piece.idempotency_key) {
        book.breach("one mark a piece", format!("{name} went as {} and as {}", other.mark, piece.idempotency_key));
    }
    let taken = sent.iter().any(|sent| sent.taken);
    match &piece.state {
        DeliveryState::Accepted { .. } if !taken => {
            book.breach("accepted is what was taken", format!("{name} is told as accepted, and nobody took it"));
        }
        DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } if reason.is_empty() => {
            book.breach("what fails has a reason", format!("{name} has none"));
        }
        _ => {}
    }
    let mut known = false;
    for sent in &sent {
        if known {
            book.breach("nothing accepted is sent again", format!("{name} was sent again at {}", sent.started_at));
        }
        let attempt = piece.attempts.iter().find(|attempt| attempt.started_at == sent.started_at);
        let Some(attempt) = attempt else {
            book.breach("nothing is sent that is not a row before", format!("{name} at {} has no attempt", sent.started_at));
            continue;
        };
        known |= matches!(attempt.outcome, Some(Outcome::Accepted { .. }));
        if sent.answered.is_some() && attempt.outcome.is_none() && !sent.accounted {
            book.breach("every answer is written down", format!("{name} at {} has none, and nothing kept it from it", sent.started_at));
        }
    }
}

/// What the list says of a schedule is how its last run ended.
fn judge_last_run(book: &mut Book, case: &Case<'_>) {
    // By a clock that was set nobody can tell which was last.
    // What was swept away is not there to be compared.
    let Some(schedule) = case.schedule.filter(|_| case.right_clock && !case.swept) else { return };
    let ended = |run: &Run| match run.state {
        RunState::Ended { at, status, .. } if run.kind.counts() => Some((at, status)),
        _ => None,
    };
    let ends: Vec<_> = case.runs.iter().filter_map(|(run, _)| ended(run)).collect();
    let last = ends.iter().map(|(at, _)| *at).max();
    let shown = schedule.last_run.as_ref().map(|last| last.status);
    let fits = match last {
        None => shown.is_none(),
        Some(last) => ends.iter().any(|(at, status)| *at == last && Some(*status) == shown),
    };
    if !fits {
        book.breach("the status is what happened", format!("the schedule says {shown:?}, and its runs ended {ends:?}"));
    }
}

/// Nobody starves: owners take turns, so that between a run's coming and its first claim nobody else begins more runs than its owner does and a
/// round, in which each of the `workers` may be at one.
pub fn judge_turns(book: &mut Book, workers: usize) {
    let claims: Vec<_> = book.claims.iter().filter(|claim| claim.fence == 1).copied().collect();
    for (place, claim) in claims.iter().enumerate() {
        let mut begun: BTreeMap<_, usize> = BTreeMap::new();
        for other in claims[..place].iter().filter(|other| other.at >= claim.created_at) {
            *begun.entry(other.owner).or_default() += 1;
        }
        let own = begun.remove(&claim.owner).unwrap_or(0);
        let most = begun.values().max().copied().unwrap_or(0);
        if most > own + workers + 2 {
            let how = format!("{} waited while {most} runs of somebody else began, and {own} of its owner's", short(claim.run));
            book.breach("nobody starves", how);
        }
    }
}

//! One simulation, from the first instant to the verdict.

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::CatalogHandle;
use pressrun_cron::other_rules;
use pressrun_domain::id::{ScheduleId, seeded};
use pressrun_store::StoreError;
use pressrun_testkit::Dice;
use tempfile::TempDir;

use crate::book::Breach;
use crate::judge::{Case, Life, Moment, judge, judge_turns};
use crate::node::{Node, Site, config};
use crate::office::{Act, Office};
use crate::plants::Plant;
use crate::scenario::{Plan, Scenario, What, zone};
use crate::servers::{Manner, Servers};
use crate::setting::{catalog, folder, template};
use crate::stage::{Ask, Grant, NodeId, Stage};

/// What came of a simulation.
#[derive(Debug)]
pub struct Ended {
    /// Promises that were broken.
    pub breaches: Vec<Breach>,
    /// Equal traces have equal digests.
    pub digest: u64,
    /// The trace, when it was asked for.
    pub lines: Vec<String>,
    /// Requests that were granted.
    pub granted: u64,
    /// Parcels that left.
    pub sent: usize,
    /// Rows of history.
    pub runs: usize,
}

/// Time that runs have to end after everything is as it should be: the last retry, and the leases of the dead.
const SETTLE: SignedDuration = SignedDuration::from_mins(9);

/// The same for a run that put itself off by a clock that was ahead: no retry is waited for longer than a quarter of an hour.
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_mins(18);

/// More requests than any scenario needs: time stands still.
const MOST_REQUESTS: u64 = 60_000;

/// How long a process that has to give up what is under way takes for that at most.
const GIVING_UP: SignedDuration = SignedDuration::from_secs(30);

/// Until a lease that somebody lives on is renewed and believed again after something went wrong.
const LEASES_RECOVER: SignedDuration = SignedDuration::from_mins(10);

/// Lets a scenario happen.
#[must_use]
pub fn simulate(scenario: &Scenario, plant: Option<Plant>, traced: bool) -> Ended {
    seeded::begin(Some(scenario.seed));
    other_rules::begin(Some((0, zone)));
    let mut world = World::new(scenario, plant, traced);
    world.happen(scenario);
    let ended = world.end(scenario);
    seeded::begin(None);
    other_rules::begin(None);
    ended
}

/// Where a process is, or will be.
enum Place {
    Up(Box<Node>),
    Down { back_at: SignedDuration },
}

/// What comes by itself some time after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    /// A destination behaves again.
    Destination(u8),
    /// Executors behave again.
    Executors,
    /// The store behaves again.
    Store,
    /// The clock is set by so much.
    Clock(SignedDuration),
    /// Every process dies, and the next ones find the clock put right by so much.
    RightStart(SignedDuration),
    /// A process goes on.
    GoOn(usize),
    /// The time of a process to stop is over, and it is to be back so much later.
    HandBack(NodeId),
    /// A process that was told to give up has had its time.
    Kill(NodeId),
}

/// How the store behaves: so many of a thousand calls fail, are lost, are late.
#[derive(Debug, Clone, Copy, Default)]
struct StoreManner {
    fail: usize,
    lose: usize,
    delay: usize,
}

/// A process that dies at one of its next requests.
#[derive(Debug, Clone, Copy)]
struct Doom {
    place: usize,
    requests: u32,
    done: bool,
    back_after: SignedDuration,
}

struct World {
    /// Removed last.
    folder: TempDir,
    places: Vec<Place>,
    /// Processes that have something to do.
    awake: Vec<bool>,
    /// Processes that stand still.
    still: Vec<bool>,
    /// Processes that were asked to stop, and how long they are to be away.
    stopping: Vec<Option<SignedDuration>>,
    starts: u32,
    stage: Stage,
    site: Site,
    office: Office,
    lives: Vec<Life>,
    dice: Dice,
    doomed: Vec<Doom>,
    later: Vec<(SignedDuration, Later)>,
    store: StoreManner,
    right_clock: bool,
    /// What the clock showed before it was set back while no process was there.
    set_back_from: Option<Timestamp>,
    /// Time in which no process was there: it does not count as time of the scenario.
    outage: SignedDuration,
    /// Since when everything is as it should be.
    quiet: Option<SignedDuration>,
    granted: u64,
}

impl World {
    fn new(scenario: &Scenario, plant: Option<Plant>, traced: bool) -> Self {
        let folder = folder();
        let database = folder.path().join("pressrun.db");
        std::fs::write(&database, template()).expect("a writable folder");
        let stage = Stage::new(scenario.start, Servers::new(scenario.seed ^ 0x5eed));
        if traced {
            stage.state().book.keep_lines();
        }
        let catalog = catalog();
        let office = Office::open(&database, catalog).expect("the database opens");
        let (spool, config) = (folder.path().join("spool"), config(scenario.workers, scenario.keep));
        let site = Site { database, spool, catalog: CatalogHandle::fixed(catalog.clone()), config, plant };
        let mut world = Self {
            folder,
            places: (0..scenario.places).map(|_| Place::Down { back_at: SignedDuration::ZERO }).collect(),
            awake: vec![false; scenario.places],
            still: vec![false; scenario.places],
            stopping: vec![None; scenario.places],
            starts: 0,
            stage,
            site,
            office,
            lives: Vec::new(),
            dice: Dice::new(scenario.seed.rotate_left(17) ^ 0xd1ce),
            doomed: Vec::new(),
            later: Vec::new(),
            store: StoreManner::default(),
            right_clock: true,
            set_back_from: None,
            outage: SignedDuration::ZERO,
            quiet: None,
            granted: 0,
        };
        for plan in &scenario.schedules {
            world.add(*plan);
        }
        world
    }

    fn happen(&mut self, scenario: &Scenario) {
        let mut events = scenario.events.iter().peekable();
        let mut settled = false;
        let mut settle = SETTLE;
        loop {
            let quiet = self.quiet.unwrap_or(scenario.span + self.outage);
            let end = quiet + settle;
            self.start_places();
            self.run_nodes();
            if self.granted > MOST_REQUESTS {
                self.stage.state().book.breach("time goes on", format!("{MOST_REQUESTS} requests were granted, and it is not over"));
                return;
            }
            if self.grant_one() {
                continue;
            }
            let now = self.stage.state().steady;
            if now >= end {
                if settle >= LONGEST_SETTLE || self.is_over() {
                    return;
                }
                settle += SignedDuration::from_mins(3);
                continue;
            }
            let next = [
                self.next_due(),
                events.peek().filter(|_| !settled).map(|event| event.at),
                self.next_change(),
                (!settled).then_some(quiet),
                Some(end),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end).clamp(now, end);
            self.pass_until(next);
            while let Some(event) = events.next_if(|event| event.at <= next && !settled) {
                self.event(event.what);
            }
            self.catch_up(next);
            if next >= quiet && !settled {
                settled = true;
                self.quiet = Some(quiet);
                self.settle();
            }
        }
    }

    /// Whether no run is under way any more.
    fn is_over(&self) -> bool {
        self.lives.iter().all(|life| self.office.is_idle(life.id).expect("the history is readable"))
    }

    /// From now on everything is as it should be.
    fn settle(&mut self) {
        self.say("everything is as it should be");
        self.doomed.clear();
        self.store = StoreManner::default();
        for later in std::mem::take(&mut self.later) {
            self.come(later.1);
        }
        self.stage.state().servers.settle();
        let now = self.stage.state().steady;
        for place in &mut self.places {
            if let Place::Down { back_at } = place {
                *back_at = (*back_at).min(now);
            }
        }
    }

    /// The node of a place, if it is up.
    fn node(&self, place: usize) -> Option<&Node> {
        match self.places.get(place) {
            Some(Place::Up(node)) => Some(node),
            Some(Place::Down { .. }) | None => None,
        }
    }

    /// Whether no process is there.
    fn is_outage(&self) -> bool {
        self.places.iter().all(|place| matches!(place, Place::Down { .. }))
    }

    fn place_of(&self, id: NodeId) -> Option<usize> {
        (0..self.places.len()).find(|place| self.node(*place).is_some_and(|node| node.id == id))
    }

    /// Whether a process is there and does not stand still.
    fn runs(&self, id: NodeId) -> bool {
        self.place_of(id).is_some_and(|place| !self.still[place])
    }

    fn start_places(&mut self) {
        let now = self.stage.state().steady;
        for place in 0..self.places.len() {
            if let Place::Down { back_at } = self.places[place]
                && back_at <= now
            {
                self.starts += 1;
                let id = NodeId(self.starts);
                self.say(&format!("node {} starts", id.0));
                self.sees_the_clock();
                let node = Node::start(id, &self.stage, &self.site).expect("a node starts");
                self.places[place] = Place::Up(Box::new(node));
                (self.awake[place], self.still[place], self.stopping[place]) = (true, false, None);
            }
        }
    }

    /// Runs whatever can go on, until nothing can.
    fn run_nodes(&mut self) {
        for place in 0..self.places.len() {
            if self.still[place] || !std::mem::take(&mut self.awake[place]) {
                continue;
            }
            let Place::Up(node) = &mut self.places[place] else { continue };
            let id = node.id;
            if !node.run() {
                self.stands_still(id);
                self.crash(place, SignedDuration::ZERO);
                continue;
            }
            let (over, fault) = node.ended();
            if let Some(fault) = fault {
                self.stage.state().book.breach("tasks live", format!("in node {}: {fault}", id.0));
            }
            let struck = std::mem::take(&mut self.stage.state().servers.struck);
            if struck.contains(&id) {
                self.crash(place, SignedDuration::from_secs(3));
            } else if over && let Some(away) = self.stopping[place] {
                self.crash(place, away);
            }
        }
    }

    /// Grants one of the requests that are due; false when there is none.
    fn grant_one(&mut self) -> bool {
        let grantable = self.stage.state().grantable(|id| self.runs(id));
        let Some((request, id, ask)) = self.dice.pick(&grantable).copied() else { return false };
        let Some(place) = self.place_of(id) else { return false };
        let doom = self.doomed.iter().position(|doom| doom.place == place);
        let doom = doom.and_then(|at| {
            let doom = &mut self.doomed[at];
            let left = doom.requests;
            doom.requests = left.saturating_sub(1);
            (left == 0).then(|| self.doomed.remove(at))
        });
        if let Some(doom) = doom.filter(|doom| !doom.done) {
            self.crash(place, doom.back_after);
            return true;
        }
        self.granted += 1;
        let grant = self.grant(ask);
        let mut state = self.stage.state();
        if let Ask::Store(name) = ask {
            state.book.say(&format!("node {} {name}{}", id.0, if grant == Grant::Go { String::new() } else { format!(": {grant:?}") }));
        }
        state.grant(request, grant);
        drop(state);
        self.awake[place] = true;
        if let Some(doom) = doom {
            // It is done, and whoever asked for it hears of it, and dies before it can ask for more.
            if let Some(node) = self.node(place)
                && !node.run()
            {
                self.stands_still(id);
            }
            self.crash(place, doom.back_after);
        }
        true
    }

    fn stands_still(&self, id: NodeId) {
        self.stage.state().book.breach("calls of the store end", format!("one in node {} does not: it waits for what waits for it", id.0));
    }

    fn grant(&mut self, ask: Ask) -> Grant {
        let StoreManner { fail, lose, delay } = self.store;
        if !matches!(ask, Ask::Store(_)) || fail + lose + delay == 0 {
            return Grant::Go;
        }
        let chance = self.dice.below(1_000);
        if chance < fail {
            Grant::Refuse
        } else if chance < fail + lose {
            Grant::Lose
        } else if chance < fail + lose + delay {
            Grant::Late(SignedDuration::from_millis(i64::try_from(self.dice.below(20_000)).unwrap_or(0)))
        } else {
            Grant::Go
        }
    }

    fn crash(&mut self, place: usize, back_after: SignedDuration) {
        let back_at = self.stage.state().steady + back_after;
        let before = std::mem::replace(&mut self.places[place], Place::Down { back_at });
        if let Place::Up(node) = before {
            let id = node.id;
            drop(node);
            self.stage.state().book.died(id);
        }
    }

    fn next_due(&self) -> Option<SignedDuration> {
        self.stage.state().next_due(|id| self.runs(id))
    }

    /// When a process comes back or something passes.
    fn next_change(&self) -> Option<SignedDuration> {
        let back = self.places.iter().filter_map(|place| match place {
            Place::Up(_) => None,
            Place::Down { back_at } => Some(*back_at),
        });
        back.chain(self.later.iter().map(|(at, _)| *at)).min()
    }

    fn pass_until(&mut self, next: SignedDuration) {
        if self.is_outage() {
            self.outage += next - self.stage.state().steady;
        }
        {
            let mut state = self.stage.state();
            state.steady = next;
            let wall = state.wall();
            state.book.at(next, wall);
        }
        self.wake_sleepers();
    }

    fn wake_sleepers(&mut self) {
        let running: Vec<NodeId> = (0..self.places.len()).filter_map(|place| self.node(place)).map(|node| node.id).collect();
        let running: Vec<NodeId> = running.into_iter().filter(|id| self.runs(*id)).collect();
        let woken = self.stage.state().wake_sleepers(|id| running.contains(&id));
        for place in woken.into_iter().filter_map(|id| self.place_of(id)).collect::<Vec<_>>() {
            self.awake[place] = true;
        }
    }

    fn event(&mut self, what: What) {
        self.say(&format!("event: {what:?}"));
        let now = self.stage.state().steady;
        let places = self.places.len().max(1);
        match what {
            What::Crash { place, requests, done, back_after } => {
                self.doomed.push(Doom { place: place % places, requests, done, back_after });
            }
            What::Stop { place, grace, back_after } => {
                let place = place % places;
                if let (Some(node), None) = (self.node(place), self.stopping[place]) {
                    node.stop();
                    let id = node.id;
                    self.stopping[place] = Some(back_after);
                    self.awake[place] = true;
                    self.later.push((now + grace, Later::HandBack(id)));
                }
            }
            What::Stall { place, lasts } => {
                let place = place % places;
                self.still[place] = true;
                self.later.push((now + lasts, Later::GoOn(place)));
                self.leases_may_pass(lasts);
            }
            What::Jump { by, lasts } => {
                self.set_clock(by);
                self.later.push((now + lasts, Later::Clock(-by)));
            }
            What::WrongStart { by, down, lasts, restarts } => {
                self.start_by_a_clock(by, down);
                let right = if restarts { Later::RightStart(by) } else { Later::Clock(-by) };
                self.later.push((now + down + lasts, right));
            }
            What::Rules { down } => self.change_rules(down),
            What::Store { fail, lose, delay, lasts } => {
                self.store = StoreManner { fail, lose, delay };
                self.later.push((now + lasts, Later::Store));
                self.leases_may_pass(lasts + SignedDuration::from_secs(20));
            }
            What::Destination { number, manner, lasts } => {
                self.stage.state().servers.set_destination(number, manner);
                self.later.push((now + lasts, Later::Destination(number)));
            }
            What::Executors { manner, lasts } => {
                self.stage.state().servers.set_executors(manner);
                self.later.push((now + lasts, Later::Executors));
            }
            What::Data => self.stage.state().servers.change_data(),
            What::Add(plan) => self.add(plan),
            What::Edit(schedule, cadence) => self.act(schedule, Act::Edit(cadence)),
            What::Redirect(schedule, number) => self.act(schedule, Act::Redirect(number)),
            What::Pause(schedule) => self.act(schedule, Act::Pause),
            What::Resume(schedule) => self.act(schedule, Act::Resume),
            What::Transfer(schedule, owner) => self.act(schedule, Act::Transfer(owner)),
            What::Delete(schedule) => self.delete(schedule),
            What::SwitchOff(schedule) => self.act(schedule, Act::SwitchOff),
            What::SwitchOn(schedule) => self.act(schedule, Act::SwitchOn),
            What::Unsubscribe(schedule) => self.ask_for(schedule, |office, id, now| office.leave(id, true, now)),
            What::TakeOff(schedule) => self.ask_for(schedule, |office, id, now| office.leave(id, false, now)),
            What::Restore { down } => self.restore(down),
            What::Trigger(schedule) => self.ask_for(schedule, Office::trigger),
            What::Cancel(schedule) => self.ask_for(schedule, Office::cancel),
            What::Resend(schedule) => self.ask_for(schedule, Office::resend),
        }
    }

    /// Lets come what has waited for so long.
    fn catch_up(&mut self, now: SignedDuration) {
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = waiting;
        for (_, later) in due {
            self.come(later);
        }
    }

    fn come(&mut self, later: Later) {
        self.say(&format!("comes: {later:?}"));
        match later {
            Later::Destination(number) => self.stage.state().servers.set_destination(number, Manner::Fine),
            Later::Executors => self.stage.state().servers.set_executors(Manner::Fine),
            Later::Store => self.store = StoreManner::default(),
            Later::Clock(by) => self.set_clock(by),
            Later::RightStart(by) => self.start_by_a_clock(-by, SignedDuration::from_secs(2)),
            Later::GoOn(place) => {
                self.still[place] = false;
                self.awake[place] = true;
                self.wake_sleepers();
            }
            Later::HandBack(id) => {
                if let Some(place) = self.place_of(id) {
                    self.stage.state().book.gives_up(id);
                    if let Some(node) = self.node(place) {
                        node.hand_back();
                    }
                    self.awake[place] = true;
                    let now = self.stage.state().steady;
                    self.later.push((now + GIVING_UP, Later::Kill(id)));
                }
            }
            Later::Kill(id) => {
                if let Some(place) = self.place_of(id) {
                    let away = self.stopping[place].unwrap_or_default();
                    self.crash(place, away);
                }
            }
        }
    }

    fn leases_may_pass(&self, lasts: SignedDuration) {
        let mut state = self.stage.state();
        let until = state.steady + lasts + LEASES_RECOVER;
        state.book.leases_may_pass(until);
    }

    fn set_clock(&mut self, by: SignedDuration) {
        self.right_clock = false;
        self.leases_may_pass(SignedDuration::ZERO);
        let was = self.wall();
        {
            let mut state = self.stage.state();
            state.offset += by;
            let (steady, wall) = (state.steady, state.wall());
            (state.book.offset, state.book.planned_through) = (state.offset, state.book.planned_through.map(|through| through.min(wall)));
            state.book.at(steady, wall);
        }
        if by.is_negative() {
            self.set_back_from = self.set_back_from.max(Some(was));
            if !self.is_outage() {
                self.sees_the_clock();
            }
        }
        self.wake_sleepers();
    }

    /// Somebody is there who sees that the clock was set back. What was made by one that was ahead, while nobody was, is taken for made now.
    fn sees_the_clock(&mut self) {
        let Some(was) = self.set_back_from.take() else { return };
        let Moment { wall, right } = self.moment();
        let looked = self.stage.state().book.rightly_planned_through.unwrap_or(Timestamp::MIN);
        for life in &mut self.lives {
            life.set_back(was, wall, right, looked);
        }
    }

    /// Every process dies, and those that come after find the clock set by so much.
    fn start_by_a_clock(&mut self, by: SignedDuration, down: SignedDuration) {
        for place in 0..self.places.len() {
            self.crash(place, down);
        }
        let back_at = self.stage.state().steady + down;
        self.later.push((back_at, Later::Clock(by)));
    }

    /// Every process dies, and those that come after have another time zone database.
    fn change_rules(&mut self, down: SignedDuration) {
        for place in 0..self.places.len() {
            self.crash(place, down);
        }
        let moment = self.moment();
        let (wall, planned, rules) = {
            let mut state = self.stage.state();
            state.rules += 1;
            (state.wall(), state.book.planned_through, state.rules)
        };
        other_rules::begin(Some((rules, zone)));
        for life in self.lives.iter_mut().filter(|life| life.is_active()) {
            // What nobody had looked at before is planned by the new rules.
            life.change_rules(rules, moment, planned.map_or(wall, |planned| planned.min(wall)));
        }
    }

    /// Every process dies, and those that come after find what a backup has that was made just before.
    fn restore(&mut self, down: SignedDuration) {
        let copied = self.office.back_up(&self.site.database).expect("the database is copied");
        for place in 0..self.places.len() {
            self.crash(place, down);
        }
        let now = self.wall();
        self.office.restore(&copied, &self.site.database, now).expect("the copy is put in its place");
    }

    fn wall(&self) -> Timestamp {
        self.stage.state().wall()
    }

    fn moment(&self) -> Moment {
        let state = self.stage.state();
        let wall = state.wall();
        Moment { wall, right: wall - state.offset }
    }

    fn rules(&self) -> u32 {
        self.stage.state().rules
    }

    fn add(&mut self, plan: Plan) {
        let now = self.wall();
        let id = self.office.save(plan, now).expect("saved");
        self.lives.push(Life::new(id, plan, self.rules(), self.moment()));
        self.wake_planner();
    }

    fn act(&mut self, schedule: usize, act: Act) {
        let moment = self.moment();
        let now = moment.wall;
        let rules = self.rules();
        let at = schedule % self.lives.len().max(1);
        let Some(life) = self.lives.get_mut(at) else { return };
        let Some(is_active) = self.office.act(life.id, act, now).expect("the office works") else { return };
        let mut plan = life.plan;
        match act {
            Act::Edit(cadence) => plan.cadence = cadence,
            Act::Redirect(number) => plan.destination = number,
            Act::Transfer(owner) => plan.owner = owner,
            Act::Pause | Act::Resume | Act::SwitchOff | Act::SwitchOn => {}
        }
        let (was_active, retimed) = (life.is_active(), matches!(act, Act::Edit(_)));
        if was_active && (retimed || !is_active) {
            life.end(moment);
        }
        if is_active && (retimed || !was_active) {
            life.begin(plan, rules, moment);
        }
        life.plan = plan;
        self.wake_planner();
    }

    fn delete(&mut self, schedule: usize) {
        let moment = self.moment();
        let now = moment.wall;
        let at = schedule % self.lives.len().max(1);
        let Some(life) = self.lives.get_mut(at) else { return };
        if self.office.delete(life.id, now).expect("the office works") {
            life.end(moment);
            life.gone = true;
        }
        self.wake_planner();
    }

    fn ask_for(&mut self, schedule: usize, what: fn(&Office, ScheduleId, Timestamp) -> Result<bool, StoreError>) {
        let now = self.wall();
        let at = schedule % self.lives.len().max(1);
        if let Some(life) = self.lives.get(at) {
            what(&self.office, life.id, now).expect("the office works");
        }
        self.wake_planner();
    }

    /// The process whose API was called signals its planner; others find out by looking.
    fn wake_planner(&mut self) {
        let up: Vec<usize> = (0..self.places.len()).filter(|place| self.node(*place).is_some()).collect();
        let Some(place) = self.dice.pick(&up).copied() else { return };
        if let Some(node) = self.node(place) {
            node.wake.notify_one();
        }
        self.awake[place] = true;
    }

    fn say(&self, line: &str) {
        self.stage.state().book.say(line);
    }

    fn end(mut self, scenario: &Scenario) -> Ended {
        // Nothing more happens.
        self.places.clear();
        let quiet_at = scenario.start + self.quiet.unwrap_or_default();
        let due = self.office.due().expect("planning is readable");
        let mut ran = 0;
        for life in &self.lives {
            let runs = self.office.runs(life.id).expect("the history is readable");
            let schedule = self.office.schedule(life.id).expect("the schedule is readable");
            ran += runs.len();
            let mut state = self.stage.state();
            let case = Case {
                life,
                runs: &runs,
                schedule: schedule.as_ref(),
                due: due.iter().find(|(id, _)| *id == life.id).map(|(_, due)| due),
                quiet_at,
                end: state.wall(),
                right_clock: self.right_clock,
                swept: scenario.keep.is_some(),
            };
            judge(&mut state.book, &case);
        }
        let mut state = self.stage.state();
        if self.right_clock {
            judge_turns(&mut state.book, scenario.workers as usize * scenario.places);
        }
        let ended = Ended {
            digest: state.book.digest(),
            sent: state.book.sent.len(),
            breaches: std::mem::take(&mut state.book.breaches),
            lines: state.book.take_lines(),
            granted: self.granted,
            runs: ran,
        };
        drop(state);
        drop(self.office);
        drop(self.folder);
        ended
    }
}

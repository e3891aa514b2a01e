//! What happens in one simulation: drawn from a seed, and data, so that it can be made smaller.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::condition::ConditionKind;
use pressrun_testkit::Dice;

use crate::calendar::Cadence;
use crate::servers::Manner;

/// One simulation.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where its chance comes from.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// How long things happen, but for time in which no process is there; after that everything is as it should be, and runs have time to end.
    pub span: SignedDuration,
    /// Processes at once.
    pub places: usize,
    /// Runs that a process works on at once.
    pub workers: u32,
    /// How long history is kept, when that is so short that it matters.
    pub keep: Option<SignedDuration>,
    /// Schedules that there are from the beginning.
    pub schedules: Vec<Plan>,
    /// What happens, and when.
    pub events: Vec<Event>,
}

/// A schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How often.
    pub cadence: Cadence,
    /// Where: a zone of [`ZONES`].
    pub zone: usize,
    /// Whose: one of the [`MEMBERS`].
    pub owner: usize,
    /// To which server its pieces go.
    pub destination: u8,
    /// What it sends.
    pub goods: Goods,
    /// When it is an alert.
    pub condition: Option<ConditionKind>,
}

/// What a schedule sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goods {
    /// A link to a webhook: nothing is queried or rendered.
    Link,
    /// A file to a webhook.
    File,
    /// Mail with a file to so many people.
    Mail(u8),
    /// The same with a copy of their own for each.
    Personal(u8),
    /// The same, and each sees rows of their own: as many audiences as people.
    Audiences(u8),
}

impl Goods {
    /// How many pieces a run promises.
    #[must_use]
    pub fn pieces(self) -> usize {
        match self {
            Self::Link | Self::File => 1,
            Self::Mail(people) | Self::Personal(people) | Self::Audiences(people) => people.into(),
        }
    }
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, after the start.
    pub at: SignedDuration,
    /// What.
    pub what: What,
}

/// What can happen. A place is where a process runs, one after the other; a schedule is the so-many-th of those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A process dies at its so-many-th request from now, before what it asks for is done or after, and is started again later.
    #[expect(missing_docs, reason = "said above")]
    Crash { place: usize, requests: u32, done: bool, back_after: SignedDuration },
    /// A process is asked to stop, has some time for what is under way, and is started again later.
    #[expect(missing_docs, reason = "said above")]
    Stop { place: usize, grace: SignedDuration, back_after: SignedDuration },
    /// A process stands still for a while, as if it was swapped out.
    #[expect(missing_docs, reason = "said above")]
    Stall { place: usize, lasts: SignedDuration },
    /// The wall clock is set, and put right later.
    #[expect(missing_docs, reason = "said above")]
    Jump { by: SignedDuration, lasts: SignedDuration },
    /// Every process dies, and the next ones find the wall clock set; later it is put right, before their eyes or when they are dead too.
    #[expect(missing_docs, reason = "said above")]
    WrongStart { by: SignedDuration, down: SignedDuration, lasts: SignedDuration, restarts: bool },
    /// Every process is replaced by one that has another time zone database.
    #[expect(missing_docs, reason = "said above")]
    Rules { down: SignedDuration },
    /// Of a thousand store calls so many fail, so many are made without their caller hearing of it, and so many take seconds.
    #[expect(missing_docs, reason = "said above")]
    Store { fail: usize, lose: usize, delay: usize, lasts: SignedDuration },
    /// A destination behaves otherwise for a while.
    #[expect(missing_docs, reason = "said above")]
    Destination { number: u8, manner: Manner, lasts: SignedDuration },
    /// Queries and rendering go otherwise for a while.
    #[expect(missing_docs, reason = "said above")]
    Executors { manner: Manner, lasts: SignedDuration },
    /// The data change.
    Data,
    /// Somebody makes a schedule.
    Add(Plan),
    /// Somebody changes when a schedule fires.
    Edit(usize, Cadence),
    /// Somebody changes where it delivers to.
    Redirect(usize, u8),
    /// Somebody pauses it.
    Pause(usize),
    /// Somebody resumes it.
    Resume(usize),
    /// Somebody deletes it.
    Delete(usize),
    /// It is handed over.
    Transfer(usize, usize),
    /// A process with another catalog switches it off.
    SwitchOff(usize),
    /// It is switched on again.
    SwitchOn(usize),
    /// Somebody who gets it unsubscribes.
    Unsubscribe(usize),
    /// Somebody is taken off its list.
    TakeOff(usize),
    /// Every process dies, and the next ones find the database as a backup has it that was made at that moment.
    #[expect(missing_docs, reason = "said above")]
    Restore { down: SignedDuration },
    /// Somebody runs it now.
    Trigger(usize),
    /// Somebody stops its run.
    Cancel(usize),
    /// Somebody sends the latest piece of it again.
    Resend(usize),
}

/// Zones that schedules are in.
pub const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];

/// What the same zones are when the time zone database is another: earlier by an hour, by a quarter of one, or later.
const OTHER_RULES: [&str; 5] = ["UTC", "Etc/GMT-2", "Etc/GMT+4", "Asia/Kathmandu", "Asia/Tokyo"];

/// What a zone is by the time zone database of this number.
#[must_use]
pub fn zone(name: &str, rules: u32) -> &str {
    let other = ZONES.iter().position(|known| *known == name).filter(|_| rules % 2 == 1);
    other.map_or(name, |place| OTHER_RULES[place])
}

/// Who owns schedules.
pub const MEMBERS: usize = 3;

/// Who there is: those, and others who get personal copies.
pub const PEOPLE: usize = 9;

/// When simulations begin: on a plain day, and shortly before clocks change in some zone, forwards and back.
const STARTS: [&str; 7] = [
    "2026-11-25T08:57:30Z",
    "2026-03-29T00:41:10Z",
    "2026-10-25T00:29:40Z",
    "2026-03-08T06:42:00Z",
    "2026-11-01T05:31:05Z",
    "2026-10-03T15:43:20Z",
    "2026-04-04T15:28:30Z",
];

/// Servers that pieces go to.
const SERVERS: usize = 3;

/// What a seed draws.
struct Draw {
    dice: Dice,
    start: Timestamp,
    span: SignedDuration,
}

/// The scenario of a seed.
#[must_use]
pub fn draw(seed: u64) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x70_7265_7373);
    let start = dice.pick(&STARTS).and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let span = SignedDuration::from_mins(12 + whole(&mut dice, 24));
    let places = 1 + usize::from(dice.below(3) == 0);
    let workers = 1 + u32::try_from(dice.below(6)).unwrap_or(0);
    let mut draw = Draw { dice, start, span };
    let mut schedules: Vec<Plan> = (0..=draw.dice.below(5)).map(|_| draw.plan()).collect();
    let mut events: Vec<Event> = (0..draw.dice.below(8)).map(|_| draw.event()).collect();
    events.sort_by_key(|event| event.at);
    let mut scenario = Scenario { seed, start, span, places, workers, keep: None, schedules: Vec::new(), events };
    if draw.below(10) == 0 {
        schedules.extend((0..3).map(|_| draw.plan()));
        flood(&mut scenario, &mut schedules);
    } else {
        draw.dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6d6f_7265);
        draw.more(&mut scenario, &mut schedules);
        draw.dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x7374_6172_7473);
        draw.wrong_start(&mut scenario);
    }
    scenario.schedules = schedules;
    scenario
}

/// More is due than one worker can do.
fn flood(scenario: &mut Scenario, schedules: &mut [Plan]) {
    (scenario.places, scenario.workers) = (1, 1);
    scenario.span = SignedDuration::from_mins(14);
    for plan in schedules.iter_mut() {
        (plan.cadence, plan.goods, plan.condition) = (Cadence::EveryMinutes(2), Goods::Link, None);
    }
    let slow = |number| Event {
        at: SignedDuration::ZERO,
        what: What::Destination { number, manner: Manner::Slow, lasts: SignedDuration::from_mins(14) },
    };
    scenario.events = (0..3).map(slow).collect();
}

fn whole(dice: &mut Dice, bound: usize) -> i64 {
    i64::try_from(dice.below(bound)).unwrap_or(0)
}

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.dice.below(bound)
    }

    fn seconds(&mut self, from: i64, to: i64) -> SignedDuration {
        let span = usize::try_from(to - from).unwrap_or(1) * 1_000;
        SignedDuration::from_secs(from) + SignedDuration::from_millis(whole(&mut self.dice, span))
    }

    fn plan(&mut self) -> Plan {
        let zone = self.below(ZONES.len());
        let cadence = self.cadence(zone);
        let people = 1 + u8::try_from(self.below(4)).unwrap_or(0);
        let goods = match self.below(8) {
            0..4 => Goods::Link,
            4 => Goods::File,
            5 | 6 => Goods::Mail(people),
            _ => Goods::Personal(people.min(3)),
        };
        let alert = self.below(5) == 0;
        Plan {
            cadence,
            zone,
            owner: self.below(MEMBERS),
            destination: u8::try_from(self.below(SERVERS)).unwrap_or(0),
            goods,
            condition: if alert { self.dice.pick(&ConditionKind::ALL).copied() } else { None },
        }
    }

    /// What not every scenario has.
    fn more(&mut self, scenario: &mut Scenario, schedules: &mut [Plan]) {
        for plan in schedules.iter_mut().filter(|plan| matches!(plan.goods, Goods::Personal(_))) {
            if self.below(2) == 0 {
                plan.goods = Goods::Audiences(2 + u8::try_from(self.below(PEOPLE - 1)).unwrap_or(0));
            }
        }
        let jumps = scenario.events.iter().any(|event| matches!(event.what, What::Jump { .. }));
        if self.below(8) == 0 && !jumps {
            // By a clock that is wrong everything may be old.
            scenario.keep = Some(self.seconds(120, 1_500));
        }
        for _ in 0..self.below(4) {
            let (at, schedule) = (self.moment(), self.below(6));
            let what = match self.below(8) {
                0 | 1 => What::SwitchOff(schedule),
                2 | 3 => What::SwitchOn(schedule),
                4 => What::Unsubscribe(schedule),
                5 => What::TakeOff(schedule),
                6 => What::Restore { down: self.outage() },
                _ => What::Executors { manner: Manner::Slow, lasts: self.seconds(20, 600) },
            };
            scenario.events.push(Event { at, what });
        }
        scenario.events.sort_by_key(|event| event.at);
    }

    /// Now and then a clock that is wrong when processes start, of which they have not seen how it came to be so; and what people do by it.
    fn wrong_start(&mut self, scenario: &mut Scenario) {
        if self.below(5) > 0 || scenario.keep.is_some() {
            return;
        }
        let (by, lasts) = self.off();
        let by = if self.below(3) == 0 { SignedDuration::from_hours(by.signum().into()) } else { by };
        let at = self.moment();
        let (down, restarts) = (self.seconds(1, 60), self.below(2) == 0);
        scenario.events.push(Event { at, what: What::WrongStart { by, down, lasts, restarts } });
        for _ in 0..self.below(3) {
            let (near, schedule) = (at + self.seconds(-60, 400), self.below(6));
            let zone = self.below(ZONES.len());
            let what = match self.below(4) {
                0 => What::Add(self.plan()),
                1 => What::Edit(schedule, self.cadence(zone)),
                2 => What::Pause(schedule),
                _ => What::Resume(schedule),
            };
            scenario.events.push(Event { at: near.clamp(SignedDuration::ZERO, self.span), what });
        }
        scenario.events.sort_by_key(|event| event.at);
    }

    fn cadence(&mut self, zone: usize) -> Cadence {
        // What clocks there would show within the time of the simulation if nobody changed them: also times that are left out.
        let zone = TimeZone::get(ZONES[zone]).unwrap_or(TimeZone::UTC);
        let minutes = self.span.as_mins() + 60;
        let ahead = SignedDuration::from_mins(whole(&mut self.dice, usize::try_from(minutes).unwrap_or(60)));
        let local = zone.to_offset(self.start).to_datetime(self.start.saturating_add(ahead).unwrap_or(self.start));
        let (hour, minute) = (u8::try_from(local.hour()).unwrap_or(0), u8::try_from(local.minute()).unwrap_or(0));
        match self.below(6) {
            0 | 1 => Cadence::EveryMinutes(*self.dice.pick(&[2, 5, 5, 10, 10, 15]).unwrap_or(&5)),
            2 => Cadence::Hourly(minute),
            3 => Cadence::Workdays(hour, minute),
            _ => Cadence::Daily(hour, minute),
        }
    }

    fn event(&mut self) -> Event {
        let at = self.moment();
        let (place, schedule) = (self.below(2), self.below(6));
        let what = match self.below(27) {
            0..4 => What::Crash {
                place,
                requests: u32::try_from(self.below(50)).unwrap_or(0),
                done: self.below(2) == 0,
                back_after: self.outage(),
            },
            4..6 => What::Stop { place, grace: self.seconds(0, 40), back_after: self.outage() },
            6..8 => What::Stall { place, lasts: self.seconds(10, 400) },
            8..10 => self.jump(),
            10 => What::Rules { down: self.seconds(1, 3_000) },
            11..13 => What::Store { fail: self.below(300), lose: self.below(100), delay: self.below(100), lasts: self.seconds(5, 300) },
            13..17 => self.ill(),
            17 => What::Executors { manner: *self.dice.pick(&Manner::ILL).unwrap_or(&Manner::Slow), lasts: self.seconds(20, 200) },
            18 => What::Data,
            19 => self.by_somebody(schedule),
            20 => {
                let zone = self.below(ZONES.len());
                What::Edit(schedule, self.cadence(zone))
            }
            21 => What::Pause(schedule),
            22 => What::Resume(schedule),
            23 => What::Transfer(schedule, self.below(MEMBERS)),
            24 => What::Trigger(schedule),
            25 => What::Cancel(schedule),
            _ => What::Resend(schedule),
        };
        Event { at, what }
    }

    /// When something happens: at any time, or soon after much is due, while runs are under way.
    fn moment(&mut self) -> SignedDuration {
        let at = SignedDuration::from_millis(whole(&mut self.dice, usize::try_from(self.span.as_millis()).unwrap_or(1)));
        if self.below(3) == 0 {
            return at;
        }
        let second = self.start.as_second() + at.as_secs();
        let due = SignedDuration::from_secs(second - second.rem_euclid(300) - self.start.as_second());
        (due + self.seconds(0, 60)).max(SignedDuration::ZERO)
    }

    fn ill(&mut self) -> What {
        let number = u8::try_from(self.below(SERVERS)).unwrap_or(0);
        let manner = *self.dice.pick(&Manner::ILL).unwrap_or(&Manner::Slow);
        // What is deadly is so again after each restart.
        let most = if manner == Manner::Deadly { 120 } else { 900 };
        What::Destination { number, manner, lasts: self.seconds(20, most) }
    }

    fn by_somebody(&mut self, schedule: usize) -> What {
        match self.below(3) {
            0 => What::Add(self.plan()),
            1 => What::Redirect(schedule, u8::try_from(self.below(SERVERS)).unwrap_or(0)),
            _ => What::Delete(schedule),
        }
    }

    /// Mostly moments, now and then hours or days.
    fn outage(&mut self) -> SignedDuration {
        match self.below(10) {
            0..6 => self.seconds(0, 20),
            6..8 => self.seconds(20, 300),
            8 => self.seconds(300, 20_000),
            _ => self.seconds(80_000, 200_000),
        }
    }

    fn jump(&mut self) -> What {
        let (by, lasts) = self.off();
        What::Jump { by, lasts }
    }

    /// By how much a clock is off, and for how long.
    fn off(&mut self) -> (SignedDuration, SignedDuration) {
        let by = match self.below(5) {
            0 => self.seconds(5, 100),
            1 => self.seconds(100, 1_000),
            2 => self.seconds(1_000, 8_000),
            3 => self.seconds(8_000, 90_000),
            _ => self.seconds(90_000, 300_000),
        };
        let by = if self.below(2) == 0 { by } else { -by };
        (by, if self.below(2) == 0 { self.seconds(2, 50) } else { self.seconds(50, 1_500) })
    }
}

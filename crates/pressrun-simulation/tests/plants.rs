//! Each planted fault is found. A simulation that finds none of them would be worth nothing.

use jiff::SignedDuration;
use pressrun_simulation::calendar::Cadence;
use pressrun_simulation::many::simulate_many;
use pressrun_simulation::plants::Plant;
use pressrun_simulation::scenario::{Event, Goods, Plan, Scenario, What};
use pressrun_simulation::servers::Manner;
use pressrun_simulation::world::simulate;
use pressrun_testkit::instant;

/// So many seeds find a fault.
fn is_found(plant: Plant, within: u64) {
    let summary = simulate_many(1, within, Some(plant), true);
    assert!(summary.first().is_some(), "{plant:?} was not found by {} seeds", summary.seeds);
}

macro_rules! found {
    ($($name:ident: $plant:ident within $seeds:literal;)*) => {$(
        #[test]
        fn $name() {
            is_found(Plant::$plant, $seeds);
        }
    )*};
}

found! {
    h7_a_clock_that_is_believed_is_found: ClockIsBelieved within 100;
    h8_rules_that_change_unnoticed_are_found: RulesUnnoticed within 60;
    m2_serving_last_served_first_is_found: LastServedFirst within 60;
    i7_what_is_accepted_and_owed_again_is_found: AcceptedIsOwed within 150;
    i6_a_mark_for_each_attempt_is_found: MarkOfItsOwn within 20;
    i2_an_overlap_that_is_not_told_is_found: OverlapUntold within 20;
    t14_missed_instants_that_are_not_told_are_found: MissedUntold within 40;
    h10_a_sweep_that_takes_what_is_owed_is_found: OwedIsSwept within 60;
}

/// What takes more of a coincidence than a few dozen seeds have: one schedule that is due two and a half minutes after the start, and these events.
fn coincidence(places: usize, goods: Goods, events: &[(i64, What)]) -> Scenario {
    let plan = Plan { cadence: Cadence::EveryMinutes(15), zone: 0, owner: 0, destination: 0, goods, condition: None };
    let start = instant("2026-11-25T08:57:30Z");
    let event = |(at, what): &(i64, What)| Event { at: SignedDuration::from_secs(*at), what: *what };
    Scenario {
        seed: 7,
        start,
        span: SignedDuration::from_mins(12),
        places,
        workers: 4,
        keep: None,
        schedules: vec![plan],
        events: events.iter().map(event).collect(),
    }
}

/// Where the fault is planted a promise is broken, and where it is not none is.
fn is_told_apart(plant: Plant, scenario: &Scenario) {
    let well = simulate(scenario, None, true);
    assert!(well.breaches.is_empty(), "without it: {:#?}\n{}", well.breaches, well.lines.join("\n"));
    let ill = simulate(scenario, Some(plant), true);
    assert!(!ill.breaches.is_empty(), "{plant:?} was not found:\n{}", ill.lines.join("\n"));
}

fn ill(manner: Manner, minutes: i64) -> What {
    What::Destination { number: 0, manner, lasts: SignedDuration::from_mins(minutes) }
}

#[test]
fn h1_a_hand_back_that_forgets_is_found() {
    let stop = What::Stop { place: 0, grace: SignedDuration::ZERO, back_after: SignedDuration::from_secs(2) };
    is_told_apart(Plant::HandBackForgets, &coincidence(1, Goods::Mail(4), &[(0, ill(Manner::Slow, 10)), (151, stop)]));
}

#[test]
fn h2_waiting_that_counts_as_work_is_found() {
    let slow = What::Executors { manner: Manner::Slow, lasts: SignedDuration::from_mins(10) };
    let stop = What::Stop { place: 0, grace: SignedDuration::ZERO, back_after: SignedDuration::from_mins(75) };
    let scenario = Scenario { span: SignedDuration::from_mins(100), ..coincidence(1, Goods::File, &[(0, slow), (151, stop)]) };
    is_told_apart(Plant::WaitingIsWork, &scenario);
}

#[test]
fn m8_deaths_that_nobody_counts_are_found() {
    is_told_apart(Plant::DeathsUncounted, &coincidence(1, Goods::Link, &[(0, ill(Manner::Deadly, 10))]));
}

#[test]
fn m11_answers_that_are_dropped_are_found() {
    let store = What::Store { fail: 900, lose: 0, delay: 0, lasts: SignedDuration::from_secs(60) };
    is_told_apart(Plant::AnswersDropped, &coincidence(1, Goods::Mail(8), &[(0, ill(Manner::Slow, 10)), (152, store)]));
}

#[test]
fn i1_a_fence_that_is_ignored_is_found() {
    let stall = |place| What::Stall { place, lasts: SignedDuration::from_secs(90) };
    // Whichever of the two has the run stands still for longer than its lease, at a moment that some dice bring about.
    let scenario = |seed, place| Scenario { seed, ..coincidence(2, Goods::Mail(8), &[(0, ill(Manner::Slow, 10)), (152, stall(place))]) };
    let mut scenarios = (7..17).flat_map(|seed| [0, 1].map(|place| scenario(seed, place)));
    let found = scenarios.find(|scenario| !simulate(scenario, Some(Plant::FenceIgnored), false).breaches.is_empty());
    is_told_apart(Plant::FenceIgnored, &found.unwrap_or_else(|| scenario(7, 0)));
}

#[test]
fn i1_leases_that_are_not_renewed_are_found() {
    let slow = What::Executors { manner: Manner::Slow, lasts: SignedDuration::from_mins(10) };
    is_told_apart(Plant::LeaseUnrenewed, &coincidence(2, Goods::File, &[(0, ill(Manner::Hanging, 10)), (0, slow)]));
}

/// A run of eight audiences, of which some are done when its process is stopped.
fn stopped_amid_audiences() -> Scenario {
    let slow = What::Executors { manner: Manner::Slow, lasts: SignedDuration::from_mins(10) };
    let stop = What::Stop { place: 0, grace: SignedDuration::ZERO, back_after: SignedDuration::from_secs(2) };
    coincidence(1, Goods::Audiences(8), &[(0, slow), (215, stop)])
}

#[test]
fn h13_audiences_that_are_done_twice_are_found() {
    is_told_apart(Plant::AudiencesForgotten, &stopped_amid_audiences());
}

#[test]
fn h13_an_audience_that_is_lost_where_somebody_goes_on_is_found() {
    is_told_apart(Plant::AudienceLost, &stopped_amid_audiences());
}

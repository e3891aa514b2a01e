//! A scenario that breaks a promise, made as small as it can be while it breaks the same one.

use crate::plants::Plant;
use crate::scenario::Scenario;
use crate::world::simulate;

/// Simulations that one shrinking may cost.
const MOST_TRIES: u32 = 300;

/// What is left of a scenario, and how many simulations that took.
#[must_use]
pub fn shrink(scenario: &Scenario, plant: Option<Plant>, promise: &'static str) -> (Scenario, u32) {
    let (mut best, mut tries) = (scenario.clone(), 0);
    loop {
        let smaller = smaller(&best).into_iter().find(|candidate| {
            tries += 1;
            tries <= MOST_TRIES && breaks(candidate, plant, promise)
        });
        match smaller {
            Some(smaller) if tries <= MOST_TRIES => best = smaller,
            _ => return (best, tries),
        }
    }
}

fn breaks(scenario: &Scenario, plant: Option<Plant>, promise: &str) -> bool {
    simulate(scenario, plant, false).breaches.iter().any(|breach| breach.promise == promise)
}

/// The scenario with one thing less, those that are most worth it first.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut smaller = Vec::new();
    let mut push = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        smaller.push(candidate);
    };
    let (events, schedules) = (scenario.events.len(), scenario.schedules.len());
    if events > 1 {
        push(&|scenario| scenario.events = scenario.events.split_off(events / 2));
        push(&|scenario| scenario.events.truncate(events / 2));
    }
    for event in 0..events {
        push(&|scenario| {
            scenario.events.remove(event);
        });
    }
    if schedules > 1 {
        for schedule in (0..schedules).rev() {
            push(&|scenario| {
                scenario.schedules.remove(schedule);
            });
        }
    }
    if scenario.places > 1 {
        push(&|scenario| scenario.places = 1);
    }
    for schedule in 0..schedules {
        if scenario.schedules[schedule].condition.is_some() {
            push(&|scenario| scenario.schedules[schedule].condition = None);
        }
    }
    smaller
}

//! What the simulation shows in CI.

use pressrun_simulation::many::simulate_many;
use pressrun_simulation::plants::Plant;
use pressrun_simulation::scenario::draw;
use pressrun_simulation::shrink::shrink;
use pressrun_simulation::world::simulate;

/// How many seeds: more in CI, fewer for whoever runs these tests by themselves.
fn seeds() -> u64 {
    std::env::var("PRESSRUN_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100)
}

#[test]
fn i1_every_seed_keeps_the_promise() {
    let summary = simulate_many(1, seeds(), None, true);
    if let Some((promise, broken)) = summary.first() {
        let (seed, how) = (broken.seed, &broken.how);
        panic!("{promise}: {how}\nseed {seed} broke a promise; replay it with: cargo xtask simulate --seed {seed} --shrink");
    }
    assert_eq!(summary.seeds, seeds());
    assert!(summary.sent > 100 && summary.runs > 200, "{summary:?}");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 1..=6 {
        let traces = [(); 2].map(|()| simulate(&draw(seed), None, true));
        assert_eq!(traces[0].lines, traces[1].lines, "seed {seed}");
        assert_eq!(traces[0].digest, traces[1].digest, "seed {seed}");
    }
}

#[test]
fn a_scenario_that_breaks_a_promise_shrinks_to_what_it_takes() {
    let plant = Some(Plant::MarkOfItsOwn);
    let found = simulate_many(1, 200, plant, true);
    let (promise, broken) = found.first().expect("it is found");
    let whole = draw(broken.seed);
    let (smallest, _) = shrink(&whole, plant, promise);
    assert!(smallest.schedules.len() == 1 && smallest.events.len() <= 2, "{smallest:#?}");
    assert!(simulate(&smallest, plant, false).breaches.iter().any(|breach| breach.promise == promise));
}

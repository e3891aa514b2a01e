//! What the simulation shows in CI.

use pressrun_simulation::many::simulate_many;
use pressrun_simulation::plants::Plant;
use pressrun_simulation::scenario::draw;
use pressrun_simulation::world::simulate;

#[test]
fn i1_every_seed_keeps_the_promise() {
    let summary = simulate_many(1, 40, None);
    if let Some((seed, breaches)) = summary.broken {
        panic!("{breaches:#?}\nseed {seed} broke a promise; replay it with: cargo xtask simulate --seed {seed}");
    }
    assert_eq!(summary.seeds, 40);
    assert!(summary.sent > 40, "{summary:?}");
}

#[test]
fn h7_a_clock_that_is_believed_when_it_jumps_is_no_fault_while_it_does_not_jump() {
    assert!(simulate_many(1, 3, Some(Plant::ClockIsBelieved)).broken.is_none());
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 1..=4 {
        let traces = [(); 2].map(|()| simulate(&draw(seed), None, true));
        assert_eq!(traces[0].lines, traces[1].lines, "seed {seed}");
        assert_eq!(traces[0].digest, traces[1].digest, "seed {seed}");
    }
}

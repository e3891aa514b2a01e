//! `cargo xtask simulate`: many seeds, or one with its trace.
#![allow(clippy::print_stdout, reason = "a command line")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pressrun_simulation::many::simulate_many;
use pressrun_simulation::scenario::draw;
use pressrun_simulation::world::simulate;

/// Simulates the dispatcher, the engine and the store under faults that a seed draws.
#[derive(Debug, Parser)]
struct Cli {
    /// How many seeds.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this one, with its trace.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.seed {
        Some(seed) => one(seed),
        None => many(cli.from, cli.seeds),
    }
}

fn one(seed: u64) -> ExitCode {
    let scenario = draw(seed);
    println!("{scenario:#?}");
    let outcome = simulate(&scenario, None, true);
    for line in &outcome.lines {
        println!("{line}");
    }
    println!("{} requests, {} parcels, digest {:016x}", outcome.granted, outcome.sent, outcome.digest);
    for breach in &outcome.breaches {
        println!("broken: {}: {}", breach.promise, breach.how);
    }
    if outcome.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(from: u64, seeds: u64) -> ExitCode {
    let begun = Instant::now();
    let summary = simulate_many(from, seeds, None);
    let seconds = begun.elapsed().as_secs_f64();
    let rate = summary.seeds as f64 / seconds.max(0.001);
    println!("{} seeds in {seconds:.1} s ({rate:.1} a second), {} requests, {} parcels", summary.seeds, summary.granted, summary.sent);
    let Some((seed, breaches)) = summary.broken else { return ExitCode::SUCCESS };
    for breach in &breaches {
        println!("broken: {}: {}", breach.promise, breach.how);
    }
    println!("seed {seed} broke a promise; replay it with: cargo xtask simulate --seed {seed}");
    ExitCode::FAILURE
}

//! `cargo xtask simulate`: many seeds, or one with its trace.
#![allow(clippy::print_stdout, reason = "a command line")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pressrun_simulation::many::simulate_many;
use pressrun_simulation::plants::Plant;
use pressrun_simulation::scenario::{Scenario, draw};
use pressrun_simulation::shrink::shrink;
use pressrun_simulation::world::{Ended, simulate};

/// Simulates the dispatcher, the engine and the store under faults that a seed draws.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate")]
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
    /// Go on after the first seed that breaks a promise.
    #[arg(long)]
    all: bool,
    /// Make what a seed draws as small as it can be, if it breaks a promise.
    #[arg(long)]
    shrink: bool,
    /// With this fault planted, such as `LastServedFirst`.
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
}

fn plant(name: &str) -> Result<Plant, String> {
    let known = || Plant::ALL.map(|plant| format!("{plant:?}")).join(", ");
    Plant::ALL.into_iter().find(|plant| format!("{plant:?}") == name).ok_or_else(|| format!("there are: {}", known()))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.seed {
        Some(seed) => one(&draw(seed), &cli),
        None => many(&cli),
    }
}

fn one(scenario: &Scenario, cli: &Cli) -> ExitCode {
    println!("{scenario:#?}");
    let mut ended = simulate(scenario, cli.plant, true);
    if let Some(breach) = ended.breaches.first().filter(|_| cli.shrink) {
        let (smallest, tries) = shrink(scenario, cli.plant, breach.promise);
        println!("made smaller in {tries} simulations");
        println!("{smallest:#?}");
        ended = simulate(&smallest, cli.plant, true);
    }
    for line in &ended.lines {
        println!("{line}");
    }
    println!("{} requests, {} runs, {} parcels, digest {:016x}", ended.granted, ended.runs, ended.sent, ended.digest);
    verdict(&ended)
}

fn verdict(ended: &Ended) -> ExitCode {
    for breach in &ended.breaches {
        println!("broken: {}: {}", breach.promise, breach.how);
    }
    if ended.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(cli: &Cli) -> ExitCode {
    let begun = Instant::now();
    let summary = simulate_many(cli.from, cli.seeds, cli.plant, !cli.all);
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} seeds in {seconds:.1} s ({:.1} a second), {} requests, {} runs, {} parcels",
        summary.seeds,
        summary.seeds as f64 / seconds.max(0.001),
        summary.granted,
        summary.runs,
        summary.sent
    );
    for (promise, broken) in &summary.broken {
        println!("broken by {} seeds: {promise}; seed {}: {}", broken.seeds, broken.seed, broken.how);
    }
    let Some((_, broken)) = summary.first() else { return ExitCode::SUCCESS };
    println!("replay the first with: cargo xtask simulate --seed {} --shrink", broken.seed);
    ExitCode::FAILURE
}

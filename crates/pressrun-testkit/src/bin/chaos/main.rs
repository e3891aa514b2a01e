//! Three nodes on one PostgreSQL, many deliveries at once, and everything that goes wrong in a bad hour; afterwards the ledger is compared with
//! what arrived. Run by `cargo xtask chaos`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a command of developers")]
#![allow(clippy::disallowed_methods, reason = "the servers go by the real clock")]

mod balance;
mod faults;
mod node;
mod receivers;
mod site;

use std::time::{Duration, Instant};

use pressrun_testkit::Dice;

use balance::Balance;
use faults::Faults;
use site::Site;

/// What is told on the command line, as `name=value`.
struct Told {
    /// Schedules, each of which is due once.
    schedules: usize,
    /// Minutes over which they are due.
    minutes: usize,
    /// What decides which faults come when.
    seed: u64,
}

fn told() -> Told {
    let value = |name: &str, usual: u64| {
        let given = std::env::args().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        given.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let size = |name: &str, usual: u64| usize::try_from(value(name, usual)).unwrap().max(1);
    Told { schedules: size("schedules", 600), minutes: size("minutes", 2), seed: value("seed", 1) }
}

fn main() {
    let told = told();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let good = runtime.block_on(run(&told));
    std::process::exit(i32::from(!good));
}

/// Whether the promise was kept.
async fn run(told: &Told) -> bool {
    let began = Instant::now();
    let say = |what: &str| println!("{:>6.1} s  {what}", began.elapsed().as_secs_f64());
    let mut site = Site::new().await;
    say(&format!("PostgreSQL, mail, webhook and SFTP receivers, {} nodes; seed {}", site.nodes.len(), told.seed));
    site.begin().await;
    let due = site.schedule(told.schedules, told.minutes).await;
    say(&format!("{} schedules are due over {} minutes", told.schedules, told.minutes));
    until(due.first).await;
    let mut faults = Faults::new(Dice::new(told.seed));
    while jiff::Timestamp::now() < due.last + jiff::SignedDuration::from_secs(45) {
        let what = faults.strike(&mut site);
        say(&what);
        tokio::time::sleep(Duration::from_secs(3)).await;
        for what in faults.mend(&mut site) {
            say(&what);
        }
    }
    for what in faults.mend_all(&mut site) {
        say(&what);
    }
    say("everything works again; what is owed is waited for");
    let settled = site.settled(told.schedules, Duration::from_secs(600)).await;
    say(if settled { "nothing is owed any more" } else { "something is still owed after ten minutes" });
    let balance = Balance::of(&site, told.schedules, &faults).await;
    println!("{balance}");
    settled && balance.is_good()
}

async fn until(at: jiff::Timestamp) {
    while jiff::Timestamp::now() < at {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

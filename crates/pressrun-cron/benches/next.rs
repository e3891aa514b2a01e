//! What one question costs: nanoseconds a call, by expression and zone. `cargo bench -p pressrun-cron`
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pressrun_cron::{CronExpression, zone};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let after: Timestamp = "2026-11-24T00:00:00Z".parse()?;
    println!("{:<28} {:<20} {:>10}", "next_after", "zone", "ns/call");
    for text in [
        "* * * * ? *",
        "0 9 ? * * *",
        "0 9 ? * MON-FRI *",
        "0 */6 * * ? *",
        "30 6 L * ? *",
        "0 8 15W * ? *",
        "0 10 ? * 3#2 *",
        "0 0 29 2 ? *",
        "0 0 ? 2 1#5 *",
        "0 0 1 1 ? 2199",
        "0 */6 1 1 ? 2199",
        "0 0 31 2 ? *",
        "0 */6 31 2 ? *",
        "0 9 ? * * 1970-2025",
        "0 2/23 ? 3 1#2 2027-2199",
    ] {
        let expression: CronExpression = text.parse()?;
        for name in ["UTC", "America/New_York"] {
            let zone = zone(name)?;
            let cost = nanoseconds(|| {
                black_box(expression.next_after(black_box(after), &zone));
            });
            println!("{text:<28} {name:<20} {cost:>10.0}");
        }
    }

    println!("\n{:<49} {:>10}", "other", "ns/call");
    let weekdays: CronExpression = "0 9 ? * MON-FRI *".parse()?;
    let new_york = zone("America/New_York")?;
    let week_ago: Timestamp = "2026-11-17T00:00:00Z".parse()?;
    let parse = nanoseconds(|| {
        black_box(black_box("0 9 ? * MON-FRI *").parse::<CronExpression>().is_ok());
    });
    let latest = nanoseconds(|| {
        black_box(weekdays.latest_between(black_box(week_ago), black_box(after), &new_york));
    });
    let shortest = nanoseconds(|| {
        black_box(weekdays.shortest_interval_after(black_box(after), &new_york));
    });
    let mut occurrences = weekdays.occurrences(after, &new_york);
    let iterate = nanoseconds(|| {
        if black_box(occurrences.next()).is_none() {
            occurrences = weekdays.occurrences(after, &new_york);
        }
    });
    for (what, cost) in
        [("parse", parse), ("latest_between, one week", latest), ("shortest_interval_after", shortest), ("occurrences, each", iterate)]
    {
        println!("{what:<49} {cost:>10.0}");
    }
    Ok(())
}

/// Mean cost of one call.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    const BATCH: u32 = 64;
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < MEASURED {
        for _ in 0..BATCH {
            call();
        }
        calls += BATCH;
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

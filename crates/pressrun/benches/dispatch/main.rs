//! Figures of the dispatcher: how many due schedules become runs in a second and how late they start, how fast and in how much memory a
//! large fan-out goes out, and whether an executor grows. Run by `cargo xtask bench dispatch`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::panic, missing_docs, reason = "a benchmark")]
#![allow(dead_code, reason = "the world of the tests has more in it")]

#[path = "../../tests/it/carrier.rs"]
mod carrier;
#[path = "../../tests/it/people.rs"]
mod people;
#[path = "../../tests/it/process.rs"]
mod process;
#[path = "../../tests/it/world.rs"]
mod world;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;
use pressrun_domain::output::Format;
use pressrun_engine::Carrier;

use carrier::Recorder;
use process::Site;
use world::World;

/// Every figure of the dispatcher is taken so often.
const ROUNDS: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (stored, due) = (setting("PRESSRUN_BENCH_STORED", 20_000), setting("PRESSRUN_BENCH_DUE", 5_000));
    let workers = setting("PRESSRUN_BENCH_WORKERS", 64);
    runtime.block_on(async {
        dispatch(stored, due, workers).await;
        if std::env::var_os("PRESSRUN_BENCH_QUICK").is_none() {
            fan_out(10_000).await;
            executor_memory(500).await;
        }
    });
}

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Takes everything and remembers when.
#[derive(Default)]
struct Watch(Mutex<Vec<Instant>>);

#[async_trait]
impl Carrier for Watch {
    async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
        self.0.lock().unwrap().push(Instant::now());
        Delivered { outcome: Outcome::Accepted { receipt: "ok".to_owned() }, learnt_host_key: None, warnings: Vec::new() }
    }
}

/// `due` of `stored` webhooks are due at one instant; nothing is queried or rendered, so that the dispatcher and the ledger are measured: once with a
/// receiver that answers at once, once over HTTP on this machine.
async fn dispatch(stored: usize, due: usize, workers: usize) {
    let mut figures: [Vec<f64>; 8] = Default::default();
    for round in 0..ROUNDS * 2 {
        let over_http = round % 2 == 1;
        let world = World::with(|config| config.workers = u32::try_from(workers).unwrap()).await;
        let carrier = Arc::new(Watch::default());
        let watched = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.workers = u32::try_from(workers).unwrap());
        let engine = if over_http { &world.engine } else { &watched };
        let save = |number| {
            let mut definition = world.webhook(Format::LinkOnly);
            if number >= due {
                "0 17 ? * * *".clone_into(&mut definition.cron);
            }
            world.save(definition)
        };
        futures::stream::iter(0..stored.max(due)).map(save).buffer_unordered(256).count().await;
        // As the planner does: ahead of the instant.
        let nine: Timestamp = "2025-07-24T09:00:00Z".parse().unwrap();
        world.clock.set(nine - SignedDuration::from_secs(4));
        engine.tick().await.unwrap();
        world.clock.set(nine);
        let (cpu, began) = (cpu_seconds(), Instant::now());
        assert_eq!(engine.tick().await.unwrap() as usize, due);
        let released = began.elapsed();
        engine.drain().await.unwrap();
        let all = began.elapsed();
        if over_http {
            figures[6].push(rate(due, all));
            figures[7].push((cpu_seconds() - cpu) / due as f64 * 1e6);
            continue;
        }
        let mut delays: Vec<_> = carrier.0.lock().unwrap().iter().map(|at| at.duration_since(began).as_secs_f64() * 1e3).collect();
        delays.sort_by(f64::total_cmp);
        assert_eq!(delays.len(), due);
        let at = |part: usize| delays[(delays.len() - 1) * part / 100];
        let cpu = (cpu_seconds() - cpu) / due as f64 * 1e6;
        let taken = [rate(due, released), rate(due, all), cpu, at(1), at(50), at(99)];
        figures.iter_mut().zip(taken).for_each(|(figures, taken)| figures.push(taken));
    }
    println!("dispatch: {due} of {stored} webhooks due at one instant, {workers} workers (SQLite, {ROUNDS} rounds)");
    let names = [
        "occurrences released, a second",
        "runs due to ended, a second",
        "CPU of that, µs a run",
        "delivered after the instant, first 1 %, ms",
        "delivered after the instant, half, ms",
        "delivered after the instant, 99 %, ms",
        "runs due to ended over HTTP, a second",
        "CPU of that and of the receiver, µs a run",
    ];
    for (name, figures) in names.iter().zip(&mut figures) {
        figures.sort_by(f64::total_cmp);
        println!("  {name:<46} {:>9.1}   ({:.1} to {:.1})", figures[figures.len() / 2], figures[0], figures[figures.len() - 1]);
    }
    let json: Vec<String> = names.iter().zip(&figures).map(|(name, figures)| format!("\"{name}\": {figures:.1?}")).collect();
    println!("{{{}}}", json.join(", "));
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// One run to `count` recipients in twelve regions, through the real server to a real SMTP sink.
async fn fan_out(count: usize) {
    let site = Site::new("").await;
    let data = (0..12).map(|region| format!("2025-07-21,R{region:02},{}\n", region + 1)).collect::<Vec<_>>().concat();
    std::fs::write(site.dir.path().join("catalog/data/sales.csv"), format!("day,region,amount\n{data}")).unwrap();
    let people: Vec<_> = (0..count).map(|number| (format!("p{number}@x.example"), format!("R{:02}", number % 12))).collect();
    let regions: Vec<_> = people.iter().map(|(_, region)| [region.as_str()]).collect();
    let people: Vec<_> = people.iter().zip(&regions).map(|((email, _), region)| (email.as_str(), Some(&region[..]))).collect();
    let mut definition = Site::email(&[]);
    definition.tile = Some("1".into());
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
        email.recipients = people::email_only(site.store.as_ref(), &people).await;
    }
    let server = site.start(None);
    let idle = process::eventually("the server listens", async || server.log().contains("listening").then(|| server.memory())).await;
    let schedule = site.due_once(definition).await;
    let began = Instant::now();
    // The schedule is found by the poll; from the first mail on the ledger and the wire are what is measured.
    site.smtp.wait_for(1).await;
    let first = began.elapsed();
    let (run, _) = site.ended(schedule).await;
    let sending = began.elapsed().saturating_sub(first);
    let peak = server.memory();
    server.stop().await;
    println!("fan-out: {count} recipients in 12 regions, csv by SMTP to a sink on this machine");
    println!(
        "  queries {}, renders {} (saved: {})",
        run.record.tiles.len(),
        run.record.artifacts.len(),
        count - run.record.artifacts.len()
    );
    println!("  mails                      {:>8.0} a second ({sending:.1?})", rate(site.smtp.mails().len(), sending));
    println!("  memory of the server: {} MiB at start, {} MiB at most", idle >> 20, peak >> 20);
}

/// `count` different reports in one executor that is never replaced.
async fn executor_memory(count: u32) {
    let world = World::new().await;
    let carrier = Arc::new(Recorder::default());
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| {
        config.workers = 1;
        config.render_deadline = Duration::from_secs(60);
    });
    let mut after_twenty = 0;
    for number in 0..count {
        world.write_data("sales.csv", &format!("day,region,amount\n2025-07-21,US,{number}\n2025-07-22,Region {number},7\n"));
        let mut definition = world.webhook(if number % 2 == 0 { Format::Pdf } else { Format::Png });
        definition.name = format!("Report {number}");
        let schedule = world.save(definition).await;
        world.trigger(schedule).await;
        engine.drain().await.unwrap();
        if number == 19 {
            after_twenty = engine.context().producer.executors().idle_bytes();
        }
    }
    let end = engine.context().producer.executors().idle_bytes();
    println!("executor: {count} different reports, pdf and png in turn");
    println!(
        "  memory after 20: {} MiB, after {count}: {} MiB ({:.2} times)",
        after_twenty >> 20,
        end >> 20,
        end as f64 / after_twenty as f64
    );
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

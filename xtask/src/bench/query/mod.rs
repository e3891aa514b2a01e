//! What queries cost, seen from outside: a real server, its HTTP API, and the processor time of all its processes. So any binary can be measured,
//! also one of before a change: `BENCH_BINARY=/path/to/pressrun cargo xtask bench query`.

mod database;
mod site;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::database::Database;
use self::site::{Measured, Run, Site};

/// Runs of each cheap step.
const RUNS: usize = 20;

/// How long a dashboard runs before it counts as warm: what is read of a file in the first moments is not kept.
const WARM_UP: Duration = Duration::from_secs(5);

/// Tiles that wait for the database.
const WAITING: usize = 200;

/// Seconds that each of them waits.
const WAIT_SECONDS: u32 = 3;

/// Rows of the table that the database sums up.
const DATABASE_ROWS: u32 = 4_000_000;

/// One figure.
struct Figure {
    step: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
}

/// Measures the binary of `BENCH_BINARY`, or the release build of this tree, prints a table and writes `target/bench/query.json`.
pub(super) fn run() -> anyhow::Result<()> {
    let (binary, target) = (super::release_build()?, crate::target()?);
    let mut figures = Vec::new();
    let site = Site::new(&binary)?;
    // A binary that cannot do one step may do the others.
    let mut failed = 0;
    let mut note = |step: &str, done: anyhow::Result<()>| {
        if let Err(error) = done {
            eprintln!("{step}: {error:#}");
            failed += 1;
        }
    };
    note("dashboards", dashboards(&site, &mut figures));
    note("export", export(&site, &mut figures));
    match Database::start()? {
        Some(database) => note("databases", databases(&site, &database, &mut figures)),
        None => eprintln!("PostgreSQL is not installed (cargo xtask setup installs it): steps with a database are left out"),
    }
    report(&binary, &target, &figures)?;
    anyhow::ensure!(failed == 0, "{failed} steps failed");
    Ok(())
}

/// The sample dashboard as the first thing that a server does, then warm, then asked something else each time; and one small tile, warm.
fn dashboards(site: &Site, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let tile = "identifier: small\nname: Small\nconnection: warehouse\ntiles:\n  '1': { title: Regions, sql: \"select region, sum(target) as target \
                from targets group by 1 order by 1\", at: { x: 0, y: 0, w: 12, h: 8 } }\n";
    site.write_dashboard("small", tile)?;
    let server = site.start()?;
    let sample = server.schedule(&json!({ "identifier": "12db1a0a", "format": "pdf" }))?;
    let cold = server.measured(&sample, 1)?;
    tell(figures, "sample dashboard, cold", &cold);
    server.warm_up(&sample, WARM_UP)?;
    let warm = server.measured(&sample, RUNS)?;
    tell(figures, "sample dashboard, warm", &warm);
    figures.push(Figure { step: "sample dashboard, warm", what: "slowest query".to_owned(), value: slowest(&warm.last), unit: "ms" });

    // Each run asks what no run before has asked.
    let mut asked = Vec::new();
    for at in 0..RUNS {
        let statuses = json!({ "type": "string", "kind": "EQUALS", "is_negative": true, "values": [format!("never {at}")] });
        let other = json!({ "identifier": "12db1a0a", "format": "pdf", "filterConfig": { "status": statuses } });
        asked.push(server.measured(&server.schedule(&other)?, 1)?);
    }
    let mean = |of: fn(&Measured) -> f64| asked.iter().map(of).sum::<f64>() / asked.len() as f64;
    let step = "sample dashboard, another filter each time";
    figures.push(Figure { step, what: "CPU".to_owned(), value: mean(|run| run.cpu_ms), unit: "ms" });
    figures.push(Figure { step, what: "CPU of children".to_owned(), value: mean(|run| run.children_ms), unit: "ms" });

    let small = server.schedule(&json!({ "identifier": "small", "format": "json" }))?;
    server.warm_up(&small, WARM_UP)?;
    let small = server.measured(&small, 5 * RUNS)?;
    tell(figures, "one small tile, warm", &small);
    figures.push(Figure { step: "one small tile, warm", what: "query".to_owned(), value: slowest(&small.last), unit: "ms" });
    figures.push(Figure { step: "one small tile, warm", what: "memory of children".to_owned(), value: server.children_mb()?, unit: "MB" });
    Ok(())
}

/// What runs took, step by step.
fn tell(figures: &mut Vec<Figure>, step: &'static str, measured: &Measured) {
    let mut figure = |what: &str, value: f64| figures.push(Figure { step, what: what.to_owned(), value, unit: "ms" });
    figure("CPU", measured.cpu_ms);
    figure("CPU of children", measured.children_ms);
    figure("wall", measured.wall_ms);
    for (step, value) in &measured.steps {
        figure(&format!("  {step}"), *value);
    }
}

/// A million rows in order, to csv: those of a text file, and those of a join, which come in small pieces.
fn export(site: &Site, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let mut text = String::from("id,price,label\n");
    let mut random = 1_u64;
    for id in 0..1_000_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let price = random >> 44;
        writeln!(text, "{id},{}.{:02},label {}", price / 100, price % 100, price % 1000)?;
    }
    site.write_data("million.csv", &text)?;
    let exports = [
        ("export", "select id, price, label from million order by price, id"),
        ("joined", "select o.order_id, o.price, r.value as copy from orders o cross join range(5) r order by o.price, o.order_id, r.value"),
    ];
    for (name, sql) in exports {
        let tile = format!("{{ title: Rows, limit: 1000000, sql: \"{sql}\", at: {{ x: 0, y: 0, w: 12, h: 8 }} }}");
        site.write_dashboard(name, &format!("identifier: {name}\nname: Export\nconnection: warehouse\ntiles:\n  '1': {tile}\n"))?;
    }
    let server = site.start()?;
    for (name, step) in [("export", "1,000,000 sorted rows of text to csv"), ("joined", "1,000,000 sorted rows of a join to csv")] {
        let export = server.schedule(&json!({ "identifier": name, "format": "csv" }))?;
        let first = server.measured(&export, 1)?;
        let again = server.measured(&export, 1)?;
        for (which, made) in [("", first), (", again", again)] {
            figures.push(Figure { step, what: format!("CPU{which}"), value: made.cpu_ms, unit: "ms" });
            figures.push(Figure { step, what: format!("wall{which}"), value: made.wall_ms, unit: "ms" });
            figures.push(Figure { step, what: format!("query{which}"), value: slowest(&made.last), unit: "ms" });
        }
    }
    Ok(())
}

/// A parallel aggregate; and many tiles that wait, beside a dashboard on files that must not.
fn databases(site: &Site, database: &Database, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    database.ask(&format!("create table facts as select n % 97 as k, n::numeric / 7 as v from generate_series(1, {DATABASE_ROWS}) n"))?;
    database.ask("vacuum analyze facts")?;
    let url = database.url();
    site.add_connection(&format!("  db:\n    kind: postgres\n    url: \"{url}\"\n    max_concurrency: 1000\n    timeout_seconds: 600\n"))?;
    let aggregate = "identifier: aggregate\nname: Aggregate\nconnection: db\ntiles:\n  '1': { title: Sums, sql: \"select k, sum(v), avg(v), count(*) from facts \
                     group by 1 order by 1\", at: { x: 0, y: 0, w: 12, h: 8 } }\n";
    site.write_dashboard("aggregate", aggregate)?;
    let tile = |at: usize| {
        format!(
            "  't{at}': {{ title: T{at}, sql: \"select pg_sleep({WAIT_SECONDS})::text, {at}\", at: {{ x: 0, y: {}, w: 12, h: 8 }} }}\n",
            at * 8
        )
    };
    let tiles: String = (0..WAITING).map(tile).collect();
    site.write_dashboard("waiting", &format!("identifier: waiting\nname: Waiting\nconnection: db\ntiles:\n{tiles}"))?;
    let server = site.start()?;
    let aggregate = server.schedule(&json!({ "identifier": "aggregate", "format": "json" }))?;
    server.measured(&aggregate, 1)?;
    let summed = server.measured(&aggregate, 5)?;
    figures.push(Figure {
        step: "aggregate of 4,000,000 rows in PostgreSQL",
        what: "query".to_owned(),
        value: slowest(&summed.last),
        unit: "ms",
    });

    let files = server.schedule(&json!({ "identifier": "small", "format": "json" }))?;
    server.measured(&files, 1)?;
    let alone = server.measured(&files, 3)?;
    let waiting = server.schedule(&json!({ "identifier": "waiting", "format": "json" }))?;
    let began = Instant::now();
    let slow = server.trigger(&waiting)?;
    database.until("select count(*) from pg_stat_activity where query like '%pg_sleep(%' and pid <> pg_backend_pid()", 1)?;
    std::thread::sleep(Duration::from_millis(500));
    let at_once = database.ask("select count(*) from pg_stat_activity where query like '%pg_sleep(%' and pid <> pg_backend_pid()")?;
    let beside = server.measured(&files, 3)?;
    server.ended(&slow)?;
    let all = began.elapsed();
    let step = "200 tiles of 3 s in a database, a file dashboard beside";
    figures.push(Figure { step, what: "file dashboard alone".to_owned(), value: alone.wall_ms, unit: "ms" });
    figures.push(Figure { step, what: "file dashboard beside".to_owned(), value: beside.wall_ms, unit: "ms" });
    figures.push(Figure { step, what: "queries at once".to_owned(), value: at_once.trim().parse().unwrap_or(f64::NAN), unit: "" });
    figures.push(Figure { step, what: "all 200".to_owned(), value: all.as_secs_f64(), unit: "s" });
    Ok(())
}

/// Milliseconds of the slowest query of a run.
fn slowest(run: &Run) -> f64 {
    let tiles = run.0["tiles"].as_array().map(Vec::as_slice).unwrap_or_default();
    tiles.iter().filter_map(|tile| tile["ms"].as_f64()).fold(f64::NAN, f64::max)
}

fn report(binary: &Path, target: &Path, figures: &[Figure]) -> anyhow::Result<()> {
    println!("{}", binary.display());
    let mut step = "";
    for figure in figures {
        if figure.step != step {
            println!("{}", figure.step);
            step = figure.step;
        }
        println!("    {:<24} {:>10.1} {}", figure.what, figure.value, figure.unit);
    }
    let figures: Vec<Value> = figures
        .iter()
        .map(|figure| json!({ "step": figure.step, "what": figure.what, "value": figure.value, "unit": figure.unit }))
        .collect();
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("query.json");
    std::fs::write(&file, serde_json::to_string_pretty(&json!({ "binary": binary, "figures": figures }))?)?;
    println!("written to {}", file.display());
    Ok(())
}

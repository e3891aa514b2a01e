//! What a large catalog costs: seconds to load it and to take over edits, and memory. `cargo xtask bench catalog`
//!
//! `BENCH_DASHBOARDS` says how many dashboards, 50,000 unless given; a tenth of them is measured beside, to show what grows faster than the
//! catalog does. Each size runs in a process of its own, since memory that was once used is not all given back.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pressrun_catalog::{CatalogHandle, CatalogRules};
use pressrun_testkit::{FakeClock, instant};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

const DASHBOARDS: usize = 50_000;
const TILES: usize = 4;
/// Files of one folder.
const FOLDER: usize = 500;
/// How the parent tells a child its size.
const SIZE: &str = "BENCH_CATALOG_SIZE";

/// What is measured, by its name in the report, with words and unit.
const FIGURES: [(&str, &str, &str); 9] = [
    ("files_mb", "texts", "MB"),
    ("load_seconds", "first load", "s"),
    ("unchanged_seconds", "reload, nothing changed", "s"),
    ("edit_seconds", "reload after an edit of one dashboard", "s"),
    ("member_seconds", "reload after a new member", "s"),
    ("group_seconds", "reload after a new group (each dashboard is judged again)", "s"),
    ("published_seconds", "publication (each file is read)", "s"),
    ("memory_mb", "memory after the first load", "MB"),
    ("peak_mb", "peak of memory, after all reloads", "MB"),
];

fn main() -> Outcome<()> {
    if let Ok(size) = std::env::var(SIZE) {
        println!("{}", measure(size.parse()?)?);
        return Ok(());
    }
    let dashboards = std::env::var("BENCH_DASHBOARDS").ok().map_or(Ok(DASHBOARDS), |given| given.parse())?;
    let (small, large) = (child((dashboards / 10).max(1))?, child(dashboards)?);
    let of = |report: &Value, name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    println!("{:<60} {:>12} {:>12} {:>8}", "dashboards", of(&small, "dashboards"), of(&large, "dashboards"), "ratio");
    for (name, words, unit) in FIGURES {
        let (small, large) = (of(&small, name), of(&large, name));
        println!("{:<60} {small:>12.3} {large:>12.3} {:>8.1}", format!("{words}, {unit}"), large / small);
    }
    let reload = of(&large, "load_seconds") / of(&large, "edit_seconds");
    let memory = of(&large, "memory_mb") / of(&large, "files_mb");
    println!("a reload after an edit costs 1/{reload:.0} of the first load; memory is {memory:.1} times the texts");
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join("catalog.json");
    let report = json!({ "sizes": [small, large], "load_to_reload": reload, "memory_to_texts": memory });
    fs::write(&file, serde_json::to_string_pretty(&report)?)?;
    println!("written to {}", file.display());
    Ok(())
}

fn child(dashboards: usize) -> Outcome<Value> {
    let output = Command::new(std::env::current_exe()?).env(SIZE, dashboards.to_string()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn measure(dashboards: usize) -> Outcome<Value> {
    let dir = tempfile::tempdir()?;
    let files_mb = generate(dir.path(), dashboards)?;
    // Long after the files were written, so that none counts as just changed.
    let clock = FakeClock::at(instant("2200-01-01T00:00:00Z"));
    let rules = CatalogRules { max_dashboards: dashboards + 1, max_members: dashboards + 10, max_bytes: 4 << 30, ..CatalogRules::open() };

    let empty_mb = memory("VmRSS:");
    let begun = Instant::now();
    let handle = CatalogHandle::open_with(dir.path(), std::sync::Arc::new(clock), rules)?;
    let load_seconds = begun.elapsed().as_secs_f64();
    let memory_mb = memory("VmRSS:") - empty_mb;
    if handle.current().documents.len() != dashboards {
        return Err(format!("{} documents: {:?}", handle.current().documents.len(), handle.status().problems.first()).into());
    }
    let reload = || -> Outcome<f64> {
        let begun = Instant::now();
        handle.reload()?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let unchanged_seconds = reload()?;
    let one = dir.path().join(path_of(0));
    fs::write(&one, fs::read_to_string(&one)?.replace("name: Dashboard", "name: Renamed"))?;
    let edit_seconds = reload()?;
    fs::write(dir.path().join("people.yaml"), people(dashboards + 1, "g0"))?;
    let member_seconds = reload()?;
    fs::write(dir.path().join("people.yaml"), people(dashboards + 1, "another"))?;
    let group_seconds = reload()?;
    let begun = Instant::now();
    handle.publish()?;
    let published_seconds = begun.elapsed().as_secs_f64();
    Ok(json!({
        "dashboards": dashboards, "tiles": dashboards * TILES, "files_mb": files_mb, "load_seconds": load_seconds,
        "unchanged_seconds": unchanged_seconds, "edit_seconds": edit_seconds, "member_seconds": member_seconds, "group_seconds": group_seconds,
        "published_seconds": published_seconds, "memory_mb": memory_mb, "peak_mb": memory("VmHWM:") - empty_mb,
    }))
}

/// Megabytes of this process, as Linux counts them; not a number elsewhere.
fn memory(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}

fn path_of(at: usize) -> String {
    format!("dashboards/f{:04}/d{at:06}.yaml", at / FOLDER)
}

/// Writes a catalog; how many megabytes of text it has.
fn generate(dir: &Path, dashboards: usize) -> Outcome<f64> {
    fs::create_dir_all(dir.join("data"))?;
    let mut bytes = 0;
    let mut write = |path: &str, text: String| {
        bytes += text.len();
        fs::write(dir.join(path), text)
    };
    write("connections.yaml", "connections: { warehouse: { kind: files } }\n".to_owned())?;
    write("people.yaml", people(dashboards, "g0"))?;
    for at in 0..dashboards {
        if at % FOLDER == 0 {
            fs::create_dir_all(dir.join(path_of(at)).parent().ok_or("no folder")?)?;
        }
        write(&path_of(at), dashboard(at)?)?;
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}

/// Three members for each five dashboards, in a hundred groups, and one group by name.
fn people(dashboards: usize, group: &str) -> String {
    let members = dashboards * 3 / 5 + 1;
    let mut text =
        "organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Large }\nattributes: { region: { type: String } }\n".to_owned();
    text.push_str("members:\n");
    for at in 0..members {
        let _ = writeln!(text, "  - {{ name: Member {at}, email: m{at}@large.example, attributes: {{ region: R{} }} }}", at % 20);
    }
    let _ = writeln!(text, "groups:\n  - {{ name: {group}, members: [m0@large.example] }}");
    for group in 1..=100 {
        let inside: Vec<String> = (0..members).filter(|at| at % 100 == group - 1).map(|at| format!("m{at}@large.example")).collect();
        let _ = writeln!(text, "  - {{ name: g{group}, members: [{}] }}", inside.join(", "));
    }
    text
}

fn dashboard(at: usize) -> Result<String, std::fmt::Error> {
    let mut text = format!(
        "identifier: d{at:06}\nname: Dashboard {at}\naccess: {{ groups: [g{}] }}\nfilters:\n  region: {{ type: string, default: [US, EU] }}\n  \
         period: {{ type: date, label: Order date }}\ntiles:\n",
        1 + at % 100
    );
    for tile in 0..TILES {
        write!(
            text,
            "  \"{tile}\":\n    title: Orders by month {tile}\n    sql: |\n      select date_trunc('month', ordered_at) as month, region, count(*) as orders,\n             \
             sum(amount) as revenue\n      from orders_{at}\n      where {{{{ filter('region', 'region') }}}} and {{{{ filter('period', 'ordered_at') }}}}\n      \
             group by 1, 2 order by 1, 2\n    chart: {{ mark: bar, x: month, y: revenue, color: region, stack: zero }}\n    fields:\n      \
             month: {{ label: Month, format: MMM yyyy }}\n      revenue: {{ format: \"$#,##0.00\" }}\n    at: {{ x: {}, y: {}, w: 12, h: 8 }}\n",
            12 * (tile % 2),
            8 * (tile / 2)
        )?;
    }
    Ok(text)
}

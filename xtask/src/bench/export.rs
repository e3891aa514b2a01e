//! Rows to files: ours beside Polars' streaming sink (csv) and Python's xlsxwriter (xlsx), in turns, on the same rows.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Runs of each side.
const RUNS: usize = 5;

/// One side of a comparison.
struct Side {
    name: &'static str,
    runs: Vec<Figures>,
}

#[derive(Clone, Copy)]
struct Figures {
    cpu_seconds: f64,
    peak_mb: f64,
    file_mb: f64,
}

/// Makes the rows, runs both sides, prints a table and writes `target/bench/export.json`.
pub(super) fn run() -> anyhow::Result<()> {
    let target = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    // The features of the program itself, so that its release build is built on.
    crate::cargo(&["build", "--release", "--quiet", "--package", "pressrun", "--package", "pressrun-render", "--example", "export"])?;
    let ours = target.join("release/examples/export").canonicalize()?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let python = python(&folder)?;
    let script = folder.join("export.py");
    std::fs::write(&script, include_str!("export.py"))?;

    let mut report = Vec::new();
    for (format, count, theirs) in [("csv", 1_000_000_u64, "Polars sink_csv"), ("xlsx", 100_000, "xlsxwriter")] {
        let rows = folder.join(format!("{count}.arrow"));
        crate::run(Command::new(&ours).arg("rows").arg(&rows).arg(count.to_string()))?;
        let (mut here, mut there) = (Side { name: "Pressrun", runs: Vec::new() }, Side { name: theirs, runs: Vec::new() });
        for _ in 0..RUNS {
            here.runs.push(measure(Command::new(&ours).arg(format).arg(&rows).arg(folder.join("ours")))?);
            there.runs.push(measure(Command::new(&python).arg(&script).arg(format).arg(&rows).arg(folder.join("theirs")))?);
        }
        report.push(compare(&format!("{count} x 12 to {format}"), &here, &there));
    }
    // Ten times the rows in the same memory: the workbook is written in constant memory.
    let rows = folder.join("1000000.arrow");
    let large = measure(Command::new(&ours).arg("xlsx").arg(&rows).arg(folder.join("ours")))?;
    println!("1000000 x 12 to xlsx: {:.2} CPU s, {:.0} MB peak, {:.1} MB file", large.cpu_seconds, large.peak_mb, large.file_mb);
    report.push(json!({ "what": "1000000 x 12 to xlsx", "cpu_seconds": large.cpu_seconds, "peak_mb": large.peak_mb }));

    let file = folder.join("export.json");
    std::fs::write(&file, serde_json::to_string_pretty(&report)?)?;
    println!("written to {}", file.display());
    Ok(())
}

/// A Python with Polars and xlsxwriter, in a folder of its own.
fn python(folder: &Path) -> anyhow::Result<PathBuf> {
    let home = folder.join("venv");
    let python = home.join("bin/python");
    if !python.exists() {
        crate::run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        crate::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "polars", "xlsxwriter"]))?;
    }
    Ok(python)
}

/// Runs a side; the last line it prints are its figures.
fn measure(command: &mut Command) -> anyhow::Result<Figures> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let number = |name: &str| figures[name].as_f64().with_context(|| format!("no {name} in {text}"));
    Ok(Figures { cpu_seconds: number("cpu_seconds")?, peak_mb: number("peak_mb")?, file_mb: number("file_mb")? })
}

fn compare(what: &str, ours: &Side, theirs: &Side) -> Value {
    println!("\n{what}, {RUNS} runs in turns\n{:<18} {:>22} {:>12} {:>10}", "", "CPU s (median, spread)", "peak MB", "file MB");
    let mut sides = Vec::new();
    for side in [ours, theirs] {
        let cpu = spread(side.runs.iter().map(|run| run.cpu_seconds));
        let peak = spread(side.runs.iter().map(|run| run.peak_mb));
        let file_mb = side.runs.first().map_or(0.0, |run| run.file_mb);
        println!("{:<18} {:>8.2} ({:.2} to {:.2}) {:>12.0} {file_mb:>10.1}", side.name, cpu[1], cpu[0], cpu[2], peak[1]);
        sides.push(json!({ "name": side.name, "cpu_seconds": cpu, "peak_mb": peak, "file_mb": file_mb }));
    }
    let median = |side: &Side, of: fn(&Figures) -> f64| spread(side.runs.iter().map(of))[1];
    let cpu = median(theirs, |run| run.cpu_seconds) / median(ours, |run| run.cpu_seconds);
    let memory = median(theirs, |run| run.peak_mb) / median(ours, |run| run.peak_mb);
    println!("{} takes {cpu:.1} times the CPU and {memory:.1} times the memory", theirs.name);
    json!({ "what": what, "sides": sides, "cpu_ratio": cpu, "memory_ratio": memory })
}

/// Least, median, most.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

//! `bench render`: pages made here and pages printed by a browser, in one run on one machine.

mod browser;
mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use self::browser::Browser;
use self::figures::{Figures, table};

/// Renders and prints that count, per case.
const RUNS: usize = 21;
const PRINTS: usize = 7;

/// What is measured: format, rows of the long table. A picture of 2,000 rows is refused, for it would be 65,852 pixels tall.
const CASES: [(&str, usize); 3] = [("pdf", 50), ("pdf", 2_000), ("png", 50)];

/// Measures, prints a table, writes `target/bench/render.json`.
pub(crate) fn bench() -> anyhow::Result<()> {
    // The features of the program itself, so that its release build is built on.
    let program = example("bench_render", "release", &["--release", "--package", "pressrun", "--package", "pressrun-render"])?;
    let folder = program.parent().and_then(Path::parent).and_then(Path::parent).context("a target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut browser = Browser::start()?;
    let mut rows = Vec::new();
    for (format, count) in CASES {
        let told = ask(&program, &["render", format, &count.to_string(), &RUNS.to_string()])?;
        let ours = Figures::of(&told)?;
        let page = folder.join(format!("page-{count}.html"));
        ask(&program, &["page", &count.to_string(), &page.to_string_lossy()])?;
        let printed = match (&mut browser, format) {
            (Some(browser), "pdf") => Some(browser.measure(&page, PRINTS, Browser::print)?),
            (Some(browser), _) => Some(browser.measure(&page, PRINTS, Browser::picture)?),
            (None, _) => None,
        };
        rows.push((format!("{format}, {count} rows"), ours, printed));
    }
    let growth = ask(&program, &["growth"])?;
    eprintln!("\n{}", table(&rows));
    let megabytes = |name: &str| growth.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    eprintln!(
        "500 different reports in one process: {:.0} MB after the first 20, {:.0} MB at the end, {:.0} MB at most: {:.2} times",
        megabytes("after_first_mb"),
        megabytes("end_mb"),
        megabytes("most_mb"),
        megabytes("most_mb") / megabytes("after_first_mb")
    );
    let cases: Vec<Value> = rows
        .iter()
        .map(|(name, ours, printed)| json!({ "case": name, "pressrun": ours.json(), "chromium": printed.as_ref().map(Figures::json) }))
        .collect();
    let file = folder.join("render.json");
    std::fs::write(&file, serde_json::to_string_pretty(&json!({ "cases": cases, "growth": growth }))?)?;
    eprintln!("{}", file.display());
    Ok(())
}

/// Draws the reference outputs for people to look at.
pub(crate) fn contact_sheet(folder: &Path) -> anyhow::Result<()> {
    // The features of the tests, so that their build is built on.
    let program = example("contact_sheet", "debug", &["--workspace"])?;
    crate::run(Command::new(program).arg(folder))
}

/// Builds an example of the render crate; `what` chooses packages, and with them features.
fn example(name: &str, profile: &str, what: &[&str]) -> anyhow::Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet", "--example", name];
    arguments.extend_from_slice(what);
    crate::cargo(&arguments)?;
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf().join(profile).join("examples").join(name))
}

/// Runs the measuring program and reads the JSON that it prints, if any.
fn ask(program: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    // As the engine starts its executors (`executor/pool.rs`).
    let memory = [("MALLOC_MMAP_THRESHOLD_", "1048576"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];
    let output =
        Command::new(program).args(arguments).envs(memory).output().with_context(|| format!("could not start {}", program.display()))?;
    anyhow::ensure!(output.status.success(), "{} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(if text.trim().is_empty() { Value::Null } else { serde_json::from_str(text.trim())? })
}

//! `bench render`: pages made here and pages printed by a browser, in one run on one machine.

mod browser;
mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use self::browser::Browser;
use self::figures::{Case, Figures, table};

/// Renders and prints that count, per case.
const RUNS: usize = 21;
const PRINTS: usize = 7;

/// What is measured: format, rows of the long table, rows that the browser is given: a picture shows what a tile holds of 2,000 rows,
/// for all of them would be 65,852 pixels tall.
const CASES: [(&str, usize, usize); 4] = [("pdf", 50, 50), ("pdf", 2_000, 2_000), ("png", 50, 50), ("png", 2_000, 50)];

/// The charts of the page that is drawn by script, as BI tools draw theirs.
const ECHARTS: &str = "echarts@6";

/// Measures, prints a table, writes `target/bench/render.json`.
pub(crate) fn bench() -> anyhow::Result<()> {
    // The features of the program itself, so that its release build is built on.
    let program = example("bench_render", "release", &["--release", "--package", "pressrun", "--package", "pressrun-render"])?;
    let folder = program.parent().and_then(Path::parent).and_then(Path::parent).context("a target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut browser = Browser::start()?;
    let echarts = browser.is_some().then(|| echarts(&folder)).transpose()?.flatten();
    let mut cases = Vec::new();
    for (format, count, given) in CASES {
        let ours = Figures::of(&ask(&program, &["render", format, &count.to_string(), &RUNS.to_string()])?)?;
        let mut printed = Vec::new();
        if let Some(browser) = &mut browser {
            let what: fn(&mut Browser) -> anyhow::Result<()> = if format == "pdf" { Browser::print } else { Browser::picture };
            printed.push(("Chromium, our own page", browser.measure(&own_page(&program, &folder, given)?, PRINTS, what)?));
            if let Some(echarts) = &echarts {
                let page = scripted_page(&program, &folder, given, echarts)?;
                printed.push(("Chromium, drawn by script", browser.measure(&page, PRINTS, what)?));
            }
        }
        cases.push(Case { name: format!("{format}, {count} rows"), ours, printed });
    }
    let growth = ask(&program, &["growth"])?;
    eprintln!("\n{}", table(&cases));
    let megabytes = |name: &str| growth.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    eprintln!(
        "500 different reports in one process: {:.0} MB after the first 20, {:.0} MB at the end, {:.0} MB at most: {:.2} times",
        megabytes("after_first_mb"),
        megabytes("end_mb"),
        megabytes("most_mb"),
        megabytes("most_mb") / megabytes("after_first_mb")
    );
    let cases: Vec<Value> = cases.iter().map(Case::json).collect();
    let file = folder.join("render.json");
    std::fs::write(&file, serde_json::to_string_pretty(&json!({ "cases": cases, "growth": growth }))?)?;
    eprintln!("{}", file.display());
    Ok(())
}

/// The dashboard as the page that Pressrun serves: nothing in it has to be computed by the browser.
fn own_page(program: &Path, folder: &Path, rows: usize) -> anyhow::Result<PathBuf> {
    let page = folder.join(format!("page-{rows}.html"));
    ask(program, &["page", &rows.to_string(), &page.to_string_lossy()])?;
    Ok(page)
}

/// The same rows as a page whose charts and tables are drawn by script.
fn scripted_page(program: &Path, folder: &Path, rows: usize, echarts: &Path) -> anyhow::Result<PathBuf> {
    let data = folder.join("rows.json");
    ask(program, &["rows", &rows.to_string(), &data.to_string_lossy()])?;
    // Within a script, `</` would end it.
    let data = std::fs::read_to_string(data)?.replace("</", "<\\/");
    let page = folder.join(format!("scripted-{rows}.html"));
    let html = include_str!("scripted.html").replace("ECHARTS", &echarts.to_string_lossy()).replace("ROWS", &data);
    std::fs::write(&page, html)?;
    Ok(page)
}

/// Where the chart library is; `None` where npm is not.
fn echarts(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !crate::machine::has("npm") {
        return Ok(None);
    }
    let script = folder.canonicalize()?.join("node_modules/echarts/dist/echarts.min.js");
    if !script.exists() {
        crate::run(Command::new("npm").args(["install", "--silent", "--no-save", "--prefix"]).arg(folder).arg(ECHARTS))?;
    }
    Ok(Some(script))
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

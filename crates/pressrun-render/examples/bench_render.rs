//! The measured half of `cargo xtask bench render`: renders the made-up dashboard again and again in one process.
//!
//! - `render FORMAT ROWS RUNS`: CPU milliseconds of each render of a different dashboard after a few to warm up, peak memory.
//! - `growth`: memory after each of 500 different reports.
//! - `page ROWS FILE`: the same dashboard as an HTML page, for a browser to print.
//! - `rows ROWS FILE`: its rows as JSON, for a page that draws them by script.
//!
//! Prints one line of JSON.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

#[path = "../tests/reference/reports.rs"]
#[expect(clippy::unwrap_used, reason = "made-up data is sound")]
mod reports;

use std::fmt::Write as _;

use anyhow::Context as _;
use arrow_array::RecordBatch;
use pressrun_domain::output::Format;
use pressrun_render::html::{TileHtml, dashboard_html};
use pressrun_render::{RenderJob, Rows, ThemeName, TileContent, TileData, render};
use serde_json::json;

use crate::reports::{Size, job};

/// Renders before the first that counts.
const WARM: usize = 3;
/// Reports in one process, and after how many of them memory is first looked at.
const REPORTS: usize = 500;
const FIRST: usize = 20;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["render", format, rows, runs] => measure(Format::from_wire(format).context("a format")?, rows.parse()?, runs.parse()?),
        ["growth"] => growth(),
        ["page", rows, file] => Ok(std::fs::write(file, page(&report(Format::Pdf, rows.parse()?, 0))?)?),
        ["rows", rows, file] => {
            render(&report(Format::Json, rows.parse()?, 0), std::path::Path::new(file))?;
            Ok(())
        }
        _ => anyhow::bail!("usage: bench_render render FORMAT ROWS RUNS | growth | page ROWS FILE | rows ROWS FILE"),
    }
}

/// Rows beyond which a picture is refused for its height.
const PICTURE_ROWS: usize = 500;

/// The dashboard with a table of `rows`, expanded where it has more than a tile holds.
fn report(format: Format, rows: usize, seed: usize) -> RenderJob {
    let mut job = job(format, Size { rows, seed });
    job.options.expand_tables_to_show_all_rows = format == Format::Pdf || rows <= PICTURE_ROWS;
    job.limits.expanded_rows = 5_000;
    // A query that fails and one without rows belong to the reference outputs, not to a measurement.
    for page in &mut job.report.pages {
        page.tiles.retain(|tile| tile.data().is_some() || tile.key == "note");
    }
    job
}

fn measure(format: Format, rows: usize, runs: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("artifact");
    for seed in 0..WARM {
        render(&report(format, rows, seed), &out)?;
    }
    let mut milliseconds = Vec::with_capacity(runs);
    let (mut bytes, mut pages) = (0, 0);
    for seed in WARM..WARM + runs {
        let job = report(format, rows, seed);
        let before = cpu_ms()?;
        let rendered = render(&job, &out)?;
        milliseconds.push(cpu_ms()? - before);
        (bytes, pages) = (rendered.bytes, rendered.pages);
    }
    println!("{}", json!({ "cpu_ms": milliseconds, "peak_mb": memory_mb("VmHWM")?, "bytes": bytes, "pages": pages }));
    Ok(())
}

/// Different reports one after the other: tables from a few to a thousand rows, pdf and png.
fn growth() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("artifact");
    let mut first = 0.0;
    let mut most: f64 = 0.0;
    for seed in 0..REPORTS {
        let format = if seed % 4 == 3 { Format::Png } else { Format::Pdf };
        render(&report(format, 20 + seed * 37 % 400, seed * 1_000), &out)?;
        let now = memory_mb("VmRSS")?;
        if seed + 1 == FIRST {
            first = now;
        }
        if seed + 1 >= FIRST {
            most = most.max(now);
        }
    }
    let end = memory_mb("VmRSS")?;
    println!(
        "{}",
        json!({ "reports": REPORTS, "after_first_mb": first, "first": FIRST, "end_mb": end, "most_mb": most, "growth": end / first })
    );
    Ok(())
}

/// CPU time of this process so far, over all of its threads, in milliseconds.
fn cpu_ms() -> anyhow::Result<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").context("this measures on Linux")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e6)
}

/// A line of `/proc/self/status`, in megabytes.
fn memory_mb(name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).context("this measures on Linux")?;
    let kilobytes: f64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// The dashboard as a page with all its rows, as a browser would be given it to print.
fn page(job: &RenderJob) -> anyhow::Result<String> {
    let mut html = String::from(
        "<!doctype html><meta charset=utf-8><style>body{font:13px sans-serif;margin:24px}.grid{display:grid;grid-template-columns:repeat(24,1fr);gap:10px}\
         .tile{border:1px solid #dde3ea;border-radius:6px;padding:10px;break-inside:avoid}.tile svg{width:100%;height:auto}.narrow{display:none}\
         table{border-collapse:collapse;width:100%;font-size:11px}td,th{padding:2px 6px;text-align:left;border-bottom:1px solid #e8ecf1}.num{text-align:right}\
         .bar{background:linear-gradient(#c8d6f5,#c8d6f5) no-repeat var(--a) 50%/calc(var(--b) - var(--a)) 80%}#orders{break-inside:auto}</style>",
    );
    let _ = write!(html, "<h1>{}</h1><div class=grid>", job.report.title);
    for tile in tiles(job)? {
        let (x, y, at) = (tile.at.x + 1, tile.at.y + 1, tile.at);
        let place = format!("grid-column:{x}/span {};grid-row:{y}/span {}", at.w, at.h);
        let _ = write!(html, "<div class=tile id={} style=\"{place}\"><h3>{}</h3>{}</div>", tile.key, tile.title, tile.html);
    }
    html.push_str("</div>");
    Ok(html)
}

/// The tiles with whole tables: a page for people shows a thousand rows, so the rest is drawn apart and put behind them.
fn tiles(job: &RenderJob) -> anyhow::Result<Vec<TileHtml>> {
    const CHUNK: usize = 1_000;
    let whole = dashboard_html(&job.report, ThemeName::Light)?.into_iter().flat_map(|page| page.tiles);
    let mut tiles: Vec<TileHtml> = whole.collect();
    let rows_of = |data: &TileData| match &data.rows {
        Rows::Batches(batches) => batches.iter().map(RecordBatch::num_rows).sum(),
        Rows::Ipc(_) => 0,
    };
    let longest = job.report.data_tiles().map(|(_, data)| rows_of(data)).max().unwrap_or(0);
    for start in (CHUNK..longest).step_by(CHUNK) {
        let mut rest = job.report.clone();
        for page in &mut rest.pages {
            page.tiles.retain(|tile| tile.data().is_some_and(|data| rows_of(data) > start));
            for tile in &mut page.tiles {
                if let TileContent::Data(TileData { rows: Rows::Batches(batches), .. }) = &mut tile.content {
                    *batches = batches.iter().map(|batch| batch.slice(start, CHUNK.min(batch.num_rows() - start))).collect();
                }
            }
        }
        for more in dashboard_html(&rest, ThemeName::Light)?.iter().flat_map(|page| &page.tiles) {
            let body = more.html.split_once("<tbody>").and_then(|(_, body)| body.split_once("</tbody>")).context("a table")?.0;
            for tile in tiles.iter_mut().filter(|tile| tile.key == more.key) {
                tile.html = tile.html.replacen("</tbody>", &format!("{body}</tbody>"), 1);
            }
        }
    }
    Ok(tiles)
}

//! Times the heavy paths on made-up rows: `cargo run --release -p pressrun-render --example speed`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people who look at its output")]

mod rows;

use std::time::Instant;

use pressrun_domain::output::Format;
use pressrun_render::{Rows, render};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.arrow");
    let million = 1_000_000;
    rows::write(&rows, million);
    let few = folder.path().join("few.arrow");
    rows::write(&few, 2_000);
    for (what, format, rows, count) in [
        ("csv", Format::Csv, &rows, million),
        ("json", Format::Json, &rows, million),
        ("xlsx", Format::Xlsx, &rows, million),
        ("pdf", Format::Pdf, &few, 2_000),
        ("pdf again", Format::Pdf, &few, 2_000),
    ] {
        let job = rows::job(format, Rows::Ipc(rows.clone()));
        let started = Instant::now();
        let rendered = render(&job, &folder.path().join("artifact")).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{what}: {count} rows x 12 in {seconds:.2} s, {:.1} MB, {} pages, {:.0} rows/s",
            rendered.bytes as f64 / 1e6,
            rendered.pages,
            count as f64 / seconds
        );
    }
}

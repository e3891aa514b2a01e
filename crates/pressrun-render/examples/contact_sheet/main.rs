//! Draws every reference output and every kind of chart into a folder, and one HTML page to look at them all.
//!
//! `cargo xtask contact-sheet [FOLDER]`, or `cargo run -p pressrun-render --example contact_sheet -- FOLDER`. Pages of a pdf
//! become pictures by poppler's `pdftoppm`.

#![expect(clippy::print_stdout, reason = "a program that says where its output is")]

#[path = "../../tests/reference/cases.rs"]
mod cases;
mod chart_cases;
mod chart_data;
mod chart_guides;
mod charts;
#[path = "../../tests/reference/reports.rs"]
#[expect(clippy::unwrap_used, reason = "made-up data is sound")]
mod reports;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use pressrun_domain::output::Format;
use pressrun_render::{RenderJob, render};

use crate::cases::{Case, cases};

const HEAD: &str = "<!doctype html><meta charset=utf-8><title>Contact sheet</title><style>\
    @font-face{font-family:\"Noto Sans\";src:url(regular.ttf)}@font-face{font-family:\"Noto Sans\";font-weight:700;src:url(bold.ttf)}\
    body{font:13px \"Noto Sans\",sans-serif;margin:24px;background:#eceff3;color:#18212f}h2{margin:36px 0 12px}h3{margin:24px 0 8px;font-size:14px}\
    .pages{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}.pages img{border:1px solid #cfd6df;max-width:620px}\
    .charts{display:flex;flex-wrap:wrap;gap:14px;padding:14px}figure{margin:0;padding:14px;border-radius:8px;display:flex;flex-direction:column;gap:8px}\
    figcaption{font-weight:700;font-size:11px}small{font-size:10px;opacity:.7}pre{background:#fff;padding:12px;overflow:auto;max-height:260px;font-size:11px}\
    p.warning{color:#9a5b00;margin:4px 0}</style>\n";

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("usage: contact_sheet FOLDER")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("regular.ttf"), notosans::REGULAR_TTF)?;
    std::fs::write(folder.join("bold.ttf"), notosans::BOLD_TTF)?;
    let mut html = HEAD.to_owned();
    html.push_str("<h1>Contact sheet</h1>\n<h2>Pages and pictures</h2>\n");
    let (pages, rows): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(|case| matches!(case.job.format, Format::Pdf | Format::Png));
    for case in pages {
        let file = format!("{}.{}", case.name, case.job.format);
        write_visual(&mut html, folder, &file, &case.job)?;
    }
    html.push_str(&charts::section()?);
    html.push_str("<h2>Rows</h2>\n");
    for case in rows {
        write_rows(&mut html, folder, &case)?;
    }
    let page = folder.join("index.html");
    std::fs::write(&page, html)?;
    println!("{}", page.display());
    Ok(())
}

fn write_visual(html: &mut String, folder: &Path, file: &str, job: &RenderJob) -> anyhow::Result<()> {
    let path = folder.join(file);
    let rendered = render(job, &path)?;
    let _ = writeln!(html, "<h3><a href=\"{file}\">{file}</a> · {} kB</h3>", rendered.bytes / 1024);
    for warning in &rendered.warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}</p>", escape(warning));
    }
    html.push_str("<div class=\"pages\">");
    if job.format == Format::Png {
        let _ = write!(html, "<img src=\"{file}\">");
    } else {
        let stem = folder.join(format!("{file}-page"));
        let status = Command::new("pdftoppm").args(["-png", "-r", "96"]).arg(&path).arg(&stem).status();
        anyhow::ensure!(status.context("pdftoppm of poppler-utils is needed")?.success(), "pdftoppm failed on {file}");
        let prefix = format!("{file}-page");
        let mut pages: Vec<String> = std::fs::read_dir(folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix))
            .collect();
        pages.sort();
        for page in pages {
            let _ = write!(html, "<img src=\"{page}\">");
        }
    }
    html.push_str("</div>\n");
    Ok(())
}

fn write_rows(html: &mut String, folder: &Path, case: &Case) -> anyhow::Result<()> {
    let rendered = render(&case.job, &folder.join("rows"))?;
    let format = case.job.format;
    let file = if rendered.extension == format.as_str() {
        format!("{}.{format}", case.name)
    } else {
        format!("{}.{format}.{}", case.name, rendered.extension)
    };
    std::fs::rename(folder.join("rows"), folder.join(&file))?;
    let _ = writeln!(html, "<h3><a href=\"{file}\">{file}</a> · {} kB</h3>", rendered.bytes.div_ceil(1024));
    for warning in &rendered.warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}</p>", escape(warning));
    }
    if let Ok(text) = std::fs::read_to_string(folder.join(&file)) {
        let _ = writeln!(html, "<pre>{}</pre>", escape(&text.chars().take(4_000).collect::<String>()));
    }
    Ok(())
}

/// Text as HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

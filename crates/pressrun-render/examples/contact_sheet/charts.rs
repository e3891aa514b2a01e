//! The section of charts: every mark with ordinary and odd data, in both themes.

use std::fmt::Write as _;

use pressrun_render::chart::{ChartInput, Colors, Theme, draw};

use crate::chart_cases::{Case, cases};
use crate::escape;

/// Both themes, one figure a case.
pub(crate) fn section() -> anyhow::Result<String> {
    let mut html = String::new();
    for (name, theme) in [("light", Theme::light()), ("dark", Theme::dark())] {
        let page = theme.background.mix(theme.text, 0.05);
        let _ = writeln!(html, "<h2>Charts, {name}</h2>\n<div class=\"charts\" style=\"background:{page};color:{}\">", theme.text);
        for case in cases() {
            figure(&mut html, &case, &theme)?;
        }
        html.push_str("</div>\n");
    }
    Ok(html)
}

fn figure(html: &mut String, case: &Case, theme: &Theme) -> anyhow::Result<()> {
    let input = ChartInput {
        chart: &case.chart,
        batches: &case.batches,
        fields: &case.fields,
        zone: "America/New_York",
        colors: &Colors::default(),
    };
    let drawn = draw(&input, case.size, theme)?;
    let notes = drawn.notes.join("; ");
    let kilobytes = drawn.svg.len() / 1024;
    let weight = if kilobytes > 30 { format!(" [{kilobytes} kB]") } else { String::new() };
    let _ = writeln!(
        html,
        "<figure style=\"background:{}\"><figcaption>{}{weight}</figcaption>{}<small title=\"{}\" style=\"width:{}px\">{}</small></figure>",
        theme.background,
        escape(case.title),
        drawn.svg,
        escape(&drawn.alt),
        case.size.width,
        escape(&notes),
    );
    Ok(())
}

//! Charts of a spreadsheet's own beside their rows, which can be pasted elsewhere and follow when a number changes.

use pressrun_domain::chart::{Chart as Wanted, Mark, Orient, Scale, Side, Stack};
use rust_xlsxwriter::{Chart, ChartType, Worksheet, XlsxError};

use crate::chart::Theme;
use crate::columns::Columns;
use crate::format::Kind;

/// Most rows that a chart draws: more are a picture of noise, and slow to open.
const MOST_ROWS: u32 = 2_000;

/// Draws what the tile draws, where a spreadsheet has the mark and the rows are as it wants them: a column of places and one a measure.
///
/// Series that are values of a column would need other rows than the tile's; those, KPIs, heatmaps and tables have none. Lines, bands and
/// words have no counterpart, and of several layers the first is combined.
pub(super) fn insert(
    wanted: &Wanted,
    title: &str,
    sheet_name: &str,
    columns: &Columns,
    rows: u32,
    sheet: &mut Worksheet,
) -> Result<(), XlsxError> {
    let Some(kind) = kind(wanted) else { return Ok(()) };
    let slices = if wanted.mark == Mark::Pie { wanted.x.as_ref().or(wanted.color.as_ref()) } else { wanted.x.as_ref() };
    let place = |name: &String| columns.iter().position(|column| column.name == *name);
    let (Some(x), true) = (slices.and_then(place), (1..=MOST_ROWS).contains(&rows)) else { return Ok(()) };
    let Some(measures) = wanted.y.iter().map(place).collect::<Option<Vec<_>>>() else { return Ok(()) };
    let numbers = |at: &usize| columns.iter().nth(*at).is_some_and(|column| matches!(column.format.kind, Kind::Number | Kind::Duration));
    // Bars that lie because their names are `y` have their numbers where a sheet wants its categories.
    if wanted.mark != Mark::Pie && wanted.color.is_some() || !measures.iter().all(numbers) {
        return Ok(());
    }
    let cells = |at: usize| (sheet_name, 1, at as u16, rows, at as u16);
    let theme = Theme::light();
    let unit = |at: usize| columns.iter().nth(at).map(|column| column.format.unit());
    let right = |at: usize| measures.first().is_some_and(|first| unit(*first) != unit(at));
    let mut nth = 0;
    let mut add = |chart: &mut Chart, at: usize, second: bool| {
        let color = theme.series[nth % theme.series.len()];
        nth += 1;
        let series = chart
            .add_series()
            .set_categories(cells(x))
            .set_values(cells(at))
            .set_name((sheet_name, 0, at as u16))
            .set_secondary_axis(second);
        if wanted.mark != Mark::Pie {
            let color = rust_xlsxwriter::Color::RGB(u32::from_be_bytes([0, color.0, color.1, color.2]));
            series.set_format(
                rust_xlsxwriter::ChartFormat::new()
                    .set_solid_fill(rust_xlsxwriter::ChartSolidFill::new().set_color(color))
                    .set_line(rust_xlsxwriter::ChartLine::new().set_color(color)),
            );
        }
    };
    let mut chart = Chart::new(kind);
    for at in &measures {
        add(&mut chart, *at, right(*at));
    }
    let mut over = Vec::new();
    for layer in &wanted.layers {
        let Some(at) = place(&layer.y) else { continue };
        let mut second = Chart::new(match layer.mark {
            Mark::Area => ChartType::Area,
            _ => ChartType::Line,
        });
        add(&mut second, at, layer.side.map_or(right(at), |side| side == Side::Right));
        over.push(second);
    }
    if let Some(second) = over.first() {
        // A spreadsheet combines two kinds of charts.
        chart.combine(second);
    }
    settle(&mut chart, wanted);
    if title.is_empty() {
        chart.title().set_hidden();
    } else {
        chart.title().set_name(title);
    }
    if measures.len() + wanted.layers.len() < 2 && wanted.mark != Mark::Pie {
        chart.legend().set_hidden();
    }
    chart.set_alt_text(title);
    sheet.insert_chart(1, columns.len() as u16 + 1, &chart).map(drop)
}

fn kind(wanted: &Wanted) -> Option<ChartType> {
    let lying = wanted.orient == Some(Orient::Horizontal);
    Some(match (wanted.mark, wanted.stack) {
        (Mark::Bar, Stack::None) if lying => ChartType::Bar,
        (Mark::Bar, Stack::Zero) if lying => ChartType::BarStacked,
        (Mark::Bar, Stack::Normalize) if lying => ChartType::BarPercentStacked,
        (Mark::Bar, Stack::None) => ChartType::Column,
        (Mark::Bar, Stack::Zero) => ChartType::ColumnStacked,
        (Mark::Bar, Stack::Normalize) => ChartType::ColumnPercentStacked,
        (Mark::Area, Stack::None) => ChartType::Area,
        (Mark::Area, Stack::Zero) => ChartType::AreaStacked,
        (Mark::Area, Stack::Normalize) => ChartType::AreaPercentStacked,
        (Mark::Line, _) => ChartType::Line,
        (Mark::Point, _) => ChartType::Scatter,
        (Mark::Pie, _) if wanted.inner_radius > 0 => ChartType::Doughnut,
        (Mark::Pie, _) => ChartType::Pie,
        (Mark::Kpi | Mark::Table | Mark::Heatmap, _) => return None,
    })
}

/// Ends, titles and kind of the axes as the tile has them.
fn settle(chart: &mut Chart, wanted: &Wanted) {
    let axes = &wanted.axes;
    if let Some(title) = axes.x.title.as_deref().filter(|title| !title.is_empty()) {
        chart.x_axis().set_name(title);
    }
    if let Some(title) = axes.y.title.as_deref().filter(|title| !title.is_empty()) {
        chart.y_axis().set_name(title);
    }
    if let Some(min) = axes.y.min {
        chart.y_axis().set_min(min.get());
    }
    if let Some(max) = axes.y.max {
        chart.y_axis().set_max(max.get());
    }
    if wanted.scale == Scale::Log {
        chart.y_axis().set_log_base(10);
    }
}

//! What a spreadsheet draws itself: colours by rule, bars and heat, all of which follow when somebody changes a number.

use pressrun_domain::tone::{Bound, Condition, Tone};
use rust_xlsxwriter::utility::column_number_to_name;
use rust_xlsxwriter::{
    Color, ConditionalFormat2ColorScale, ConditionalFormat3ColorScale, ConditionalFormatDataBar, ConditionalFormatFormula,
    ConditionalFormatType, Format, Formula, Worksheet, XlsxError,
};

use crate::chart::{self, Ranges, Theme};
use crate::columns::{Column, Columns};
use crate::format::FieldFormat;
use crate::report::TileData;

/// Puts the rules of all columns over `rows` rows below the header; the columns of which a rule compares with one that is not in the sheet.
pub(super) fn write(
    data: &TileData,
    columns: &Columns,
    (formats, ranges): (&[&FieldFormat], &Ranges),
    rows: u32,
    sheet: &mut Worksheet,
) -> Result<Vec<String>, XlsxError> {
    let theme = Theme::light();
    let mut lost = Vec::new();
    for (at, (column, format)) in columns.iter().zip(formats).enumerate() {
        let place = at as u16;
        for condition in data.fields.get(&column.name).map(|spec| spec.when.as_slice()).unwrap_or_default() {
            let Some(rule) = rule(condition, at, columns) else {
                lost.push(column.format.label.clone());
                continue;
            };
            let format = look(condition.tone, format, &theme);
            // The first that is met decides, as everywhere.
            let rule = ConditionalFormatFormula::new().set_rule(Formula::new(rule)).set_format(format).set_stop_if_true(true);
            sheet.add_conditional_format(1, place, rows, place, &rule)?;
        }
        if data.chart.bars.contains(&column.name) {
            let bar = ConditionalFormatDataBar::new()
                .set_fill_color(color(theme.series[0]))
                .set_negative_fill_color(color(theme.negative))
                .set_solid_fill(true);
            sheet.add_conditional_format(1, place, rows, place, &bar)?;
        }
        if data.chart.heat.contains(&column.name) {
            heat(&theme, ranges.get(&column.name), place, rows, sheet)?;
        }
    }
    lost.dedup();
    Ok(lost)
}

/// Light for the least, dark for the greatest; from one colour over light to another one where values lie on both sides of zero.
fn heat(theme: &Theme, (low, high): (f64, f64), column: u16, rows: u32, sheet: &mut Worksheet) -> Result<(), XlsxError> {
    let shade = |value: f64| color(theme.background.mix(theme.heat(value, low, high), 0.62));
    if low < 0.0 && high > 0.0 {
        let far = high.max(-low);
        let scale = ConditionalFormat3ColorScale::new()
            .set_minimum(ConditionalFormatType::Number, -far)
            .set_minimum_color(shade(-far))
            .set_midpoint(ConditionalFormatType::Number, 0)
            .set_midpoint_color(shade(0.0))
            .set_maximum(ConditionalFormatType::Number, far)
            .set_maximum_color(shade(far));
        return sheet.add_conditional_format(1, column, rows, column, &scale).map(drop);
    }
    let scale = ConditionalFormat2ColorScale::new().set_minimum_color(shade(low)).set_maximum_color(shade(high));
    sheet.add_conditional_format(1, column, rows, column, &scale).map(drop)
}

/// A condition as a formula over the first row; `None` when it compares with a column that is not in the sheet.
fn rule(condition: &Condition, at: usize, columns: &Columns) -> Option<String> {
    let cell = |at: usize| format!("${}2", column_number_to_name(at as u16));
    let own = cell(at);
    let mut parts = Vec::new();
    for (word, bound) in condition.test.bounds() {
        let Some(bound) = bound else { continue };
        let sign = match word {
            "above" => ">",
            "from" => ">=",
            "below" => "<",
            _ => "<=",
        };
        match bound {
            Bound::Number(limit) => parts.push(format!("ISNUMBER({own}),{own}{sign}{limit}")),
            Bound::Column(name) => {
                let other = cell(columns.iter().position(|column: &Column| column.name == *name)?);
                parts.push(format!("ISNUMBER({own}),ISNUMBER({other}),{own}{sign}{other}"));
            }
        }
    }
    if !condition.test.is.is_empty() {
        // Spreadsheets take texts of another case for equal; we do not.
        let words: Vec<String> = condition.test.is.iter().map(|word| format!("EXACT({own},\"{}\")", word.replace('"', "\"\""))).collect();
        parts.push(format!("OR({})", words.join(",")));
    }
    match condition.test.empty {
        Some(true) => parts.push(format!("ISBLANK({own})")),
        Some(false) => parts.push(format!("NOT(ISBLANK({own}))")),
        None => {}
    }
    Some(format!("AND({})", parts.join(",")))
}

/// Colours and the mark before the number, which a spreadsheet takes for part of its format.
fn look(tone: Tone, field: &FieldFormat, theme: &Theme) -> Format {
    let (ground, text) = theme.toned(tone);
    let format = Format::new().set_font_color(color(text)).set_background_color(color(ground)).set_bold();
    let mark = tone.mark();
    match field.excel_format() {
        // A format of several sections would need the mark in each, and what a section is only a spreadsheet knows.
        Some(own) if own.contains(';') => format,
        Some(own) => format.set_num_format(format!("\"{mark} \"{own}")),
        None => format.set_num_format(format!("\"{mark} \"General;\"{mark} \"-General;\"{mark} \"General;\"{mark} \"@")),
    }
}

fn color(color: chart::Color) -> Color {
    Color::RGB(u32::from_be_bytes([0, color.0, color.1, color.2]))
}

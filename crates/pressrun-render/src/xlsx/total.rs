//! The row of totals, as formulas: it follows when somebody filters the rows or changes one.

use pressrun_domain::catalog::Aggregate;
use rust_xlsxwriter::utility::column_number_to_name;
use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Formula, Worksheet, XlsxError};

use super::cell::CellWriter;
use crate::columns::Columns;
use crate::format::Alignment;
use crate::report::TileData;
use crate::totals::Totals;

/// Writes it below `rows` rows.
pub(super) fn write(
    data: &TileData,
    columns: &Columns,
    totals: &Totals,
    (rows, writers): (u32, &[CellWriter]),
    sheet: &mut Worksheet,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold().set_border_top(FormatBorder::Thin).set_border_top_color(Color::RGB(0x9A_A5_B4));
    let (texts, word) = totals.texts(columns.iter().map(|column| (column.index, &column.format)), data.truncated);
    let row = rows + 1;
    for (at, ((column, text), writer)) in columns.iter().zip(&texts).zip(writers).enumerate() {
        let right = column.format.alignment() == Alignment::Right && word != Some(at);
        let plain = bold.clone().set_align(if right { FormatAlign::Right } else { FormatAlign::Left });
        // Text that stands for a number is not seen by formulas, and neither is a date by its words.
        let number = totals.number(column.index).filter(|_| writer.as_text == 0 && word != Some(at));
        let Some((formula, number, aggregate)) =
            number.and_then(|(aggregate, number)| Some((formula(aggregate, at, rows)?, number, aggregate)))
        else {
            sheet.write_string_with_format(row, at as u16, text, &plain)?;
            continue;
        };
        let format = match column.format.excel_format().filter(|_| aggregate != Aggregate::Count) {
            Some(own) => plain.set_num_format(own),
            None => plain,
        };
        let formula = Formula::new(formula).set_result(number.to_string());
        sheet.write_formula_with_format(row, at as u16, formula, &format)?;
    }
    Ok(())
}

/// What a spreadsheet computes over the rows that its filter shows.
fn formula(aggregate: Aggregate, at: usize, rows: u32) -> Option<String> {
    let name = column_number_to_name(at as u16);
    let cells = format!("{name}2:{name}{}", rows + 1);
    let function = match aggregate {
        Aggregate::Sum => 109,
        Aggregate::Avg => 101,
        Aggregate::Min => 105,
        Aggregate::Max => 104,
        Aggregate::Count => 103,
        Aggregate::Last => return Some(format!("LOOKUP(2,1/({cells}<>\"\"),{cells})")),
        Aggregate::None => return None,
    };
    Some(format!("SUBTOTAL({function},{cells})"))
}

//! One value as a native cell (R5, R6).

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use crate::format::{Alignment, FieldFormat, Value};

/// The most characters of a cell.
pub(super) const TEXT_LENGTH: usize = 32_767;

/// The digits that a spreadsheet's numbers keep; longer ones are written as text.
const DIGITS: usize = 15;

/// Writes the cells of one column.
pub(super) struct CellWriter {
    field: FieldFormat,
    number: Option<Format>,
    digits_as_text: Format,
    elapsed: Format,
    /// Texts that were cut at [`TEXT_LENGTH`].
    pub(super) shortened: u64,
    /// Numbers that were written as text, since a spreadsheet's own would lose digits: its formulas do not see them.
    pub(super) as_text: u64,
}

impl CellWriter {
    pub(super) fn new(field: &FieldFormat) -> Self {
        // Dates are numbers to a spreadsheet, but they are read like the text of their header.
        let align = if field.alignment() == Alignment::Left { FormatAlign::Left } else { FormatAlign::General };
        Self {
            field: field.clone(),
            number: field.excel_format().map(|format| Format::new().set_num_format(format).set_align(align)),
            digits_as_text: Format::new().set_num_format("@").set_align(FormatAlign::Right),
            elapsed: Format::new().set_num_format("[h]:mm:ss"),
            shortened: 0,
            as_text: 0,
        }
    }

    pub(super) fn write(&mut self, sheet: &mut Worksheet, row: u32, column: u16, value: &Value<'_>) -> Result<(), XlsxError> {
        match value {
            Value::Null => Ok(()),
            Value::Bool(flag) => sheet.write_boolean(row, column, *flag).map(drop),
            Value::Int(int) if int.unsigned_abs() < 10_u64.pow(DIGITS as u32) => self.number(sheet, row, column, *int as f64),
            Value::UInt(int) if *int < 10_u64.pow(DIGITS as u32) => self.number(sheet, row, column, *int as f64),
            // Adding zero turns -0 into 0.
            Value::Float(float) if float.is_finite() => self.number(sheet, row, column, *float + 0.0),
            Value::Decimal(decimal) => {
                let text = self.field.plain(value);
                let significant = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
                if significant <= DIGITS {
                    self.number(sheet, row, column, decimal.to_f64())
                } else {
                    self.as_text += 1;
                    sheet.write_string_with_format(row, column, text, &self.digits_as_text).map(drop)
                }
            }
            Value::Int(_) | Value::UInt(_) => {
                self.as_text += 1;
                sheet.write_string_with_format(row, column, self.field.plain(value), &self.digits_as_text).map(drop)
            }
            Value::Date(date) => self.moment(sheet, row, column, date.to_datetime(Time::midnight()), value),
            Value::DateTime(at) => self.moment(sheet, row, column, *at, value),
            // A native cell has no offset: the time on the wall of the query zone, which the cover sheet names.
            Value::Instant(at) => self.moment(sheet, row, column, self.field.zone.to_datetime(*at), value),
            Value::Time(time) => self.number(sheet, row, column, share_of_day(*time)),
            Value::Duration(length) if !length.is_negative() => {
                let format = self.number.as_ref().unwrap_or(&self.elapsed);
                sheet.write_number_with_format(row, column, length.as_secs_f64() / 86_400.0, format).map(drop)
            }
            Value::Text(text) => self.text(sheet, row, column, text),
            Value::Float(_)
            | Value::Bytes(_)
            | Value::Duration(_)
            | Value::Interval { .. }
            | Value::List(_)
            | Value::Struct(_)
            | Value::Map(_) => {
                let text = self.field.plain(value);
                self.text(sheet, row, column, &text)
            }
        }
    }

    fn number(&self, sheet: &mut Worksheet, row: u32, column: u16, number: f64) -> Result<(), XlsxError> {
        match &self.number {
            Some(format) => sheet.write_number_with_format(row, column, number, format).map(drop),
            None => sheet.write_number(row, column, number).map(drop),
        }
    }

    fn moment(&self, sheet: &mut Worksheet, row: u32, column: u16, at: DateTime, value: &Value<'_>) -> Result<(), XlsxError> {
        match serial(at) {
            Some(serial) => self.number(sheet, row, column, serial),
            None => sheet.write_string(row, column, self.field.plain(value)).map(drop),
        }
    }

    fn text(&mut self, sheet: &mut Worksheet, row: u32, column: u16, text: &str) -> Result<(), XlsxError> {
        let text = clean(text);
        // The limit counts UTF-16 units, of which a character has at most two.
        if text.len() > TEXT_LENGTH && text.encode_utf16().count() > TEXT_LENGTH {
            self.shortened += 1;
            let mut units = 0;
            let cut: String = text
                .chars()
                .take_while(|c| {
                    units += c.len_utf16();
                    units < TEXT_LENGTH
                })
                .chain(['…'])
                .collect();
            return sheet.write_string(row, column, cut).map(drop);
        }
        sheet.write_string(row, column, text).map(drop)
    }
}

/// Text without the control characters that XML cannot hold.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let illegal = |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(illegal) { Cow::Owned(text.replace(illegal, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

fn share_of_day(time: Time) -> f64 {
    let seconds = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second());
    (f64::from(seconds) + f64::from(time.subsec_nanosecond()) / 1e9) / 86_400.0
}

/// The serial number of a moment; `None` before March 1900, where spreadsheets believe in a day that never was.
fn serial(at: DateTime) -> Option<f64> {
    let epoch = Date::constant(1899, 12, 30);
    let days = epoch.until(at.date()).ok()?.get_days();
    (days >= 61).then(|| f64::from(days) + share_of_day(at.time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r6_serial_numbers_are_a_spreadsheets_own() {
        for (at, expected) in [
            ("2026-03-08T12:00:00", Some(46_089.5)),
            ("1900-03-01T00:00:00", Some(61.0)),
            ("1900-02-28T00:00:00", None),
            ("9999-12-31T00:00:00", Some(2_958_465.0)),
        ] {
            assert_eq!(serial(at.parse().unwrap()), expected, "{at}");
        }
    }
}

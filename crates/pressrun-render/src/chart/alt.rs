//! The sentence that says what a chart shows to those who do not see it.

use std::fmt::Write as _;

use super::data::{Table, count};

/// `Bar chart of Revenue by Month, Jan 2024 to Dec 2024, 3 series: highest $1.2M (EMEA, Nov 2024), lowest …, total ….`
pub(crate) fn table(kind: &str, table: &Table) -> String {
    let mut sentence = format!("{kind} of {} by {}", table.format.label, table.places.format.label);
    if let (Some(first), Some(last)) = (table.places.labels.first(), table.places.labels.last()) {
        if table.places.len() > 1 {
            let _ = write!(sentence, " ({}, {first} to {last})", count(table.places.len(), "value"));
        } else {
            let _ = write!(sentence, " ({first})");
        }
    }
    let several = table.series.len() > 1;
    if several {
        let named: Vec<&str> = table.series.iter().filter(|s| s.ink.is_some()).take(3).map(|s| s.name.as_str()).collect();
        let more = if table.series.len() > named.len() { " and others" } else { "" };
        let _ = write!(sentence, " in {}: {}{more}", count(table.series.len(), "series"), named.join(", "));
    }
    let cells = || {
        table
            .series
            .iter()
            .flat_map(|series| series.values.iter().enumerate().filter_map(move |(place, value)| value.map(|v| (series, place, v))))
    };
    let name = |(series, place, value): (&super::data::Series, usize, f64)| {
        let label = table.places.labels.get(place).map_or("", String::as_str);
        let shown = table.format_of(series).display_f64(value);
        if several { format!("{shown} ({}, {label})", series.name) } else { format!("{shown} ({label})") }
    };
    let highest = cells().fold(None, |best: Option<(_, _, f64)>, cell| if best.is_some_and(|b| b.2 >= cell.2) { best } else { Some(cell) });
    let lowest = cells().fold(None, |best: Option<(_, _, f64)>, cell| if best.is_some_and(|b| b.2 <= cell.2) { best } else { Some(cell) });
    if let (Some(highest), Some(lowest)) = (highest, lowest) {
        if cells().count() > 1 {
            let _ = write!(sentence, "; highest {}, lowest {}", name(highest), name(lowest));
        } else {
            let _ = write!(sentence, "; {}", name(highest));
        }
    }
    sentence.push('.');
    sentence
}

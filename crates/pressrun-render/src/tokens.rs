//! Mustache tokens of text tiles (V12): filters, the run and the rows of tiles, by dotted path.
//!
//! | path | is |
//! |---|---|
//! | `filters.KEY.summary`, `.value`, `.label` | a visible filter |
//! | `metadata.lastRanAt`, `.name`, `.timezone` | the run |
//! | `result._first.COLUMN`, `result._last.COLUMN`, `result.3.COLUMN` | a cell of the first tile that has the column |
//! | `queries.TILE._first.COLUMN` and so on | a cell of that tile |
//!
//! A cell is shown in its display format; `.raw` behind it gives the plain value. Whatever does not resolve is empty.

use arrow_array::RecordBatch;
use jiff::tz::TimeZone;

use crate::columns::Columns;
use crate::format::Value;
use crate::report::{Report, TileData, TileView};
use crate::rows::Batches;

/// Replaces every `{{path}}` of `text` by its value, put through `write`.
pub(crate) fn fill(text: &str, report: &Report, write: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        let token = &rest[start + 2..start + length];
        out.push_str(&write(&value(token.trim_matches(['{', '&', ' ']), report).unwrap_or_default()));
        rest = &rest[start + length + 2..];
        // `{{{path}}}` closes with a third brace.
        if token.starts_with('{') {
            rest = rest.strip_prefix('}').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    out
}

fn value(path: &str, report: &Report) -> Option<String> {
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    match parts.as_slice() {
        ["filters" | "controls", key, field] => {
            let line = report.filters.iter().find(|line| line.key == *key)?;
            match *field {
                "summary" | "value" => Some(line.value.clone()),
                "label" => Some(line.label.clone()),
                _ => None,
            }
        }
        ["metadata", "lastRanAt"] => {
            let zone = TimeZone::get(&report.zone).unwrap_or(TimeZone::UTC);
            Some(report.as_of.to_zoned_datetime(zone).strftime("%B %-d, %Y, %H:%M %Z").to_string())
        }
        ["metadata", "name"] => Some(report.title.clone()),
        ["metadata", "timezone"] => Some(report.zone.clone()),
        ["result", row, rest @ ..] => report.data_tiles().find_map(|(tile, data)| cell(report, tile, data, row, rest)),
        ["queries", key, row, rest @ ..] => {
            report.data_tiles().filter(|(tile, _)| tile.key == *key).find_map(|(tile, data)| cell(report, tile, data, row, rest))
        }
        _ => None,
    }
}

fn cell(report: &Report, tile: &TileView, data: &TileData, row: &str, rest: &[&str]) -> Option<String> {
    // A column name may hold dots itself; only the last part can be a leaf.
    let (name, leaf) = match rest {
        [] => return None,
        [name @ .., leaf @ ("value" | "value_static" | "raw")] if !name.is_empty() => (name.join("."), *leaf),
        name => (name.join("."), "value"),
    };
    let batches = Batches::open(tile, &data.rows).ok()?;
    let columns = Columns::of(&batches.schema(), data, &report.zone, false);
    let column = columns.iter().find(|column| column.name == name)?;
    let (batch, row) = row_of(batches, row)?;
    let value = Value::at(batch.column(column.index).as_ref(), row);
    Some(if leaf == "raw" { column.format.plain(&value) } else { column.format.display(&value) })
}

fn row_of(batches: Batches, row: &str) -> Option<(RecordBatch, usize)> {
    let mut filled = batches.map_while(Result::ok).filter(|batch| batch.num_rows() > 0);
    if row == "_last" {
        let last = filled.last()?;
        let row = last.num_rows() - 1;
        return Some((last, row));
    }
    let mut left = if row == "_first" { 0 } else { row.parse::<usize>().ok()? };
    filled.find_map(|batch| {
        if left < batch.num_rows() {
            return Some((batch, left));
        }
        left -= batch.num_rows();
        None
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, StringArray};
    use pressrun_domain::output::Format;

    use super::*;
    use crate::report::TileContent;
    use crate::testing::{batch, field, job, table};

    #[test]
    fn v12_tokens_resolve_and_what_does_not_is_empty() {
        let one = batch(vec![
            ("region", Arc::new(StringArray::from(vec!["EU", "US"]))),
            ("rev", Arc::new(Float64Array::from(vec![1234.5, 2.0]))),
        ]);
        let two = batch(vec![("region", Arc::new(StringArray::from(vec!["JP"]))), ("rev", Arc::new(Float64Array::from(vec![7.0])))]);
        let mut tile = table("sales", "Sales", vec![one, two]);
        if let TileContent::Data(data) = &mut tile.content {
            data.fields.insert("rev".to_owned(), field(None, Some("$#,##0.00")));
        }
        let report = job(Format::Pdf, vec![tile]).report;
        for (text, expected) in [
            ("{{result._first.region}}", "EU"),
            ("{{ result._last.rev }}", "$7.00"),
            ("{{result.1.region.value}}/{{result.2.region}}/{{result.3.region}}", "US/JP/"),
            ("{{queries.sales._first.rev.raw}}", "1234.5"),
            ("{{queries.other._first.rev}}", ""),
            ("{{filters.region.label}}: {{filters.region.summary}}", "Region: is US, CA"),
            ("{{{metadata.name}}}!", "Orders!"),
            ("{{metadata.lastRanAt}}", "March 2, 2026, 09:00 EST"),
            ("{{nobody.knows}}{{#section}}{{/section}}{{! comment }}{{}}", ""),
            ("open {{ brace", "open {{ brace"),
        ] {
            assert_eq!(fill(text, &report, str::to_owned), expected, "{text}");
        }
    }
}

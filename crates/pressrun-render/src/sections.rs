//! Mustache sections of text tiles (V12): repeated or left out before the text is parsed.
//!
//! `{{#queries.TILE}} … {{/queries.TILE}}` (or `{{#result}}`, the first tile with rows) is repeated for each row; inside, `{{COLUMN}}`
//! is that row's cell. `{{#PATH}} … {{/PATH}}` around any other token stays when its value is not empty, `{{^PATH}}` when it is
//! or when there are no rows. Only the author's text is repeated here: cells become tokens with a row number, and are filled in
//! where no value can become markup.

use std::borrow::Cow;

use crate::report::{Report, Rows, TileView};
use crate::rows::Batches;
use crate::tokens;

/// Most rows that a section is repeated for, levels of sections in sections, and bytes of the result.
const MOST_ROWS: usize = 100;
const DEPTH: usize = 6;
const LONGEST: usize = 200_000;

/// First words of paths that mean the same inside of a section.
const ABSOLUTE: [&str; 5] = ["filters", "controls", "metadata", "result", "queries"];

/// The text with its sections unfolded.
pub(crate) fn unfold<'a>(text: &'a str, report: &Report) -> Cow<'a, str> {
    if !text.contains("{{#") && !text.contains("{{^") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    write(text, report, None, DEPTH, &mut out);
    Cow::Owned(out)
}

/// A tag of a text: `{{ … }}`.
struct Tag<'a> {
    /// What stands between the braces, without its sign.
    path: &'a str,
    /// `#`, `^`, `/`, or none for a value.
    sign: Option<char>,
    start: usize,
    end: usize,
}

/// The first tag at or behind `from`.
fn tag(text: &str, from: usize) -> Option<Tag<'_>> {
    let start = from + text.get(from..)?.find("{{")?;
    let close = start + 2 + text.get(start + 2..)?.find("}}")?;
    let inner = text.get(start + 2..close)?;
    // `{{{path}}}` closes with a third brace.
    let end = close + 2 + usize::from(inner.starts_with('{') && text.get(close + 2..)?.starts_with('}'));
    let inner = inner.trim_matches(['{', '&', ' ']);
    let sign = inner.chars().next().filter(|sign| "#^/".contains(*sign));
    let path = inner.trim_start_matches(['#', '^', '/']).trim();
    Some(Tag { path, sign, start, end })
}

/// Writes `text`; `row` is the path of the row that it is repeated for.
fn write(text: &str, report: &Report, row: Option<&str>, depth: usize, out: &mut String) {
    let mut at = 0;
    while let Some(found) = tag(text, at) {
        if out.len() > LONGEST {
            return;
        }
        match found.sign {
            Some(sign @ ('#' | '^')) => {
                let (before, after) = without_line(text, found.start, found.end);
                out.push_str(text.get(at..before.max(at)).unwrap_or_default());
                let Some(close) = closing(text, &found) else {
                    // Without its end a section is nothing; what follows stays.
                    at = after;
                    continue;
                };
                let (inner_end, next) = without_line(text, close.start, close.end);
                if depth > 0 {
                    let inner = text.get(after..inner_end.max(after)).unwrap_or_default();
                    section(inner, sign == '#', &absolute(found.path, row), report, row, depth - 1, out);
                }
                at = next;
            }
            _ => {
                out.push_str(text.get(at..found.start).unwrap_or_default());
                if found.sign.is_none() {
                    out.push_str("{{");
                    out.push_str(&absolute(found.path, row));
                    out.push_str("}}");
                }
                at = found.end;
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
}

fn section(inner: &str, shown: bool, path: &str, report: &Report, row: Option<&str>, depth: usize, out: &mut String) {
    if let Some(tile) = tile(path, report) {
        let count = rows(tile);
        if !shown {
            if count == 0 {
                write(inner, report, row, depth, out);
            }
            return;
        }
        for index in 0..count {
            write(inner, report, Some(&format!("queries.{}.{index}", tile.key)), depth, out);
        }
    } else if tokens::fill(&format!("{{{{{path}}}}}"), report, str::to_owned).trim().is_empty() != shown {
        write(inner, report, row, depth, out);
    }
}

/// The tile whose rows a path names: `result`, `queries.KEY`, each with or without `._rows`.
fn tile<'a>(path: &str, report: &'a Report) -> Option<&'a TileView> {
    let path = path.strip_suffix("._rows").unwrap_or(path);
    let key = match path.split_once('.') {
        None if path == "result" => return report.data_tiles().next().map(|(tile, _)| tile),
        Some(("queries", key)) => key,
        _ => return None,
    };
    report.data_tiles().map(|(tile, _)| tile).find(|tile| tile.key == key)
}

fn rows(tile: &TileView) -> usize {
    let count = |rows: &Rows| -> usize {
        let Ok(batches) = Batches::open(tile, rows) else { return 0 };
        let mut count = 0;
        for batch in batches.map_while(Result::ok) {
            count += batch.num_rows();
            if count >= MOST_ROWS {
                return MOST_ROWS;
            }
        }
        count
    };
    tile.data().map_or(0, |data| count(&data.rows))
}

/// The path as seen from outside of the section.
fn absolute<'a>(path: &'a str, row: Option<&str>) -> Cow<'a, str> {
    let first = path.split('.').next().unwrap_or("");
    match row {
        Some(row) if !ABSOLUTE.contains(&first) => Cow::Owned(format!("{row}.{path}")),
        _ => Cow::Borrowed(path),
    }
}

/// The end of a section, those of sections of the same path inside passed over.
fn closing<'a>(text: &'a str, open: &Tag<'_>) -> Option<Tag<'a>> {
    let (mut at, mut depth) = (open.end, 1_usize);
    while let Some(found) = tag(text, at) {
        at = found.end;
        if found.path == open.path {
            match found.sign {
                Some('/') => depth -= 1,
                Some(_) => depth += 1,
                None => {}
            }
        }
        if depth == 0 {
            return Some(found);
        }
    }
    None
}

/// The bounds of a tag, its line included when it stands alone on it.
fn without_line(text: &str, start: usize, end: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = after.find('\n').map_or(after.len(), |at| at + 1);
    let blank = |part: Option<&str>| part.is_some_and(|part| part.trim().is_empty());
    if blank(before.get(line..)) && blank(after.get(..rest)) { (line, end + rest) } else { (start, end) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use pressrun_domain::output::Format;

    use super::*;
    use crate::testing::{batch, job, table};

    fn report() -> Report {
        let rows = |names: Vec<&str>| {
            let count = names.len() as i64;
            batch(vec![("region", Arc::new(StringArray::from(names))), ("n", Arc::new(Int64Array::from_iter_values(0..count)))])
        };
        job(Format::Pdf, vec![table("sales", "Sales", vec![rows(vec!["EU", "{{n}}"])]), table("none", "None", vec![rows(Vec::new())])])
            .report
    }

    fn filled(text: &str) -> String {
        let report = report();
        tokens::fill(&unfold(text, &report), &report, str::to_owned)
    }

    #[test]
    fn v12_sections_repeat_for_rows_and_go_without_a_value() {
        for (case, text, expected) in [
            ("rows", "{{#queries.sales}}{{region}}={{n}};{{/queries.sales}}", "EU=0;{{n}}=1;"),
            ("rows of the first tile", "{{#result._rows}}{{n.raw}} {{/result._rows}}", "0 1 "),
            ("lines of their own", "a\n{{#queries.sales}}\n- {{region}}\n{{/queries.sales}}\nb", "a\n- EU\n- {{n}}\nb"),
            ("no rows", "{{#queries.none}}x{{/queries.none}}{{^queries.none}}none{{/queries.none}}", "none"),
            ("a value", "{{#filters.region.summary}}in {{filters.region.summary}}{{/filters.region.summary}}", "in is US, CA"),
            (
                "no value",
                "{{#filters.status.summary}}x{{/filters.status.summary}}{{^filters.status.summary}}all{{/filters.status.summary}}",
                "all",
            ),
            ("the run inside of a row", "{{#queries.sales}}{{metadata.name}} {{/queries.sales}}", "Orders Orders "),
            ("a cell decides", "{{#queries.sales}}{{#region}}{{region}}{{/region}}{{#missing}}!{{/missing}}{{/queries.sales}}", "EU{{n}}"),
            ("no end", "{{#queries.sales}}rest {{metadata.name}}", "rest Orders"),
            ("an end without a start", "a{{/queries.sales}}b", "ab"),
        ] {
            assert_eq!(filled(text), expected, "{case}");
        }
    }

    #[test]
    fn sections_in_sections_end() {
        let open = "{{#queries.sales}}".repeat(40);
        let close = "{{/queries.sales}}".repeat(40);
        assert!(filled(&format!("{open}x{close}")).len() <= LONGEST + 100);
    }
}

//! Names that are safe and unique: columns, zip entries, spreadsheet tabs.

use std::collections::HashSet;

/// Makes names unique without regard to case, by a number behind the later ones.
#[derive(Default)]
pub(crate) struct Unique {
    used: HashSet<String>,
}

impl Unique {
    /// `name`, or `name` with a number in `room` UTF-16 units, so that it was not given before.
    pub(crate) fn take(&mut self, name: &str, room: usize) -> String {
        let mut candidate = cut(name, room).to_owned();
        let mut number = 2_u32;
        while !self.used.insert(candidate.to_lowercase()) {
            let suffix = format!(" ({number})");
            candidate = format!("{}{suffix}", cut(name, room.saturating_sub(suffix.len())).trim_end());
            number += 1;
        }
        candidate
    }
}

/// The beginning of `text` in at most `room` UTF-16 units, which is how Excel counts: an emoji is two.
fn cut(text: &str, room: usize) -> &str {
    let mut left = room;
    let end = text.char_indices().find(|(_, c)| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// Labels of columns made unique: a repeated label gets its column name behind it, then a number (R4).
pub(crate) fn unique_labels<'a>(columns: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<String> {
    let mut unique = Unique::default();
    columns
        .clone()
        .map(|(label, name)| {
            let repeated = columns.clone().filter(|(other, _)| other.eq_ignore_ascii_case(label)).count() > 1;
            let wanted = if repeated && label != name { format!("{label} ({name})") } else { label.to_owned() };
            unique.take(&wanted, usize::MAX)
        })
        .collect()
}

/// A file name of at most 80 characters that every system and archive tool takes; `fallback` when nothing is left.
pub(crate) fn file_name(title: &str, fallback: &str) -> String {
    let clean = |text: &str| {
        let mapped: String = text
            .chars()
            .map(|c| if c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '-' } else { c })
            .collect();
        let short: String = mapped.trim().trim_matches('.').trim().chars().take(80).collect();
        short.trim_end().to_owned()
    };
    // Device names that Windows refuses whatever the extension.
    let reserved = |name: &str| {
        let upper = name.split('.').next().unwrap_or("").to_ascii_uppercase();
        matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL")
            || (upper.len() == 4 && (upper.starts_with("COM") || upper.starts_with("LPT")) && upper.ends_with(|c: char| c.is_ascii_digit()))
    };
    let name = [clean(title), clean(fallback)].into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "data".to_owned());
    if reserved(&name) { format!("{name}-") } else { name }
}

/// The most UTF-16 units of a spreadsheet tab (R6).
pub(crate) const SHEET_NAME: usize = 31;

/// A spreadsheet tab: no `[ ] : * ? / \`, no apostrophe at its ends, not Excel's own "History"; not yet cut to 31 (R6).
pub(crate) fn sheet_name(title: &str, fallback: &str) -> String {
    let clean = |text: &str| {
        let mapped: String =
            text.chars().map(|c| if c.is_control() || matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\') { '-' } else { c }).collect();
        cut(mapped.trim().trim_matches('\'').trim(), SHEET_NAME).trim_end_matches(['\'', ' ']).to_owned()
    };
    let name = [clean(title), clean(fallback)].into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "Data".to_owned());
    if name.eq_ignore_ascii_case("history") { format!("{name}-") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_repeated_labels_become_unique() {
        let columns = [("Name", "customer"), ("Total", "total"), ("name", "product"), ("Total", "Total")];
        assert_eq!(unique_labels(columns.into_iter()), ["Name (customer)", "Total (total)", "name (product)", "Total"]);
        let same = [("a", "a"), ("a", "a"), ("a", "a")];
        assert_eq!(unique_labels(same.into_iter()), ["a", "a (2)", "a (3)"]);
    }

    #[test]
    fn r3_entry_names_are_safe() {
        for (title, expected) in [
            ("Orders by month", "Orders by month"),
            ("../../etc/passwd", "-..-etc-passwd"),
            ("a/b\\c:d", "a-b-c-d"),
            ("  ", "1"),
            ("...", "1"),
            ("con", "con-"),
            ("line\nbreak", "line-break"),
            ("Umsätze 東京", "Umsätze 東京"),
        ] {
            assert_eq!(file_name(title, "1"), expected, "{title:?}");
        }
        assert_eq!(file_name(&"x".repeat(200), "1").len(), 80);
    }

    #[test]
    fn r6_tabs_are_short_legal_and_unique() {
        let mut unique = Unique::default();
        let long = "A very long title that goes on and on";
        let names: Vec<String> = [long, long, "Q1/Q2 [draft]?", "'quoted'", "History", "", "ORDERS", "orders"]
            .iter()
            .map(|title| unique.take(&sheet_name(title, "key"), SHEET_NAME))
            .collect();
        assert_eq!(
            names,
            [
                "A very long title that goes on",
                "A very long title that goes (2)",
                "Q1-Q2 -draft--",
                "quoted",
                "History-",
                "key",
                "ORDERS",
                "orders (2)"
            ]
        );
        assert!(names.iter().all(|name| name.encode_utf16().count() <= SHEET_NAME));
    }

    /// The case `xlsx-sheet-name-emoji`.
    #[test]
    fn r6_an_emoji_counts_as_two_in_a_tab() {
        let mut unique = Unique::default();
        let take = |title: &str, unique: &mut Unique| unique.take(&sheet_name(title, "key"), SHEET_NAME);
        let title = "Revenue \u{1f4c8}\u{1f4c9} by region and productX";
        assert_eq!(take(title, &mut unique), "Revenue \u{1f4c8}\u{1f4c9} by region and prod");
        assert_eq!(take(title, &mut unique), "Revenue \u{1f4c8}\u{1f4c9} by region and (2)");
        let faces = "\u{1f600}".repeat(20);
        assert_eq!(take(&faces, &mut unique), "\u{1f600}".repeat(15));
    }
}

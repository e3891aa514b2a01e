//! Texts, names and zones with their bounds.

use std::collections::BTreeMap;

use crate::files::Field;
use crate::problem::{Place, Report, printable};

/// Longest name, title or label in characters.
pub(super) const NAME_MAX: usize = 500;

/// A required text that is not blank. A missing one is noted at `parent`.
pub(super) fn required(field: &Field<String>, key: &str, parent: Place, report: &Report<'_>) -> Option<String> {
    match field {
        Field::Absent => {
            report.add(parent, format!("`{key}` is missing"), format!("add `{key}: …`"));
            None
        }
        Field::Invalid(_) => None,
        Field::Given(text, place) => checked(text, key, *place, report),
    }
}

/// A text that may be left out.
pub(super) fn optional(field: &Field<String>, key: &str, report: &Report<'_>) -> Option<String> {
    field.placed().and_then(|(text, place)| checked(text, key, place, report))
}

fn checked(text: &str, key: &str, place: Place, report: &Report<'_>) -> Option<String> {
    if text.trim().is_empty() {
        report.add(place, format!("`{key}` is blank"), "write a text, or remove the key");
        None
    } else if text.chars().count() > NAME_MAX {
        report.add(place, format!("`{key}` is longer than {NAME_MAX} characters"), "shorten it");
        None
    } else {
        Some(text.to_owned())
    }
}

/// A key that clients send back and SQL templates name: 1 to 64 characters, none of them white space at the ends or control.
pub(super) fn key(text: &str, what: &str, place: Place, report: &Report<'_>) -> bool {
    let right = !text.is_empty() && text.chars().count() <= 64 && text.trim() == text && !text.chars().any(char::is_control);
    if !right {
        report.add(
            place,
            format!("`{}` cannot be {what}", printable(text)),
            "use 1 to 64 characters, without control characters and without blanks at the ends",
        );
    }
    right
}

/// A month, 1 to 12.
pub(super) fn month(field: &Field<u16>, report: &Report<'_>) -> Option<i8> {
    let (month, place) = field.placed()?;
    let found = i8::try_from(*month).ok().filter(|month| (1..=12).contains(month));
    if found.is_none() {
        report.add(place, format!("`{month}` is no month"), "write a number from 1 (January) to 12 (December)");
    }
    found
}

/// An IANA zone name in the case of the database; abbreviations that are in it are accepted.
pub(super) fn zone(field: &Field<String>, report: &Report<'_>) -> Option<String> {
    let (name, place) = field.placed()?;
    if let Some(message) = zone_fault(name) {
        report.add(place, message, "write an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`");
        return None;
    }
    Some(name.clone())
}

/// Why `name` is no IANA zone, if it is none.
pub(super) fn zone_fault(name: &str) -> Option<String> {
    match jiff::tz::TimeZone::get(name) {
        Ok(zone) if zone.iana_name() == Some(name) || name == "UTC" => None,
        Ok(zone) => Some(format!("`{}` is written `{}`", printable(name), zone.iana_name().unwrap_or("UTC"))),
        Err(_) => Some(format!("`{}` is no IANA time zone", printable(name))),
    }
}

/// `order_count` and `order-count` become `Order count`.
pub(super) fn in_words(key: &str) -> String {
    let words = key.replace(['_', '-'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Notes a second use of something that must be unique.
pub(super) struct Unique {
    what: &'static str,
    /// File and line.
    seen: BTreeMap<String, (String, u32)>,
}

impl Unique {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, seen: BTreeMap::new() }
    }

    /// Whether `value` was not there yet.
    pub(super) fn add(&mut self, value: impl Into<String>, place: Place, report: &Report<'_>) -> bool {
        let value = value.into();
        if let Some((file, line)) = self.seen.get(&value) {
            let elsewhere = if file == report.file() { String::new() } else { format!(" of {}", printable(file)) };
            report.add(
                place,
                format!("{} `{}` is written twice, first in line {line}{elsewhere}", self.what, printable(&value)),
                "each must be unique",
            );
            return false;
        }
        self.seen.insert(value, (report.file().to_owned(), place.line));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_iana_names_in_their_own_case() {
        for (name, right) in [
            ("UTC", true),
            ("America/New_York", true),
            ("Etc/UTC", true),
            ("EST", true),
            ("america/new_york", false),
            ("Mars/Olympus", false),
            ("+02:00", false),
            ("", false),
        ] {
            assert_eq!(zone_fault(name).is_none(), right, "{name}");
        }
    }

    #[test]
    fn keys_become_words() {
        assert_eq!(in_words("order_count"), "Order count");
        assert_eq!(in_words("1"), "1");
    }
}

//! Mustache tokens of text tiles (V12): what a report knows about itself, by dotted path.

use crate::report::Report;

/// Replaces every `{{path}}` by its value, put through `write`; unresolved paths, sections and comments become empty.
pub(super) fn fill(text: &str, report: &Report, write: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        let token = &rest[start + 2..start + length];
        out.push_str(&write(&value(token.trim_matches(['{', '&', ' ']), report)));
        rest = &rest[start + length + 2..];
        // `{{{path}}}` closes with a third brace.
        if token.starts_with('{') {
            rest = rest.strip_prefix('}').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    out
}

/// The value of one path; empty when there is none.
fn value(path: &str, report: &Report) -> String {
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    match parts.as_slice() {
        ["filters" | "controls", key, field] => {
            let line = report.filters.iter().find(|line| line.key == *key);
            match (*field, line) {
                ("summary" | "value", Some(line)) => line.value.clone(),
                ("label", Some(line)) => line.label.clone(),
                _ => String::new(),
            }
        }
        ["metadata", "lastRanAt"] => {
            let zone = jiff::tz::TimeZone::get(&report.zone).unwrap_or(jiff::tz::TimeZone::UTC);
            report.as_of.to_zoned_datetime(zone).strftime("%b %-d, %Y, %H:%M").to_string()
        }
        ["metadata", "name"] => report.title.clone(),
        _ => String::new(),
    }
}

//! File names, subjects and bodies with variables (rules D9, D11).

use jiff::{ToSpan, tz::TimeZone};

/// The template used when a schedule names none (D9).
pub const DEFAULT_FILENAME: &str = "{{scheduledTaskName}}_{{currentDate}}_{{currentTime}}";

/// Variables a template may name (D9).
pub const VARIABLES: [&str; 10] = [
    "currentDate",
    "currentTime",
    "currentYear",
    "currentMonth",
    "currentDay",
    "yesterdayDate",
    "timeZone",
    "entityName",
    "format",
    "scheduledTaskName",
];

/// Longest file name stem in bytes; leaves room for an extension and a temporary prefix within 255.
const MAX_STEM_BYTES: usize = 180;

/// A template names a variable that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{x}}` is no variable.
    #[error("unknown variable {{{{{name}}}}}; use one of {}", VARIABLES.join(", "))]
    UnknownVariable {
        /// What stands between the braces.
        name: String,
    },
    /// A `{{` without its `}}`.
    #[error("a {{{{ is never closed; write variables as {{{{currentDate}}}}")]
    Unclosed,
}

/// What the variables stand for in one run.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// The occurrence.
    pub at: jiff::Timestamp,
    /// The schedule's zone, in which dates and times are written.
    pub zone: &'a TimeZone,
    /// Name of that zone.
    pub zone_name: &'a str,
    /// Name of the dashboard, or of the tile when one is delivered.
    pub entity: &'a str,
    /// Wire value of the format.
    pub format: &'a str,
    /// Name of the schedule.
    pub schedule: &'a str,
}

impl Variables<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let local = self.at.to_zoned_datetime(self.zone.clone());
        Some(match name {
            "currentDate" => local.strftime("%Y-%m-%d").to_string(),
            "currentTime" => local.strftime("%H-%M").to_string(),
            "currentYear" => local.strftime("%Y").to_string(),
            "currentMonth" => local.strftime("%m").to_string(),
            "currentDay" => local.strftime("%d").to_string(),
            "yesterdayDate" => local.date().checked_sub(1.day()).unwrap_or(local.date()).strftime("%Y-%m-%d").to_string(),
            "timeZone" => self.zone_name.to_owned(),
            "entityName" => self.entity.to_owned(),
            "format" => self.format.to_owned(),
            "scheduledTaskName" => self.schedule.to_owned(),
            _ => return None,
        })
    }
}

/// Checks a template at save (D9).
///
/// # Errors
/// [`TemplateError`] for the first fault.
pub fn check(template: &str) -> Result<(), TemplateError> {
    expand(template, |name| VARIABLES.contains(&name).then(String::new)).map(|_| ())
}

/// Fills a template in. What is no variable stays as typed, so that an old template never loses a message.
#[must_use]
pub fn fill(template: &str, variables: &Variables<'_>) -> String {
    expand(template, |name| Some(variables.value(name).unwrap_or_else(|| format!("{{{{{name}}}}}"))))
        .unwrap_or_else(|_| template.to_owned())
}

/// A file name without extension: the template filled in, made safe for every file system and header (D9).
#[must_use]
pub fn file_stem(template: Option<&str>, variables: &Variables<'_>) -> String {
    safe_name(&fill(template.unwrap_or(DEFAULT_FILENAME), variables))
}

/// `text` as one path component: no separators, controls, or characters that some system forbids; never empty, hidden or too long.
#[must_use]
pub fn safe_name(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|\u{202e}\u{202d}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c) { '_' } else { c })
        .collect();
    let mut name = mapped.trim().trim_matches('.').trim().to_owned();
    while name.len() > MAX_STEM_BYTES {
        name.pop();
    }
    if name.is_empty() { "report".to_owned() } else { name }
}

fn expand(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find("{{") {
        out.push_str(&rest[..open]);
        let after = &rest[open + 2..];
        let close = after.find("}}").ok_or(TemplateError::Unclosed)?;
        let name = after[..close].trim();
        out.push_str(&value(name).ok_or_else(|| TemplateError::UnknownVariable { name: name.to_owned() })?);
        rest = &after[close + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let zone = TimeZone::get("America/New_York").expect("bundled");
        let at = "2026-01-01T03:30:00Z".parse().expect("an instant");
        let variables =
            Variables { at, zone: &zone, zone_name: "America/New_York", entity: "Orders", format: "pdf", schedule: "Daily / Sales" };
        file_stem(Some(template), &variables)
    }

    #[test]
    fn d9_variables_are_those_of_the_schedules_zone_at_the_instant() {
        assert_eq!(filled("{{scheduledTaskName}}_{{currentDate}}_{{currentTime}}"), "Daily _ Sales_2025-12-31_22-30");
        assert_eq!(filled("{{entityName}}-{{yesterdayDate}}.{{format}}"), "Orders-2025-12-30.pdf");
        assert_eq!(filled("{{ timeZone }}"), "America_New_York");
    }

    #[test]
    fn d9_values_are_made_path_safe() {
        for (typed, safe) in
            [("../../etc/passwd", "_.._etc_passwd"), ("a\r\nb", "a__b"), ("", "report"), ("...", "report"), ("Ünï 東京 🍣", "Ünï 東京 🍣")]
        {
            assert_eq!(safe_name(typed), safe);
        }
        assert!(safe_name(&"東".repeat(500)).len() <= MAX_STEM_BYTES);
    }

    #[test]
    fn d9_unknown_variables_are_refused_at_save() {
        assert_eq!(check("{{currentDate}}_x"), Ok(()));
        assert_eq!(check("{{currentdate}}"), Err(TemplateError::UnknownVariable { name: "currentdate".into() }));
        assert_eq!(check("{{currentDate"), Err(TemplateError::Unclosed));
    }
}

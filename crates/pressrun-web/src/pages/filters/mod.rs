//! Filters of a dashboard's page: from its address, to a form, and back.
//!
//! The address carries them as JSON in `filters`, the same as links in mails do (D1). The form says the same in words: for each
//! filter one choice of *how* (`how.KEY`) and up to two values (`a.KEY`, `b.KEY`), which [`said`] reads from an expression and
//! [`apply`] turns back into one. What a form cannot say (composites, attributes of the reader, patterns) it shows in words and leaves
//! as it is until something else is chosen.

mod control;
mod said;
mod words;

use pressrun_domain::catalog::{Dashboard, FilterDefinition, FilterKind};
use pressrun_domain::id::FilterKey;
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::text::percent_encoded;

use said::{Said, choices, said};
pub(crate) use words::words;

/// Longest JSON of filters, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// One filter of the form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Filter key.
    pub(crate) key: String,
    /// Name shown to people.
    pub(crate) label: String,
    /// What can be chosen.
    pub(crate) choices: Vec<Choice>,
    /// The values, none for yes and no.
    pub(crate) inputs: Vec<Input>,
}

/// One way to filter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What the form sends.
    pub(crate) value: String,
    /// What people read.
    pub(crate) label: String,
    /// In force.
    pub(crate) chosen: bool,
}

/// One value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// `a` or `b`.
    pub(crate) name: &'static str,
    /// For those who do not see the form.
    pub(crate) label: String,
    /// Type of the HTML element.
    pub(crate) kind: &'static str,
    /// Shown while it is empty.
    pub(crate) hint: &'static str,
    /// What is in force.
    pub(crate) value: String,
}

/// The filters of an address: the JSON of `filters`.
///
/// # Errors
/// A sentence for people: the JSON is none, or names a filter that the dashboard does not have.
pub(crate) fn read(json: Option<&str>, dashboard: &Dashboard) -> Result<FilterConfig, String> {
    let Some(json) = json.filter(|json| !json.trim().is_empty()) else { return Ok(FilterConfig::default()) };
    if json.len() > MOST_BYTES {
        return Err("The filters of this address are too long.".to_owned());
    }
    let filters = serde_json::from_str(json).map_err(|error| format!("The filters of this address are no JSON object: {error}."))?;
    known(filters, dashboard)
}

/// The filters that a form carries, of any length: what may be saved is for the use case to say. Of those that are `stored`, what the dashboard has
/// no longer is left out, for it cannot be in force.
///
/// # Errors
/// As those of [`read`].
pub(crate) fn carried(json: &str, dashboard: &Dashboard, stored: Option<&FilterConfig>) -> Result<FilterConfig, String> {
    if json.trim().is_empty() {
        return Ok(FilterConfig::default());
    }
    let mut filters: FilterConfig =
        serde_json::from_str(json).map_err(|error| format!("The filters of this form are no JSON object: {error}."))?;
    filters.retain(|key, _| dashboard.filters.contains_key(key) || !stored.is_some_and(|stored| stored.contains_key(key)));
    known(filters, dashboard)
}

fn known(filters: FilterConfig, dashboard: &Dashboard) -> Result<FilterConfig, String> {
    match filters.keys().find(|key| !dashboard.filters.contains_key(*key)) {
        Some(key) => Err(format!("This dashboard has no filter “{key}”.")),
        None => Ok(filters),
    }
}

/// The form: every filter that is shown, hidden ones to those who see them only (F11), with what is in force.
pub(crate) fn fields(dashboard: &Dashboard, filters: &FilterConfig, sees_hidden: bool) -> Vec<Field> {
    let shown = dashboard.filters.iter().filter(|(_, definition)| sees_hidden || !definition.hidden);
    shown
        .map(|(key, definition)| {
            let mut field = match definition.kind {
                FilterKind::Control => control::field(key, definition, filters),
                _ => field(key, definition, filters),
            };
            if definition.hidden {
                field.label.push_str(" (hidden)");
            }
            field
        })
        .collect()
}

fn field(key: &FilterKey, definition: &FilterDefinition, filters: &FilterConfig) -> Field {
    let expression = filters.get(key).or(definition.default.as_ref());
    let now = said(definition.kind, expression);
    let choice = |value: &str, label: String| Choice { value: value.to_owned(), label, chosen: now.how == value };
    let mut all = Vec::new();
    if let Some(expression) = expression.filter(|_| now.how == Said::KEEP) {
        all.push(choice(Said::KEEP, words(expression)));
    }
    all.extend(choices(definition.kind).map(|(value, label)| choice(value, label.to_owned())));
    if let Some(default) = definition.default.as_ref().filter(|_| filters.contains_key(key)) {
        all.push(choice(Said::DEFAULT, format!("back to: {}", words(default))));
    }
    let input = |(name, label, kind, hint): (&'static str, &str, &'static str, &'static str)| Input {
        name,
        label: format!("{}: {label}", definition.label),
        kind,
        hint,
        value: if name == "a" { now.a.clone() } else { now.b.clone() },
    };
    let inputs = said::inputs(definition.kind).iter().copied().map(input).collect();
    Field { key: key.0.clone(), label: definition.label.clone(), choices: all, inputs }
}

/// Puts what the form sent over `filters`; true when it sent anything. What is as it was stays as it was written.
///
/// # Errors
/// A sentence for people: a value that is needed is missing or not of its kind.
pub(crate) fn apply(
    filters: &mut FilterConfig,
    dashboard: &Dashboard,
    sent: &[(String, String)],
    sees_hidden: bool,
) -> Result<bool, String> {
    let value = |start: &str, key: &FilterKey| {
        let value = sent.iter().find(|(name, _)| name.strip_prefix(start) == Some(key.as_str()));
        value.map(|(_, value)| value.trim().to_owned())
    };
    for (key, definition) in dashboard.filters.iter().filter(|(_, definition)| sees_hidden || !definition.hidden) {
        let Some(how) = value("how.", key) else { continue };
        if definition.kind == FilterKind::Control {
            control::set(filters, key, definition, &how)?;
            continue;
        }
        let wanted = Said { how, a: value("a.", key).unwrap_or_default(), b: value("b.", key).unwrap_or_default() };
        let shown = said(definition.kind, filters.get(key).or(definition.default.as_ref()));
        if wanted == shown || wanted.how == Said::KEEP {
            continue;
        }
        if wanted.how == Said::DEFAULT || (wanted.how == Said::ANY && definition.default.is_none()) {
            filters.shift_remove(key);
            continue;
        }
        let expression = wanted.expression(definition.kind).map_err(|fault| format!("{}: {fault}", definition.label))?;
        filters.insert(key.clone(), expression);
    }
    Ok(sent.iter().any(|(name, _)| ["how.", "a.", "b."].iter().any(|start| name.starts_with(start))))
}

/// The address of a dashboard with these filters.
pub(crate) fn address(identifier: &str, filters: &FilterConfig) -> String {
    let json = if filters.is_empty() { String::new() } else { serde_json::to_string(filters).unwrap_or_default() };
    let path = crate::base::here(&format!("/dashboards/{}", percent_encoded(identifier)));
    if json.is_empty() { path } else { format!("{path}?filters={}", percent_encoded(&json)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

//! Filter overrides: their keys and words (contract §4, F1).

use jiff::Timestamp;
use pressrun_domain::catalog::{Dashboard, FilterKind};
use pressrun_domain::schedule::FilterConfig;
use pressrun_sql::filter::Setting;
use pressrun_sql::{QueryClock, check_default};

use super::error::AppError;

/// Refuses keys that the dashboard lacks (F1; §5.1.7 row 13), and expressions that can never be read (F6): a run would only fail of them.
pub(crate) fn check(filters: &FilterConfig, dashboard: &Dashboard) -> Result<(), AppError> {
    let unknown: Vec<&str> =
        filters.keys().filter(|key| !dashboard.filters.contains_key(*key)).map(pressrun_domain::id::FilterKey::as_str).collect();
    if unknown.is_empty() {
        return match faults(filters, dashboard).find(|fault| !fault.unknown_word) {
            Some(fault) => Err(AppError::field(format!("filterConfig.{}", fault.key), fault.text)),
            None => Ok(()),
        };
    }
    // Hidden ones may be set by those who know them, and are told to nobody (F11).
    let visible = dashboard.filters.iter().filter(|(_, filter)| !filter.hidden);
    let known: Vec<&str> = visible.map(|(key, _)| key.as_str()).collect();
    Err(AppError::invalid(format!(
        "Invalid filter keys found in schedule configuration: {}. Available dashboard filter keys are: {}.",
        unknown.join(", "),
        known.join(", "),
    )))
}

/// What to say of expressions in words that are not known here: they are stored and returned as sent (contract §4), and fail when they run.
pub(crate) fn unknown_words(filters: &FilterConfig, dashboard: &Dashboard) -> Vec<String> {
    let words = faults(filters, dashboard).filter(|fault| fault.unknown_word);
    words.map(|fault| format!("filterConfig.{} is stored, but cannot be read: {}", fault.key, fault.text)).collect()
}

/// An expression that cannot be read.
struct Fault {
    key: String,
    text: String,
    unknown_word: bool,
}

fn faults<'a>(filters: &'a FilterConfig, dashboard: &'a Dashboard) -> impl Iterator<Item = Fault> + 'a {
    // Relative dates are read at any instant, in any zone.
    let clock = QueryClock::new(Timestamp::UNIX_EPOCH, "UTC");
    filters.iter().filter_map(move |(key, expression)| {
        let definition = dashboard.filters.get(key)?;
        let fault = |text: String, unknown_word| Some(Fault { key: key.0.clone(), text, unknown_word });
        if definition.kind == FilterKind::Control {
            return match Setting::of(definition, Some(expression)) {
                Setting::Chosen(..) => None,
                // Whoever knows the key of a hidden one is not told more of it (F11).
                Setting::Undeclared(given) if definition.hidden => fault(format!("it is set to {given}, which it does not take"), false),
                Setting::Undeclared(given) => {
                    let known: Vec<&str> = definition.options.keys().map(String::as_str).collect();
                    fault(format!("it is set to {given}; it takes one of: {}", known.join(", ")), false)
                }
            };
        }
        let error = check_default(definition.kind, expression, &clock).err()?;
        fault(error.to_string(), error.unknown_word)
    })
}

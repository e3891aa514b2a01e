//! Filter overrides: their keys, and what they come to over the dashboard's defaults (contract §4, F1 to F3).

use pressrun_domain::catalog::Dashboard;
use pressrun_domain::schedule::FilterConfig;
use serde_json::Value;

use super::error::AppError;

/// Refuses keys that the dashboard lacks (F1; §5.1.7 row 13).
pub(crate) fn check(filters: &FilterConfig, dashboard: &Dashboard) -> Result<(), AppError> {
    let unknown: Vec<&str> =
        filters.keys().filter(|key| !dashboard.filters.contains_key(*key)).map(pressrun_domain::id::FilterKey::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = dashboard.filters.keys().map(pressrun_domain::id::FilterKey::as_str).collect();
    Err(AppError::invalid(format!(
        "Invalid filter keys found in schedule configuration: {}. Available dashboard filter keys are: {}.",
        unknown.join(", "),
        known.join(", "),
    )))
}

/// Today's defaults with the overrides on top; keys that are gone are left out (F2, F3).
pub(crate) fn effective(filters: &FilterConfig, dashboard: Option<&Dashboard>) -> serde_json::Map<String, Value> {
    let Some(dashboard) = dashboard else {
        return filters.iter().map(|(key, value)| (key.0.clone(), value.clone())).collect();
    };
    let value = |key, default: &Option<Value>| filters.get(key).cloned().or_else(|| default.clone());
    dashboard.filters.iter().filter_map(|(key, filter)| Some((key.0.clone(), value(key, &filter.default)?))).collect()
}

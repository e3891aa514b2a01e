//! Tiles, filters, identities and clocks for tests.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, clippy::must_use_candidate, reason = "tests")]

use indexmap::IndexMap;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterDefinition, FilterKind, QueryTile, Scalar};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::id::FilterKey;
use serde_json::Value;

use crate::{EffectiveFilters, QueryClock};

/// A tile with this SQL and nothing else.
pub fn tile(sql: &str) -> QueryTile {
    QueryTile { sql: sql.to_owned(), limit: 1000, filters: IndexMap::new(), fields: IndexMap::new(), chart: Chart::new(Mark::Table) }
}

/// A filter of this kind without a default.
pub fn definition(kind: FilterKind) -> FilterDefinition {
    FilterDefinition { label: "Filter".to_owned(), kind, default: None, hidden: false, options: IndexMap::new() }
}

/// Filters in force: key, kind, expression.
pub fn filters<const N: usize>(entries: [(&str, FilterKind, Value); N]) -> EffectiveFilters {
    let definitions: IndexMap<FilterKey, FilterDefinition> =
        entries.iter().map(|(key, kind, _)| (FilterKey::from(*key), definition(*kind))).collect();
    let overrides = entries.into_iter().map(|(key, _, expression)| (FilterKey::from(key), expression)).collect();
    EffectiveFilters::new(&definitions, &overrides).unwrap()
}

/// Somebody with these attributes.
pub fn identity(values: &[(&str, &[&str])]) -> Identity {
    let texts = |values: &[&str]| values.iter().map(|text| Scalar::Text((*text).to_owned())).collect();
    Identity { attributes: values.iter().map(|(name, values)| ((*name).to_owned(), texts(values))).collect() }
}

/// A clock at this instant in this zone.
pub fn clock(at: &str, zone: &str) -> QueryClock {
    QueryClock::new(at.parse().unwrap(), zone)
}

/// A Tuesday, 09:00 in New York.
pub fn new_york() -> QueryClock {
    clock("2026-11-24T14:00:00Z", "America/New_York")
}

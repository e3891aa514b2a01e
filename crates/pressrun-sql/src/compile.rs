//! Tile + filters + identity + clock → SQL with bound parameters.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterDefinition, FilterKind, QueryTile};
use pressrun_domain::id::FilterKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::filter::FilterError;
use crate::limits::MAX_SQL_BYTES;
use crate::param::{Dialect, Param};
use crate::template;

/// The one "now" and the one zone of a run's queries (Q5, Q6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryClock {
    /// The occurrence's instant; never the instant at which the query happens to run.
    pub at: Timestamp,
    /// Query zone, an IANA name.
    pub zone: String,
    /// Month, 1 to 12, in which fiscal years begin.
    pub fiscal_start: i8,
}

impl QueryClock {
    /// A clock at `at` in `zone`, with fiscal years that begin in January.
    pub fn new(at: Timestamp, zone: impl Into<String>) -> Self {
        Self { at, zone: zone.into(), fiscal_start: 1 }
    }

    /// The same with fiscal years that begin in `month`, 1 to 12.
    #[must_use]
    pub fn fiscal(self, month: i8) -> Self {
        Self { fiscal_start: month, ..self }
    }

    /// The same with the zone looked up.
    ///
    /// # Errors
    /// [`CompileError::UnknownZone`].
    pub fn resolve(&self) -> Result<ResolvedClock, CompileError> {
        let zone = TimeZone::get(&self.zone).map_err(|_| CompileError::UnknownZone(self.zone.clone()))?;
        Ok(ResolvedClock { at: self.at, zone, fiscal_start: self.fiscal_start.clamp(1, 12) })
    }
}

/// A [`QueryClock`] whose zone is known.
#[derive(Debug, Clone)]
pub struct ResolvedClock {
    /// The occurrence's instant.
    pub at: Timestamp,
    /// Query zone.
    pub zone: TimeZone,
    /// Month in which fiscal years begin.
    pub fiscal_start: i8,
}

/// The filters in force: the dashboard's present defaults, overlaid by a schedule's overrides (F2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EffectiveFilters {
    entries: IndexMap<FilterKey, EffectiveFilter>,
}

/// One filter in force.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveFilter {
    /// The dashboard's definition.
    pub definition: FilterDefinition,
    /// What holds; `None` restricts nothing.
    pub expression: Option<serde_json::Value>,
    /// Whether the schedule says so, not the dashboard.
    pub overridden: bool,
}

/// Overrides name filters that the dashboard does not have (F1, F12).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dashboard has no filter {}", unknown.iter().map(FilterKey::as_str).collect::<Vec<_>>().join(", "))]
pub struct OrphanedFilters {
    /// The keys, in the order of the overrides.
    pub unknown: Vec<FilterKey>,
}

impl EffectiveFilters {
    /// The dashboard's `definitions` in their order, overlaid by `overrides`.
    ///
    /// # Errors
    /// [`OrphanedFilters`]: a query never runs with an override dropped (F12).
    pub fn new(
        definitions: &IndexMap<FilterKey, FilterDefinition>,
        overrides: &IndexMap<FilterKey, serde_json::Value>,
    ) -> Result<Self, OrphanedFilters> {
        let unknown: Vec<_> = overrides.keys().filter(|key| !definitions.contains_key(*key)).cloned().collect();
        if !unknown.is_empty() {
            return Err(OrphanedFilters { unknown });
        }
        let entries = definitions.iter().map(|(key, definition)| {
            let given = overrides.get(key);
            let expression = given.or(definition.default.as_ref()).cloned();
            (key.clone(), EffectiveFilter { definition: definition.clone(), expression, overridden: given.is_some() })
        });
        Ok(Self { entries: entries.collect() })
    }

    /// The filter of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&EffectiveFilter> {
        self.entries.get(key)
    }

    /// All filters, in the dashboard's order.
    pub fn iter(&self) -> impl Iterator<Item = (&FilterKey, &EffectiveFilter)> {
        self.entries.iter()
    }

    /// Keys of the filters, in the dashboard's order; controls are not among them.
    pub fn keys(&self) -> impl Iterator<Item = &FilterKey> {
        self.entries.iter().filter(|(_, entry)| entry.definition.kind != FilterKind::Control).map(|(key, _)| key)
    }

    /// Keys of the controls, in the dashboard's order.
    pub fn controls(&self) -> impl Iterator<Item = &FilterKey> {
        self.entries.iter().filter(|(_, entry)| entry.definition.kind == FilterKind::Control).map(|(key, _)| key)
    }
}

/// SQL that is ready to run, and everything that decides its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompiledQuery {
    /// One statement with placeholders `$1` …
    pub sql: String,
    /// Values of the placeholders, in order.
    pub params: Vec<Param>,
    /// Most rows returned; one more is asked for, to know whether there were more (R9, R11).
    pub limit: u64,
    /// Session zone, an IANA name (Q6).
    pub zone: String,
    /// What `now()` is (Q5).
    pub at: Timestamp,
    /// Which SQL it is.
    pub dialect: Dialect,
}

impl CompiledQuery {
    /// A stable name: SHA-256 (hex) over everything that decides the result. Two queries with one key on one connection need
    /// one execution (Q8).
    #[must_use]
    pub fn key(&self) -> String {
        let mut hasher = Sha256::new();
        let mut word = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        word(self.sql.as_bytes());
        word(&self.limit.to_be_bytes());
        word(self.zone.as_bytes());
        word(&self.at.as_nanosecond().to_be_bytes());
        word(match self.dialect {
            Dialect::Embedded => b"embedded",
            Dialect::Postgres => b"postgres",
        });
        for param in &self.params {
            let (kind, value) = match param {
                Param::Text(value) => ("text", value.clone()),
                Param::Integer(value) => ("integer", value.to_string()),
                Param::Decimal(value) => ("decimal", value.to_string()),
                Param::Boolean(value) => ("boolean", value.to_string()),
                Param::Instant(value) => ("instant", value.to_string()),
                Param::Date(value) => ("date", value.to_string()),
            };
            word(kind.as_bytes());
            word(value.as_bytes());
        }
        hex::encode(hasher.finalize())
    }
}

/// A tile's SQL could not be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The template does not parse or does what templates may not.
    #[error("the SQL template is wrong{}: {reason}", line.map_or_else(String::new, |line| format!(" in line {line}")))]
    Template {
        /// Line of the template, from 1.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// The template calls `filter` on a key that the dashboard lacks.
    #[error("the SQL uses filter \"{key}\", which the dashboard does not have; its filters are: {}", known.join(", "))]
    UnknownFilter {
        /// The key.
        key: String,
        /// The dashboard's keys.
        known: Vec<String>,
    },
    /// The template calls `control` on a key that the dashboard lacks.
    #[error("the SQL uses control \"{key}\", which the dashboard does not have; its controls are: {}", known.join(", "))]
    UnknownControl {
        /// The key.
        key: String,
        /// The dashboard's controls.
        known: Vec<String>,
    },
    /// A control is set to something that its author did not declare (F9).
    #[error("control \"{key}\" is set to {given}; it takes one of: {}", known.join(", "))]
    Control {
        /// The control.
        key: FilterKey,
        /// What it is set to, for a message.
        given: String,
        /// What it can be set to.
        known: Vec<String>,
    },
    /// A filter's expression cannot be understood (F6).
    #[error("filter \"{key}\" cannot be understood")]
    Filter {
        /// The filter.
        key: FilterKey,
        /// Where and why.
        #[source]
        source: FilterError,
    },
    /// The query zone is none of the tz database.
    #[error("\"{0}\" is no time zone; use an IANA name such as America/New_York")]
    UnknownZone(String),
    /// The SQL has a placeholder of its own.
    #[error("the SQL contains the placeholder {0}; write filter(…) or user_attribute(…), which bind their own")]
    Placeholder(String),
    /// The SQL cannot be split into tokens.
    #[error("the SQL cannot be read: {0}")]
    Sql(String),
    /// The SQL is too long.
    #[error("the SQL has {length} bytes; at most {MAX_SQL_BYTES} are run")]
    TooLong {
        /// Its bytes.
        length: usize,
    },
}

/// Prepares a tile's query for one identity at one instant.
///
/// `limit` is the tile's own; set [`CompiledQuery::limit`] to override it (R9).
///
/// # Errors
/// [`CompileError`]; nothing is dropped to make a query run (F6, F12).
pub fn compile(
    tile: &QueryTile,
    filters: &EffectiveFilters,
    identity: &Identity,
    clock: &QueryClock,
    dialect: Dialect,
) -> Result<CompiledQuery, CompileError> {
    let resolved = clock.resolve()?;
    let (sql, params) = template::render(tile, filters, identity, &resolved, dialect)?;
    Ok(CompiledQuery { sql, params, limit: u64::from(tile.limit), zone: clock.zone.clone(), at: clock.at, dialect })
}

/// What a tile's SQL asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct References {
    /// Filters it applies. A tile that applies none of a dashboard's filters is unfiltered, and the run says so (F7).
    pub filters: BTreeSet<FilterKey>,
    /// User attributes its own predicates ask for. Filters of type `user_attribute` ask for more: see
    /// [`EffectiveFilters::attributes`].
    pub attributes: BTreeSet<String>,
}

impl EffectiveFilters {
    /// User attributes that the filters `keys` ask for, by filters of type `user_attribute` (P3).
    #[must_use]
    pub fn attributes(&self, keys: &BTreeSet<FilterKey>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for entry in keys.iter().filter_map(|key| self.entries.get(key)) {
            if let Some(expression) = &entry.expression
                && let Ok(filter) = crate::filter::parse(entry.definition.kind, expression)
            {
                filter.attributes(&mut names);
            }
        }
        names
    }
}

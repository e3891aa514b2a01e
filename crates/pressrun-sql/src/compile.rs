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

use crate::dialect::{Described, Dialect};
use crate::filter::FilterError;
use crate::limits::MAX_SQL_BYTES;
use crate::param::Param;
use crate::template::Reading;

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
        word(self.dialect.name().as_bytes());
        for param in &self.params {
            let (kind, values) = param.words();
            word(kind.as_bytes());
            word(&(values.len() as u64).to_be_bytes());
            for value in &values {
                word(value.as_bytes());
            }
        }
        hex::encode(hasher.finalize())
    }
}

/// What stands before a query that is only asked for its columns.
const DESCRIBED: &str = "select * from (\n";

impl CompiledQuery {
    /// The same without rows: what its columns are.
    #[must_use]
    pub fn described(&self) -> Self {
        // Where the query runs as it is, none of its rows is read.
        let limit = if self.dialect.rules().described() == Described::AsItIs { 0 } else { self.limit };
        let sql = match self.dialect.rules().described() {
            Described::Limit => format!("{DESCRIBED}{}\n) as pressrun_described limit 0", self.sql),
            Described::WhereFalse => format!("{DESCRIBED}{}\n) pressrun_described where 1 = 0", self.sql),
            Described::AsItIs => self.sql.clone(),
        };
        Self { sql, limit, ..self.clone() }
    }

    /// The character, from 1, of a query of `dialect` that became the character `at` of the one that [`CompiledQuery::described`] made of it.
    #[must_use]
    pub fn undescribed(at: usize, dialect: Dialect) -> Option<usize> {
        let before = if dialect.rules().described() == Described::AsItIs { 0 } else { DESCRIBED.chars().count() };
        at.checked_sub(before).filter(|at| *at > 0)
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
        /// What would be right.
        hint: &'static str,
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
    /// The same of a hidden control, whose options are nobody's to read (F11).
    #[error("control \"{key}\" is set to {given}, which it does not take")]
    HiddenControl {
        /// The control.
        key: FilterKey,
        /// What it is set to, for a message.
        given: String,
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
    #[error("the SQL cannot be read: {reason}")]
    Sql {
        /// The byte of the rendered text at which reading ended.
        at: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Calls stand in the expressions of calls, and so on.
    #[error("calls of filter() and user_attribute() are nested too deeply")]
    Nested,
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
    let written = Reading::new(tile, filters, dialect)?.write(identity, &clock.resolve()?)?;
    let (sql, params) = (written.sql, written.params);
    Ok(CompiledQuery { sql, params, limit: u64::from(tile.limit), zone: clock.zone.clone(), at: clock.at, dialect })
}

/// Where the character `at` (from 1) of the SQL that [`compile`] made of these stands in the tile's text: line and column, both
/// from 1. What came from a call stands where the call does.
#[must_use]
pub fn place_in_tile(
    tile: &QueryTile,
    filters: &EffectiveFilters,
    identity: &Identity,
    clock: &QueryClock,
    dialect: Dialect,
    at: usize,
) -> Option<(usize, usize)> {
    let reading = Reading::new(tile, filters, dialect).ok()?;
    let written = reading.write(identity, &clock.resolve().ok()?).ok()?;
    let (byte, _) = written.sql.char_indices().nth(at.checked_sub(1)?)?;
    reading.place(written.back(byte))
}

/// What a tile's SQL asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct References {
    /// Filters it applies. A tile that applies none of a dashboard's filters is unfiltered, and the run says so (F7).
    pub filters: BTreeSet<FilterKey>,
    /// User attributes that its own predicates ask for, and its filters of type `user_attribute` (P3).
    pub attributes: BTreeSet<String>,
}

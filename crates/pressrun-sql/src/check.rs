//! What can be said of a tile before it runs: every fault of its template, its filters and its SQL, each with its place.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Error, ErrorKind};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterKind, QueryTile};
use serde_json::Value;

use crate::compile::{CompileError, EffectiveFilters, QueryClock};
use crate::dialect::Dialect;
use crate::filter::{self, FilterError};
use crate::fragile;
use crate::markers;
use crate::rows;
use crate::sandbox::{self, Calls};
use crate::screen::{self, ScreenError};
use crate::template::Reading;

/// Faults reported for one template.
const FAULTS_MAX: usize = 20;

/// Something wrong, or likely wrong, in a tile's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it will fail; otherwise it may.
    pub fails: bool,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
    /// Line and column (in characters) of the tile's SQL, both from 1; column 0 stands for the line.
    pub place: Option<(usize, usize)>,
    /// A name that is not known, so that a near one can be offered.
    pub unknown: Option<Unknown>,
}

/// A name in a template that nothing goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// `filter`, `control` or `user attribute`.
    pub what: &'static str,
    /// The name.
    pub name: String,
}

/// What a template may name.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Keys of filters.
    pub filters: &'a [&'a str],
    /// Keys of controls.
    pub controls: &'a [&'a str],
    /// Names of user attributes; `None` when they are not known, and then they are not judged.
    pub attributes: Option<&'a [&'a str]>,
}

impl Finding {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { fails: true, message: message.into(), hint: hint.into(), place: None, unknown: None }
    }
}

/// Every fault of a template: its syntax, and the names that it uses.
///
/// What stands in a branch that is not taken here is judged when the query is compiled for a run.
#[must_use]
pub fn check_template(sql: &str, known: Known<'_>) -> Vec<Finding> {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let names = Arc::new(Names {
        filters: owned(known.filters),
        controls: owned(known.controls),
        attributes: known.attributes.map(owned),
        reported: Mutex::default(),
    });
    let mut found = Vec::new();
    // A fault ends a rendering; known ones are let pass the next time, so that all of them are found.
    for _ in 0..FAULTS_MAX {
        let Err(error) = sandbox::run(sql, Arc::clone(&names)) else { break };
        let place = Some((error.line().unwrap_or(1), 0));
        let reported = names.reported.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        match reported.filter(|_| error.detail() == Some(UNKNOWN)) {
            Some(unknown) => {
                let message = format!("there is no {} `{}`", unknown.what, unknown.name);
                found.push(Finding { place, unknown: Some(unknown), ..Finding::new(message, "") });
            }
            None => {
                let message = format!("in the template: {}", sandbox::reason(&error));
                found.push(Finding { place, ..Finding::new(message, sandbox::hint(&error)) });
                break;
            }
        }
    }
    found
}

const UNKNOWN: &str = "unknown name";

struct Names {
    filters: Vec<String>,
    controls: Vec<String>,
    attributes: Option<Vec<String>>,
    reported: Mutex<Vec<Unknown>>,
}

impl Names {
    fn judge(&self, what: &'static str, name: &str) -> Result<(), Error> {
        let known = match what {
            "filter" => Some(&self.filters),
            "control" => Some(&self.controls),
            _ => self.attributes.as_ref(),
        };
        let unknown = Unknown { what, name: name.to_owned() };
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none_or(|known| known.iter().any(|k| k == name)) || reported.contains(&unknown) {
            return Ok(());
        }
        reported.push(unknown);
        Err(Error::new(ErrorKind::InvalidOperation, UNKNOWN))
    }
}

impl Calls for Names {
    fn filter(&self, keys: Vec<String>, _: String) -> Result<String, Error> {
        keys.iter().try_for_each(|key| self.judge("filter", key)).map(|()| "true".to_owned())
    }

    fn attribute(&self, name: String, _: String) -> Result<String, Error> {
        self.judge("user attribute", &name).map(|()| "true".to_owned())
    }

    fn control(&self, key: String) -> Result<String, Error> {
        self.judge("control", &key).map(|()| "1".to_owned())
    }
}

/// What is wrong with a filter's default: it cannot be read, or leaves the calendar.
///
/// # Errors
/// [`FilterError`].
pub fn check_default(kind: FilterKind, expression: &Value, clock: &QueryClock) -> Result<(), FilterError> {
    let parsed = filter::parse(kind, expression)?;
    match clock.resolve() {
        Ok(clock) => filter::resolve(&parsed, &clock, &Identity::default()).map(drop),
        // The zone is judged where it is written.
        Err(_) => Ok(()),
    }
}

/// What can be said of a tile's SQL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TileCheck {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Names of the columns that it yields, where its text says them all.
    pub columns: Option<Vec<String>>,
}

/// Every fault of the SQL of `tile` with these filters, whose template is right: it is compiled, and parsed as its engine would.
#[must_use]
pub fn check_tile(tile: &QueryTile, filters: &EffectiveFilters, clock: &QueryClock, dialect: Dialect) -> TileCheck {
    let failed = |error: &CompileError| TileCheck { findings: vec![of_compile(error, tile, filters, dialect)], columns: None };
    let reading = match Reading::new(tile, filters, dialect) {
        Ok(reading) => reading,
        Err(error) => return failed(&error),
    };
    let written = match clock.resolve().and_then(|clock| reading.write(&Identity::default(), &clock)) {
        Ok(written) => written,
        Err(error) => return failed(&error),
    };
    let (mut found, mut columns) = (Vec::new(), None);
    // ClickHouse's placeholders, `{p1:String}`, are read by ClickHouse alone.
    let is_marked = dialect == Dialect::ClickHouse;
    let sql = if is_marked { written.with_markers() } else { &written.sql };
    match screen::screen(sql, dialect) {
        Ok(statement) => columns = rows::columns(&statement),
        Err(error) => {
            let byte = error.at.map(|(line, column)| markers::offset(sql, line, column));
            let back = |byte| if is_marked { written.back_from_markers(byte) } else { written.back(byte) };
            let place = byte.and_then(|byte| reading.place(back(byte)));
            found.push(Finding { place, ..of_screen(error, dialect) });
        }
    }
    found.extend(fragile::of_reading(&reading, dialect));
    for (word, at) in &written.clocks {
        found.push(Finding {
            fails: false,
            place: reading.place(*at),
            ..Finding::new(
                format!("'{word}' may read the database's clock, which is not the run's"),
                format!(
                    "write {}; a text is written as cast('{word}' as text)",
                    if *word == "now" { "now()" } else { "current_date, with a day more or less" }
                ),
            )
        });
    }
    TileCheck { findings: found, columns }
}

fn of_screen(error: ScreenError, dialect: Dialect) -> Finding {
    // Where another parser has the last word, ours may be the one that is wrong.
    let doubtful = error.fault == screen::ScreenFault::Syntax && error.parser && !dialect.rules().parses_as_the_engine();
    let hint = error.hint.unwrap_or_else(|| {
        if doubtful {
            "when the database takes it, it is right: see `pressrun check --connect`"
        } else {
            "correct the SQL here or just before"
        }
        .to_owned()
    });
    Finding { fails: !doubtful, ..Finding::new(error.message, hint) }
}

fn of_compile(error: &CompileError, tile: &QueryTile, filters: &EffectiveFilters, dialect: Dialect) -> Finding {
    match error {
        CompileError::Template { line, reason, hint } => {
            Finding { place: Some((line.unwrap_or(1), 0)), ..Finding::new(format!("in the template: {reason}"), *hint) }
        }
        CompileError::Sql { at, .. } => Finding {
            place: crate::template::place(tile, filters, *at),
            ..Finding::new(error.to_string(), "close each quote and each comment")
        },
        CompileError::Placeholder(name) => {
            let place = crate::template::place_of(tile, filters, dialect, name);
            Finding { place, ..Finding::new(error.to_string(), "write the value, or make a filter or a control of it") }
        }
        CompileError::Filter { source, .. } => Finding::new(format!("{error}: {source}"), "correct the filter's default"),
        other => Finding::new(other.to_string(), "correct the tile's SQL, or what the dashboard says of it"),
    }
}

//! What `pressrun check` asks of a catalog, away from the server: everything that loading asks, and what a run would stumble over.

pub(crate) mod columns;

pub use columns::{Column, ColumnKind};

use std::path::Path;

use pressrun_domain::catalog::{Catalog, QueryTile};
use pressrun_domain::id::{ConnectionName, DocumentIdentifier, TileKey};

use crate::convert::Connections;
use crate::folder::CONNECTIONS;
use crate::load::{LoadOptions, load_all};
use crate::problem::{Place, Problem, Report, Severity, printable_text};

/// A catalog and everything that was found in it.
#[derive(Debug)]
pub struct Checked {
    /// The catalog; `None` when it could not be put together.
    pub catalog: Option<Catalog>,
    /// Errors and warnings, in the order of files and lines.
    pub problems: Vec<Problem>,
    /// Where each connection that is right stands.
    pub connections: Vec<ConnectionPlace>,
    /// Where the SQL of each query stands.
    pub tiles: Vec<TilePlace>,
}

/// Where a connection stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionPlace {
    /// The connection.
    pub name: ConnectionName,
    place: Place,
}

impl ConnectionPlace {
    /// The places of all that are right.
    pub(crate) fn all(connections: &Connections) -> impl Iterator<Item = Self> {
        let place = |name: &ConnectionName| connections.names.get(name.as_str()).copied().unwrap_or_default();
        connections.connections.keys().map(move |name| Self { name: name.clone(), place: place(name) })
    }

    /// A problem of this connection.
    #[must_use]
    pub fn problem(&self, message: &str, hint: &str) -> Problem {
        problem_at(CONNECTIONS, self.place, message, hint)
    }
}

/// One problem of a file.
fn problem_at(file: &str, place: Place, message: &str, hint: &str) -> Problem {
    let message = printable_text(message);
    Problem { file: file.to_owned(), line: place.line, column: place.column, message, hint: hint.to_owned(), severity: Severity::Error }
}

/// Where a query stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TilePlace {
    /// The document.
    pub document: DocumentIdentifier,
    /// The tile.
    pub tile: TileKey,
    /// Path relative to the catalog folder.
    pub file: String,
    /// The SQL.
    pub sql: Place,
}

impl Checked {
    /// Whether something is wrong; warnings alone are not.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

impl TilePlace {
    /// A problem of this query: at line and column (both from 1) of its SQL, or where the SQL begins.
    #[must_use]
    pub fn problem(&self, at: Option<(usize, usize)>, message: &str, hint: &str) -> Problem {
        let place =
            at.map_or(self.sql, |(line, column)| self.sql.of_inner(u32::try_from(line).unwrap_or(1), u32::try_from(column).unwrap_or(0)));
        problem_at(&self.file, place, message, hint)
    }

    /// What is wrong with the drawing of a query that yields `output`.
    #[must_use]
    pub fn judge_columns(&self, query: &QueryTile, output: &[Column]) -> Vec<Problem> {
        let report = Report::new(&self.file);
        columns::judge(query, output, self.sql, self.sql, &report);
        report.into_problems()
    }
}

/// Validates the catalog at `dir` without needing its secrets or its data, as a pull request does.
#[must_use]
pub fn check(dir: &Path) -> Checked {
    check_with(dir, LoadOptions { require_secrets: false, ..LoadOptions::default() })
}

/// As [`check`], with its own environment; with secrets when they are required.
#[must_use]
pub fn check_with(dir: &Path, options: LoadOptions<'_>) -> Checked {
    load_all(dir, LoadOptions { judge: true, ..options })
}

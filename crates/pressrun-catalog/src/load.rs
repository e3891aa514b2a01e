//! Files to one validated snapshot, or all of their problems.

use std::path::Path;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use pressrun_domain::catalog::{Catalog, Document};
use pressrun_domain::id::{DocumentIdentifier, TileKey};

use crate::check::{Checked, TilePlace};
use crate::convert::{self, People};
use crate::files::{ConnectionsFile, DashboardFile, PeopleFile};
use crate::folder::{self, Texts};
use crate::problem::{Place, Problem, Report, Severity, printable};
use crate::yaml;

/// Most problems reported; the rest are counted.
const PROBLEMS_MAX: usize = 200;

/// Gives the value of an environment variable.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// What loading looks at besides the folder.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Where `${NAME}` is looked up.
    pub environment: Environment<'a>,
    /// Whether a secret that is not there (no such variable, no such file) is a problem. False for checks away from the
    /// server; the secret is then empty.
    pub require_secrets: bool,
    /// Whether every tile is compiled and parsed and every default read: what a run would stumble over, which loading lets pass so that
    /// one faulty tile takes nothing else down.
    pub judge: bool,
}

impl Default for LoadOptions<'_> {
    /// The environment of the process; secrets must be there.
    fn default() -> Self {
        Self { environment: &|name| std::env::var(name).ok(), require_secrets: true, judge: false }
    }
}

impl std::fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOptions").field("require_secrets", &self.require_secrets).finish_non_exhaustive()
    }
}

/// Reads and validates the catalog at `dir`.
///
/// # Errors
/// Every problem of every file, in the order of files and lines.
pub fn load(dir: &Path) -> Result<Catalog, Vec<Problem>> {
    load_with(dir, LoadOptions::default())
}

/// As [`load`], with its own environment.
///
/// # Errors
/// Every problem of every file.
pub fn load_with(dir: &Path, options: LoadOptions<'_>) -> Result<Catalog, Vec<Problem>> {
    let checked = load_all(dir, options);
    match checked.catalog {
        Some(catalog) if !checked.problems.iter().any(is_error) => Ok(catalog),
        _ => Err(checked.problems.into_iter().filter(is_error).collect()),
    }
}

fn is_error(problem: &Problem) -> bool {
    problem.severity == Severity::Error
}

/// The catalog at `dir` with everything that was found in it.
pub(crate) fn load_all(dir: &Path, options: LoadOptions<'_>) -> Checked {
    let (mut problems, mut tiles) = (Vec::new(), Vec::new());
    let catalog = folder::read(dir, &mut problems).and_then(|texts| assemble(&texts, options, &mut problems, &mut tiles));
    Checked { catalog, problems: sorted(problems), tiles }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    if problems.len() > PROBLEMS_MAX {
        let more = problems.len() - PROBLEMS_MAX;
        problems.truncate(PROBLEMS_MAX);
        problems.push(Problem::of_file("", format!("and {more} more problems"), "correct these first"));
    }
    problems
}

pub(crate) fn assemble(
    texts: &Texts,
    options: LoadOptions<'_>,
    problems: &mut Vec<Problem>,
    tiles: &mut Vec<TilePlace>,
) -> Option<Catalog> {
    let mut total = Sha256::new();
    let mut add_version = |file: &str, version: &str| {
        total.update((file.len() as u64).to_be_bytes());
        total.update(file);
        total.update(version);
    };

    let connections = texts.connections.as_deref().and_then(|text| {
        let report = Report::new(folder::CONNECTIONS);
        let read = yaml::read::<ConnectionsFile>(text, &report).map(|document| {
            add_version(folder::CONNECTIONS, &document.version);
            convert::connections(&document.content, &texts.root, options, &report)
        });
        problems.extend(report.into_problems());
        read
    });
    let people = texts.people.as_deref().and_then(|text| {
        let report = Report::new(folder::PEOPLE);
        let read = yaml::read::<PeopleFile>(text, &report).and_then(|document| {
            add_version(folder::PEOPLE, &document.version);
            convert::people(&document.content, &texts.root, options, &report)
        });
        problems.extend(report.into_problems());
        read
    });

    let known = convert::Known { connections: connections.as_ref(), people: people.as_ref(), judge: options.judge };
    let mut documents: IndexMap<DocumentIdentifier, Document> = IndexMap::new();
    let mut written: IndexMap<String, (String, u32)> = IndexMap::new();
    for (file, text) in &texts.dashboards {
        let report = Report::new(file);
        if let Some(read) = yaml::read::<DashboardFile>(text, &report) {
            add_version(file, &read.version);
            if let Some((identifier, place)) = read.content.identifier.placed() {
                note_identifier(identifier, place, &mut written, &report);
            }
            if let Some(document) = convert::document(&read.content, &read.version, known, &report) {
                tiles.extend(places(&document, &read.content, file));
                documents.insert(document.identifier.clone(), document);
            }
        }
        problems.extend(report.into_problems());
    }

    let version = hex::encode(total.finalize());
    let People { organization, attributes, members, groups, dev_keys, .. } = people?;
    Some(Catalog { version, organization, connections: connections?.connections, members, groups, attributes, dev_keys, documents })
}

/// Where the queries of a document stand.
fn places(document: &Document, file: &DashboardFile, path: &str) -> Vec<TilePlace> {
    let entries = file.tiles.get().into_iter().flatten();
    let placed = entries.filter_map(|entry| {
        let (tile, sql) = (TileKey(entry.key.clone()), entry.value.get()?.sql.place()?);
        Some(TilePlace { document: document.identifier.clone(), tile, file: path.to_owned(), sql })
    });
    placed.collect()
}

fn note_identifier(identifier: &str, place: Place, written: &mut IndexMap<String, (String, u32)>, report: &Report<'_>) {
    if let Some((file, line)) = written.get(identifier) {
        report.add(
            place,
            format!("identifier `{}` is taken by {}:{line}", printable(identifier), printable(file)),
            "give one of the two documents another identifier",
        );
    } else {
        written.insert(identifier.to_owned(), (report.file().to_owned(), place.line));
    }
}

//! Files to one validated snapshot, or all of their problems.

use std::path::Path;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use pressrun_domain::catalog::{Catalog, Document};
use pressrun_domain::id::DocumentIdentifier;

use crate::convert::{self, People};
use crate::files::{ConnectionsFile, DashboardFile, PeopleFile};
use crate::folder::{self, Texts};
use crate::problem::{Place, Problem, Report, printable};
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
}

impl Default for LoadOptions<'_> {
    /// The environment of the process; secrets must be there.
    fn default() -> Self {
        Self { environment: &|name| std::env::var(name).ok(), require_secrets: true }
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

/// Validates the catalog at `dir` without needing its secrets, as a pull request does.
///
/// # Errors
/// Every problem of every file.
pub fn check(dir: &Path) -> Result<Catalog, Vec<Problem>> {
    load_with(dir, LoadOptions { require_secrets: false, ..LoadOptions::default() })
}

/// As [`load`], with its own environment.
///
/// # Errors
/// Every problem of every file.
pub fn load_with(dir: &Path, options: LoadOptions<'_>) -> Result<Catalog, Vec<Problem>> {
    let mut problems = Vec::new();
    let catalog = folder::read(dir, &mut problems).and_then(|texts| assemble(&texts, options, &mut problems));
    match catalog {
        Some(catalog) if problems.is_empty() => Ok(catalog),
        _ => Err(sorted(problems)),
    }
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

pub(crate) fn assemble(texts: &Texts, options: LoadOptions<'_>, problems: &mut Vec<Problem>) -> Option<Catalog> {
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

    let known = convert::Known { connections: connections.as_ref(), people: people.as_ref() };
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
                documents.insert(document.identifier.clone(), document);
            }
        }
        problems.extend(report.into_problems());
    }

    let version = hex::encode(total.finalize());
    let People { organization, attributes, members, groups, dev_keys, .. } = people?;
    Some(Catalog { version, organization, connections: connections?.connections, members, groups, attributes, dev_keys, documents })
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

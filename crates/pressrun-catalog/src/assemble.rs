//! Texts to one snapshot.
//!
//! Two manners. A check takes every document as far as it goes and reports all problems. A server, which has something *before* to hold on to,
//! takes no document that has a fault: what its file said before stays, and where nothing is known from before, the document waits, with the
//! schedules on it, until its file is right. What all dashboards share (connections, people) falls back to what it said last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use indexmap::IndexMap;
use pressrun_domain::catalog::{Catalog, Document, Waiting};
use pressrun_domain::id::{DocumentIdentifier, TileKey};
use sha2::{Digest, Sha256};

use crate::check::TilePlace;
use crate::convert::{self, Connections, People, PeoplePart};
use crate::files::{ConnectionsFile, DashboardFile, MorePeopleFile, PeopleFile};
use crate::folder::{self, Shared, Texts};
use crate::load::LoadOptions;
use crate::problem::{Place, Problem, Report, printable};
use crate::yaml::{self, Bounds};

/// A file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyFile {
    /// Path relative to the catalog folder, with `/`; a whole folder when that could not be read.
    pub file: String,
    /// The document in it, as far as that can be told.
    pub identifier: Option<DocumentIdentifier>,
    /// Whether what it said before stays in force. If not, its schedules wait.
    pub kept: bool,
}

/// What was made of the texts.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    /// `None` without connections or people.
    pub(crate) catalog: Option<Catalog>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) tiles: Vec<TilePlace>,
    pub(crate) faulty: Vec<FaultyFile>,
    pub(crate) taken: Taken,
    /// Other files that it depends on.
    pub(crate) reads: BTreeSet<PathBuf>,
}

/// What was taken from which text, so that the same text need not be read again and a faulty one can be passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    /// The shared files when they last had no fault.
    pub(crate) shared: Shared,
    /// What documents were judged by besides their own text.
    known: [u8; 32],
    /// By path.
    documents: BTreeMap<String, TakenDocument>,
}

impl Taken {
    /// Nothing but the shared files.
    pub(crate) fn of(shared: Shared) -> Self {
        Self { shared, ..Self::default() }
    }
}

#[derive(Debug, Clone)]
struct TakenDocument {
    text: [u8; 32],
    identifier: DocumentIdentifier,
}

/// What to hold on to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The catalog in force; `None` at the start.
    pub(crate) catalog: Option<&'a Catalog>,
    pub(crate) taken: &'a Taken,
}

pub(crate) fn assemble(texts: &Texts, options: LoadOptions<'_>, before: Option<Before<'_>>) -> Assembled {
    let bounds = Bounds::new(options.rules.max_file_bytes, options.rules.max_bytes);
    let context = Reading { texts, options, bounds: &bounds };
    let mut made = Assembled::default();
    let mut total = Sha256::new();

    let (connections, connections_are_right) = context.connections(before, &mut total, &mut made);
    let (people, people_are_right) = context.people(before, &mut total, &mut made);
    let last = before.map(|before| &before.taken.shared);
    made.taken.shared = Shared {
        connections: if connections_are_right { texts.shared.connections.clone() } else { last.and_then(|last| last.connections.clone()) },
        people: if people_are_right { texts.shared.people.clone() } else { last.and_then(|last| last.people.clone()) },
        more_people: match last {
            Some(last) if !people_are_right => last.more_people.clone(),
            _ => texts.shared.more_people.clone(),
        },
    };
    made.taken.known = total.clone().finalize().into();

    let known = convert::Known { connections: connections.as_ref(), people: people.as_ref(), judge: options.judge };
    let (documents, waiting) = context.documents(known, before, &mut total, &mut made);
    if let (Some(connections), Some(people)) = (connections, people) {
        let People { organization, attributes, members, groups, dev_keys, .. } = people;
        let connections = connections.connections;
        let version = hex::encode(total.finalize());
        let (members, groups) = (members.into(), groups.into());
        made.catalog = Some(Catalog { version, organization, connections, members, groups, attributes, dev_keys, documents, waiting });
    }
    made
}

fn add_version(total: &mut Sha256, file: &str, version: &str) {
    total.update((file.len() as u64).to_be_bytes());
    total.update(file);
    total.update(version);
}

struct Reading<'a> {
    texts: &'a Texts,
    options: LoadOptions<'a>,
    bounds: &'a Bounds,
}

impl Reading<'_> {
    /// The connections, and whether all that are written are right. One that is not is what it was before, if it was.
    fn connections(&self, before: Option<Before<'_>>, total: &mut Sha256, made: &mut Assembled) -> (Option<Connections>, bool) {
        let report = Report::new(folder::CONNECTIONS);
        let mut found = self.texts.shared.connections.as_deref().and_then(|text| self.connections_of(text, total, &report));
        made.reads.extend(report.take_reads());
        let right = found.is_some() && !report.fails();
        made.problems.extend(report.into_problems());
        if let Some(before) = before.filter(|_| !right) {
            // A file that names none says nothing.
            found = found.filter(|found| !found.names.is_empty());
            let report = Report::new(folder::CONNECTIONS);
            let mut last = before.taken.shared.connections.as_deref().and_then(|text| self.connections_of(text, total, &report));
            made.reads.extend(report.take_reads());
            // What is in force knows secrets that are not to be had any more.
            let in_force = before.catalog.into_iter().flat_map(|catalog| &catalog.connections);
            if let Some(found) = found.as_mut().or(last.as_mut()) {
                for (name, connection) in in_force {
                    found.keep(name, connection);
                }
            }
            match &mut found {
                Some(found) => last.iter().flat_map(|last| &last.connections).for_each(|(name, connection)| found.keep(name, connection)),
                None => found = last,
            }
        }
        (found, right)
    }

    fn connections_of(&self, text: &str, total: &mut Sha256, report: &Report<'_>) -> Option<Connections> {
        let read = yaml::read::<ConnectionsFile>(text, self.bounds, report)?;
        add_version(total, folder::CONNECTIONS, &read.version);
        Some(convert::connections(&read.content, &self.texts.root, self.options, report))
    }

    /// The people, and whether everything in their files is right. Who may see what is not for guessing: one fault, and all of it is what it
    /// was before.
    fn people(&self, before: Option<Before<'_>>, total: &mut Sha256, made: &mut Assembled) -> (Option<People>, bool) {
        let (found, right) = self.people_of(&self.texts.shared, total, made);
        let right = right && !self.texts.people_unread;
        let Some(before) = before.filter(|_| !right) else { return (found, right) };
        let last = &before.taken.shared;
        let mut ignored = Assembled::default();
        let (last, _) = self.people_of(last, total, &mut ignored);
        made.reads.append(&mut ignored.reads);
        (last, false)
    }

    fn people_of(&self, shared: &Shared, total: &mut Sha256, made: &mut Assembled) -> (Option<People>, bool) {
        let mut reports = vec![Report::new(folder::PEOPLE)];
        reports.extend(shared.more_people.keys().map(|file| Report::new(file)));
        let mut files = Vec::with_capacity(reports.len());
        let mut whole = shared.people.is_some();
        for report in &reports {
            let read = match shared.more_people.get(report.file()) {
                Some(text) => yaml::read::<MorePeopleFile>(text, self.bounds, report).map(|read| (read.content.into(), read.version)),
                None => shared
                    .people
                    .as_deref()
                    .and_then(|text| yaml::read::<PeopleFile>(text, self.bounds, report))
                    .map(|read| (read.content, read.version)),
            };
            match read {
                Some((content, version)) => {
                    add_version(total, report.file(), &version);
                    files.push((content, report));
                }
                None => whole = false,
            }
        }
        let parts: Vec<_> = files.iter().map(|(file, report)| PeoplePart { file, report }).collect();
        // Without the first file nothing is known of the organization.
        let has_first = parts.first().is_some_and(|part| part.report.file() == folder::PEOPLE);
        let people = has_first.then(|| convert::people(&parts, &self.texts.root, self.options)).flatten();
        drop(parts);
        drop(files);
        let right = whole && !reports.iter().any(Report::fails);
        for report in reports {
            made.reads.extend(report.take_reads());
            made.problems.extend(report.into_problems());
        }
        (people, right)
    }

    /// All documents, and what waits.
    fn documents(
        &self,
        known: convert::Known<'_>,
        before: Option<Before<'_>>,
        total: &mut Sha256,
        made: &mut Assembled,
    ) -> (IndexMap<DocumentIdentifier, Document>, Waiting) {
        let mut documents: BTreeMap<&str, Document> = BTreeMap::new();
        let mut written: IndexMap<String, (String, u32)> = IndexMap::new();
        for (file, text) in &self.texts.dashboards {
            let hash: [u8; 32] = Sha256::digest(text).into();
            if let Some(document) = before.and_then(|before| before.unchanged(file, hash, made.taken.known))
                && !written.contains_key(document.identifier.as_str())
            {
                written.insert(document.identifier.0.clone(), (file.clone(), 1));
                made.taken.documents.insert(file.clone(), TakenDocument { text: hash, identifier: document.identifier.clone() });
                documents.insert(file, document.clone());
                continue;
            }
            let report = Report::new(file);
            let read = yaml::read::<DashboardFile>(text, self.bounds, &report);
            let identifier = match &read {
                Some(read) => read.content.identifier.get().cloned(),
                None => identifier_line(text),
            };
            let document = read.and_then(|read| {
                if let Some((identifier, place)) = read.content.identifier.placed() {
                    note_identifier(identifier, place, &mut written, &report);
                }
                let document = convert::document(&read.content, &read.version, known, &report)?;
                made.tiles.extend(places(&document, &read.content, file));
                Some(document)
            });
            made.reads.extend(report.take_reads());
            let fails = report.fails();
            made.problems.extend(report.into_problems());
            let faulty = || FaultyFile { file: file.clone(), identifier: identifier.map(DocumentIdentifier), kept: false };
            match document {
                Some(document) if before.is_none() || !(fails || lacks_connection(&document, known)) => {
                    made.taken.documents.insert(file.clone(), TakenDocument { text: hash, identifier: document.identifier.clone() });
                    documents.insert(file, document);
                }
                _ => made.faulty.push(faulty()),
            }
        }
        made.faulty.extend(self.texts.unread.iter().map(|file| FaultyFile { file: file.clone(), identifier: None, kept: false }));
        let waiting = match before {
            Some(before) => keep(before, &mut documents, made),
            None => Waiting::default(),
        };
        for (file, document) in &documents {
            add_version(total, file, &document.version);
        }
        for identifier in &waiting.documents {
            add_version(total, "waiting", identifier.as_str());
        }
        total.update([u8::from(waiting.unidentified)]);
        let mut found = IndexMap::with_capacity(documents.len());
        for document in documents.into_values() {
            found.entry(document.identifier.clone()).or_insert(document);
        }
        (found, waiting)
    }
}

impl<'a> Before<'a> {
    /// The document that was made of the same text, judged by the same connections and people.
    fn unchanged(&self, file: &str, text: [u8; 32], known: [u8; 32]) -> Option<&'a Document> {
        let taken = self.taken.documents.get(file).filter(|taken| taken.text == text && self.taken.known == known)?;
        self.catalog?.documents.get(&taken.identifier)
    }

    /// What this file, or the files of this folder, said before.
    fn of_file(self, file: &str) -> impl Iterator<Item = (&'a str, &'a TakenDocument, &'a Document)> {
        let below = format!("{file}/");
        let taken = self.taken.documents.iter().filter(move |(path, _)| path.starts_with(&below));
        let taken = self.taken.documents.get_key_value(file).into_iter().chain(taken);
        taken.filter_map(move |(path, taken)| Some((path.as_str(), taken, self.catalog?.documents.get(&taken.identifier)?)))
    }
}

/// Keeps what faulty files said before, as far as nothing else says it now. What is left over waits.
fn keep<'a>(before: Before<'a>, documents: &mut BTreeMap<&'a str, Document>, made: &mut Assembled) -> Waiting {
    let mut there: BTreeSet<DocumentIdentifier> = documents.values().map(|document| document.identifier.clone()).collect();
    let mut waiting = Waiting::default();
    for faulty in &mut made.faulty {
        for (path, taken, document) in before.of_file(&faulty.file) {
            if there.insert(document.identifier.clone()) {
                faulty.kept = true;
                faulty.identifier = Some(document.identifier.clone());
                made.taken.documents.insert(path.to_owned(), TakenDocument { text: [0; 32], ..taken.clone() });
                documents.insert(path, document.clone());
            }
        }
        match &faulty.identifier {
            _ if faulty.kept => {}
            Some(identifier) if there.contains(identifier) => {}
            Some(identifier) => drop(waiting.documents.insert(identifier.clone())),
            None => waiting.unidentified = true,
        }
    }
    waiting
}

/// Whether its connection is written, but with a fault.
fn lacks_connection(document: &Document, known: convert::Known<'_>) -> bool {
    let Some((dashboard, connections)) = document.dashboard.as_ref().zip(known.connections) else { return false };
    !connections.connections.contains_key(&dashboard.connection)
}

/// The identifier of a file that is no YAML, as far as its line can be read.
fn identifier_line(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("identifier:"))?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let right = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    right.then(|| value.to_owned())
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

//! Texts to one snapshot.
//!
//! Two manners. A check takes every document as far as it goes and reports all problems. A server, which has something *before* to hold on to,
//! takes no document that has a fault: what its file said before stays, and where nothing is known from before, the document waits, with the
//! schedules on it, until its file is right. What all dashboards share (connections, people) falls back to what it said last.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::DocumentIdentifier;
use sha2::{Digest, Sha256};

use crate::check::{ConnectionPlace, TilePlace};
use crate::convert::{self, Connections, People, PeoplePart};
use crate::documents::{Documents, Reading, TakenDocument, TakenDocuments};
use crate::files::{ConnectionsFile, MorePeopleFile, PeopleFile};
use crate::folder::{self, Files, Shared};
use crate::load::LoadOptions;
use crate::problem::{Problem, Report};
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

/// What was made of the files.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    /// `None` without connections or people.
    pub(crate) catalog: Option<Catalog>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) connections: Vec<ConnectionPlace>,
    pub(crate) tiles: Vec<TilePlace>,
    pub(crate) faulty: Vec<FaultyFile>,
    pub(crate) taken: Taken,
    /// Dashboard files whose text was read.
    pub(crate) read: usize,
    /// Other files that it depends on.
    pub(crate) reads: BTreeSet<PathBuf>,
}

/// What was taken from which file, so that it need not be read again while it stays the same, and can be held on to when it has a fault.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The shared files when they last had no fault.
    pub(crate) shared: Shared,
    /// What the people of `shared` are, when that depends on nothing else.
    people: Option<Arc<TakenPeople>>,
    /// What documents were judged by besides their own text.
    known: [u8; 32],
    pub(crate) documents: TakenDocuments,
}

impl Taken {
    /// Nothing but the shared files.
    pub(crate) fn of(shared: Shared) -> Self {
        Self { shared, ..Self::default() }
    }
}

/// People, and what their files say.
#[derive(Debug)]
struct TakenPeople {
    people: People,
    /// By file.
    versions: Vec<(String, String)>,
    /// Whether everything in their files is right.
    right: bool,
}

/// What to hold on to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The catalog in force; `None` at the start.
    pub(crate) catalog: Option<&'a Catalog>,
    pub(crate) taken: &'a Taken,
    /// Whether a file that looks as it did is passed over without reading it.
    pub(crate) trusts_traces: bool,
}

impl<'a> Before<'a> {
    /// What was taken from a file, judged by the same connections and people as `known`.
    pub(crate) fn taken_of(self, file: &str, known: [u8; 32]) -> Option<&'a TakenDocument> {
        self.taken.documents.get(file).filter(|_| self.taken.known == known)
    }
}

/// Makes a catalog of `files`, which were listed at `read_at`.
pub(crate) fn assemble(files: &Files, options: LoadOptions<'_>, read_at: Timestamp, before: Option<Before<'_>>) -> Assembled {
    let bounds = Bounds::new(options.rules.max_file_bytes, options.rules.max_bytes);
    let context = Assembling { files, options, bounds: &bounds };
    let mut made = Assembled::default();
    let mut total = Sha256::new();

    let (connections, connections_are_right) = context.connections(before, &mut total, &mut made);
    let (people, people_are_right) = context.people(before, &mut made);
    for (file, version) in people.iter().flat_map(|people| &people.versions) {
        add_version(&mut total, file, version);
    }
    let last = before.map(|before| &before.taken.shared);
    let shared = &files.shared;
    made.taken.shared = Shared {
        connections: if connections_are_right { shared.connections.clone() } else { last.and_then(|last| last.connections.clone()) },
        people: if people_are_right { shared.people.clone() } else { last.and_then(|last| last.people.clone()) },
        more_people: match last {
            Some(last) if !people_are_right => last.more_people.clone(),
            _ => shared.more_people.clone(),
        },
    };
    made.connections.extend(connections.iter().flat_map(ConnectionPlace::all));
    let people_of_today = people.as_deref().map(|people| &people.people);
    let known = convert::Known { connections: connections.as_ref(), people: people_of_today, judge: options.judge };
    made.taken.known = known.digest();
    let reading = Reading { files, rules: options.rules, bounds: &bounds, known, digest: made.taken.known, read_at };
    let Documents { found: documents, waiting, version, taken, problems, tiles, faulty, read } = reading.documents(before);
    (made.taken.documents, made.read) = (taken, read);
    made.problems.extend(problems);
    made.tiles.extend(tiles);
    made.faulty.extend(faulty);
    total.update(version.finalize());
    if let (Some(connections), Some(people)) = (connections, people_of_today) {
        made.catalog = Some(Catalog {
            version: hex::encode(total.finalize()),
            organization: people.organization.clone(),
            connections: connections.connections,
            members: people.members.clone(),
            groups: people.groups.clone(),
            attributes: people.attributes.clone(),
            dev_keys: people.dev_keys.clone(),
            documents,
            waiting,
        });
    }
    // What other files and the environment say may change.
    made.taken.people = people.filter(|people| people.people.dev_keys.is_empty());
    made
}

fn add_version(total: &mut Sha256, file: &str, version: &str) {
    total.update((file.len() as u64).to_be_bytes());
    total.update(file);
    total.update(version);
}

struct Assembling<'a> {
    files: &'a Files,
    options: LoadOptions<'a>,
    bounds: &'a Bounds,
}

impl Assembling<'_> {
    /// The connections, and whether all that are written are right. One that is not is what it was before, if it was.
    fn connections(&self, before: Option<Before<'_>>, total: &mut Sha256, made: &mut Assembled) -> (Option<Connections>, bool) {
        let report = Report::new(folder::CONNECTIONS);
        let mut found = self.files.shared.connections.as_deref().and_then(|text| self.connections_of(text, total, &report));
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
            let keep = |found: &mut Connections, name, connection| found.keep(name, connection, &self.files.root, self.options.rules);
            if let Some(found) = found.as_mut().or(last.as_mut()) {
                in_force.for_each(|(name, connection)| keep(found, name, connection));
            }
            match &mut found {
                Some(found) => last.iter().flat_map(|last| &last.connections).for_each(|(name, connection)| keep(found, name, connection)),
                None => found = last,
            }
        }
        (found, right)
    }

    fn connections_of(&self, text: &str, total: &mut Sha256, report: &Report<'_>) -> Option<Connections> {
        let read = yaml::read::<ConnectionsFile>(text, self.bounds, report)?;
        add_version(total, folder::CONNECTIONS, &read.version);
        Some(convert::connections(&read.content, &self.files.root, self.options, report))
    }

    /// The people, and whether everything in their files is right. Who may see what is not for guessing: one fault, and all of it is what it
    /// was before.
    fn people(&self, before: Option<Before<'_>>, made: &mut Assembled) -> (Option<Arc<TakenPeople>>, bool) {
        let taken = before.map(|before| before.taken);
        let same = taken.filter(|taken| taken.shared.has_people_of(&self.files.shared) && !self.files.people_unread);
        if let Some(people) = same.and_then(|taken| taken.people.as_ref()).filter(|people| people.right) {
            return (Some(Arc::clone(people)), true);
        }
        let found = self.people_of(&self.files.shared, made);
        let right = found.as_ref().is_some_and(|people| people.right) && !self.files.people_unread;
        let Some(taken) = taken.filter(|_| !right) else { return (found, right) };
        if let Some(people) = &taken.people {
            return (Some(Arc::clone(people)), false);
        }
        let mut ignored = Assembled::default();
        let last = self.people_of(&taken.shared, &mut ignored);
        made.reads.append(&mut ignored.reads);
        (last, false)
    }

    fn people_of(&self, shared: &Shared, made: &mut Assembled) -> Option<Arc<TakenPeople>> {
        let mut reports = vec![Report::new(folder::PEOPLE)];
        reports.extend(shared.more_people.keys().map(|file| Report::new(file)));
        let (mut files, mut versions) = (Vec::with_capacity(reports.len()), Vec::with_capacity(reports.len()));
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
                    versions.push((report.file().to_owned(), version));
                    files.push((content, report));
                }
                None => whole = false,
            }
        }
        let parts: Vec<_> = files.iter().map(|(file, report)| PeoplePart { file, report }).collect();
        // Without the first file nothing is known of the organization.
        let has_first = parts.first().is_some_and(|part| part.report.file() == folder::PEOPLE);
        let people = has_first.then(|| convert::people(&parts, &self.files.root, self.options)).flatten();
        drop(parts);
        drop(files);
        let right = whole && !reports.iter().any(Report::fails);
        for report in reports {
            made.reads.extend(report.take_reads());
            made.problems.extend(report.into_problems());
        }
        people.map(|people| Arc::new(TakenPeople { people, versions, right }))
    }
}

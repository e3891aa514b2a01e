//! Dashboard files to documents: those that say what they said are taken over, the others are read on all cores.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::catalog::{Document, TileBody, Waiting};
use pressrun_domain::id::{DocumentIdentifier, TileKey};
use sha2::{Digest, Sha256};

use crate::assemble::{Before, FaultyFile};
use crate::check::TilePlace;
use crate::convert;
use crate::files::DashboardFile;
use crate::folder::{self, Files, Listed};
use crate::parallel;
use crate::problem::{Place, Problem, Report, printable};
use crate::rules::CatalogRules;
use crate::trace::Trace;
use crate::yaml::{self, Bounds};

/// What was taken from which file, by path, so that it need not be read again while it stays the same.
pub(crate) type TakenDocuments = BTreeMap<String, TakenDocument>;

/// What was taken from a file.
#[derive(Debug, Clone)]
pub(crate) struct TakenDocument {
    /// The file when it was read; `None` when it is to be read again in any case.
    trace: Option<Trace>,
    /// SHA-256 of its text; `None` when it says something else by now, that has a fault.
    text: Option<[u8; 32]>,
    /// Where its identifier stands.
    identifier: Place,
    document: Arc<Document>,
}

/// All documents of a catalog, and what else was found in their files.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// In the order of the files' paths.
    pub(crate) found: IndexMap<DocumentIdentifier, Arc<Document>>,
    pub(crate) waiting: Waiting,
    /// Paths and versions of all files that something was taken from, in order, and what waits.
    pub(crate) version: Sha256,
    pub(crate) taken: TakenDocuments,
    pub(crate) problems: Vec<Problem>,
    pub(crate) tiles: Vec<TilePlace>,
    pub(crate) faulty: Vec<FaultyFile>,
    /// Files whose text was read.
    pub(crate) read: usize,
}

/// What reading a document takes.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) files: &'a Files,
    pub(crate) rules: &'a CatalogRules,
    pub(crate) bounds: &'a Bounds,
    pub(crate) known: convert::Known<'a>,
    /// Of `known`.
    pub(crate) digest: [u8; 32],
    /// From before anything was read.
    pub(crate) read_at: Timestamp,
}

/// What became of one file.
enum Found {
    /// It says what it said.
    Same {
        taken: TakenDocument,
        /// Whether that had to be read.
        read: bool,
    },
    Read(Read),
    /// There is no text.
    Unread(Problem),
}

/// What a file says that was read.
struct Read {
    text: [u8; 32],
    /// The identifier and its place, when it is written as one.
    identifier: Option<(String, Place)>,
    /// As far as the identifier can be read, also where the file is no YAML.
    identifier_line: Option<String>,
    document: Option<Arc<Document>>,
    tiles: Vec<TilePlace>,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// All documents, with what files with a fault said `before`.
    pub(crate) fn documents(self, before: Option<Before<'_>>) -> Documents {
        let listed = &self.files.dashboards;
        let found = parallel::each(listed, |file| self.find(file, before));
        let mut repeated = repeated_identifiers(listed, &found);
        let mut all = Documents::default();
        for (file, found) in listed.iter().zip(found) {
            let repeated = repeated.remove(file.path.as_str());
            let is_right = repeated.is_none();
            all.problems.extend(repeated);
            all.read += usize::from(!matches!(found, Found::Same { read: false, .. }));
            match found {
                Found::Same { taken, .. } if is_right => drop(all.taken.insert(file.path.clone(), taken)),
                Found::Same { taken, .. } => all.add_faulty(&file.path, Some(taken.document.identifier.clone())),
                Found::Unread(problem) => {
                    all.problems.push(problem);
                    all.add_faulty(&file.path, None);
                }
                Found::Read(read) => {
                    let is_right = is_right && !read.problems.iter().any(Problem::is_error);
                    all.problems.extend(read.problems);
                    all.tiles.extend(read.tiles);
                    match (read.document, read.identifier) {
                        // Without anything from before it is taken as far as it goes.
                        (Some(document), Some((_, identifier)))
                            if before.is_none() || (is_right && !lacks_connection(&document, self.known)) =>
                        {
                            let trace = file.trace.filter(|trace| trace.has_settled(self.read_at));
                            let taken = TakenDocument { trace, text: Some(read.text), identifier, document };
                            all.taken.insert(file.path.clone(), taken);
                        }
                        _ => all.add_faulty(&file.path, read.identifier_line.map(DocumentIdentifier)),
                    }
                }
            }
        }
        self.files.unlisted.iter().for_each(|path| all.add_faulty(path, None));
        if let Some(before) = before {
            all.keep(&before.taken.documents);
        }
        all.finish();
        all
    }

    fn find(self, file: &Listed, before: Option<Before<'_>>) -> Found {
        let taken = before.and_then(|before| before.taken_of(&file.path, self.digest));
        if let Some(taken) = taken
            && before.is_some_and(|before| before.trusts_traces)
            && taken.trace.is_some()
            && taken.trace == file.trace
        {
            return Found::Same { taken: taken.clone(), read: false };
        }
        let text = match folder::text(&self.files.root, &file.path, self.rules) {
            Ok(text) => text,
            Err(problem) => return Found::Unread(problem),
        };
        let hash: [u8; 32] = Sha256::digest(&text).into();
        match taken {
            Some(taken) if taken.text == Some(hash) => {
                let trace = file.trace.filter(|trace| trace.has_settled(self.read_at));
                Found::Same { taken: TakenDocument { trace, ..taken.clone() }, read: true }
            }
            _ => Found::Read(self.read(&file.path, &text, hash)),
        }
    }

    fn read(self, path: &str, text: &str, hash: [u8; 32]) -> Read {
        let report = Report::new(path);
        let read = yaml::read::<DashboardFile>(text, self.bounds, &report);
        let identifier = read.as_ref().and_then(|read| read.content.identifier.placed()).map(|(text, place)| (text.clone(), place));
        let identifier_line = match &read {
            Some(read) => read.content.identifier.get().cloned(),
            None => identifier_line(text),
        };
        let mut tiles = Vec::new();
        let document = read.and_then(|read| {
            let mut document = convert::document(&read.content, &read.version, self.known, &report)?;
            compact(&mut document);
            tiles = places(&document, &read.content, path);
            Some(Arc::new(document))
        });
        Read { text: hash, identifier, identifier_line, document, tiles, problems: report.into_problems() }
    }
}

impl Documents {
    fn add_faulty(&mut self, file: &str, identifier: Option<DocumentIdentifier>) {
        self.faulty.push(FaultyFile { file: file.to_owned(), identifier, kept: false });
    }

    /// Keeps what faulty files said before, as far as nothing else says it now. What is left over waits.
    fn keep(&mut self, before: &TakenDocuments) {
        if self.faulty.is_empty() {
            return;
        }
        let mut there: BTreeSet<DocumentIdentifier> = self.taken.values().map(|taken| taken.document.identifier.clone()).collect();
        for faulty in &mut self.faulty {
            for (path, taken) in of_file(before, &faulty.file) {
                if there.insert(taken.document.identifier.clone()) {
                    faulty.kept = true;
                    faulty.identifier = Some(taken.document.identifier.clone());
                    self.taken.insert(path.clone(), TakenDocument { trace: None, text: None, ..taken.clone() });
                }
            }
            match &faulty.identifier {
                _ if faulty.kept => {}
                Some(identifier) if there.contains(identifier) => {}
                Some(identifier) => drop(self.waiting.documents.insert(identifier.clone())),
                None => self.waiting.unidentified = true,
            }
        }
    }

    fn finish(&mut self) {
        self.found.reserve(self.taken.len());
        for (path, taken) in &self.taken {
            self.version.update((path.len() as u64).to_be_bytes());
            self.version.update(path);
            self.version.update(&taken.document.version);
            self.found.entry(taken.document.identifier.clone()).or_insert_with(|| Arc::clone(&taken.document));
        }
        for identifier in &self.waiting.documents {
            self.version.update((identifier.as_str().len() as u64).to_be_bytes());
            self.version.update(identifier.as_str());
        }
        self.version.update([u8::from(self.waiting.unidentified)]);
    }
}

/// What this file, or the files of this folder, said before.
fn of_file<'a>(before: &'a TakenDocuments, file: &str) -> impl Iterator<Item = (&'a String, &'a TakenDocument)> + use<'a> {
    let below = format!("{file}/");
    let inside = before.range(below.clone()..).take_while(move |(path, _)| path.starts_with(&below));
    before.get_key_value(file).into_iter().chain(inside)
}

/// The problem of each file whose identifier an earlier one has.
fn repeated_identifiers<'a>(files: &'a [Listed], found: &[Found]) -> HashMap<&'a str, Problem> {
    let mut first: HashMap<&str, (&str, u32)> = HashMap::with_capacity(files.len());
    let mut repeated = HashMap::new();
    for (file, found) in files.iter().zip(found) {
        let (identifier, place) = match found {
            Found::Same { taken, .. } => (taken.document.identifier.as_str(), taken.identifier),
            Found::Read(Read { identifier: Some((identifier, place)), .. }) => (identifier.as_str(), *place),
            Found::Read(_) | Found::Unread(_) => continue,
        };
        let Some((other, line)) = first.get(identifier) else {
            first.insert(identifier, (&file.path, place.line));
            continue;
        };
        let report = Report::new(&file.path);
        report.add(
            place,
            format!("identifier `{}` is taken by {}:{line}", printable(identifier), printable(other)),
            "give one of the two documents another identifier",
        );
        repeated.extend(report.into_problems().pop().map(|problem| (file.path.as_str(), problem)));
    }
    repeated
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

/// Gives back the room that lists took while they grew: documents are many, and stay.
fn compact(document: &mut Document) {
    let Some(dashboard) = &mut document.dashboard else { return };
    dashboard.filters.shrink_to_fit();
    dashboard.tiles.shrink_to_fit();
    for tile in dashboard.tiles.values_mut() {
        let TileBody::Query(query) = &mut tile.body else { continue };
        query.filters.shrink_to_fit();
        query.fields.shrink_to_fit();
        for columns in [&mut query.chart.y, &mut query.chart.bars, &mut query.chart.heat] {
            columns.shrink_to_fit();
        }
    }
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

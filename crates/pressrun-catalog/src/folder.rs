//! Reading the folder: which files there are, within bounds and never outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::open::{NotOpened, identity, plain_file};
use crate::problem::Problem;
use crate::rules::CatalogRules;

/// Most folders below one another in `dashboards` and `people`.
const DEPTH_MAX: usize = 8;
/// Entries of a folder that are looked at for each file that may be there: editors and git leave some of their own.
const ENTRIES_PER_FILE: usize = 4;

pub(crate) const CONNECTIONS: &str = "connections.yaml";
pub(crate) const PEOPLE: &str = "people.yaml";
pub(crate) const PEOPLE_FOLDER: &str = "people";
pub(crate) const DASHBOARDS: &str = "dashboards";

/// The texts of a catalog folder.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Canonical path of the folder.
    pub(crate) root: PathBuf,
    /// What all dashboards share.
    pub(crate) shared: Shared,
    /// Texts of `dashboards/**.yaml` by relative path; the order is that of the paths.
    pub(crate) dashboards: BTreeMap<String, String>,
    /// Dashboard files, and folders of them, that are there and could not be read.
    pub(crate) unread: BTreeSet<String>,
    /// Whether a file of people is there and could not be read.
    pub(crate) people_unread: bool,
}

/// The texts of the files that all dashboards share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shared {
    pub(crate) connections: Option<String>,
    pub(crate) people: Option<String>,
    /// Texts of `people/**.yaml` by relative path.
    #[serde(default)]
    pub(crate) more_people: BTreeMap<String, String>,
}

/// Reads all files of the catalog at `dir`, noting what cannot be read.
pub(crate) fn read(dir: &Path, rules: &CatalogRules, problems: &mut Vec<Problem>) -> Option<Texts> {
    let root = match dir.canonicalize() {
        Ok(root) if root.is_dir() => root,
        Ok(_) => {
            problems.push(Problem::of_file(
                "",
                "the catalog is a file, not a folder",
                "name the folder that holds connections.yaml, people.yaml and dashboards/",
            ));
            return None;
        }
        Err(error) => {
            problems.push(Problem::of_file(
                "",
                format!("the catalog folder cannot be opened: {error}"),
                "name an existing folder, or write one with `pressrun demo`",
            ));
            return None;
        }
    };
    let mut reading = Reading { inside: [root], rules, problems, unread: BTreeSet::new(), bytes: 0, full: false };
    let connections = reading.required(CONNECTIONS, "it says where data lives; an empty list is `connections: {}`");
    let people = reading.required(PEOPLE, "it holds organization, members, groups and user attributes");
    let (mut more_people, mut dashboards) = (BTreeMap::new(), BTreeMap::new());
    if reading.is_folder(PEOPLE_FOLDER) {
        reading.walk(PEOPLE_FOLDER, 0, &mut more_people);
    }
    let people_unread = !std::mem::take(&mut reading.unread).is_empty();
    let has_dashboards = reading.is_folder(DASHBOARDS);
    if has_dashboards {
        reading.walk(DASHBOARDS, 0, &mut dashboards);
    } else {
        reading.problem(DASHBOARDS, "there is no such folder", "create it and put one file for each dashboard into it");
    }
    let Reading { inside: [root], unread, .. } = reading;
    let texts = Texts { root, shared: Shared { connections, people, more_people }, dashboards, unread, people_unread };
    // Without the folder nothing is known of any dashboard, and none of them may count as deleted.
    Some(texts).filter(|_| has_dashboards)
}

/// What is known of a file without reading it; differs whenever it may have changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trace {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

/// Traces of the catalog's files and of `secrets`, which it reads besides. Nothing is read.
pub(crate) fn fingerprint(dir: &Path, rules: &CatalogRules, secrets: &BTreeSet<PathBuf>) -> Vec<Trace> {
    let mut found = Vec::new();
    let mut note = |path: PathBuf| {
        // Links are followed: a secret that is rotated is often a link to another file.
        if let Ok(data) = fs::metadata(&path) {
            found.push(Trace { path, bytes: data.len(), modified: data.modified().ok(), identity: identity(&data) });
        }
    };
    note(dir.join(CONNECTIONS));
    note(dir.join(PEOPLE));
    secrets.iter().cloned().for_each(&mut note);
    let mut folders = vec![(dir.join(PEOPLE_FOLDER), 0), (dir.join(DASHBOARDS), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > rules.max_dashboards.saturating_mul(ENTRIES_PER_FILE) {
                break;
            }
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX && !hidden => folders.push((entry.path(), depth + 1)),
                Ok(kind) if !kind.is_dir() && !hidden => note(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

struct Reading<'a> {
    /// The folder itself, which no file may lead out of.
    inside: [PathBuf; 1],
    rules: &'a CatalogRules,
    problems: &'a mut Vec<Problem>,
    unread: BTreeSet<String>,
    bytes: u64,
    full: bool,
}

impl Reading<'_> {
    fn problem(&mut self, file: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::of_file(file, message, hint));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inside[0].join(name)
    }

    fn is_folder(&self, name: &str) -> bool {
        self.path(name).is_dir()
    }

    fn required(&mut self, name: &str, what: &str) -> Option<String> {
        if self.path(name).symlink_metadata().is_err() {
            self.problem(name, "the file is missing", what);
            return None;
        }
        self.text(name)
    }

    fn walk(&mut self, folder: &str, depth: usize, texts: &mut BTreeMap<String, String>) {
        let most = self.rules.max_dashboards;
        let listed = fs::read_dir(self.path(folder))
            .and_then(|entries| entries.take(most.saturating_mul(ENTRIES_PER_FILE)).collect::<Result<Vec<_>, _>>());
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => {
                self.unread.insert(folder.to_owned());
                self.problem(folder, format!("the folder cannot be read: {error}"), "give the server's user the right to read it");
                return;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.problem(folder, format!("a file name is not UTF-8: {}", name.to_string_lossy()), "rename the file");
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{folder}/{name}");
            if self.full {
                self.unread.insert(path);
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
            match (is_folder, extension) {
                (true, "yaml") => self.problem(&path, "a folder with the name of a file", "rename the folder"),
                (true, _) if depth < DEPTH_MAX => self.walk(&path, depth + 1, texts),
                (true, _) => self.problem(&path, format!("folders nested deeper than {DEPTH_MAX} levels"), "move the files up"),
                (false, "yaml") if texts.len() >= most => {
                    let hint = "split the catalog, or let the operator raise [catalog] max_dashboards";
                    self.problem(&path, format!("more than {most} files in this folder"), hint);
                    self.unread.insert(path);
                    self.full = true;
                }
                (false, "yaml") => match self.text(&path) {
                    Some(text) => drop(texts.insert(path, text)),
                    None => drop(self.unread.insert(path)),
                },
                (false, "yml" | "YAML" | "YML") => {
                    self.problem(&path, "files are read only when their name ends in `.yaml`", "rename the file");
                }
                (false, _) => {
                    if self.is_folder(&path) {
                        self.problem(&path, "a link to a folder is not followed", "move the folder here");
                    }
                }
            }
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        let bytes = match self.bytes(path) {
            Ok(bytes) => bytes,
            Err((message, hint)) => {
                self.problem(path, message, hint);
                return None;
            }
        };
        let most = self.rules.max_file_bytes;
        if bytes.len() as u64 > most {
            let hint = "a definition is text of some kilobytes, and data belongs into the data folder; the operator may raise [catalog] max_file_mb";
            self.problem(path, format!("larger than {} MiB", most >> 20), hint);
            return None;
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > self.rules.max_bytes {
            if !self.full {
                let message = format!("all files together are larger than {} MiB", self.rules.max_bytes >> 20);
                self.problem(path, message, "split the catalog, or let the operator raise [catalog] max_mb");
            }
            self.full = true;
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(error) => {
                let line = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).matches('\n').count() + 1;
                self.problem(path, format!("line {line} is not UTF-8"), "save the file as UTF-8");
                None
            }
        }
    }

    /// The file's bytes, one more than it may have at most; else what is wrong and what would be right.
    fn bytes(&self, path: &str) -> Result<Vec<u8>, (String, &'static str)> {
        let mut bytes = Vec::new();
        let opened = plain_file(&self.path(path), Some(&self.inside));
        let file = opened.map_err(|why| match why {
            NotOpened::Io(error) => (format!("the file cannot be opened: {error}"), "check the link and its rights"),
            NotOpened::Folder => ("a folder with the name of a file".to_owned(), "rename the folder"),
            NotOpened::NotPlain => ("not a plain file".to_owned(), "replace it by a plain file"),
            NotOpened::Outside => ("a link that leads out of the catalog folder".to_owned(), "copy the file into the folder"),
        })?;
        file.take(self.rules.max_file_bytes + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| (format!("the file cannot be read: {error}"), "give the server's user the right to read it"))?;
        Ok(bytes)
    }
}

//! The folder: which files there are, and their texts, within bounds and never outside of it.
//!
//! The dashboards are only listed: most of them say what they said the last time, and none is held in memory longer than it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::open::{NotOpened, plain_file};
use crate::problem::Problem;
use crate::rules::CatalogRules;
use crate::trace::Trace;

/// Most folders below one another in `dashboards` and `people`.
pub(crate) const DEPTH_MAX: usize = 8;
/// Entries of a folder that are looked at for each file that may be there: editors and git leave some of their own.
pub(crate) const ENTRIES_PER_FILE: usize = 4;

pub(crate) const CONNECTIONS: &str = "connections.yaml";
pub(crate) const PEOPLE: &str = "people.yaml";
pub(crate) const PEOPLE_FOLDER: &str = "people";
pub(crate) const DASHBOARDS: &str = "dashboards";

/// What a catalog folder holds.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Canonical path of the folder.
    pub(crate) root: PathBuf,
    /// What all dashboards share.
    pub(crate) shared: Shared,
    /// `dashboards/**.yaml` in the order of their paths.
    pub(crate) dashboards: Vec<Listed>,
    /// Folders of dashboards that cannot be listed, and files that are too many.
    pub(crate) unlisted: BTreeSet<String>,
    /// Whether a file of people is there and could not be read.
    pub(crate) people_unread: bool,
}

/// A file that is there.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Relative to the catalog, with `/`.
    pub(crate) path: String,
    /// As it was before anything was read; `None` where that cannot be told.
    pub(crate) trace: Option<Trace>,
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

impl Shared {
    /// Whether both have the same people.
    pub(crate) fn has_people_of(&self, other: &Self) -> bool {
        self.people == other.people && self.more_people == other.more_people
    }
}

/// Lists the catalog at `dir` and reads what all dashboards share, noting what cannot be had.
pub(crate) fn list(dir: &Path, rules: &CatalogRules, problems: &mut Vec<Problem>) -> Option<Files> {
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
    let mut listing = Listing { root, rules, problems, unlisted: BTreeSet::new(), bytes: 0, full: false };
    let connections = listing.required(CONNECTIONS, "it says where data lives; an empty list is `connections: {}`");
    let people = listing.required(PEOPLE, "it holds organization, members, groups and user attributes");
    let more_people = listing.more_people();
    let people_unread = !std::mem::take(&mut listing.unlisted).is_empty();
    let mut dashboards = Vec::new();
    let has_dashboards = listing.is_folder(DASHBOARDS);
    if has_dashboards {
        listing.walk(DASHBOARDS, 0, &mut dashboards);
    } else {
        listing.problem(DASHBOARDS, "there is no such folder", "create it and put one file for each dashboard into it");
    }
    dashboards.sort_by(|one: &Listed, other| one.path.cmp(&other.path));
    let Listing { root, unlisted, .. } = listing;
    let files = Files { root, shared: Shared { connections, people, more_people }, dashboards, unlisted, people_unread };
    // Without the folder nothing is known of any dashboard, and none of them may count as deleted.
    Some(files).filter(|_| has_dashboards)
}

/// The text of the file at `path` in the catalog at `root`, a canonical path.
pub(crate) fn text(root: &Path, path: &str, rules: &CatalogRules) -> Result<String, Problem> {
    let refused = |message: String, hint: &str| Problem::of_file(path, message, hint);
    let bytes = bytes(root, path, rules).map_err(|(message, hint)| refused(message, hint))?;
    let most = rules.max_file_bytes;
    if bytes.len() as u64 > most {
        let hint =
            "a definition is text of some kilobytes, and data belongs into the data folder; the operator may raise [catalog] max_file_mb";
        return Err(refused(format!("larger than {} MiB", most >> 20), hint));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let line = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).matches('\n').count() + 1;
            Err(refused(format!("line {line} is not UTF-8"), "save the file as UTF-8"))
        }
    }
}

/// The file's bytes, one more than it may have at most; else what is wrong and what would be right.
fn bytes(root: &Path, path: &str, rules: &CatalogRules) -> Result<Vec<u8>, (String, &'static str)> {
    let mut bytes = Vec::new();
    let opened = plain_file(&root.join(path), Some(&[root.to_owned()]));
    let file = opened.map_err(|why| match why {
        NotOpened::Io(error) => (format!("the file cannot be opened: {error}"), "check the link and its rights"),
        NotOpened::Folder => ("a folder with the name of a file".to_owned(), "rename the folder"),
        NotOpened::NotPlain => ("not a plain file".to_owned(), "replace it by a plain file"),
        NotOpened::Outside => ("a link that leads out of the catalog folder".to_owned(), "copy the file into the folder"),
    })?;
    file.take(rules.max_file_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| (format!("the file cannot be read: {error}"), "give the server's user the right to read it"))?;
    Ok(bytes)
}

struct Listing<'a> {
    root: PathBuf,
    rules: &'a CatalogRules,
    problems: &'a mut Vec<Problem>,
    unlisted: BTreeSet<String>,
    /// Of all files so far.
    bytes: u64,
    full: bool,
}

impl Listing<'_> {
    fn problem(&mut self, file: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::of_file(file, message, hint));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn is_folder(&self, name: &str) -> bool {
        self.path(name).is_dir()
    }

    fn required(&mut self, name: &str, what: &str) -> Option<String> {
        if self.path(name).symlink_metadata().is_err() {
            self.problem(name, "the file is missing", what);
            return None;
        }
        let read = text(&self.root, name, self.rules).map_err(|problem| self.problems.push(problem)).ok()?;
        self.fits(name, read.len() as u64).then_some(read)
    }

    /// The texts of `people/**.yaml`.
    fn more_people(&mut self) -> BTreeMap<String, String> {
        let mut files = Vec::new();
        if self.is_folder(PEOPLE_FOLDER) {
            self.walk(PEOPLE_FOLDER, 0, &mut files);
        }
        let mut texts = BTreeMap::new();
        for Listed { path, .. } in files {
            match text(&self.root, &path, self.rules) {
                Ok(text) => drop(texts.insert(path, text)),
                Err(problem) => {
                    self.problems.push(problem);
                    self.unlisted.insert(path);
                }
            }
        }
        texts
    }

    /// Whether a file of this length is not too much together with those so far. One that is too large by itself is refused when it is read.
    fn fits(&mut self, path: &str, bytes: u64) -> bool {
        if bytes > self.rules.max_file_bytes {
            return true;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let fits = self.bytes <= self.rules.max_bytes;
        if !fits && !std::mem::replace(&mut self.full, true) {
            let message = format!("all files together are larger than {} MiB", self.rules.max_bytes >> 20);
            self.problem(path, message, "split the catalog, or let the operator raise [catalog] max_mb");
        }
        fits
    }

    fn walk(&mut self, folder: &str, depth: usize, files: &mut Vec<Listed>) {
        let most = self.rules.max_dashboards;
        let listed = fs::read_dir(self.path(folder))
            .and_then(|entries| entries.take(most.saturating_mul(ENTRIES_PER_FILE)).collect::<Result<Vec<_>, _>>());
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => {
                self.unlisted.insert(folder.to_owned());
                self.problem(folder, format!("the folder cannot be read: {error}"), "give the server's user the right to read it");
                return;
            }
        };
        entries.sort_by_cached_key(fs::DirEntry::file_name);
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
                self.unlisted.insert(path);
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
            match (is_folder, extension) {
                (true, "yaml") => self.problem(&path, "a folder with the name of a file", "rename the folder"),
                (true, _) if depth < DEPTH_MAX => self.walk(&path, depth + 1, files),
                (true, _) => self.problem(&path, format!("folders nested deeper than {DEPTH_MAX} levels"), "move the files up"),
                (false, "yaml") if files.len() >= most => {
                    let hint = "split the catalog, or let the operator raise [catalog] max_dashboards";
                    self.problem(&path, format!("more than {most} files in this folder"), hint);
                    self.unlisted.insert(path);
                    self.full = true;
                }
                (false, "yaml") => {
                    // Links are followed, as they are when the file is opened.
                    let trace = fs::metadata(self.path(&path)).ok().map(|data| Trace::of(&data));
                    if self.fits(&path, trace.map_or(0, |trace| trace.bytes)) {
                        files.push(Listed { path, trace });
                    } else {
                        self.unlisted.insert(path);
                    }
                }
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
}

//! Reading the folder: which files there are, within bounds and never outside of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most dashboard files.
const FILES_MAX: usize = 2_000;
/// Most folders below one another in `dashboards`.
const DEPTH_MAX: usize = 8;

pub(crate) const CONNECTIONS: &str = "connections.yaml";
pub(crate) const PEOPLE: &str = "people.yaml";
pub(crate) const DASHBOARDS: &str = "dashboards";

/// The texts of a catalog folder.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Canonical path of the folder.
    pub(crate) root: PathBuf,
    pub(crate) connections: Option<String>,
    pub(crate) people: Option<String>,
    /// Texts of `dashboards/**.yaml` by relative path; the order is that of the paths.
    pub(crate) dashboards: BTreeMap<String, String>,
}

/// Reads all files of the catalog at `dir`, noting what cannot be read.
pub(crate) fn read(dir: &Path, problems: &mut Vec<Problem>) -> Option<Texts> {
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
    let mut folder = Folder { root: &root, problems, bytes: 0, full: false };
    let connections = folder.required(CONNECTIONS, "it says where data lives; an empty list is `connections: {}`");
    let people = folder.required(PEOPLE, "it holds organization, members, groups and user attributes");
    let mut dashboards = BTreeMap::new();
    if root.join(DASHBOARDS).is_dir() {
        folder.walk(DASHBOARDS, 0, &mut dashboards);
    } else {
        folder.problem(DASHBOARDS, "there is no such folder", "create it and put one file for each dashboard into it");
    }
    Some(Texts { root, connections, people, dashboards })
}

/// Paths, lengths and times of the catalog's files: differs whenever one of them may have changed. Nothing is read.
pub(crate) fn fingerprint(dir: &Path) -> Vec<(PathBuf, u64, Option<std::time::SystemTime>)> {
    let mut found = Vec::new();
    let mut note = |path: PathBuf| {
        if let Ok(data) = fs::metadata(&path) {
            found.push((path, data.len(), data.modified().ok()));
        }
    };
    note(dir.join(CONNECTIONS));
    note(dir.join(PEOPLE));
    let mut folders = vec![(dir.join(DASHBOARDS), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > 4 * FILES_MAX {
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

struct Folder<'a> {
    root: &'a Path,
    problems: &'a mut Vec<Problem>,
    bytes: u64,
    full: bool,
}

impl Folder<'_> {
    fn problem(&mut self, file: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::of_file(file, message, hint));
    }

    fn required(&mut self, name: &str, what: &str) -> Option<String> {
        if self.root.join(name).symlink_metadata().is_err() {
            self.problem(name, "the file is missing", what);
            return None;
        }
        self.text(name)
    }

    fn walk(&mut self, folder: &str, depth: usize, texts: &mut BTreeMap<String, String>) {
        let listed = fs::read_dir(self.root.join(folder)).and_then(|entries| entries.take(4 * FILES_MAX).collect::<Result<Vec<_>, _>>());
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => {
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
            if name.starts_with('.') || self.full {
                continue;
            }
            let path = format!("{folder}/{name}");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
            match (is_folder, extension) {
                (true, "yaml") => self.problem(&path, "a folder with the name of a file", "rename the folder"),
                (true, _) if depth < DEPTH_MAX => self.walk(&path, depth + 1, texts),
                (true, _) => self.problem(&path, format!("folders nested deeper than {DEPTH_MAX} levels"), "move the files up"),
                (false, "yaml") if texts.len() >= FILES_MAX => {
                    self.problem(&path, format!("more than {FILES_MAX} dashboard files"), "split the catalog");
                    self.full = true;
                }
                (false, "yaml") => {
                    if let Some(text) = self.text(&path) {
                        texts.insert(path, text);
                    }
                }
                (false, "yml" | "YAML" | "YML") => {
                    self.problem(&path, "files are read only when their name ends in `.yaml`", "rename the file");
                }
                (false, _) => {
                    if self.root.join(&path).is_dir() {
                        self.problem(&path, "a link to a folder is not followed", "move the folder here");
                    }
                }
            }
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        let full = match self.root.join(path).canonicalize() {
            Ok(full) => full,
            Err(error) => {
                self.problem(path, format!("the file cannot be opened: {error}"), "check the link and its rights");
                return None;
            }
        };
        if !full.starts_with(self.root) {
            self.problem(path, "a link that leads out of the catalog folder", "copy the file into the folder");
            return None;
        }
        // The kind is looked at before opening: opening a pipe would wait for its other end.
        match fs::metadata(&full) {
            Ok(data) if data.is_dir() => {
                self.problem(path, "a folder with the name of a file", "rename the folder");
                return None;
            }
            Ok(data) if !data.is_file() => {
                self.problem(path, "not a plain file", "replace it by a plain file");
                return None;
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(&full).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            self.problem(path, format!("the file cannot be read: {error}"), "give the server's user the right to read it");
            return None;
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            self.problem(path, "larger than 1 MiB", "a definition is text of some kilobytes; data belongs into the data folder");
            return None;
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > TOTAL_BYTES_MAX {
            if !self.full {
                self.problem(path, "all files together are larger than 64 MiB", "split the catalog");
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
}

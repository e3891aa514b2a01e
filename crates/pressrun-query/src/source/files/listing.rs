//! Which files are those of a table: one file, a sub-folder or a glob, and only what really lies in the connection's folder.
//!
//! Names that begin with `_` or `.` are no data: other tools keep what they are still writing, their logs and their marks there.
//! A folder that another tool keeps as a table of its own (Delta, Iceberg, Hudi) is refused by its name, because which of its
//! files count is written elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use glob::{MatchOptions, Pattern};
use pressrun_domain::catalog::{Compression, FileFormat, FileReading, FileTable};
use walkdir::WalkDir;

use crate::error::{QueryError, QueryErrorKind};

/// Files that one table may have.
const MAX_FILES: usize = 100_000;

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// Likewise, of its data or its place: nobody can set this one.
    changed: (i64, i64),
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Stands for this state alone.
    pub(super) fn tag(&self) -> String {
        let Self { device, inode, size, modified, changed } = self;
        format!("{device:x}-{inode:x}-{size:x}-{:x}.{:x}-{:x}.{:x}", modified.0, modified.1, changed.0, changed.1)
    }

    /// The same bytes, though it may have been given another name meanwhile.
    fn has_bytes_of(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.modified) == (other.device, other.inode, other.size, other.modified)
    }
}

/// A data file in the state in which it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DataFile {
    root: Arc<Path>,
    /// Below the connection's folder.
    pub(super) relative: PathBuf,
    identity: Identity,
}

impl DataFile {
    /// The file at `relative`, when it is one that lies under `root` also when links are followed.
    fn find(root: &Arc<Path>, relative: PathBuf) -> Option<Self> {
        let real = root.join(&relative).canonicalize().ok().filter(|real| real.starts_with(root))?;
        // The real path has no links, so this is the file that was found to be inside; opening it compares.
        let metadata = fs::symlink_metadata(real).ok().filter(Metadata::is_file)?;
        Some(Self { root: Arc::clone(root), relative, identity: Identity::of(&metadata) })
    }

    pub(super) fn name(&self) -> String {
        self.relative.to_string_lossy().into_owned()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.relative)
    }

    /// Whether the file is still in the state in which it was listed.
    pub(super) fn is_still(&self) -> bool {
        fs::metadata(self.path()).is_ok_and(|metadata| Identity::of(&metadata) == self.identity)
    }

    /// Whether it is in the state in which it was listed since `moment` or longer.
    pub(super) fn had_settled(&self, moment: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.identity.changed;
        let changed = u64::try_from(seconds).ok().zip(u32::try_from(nanoseconds).ok());
        let changed = changed.and_then(|(seconds, nanoseconds)| SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)));
        changed.is_some_and(|changed| changed <= moment)
    }

    /// Stands for the file in the state in which it was listed.
    pub(super) fn tag(&self) -> String {
        self.identity.tag()
    }

    pub(super) fn size(&self) -> u64 {
        self.identity.size
    }

    /// Seconds and nanoseconds since 1970.
    pub(super) fn modified(&self) -> (i64, i64) {
        self.identity.modified
    }

    /// How it is packed, by its name.
    pub(super) fn compression(&self) -> Compression {
        packing(&self.relative)
    }

    /// How it is read.
    pub(super) fn format(&self, reading: &FileReading) -> Option<FileFormat> {
        reading.format.or_else(|| format(&self.relative))
    }

    /// Opens the file that was listed and no other.
    pub(super) fn open(&self) -> Result<File, QueryError> {
        let file = File::open(self.root.join(&self.relative)).map_err(|error| self.unreadable(&error))?;
        let metadata = file.metadata().map_err(|error| self.unreadable(&error))?;
        if Identity::of(&metadata).has_bytes_of(&self.identity) {
            Ok(file)
        } else {
            let error = self.refused("changed while it was read").hint("try again; writers should write elsewhere and rename");
            Err(QueryError { kind: QueryErrorKind::BeingWritten { file: self.name() }, ..error })
        }
    }

    pub(super) fn unreadable(&self, error: &std::io::Error) -> QueryError {
        self.of_kind(format!("the file {} cannot be read: {error}", self.name()))
    }

    /// The file is not what it should be.
    pub(super) fn refused(&self, what: &str) -> QueryError {
        self.of_kind(format!("the file {} {what}", self.name()))
    }

    /// A line of it, from 1, is not what it should be.
    pub(super) fn refused_at(&self, line: u64, what: &str) -> QueryError {
        self.of_kind(format!("line {line} of the file {} {what}", self.name()))
    }

    fn of_kind(&self, message: String) -> QueryError {
        QueryError::new(QueryErrorKind::Unreadable { file: self.name() }, message)
    }
}

/// A table: its files, all of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableFiles {
    pub(super) name: String,
    pub(super) format: FileFormat,
    pub(super) files: Vec<DataFile>,
    pub(super) reading: Arc<FileReading>,
    /// Folders above the table's own, in the relative path of each file.
    pub(super) base: usize,
}

/// A connection's folder and the names of its tables. What a table consists of is looked up when it is asked for, so that one
/// that cannot be read harms no other.
#[derive(Debug)]
pub(super) struct Folder {
    root: Arc<Path>,
    named: BTreeMap<String, FileTable>,
    /// Files of the folder itself by stem.
    stems: BTreeMap<String, Vec<PathBuf>>,
}

impl Folder {
    pub(super) fn open<'a>(folder: &Path, named: impl IntoIterator<Item = (&'a String, &'a FileTable)>) -> Result<Self, QueryError> {
        let unreadable = |error: std::io::Error| {
            let kind = QueryErrorKind::Unreadable { file: String::new() };
            QueryError::new(kind, format!("the connection's folder cannot be read: {error}"))
        };
        let root: Arc<Path> = folder.canonicalize().map_err(unreadable)?.into();
        let mut stems: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for entry in fs::read_dir(&root).map_err(unreadable)? {
            let path = PathBuf::from(entry.map_err(unreadable)?.file_name());
            if !is_passed_over(&path)
                && let Some(stem) = stem(&path)
            {
                stems.entry(stem).or_default().push(path);
            }
        }
        let named = named.into_iter().map(|(name, table)| (name.clone(), table.clone())).collect();
        Ok(Self { root, named, stems })
    }

    pub(super) fn root(&self) -> &Arc<Path> {
        &self.root
    }

    /// The names of all tables, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.named.keys().chain(self.stems.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The table of this name; when there is none, the only one whose name differs in case alone.
    pub(super) fn table(&self, name: &str) -> Option<Result<TableFiles, QueryError>> {
        if self.named.contains_key(name) || self.stems.contains_key(name) {
            return self.look_up(name);
        }
        let names = self.names();
        let mut alike = names.iter().filter(|other| other.eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some(only), None) => self.look_up(only),
            _ => None,
        }
    }

    fn look_up(&self, name: &str) -> Option<Result<TableFiles, QueryError>> {
        if let Some(table) = self.named.get(name) {
            return Some(self.select(name, table));
        }
        let files: Vec<DataFile> = self.stems.get(name)?.iter().filter_map(|path| DataFile::find(&self.root, path.clone())).collect();
        match files.as_slice() {
            [] => None,
            [_] => Some(one_format(name, files, Arc::default(), 0)),
            _ => {
                let error = QueryError::new(QueryErrorKind::UnknownTable, format!("more than one file is called \"{name}\""));
                Some(Err(error.hint("name the one you mean under the connection's tables")))
            }
        }
    }

    /// The files that a table of the catalog names.
    fn select(&self, name: &str, table: &FileTable) -> Result<TableFiles, QueryError> {
        let written = table.path.clone().unwrap_or_else(|| self.own_path(name));
        let wrong = |problem: &str| {
            let kind = QueryErrorKind::Unreadable { file: written.clone() };
            QueryError::new(kind, format!("table \"{name}\": \"{written}\" {problem}"))
        };
        if !Path::new(&written).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(wrong("leads out of the connection's folder"));
        }
        let pattern: PathBuf = Path::new(&written).components().filter(|part| matches!(part, Component::Normal(_))).collect();
        let fixed: PathBuf =
            pattern.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '['])).collect();
        let reading = Arc::new(table.reading.clone());
        if let Some(file) = DataFile::find(&self.root, pattern.clone()) {
            return one_format(name, vec![file], reading, parents(&pattern));
        }
        let glob = if fixed == pattern {
            None
        } else {
            Some(Pattern::new(&pattern.to_string_lossy()).map_err(|error| wrong(&format!("is no pattern: {error}")))?)
        };
        let start = self.root.join(&fixed);
        if !start.canonicalize().is_ok_and(|real| real.starts_with(&self.root) && real.is_dir()) {
            return Err(wrong("matches no data file"));
        }
        let mut files = Vec::new();
        let walk = WalkDir::new(&start).follow_links(false).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_passed_over(Path::new(entry.file_name()))) {
            let entry = match entry {
                Ok(entry) => entry,
                // What was there a moment ago is no longer part of the table.
                Err(error) if error.depth() > 0 && error.io_error().is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound) => {
                    continue;
                }
                Err(error) => {
                    let place = error.path().and_then(|path| path.strip_prefix(&self.root).ok()).unwrap_or(&fixed);
                    let cause = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    return Err(wrong(&format!("cannot be listed: {}: {cause}", place.display())));
                }
            };
            if entry.file_type().is_dir() {
                if let Some(system) = table_system(entry.path()) {
                    let folder = entry.path().strip_prefix(&self.root).unwrap_or(&fixed).display();
                    let error = wrong(&format!("is a table of {system} ({folder}), whose log says which of its files count"));
                    return Err(error.hint("query it through a database that reads it, or write its rows as plain Parquet files"));
                }
                continue;
            }
            let Ok(relative) = entry.path().strip_prefix(&self.root) else { continue };
            let counts = glob.as_ref().is_none_or(|glob| glob.matches_path_with(relative, WITHIN_NAMES));
            if counts && (table.reading.format.is_some() || format(relative).is_some()) {
                files.extend(DataFile::find(&self.root, relative.to_owned()));
            }
            if files.len() > MAX_FILES {
                return Err(wrong(&format!("matches more than {MAX_FILES} files")));
            }
        }
        if files.is_empty() {
            return Err(wrong("matches no data file"));
        }
        for above in fixed.ancestors().skip(1) {
            if let Some(system) = table_system(&self.root.join(above)) {
                return Err(wrong(&format!("is part of a table of {system}, whose log says which of its files count")));
            }
        }
        one_format(name, files, reading, fixed.components().count())
    }

    /// The file or sub-folder called like the table.
    fn own_path(&self, name: &str) -> String {
        match self.stems.get(name).map(Vec::as_slice) {
            Some([only]) => only.to_string_lossy().into_owned(),
            _ => name.to_owned(),
        }
    }
}

fn parents(path: &Path) -> usize {
    path.components().count().saturating_sub(1)
}

/// `*` stays within one name, `**` goes across folders.
const WITHIN_NAMES: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// Hadoop's rule for names that are no data.
fn is_passed_over(name: &Path) -> bool {
    name.to_string_lossy().starts_with(['.', '_'])
}

/// The tool that keeps `folder` as a table of its own.
fn table_system(folder: &Path) -> Option<&'static str> {
    if folder.join("_delta_log").is_dir() {
        return Some("Delta Lake");
    }
    if folder.join(".hoodie").is_dir() {
        return Some("Apache Hudi");
    }
    let metadata = fs::read_dir(folder.join("metadata")).ok()?;
    let mut names = metadata.filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.any(|name| name == "version-hint.text" || name.ends_with(".metadata.json")).then_some("Apache Iceberg")
}

/// A table of `files`, unless they differ in format or one is another's packed copy.
fn one_format(name: &str, files: Vec<DataFile>, reading: Arc<FileReading>, base: usize) -> Result<TableFiles, QueryError> {
    let wrong = |problem: String| {
        let file = files.first().map_or_else(String::new, DataFile::name);
        QueryError::new(QueryErrorKind::Unreadable { file }, format!("table \"{name}\" {problem}"))
    };
    let unknown = || wrong("matches no data file".to_owned());
    let first = files.first().ok_or_else(unknown)?;
    let format = first.format(&reading).ok_or_else(|| {
        wrong(format!("is the file {}, whose name does not say how it is read", first.name())).hint("write its `format`, for example `csv`")
    })?;
    if let Some(other) = files.iter().find(|file| file.format(&reading) != Some(format)) {
        return Err(wrong(format!("matches files of more than one kind: {} and {}", first.name(), other.name())));
    }
    let mut unpacked: HashMap<PathBuf, &DataFile> = HashMap::with_capacity(files.len());
    for file in &files {
        if let Some(other) = unpacked.insert(without_packing(&file.relative), file) {
            return Err(wrong(format!("has the same file twice: {} and {}", other.name(), file.name())));
        }
    }
    Ok(TableFiles { name: name.to_owned(), format, files, reading, base })
}

/// How a file is packed, by its name.
fn packing(path: &Path) -> Compression {
    match path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("gz" | "gzip") => Compression::Gzip,
        Some("zst" | "zstd") => Compression::Zstd,
        _ => Compression::None,
    }
}

fn without_packing(path: &Path) -> PathBuf {
    if packing(path) == Compression::None { path.to_owned() } else { path.with_extension("") }
}

/// How a file is read, by its name.
fn format(path: &Path) -> Option<FileFormat> {
    let plain = without_packing(path);
    Some(match plain.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "parquet" if plain == path => FileFormat::Parquet,
        "csv" => FileFormat::Csv,
        "tsv" => FileFormat::Tsv,
        "json" | "ndjson" | "jsonl" => FileFormat::Json,
        _ => return None,
    })
}

/// The table's name of a data file.
fn stem(path: &Path) -> Option<String> {
    format(path)?;
    without_packing(path).file_stem()?.to_str().map(ToOwned::to_owned)
}

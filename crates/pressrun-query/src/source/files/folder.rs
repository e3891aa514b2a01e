//! The tables of one folder, found by name, and a way to their bytes that leads nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::session_state::SessionState;
use futures::FutureExt;
use indexmap::IndexMap;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use super::failure::explain;
use crate::error::{QueryError, QueryErrorKind};

/// Rows of text files that are read to learn the types of their columns.
const SAMPLED_ROWS: usize = 20_000;
/// Bytes of a text file that are looked at to learn whether its times carry offsets.
const SAMPLED_BYTES: usize = 64 * 1024;
/// Files that one folder may hold before its listing is refused.
const MAX_FILES: usize = 100_000;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Parquet,
    Csv,
    Tsv,
    Json,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "parquet" => Self::Parquet,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "json" | "ndjson" | "jsonl" => Self::Json,
            _ => return None,
        })
    }
}

/// A table: files of one kind, relative to the folder.
#[derive(Debug, Clone)]
struct Files {
    kind: Kind,
    paths: Vec<PathBuf>,
}

/// A folder and its tables by name.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    tables: BTreeMap<String, Result<Files, QueryError>>,
}

impl Folder {
    /// Lists `folder`. Files that a link leads out of it are not there.
    pub(super) fn open(folder: &Path, named: &IndexMap<String, String>) -> Result<Self, QueryError> {
        let unreadable = |error: std::io::Error| {
            let kind = QueryErrorKind::Unreadable { file: String::new() };
            QueryError::new(kind, format!("the connection's folder cannot be read: {error}"))
        };
        let root = folder.canonicalize().map_err(unreadable)?;
        let mut files = Vec::new();
        walk(&root, &root, &mut files).map_err(unreadable)?;
        files.sort();
        let mut tables: BTreeMap<String, Result<Files, QueryError>> = BTreeMap::new();
        for path in files.iter().filter(|path| path.components().count() == 1) {
            let (Some(kind), Some(stem)) = (Kind::of(path), path.file_stem().and_then(|stem| stem.to_str())) else {
                continue;
            };
            tables
                .entry(stem.to_owned())
                .and_modify(|entry| *entry = Err(ambiguous(stem)))
                .or_insert_with(|| Ok(Files { kind, paths: vec![path.clone()] }));
        }
        for (name, pattern) in named {
            tables.insert(name.clone(), select(name, pattern, &files));
        }
        Ok(Self { root, tables })
    }

    /// The folder itself, no link.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The table of this name; when there is none, the only one whose name differs in case alone.
    fn table(&self, name: &str) -> Option<&Result<Files, QueryError>> {
        self.tables.get(name).or_else(|| {
            let mut alike = self.tables.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            match (alike.next(), alike.next()) {
                (Some((_, table)), None) => Some(table),
                _ => None,
            }
        })
    }
}

fn ambiguous(stem: &str) -> QueryError {
    QueryError::new(QueryErrorKind::UnknownTable, format!("more than one file is called \"{stem}\""))
        .hint("name the one you mean under the connection's tables")
}

/// Files under `folder` that really are under `root`, relative to it.
fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        // A link to a folder could lead in a circle; one to a file is followed when it stays inside.
        if kind.is_dir() {
            walk(root, &entry.path(), found)?;
        } else if let Ok(real) = entry.path().canonicalize()
            && real.is_file()
            && real.starts_with(root)
            && let Ok(relative) = entry.path().strip_prefix(root)
        {
            if found.len() >= MAX_FILES {
                return Err(std::io::Error::other(format!("it holds more than {MAX_FILES} files")));
            }
            found.push(relative.to_owned());
        }
    }
    Ok(())
}

/// The files that `pattern` names: one file, a sub-folder, or a glob.
fn select(name: &str, pattern: &str, files: &[PathBuf]) -> Result<Files, QueryError> {
    let unreadable = |problem: &str| {
        let kind = QueryErrorKind::Unreadable { file: pattern.to_owned() };
        Err(QueryError::new(kind, format!("table \"{name}\": \"{pattern}\" {problem}")))
    };
    let path = Path::new(pattern);
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return unreadable("leads out of the connection's folder");
    }
    let plain: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let glob = plain.to_string_lossy().into_owned();
    let paths: Vec<PathBuf> = files
        .iter()
        .filter(|file| Kind::of(file).is_some())
        .filter(|file| **file == plain || file.starts_with(&plain) || matches(glob.as_bytes(), file.to_string_lossy().as_bytes()))
        .cloned()
        .collect();
    let Some(kind) = paths.first().and_then(|path| Kind::of(path)) else {
        return unreadable("matches no data file");
    };
    if paths.iter().any(|path| Kind::of(path) != Some(kind)) {
        return unreadable("matches files of more than one kind");
    }
    Ok(Files { kind, paths })
}

/// `*` within one name, `**` across folders, `?` one character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', b'/', rest @ ..] => {
            matches(rest, text) || text.iter().position(|c| *c == b'/').is_some_and(|at| matches(pattern, &text[at + 1..]))
        }
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        [b'*', rest @ ..] => {
            let end = text.iter().position(|c| *c == b'/').unwrap_or(text.len());
            (0..=end).any(|at| matches(rest, &text[at..]))
        }
        [b'?', rest @ ..] => text.first().is_some_and(|c| *c != b'/') && matches(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && matches(rest, &text[1..]),
    }
}

/// The schema that SQL sees: a table is opened when it is named.
#[derive(Debug)]
pub(super) struct FolderSchema {
    folder: Folder,
    zone: String,
    state: OnceLock<SessionState>,
}

impl FolderSchema {
    pub(super) fn new(folder: Folder, zone: String) -> Self {
        Self { folder, zone, state: OnceLock::new() }
    }

    /// Gives it the session in which files are read to learn their columns.
    pub(super) fn attach(&self, state: SessionState) {
        // A second session for one schema cannot happen: it is made for one query.
        let _ = self.state.set(state);
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.folder.tables.keys().cloned().collect()
    }

    async fn open(&self, files: &Files) -> EngineResult<Arc<dyn TableProvider>> {
        let state = self.state.get().ok_or_else(|| DataFusionError::Internal("no session".to_owned()))?;
        let urls = files.paths.iter().map(|path| address(path)).collect::<EngineResult<Vec<_>>>()?;
        let head = files.paths.first().map(|path| head(&self.folder.root.join(path))).unwrap_or_default();
        let options = ListingOptions::new(format(files.kind, &head)).with_file_extension("");
        let mut schemas = Vec::with_capacity(urls.len());
        for (url, path) in urls.iter().zip(&files.paths) {
            // A damaged footer has made the Parquet reader panic.
            let read = AssertUnwindSafe(options.infer_schema(state, url)).catch_unwind().await;
            let read = read.unwrap_or_else(|_| Err(DataFusionError::Execution("the file is damaged".to_owned())));
            let schema = read.map_err(|error| unreadable(path, &error))?;
            schemas.push(schema.as_ref().clone());
        }
        let merged = Schema::try_merge(schemas).map_err(|error| {
            let path = files.paths.first().map_or(Path::new(""), PathBuf::as_path);
            unreadable(path, &DataFusionError::from(error))
        })?;
        let offsets = matches!(files.kind, Kind::Csv | Kind::Tsv) && carries_offsets(&head);
        let config =
            ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(in_zone(&merged, &self.zone, offsets));
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

#[async_trait]
impl SchemaProvider for FolderSchema {
    fn table_names(&self) -> Vec<String> {
        self.names()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        match self.folder.table(name) {
            None => Ok(None),
            Some(Err(error)) => Err(DataFusionError::External(Box::new(error.clone()))),
            Some(Ok(files)) => self.open(files).await.map(Some),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.folder.table(name).is_some()
    }
}

/// Instants are presented in the query zone, so that truncation and output follow it.
fn in_zone(schema: &Schema, zone: &str, offsets: bool) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(*unit, Some(zone.into()))))
        }
        DataType::Timestamp(_, None) if offsets => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))))
        }
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new_with_metadata(schema.fields().iter().map(field).collect::<Vec<_>>(), schema.metadata().clone()))
}

fn format(kind: Kind, head: &[u8]) -> Arc<dyn FileFormat> {
    match kind {
        Kind::Parquet => Arc::new(ParquetFormat::default()),
        Kind::Csv | Kind::Tsv => Arc::new(
            CsvFormat::default()
                .with_has_header(true)
                .with_delimiter(if kind == Kind::Tsv { b'\t' } else { b',' })
                .with_newlines_in_values(true)
                .with_schema_infer_max_rec(SAMPLED_ROWS),
        ),
        Kind::Json => {
            let list = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
            Arc::new(JsonFormat::default().with_newline_delimited(!list).with_schema_infer_max_rec(SAMPLED_ROWS))
        }
    }
}

/// The first bytes of a file; empty when it cannot be read, which the engine then says better.
fn head(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        let _ = file.take(SAMPLED_BYTES as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// Whether a time of day in `text` is followed by an offset: `09:30:00Z`, `09:30+02:00`.
fn carries_offsets(text: &[u8]) -> bool {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    (0..text.len()).any(|at| {
        if text[at] != b':' || at < 2 || !digit(at - 1) || !digit(at - 2) || !digit(at + 1) || !digit(at + 2) {
            return false;
        }
        let mut end = at + 3;
        if text.get(end) == Some(&b'.') {
            end += 1;
            while digit(end) {
                end += 1;
            }
        }
        match text.get(end) {
            Some(b'Z' | b'z') => true,
            Some(b'+' | b'-') => digit(end + 1) && digit(end + 2),
            _ => false,
        }
    })
}

fn unreadable(path: &Path, error: &DataFusionError) -> DataFusionError {
    let file = path.to_string_lossy().into_owned();
    let cause = explain(error, &[]).message;
    let message = format!("the file {file} cannot be read: {cause}");
    DataFusionError::External(Box::new(QueryError::new(QueryErrorKind::Unreadable { file }, message)))
}

const SCHEME: &str = "pressrun://files/";

fn address(path: &Path) -> EngineResult<ListingTableUrl> {
    let wrong = || DataFusionError::Internal("a file name is no address".to_owned());
    let mut url = Url::parse(SCHEME).map_err(|_| wrong())?;
    let names = path.components().map(|part| part.as_os_str().to_str().map(ToOwned::to_owned));
    let names = names.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(names);
    ListingTableUrl::try_new(url, None)
}

/// The only store there is: one folder.
#[derive(Debug)]
pub(super) struct OneStore(Arc<dyn ObjectStore>);

impl OneStore {
    pub(super) fn new(root: &Path) -> Result<Self, QueryError> {
        let store = LocalFileSystem::new_with_prefix(root).map_err(|error| {
            let kind = QueryErrorKind::Unreadable { file: String::new() };
            QueryError::new(kind, format!("the connection's folder cannot be read: {error}"))
        })?;
        Ok(Self(Arc::new(store)))
    }
}

impl ObjectStoreRegistry for OneStore {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> EngineResult<Arc<dyn ObjectStore>> {
        if url.as_str().starts_with(SCHEME) {
            Ok(Arc::clone(&self.0))
        } else {
            Err(DataFusionError::Configuration("only the connection's folder can be read".to_owned()))
        }
    }
}

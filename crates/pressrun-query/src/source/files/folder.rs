//! The schema that SQL sees: the tables of one folder, each opened when it is named.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::session_state::SessionState;
use pressrun_domain::catalog::FileFormat;

use super::held::Keeping;
use super::listing::{DataFile, Folder, TableFiles};
use super::{held, table};
use crate::error::{QueryError, QueryErrorKind};

/// A byte of a file is so many times as much work when it has to be unpacked.
const UNPACKING: u64 = 4;

/// The schema that SQL sees.
#[derive(Debug)]
pub(super) struct FolderSchema {
    folder: Folder,
    zone: String,
    keeping: Keeping,
    state: OnceLock<SessionState>,
    found: Mutex<Vec<Found>>,
}

/// A name that a query asked for, and the table that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    name: String,
    table: Option<TableFiles>,
    /// What should be known of the table.
    warnings: Vec<String>,
}

impl Found {
    /// How many files the table has.
    pub(super) fn files(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.files.len())
    }
}

impl FolderSchema {
    pub(super) fn new(folder: Folder, zone: String, keeping: Keeping) -> Self {
        Self { folder, zone, keeping, state: OnceLock::new(), found: Mutex::default() }
    }

    /// Gives it the session in which files are read to learn their columns.
    pub(super) fn attach(&self, state: SessionState) {
        // A second session for one schema cannot happen: it is made for one query.
        let _ = self.state.set(state);
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.folder.names()
    }

    /// The tables that were opened, and names that led to none.
    pub(super) fn found(&self) -> Vec<Found> {
        self.lock().clone()
    }

    /// Whether all files of the tables that were opened had settled.
    pub(super) fn had_settled(&self) -> bool {
        let found = self.lock();
        let mut files = found.iter().filter_map(|found| found.table.as_ref()).flat_map(|table| &table.files);
        files.all(|file| file.had_settled(self.keeping.settled_by))
    }

    /// Whether the same tables are there, with the same files in the same state.
    pub(super) fn finds(&self, tables: &[Found]) -> bool {
        tables.iter().all(|known| match (self.folder.table(&known.name), &known.table) {
            (None, None) => true,
            (Some(Ok(files)), Some(known)) => files == *known,
            _ => false,
        })
    }

    /// Knows `tables` as opened.
    pub(super) fn adopt(&self, tables: Vec<Found>) {
        *self.lock() = tables;
    }

    /// How many bytes there are to read and unpack, about: of all files of the tables that were opened, but for those of which columns may be kept.
    pub(super) fn work(&self) -> u64 {
        let work = |table: &TableFiles| {
            let bytes: u64 = table.files.iter().map(DataFile::size).sum();
            if held::is_small(table.files.iter(), self.keeping) { bytes / UNPACKING } else { bytes }
        };
        self.lock().iter().filter_map(|found| found.table.as_ref()).map(work).sum()
    }

    /// What should be known of the tables that were opened.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.lock().iter().flat_map(|found| found.warnings.clone()).collect()
    }

    /// Names the file of a failure of reading, where only one can be meant: the engine does not.
    pub(super) fn located(&self, error: QueryError) -> QueryError {
        let found = self.lock();
        let tables = found.iter().filter_map(|found| found.table.as_ref()).filter(|table| table.format == FileFormat::Parquet);
        let parquet: Vec<(String, usize)> =
            tables.map(|table| (table.files.first().map_or_else(String::new, DataFile::name), table.files.len())).collect();
        match (&error.kind, parquet.as_slice()) {
            (QueryErrorKind::Unreadable { file }, [(only, 1)]) if file.is_empty() => QueryError {
                kind: QueryErrorKind::Unreadable { file: only.clone() },
                message: error.message.replacen("a data file", &format!("the file {only}"), 1),
                ..error
            },
            (QueryErrorKind::Unreadable { file }, [(first, files), ..]) if file.is_empty() => {
                let message = format!("{} ({first}, or one of {} more)", error.message, files.saturating_sub(1));
                QueryError { message, ..error }
            }
            _ => error,
        }
    }

    async fn open(&self, files: TableFiles) -> EngineResult<(Arc<dyn TableProvider>, Vec<String>)> {
        let state = self.state.get().ok_or_else(|| DataFusionError::Internal("no session".to_owned()))?;
        let (table, warnings) = table::open(files, &self.zone, self.keeping, state).await.map_err(external)?;
        Ok((Arc::new(table), warnings))
    }

    fn remember(&self, name: &str, table: Option<TableFiles>) {
        self.lock().push(Found { name: name.to_owned(), table, warnings: Vec::new() });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn external(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[async_trait]
impl SchemaProvider for FolderSchema {
    fn table_names(&self) -> Vec<String> {
        self.names()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        match self.folder.table(name) {
            None => {
                self.remember(name, None);
                Ok(None)
            }
            Some(Err(error)) => Err(external(error)),
            Some(Ok(files)) => {
                // Before it is opened: a failure wants to name its file.
                self.remember(name, Some(files.clone()));
                let (table, warnings) = self.open(files).await?;
                if let Some(found) = self.lock().iter_mut().rfind(|found| found.name == name) {
                    found.warnings = warnings;
                }
                Ok(Some(table))
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.folder.table(name).is_some()
    }
}

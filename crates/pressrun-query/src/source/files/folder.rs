//! The schema that SQL sees: the tables of one folder, each opened when it is named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::session_state::SessionState;
use pressrun_domain::catalog::FileFormat;

use super::listing::{DataFile, Folder, TableFiles};
use super::table;
use crate::error::{QueryError, QueryErrorKind};

/// The schema that SQL sees.
#[derive(Debug)]
pub(super) struct FolderSchema {
    folder: Folder,
    zone: String,
    state: OnceLock<SessionState>,
    warnings: Mutex<Vec<String>>,
    /// Tables of Parquet files that were opened: the first file of each, and how many there are.
    parquet: Mutex<Vec<(String, usize)>>,
    /// Bytes of all files of the tables that were opened.
    bytes: AtomicU64,
}

impl FolderSchema {
    pub(super) fn new(folder: Folder, zone: String) -> Self {
        Self { folder, zone, state: OnceLock::new(), warnings: Mutex::default(), parquet: Mutex::default(), bytes: AtomicU64::new(0) }
    }

    /// Gives it the session in which files are read to learn their columns.
    pub(super) fn attach(&self, state: SessionState) {
        // A second session for one schema cannot happen: it is made for one query.
        let _ = self.state.set(state);
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.folder.names()
    }

    /// Bytes of all files of the tables that were opened.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What should be known of the tables that were opened.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names the file of a failure of reading, where only one can be meant: the engine does not.
    pub(super) fn located(&self, error: QueryError) -> QueryError {
        let parquet = self.parquet.lock().unwrap_or_else(PoisonError::into_inner);
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

    async fn open(&self, files: TableFiles) -> EngineResult<Arc<dyn TableProvider>> {
        let state = self.state.get().ok_or_else(|| DataFusionError::Internal("no session".to_owned()))?;
        self.bytes.fetch_add(files.files.iter().map(DataFile::size).sum(), Ordering::Relaxed);
        if files.format == FileFormat::Parquet {
            let first = files.files.first().map_or_else(String::new, DataFile::name);
            self.parquet.lock().unwrap_or_else(PoisonError::into_inner).push((first, files.files.len()));
        }
        let (table, warnings) = table::open(files, &self.zone, state).await.map_err(external)?;
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Ok(Arc::new(table))
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
            None => Ok(None),
            Some(Err(error)) => Err(external(error)),
            Some(Ok(files)) => self.open(files).await.map(Some),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.folder.table(name).is_some()
    }
}

//! One query as an order that crosses a process border, and what came of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use indexmap::IndexMap;
use pressrun_domain::catalog::{Connection, SourceSettings};
use pressrun_sql::CompiledQuery;
use serde::{Deserialize, Serialize};

use crate::error::{QueryError, QueryErrorKind};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::limits::QueryLimits;
use crate::source::{BatchSink, Source, files::FilesSource, postgres::PostgresSource};
use crate::spool::IpcSink;

/// Where a query runs. It holds the connection's secrets: send it through a pipe, never store or log it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConnectionSpec {
    /// Files under one folder, queried by the embedded engine.
    Files {
        /// Absolute folder.
        folder: PathBuf,
        /// Table name → file, glob or sub-folder.
        tables: IndexMap<String, String>,
    },
    /// A server that speaks PostgreSQL's wire.
    Postgres {
        /// With user and password.
        url: String,
    },
}

impl std::fmt::Debug for ConnectionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { folder, .. } => f.debug_struct("Files").field("folder", folder).finish_non_exhaustive(),
            Self::Postgres { .. } => f.write_str("Postgres { url: [redacted] }"),
        }
    }
}

impl From<&Connection> for ConnectionSpec {
    fn from(connection: &Connection) -> Self {
        match &connection.source {
            SourceSettings::Files { folder, tables } => Self::Files { folder: folder.clone(), tables: tables.clone() },
            SourceSettings::Postgres { url } => Self::Postgres { url: url.expose().to_owned() },
        }
    }
}

impl ConnectionSpec {
    /// Whether its queries use memory and CPU of the process that runs them, and so belong in a child process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Files { .. })
    }

    /// Its source; `temp_dir` takes what does not fit into memory.
    #[must_use]
    pub fn source(&self, temp_dir: &Path) -> Box<dyn Source> {
        match self {
            Self::Files { folder, tables } => Box::new(FilesSource::new(folder.clone(), tables.clone(), temp_dir.to_owned())),
            Self::Postgres { url } => Box::new(PostgresSource::new(url.clone())),
        }
    }
}

/// One query to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryJob {
    /// Where.
    pub connection: ConnectionSpec,
    /// What.
    pub compiled: CompiledQuery,
    /// What it may cost.
    pub limits: QueryLimits,
    /// The Arrow IPC file to write.
    pub out: PathBuf,
    /// Whether the result is to be compared with another (A5).
    pub fingerprint: bool,
}

/// What a query returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryOutcome {
    /// Rows in the file.
    pub rows: u64,
    /// There were more than the limit (R11, A15).
    pub truncated: bool,
    /// Milliseconds it took.
    pub ms: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// Present when asked for.
    pub fingerprint: Option<Fingerprint>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// As the SQL names it.
    pub name: String,
    /// Arrow type, as it prints.
    pub data_type: String,
}

/// Runs `job` and writes its file; on failure no file is left.
///
/// # Errors
/// [`QueryError`].
pub async fn run_job(job: &QueryJob, temp_dir: &Path) -> Result<QueryOutcome, QueryError> {
    let outcome = execute(job, temp_dir).await;
    if outcome.is_err() {
        // Half a result is no result; a file that never came to be needs no removal.
        let _ = std::fs::remove_file(&job.out);
    }
    outcome
}

async fn execute(job: &QueryJob, temp_dir: &Path) -> Result<QueryOutcome, QueryError> {
    let started = Instant::now();
    let source = job.connection.source(temp_dir);
    let mut sink =
        Tee { file: IpcSink::create(&job.out, [])?, fingerprinter: job.fingerprint.then(Fingerprinter::default), columns: Vec::new() };
    let stats = source.run(&job.compiled, &job.limits, &mut sink).await?;
    let bytes = sink.file.finish()?;
    Ok(QueryOutcome {
        rows: stats.rows,
        truncated: stats.truncated,
        ms: started.elapsed().as_millis() as u64,
        bytes,
        columns: sink.columns,
        fingerprint: sink.fingerprinter.map(Fingerprinter::finish),
    })
}

struct Tee {
    file: IpcSink,
    fingerprinter: Option<Fingerprinter>,
    columns: Vec<ColumnInfo>,
}

impl BatchSink for Tee {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        if schema.fields().is_empty() {
            return Err(QueryError::new(QueryErrorKind::Syntax, "the query has no columns"));
        }
        let info = |field: &arrow_schema::FieldRef| ColumnInfo { name: field.name().clone(), data_type: field.data_type().to_string() };
        self.columns = schema.fields().iter().map(info).collect();
        if let Some(fingerprinter) = &mut self.fingerprinter {
            *fingerprinter = Fingerprinter::default();
            fingerprinter.begin(schema);
        }
        self.file.begin(schema)
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        if let Some(fingerprinter) = &mut self.fingerprinter {
            fingerprinter.push(batch)?;
        }
        self.file.push(batch)
    }
}

#[cfg(test)]
mod tests;

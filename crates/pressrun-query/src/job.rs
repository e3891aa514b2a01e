//! One query as an order that crosses a process border, and what came of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use indexmap::IndexMap;
use pressrun_domain::catalog::{Connection, FileTable, SourceSettings};
use pressrun_domain::postgres::PostgresSecretFile;
use pressrun_sql::CompiledQuery;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{QueryError, QueryErrorKind};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::limits::QueryLimits;
use crate::source::adbc::{AdbcSource, AdbcSpec};
use crate::source::clickhouse::{ClickHouseSource, ClickHouseSpec};
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
        /// Tables that the catalog names.
        tables: IndexMap<String, FileTable>,
    },
    /// A server that speaks PostgreSQL's wire.
    Postgres {
        /// With user and password.
        url: String,
        /// The file that the password came from, if it did.
        secret_file: Option<PostgresSecretFile>,
    },
    /// A ClickHouse server.
    #[serde(rename = "clickhouse")]
    ClickHouse(Box<ClickHouseSpec>),
    /// A database with a driver.
    Adbc(Box<AdbcSpec>),
}

impl std::fmt::Debug for ConnectionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { folder, .. } => f.debug_struct("Files").field("folder", folder).finish_non_exhaustive(),
            Self::Postgres { .. } => f.write_str("Postgres { url: [redacted] }"),
            Self::ClickHouse(spec) => spec.fmt(f),
            Self::Adbc(spec) => spec.fmt(f),
        }
    }
}

impl From<&Connection> for ConnectionSpec {
    fn from(connection: &Connection) -> Self {
        match &connection.source {
            SourceSettings::Files { folder, tables } => Self::Files { folder: folder.clone(), tables: tables.clone() },
            SourceSettings::Postgres { url, secret_file } => {
                Self::Postgres { url: url.expose().to_owned(), secret_file: secret_file.clone() }
            }
            SourceSettings::ClickHouse(settings) => Self::ClickHouse(Box::new(settings.into())),
            SourceSettings::Adbc(settings) => Self::Adbc(Box::new(settings.into())),
        }
    }
}

impl ConnectionSpec {
    /// Whether its queries use memory and CPU of the process that runs them; others only wait for a server.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Files { .. })
    }

    /// Its source; `temp_dir` takes what does not fit into memory.
    #[must_use]
    pub fn source(&self, temp_dir: &Path) -> Arc<dyn Source> {
        match self {
            Self::Files { folder, tables } => Arc::new(FilesSource::new(folder.clone(), tables.clone(), temp_dir.to_owned())),
            Self::Postgres { url, secret_file } => Arc::new(PostgresSource::new(url.clone(), secret_file.clone())),
            Self::ClickHouse(spec) => Arc::new(ClickHouseSource::new(spec.as_ref().clone())),
            Self::Adbc(spec) => Arc::new(AdbcSource::new(spec.as_ref().clone())),
        }
    }

    /// The word for its kind in metrics and traces.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Files { .. } => "files",
            Self::Postgres { .. } => "postgres",
            Self::ClickHouse(_) => "clickhouse",
            Self::Adbc(_) => "adbc",
        }
    }

    /// The same for equal connections and another for others, without their secrets.
    #[must_use]
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(json))
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
    /// What whoever relies on the rows should know, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Microseconds of each step that the source tells apart, and of writing the file.
    #[serde(default)]
    pub steps: IndexMap<String, u64>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// As the SQL names it.
    pub name: String,
    /// Arrow type, as it prints.
    pub data_type: String,
}

/// Sources by their connection, kept from one query to the next with all that they have learned: sessions, listings, columns.
pub struct Sources {
    temp_dir: PathBuf,
    /// The one used last comes last.
    kept: Mutex<Vec<(ConnectionSpec, Arc<dyn Source>)>>,
}

impl Sources {
    /// Most sources kept at once; the one that was not used for longest goes.
    pub const MOST: usize = 8;

    /// Nothing kept yet; `temp_dir` takes what queries do not hold in memory.
    #[must_use]
    pub fn new(temp_dir: PathBuf) -> Self {
        Self { temp_dir, kept: Mutex::default() }
    }

    /// Runs `job` and writes its file; on failure no file is left.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn run(&self, job: &QueryJob) -> Result<QueryOutcome, QueryError> {
        let outcome = execute(job, self.source(&job.connection).as_ref()).await;
        if outcome.is_err() {
            // Half a result is no result; a file that never came to be needs no removal.
            let _ = std::fs::remove_file(&job.out);
        }
        outcome
    }

    fn source(&self, connection: &ConnectionSpec) -> Arc<dyn Source> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let source = match kept.iter().position(|(known, _)| known == connection) {
            Some(at) => kept.remove(at).1,
            None => connection.source(&self.temp_dir),
        };
        if kept.len() >= Self::MOST {
            kept.remove(0);
        }
        kept.push((connection.clone(), Arc::clone(&source)));
        source
    }
}

/// Runs `job` on a source that nothing else uses.
///
/// # Errors
/// Those of [`Sources::run`].
pub async fn run_job(job: &QueryJob, temp_dir: &Path) -> Result<QueryOutcome, QueryError> {
    Sources::new(temp_dir.to_owned()).run(job).await
}

async fn execute(job: &QueryJob, source: &dyn Source) -> Result<QueryOutcome, QueryError> {
    let started = Instant::now();
    let mut sink = Tee {
        file: IpcSink::create(&job.out, [])?,
        fingerprinter: job.fingerprint.then(Fingerprinter::default),
        columns: Vec::new(),
        warnings: Vec::new(),
        steps: Vec::new(),
        writing: Duration::ZERO,
    };
    let stats = source.run(&job.compiled, &job.limits, &mut sink).await?;
    let written = Instant::now();
    let bytes = sink.file.finish()?;
    let writing = sink.writing + written.elapsed();
    let steps = sink.steps.iter().copied().chain([("write", writing)]);
    Ok(QueryOutcome {
        rows: stats.rows,
        truncated: stats.truncated,
        ms: started.elapsed().as_millis() as u64,
        bytes,
        columns: sink.columns,
        fingerprint: sink.fingerprinter.map(Fingerprinter::finish),
        warnings: sink.warnings,
        steps: steps.map(|(step, time)| (step.to_owned(), time.as_micros() as u64)).collect(),
    })
}

fn columns(schema: &SchemaRef) -> Vec<ColumnInfo> {
    let info = |field: &arrow_schema::FieldRef| ColumnInfo { name: field.name().clone(), data_type: field.data_type().to_string() };
    schema.fields().iter().map(info).collect()
}

struct Tee {
    file: IpcSink,
    fingerprinter: Option<Fingerprinter>,
    columns: Vec<ColumnInfo>,
    warnings: Vec<String>,
    steps: Vec<(&'static str, Duration)>,
    /// Spent on the file and the fingerprint.
    writing: Duration,
}

impl BatchSink for Tee {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        if schema.fields().is_empty() {
            return Err(QueryError::new(QueryErrorKind::Syntax, "the query has no columns"));
        }
        self.columns = columns(schema);
        if let Some(fingerprinter) = &mut self.fingerprinter {
            fingerprinter.begin(schema);
        }
        self.file.begin(schema)
    }

    fn widen(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        self.columns = columns(schema);
        let Some(fingerprinter) = &mut self.fingerprinter else { return self.file.widen(schema) };
        // A value of another type counts as another value.
        *fingerprinter = Fingerprinter::default();
        fingerprinter.begin(schema);
        self.file.rewrite(schema, &mut |batch| fingerprinter.push(batch))
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        let began = Instant::now();
        if let Some(fingerprinter) = &mut self.fingerprinter {
            fingerprinter.push(batch)?;
        }
        let pushed = self.file.push(batch);
        self.writing += began.elapsed();
        pushed
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn took(&mut self, step: &'static str, time: Duration) {
        self.steps.push((step, time));
    }
}

#[cfg(test)]
mod tests;

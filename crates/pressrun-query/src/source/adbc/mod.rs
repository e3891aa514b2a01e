//! Any database with an ADBC driver: a library of native code that the operator put into a folder.
//!
//! A driver can crash, hang, print, ignore a deadline and hand out memory that is not what it says. So it is loaded in a process of its own, for one query,
//! after which the process is ended; it works on a thread of its own, so that nobody who waits for it cannot be told to stop; each batch is looked through
//! before anything reads it; and rows leave it as Arrow IPC, into the Arrow of the rest of the program, whose reader trusts nothing either.
//!
//! The whole query is pushed down, its dialect untouched. What no driver offers (that only is read) is for the connection's role to decide; a query has to
//! begin like one, which stops accidents.

mod driver;
mod failure;
mod looked;
mod values;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adbc_core::CancelHandle;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use async_trait::async_trait;
use indexmap::IndexMap;
use pressrun_domain::catalog::AdbcSettings;
use pressrun_sql::{CompiledQuery, Dialect, guard};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use self::driver::Work;
use self::failure::Redacted;
use super::{BatchSink, QueryStats, Shape, Source, goodbye};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// How long a driver has to stop a query that was given up, before its process is ended.
const CANCELLING: Duration = Duration::from_secs(1);

/// Stack of the thread that a driver works on.
const STACK: usize = 8 << 20;

/// Which driver, and what it is told. It holds secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdbcSpec {
    /// The driver's name: the manifest `NAME.toml` in the operator's folder.
    pub driver: String,
    /// The operator's folder; `None` where there is none.
    pub folder: Option<PathBuf>,
    /// The SQL that it speaks.
    pub dialect: Dialect,
    /// Options of the database, by the driver's names.
    pub options: IndexMap<String, String>,
    /// Names of the options whose values are secrets.
    pub secrets: Vec<String>,
    /// Statements before the query.
    pub session: Vec<String>,
}

impl std::fmt::Debug for AdbcSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdbcSpec").field("driver", &self.driver).field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl From<&AdbcSettings> for AdbcSpec {
    fn from(settings: &AdbcSettings) -> Self {
        let secrets = settings.options.iter().filter(|(_, option)| option.is_secret).map(|(name, _)| name.clone());
        Self {
            driver: settings.driver.clone(),
            folder: None,
            // The catalog takes no other names.
            dialect: Dialect::named(&settings.dialect).unwrap_or(Dialect::Ansi),
            options: settings.options.iter().map(|(name, option)| (name.clone(), option.value.expose().to_owned())).collect(),
            secrets: secrets.collect(),
            session: settings.session.clone(),
        }
    }
}

impl AdbcSpec {
    /// The manifest of its driver.
    ///
    /// # Errors
    /// The operator lets no drivers in, or this one is not there.
    pub fn manifest(&self) -> Result<PathBuf, QueryError> {
        let Some(folder) = &self.folder else {
            return Err(QueryError::new(QueryErrorKind::Denied, "this server loads no database drivers")
                .hint("the operator names a folder of drivers as `drivers` under [adbc]"));
        };
        let manifest = folder.join(format!("{}.toml", self.driver));
        if !manifest.is_file() {
            return Err(QueryError::new(QueryErrorKind::Unsupported, format!("there is no driver `{}` on this server", self.driver))
                .hint(format!("the operator puts {}.toml into the folder that `drivers` under [adbc] names", self.driver)));
        }
        Ok(manifest)
    }
}

/// What the driver's thread tells.
enum Told {
    /// Some bytes of the stream of rows.
    Rows(Vec<u8>),
    /// The end.
    End(Result<(), QueryError>),
}

/// One database.
#[derive(Debug)]
pub struct AdbcSource {
    spec: AdbcSpec,
}

/// The statement that runs, once there is one.
type Running = Arc<Mutex<Option<Box<dyn CancelHandle>>>>;

/// Stops the statement when nobody waits for it any more.
struct Stop(Running);

impl Drop for Stop {
    fn drop(&mut self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            goodbye::say(async move {
                let cancelled = tokio::task::spawn_blocking(move || running.try_cancel());
                // Some drivers cannot, others say that they did and go on: the end of the process is what counts.
                let _ = tokio::time::timeout(CANCELLING, cancelled).await;
            });
        }
    }
}

impl AdbcSource {
    /// The database of `spec`.
    #[must_use]
    pub fn new(spec: AdbcSpec) -> Self {
        Self { spec }
    }

    async fn answer(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let (sender, mut told) = mpsc::channel(2);
        let running = Running::default();
        let work = Work::new(&self.spec, query, limits, self.spec.manifest()?);
        let handle = Arc::clone(&running);
        let started = std::thread::Builder::new().name("driver".to_owned()).stack_size(STACK).spawn(move || work.run(&sender, &handle));
        started.map_err(|error| QueryError::new(QueryErrorKind::Memory, format!("no thread could be started for the driver: {error}")))?;
        let stop = Stop(running);
        let mut decoder = StreamDecoder::new();
        let mut waiting = Some(sink);
        let mut shape: Option<Shape<'_>> = None;
        while let Some(news) = told.recv().await {
            let bytes = match news {
                Told::Rows(bytes) => bytes,
                Told::End(ended) => {
                    // It has ended by itself: there is nothing to stop.
                    stop.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                    ended?;
                    return shape.map(Shape::finish).ok_or_else(|| self.broken("it gave neither columns nor an error"));
                }
            };
            let mut buffer = Buffer::from(bytes);
            while !buffer.is_empty() {
                let batch = decoder.decode(&mut buffer).map_err(|error| self.broken(&error.to_string()))?;
                if shape.is_none()
                    && let Some(schema) = decoder.schema()
                    && let Some(sink) = waiting.take()
                {
                    shape = Some(Shape::new(&schema, &query.zone, query.limit, limits.result_bytes, sink)?);
                }
                let (Some(batch), Some(shape)) = (batch, shape.as_mut()) else { continue };
                if !shape.push(&batch)? {
                    return Ok(shape.stats());
                }
            }
        }
        // The thread is gone without a word: a panic amid what it was handed.
        Err(self.broken("what it handed out is not what it says"))
    }

    fn broken(&self, what: &str) -> QueryError {
        Redacted::of(&self.spec).error(QueryErrorKind::Internal, &format!("the driver `{}` broke its promises: {what}", self.spec.driver))
    }
}

#[async_trait]
impl Source for AdbcSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        guard(&query.sql, query.dialect).map_err(|error| QueryError::of_screen(error, &query.sql))?;
        let time = Duration::from_millis(limits.timeout_ms);
        let silence = || QueryError::new(QueryErrorKind::Timeout, format!("the query took longer than {} s", time.as_secs_f64()));
        tokio::time::timeout(time, self.answer(query, limits, sink)).await.unwrap_or_else(|_| Err(silence()))
    }
}

#[cfg(test)]
mod tests;

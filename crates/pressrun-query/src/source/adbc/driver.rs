//! What is done on the driver's own thread: load, open, prepare the session, run, hand on.

use std::path::PathBuf;

use adbc_core::error::Status;
use adbc_core::options::{AdbcVersion, OptionDatabase, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, LOAD_FLAG_DEFAULT, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDriver};
use driver_arrow_array::{RecordBatch, RecordBatchReader as _};
use driver_arrow_ipc::writer::StreamWriter;
use pressrun_sql::{Bound, CompiledQuery, Dialect};
use tokio::sync::mpsc::Sender;

use super::failure::Redacted;
use super::{AdbcSpec, Running, Told, looked, values};
use crate::error::QueryError;
use crate::limits::QueryLimits;

/// One query for a driver.
pub(super) struct Work {
    manifest: PathBuf,
    options: Vec<(String, String)>,
    before: Vec<String>,
    sql: String,
    params: Vec<Bound>,
    dialect: Dialect,
    redacted: Redacted,
}

/// Nobody wants more rows.
struct Gone;

/// Why there are no more rows.
enum Stopped {
    Gone,
    Failed(QueryError),
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<QueryError> for Stopped {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

impl Work {
    pub(super) fn new(spec: &AdbcSpec, query: &CompiledQuery, limits: &QueryLimits, manifest: PathBuf) -> Self {
        let dialect = spec.dialect;
        let mut before = dialect.opening(&query.zone, limits.timeout_ms);
        before.extend(spec.session.iter().cloned());
        before.extend(dialect.closing());
        Self {
            manifest,
            options: spec.options.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            before,
            sql: query.sql.clone(),
            params: query.params.iter().map(|param| dialect.bound(param, &query.zone)).collect(),
            dialect,
            redacted: Redacted::of(spec),
        }
    }

    /// Does it, and tells `told`; what runs can be stopped by `running`.
    pub(super) fn run(self, told: &Sender<Told>, running: &Running) {
        if let Err(Stopped::Failed(error)) = self.rows(told, running) {
            // Who does not listen any more has no use for the end.
            let _ = told.blocking_send(Told::End(Err(error)));
        }
    }

    fn rows(&self, told: &Sender<Told>, running: &Running) -> Result<(), Stopped> {
        let failed = |error| self.redacted.driver(error);
        // The order in which these are dropped is that of the last lines here, backwards: a reader whose statement is gone reads freed memory.
        let mut driver = self.load(AdbcVersion::V110)?;
        // Strings only: drivers in Go take nothing else before they are open.
        let options = self.options.iter().map(|(name, value)| (OptionDatabase::from(name.as_str()), OptionValue::String(value.clone())));
        let database = driver.new_database_with_opts(options).map_err(failed)?;
        let mut connection = database.new_connection().map_err(failed)?;
        for sql in &self.before {
            self.say(&mut connection, sql)?;
        }
        let mut statement = connection.new_statement().map_err(failed)?;
        let handle = statement.get_cancel_handle();
        running.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(handle);
        if told.is_closed() {
            return Err(Stopped::Gone);
        }
        statement.set_sql_query(&self.sql).map_err(failed)?;
        if self.dialect.prepares() {
            statement.prepare().map_err(failed)?;
        }
        if !self.params.is_empty() {
            statement.bind(values::row(&self.params)?).map_err(failed)?;
        }
        let mut reader = statement.execute().map_err(failed)?;
        let schema = reader.schema();
        let columns = looked::Columns::new(&schema).map_err(|error| self.redacted.text(error))?;
        let mut writer = StreamWriter::try_new(Vec::new(), &columns.schema()).map_err(|error| self.redacted.arrow(&error))?;
        tell(told, std::mem::take(writer.get_mut()))?;
        for batch in &mut reader {
            let batch: RecordBatch = batch.map_err(|error| self.redacted.streaming(&error))?;
            let batch = columns.looked_through(&batch).map_err(|error| self.redacted.text(error))?;
            writer.write(&batch).map_err(|error| self.redacted.arrow(&error))?;
            tell(told, std::mem::take(writer.get_mut()))?;
        }
        writer.finish().map_err(|error| self.redacted.arrow(&error))?;
        tell(told, std::mem::take(writer.get_mut()))?;
        // The end is told before anything is closed: closing can take longer than the query.
        let _ = told.blocking_send(Told::End(Ok(())));
        drop(reader);
        Ok(())
    }

    /// The driver, of this version of the interface or an older one.
    fn load(&self, version: AdbcVersion) -> Result<ManagedDriver, QueryError> {
        match ManagedDriver::load_from_name(&self.manifest, None, version, LOAD_FLAG_DEFAULT, None) {
            Ok(driver) => Ok(driver),
            Err(error) if error.status == Status::NotImplemented && version == AdbcVersion::V110 => self.load(AdbcVersion::V100),
            Err(error) => Err(self.redacted.loading(error)),
        }
    }

    /// A statement without rows of interest.
    fn say(&self, connection: &mut ManagedConnection, sql: &str) -> Result<(), QueryError> {
        let of_session = |error: adbc_core::error::Error| {
            let error = self.redacted.driver(error);
            QueryError { message: format!("a statement of the session failed: {}", error.message), ..error }
        };
        let mut statement = connection.new_statement().map_err(of_session)?;
        statement.set_sql_query(sql).map_err(of_session)?;
        statement.execute_update().map_err(of_session)?;
        Ok(())
    }
}

fn tell(told: &Sender<Told>, bytes: Vec<u8>) -> Result<(), Gone> {
    if bytes.is_empty() { Ok(()) } else { told.blocking_send(Told::Rows(bytes)).map_err(|_| Gone) }
}

//! Places that answer queries.

pub mod adbc;
mod authorities;
pub mod clickhouse;
pub mod files;
pub mod goodbye;
pub mod postgres;
mod shape;
mod widen;

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use pressrun_sql::CompiledQuery;

use crate::error::QueryError;
use crate::limits::QueryLimits;

use authorities::system_roots;
pub use shape::Shape;
pub(crate) use widen::widened;

/// Takes the rows of a result as they come.
pub trait BatchSink: Send {
    /// The columns; called once, before any row, also when there are none.
    ///
    /// # Errors
    /// Stops the query.
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), QueryError>;

    /// Some rows.
    ///
    /// # Errors
    /// Stops the query.
    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError>;

    /// Columns have become wider than was told: the rows so far are to be kept in the types of `schema`, in which all further ones come. Only
    /// sources that learn their types by the values call it.
    ///
    /// # Errors
    /// Stops the query.
    fn widen(&mut self, schema: &SchemaRef) -> Result<(), QueryError>;

    /// Something that whoever relies on the rows should know: one sentence that names what and where, and holds no secret.
    /// A sink of rows alone passes over it.
    fn warn(&mut self, warning: String) {
        let _ = warning;
    }

    /// How long a step of the query took, by the step's name.
    fn took(&mut self, step: &'static str, time: Duration) {
        let _ = (step, time);
    }
}

/// A place that answers queries; it is kept for the next one. Dropping the future of [`Source::run`] stops the query, and what its server has
/// to be told then is left to [`goodbye::say`].
#[async_trait]
pub trait Source: Send + Sync {
    /// Runs `query` and pushes its rows, at most `query.limit` of them.
    ///
    /// # Errors
    /// [`QueryError`]; rows that were pushed before are to be thrown away.
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError>;
}

/// What a query returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryStats {
    /// Rows pushed.
    pub rows: u64,
    /// There were more than the limit (R11, A15).
    pub truncated: bool,
}

/// Collects batches in memory; for tests and small results.
#[derive(Debug, Default)]
pub struct Collected {
    /// The columns, once known.
    pub schema: Option<SchemaRef>,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// What should be known of them.
    pub warnings: Vec<String>,
}

impl BatchSink for Collected {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        self.schema = Some(SchemaRef::clone(schema));
        Ok(())
    }

    fn widen(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        self.schema = Some(SchemaRef::clone(schema));
        self.batches = self.batches.iter().map(|batch| widened(batch, schema)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        self.batches.push(batch.clone());
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

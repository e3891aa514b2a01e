//! The rows of a query, from the wire to the sink.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use fallible_iterator::FallibleIterator;
use pressrun_sql::CompiledQuery;

use super::column::{Column, ONE_OF_MONEY, is_binary, is_money, money_scale};
use super::failure::{Fault, protocol};
use super::session::{Described, Session};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;
use crate::source::{BatchSink, QueryStats, Shape};

/// Rows and bytes that are passed on at once: whichever is reached first, so that wide rows take no more memory than narrow ones.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 4 << 20;

/// Bytes that are read to the end of a result of which no more is wanted, before the server is asked to stop: a result a little over the
/// limit ends by itself, and the server's log has nothing to tell.
const REST_BYTES: usize = 1 << 20;

/// What came of a query that did not fail.
pub(super) struct Fetched {
    pub(super) stats: QueryStats,
    /// The query has ended; otherwise it still runs.
    pub(super) is_complete: bool,
}

/// Why a query gave no result.
pub(super) enum Stopped {
    /// The wire or the server.
    Fault(Fault),
    /// A value, or who takes the rows. The query still runs.
    Query(QueryError),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<QueryError> for Stopped {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// Runs what `session` has described and passes its rows on.
pub(super) async fn fetch(
    session: &mut Session,
    described: &[Described],
    query: &CompiledQuery,
    limits: &QueryLimits,
    sink: &mut dyn BatchSink,
) -> Result<Fetched, Stopped> {
    let scale = if described.iter().any(is_money) {
        let one = session.value(ONE_OF_MONEY).await?;
        session.parse(&query.sql).await?;
        money_scale(&one)?
    } else {
        0
    };
    let zone: Arc<str> = query.zone.as_str().into();
    let columns = described.iter().map(|described| Column::new(described, &zone, scale)).collect::<Result<Vec<_>, _>>()?;
    let binary: Vec<bool> = described.iter().map(is_binary).collect();
    session.execute(&query.params, &binary).await?;
    let mut rows = Rows { columns, count: 0, bytes: 0, taken: 0, schema: None, shape: None, sink: Some(sink), query, limits };
    while let Some(row) = session.row().await? {
        let bytes = row.buffer().len();
        if rows.taken == query.limit {
            let stats = QueryStats { truncated: true, ..rows.finish()? };
            return Ok(Fetched { stats, is_complete: is_at_end(session, bytes).await? });
        }
        let mut values = row.ranges();
        for column in &mut rows.columns {
            let range = values.next().map_err(protocol)?.ok_or_else(|| Fault::Protocol("a row has too few columns".to_owned()))?;
            column.push(range.and_then(|range| row.buffer().get(range)))?;
        }
        rows.added(bytes)?;
    }
    Ok(Fetched { stats: rows.finish()?, is_complete: true })
}

/// Whether the rest is short enough to be read.
async fn is_at_end(session: &mut Session, mut bytes: usize) -> Result<bool, Stopped> {
    while bytes < REST_BYTES {
        match session.row().await {
            Ok(Some(row)) => bytes += row.buffer().len(),
            // Also by a failure: nothing of it is wanted.
            Ok(None) | Err(Fault::Server(_)) => return Ok(true),
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(false)
}

/// Rows on their way.
struct Rows<'a> {
    columns: Vec<Column>,
    /// In the columns.
    count: usize,
    bytes: usize,
    /// Of the server.
    taken: u64,
    /// Told so far.
    schema: Option<Arc<Schema>>,
    shape: Option<Shape<'a>>,
    sink: Option<&'a mut dyn BatchSink>,
    query: &'a CompiledQuery,
    limits: &'a QueryLimits,
}

impl Rows<'_> {
    fn added(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.taken += 1;
        self.count += 1;
        self.bytes += bytes;
        if self.count == BATCH_ROWS || self.bytes >= BATCH_BYTES { self.pass_on() } else { Ok(()) }
    }

    fn pass_on(&mut self) -> Result<(), QueryError> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let fields = self.columns.iter().zip(&arrays).map(|(column, array)| Field::new(column.name(), array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        if let Some(sink) = self.sink.take() {
            self.shape = Some(Shape::new(&schema, &self.query.zone, self.query.limit, self.limits.result_bytes, sink)?);
        } else if let Some(shape) = &mut self.shape
            && self.schema.as_ref() != Some(&schema)
        {
            shape.widen(&schema, &self.query.zone)?;
        }
        if let Some(shape) = &mut self.shape {
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
                .map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
            shape.push(&batch)?;
        }
        self.schema = Some(schema);
        (self.count, self.bytes) = (0, 0);
        Ok(())
    }

    /// Passes the last rows on; no rows still have columns.
    fn finish(mut self) -> Result<QueryStats, QueryError> {
        if self.count > 0 || self.shape.is_none() {
            self.pass_on()?;
        }
        Ok(self.shape.take().map(Shape::finish).unwrap_or_default())
    }
}

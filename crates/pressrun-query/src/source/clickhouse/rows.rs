//! Rows from the stream to the sink.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Decimal256Array, RecordBatch};
use arrow_buffer::{Buffer, i256};
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{DataType, Field, Schema};
use pressrun_sql::CompiledQuery;
use reqwest::Response;

use super::columns::is_wide;
use super::failure::{self, Tail};
use super::request::Described;
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;
use crate::source::{BatchSink, QueryStats, Shape};

/// Passes the rows of `answer` on, at most as many as are wanted. What is left of it is not read: the server sees the connection closed and stops.
pub(super) async fn fetch(
    mut answer: Response,
    described: &[Described],
    query: &CompiledQuery,
    limits: &QueryLimits,
    sink: &mut dyn BatchSink,
) -> Result<QueryStats, QueryError> {
    let (mut decoder, mut tail) = (StreamDecoder::new(), Tail::default());
    let mut waiting = Some(sink);
    let mut shape: Option<Shape<'_>> = None;
    loop {
        let chunk = match answer.chunk().await {
            Ok(chunk) => chunk,
            // A server that fails amid the rows writes why and breaks off.
            Err(error) => return Err(tail.failure().unwrap_or_else(|| failure::lost(&error))),
        };
        let Some(chunk) = chunk else { break };
        let is_first = tail.is_empty();
        tail.see(&chunk);
        // How every message of Arrow begins; what does not would be taken for a length.
        if is_first && !chunk.iter().take(4).all(|byte| *byte == 0xff) {
            let said = String::from_utf8_lossy(&chunk).into_owned();
            return Err(tail.rest(answer).await.unwrap_or_else(|| failure::no_clickhouse(&said)));
        }
        let mut buffer = Buffer::from(chunk);
        while !buffer.is_empty() {
            let batch = match decoder.decode(&mut buffer) {
                Ok(batch) => batch,
                Err(error) => return Err(tail.rest(answer).await.unwrap_or_else(|| failure::unreadable(&error))),
            };
            if shape.is_none()
                && let Some(schema) = decoder.schema()
                && let Some(sink) = waiting.take()
            {
                shape = Some(Shape::new(&told(&schema, described), &query.zone, query.limit, limits.result_bytes, sink)?);
            }
            let (Some(batch), Some(shape)) = (batch, shape.as_mut()) else { continue };
            if !shape.push(&made(&batch, described)?)? {
                return Ok(shape.stats());
            }
        }
    }
    let broke_off = |at: &str| QueryError::new(QueryErrorKind::Connection, format!("the database broke off {at} the rows"));
    if !has_ended(decoder) {
        return Err(tail.failure().unwrap_or_else(|| broke_off("amid")));
    }
    shape.map(Shape::finish).ok_or_else(|| broke_off("before"))
}

/// Whether the stream said its end: an answer that was cut between two batches is no shorter result. Only the decoder knows, for the bytes of the end may stand in a
/// column too; it refuses whatever follows the end, and nothing else.
fn has_ended(mut decoder: StreamDecoder) -> bool {
    decoder.finish().is_ok() && decoder.decode(&mut Buffer::from(vec![0_u8])).is_err()
}

/// The columns as [`made`] makes them.
fn told(schema: &Schema, described: &[Described]) -> Schema {
    let fields = schema.fields().iter().zip(described).map(|(field, column)| {
        let kind = if is_wide(column) { DataType::Decimal256(76, 0) } else { field.data_type().clone() };
        Field::new(field.name(), kind, true)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// A batch with whole numbers for those that came as text.
fn made(batch: &RecordBatch, described: &[Described]) -> Result<RecordBatch, QueryError> {
    if batch.num_columns() != described.len() {
        return Err(QueryError::new(QueryErrorKind::Internal, "the database sent other columns than it had described"));
    }
    let columns = batch
        .columns()
        .iter()
        .zip(described)
        .map(|(array, column)| if is_wide(column) { wide(array, column) } else { Ok(Arc::clone(array)) });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<_> =
        described.iter().zip(&columns).map(|(column, array)| Field::new(&column.name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))
}

fn wide(array: &ArrayRef, column: &Described) -> Result<ArrayRef, QueryError> {
    let too_long = || {
        QueryError::new(QueryErrorKind::Value, format!("the column `{}` has a whole number of more than 76 digits", column.name))
            .hint("write toString(…) around it")
    };
    let texts = array.as_string_opt::<i32>().ok_or_else(too_long)?;
    let number = |text: &str| {
        let digits = text.trim_start_matches('-').len();
        i256::from_string(text).filter(|_| digits <= 76).ok_or_else(too_long)
    };
    let numbers = texts.iter().map(|text| text.map(number).transpose()).collect::<Result<Decimal256Array, _>>()?;
    let numbers = numbers.with_precision_and_scale(76, 0).map_err(|_| too_long())?;
    Ok(Arc::new(numbers))
}

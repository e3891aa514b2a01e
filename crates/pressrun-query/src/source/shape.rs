//! Engine types → the closed set that the spool carries, the row limit, and the size limit.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{BatchSink, QueryStats};
use crate::error::{QueryError, QueryErrorKind};

/// Passes rows on: in the types of [`crate::spool`], instants in the query zone, no more than the limit.
pub struct Shape<'a> {
    schema: SchemaRef,
    limit: u64,
    bytes_left: u64,
    stats: QueryStats,
    sink: &'a mut dyn BatchSink,
}

impl<'a> Shape<'a> {
    /// Announces the columns to `sink`.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(columns: &Schema, zone: &str, limit: u64, bytes: u64, sink: &'a mut dyn BatchSink) -> Result<Self, QueryError> {
        let schema = shaped(columns, zone);
        sink.begin(&schema)?;
        Ok(Self { schema, limit, bytes_left: bytes, stats: QueryStats::default(), sink })
    }

    /// The columns have become these.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn widen(&mut self, columns: &Schema, zone: &str) -> Result<(), QueryError> {
        self.schema = shaped(columns, zone);
        self.sink.widen(&self.schema)
    }

    /// Passes on what the limit allows of `batch`; false when no more rows are wanted.
    ///
    /// # Errors
    /// [`QueryErrorKind::TooLarge`], and those of the sink.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<bool, QueryError> {
        let left = self.limit - self.stats.rows;
        let rows = batch.num_rows() as u64;
        let batch = if rows > left {
            self.stats.truncated = true;
            batch.slice(0, left as usize)
        } else {
            batch.clone()
        };
        if batch.num_rows() > 0 {
            let columns: Result<Vec<_>, _> =
                batch.columns().iter().zip(self.schema.fields()).map(|(array, field)| convert(array, field.data_type())).collect();
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns?).map_err(internal)?;
            self.bytes_left = self.bytes_left.checked_sub(bytes_of(&batch)?).ok_or_else(|| {
                QueryError::new(QueryErrorKind::TooLarge, "the result is larger than allowed")
                    .hint("return fewer rows or columns, or raise query.result_mb in the server's configuration")
            })?;
            self.stats.rows += batch.num_rows() as u64;
            self.sink.push(&batch)?;
        }
        Ok(!self.stats.truncated)
    }

    /// What was passed on so far.
    #[must_use]
    pub fn stats(&self) -> QueryStats {
        self.stats
    }

    /// What was passed on.
    #[must_use]
    pub fn finish(self) -> QueryStats {
        self.stats
    }
}

fn shaped(columns: &Schema, zone: &str) -> SchemaRef {
    let field = |field: &Arc<Field>| Field::new(field.name(), target(field.data_type(), zone), true);
    Arc::new(Schema::new(columns.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The type in which values of `engine` travel: as they are, but for small integers, instants, which are told in the query
/// zone, and forms that differ in memory only.
fn target(engine: &DataType, zone: &str) -> DataType {
    match engine {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Time32(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(zone.into())),
        DataType::Dictionary(_, values) => target(values, zone),
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Struct(_)
        | DataType::Map(..) => Some(nested(engine, zone)).filter(|to| can_cast_types(engine, to)).unwrap_or(DataType::Utf8),
        DataType::Boolean
        | DataType::Int64
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(_, None)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Binary => engine.clone(),
        // Text in its several forms, columns of nothing, and what no source is known to yield.
        _ => DataType::Utf8,
    }
}

/// A list, structure or map of what its parts travel in.
fn nested(engine: &DataType, zone: &str) -> DataType {
    let part = |field: &Arc<Field>| {
        let field = field.as_ref();
        Arc::new(Field::new(field.name(), target(field.data_type(), zone), field.is_nullable()))
    };
    match engine {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(part(item)),
        DataType::Struct(members) => DataType::Struct(members.iter().map(part).collect()),
        DataType::Map(entries, sorted) => {
            let DataType::Struct(members) = entries.data_type() else { return DataType::Utf8 };
            let members = DataType::Struct(members.iter().map(part).collect());
            DataType::Map(Arc::new(Field::new(entries.name(), members, false)), *sorted)
        }
        _ => DataType::Utf8,
    }
}

fn convert(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, QueryError> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let texts = matches!(array.data_type(), DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) | DataType::Null);
    if *target == DataType::Utf8 && !texts {
        // What has no form of its own here: as it prints.
        let options = FormatOptions::default().with_null("");
        let format = ArrayFormatter::try_new(array.as_ref(), &options).map_err(internal)?;
        let shown = (0..array.len()).map(|row| array.is_valid(row).then(|| format.value(row).to_string()));
        return Ok(Arc::new(shown.collect::<StringArray>()));
    }
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    cast_with_options(array, target, &options)
        .map_err(|error| QueryError::new(QueryErrorKind::Value, format!("a value of the result does not fit: {error}")))
}

/// Bytes of the values of `batch` alone: an engine may hand out slices of buffers that are much larger.
fn bytes_of(batch: &RecordBatch) -> Result<u64, QueryError> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size().map_err(internal)? as u64;
    }
    Ok(bytes)
}

fn internal(error: arrow_schema::ArrowError) -> QueryError {
    QueryError::new(QueryErrorKind::Internal, error.to_string())
}

//! What a driver hands out is looked through before anything reads it.

use std::sync::Arc;

use driver_arrow_array::builder::StringBuilder;
use driver_arrow_array::cast::AsArray;
use driver_arrow_array::types::{
    Date32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use driver_arrow_array::{Array, ArrayRef, RecordBatch};
use driver_arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::{QueryError, QueryErrorKind};

/// The columns of a result and what becomes of each.
pub(super) struct Columns {
    schema: SchemaRef,
    ways: Vec<Way>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    AsIs,
    /// Sixteen bytes, told as text.
    Uuid,
}

/// The name under which a column says that it is of a type beyond Arrow's.
const EXTENSION: &str = "ARROW:extension:name";
/// What such a type is called at its database.
const EXTENSION_DATA: &str = "ARROW:extension:metadata";

impl Columns {
    /// What is told of a result with these columns.
    ///
    /// # Errors
    /// A column has bytes of which nobody knows what they mean.
    pub(super) fn new(given: &Schema) -> Result<Self, QueryError> {
        let mut ways = Vec::new();
        let mut fields = Vec::new();
        for field in given.fields() {
            let way = way(field)?;
            let kind = if way == Way::Uuid { DataType::Utf8 } else { field.data_type().clone() };
            // Without what the driver says beside: it is meant for others.
            fields.push(Field::new(field.name(), kind, true));
            ways.push(way);
        }
        Ok(Self { schema: Arc::new(Schema::new(fields)), ways })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The batch, in which every offset, length and letter holds.
    ///
    /// # Errors
    /// One does not, or a date is none.
    pub(super) fn looked_through(&self, batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for ((array, field), way) in batch.columns().iter().zip(self.schema.fields()).zip(&self.ways) {
            let name = field.name();
            array.to_data().validate_full().map_err(|error| {
                let text = error.to_string();
                if text.to_lowercase().contains("utf8") || text.to_lowercase().contains("utf-8") {
                    QueryError::new(QueryErrorKind::Value, format!("the column `{name}` has text that is not UTF-8"))
                        .hint("convert it in the SQL, or ask the driver for UTF-8 by an option")
                } else {
                    QueryError::new(QueryErrorKind::Internal, format!("the driver handed out a broken column `{name}`: {text}"))
                }
            })?;
            within_calendar(array, name)?;
            columns.push(match way {
                Way::AsIs => Arc::clone(array),
                Way::Uuid => uuids(array),
            });
        }
        RecordBatch::try_new(self.schema(), columns).map_err(|error| {
            QueryError::new(QueryErrorKind::Internal, format!("the driver handed out other columns than it had said: {error}"))
        })
    }
}

fn way(field: &Field) -> Result<Way, QueryError> {
    let Some(extension) = field.metadata().get(EXTENSION) else { return Ok(Way::AsIs) };
    let is_bytes =
        matches!(field.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_));
    match (extension.as_str(), field.data_type()) {
        ("arrow.uuid", DataType::FixedSizeBinary(16)) => Ok(Way::Uuid),
        _ if !is_bytes => Ok(Way::AsIs),
        _ => {
            let called =
                field.metadata().get(EXTENSION_DATA).filter(|text| text.len() < 200).map_or(String::new(), |text| format!(" ({text})"));
            let message = format!("the column `{}` has a type that the driver hands out as bytes: {extension}{called}", field.name());
            Err(QueryError::new(QueryErrorKind::Unsupported, message).hint("cast it to text in the SQL"))
        }
    }
}

fn uuids(array: &ArrayRef) -> ArrayRef {
    let mut texts = StringBuilder::new();
    let bytes = array.as_fixed_size_binary_opt();
    for row in 0..array.len() {
        let value = bytes.filter(|bytes| bytes.is_valid(row)).and_then(|bytes| uuid::Uuid::from_slice(bytes.value(row)).ok());
        texts.append_option(value.map(|value| value.to_string()));
    }
    Arc::new(texts.finish())
}

/// Whether one of `values` is none of those from the first to the last.
fn outside(values: impl IntoIterator<Item = i64>, (first, last): (i64, i64)) -> bool {
    values.into_iter().any(|value| value < first || value > last)
}

/// Days and instants of the years 1 to 9999: databases have infinities, which arrive as numbers that are no day.
fn within_calendar(array: &ArrayRef, name: &str) -> Result<(), QueryError> {
    const FIRST_DAY: i64 = -719_162;
    const LAST_DAY: i64 = 2_932_896;
    let seconds = |per_second: i64| (FIRST_DAY * 86_400 * per_second, ((LAST_DAY + 1) * 86_400).saturating_mul(per_second) - 1);
    let found = match array.data_type() {
        DataType::Date32 => {
            array.as_primitive_opt::<Date32Type>().is_some_and(|days| outside(days.iter().flatten().map(i64::from), (FIRST_DAY, LAST_DAY)))
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive_opt::<TimestampSecondType>().is_some_and(|at| outside(at.iter().flatten(), seconds(1)))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive_opt::<TimestampMillisecondType>().is_some_and(|at| outside(at.iter().flatten(), seconds(1000)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive_opt::<TimestampMicrosecondType>().is_some_and(|at| outside(at.iter().flatten(), seconds(1_000_000)))
        }
        // Of nanoseconds there are not so many; the least and the greatest number are what infinities become.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let bounds = (i64::MIN + 1, i64::MAX - 1);
            array.as_primitive_opt::<TimestampNanosecondType>().is_some_and(|at| outside(at.iter().flatten(), bounds))
        }
        _ => false,
    };
    if found {
        let message = format!("the column `{name}` has a date or time beyond the years 1 to 9999, such as infinity");
        return Err(QueryError::new(QueryErrorKind::Value, message).hint("leave it out, or cast it to text in the SQL"));
    }
    Ok(())
}

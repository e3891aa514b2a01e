//! Rows in columns that have become wider since they were told.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use crate::error::{QueryError, QueryErrorKind};

/// `batch` in the columns of `schema`: decimals of more digits, floats of decimals, text of dates and times.
///
/// # Errors
/// [`QueryErrorKind::Value`] when a value has no place in its new column.
pub(crate) fn widened(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, QueryError> {
    let refused = |error: ArrowError| QueryError::new(QueryErrorKind::Value, format!("a value of the result does not fit: {error}"));
    let columns = batch.columns().iter().zip(schema.fields()).map(|(array, field)| column(array, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>().map_err(refused)?).map_err(refused)
}

fn column(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    // By its digits: dividing by a power of ten would round twice.
    let floats = |unscaled: &dyn Fn(usize) -> String, scale: i8| {
        let one = |row| array.is_valid(row).then(|| format!("{}e{}", unscaled(row), -i32::from(scale)).parse::<f64>());
        let parsed = (0..array.len()).map(|row| one(row).transpose()).collect::<Result<Float64Array, _>>();
        parsed.map(|floats| Arc::new(floats) as ArrayRef).map_err(|error| ArrowError::CastError(error.to_string()))
    };
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (DataType::Decimal128(_, scale), DataType::Float64) => {
            floats(&|row| array.as_primitive::<Decimal128Type>().value(row).to_string(), *scale)
        }
        (DataType::Decimal256(_, scale), DataType::Float64) => {
            floats(&|row| array.as_primitive::<Decimal256Type>().value(row).to_string(), *scale)
        }
        (_, to) => cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }),
    }
}

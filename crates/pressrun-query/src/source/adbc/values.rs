//! The values of a query as the one row that a driver binds.

use std::sync::Arc;

use driver_arrow_array::builder::{ListBuilder, StringBuilder};
use driver_arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use pressrun_sql::Bound;

use crate::error::{QueryError, QueryErrorKind};

/// One row with one column a placeholder, called `p1` and so on.
pub(super) fn row(params: &[Bound]) -> Result<RecordBatch, QueryError> {
    let column = |(number, value): (usize, &Bound)| (format!("p{number}"), array(value));
    RecordBatch::try_from_iter((1..).zip(params).map(column)).map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))
}

fn array(value: &Bound) -> ArrayRef {
    match value {
        Bound::Text(text) => Arc::new(StringArray::from(vec![text.as_str()])),
        Bound::Integer(number) => Arc::new(Int64Array::from(vec![*number])),
        Bound::Boolean(flag) => Arc::new(BooleanArray::from(vec![*flag])),
        Bound::Texts(texts) => {
            let mut list = ListBuilder::new(StringBuilder::new());
            list.append_value(texts.iter().map(Some));
            Arc::new(list.finish())
        }
    }
}

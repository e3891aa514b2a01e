//! The part of a plan that reads text files: some of a table's files, one after another, the wanted columns of each.
//!
//! Reading is done where the engine asks for the next batch and not on threads of its own: a query of many tables would need as
//! many of these, and the process has few.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use jiff::tz::TimeZone;
use pressrun_domain::catalog::{FileFormat, FileReading};

use super::super::listing::DataFile;
use super::columns::{Column, Parser};
use super::csv_rows::{CsvRows, finish};
use super::json_rows::JsonRows;
use super::number::Marks;
use crate::error::{QueryError, QueryErrorKind};

/// Some files of a table, and what of them is wanted.
#[derive(Clone)]
pub(crate) struct TextScan {
    pub(crate) format: FileFormat,
    pub(crate) reading: Arc<FileReading>,
    /// Each with the values that its folders give, one for each of the last columns.
    pub(crate) files: Vec<(DataFile, Vec<ScalarValue>)>,
    /// The wanted columns: those of the files, then those of the folders.
    pub(crate) schema: SchemaRef,
    /// How many of them are the files'.
    pub(crate) of_files: usize,
    pub(crate) zone: TimeZone,
}

impl fmt::Debug for TextScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextScan").field("format", &self.format).field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl PartitionStream for TextScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = context.session_config().batch_size();
        let batches = Batches { scan: self.clone(), at: 0, file: None, rows };
        let batches = batches.map(|batch| batch.map_err(|error| DataFusionError::External(Box::new(error))));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(batches)))
    }
}

/// The batches of a scan, each read when it is asked for.
struct Batches {
    scan: TextScan,
    at: usize,
    file: Option<Rows>,
    rows: usize,
}

enum Rows {
    Csv(Box<CsvRows>, Vec<Column>),
    Json(Box<JsonRows>, Vec<Option<Column>>),
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.read().transpose();
        if matches!(batch, Some(Err(_))) {
            // Behind a fault there is nothing.
            self.file = None;
            self.at = self.scan.files.len();
        }
        batch
    }
}

impl Batches {
    fn read(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        loop {
            let Some((file, _)) = self.scan.files.get(self.at) else { return Ok(None) };
            let mut opened = match self.file.take() {
                Some(opened) => opened,
                None => self.open(file)?,
            };
            let (rows, arrays) = match &mut opened {
                Rows::Csv(reader, columns) => {
                    let rows = reader.read(&self.scan.reading, columns, self.rows)?;
                    (rows, finish(columns))
                }
                Rows::Json(reader, columns) => reader.read(&self.scan.reading, columns, self.rows)?,
            };
            if rows == 0 {
                self.at += 1;
                continue;
            }
            self.file = Some(opened);
            return self.batch(rows, arrays).map(Some);
        }
    }

    fn open(&self, file: &DataFile) -> Result<Rows, QueryError> {
        let TextScan { format, reading, schema, of_files, zone, .. } = &self.scan;
        let wanted: Vec<&Field> = schema.fields().iter().take(*of_files).map(AsRef::as_ref).collect();
        let column = |field: &&Field| {
            let pattern = reading.columns.get(field.name()).and_then(|of| of.pattern().map(ToOwned::to_owned));
            Column::new(field.data_type(), Parser { marks: Marks::of(reading), pattern, zone: zone.clone() })
        };
        if *format == FileFormat::Json {
            let columns = wanted.iter().map(|field| (!field.data_type().is_nested()).then(|| column(field)).transpose());
            return Ok(Rows::Json(Box::new(JsonRows::open(file, reading, &wanted)?), columns.collect::<Result<_, _>>()?));
        }
        let names: Vec<&str> = wanted.iter().map(|field| field.name().as_str()).collect();
        let columns = wanted.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Rows::Csv(Box::new(CsvRows::open(file, reading, &names)?), columns))
    }

    /// A batch of the files' columns and those of the folders.
    fn batch(&self, rows: usize, mut arrays: Vec<ArrayRef>) -> Result<RecordBatch, QueryError> {
        let internal = |error: &dyn fmt::Display| QueryError::new(QueryErrorKind::Internal, error.to_string());
        if let Some((_, values)) = self.scan.files.get(self.at) {
            for value in values {
                arrays.push(value.to_array_of_size(rows).map_err(|error| internal(&error))?);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.scan.schema), arrays, &options).map_err(|error| internal(&error))
    }
}

//! Rows of a JSON file in the columns of its table.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pressrun_domain::catalog::FileReading;

use super::super::listing::DataFile;
use super::columns::Column;
use super::csv_rows::misfit;
use super::json::Objects;
use crate::error::QueryError;

/// Bytes of text after which a batch ends, whatever the number of its rows.
const BATCH_BYTES: usize = 8 << 20;

/// Reads a file's rows.
pub(super) struct JsonRows {
    file: DataFile,
    objects: Objects,
    object: Vec<u8>,
    /// `None` when no column is wanted.
    decoder: Option<Decoder>,
    /// Lines at which the objects in the decoder begin.
    lines: Vec<u64>,
    names: Vec<String>,
}

impl JsonRows {
    /// `wanted` are columns with the types of their table.
    pub(super) fn open(file: &DataFile, reading: &FileReading, wanted: &[&Field]) -> Result<Self, QueryError> {
        let field = |field: &&Field| {
            // Scalars come as they are written, and are read like those of other text files.
            let data_type = if field.data_type().is_nested() { field.data_type().clone() } else { DataType::Utf8 };
            Field::new(field.name(), data_type, true)
        };
        let schema = Arc::new(Schema::new(wanted.iter().map(field).collect::<Vec<_>>()));
        let decoder = match wanted {
            [] => None,
            _ => Some(
                ReaderBuilder::new(schema)
                    .with_coerce_primitive(true)
                    .with_batch_size(usize::from(u16::MAX))
                    .build_decoder()
                    .map_err(|error| of(file, &error))?,
            ),
        };
        Ok(Self {
            file: file.clone(),
            objects: Objects::open(file, reading)?,
            object: Vec::new(),
            decoder,
            lines: Vec::new(),
            names: wanted.iter().map(|field| field.name().clone()).collect(),
        })
    }

    /// Up to `rows` rows (no more than 65,535): their number, and their columns, of which `columns` makes the scalar ones.
    pub(super) fn read(
        &mut self,
        reading: &FileReading,
        columns: &mut [Option<Column>],
        rows: usize,
    ) -> Result<(usize, Vec<ArrayRef>), QueryError> {
        self.lines.clear();
        let mut bytes = 0;
        while self.lines.len() < rows && bytes < BATCH_BYTES {
            let Some(line) = self.objects.read(&mut self.object)? else { break };
            if let Some(decoder) = &mut self.decoder {
                decoder.decode(&self.object).map_err(|error| of(&self.file, &error))?;
            }
            bytes += self.object.len();
            self.lines.push(line);
        }
        let batch = match &mut self.decoder {
            Some(decoder) => decoder.flush().map_err(|error| of(&self.file, &error))?,
            None => None,
        };
        let Some(batch) = batch else { return Ok((self.lines.len(), Vec::new())) };
        let mut arrays = Vec::with_capacity(columns.len());
        for ((array, column), name) in batch.columns().iter().zip(columns).zip(&self.names) {
            arrays.push(match (column, array.as_any().downcast_ref::<StringArray>()) {
                (Some(column), Some(texts)) => self.typed(reading, column, texts, name)?,
                _ => Arc::clone(array),
            });
        }
        Ok((self.lines.len(), arrays))
    }

    fn typed(&self, reading: &FileReading, column: &mut Column, texts: &StringArray, name: &str) -> Result<ArrayRef, QueryError> {
        for (text, line) in texts.iter().zip(&self.lines) {
            match text {
                Some(text) if !reading.nulls.iter().any(|word| word == text) => {
                    if !column.append(text) {
                        return Err(misfit(&self.file, *line, name, text, column));
                    }
                }
                _ => column.append_null(),
            }
        }
        Ok(column.finish())
    }
}

fn of(file: &DataFile, error: &ArrowError) -> QueryError {
    file.refused(&format!("cannot be read: {error}"))
}

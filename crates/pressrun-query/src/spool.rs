//! Record batches on disk, as an Arrow IPC file: how rows travel from the query to the renderer, also between processes.
//!
//! The types in such a file are a closed set: Boolean, Int64, UInt64, Float32, Float64, Decimal128, Decimal256, Utf8, Binary,
//! Date32, Time64, Timestamp with or without a zone, Duration, Interval, and List, Struct and Map of these. Whatever else an
//! engine has arrives as text.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, FieldRef, SchemaRef};

use crate::error::{QueryError, QueryErrorKind};
use crate::source::{BatchSink, widened};

/// Writes batches to an IPC file as they come.
pub struct IpcSink {
    path: PathBuf,
    file: Option<File>,
    writer: Option<FileWriter<BufWriter<File>>>,
    metadata: Vec<(String, String)>,
}

/// Who hears of rows that are written again.
pub type Rewritten<'a> = &'a mut dyn FnMut(&RecordBatch) -> Result<(), QueryError>;

impl IpcSink {
    /// Creates the file at `path`; `metadata` is kept in its schema.
    ///
    /// # Errors
    /// [`QueryErrorKind::Spool`].
    pub fn create(path: &Path, metadata: impl IntoIterator<Item = (String, String)>) -> Result<Self, QueryError> {
        let file = File::create(path).map_err(spool)?;
        Ok(Self { path: path.to_owned(), file: Some(file), writer: None, metadata: metadata.into_iter().collect() })
    }

    /// Finishes the file and returns its bytes. Without this the file cannot be read.
    ///
    /// # Errors
    /// [`QueryErrorKind::Spool`].
    pub fn finish(mut self) -> Result<u64, QueryError> {
        let Some(mut writer) = self.writer.take() else {
            return Err(QueryError::new(QueryErrorKind::Spool, "the result has no columns"));
        };
        writer.finish().map_err(spool)?;
        let file = writer.into_inner().map_err(spool)?.into_inner().map_err(spool)?;
        Ok(file.metadata().map_err(spool)?.len())
    }

    /// Writes the rows so far again, in the wider columns of `schema`; `rewritten` hears of each.
    ///
    /// # Errors
    /// [`QueryErrorKind::Spool`], [`QueryErrorKind::Value`] when a value has no place in its new column, and those of `rewritten`.
    pub fn rewrite(&mut self, schema: &SchemaRef, rewritten: Rewritten<'_>) -> Result<(), QueryError> {
        let Some(mut writer) = self.writer.take() else {
            return Err(QueryError::new(QueryErrorKind::Spool, "columns became wider before they were told"));
        };
        writer.finish().map_err(spool)?;
        drop(writer);
        let before = read_ipc(&self.path).map_err(spool)?;
        // It is read to its end all the same; so nothing is left of it, whatever happens.
        std::fs::remove_file(&self.path).map_err(spool)?;
        let mut writer = self.writer_of(File::create(&self.path).map_err(spool)?, schema)?;
        for batch in before {
            let batch = widened(&batch.map_err(spool)?, schema)?;
            rewritten(&batch)?;
            writer.write(&batch).map_err(spool)?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn writer_of(&self, file: File, schema: &SchemaRef) -> Result<FileWriter<BufWriter<File>>, QueryError> {
        let mut schema = schema.as_ref().clone();
        schema.metadata.extend(self.metadata.iter().cloned());
        FileWriter::try_new_buffered(file, &schema).map_err(spool)
    }
}

impl BatchSink for IpcSink {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        let Some(file) = self.file.take() else {
            return Err(QueryError::new(QueryErrorKind::Spool, "the columns of a result came twice"));
        };
        self.writer = Some(self.writer_of(file, schema)?);
        Ok(())
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        match &mut self.writer {
            Some(writer) => writer.write(batch).map_err(spool),
            None => Err(QueryError::new(QueryErrorKind::Spool, "rows came before their columns")),
        }
    }

    fn widen(&mut self, schema: &SchemaRef) -> Result<(), QueryError> {
        self.rewrite(schema, &mut |_| Ok(()))
    }
}

/// Writes `batches`, which share `schema`, to `path`; returns the file's bytes.
///
/// # Errors
/// [`QueryErrorKind::Spool`].
pub fn write_ipc<'a>(path: &Path, schema: &SchemaRef, batches: impl IntoIterator<Item = &'a RecordBatch>) -> Result<u64, QueryError> {
    let mut sink = IpcSink::create(path, [])?;
    sink.begin(schema)?;
    for batch in batches {
        sink.push(batch)?;
    }
    sink.finish()
}

/// The batches of an IPC file.
pub struct IpcBatches(FileReader<BufReader<File>>);

impl IpcBatches {
    /// Columns and metadata.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema())
    }
}

impl Iterator for IpcBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Opens an IPC file; batches are read one at a time.
///
/// # Errors
/// When it is missing or no IPC file.
pub fn read_ipc(path: &Path) -> Result<IpcBatches, ArrowError> {
    let file = File::open(path).map_err(|error| ArrowError::IoError(error.to_string(), error))?;
    FileReader::try_new_buffered(file, None).map(IpcBatches)
}

/// Names and values of the first row of an IPC file, as text; null is left out.
///
/// # Errors
/// Those of [`read_ipc`], and of a value that has no text.
pub fn first_row(path: &Path) -> Result<Vec<(String, String)>, ArrowError> {
    let Some(batch) = read_ipc(path)?.next().transpose()?.filter(|batch| batch.num_rows() > 0) else { return Ok(Vec::new()) };
    let schema = batch.schema();
    let given = schema.fields().iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(0));
    let shown = |(field, column): (&FieldRef, &ArrayRef)| {
        Ok((field.name().clone(), ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())?.value(0).try_to_string()?))
    };
    given.map(shown).collect()
}

fn spool(error: impl std::fmt::Display) -> QueryError {
    QueryError::new(QueryErrorKind::Spool, format!("the result could not be written: {error}"))
}

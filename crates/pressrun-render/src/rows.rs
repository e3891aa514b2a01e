//! Rows of a tile, batch by batch.

use std::fs::File;
use std::io::BufReader;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, SchemaRef};

use crate::error::RenderError;
use crate::report::{Rows, TileView};

/// The batches of a tile's rows, read one at a time.
pub struct Batches {
    tile: String,
    schema: SchemaRef,
    source: Source,
}

enum Source {
    File(Box<FileReader<BufReader<File>>>),
    Memory(std::vec::IntoIter<RecordBatch>),
}

impl Batches {
    /// Opens the rows of `tile`.
    ///
    /// # Errors
    /// [`RenderError::Rows`]: the file is missing or is no Arrow IPC file, or there is no batch in memory.
    pub fn open(tile: &TileView, rows: &Rows) -> Result<Self, RenderError> {
        let failed = |cause: String| RenderError::rows(&tile.key, cause);
        let (schema, source) = match rows {
            Rows::Ipc(path) => {
                let file = File::open(path).map_err(|error| failed(error.to_string()))?;
                let reader =
                    FileReader::try_new(BufReader::with_capacity(1 << 18, file), None).map_err(|error| failed(error.to_string()))?;
                (reader.schema(), Source::File(Box::new(reader)))
            }
            Rows::Batches(batches) => {
                let first = batches.first().ok_or_else(|| failed("there is no batch, so its columns are unknown".to_owned()))?;
                (first.schema(), Source::Memory(batches.clone().into_iter()))
            }
        };
        Ok(Self { tile: tile.key.clone(), schema, source })
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Reads until `limit` rows are at hand, then counts the rest without keeping it.
    ///
    /// # Errors
    /// [`RenderError::Rows`]: the file is damaged.
    pub fn take_rows(self, limit: u64) -> Result<Taken, RenderError> {
        self.take_rows_and(limit, |_| ())
    }

    /// The same, with a look at every batch, kept or not.
    ///
    /// # Errors
    /// As [`Batches::take_rows`].
    pub fn take_rows_and(self, limit: u64, mut see: impl FnMut(&RecordBatch)) -> Result<Taken, RenderError> {
        let schema = self.schema();
        let (mut batches, mut total) = (Vec::new(), 0_u64);
        for batch in self {
            let batch = batch?;
            see(&batch);
            let room = limit.saturating_sub(total);
            let rows = batch.num_rows();
            total += rows as u64;
            if rows as u64 <= room {
                if rows > 0 {
                    batches.push(batch);
                }
            } else if room > 0 {
                batches.push(batch.slice(0, room as usize));
            }
        }
        Ok(Taken { schema, batches, total })
    }
}

/// The first rows of a tile and how many there are in all.
pub struct Taken {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows kept; no empty batches.
    pub batches: Vec<RecordBatch>,
    /// Rows in the source.
    pub total: u64,
}

impl Taken {
    /// Rows kept.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, RenderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next: Option<Result<RecordBatch, ArrowError>> = match &mut self.source {
            Source::File(reader) => reader.next(),
            Source::Memory(batches) => batches.next().map(Ok),
        };
        next.map(|batch| batch.map_err(|error| RenderError::rows(&self.tile, error)))
    }
}

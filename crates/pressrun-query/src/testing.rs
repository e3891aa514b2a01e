//! What tests of this crate share: a folder of files, and a tile's SQL answered from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

pub(crate) mod clickhouse;
pub(crate) mod engines;
pub(crate) mod hostile_driver;
pub(crate) mod server;

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use indexmap::IndexMap;
use pressrun_domain::audience::Identity;
pub(crate) use pressrun_sql::testing::{clock, filters, identity, new_york, tile};
use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, compile};

use crate::source::files::FilesSource;
use crate::source::{Collected, QueryStats, Source};
use crate::{QueryError, QueryLimits};

pub(crate) fn plain(sql: &str) -> CompiledQuery {
    compile(&tile(sql), &EffectiveFilters::default(), &Identity::default(), &new_york(), Dialect::Embedded).unwrap()
}

pub(crate) fn write_parquet(path: &Path, batch: &RecordBatch) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

pub(crate) async fn run(folder: &Path, query: &CompiledQuery) -> Result<(Collected, QueryStats), QueryError> {
    let temp = tempfile::tempdir().unwrap();
    let source = FilesSource::new(folder.to_owned(), IndexMap::new(), temp.path().to_owned());
    let mut sink = Collected::default();
    let stats = source.run(query, &QueryLimits::default(), &mut sink).await?;
    Ok((sink, stats))
}

/// Rows as text, cells joined by `|`, null as `∅`.
pub(crate) fn rows(collected: &Collected) -> Vec<String> {
    let options = FormatOptions::default().with_null("∅");
    let mut rows = Vec::new();
    for batch in &collected.batches {
        let columns: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

pub(crate) async fn answer(folder: &Path, query: &CompiledQuery) -> Result<Vec<String>, QueryError> {
    run(folder, query).await.map(|(collected, _)| rows(&collected))
}

/// One batch from named columns.
pub(crate) fn batch(columns: Vec<(&str, Arc<dyn arrow_array::Array>)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

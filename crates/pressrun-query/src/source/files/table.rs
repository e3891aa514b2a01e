//! A table of files, as the engine sees it: its columns, and a plan that reads those of its files that a query can need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use futures::{StreamExt, TryStreamExt};
use jiff::tz::TimeZone;
use pressrun_domain::catalog::{FileFormat, FileReading};

use super::learnt::{self, Learnt};
use super::listing::{DataFile, TableFiles};
use super::partitions::{Placed, partitions};
use super::text::{Survey, TextScan, survey};
use super::{parquet, union};
use crate::error::{QueryError, QueryErrorKind};

/// Text files that are surveyed at a time.
const SURVEYS: usize = 4;

/// A table of files.
#[derive(Debug)]
pub(super) struct FilesTable {
    format: FileFormat,
    reading: Arc<FileReading>,
    /// Each with the values of its folders.
    files: Vec<Placed>,
    /// Columns of the files alone.
    of_files: SchemaRef,
    /// Columns of the folders.
    of_folders: Vec<FieldRef>,
    schema: SchemaRef,
    zone: TimeZone,
}

/// Opens a table: learns the columns of its files. Returns what whoever queries it should know, too.
///
/// # Errors
/// What is wrong with a file, or what two files do not have in common.
pub(super) async fn open(table: TableFiles, zone: &str, state: &dyn Session) -> Result<(FilesTable, Vec<String>), QueryError> {
    let tz = TimeZone::get(zone).map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
    let folders = partitions(&table, zone)?;
    let columns = if table.format == FileFormat::Parquet {
        parquet_columns(&table, &folders.fields, zone, state).await?
    } else {
        union::of_surveys(&table, &surveys(&table).await?, &folders.fields, zone)?
    };
    // A folder's value goes before a column of the same name in the files.
    let own = |field: &&FieldRef| !folders.fields.iter().any(|folder| folder.name() == field.name());
    let of_files: Vec<FieldRef> = columns.schema.fields().iter().filter(own).cloned().collect();
    let schema = Schema::new(of_files.iter().chain(&folders.fields).cloned().collect::<Vec<_>>());
    let opened = FilesTable {
        format: table.format,
        reading: Arc::clone(&table.reading),
        files: table.files.into_iter().zip(folders.values).collect(),
        of_files: Arc::new(Schema::new(of_files)),
        of_folders: folders.fields,
        schema: Arc::new(schema),
        zone: tz,
    };
    Ok((opened, columns.warnings))
}

async fn parquet_columns(table: &TableFiles, folders: &[FieldRef], zone: &str, state: &dyn Session) -> Result<union::Columns, QueryError> {
    if let Some((name, of)) = table.reading.columns.iter().find(|(_, of)| of.pattern().is_some()) {
        let message = format!("table \"{}\": the column \"{name}\" is declared as {of}, and Parquet files are not text", table.name);
        return Err(QueryError::new(QueryErrorKind::Unsupported, message).hint("declare it without a pattern"));
    }
    let schemas = parquet::schemas(table, state).await?;
    let (columns, doubled) = union::of_schemas(table, &schemas, folders, zone)?;
    for union::Doubled { column, integers } in doubled {
        for at in integers {
            let (Some(file), Some(schema)) = (table.files.get(at), schemas.get(at)) else { continue };
            if !parquet::fits_double(file, schema, &column, state).await {
                let what = format!("has integers in the column \"{column}\" that lose digits as the doubles of other files");
                return Err(file
                    .refused(&what)
                    .hint("declare the column's type in the table's `columns`, for example `text` or `integer`"));
            }
        }
    }
    Ok(columns)
}

/// Sets the flag once nobody waits any more: work on other threads ends by itself.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn surveys(table: &TableFiles) -> Result<Vec<Arc<Survey>>, QueryError> {
    let stop = StopOnDrop(Arc::default());
    let fingerprint = learnt::fingerprint(&table.reading);
    let known = |file: &DataFile| match learnt::recall(file, fingerprint) {
        Some(Learnt::Text(survey)) => Some(survey),
        _ => None,
    };
    let made = |file: &DataFile| {
        let (file, reading, stopped) = (file.clone(), Arc::clone(&table.reading), Arc::clone(&stop.0));
        let known = known(&file);
        async move {
            if let Some(survey) = known {
                return Ok(survey);
            }
            let work = tokio::task::spawn_blocking(move || {
                let made = Arc::new(survey(&file, &reading, &stopped)?);
                learnt::keep(&file, fingerprint, Learnt::Text(Arc::clone(&made)));
                Ok(made)
            });
            work.await.unwrap_or_else(|error| Err(QueryError::new(QueryErrorKind::Internal, error.to_string())))
        }
    };
    futures::stream::iter(&table.files).map(made).buffered(SURVEYS).try_collect().await
}

impl FilesTable {
    fn is_of_folders(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        let folder = |name: &str| self.of_folders.iter().any(|field| field.name() == name);
        !columns.is_empty() && columns.iter().all(|column| folder(&column.name)) && !filter.is_volatile()
    }

    /// The files whose folders' values satisfy `filters`, as far as these ask for nothing else.
    fn needed(&self, state: &dyn Session, filters: &[Expr]) -> EngineResult<Vec<&Placed>> {
        let mut needed = vec![true; self.files.len()];
        let filters: Vec<&Expr> = filters.iter().filter(|filter| self.is_of_folders(filter)).collect();
        if !filters.is_empty() {
            let schema = Arc::new(Schema::new(self.of_folders.clone()));
            let column = |at: usize| ScalarValue::iter_to_array(self.files.iter().filter_map(|(_, values)| values.get(at).cloned()));
            let columns = (0..self.of_folders.len()).map(column).collect::<EngineResult<Vec<_>>>()?;
            let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
            let schema = DFSchema::try_from(schema)?;
            for filter in filters {
                let filter = state.create_physical_expr(filter.clone(), &schema)?;
                let kept = filter.evaluate(&rows)?.into_array(rows.num_rows())?;
                let kept = kept.as_boolean_opt().ok_or_else(|| DataFusionError::Internal("a filter is no condition".to_owned()))?;
                for (at, needed) in needed.iter_mut().enumerate() {
                    *needed &= kept.is_valid(at) && kept.value(at);
                }
            }
        }
        Ok(self.files.iter().zip(needed).filter(|(_, needed)| *needed).map(|(file, _)| file).collect())
    }
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.format {
            _ if self.is_of_folders(filter) => TableProviderFilterPushDown::Exact,
            FileFormat::Parquet => TableProviderFilterPushDown::Inexact,
            FileFormat::Csv | FileFormat::Tsv | FileFormat::Json => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let groups = grouped(self.needed(state, filters)?, state.config().target_partitions());
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        if groups.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        if self.format == FileFormat::Parquet {
            let columns = TableSchema::builder(Arc::clone(&self.of_files)).with_table_partition_cols(self.of_folders.clone()).build();
            return parquet::scan(state, columns, groups, projection, limit).await;
        }
        // The columns of files come first in a scan of text, whatever the order in which they are asked for.
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let first = self.of_files.fields().len();
        let (files, folders): (Vec<usize>, Vec<usize>) = wanted.iter().partition(|at| **at < first);
        let files_wanted = files.len();
        let read: Vec<usize> = files.iter().chain(&folders).copied().collect();
        let scanned = Arc::new(self.schema.project(&read)?);
        let partition = |files: Vec<&Placed>| {
            let values = |values: &Vec<ScalarValue>| folders.iter().filter_map(|at| values.get(at - first).cloned()).collect();
            Arc::new(TextScan {
                format: self.format,
                reading: Arc::clone(&self.reading),
                files: files.into_iter().map(|(file, of_folders)| (file.clone(), values(of_folders))).collect(),
                schema: Arc::clone(&scanned),
                of_files: files_wanted,
                zone: self.zone.clone(),
            }) as _
        };
        let partitions = groups.into_iter().map(partition).collect();
        let order: Vec<usize> = wanted.iter().filter_map(|at| read.iter().position(|other| other == at)).collect();
        Ok(Arc::new(StreamingTableExec::try_new(scanned, partitions, Some(&order), [], false, limit)?))
    }
}

/// Files in as many groups as are read at once, about equally large.
fn grouped(mut files: Vec<&Placed>, groups: usize) -> Vec<Vec<&Placed>> {
    files.sort_by(|(one, _), (two, _)| two.size().cmp(&one.size()).then_with(|| one.relative.cmp(&two.relative)));
    let mut grouped: Vec<(u64, Vec<&Placed>)> = (0..groups.clamp(1, files.len().max(1))).map(|_| (0, Vec::new())).collect();
    for file in files {
        if let Some((bytes, group)) = grouped.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            // An empty file costs its opening.
            *bytes += file.0.size() + 4096;
            group.push(file);
        }
    }
    // Within a group the order is that of the names, as in the folder.
    for (_, group) in &mut grouped {
        group.sort_by(|(one, _), (two, _)| one.relative.cmp(&two.relative));
    }
    grouped.into_iter().map(|(_, group)| group).filter(|group| !group.is_empty()).collect()
}

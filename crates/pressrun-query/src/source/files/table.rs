//! A table of files, as the engine sees it: its columns, and a plan that reads those of its files that a query can need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, TryStreamExt};
use jiff::tz::TimeZone;
use pressrun_domain::catalog::{ColumnType, FileFormat, FileReading};

use super::held::{Asked, Chunk, Keeping, Known, Room, Unpacked};
use super::held_scan::{HeldFile, HeldScan};
use super::learnt::{self, Learnt};
use super::listing::{DataFile, TableFiles};
use super::numbers::canonical_scan;
use super::partitions::{Partitions, Placed, partitions};
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
    /// Where its own folders begin in the paths of its files.
    base: usize,
    /// Each with the values of its folders.
    files: Vec<Placed>,
    /// Columns of the files alone.
    of_files: SchemaRef,
    /// Columns of the folders.
    of_folders: Vec<FieldRef>,
    schema: SchemaRef,
    /// The query zone, and its name.
    zone: TimeZone,
    zone_name: String,
    keeping: Keeping,
}

/// Opens a table: learns the columns of its files. Returns what whoever queries it should know, too.
///
/// # Errors
/// What is wrong with a file, or what two files do not have in common.
pub(super) async fn open(
    table: TableFiles,
    zone: &str,
    keeping: Keeping,
    state: &dyn Session,
) -> Result<(FilesTable, Vec<String>), QueryError> {
    let tz = TimeZone::get(zone).map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
    let folders = partitions(&table, zone)?;
    let columns = if table.format == FileFormat::Parquet {
        parquet_columns(&table, &folders, zone, keeping, state).await?
    } else {
        let surveys = surveys(&table, keeping).await?;
        for (file, survey) in table.files.iter().zip(&surveys) {
            if let Some((name, _)) = survey.columns.iter().find(|(name, _)| folders.fields.iter().any(|folder| folder.name() == name)) {
                return Err(hidden(file, name));
            }
        }
        union::of_surveys(&table, &surveys, &folders.fields, zone)?
    };
    // A folder's value stands for the column of the same name in the files, which is equal.
    let own = |field: &&FieldRef| !folders.fields.iter().any(|folder| folder.name() == field.name());
    let of_files: Vec<FieldRef> = columns.schema.fields().iter().filter(own).cloned().collect();
    let schema = Schema::new(of_files.iter().chain(&folders.fields).cloned().collect::<Vec<_>>());
    let opened = FilesTable {
        format: table.format,
        reading: Arc::clone(&table.reading),
        base: table.base,
        files: table.files.into_iter().zip(folders.values).collect(),
        of_files: Arc::new(Schema::new(of_files)),
        of_folders: folders.fields,
        schema: Arc::new(schema),
        zone: tz,
        zone_name: zone.to_owned(),
        keeping,
    };
    Ok((opened, columns.warnings))
}

async fn parquet_columns(
    table: &TableFiles,
    folders: &Partitions,
    zone: &str,
    keeping: Keeping,
    state: &dyn Session,
) -> Result<union::Columns, QueryError> {
    if let Some((name, of)) = table.reading.columns.iter().find(|(_, of)| of.pattern().is_some()) {
        let message = format!("table \"{}\": the column \"{name}\" is declared as {of}, and Parquet files are not text", table.name);
        return Err(QueryError::new(QueryErrorKind::Unsupported, message).hint("declare it without a pattern"));
    }
    let schemas = parquet::schemas(table, keeping.settled_by, state).await?;
    let (mut columns, doubtful) = union::of_schemas(table, &schemas, &folders.fields, zone)?;
    let look = async |at: usize, column: &str| {
        let (file, schema) = (table.files.get(at)?, schemas.get(at)?);
        Some((file, parquet::extremes(file, schema, column, state).await))
    };
    for union::Doubtful { column, data_type, files } in doubtful {
        for at in files {
            let Some((file, extremes)) = look(at, &column).await else { continue };
            let double = data_type == DataType::Float64;
            if extremes.is_some_and(|extremes| if double { extremes.fit_double() } else { extremes.fit_nanoseconds() }) {
                continue;
            }
            return Err(if double {
                let what = format!("has integers in the column \"{column}\" that lose digits as the doubles of other files");
                file.refused(&what).hint("declare the column's type in the table's `columns`, for example `text` or `integer`")
            } else {
                let what = format!(
                    "has times in the column \"{column}\" outside the years 1678 to 2261, which the nanoseconds of other files cannot hold"
                );
                file.refused(&what).hint("declare the column in the table's `columns` as timestamp or timestamptz, which have microseconds")
            });
        }
    }
    for (column, _) in table.reading.columns.iter().filter(|(_, of)| **of == ColumnType::Number) {
        for (at, schema) in schemas.iter().enumerate() {
            if !matches!(schema.field_with_name(column).map(Field::data_type), Ok(DataType::Int64 | DataType::UInt64)) {
                continue;
            }
            if let Some((file, extremes)) = look(at, column).await
                && !extremes.is_some_and(|extremes| extremes.fit_double())
            {
                columns.warnings.push(format!(
                    "column \"{column}\" is declared as number, and the file {} may have integers of more digits than a number keeps; declare it \
                     as integer",
                    file.name()
                ));
                break;
            }
        }
    }
    for (place, folder) in folders.fields.iter().enumerate() {
        for (at, schema) in schemas.iter().enumerate() {
            if schema.index_of(folder.name()).is_err() {
                continue;
            }
            let value = folders.values.get(at).and_then(|values| values.get(place));
            let Some((file, extremes)) = look(at, folder.name()).await else { continue };
            if !value.is_some_and(|value| extremes.is_some_and(|extremes| extremes.are(value))) {
                return Err(hidden(file, folder.name()));
            }
        }
    }
    Ok(columns)
}

/// A folder's name says what a column of the file says, too, and perhaps otherwise.
fn hidden(file: &DataFile, column: &str) -> QueryError {
    let what = format!("has a column \"{column}\" of its own, and lies in a folder that gives {column} a value, which may be another");
    file.refused(&what).hint("write the table's `partitions: []` to take the files' column and not the folders'")
}

/// Sets the flag once nobody waits any more: work on other threads ends by itself.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn surveys(table: &TableFiles, keeping: Keeping) -> Result<Vec<Arc<Survey>>, QueryError> {
    let stop = StopOnDrop(Arc::default());
    let fingerprint = learnt::fingerprint(&*table.reading);
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
                learnt::keep(&file, fingerprint, Learnt::Text(Arc::clone(&made)), keeping.settled_by);
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
        let files = self.needed(state, filters)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(self.projected(projection)?)));
        }
        if let Some(kept) = self.kept(state, &files, projection, limit).await? {
            return Ok(kept);
        }
        self.read(state, grouped(files, state.config().target_partitions()), projection, limit).await
    }
}

impl FilesTable {
    fn projected(&self, projection: Option<&Vec<usize>>) -> EngineResult<SchemaRef> {
        Ok(match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        })
    }

    /// The plan that reads `groups` of files.
    async fn read(
        &self,
        state: &dyn Session,
        groups: Vec<Vec<&Placed>>,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        if self.format == FileFormat::Parquet {
            let columns = TableSchema::builder(Arc::clone(&self.of_files)).with_table_partition_cols(self.of_folders.clone()).build();
            return parquet::scan(state, columns, groups, self.keeping.settled_by, projection, limit).await.map(canonical_scan);
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
        Ok(canonical_scan(Arc::new(StreamingTableExec::try_new(scanned, partitions, Some(&order), [], false, limit)?)))
    }

    /// The plan that takes the columns of `files` from memory, where they are or may be kept there.
    async fn kept(
        &self,
        state: &dyn Session,
        files: &[&Placed],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Option<Arc<dyn ExecutionPlan>>> {
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let columns: Vec<FieldRef> = wanted.iter().filter_map(|at| self.of_files.fields().get(*at).cloned()).collect();
        let data: Vec<&DataFile> = files.iter().map(|(file, _)| file).collect();
        let asked = Asked {
            files: &data,
            // Conditions ask for values of folders, too, and two tables may find other values in the path of one file.
            reading: learnt::fingerprint(&(&*self.reading, self.base)),
            zone: &self.zone_name,
            columns: &columns,
            keeping: self.keeping,
        };
        let known = match asked.find() {
            Known::Nothing => return Ok(None),
            // A few rows are not worth all; they come in the order of the file either way.
            Known::Missing(_) | Known::Unsettled if limit.is_some() => return Ok(None),
            Known::Missing(missing) => {
                let mut room = asked.room();
                for (at, fields) in missing {
                    match self.unpack(state, &asked, at, &fields, &mut room).await? {
                        Some(unpacked) => asked.keep(at, &fields, unpacked),
                        None => return Ok(None),
                    }
                }
                asked.find()
            }
            known => known,
        };
        let (rows, is_kept) = if let Known::All(rows) = known {
            (rows, true)
        } else {
            let (mut room, mut rows) = (asked.room(), Vec::with_capacity(files.len()));
            for at in 0..files.len() {
                match self.unpack(state, &asked, at, &columns, &mut room).await? {
                    Some(unpacked) => rows.push(unpacked.chunks()),
                    None => return Ok(None),
                }
            }
            (rows, false)
        };
        let schema = self.projected(projection)?;
        let mut held = Vec::with_capacity(files.len());
        for ((file, of_folders), chunks) in files.iter().zip(rows) {
            let batches = chunks.into_iter().map(|chunk| self.batch(&wanted, chunk, of_folders, &schema)).collect::<EngineResult<_>>()?;
            held.push(HeldFile { place: is_kept.then(|| asked.place(file)), batches });
        }
        let scan = HeldScan::new(shared_out(held, state.config().target_partitions()), schema, limit);
        Ok(Some(DataSourceExec::from_data_source(scan)))
    }

    /// The columns `wanted` of rows in memory, with those of their folders.
    fn batch(&self, wanted: &[usize], chunk: Chunk, of_folders: &[ScalarValue], schema: &SchemaRef) -> EngineResult<RecordBatch> {
        let rows = chunk.first().map_or(0, Array::len);
        let mut of_file = chunk.into_iter();
        let column = |at: &usize| match at.checked_sub(self.of_files.fields().len()) {
            None => of_file.next().ok_or_else(|| DataFusionError::Internal("a column is missing".to_owned())),
            Some(folder) => {
                let value = of_folders.get(folder).ok_or_else(|| DataFusionError::Internal("a folder has no value".to_owned()))?;
                value.to_array_of_size(rows)
            }
        };
        Ok(RecordBatch::try_new(Arc::clone(schema), wanted.iter().map(column).collect::<EngineResult<_>>()?)?)
    }

    /// Reads `fields` of the file at `at` whole. Nothing when they find no room, the file changes meanwhile, or it cannot be read: then it is read in
    /// the ordinary way, which says what is wrong with it.
    async fn unpack(
        &self,
        state: &dyn Session,
        asked: &Asked<'_>,
        at: usize,
        fields: &[FieldRef],
        room: &mut Room,
    ) -> EngineResult<Option<Unpacked>> {
        let placed = asked.files.get(at).and_then(|file| self.files.iter().find(|(own, _)| own == *file));
        let Some(placed) = placed else { return Ok(None) };
        let columns = fields.iter().map(|field| self.of_files.index_of(field.name())).collect::<Result<Vec<_>, _>>()?;
        let plan = self.read(state, vec![vec![placed]], Some(&columns), None).await?;
        let mut rows = execute_stream(plan, state.task_ctx())?;
        let mut unpacked = Unpacked::new(columns.len());
        while let Some(batch) = rows.next().await {
            let fits = batch.is_ok_and(|batch| unpacked.push(&batch, room));
            if !fits {
                asked.refuse(at, fields);
                return Ok(None);
            }
        }
        Ok(placed.0.is_still().then_some(unpacked))
    }
}

/// Rows in memory in as many parts as are worked on at once, about equally large, in the order of the files.
fn shared_out(files: Vec<HeldFile>, parts: usize) -> Vec<Vec<HeldFile>> {
    if parts <= 1 {
        return vec![files];
    }
    let pieces: Vec<RecordBatch> = files.into_iter().flat_map(|file| file.batches).collect();
    let each = pieces.len().div_ceil(parts).max(1);
    pieces.chunks(each).map(|batches| vec![HeldFile { place: None, batches: batches.to_vec() }]).collect()
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

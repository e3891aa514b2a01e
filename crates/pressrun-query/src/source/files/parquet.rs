//! Parquet files of one table: their footers, and the plan that reads them.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use arrow_schema::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore};

use super::failure::explain;
use super::learnt::{self, Learnt};
use super::listing::{DataFile, TableFiles};
use super::partitions::Placed;
use super::store;
use crate::error::QueryError;

/// Footers read at a time.
const FOOTERS: usize = 8;

/// The columns of each file, as its footer has them.
///
/// # Errors
/// A file without a readable footer, or with two columns of one name.
pub(super) async fn schemas(table: &TableFiles, settled_by: SystemTime, state: &dyn Session) -> Result<Vec<SchemaRef>, QueryError> {
    let store = store_of(state).map_err(|error| explain(&error, &[]))?;
    let reading = learnt::fingerprint(&table.reading);
    let mut schemas: Vec<SchemaRef> = Vec::with_capacity(table.files.len());
    let read: Vec<_> = table.files.iter().map(|file| footer(file, reading, settled_by, state, &store)).collect();
    let mut footers = futures::stream::iter(read).buffered(FOOTERS);
    while let Some(schema) = footers.try_next().await? {
        // Most files of a table have the same columns, which then are kept once.
        match schemas.last() {
            Some(before) if *before == schema => schemas.push(Arc::clone(before)),
            _ => schemas.push(schema),
        }
    }
    Ok(schemas)
}

async fn footer(
    file: &DataFile,
    reading: u64,
    settled_by: SystemTime,
    state: &dyn Session,
    store: &Arc<dyn ObjectStore>,
) -> Result<SchemaRef, QueryError> {
    if let Some(Learnt::Parquet(schema)) = learnt::recall(file, reading) {
        return Ok(schema);
    }
    if file.size() == 0 {
        return Err(file.refused("is empty"));
    }
    let object = tagged(file, settled_by)?;
    let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
    let metadata = DFParquetMetadata::new(store.as_ref(), &object)
        .with_file_metadata_cache(Some(cache))
        .with_coerce_int96(Some(TimeUnit::Microsecond))
        .with_coerce_int96_tz(Some("UTC".into()));
    // A damaged footer has made the reader panic.
    let read = AssertUnwindSafe(metadata.fetch_schema()).catch_unwind().await;
    let schema = match read {
        Ok(Ok(schema)) => schema,
        Ok(Err(error)) => return Err(file.refused(&format!("cannot be read: {}", explain(&error, &[]).message))),
        Err(_) => return Err(file.refused("cannot be read: it is damaged")),
    };
    let mut known = HashSet::with_capacity(schema.fields().len());
    if let Some(twice) = schema.fields().iter().find(|field| !known.insert(field.name())) {
        return Err(file.refused(&format!("has two columns called \"{}\"", twice.name())).hint("rename one of them"));
    }
    let bare = |field: &arrow_schema::FieldRef| field.as_ref().clone().with_metadata(std::collections::HashMap::new());
    let schema = Arc::new(Schema::new(schema.fields().iter().map(bare).collect::<Vec<_>>()));
    learnt::keep(file, reading, Learnt::Parquet(Arc::clone(&schema)), settled_by);
    Ok(schema)
}

/// The least and the greatest value of a column, and whether it has nulls: as far as the footer tells, which for texts and floating point numbers
/// is not far.
pub(super) async fn extremes(file: &DataFile, schema: &SchemaRef, column: &str, state: &dyn Session) -> Option<Extremes> {
    let at = schema.index_of(column).ok()?;
    let (store, object) = (store_of(state).ok()?, object(file).ok()?);
    let read = DFParquetMetadata::new(store.as_ref(), &object).fetch_statistics(schema).await;
    let column = read.ok()?.column_statistics.into_iter().nth(at)?;
    let nulls = column.null_count.get_value().copied() != Some(0);
    Some(Extremes { least: column.min_value.get_value()?.clone(), most: column.max_value.get_value()?.clone(), nulls })
}

/// Between which values those of a column lie.
#[derive(Debug)]
pub(super) struct Extremes {
    pub(super) least: ScalarValue,
    pub(super) most: ScalarValue,
    pub(super) nulls: bool,
}

impl Extremes {
    /// Whether every whole number comes back unchanged from a double.
    pub(super) fn fit_double(&self) -> bool {
        const EXACT: i128 = 1 << 53;
        [&self.least, &self.most].into_iter().all(|value| match value {
            ScalarValue::Int64(Some(value)) => i128::from(*value).abs() <= EXACT,
            ScalarValue::UInt64(Some(value)) => i128::from(*value) <= EXACT,
            other => other.is_null(),
        })
    }

    /// Whether every time can be told in nanoseconds of 64 bits.
    pub(super) fn fit_nanoseconds(&self) -> bool {
        [&self.least, &self.most].into_iter().all(|value| match value {
            ScalarValue::TimestampSecond(Some(value), _) => value.checked_mul(1_000_000_000).is_some(),
            ScalarValue::TimestampMillisecond(Some(value), _) => value.checked_mul(1_000_000).is_some(),
            ScalarValue::TimestampMicrosecond(Some(value), _) => value.checked_mul(1000).is_some(),
            ScalarValue::Date32(Some(day)) => i64::from(*day).checked_mul(86_400_000_000_000).is_some(),
            _ => true,
        })
    }

    /// Whether all values are this one.
    pub(super) fn are(&self, value: &ScalarValue) -> bool {
        let same = |extreme: &ScalarValue| extreme.cast_to(&value.data_type()).is_ok_and(|extreme| extreme == *value);
        !self.nulls && same(&self.least) && same(&self.most)
    }
}

/// The plan that reads `groups` of files, each with the values of its folders.
pub(super) async fn scan(
    state: &dyn Session,
    schema: TableSchema,
    groups: Vec<Vec<&Placed>>,
    settled_by: SystemTime,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let options = TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..TableParquetOptions::default() };
    let format = ParquetFormat::default().with_options(options);
    let group = |files: Vec<&Placed>| {
        let file = |(file, values): &Placed| {
            let object = tagged(file, settled_by).map_err(|error| DataFusionError::External(Box::new(error)))?;
            Ok(PartitionedFile::new_from_meta(object).with_partition_values(values.clone()))
        };
        files.into_iter().map(file).collect::<EngineResult<Vec<_>>>().map(FileGroup::new)
    };
    let groups = groups.into_iter().map(group).collect::<EngineResult<Vec<_>>>()?;
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(store::ADDRESS)?, format.file_source(schema))
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .build();
    format.create_physical_plan(state, config).await
}

fn store_of(state: &dyn Session) -> EngineResult<Arc<dyn ObjectStore>> {
    state.runtime_env().object_store(ObjectStoreUrl::parse(store::ADDRESS)?)
}

/// The file as the engine's store knows it.
fn object(file: &DataFile) -> Result<ObjectMeta, QueryError> {
    let path = file.relative.to_str().and_then(|path| ObjectPath::parse(path).ok());
    let location = path.ok_or_else(|| file.refused("has a name that is no address").hint("rename it"))?;
    let (seconds, nanos) = file.modified();
    let modified = seconds.checked_mul(1_000_000_000).and_then(|whole| timestamp_ns_to_datetime(whole.checked_add(nanos)?));
    let last_modified = modified.ok_or_else(|| file.refused("has a time of change outside the calendar"))?.and_utc();
    Ok(ObjectMeta { location, last_modified, size: file.size(), e_tag: None, version: None })
}

/// The same with the tag of its state, if that has settled: then [`super::footers`] keeps its footer.
fn tagged(file: &DataFile, settled_by: SystemTime) -> Result<ObjectMeta, QueryError> {
    Ok(ObjectMeta { e_tag: file.had_settled(settled_by).then(|| file.tag()), ..object(file)? })
}

/// Types in which the engine reads: texts and bytes as views, which cost no copies; short decimals as those of 128 bits, since what the
/// engine calculates with short ones stays as short and does not fit.
pub(super) fn read_as(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        other => other.clone(),
    }
}

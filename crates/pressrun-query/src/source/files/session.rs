//! What queries over one folder have in common, made once: functions, memory, temporary files, and what the engine remembers of files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::catalog::CatalogProviderList;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::prelude::SessionConfig;
use pressrun_sql::CompiledQuery;

use super::failure::explain;
use super::footers::Footers;
use super::functions;
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// The catalog that SQL sees.
pub(super) const CATALOG: &str = "pressrun";
/// Its only schema.
pub(super) const SCHEMA: &str = "public";

/// Zones whose sessions are kept.
const ZONES: usize = 8;

/// Most bytes of kept columns: a process that holds much more than others is replaced after each query.
const MOST_KEPT: u64 = 128 << 20;

/// Bytes that columns kept of small tables may take: an eighth of a query's memory, which then has the rest.
pub(super) fn share(limits: &QueryLimits) -> usize {
    usize::try_from((limits.memory_bytes / 8).min(MOST_KEPT)).unwrap_or(usize::MAX)
}

/// Sessions of one folder.
#[derive(Debug)]
pub(super) struct Sessions {
    temp_dir: PathBuf,
    kept: Mutex<Option<Kept>>,
}

/// What sessions have in common, and what it was made for.
#[derive(Debug)]
struct Kept {
    root: PathBuf,
    memory_bytes: u64,
    spill_bytes: u64,
    runtime: Arc<RuntimeEnv>,
    /// A session without a query for each zone, since functions know theirs; the one used last comes last.
    zones: Vec<(String, Arc<SessionState>)>,
}

impl Sessions {
    /// Sessions that spill to `temp_dir`.
    pub(super) fn new(temp_dir: PathBuf) -> Self {
        Self { temp_dir, kept: Mutex::default() }
    }

    /// The session of a zone, for plans that know their tables. `stores` leads to the files under `root` and is asked when they are others than
    /// those of the last query.
    pub(super) fn of_zone(
        &self,
        zone: &str,
        limits: &QueryLimits,
        root: &Path,
        stores: impl FnOnce() -> Arc<dyn ObjectStoreRegistry>,
    ) -> Result<Arc<SessionState>, QueryError> {
        let failed = |error: DataFusionError| explain(&error, &[]);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |kept: &Kept| kept.root == root && (kept.memory_bytes, kept.spill_bytes) == (limits.memory_bytes, limits.spill_bytes);
        let mut known = match kept.take().filter(fits) {
            Some(known) => known,
            None => Kept {
                root: root.to_owned(),
                memory_bytes: limits.memory_bytes,
                spill_bytes: limits.spill_bytes,
                runtime: self.runtime(limits, root, stores()).map_err(failed)?,
                zones: Vec::new(),
            },
        };
        let found = match known.zones.iter().position(|(other, _)| other == zone) {
            Some(at) => known.zones.remove(at).1,
            None => Arc::new(session(zone, &known.runtime).map_err(failed)?),
        };
        if known.zones.len() >= ZONES {
            known.zones.remove(0);
        }
        known.zones.push((zone.to_owned(), Arc::clone(&found)));
        *kept = Some(known);
        Ok(found)
    }

    fn runtime(&self, limits: &QueryLimits, root: &Path, stores: Arc<dyn ObjectStoreRegistry>) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        let memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX) - share(limits);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .with_disk_manager_builder(
                DiskManagerBuilder::default()
                    .with_mode(DiskManagerMode::Directories(vec![self.temp_dir.clone()]))
                    .with_max_temp_directory_size(limits.spill_bytes),
            )
            .with_object_store_registry(stores)
            .with_cache_manager(
                // The engine would keep listings for ever, and not see that a file has changed.
                CacheManagerConfig::default()
                    .with_list_files_cache_limit(0)
                    .with_file_statistics_cache_limit(0)
                    .with_file_metadata_cache(Some(Arc::new(Footers::new(root.to_owned())))),
            )
            .build()?;
        Ok(Arc::new(runtime))
    }
}

/// The session of one query: with its instant and its tables.
///
/// # Errors
/// An instant beyond the engine's calendar.
pub(super) fn of_query(
    zone: &SessionState,
    query: &CompiledQuery,
    tables: Arc<dyn CatalogProviderList>,
) -> Result<SessionState, QueryError> {
    let now = timestamp_us_to_datetime(query.at.as_microsecond())
        .ok_or_else(|| QueryError::new(QueryErrorKind::Internal, "the run's instant is outside the engine's calendar"))?;
    let mut session = zone.clone();
    session.register_catalog_list(tables);
    *session.execution_props_mut() = ExecutionProps::new().with_query_execution_start_time(now.and_utc());
    Ok(session)
}

/// What a plan runs with. Its functions are in the plan itself.
pub(super) fn task(session: &SessionState) -> Arc<TaskContext> {
    let (config, runtime) = (session.config().clone(), Arc::clone(session.runtime_env()));
    let (scalar, higher, aggregate, window) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    Arc::new(TaskContext::new(None, session.session_id().to_owned(), config, scalar, higher, aggregate, window, runtime))
}

/// A session of `zone` that has no tables yet.
fn session(zone: &str, runtime: &Arc<RuntimeEnv>) -> Result<SessionState, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_batch_size(8192)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.execution.target_partitions = 1;
    options.execution.time_zone = Some(zone.to_owned());
    options.execution.collect_statistics = false;
    options.execution.parquet.pushdown_filters = true;
    // The timestamps that Spark, Hive and Impala write are instants.
    options.execution.parquet.coerce_int96 = Some("us".to_owned());
    options.execution.parquet.coerce_int96_tz = Some("UTC".to_owned());
    // What is extracted from structures before a join has a name that the join's keys, rewritten by us, would not find.
    options.optimizer.enable_leaf_expression_pushdown = false;
    // The engine's short cut to the first few groups compares by `<` and `=`, for which a NaN is no number.
    options.optimizer.enable_topk_aggregation = false;
    options.sql_parser.parse_float_as_decimal = false;
    // Places of names in the SQL, for messages.
    options.sql_parser.collect_spans = true;
    let mut state = SessionStateBuilder::new().with_default_features().with_config(config).with_runtime_env(Arc::clone(runtime)).build();
    functions::register(&mut state)?;
    Ok(state)
}

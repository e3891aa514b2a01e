//! The embedded engine: DataFusion over Parquet, CSV and JSON files of one folder.
//!
//! **What it can reach.** Its catalog holds the tables of one folder and nothing else; its object store begins at that
//! folder and there is no other; it plans one `SELECT`. So there is no statement, function or path by which a tile's SQL
//! reads another file, writes one, or changes a setting.
//!
//! **Time.** The session's zone is the query zone and its `now()` is the occurrence's instant (Q5, Q6). Timestamps with a
//! zone are presented in the query zone, so that `date_trunc`, `extract` and output follow it; timestamps without one are
//! taken as wall clock of the query zone.
//!
//! **What it costs.** Memory comes from a pool that spills to the temporary folder. The pool does not see everything
//! (`repeat('x', 1000000000)`), and not every operator can be interrupted, which is why the engine runs in a child process
//! with limits of its own.

mod coerced;
mod failure;
mod filters;
mod folder;
mod footers;
mod functions;
mod held;
mod held_scan;
mod learnt;
mod listing;
mod numbers;
mod parquet;
mod partitions;
mod plans;
mod prepared;
mod session;
mod store;
mod table;
mod text;
mod union;
mod widen;
mod zones;

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_schema::{DataType, Schema, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use indexmap::IndexMap;
use pressrun_domain::catalog::FileTable;
use pressrun_sql::{CompiledQuery, Dialect, Param, ScreenError, screen};

use self::failure::explain;
use self::folder::FolderSchema;
use self::held::Keeping;
use self::learnt::SETTLES;
use self::listing::Folder;
use self::plans::Plans;
use self::session::{CATALOG, SCHEMA, Sessions};
use self::store::OneStore;
use super::{BatchSink, QueryStats, Shape, Source};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// Most rows of a limit that the engine is told of.
const KEPT_WHILE_SORTING: usize = 50_000;

/// How long before a run a file may have been written for which a fault in it is taken for one that passes, in seconds.
const WRITTEN_LATELY: i64 = 300;

/// Bytes of files that are worth a thread of their own.
const BYTES_A_THREAD: u64 = 4 << 20;

/// Files under one folder.
#[derive(Debug)]
pub struct FilesSource {
    folder: PathBuf,
    tables: IndexMap<String, FileTable>,
    sessions: Sessions,
    plans: Plans,
    /// How old states of files are before what is read of them is kept.
    settles: Duration,
    /// Bytes that kept columns may take.
    share: fn(&QueryLimits) -> usize,
}

impl FilesSource {
    /// Tables of `folder`: those of `tables` and every other data file by its stem.
    /// `temp_dir` takes what does not fit into memory.
    #[must_use]
    pub fn new(folder: PathBuf, tables: IndexMap<String, FileTable>, temp_dir: PathBuf) -> Self {
        Self { folder, tables, sessions: Sessions::new(temp_dir), plans: Plans::new(), settles: SETTLES, share: session::share }
    }

    /// The session of the query's zone, and the folder's tables as they are now.
    fn look(&self, query: &CompiledQuery, limits: &QueryLimits) -> Result<(Arc<SessionState>, Arc<FolderSchema>), QueryError> {
        // A moment before anything is read.
        let settled_by = learnt::settled_by(self.settles);
        let folder = Folder::open(&self.folder, &self.tables)?;
        let root = Arc::clone(folder.root());
        let zone = self.sessions.of_zone(&query.zone, limits, &root, || Arc::new(OneStore::new(&root)) as _)?;
        let keeping = Keeping { share: (self.share)(limits), settled_by };
        Ok((zone, Arc::new(FolderSchema::new(folder, query.zone.clone(), keeping))))
    }

    async fn answer(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let mut step = Step::begin();
        let (zone, schema) = self.look(query, limits)?;
        step.ends("look", sink);
        let failed = |error: DataFusionError| failed(&error, query, &schema);
        let known = self.plans.recall(query, limits, &schema);
        step.ends("recall", sink);
        let mut session = zone;
        let (logical, number) = match known {
            Some(known) => (known.plan, Some(known.number)),
            None => {
                let with_tables = with_tables(&session, query, &schema)?;
                let plan = plan(query, &with_tables, &schema).await?;
                let kept = self.plans.keep(query, limits, &schema, &with_tables, &plan);
                session = Arc::new(with_tables);
                step.ends("plan", sink);
                kept.map_or_else(|| (Arc::new(plan), None), |kept| (kept.plan, Some(kept.number)))
            }
        };
        let threads = threads(schema.work(), limits.threads);
        if threads > 1 {
            Arc::make_mut(&mut session).config_mut().options_mut().execution.target_partitions = threads;
        }
        let number = number.filter(|_| threads == 1);
        let plan = match number.and_then(prepared::recall) {
            Some(plan) => reset_plan_states(plan).map_err(failed)?,
            None => {
                let plan = session.query_planner().create_physical_plan(&logical, session.as_ref()).await.map_err(failed)?;
                let plan = held_scan::narrowed(plan).map_err(failed)?;
                if let Some(number) = number {
                    prepared::keep(number, &plan);
                }
                plan
            }
        };
        step.ends("prepare", sink);
        schema.warnings().into_iter().for_each(|warning| sink.warn(warning));
        let clock = zones::Clock::of(&query.zone).map_err(failed)?;
        let mut stream = execute_stream(plan, session::task(&session)).map_err(failed)?;
        let columns: Arc<Schema> = stream.schema();
        let mut shape = Shape::new(&columns, &query.zone, query.limit, limits.result_bytes, sink)?;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            zones::within_calendar(&batch, &clock)?;
            if !shape.push(&batch)? {
                break;
            }
        }
        let stats = shape.finish();
        step.ends("run", sink);
        Ok(stats)
    }
}

/// The session of `query` with the tables of `schema`.
fn with_tables(zone: &SessionState, query: &CompiledQuery, schema: &Arc<FolderSchema>) -> Result<SessionState, QueryError> {
    let catalog = Arc::new(MemoryCatalogProvider::new());
    catalog.register_schema(SCHEMA, Arc::clone(schema) as _).map_err(|error| explain(&error, &[]))?;
    let catalogs = Arc::new(MemoryCatalogProviderList::new());
    catalogs.register_catalog(CATALOG.to_owned(), catalog);
    let session = session::of_query(zone, query, catalogs)?;
    schema.attach(session.clone());
    Ok(session)
}

/// The optimized plan of `query`.
async fn plan(query: &CompiledQuery, state: &SessionState, schema: &FolderSchema) -> Result<LogicalPlan, QueryError> {
    let failed = |error: DataFusionError| failed(&error, query, schema);
    let statement = screen(&query.sql, Dialect::Embedded).map_err(|error| QueryError::of_screen(error, &query.sql))?;
    let statement = Statement::Statement(Box::new(zones::prepare(statement).map_err(failed)?));
    let plan = state.statement_to_plan(statement).await.map_err(failed)?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan).map_err(|_| QueryError::of_screen(ScreenError::denied(), &query.sql))?;
    let params: Vec<ScalarValue> = query.params.iter().map(scalar).collect();
    let plan = plan.with_param_values(ParamValues::from(params)).map_err(failed)?;
    let plan = limited(plan, query.limit).map_err(failed)?;
    state.optimize(&plan).map_err(failed)
}

/// A failure of the engine in words for the tile's author.
fn failed(error: &DataFusionError, query: &CompiledQuery, schema: &FolderSchema) -> QueryError {
    schema.located(explain(error, &schema.names())).at(failure::character(error, &query.sql))
}

/// A step of a query, timed.
struct Step(Instant);

impl Step {
    fn begin() -> Self {
        Self(Instant::now())
    }

    /// Says how long it took under its name, and begins the next.
    fn ends(&mut self, name: &'static str, sink: &mut dyn BatchSink) {
        sink.took(name, self.0.elapsed());
        self.0 = Instant::now();
    }
}

impl FilesSource {
    /// The fault of a file that was written lately is one that passes: whoever writes it has perhaps not ended.
    fn in_time(&self, error: QueryError, query: &CompiledQuery) -> QueryError {
        let QueryErrorKind::Unreadable { file } = &error.kind else { return error };
        let modified = std::fs::metadata(self.folder.join(file)).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.mtime());
        if modified.is_none_or(|modified| modified < query.at.as_second().saturating_sub(WRITTEN_LATELY)) {
            return error;
        }
        let kind = QueryErrorKind::BeingWritten { file: file.clone() };
        let hint = error.hint.clone().unwrap_or_else(|| "whoever writes it should write elsewhere and rename".to_owned());
        QueryError { kind, ..error }.hint(hint)
    }
}

#[async_trait]
impl Source for FilesSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let deadline = Duration::from_millis(limits.timeout_ms);
        match tokio::time::timeout(deadline, self.answer(query, limits, sink)).await {
            Ok(result) => result.map_err(|error| self.in_time(error, query)),
            Err(_) => Err(QueryError::new(QueryErrorKind::Timeout, format!("the query ran longer than {} ms", limits.timeout_ms))
                .hint("narrow its filters, aggregate earlier, or raise the connection's timeout")),
        }
    }
}

/// How many threads a query over files of so many bytes is worth: sharing a little work costs more than the work. A query over no file
/// may make any number of rows.
fn threads(bytes: u64, most: usize) -> usize {
    let worth = if bytes == 0 { most } else { usize::try_from(bytes.div_ceil(BYTES_A_THREAD)).unwrap_or(most) };
    worth.clamp(1, most.max(1))
}

/// Tells the engine how many rows are wanted, where that helps: a sort then keeps these alone, which costs more than sorting all
/// when they are many. Whoever takes the rows stops at the limit in any case.
fn limited(plan: LogicalPlan, limit: u64) -> Result<LogicalPlan, DataFusionError> {
    match usize::try_from(limit) {
        // One row more than wanted tells whether there were more.
        Ok(limit) if limit <= KEPT_WHILE_SORTING => LogicalPlanBuilder::from(plan).limit(0, Some(limit + 1))?.build(),
        _ => Ok(plan),
    }
}

fn list(values: Vec<ScalarValue>, data_type: &DataType) -> ScalarValue {
    ScalarValue::List(ScalarValue::new_list_nullable(&values, data_type))
}

fn scalar(param: &Param) -> ScalarValue {
    match param {
        Param::Text(text) => ScalarValue::Utf8(Some(text.clone())),
        Param::Integer(number) => ScalarValue::Int64(Some(*number)),
        Param::Decimal(number) => {
            ScalarValue::Decimal128(Some(number.unscaled), number.precision(), i8::try_from(number.scale).unwrap_or(0))
        }
        Param::Boolean(flag) => ScalarValue::Boolean(Some(*flag)),
        Param::Instant(at) | Param::Local(at) => ScalarValue::TimestampMicrosecond(Some(at.as_microsecond()), Some("UTC".into())),
        Param::Texts(texts) => list(texts.iter().map(|text| ScalarValue::Utf8(Some(text.clone()))).collect(), &DataType::Utf8),
        Param::Integers(numbers) => list(numbers.iter().map(|number| ScalarValue::Int64(Some(*number))).collect(), &DataType::Int64),
        // Decimals of several scales have no type in common.
        Param::Decimals(numbers) => {
            list(numbers.iter().map(|number| ScalarValue::Utf8(Some(number.to_string()))).collect(), &DataType::Utf8)
        }
        Param::Instants(instants) => {
            let values = instants.iter().map(|at| ScalarValue::TimestampMicrosecond(Some(at.as_microsecond()), Some("UTC".into())));
            list(values.collect(), &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
        }
        Param::Date(day) => {
            let epoch = jiff::civil::date(1970, 1, 1);
            ScalarValue::Date32(Some(day.since(epoch).map_or(0, |span| span.get_days())))
        }
    }
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod warm_tests;

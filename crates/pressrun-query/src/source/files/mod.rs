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
mod integers;
mod learnt;
mod listing;
mod parquet;
mod partitions;
mod session;
mod store;
mod table;
mod text;
mod union;
mod widen;
mod zones;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Schema, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use indexmap::IndexMap;
use pressrun_domain::catalog::FileTable;
use pressrun_sql::{CompiledQuery, Dialect, Param, ScreenError, screen};

use self::failure::explain;
use self::folder::FolderSchema;
use self::listing::Folder;
use self::session::{CATALOG, SCHEMA, Sessions};
use self::store::OneStore;
use super::{BatchSink, QueryStats, Shape, Source};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// Most rows of a limit that the engine is told of.
const KEPT_WHILE_SORTING: usize = 50_000;

/// Bytes of files that are worth a thread of their own.
const BYTES_A_THREAD: u64 = 4 << 20;

/// Files under one folder.
#[derive(Debug)]
pub struct FilesSource {
    folder: PathBuf,
    tables: IndexMap<String, FileTable>,
    sessions: Sessions,
}

impl FilesSource {
    /// Tables of `folder`: those of `tables` and every other data file by its stem.
    /// `temp_dir` takes what does not fit into memory.
    #[must_use]
    pub fn new(folder: PathBuf, tables: IndexMap<String, FileTable>, temp_dir: PathBuf) -> Self {
        Self { folder, tables, sessions: Sessions::new(temp_dir) }
    }

    fn session(&self, query: &CompiledQuery, limits: &QueryLimits) -> Result<(SessionState, Arc<FolderSchema>), QueryError> {
        let folder = Folder::open(&self.folder, &self.tables)?;
        let root = Arc::clone(folder.root());
        let stores = || Arc::new(OneStore::new(&root)) as _;
        let schema = Arc::new(FolderSchema::new(folder, query.zone.clone()));
        let catalog = Arc::new(MemoryCatalogProvider::new());
        catalog.register_schema(SCHEMA, Arc::clone(&schema) as _).map_err(|error| explain(&error, &[]))?;
        let catalogs = Arc::new(MemoryCatalogProviderList::new());
        catalogs.register_catalog(CATALOG.to_owned(), catalog);
        let state = self.sessions.begin(query, limits, &root, stores, catalogs)?;
        schema.attach(state.clone());
        Ok((state, schema))
    }

    async fn answer(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let statement = screen(&query.sql, Dialect::Embedded).map_err(|error| QueryError::of_screen(error, &query.sql))?;
        let statement = Statement::Statement(Box::new(zones::prepare(statement)));
        let (mut state, schema) = self.session(query, limits)?;
        let names = schema.names();
        let failed = |error: DataFusionError| schema.located(explain(&error, &names)).at(failure::character(&error, &query.sql));
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(|_| QueryError::of_screen(ScreenError::denied(), &query.sql))?;
        let params: Vec<ScalarValue> = query.params.iter().map(scalar).collect();
        let plan = plan.with_param_values(ParamValues::from(params)).map_err(failed)?;
        let plan = limited(plan, query.limit).map_err(failed)?;
        state.config_mut().options_mut().execution.target_partitions = threads(schema.bytes(), limits.threads);
        let plan = state.create_physical_plan(&plan).await.map_err(failed)?;
        schema.warnings().into_iter().for_each(|warning| sink.warn(warning));
        let mut stream = execute_stream(plan, state.task_ctx()).map_err(failed)?;
        let columns: Arc<Schema> = stream.schema();
        let mut shape = Shape::new(&columns, &query.zone, query.limit, limits.result_bytes, sink)?;
        while let Some(batch) = stream.next().await {
            if !shape.push(&batch.map_err(failed)?)? {
                break;
            }
        }
        Ok(shape.finish())
    }
}

#[async_trait]
impl Source for FilesSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let deadline = Duration::from_millis(limits.timeout_ms);
        match tokio::time::timeout(deadline, self.answer(query, limits, sink)).await {
            Ok(result) => result,
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
        Param::Instant(at) => ScalarValue::TimestampMicrosecond(Some(at.as_microsecond()), Some("UTC".into())),
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

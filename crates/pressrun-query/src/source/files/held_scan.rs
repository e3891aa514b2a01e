//! The part of a plan that takes a table's columns from memory: selects rows, and gives on the columns that are wanted.
//!
//! The tiles of a dashboard mostly ask for the same rows. So which rows of a file a condition selects is kept beside its columns. And of rows that are sorted for the
//! first few, those are left out that cannot be among them; the others come in the order of the file, so that equal rows fall as they would have.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, SchemaRef};
use datafusion::arrow::compute::{BatchCoalescer, prep_null_mask_filter};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Statistics};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{DynamicFilterTracking, EquivalenceProperties, Partitioning, PhysicalExpr, conjunction};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayFormatType, ExecutionPlan, ReplaceChildrenOptions, SendableRecordBatchStream,
};

use super::held::{Condition, Place, Selection};

/// Rows of a file, in pieces.
#[derive(Debug, Clone)]
pub(super) struct HeldFile {
    /// Where selections of its rows are kept; absent for a part of a file.
    pub(super) place: Option<Place>,
    /// All columns of the scan.
    pub(super) batches: Vec<RecordBatch>,
}

/// Which rows a sort keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct First {
    column: usize,
    descending: bool,
    /// Nulls come before all values.
    nulls: bool,
    rows: usize,
}

/// The scan.
#[derive(Debug, Clone)]
pub(super) struct HeldScan {
    partitions: Arc<Vec<Vec<HeldFile>>>,
    schema: SchemaRef,
    /// In terms of `schema`.
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// Which columns of `schema` are given on.
    output: Vec<usize>,
    given: SchemaRef,
    fetch: Option<usize>,
    first: Option<First>,
}

impl HeldScan {
    /// All rows and columns of files whose batches have `schema`, at most `fetch` rows of each partition.
    pub(super) fn new(partitions: Vec<Vec<HeldFile>>, schema: SchemaRef, fetch: Option<usize>) -> Self {
        let output = (0..schema.fields().len()).collect();
        let given = Arc::clone(&schema);
        Self { partitions: Arc::new(partitions), schema, condition: None, output, given, fetch, first: None }
    }

    /// Where what it reads is kept; nothing when parts of files are read.
    pub(super) fn places(&self) -> Option<Vec<Place>> {
        self.partitions.iter().flatten().map(|file| file.place.clone()).collect()
    }

    fn rows(&self, partition: usize) -> Result<Rows> {
        let files = self.partitions.get(partition).cloned().unwrap_or_default();
        let condition = match &self.condition {
            Some(condition) => Some(Condition::new(condition, &self.schema)?),
            None => None,
        };
        Ok(Rows {
            scan: self.clone(),
            condition,
            files: files.into(),
            pieces: VecDeque::new(),
            narrowed: false,
            coalescer: None,
            left: self.fetch.unwrap_or(usize::MAX),
        })
    }
}

/// The rows of a partition, made as they are asked for.
struct Rows {
    scan: HeldScan,
    condition: Option<Condition>,
    files: VecDeque<HeldFile>,
    /// Batches and which of their rows are selected; all where nothing is said.
    pieces: VecDeque<(RecordBatch, Option<BooleanArray>)>,
    narrowed: bool,
    coalescer: Option<BatchCoalescer>,
    left: usize,
}

impl Rows {
    fn next(&mut self, batch_size: usize) -> Result<Option<RecordBatch>> {
        if self.scan.first.is_some() && !self.narrowed {
            self.narrow()?;
        }
        while self.left > 0 {
            if let Some(batch) = self.coalescer.as_mut().and_then(BatchCoalescer::next_completed_batch) {
                return Ok(Some(self.limited(batch)));
            }
            if self.pieces.is_empty()
                && let Some(file) = self.files.pop_front()
            {
                self.pieces = self.selected(&file)?.into();
            }
            let Some((batch, selection)) = self.pieces.pop_front() else {
                if self.files.is_empty() {
                    let Some(mut coalescer) = self.coalescer.take() else { return Ok(None) };
                    coalescer.finish_buffered_batch()?;
                    return Ok(coalescer.next_completed_batch().map(|batch| self.limited(batch)));
                }
                continue;
            };
            let batch = batch.project(&self.scan.output)?;
            match selection {
                None if batch.num_rows() > 0 => return Ok(Some(self.limited(batch))),
                None => {}
                Some(selection) => {
                    let given = || BatchCoalescer::new(Arc::clone(&self.scan.given), batch_size);
                    self.coalescer.get_or_insert_with(given).push_batch_with_filter(batch, &selection)?;
                }
            }
        }
        Ok(None)
    }

    fn limited(&mut self, batch: RecordBatch) -> RecordBatch {
        let batch = if batch.num_rows() > self.left { batch.slice(0, self.left) } else { batch };
        self.left -= batch.num_rows();
        batch
    }

    /// The batches of a file with what the condition selects of each.
    fn selected(&self, file: &HeldFile) -> Result<Vec<(RecordBatch, Option<BooleanArray>)>> {
        let Some(condition) = &self.condition else { return Ok(file.batches.iter().map(|batch| (batch.clone(), None)).collect()) };
        let known = file.place.as_ref().and_then(|place| place.selection(condition));
        let selection = match known.filter(|known| known.len() == file.batches.len()) {
            Some(known) => known,
            None => {
                let made: Selection = file.batches.iter().map(|batch| condition.select(batch)).collect::<Result<_>>()?;
                let made = Arc::new(made);
                if let Some(place) = &file.place {
                    place.select(condition, &made);
                }
                made
            }
        };
        Ok(file.batches.iter().cloned().zip(selection.iter().cloned().map(Some)).collect())
    }

    /// Leaves out what cannot be among the first rows of the sort.
    fn narrow(&mut self) -> Result<()> {
        self.narrowed = true;
        let Some(first) = self.scan.first else { return Ok(()) };
        let mut pieces = Vec::new();
        for file in std::mem::take(&mut self.files) {
            pieces.extend(self.selected(&file)?);
        }
        let ranks = |batch: &RecordBatch| first.ranks(batch.column(first.column));
        let ranks: Option<Vec<Vec<i128>>> = pieces.iter().map(|(batch, _)| ranks(batch)).collect();
        let Some(ranks) = ranks else {
            self.pieces = pieces.into();
            return Ok(());
        };
        let is_selected = |selection: &Option<BooleanArray>, row: usize| selection.as_ref().is_none_or(|selection| selection.value(row));
        let mut candidates: Vec<i128> = Vec::new();
        for ((batch, selection), ranks) in pieces.iter().zip(&ranks) {
            let column = batch.column(first.column);
            let here = ranks.iter().enumerate().filter(|(row, _)| is_selected(selection, *row) && column.is_valid(*row));
            candidates.extend(here.map(|(_, rank)| *rank));
        }
        if candidates.len() > first.rows && first.rows > 0 {
            let (_, last, _) = candidates.select_nth_unstable(first.rows - 1);
            let last = *last;
            for ((batch, selection), ranks) in pieces.iter_mut().zip(&ranks) {
                let column = batch.column(first.column);
                let kept = |(row, rank): (usize, &i128)| {
                    let good = if column.is_valid(row) { *rank <= last } else { first.nulls };
                    Some(good && is_selected(selection, row))
                };
                *selection = Some(ranks.iter().enumerate().map(kept).collect());
            }
        }
        self.pieces = pieces.into();
        Ok(())
    }
}

impl First {
    /// Numbers that are the smaller the earlier a value comes; nothing for types that are left to the sort. Nulls have any number.
    fn ranks(self, column: &ArrayRef) -> Option<Vec<i128>> {
        let sign = if self.descending { -1 } else { 1 };
        match column.data_type() {
            DataType::Decimal128(..) => Some(column.as_primitive::<Decimal128Type>().values().iter().map(|value| sign * value).collect()),
            DataType::Float64 => {
                // The order of `f64::total_cmp`, which is the sort's.
                let rank = |value: &f64| {
                    let bits = value.to_bits() as i64;
                    sign * i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64)
                };
                Some(column.as_primitive::<Float64Type>().values().iter().map(rank).collect())
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Int64 | DataType::Int32 | DataType::Int16 | DataType::Int8 => {
                let numbers = match column.data_type() {
                    DataType::Date32 => cast(&cast(column, &DataType::Int32).ok()?, &DataType::Int64).ok()?,
                    _ => cast(column, &DataType::Int64).ok()?,
                };
                Some(numbers.as_primitive::<Int64Type>().values().iter().map(|value| sign * i128::from(*value)).collect())
            }
            _ => None,
        }
    }
}

impl Condition {
    /// The rows of `batch` that it selects.
    fn select(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let selected = self.evaluated().evaluate(batch)?.into_array(batch.num_rows())?;
        let selected = selected.as_boolean_opt().ok_or_else(|| DataFusionError::Internal("a filter is no condition".to_owned()))?;
        Ok(if selected.null_count() > 0 { prep_null_mask_filter(selected) } else { selected.clone() })
    }
}

/// Tells scans of kept columns which rows the sorts above them keep.
pub(super) fn narrowed(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|plan| {
        let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(Transformed::no(plan)) };
        let (Some(rows), key) = (sort.fetch(), sort.expr().first()) else { return Ok(Transformed::no(plan)) };
        let Some(column) = key.expr.downcast_ref::<Column>() else { return Ok(Transformed::no(plan)) };
        let first = First { column: column.index(), descending: key.options.descending, nulls: key.options.nulls_first, rows };
        match under_sort(sort.input(), first)? {
            Some(input) => plan.replace_children(vec![input], same_properties()).map(Transformed::yes),
            None => Ok(Transformed::no(plan)),
        }
    })
    .map(|changed| changed.data)
}

/// Fewer rows have the columns and the order of all.
fn same_properties() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep)
}

/// The same input of a sort, from rows that can be among its first; nothing where that is not seen.
fn under_sort(plan: &Arc<dyn ExecutionPlan>, first: First) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let Some(column) = projection.expr().get(first.column).and_then(|column| column.expr.downcast_ref::<Column>()) else {
            return Ok(None);
        };
        let input = under_sort(projection.input(), First { column: column.index(), ..first })?;
        return input.map(|input| Arc::clone(plan).replace_children(vec![input], same_properties())).transpose();
    }
    let Some(exec) = plan.downcast_ref::<DataSourceExec>() else { return Ok(None) };
    let Some(scan) = exec.data_source().downcast_ref::<HeldScan>() else { return Ok(None) };
    let Some(column) = scan.output.get(first.column).filter(|_| scan.fetch.is_none()) else { return Ok(None) };
    let scan = HeldScan { first: Some(First { column: *column, ..first }), ..scan.clone() };
    Ok(Some(DataSourceExec::from_data_source(scan)))
}

impl DataSource for HeldScan {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch_size = context.session_config().batch_size();
        let mut rows = Some(self.rows(partition)?);
        let batches = std::iter::from_fn(move || {
            let batch = rows.as_mut()?.next(batch_size).transpose();
            if matches!(batch, None | Some(Err(_))) {
                rows = None;
            }
            batch
        });
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&self.given), futures::stream::iter(batches));
        Ok(Box::pin(cooperative(stream)))
    }

    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kept columns, partitions={}", self.partitions.len())?;
        match &self.condition {
            Some(condition) => write!(f, ", predicate={condition}"),
            None => Ok(()),
        }
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.given))
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let rows = |files: &Vec<HeldFile>| files.iter().flat_map(|file| &file.batches).map(RecordBatch::num_rows).sum::<usize>();
        let rows = match partition {
            Some(partition) => self.partitions.get(partition).map_or(0, rows),
            None => self.partitions.iter().map(rows).sum(),
        };
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(rows), ..Statistics::new_unknown(&self.given) }))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(Arc::new(Self { fetch: limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn try_swapping_with_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn DataSource>>> {
        let output = projection.iter().map(|wanted| {
            let column = wanted.expr.downcast_ref::<Column>().filter(|column| column.name() == wanted.alias)?;
            self.output.get(column.index()).copied()
        });
        let Some(output) = output.collect::<Option<Vec<usize>>>() else { return Ok(None) };
        let given = Arc::new(self.schema.project(&output)?);
        Ok(Some(Arc::new(Self { output, given, ..self.clone() })))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        // What changes while the query runs is no condition that can be kept; and the first rows of some are not some of the first.
        let taken = |filter: &Arc<dyn PhysicalExpr>| {
            self.fetch.is_none() && !is_volatile(filter) && !DynamicFilterTracking::classify(filter).contains_dynamic_filter()
        };
        let answers = filters.iter().map(|filter| if taken(filter) { PushedDown::Yes } else { PushedDown::No }).collect();
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        let of_scan = |filter: Arc<dyn PhysicalExpr>| {
            filter
                .transform_up(|expr| match expr.downcast_ref::<Column>() {
                    Some(column) => match self.output.get(column.index()) {
                        Some(at) => Ok(Transformed::yes(Arc::new(Column::new(column.name(), *at)) as Arc<dyn PhysicalExpr>)),
                        None => Err(DataFusionError::Internal("a filter asks for a column that is not given".to_owned())),
                    },
                    None => Ok(Transformed::no(expr)),
                })
                .map(|changed| changed.data)
        };
        let filters = filters.into_iter().filter(taken).map(of_scan).collect::<Result<Vec<_>>>()?;
        if filters.is_empty() {
            return Ok(answer);
        }
        let condition = conjunction(self.condition.iter().cloned().chain(filters));
        Ok(answer.with_updated_node(Arc::new(Self { condition: Some(condition), ..self.clone() })))
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        match &self.condition {
            Some(condition) => f(condition),
            None => Ok(TreeNodeRecursion::Continue),
        }
    }
}

//! Floating point numbers of files, with one NaN and one zero.
//!
//! Filters on columns of floating point numbers stay above: the statistics, page indexes and Bloom filters of Parquet files know NaN and zero by other
//! rules than comparisons have, or not at all.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::floats::{canonical_array, holds_floats};

/// `scan`, and what makes its floating point numbers comparable where it has any.
pub(in super::super) fn canonical_scan(scan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let has_floats = scan.schema().fields().iter().any(|field| holds_floats(field.data_type()));
    if has_floats { Arc::new(CanonicalScan { scan }) } else { scan }
}

#[derive(Debug)]
struct CanonicalScan {
    scan: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for CanonicalScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalScan")
    }
}

impl ExecutionPlan for CanonicalScan {
    fn name(&self) -> &'static str {
        "CanonicalScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.scan]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(scan), true) => Ok(Arc::new(Self { scan })),
            _ => Err(DataFusionError::Internal("a scan of other than one".to_owned())),
        }
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // It would be sorted beneath, where NaN still has its sign.
        vec![false]
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.scan.execute(partition, context)?;
        let schema = batches.schema();
        let canonical = batches.map(|batch| {
            let batch = batch?;
            let columns = batch.columns().iter().map(canonical_array).collect::<Result<Vec<_>>>()?;
            let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, canonical)))
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let exact = |(at, field): (usize, &arrow_schema::FieldRef)| (!holds_floats(field.data_type())).then_some(at);
        let exact: HashSet<usize> = self.scan.schema().fields().iter().enumerate().filter_map(exact).collect();
        let pushed = ChildFilterDescription::from_child_with_allowed_indices(&filters, exact, &self.scan)?;
        Ok(FilterDescription::new().with_child(pushed))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(result))
    }
}

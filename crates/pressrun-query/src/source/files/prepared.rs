//! Plans that are ready to run, kept for equal queries over columns that are kept in memory.
//!
//! A plan of the engine may be run again when its operators are set back, unless one filters by what it learnt on the way or runs in rounds. So only
//! those are kept that consist of operators of which it is known that nothing of a run stays in them, and that read nothing but kept columns, which refuse
//! such filters. They go with their columns.

use std::sync::Arc;

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::held::{self, Place};
use super::held_scan::HeldScan;

/// The plan that was kept under `number`. Its operators are to be set back before it runs.
pub(super) fn recall(number: u64) -> Option<Arc<dyn ExecutionPlan>> {
    held::prepared(number)
}

/// Keeps `plan` under `number`, if it is one that may be run again.
pub(super) fn keep(number: u64, plan: &Arc<dyn ExecutionPlan>) {
    let mut places = Vec::new();
    if runs_again(plan, &mut places) && !places.is_empty() {
        held::prepare(number, &places, plan);
    }
}

/// Whether every operator is one that may be run again; collects where the columns are kept that they read.
fn runs_again(plan: &Arc<dyn ExecutionPlan>, places: &mut Vec<Place>) -> bool {
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        let Some(of_scan) = source.data_source().downcast_ref::<HeldScan>().and_then(HeldScan::places) else { return false };
        places.extend(of_scan);
        return true;
    }
    let is_known = plan.is::<AggregateExec>()
        || plan.is::<FilterExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<SortExec>();
    is_known && plan.children().into_iter().all(|child| runs_again(child, places))
}

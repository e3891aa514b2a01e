//! What is changed in a plan once the engine has given every operator operands of one type: conversions of dates, which are only then all
//! visible, and numbers that would lose digits.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::optimizer::AnalyzerRule;

use super::numbers;
use super::zones::{Clock, convert};

/// Has to run behind the engine's own coercion of types.
#[derive(Debug)]
pub(super) struct Coerced;

impl AnalyzerRule for Coerced {
    fn name(&self) -> &'static str {
        "pressrun_coerced"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let clock = Clock::of(config.execution.time_zone.as_deref().unwrap_or("UTC"))?;
        let node = |plan: LogicalPlan| {
            let mut schema = merge_schema(&plan.inputs());
            if let LogicalPlan::TableScan(scan) = &plan {
                schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
            }
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| {
                    let changed = match numbers::coerced(&expr, &schema)? {
                        Some(changed) => Some(changed),
                        None => convert(&expr, &schema, &clock)?,
                    };
                    Ok(changed.map_or_else(|| Transformed::no(expr), Transformed::yes))
                })?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })
        };
        plan.transform_up_with_subqueries(node).map(|changed| changed.data)
    }
}

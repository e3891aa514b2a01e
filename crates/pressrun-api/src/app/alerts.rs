//! What to say when an alert is saved that cannot do what its maker expects (A2).

use pressrun_domain::catalog::Catalog;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::schedule::Definition;
use pressrun_sql::gives_one_row;

/// The warning for a condition on rows that are always there, or never missing (A2).
pub(crate) fn always_one_row(definition: &Definition, catalog: &Catalog) -> Option<String> {
    let condition = definition.condition.as_ref()?;
    let outcome = match condition.kind {
        ConditionKind::ResultsPresent => "every occurrence delivers",
        ConditionKind::ResultsMissing => "no occurrence ever delivers",
        ConditionKind::ResultsChanged | ConditionKind::ResultsUnchanged => return None,
    };
    let dashboard = catalog.documents.get(&definition.identifier)?.dashboard.as_ref()?;
    let query = dashboard.query(&condition.tile)?;
    gives_one_row(&query.sql).then(|| {
        format!(
            "query {} always returns one row, so that {outcome}: group it by a dimension, or put the threshold into a having clause",
            condition.tile
        )
    })
}

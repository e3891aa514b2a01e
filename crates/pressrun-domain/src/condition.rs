//! Alert judgement: condition + baseline + result → deliver or not (rules A1–A22).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::catalog::{Dashboard, FilterMapping, QueryTile};
use crate::id::TileKey;
use crate::schedule::{Definition, FilterConfig};

/// What makes a schedule an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What has to hold.
    pub kind: ConditionKind,
    /// The watched query; independent of what is delivered (A16).
    pub tile: TileKey,
}

/// What has to hold of the watched result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConditionKind {
    /// At least one row.
    ResultsPresent,
    /// Another result than at the previous evaluation.
    ResultsChanged,
    /// No row.
    ResultsMissing,
    /// The same result as at the previous evaluation.
    ResultsUnchanged,
}

impl ConditionKind {
    /// Every value, in the contract's order.
    pub const ALL: [Self; 4] = [Self::ResultsPresent, Self::ResultsChanged, Self::ResultsMissing, Self::ResultsUnchanged];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResultsPresent => "RESULTS_PRESENT",
            Self::ResultsChanged => "RESULTS_CHANGED",
            Self::ResultsMissing => "RESULTS_MISSING",
            Self::ResultsUnchanged => "RESULTS_UNCHANGED",
        }
    }

    /// Whether the judgement needs the previous result.
    #[must_use]
    pub fn compares(self) -> bool {
        matches!(self, Self::ResultsChanged | Self::ResultsUnchanged)
    }
}

/// How the watched result stands to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// There is no baseline yet (A7).
    NoBaseline,
    /// Same columns and same multiset of rows (A5).
    Same,
    /// A different result.
    Different,
}

/// What the judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Deliver.
    Met,
    /// Deliver nothing; the run ends `CONDITION_UNMET`.
    Unmet,
    /// First evaluation of a comparing condition: deliver nothing, remember the result (A7).
    BaselineRecorded,
}

/// Judges a watched result of `rows` rows.
#[must_use]
pub fn judge(kind: ConditionKind, rows: u64, comparison: Comparison) -> Judgement {
    let met = match (kind, comparison) {
        (ConditionKind::ResultsPresent, _) => rows > 0,
        (ConditionKind::ResultsMissing, _) => rows == 0,
        (ConditionKind::ResultsChanged | ConditionKind::ResultsUnchanged, Comparison::NoBaseline) => {
            return Judgement::BaselineRecorded;
        }
        (ConditionKind::ResultsChanged, comparison) => comparison == Comparison::Different,
        (ConditionKind::ResultsUnchanged, comparison) => comparison == Comparison::Same,
    };
    if met { Judgement::Met } else { Judgement::Unmet }
}

/// When the baseline moves to a result that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineMoves {
    /// With the end of the run.
    Always,
    /// Once somebody was told: a change that nobody was told of must fire again, one that somebody was told of must not (A10).
    OnceDelivered,
}

impl BaselineMoves {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Always, Self::OnceDelivered];

    /// What a judgement asks for.
    #[must_use]
    pub fn after(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Met => Self::OnceDelivered,
            Judgement::Unmet | Judgement::BaselineRecorded => Self::Always,
        }
    }

    /// The word in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnceDelivered => "onceDelivered",
        }
    }

    /// Whether it moves, given whether anything reached whoever it belongs to.
    #[must_use]
    pub fn happens(self, delivered: bool) -> bool {
        match self {
            Self::Always => true,
            Self::OnceDelivered => delivered,
        }
    }
}

/// Names what a comparing condition looks at: SHA-256 (hex) over the watched query and its key, the filters in force, the override zone, the
/// condition's kind and the owner, whose rights decide. A baseline of another basis says nothing about this one: the next evaluation
/// is a first one (A12, A13), whether the schedule was edited, given away, or the dashboard published anew. Name, recipients, format
/// and cron are no part of it.
#[must_use]
pub fn basis(definition: &Definition, dashboard: &Dashboard, query: &QueryTile, in_force: &FilterConfig) -> String {
    let filters: BTreeMap<&str, Value> = in_force.iter().map(|(key, expression)| (key.as_str(), canonical(expression))).collect();
    let mapped = |mapping: &FilterMapping| match mapping {
        FilterMapping::Off => None,
        FilterMapping::To(expression) => Some(expression.clone()),
    };
    let mappings: BTreeMap<&str, Option<String>> = query.filters.iter().map(|(key, mapping)| (key.as_str(), mapped(mapping))).collect();
    let asked = json!([
        definition.identifier.as_str(),
        definition.owner.to_string(),
        definition.condition.as_ref().map(|condition| (condition.kind.as_str(), condition.tile.as_str())),
        dashboard.connection.as_str(),
        query.sql,
        query.limit,
        mappings,
        filters,
        definition.timezone_override,
    ]);
    hex::encode(Sha256::digest(asked.to_string()))
}

/// The same expression with the keys of its objects in order: their order means nothing.
fn canonical(expression: &Value) -> Value {
    match expression {
        Value::Object(object) => {
            let sorted: BTreeMap<&String, Value> = object.iter().map(|(key, value)| (key, canonical(value))).collect();
            json!(sorted)
        }
        Value::Array(values) => values.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Comparison::{Different, NoBaseline, Same};
    use ConditionKind::{ResultsChanged, ResultsMissing, ResultsPresent, ResultsUnchanged};
    use Judgement::{BaselineRecorded, Met, Unmet};

    #[test]
    fn a1_present_and_missing_count_rows() {
        for (kind, rows, expected) in
            [(ResultsPresent, 0, Unmet), (ResultsPresent, 1, Met), (ResultsMissing, 0, Met), (ResultsMissing, 1, Unmet)]
        {
            assert_eq!(judge(kind, rows, NoBaseline), expected, "{kind:?} {rows}");
        }
    }

    #[test]
    fn a7_a_first_evaluation_records_and_sends_nothing() {
        assert_eq!(judge(ResultsChanged, 3, NoBaseline), BaselineRecorded);
        assert_eq!(judge(ResultsUnchanged, 3, NoBaseline), BaselineRecorded);
    }

    #[test]
    fn a8_a_second_evaluation_compares() {
        for (kind, comparison, expected) in [
            (ResultsChanged, Same, Unmet),
            (ResultsChanged, Different, Met),
            (ResultsUnchanged, Same, Met),
            (ResultsUnchanged, Different, Unmet),
        ] {
            assert_eq!(judge(kind, 0, comparison), expected, "{kind:?} {comparison:?}");
        }
    }

    #[test]
    fn a10_only_a_change_that_nobody_was_told_of_keeps_the_baseline() {
        let moves = |judgement, delivered| BaselineMoves::after(judgement).happens(delivered);
        assert!(!moves(Met, false));
        assert!(moves(Met, true));
        assert!(moves(Unmet, false));
        assert!(moves(BaselineRecorded, false));
    }

    /// One alert over days: results as numbers, `None` is a failed send. Returns what each day came to.
    fn days(kind: ConditionKind, results: &[(u64, bool)]) -> Vec<&'static str> {
        let mut baseline: Option<u64> = None;
        let day = |&(result, arrives): &(u64, bool)| {
            let comparison = match baseline {
                None => NoBaseline,
                Some(before) if before == result => Same,
                Some(_) => Different,
            };
            let judgement = judge(kind, 1, comparison);
            if BaselineMoves::after(judgement).happens(arrives) {
                baseline = Some(result);
            }
            match (judgement, arrives) {
                (BaselineRecorded, _) => "baseline",
                (Unmet, _) => "unmet",
                (Met, true) => "deliver",
                (Met, false) => "lost",
            }
        };
        results.iter().map(day).collect()
    }

    #[test]
    fn a7_a8_a9_a10_sequences() {
        for (case, kind, results, expected) in [
            (
                "a9 with the previous evaluation, not the last delivery",
                ResultsChanged,
                &[(10, true), (12, true), (12, true), (10, true)][..],
                &["baseline", "deliver", "unmet", "deliver"][..],
            ),
            (
                "a8 unchanged",
                ResultsUnchanged,
                &[(10, true), (10, true), (11, true), (11, true)],
                &["baseline", "deliver", "unmet", "deliver"],
            ),
            (
                "a10 nobody heard of it: it fires again",
                ResultsChanged,
                &[(10, true), (12, false), (12, true), (12, true)],
                &["baseline", "lost", "deliver", "unmet"],
            ),
            (
                "a10 the change was taken back before anybody heard",
                ResultsChanged,
                &[(10, true), (12, false), (10, true)],
                &["baseline", "lost", "unmet"],
            ),
            (
                "a10 unchanged, not heard, still unchanged",
                ResultsUnchanged,
                &[(10, true), (10, false), (10, true)],
                &["baseline", "lost", "deliver"],
            ),
            (
                "a14 none, some, none",
                ResultsChanged,
                &[(0, true), (3, true), (0, true), (0, true)],
                &["baseline", "deliver", "deliver", "unmet"],
            ),
        ] {
            assert_eq!(days(kind, results), expected, "{case}");
        }
    }
}

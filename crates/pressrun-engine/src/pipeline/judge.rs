//! The watched query of an alert, judged for each target of an audience (A1–A19).

use jiff::Timestamp;
use pressrun_domain::catalog::QueryTile;
use pressrun_domain::condition::{Comparison, Condition, Judgement, basis, judge};
use pressrun_domain::run::{BaselineRecord, ConditionRecord, JudgedResult, RunStatus, TileRecord};
use pressrun_query::fingerprint::{Difference, Fingerprint};
use pressrun_sql::CompiledQuery;
use serde::{Deserialize, Serialize};

use super::audience::{Audience, Target};
use super::outline::CONDITION_QUERY_FAILED;
use super::{Halt, Stop, Work};
use crate::content::{Content, QueryRows};
use crate::spool::WorkDir;

/// The watched result, and for whom the condition holds.
pub(super) struct Judged {
    /// What was asked.
    pub compiled: CompiledQuery,
    /// What came.
    pub rows: QueryRows,
    /// Who gets something.
    pub met: Vec<Target>,
}

/// Runs the watched query for `audience` with its own limit, whatever the schedule lifts (A3), and judges it for each target's own
/// baseline (A18). Nothing else of the audience runs before (A4).
pub(super) async fn judge_audience(
    work: &mut Work<'_>,
    content: &Content<'_>,
    condition: &Condition,
    query: &QueryTile,
    audience: &Audience,
    dir: &WorkDir,
) -> Result<Judged, Halt> {
    let title = content.dashboard.tiles.get(&condition.tile).map(|tile| tile.title.clone()).unwrap_or_default();
    let mut tile = TileRecord {
        key: condition.tile.clone(),
        title,
        audience: audience.key.clone(),
        rows: 0,
        ms: 0,
        truncated: false,
        error: None,
        quotes_data: false,
    };
    let left = work.time_left()?;
    let asked = async {
        let compiled = content.compile(query, u64::from(query.limit))?;
        let connection = content
            .connection()
            .map_err(|error| pressrun_query::QueryError::new(pressrun_query::QueryErrorKind::Internal, error.to_string()))?;
        let rows = work.producer.query(connection, compiled.clone(), dir, condition.kind.compares(), left).await;
        let rows = rows.map_err(|error| content.placed(query, error))?;
        Ok::<_, pressrun_query::QueryError>((compiled, rows))
    };
    let (compiled, rows) = match asked.await {
        Ok(found) => found,
        Err(mut error) => {
            work.ask_again(work.asks_again_at(), &tile.title, &audience.key, &mut error)?;
            // An error never counts as missing or changed, and leaves the baseline alone (A11).
            let message = format!("the watched query \u{201c}{}\u{201d} failed: {error}", tile.title);
            (tile.error, tile.quotes_data) = (Some(error.to_string()), error.may_quote_data());
            work.record.tiles.push(tile);
            return Err(Stop::new(RunStatus::Error, CONDITION_QUERY_FAILED).because(message).into());
        }
    };
    tile.rows = rows.outcome.rows;
    tile.ms = rows.outcome.ms;
    tile.truncated = rows.outcome.truncated;
    if tile.truncated {
        work.record.warn("watchedResultTruncated");
    }
    for warning in &rows.outcome.warnings {
        work.record.warn(format!("data: {warning}"));
    }
    work.record.tiles.push(tile);

    let basis = condition.kind.compares().then(|| basis_of(work, content, query));
    let mut met = Vec::new();
    let mut last_key: Option<String> = None;
    for target in &audience.targets {
        let Verdict { judgement, difference, baseline } = judge_target(work, condition, &rows, target, basis.as_deref()).await?;
        // Targets that share a baseline share a judgement: it is recorded once.
        if last_key.as_deref() != Some(&target.baseline) {
            last_key = Some(target.baseline.clone());
            let whom = if target.baseline.is_empty() { audience.key.clone() } else { target.baseline.clone() };
            work.record.conditions.push(ConditionRecord {
                audience: whom,
                tile: condition.tile.clone(),
                rows: rows.outcome.rows,
                judgement,
                added: difference.and_then(|difference| difference.added),
                removed: difference.and_then(|difference| difference.removed),
                kind: Some(condition.kind),
                fingerprint: rows.outcome.fingerprint.as_ref().map(Fingerprint::short),
                baseline: baseline.map(|baseline| BaselineRecord {
                    at: baseline.at,
                    rows: baseline.fingerprint.rows,
                    fingerprint: baseline.fingerprint.short(),
                }),
            });
            if let Some((fingerprint, basis)) = rows.outcome.fingerprint.as_ref().zip(basis.as_ref()) {
                let remembered = Baseline { basis: basis.clone(), at: work.context.clock.now(), fingerprint: fingerprint.clone() };
                let fingerprint = serde_json::to_string(&remembered).unwrap_or_default();
                work.record.judged.push(JudgedResult { audience: target.baseline.clone(), judgement, fingerprint });
            }
        }
        if judgement == Judgement::Met {
            met.push(target.clone());
        }
    }
    let detail = format!("{}: {} rows; met for {} of {}", condition.kind.as_str(), rows.outcome.rows, met.len(), audience.targets.len());
    work.note("judged", Some(detail));
    Ok(Judged { compiled, rows, met })
}

/// What is remembered of a result, to compare the next one with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Baseline {
    /// What was asked; see [`basis`].
    basis: String,
    /// When it was judged.
    at: Timestamp,
    /// What came.
    fingerprint: Fingerprint,
}

/// What the watched result of one target came to.
struct Verdict {
    judgement: Judgement,
    /// How it differs from the baseline; zeros when it does not.
    difference: Option<Difference>,
    baseline: Option<Baseline>,
}

fn basis_of(work: &Work<'_>, content: &Content<'_>, query: &QueryTile) -> String {
    let in_force = content.filters.iter().filter_map(|(key, filter)| Some((key.clone(), filter.expression.clone()?))).collect();
    basis(&work.run.definition, content.dashboard, query, &in_force)
}

async fn judge_target(
    work: &Work<'_>,
    condition: &Condition,
    rows: &QueryRows,
    target: &Target,
    basis: Option<&str>,
) -> Result<Verdict, Halt> {
    let Some((fingerprint, basis)) = rows.outcome.fingerprint.as_ref().zip(basis) else {
        let judgement = judge(condition.kind, rows.outcome.rows, Comparison::NoBaseline);
        return Ok(Verdict { judgement, difference: None, baseline: None });
    };
    let stored = work.context.store.baseline(work.run.schedule_id, &target.baseline).await?;
    // One of an older version that cannot be read counts as none, and so does one of something else that was asked (A12).
    let baseline = stored.and_then(|text| serde_json::from_str::<Baseline>(&text).ok()).filter(|baseline| baseline.basis == basis);
    let (comparison, difference) = match &baseline {
        None => (Comparison::NoBaseline, None),
        Some(baseline) => match fingerprint.difference(&baseline.fingerprint) {
            None => (Comparison::Same, Some(Difference { columns: false, added: Some(0), removed: Some(0) })),
            different => (Comparison::Different, different),
        },
    };
    Ok(Verdict { judgement: judge(condition.kind, rows.outcome.rows, comparison), difference, baseline })
}

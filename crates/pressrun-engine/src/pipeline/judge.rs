//! The watched query of an alert, judged for each target of an audience (A1–A19).

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::catalog::QueryTile;
use pressrun_domain::condition::{BaselineMoves, Comparison, Condition, Judgement, basis, judge};
use pressrun_domain::run::{BaselineRecord, ConditionRecord, JudgedResult, RunStatus, TileRecord, WaitingBaseline};
use pressrun_query::fingerprint::{Difference, Fingerprint};
use pressrun_sql::CompiledQuery;
use serde::{Deserialize, Serialize};

use super::audience::{Audience, Target};
use super::outline::CONDITION_QUERY_FAILED;
use super::piece::delivery_id;
use super::{Halt, Stop, Work};
use crate::content::{Content, QueryRows};
use crate::spool::WorkDir;

/// The watched result, and for whom the condition holds.
pub(super) struct Judged {
    /// What was asked.
    pub compiled: CompiledQuery,
    /// What came.
    pub rows: QueryRows,
    /// Who gets something, those together to whom the same is said of it.
    pub met: Vec<Met>,
}

/// Those for whom the condition holds in the same way.
pub(super) struct Met {
    /// Their audience: the one that was judged, or a part of it.
    pub audience: String,
    /// What it came to for them; `None` where there is none.
    pub condition: Option<ConditionRecord>,
    /// Who they are.
    pub targets: Vec<Target>,
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
            work.time_left()?;
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
    let fingerprint = rows.outcome.fingerprint.clone().zip(basis);
    let (mut met, mut whose): (Vec<Met>, Vec<WaitingBaseline>) = (Vec::new(), Vec::new());
    for (number, (stored, targets)) in by_baseline(work, audience, fingerprint.is_some()).await?.into_iter().enumerate() {
        let Verdict { judgement, difference, baseline } = verdict(condition, &rows, fingerprint.as_ref(), stored.as_deref());
        let part = if number == 0 { audience.key.clone() } else { format!("{}.{}", audience.key, number + 1) };
        let record = ConditionRecord {
            audience: part.clone(),
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
        };
        whose.extend(targets.iter().map(|target| waiting(work, target, judgement)));
        work.record.conditions.push(record.clone());
        if judgement == Judgement::Met {
            // What is said of it is how much is new and gone: those of whom that is the same need no copies of their own.
            let counts = |record: &ConditionRecord| (record.added, record.removed);
            match met.iter_mut().find(|met| met.condition.as_ref().is_some_and(|other| counts(other) == counts(&record))) {
                Some(met) => met.targets.extend(targets),
                None => met.push(Met { audience: part, condition: Some(record), targets }),
            }
        }
    }
    if let Some((fingerprint, basis)) = fingerprint {
        let remembered = Baseline { basis, at: work.context.clock.now(), fingerprint };
        // What all share is one baseline, however many get it.
        whose.dedup_by(|later, earlier| later.audience == earlier.audience);
        let fingerprint = serde_json::to_string(&remembered).unwrap_or_default();
        work.judged.push(JudgedResult { fingerprint, baselines: whose });
    }
    let reached: usize = met.iter().map(|met| met.targets.len()).sum();
    let detail = format!("{}: {} rows; met for {reached} of {}", condition.kind.as_str(), rows.outcome.rows, audience.targets.len());
    work.note("judged", Some(detail));
    Ok(Judged { compiled, rows, met })
}

/// The baseline of a target that waits for the end of the run. What all share was told when anybody has it (A10); a personal copy, when that
/// person has it (A18).
fn waiting(work: &Work<'_>, target: &Target, judgement: Judgement) -> WaitingBaseline {
    let told_by = (!target.baseline.is_empty()).then(|| delivery_id(work.run.id, &target.name));
    WaitingBaseline { audience: target.baseline.clone(), moves: BaselineMoves::after(judgement), told_by }
}

/// The targets of an audience by what their result is compared with (A18), in the order of the first of each.
async fn by_baseline(work: &Work<'_>, audience: &Audience, compares: bool) -> Result<Vec<(Option<String>, Vec<Target>)>, Halt> {
    let mut stored = Vec::new();
    if compares {
        let names: BTreeSet<&str> = audience.targets.iter().map(|target| target.baseline.as_str()).collect();
        stored = work.context.store.baselines(work.run.schedule_id, &names.into_iter().collect::<Vec<_>>()).await?;
    }
    let place: HashMap<&str, usize> = stored
        .iter()
        .enumerate()
        .flat_map(|(place, baseline)| baseline.audiences.iter().map(move |audience| (audience.as_str(), place)))
        .collect();
    let mut groups: IndexMap<Option<usize>, Vec<Target>> = IndexMap::new();
    for target in &audience.targets {
        groups.entry(place.get(target.baseline.as_str()).copied()).or_default().push(target.clone());
    }
    Ok(groups.into_iter().map(|(place, targets)| (place.map(|place| stored[place].fingerprint.clone()), targets)).collect())
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

fn verdict(condition: &Condition, rows: &QueryRows, fingerprint: Option<&(Fingerprint, String)>, stored: Option<&str>) -> Verdict {
    let Some((fingerprint, basis)) = fingerprint else {
        let judgement = judge(condition.kind, rows.outcome.rows, Comparison::NoBaseline);
        return Verdict { judgement, difference: None, baseline: None };
    };
    // One of an older version that cannot be read counts as none, and so does one of something else that was asked (A12).
    let baseline = stored.and_then(|text| serde_json::from_str::<Baseline>(text).ok()).filter(|baseline| baseline.basis == *basis);
    let (comparison, difference) = match &baseline {
        None => (Comparison::NoBaseline, None),
        Some(baseline) => match fingerprint.difference(&baseline.fingerprint) {
            None => (Comparison::Same, Some(Difference { columns: false, added: Some(0), removed: Some(0) })),
            different => (Comparison::Different, different),
        },
    };
    Verdict { judgement: judge(condition.kind, rows.outcome.rows, comparison), difference, baseline }
}

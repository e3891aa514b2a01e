//! What happens to a run, as rows that are only added to.

use pressrun_domain::id::RunId;
use pressrun_domain::run::{Lease, Progress, RunRecord, TimelineEntry, Worked};
use serde::Serialize;

use super::lease::hold;
use super::row::{int, to_json};
use super::{SqliteStore, Tx, artifacts, baselines, micros};
use crate::{Learnt, RunNews, StoreError};

impl SqliteStore {
    pub(super) async fn put_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        put(&mut tx, lease, news).await?;
        tx.commit().await
    }
}

/// Everything that a claim has to say of its run before the end.
pub(super) async fn put(tx: &mut Tx, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
    put_record(tx, lease.run, &news.record).await?;
    baselines::wait(tx, lease.run, &news.judged).await?;
    put_progress(tx, lease, &news.progress).await
}

/// Adds what happened; the first line of a timeline is the plan's and stands in the run's own row.
pub(super) async fn put_record(tx: &mut Tx, run: RunId, record: &RunRecord) -> Result<(), StoreError> {
    put_lines(tx, run, &record.timeline).await?;
    put_findings(tx, run, record).await?;
    put_warnings(tx, run, &record.warnings).await?;
    if record.error.is_some() || record.outline.is_some() {
        sqlx::query("UPDATE runs SET error = coalesce($2, error), outline = coalesce($3, outline) WHERE id = $1")
            .bind(run.to_string())
            .bind(&record.error)
            .bind(record.outline.as_ref().map(to_json).transpose()?)
            .execute(&mut **tx)
            .await?;
    }
    artifacts::hold(tx, run, record.artifacts.iter().map(|artifact| artifact.sha256.as_str()).collect()).await
}

/// Adds lines to the timeline.
pub(super) async fn put_lines(tx: &mut Tx, run: RunId, lines: &[TimelineEntry]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = lines.iter().map(|line| (micros(line.at), &line.event, &line.detail)).collect();
    sqlx::query(
        "INSERT INTO run_events (run_id, number, at, event, detail)
         SELECT $1, last.number + 1 + j.key, j.value ->> 0, j.value ->> 1, j.value ->> 2
         FROM json_each($2) j, (SELECT coalesce(max(number), 0) AS number FROM run_events WHERE run_id = $1) last",
    )
    .bind(run.to_string())
    .bind(to_json(&lines)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Kind, number among those of the kind, audience, whether it failed, JSON.
#[derive(Serialize)]
struct Finding<'a>(&'static str, usize, &'a str, bool, String);

/// Adds what was found: queries, judgements, files.
async fn put_findings(tx: &mut Tx, run: RunId, record: &RunRecord) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for (number, tile) in record.tiles.iter().enumerate() {
        found.push(Finding("tile", number, &tile.audience, tile.error.is_some(), to_json(tile)?));
    }
    for (number, judged) in record.conditions.iter().enumerate() {
        found.push(Finding("condition", number, &judged.audience, false, to_json(judged)?));
    }
    for (number, file) in record.artifacts.iter().enumerate() {
        found.push(Finding("artifact", number, &file.audience, false, to_json(file)?));
    }
    if found.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO run_findings (run_id, kind, number, audience, failed, content)
         SELECT $1, j.value ->> 0, coalesce(last.number, -1) + 1 + (j.value ->> 1), j.value ->> 2, j.value ->> 3, j.value ->> 4
         FROM json_each($2) j LEFT JOIN (SELECT kind, max(number) AS number FROM run_findings WHERE run_id = $1 GROUP BY kind) last
             ON last.kind = j.value ->> 0",
    )
    .bind(run.to_string())
    .bind(to_json(&found)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds warnings, each once.
async fn put_warnings(tx: &mut Tx, run: RunId, warnings: &[String]) -> Result<(), StoreError> {
    for warning in warnings {
        let warning = to_json(warning)?;
        let known = sqlx::query("SELECT 1 FROM run_findings WHERE run_id = $1 AND kind = 'warning' AND content = $2");
        if known.bind(run.to_string()).bind(&warning).fetch_optional(&mut **tx).await?.is_some() {
            continue;
        }
        sqlx::query(
            "INSERT INTO run_findings (run_id, kind, number, content)
             SELECT $1, 'warning', coalesce(max(number), -1) + 1, $2 FROM run_findings WHERE run_id = $1 AND kind = 'warning'",
        )
        .bind(run.to_string())
        .bind(warning)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn put_progress(tx: &mut Tx, lease: &Lease, progress: &Progress) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE runs SET promised_at = $2, progress_fence = fence, preparing = $3, sending = $4, query_failures = $5, queries_fail_since = $6,
             held_since = $7, degraded = max(degraded, $8), waits_for = $9
         WHERE id = $1",
    )
    .bind(lease.run.to_string())
    .bind(progress.promised_at.map(micros))
    .bind(length(progress.worked.preparing))
    .bind(length(progress.worked.sending))
    .bind(i64::from(progress.query_failures))
    .bind(progress.queries_fail_since.map(micros))
    .bind(progress.held_since.map(micros))
    .bind(progress.degraded)
    .bind(&progress.waits_for)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Records how long a claim has worked that is handed back, which is nobody's fault.
pub(super) async fn put_worked(tx: &mut Tx, lease: &Lease, worked: Worked) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET progress_fence = fence, preparing = $2, sending = $3 WHERE id = $1")
        .bind(lease.run.to_string())
        .bind(length(worked.preparing))
        .bind(length(worked.sending))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Adds what an attempt taught; an attempt that ends is progress.
pub(super) async fn put_learnt(tx: &mut Tx, lease: &Lease, learnt: &Learnt) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET progress_fence = fence WHERE id = $1 AND progress_fence <> $2")
        .bind(lease.run.to_string())
        .bind(int(lease.fence))
        .execute(&mut **tx)
        .await?;
    put_warnings(tx, lease.run, &learnt.warnings).await?;
    if learnt.degraded || learnt.host_key.is_some() {
        sqlx::query("UPDATE runs SET degraded = max(degraded, $2), host_key = coalesce(host_key, $3) WHERE id = $1")
            .bind(lease.run.to_string())
            .bind(learnt.degraded)
            .bind(&learnt.host_key)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// A length of time in microseconds.
fn length(length: jiff::SignedDuration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

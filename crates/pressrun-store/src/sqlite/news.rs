//! What happens to a run, as rows that are only added to.

use pressrun_domain::id::RunId;
use pressrun_domain::run::{Lease, Progress, RunRecord, TimelineEntry, Worked};
use serde::Serialize;
use sqlx::Row as _;

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
    put_findings(tx, run, "tile", record.tiles.iter().map(|tile| (Some(tile.audience.as_str()), tile.error.is_some(), tile))).await?;
    put_findings(tx, run, "condition", record.conditions.iter().map(|judged| (Some(judged.audience.as_str()), false, judged))).await?;
    put_findings(tx, run, "artifact", record.artifacts.iter().map(|file| (Some(file.audience.as_str()), false, file))).await?;
    put_warnings(tx, run, &record.warnings).await?;
    if let Some(error) = &record.error {
        sqlx::query("UPDATE runs SET error = $2 WHERE id = $1").bind(run.to_string()).bind(error).execute(&mut **tx).await?;
    }
    if let Some(outline) = &record.outline {
        sqlx::query("UPDATE runs SET outline = $2 WHERE id = $1").bind(run.to_string()).bind(to_json(outline)?).execute(&mut **tx).await?;
    }
    artifacts::hold(tx, run, record.artifacts.iter().map(|artifact| artifact.sha256.as_str()).collect()).await
}

/// Adds lines to the timeline.
pub(super) async fn put_lines(tx: &mut Tx, run: RunId, lines: &[TimelineEntry]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let run = run.to_string();
    let last = sqlx::query("SELECT coalesce(max(number), 0) FROM run_events WHERE run_id = $1").bind(&run);
    let last: i64 = last.fetch_one(&mut **tx).await?.try_get(0)?;
    for (number, line) in (last + 1..).zip(lines) {
        sqlx::query("INSERT INTO run_events (run_id, number, at, event, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(&run)
            .bind(number)
            .bind(micros(line.at))
            .bind(&line.event)
            .bind(&line.detail)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

async fn put_findings<'a, T: Serialize>(
    tx: &mut Tx,
    run: RunId,
    kind: &'static str,
    findings: impl ExactSizeIterator<Item = (Option<&'a str>, bool, T)>,
) -> Result<(), StoreError> {
    if findings.len() == 0 {
        return Ok(());
    }
    let run = run.to_string();
    let last = sqlx::query("SELECT coalesce(max(number), -1) FROM run_findings WHERE run_id = $1 AND kind = $2").bind(&run).bind(kind);
    let last: i64 = last.fetch_one(&mut **tx).await?.try_get(0)?;
    for (number, (audience, failed, finding)) in (last + 1..).zip(findings) {
        sqlx::query("INSERT INTO run_findings (run_id, kind, number, audience, failed, content) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&run)
            .bind(kind)
            .bind(number)
            .bind(audience)
            .bind(failed)
            .bind(to_json(&finding)?)
            .execute(&mut **tx)
            .await?;
    }
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

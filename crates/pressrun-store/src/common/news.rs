//! What happens to a run, as rows that are only added to.

use pressrun_domain::id::RunId;
use pressrun_domain::run::{Lease, RunRecord, TimelineEntry, Worked};
use serde::Serialize;

use super::dialect::{clean, table};
use super::entries::Entry;
use super::row::{int, to_json};
use super::{Backend, Tx, artifacts, baselines, micros};
use crate::{Learnt, RunNews, StoreError};

impl Backend {
    pub(super) async fn put_news(&self, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
        self.writer.write(Entry::News { lease: *lease, news: news.clone() }).await.map(drop)
    }
}

/// Everything that a claim has to say of its run before the end.
pub(super) async fn put(tx: &mut Tx, lease: &Lease, news: &RunNews) -> Result<(), StoreError> {
    put_record(tx, lease.run, &news.record).await?;
    put_judged_and_progress(tx, std::iter::once((lease, news))).await
}

/// Adds what happened; the first line of a timeline is the plan's and stands in the run's own row.
pub(super) async fn put_record(tx: &mut Tx, run: RunId, record: &RunRecord) -> Result<(), StoreError> {
    put_records(tx, &[(run, record)]).await
}

/// The same of many runs.
pub(super) async fn put_records(tx: &mut Tx, records: &[(RunId, &RunRecord)]) -> Result<(), StoreError> {
    let lines: Vec<(RunId, &[TimelineEntry])> = records.iter().map(|(run, record)| (*run, record.timeline.as_slice())).collect();
    put_lines(tx, &lines).await?;
    put_findings(tx, records).await?;
    for (run, record) in records {
        put_warnings(tx, *run, &record.warnings).await?;
        if record.error.is_some() || record.outline.is_some() {
            sqlx::query("UPDATE runs SET error = coalesce($2, error), outline = coalesce($3, outline) WHERE id = $1")
                .bind(run.to_string())
                .bind(record.error.as_deref().map(clean))
                .bind(record.outline.as_ref().map(to_json).transpose()?)
                .execute(&mut **tx)
                .await?;
        }
    }
    let made = records.iter().map(|(run, record)| (*run, record.artifacts.iter().map(|file| file.sha256.as_str()).collect()));
    artifacts::hold(tx, made).await
}

/// Adds lines to the timelines of runs.
pub(super) async fn put_lines(tx: &mut Tx, of: &[(RunId, &[TimelineEntry])]) -> Result<(), StoreError> {
    /// Run, number among these, instant, event, detail.
    #[derive(Serialize)]
    struct Line<'a>(String, usize, i64, &'a str, Option<&'a str>);

    let mut lines = Vec::new();
    for (run, entries) in of {
        for (number, line) in entries.iter().enumerate() {
            lines.push(Line(run.to_string(), number, micros(line.at), &line.event, line.detail.as_deref()));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO run_events (run_id, number, at, event, detail)
         SELECT j.run, coalesce((SELECT max(e.number) FROM run_events e WHERE e.run_id = j.run), 0) + 1 + j.number, j.at, j.event, j.detail
         FROM ",
        table!("$1" as j: 0 run text, 1 number bigint, 2 at bigint, 3 event text, 4 detail text)
    ))
    .bind(to_json(&lines)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds what runs found: queries, judgements, files.
async fn put_findings(tx: &mut Tx, records: &[(RunId, &RunRecord)]) -> Result<(), StoreError> {
    /// Run, kind, number among these of the kind, audience, whether it failed, JSON.
    #[derive(Serialize)]
    struct Finding<'a>(String, &'static str, usize, &'a str, bool, String);

    let mut found = Vec::new();
    for (run, record) in records {
        let run = || run.to_string();
        for (number, tile) in record.tiles.iter().enumerate() {
            found.push(Finding(run(), "tile", number, &tile.audience, tile.error.is_some(), to_json(tile)?));
        }
        for (number, judged) in record.conditions.iter().enumerate() {
            found.push(Finding(run(), "condition", number, &judged.audience, false, to_json(judged)?));
        }
        for (number, file) in record.artifacts.iter().enumerate() {
            found.push(Finding(run(), "artifact", number, &file.audience, false, to_json(file)?));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    sqlx::query(
        concat!("INSERT INTO run_findings (run_id, kind, number, audience, failed, content)
         SELECT j.run, j.kind, coalesce((SELECT max(f.number) FROM run_findings f WHERE f.run_id = j.run AND f.kind = j.kind), -1) + 1 + j.number,
             j.audience, j.failed, j.content
         FROM ", table!("$1" as j: 0 run text, 1 kind text, 2 number bigint, 3 audience text, 4 failed boolean, 5 content text)),
    )
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

/// Lets the baselines of runs wait, and notes where their work stands.
pub(super) async fn put_judged_and_progress<'a>(tx: &mut Tx, of: impl Iterator<Item = (&'a Lease, &'a RunNews)>) -> Result<(), StoreError> {
    /// Run; promised since, time of preparing and sending, failures of queries and since when, held since, degraded, what it waits for.
    #[derive(Serialize)]
    struct Row<'a>(String, Option<i64>, i64, i64, u32, Option<i64>, Option<i64>, bool, Option<&'a str>);

    let mut rows = Vec::new();
    for (lease, RunNews { progress, judged, .. }) in of {
        baselines::wait(tx, lease.run, judged).await?;
        rows.push(Row(
            lease.run.to_string(),
            progress.promised_at.map(micros),
            length(progress.worked.preparing),
            length(progress.worked.sending),
            progress.query_failures,
            progress.queries_fail_since.map(micros),
            progress.held_since.map(micros),
            progress.degraded,
            progress.waits_for.as_deref(),
        ));
    }
    sqlx::query(
        concat!("UPDATE runs SET promised_at = j.promised, progress_fence = fence, preparing = j.prepared, sending = j.sent, query_failures = j.failures,
             queries_fail_since = j.fail_since, held_since = j.held, degraded = degraded OR j.less, waits_for = j.waits
         FROM ", table!("$1" as j: 0 run text, 1 promised bigint, 2 prepared bigint, 3 sent bigint, 4 failures bigint, 5 fail_since bigint, 6 held bigint,
             7 less boolean, 8 waits text), " WHERE runs.id = j.run"),
    )
    .bind(to_json(&rows)?)
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

/// An attempt that ends is progress of its claim.
pub(super) async fn note_progress<'a>(tx: &mut Tx, leases: impl Iterator<Item = &'a Lease>) -> Result<(), StoreError> {
    let claims: Vec<(String, i64)> = leases.map(|lease| (lease.run.to_string(), int(lease.fence))).collect();
    sqlx::query(concat!(
        "UPDATE runs SET progress_fence = fence FROM ",
        table!("$1" as j: 0 run text, 1 claim bigint),
        "
         WHERE runs.id = j.run AND progress_fence <> j.claim"
    ))
    .bind(to_json(&claims)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds what an attempt taught.
pub(super) async fn put_learnt(tx: &mut Tx, lease: &Lease, learnt: &Learnt) -> Result<(), StoreError> {
    put_warnings(tx, lease.run, &learnt.warnings).await?;
    if learnt.degraded || learnt.host_key.is_some() {
        sqlx::query("UPDATE runs SET degraded = degraded OR $2, host_key = coalesce(host_key, $3) WHERE id = $1")
            .bind(lease.run.to_string())
            .bind(learnt.degraded)
            .bind(learnt.host_key.as_deref().map(clean))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// A length of time in microseconds.
fn length(length: jiff::SignedDuration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

//! Planned occurrences become runs at their instant.

use std::collections::HashSet;

use jiff::Timestamp;
use pressrun_domain::id::RunId;
use pressrun_domain::run::SkipReason;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::plan::instant;
use super::row::{Reader, to_json};
use super::{SqliteStore, Tx, micros};
use crate::{Released, StoreError};

impl SqliteStore {
    pub(super) async fn release_ready(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError> {
        // Mostly nothing is, and others write.
        if self.earliest_planned().await?.is_none_or(|at| at > now) {
            return Ok(Released::default());
        }
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT p.k, p.at, q.schedule_id FROM planned p JOIN due q ON q.k = p.k WHERE p.at <= $1 ORDER BY p.at, p.k LIMIT $2",
        )
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(Released::default());
        }
        let released = release_rows(&mut tx, &rows, now, oldest).await?;
        tx.commit().await?;
        Ok(released)
    }

    pub(super) async fn earliest_planned(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT min(at) FROM planned").fetch_one(&self.read).await?;
        row.try_get::<Option<i64>, _>(0)?.map(super::plan::instant).transpose()
    }
}

/// Releases what is ready of one schedule.
pub(super) async fn release_of(tx: &mut Tx, schedule: &str, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let ready = sqlx::query(
            "SELECT p.k, p.at, q.schedule_id FROM due q JOIN planned p ON p.k = q.k WHERE q.schedule_id = $1 AND p.at <= $2 ORDER BY p.at LIMIT 1",
        );
        let rows = ready.bind(schedule).bind(micros(now)).fetch_all(&mut **tx).await?;
        if rows.is_empty() {
            return Ok(());
        }
        release_rows(tx, &rows, now, Timestamp::MIN).await?;
    }
}

/// Releases these rows of the plan, but for later ones of a schedule that comes twice: whether they overlap is known when the first is a run.
async fn release_rows(tx: &mut Tx, rows: &[SqliteRow], now: Timestamp, oldest: Timestamp) -> Result<Released, StoreError> {
    let (mut seen, mut ready) = (HashSet::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        let (key, at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if seen.insert(key) {
            // A row that does not parse must not hold up the others; its run ends when it is claimed.
            let occurrence = Reader::new("due", row).parsed("schedule_id").and_then(|schedule| Ok((schedule, instant(at)?)));
            let run = occurrence.map_or_else(|_| RunId::generate(), |(schedule, at)| RunId::of_occurrence(schedule, at));
            ready.push((key, at, run.to_string()));
        }
    }
    let ready = to_json(&ready)?;
    // Of several runs of one owner each gets a turn of its own, after those that the owner has in the queue and after the round that is being
    // served: an owner who queues one run comes in the next round, however many others have queued before.
    let inserted = sqlx::query(
        "INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, identifier, state, turn, available_at,
             created_at, skip_reason, catalog_version)
         SELECT run, id, definition_id, CASE WHEN skip IS NULL THEN sealed END, 'scheduled', at, dst, owner, identifier,
             CASE WHEN skip IS NULL THEN 'queued' ELSE 'skipped' END,
             max(coalesce((SELECT max(r.turn) + 1 FROM runs r WHERE r.state = 'queued' AND r.owner = ready.owner), 0),
                 (SELECT turn + 1 FROM queue_clock)) + row_number() OVER (PARTITION BY owner, skip IS NULL ORDER BY at, k) - 1,
             CASE WHEN skip IS NULL THEN $2 END, $2, skip, (SELECT version FROM catalog_in_force)
         FROM (SELECT j.value ->> 0 AS k, j.value ->> 1 AS at, j.value ->> 2 AS run, p.dst, s.id, s.definition_id, s.sealed, s.owner, s.identifier,
                 CASE WHEN j.value ->> 1 <= $3 THEN $4
                      WHEN EXISTS (SELECT 1 FROM runs r WHERE r.schedule_id = s.id AND r.state IN ('queued', 'running')
                          AND r.kind IN ('scheduled', 'manual')) THEN $5 END AS skip
             FROM json_each($1) j CROSS JOIN planned p ON p.k = j.value ->> 0 AND p.at = j.value ->> 1
                 JOIN due q ON q.k = p.k JOIN schedules s ON s.id = q.schedule_id) ready
         WHERE true ON CONFLICT DO NOTHING RETURNING state",
    )
    .bind(&ready)
    .bind(micros(now))
    .bind(micros(oldest))
    .bind(SkipReason::Missed.as_str())
    .bind(SkipReason::Overlap.as_str())
    .fetch_all(&mut **tx)
    .await?;
    let mut queued = 0;
    for row in inserted {
        queued += u32::from(row.try_get::<&str, _>(0)? == "queued");
    }
    sqlx::query("DELETE FROM planned WHERE (k, at) IN (SELECT value ->> 0, value ->> 1 FROM json_each($1))")
        .bind(&ready)
        .execute(&mut **tx)
        .await?;
    Ok(Released { queued, taken: u32::try_from(seen.len()).unwrap_or(u32::MAX) })
}

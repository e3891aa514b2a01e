//! Planned occurrences are ready at their instant.

use std::collections::HashSet;

use jiff::Timestamp;
use pressrun_domain::run::SkipReason;
use pressrun_domain::turn::Turn;
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{DbRow, held, hint, hold_planned, joined, table};
use super::queue::{run_of, turns_of};
use super::row::{Reader, to_json};
use super::{Backend, Tx, micros};
use crate::{Released, StoreError};

/// What is planned, and what becomes of it: `exists` when it has been released before (I1), a reason to skip it, or NULL.
macro_rules! planned {
    () => {
        "SELECT p.k AS id, p.at, p.dst, u.owner, u.document, u.schedule_id,
             CASE WHEN EXISTS (SELECT 1 FROM queue w WHERE w.k = p.k AND w.at = p.at)
                     OR EXISTS (SELECT 1 FROM runs r WHERE r.schedule_id = u.schedule_id AND r.scheduled_for = p.at AND r.kind = 'scheduled') THEN 'exists'
                 WHEN p.at <= $2 THEN 'missed'
                 WHEN EXISTS (SELECT 1 FROM queue w WHERE w.k = p.k) OR EXISTS (SELECT 1 FROM runs r WHERE r.schedule_id = u.schedule_id
                     AND r.state IN ('queued', 'running') AND r.kind IN ('scheduled', 'manual')) THEN 'overlap' END AS becomes
         FROM planned p JOIN due u ON u.k = p.k WHERE p.at <= $1"
    };
}

impl Backend {
    pub(super) async fn release_ready(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError> {
        // Mostly nothing is, and others write.
        if self.earliest_planned().await?.is_none_or(|at| at > now) {
            return Ok(Released::default());
        }
        let mut tx = self.begin().await?;
        let held = hold_planned(&mut tx, now, limit).await?;
        let rows = sqlx::query(concat!(planned!(), " AND ", held!("p.k", "$4"), " ORDER BY p.at, p.k LIMIT $3"))
            .bind(micros(now))
            .bind(micros(oldest))
            .bind(i64::from(limit))
            .bind(held)
            .fetch_all(&mut *tx)
            .await?;
        if rows.is_empty() {
            return Ok(Released::default());
        }
        let released = release_rows(&mut tx, &rows, now).await?;
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
        let ready = sqlx::query(concat!(planned!(), " AND p.k = (SELECT k FROM due WHERE schedule_id = $3) ORDER BY p.at LIMIT 1"));
        let rows = ready.bind(micros(now)).bind(micros(Timestamp::MIN)).bind(schedule).fetch_all(&mut **tx).await?;
        if rows.is_empty() {
            return Ok(());
        }
        release_rows(tx, &rows, now).await?;
    }
}

/// Key, instant, oddness, owner, document, turn.
#[derive(Serialize)]
struct Ready<'r>(i64, i64, Option<&'r str>, i64, i64, Turn);

/// Key, instant, oddness, id of the row of history, reason.
#[derive(Serialize)]
struct Skipped<'r>(i64, i64, Option<&'r str>, String, &'r str);

/// Releases these rows of the plan, but for later ones of a schedule that comes twice: whether they overlap is known when the first is released.
async fn release_rows(tx: &mut Tx, rows: &[DbRow], now: Timestamp) -> Result<Released, StoreError> {
    let mut turns = turns_of(tx, owners(rows)?.into_iter()).await?;
    let (mut seen, mut taken, mut ready, mut skipped) = (HashSet::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let reader = Reader::new("planned", row);
        let (key, at, dst): (i64, i64, Option<&str>) = (reader.get("id")?, reader.get("at")?, reader.get("dst")?);
        if !seen.insert(key) {
            continue;
        }
        taken.push((key, at));
        match reader.get::<Option<&str>>("becomes")? {
            None => {
                let owner = reader.get("owner")?;
                ready.push(Ready(key, at, dst, owner, reader.get("document")?, turns.join(owner)));
            }
            Some("exists") => {}
            Some(reason) => {
                let word = if reason == SkipReason::Missed.as_str() { SkipReason::Missed } else { SkipReason::Overlap };
                metrics::counter!("pressrun_occurrences_skipped_total", "reason" => word.as_str()).increment(1);
                skipped.push(Skipped(key, at, dst, run_of(reader.get("schedule_id")?, at), reason));
            }
        }
    }
    sqlx::query(concat!(
        "INSERT INTO queue (k, at, dst, owner, document, turn, ready_at, catalog_version)
         SELECT j.k, j.at, j.dst, j.owner, j.document, j.turn, $2, (SELECT version FROM catalog_in_force)
         FROM ",
        table!("$1" as j: 0 k bigint, 1 at bigint, 2 dst text, 3 owner bigint, 4 document bigint, 5 turn bigint)
    ))
    .bind(to_json(&ready)?)
    .bind(micros(now))
    .execute(&mut **tx)
    .await?;
    if !ready.is_empty() {
        hint(tx).await?;
    }
    put_skipped(tx, &skipped, now).await?;
    sqlx::query(concat!("DELETE FROM planned WHERE (k, at) IN (SELECT j.k, j.at FROM ", table!("$1" as j: 0 k bigint, 1 at bigint), ")"))
        .bind(to_json(&taken)?)
        .execute(&mut **tx)
        .await?;
    let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
    Ok(Released { queued: count(ready.len()), taken: count(taken.len()) })
}

fn owners(rows: &[DbRow]) -> Result<Vec<i64>, StoreError> {
    rows.iter().map(|row| Reader::new("planned", row).get("owner")).collect()
}

/// What was skipped is history at once.
async fn put_skipped(tx: &mut Tx, skipped: &[Skipped<'_>], now: Timestamp) -> Result<(), StoreError> {
    if skipped.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, dst, owner, identifier, state, created_at, skip_reason,
             catalog_version)
         SELECT j.run, s.id, s.definition_id, 'scheduled', j.at, j.dst, s.owner, s.identifier, 'skipped', $2, j.why,
             (SELECT version FROM catalog_in_force)
         FROM ",
        table!("$1" as j: 0 k bigint, 1 at bigint, 2 dst text, 3 run text, 4 why text),
        " ",
        joined!(),
        " due u ON u.k = j.k
             JOIN schedules s ON s.id = u.schedule_id WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(to_json(&skipped)?)
    .bind(micros(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

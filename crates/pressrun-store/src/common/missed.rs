//! Rows of history that tell of missed instants: how they come, and what becomes of them when a clock that was ahead is put right.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::RunId;
use pressrun_domain::missed::{Missed, Why, first_told, why_told};
use pressrun_domain::plan::Pattern;
use pressrun_domain::run::SkipReason;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::dialect::{DbRow, among, joined, table};
use super::plan::instant;
use super::planning::unchanged;
use super::row::to_json;
use super::{Backend, Tx, micros};
use crate::{PlannedSchedule, PutRight, StoreError};

/// Rows that one transaction undoes.
const STEP: i64 = 500;

/// Key, revision and next instant of the schedule as read; instant, oddness, id and note of the row.
#[derive(Serialize)]
struct Told(i64, i64, Option<i64>, i64, Option<&'static str>, String, String);

/// Tells what these schedules missed, as far as they are as they were read.
pub(super) async fn put(tx: &mut Tx, schedules: &[PlannedSchedule], now: Timestamp) -> Result<(), StoreError> {
    let missed = schedules.iter().flat_map(|of| of.missed.iter().map(|missed| (of.schedule, missed)));
    let told = missed.map(|(due, missed)| {
        let (last, run) = (missed.last, missed.run.to_string());
        Told(due.key.0, due.revision, due.next_at.map(micros), micros(last.at), last.dst, run, missed.detail.clone())
    });
    put_told(tx, &told.collect::<Vec<_>>(), now).await
}

async fn put_told(tx: &mut Tx, told: &[Told], now: Timestamp) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, dst, owner, identifier, state, created_at, plan_note, skip_reason)
         SELECT j.run, s.id, s.definition_id, 'scheduled', j.at, j.dst, s.owner, s.identifier, 'skipped', $2, j.note, $3
         FROM ",
        table!("$1" as j: 0 k bigint, 1 revision bigint, 2 next_at bigint, 3 at bigint, 4 dst text, 5 run text, 6 note text),
        " ",
        joined!(),
        " due q ON ",
        unchanged!(),
        " JOIN schedules s ON s.id = q.schedule_id WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(to_json(&told)?)
    .bind(micros(now))
    .bind(SkipReason::Missed.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Tells which instants of a schedule have come by `now` that nobody has planned, when it is about to be no longer due: they are not made up for
/// (T12, T15), and nobody is to wonder what became of them. `stays_due` hears of its expression and zone, and says when they are not left.
pub(super) async fn tell_left(
    tx: &mut Tx,
    schedule: &str,
    stays_due: impl Fn(&str, &str) -> bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    // By the rules of zones as they are, which planning may not have followed yet (T16).
    let due = sqlx::query(
        "SELECT q.k, q.revision, q.next_at, t.cron, t.zone, q.planned_through FROM due q JOIN timings t ON t.id = q.timing
         WHERE q.schedule_id = $1 AND q.next_at IS NOT NULL AND q.planned_through < $2",
    );
    let Some(row) = due.bind(schedule).bind(micros(now)).fetch_optional(&mut **tx).await? else { return Ok(()) };
    let (cron, zone): (&str, &str) = (row.try_get(3)?, row.try_get(4)?);
    if stays_due(cron, zone) {
        return Ok(());
    }
    // One that cannot be planned has been said to be so.
    let Ok(pattern) = Pattern::parse(cron, zone) else { return Ok(()) };
    let (key, revision, next_at): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let first = pattern.next_after(instant(row.try_get(5)?)?).filter(|first| *first <= now);
    let Some(missed) = first.and_then(|first| Missed::up_to(&pattern, first, now)) else { return Ok(()) };
    let dealt_with = dealt_with(tx, schedule, &missed).await?;
    let told = missed.without(&pattern, &dealt_with).into_iter().map(|missed| {
        let dst = missed.last.dst.map(pressrun_cron::DstNote::as_str);
        let (run, note) = (RunId::generate().to_string(), missed.in_words(Why::Changed));
        Told(key, revision, Some(next_at), micros(missed.last.at), dst, run, note)
    });
    put_told(tx, &told.collect::<Vec<_>>(), now).await
}

/// Which of these have a row.
async fn dealt_with(tx: &mut Tx, schedule: &str, missed: &Missed) -> Result<BTreeSet<Timestamp>, StoreError> {
    let rows =
        sqlx::query("SELECT scheduled_for FROM runs WHERE schedule_id = $1 AND kind = 'scheduled' AND scheduled_for BETWEEN $2 AND $3");
    let rows = rows.bind(schedule).bind(micros(missed.first)).bind(micros(missed.last.at)).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| instant(row.try_get(0)?)).collect()
}

impl Backend {
    /// Undoes some of what is told as missed of instants to come, or was told so by a clock that was beyond the present; whether there may be more.
    pub(super) async fn forget_missed(&self, clock: &PutRight) -> Result<bool, StoreError> {
        let ahead_from = clock.ahead_from.min(clock.now);
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT r.id, r.schedule_id, r.scheduled_for, r.plan_note,
                 s.disabled_at IS NULL AND s.system_disabled_at IS NULL, u.fires_from <= r.created_at
             FROM runs r LEFT JOIN schedules s ON s.id = r.schedule_id LEFT JOIN due u ON u.schedule_id = s.id
             WHERE r.scheduled_for > $4 AND r.kind = 'scheduled' AND r.state = 'skipped' AND r.skip_reason = $2
                 AND (r.scheduled_for > $1 OR r.created_at > $1)
             ORDER BY r.scheduled_for, r.id LIMIT $3",
        );
        let rows =
            rows.bind(micros(clock.now)).bind(SkipReason::Missed.as_str()).bind(STEP).bind(micros(ahead_from)).fetch_all(&mut *tx).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut gone: Vec<String> = Vec::new();
        for row in &rows {
            if !undo(&mut tx, row, clock).await? {
                gone.push(row.try_get(0)?);
            }
        }
        sqlx::query(concat!("DELETE FROM runs WHERE ", among!("id", "$1"))).bind(to_json(&gone)?).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows.len() as i64 == STEP)
    }
}

/// Undoes what a row tells of instants that had not come; false when the row is to go.
async fn undo(tx: &mut Tx, row: &DbRow, clock: &PutRight) -> Result<bool, StoreError> {
    let note = row.try_get::<Option<&str>, _>(3)?.unwrap_or_default();
    let first = first_told(note, instant(row.try_get(2)?)?);
    let (why, is_active) = (why_told(note), row.try_get::<Option<bool>, _>(4)?.unwrap_or(false));
    if first > clock.now {
        return Ok(false);
    }
    if why == Why::Down && is_active && row.try_get::<Option<bool>, _>(5)?.unwrap_or(false) {
        plan_again(tx, row.try_get(1)?, first, clock.now).await?;
        return Ok(false);
    }
    // What is active is planned anew from there.
    let until = if is_active { clock.since.min(clock.now) } else { clock.now };
    let run: &str = row.try_get(0)?;
    let Some(pattern) = pattern_of(tx, run).await? else { return Ok(false) };
    let Some(missed) = Missed::up_to(&pattern, first, until) else { return Ok(false) };
    let cut = sqlx::query(
        "UPDATE runs SET scheduled_for = $2, dst = $3, plan_note = $4, created_at = $5 WHERE id = $1 AND NOT EXISTS (
             SELECT 1 FROM runs o WHERE o.schedule_id = runs.schedule_id AND o.scheduled_for = $2 AND o.kind = 'scheduled' AND o.id <> runs.id)",
    )
    .bind(run)
    .bind(micros(missed.last.at))
    .bind(missed.last.dst.map(pressrun_cron::DstNote::as_str))
    .bind(missed.in_words(why))
    .bind(micros(clock.now))
    .execute(&mut **tx)
    .await?;
    Ok(cut.rows_affected() > 0)
}

/// When the schedule fired that a run was of, as it was then; `None` when that cannot be read any more.
async fn pattern_of(tx: &mut Tx, run: &str) -> Result<Option<Pattern>, StoreError> {
    #[derive(Deserialize)]
    struct Times {
        cron: String,
        timezone: String,
    }

    let definition = sqlx::query("SELECT d.json FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1");
    let Some(row) = definition.bind(run).fetch_optional(&mut **tx).await? else { return Ok(None) };
    let times = serde_json::from_str::<Times>(row.try_get(0)?).ok();
    Ok(times.and_then(|times| Pattern::parse(&times.cron, &times.timezone).ok()))
}

/// Has a schedule planned again from `first`.
async fn plan_again(tx: &mut Tx, schedule: &str, first: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let before = first.checked_sub(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MIN);
    sqlx::query("UPDATE due SET revision = revision + 1, next_at = $2, planned_through = $3 WHERE schedule_id = $1")
        .bind(schedule)
        .bind(micros(first))
        .bind(micros(before))
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM planned WHERE k = (SELECT k FROM due WHERE schedule_id = $1) AND at > $2")
        .bind(schedule)
        .bind(micros(now))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

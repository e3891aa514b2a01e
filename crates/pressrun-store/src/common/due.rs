//! When a schedule is due, kept with it: whatever changes a schedule calls this in its own transaction.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::schedule::Schedule;
use sqlx::Row as _;

use super::dialect::{hint, hold_schedule};
use super::queue::put_on_record;
use super::release::release_of;
use super::{Tx, micros, missed};
use crate::StoreError;

/// Notes when a schedule that was saved at `now` is due; what was planned of it has been [taken back](take_back).
///
/// A schedule that is due already and whose timing was not touched [stays due](stays): an edit just then must not lose an instant. And one that stays due
/// when it was has been dealt with as far as it had: when that is beyond a clock that was put right a moment ago, it is planned anew (H7).
pub(super) async fn put(tx: &mut Tx, schedule: &Schedule, now: Timestamp) -> Result<(), StoreError> {
    let definition = &schedule.definition;
    sqlx::query("INSERT INTO timings (cron, zone) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(&definition.cron)
        .bind(&definition.timezone)
        .execute(&mut **tx)
        .await?;
    sqlx::query("INSERT INTO lane_names (name) VALUES ($1), ($2) ON CONFLICT DO NOTHING")
        .bind(definition.owner.to_string())
        .bind(definition.identifier.as_str())
        .execute(&mut **tx)
        .await?;
    let next_at = schedule.next_at.filter(|_| schedule.is_active());
    sqlx::query(
        "INSERT INTO due (schedule_id, timing, next_at, planned_through, fires_from, owner, document)
         SELECT $1, t.id, $4, $5, $6, (SELECT id FROM lane_names WHERE name = $7), (SELECT id FROM lane_names WHERE name = $8)
         FROM timings t WHERE t.cron = $2 AND t.zone = $3
         ON CONFLICT (schedule_id) DO UPDATE SET revision = due.revision + 1, timing = excluded.timing, owner = excluded.owner,
             document = excluded.document,
             next_at = CASE WHEN due.timing = excluded.timing AND due.next_at <= $6 AND excluded.next_at IS NOT NULL
                 THEN due.next_at ELSE excluded.next_at END,
             planned_through = CASE WHEN due.timing = excluded.timing AND (due.next_at <= $6 OR due.next_at = excluded.next_at)
                 AND excluded.next_at IS NOT NULL THEN due.planned_through
                 WHEN due.timing = excluded.timing AND due.next_at IS NOT NULL AND excluded.next_at IS NOT NULL
                     AND due.planned_through < excluded.planned_through THEN due.planned_through
                 ELSE excluded.planned_through END,
             fires_from = CASE WHEN due.timing = excluded.timing AND due.next_at IS NOT NULL AND excluded.next_at IS NOT NULL
                 THEN due.fires_from ELSE excluded.fires_from END",
    )
    .bind(schedule.id.to_string())
    .bind(&definition.cron)
    .bind(&definition.timezone)
    .bind(next_at.map(micros))
    .bind(micros(dealt_with(next_at, now)))
    .bind(micros(now))
    .bind(definition.owner.to_string())
    .bind(definition.identifier.as_str())
    .execute(&mut **tx)
    .await?;
    hint(tx).await
}

/// Notes that a schedule which was switched on or off at `now` is due at `next_at`, or never.
pub(super) async fn switch(tx: &mut Tx, schedule: &str, next_at: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
    take_back(tx, schedule, now).await?;
    missed::tell_left(tx, schedule, |_, _| false, now).await?;
    sqlx::query("UPDATE due SET revision = revision + 1, next_at = $2, planned_through = $3, fires_from = $4 WHERE schedule_id = $1")
        .bind(schedule)
        .bind(next_at.map(micros))
        .bind(micros(dealt_with(next_at, now)))
        .bind(micros(now))
        .execute(&mut **tx)
        .await?;
    hint(tx).await
}

/// Whether a schedule that is due and fired by this expression in this zone stays due when it is saved as `schedule`.
pub(super) fn stays(schedule: &Schedule, cron: &str, zone: &str) -> bool {
    schedule.is_active() && schedule.next_at.is_some() && schedule.definition.cron == cron && schedule.definition.timezone == zone
}

/// Takes what is planned of a schedule out of the plan: what is ready at `now` becomes a run, the rest never was.
pub(super) async fn take_back(tx: &mut Tx, schedule: &str, now: Timestamp) -> Result<(), StoreError> {
    hold_schedule(tx, schedule).await?;
    let planned = sqlx::query("SELECT min(p.at) FROM planned p WHERE p.k = (SELECT k FROM due WHERE schedule_id = $1)").bind(schedule);
    let first: Option<i64> = planned.fetch_one(&mut **tx).await?.try_get(0)?;
    if first.is_some_and(|first| first <= micros(now)) {
        release_of(tx, schedule, now).await?;
    }
    put_on_record(tx, &[schedule.to_owned()]).await?;
    if first.is_none() {
        return Ok(());
    }
    sqlx::query("DELETE FROM planned WHERE k = (SELECT k FROM due WHERE schedule_id = $1)").bind(schedule).execute(&mut **tx).await?;
    Ok(())
}

/// Up to where nothing is left to plan when a schedule is changed at `now` to be due at `next_at`.
fn dealt_with(next_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let before = next_at.map(|at| at.checked_sub(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MIN));
    before.map_or(now, |before| before.min(now))
}

//! [`Overdue`].

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{skipping, table};
use super::plan::instant;
use super::row::to_json;
use super::{Backend, micros};
use crate::StoreError;
use crate::overdue::{Overdue, OverdueRun};

/// What is not over of instants before `$1`: under way, in the queue, planned, or not even that.
const LATE: &str = "INSERT INTO overdue (schedule_id, scheduled_for, found_at)
     SELECT late.schedule_id, late.at, CAST($2 AS bigint) FROM (
         SELECT r.schedule_id, r.scheduled_for AS at FROM runs r
             WHERE r.state IN ('queued', 'running') AND r.kind IN ('scheduled', 'manual') AND r.scheduled_for < $1
         UNION ALL SELECT u.schedule_id, q.at FROM queue q JOIN due u ON u.k = q.k WHERE q.at < $1
         UNION ALL SELECT u.schedule_id, p.at FROM planned p JOIN due u ON u.k = p.k WHERE p.at < $1
         UNION ALL SELECT u.schedule_id, u.next_at FROM due u WHERE u.next_at IS NOT NULL AND u.next_at < $1) late
     WHERE NOT EXISTS (SELECT 1 FROM overdue o WHERE o.schedule_id = late.schedule_id AND o.scheduled_for = late.at)
     ORDER BY late.at, late.schedule_id LIMIT $3 ON CONFLICT DO NOTHING";

/// What was noted and is over since.
const OVER: &str = "UPDATE overdue SET over_at = $1, outcome = coalesce(
         (SELECT coalesce(r.status, r.skip_reason) FROM runs r WHERE r.schedule_id = overdue.schedule_id
             AND r.scheduled_for = overdue.scheduled_for AND r.kind IN ('scheduled', 'manual') AND r.state IN ('ended', 'skipped') LIMIT 1),
         'notRun')
     WHERE over_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.schedule_id = overdue.schedule_id AND r.scheduled_for = overdue.scheduled_for
             AND r.kind IN ('scheduled', 'manual') AND r.state IN ('queued', 'running'))
         AND NOT EXISTS (SELECT 1 FROM due u JOIN queue q ON q.k = u.k WHERE u.schedule_id = overdue.schedule_id AND q.at = overdue.scheduled_for)
         AND NOT EXISTS (SELECT 1 FROM due u JOIN planned p ON p.k = u.k WHERE u.schedule_id = overdue.schedule_id AND p.at = overdue.scheduled_for)
         AND NOT EXISTS (SELECT 1 FROM due u WHERE u.schedule_id = overdue.schedule_id AND u.next_at <= overdue.scheduled_for)";

/// Of what was over before anybody began to tell of it there is nothing to be told.
const NEVER_TOLD: &str = "DELETE FROM overdue WHERE over_at IS NOT NULL AND hidden_until = 0";

/// What is to be told and nobody is telling. A time of hiding that lies beyond `$2` is of before the clock was set back.
const CLAIM: &str = concat!(
    "UPDATE overdue SET hidden_until = $2 WHERE (schedule_id, scheduled_for) IN (
         SELECT o.schedule_id, o.scheduled_for FROM overdue o
         WHERE (o.over_at IS NOT NULL OR o.told_at IS NULL) AND (o.hidden_until <= $1 OR o.hidden_until > $2)
         ORDER BY o.scheduled_for, o.schedule_id LIMIT $3",
    skipping!(),
    ") RETURNING schedule_id, scheduled_for, outcome"
);

/// Schedule and instant.
#[derive(Serialize)]
struct Key<'r>(&'r str, i64);

#[async_trait]
impl Overdue for Backend {
    async fn note_overdue(&self, late: Timestamp, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let new = sqlx::query(LATE).bind(micros(late)).bind(micros(now)).bind(i64::from(limit)).execute(&mut *tx).await?.rows_affected();
        sqlx::query(OVER).bind(micros(now)).execute(&mut *tx).await?;
        sqlx::query(NEVER_TOLD).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(u32::try_from(new).unwrap_or(u32::MAX))
    }

    async fn claim_overdue(&self, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Result<Vec<OverdueRun>, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(CLAIM).bind(micros(now)).bind(micros(hidden_until)).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let (schedule, scheduled_for, outcome) = (row.try_get(0)?, instant(row.try_get(1)?)?, row.try_get(2)?);
            claimed.push(OverdueRun { schedule, scheduled_for, outcome });
        }
        tx.commit().await?;
        claimed.sort_by(|a, b| (a.scheduled_for, &a.schedule).cmp(&(b.scheduled_for, &b.schedule)));
        Ok(claimed)
    }

    async fn overdue_told(&self, told: &[OverdueRun], now: Timestamp) -> Result<(), StoreError> {
        let keys = |is_over: bool| {
            let these = told.iter().filter(|run| run.outcome.is_some() == is_over);
            to_json(&these.map(|run| Key(&run.schedule, micros(run.scheduled_for))).collect::<Vec<_>>())
        };
        let mut tx = self.begin().await?;
        sqlx::query(concat!(
            "UPDATE overdue SET told_at = $2, hidden_until = $2 WHERE (schedule_id, scheduled_for) IN (SELECT j.schedule, j.at FROM ",
            table!("$1" as j: 0 schedule text, 1 at bigint),
            ")"
        ))
        .bind(keys(false)?)
        .bind(micros(now))
        .execute(&mut *tx)
        .await?;
        sqlx::query(concat!(
            "DELETE FROM overdue WHERE (schedule_id, scheduled_for) IN (SELECT j.schedule, j.at FROM ",
            table!("$1" as j: 0 schedule text, 1 at bigint),
            ")"
        ))
        .bind(keys(true)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    async fn count_overdue(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM overdue WHERE over_at IS NULL").fetch_one(&self.read).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }
}

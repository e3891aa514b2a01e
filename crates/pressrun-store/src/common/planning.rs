//! [`Planning`]: set-wise statements over small tables.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::notice::Notice;
use pressrun_domain::run::SkipReason;
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{DbRow, hold_due, joined, numbers, table};
use super::meta::{meta, put_meta};
use super::plan::instant;
use super::row::to_json;
use super::{Backend, Tx, micros, missed, notices};
use crate::{
    DueSchedule, PlannedSchedule, PlannedThrough, Planning, PlanningNote, PutRight, Released, Replanned, ScheduleKey, StoreError, Timing,
    TimingId,
};

/// Whether the row `q` of `due` is still the one that `j` names by key, revision and next instant.
macro_rules! unchanged {
    () => {
        "q.k = j.k AND q.revision = j.revision AND q.next_at IS NOT DISTINCT FROM j.next_at"
    };
}
pub(super) use unchanged;

/// Schedules that are [`Moved`].
macro_rules! moved_table {
    () => {
        table!("$1" as j: 0 k bigint, 1 revision bigint, 2 next_at bigint, 3 through bigint, 4 later bigint)
    };
}

/// Stretches of time of schedules.
macro_rules! stretches_table {
    () => {
        table!("$1" as j: 0 k bigint, 1 since bigint, 2 until bigint)
    };
}

#[async_trait]
impl Planning for Backend {
    async fn due_schedules(&self, until: Timestamp, late: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        let rows = sqlx::query(
            "SELECT q.k, q.timing, q.revision, q.next_at,
                 coalesce((SELECT min(p.at) FROM planned p WHERE p.k = q.k AND p.at < $2), q.next_at)
             FROM due q WHERE q.next_at IS NOT NULL AND q.next_at <= $1 ORDER BY q.next_at, q.k LIMIT $3",
        )
        .bind(micros(until))
        .bind(micros(late))
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(due_schedule).collect()
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT min(next_at) FROM due WHERE next_at IS NOT NULL").fetch_one(&self.read).await?;
        row.try_get::<Option<i64>, _>(0)?.map(instant).transpose()
    }

    async fn timings(&self, ids: &[TimingId]) -> Result<Vec<Timing>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let rows =
            sqlx::query(concat!("SELECT t.id, t.cron, t.zone FROM ", numbers!("$1" as asked: id), " JOIN timings t ON t.id = asked.id"));
        let rows = rows.bind(to_json(&ids)?).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok(Timing { id: TimingId(row.try_get(0)?), cron: row.try_get(1)?, zone: row.try_get(2)? })).collect()
    }

    async fn plan(&self, schedules: &[PlannedSchedule], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold_due(&mut tx, schedules.iter().map(|of| of.schedule.key.0)).await?;
        // While the rows are still as they were read.
        take_late_back(&mut tx, schedules).await?;
        missed::put(&mut tx, schedules, now).await?;
        put_starts(&mut tx, schedules).await?;
        let moved: Vec<_> = schedules.iter().map(|of| moved(&of.schedule, of.through, of.next_at)).collect();
        move_on(&mut tx, &moved).await?;
        tx.commit().await
    }

    async fn release_planned(&self, now: Timestamp, oldest: Timestamp, limit: u32) -> Result<Released, StoreError> {
        self.release_ready(now, oldest, limit).await
    }

    async fn next_ready(&self) -> Result<Option<Timestamp>, StoreError> {
        self.earliest_planned().await
    }

    async fn planned_beyond(&self, beyond: Option<Timestamp>, after: ScheduleKey, limit: u32) -> Result<Vec<PlannedThrough>, StoreError> {
        let rows = sqlx::query(
            "SELECT q.k, q.timing, q.revision, q.next_at, coalesce(q.next_at, q.planned_through), q.planned_through, q.fires_from
             FROM due q JOIN schedules s ON s.id = q.schedule_id
             WHERE q.k > $1 AND q.planned_through > $2 AND s.disabled_at IS NULL AND s.system_disabled_at IS NULL
             ORDER BY q.k LIMIT $3",
        )
        .bind(after.0)
        .bind(beyond.map_or(i64::MIN, micros))
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        let planned = rows.iter().map(|row| {
            let (through, fires_from) = (instant(row.try_get(5)?)?, instant(row.try_get(6)?)?);
            Ok(PlannedThrough { schedule: due_schedule(row)?, through, fires_from })
        });
        planned.collect()
    }

    async fn replan(&self, schedules: &[Replanned], now: Timestamp) -> Result<(), StoreError> {
        let moved: Vec<_> = schedules.iter().map(|of| moved(&of.schedule, of.through, of.next_at)).collect();
        let mut tx = self.begin().await?;
        hold_due(&mut tx, schedules.iter().map(|of| of.schedule.key.0)).await?;
        sqlx::query(concat!(
            "DELETE FROM planned WHERE at > $2 AND k IN (SELECT q.k FROM ",
            moved_table!(),
            " ",
            joined!(),
            " due q ON ",
            unchanged!(),
            ")"
        ))
        .bind(to_json(&moved)?)
        .bind(micros(now))
        .execute(&mut *tx)
        .await?;
        move_on(&mut tx, &moved).await?;
        tx.commit().await
    }

    async fn dealt_with(&self, stretches: &[(ScheduleKey, Timestamp, Timestamp)]) -> Result<Vec<(ScheduleKey, Timestamp)>, StoreError> {
        let stretches: Vec<_> = stretches.iter().map(|(key, since, until)| (key.0, micros(*since), micros(*until))).collect();
        let rows = sqlx::query(concat!(
            "SELECT q.k, r.scheduled_for FROM ",
            stretches_table!(),
            " ",
            joined!(),
            " due q ON q.k = j.k ",
            joined!(),
            " runs r ON r.schedule_id = q.schedule_id AND r.kind = 'scheduled' AND r.scheduled_for BETWEEN j.since AND j.until
             UNION ALL SELECT w.k, w.at FROM ",
            stretches_table!(),
            " ",
            joined!(),
            " queue w ON w.k = j.k AND w.at BETWEEN j.since AND j.until"
        ));
        let rows = rows.bind(to_json(&stretches)?).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok((ScheduleKey(row.try_get(0)?), instant(row.try_get(1)?)?))).collect()
    }

    async fn forget_future(&self, clock: &PutRight) -> Result<(), StoreError> {
        let now = clock.now;
        while self.forget_missed(clock).await? {}
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM runs WHERE scheduled_for > $1 AND kind = 'scheduled'
                 AND (state = 'queued' AND fence = 0 OR state = 'skipped' AND skip_reason = $2)",
        )
        .bind(micros(now))
        .bind(SkipReason::Overlap.as_str())
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM queue WHERE at > $1").bind(micros(now)).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn schedule_of(&self, key: ScheduleKey) -> Result<Option<ScheduleId>, StoreError> {
        let row = sqlx::query("SELECT schedule_id FROM due WHERE k = $1").bind(key.0).fetch_optional(&self.read).await?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get(0)?;
        let id = text.parse::<ScheduleId>().map_err(|fault| StoreError::Corrupt {
            table: "due",
            column: "schedule_id",
            row: key.to_string(),
            fault: fault.to_string(),
        })?;
        Ok(Some(id))
    }

    async fn set_aside(&self, schedule: &DueSchedule, said: &[Notice]) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let aside = sqlx::query("UPDATE due SET next_at = NULL WHERE k = $1 AND revision = $2 AND next_at IS NOT DISTINCT FROM $3")
            .bind(schedule.key.0)
            .bind(schedule.revision)
            .bind(schedule.next_at.map(micros))
            .execute(&mut *tx)
            .await?;
        if aside.rows_affected() == 0 {
            return Ok(false);
        }
        notices::put(&mut tx, said).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn planning_note(&self, name: PlanningNote) -> Result<Option<String>, StoreError> {
        let mut tx = self.snapshot().await?;
        Ok(meta(&mut tx, name.as_str()).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn keep_planning_note(&self, name: PlanningNote, text: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        put_meta(&mut tx, name.as_str(), text.as_bytes()).await?;
        tx.commit().await
    }
}

/// Key, revision, next instant as read; up to where it is dealt with, next instant.
type Moved = (i64, i64, Option<i64>, i64, Option<i64>);

fn moved(schedule: &DueSchedule, through: Timestamp, next_at: Option<Timestamp>) -> Moved {
    (schedule.key.0, schedule.revision, schedule.next_at.map(micros), micros(through), next_at.map(micros))
}

/// Moves those that are as they were read. What is dealt with up to an instant fires from there, whatever a clock that was ahead said.
async fn move_on(tx: &mut Tx, moved: &[Moved]) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "UPDATE due AS q SET planned_through = j.through, next_at = j.later,
             fires_from = CASE WHEN q.fires_from > j.through THEN j.through ELSE q.fires_from END
         FROM ",
        moved_table!(),
        " WHERE ",
        unchanged!()
    ))
    .bind(to_json(&moved)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What was planned and never released is planned anew with what came after it.
async fn take_late_back(tx: &mut Tx, schedules: &[PlannedSchedule]) -> Result<(), StoreError> {
    let is_late = |of: &&PlannedSchedule| of.schedule.next_at.is_some_and(|next| of.schedule.from < next);
    let late: Vec<_> = schedules.iter().filter(is_late).map(|of| moved(&of.schedule, of.through, of.next_at)).collect();
    if late.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "DELETE FROM planned WHERE k IN (SELECT q.k FROM ",
        moved_table!(),
        " ",
        joined!(),
        " due q ON ",
        unchanged!(),
        ") AND at < (SELECT next_at FROM due WHERE due.k = planned.k)"
    ))
    .bind(to_json(&late)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn put_starts(tx: &mut Tx, schedules: &[PlannedSchedule]) -> Result<(), StoreError> {
    #[derive(Serialize)]
    struct Start(i64, i64, Option<i64>, i64, Option<&'static str>);

    let starts = schedules.iter().flat_map(|of| {
        let due = of.schedule;
        of.starts.iter().map(move |start| Start(due.key.0, due.revision, due.next_at.map(micros), micros(start.at), start.dst))
    });
    let starts: Vec<_> = starts.collect();
    sqlx::query(concat!(
        "INSERT INTO planned (k, at, dst) SELECT q.k, j.at, j.dst FROM ",
        table!("$1" as j: 0 k bigint, 1 revision bigint, 2 next_at bigint, 3 at bigint, 4 dst text),
        " ",
        joined!(),
        " due q ON ",
        unchanged!(),
        " WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(to_json(&starts)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Columns in the order key, timing, revision, next instant, first instant to plan.
fn due_schedule(row: &DbRow) -> Result<DueSchedule, StoreError> {
    Ok(DueSchedule {
        key: ScheduleKey(row.try_get(0)?),
        timing: TimingId(row.try_get(1)?),
        revision: row.try_get(2)?,
        next_at: row.try_get::<Option<i64>, _>(3)?.map(instant).transpose()?,
        from: instant(row.try_get(4)?)?,
    })
}

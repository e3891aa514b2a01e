//! Due schedules, their occurrences, and manual runs.

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind, definition_difference};
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{Run, RunKind, RunRecord, RunState, SkipReason};
use sqlx::Row as _;

use super::ledger::put_pieces;
use super::row::{int, to_json};
use super::schedule_row::{put_definition, read, read_with_secrets, schedule_columns, seal_secrets};
use super::{SqliteStore, Tx, audit, micros};
use crate::{DueSchedule, Enqueue, NewOccurrence, PlannedSchedule, StoreError};

/// The turn of a new run of owner `$owner`: one after the owner's last in the queue, and not before the round that is being served. An
/// owner who queues one run thus comes right after the round under way, however many others have queued before.
macro_rules! next_turn {
    ($owner:literal) => {
        concat!(
            "max(coalesce((SELECT max(q.turn) + 1 FROM runs q WHERE q.state = 'queued' AND q.owner = ",
            $owner,
            "), 0), coalesce((SELECT min(q.turn) FROM runs q WHERE q.state = 'queued'), 0))"
        )
    };
}
pub(super) use next_turn;

impl SqliteStore {
    pub(super) async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        loop {
            let rows = sqlx::query(concat!(
                "SELECT ",
                schedule_columns!(),
                ", EXISTS (SELECT 1 FROM runs r WHERE r.schedule_id = s.id AND r.state IN ('queued', 'running') AND r.kind IN ('scheduled', 'manual')) AS running
                 FROM schedules s JOIN definitions d ON d.id = s.definition_id
                 WHERE s.next_at IS NOT NULL AND s.disabled_at IS NULL AND s.system_disabled_at IS NULL AND s.unreadable = 0
                     AND s.next_at <= $1
                 ORDER BY s.next_at, s.id LIMIT $2"
            ))
            .bind(micros(now))
            .bind(i64::from(limit))
            .fetch_all(&self.read)
            .await?;
            let mut due = Vec::with_capacity(rows.len());
            let mut unreadable = Vec::new();
            for row in &rows {
                // Planning needs no secrets; a run that cannot open them says so in its history.
                let schedule = match read_with_secrets(row, &self.sealer) {
                    Err(StoreError::Sealing(_)) => read(row),
                    schedule => schedule,
                };
                match schedule {
                    Ok(schedule) => due.push(DueSchedule { schedule, running: row.try_get("running")? }),
                    Err(error) => {
                        tracing::error!(%error, "a schedule cannot be read and is not run until it is saved again");
                        unreadable.push(row.try_get::<String, _>("id")?);
                    }
                }
            }
            self.set_aside(&unreadable).await?;
            // Unreadable rows must neither hide the readable ones behind them nor end the search.
            if !due.is_empty() || unreadable.is_empty() {
                return Ok(due);
            }
        }
    }

    /// Leaves rows out of planning; otherwise they would be due for ever.
    async fn set_aside(&self, schedules: &[String]) -> Result<(), StoreError> {
        if schedules.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for id in schedules {
            sqlx::query("UPDATE schedules SET unreadable = 1 WHERE id = $1").bind(id).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(super) async fn earliest_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT s.next_at FROM schedules s
             WHERE s.next_at IS NOT NULL AND s.disabled_at IS NULL AND s.system_disabled_at IS NULL AND s.unreadable = 0
             ORDER BY s.next_at, s.id LIMIT 1",
        )
        .fetch_optional(&self.read)
        .await?;
        row.map(|row| instant(row.try_get(0)?)).transpose()
    }

    pub(super) async fn insert_occurrences(&self, schedules: &[PlannedSchedule], now: Timestamp) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let mut queued = 0;
        for planned in schedules {
            let moved = sqlx::query(
                "UPDATE schedules SET next_at = $4
                 WHERE id = $1 AND version = $2 AND next_at = $3 AND disabled_at IS NULL AND system_disabled_at IS NULL",
            )
            .bind(planned.id.to_string())
            .bind(int(planned.version))
            .bind(micros(planned.due_at))
            .bind(planned.next_at.map(micros))
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() == 0 {
                continue;
            }
            for occurrence in &planned.occurrences {
                queued += insert_occurrence(&mut tx, planned.id, occurrence, now).await?;
            }
        }
        tx.commit().await?;
        Ok(queued)
    }

    pub(super) async fn insert_run(&self, enqueue: &Enqueue, change: &Change) -> Result<(), StoreError> {
        let run = &enqueue.run;
        let mut tx = self.begin().await?;
        if run.kind.counts() {
            let exists = sqlx::query("SELECT 1 FROM schedules WHERE id = $1").bind(run.schedule_id.to_string());
            if exists.fetch_optional(&mut *tx).await?.is_none() {
                return Err(StoreError::NotFound("schedule"));
            }
            if under_way(&mut tx, run.schedule_id).await? {
                return Err(StoreError::RunInProgress);
            }
        }
        self.put_run(&mut tx, run).await?;
        let written = audit::put(&mut tx, change, object(run), &told(run)).await?;
        audit::commit(tx, [written]).await
    }

    pub(super) async fn insert_resend(&self, run: &Run, piece: &Delivery, change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        self.put_run(&mut tx, run).await?;
        put_pieces(&mut tx, run.id, std::slice::from_ref(piece)).await?;
        let mut details = audit::detail("schedule", run.schedule_id.to_string());
        details.insert("to".to_owned(), piece.target.clone().into());
        details.insert("resendOf".to_owned(), run.record.resend_of.map(|of| of.run.to_string()).into());
        let written = audit::put(&mut tx, change, object(run), &details).await?;
        audit::commit(tx, [written]).await
    }

    /// Queues a run.
    async fn put_run(&self, tx: &mut Tx, run: &Run) -> Result<(), StoreError> {
        let available_at = match &run.state {
            RunState::Queued { available_at } => *available_at,
            RunState::Running { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => run.created_at,
        };
        let definition_id = put_definition(tx, &run.definition).await?;
        sqlx::query(concat!(
            "INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, state, turn, available_at,
                 created_at, record, identifier, resend_of)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', ",
            next_turn!("$8"),
            ", $9, $10, $11, $12, $13)"
        ))
        .bind(run.id.to_string())
        .bind(run.schedule_id.to_string())
        .bind(definition_id)
        .bind(seal_secrets(&self.sealer, run.schedule_id, &run.definition)?)
        .bind(run.kind.as_str())
        .bind(micros(run.scheduled_for))
        .bind(&run.dst)
        .bind(run.definition.owner.to_string())
        .bind(micros(available_at))
        .bind(micros(run.created_at))
        .bind(to_json(&run.record)?)
        .bind(run.definition.identifier.as_str())
        .bind(run.record.resend_of.map(|of| of.run.to_string()))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Inserts one occurrence unless it exists (I1); returns how many runs were queued.
async fn insert_occurrence(tx: &mut Tx, schedule: ScheduleId, occurrence: &NewOccurrence, now: Timestamp) -> Result<u32, StoreError> {
    let mut skip = occurrence.skip;
    // A run may have been triggered since the schedule was read (I2).
    if skip.is_none() && under_way(tx, schedule).await? {
        skip = Some(SkipReason::Overlap);
    }
    let mut record = RunRecord::default();
    record.note(now, "planned", occurrence.detail.clone());
    let statement = if skip.is_none() {
        concat!(
            "INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, identifier, state, turn,
                 available_at, created_at, record, skip_reason)
             SELECT $1, s.id, s.definition_id, s.sealed, 'scheduled', $3, $4, s.owner, s.identifier, 'queued', ",
            next_turn!("s.owner"),
            ", $5, $5, $6, $7 FROM schedules s WHERE s.id = $2 ON CONFLICT DO NOTHING"
        )
    } else {
        "INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, dst, owner, identifier, state, created_at, record, skip_reason)
         SELECT $1, s.id, s.definition_id, 'scheduled', $3, $4, s.owner, s.identifier, 'skipped', $5, $6, $7 FROM schedules s WHERE s.id = $2
         ON CONFLICT DO NOTHING"
    };
    let inserted = sqlx::query(statement)
        .bind(occurrence.run.to_string())
        .bind(schedule.to_string())
        .bind(micros(occurrence.scheduled_for))
        .bind(&occurrence.dst)
        .bind(micros(now))
        .bind(to_json(&record)?)
        .bind(skip.map(SkipReason::as_str))
        .execute(&mut **tx)
        .await?;
    Ok(u32::from(skip.is_none() && inserted.rows_affected() > 0))
}

/// Whether a run of the schedule is queued or running; tests and resends do not count.
async fn under_way(tx: &mut Tx, schedule: ScheduleId) -> Result<bool, StoreError> {
    let run =
        sqlx::query("SELECT 1 FROM runs WHERE schedule_id = $1 AND state IN ('queued', 'running') AND kind IN ('scheduled', 'manual')");
    Ok(run.bind(schedule.to_string()).fetch_optional(&mut **tx).await?.is_some())
}

/// An instant of a result without a row of its own.
pub(super) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|fault| StoreError::Unavailable(format!("an instant is out of range: {fault}")))
}

/// What the audit calls a run.
fn object(run: &Run) -> Object {
    Object::new(ObjectKind::Run, run.id, &run.definition.name)
}

/// What the audit tells of a run that somebody started: of a test, which leaves no schedule, what was delivered and to whom, but not
/// the words of the mail.
fn told(run: &Run) -> Details {
    match run.kind {
        RunKind::Test => {
            let mut details = definition_difference(None, Some(&run.definition));
            details.retain(|name, _| !name.ends_with("Body"));
            details
        }
        RunKind::Scheduled | RunKind::Manual | RunKind::Resend => audit::detail("schedule", run.schedule_id.to_string()),
    }
}

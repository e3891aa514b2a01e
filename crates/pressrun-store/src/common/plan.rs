//! Runs that somebody asks for: manual ones, tests and resends.

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind, definition_difference};
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{ResendOf, Run, RunKind, RunRecord, RunState};

use super::dialect::hold_schedule;
use super::ledger::put_pieces;
use super::schedule_row::{put_definition_of_run, seal_secrets};
use super::{Backend, Tx, artifacts, audit, micros, news, queue};
use crate::{Enqueue, StoreError};

impl Backend {
    pub(super) async fn insert_run(&self, enqueue: &Enqueue, change: &Change) -> Result<(), StoreError> {
        let run = &enqueue.run;
        let mut tx = self.begin().await?;
        if run.kind.counts() {
            let exists = sqlx::query("SELECT 1 FROM schedules WHERE id = $1").bind(run.schedule_id.to_string());
            if exists.fetch_optional(&mut *tx).await?.is_none() {
                return Err(StoreError::NotFound("schedule"));
            }
            hold_schedule(&mut tx, &run.schedule_id.to_string()).await?;
            queue::put_on_record(&mut tx, &[run.schedule_id.to_string()]).await?;
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
        hold_schedule(&mut tx, &run.schedule_id.to_string()).await?;
        artifacts::are_kept(&mut tx, piece).await?;
        if let Some(of) = run.record.resend_of
            && sent_again(&mut tx, of).await?
        {
            return Err(StoreError::RunInProgress);
        }
        self.put_run(&mut tx, run).await?;
        put_pieces(&mut tx, &[(run.id, std::slice::from_ref(piece))]).await?;
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
        let definition_id = put_definition_of_run(tx, run).await?;
        sqlx::query(
            "INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, state, available_at,
                 created_at, plan_note, identifier, resend_of, resend_piece, promised_at, catalog_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9, $10, $11, $12, $13, $14, $15, (SELECT version FROM catalog_in_force))",
        )
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
        .bind(run.record.timeline.first().and_then(|line| line.detail.as_deref()))
        .bind(run.definition.identifier.as_str())
        .bind(run.record.resend_of.map(|of| of.run.to_string()))
        .bind(run.record.resend_of.map(|of| of.delivery.to_string()))
        .bind(run.progress.promised_at.map(micros))
        .execute(&mut **tx)
        .await?;
        queue::put(tx, run.id).await?;
        // The first line of the timeline is the plan's, which stands in the row.
        news::put_record(tx, run.id, &RunRecord { timeline: Vec::new(), ..run.record.clone() }).await
    }
}

/// Whether a run of the schedule is queued or running; tests and resends do not count.
async fn under_way(tx: &mut Tx, schedule: ScheduleId) -> Result<bool, StoreError> {
    let run =
        sqlx::query("SELECT 1 FROM runs WHERE schedule_id = $1 AND state IN ('queued', 'running') AND kind IN ('scheduled', 'manual')");
    Ok(run.bind(schedule.to_string()).fetch_optional(&mut **tx).await?.is_some())
}

/// Whether a resend of the piece is queued or running.
async fn sent_again(tx: &mut Tx, of: ResendOf) -> Result<bool, StoreError> {
    let run = sqlx::query("SELECT 1 FROM runs WHERE resend_of = $1 AND resend_piece = $2 AND state IN ('queued', 'running')");
    Ok(run.bind(of.run.to_string()).bind(of.delivery.to_string()).fetch_optional(&mut **tx).await?.is_some())
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

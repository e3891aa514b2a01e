//! Reading runs.

use jiff::Timestamp;
use pressrun_domain::id::{MembershipId, RunId, ScheduleId};
use pressrun_domain::run::{Lease, Run, RunKind, RunState, RunStatus, SkipReason};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::row::{Reader, to_json};
use super::schedule_row::read_definition;
use super::schedules::readable;
use super::{SqliteStore, micros};
use crate::{Page, StoreError};

/// Columns of a run, read by [`read_run`].
macro_rules! run_columns {
    () => {
        "r.id, r.schedule_id, r.definition_id, r.sealed, r.kind, r.scheduled_for, r.dst, r.state, r.available_at, r.worker, r.lease_until,
         r.fence, r.skip_reason, r.status, r.reason, r.created_at, r.started_at, r.ended_at, r.record, d.json AS definition"
    };
}
pub(super) use run_columns;

/// A run without the secrets of its definition.
pub(super) fn read_run(row: &SqliteRow) -> Result<Run, StoreError> {
    let reader = Reader::new("runs", row);
    let (id, fence) = (reader.parsed("id")?, reader.count("fence")?);
    let state = match reader.get("state")? {
        "queued" => RunState::Queued { available_at: reader.instant("available_at")? },
        "running" => {
            RunState::Running { lease: Lease { run: id, worker: reader.parsed("worker")?, fence, until: reader.instant("lease_until")? } }
        }
        "skipped" => RunState::Skipped { reason: reader.word("skip_reason", &SkipReason::ALL, SkipReason::as_str)? },
        "ended" => RunState::Ended {
            at: reader.instant("ended_at")?,
            status: reader.word("status", &RunStatus::ALL, RunStatus::as_str)?,
            reason: reader.get("reason")?,
        },
        unknown => return Err(reader.corrupt("state", format_args!("unknown word `{unknown}`"))),
    };
    Ok(Run {
        id,
        schedule_id: reader.parsed("schedule_id")?,
        kind: reader.word("kind", &RunKind::ALL, RunKind::as_str)?,
        scheduled_for: reader.instant("scheduled_for")?,
        dst: reader.get("dst")?,
        definition: read_definition(&reader)?,
        state,
        created_at: reader.instant("created_at")?,
        started_at: reader.instant_opt("started_at")?,
        fence,
        record: reader.json("record")?,
    })
}

impl SqliteStore {
    pub(super) async fn one_run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let row =
            sqlx::query(concat!("SELECT ", run_columns!(), " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1"))
                .bind(id.to_string())
                .fetch_optional(&self.read)
                .await?;
        row.map(|row| read_run(&row)).transpose()
    }

    pub(super) async fn runs_that_resend(&self, of: RunId) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.resend_of = $1 ORDER BY r.created_at, r.id"
        ))
        .bind(of.to_string())
        .fetch_all(&self.read)
        .await?;
        Ok(readable(&rows, read_run))
    }

    pub(super) async fn under_way_of(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM json_each($1) asked JOIN runs r ON r.schedule_id = asked.value JOIN definitions d ON d.id = r.definition_id
             WHERE r.state IN ('queued', 'running') AND r.kind IN ('scheduled', 'manual')"
        ));
        Ok(readable(&rows.bind(to_json(&schedules)?).fetch_all(&self.read).await?, read_run))
    }

    pub(super) async fn failures_of(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        let failures: Vec<&str> = RunStatus::ALL.into_iter().filter(|status| status.is_failure()).map(RunStatus::as_str).collect();
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM json_each($1) asked JOIN runs r ON r.id = (
                 SELECT f.id FROM runs f WHERE f.schedule_id = asked.value AND f.state = 'ended' AND f.status IN (SELECT value FROM json_each($2))
                 ORDER BY f.scheduled_for DESC, f.id DESC LIMIT 1)
             JOIN definitions d ON d.id = r.definition_id"
        ));
        Ok(readable(&rows.bind(to_json(&schedules)?).bind(to_json(&failures)?).fetch_all(&self.read).await?, read_run))
    }

    pub(super) async fn tests_of(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError> {
        // By the index of all history: a day of it is not much.
        let count = sqlx::query("SELECT count(*) FROM runs WHERE scheduled_for >= $1 AND kind = 'test' AND owner = $2");
        let row = count.bind(micros(since)).bind(owner.to_string()).fetch_one(&self.read).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    pub(super) async fn run_page(&self, schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Result<Page<Run>, StoreError> {
        let mut tx = self.snapshot().await?;
        let (count, rows) = match schedule {
            Some(_) => (
                "SELECT count(*) FROM runs WHERE schedule_id = $1",
                concat!(
                    "SELECT ",
                    run_columns!(),
                    " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.schedule_id = $1
                     ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $2 OFFSET $3"
                ),
            ),
            None => (
                "SELECT count(*) FROM runs WHERE $1 IS NULL",
                concat!(
                    "SELECT ",
                    run_columns!(),
                    " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE $1 IS NULL
                     ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $2 OFFSET $3"
                ),
            ),
        };
        let of = schedule.map(|id| id.to_string());
        let total: i64 = sqlx::query(count).bind(&of).fetch_one(&mut *tx).await?.try_get(0)?;
        let skipped = page.saturating_sub(1).saturating_mul(u64::from(page_size));
        let rows = sqlx::query(rows)
            .bind(&of)
            .bind(i64::from(page_size))
            .bind(i64::try_from(skipped).unwrap_or(i64::MAX))
            .fetch_all(&mut *tx)
            .await?;
        Ok(Page { rows: readable(&rows, read_run), total: total.unsigned_abs() })
    }
}

//! Claiming work.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::run::{Lease, RunState, RunStatus};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::finish::{Ending, end_run};
use super::history::{read_run, run_columns};
use super::plan::instant;
use super::row::{Reader, to_json};
use super::schedule_row::open_secrets;
use super::{SqliteStore, Tx, micros};
use crate::{ClaimRequest, ClaimedRun, StoreError};

impl SqliteStore {
    pub(super) async fn claim_runs(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        let mut tx = self.begin().await?;
        let mut claimed = Vec::new();
        // Whatever cannot be read ends, and makes room for another.
        loop {
            let left = i64::from(request.limit) - claimed.len() as i64;
            let ids = claimable(&mut tx, request, left).await?;
            if ids.is_empty() {
                break;
            }
            claimed.extend(self.take(&mut tx, request, &ids).await?);
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Gives these runs to the worker that asks, in their order. One that cannot be read can never run: left in the queue it would come up
    /// for ever, and its owner would hear nothing, so it ends.
    async fn take(&self, tx: &mut Tx, request: &ClaimRequest, ids: &[String]) -> Result<Vec<ClaimedRun>, StoreError> {
        let ids = to_json(&ids)?;
        sqlx::query(
            "UPDATE runs SET state = 'running', worker = $2, lease_until = $3, fence = fence + 1, available_at = NULL,
                 started_at = coalesce(started_at, $4)
             WHERE id IN (SELECT value FROM json_each($1))",
        )
        .bind(&ids)
        .bind(request.worker.to_string())
        .bind(micros(request.lease_until))
        .bind(micros(request.now))
        .execute(&mut **tx)
        .await?;
        sqlx::query("UPDATE queue_clock SET turn = max(turn, coalesce((SELECT max(turn) FROM runs WHERE id IN (SELECT value FROM json_each($1))), 0))")
            .bind(&ids)
            .execute(&mut **tx)
            .await?;
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM json_each($1) asked JOIN runs r ON r.id = asked.value JOIN definitions d ON d.id = r.definition_id ORDER BY asked.key"
        ));
        let mut taken = Vec::new();
        for row in rows.bind(&ids).fetch_all(&mut **tx).await? {
            match self.claimed_run(&row) {
                Ok(run) => taken.push(run),
                Err(error @ (StoreError::Corrupt { .. } | StoreError::Sealing(_))) => {
                    let id: String = row.try_get("id")?;
                    tracing::error!(run = %id, %error, "a run cannot be read and ends here");
                    let reason = error.to_string();
                    end_run(tx, &id, &Ending { status: RunStatus::Error, reason: Some(&reason) }, request.now).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn claimed_run(&self, row: &SqliteRow) -> Result<ClaimedRun, StoreError> {
        let mut run = read_run(row)?;
        open_secrets(&self.sealer, run.schedule_id, &Reader::new("runs", row), &mut run.definition)?;
        // The work goes on from its columns; what happened is read when somebody wants to know.
        run.record.timeline.clear();
        run.record.error = None;
        let lease = lease_of(&run.state).ok_or(StoreError::LeaseLost)?;
        Ok(ClaimedRun { run, lease })
    }

    pub(super) async fn earliest_available(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT min(at) FROM (SELECT min(available_at) AS at FROM runs WHERE state = 'queued' AND available_at > $1
                 UNION ALL SELECT min(lease_until) FROM runs WHERE state = 'running' AND lease_until > $1)",
        )
        .bind(micros(after))
        .fetch_one(&self.read)
        .await?;
        row.try_get::<Option<i64>, _>(0)?.map(instant).transpose()
    }

    pub(super) async fn somebody_waits(&self, now: Timestamp) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM runs WHERE state = 'queued' AND available_at <= $1 LIMIT 1").bind(micros(now));
        Ok(row.fetch_optional(&self.read).await?.is_some())
    }
}

fn lease_of(state: &RunState) -> Option<Lease> {
    match state {
        RunState::Running { lease } => Some(*lease),
        RunState::Queued { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => None,
    }
}

/// Up to `limit` runs that may be claimed: those whose worker is gone first, they have waited longest; then by turn, which goes round by owner.
async fn claimable(tx: &mut Tx, request: &ClaimRequest, limit: i64) -> Result<Vec<String>, StoreError> {
    let now = request.now;
    let after = |wait: SignedDuration| micros(now.saturating_add(wait).unwrap_or(Timestamp::MAX));
    let mut ids = Vec::new();
    if request.rescue {
        // A lease that seems to hold for longer than any is given is of before the clock was set back.
        let longest_lease = request.lease_until.duration_since(now).saturating_mul(2);
        let lapsed = sqlx::query(
            "SELECT id FROM runs WHERE state = 'running' AND (lease_until <= $1 OR lease_until > $2)
                 AND id NOT IN (SELECT value FROM json_each($3)) ORDER BY lease_until, id LIMIT $4",
        )
        .bind(micros(now))
        .bind(after(longest_lease))
        .bind(to_json(&request.under_way.iter().map(ToString::to_string).collect::<Vec<_>>())?)
        .bind(limit);
        for row in lapsed.fetch_all(&mut **tx).await? {
            ids.push(row.try_get(0)?);
        }
    }
    let left = limit - ids.len() as i64;
    if left > 0 {
        let queued = sqlx::query(
            "SELECT id FROM runs WHERE state = 'queued' AND (available_at <= $1 OR available_at > $2)
                 AND identifier NOT IN (SELECT value FROM json_each($3)) ORDER BY turn, available_at, id LIMIT $4",
        )
        .bind(micros(now))
        .bind(after(request.longest_wait))
        .bind(to_json(&request.busy.iter().map(DocumentIdentifier::as_str).collect::<Vec<_>>())?)
        .bind(left);
        for row in queued.fetch_all(&mut **tx).await? {
            ids.push(row.try_get(0)?);
        }
    }
    Ok(ids)
}

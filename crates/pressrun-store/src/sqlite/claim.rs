//! Claiming work.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::run::{Lease, RunState, RunStatus};
use sqlx::Row as _;

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
        for id in claimable(&mut tx, request).await? {
            sqlx::query(
                "UPDATE runs SET state = 'running', worker = $2, lease_until = $3, fence = fence + 1, available_at = NULL,
                     started_at = coalesce(started_at, $4)
                 WHERE id = $1",
            )
            .bind(&id)
            .bind(request.worker.to_string())
            .bind(micros(request.lease_until))
            .bind(micros(request.now))
            .execute(&mut *tx)
            .await?;
            match self.claimed_run(&mut tx, &id).await {
                Ok(run) => claimed.push(run),
                // It can never run; left in the queue it would come up for ever, and its owner would hear nothing.
                Err(error @ (StoreError::Corrupt { .. } | StoreError::Sealing(_))) => {
                    tracing::error!(run = %id, %error, "a run cannot be read and ends here");
                    let reason = error.to_string();
                    end_run(&mut tx, &id, &Ending { status: RunStatus::Error, reason: Some(&reason), record: None }, request.now).await?;
                }
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    async fn claimed_run(&self, tx: &mut Tx, id: &str) -> Result<ClaimedRun, StoreError> {
        let row =
            sqlx::query(concat!("SELECT ", run_columns!(), " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1"))
                .bind(id)
                .fetch_one(&mut **tx)
                .await?;
        let mut run = read_run(&row)?;
        open_secrets(&self.sealer, run.schedule_id, &Reader::new("runs", &row), &mut run.definition)?;
        let lease = lease_of(&run.state).ok_or(StoreError::LeaseLost)?;
        Ok(ClaimedRun { run, lease })
    }

    pub(super) async fn earliest_available(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT min(at) FROM (SELECT min(available_at) AS at FROM runs WHERE state = 'queued'
                 UNION ALL SELECT min(lease_until) FROM runs WHERE state = 'running')",
        )
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

/// Runs that may be claimed: those whose worker is gone first, they have waited longest; then by turn, which goes round by owner.
async fn claimable(tx: &mut Tx, request: &ClaimRequest) -> Result<Vec<String>, StoreError> {
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
        .bind(i64::from(request.limit));
        for row in lapsed.fetch_all(&mut **tx).await? {
            ids.push(row.try_get(0)?);
        }
    }
    let left = i64::from(request.limit) - ids.len() as i64;
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

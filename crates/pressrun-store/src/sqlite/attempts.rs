//! Attempts: a row before and after.

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::run::Lease;
use sqlx::Row as _;

use super::lease::hold;
use super::ledger::StateColumns;
use super::row::{int, to_json};
use super::{SqliteStore, Tx, micros, news};
use crate::{Learnt, StoreError};

impl SqliteStore {
    pub(super) async fn write_begin(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let begun = sqlx::query(
            "INSERT INTO attempts (delivery_id, number, started_at)
             SELECT d.id, coalesce((SELECT max(a.number) FROM attempts a WHERE a.delivery_id = d.id), 0) + 1, $5
             FROM runs r JOIN deliveries d ON d.run_id = r.id
             WHERE r.id = $1 AND r.state = 'running' AND r.worker = $2 AND r.fence = $3 AND d.id = $4 AND d.state = 'pending' RETURNING number",
        )
        .bind(lease.run.to_string())
        .bind(lease.worker.to_string())
        .bind(int(lease.fence))
        .bind(delivery.to_string())
        .bind(micros(now))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(begun) = begun else {
            hold(&mut tx, lease).await?;
            state_of(&mut tx, lease, delivery).await?;
            // Accepted pieces are never sent again (I7), and those given up stay so.
            return Err(StoreError::Conflict);
        };
        tx.commit().await?;
        Ok(u32::try_from(begun.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))
    }

    pub(super) async fn write_end(
        &self,
        lease: &Lease,
        delivery: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        learnt: &Learnt,
    ) -> Result<(), StoreError> {
        let columns = StateColumns::of(state);
        let mut tx = self.begin().await?;
        let moved = sqlx::query(
            "UPDATE deliveries SET state = $5, not_before = $6, settled_at = $7, reason = $8 FROM runs r
             WHERE r.id = $1 AND r.state = 'running' AND r.worker = $2 AND r.fence = $3
                 AND deliveries.id = $4 AND deliveries.run_id = r.id AND (deliveries.state <> 'accepted' OR $5 = 'accepted')",
        )
        .bind(lease.run.to_string())
        .bind(lease.worker.to_string())
        .bind(int(lease.fence))
        .bind(delivery.to_string())
        .bind(state.as_str())
        .bind(columns.not_before)
        .bind(columns.settled_at)
        .bind(columns.reason)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            hold(&mut tx, lease).await?;
            state_of(&mut tx, lease, delivery).await?;
            return Err(StoreError::Conflict);
        }
        let ended = sqlx::query("UPDATE attempts SET ended_at = $3, outcome = $4 WHERE delivery_id = $1 AND number = $2")
            .bind(delivery.to_string())
            .bind(i64::from(attempt.number))
            .bind(attempt.ended_at.map(micros))
            .bind(attempt.outcome.as_ref().map(to_json).transpose()?)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Err(StoreError::NotFound("attempt"));
        }
        news::put_learnt(&mut tx, lease, learnt).await?;
        tx.commit().await
    }
}

/// The word for where a piece of the leased run stands.
async fn state_of(tx: &mut Tx, lease: &Lease, delivery: DeliveryId) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT state FROM deliveries WHERE id = $1 AND run_id = $2")
        .bind(delivery.to_string())
        .bind(lease.run.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.ok_or(StoreError::NotFound("delivery"))?.try_get(0)?)
}

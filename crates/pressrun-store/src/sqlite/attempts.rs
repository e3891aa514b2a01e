//! Attempts: a row before and after.

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::run::Lease;
use sqlx::Row as _;

use super::lease::hold;
use super::ledger::StateColumns;
use super::row::to_json;
use super::{SqliteStore, Tx, micros, news};
use crate::{Learnt, StoreError};

impl SqliteStore {
    pub(super) async fn write_begin(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        if state_of(&mut tx, lease, delivery).await? != "pending" {
            // Accepted pieces are never sent again (I7), and those given up stay so.
            return Err(StoreError::Conflict);
        }
        let number: i64 = sqlx::query(
            "INSERT INTO attempts (delivery_id, number, started_at)
             SELECT $1, coalesce(max(number), 0) + 1, $2 FROM attempts WHERE delivery_id = $1 RETURNING number",
        )
        .bind(delivery.to_string())
        .bind(micros(now))
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
        tx.commit().await?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub(super) async fn write_end(
        &self,
        lease: &Lease,
        delivery: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        learnt: &Learnt,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        if state_of(&mut tx, lease, delivery).await? == "accepted" && !matches!(state, DeliveryState::Accepted { .. }) {
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
        let columns = StateColumns::of(state);
        sqlx::query("UPDATE deliveries SET state = $2, not_before = $3, settled_at = $4, reason = $5 WHERE id = $1")
            .bind(delivery.to_string())
            .bind(state.as_str())
            .bind(columns.not_before)
            .bind(columns.settled_at)
            .bind(columns.reason)
            .execute(&mut *tx)
            .await?;
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

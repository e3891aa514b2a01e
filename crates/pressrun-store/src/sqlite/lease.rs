//! A worker's hold on a run.

use jiff::Timestamp;
use pressrun_domain::run::{Lease, RunRecord};

use super::row::int;
use super::{SqliteStore, Tx, artifacts, micros};
use crate::StoreError;

/// Fails unless the lease is the run's current claim. A lease that has lapsed holds until another worker claims the run.
pub(super) async fn hold(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let held = sqlx::query("SELECT 1 FROM runs WHERE id = $1 AND state = 'running' AND worker = $2 AND fence = $3")
        .bind(lease.run.to_string())
        .bind(lease.worker.to_string())
        .bind(int(lease.fence))
        .fetch_optional(&mut **tx)
        .await?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}

impl SqliteStore {
    pub(super) async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        sqlx::query("UPDATE runs SET lease_until = $2 WHERE id = $1")
            .bind(lease.run.to_string())
            .bind(micros(until))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Lease { until, ..*lease })
    }

    pub(super) async fn release_run(&self, lease: &Lease, available_at: Timestamp, record: &RunRecord) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        artifacts::put_record(&mut tx, lease.run, record).await?;
        // A run that somebody asked to stop does not wait for its retry: the next claim ends it.
        sqlx::query(
            "UPDATE runs SET state = 'queued', worker = NULL, lease_until = NULL,
                 available_at = CASE cancel_requested WHEN 0 THEN $2 ELSE min($2, created_at) END
             WHERE id = $1",
        )
        .bind(lease.run.to_string())
        .bind(micros(available_at))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}

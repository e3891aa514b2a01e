//! A worker's hold on a run.

use jiff::Timestamp;
use pressrun_domain::run::{Lease, TimelineEntry, Worked};

use super::dialect::locked;
use super::entries::Entry;
use super::row::int;
use super::{Backend, Tx, micros, news, queue};
use crate::{RunNews, StoreError};

/// Fails unless the lease is the run's current claim. A lease that has lapsed holds until another worker claims the run.
pub(super) async fn hold(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let held = sqlx::query(concat!("SELECT 1 FROM runs WHERE id = $1 AND state = 'running' AND worker = $2 AND fence = $3", locked!()))
        .bind(lease.run.to_string())
        .bind(lease.worker.to_string())
        .bind(int(lease.fence))
        .fetch_optional(&mut **tx)
        .await?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}

/// Queues a run that a worker has.
async fn queue_again(tx: &mut Tx, lease: &Lease, available_at: Timestamp, waits_at: Option<&str>) -> Result<(), StoreError> {
    // A run that somebody asked to stop does not wait for its retry: the next claim ends it.
    sqlx::query(
        "UPDATE runs SET state = 'queued', worker = NULL, lease_until = NULL,
             available_at = CASE WHEN cancel_requested AND created_at < $2 THEN created_at ELSE $2 END
         WHERE id = $1",
    )
    .bind(lease.run.to_string())
    .bind(micros(available_at))
    .execute(&mut **tx)
    .await?;
    queue::put(tx, lease.run).await?;
    match waits_at {
        Some(receiver) => queue::wait_at(tx, lease.run, receiver).await,
        None => Ok(()),
    }
}

impl Backend {
    pub(super) async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<Lease, StoreError> {
        self.writer.write(Entry::Renew { lease: *lease, until }).await?;
        Ok(Lease { until, ..*lease })
    }

    pub(super) async fn release_run(&self, lease: &Lease, available_at: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        news::put(&mut tx, lease, news).await?;
        queue_again(&mut tx, lease, available_at, news.waits_at.as_deref()).await?;
        tx.commit().await
    }

    pub(super) async fn hand_run_back(
        &self,
        lease: &Lease,
        now: Timestamp,
        lines: &[TimelineEntry],
        worked: Worked,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        news::put_lines(&mut tx, &[(lease.run, lines)]).await?;
        news::put_worked(&mut tx, lease, worked).await?;
        queue_again(&mut tx, lease, now, None).await?;
        tx.commit().await
    }

    pub(super) async fn queue_behind(&self, lease: &Lease, now: Timestamp, news: &RunNews) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        news::put(&mut tx, lease, news).await?;
        sqlx::query("UPDATE runs SET state = 'queued', worker = NULL, lease_until = NULL, available_at = $2 WHERE id = $1")
            .bind(lease.run.to_string())
            .bind(micros(now))
            .execute(&mut *tx)
            .await?;
        queue::put_behind(&mut tx, lease.run).await?;
        tx.commit().await
    }
}

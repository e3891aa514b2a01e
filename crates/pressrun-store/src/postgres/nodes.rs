//! Workers that live, as rows with heartbeats on the database's clock (P2).

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::WorkerId;
use sqlx::Row as _;

use super::plan::instant;
use super::{Once, micros, migrate};
use crate::{PostgresStore, StoreError};

/// A worker that has not been seen for so long, in microseconds, is taken for dead. Heartbeats come every five seconds; one that only hangs finds that its
/// runs have gone on elsewhere, and by their fence that it may write nothing.
const DEAD: i64 = 20_000_000;

/// How long somebody leads without asking again, in microseconds: less than is planned ahead.
const LEAD: i64 = 4_000_000;

/// The database's clock in microseconds since 1970.
const PRESENT: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl PostgresStore {
    /// How far the clock of this machine, which says `now`, is behind the database's; negative when it is ahead. The way there and back is part of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the database does not answer.
    pub async fn clock_behind(&self, now: Timestamp) -> Result<SignedDuration, StoreError> {
        let present: i64 = sqlx::query(PRESENT).fetch_one(&self.once.read).await?.try_get(0)?;
        Ok(instant(present)?.duration_since(now))
    }
}

impl Once {
    /// The present by the clock that leases go by.
    async fn present(&self, now: Timestamp) -> Result<i64, StoreError> {
        if self.by_callers_clock {
            return Ok(micros(now));
        }
        let present: i64 = sqlx::query(PRESENT).fetch_one(&self.write).await?.try_get(0)?;
        self.offset.measure(now, instant(present)?);
        Ok(present)
    }

    /// Whether this node leads in something, now and for some seconds; whoever asks first does, as long as it asks again.
    pub(super) async fn leads(&self, what: &str) -> Result<bool, StoreError> {
        if self.by_callers_clock {
            return Ok(true);
        }
        let led = sqlx::query(
            "INSERT INTO leads (what, node, lease_until) SELECT $1, $2, clock.present + $3
                 FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS present) clock
             ON CONFLICT (what) DO UPDATE SET node = excluded.node, lease_until = excluded.lease_until
                 WHERE leads.node = excluded.node OR leads.lease_until < excluded.lease_until - $3
             RETURNING 1",
        );
        let led = led.bind(what).bind(&self.node).bind(LEAD).fetch_optional(&self.write).await?;
        Ok(led.is_some())
    }

    pub(super) async fn announce_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker.to_string());
        let seen = "INSERT INTO nodes (worker, seen_at) VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) ON CONFLICT (worker) DO NOTHING";
        sqlx::query(seen).bind(worker.to_string()).execute(&self.write).await?;
        Ok(())
    }

    /// Lets the workers of this process be seen, and the leases of those lapse that were not for a while.
    pub(super) async fn release_leases_of_the_dead(&self, now: Timestamp) -> Result<u32, StoreError> {
        let present = self.present(now).await?;
        migrate::keep_up(&self.write, &self.left_behind).await?;
        self.forget_rates(present).await?;
        let own: Vec<String> = self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        if !own.is_empty() {
            sqlx::query(
                "INSERT INTO nodes (worker, seen_at) SELECT worker, $2 FROM unnest($1) worker ORDER BY worker
                 ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at",
            )
            .bind(&own)
            .bind(present)
            .execute(&self.write)
            .await?;
        }
        let mut tx = self.begin().await?;
        let dead = sqlx::query(
            "DELETE FROM nodes WHERE worker IN (SELECT worker FROM nodes WHERE seen_at < $1 FOR UPDATE SKIP LOCKED) RETURNING worker",
        )
        .bind(present.saturating_sub(DEAD))
        .fetch_all(&mut *tx)
        .await?;
        if dead.is_empty() {
            return Ok(0);
        }
        let dead: Vec<String> = dead.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let lapsed = sqlx::query("UPDATE runs SET lease_until = $2 WHERE state = 'running' AND worker = ANY ($1) AND lease_until > $2")
            .bind(&dead)
            .bind(present)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(u32::try_from(lapsed.rows_affected()).unwrap_or(u32::MAX))
    }
}

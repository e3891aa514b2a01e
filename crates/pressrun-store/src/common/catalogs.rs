//! [`Catalogs`].

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::WorkerId;
use sqlx::Row as _;

use super::dialect::alone;
use super::{Backend, micros};
use crate::catalogs::READER_GONE;
use crate::{CatalogReading, CatalogStanding, Catalogs, StoreError};

/// Versions that are remembered.
const VERSIONS: i64 = 10_000;

/// The hash of the version in force.
pub(super) const IN_FORCE: &str = "SELECT v.hash FROM catalog_in_force f JOIN catalog_versions v ON v.id = f.version";

#[async_trait]
impl Catalogs for Backend {
    async fn read_catalog(&self, reading: &CatalogReading<'_>, now: Timestamp) -> Result<CatalogStanding, StoreError> {
        let (process, at) = (reading.process.to_string(), micros(now));
        let gone = i64::try_from(READER_GONE.as_micros()).unwrap_or(i64::MAX);
        let mut tx = self.begin().await?;
        alone(&mut tx, "catalog").await?;
        let new = sqlx::query("INSERT INTO catalog_versions (hash, documents, loaded_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(reading.hash)
            .bind(i64::from(reading.documents))
            .bind(at)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        let version: i64 =
            sqlx::query("SELECT id FROM catalog_versions WHERE hash = $1").bind(reading.hash).fetch_one(&mut *tx).await?.try_get(0)?;
        sqlx::query(
            "INSERT INTO catalog_readers (process, version, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (process) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at",
        )
        .bind(&process)
        .bind(version)
        .bind(at)
        .execute(&mut *tx)
        .await?;
        // A process that seems to be seen in the future was seen before the clock was set back.
        sqlx::query("DELETE FROM catalog_readers WHERE abs(seen_at - $1) > $2").bind(at).bind(gone).execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO catalog_in_force (\"only\", version, since) SELECT 1, $1, $2
             WHERE $3 OR NOT EXISTS (SELECT 1 FROM catalog_readers r JOIN catalog_in_force f ON f.version = r.version)
             ON CONFLICT (\"only\") DO UPDATE SET version = excluded.version, since = excluded.since
             WHERE catalog_in_force.version <> excluded.version",
        )
        .bind(version)
        .bind(at)
        .bind(new > 0 || reading.changed)
        .execute(&mut *tx)
        .await?;
        if new > 0 {
            sqlx::query(
                "DELETE FROM catalog_versions WHERE id <= $1 - $2 AND id NOT IN (SELECT version FROM catalog_in_force)
                     AND id NOT IN (SELECT version FROM catalog_readers)",
            )
            .bind(version)
            .bind(VERSIONS)
            .execute(&mut *tx)
            .await?;
        }
        let row = sqlx::query(
            "SELECT (SELECT version FROM catalog_in_force) = $1, (SELECT count(*) FROM catalog_readers WHERE process <> $2 AND version <> $1)",
        );
        let row = row.bind(version).bind(&process).fetch_one(&mut *tx).await?;
        let (in_force, others): (bool, i64) = (row.try_get(0)?, row.try_get(1)?);
        tx.commit().await?;
        Ok(CatalogStanding { in_force, others_differ: u32::try_from(others).unwrap_or(u32::MAX) })
    }

    async fn leave_catalog(&self, process: WorkerId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM catalog_readers WHERE process = $1").bind(process.to_string()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn catalog_in_force(&self) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(IN_FORCE);
        Ok(row.fetch_optional(&self.read).await?.map(|row| row.try_get(0)).transpose()?)
    }
}

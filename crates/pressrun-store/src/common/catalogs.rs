//! [`Catalogs`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::WorkerId;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::dialect::{DbRow, alone, table};
use super::row::{Reader, to_json};
use super::{Backend, Tx, micros};
use crate::catalogs::READER_GONE;
use crate::{CatalogPublication, CatalogReading, CatalogStanding, Catalogs, KEPT_PUBLICATIONS, PublishedCatalog, StoreError};

/// Versions that are remembered.
const VERSIONS: i64 = 10_000;

/// Files that are written in one statement.
const FILES: usize = 500;

/// The hash of the version in force.
pub(super) const IN_FORCE: &str = "SELECT v.hash FROM catalog_in_force f JOIN catalog_versions v ON v.id = f.version";

#[async_trait]
impl Catalogs for Backend {
    async fn read_catalog(&self, reading: &CatalogReading<'_>, now: Timestamp) -> Result<CatalogStanding, StoreError> {
        let (process, at) = (reading.process.to_string(), micros(now));
        let gone = i64::try_from(READER_GONE.as_micros()).unwrap_or(i64::MAX);
        let mut tx = self.begin().await?;
        alone(&mut tx, "catalog").await?;
        let (version, new) = version(&mut tx, reading.hash, reading.documents, now).await?;
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
        let published = last_publication(&mut tx).await?.map(|(_, published)| published);
        let others = "SELECT NOT EXISTS (SELECT 1 FROM catalog_readers r JOIN catalog_in_force f ON f.version = r.version)";
        let comes = match published {
            Some(published) => published == version,
            None => new || reading.changed || sqlx::query(others).fetch_one(&mut *tx).await?.try_get::<bool, _>(0)?,
        };
        if comes {
            put_in_force(&mut tx, version, now).await?;
        }
        if new {
            sqlx::query(
                "DELETE FROM catalog_versions WHERE id <= $1 - $2 AND id NOT IN (SELECT version FROM catalog_in_force)
                     AND id NOT IN (SELECT version FROM catalog_readers)
                     AND NOT EXISTS (SELECT 1 FROM catalog_publications p WHERE p.version = catalog_versions.id)",
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

    async fn publish_catalog(&self, published: &CatalogPublication<'_>, now: Timestamp) -> Result<PublishedCatalog, StoreError> {
        let mut tx = self.begin().await?;
        alone(&mut tx, "catalog").await?;
        let (version, _) = version(&mut tx, published.hash, published.documents, now).await?;
        let last = last_publication(&mut tx).await?;
        if last.is_none_or(|(_, last)| last != version) {
            keep_files(&mut tx, version, published.files).await?;
            sqlx::query("INSERT INTO catalog_publications (version, at, published_by) VALUES ($1, $2, $3)")
                .bind(version)
                .bind(micros(now))
                .bind(published.by)
                .execute(&mut *tx)
                .await?;
            forget_publications(&mut tx).await?;
        }
        put_in_force(&mut tx, version, now).await?;
        let found = sqlx::query(PUBLISHED).fetch_one(&mut *tx).await?;
        let found = read_published(&found)?;
        tx.commit().await?;
        found.ok_or(StoreError::NotFound("publication"))
    }

    async fn withdraw_catalog(&self, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        alone(&mut tx, "catalog").await?;
        if last_publication(&mut tx).await?.is_some() {
            let row = sqlx::query("INSERT INTO catalog_publications (version, at, published_by) VALUES (NULL, $1, $2)");
            row.bind(micros(now)).bind(by).execute(&mut *tx).await?;
            forget_publications(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn published_catalog(&self) -> Result<Option<PublishedCatalog>, StoreError> {
        let row = sqlx::query(PUBLISHED).fetch_optional(&self.read).await?;
        Ok(row.as_ref().map(read_published).transpose()?.flatten())
    }

    async fn was_published(&self, hash: &str) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM catalog_publications p JOIN catalog_versions v ON v.id = p.version WHERE v.hash = $1)",
        );
        Ok(row.bind(hash).fetch_one(&self.read).await?.try_get(0)?)
    }

    async fn published_files(&self, publication: i64) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = sqlx::query(
            "SELECT f.path, t.text FROM catalog_publications p JOIN catalog_files f ON f.version = p.version
             JOIN catalog_texts t ON t.hash = f.text WHERE p.id = $1",
        );
        let rows = rows.bind(publication).fetch_all(&self.read).await?;
        if rows.is_empty() {
            return Err(StoreError::NotFound("publication"));
        }
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// The last publication; its version is NULL once it was withdrawn.
const PUBLISHED: &str =
    "SELECT p.id, v.hash, p.at, p.published_by FROM catalog_publications p LEFT JOIN catalog_versions v ON v.id = p.version
     ORDER BY p.id DESC LIMIT 1";

fn read_published(row: &DbRow) -> Result<Option<PublishedCatalog>, StoreError> {
    let reader = Reader::new("catalog_publications", row);
    let Some(hash) = reader.get("hash")? else { return Ok(None) };
    let (publication, at, by) = (reader.get("id")?, reader.instant("at")?, reader.get("published_by")?);
    Ok(Some(PublishedCatalog { publication, hash, at, by }))
}

/// The number of a version, and whether it was not known before.
async fn version(tx: &mut Tx, hash: &str, documents: u32, now: Timestamp) -> Result<(i64, bool), StoreError> {
    let new = sqlx::query("INSERT INTO catalog_versions (hash, documents, loaded_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(hash)
        .bind(i64::from(documents))
        .bind(micros(now))
        .execute(&mut **tx)
        .await?
        .rows_affected();
    let version = sqlx::query("SELECT id FROM catalog_versions WHERE hash = $1").bind(hash).fetch_one(&mut **tx).await?.try_get(0)?;
    Ok((version, new > 0))
}

/// The last publication and the number of its version, unless it was withdrawn.
async fn last_publication(tx: &mut Tx) -> Result<Option<(i64, i64)>, StoreError> {
    let row = sqlx::query("SELECT id, version FROM catalog_publications ORDER BY id DESC LIMIT 1").fetch_optional(&mut **tx).await?;
    let Some(row) = row else { return Ok(None) };
    let (id, version): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(version.map(|version| (id, version)))
}

async fn put_in_force(tx: &mut Tx, version: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO catalog_in_force (\"only\", version, since) VALUES (1, $1, $2)
         ON CONFLICT (\"only\") DO UPDATE SET version = excluded.version, since = excluded.since
         WHERE catalog_in_force.version <> excluded.version",
    )
    .bind(version)
    .bind(micros(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps what the files of a version say; texts that are there already are not written again.
async fn keep_files(tx: &mut Tx, version: i64, files: &BTreeMap<String, String>) -> Result<(), StoreError> {
    let rows: Vec<_> = files.iter().map(|(path, text)| (path, hex::encode(Sha256::digest(text)), text)).collect();
    for batch in rows.chunks(FILES) {
        sqlx::query(concat!(
            "INSERT INTO catalog_texts (hash, text) SELECT j.hash, min(j.said) FROM ",
            table!("$1" as j: 1 hash text, 2 said text),
            " WHERE true GROUP BY j.hash ON CONFLICT DO NOTHING"
        ))
        .bind(to_json(&batch)?)
        .execute(&mut **tx)
        .await?;
        let places: Vec<_> = batch.iter().map(|(path, hash, _)| (path, hash)).collect();
        sqlx::query(concat!(
            "INSERT INTO catalog_files (version, path, text) SELECT $2, j.path, j.hash FROM ",
            table!("$1" as j: 0 path text, 1 hash text),
            " WHERE true ON CONFLICT DO NOTHING"
        ))
        .bind(to_json(&places)?)
        .bind(version)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Forgets publications beyond the last ones, and the files that no other has.
async fn forget_publications(tx: &mut Tx) -> Result<(), StoreError> {
    let forgotten = sqlx::query("DELETE FROM catalog_publications WHERE id <= (SELECT max(id) FROM catalog_publications) - $1");
    if forgotten.bind(KEPT_PUBLICATIONS).execute(&mut **tx).await?.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM catalog_files WHERE version NOT IN (SELECT version FROM catalog_publications WHERE version IS NOT NULL)")
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM catalog_texts WHERE NOT EXISTS (SELECT 1 FROM catalog_files f WHERE f.text = catalog_texts.hash)")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

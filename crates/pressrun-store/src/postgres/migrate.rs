//! The schema's versions.
//!
//! A migration that was released is never edited, and only adds: nodes of the version before go on working while those of the new one start. One that
//! takes something away says from which version on it may be (`NEEDS`), and comes a release after the one whose nodes no longer use it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pressrun_domain::id::WorkerId;
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::dialect::alone;
use super::tx::{Limits, Tx};
use crate::StoreError;

/// Every migration, oldest first, each with how many a program has to know that works on what it leaves.
const MIGRATIONS: &[(&str, i64)] = &[(include_str!("../../migrations/postgres/0001_initial.sql"), 1)];

/// The longest that a statement of a migration may take: another node may be at it.
const LONGEST: Duration = Duration::from_secs(600);

/// How many migrations this program knows.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Notes whether a newer version has left this one behind while it ran.
///
/// # Errors
/// [`StoreError::Unavailable`]: it has, and this node has to be replaced.
pub(super) async fn keep_up(pool: &PgPool, left_behind: &AtomicBool) -> Result<(), StoreError> {
    let needs: i64 = sqlx::query("SELECT coalesce(max(needs), 0) FROM pressrun_schema").fetch_one(pool).await?.try_get(0)?;
    let known = known();
    left_behind.store(needs > known, Ordering::Relaxed);
    if needs > known {
        return Err(StoreError::Unavailable(format!(
            "a newer Pressrun has changed the database (it needs schema {needs}, this node knows up to {known}); this node plans and claims nothing until it is replaced"
        )));
    }
    Ok(())
}

/// Brings the schema to the newest version; one node does it, and the others wait.
pub(super) async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    let mut tx = Tx::begin(pool, &Limits::new(LONGEST, WorkerId::generate())).await?;
    alone(&mut tx, "schema").await?;
    let ours: bool = sqlx::query("SELECT to_regclass('pressrun_schema') IS NOT NULL").fetch_one(&mut *tx).await?.try_get(0)?;
    if !ours {
        let foreign: bool = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname IN ('schedules', 'runs', 'meta', 'audit'))",
        )
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
        if foreign {
            return Err(StoreError::Unavailable(
                "the schema holds tables of another program; name another database in store.url, or another schema with options[search_path]".into(),
            ));
        }
        sqlx::raw_sql("CREATE TABLE pressrun_schema (version BIGINT PRIMARY KEY, needs BIGINT NOT NULL)").execute(&mut *tx).await?;
    }
    let row = sqlx::query("SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM pressrun_schema").fetch_one(&mut *tx).await?;
    let (version, needs): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let known = known();
    if needs > known {
        return Err(StoreError::Unavailable(format!(
            "the database was written by a newer Pressrun (schema {version}, this one knows up to {known}); start that version, or restore a backup"
        )));
    }
    let seen = usize::try_from(version).unwrap_or(0);
    for (at, (sql, needs)) in MIGRATIONS.iter().enumerate().skip(seen) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        let stamp = sqlx::query("INSERT INTO pressrun_schema (version, needs) VALUES ($1, $2)");
        stamp.bind(i64::try_from(at + 1).unwrap_or(i64::MAX)).bind(*needs).execute(&mut *tx).await?;
        tracing::info!(schema = at + 1, "migrated the database");
    }
    tx.commit().await
}

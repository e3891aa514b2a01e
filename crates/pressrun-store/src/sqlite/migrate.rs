//! The schema's versions.
//!
//! `user_version` of the file counts the migrations it has seen, `application_id` says that it is ours. A migration that was released is
//! never edited: add the next one, and expand before you contract.

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::writer::Tx;
use crate::StoreError;

/// Marks the file as Pressrun's: the bytes `PRSR`.
pub(super) const APPLICATION_ID: i64 = 0x5052_5352;

/// Every migration, oldest first.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../migrations/sqlite/0002_fan_out.sql"),
    include_str!("../../migrations/sqlite/0003_notices.sql"),
    include_str!("../../migrations/sqlite/0004_access.sql"),
    include_str!("../../migrations/sqlite/0005_audit.sql"),
    include_str!("../../migrations/sqlite/0006_sessions.sql"),
    include_str!("../../migrations/sqlite/0008_destinations.sql"),
    include_str!("../../migrations/sqlite/0007_suppressions.sql"),
    include_str!("../../migrations/sqlite/0009_last_run_untold.sql"),
    include_str!("../../migrations/sqlite/0012_due.sql"),
    include_str!("../../migrations/sqlite/0013_grounds.sql"),
    include_str!("../../migrations/sqlite/0010_alarms.sql"),
    include_str!("../../migrations/sqlite/0011_run_state.sql"),
    include_str!("../../migrations/sqlite/0017_retention.sql"),
    include_str!("../../migrations/sqlite/0018_catalog_versions.sql"),
    include_str!("../../migrations/sqlite/0019_departures.sql"),
    include_str!("../../migrations/sqlite/0015_queue.sql"),
    include_str!("../../migrations/sqlite/0014_run_audiences.sql"),
    include_str!("../../migrations/sqlite/0023_notice_lanes.sql"),
    include_str!("../../migrations/sqlite/0021_list.sql"),
    include_str!("../../migrations/sqlite/0022_recipients.sql"),
    include_str!("../../migrations/sqlite/0028_catalog_files.sql"),
    include_str!("../../migrations/sqlite/0026_overdue.sql"),
    include_str!("../../migrations/sqlite/0024_fires_from.sql"),
    include_str!("../../migrations/sqlite/0025_lanes_of_receivers.sql"),
];

/// Brings the file to the newest schema, each step in a transaction of its own.
pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    migrate_to(pool, MIGRATIONS.len()).await
}

/// Brings the file to the schema after `target` migrations.
pub(super) async fn migrate_to(pool: &SqlitePool, target: usize) -> Result<(), StoreError> {
    loop {
        // Read inside the transaction: another process may be at it too.
        let mut tx = Tx::Own(pool.begin_with("BEGIN IMMEDIATE").await?);
        let version = version(&mut tx).await?;
        let Some(sql) = MIGRATIONS[..target].get(version) else {
            return Ok(());
        };
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        let stamp = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", version + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *tx).await?;
        tx.commit().await?;
        tracing::info!(schema = version + 1, "migrated the database");
    }
}

/// How many migrations the file has seen.
async fn version(tx: &mut Tx) -> Result<usize, StoreError> {
    let version = pragma(tx, "PRAGMA user_version").await?;
    let application = pragma(tx, "PRAGMA application_id").await?;
    let tables: i64 = sqlx::query("SELECT count(*) FROM sqlite_master").fetch_one(&mut **tx).await?.try_get(0)?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables > 0) {
        return Err(StoreError::Unavailable("the file is a database of another program; name another one in store.url".into()));
    }
    let known = MIGRATIONS.len();
    usize::try_from(version).ok().filter(|version| *version <= known).ok_or_else(|| {
        StoreError::Unavailable(format!(
            "the database was written by a newer Pressrun (schema {version}, this one knows up to {known}); start that version, or restore a backup"
        ))
    })
}

async fn pragma(tx: &mut Tx, sql: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(sql).fetch_one(&mut **tx).await?.try_get(0)?)
}

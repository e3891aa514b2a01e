//! A copy of a database that is in use, and what has to be done with one before it is used.

use std::path::Path;

use pressrun_domain::audit::{Change, Object, ObjectKind};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

use super::catalogs::IN_FORCE;
use super::meta::CANARY;
use super::{SqliteStore, audit, micros, migrate};
use crate::StoreError;
use crate::fault::in_words;
use crate::seal::Sealer;

/// Artifacts read at once.
const PAGE: i64 = 1000;

/// An artifact that a copy of the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedArtifact {
    /// Its hash, and its name in the spool.
    pub sha256: String,
    /// Whether a run that is not over needs it.
    pub is_owed: bool,
}

/// A copy of a database that nobody else uses: what it says, without bringing its schema up to date.
#[derive(Debug)]
pub struct SqliteCopy(SqliteConnection);

impl SqliteCopy {
    /// Copies the database `from`, which may be in use, to the new file `to`: everything as it was at one instant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be read, or `to` not written.
    pub async fn make(from: &Path, to: &Path) -> Result<Self, StoreError> {
        let mut source = connect(from).await?;
        // Readers and writers go on meanwhile; what they write then is not in the copy.
        let copied = sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&mut source).await;
        copied.map_err(|error| named(to, &error))?;
        source.close().await?;
        Self::open(to).await
    }

    /// Opens a copy that was made before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be read.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(connect(path).await?))
    }

    /// How many migrations it has seen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be read, or is none of ours.
    pub async fn schema(&mut self) -> Result<u32, StoreError> {
        let application: i64 = sqlx::query("PRAGMA application_id").fetch_one(&mut self.0).await?.try_get(0)?;
        if application != migrate::APPLICATION_ID {
            return Err(StoreError::Unavailable("the file is a database of another program".into()));
        }
        let version: i64 = sqlx::query("PRAGMA user_version").fetch_one(&mut self.0).await?.try_get(0)?;
        u32::try_from(version).map_err(|_| StoreError::Unavailable(format!("the file has no schema of ours ({version})")))
    }

    /// Fails when what is sealed in it opens with none of these keys.
    ///
    /// # Errors
    /// [`StoreError::Sealing`]: they are not its keys.
    pub async fn check_keys(&mut self, sealer: &Sealer) -> Result<(), StoreError> {
        let row = sqlx::query("SELECT value FROM meta WHERE key = $1").bind(CANARY.row).fetch_optional(&mut self.0).await?;
        if let Some(row) = row {
            sealer.open(CANARY, &row.try_get::<Vec<u8>, _>(0)?)?;
        }
        Ok(())
    }

    /// The version of the catalog that was in force; `None` when no process had said which it has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be read.
    pub async fn catalog_in_force(&mut self) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(IN_FORCE).fetch_optional(&mut self.0).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Artifacts in the order of their hashes, some after `after`; none when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be read.
    pub async fn artifacts(&mut self, after: &str) -> Result<Vec<CopiedArtifact>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.sha256, EXISTS (SELECT 1 FROM run_artifacts held WHERE held.sha256 = a.sha256) FROM artifacts a
             WHERE a.sha256 > $1 ORDER BY a.sha256 LIMIT $2",
        );
        let rows = rows.bind(after).bind(PAGE).fetch_all(&mut self.0).await?;
        rows.iter().map(|row| Ok(CopiedArtifact { sha256: row.try_get(0)?, is_owed: row.try_get(1)? })).collect()
    }

    /// Closes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it cannot be closed.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}

impl SqliteStore {
    /// How many migrations this version knows.
    #[must_use]
    pub fn known_schema() -> u32 {
        u32::try_from(migrate::MIGRATIONS.len()).unwrap_or(u32::MAX)
    }

    /// Makes a copy that was restored ready for use: nobody works on its runs any more, and nobody is signed in, for who was signed out or lost a
    /// right since the copy was made is not known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing was changed.
    pub async fn begin_anew(&self, backup: &str, change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE runs SET lease_until = min(lease_until, $1) WHERE state = 'running'")
            .bind(micros(change.at))
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM sessions").execute(&mut *tx).await?;
        let written = audit::put(&mut tx, change, Object::new(ObjectKind::Backup, backup, ""), &serde_json::Map::new()).await?;
        audit::commit(tx, [written]).await
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    SqliteConnection::connect_with(&options).await.map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {}", path.display(), in_words(error)))
}

//! Runs that could not be read, until somebody has been told.

use pressrun_domain::id::RunId;
use pressrun_domain::notice::Notice;
use sqlx::Row as _;

use super::dialect::{DbRow, definition_name};
use super::meta::put_meta;
use super::row::Reader;
use super::{Backend, Tx, notices};
use crate::{StoreError, UnreadRun};

/// How the keys in `meta` begin; the run's id follows. They sort before `unread!`.
const KEY: &str = "unread ";

/// Such runs, as far as their rows can be read. `$1` is how many.
const UNREAD: &str = concat!(
    "SELECT substr(m.key, 8) AS id, r.schedule_id, r.owner, coalesce(r.reason, '') AS fault,
         coalesce((SELECT ",
    definition_name!("d"),
    " FROM definitions d WHERE d.id = r.definition_id), '') AS name
     FROM meta m LEFT JOIN runs r ON r.id = substr(m.key, 8) WHERE m.key >= 'unread ' AND m.key < 'unread!' ORDER BY m.key LIMIT $1"
);

/// Notes that nobody has been told yet.
pub(super) async fn note(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    put_meta(tx, &format!("{KEY}{run}"), b"").await
}

async fn forget(tx: &mut Tx, run: &str) -> Result<u64, StoreError> {
    let gone = sqlx::query("DELETE FROM meta WHERE key = $1").bind(format!("{KEY}{run}")).execute(&mut **tx).await?;
    Ok(gone.rows_affected())
}

impl Backend {
    pub(super) async fn untold_unread(&self, limit: u32) -> Result<Vec<UnreadRun>, StoreError> {
        let rows = sqlx::query(UNREAD).bind(i64::from(limit)).fetch_all(&self.read).await?;
        let mut unread = Vec::with_capacity(rows.len());
        for row in &rows {
            match read_unread(row) {
                Ok(run) => unread.push(run),
                Err(error) => {
                    // Looked at again and again it would be logged for ever.
                    tracing::error!(%error, "a run could not be read, and nobody can be told of it");
                    let mut tx = self.begin().await?;
                    forget(&mut tx, row.try_get("id")?).await?;
                    tx.commit().await?;
                }
            }
        }
        Ok(unread)
    }

    pub(super) async fn told_unread(&self, run: RunId, said: &[Notice]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // Another process may have told it meanwhile.
        if forget(&mut tx, &run.to_string()).await? > 0 {
            notices::put(&mut tx, said).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn read_unread(row: &DbRow) -> Result<UnreadRun, StoreError> {
    let reader = Reader::new("runs", row);
    Ok(UnreadRun {
        run: reader.parsed("id")?,
        schedule: reader.parsed("schedule_id")?,
        owner: reader.parsed("owner")?,
        name: reader.get("name")?,
        fault: reader.get("fault")?,
    })
}

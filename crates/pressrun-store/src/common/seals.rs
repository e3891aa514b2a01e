//! [`Seals`].

use async_trait::async_trait;
use pressrun_domain::secret::Secret;
use sqlx::Row as _;

use super::Backend;
use super::dialect::{alone, locked};
use super::meta::{CANARY, meta, put_meta};
use super::schedule_row::sealed_at;
use crate::seal::Place;
use crate::{Seals, StoreError};

/// Secrets sealed in one transaction: others write in between, and what was done stays done.
pub(super) const BATCH: i64 = 100;

/// Every table with secrets of schedules: the rows after one that stand under another key than the one with this mark, and how to write one.
const TABLES: [(&str, &str); 2] = [
    (
        concat!(
            "SELECT id, id AS place, sealed FROM schedules
         WHERE sealed IS NOT NULL AND id > $1 AND substr(sealed, 1, length($2)) <> $2 ORDER BY id LIMIT $3",
            locked!()
        ),
        "UPDATE schedules SET sealed = $2 WHERE id = $1",
    ),
    (
        concat!(
            "SELECT id, schedule_id AS place, sealed FROM runs
         WHERE sealed IS NOT NULL AND id > $1 AND substr(sealed, 1, length($2)) <> $2 ORDER BY id LIMIT $3",
            locked!()
        ),
        "UPDATE runs SET sealed = $2 WHERE id = $1",
    ),
];

/// Where the server's own secrets stand in `meta`.
const OWN: &str = "secret:";

fn own_place(key: &str) -> Place<'_> {
    Place { table: "meta", row: key, column: "value" }
}

#[async_trait]
impl Seals for Backend {
    async fn reseal_all(&self) -> Result<u64, StoreError> {
        let mut changed = 0;
        for table in TABLES {
            let mut after = String::new();
            while let Some((last, sealed)) = self.reseal_batch(table, &after).await? {
                changed += sealed;
                after = last;
            }
        }
        Ok(changed + self.reseal_own().await?)
    }

    async fn own_secret(&self, name: &str, first: &Secret) -> Result<Secret, StoreError> {
        let key = format!("{OWN}{name}");
        let mut tx = self.begin().await?;
        alone(&mut tx, "secrets").await?;
        let Some(sealed) = meta(&mut tx, &key).await? else {
            put_meta(&mut tx, &key, &self.sealer.seal(own_place(&key), first.expose().as_bytes())?).await?;
            tx.commit().await?;
            return Ok(first.clone());
        };
        let plain = self.sealer.open(own_place(&key), &sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Sealing(format!("meta.value of row {key} is no text")))?;
        Ok(Secret::new(text))
    }
}

impl Backend {
    /// Seals the next rows after `after`; returns the last of them and how many they were, or `None` at the end of the table.
    async fn reseal_batch(&self, (select, update): (&'static str, &'static str), after: &str) -> Result<Option<(String, u64)>, StoreError> {
        let mut tx = self.begin().await?;
        let mark = self.sealer.present_mark()?;
        let rows = sqlx::query(select).bind(after).bind(mark).bind(BATCH).fetch_all(&mut *tx).await?;
        let mut last = None;
        for row in &rows {
            let (id, place, sealed): (String, String, Vec<u8>) = (row.try_get("id")?, row.try_get("place")?, row.try_get("sealed")?);
            let place = sealed_at(&place);
            let again = self.sealer.seal(place, &self.sealer.open(place, &sealed)?)?;
            sqlx::query(update).bind(&id).bind(again).execute(&mut *tx).await?;
            last = Some(id);
        }
        tx.commit().await?;
        Ok(last.map(|id| (id, rows.len() as u64)))
    }

    /// Seals the server's own secrets and, last of all, the word that shows at start which keys are needed.
    async fn reseal_own(&self) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        alone(&mut tx, "secrets").await?;
        let mark = self.sealer.present_mark()?;
        let rows =
            sqlx::query("SELECT key, value FROM meta WHERE key LIKE 'secret:%' OR key = $1").bind(CANARY.row).fetch_all(&mut *tx).await?;
        let mut changed = 0;
        for row in rows {
            let (key, sealed): (String, Vec<u8>) = (row.try_get("key")?, row.try_get("value")?);
            if !sealed.starts_with(&mark) {
                let again = self.sealer.seal(own_place(&key), &self.sealer.open(own_place(&key), &sealed)?)?;
                put_meta(&mut tx, &key, &again).await?;
                changed += u64::from(key != CANARY.row);
            }
        }
        tx.commit().await?;
        Ok(changed)
    }
}

//! Addresses of webhooks that older versions stored in the open are sealed when the store opens.
//!
//! One transaction a definition: when the process dies in between, what was done stays done, and the mark in `meta` that is still there
//! makes the next start go on.

use std::collections::BTreeMap;

use pressrun_domain::destination::{Destination, WebhookSettings};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use zeroize::Zeroizing;

use super::meta::meta;
use super::row::to_json;
use super::schedule_row::sealed_at;
use super::{SqliteStore, Tx};
use crate::StoreError;

/// Stands in `meta` until every address is sealed.
const MARK: &str = "addresses_in_the_open";

/// Definitions looked at in one statement.
const BATCH: i64 = 100;

/// Rows that name a definition and may still need its secrets: how to find them, and how to give them another.
const ROWS: [(&str, &str); 2] = [
    (
        "SELECT id, id AS place, sealed FROM schedules WHERE definition_id = $1",
        "UPDATE schedules SET definition_id = $2, sealed = $3 WHERE id = $1",
    ),
    (
        "SELECT id, schedule_id AS place, sealed FROM runs WHERE definition_id = $1 AND state IN ('queued', 'running')",
        "UPDATE runs SET definition_id = $2, sealed = $3 WHERE id = $1",
    ),
];

impl SqliteStore {
    /// Seals every address that stands in the open. Does nothing when that was done.
    pub(super) async fn seal_addresses(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if meta(&mut tx, MARK).await?.is_none() {
            return Ok(());
        }
        // What is replaced is overwritten, not only forgotten. The indexes keep the walk from being one over all rows for each definition.
        sqlx::raw_sql(
            "CREATE INDEX IF NOT EXISTS addresses_of_schedules ON schedules (definition_id);
             CREATE INDEX IF NOT EXISTS addresses_of_runs ON runs (definition_id);",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        sqlx::raw_sql("PRAGMA secure_delete = ON").execute(&self.write).await?;
        let (mut after, mut sealed) = (String::new(), 0_u64);
        loop {
            let found = sqlx::query(
                "SELECT id, json FROM definitions
                 WHERE id > $1 AND json_valid(json) AND json_extract(json, '$.destination.url') IS NOT NULL ORDER BY id LIMIT $2",
            )
            .bind(&after)
            .bind(BATCH)
            .fetch_all(&self.write)
            .await?;
            let Some(last) = found.last() else { break };
            after = last.try_get("id")?;
            for row in &found {
                match self.seal_address(row).await {
                    Ok(()) => sealed += 1,
                    // A damaged row must not keep the server from starting; it is unreadable for whoever uses it, too.
                    Err(error @ StoreError::Sealing(_)) => tracing::error!(%error, "the address of a webhook could not be sealed"),
                    Err(error) => return Err(error),
                }
            }
        }
        let mut tx = self.begin().await?;
        sqlx::raw_sql(
            "DROP INDEX IF EXISTS addresses_of_schedules; DROP INDEX IF EXISTS addresses_of_runs; DELETE FROM meta WHERE key = 'addresses_in_the_open';",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        // The log beside the file holds the old pages until it is written back.
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete = OFF;").execute(&self.write).await?;
        if sealed > 0 {
            tracing::info!(definitions = sealed, "addresses of webhooks, stored in the open before, are sealed now");
        }
        Ok(())
    }

    /// Puts a definition without its address in the place of one with it, and the address among the secrets of the rows that need it.
    async fn seal_address(&self, row: &SqliteRow) -> Result<(), StoreError> {
        let (old, json): (String, String) = (row.try_get("id")?, row.try_get("json")?);
        let corrupt = |fault: String| StoreError::Corrupt { table: "definitions", column: "json", row: old.clone(), fault };
        let mut definition: Value = serde_json::from_str(&json).map_err(|fault| corrupt(fault.to_string()))?;
        let Some(address) = definition["destination"]["url"].as_str().map(|text| Zeroizing::new(text.to_owned())) else { return Ok(()) };
        let settings = Destination::Webhook(WebhookSettings::new(address.as_str(), Vec::new()));
        definition["destination"] = serde_json::to_value(&settings).map_err(|fault| corrupt(fault.to_string()))?;
        let json = to_json(&definition)?;
        let new = hex::encode(Sha256::digest(&json));
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO definitions (id, json) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&new)
            .bind(json)
            .execute(&mut *tx)
            .await?;
        for (select, update) in ROWS {
            self.seal_into(&mut tx, (select, update), (&old, &new), &address).await?;
        }
        // Runs that are over need no secrets.
        sqlx::query("UPDATE runs SET definition_id = $2 WHERE definition_id = $1").bind(&old).bind(&new).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM definitions WHERE id = $1").bind(&old).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn seal_into(
        &self,
        tx: &mut Tx,
        (select, update): (&'static str, &'static str),
        (old, new): (&str, &str),
        address: &Zeroizing<String>,
    ) -> Result<(), StoreError> {
        for row in sqlx::query(select).bind(old).fetch_all(&mut **tx).await? {
            let (id, place, sealed): (String, String, Option<Vec<u8>>) =
                (row.try_get("id")?, row.try_get("place")?, row.try_get("sealed")?);
            let place = sealed_at(&place);
            let mut secrets: BTreeMap<String, Zeroizing<String>> = match sealed {
                None => BTreeMap::new(),
                Some(sealed) => {
                    let plain = self.sealer.open(place, &sealed)?;
                    let texts: BTreeMap<String, String> =
                        serde_json::from_slice(&plain).map_err(|_| StoreError::Sealing(format!("the secrets of row {id} are no map")))?;
                    texts.into_iter().map(|(name, text)| (name, Zeroizing::new(text))).collect()
                }
            };
            secrets.insert("address".to_owned(), address.clone());
            let texts: BTreeMap<&str, &str> = secrets.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let again = self.sealer.seal(place, Zeroizing::new(to_json(&texts)?).as_bytes())?;
            sqlx::query(update).bind(&id).bind(new).bind(again).execute(&mut **tx).await?;
        }
        Ok(())
    }
}

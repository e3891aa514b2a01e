//! Words that the store keeps for itself: which keys it is sealed with, which collation its sort keys are of, what planning notes.

use sqlx::Row as _;

use super::Tx;
use super::dialect::definition_name;
use crate::StoreError;
use crate::collation::{Collation, folded};
use crate::seal::{Place, Sealer};

/// A sealed word that shows at start whether the configured keys are those of this file, rather than at the first delivery.
pub(super) const CANARY: Place<'static> = Place { table: "meta", row: "canary", column: "value" };

/// Fails when the keys are not those of this file.
pub(super) async fn check_keys(tx: &mut Tx, sealer: &Sealer) -> Result<(), StoreError> {
    if let Some(sealed) = meta(tx, CANARY.row).await? {
        sealer.open(CANARY, &sealed)?;
        return Ok(());
    }
    put_meta(tx, CANARY.row, &sealer.seal(CANARY, b"canary")?).await
}

/// Makes the sort keys again when they come from other collation tables.
pub(super) async fn renew_sort_keys(tx: &mut Tx, collation: &Collation) -> Result<(), StoreError> {
    let present = collation.fingerprint();
    if meta(tx, "collation").await?.is_some_and(|stored| stored == present.as_bytes()) {
        return Ok(());
    }
    let rows = sqlx::query(concat!(
        "SELECT s.id, ",
        definition_name!("d"),
        " AS name, s.dashboard_name, s.owner_name FROM schedules s JOIN definitions d ON d.id = s.definition_id"
    ))
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let (id, name): (String, Option<String>) = (row.try_get("id")?, row.try_get("name")?);
        let (dashboard, owner): (String, String) = (row.try_get("dashboard_name")?, row.try_get("owner_name")?);
        let name = name.unwrap_or_default();
        sqlx::query(
            "UPDATE schedules SET name_key = $2, dashboard_key = $3, owner_key = $4, name_folded = $5, dashboard_folded = $6,
                 owner_folded = $7
             WHERE id = $1",
        )
        .bind(id)
        .bind(collation.key(&name))
        .bind(collation.key(&dashboard))
        .bind(collation.key(&owner))
        .bind(folded(&name))
        .bind(folded(&dashboard))
        .bind(folded(&owner))
        .execute(&mut **tx)
        .await?;
    }
    put_meta(tx, "collation", present.as_bytes()).await
}

pub(super) async fn meta(tx: &mut Tx, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT value FROM meta WHERE key = $1").bind(key).fetch_optional(&mut **tx).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn put_meta(tx: &mut Tx, key: &str, value: &[u8]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

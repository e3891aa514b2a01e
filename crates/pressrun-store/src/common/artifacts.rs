//! The artifacts that runs and deliveries name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::RunId;
use sqlx::Row as _;

use super::dialect::{among, hold_artifacts};
use super::row::to_json;
use super::{Tx, micros};
use crate::StoreError;

/// Files that deliveries carry.
fn carried(deliveries: &[Delivery]) -> BTreeSet<&str> {
    let files = deliveries.iter().filter_map(|delivery| delivery.artifact.as_ref()).map(|artifact| artifact.sha256.as_str());
    let pictures = deliveries.iter().filter_map(|delivery| delivery.message.inline_png.as_deref());
    let texts = deliveries.iter().filter_map(|delivery| delivery.message.words_artifact.as_deref());
    files.chain(pictures).chain(texts).collect()
}

/// Notes what deliveries carry.
pub(super) async fn put_deliveries(tx: &mut Tx, run: RunId, deliveries: &[Delivery]) -> Result<(), StoreError> {
    hold(tx, run, carried(deliveries)).await
}

/// Fails when a file that a delivery carries is known no more: it has been deleted, or is about to be.
pub(super) async fn are_kept(tx: &mut Tx, delivery: &Delivery) -> Result<(), StoreError> {
    let hashes = carried(std::slice::from_ref(delivery));
    hold_artifacts(tx, &hashes.iter().copied().collect::<Vec<_>>()).await?;
    let known = sqlx::query(concat!("SELECT count(*) FROM artifacts WHERE ", among!("sha256", "$1"))).bind(to_json(&hashes)?);
    let known: i64 = known.fetch_one(&mut **tx).await?.try_get(0)?;
    if known.unsigned_abs() < hashes.len() as u64 { Err(StoreError::NotFound("artifact")) } else { Ok(()) }
}

/// Notes that a run needs these files until it is over.
pub(super) async fn hold(tx: &mut Tx, run: RunId, hashes: BTreeSet<&str>) -> Result<(), StoreError> {
    for sha256 in hashes {
        let held = sqlx::query("INSERT INTO run_artifacts (run_id, sha256) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        if held.bind(run.to_string()).bind(sha256).execute(&mut **tx).await?.rows_affected() == 0 {
            continue;
        }
        sqlx::query("INSERT INTO artifacts (sha256) VALUES ($1) ON CONFLICT (sha256) DO UPDATE SET needed_at = NULL")
            .bind(sha256)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// The run is over: from now on the files that no other run holds grow old.
pub(super) async fn let_go(tx: &mut Tx, run: &str, now: Timestamp) -> Result<(), StoreError> {
    let rows = sqlx::query("DELETE FROM run_artifacts WHERE run_id = $1 RETURNING sha256").bind(run).fetch_all(&mut **tx).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let hashes: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    // Whether another run holds one is asked when nobody else is at it.
    hold_artifacts(tx, &hashes).await?;
    sqlx::query(concat!(
        "UPDATE artifacts SET needed_at = $2 WHERE ",
        among!("sha256", "$1"),
        "
             AND NOT EXISTS (SELECT 1 FROM run_artifacts held WHERE held.sha256 = artifacts.sha256)"
    ))
    .bind(to_json(&hashes)?)
    .bind(micros(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

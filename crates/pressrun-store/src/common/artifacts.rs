//! The artifacts that runs and deliveries name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::RunId;
use sqlx::Row as _;

use super::dialect::{among, asked, hold_artifacts, table};
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

/// Notes what deliveries of runs carry.
pub(super) async fn put_deliveries(tx: &mut Tx, of: &[(RunId, &[Delivery])]) -> Result<(), StoreError> {
    hold(tx, of.iter().map(|(run, deliveries)| (*run, carried(deliveries)))).await
}

/// Fails when a file that a delivery carries is known no more: it has been deleted, or is about to be.
pub(super) async fn are_kept(tx: &mut Tx, delivery: &Delivery) -> Result<(), StoreError> {
    let hashes = carried(std::slice::from_ref(delivery));
    hold_artifacts(tx, &hashes.iter().copied().collect::<Vec<_>>()).await?;
    let known = sqlx::query(concat!("SELECT count(*) FROM artifacts WHERE ", among!("sha256", "$1"))).bind(to_json(&hashes)?);
    let known: i64 = known.fetch_one(&mut **tx).await?.try_get(0)?;
    if known.unsigned_abs() < hashes.len() as u64 { Err(StoreError::NotFound("artifact")) } else { Ok(()) }
}

/// Notes that runs need these files until they are over.
pub(super) async fn hold<'a>(tx: &mut Tx, of: impl Iterator<Item = (RunId, BTreeSet<&'a str>)>) -> Result<(), StoreError> {
    let mut needed: Vec<(String, &str)> = Vec::new();
    for (run, hashes) in of {
        let run = run.to_string();
        needed.extend(hashes.into_iter().map(|sha256| (run.clone(), sha256)));
    }
    if needed.is_empty() {
        return Ok(());
    }
    let held = sqlx::query(concat!(
        "INSERT INTO run_artifacts (run_id, sha256) SELECT j.run, j.hash FROM ",
        table!("$1" as j: 0 run text, 1 hash text),
        " WHERE true ON CONFLICT DO NOTHING RETURNING sha256"
    ));
    let rows = held.bind(to_json(&needed)?).fetch_all(&mut **tx).await?;
    // In order, and each once: others may put the same.
    let new: BTreeSet<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO artifacts (sha256) SELECT asked.value FROM ",
        asked!("$1"),
        " WHERE true ON CONFLICT (sha256) DO UPDATE SET needed_at = NULL"
    ))
    .bind(to_json(&new)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// These runs are over at `now`: from then on the files that no other run holds grow old.
pub(super) async fn let_go(tx: &mut Tx, runs: &[&str], now: Timestamp) -> Result<(), StoreError> {
    let rows = sqlx::query(concat!("DELETE FROM run_artifacts WHERE ", among!("run_id", "$1"), " RETURNING sha256"));
    let rows = rows.bind(to_json(&runs)?).fetch_all(&mut **tx).await?;
    let hashes: BTreeSet<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if hashes.is_empty() {
        return Ok(());
    }
    let hashes: Vec<&str> = hashes.into_iter().collect();
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

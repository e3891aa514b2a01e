//! A run's record, and the artifacts that it and the deliveries name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::RunId;
use pressrun_domain::run::RunRecord;
use sqlx::Row as _;

use super::row::to_json;
use super::{SqliteStore, Tx, micros};
use crate::StoreError;

/// Saves the record of a run.
pub(super) async fn put_record(tx: &mut Tx, run: RunId, record: &RunRecord) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET record = $2 WHERE id = $1").bind(run.to_string()).bind(to_json(record)?).execute(&mut **tx).await?;
    name(tx, run, record.artifacts.iter().map(|artifact| artifact.sha256.as_str()).collect()).await
}

/// Notes what deliveries carry.
pub(super) async fn put_deliveries(tx: &mut Tx, run: RunId, deliveries: &[Delivery]) -> Result<(), StoreError> {
    let files = deliveries.iter().filter_map(|delivery| delivery.artifact.as_ref()).map(|artifact| artifact.sha256.as_str());
    let pictures = deliveries.iter().filter_map(|delivery| delivery.message.inline_png.as_deref());
    let texts = deliveries.iter().filter_map(|delivery| delivery.message.words_artifact.as_deref());
    name(tx, run, files.chain(pictures).chain(texts).collect()).await
}

async fn name(tx: &mut Tx, run: RunId, hashes: BTreeSet<&str>) -> Result<(), StoreError> {
    for sha256 in hashes {
        sqlx::query("INSERT INTO run_artifacts (run_id, sha256) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(run.to_string())
            .bind(sha256)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

impl SqliteStore {
    pub(super) async fn named_artifacts(&self, kept_since: Timestamp) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT a.sha256 FROM run_artifacts a JOIN runs r ON r.id = a.run_id
             WHERE r.state IN ('queued', 'running') OR (r.state = 'ended' AND r.ended_at > $1) ORDER BY a.sha256",
        )
        .bind(micros(kept_since))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

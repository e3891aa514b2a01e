//! The artifacts that runs and deliveries name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::RunId;
use sqlx::Row as _;

use super::{SqliteStore, Tx, micros};
use crate::StoreError;

/// Notes what deliveries carry.
pub(super) async fn put_deliveries(tx: &mut Tx, run: RunId, deliveries: &[Delivery]) -> Result<(), StoreError> {
    let files = deliveries.iter().filter_map(|delivery| delivery.artifact.as_ref()).map(|artifact| artifact.sha256.as_str());
    let pictures = deliveries.iter().filter_map(|delivery| delivery.message.inline_png.as_deref());
    let texts = deliveries.iter().filter_map(|delivery| delivery.message.words_artifact.as_deref());
    name(tx, run, files.chain(pictures).chain(texts).collect()).await
}

/// Notes that a run names these files.
pub(super) async fn name(tx: &mut Tx, run: RunId, hashes: BTreeSet<&str>) -> Result<(), StoreError> {
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

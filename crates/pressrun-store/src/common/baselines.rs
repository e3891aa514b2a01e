//! What comparing conditions compare with: one row for each audience, the results themselves stored once.

use std::collections::HashMap;

use pressrun_domain::condition::BaselineMoves;
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::run::JudgedResult;
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use super::dialect::{asked, kept};
use super::row::to_json;
use super::{Backend, Tx};
use crate::{StoreError, StoredBaseline};

/// Lets results wait for the end of their run.
pub(super) async fn wait(tx: &mut Tx, run: RunId, judged: &[JudgedResult]) -> Result<(), StoreError> {
    for result in judged.iter().filter(|result| !result.baselines.is_empty()) {
        let id = hex::encode(Sha256::digest(&result.fingerprint));
        let put = sqlx::query(concat!("INSERT INTO fingerprints (id, json) VALUES ($1, $2) ON CONFLICT (id) ", kept!()));
        put.bind(&id).bind(&result.fingerprint).execute(&mut **tx).await?;
        for baseline in &result.baselines {
            sqlx::query(
                "INSERT INTO run_baselines (run_id, audience, fingerprint_id, moves, told_by) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (run_id, audience) DO UPDATE SET fingerprint_id = excluded.fingerprint_id, moves = excluded.moves,
                     told_by = excluded.told_by",
            )
            .bind(run.to_string())
            .bind(&baseline.audience)
            .bind(&id)
            .bind(baseline.moves.as_str())
            .bind(baseline.told_by.map(|piece| piece.to_string()))
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}

/// Moves the baselines of a schedule to what its run found, those only once somebody was told that ask for it.
pub(super) async fn arrive(tx: &mut Tx, run: &str, schedule: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO baselines (schedule_id, audience, fingerprint_id)
         SELECT $2, w.audience, w.fingerprint_id FROM run_baselines w WHERE w.run_id = $1 AND (w.moves = $3
             OR (w.told_by IS NULL AND EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = $1 AND d.state = 'accepted'))
             OR EXISTS (SELECT 1 FROM deliveries d WHERE d.id = w.told_by AND d.state = 'accepted'))
         ON CONFLICT (schedule_id, audience) DO UPDATE SET fingerprint_id = excluded.fingerprint_id",
    )
    .bind(run)
    .bind(schedule)
    .bind(BaselineMoves::Always.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets what waited for the end of a run.
pub(super) async fn wait_no_more(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM run_baselines WHERE run_id = $1").bind(run).execute(&mut **tx).await?;
    Ok(())
}

impl Backend {
    pub(super) async fn baselines_of(&self, schedule: ScheduleId, audiences: &[&str]) -> Result<Vec<StoredBaseline>, StoreError> {
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query(concat!(
            "SELECT b.audience, b.fingerprint_id FROM ",
            asked!("$2"),
            "
             JOIN baselines b ON b.schedule_id = $1 AND b.audience = asked.value"
        ));
        let rows = rows.bind(schedule.to_string()).bind(to_json(&audiences)?).fetch_all(&mut *tx).await?;
        let mut by_fingerprint: HashMap<String, Vec<String>> = HashMap::new();
        for row in rows {
            by_fingerprint.entry(row.try_get("fingerprint_id")?).or_default().push(row.try_get("audience")?);
        }
        let mut found = Vec::with_capacity(by_fingerprint.len());
        for (id, audiences) in by_fingerprint {
            let row = sqlx::query("SELECT json FROM fingerprints WHERE id = $1").bind(id).fetch_one(&mut *tx).await?;
            found.push(StoredBaseline { fingerprint: row.try_get(0)?, audiences });
        }
        Ok(found)
    }
}

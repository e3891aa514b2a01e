//! Audiences of a run that are done while others are being prepared.

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::preparation::AudienceOutcome;
use pressrun_domain::run::Lease;

use super::dialect::{DbRow, clean};
use super::entries::Entry;
use super::promises::Promise;
use super::row::Reader;
use super::{Backend, Tx};
use crate::{AudienceDone, RunNews, StoreError};

impl Backend {
    pub(super) async fn finish_audience_of(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        done: Option<&AudienceDone>,
    ) -> Result<(), StoreError> {
        let promise = Promise { lease: *lease, pieces: pieces.to_vec(), news: news.clone(), done: done.cloned(), begun: None };
        self.writer.write(Entry::Promise(Box::new(promise))).await.map(drop)
    }

    pub(super) async fn promise_and_begin_of(
        &self,
        lease: &Lease,
        pieces: &[Delivery],
        news: &RunNews,
        begun: &[DeliveryId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let begun = Some((begun.to_vec(), now));
        let promise = Promise { lease: *lease, pieces: pieces.to_vec(), news: news.clone(), done: None, begun };
        Ok(self.writer.write(Entry::Promise(Box::new(promise))).await? != 0)
    }

    pub(super) async fn done_audiences(&self, run: RunId) -> Result<Vec<AudienceDone>, StoreError> {
        let rows =
            sqlx::query("SELECT run_id AS id, digest, key, outcome, reason, error FROM run_audiences WHERE run_id = $1 ORDER BY digest");
        let rows = rows.bind(run.to_string()).fetch_all(&self.read).await?;
        rows.iter().map(read).collect()
    }
}

/// Forgets which audiences of a run that ends are done.
pub(super) async fn forget(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM run_audiences WHERE run_id = $1").bind(run).execute(&mut **tx).await?;
    Ok(())
}

pub(super) async fn put_done(tx: &mut Tx, run: RunId, done: &AudienceDone) -> Result<(), StoreError> {
    let (word, reason, error) = match &done.outcome {
        AudienceOutcome::Promised => ("promised", None, None),
        AudienceOutcome::Unmet => ("unmet", None, None),
        AudienceOutcome::Recorded => ("recorded", None, None),
        AudienceOutcome::Failed { reason, error } => ("failed", Some(reason), error.as_ref()),
    };
    sqlx::query(
        "INSERT INTO run_audiences (run_id, digest, key, outcome, reason, error) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(run.to_string())
    .bind(&done.digest)
    .bind(&done.key)
    .bind(word)
    .bind(reason.map(|reason| clean(reason)))
    .bind(error.map(|error| clean(error)))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &DbRow) -> Result<AudienceDone, StoreError> {
    let reader = Reader::new("run_audiences", row);
    let outcome = match reader.get("outcome")? {
        "promised" => AudienceOutcome::Promised,
        "unmet" => AudienceOutcome::Unmet,
        "recorded" => AudienceOutcome::Recorded,
        "failed" => AudienceOutcome::Failed { reason: reader.get("reason")?, error: reader.get("error")? },
        unknown => return Err(reader.corrupt("outcome", format_args!("unknown word `{unknown}`"))),
    };
    Ok(AudienceDone { digest: reader.get("digest")?, key: reader.get("key")?, outcome })
}

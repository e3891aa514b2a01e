//! Attempts, those of many pieces in one transaction.
//!
//! An attempt is a row before and after, and each transaction waits for the disk. Pieces are sent several at once, so that their attempts
//! queue up for the one writing connection: whoever gets it writes for all who wait, and each hears its own answer after the commit. One
//! that may not be written changes nothing and leaves the others alone.

use std::sync::{Mutex, PoisonError};

use futures::channel::oneshot;
use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::run::Lease;
use sqlx::Row as _;

use super::lease::hold;
use super::ledger::StateColumns;
use super::row::to_json;
use super::{SqliteStore, Tx, micros, news};
use crate::{Learnt, StoreError};

/// One row to write.
#[derive(Clone)]
pub(super) enum Entry {
    /// An attempt begins.
    Begin { lease: Lease, delivery: DeliveryId, now: Timestamp },
    /// An attempt has ended.
    End { lease: Lease, delivery: DeliveryId, attempt: Attempt, state: DeliveryState, learnt: Learnt },
}

/// What its writer hears: the attempt's number.
type Answer = Result<u32, StoreError>;

/// Rows that wait for the connection.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<(Entry, oneshot::Sender<Answer>)>>);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Waiting {
    fn push(&self, entry: Entry) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((entry, sender));
        receiver
    }

    fn take(&self) -> Vec<(Entry, oneshot::Sender<Answer>)> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        // Whoever gave up has been told, or has told itself, that nothing was written.
        waiting.into_iter().filter(|(_, sender)| !sender.is_canceled()).collect()
    }
}

impl SqliteStore {
    /// Writes `entry`, and whatever else waits.
    pub(super) async fn write_attempt(&self, entry: Entry) -> Answer {
        loop {
            let mut answer = self.attempts.push(entry.clone());
            let mut tx = self.begin().await?;
            // Another may have written it meanwhile.
            if let Ok(Some(answer)) = answer.try_recv() {
                return answer;
            }
            let batch = self.attempts.take();
            let written = write_all(&mut tx, &batch).await;
            let committed = match written {
                Ok(answers) => tx.commit().await.map_err(StoreError::from).map(|()| answers),
                Err(error) => Err(error),
            };
            match committed {
                Ok(answers) => {
                    for ((_, sender), answer) in batch.into_iter().zip(answers) {
                        // Nobody listens when a worker was dropped.
                        let _ = sender.send(answer);
                    }
                }
                Err(error) => {
                    for (_, sender) in batch {
                        let _ = sender.send(Err(error.clone()));
                    }
                }
            }
            // Whoever took it may have been dropped before it was done; then it was not written.
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
    }
}

/// Writes each entry; the outer error is of the database, the inner ones of entries that may not be written.
async fn write_all(tx: &mut Tx, batch: &[(Entry, oneshot::Sender<Answer>)]) -> Result<Vec<Answer>, StoreError> {
    let mut answers = Vec::with_capacity(batch.len());
    for (entry, _) in batch {
        let answer = match entry {
            Entry::Begin { lease, delivery, now } => begin(tx, lease, *delivery, *now).await,
            Entry::End { lease, delivery, attempt, state, learnt } => end(tx, lease, *delivery, attempt, state, learnt).await,
        };
        match answer {
            Ok(number) => answers.push(Ok(number)),
            Err(refused @ (StoreError::Conflict | StoreError::LeaseLost | StoreError::NotFound(_))) => answers.push(Err(refused)),
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

async fn begin(tx: &mut Tx, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Answer {
    hold(tx, lease).await?;
    if state_of(tx, lease, delivery).await? != "pending" {
        // Accepted pieces are never sent again (I7), and those given up stay so.
        return Err(StoreError::Conflict);
    }
    let number: i64 = sqlx::query(
        "INSERT INTO attempts (delivery_id, number, started_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2 FROM attempts WHERE delivery_id = $1 RETURNING number",
    )
    .bind(delivery.to_string())
    .bind(micros(now))
    .fetch_one(&mut **tx)
    .await?
    .try_get(0)?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

async fn end(tx: &mut Tx, lease: &Lease, delivery: DeliveryId, attempt: &Attempt, state: &DeliveryState, learnt: &Learnt) -> Answer {
    hold(tx, lease).await?;
    if state_of(tx, lease, delivery).await? == "accepted" && !matches!(state, DeliveryState::Accepted { .. }) {
        return Err(StoreError::Conflict);
    }
    let ended = sqlx::query("UPDATE attempts SET ended_at = $3, outcome = $4 WHERE delivery_id = $1 AND number = $2")
        .bind(delivery.to_string())
        .bind(i64::from(attempt.number))
        .bind(attempt.ended_at.map(micros))
        .bind(attempt.outcome.as_ref().map(to_json).transpose()?)
        .execute(&mut **tx)
        .await?;
    if ended.rows_affected() == 0 {
        return Err(StoreError::NotFound("attempt"));
    }
    let columns = StateColumns::of(state);
    sqlx::query("UPDATE deliveries SET state = $2, not_before = $3, settled_at = $4, reason = $5 WHERE id = $1")
        .bind(delivery.to_string())
        .bind(state.as_str())
        .bind(columns.not_before)
        .bind(columns.settled_at)
        .bind(columns.reason)
        .execute(&mut **tx)
        .await?;
    news::put_learnt(tx, lease, learnt).await?;
    Ok(attempt.number)
}

/// The word for where a piece of the leased run stands.
async fn state_of(tx: &mut Tx, lease: &Lease, delivery: DeliveryId) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT state FROM deliveries WHERE id = $1 AND run_id = $2")
        .bind(delivery.to_string())
        .bind(lease.run.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.ok_or(StoreError::NotFound("delivery"))?.try_get(0)?)
}

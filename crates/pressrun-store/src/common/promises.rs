//! Promises of many runs: their pieces, what happened up to there, and the attempts that begin with it.

use jiff::Timestamp;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::{Lease, RunRecord};
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{joined, locked, table};
use super::entries::{Answers, Entry, Held, place};
use super::ledger::put_pieces;
use super::row::to_json;
use super::{Tx, audiences, micros, news};
use crate::{AudienceDone, RunNews, StoreError};

/// What is promised of a run in one go, and that an audience, or everything, is promised with it.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) lease: Lease,
    pub(super) pieces: Vec<Delivery>,
    pub(super) news: RunNews,
    pub(super) done: Option<AudienceDone>,
    /// Pieces whose first attempt begins with it, and when; unless the run is to be stopped.
    pub(super) begun: Option<(Vec<DeliveryId>, Timestamp)>,
}

/// Writes the promises among the entries. The answer of each is whether its attempts have begun.
pub(super) async fn put(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    let mut all: Vec<(usize, &Promise)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Promise(promise) = entry {
            all.push((at, promise));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let wanted = wanted(tx, &all).await?;
    all.retain(|(at, _)| wanted.iter().any(|(held, _)| held == at));
    let pieces: Vec<(RunId, &[Delivery])> = all.iter().map(|(_, promise)| (promise.lease.run, promise.pieces.as_slice())).collect();
    put_pieces(tx, &pieces).await?;
    let records: Vec<(RunId, &RunRecord)> = all.iter().map(|(_, promise)| (promise.lease.run, &promise.news.record)).collect();
    news::put_records(tx, &records).await?;
    news::put_judged_and_progress(tx, all.iter().map(|(_, promise)| (&promise.lease, &promise.news))).await?;
    for (_, promise) in &all {
        if let Some(done) = &promise.done {
            audiences::put_done(tx, promise.lease.run, done).await?;
        }
    }
    note_how_far(tx, &all).await?;
    begin(tx, &all, &wanted).await?;
    for (at, is_wanted) in wanted {
        answers.set(at, Ok(u32::from(is_wanted)));
    }
    Ok(())
}

/// Those whose lease is their run's present claim, and whether anything of the run may be sent: nobody asked for it to be stopped, and it has its
/// schedule still (X9).
async fn wanted(tx: &mut Tx, all: &[(usize, &Promise)]) -> Result<Vec<(usize, bool)>, StoreError> {
    let leases: Vec<Held> = all.iter().map(|(at, promise)| Held::new(*at, &promise.lease)).collect();
    let rows = sqlx::query(concat!(
        "SELECT j.place, NOT r.cancel_requested AND (r.kind NOT IN ('scheduled', 'manual')
                 OR EXISTS (SELECT 1 FROM schedules s WHERE s.id = r.schedule_id)) FROM ",
        table!("$1" as j: 0 place bigint, 1 run text, 2 worker text, 3 fence bigint),
        " ",
        joined!(),
        " runs r ON r.id = j.run WHERE r.state = 'running' AND r.worker = j.worker AND r.fence = j.fence",
        locked!("r")
    ));
    let rows = rows.bind(to_json(&leases)?).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok((place(row)?, row.try_get(1)?))).collect()
}

/// Notes up to which piece audiences are done; no more once all is promised.
async fn note_how_far(tx: &mut Tx, all: &[(usize, &Promise)]) -> Result<(), StoreError> {
    let rows: Vec<(String, bool)> =
        all.iter().map(|(_, promise)| (promise.lease.run.to_string(), promise.news.progress.promised_at.is_some())).collect();
    sqlx::query(concat!(
        "UPDATE runs SET promised_to = CASE WHEN j.is_all THEN NULL
             ELSE (SELECT coalesce(max(d.position), 0) FROM deliveries d WHERE d.run_id = runs.id) END
         FROM ",
        table!("$1" as j: 0 run text, 1 is_all bool),
        " WHERE runs.id = j.run AND (runs.promised_to IS NOT NULL OR NOT j.is_all)"
    ))
    .bind(to_json(&rows)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Begins the first attempts that are to begin with the promises of runs that are wanted.
async fn begin(tx: &mut Tx, all: &[(usize, &Promise)], wanted: &[(usize, bool)]) -> Result<(), StoreError> {
    /// Run, piece, instant.
    #[derive(Serialize)]
    struct Row(String, String, i64);

    let mut rows = Vec::new();
    for (at, promise) in all {
        if wanted.contains(&(*at, true))
            && let Some((pieces, now)) = &promise.begun
        {
            rows.extend(pieces.iter().map(|piece| Row(promise.lease.run.to_string(), piece.to_string(), micros(*now))));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let begun = sqlx::query(concat!(
        "INSERT INTO attempts (delivery_id, number, started_at) SELECT d.id, 1, j.at FROM ",
        table!("$1" as j: 0 run text, 1 piece text, 2 at bigint),
        " ",
        joined!(),
        " deliveries d ON d.id = j.piece WHERE d.run_id = j.run AND d.state = 'pending'"
    ));
    if begun.bind(to_json(&rows)?).execute(&mut **tx).await?.rows_affected() < rows.len() as u64 {
        return Err(StoreError::NotFound("delivery"));
    }
    Ok(())
}

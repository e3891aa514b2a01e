//! Claiming work.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::run::{Lease, RunState, RunStatus};
use sqlx::Row as _;

use super::dialect::{DbRow, among, asked, joined, skipping, table};
use super::finish::{Ending, end_run};
use super::history::{read_run, run_columns};
use super::queue::Waiting;
use super::row::{Reader, to_json};
use super::schedule_row::open_secrets;
use super::{Backend, Tx, micros, queue, unread};
use crate::{ClaimRequest, ClaimedRun, StoreError};

/// Who is claimed.
enum Claimable {
    /// Running ones whose worker is gone.
    Lapsed(Vec<String>),
    Waiting(Vec<Waiting>),
}

impl Backend {
    pub(super) async fn claim_runs(&self, request: &ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        let mut claimed = Vec::new();
        // Mostly there is nothing, and others write.
        if request.limit == 0 || !self.may_claim(request).await? {
            return Ok(claimed);
        }
        let mut tx = self.begin().await?;
        queue::rouse(&mut tx, request.now, request.longest_wait, &request.receivers).await?;
        // Whatever cannot be read ends, and makes room for another.
        loop {
            let left = (request.limit as usize).saturating_sub(claimed.len());
            if left == 0 {
                break;
            }
            let (ids, others_may_follow) = match claimable(&mut tx, request, left as i64).await? {
                Claimable::Lapsed(runs) => {
                    take_over(&mut tx, request, &runs).await?;
                    (runs, true)
                }
                Claimable::Waiting(waiting) if waiting.is_empty() => break,
                Claimable::Waiting(waiting) => (serve(&mut tx, request, &waiting).await?, waiting.len() == left),
            };
            claimed.extend(self.take(&mut tx, request, &ids).await?);
            if !others_may_follow {
                break;
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Whether it is worth while to look closer.
    async fn may_claim(&self, request: &ClaimRequest) -> Result<bool, StoreError> {
        let (implausible_lease, implausible_wait) = implausible(request);
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM queue WHERE turn IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM queue WHERE turn IS NULL AND ready_at <= $1)
                 OR EXISTS (SELECT 1 FROM queue WHERE turn IS NULL AND ready_at > $3)
                 OR EXISTS (SELECT 1 FROM runs WHERE state = 'running' AND lease_until <= $1)
                 OR EXISTS (SELECT 1 FROM runs WHERE state = 'running' AND lease_until > $2)",
        );
        let row = row.bind(micros(request.now)).bind(micros(implausible_lease)).bind(micros(implausible_wait));
        // Who was called up is counted as being on the way.
        Ok(!request.receivers.is_empty() || row.fetch_one(&self.read).await?.try_get(0)?)
    }

    /// Reads what the worker that asks has now. One that cannot be read can never run: left in the queue it would come up for ever, and its owner
    /// would hear nothing, so it ends.
    async fn take(&self, tx: &mut Tx, request: &ClaimRequest, ids: &[String]) -> Result<Vec<ClaimedRun>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM ",
            asked!("$1"),
            " JOIN runs r ON r.id = asked.value JOIN definitions d ON d.id = r.definition_id ORDER BY asked.key"
        ));
        let mut taken = Vec::new();
        for row in rows.bind(to_json(&ids)?).fetch_all(&mut **tx).await? {
            match self.claimed_run(&row) {
                Ok(run) => taken.push(run),
                Err(error @ (StoreError::Corrupt { .. } | StoreError::Sealing(_))) => {
                    let id: String = row.try_get("id")?;
                    tracing::error!(run = %id, %error, "a run cannot be read and ends here");
                    let reason = error.to_string();
                    metrics::counter!("pressrun_runs_total", "status" => RunStatus::Error.as_str(), "reason" => "other").increment(1);
                    end_run(tx, &id, &Ending { status: RunStatus::Error, reason: Some(&reason) }, request.now).await?;
                    // Who tests or sends again looks at it.
                    if matches!(row.try_get("kind")?, "scheduled" | "manual") {
                        unread::note(tx, &id).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn claimed_run(&self, row: &DbRow) -> Result<ClaimedRun, StoreError> {
        let mut run = read_run(row)?;
        open_secrets(&self.sealer, run.schedule_id, &Reader::new("runs", row), &mut run.definition)?;
        // The work goes on from its columns; what happened is read when somebody wants to know.
        run.record.timeline.clear();
        run.record.error = None;
        let lease = lease_of(&run.state).ok_or(StoreError::LeaseLost)?;
        Ok(ClaimedRun { run, lease })
    }
}

fn lease_of(state: &RunState) -> Option<Lease> {
    match state {
        RunState::Running { lease } => Some(*lease),
        RunState::Queued { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => None,
    }
}

/// A lease and a wait that end later than these seem to be longer than any that is given: they are of before the clock was set back.
fn implausible(request: &ClaimRequest) -> (Timestamp, Timestamp) {
    let after = |wait: SignedDuration| request.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    (after(request.lease_until.duration_since(request.now).saturating_mul(2)), after(request.longest_wait))
}

/// Up to `limit` that may be claimed: runs whose worker is gone first, they have waited longest; then by turn, which goes round by owner.
async fn claimable(tx: &mut Tx, request: &ClaimRequest, limit: i64) -> Result<Claimable, StoreError> {
    if request.rescue {
        let lapsed = sqlx::query(concat!(
            "SELECT id FROM runs WHERE state = 'running' AND (lease_until <= $1 OR lease_until > $2)
                 AND NOT (",
            among!("id", "$3"),
            ") ORDER BY lease_until, id LIMIT $4",
            skipping!()
        ))
        .bind(micros(request.now))
        .bind(micros(implausible(request).0))
        .bind(to_json(&request.under_way)?)
        .bind(limit);
        let lapsed = lapsed.fetch_all(&mut **tx).await?;
        if !lapsed.is_empty() {
            return Ok(Claimable::Lapsed(lapsed.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?));
        }
    }
    Ok(Claimable::Waiting(queue::ready(tx, &request.busy, limit).await?))
}

async fn take_over(tx: &mut Tx, request: &ClaimRequest, runs: &[String]) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "UPDATE runs SET state = 'running', worker = $2, lease_until = $3, fence = fence + 1, available_at = NULL,
             started_at = coalesce(started_at, $4)
         WHERE ",
        among!("id", "$1")
    ))
    .bind(to_json(&runs)?)
    .bind(request.worker.to_string())
    .bind(micros(request.lease_until))
    .bind(micros(request.now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes these out of the queue; the runs that they are, in the same order. An occurrence gets its row of history now, with a copy of the definition.
async fn serve(tx: &mut Tx, request: &ClaimRequest, waiting: &[Waiting]) -> Result<Vec<String>, StoreError> {
    let first: Vec<(i64, &str)> = waiting.iter().filter(|place| place.is_new).map(|place| (place.id, place.run.as_str())).collect();
    let again: Vec<String> = waiting.iter().filter(|place| !place.is_new).map(|place| place.run.clone()).collect();
    // An occurrence that has had its run (I1) gets no other one.
    let mut given: HashSet<String> = again.iter().cloned().collect();
    if !first.is_empty() {
        let new = sqlx::query(
            concat!("INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, identifier, state, created_at, worker,
                 lease_until, fence, started_at, catalog_version)
             SELECT j.run, s.id, s.definition_id, s.sealed, 'scheduled', q.at, q.dst, s.owner, s.identifier, 'running', q.ready_at, $2, $3, 1, $4,
                 q.catalog_version
             FROM ", table!("$1" as j: 0 place bigint, 1 run text), " ", joined!(), " queue q ON q.id = j.place
                 JOIN due u ON u.k = q.k JOIN schedules s ON s.id = u.schedule_id
             WHERE true ON CONFLICT DO NOTHING RETURNING id"),
        )
        .bind(to_json(&first)?)
        .bind(request.worker.to_string())
        .bind(micros(request.lease_until))
        .bind(micros(request.now))
        .fetch_all(&mut **tx)
        .await?;
        for row in new {
            given.insert(row.try_get(0)?);
        }
    }
    if !again.is_empty() {
        take_over(tx, request, &again).await?;
    }
    queue::serve(tx, waiting).await?;
    Ok(waiting.iter().map(|place| place.run.clone()).filter(|run| given.contains(run)).collect())
}

//! Who waits for a worker: occurrences and runs, in small rows apart from history.
//!
//! A row with a *turn* is ready, and claims go by turns ([`pressrun_domain::turn`]). One without waits for an instant, such as a run for its retry: it is
//! in an index of its own, so that a claim never walks past it, and gets a turn when the instant has come.
//!
//! An occurrence that is ready has no row of history yet: its claim writes that, once, as running. Whoever looks at a schedule's runs or changes
//! the schedule before puts its occurrence *on record*, as a queued run of what the schedule is then.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::{DocumentIdentifier, RunId, ScheduleId};
use pressrun_domain::turn::{Turn, Turns};
use sqlx::Row as _;

use super::dialect::{DbRow, READY_BESIDE_BUSY, asked, hint, joined, locked, numbers, skipping, table};
use super::plan::instant;
use super::row::to_json;
use super::{Backend, Tx, micros};
use crate::StoreError;

/// Most that get their turns in one claim.
const ROUSED: i64 = 1_000;

/// Somebody's place in the queue.
pub(super) struct Waiting {
    /// Key of the row.
    pub(super) id: i64,
    /// The run.
    pub(super) run: String,
    /// It is an occurrence's, and has no row yet.
    pub(super) is_new: bool,
    pub(super) turn: Turn,
}

/// Who may be claimed, by turns.
pub(super) const READY: &str = concat!(
    "SELECT id, run, turn, at, (SELECT u.schedule_id FROM due u WHERE u.k = queue.k)
     FROM queue WHERE turn IS NOT NULL ORDER BY turn, ready_at, id LIMIT $1",
    skipping!()
);

/// Those whose instant has come by `$1`, or seems to be later than `$2`, which is of before the clock was set back.
pub(super) const DUE: &str = concat!(
    "SELECT * FROM (SELECT id, owner, again FROM queue WHERE turn IS NULL AND ready_at <= $1 ORDER BY ready_at, id LIMIT $3",
    skipping!(),
    ") due_now
     UNION ALL SELECT * FROM (SELECT id, owner, again FROM queue WHERE turn IS NULL AND ready_at > $2 ORDER BY ready_at, id LIMIT $3",
    skipping!(),
    ") implausible"
);

/// Those that wait at a receiver, whoever comes first by itself.
pub(super) const AT_RECEIVER: &str = concat!(
    "SELECT id, owner, again FROM queue
     WHERE receiver = (SELECT id FROM lane_names WHERE name = $1) AND turn IS NULL ORDER BY ready_at, id LIMIT $2",
    skipping!()
);

/// Gives turns to those whose instant has come, and to those that receivers have room for. None waits for longer than `longest_wait`.
pub(super) async fn rouse(
    tx: &mut Tx,
    now: Timestamp,
    longest_wait: SignedDuration,
    receivers: &[(String, u32)],
) -> Result<(), StoreError> {
    let implausible = now.saturating_add(longest_wait).unwrap_or(Timestamp::MAX);
    let mut rows = sqlx::query(DUE).bind(micros(now)).bind(micros(implausible)).bind(ROUSED).fetch_all(&mut **tx).await?;
    for (receiver, room) in receivers {
        rows.extend(sqlx::query(AT_RECEIVER).bind(receiver.as_str()).bind(i64::from(*room)).fetch_all(&mut **tx).await?);
    }
    let (mut seen, mut due) = (HashSet::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        let id: i64 = row.try_get(0)?;
        if seen.insert(id) {
            due.push((id, row.try_get(1)?, row.try_get(2)?));
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    let mut turns = turns_of(tx, due.iter().map(|(_, owner, _): &(i64, i64, bool)| *owner)).await?;
    let roused: Vec<(i64, Turn)> =
        due.into_iter().map(|(id, owner, again)| (id, if again { turns.resume() } else { turns.join(owner) })).collect();
    sqlx::query(concat!(
        "UPDATE queue SET turn = j.turn FROM ",
        table!("$1" as j: 0 place bigint, 1 turn bigint),
        " WHERE queue.id = j.place"
    ))
    .bind(to_json(&roused)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What decides the turns of these owners.
pub(super) async fn turns_of(tx: &mut Tx, owners: impl Iterator<Item = i64>) -> Result<Turns<i64>, StoreError> {
    let mut owners: Vec<i64> = owners.collect();
    owners.sort_unstable();
    owners.dedup();
    let served = served(tx).await?;
    let rows = sqlx::query(concat!(
        "SELECT j.owner, (SELECT max(q.turn) FROM queue q WHERE q.turn IS NOT NULL AND q.owner = j.owner) FROM ",
        numbers!("$1" as j: owner)
    ));
    let mut last = HashMap::new();
    for row in rows.bind(to_json(&owners)?).fetch_all(&mut **tx).await? {
        if let Some(turn) = row.try_get::<Option<Turn>, _>(1)? {
            last.insert(row.try_get(0)?, turn);
        }
    }
    Ok(Turns::new(served, last))
}

/// The round that is being served.
async fn served(tx: &mut Tx) -> Result<Turn, StoreError> {
    Ok(sqlx::query("SELECT turn FROM queue_clock").fetch_one(&mut **tx).await?.try_get(0)?)
}

/// Up to `limit` that may be claimed, but for those of busy documents.
pub(super) async fn ready(tx: &mut Tx, busy: &[DocumentIdentifier], limit: i64) -> Result<Vec<Waiting>, StoreError> {
    let rows = if busy.is_empty() {
        sqlx::query(READY).bind(limit).fetch_all(&mut **tx).await?
    } else {
        let busy: Vec<&str> = busy.iter().map(DocumentIdentifier::as_str).collect();
        sqlx::query(READY_BESIDE_BUSY).bind(limit).bind(to_json(&busy)?).fetch_all(&mut **tx).await?
    };
    rows.iter().map(waiting).collect()
}

fn waiting(row: &DbRow) -> Result<Waiting, StoreError> {
    let (id, run, turn): (i64, Option<String>, Turn) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let is_new = run.is_none();
    let run = match run {
        Some(run) => run,
        None => run_of(row.try_get(4)?, row.try_get(3)?),
    };
    Ok(Waiting { id, run, is_new, turn })
}

/// The run of a schedule's occurrence. A schedule whose id does not parse must not hold up the others; its run ends when it is claimed.
pub(super) fn run_of(schedule: &str, at: i64) -> String {
    let occurrence = schedule.parse::<ScheduleId>().ok().zip(instant(at).ok());
    occurrence.map_or_else(RunId::generate, |(schedule, at)| RunId::of_occurrence(schedule, at)).to_string()
}

/// Takes these out of the queue, and notes the round that they are of.
pub(super) async fn serve(tx: &mut Tx, served: &[Waiting]) -> Result<(), StoreError> {
    let ids: Vec<i64> = served.iter().map(|waiting| waiting.id).collect();
    sqlx::query(concat!("DELETE FROM queue WHERE id IN (SELECT j.place FROM ", numbers!("$1" as j: place), ")"))
        .bind(to_json(&ids)?)
        .execute(&mut **tx)
        .await?;
    if let Some(turn) = served.iter().map(|waiting| waiting.turn).max() {
        sqlx::query("UPDATE queue_clock SET turn = $1 WHERE turn < $1").bind(turn).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Puts a run into the queue that its row says is queued: it waits for its instant.
pub(super) async fn put(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    put_with(tx, run, None).await
}

/// Puts a run into the queue that lets others go first: one from each owner.
pub(super) async fn put_behind(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    let behind = served(tx).await?.saturating_add(1);
    put_with(tx, run, Some(behind)).await
}

async fn put_with(tx: &mut Tx, run: RunId, turn: Option<Turn>) -> Result<(), StoreError> {
    let run = run.to_string();
    sqlx::query("INSERT INTO lane_names (name) SELECT owner FROM runs WHERE id = $1 UNION SELECT identifier FROM runs WHERE id = $1 ORDER BY 1 ON CONFLICT DO NOTHING")
        .bind(&run)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO queue (run, owner, document, again, ready_at, turn)
         SELECT r.id, o.id, d.id, r.fence > 0, r.available_at, $2
         FROM runs r JOIN lane_names o ON o.name = r.owner JOIN lane_names d ON d.name = r.identifier WHERE r.id = $1",
    )
    .bind(&run)
    .bind(turn)
    .execute(&mut **tx)
    .await?;
    hint(tx).await
}

/// Has a run that waits for its instant wait for room at a receiver as well, whichever comes first.
pub(super) async fn wait_at(tx: &mut Tx, run: RunId, receiver: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO lane_names (name) VALUES ($1) ON CONFLICT DO NOTHING").bind(receiver).execute(&mut **tx).await?;
    sqlx::query("UPDATE queue SET receiver = (SELECT id FROM lane_names WHERE name = $2) WHERE run = $1")
        .bind(run.to_string())
        .bind(receiver)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets nobody claim a run that waits until the transaction ends.
pub(super) async fn hold(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    sqlx::query(concat!("SELECT 1 FROM queue WHERE run = $1", locked!())).bind(run).fetch_optional(&mut **tx).await?;
    Ok(())
}

/// Takes a run out that ends before it is claimed.
pub(super) async fn withdraw(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM queue WHERE run = $1").bind(run).execute(&mut **tx).await?;
    Ok(())
}

/// Occurrences of the schedules in the list `$1` that are ready and have no row of history.
macro_rules! off_record {
    () => {
        concat!(
            "SELECT q.id, u.schedule_id, q.at FROM ",
            asked!("$1"),
            " JOIN due u ON u.schedule_id = asked.value JOIN queue q ON q.k = u.k"
        )
    };
}

/// Makes queued runs of the occurrences of these schedules that are ready.
pub(super) async fn put_on_record(tx: &mut Tx, schedules: &[String]) -> Result<(), StoreError> {
    let mut rows: Vec<(i64, String)> = Vec::new();
    for row in sqlx::query(concat!(off_record!(), locked!("q"))).bind(to_json(&schedules)?).fetch_all(&mut **tx).await? {
        rows.push((row.try_get(0)?, run_of(row.try_get(1)?, row.try_get(2)?)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let rows = to_json(&rows)?;
    sqlx::query(
        concat!("INSERT INTO runs (id, schedule_id, definition_id, sealed, kind, scheduled_for, dst, owner, identifier, state, available_at, created_at,
             catalog_version)
         SELECT j.run, s.id, s.definition_id, s.sealed, 'scheduled', q.at, q.dst, s.owner, s.identifier, 'queued', q.ready_at, q.ready_at,
             q.catalog_version
         FROM ", table!("$1" as j: 0 place bigint, 1 run text), " ", joined!(), " queue q ON q.id = j.place
             JOIN due u ON u.k = q.k JOIN schedules s ON s.id = u.schedule_id
         WHERE true ON CONFLICT DO NOTHING"),
    )
    .bind(&rows)
    .execute(&mut **tx)
    .await?;
    // One that has had its run (I1) has no place in the queue.
    sqlx::query(concat!(
        "DELETE FROM queue WHERE id IN (SELECT j.place FROM ",
        table!("$1" as j: 0 place bigint, 1 run text),
        "
             WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = j.run AND r.state = 'queued'))"
    ))
    .bind(&rows)
    .execute(&mut **tx)
    .await?;
    sqlx::query(concat!(
        "UPDATE queue SET run = j.run, k = NULL, at = NULL, dst = NULL FROM ",
        table!("$1" as j: 0 place bigint, 1 run text),
        "
         WHERE queue.id = j.place"
    ))
    .bind(&rows)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Backend {
    /// Puts the occurrences of these schedules that are ready on record, for somebody who wants to see their runs.
    pub(super) async fn show_ready(&self, schedules: &[ScheduleId]) -> Result<(), StoreError> {
        let schedules: Vec<String> = schedules.iter().map(ToString::to_string).collect();
        // Mostly there is none, and others write.
        let off_record = sqlx::query(off_record!()).bind(to_json(&schedules)?).fetch_optional(&self.read).await?;
        if off_record.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        put_on_record(&mut tx, &schedules).await?;
        tx.commit().await
    }

    /// Whether anything may be claimed at `now`.
    pub(super) async fn somebody_waits(&self, now: Timestamp) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM queue WHERE turn IS NOT NULL) OR EXISTS (SELECT 1 FROM queue WHERE turn IS NULL AND ready_at <= $1)",
        );
        Ok(row.bind(micros(now)).fetch_one(&self.read).await?.try_get(0)?)
    }

    /// When the next of those that wait for an instant is ready or the next lease lapses, later than `after`.
    pub(super) async fn earliest_available(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT min(at) FROM (SELECT min(ready_at) AS at FROM queue WHERE turn IS NULL AND ready_at > $1
                 UNION ALL SELECT min(lease_until) FROM runs WHERE state = 'running' AND lease_until > $1) next",
        )
        .bind(micros(after))
        .fetch_one(&self.read)
        .await?;
        row.try_get::<Option<i64>, _>(0)?.map(instant).transpose()
    }
}

//! How runs end: by their worker, by a person, or because they cannot be read.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Object, ObjectKind, Verb};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::RunId;
use pressrun_domain::notice::{Notice, NoticeKind};
use pressrun_domain::outline::{KnownTo, Outline, Untold, told};
use pressrun_domain::run::{Lease, RunKind, RunStatus};
use pressrun_domain::schedule::{Definition, LastRun, SystemDisabledReason};
use serde::Serialize;
use sqlx::Row as _;

use super::audit::Written;
use super::dialect::{DbRow, clean, definition_name, hold_schedule_of, table};
use super::lease::hold;
use super::row::{Reader, to_json};
use super::schedule_row::{put_definition, read_definition};
use super::{Backend, Tx, artifacts, audiences, audit, baselines, due, micros, news, notices, queue};
use crate::{RunEnd, StoreError};

/// What ends a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending<'a> {
    pub(super) status: RunStatus,
    pub(super) reason: Option<&'a str>,
}

/// A run that ends.
pub(super) struct Ended<'a> {
    pub(super) run: String,
    pub(super) ending: Ending<'a>,
    pub(super) now: Timestamp,
}

/// Ends a run that is queued or running, as [`end_runs`] does; returns the host key that it learnt.
pub(super) async fn end_run(tx: &mut Tx, run: &str, ending: &Ending<'_>, now: Timestamp) -> Result<Option<String>, StoreError> {
    let learnt = end_runs(tx, &[Ended { run: run.to_owned(), ending: *ending, now }]).await?;
    Ok(learnt.into_values().next())
}

/// Ends runs that are queued or running: closes what they still owe, lets go of their files, forgets their copies of the secrets, and moves the last
/// runs of their schedules, unless a run does not count (S6, S8), and the baselines that waited for them.
///
/// Returns the host keys that they learnt.
pub(super) async fn end_runs(tx: &mut Tx, ended: &[Ended<'_>]) -> Result<HashMap<String, String>, StoreError> {
    /// Schedule; status, instant, who may know of it; status and instant that others are told.
    #[derive(Serialize)]
    struct Last(String, &'static str, i64, &'static str, &'static str, i64);

    let rows: Vec<_> = ended.iter().map(|of| (of.run.as_str(), of.ending.status.as_str(), of.ending.reason, micros(of.now))).collect();
    let rows = sqlx::query(concat!(
        "UPDATE runs SET state = 'ended', status = j.came_to, reason = j.why, ended_at = j.ended, available_at = NULL, worker = NULL,
             lease_until = NULL, sealed = NULL
         FROM ",
        table!("$1" as j: 0 run text, 1 came_to text, 2 why text, 3 ended bigint),
        " WHERE runs.id = j.run
         RETURNING id, schedule_id, kind, outline, coalesce(started_at, created_at) AS began_at, host_key,
             EXISTS (SELECT 1 FROM run_artifacts a WHERE a.run_id = runs.id) AS holds,
             EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = runs.id AND d.state = 'pending') AS owes,
             EXISTS (SELECT 1 FROM run_baselines b WHERE b.run_id = runs.id) AS baselines_wait,
             EXISTS (SELECT 1 FROM run_audiences a WHERE a.run_id = runs.id) AS audiences_done"
    ))
    .bind(to_json(&rows)?)
    .fetch_all(&mut **tx)
    .await?;
    let by_run: HashMap<&str, &Ended<'_>> = ended.iter().map(|of| (of.run.as_str(), of)).collect();
    let (mut last, mut learnt) = (Vec::new(), HashMap::new());
    let mut holding: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
    for row in &rows {
        let reader = Reader::new("runs", row);
        let run = reader.id();
        let Some(Ended { run: held, ending, now }) = by_run.get(run) else { continue };
        if reader.get("holds")? {
            holding.entry(*now).or_default().push(held);
        }
        if reader.get("owes")? {
            close_pieces(tx, run, ending, *now).await?;
        }
        if reader.get("baselines_wait")? {
            move_baselines(tx, run, ending.status).await?;
            baselines::wait_no_more(tx, run).await?;
        }
        if reader.get("audiences_done")? {
            audiences::forget(tx, run).await?;
        }
        if counts(row)? {
            // Whose rows one tells of that cannot be read is not known: only admins are told.
            let unread = |_| Some(Outline::new(KnownTo::Admins));
            let (outline, began_at) = (reader.json_opt("outline").unwrap_or_else(unread), reader.instant("began_at")?);
            let LastRun { status, completed_at, untold } = last_run(ending, outline.as_ref(), began_at, *now);
            last.push(Last(
                reader.get("schedule_id")?,
                status.as_str(),
                micros(completed_at),
                untold.map_or(KnownTo::Readers, |untold| untold.known_to).as_str(),
                untold.map_or(status, |untold| untold.status).as_str(),
                micros(untold.map_or(completed_at, |untold| untold.at)),
            ));
        }
        if let Some(key) = reader.get::<Option<String>>("host_key")? {
            learnt.insert(run.to_owned(), key);
        }
    }
    for (now, runs) in holding {
        artifacts::let_go(tx, &runs, now).await?;
    }
    if !last.is_empty() {
        let last = to_json(&last)?;
        for statement in LAST_RUN {
            sqlx::query(statement).bind(&last).execute(&mut **tx).await?;
        }
    }
    Ok(learnt)
}

/// What schedules keep of their last runs. Most end as the one before did, and a column that is not named costs none of the indexes that it is in.
const LAST_RUN: [&str; 2] = [
    concat!(
        "UPDATE schedules SET last_status = j.status, last_completed_at = j.ended, last_known_to = j.known_to, told_status = j.told,
             told_at = j.told_of
         FROM ",
        table!("$1" as j: 0 schedule text, 1 status text, 2 ended bigint, 3 known_to text, 4 told text, 5 told_of bigint),
        "
         WHERE schedules.id = j.schedule AND (schedules.last_status IS DISTINCT FROM j.status OR schedules.last_known_to IS DISTINCT FROM j.known_to
             OR schedules.told_status IS DISTINCT FROM j.told)"
    ),
    concat!(
        "UPDATE schedules SET last_completed_at = j.ended, told_at = j.told_of FROM ",
        table!("$1" as j: 0 schedule text, 2 ended bigint, 5 told_of bigint),
        "
         WHERE schedules.id = j.schedule
             AND (schedules.last_completed_at IS DISTINCT FROM j.ended OR schedules.told_at IS DISTINCT FROM j.told_of)"
    ),
];

/// Hands on to their schedules the host keys that runs learnt.
pub(super) async fn teach_host_keys(tx: &mut Tx, ended: &[Ended<'_>], learnt: &HashMap<String, String>) -> Result<(), StoreError> {
    for of in ended {
        if let Some(key) = learnt.get(&of.run) {
            teach_schedule(tx, &of.run, None, Some(key), of.now).await?;
        }
    }
    Ok(())
}

/// Nothing is owed after the end: pieces that were tried have failed, the others were never tried.
async fn close_pieces(tx: &mut Tx, run: &str, ending: &Ending<'_>, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET settled_at = $2, reason = $3, not_before = NULL,
             state = CASE WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = deliveries.id) THEN 'failed' ELSE 'skipped' END
         WHERE run_id = $1 AND state = 'pending'",
    )
    .bind(run)
    .bind(micros(now))
    .bind(clean(ending.reason.unwrap_or(ending.status.as_str())))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the schedule keeps of it. A run without an outline never judged anything.
fn last_run(ending: &Ending<'_>, outline: Option<&Outline>, began_at: Timestamp, now: Timestamp) -> LastRun {
    let untold = outline.filter(|outline| outline.known_to != KnownTo::Readers).map(|outline| {
        let (status, _) = told(Some(outline), ending.status, ending.reason);
        Untold { known_to: outline.known_to, status, at: began_at }
    });
    LastRun { status: ending.status, completed_at: now, untold }
}

impl Backend {
    pub(super) async fn finish_run(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        if end.judged.is_empty() && end.disable.is_none() && end.notices.is_empty() {
            return self.write_finish(lease, end, now).await;
        }
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        let run = lease.run.to_string();
        news::put_record(&mut tx, lease.run, &end.record).await?;
        baselines::wait(&mut tx, lease.run, &end.judged).await?;
        let host_key = end_run(&mut tx, &run, &Ending { status: end.status, reason: end.reason.as_deref() }, now).await?;
        let mut switched_off = None;
        if end.disable.is_some() || host_key.is_some() {
            switched_off = teach_schedule(&mut tx, &run, end.disable, host_key.as_deref(), now).await?;
        }
        // A schedule that was off before has said so already (X1: told once).
        let is_true = |notice: &&Notice| switched_off.is_some() || notice.kind != NoticeKind::ScheduleDisabled;
        let said: Vec<Notice> = end.notices.iter().filter(is_true).cloned().collect();
        notices::put(&mut tx, &said).await?;
        audit::commit(tx, switched_off).await
    }

    pub(super) async fn cancel_run(&self, run: RunId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        queue::hold(&mut tx, &run.to_string()).await?;
        let row = sqlx::query("UPDATE runs SET cancel_requested = true WHERE id = $1 AND state IN ('queued', 'running') RETURNING state, schedule_id, definition_id")
            .bind(run.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(false) };
        if row.try_get::<&str, _>("state")? == "queued" {
            let ending = Ending { status: RunStatus::Killed, reason: Some("cancelled") };
            queue::withdraw(&mut tx, &run.to_string()).await?;
            end_run(&mut tx, &run.to_string(), &ending, change.at).await?;
        }
        let name = sqlx::query(concat!("SELECT coalesce(", definition_name!("d"), ", '') FROM definitions d WHERE d.id = $1"));
        let name = name.bind(row.try_get::<String, _>("definition_id")?).fetch_optional(&mut *tx).await?;
        let name: Option<String> = name.map(|row| row.try_get(0)).transpose()?;
        let object = Object::new(ObjectKind::Run, run, name.unwrap_or_default());
        let details = audit::detail("schedule", row.try_get::<String, _>("schedule_id")?);
        let written = audit::put(&mut tx, change, object, &details).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }

    pub(super) async fn wants_cancel(&self, run: RunId) -> Result<bool, StoreError> {
        // A deleted schedule stops a run that has sent nothing; one that has sent something finishes (X9).
        let row = sqlx::query(
            "SELECT 1 FROM runs r WHERE r.id = $1 AND (r.cancel_requested OR (r.kind IN ('scheduled', 'manual')
                 AND NOT EXISTS (SELECT 1 FROM schedules s WHERE s.id = r.schedule_id)
                 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.state = 'accepted')))",
        )
        .bind(run.to_string())
        .fetch_optional(&self.read)
        .await?;
        Ok(row.is_some())
    }
}

/// Whether the schedule is another after the run (S8).
fn counts(run: &DbRow) -> Result<bool, StoreError> {
    let kind = Reader::new("runs", run).word("kind", &RunKind::ALL, RunKind::as_str)?;
    Ok(kind.counts())
}

/// A schedule as its run ran it, and as it is now.
struct RanAndStored {
    schedule: String,
    ran: Definition,
    stored: Definition,
}

/// Reads both; `None` when the run does not count or its schedule is gone.
async fn ran_and_stored(tx: &mut Tx, run: &str) -> Result<Option<RanAndStored>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.id, r.definition_id, d.json AS definition, r.kind FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1
         UNION ALL
         SELECT s.id, s.definition_id, d.json, NULL FROM runs r JOIN schedules s ON s.id = r.schedule_id
             JOIN definitions d ON d.id = s.definition_id WHERE r.id = $1",
    )
    .bind(run)
    .fetch_all(&mut **tx)
    .await?;
    let [ran, stored] = rows.as_slice() else { return Ok(None) };
    if !counts(ran)? {
        return Ok(None);
    }
    let ran = read_definition(&Reader::new("runs", ran))?;
    let stored = Reader::new("schedules", stored);
    Ok(Some(RanAndStored { schedule: stored.id().to_owned(), ran, stored: read_definition(&stored)? }))
}

/// Moves the baselines that waited for a run. One that was killed before anybody was told leaves them (A10).
async fn move_baselines(tx: &mut Tx, run: &str, status: RunStatus) -> Result<(), StoreError> {
    if status == RunStatus::Killed {
        let told = sqlx::query("SELECT 1 FROM deliveries WHERE run_id = $1 AND state = 'accepted' LIMIT 1").bind(run);
        if told.fetch_optional(&mut **tx).await?.is_none() {
            return Ok(());
        }
    }
    hold_schedule_of(tx, run).await?;
    match ran_and_stored(tx, run).await {
        Ok(Some(RanAndStored { schedule, ran, stored })) if judges_alike(&ran, &stored) => baselines::arrive(tx, run, &schedule).await,
        // A run or schedule that cannot be read still has to end.
        Ok(_) | Err(StoreError::Corrupt { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Hands on to the schedule what its run learnt, as far as the schedule is still the one that ran. Returns the audit's entry when it
/// switched it off.
async fn teach_schedule(
    tx: &mut Tx,
    run: &str,
    disable: Option<SystemDisabledReason>,
    host_key: Option<&str>,
    now: Timestamp,
) -> Result<Option<Written>, StoreError> {
    hold_schedule_of(tx, run).await?;
    let Some(RanAndStored { schedule, ran, stored: mut definition }) = ran_and_stored(tx, run).await? else {
        return Ok(None);
    };
    let mut switched_off = None;
    if let Some(reason) = disable.filter(|_| judges_alike(&ran, &definition) && ran.tile == definition.tile) {
        let disabled = sqlx::query(
            "UPDATE schedules SET system_disabled_at = $2, system_disabled_reason = $3, version = version + 1
             WHERE id = $1 AND system_disabled_at IS NULL",
        )
        .bind(&schedule)
        .bind(micros(now))
        .bind(reason.as_str())
        .execute(&mut **tx)
        .await?;
        if disabled.rows_affected() > 0 {
            due::switch(tx, &schedule, None, now).await?;
            let change = Change::by_system(Verb::ScheduleSwitchedOff, now);
            let object = Object::new(ObjectKind::Schedule, &schedule, &definition.name);
            switched_off = Some(audit::put(tx, &change, object, &audit::detail("reason", reason.as_str())).await?);
        }
    }
    if let Some(key) = host_key
        && pin(&ran, &mut definition, key)
    {
        let definition_id = put_definition(tx, &schedule, &definition).await?;
        sqlx::query("UPDATE schedules SET definition_id = $2, version = version + 1 WHERE id = $1")
            .bind(&schedule)
            .bind(definition_id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(switched_off)
}

/// Whether both watch the same data with the same rights: what a run found out about one then holds for the other. An edit that resets
/// the baseline (A12, A13) also keeps the run that was under way from writing its own over it.
fn judges_alike(ran: &Definition, stored: &Definition) -> bool {
    ran.identifier == stored.identifier
        && ran.owner == stored.owner
        && ran.condition == stored.condition
        && ran.filters == stored.filters
        && ran.timezone_override == stored.timezone_override
}

/// Pins a host key that the run learnt (D7), unless the schedule goes to another server now or has a key already.
fn pin(ran: &Definition, stored: &mut Definition, key: &str) -> bool {
    match (&ran.destination, &mut stored.destination) {
        (Destination::Sftp(ran), Destination::Sftp(stored))
            if ran.address == stored.address && ran.port == stored.port && stored.host_key.is_none() =>
        {
            stored.host_key = Some(key.to_owned());
            true
        }
        _ => false,
    }
}

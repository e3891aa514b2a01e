//! How runs end: by their worker, by a person, or because they cannot be read.

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Object, ObjectKind, Verb};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::RunId;
use pressrun_domain::notice::{Notice, NoticeKind};
use pressrun_domain::outline::{KnownTo, Untold, told};
use pressrun_domain::run::{Lease, RunKind, RunRecord, RunStatus};
use pressrun_domain::schedule::{Definition, LastRun};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::audit::Written;
use super::lease::hold;
use super::row::Reader;
use super::schedule_row::{put_definition, read_definition};
use super::{SqliteStore, Tx, artifacts, audit, due, micros, notices};
use crate::{RunEnd, StoreError};

/// What ends a run.
pub(super) struct Ending<'a> {
    pub(super) status: RunStatus,
    pub(super) reason: Option<&'a str>,
    /// `None` leaves the record as it is.
    pub(super) record: Option<&'a RunRecord>,
}

/// Ends a run that is queued or running: closes what it still owes, forgets its copy of the secrets, and moves the schedule's last run
/// unless the run does not count (S6, S8).
pub(super) async fn end_run(tx: &mut Tx, run: &str, ending: &Ending<'_>, now: Timestamp) -> Result<(), StoreError> {
    // Nothing is owed after the end: pieces that were tried have failed, the others were never tried.
    let reason = ending.reason.unwrap_or(ending.status.as_str());
    sqlx::query(
        "UPDATE deliveries SET settled_at = $2, reason = $3, not_before = NULL,
             state = CASE WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = deliveries.id) THEN 'failed' ELSE 'skipped' END
         WHERE run_id = $1 AND state = 'pending'",
    )
    .bind(run)
    .bind(micros(now))
    .bind(reason)
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query(
        "UPDATE runs SET state = 'ended', status = $2, reason = $3, ended_at = $4, available_at = NULL, worker = NULL, lease_until = NULL,
             sealed = NULL
         WHERE id = $1 RETURNING id, schedule_id, kind, coalesce(started_at, created_at) AS began_at",
    )
    .bind(run)
    .bind(ending.status.as_str())
    .bind(ending.reason)
    .bind(micros(now))
    .fetch_one(&mut **tx)
    .await?;
    if let Some(record) = ending.record {
        let run = Reader::new("runs", &row).parsed("id")?;
        artifacts::put_record(tx, run, record).await?;
    }
    if counts(&row)? {
        let LastRun { status, completed_at, untold } = last_run(ending, Reader::new("runs", &row).instant("began_at")?, now);
        sqlx::query(
            "UPDATE schedules SET last_status = $2, last_completed_at = $3, last_known_to = $4, told_status = $5, told_at = $6 WHERE id = $1",
        )
        .bind(row.try_get::<String, _>("schedule_id")?)
        .bind(status.as_str())
        .bind(micros(completed_at))
        .bind(untold.map_or(KnownTo::Readers, |untold| untold.known_to).as_str())
        .bind(untold.map_or(status, |untold| untold.status).as_str())
        .bind(micros(untold.map_or(completed_at, |untold| untold.at)))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// What the schedule keeps of it. A run without a record never judged anything, or a person stopped it.
fn last_run(ending: &Ending<'_>, began_at: Timestamp, now: Timestamp) -> LastRun {
    let outline = ending.record.and_then(|record| record.outline.as_ref()).filter(|outline| outline.known_to != KnownTo::Readers);
    let untold = outline.map(|outline| {
        let (status, _) = told(Some(outline), ending.status, ending.reason);
        Untold { known_to: outline.known_to, status, at: began_at }
    });
    LastRun { status: ending.status, completed_at: now, untold }
}

impl SqliteStore {
    pub(super) async fn finish_run(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        let run = lease.run.to_string();
        let ending = Ending { status: end.status, reason: end.reason.as_deref(), record: Some(&end.record) };
        end_run(&mut tx, &run, &ending, now).await?;
        let mut switched_off = None;
        if !end.baselines.is_empty() || end.disable.is_some() || end.learnt_host_key.is_some() {
            switched_off = teach_schedule(&mut tx, &run, end, now).await?;
        }
        // A schedule that was off before has said so already (X1: told once).
        let is_true = |notice: &&Notice| switched_off.is_some() || notice.kind != NoticeKind::ScheduleDisabled;
        let said: Vec<Notice> = end.notices.iter().filter(is_true).cloned().collect();
        notices::put(&mut tx, &said).await?;
        audit::commit(tx, switched_off).await
    }

    pub(super) async fn cancel_run(&self, run: RunId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("UPDATE runs SET cancel_requested = 1 WHERE id = $1 AND state IN ('queued', 'running') RETURNING state, schedule_id, definition_id")
            .bind(run.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(false) };
        if row.try_get::<&str, _>("state")? == "queued" {
            let ending = Ending { status: RunStatus::Killed, reason: Some("cancelled"), record: None };
            end_run(&mut tx, &run.to_string(), &ending, change.at).await?;
        }
        let name = sqlx::query("SELECT coalesce(json_extract(json, '$.name'), '') FROM definitions WHERE id = $1 AND json_valid(json)");
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
            "SELECT 1 FROM runs r WHERE r.id = $1 AND (r.cancel_requested <> 0 OR (r.kind IN ('scheduled', 'manual')
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
fn counts(run: &SqliteRow) -> Result<bool, StoreError> {
    let kind = Reader::new("runs", run).word("kind", &RunKind::ALL, RunKind::as_str)?;
    Ok(kind.counts())
}

/// Hands on to the schedule what its run learnt, as far as the schedule is still the one that ran. Returns the audit's entry when it
/// switched it off.
async fn teach_schedule(tx: &mut Tx, run: &str, end: &RunEnd, now: Timestamp) -> Result<Option<Written>, StoreError> {
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
    let (schedule, mut definition) = (stored.id().to_owned(), read_definition(&stored)?);
    let mut switched_off = None;
    if judges_alike(&ran, &definition) {
        for change in &end.baselines {
            sqlx::query(
                "INSERT INTO baselines (schedule_id, audience, fingerprint) SELECT $1, $2, $3
                 WHERE $4 IS NULL OR EXISTS (SELECT 1 FROM deliveries WHERE id = $4 AND state = 'accepted')
                 ON CONFLICT (schedule_id, audience) DO UPDATE SET fingerprint = excluded.fingerprint",
            )
            .bind(&schedule)
            .bind(&change.audience)
            .bind(&change.fingerprint)
            .bind(change.after.map(|piece| piece.to_string()))
            .execute(&mut **tx)
            .await?;
        }
        if let Some(reason) = end.disable.filter(|_| ran.tile == definition.tile) {
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
    }
    if let Some(key) = &end.learnt_host_key
        && pin(&ran, &mut definition, key)
    {
        let definition_id = put_definition(tx, &definition).await?;
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

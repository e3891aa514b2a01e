//! A schedule as a row, its definition by content, its secrets sealed.

use std::collections::{BTreeMap, HashSet};

use pressrun_domain::destination::Destination;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_domain::outline::{KnownTo, Untold};
use pressrun_domain::run::{Run, RunStatus};
use pressrun_domain::schedule::{Definition, LastRun, Schedule, SystemDisabled, SystemDisabledReason};
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::dialect::{DbRow, kept};
use super::places::Revision;
use super::row::{Reader, to_json};
use super::{Tx, places};
use crate::StoreError;
use crate::seal::{Place, Sealer};

/// Columns of a schedule, read by [`read`]; without its list of recipients for whoever looks at many schedules.
macro_rules! schedule_columns {
    () => {
        super::schedule_row::schedule_columns!(@with super::places::places!())
    };
    (without a list) => {
        super::schedule_row::schedule_columns!(@with super::places::no_places!())
    };
    (@with $places:expr) => {
        concat!("s.id, s.version, s.created_at, s.updated_at, s.disabled_at, s.system_disabled_at, s.system_disabled_reason,
         (SELECT coalesce((SELECT min(p.at) FROM planned p WHERE p.k = q.k), q.next_at) FROM due q WHERE q.schedule_id = s.id) AS next_at,
         s.last_status, s.last_completed_at, s.last_known_to, s.told_status, s.told_at, s.definition_id, s.sealed, s.condition_query, s.dashboard_name, s.owner_name,
         s.recipient_count, d.json AS definition, ", $places, ",
         (SELECT ", super::dialect::json_list!("l.recipient_id"), " FROM departures l WHERE l.schedule_id = s.id AND l.definition_id = s.definition_id) AS departed")
    };
}
pub(super) use schedule_columns;

/// Where the secrets of a schedule and of its runs are sealed to: a run's copy is the very bytes of its schedule.
pub(super) fn sealed_at(schedule: &str) -> Place<'_> {
    Place { table: "schedules", row: schedule, column: "sealed" }
}

/// A schedule without its secrets.
pub(super) fn read(row: &DbRow) -> Result<Schedule, StoreError> {
    let reader = Reader::new("schedules", row);
    Ok(Schedule {
        id: reader.parsed("id")?,
        definition: read_present_definition(&reader)?,
        disabled_at: reader.instant_opt("disabled_at")?,
        system_disabled: read_system_disabled(&reader)?,
        created_at: reader.instant("created_at")?,
        updated_at: reader.instant("updated_at")?,
        version: reader.count("version")?,
        next_at: reader.instant_opt("next_at")?,
        last_run: read_last_run(&reader)?,
    })
}

/// Since when Pressrun has it switched off, and why.
pub(super) fn read_system_disabled(reader: &Reader<'_>) -> Result<Option<SystemDisabled>, StoreError> {
    let Some(at) = reader.instant_opt("system_disabled_at")? else { return Ok(None) };
    let reason = reader.word("system_disabled_reason", &SystemDisabledReason::ALL, SystemDisabledReason::as_str)?;
    Ok(Some(SystemDisabled { at, reason }))
}

/// How the last run ended.
pub(super) fn read_last_run(reader: &Reader<'_>) -> Result<Option<LastRun>, StoreError> {
    let Some(completed_at) = reader.instant_opt("last_completed_at")? else { return Ok(None) };
    let status = reader.word("last_status", &RunStatus::ALL, RunStatus::as_str)?;
    Ok(Some(LastRun { status, completed_at, untold: untold(reader)? }))
}

/// What those are told of the last run who may not know how it ended.
fn untold(reader: &Reader<'_>) -> Result<Option<Untold>, StoreError> {
    let known_to = reader.word("last_known_to", &KnownTo::ALL, KnownTo::as_str)?;
    if known_to == KnownTo::Readers {
        return Ok(None);
    }
    Ok(Some(Untold { known_to, status: reader.word("told_status", &RunStatus::ALL, RunStatus::as_str)?, at: reader.instant("told_at")? }))
}

/// A schedule with its secrets.
pub(super) fn read_with_secrets(row: &DbRow, sealer: &Sealer) -> Result<Schedule, StoreError> {
    let mut schedule = read(row)?;
    open_secrets(sealer, schedule.id, &Reader::new("schedules", row), &mut schedule.definition)?;
    Ok(schedule)
}

/// The definition that a row of schedules or runs names, without its list unless it is of old.
pub(super) fn read_definition(reader: &Reader<'_>) -> Result<Definition, StoreError> {
    let text: &str = reader.get("definition")?;
    serde_json::from_str(text).map_err(|fault| StoreError::Corrupt {
        table: "definitions",
        column: "json",
        row: format!("{} (of {})", reader.get("definition_id").unwrap_or("?"), reader.id()),
        fault: fault.to_string(),
    })
}

/// The definition with its list, if that was asked for: from rows, or from the text of old, less those who have left since (ids as a JSON list in the
/// column `departed`).
pub(super) fn read_present_definition(reader: &Reader<'_>) -> Result<Definition, StoreError> {
    let mut definition = read_definition(reader)?;
    if reader.get::<Option<&str>>("places")?.is_none() {
        definition.destination.forget_recipients();
        return Ok(definition);
    }
    let departed: HashSet<RecipientId> = reader.json("departed")?;
    if let Destination::Email(email) = &mut definition.destination {
        places::restore(reader, email)?;
        if !departed.is_empty() {
            email.retain(|recipient| !departed.contains(&recipient.id));
        }
    }
    Ok(definition)
}

/// Puts the secrets of the row's column `sealed` back into its definition.
pub(super) fn open_secrets(
    sealer: &Sealer,
    schedule: ScheduleId,
    reader: &Reader<'_>,
    definition: &mut Definition,
) -> Result<(), StoreError> {
    if let Some(sealed) = reader.get::<Option<Vec<u8>>>("sealed")? {
        let plain = sealer.open(sealed_at(&schedule.to_string()), &sealed)?;
        let texts: BTreeMap<String, String> =
            serde_json::from_slice(&plain).map_err(|_| reader.corrupt("sealed", "holds no map of secrets"))?;
        let secrets = texts.into_iter().map(|(name, text)| (name, Secret::new(text)));
        definition.destination.restore_secrets(secrets.collect());
    }
    Ok(())
}

/// The sealed secrets of a definition; `None` when it has none.
pub(super) fn seal_secrets(sealer: &Sealer, schedule: ScheduleId, definition: &Definition) -> Result<Option<Vec<u8>>, StoreError> {
    let secrets = definition.destination.secrets();
    if secrets.is_empty() {
        return Ok(None);
    }
    let texts: BTreeMap<&str, &str> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    let plain = Zeroizing::new(to_json(&texts)?);
    sealer.seal(sealed_at(&schedule.to_string()), plain.as_bytes()).map(Some)
}

/// Saves what a schedule does from now on, with its list of mail. Returns the hash that names it.
pub(super) async fn put_definition(tx: &mut Tx, schedule: &str, definition: &Definition) -> Result<String, StoreError> {
    let revision = match &definition.destination {
        Destination::Email(email) => Some(places::put(tx, schedule, email).await?),
        Destination::Sftp(_) | Destination::Webhook(_) | Destination::Slack(_) | Destination::S3(_) => None,
    };
    put_text(tx, &text_of(definition)?, revision).await
}

/// Saves what a run does that somebody asks for, as [`put_definition`] does. One that sends a piece again has the list of the run that it is of.
pub(super) async fn put_definition_of_run(tx: &mut Tx, run: &Run) -> Result<String, StoreError> {
    let mut revision = None;
    if let Destination::Email(email) = &run.definition.destination {
        if let Some(of) = run.record.resend_of {
            revision = places::of_run(tx, &of.run.to_string()).await?;
        }
        if revision.is_none() {
            revision = Some(places::put_of_run(tx, &run.schedule_id.to_string(), &run.id.to_string(), email).await?);
        }
    }
    put_text(tx, &text_of(&run.definition)?, revision).await
}

/// A definition as text, without the list that is kept in rows.
fn text_of(definition: &Definition) -> Result<String, StoreError> {
    let Destination::Email(email) = &definition.destination else { return to_json(definition) };
    let mut rest = email.clone();
    places::forget(&mut rest);
    to_json(&Definition { destination: Destination::Email(rest), ..definition.clone() })
}

/// Saves a text under the hash of what it says and of which revision of its list it has.
pub(super) async fn put_text(tx: &mut Tx, json: &str, revision: Option<Revision>) -> Result<String, StoreError> {
    let named = revision.map(|of| format!(" {} {}", of.list, of.revision)).unwrap_or_default();
    let id = hex::encode(Sha256::new().chain_update(json).chain_update(named).finalize());
    sqlx::query(concat!("INSERT INTO definitions (id, json, list, revision) VALUES ($1, $2, $3, $4) ON CONFLICT (id) ", kept!()))
        .bind(&id)
        .bind(json)
        .bind(revision.map(|of| of.list))
        .bind(revision.map(|of| of.revision))
        .execute(&mut **tx)
        .await?;
    Ok(id)
}

/// Single recipients of mail, copies included, -1 for other destinations (contract Q6).
pub(super) fn recipient_count(definition: &Definition) -> i64 {
    definition.destination.email().map_or(-1, |email| email.named().count() as i64)
}

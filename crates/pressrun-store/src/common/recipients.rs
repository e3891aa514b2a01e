//! Recipients of schedules: who is on which list, besides the definition that holds them.

use jiff::Timestamp;
use pressrun_domain::audit::Change;
use pressrun_domain::destination::{Destination, EmailSettings, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_domain::schedule::Definition;
use serde::Serialize;
use sqlx::Row as _;

use super::Tx;
use super::dialect::{among, asked, locked, table};
use super::row::{Reader, to_json};
use super::schedule_row::{put_definition, read_present_definition, recipient_count, schedule_columns};
use super::{Backend, audit, micros, places};
use crate::StoreError;

/// One row of `schedule_recipients`: folded address, recipient, email-only user.
#[derive(Serialize)]
struct Place(String, String, Option<String>);

/// Makes the rows those of the definition, by writing what differs.
///
/// # Errors
/// [`StoreError::Conflict`] when an address is on the list twice, compared without case (P7).
pub(super) async fn put(tx: &mut Tx, schedule: ScheduleId, definition: &Definition) -> Result<(), StoreError> {
    let id = schedule.to_string();
    let named = definition.destination.email().into_iter().flat_map(EmailSettings::named);
    let places = named.map(|recipient| {
        let user = recipient.outsider().map(|user| user.to_string());
        Place(recipient.email.folded(), recipient.id.to_string(), user)
    });
    let places = to_json(&places.collect::<Vec<_>>())?;
    for statement in [
        concat!(
            "DELETE FROM schedule_recipients WHERE schedule_id = $1 AND (email_folded, recipient_id, coalesce(user_id, '')) NOT IN (
                 SELECT j.email, j.recipient, coalesce(j.outsider, '') FROM ",
            table!("$2" as j: 0 email text, 1 recipient text, 2 outsider text),
            ")"
        ),
        concat!(
            "INSERT INTO schedule_recipients (schedule_id, email_folded, recipient_id, user_id) SELECT $1, j.email, j.recipient, j.outsider FROM ",
            table!("$2" as j: 0 email text, 1 recipient text, 2 outsider text),
            " WHERE (j.email, j.recipient) NOT IN (SELECT email_folded, recipient_id FROM schedule_recipients WHERE schedule_id = $1)"
        ),
    ] {
        sqlx::query(statement).bind(&id).bind(&places).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Whether both have the same rows.
pub(super) fn are_equal(one: &Definition, other: &Definition) -> bool {
    fn places(definition: &Definition) -> impl Iterator<Item = &Recipient> {
        definition.destination.email().into_iter().flat_map(EmailSettings::named)
    }
    places(one).eq(places(other))
}

/// Keeps only the recipients that `keep` wants; false when it wanted all. Counts the schedule's version up.
///
/// Whoever leaves is deleted from every revision of the list, so that what waits is without them too, and the definition stays as it is (H6). One of
/// old, which has its list in its text, is written anew.
pub(super) async fn retain(
    tx: &mut Tx,
    schedule: &str,
    now: Option<Timestamp>,
    keep: impl Fn(&Recipient) -> bool + Send,
) -> Result<bool, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        schedule_columns!(),
        " FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE s.id = $1",
        locked!("s")
    ));
    let Some(row) = row.bind(schedule).fetch_optional(&mut **tx).await? else { return Ok(false) };
    let reader = Reader::new("schedules", &row);
    let mut definition_id: String = reader.get("definition_id")?;
    let mut definition = read_present_definition(&reader)?;
    let Destination::Email(email) = &mut definition.destination else { return Ok(false) };
    let leaving: Vec<Recipient> = email.named().filter(|recipient| !keep(recipient)).cloned().collect();
    if leaving.is_empty() {
        return Ok(false);
    }
    email.retain(keep);
    let ids: Vec<RecipientId> = leaving.iter().map(|recipient| recipient.id).collect();
    depart(tx, schedule, &ids).await?;
    places::take_off(tx, schedule, &ids).await?;
    if reader.get::<Option<i64>>("list")?.is_none() {
        definition_id = put_definition(tx, schedule, &definition).await?;
    }
    let addresses: Vec<String> = leaving.iter().map(|recipient| recipient.email.folded()).collect();
    sqlx::query(concat!("DELETE FROM schedule_recipients WHERE schedule_id = $1 AND ", among!("email_folded", "$2")))
        .bind(schedule)
        .bind(to_json(&addresses)?)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "UPDATE schedules SET definition_id = $2, recipient_count = $3, version = version + 1, updated_at = coalesce($4, updated_at)
         WHERE id = $1",
    )
    .bind(schedule)
    .bind(definition_id)
    .bind(recipient_count(&definition))
    .bind(now.map(micros))
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// Notes who has left for runs under way whose definition is of old, with the list in its text.
async fn depart(tx: &mut Tx, schedule: &str, leaving: &[RecipientId]) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "INSERT INTO departures (schedule_id, definition_id, recipient_id)
         SELECT $1, past.id, asked.value FROM (
             SELECT DISTINCT d.id FROM runs r JOIN definitions d ON d.id = r.definition_id
             WHERE r.schedule_id = $1 AND r.state IN ('queued', 'running') AND d.list IS NULL) past CROSS JOIN ",
        asked!("$2"),
        " WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(schedule)
    .bind(to_json(&leaving)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Backend {
    pub(super) async fn put_opt_out(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let id = schedule.to_string();
        let added = sqlx::query(
            "INSERT INTO opt_outs (schedule_id, email_folded, at) SELECT id, $2, $3 FROM schedules WHERE id = $1
             ON CONFLICT (schedule_id, email_folded) DO UPDATE SET email_folded = excluded.email_folded",
        )
        .bind(&id)
        .bind(email.folded())
        .bind(micros(change.at))
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        retain(&mut tx, &id, Some(change.at), |on_list| !on_list.email.same_as(email)).await?;
        self.audited(tx, schedule, &[email.to_string()], change).await
    }

    pub(super) async fn take_off(&self, schedule: ScheduleId, recipient: RecipientId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let place = sqlx::query("SELECT email_folded FROM schedule_recipients WHERE schedule_id = $1 AND recipient_id = $2");
        let place = place.bind(schedule.to_string()).bind(recipient.to_string()).fetch_optional(&mut *tx).await?;
        let removed = retain(&mut tx, &schedule.to_string(), Some(change.at), |on_list| on_list.id != recipient).await?;
        if !removed {
            return Ok(false);
        }
        let email: Option<String> = place.map(|row| row.try_get(0)).transpose()?;
        self.audited(tx, schedule, email.as_slice(), change).await?;
        Ok(true)
    }

    /// Commits, with an entry that tells who left the list.
    async fn audited(&self, mut tx: Tx, schedule: ScheduleId, left: &[String], change: &Change) -> Result<(), StoreError> {
        let object = audit::schedule_of(&mut tx, schedule).await?;
        let details = audit::detail("recipients", serde_json::json!({ "removed": left }));
        let written = audit::put(&mut tx, change, object, &details).await?;
        audit::commit(tx, [written]).await
    }
}

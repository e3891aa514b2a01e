//! [`Schedules`].

use std::collections::HashMap;

use async_trait::async_trait;
use pressrun_domain::audit::{Change, Object, ObjectKind, definition_difference};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, MembershipId, ScheduleId};
use pressrun_domain::outline::KnownTo;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Schedule;
use sqlx::Row as _;

use super::dialect::{Db, DbRow, clean, locked};
use super::finish::{Ending, end_run};
use super::row::int;
use super::schedule_row::{put_definition, read_with_secrets, recipient_count, schedule_columns, seal_secrets};
use super::{Backend, Tx, audit, due, grounds, micros, missed, queue, recipients};
use crate::collation::folded;
use crate::{GroundsKey, ListQuery, ListRow, ListedMember, Names, Page, Schedules, SharedGrounds, StoreError};

/// Each different pair of two columns of schedules, found by walking an index of both from one pair to the next.
macro_rules! names_of {
    ($of:literal, $name:literal) => {
        concat!(
            "WITH RECURSIVE pairs (a, b) AS (
                 SELECT * FROM (SELECT ",
            $of,
            ", ",
            $name,
            " FROM schedules ORDER BY ",
            $of,
            ", ",
            $name,
            " LIMIT 1) first_pair
                 UNION ALL
                 SELECT CASE WHEN EXISTS (SELECT 1 FROM schedules s WHERE s.",
            $of,
            " = p.a AND s.",
            $name,
            " > p.b) THEN p.a
                         ELSE (SELECT min(s.",
            $of,
            ") FROM schedules s WHERE s.",
            $of,
            " > p.a) END,
                     coalesce((SELECT min(s.",
            $name,
            ") FROM schedules s WHERE s.",
            $of,
            " = p.a AND s.",
            $name,
            " > p.b),
                         (SELECT s.",
            $name,
            " FROM schedules s WHERE s.",
            $of,
            " > p.a ORDER BY s.",
            $of,
            ", s.",
            $name,
            " LIMIT 1))
                 FROM pairs p WHERE p.a IS NOT NULL)
             SELECT a, b FROM pairs WHERE a IS NOT NULL"
        )
    };
}

#[async_trait]
impl Schedules for Backend {
    async fn insert_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<(), StoreError> {
        let details = definition_difference(None, Some(&schedule.definition));
        let untold = schedule.last_run.and_then(|run| run.untold);
        let mut tx = self.begin().await?;
        let definition_id = put_definition(&mut tx, &schedule.id.to_string(), &schedule.definition).await?;
        let insert = sqlx::query(
            "INSERT INTO schedules (id, definition_id, sealed, updated_at, disabled_at, system_disabled_at, system_disabled_reason,
                 destination, alert, single_tile, owner, identifier, recipient_count, condition_query, dashboard_name, owner_name,
                 name_key, dashboard_key, owner_key, name_folded, dashboard_folded, owner_folded,
                 version, created_at, last_status, last_completed_at, last_known_to, told_status, told_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $25, $26, $27, $28, $29)",
        );
        self.bind_shared(insert, schedule, names, &definition_id)?
            .bind(int(schedule.version))
            .bind(micros(schedule.created_at))
            .bind(schedule.last_run.map(|run| run.status.as_str()))
            .bind(schedule.last_run.map(|run| micros(run.completed_at)))
            .bind(untold.map_or(KnownTo::Readers, |untold| untold.known_to).as_str())
            .bind(schedule.last_run.map(|run| run.untold.map_or(run.status, |untold| untold.status).as_str()))
            .bind(schedule.last_run.map(|run| micros(run.untold.map_or(run.completed_at, |untold| untold.at))))
            .execute(&mut *tx)
            .await?;
        due::put(&mut tx, schedule, change.at).await?;
        grounds::put(&mut tx, schedule).await?;
        recipients::put(&mut tx, schedule.id, &schedule.definition).await?;
        let written = audit::put(&mut tx, change, object(schedule), &details).await?;
        audit::commit(tx, [written]).await
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            schedule_columns!(),
            " FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE s.id = $1"
        ))
        .bind(id.to_string())
        .fetch_optional(&self.read)
        .await?;
        row.map(|row| read_with_secrets(&row, &self.sealer)).transpose()
    }

    async fn replace_schedule(&self, schedule: &Schedule, names: &Names, change: &Change) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let (version, written) = self.put_over(&mut tx, schedule, names, change).await?;
        audit::commit(tx, [written]).await?;
        Ok(version)
    }

    async fn delete_schedule(&self, id: ScheduleId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let before = self.in_transaction(&mut tx, id).await?;
        due::take_back(&mut tx, &id.to_string(), change.at).await?;
        missed::tell_left(&mut tx, &id.to_string(), |_, _| false, change.at).await?;
        let deleted =
            sqlx::query("DELETE FROM schedules WHERE id = $1 RETURNING grounds").bind(id.to_string()).fetch_optional(&mut *tx).await?;
        let Some(deleted) = deleted else { return Ok(false) };
        grounds::forget(&mut tx, deleted.try_get(0)?).await?;
        sqlx::query("DELETE FROM alarms WHERE schedule_id = $1").bind(id.to_string()).execute(&mut *tx).await?;
        // A run that waits and has sent nothing ends here (X9); one that has sent something finishes; a running one is told by
        // `is_cancelled`.
        let waiting = sqlx::query(
            "SELECT id FROM runs WHERE schedule_id = $1 AND state = 'queued' AND kind IN ('scheduled', 'manual')
                 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = runs.id AND d.state = 'accepted')",
        )
        .bind(id.to_string())
        .fetch_all(&mut *tx)
        .await?;
        for row in waiting {
            let ending = Ending { status: RunStatus::Killed, reason: Some("deleted") };
            queue::withdraw(&mut tx, row.try_get("id")?).await?;
            end_run(&mut tx, row.try_get("id")?, &ending, change.at).await?;
        }
        let details = definition_difference(before.as_ref().map(|before| &before.definition), None);
        let gone = before.as_ref().map_or_else(|| Object::new(ObjectKind::Schedule, id, ""), object);
        let written = audit::put(&mut tx, change, gone, &details).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }

    async fn list_schedules(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError> {
        self.list_page(query).await
    }

    async fn grounds(&self, after: GroundsKey, limit: u32) -> Result<Vec<SharedGrounds>, StoreError> {
        self.grounds_page(after, limit).await
    }

    async fn standing_on(
        &self,
        grounds: GroundsKey,
        switched_off: bool,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError> {
        self.schedules_standing_on(grounds, switched_off, after, limit).await
    }

    async fn refresh_names(
        &self,
        dashboards: &[(DocumentIdentifier, String)],
        owners: &[(MembershipId, String)],
    ) -> Result<(), StoreError> {
        // Of tens of thousands of names few differ, and others wait while this writes.
        let listed = self.listed_names(names_of!("identifier", "dashboard_name")).await?;
        let stale = |of: &str, name: &str| listed.get(of).is_some_and(|names| names.iter().any(|listed| listed != name));
        let dashboards: Vec<_> = dashboards.iter().filter(|(identifier, name)| stale(identifier.as_str(), name)).collect();
        let listed = self.listed_names(names_of!("owner", "owner_name")).await?;
        let stale = |of: &str, name: &str| listed.get(of).is_some_and(|names| names.iter().any(|listed| listed != name));
        let owners: Vec<_> =
            owners.iter().map(|(owner, name)| (owner.to_string(), name)).filter(|(owner, name)| stale(owner, name)).collect();
        if dashboards.is_empty() && owners.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (identifier, name) in dashboards {
            let update = sqlx::query(
                "UPDATE schedules SET dashboard_name = $2, dashboard_key = $3, dashboard_folded = $4
                 WHERE identifier = $1 AND dashboard_name <> $2",
            );
            self.rename(&mut tx, update, identifier.as_str().to_owned(), name).await?;
        }
        for (owner, name) in owners {
            let update = sqlx::query(
                "UPDATE schedules SET owner_name = $2, owner_key = $3, owner_folded = $4 WHERE owner = $1 AND owner_name <> $2",
            );
            self.rename(&mut tx, update, owner, name).await?;
        }
        tx.commit().await
    }

    async fn listed_members(&self, after: Option<MembershipId>, limit: u32) -> Result<Vec<ListedMember>, StoreError> {
        self.members_on_lists(after, limit).await
    }

    async fn move_members(&self, moved: &[(MembershipId, EmailAddress)]) -> Result<u64, StoreError> {
        self.move_listed(moved).await
    }
}

type Statement<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// What the audit calls a schedule.
fn object(schedule: &Schedule) -> Object {
    Object::new(ObjectKind::Schedule, schedule.id, &schedule.definition.name)
}

impl Backend {
    /// The names that the list has of each thing that `pairs` selects with its name: mostly one.
    async fn listed_names(&self, pairs: &'static str) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut listed: HashMap<String, Vec<String>> = HashMap::new();
        for row in sqlx::query(pairs).fetch_all(&self.read).await? {
            listed.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
        }
        Ok(listed)
    }

    /// The schedule as this transaction finds it; `None` also when its row cannot be read, which must not keep it from being replaced or
    /// deleted.
    async fn in_transaction(&self, tx: &mut Tx, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            schedule_columns!(),
            " FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE s.id = $1",
            locked!("s")
        ))
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
        Ok(row.and_then(|row| {
            let read = read_with_secrets(&row, &self.sealer);
            read.inspect_err(|error| tracing::warn!(%error, "the audit does not tell what a schedule was before")).ok()
        }))
    }

    /// Saves a changed schedule over the version it was read at; its new version, and what the audit says of it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is another, [`StoreError::NotFound`] when it is deleted.
    pub(super) async fn put_over(
        &self,
        tx: &mut Tx,
        schedule: &Schedule,
        names: &Names,
        change: &Change,
    ) -> Result<(u64, audit::Written), StoreError> {
        let before = self.in_transaction(tx, schedule.id).await?;
        // What is ready by now becomes a run of the schedule as it was.
        due::take_back(tx, &schedule.id.to_string(), change.at).await?;
        missed::tell_left(tx, &schedule.id.to_string(), |cron, zone| due::stays(schedule, cron, zone), change.at).await?;
        let definition_id = put_definition(tx, &schedule.id.to_string(), &schedule.definition).await?;
        // What the last run came to by the rows of one owner is not the next owner's to know.
        let update = sqlx::query(
            "UPDATE schedules SET definition_id = $2, sealed = $3, updated_at = $4, disabled_at = $5, system_disabled_at = $6,
                 system_disabled_reason = $7, destination = $8, alert = $9, single_tile = $10, owner = $11,
                 identifier = $12, recipient_count = $13, condition_query = $14, dashboard_name = $15, owner_name = $16,
                 name_key = $17, dashboard_key = $18, owner_key = $19, name_folded = $20, dashboard_folded = $21, owner_folded = $22,
                 last_known_to = CASE WHEN last_known_to = 'owner' AND owner <> $11 THEN 'admins' ELSE last_known_to END,
                 version = version + 1
             WHERE id = $1 AND version = $23",
        );
        let update = self.bind_shared(update, schedule, names, &definition_id)?.bind(int(schedule.version));
        if update.execute(&mut **tx).await?.rows_affected() == 0 {
            let row = sqlx::query("SELECT 1 FROM schedules WHERE id = $1").bind(schedule.id.to_string()).fetch_optional(&mut **tx).await?;
            return Err(if row.is_some() { StoreError::Conflict } else { StoreError::NotFound("schedule") });
        }
        due::put(tx, schedule, change.at).await?;
        grounds::put(tx, schedule).await?;
        // A list of tens of thousands is not looked through again for a pause or another name.
        if before.as_ref().is_none_or(|before| !recipients::are_equal(&before.definition, &schedule.definition)) {
            recipients::put(tx, schedule.id, &schedule.definition).await?;
        }
        let details = definition_difference(before.as_ref().map(|before| &before.definition), Some(&schedule.definition));
        let written = audit::put(tx, change, object(schedule), &details).await?;
        Ok((schedule.version + 1, written))
    }

    /// Binds `$1` to `$22`, which insert and update share.
    fn bind_shared<'q>(
        &self,
        statement: Statement<'q>,
        schedule: &Schedule,
        names: &Names,
        definition_id: &str,
    ) -> Result<Statement<'q>, StoreError> {
        let definition = &schedule.definition;
        Ok(statement
            .bind(schedule.id.to_string())
            .bind(definition_id.to_owned())
            .bind(seal_secrets(&self.sealer, schedule.id, definition)?)
            .bind(micros(schedule.updated_at))
            .bind(schedule.disabled_at.map(micros))
            .bind(schedule.system_disabled.map(|disabled| micros(disabled.at)))
            .bind(schedule.system_disabled.map(|disabled| disabled.reason.as_str()))
            .bind(definition.destination.kind().as_str())
            .bind(definition.condition.is_some())
            .bind(definition.tile.is_some())
            .bind(definition.owner.to_string())
            .bind(definition.identifier.as_str().to_owned())
            .bind(recipient_count(definition))
            .bind(names.condition_query.as_deref().map(|query| clean(query).to_string()))
            .bind(clean(&names.dashboard).to_string())
            .bind(clean(&names.owner).to_string())
            .bind(self.collation.key(&definition.name))
            .bind(self.collation.key(&names.dashboard))
            .bind(self.collation.key(&names.owner))
            .bind(folded(&clean(&definition.name)))
            .bind(folded(&clean(&names.dashboard)))
            .bind(folded(&clean(&names.owner))))
    }

    async fn rename(&self, tx: &mut Tx, update: Statement<'_>, of: String, name: &str) -> Result<(), StoreError> {
        let name = clean(name).to_string();
        let (key, folded) = (self.collation.key(&name), folded(&name));
        update.bind(of).bind(name).bind(key).bind(folded).execute(&mut **tx).await?;
        Ok(())
    }
}

/// The rows that parse. One that does not is logged with its name and left out: it must not hide the others.
pub(super) fn readable<T>(rows: &[DbRow], read: impl Fn(&DbRow) -> Result<T, StoreError>) -> Vec<T> {
    let read = rows.iter().map(read).filter_map(|row| row.inspect_err(|error| tracing::error!(%error, "a row is left out")).ok());
    read.collect()
}

//! [`People`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind, Verb, plain_difference};
use pressrun_domain::destination::Person;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, ScheduleId, UserId};
use pressrun_domain::users::EmailOnlyUser;
use serde::Serialize;
use sqlx::{QueryBuilder, Row as _};

use super::audit::Written;
use super::dialect::{Db, DbRow, PLACE_IN, among, clean, locked, table};
use super::row::{Reader, to_json};
use super::schedules::readable;
use super::{Backend, Tx, audit, micros, recipients};
use crate::collation::folded;
use crate::{Page, People, StoreError, Upserted};

/// Users whose making is told one by one; of more that one call makes, only how many. They have the instant of the entry as theirs.
const TOLD: usize = 50;

/// Users with the folded addresses of the list `$1`.
macro_rules! by_address {
    () => {
        concat!("SELECT * FROM users_email_only WHERE ", among!("email_folded", "$1"))
    };
}

#[async_trait]
impl People for Backend {
    async fn upsert_users(&self, users: &[Upserted], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError> {
        let mut tx = self.begin().await?;
        let mut written = Vec::new();
        insert_new(&mut tx, &users.iter().map(NewUser::of).collect::<Vec<_>>(), change, &mut written).await?;
        let folded: Vec<String> = users.iter().map(|(email, _)| email.folded()).collect();
        let changes = users.iter().any(|(_, attributes)| !attributes.is_empty());
        let rows = sqlx::query(if changes { concat!(by_address!(), " ORDER BY id", locked!()) } else { by_address!() });
        let rows = rows.bind(to_json(&folded)?).fetch_all(&mut *tx).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            let user = read_user(row)?;
            known.insert(user.email.folded(), user);
        }
        written.extend(merge(&mut tx, users, &mut known, change).await?);
        audit::commit(tx, written).await?;
        Ok(folded.iter().filter_map(|folded| known.get(folded).cloned()).collect())
    }

    async fn users_by_email(&self, emails: &[EmailAddress]) -> Result<Vec<EmailOnlyUser>, StoreError> {
        let folded: BTreeSet<String> = emails.iter().map(EmailAddress::folded).collect();
        let rows = sqlx::query(concat!("SELECT * FROM users_email_only WHERE ", among!("email_folded", "$1"), " ORDER BY email_folded"));
        rows.bind(to_json(&folded)?).fetch_all(&self.read).await?.iter().map(read_user).collect()
    }

    async fn users_by_id(&self, ids: &[UserId]) -> Result<Vec<EmailOnlyUser>, StoreError> {
        let rows = sqlx::query(concat!("SELECT * FROM users_email_only WHERE ", among!("id", "$1"), " ORDER BY email_folded"));
        rows.bind(to_json(&ids)?).fetch_all(&self.read).await?.iter().map(read_user).collect()
    }

    async fn list_users(
        &self,
        email_part: Option<&str>,
        after: Option<&str>,
        limit: u32,
        descending: bool,
    ) -> Result<Page<EmailOnlyUser>, StoreError> {
        let part = email_part.map(|part| folded(&clean(part))).filter(|part| !part.is_empty());
        let filter = |sql: &mut QueryBuilder<Db>| {
            if let Some(part) = &part {
                sql.push(" AND ").push(PLACE_IN).push("(email_folded, ").push_bind(part.clone()).push(") > 0");
            }
        };
        let mut tx = self.snapshot().await?;
        let mut count = QueryBuilder::new("SELECT count(*) FROM users_email_only WHERE 1 = 1");
        filter(&mut count);
        let total: i64 = count.build().fetch_one(&mut *tx).await?.try_get(0)?;

        let mut page = QueryBuilder::new("SELECT * FROM users_email_only WHERE 1 = 1");
        filter(&mut page);
        if let Some(after) = after {
            page.push(if descending { " AND email_folded < " } else { " AND email_folded > " }).push_bind(folded(&clean(after)));
        }
        page.push(if descending { " ORDER BY email_folded DESC LIMIT " } else { " ORDER BY email_folded LIMIT " });
        page.push_bind(i64::from(limit));
        let rows = page.build().fetch_all(&mut *tx).await?;
        Ok(Page { rows: readable(&rows, read_user), total: total.unsigned_abs() })
    }

    async fn lists_naming(&self, email: &EmailAddress, limit: u32) -> Result<Vec<ScheduleId>, StoreError> {
        let lists = sqlx::query("SELECT schedule_id FROM schedule_recipients WHERE email_folded = $1 ORDER BY schedule_id LIMIT $2");
        let rows = lists.bind(email.folded()).bind(i64::from(limit)).fetch_all(&self.read).await?;
        rows.iter().map(|row| Reader::new("schedule_recipients", row).parsed("schedule_id")).collect()
    }

    async fn delete_users(&self, emails: &[EmailAddress], ids: &[UserId], change: &Change) -> Result<Vec<EmailOnlyUser>, StoreError> {
        let folded: BTreeSet<String> = emails.iter().map(EmailAddress::folded).collect();
        let mut tx = self.begin().await?;
        let rows = sqlx::query(concat!(
            "DELETE FROM users_email_only WHERE ",
            among!("email_folded", "$1"),
            " OR ",
            among!("id", "$2"),
            " RETURNING *"
        ));
        let rows = rows.bind(to_json(&folded)?).bind(to_json(&ids)?).fetch_all(&mut *tx).await?;
        let mut deleted = rows.iter().map(read_user).collect::<Result<Vec<_>, _>>()?;
        deleted.sort_by_key(|user| user.email.folded());

        let gone: BTreeSet<UserId> = deleted.iter().map(|user| user.id).collect();
        let lists = sqlx::query(concat!(
            "SELECT DISTINCT schedule_id FROM schedule_recipients WHERE user_id IS NOT NULL AND ",
            among!("user_id", "$1"),
            " ORDER BY schedule_id"
        ));
        for row in lists.bind(to_json(&gone)?).fetch_all(&mut *tx).await? {
            let stays = |person: Person| !matches!(person, Person::EmailOnly(user) if gone.contains(&user));
            recipients::retain(&mut tx, row.try_get("schedule_id")?, None, |recipient| stays(recipient.person)).await?;
        }
        let mut written = Vec::with_capacity(deleted.len());
        for user in &deleted {
            let object = Object::new(ObjectKind::User, user.id, user.email.as_str());
            let details = plain_difference(&told(user), &serde_json::Map::new());
            written.push(audit::put(&mut tx, change, object, &details).await?);
        }
        audit::commit(tx, written).await?;
        Ok(deleted)
    }

    async fn opt_out(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError> {
        self.put_opt_out(schedule, email, change).await
    }

    async fn opt_in(&self, schedule: ScheduleId, email: &EmailAddress, change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let back = sqlx::query("DELETE FROM opt_outs WHERE schedule_id = $1 AND email_folded = $2");
        let back = back.bind(schedule.to_string()).bind(email.folded()).execute(&mut *tx).await?;
        if back.rows_affected() == 0 {
            return Ok(());
        }
        let object = audit::schedule_of(&mut tx, schedule).await?;
        let details = audit::detail("recipients", serde_json::json!({ "optedIn": [email.as_str()] }));
        let written = audit::put(&mut tx, change, object, &details).await?;
        audit::commit(tx, [written]).await
    }

    async fn opted_out(&self, schedule: ScheduleId) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT email_folded FROM opt_outs WHERE schedule_id = $1 ORDER BY email_folded");
        rows.bind(schedule.to_string()).fetch_all(&self.read).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn remove_recipient(&self, schedule: ScheduleId, recipient: RecipientId, change: &Change) -> Result<bool, StoreError> {
        self.take_off(schedule, recipient, change).await
    }
}

/// Id, address and folded address of a user without attributes.
#[derive(Serialize)]
struct NewUser(String, String, String);

impl NewUser {
    fn of((email, _): &Upserted) -> Self {
        Self(UserId::generate().to_string(), email.to_string(), email.folded())
    }
}

/// Creates those who are not known yet, however many, in one statement.
async fn insert_new(tx: &mut Tx, users: &[NewUser], change: &Change, written: &mut Vec<Written>) -> Result<(), StoreError> {
    if !users.is_empty() {
        let created = sqlx::query(concat!(
            "INSERT INTO users_email_only (id, email, email_folded, attributes, created_at)
             SELECT j.id, j.email, j.folded, '{}', $2 FROM ",
            table!("$1" as j: 0 id text, 1 email text, 2 folded text),
            " WHERE true
             ON CONFLICT (email_folded) DO NOTHING RETURNING id, email"
        ))
        .bind(to_json(&users)?)
        .bind(micros(change.at))
        .fetch_all(&mut **tx)
        .await?;
        let change = Change { verb: Verb::UserCreated, ..change.clone() };
        if created.len() > TOLD {
            written.push(audit::put_many(tx, &change, ObjectKind::User, created.len()).await?);
            return Ok(());
        }
        for row in created {
            let object = Object::new(ObjectKind::User, row.try_get::<String, _>("id")?, row.try_get::<String, _>("email")?);
            written.push(audit::put(tx, &change, object, &Details::new()).await?);
        }
    }
    Ok(())
}

/// Merges attributes by key, in the order given: an address may come twice.
async fn merge(
    tx: &mut Tx,
    users: &[Upserted],
    known: &mut HashMap<String, EmailOnlyUser>,
    change: &Change,
) -> Result<Vec<Written>, StoreError> {
    let (mut changed, mut told_of) = (BTreeMap::new(), Vec::new());
    for (email, changes) in users {
        let Some(user) = known.get_mut(&email.folded()).filter(|_| !changes.is_empty()) else { continue };
        let before = told(user);
        for (name, value) in changes {
            match value {
                Some(value) => user.attributes.insert(name.clone(), value.clone()),
                None => user.attributes.remove(name),
            };
        }
        let details = plain_difference(&before, &told(user));
        if !details.is_empty() {
            told_of.push((Object::new(ObjectKind::User, user.id, user.email.as_str()), details));
            changed.insert(user.id.to_string(), to_json(&user.attributes)?);
        }
    }
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, String)> = changed.into_iter().collect();
    sqlx::query(concat!(
        "UPDATE users_email_only SET attributes = j.attributes FROM ",
        table!("$1" as j: 0 id text, 1 attributes text),
        " WHERE users_email_only.id = j.id"
    ))
    .bind(to_json(&rows)?)
    .execute(&mut **tx)
    .await?;
    audit::put_each(tx, &Change { verb: Verb::UserUpdated, ..change.clone() }, told_of).await
}

/// Attributes as the audit tells them.
fn told(user: &EmailOnlyUser) -> serde_json::Map<String, serde_json::Value> {
    user.attributes.iter().map(|(name, value)| (name.clone(), serde_json::json!(value))).collect()
}

fn read_user(row: &DbRow) -> Result<EmailOnlyUser, StoreError> {
    let reader = Reader::new("users_email_only", row);
    Ok(EmailOnlyUser {
        id: reader.parsed("id")?,
        email: reader.parsed("email")?,
        attributes: reader.json("attributes")?,
        created_at: reader.instant("created_at")?,
    })
}

//! [`Audit`], and the entries that other methods write in their transactions.

use async_trait::async_trait;
use pressrun_domain::audit::{Agent, Change, Details, Entry, Object, ObjectKind, Origin, Verb};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::key::KeyKind;
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Db, DbRow, UNINDEXED, among, clean, definition_name, table};
use super::row::{Reader, int, to_json};
use super::schedules::readable;
use super::{Backend, Tx, micros};
use crate::{Audit, AuditQuery, StoreError};

/// What a transaction did, to be logged once it is committed.
pub(super) struct Written {
    change: Change,
    object: Object,
    details: String,
    count: u32,
}

/// Writes an entry in the transaction of its change.
pub(super) async fn put(tx: &mut Tx, change: &Change, object: Object, details: &Details) -> Result<Written, StoreError> {
    write(tx, change, object, details, 1).await
}

/// Writes one entry for `count` objects of a kind: what one call does to tens of thousands must not keep every other writer waiting.
pub(super) async fn put_many(tx: &mut Tx, change: &Change, kind: ObjectKind, count: usize) -> Result<Written, StoreError> {
    write(tx, change, Object::new(kind, "", ""), &Details::new(), u32::try_from(count).unwrap_or(u32::MAX)).await
}

async fn write(tx: &mut Tx, change: &Change, object: Object, details: &Details, count: u32) -> Result<Written, StoreError> {
    let entry = Written { change: change.clone(), object, details: to_json(details)?, count };
    insert(tx, change, std::slice::from_ref(&entry)).await?;
    Ok(entry)
}

/// Writes an entry for each of these objects, in one statement.
pub(super) async fn put_each(tx: &mut Tx, change: &Change, of: Vec<(Object, Details)>) -> Result<Vec<Written>, StoreError> {
    let entries = of.into_iter().map(|(object, details)| {
        let details = to_json(&details)?;
        Ok::<_, StoreError>(Written { change: change.clone(), object, details, count: 1 })
    });
    let entries: Vec<Written> = entries.collect::<Result<_, _>>()?;
    if !entries.is_empty() {
        insert(tx, change, &entries).await?;
    }
    Ok(entries)
}

/// Adds entries of one change.
async fn insert(tx: &mut Tx, change: &Change, entries: &[Written]) -> Result<(), StoreError> {
    let (member, key, session, email) = match &change.agent {
        Agent::Key { member, key, session, .. } => (Some(member.to_string()), *key, *session, None),
        Agent::Recipient(email) => (None, None, None, Some(email.to_string())),
        Agent::CommandLine | Agent::System | Agent::Unknown => (None, None, None, None),
    };
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| (entry.object.kind.as_str(), &entry.object.id, &entry.object.name, &entry.details, entry.count))
        .collect();
    sqlx::query(concat!(
        "INSERT INTO audit (at, agent, member, key_id, session_id, email, verb, source, request_id, object_kind, object_id, object_name, details, count)
         SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10, j.kind, j.id, j.name, j.details, j.count FROM ",
        table!("$1" as j: 0 kind text, 1 id text, 2 name text, 3 details text, 4 count bigint),
        " ORDER BY j.key"
    ))
    .bind(to_json(&rows)?)
    .bind(micros(change.at))
    .bind(change.agent.as_str())
    .bind(member)
    .bind(key.map(|id| id.to_string()))
    .bind(session.map(|id| id.to_string()))
    .bind(email)
    .bind(change.verb.as_str())
    .bind(change.origin.source.map(|source| source.to_string()))
    .bind(change.origin.request.as_ref().map(|id| id.as_str().to_owned()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the audit calls a schedule that is known by its id.
pub(super) async fn schedule_of(tx: &mut Tx, id: ScheduleId) -> Result<Object, StoreError> {
    let name = sqlx::query(concat!(
        "SELECT coalesce(",
        definition_name!("d"),
        ", '') FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE s.id = $1"
    ));
    let row = name.bind(id.to_string()).fetch_optional(&mut **tx).await?;
    let name: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(Object::new(ObjectKind::Schedule, id, name.unwrap_or_default()))
}

/// Details of one word.
pub(super) fn detail(name: &str, value: impl Into<serde_json::Value>) -> Details {
    Details::from_iter([(name.to_owned(), value.into())])
}

/// Commits a transaction and logs what it did.
pub(super) async fn commit(tx: Tx, written: impl IntoIterator<Item = Written>) -> Result<(), StoreError> {
    tx.commit().await?;
    for entry in written {
        entry.log();
    }
    Ok(())
}

impl Written {
    fn log(&self) {
        let Change { agent, origin, verb, at: _ } = &self.change;
        let (key, session) = match agent {
            Agent::Key { key, session, .. } => (*key, *session),
            Agent::Recipient(_) | Agent::CommandLine | Agent::System | Agent::Unknown => (None, None),
        };
        let text = |value: Option<String>| value.unwrap_or_default();
        tracing::info!(
            target: "pressrun::audit",
            verb = verb.as_str(),
            agent = agent.as_str(),
            member = text(agent.member().map(|id| id.to_string())),
            key = text(key.map(|id| id.to_string())),
            session = text(session.map(|id| id.to_string())),
            object = self.object.kind.as_str(),
            id = self.object.id,
            // Escaped: a name must not forge a line.
            name = ?self.object.name,
            details = self.details,
            source = text(origin.source.map(|source| source.to_string())),
            request_id = text(origin.request.as_ref().map(ToString::to_string)),
            count = self.count,
            "audit"
        );
    }
}

#[async_trait]
impl Audit for Backend {
    async fn record(&self, change: &Change, object: &Object, count: u32) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let written = write(&mut tx, change, object.clone(), &Details::new(), count).await?;
        commit(tx, [written]).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, StoreError> {
        let rows = select(query).build().fetch_all(&self.read).await?;
        Ok(readable(&rows, read_entry))
    }

    async fn audit_of_runs(&self, runs: &[RunId]) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT *, CAST(seq AS TEXT) AS id FROM audit WHERE object_kind = 'run' AND ",
            among!("object_id", "$1"),
            " ORDER BY seq"
        ));
        let rows = rows.bind(to_json(&runs)?).fetch_all(&self.read).await?;
        Ok(readable(&rows, read_entry))
    }
}

/// The entries that a query wants, newest first, found by an index and read in its order: what is narrowed by member, verb or object is walked
/// by that, and dates are compared on the way; dates alone are found by date.
pub(super) fn select(query: &AuditQuery) -> QueryBuilder<Db> {
    let narrowed = query.member.is_some() || query.verb.is_some() || query.object.is_some();
    let by_date = !narrowed && (query.from.is_some() || query.to.is_some());
    let mut sql = QueryBuilder::<Db>::new("SELECT *, CAST(seq AS TEXT) AS id FROM audit WHERE 1 = 1");
    if let Some(member) = query.member {
        sql.push(" AND member = ").push_bind(member.to_string());
    }
    if let Some(agent) = query.agent {
        sql.push(" AND agent = ").push_bind(agent);
    }
    if let Some(verb) = query.verb {
        sql.push(" AND verb = ").push_bind(verb.as_str());
    }
    if let Some((kind, id)) = &query.object {
        sql.push(" AND object_kind = ").push_bind(kind.as_str());
        if let Some(id) = id {
            sql.push(" AND object_id = ").push_bind(clean(id).to_string());
        }
    }
    let unindexed = if by_date { "" } else { UNINDEXED };
    if let Some(from) = query.from {
        sql.push(" AND ").push(unindexed).push("at >= ").push_bind(micros(from));
    }
    if let Some(to) = query.to {
        sql.push(" AND ").push(unindexed).push("at < ").push_bind(micros(to));
    }
    if let Some(before) = query.before.map(int) {
        if by_date {
            sql.push(" AND (at, seq) < (SELECT at, seq FROM audit WHERE seq = ").push_bind(before).push(")");
        } else {
            sql.push(" AND seq < ").push_bind(before);
        }
    }
    sql.push(if by_date { " ORDER BY at DESC, seq DESC LIMIT " } else { " ORDER BY seq DESC LIMIT " }).push_bind(i64::from(query.limit));
    sql
}

/// From when on nothing may be deleted.
pub(super) async fn retain_since(tx: &mut Tx, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE audit_retention SET kept_since = $1").bind(at).execute(&mut **tx).await?;
    Ok(())
}

fn read_entry(row: &DbRow) -> Result<Entry, StoreError> {
    let reader = Reader::new("audit", row);
    let agent = match reader.get::<&str>("agent")? {
        "recipient" => Agent::Recipient(reader.parsed("email")?),
        "commandLine" => Agent::CommandLine,
        "system" => Agent::System,
        "unknown" => Agent::Unknown,
        _ => Agent::Key {
            kind: reader.word("agent", &[KeyKind::Organization, KeyKind::Personal], KeyKind::as_str)?,
            member: reader.parsed("member")?,
            key: reader.parsed_opt("key_id")?,
            session: reader.parsed_opt("session_id")?,
        },
    };
    let origin = Origin { source: reader.parsed_opt("source")?, request: reader.parsed_opt("request_id")? };
    Ok(Entry {
        seq: reader.count("seq")?,
        change: Change { at: reader.instant("at")?, agent, origin, verb: reader.word("verb", Verb::ALL, Verb::as_str)? },
        object: Object {
            kind: reader.word("object_kind", ObjectKind::ALL, ObjectKind::as_str)?,
            id: reader.get("object_id")?,
            name: reader.get("object_name")?,
        },
        details: reader.json("details")?,
        count: u32::try_from(reader.count("count")?).unwrap_or(u32::MAX),
    })
}

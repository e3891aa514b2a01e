//! Members whose address is another now than on the lists that name them.

use std::collections::BTreeMap;

use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::MembershipId;
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{DbRow, among, joined, locked, numbers, table};
use super::places::{END, next_revision};
use super::row::{Reader, to_json};
use super::schedule_row::put_text;
use super::{Backend, Tx};
use crate::{ListedMember, StoreError};

/// Up to `$2` members on lists after `$1`, found by walking an index from one to the next, however many lists name them.
pub(super) const LISTED: &str = "WITH RECURSIVE members (m) AS (
         SELECT min(member) FROM list_places WHERE member IS NOT NULL AND until IS NULL AND member > $1
         UNION ALL
         SELECT (SELECT min(p.member) FROM list_places p WHERE p.member IS NOT NULL AND p.until IS NULL AND p.member > members.m)
         FROM members WHERE m IS NOT NULL)
     SELECT m AS id, (SELECT min(p.email) FROM list_places p WHERE p.member = members.m AND p.until IS NULL) AS first_email,
         (SELECT max(p.email) FROM list_places p WHERE p.member = members.m AND p.until IS NULL) AS last_email
     FROM members WHERE m IS NOT NULL LIMIT $2";

/// Up to `$3` places on lists after `$2` that have one of the members `$1` at another address, in the order of the lists.
pub(super) const BEHIND: &str = concat!(
    "SELECT p.list, p.part, p.place, p.recipient_id, p.email, j.email FROM ",
    table!("$1" as j: 0 member text, 1 email text),
    " ",
    joined!(),
    " list_places p ON p.member = j.member AND p.until IS NULL AND p.email <> j.email WHERE p.list > $2 ORDER BY p.list LIMIT $3"
);

/// Begins the places of `$2` that ended with the revision `$3` of the list `$1`, at the address that is said there.
pub(super) const AGAIN: &str = concat!(
    "INSERT INTO list_places (list, part, place, since, recipient_id, email, member, own_rows)
     SELECT p.list, p.part, p.place, p.until, p.recipient_id, j.email, p.member, p.own_rows FROM ",
    table!("$2" as j: 0 part bigint, 1 place bigint, 2 email text),
    " ",
    joined!(),
    " list_places p ON p.list = $1 AND p.part = j.part AND p.place = j.place AND p.until = $3"
);

/// Places that are changed in one transaction: others wait meanwhile.
const AT_ONCE: i64 = 1_000;

/// Members that one statement asks for.
const CHUNK: usize = 500;

/// A schedule whose list is behind.
struct Behind {
    schedule: String,
    list: i64,
    definition: String,
}

/// A place whose member moved: part and number, the address now, the id, and both addresses as they are compared.
#[derive(Serialize)]
struct Moved(i64, i64, String, String, String, String);

impl Moved {
    fn of_row(row: &DbRow) -> Result<(i64, Self), sqlx::Error> {
        let (before, now): (String, String) = (row.try_get(4)?, row.try_get(5)?);
        let (folded_before, folded_now) = (folded(&before), folded(&now));
        Ok((row.try_get(0)?, Self(row.try_get(1)?, row.try_get(2)?, now, row.try_get(3)?, folded_before, folded_now)))
    }
}

impl Backend {
    pub(super) async fn members_on_lists(&self, after: Option<MembershipId>, limit: u32) -> Result<Vec<ListedMember>, StoreError> {
        let after = after.map(|member| member.to_string()).unwrap_or_default();
        let rows = sqlx::query(LISTED).bind(after).bind(i64::from(limit)).fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| {
                let reader = Reader::new("list_places", row);
                let (first, last) = (reader.get("first_email")?, reader.get("last_email")?);
                Ok(ListedMember { member: reader.parsed("id")?, first, last })
            })
            .collect()
    }

    pub(super) async fn move_listed(&self, moved: &[(MembershipId, EmailAddress)]) -> Result<u64, StoreError> {
        let mut changed = 0;
        for chunk in moved.chunks(CHUNK) {
            let addresses: Vec<(String, &str)> = chunk.iter().map(|(member, email)| (member.to_string(), email.as_str())).collect();
            let (addresses, mut after) = (to_json(&addresses)?, i64::MIN);
            loop {
                let mut tx = self.begin().await?;
                let rows = sqlx::query(BEHIND).bind(&addresses).bind(after).bind(AT_ONCE).fetch_all(&mut *tx).await?;
                let mut lists: BTreeMap<i64, Vec<Moved>> = BTreeMap::new();
                for row in &rows {
                    let (list, moved) = Moved::of_row(row)?;
                    lists.entry(list).or_default().push(moved);
                }
                let Some(last) = lists.keys().next_back().copied() else { break };
                // Of the last there may be more.
                after = last;
                for behind in behind(&mut tx, lists.keys()).await? {
                    let moved = lists.get(&behind.list).map(Vec::as_slice).unwrap_or_default();
                    move_on_list(&mut tx, &behind, moved).await?;
                    after = if behind.list == last { last - 1 } else { after };
                    changed += 1;
                }
                tx.commit().await?;
            }
        }
        Ok(changed)
    }
}

/// The schedules whose lists these are now, which nobody else changes until the transaction ends. Lists of runs, and of schedules that are no mail any
/// more, stay as they are.
async fn behind(tx: &mut Tx, lists: impl Iterator<Item = &i64>) -> Result<Vec<Behind>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT s.id, l.id, d.json FROM ",
        numbers!("$1" as asked: id),
        " JOIN lists l ON l.id = asked.id JOIN schedules s ON s.id = l.holder
         JOIN definitions d ON d.id = s.definition_id AND d.list = l.id ORDER BY s.id",
        locked!("s")
    ));
    let rows = rows.bind(to_json(&lists.collect::<Vec<_>>())?).fetch_all(&mut **tx).await?;
    let read = |row: &DbRow| Ok(Behind { schedule: row.try_get(0)?, list: row.try_get(1)?, definition: row.try_get(2)? });
    rows.iter().map(read).collect()
}

/// Makes another revision of the list. What the schedule does is the same but for that; whoever has read it before reads it again before they save.
async fn move_on_list(tx: &mut Tx, Behind { schedule, list, definition }: &Behind, moved: &[Moved]) -> Result<(), StoreError> {
    let (next, moved) = (next_revision(tx, *list).await?, to_json(&moved)?);
    for statement in [END, AGAIN] {
        sqlx::query(statement).bind(list).bind(&moved).bind(next.revision).execute(&mut **tx).await?;
    }
    move_addresses(tx, schedule, &moved).await?;
    let definition = put_text(tx, definition, Some(next)).await?;
    let update = sqlx::query("UPDATE schedules SET definition_id = $2, version = version + 1 WHERE id = $1");
    update.bind(schedule).bind(definition).execute(&mut **tx).await?;
    Ok(())
}

/// An address that somebody else on the list has as well stays the other's: both places are of one person then, who is sent one mail.
async fn move_addresses(tx: &mut Tx, schedule: &str, moved: &str) -> Result<(), StoreError> {
    let gone = sqlx::query(concat!(
        "DELETE FROM schedule_recipients WHERE schedule_id = $1 AND (email_folded, recipient_id) IN (SELECT j.before, j.recipient FROM ",
        table!("$2" as j: 3 recipient text, 4 before text),
        ") RETURNING recipient_id"
    ));
    let gone = gone.bind(schedule).bind(moved).fetch_all(&mut **tx).await?;
    let gone: Vec<String> = gone.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    sqlx::query(concat!(
        "INSERT INTO schedule_recipients (schedule_id, email_folded, recipient_id) SELECT $1, j.present, j.recipient FROM ",
        table!("$2" as j: 3 recipient text, 5 present text),
        " WHERE ",
        among!("j.recipient", "$3"),
        " ON CONFLICT (schedule_id, email_folded) DO NOTHING"
    ))
    .bind(schedule)
    .bind(moved)
    .bind(to_json(&gone)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An address for comparing; one that is none is only itself.
fn folded(address: &str) -> String {
    address.parse().map_or_else(|_| address.to_owned(), |email: EmailAddress| email.folded())
}

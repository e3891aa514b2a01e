//! Members whose address is another now than on the lists that name them.

use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::MembershipId;
use sqlx::Row as _;

use super::dialect::{locked, table};
use super::places::next_revision;
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

/// Up to `$3` lists after `$2` that have one of the members `$1` at another address.
pub(super) const BEHIND: &str = concat!(
    "SELECT DISTINCT p.list FROM ",
    table!("$1" as j: 0 member text, 1 email text),
    " JOIN list_places p ON p.member = j.member AND p.until IS NULL AND p.email <> j.email WHERE p.list > $2 ORDER BY p.list LIMIT $3"
);

/// Lists that are changed in one transaction: others wait meanwhile.
const AT_ONCE: i64 = 50;

/// Members that one statement asks for.
const CHUNK: usize = 500;

/// A schedule whose list is behind.
struct Behind {
    schedule: String,
    list: i64,
    definition: String,
}

/// Somebody who moved: the place, the address as it is kept for comparing, before and now.
type Moved = (String, String, String);

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
                let lists = sqlx::query(BEHIND).bind(&addresses).bind(after).bind(AT_ONCE).fetch_all(&mut *tx).await?;
                let lists: Vec<i64> = lists.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
                let Some(last) = lists.last() else { break };
                after = *last;
                for behind in behind(&mut tx, &lists).await? {
                    move_on_list(&mut tx, &behind, &addresses).await?;
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
async fn behind(tx: &mut Tx, lists: &[i64]) -> Result<Vec<Behind>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT s.id, l.id, d.json FROM ",
        super::dialect::numbers!("$1" as asked: id),
        " JOIN lists l ON l.id = asked.id JOIN schedules s ON s.id = l.holder
         JOIN definitions d ON d.id = s.definition_id AND d.list = l.id ORDER BY s.id",
        locked!("s")
    ));
    let rows = rows.bind(to_json(&lists)?).fetch_all(&mut **tx).await?;
    let read = |row| {
        Ok(Behind { schedule: sqlx::Row::try_get(row, 0)?, list: sqlx::Row::try_get(row, 1)?, definition: sqlx::Row::try_get(row, 2)? })
    };
    rows.iter().map(read).collect()
}

/// Makes another revision of the list. What the schedule does is the same but for that; whoever has read it before reads it again before they save.
async fn move_on_list(tx: &mut Tx, Behind { schedule, list, definition }: &Behind, addresses: &str) -> Result<(), StoreError> {
    let next = next_revision(tx, *list).await?;
    let gone = sqlx::query(concat!(
        "UPDATE list_places SET until = $3 FROM ",
        table!("$1" as j: 0 member text, 1 email text),
        " WHERE list_places.list = $2 AND list_places.until IS NULL AND list_places.member = j.member AND list_places.email <> j.email"
    ));
    gone.bind(addresses).bind(list).bind(next.revision).execute(&mut **tx).await?;
    let moved = sqlx::query(concat!(
        "SELECT p.recipient_id, p.email, j.email FROM ",
        table!("$1" as j: 0 member text, 1 email text),
        " JOIN list_places p ON p.member = j.member WHERE p.list = $2 AND p.until = $3"
    ));
    let moved = moved.bind(addresses).bind(list).bind(next.revision).fetch_all(&mut **tx).await?;
    let moved: Vec<Moved> = moved
        .iter()
        .map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, folded(row.try_get(1)?), folded(row.try_get(2)?))))
        .collect::<Result<_, _>>()?;
    sqlx::query(concat!(
        "INSERT INTO list_places (list, part, place, since, recipient_id, email, member, own_rows)
         SELECT p.list, p.part, p.place, p.until, p.recipient_id, j.email, p.member, p.own_rows FROM ",
        table!("$1" as j: 0 member text, 1 email text),
        " JOIN list_places p ON p.member = j.member WHERE p.list = $2 AND p.until = $3"
    ))
    .bind(addresses)
    .bind(list)
    .bind(next.revision)
    .execute(&mut **tx)
    .await?;
    move_addresses(tx, schedule, &moved).await?;
    let definition = put_text(tx, definition, Some(next)).await?;
    let update = sqlx::query("UPDATE schedules SET definition_id = $2, version = version + 1 WHERE id = $1");
    update.bind(schedule).bind(definition).execute(&mut **tx).await?;
    Ok(())
}

/// An address that somebody else on the list has as well stays the other's: both places are of one person then, who is sent one mail.
async fn move_addresses(tx: &mut Tx, schedule: &str, moved: &[Moved]) -> Result<(), StoreError> {
    let moved = to_json(&moved)?;
    let gone = sqlx::query(concat!(
        "DELETE FROM schedule_recipients WHERE schedule_id = $1 AND (email_folded, recipient_id) IN (SELECT j.before, j.recipient FROM ",
        table!("$2" as j: 0 recipient text, 1 before text),
        ") RETURNING recipient_id"
    ));
    let gone = gone.bind(schedule).bind(&moved).fetch_all(&mut **tx).await?;
    let gone: Vec<String> = gone.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    sqlx::query(concat!(
        "INSERT INTO schedule_recipients (schedule_id, email_folded, recipient_id) SELECT $1, j.present, j.recipient FROM ",
        table!("$2" as j: 0 recipient text, 2 present text),
        " WHERE ",
        super::dialect::among!("j.recipient", "$3"),
        " ON CONFLICT (schedule_id, email_folded) DO NOTHING"
    ))
    .bind(schedule)
    .bind(&moved)
    .bind(to_json(&gone)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An address for comparing; one that is none is only itself.
fn folded(address: String) -> String {
    address.parse().map_or(address, |email: EmailAddress| email.folded())
}

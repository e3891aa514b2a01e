//! The places of a list as rows, and which revision of it a definition has.
//!
//! A schedule has one list. A change of it is a new revision, which writes what differs: what goes ends with it, and what comes begins. So the
//! definitions of runs go on to name the list as it was, until the last of them is gone.

use std::collections::{HashMap, HashSet};

use pressrun_domain::destination::{EmailSettings, Person, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{MembershipId, RecipientId, UserId};
use sqlx::Row as _;

use super::Tx;
use super::dialect::{DbRow, among, locked, table};
use super::row::{Reader, to_json};
use crate::StoreError;

/// The places of the definition `d` in their order, read by [`restore`].
macro_rules! places {
    () => {
        concat!(
            "d.list, (SELECT ",
            super::dialect::json_rows!("p.part, p.recipient_id, p.email, p.member, p.user_id, p.own_rows", "p.part, p.place"),
            " FROM list_places p WHERE p.list = d.list AND p.since <= d.revision AND (p.until IS NULL OR p.until > d.revision)) AS places"
        )
    };
}
pub(super) use places;

/// The same columns for whoever does not ask who is on the list.
macro_rules! no_places {
    () => {
        "d.list, NULL AS places"
    };
}
pub(super) use no_places;

/// Ends the places of `$2` with the revision `$3` of the list `$1`.
pub(super) const END: &str = concat!(
    "UPDATE list_places SET until = $3 WHERE list = $1 AND until IS NULL AND (part, place) IN (SELECT j.part, j.place FROM ",
    table!("$2" as j: 0 part bigint, 1 place bigint),
    ")"
);

/// A place as it is read.
type Read = (u8, RecipientId, EmailAddress, Option<MembershipId>, Option<UserId>, u8);

/// A place as it is written.
#[derive(Debug, PartialEq)]
struct Place {
    part: i64,
    nth: i64,
    id: String,
    email: String,
    member: Option<String>,
    user: Option<String>,
    own_rows: i64,
}

/// The columns of a [`Place`] as a parameter.
type Columns<'p> = (i64, i64, &'p str, &'p str, Option<&'p str>, Option<&'p str>, i64);

impl Place {
    fn of_row(row: &DbRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            part: row.try_get(0)?,
            nth: row.try_get(1)?,
            id: row.try_get(2)?,
            email: row.try_get(3)?,
            member: row.try_get(4)?,
            user: row.try_get(5)?,
            own_rows: row.try_get(6)?,
        })
    }

    fn columns(&self) -> Columns<'_> {
        let Self { part, nth, id, email, member, user, own_rows } = self;
        (*part, *nth, id, email, member.as_deref(), user.as_deref(), *own_rows)
    }
}

/// One revision of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) list: i64,
    pub(super) revision: i64,
}

/// Takes the list out of settings: what stays is written as text. Who is said to be on it for their own rows and stands on no part of it stays too.
pub(super) fn forget(email: &mut EmailSettings) {
    for person in email.named().map(|recipient| recipient.person).collect::<Vec<_>>() {
        match person {
            Person::Member(member) => email.subscribed.remove(&member),
            Person::EmailOnly(user) => email.named_under_policy.remove(&user),
        };
    }
    for list in [&mut email.recipients, &mut email.cc, &mut email.bcc] {
        *list = Vec::new();
    }
}

/// Puts the list of a row with the columns of [`places`] into its settings. Definitions of old have it in their text.
pub(super) fn restore(reader: &Reader<'_>, email: &mut EmailSettings) -> Result<(), StoreError> {
    if reader.get::<Option<i64>>("list")?.is_none() {
        return Ok(());
    }
    for (part, id, address, member, user, own_rows) in reader.json::<Vec<Read>>("places")? {
        let person = match (member, user) {
            (Some(member), None) => Person::Member(member),
            (None, Some(user)) => Person::EmailOnly(user),
            (Some(_), Some(_)) | (None, None) => return Err(reader.corrupt("places", format_args!("{id} is not one person"))),
        };
        if own_rows != 0 {
            match person {
                Person::Member(member) => email.subscribed.insert(member),
                Person::EmailOnly(user) => email.named_under_policy.insert(user),
            };
        }
        let list = match part {
            0 => &mut email.recipients,
            1 => &mut email.cc,
            2 => &mut email.bcc,
            other => return Err(reader.corrupt("places", format_args!("there is no part {other}"))),
        };
        list.push(Recipient { id, email: address, person });
    }
    Ok(())
}

/// Makes the newest revision of a schedule's list that of `email`, by writing what differs; which revision that is.
pub(super) async fn put(tx: &mut Tx, schedule: &str, email: &EmailSettings) -> Result<Revision, StoreError> {
    let newest = hold(tx, schedule).await?;
    let present = newest_places(tx, newest.list).await?;
    let (gone, new) = difference(&present, wanted(email));
    if newest.revision > 0 && gone.is_empty() && new.is_empty() {
        return Ok(newest);
    }
    let next = next_revision(tx, newest.list).await?;
    let gone: Vec<(i64, i64)> = gone.iter().map(|place| (place.part, place.nth)).collect();
    sqlx::query(END).bind(next.list).bind(to_json(&gone)?).bind(next.revision).execute(&mut **tx).await?;
    insert(tx, next, &new).await?;
    Ok(next)
}

/// The revision that a run goes to whose definition was read before with this list: the newest of its schedule's when nobody has come or gone since,
/// or else one of its own. Whoever has left the schedule's list since then is not taken along.
pub(super) async fn put_of_run(tx: &mut Tx, schedule: &str, run: &str, email: &EmailSettings) -> Result<Revision, StoreError> {
    let mut wanted = wanted(email);
    let row = sqlx::query(concat!("SELECT id, revision FROM lists WHERE holder = $1", locked!()));
    if let Some(row) = row.bind(schedule).fetch_optional(&mut **tx).await? {
        let newest = Revision { list: row.try_get(0)?, revision: row.try_get(1)? };
        let present = newest_places(tx, newest.list).await?;
        let there: HashSet<&str> = present.iter().map(|place| place.id.as_str()).collect();
        wanted.retain(|place| there.contains(place.id.as_str()));
        if says_the_same(&present, &wanted) {
            return Ok(newest);
        }
    }
    let list = hold(tx, run).await?.list;
    let own = next_revision(tx, list).await?;
    insert(tx, own, &wanted).await?;
    Ok(own)
}

/// The revision that a run had.
pub(super) async fn of_run(tx: &mut Tx, run: &str) -> Result<Option<Revision>, StoreError> {
    let row = sqlx::query(
        "SELECT d.list, d.revision FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1 AND d.list IS NOT NULL",
    );
    let row = row.bind(run).fetch_optional(&mut **tx).await?;
    row.map(|row| Ok(Revision { list: row.try_get(0)?, revision: row.try_get(1)? })).transpose()
}

/// The list of this holder, which is made when there is none, and nobody else changes until the transaction ends.
async fn hold(tx: &mut Tx, holder: &str) -> Result<Revision, StoreError> {
    let list = sqlx::query(
        "INSERT INTO lists (holder, revision) VALUES ($1, 0) ON CONFLICT (holder) DO UPDATE SET revision = lists.revision
         RETURNING id, revision",
    );
    let row = list.bind(holder).fetch_one(&mut **tx).await?;
    Ok(Revision { list: row.try_get(0)?, revision: row.try_get(1)? })
}

/// Counts a list's revision up.
pub(super) async fn next_revision(tx: &mut Tx, list: i64) -> Result<Revision, StoreError> {
    let next = sqlx::query("UPDATE lists SET revision = revision + 1 WHERE id = $1 RETURNING revision");
    Ok(Revision { list, revision: next.bind(list).fetch_one(&mut **tx).await?.try_get(0)? })
}

async fn newest_places(tx: &mut Tx, list: i64) -> Result<Vec<Place>, StoreError> {
    let rows = sqlx::query(
        "SELECT part, place, recipient_id, email, member, user_id, own_rows FROM list_places WHERE list = $1 AND until IS NULL ORDER BY part, place",
    );
    let rows = rows.bind(list).fetch_all(&mut **tx).await?;
    Ok(rows.iter().map(Place::of_row).collect::<Result<_, _>>()?)
}

/// Begins places with a revision.
async fn insert(tx: &mut Tx, Revision { list, revision }: Revision, places: &[Place]) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "INSERT INTO list_places (list, part, place, since, recipient_id, email, member, user_id, own_rows)
         SELECT $1, j.part, j.place, $2, j.recipient, j.email, j.member, j.outsider, j.own_rows FROM ",
        table!("$3" as j: 0 part bigint, 1 place bigint, 2 recipient text, 3 email text, 4 member text, 5 outsider text, 6 own_rows bigint)
    ))
    .bind(list)
    .bind(revision)
    .bind(to_json(&places.iter().map(Place::columns).collect::<Vec<_>>())?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes recipients off every revision of a schedule's list, and off lists that runs of it under way have of their own: whoever leaves is sent nothing
/// that waits either.
pub(super) async fn take_off(tx: &mut Tx, schedule: &str, leaving: &[RecipientId]) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "DELETE FROM list_places WHERE list IN (
             SELECT l.id FROM lists l WHERE l.holder = $1
             UNION SELECT d.list FROM runs r JOIN definitions d ON d.id = r.definition_id
             WHERE r.schedule_id = $1 AND r.state IN ('queued', 'running') AND d.list IS NOT NULL) AND ",
        among!("recipient_id", "$2")
    ))
    .bind(schedule)
    .bind(to_json(&leaving)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The places of settings, numbered in their order.
fn wanted(email: &EmailSettings) -> Vec<Place> {
    let parts = [(0, &email.recipients), (1, &email.cc), (2, &email.bcc)];
    let places = parts.into_iter().flat_map(|(part, list)| list.iter().zip(1..).map(move |(recipient, nth)| (part, nth, recipient)));
    places
        .map(|(part, nth, recipient)| {
            let (member, user, own_rows) = match recipient.person {
                Person::Member(member) => (Some(member.to_string()), None, email.subscribed.contains(&member)),
                Person::EmailOnly(user) => (None, Some(user.to_string()), email.named_under_policy.contains(&user)),
            };
            let own_rows = i64::from(own_rows);
            Place { part, nth, id: recipient.id.to_string(), email: recipient.email.to_string(), member, user, own_rows }
        })
        .collect()
}

/// Whether both name the same people on the same terms in the same order, whatever the numbers of their places are.
fn says_the_same(one: &[Place], other: &[Place]) -> bool {
    fn said(places: &[Place]) -> impl Iterator<Item = Columns<'_>> {
        places.iter().map(|place| {
            let (part, _, id, email, member, user, own_rows) = place.columns();
            (part, 0, id, email, member, user, own_rows)
        })
    }
    said(one).eq(said(other))
}

/// Of the places that are there those that go, and those that come: what stands where it did keeps its place, what is new stands after all that
/// are there, and so does what comes after something new.
fn difference(present: &[Place], wanted: Vec<Place>) -> (Vec<&Place>, Vec<Place>) {
    let by_id: HashMap<(i64, &str), &Place> = present.iter().map(|place| ((place.part, place.id.as_str()), place)).collect();
    let mut last: HashMap<i64, i64> = HashMap::new();
    let mut end: HashMap<i64, i64> = HashMap::new();
    for place in present {
        end.insert(place.part, place.nth);
    }
    let (mut kept, mut new) = (HashSet::new(), Vec::new());
    for mut place in wanted {
        let (last, end) = (last.entry(place.part).or_default(), end.entry(place.part).or_default());
        let there = by_id.get(&(place.part, place.id.as_str())).copied().filter(|there| there.nth > *last);
        if let Some(there) = there {
            (place.nth, *last) = (there.nth, there.nth);
            if *there == place {
                kept.insert((there.part, there.nth));
            } else {
                new.push(place);
            }
            continue;
        }
        *end += 1;
        (place.nth, *last) = (*end, *end);
        new.push(place);
    }
    let gone = present.iter().filter(|place| !kept.contains(&(place.part, place.nth))).collect();
    (gone, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(ids: &[(&str, i64)]) -> Vec<Place> {
        let place = |(id, place): &(&str, i64)| Place {
            part: 0,
            nth: *place,
            id: (*id).to_owned(),
            email: format!("{id}@b.co"),
            member: Some(String::new()),
            user: None,
            own_rows: 0,
        };
        ids.iter().map(place).collect()
    }

    #[test]
    fn h6_what_stays_in_its_order_is_not_written() {
        let present = places(&[("a", 1), ("b", 2), ("c", 3), ("d", 7)]);
        for (case, wanted, gone, new) in [
            ("nothing", vec!["a", "b", "c", "d"], vec![], vec![]),
            ("one leaves", vec!["a", "c", "d"], vec!["b"], vec![]),
            ("one comes", vec!["a", "b", "c", "d", "e"], vec![], vec![("e", 8)]),
            ("one for another", vec!["a", "b", "d", "e"], vec!["c"], vec![("e", 8)]),
            ("one in the middle moves what follows", vec!["a", "b", "e", "c", "d"], vec!["c", "d"], vec![("e", 8), ("c", 9), ("d", 10)]),
            ("the first stands last", vec!["b", "c", "d", "a"], vec!["a"], vec![("a", 8)]),
            ("all leave", vec![], vec!["a", "b", "c", "d"], vec![]),
        ] {
            let wanted: Vec<(&str, i64)> = wanted.into_iter().zip(1..).collect();
            let (left, came) = difference(&present, places(&wanted));
            assert_eq!(left.iter().map(|place| place.id.as_str()).collect::<Vec<_>>(), gone, "{case}");
            assert_eq!(came.iter().map(|place| (place.id.as_str(), place.nth)).collect::<Vec<_>>(), new, "{case}");
        }
        let mut other = places(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        other[1].own_rows = 1;
        let (left, came) = difference(&present, other);
        assert_eq!((left.len(), came.len()), (1, 1), "somebody else's terms are theirs alone");
    }
}

//! The list's index, brought up to what the file says before it answers.

use std::sync::{Arc, PoisonError, RwLock};

use futures::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::Tx;
use super::row::Reader;
use crate::list_index::{Change, Entry, Facets, Found, ListIndex, Named};
use crate::{ListQuery, StoreError};

/// With more slots than this a query is answered on a thread of its own, where it holds up nobody.
const AT_HAND: usize = 50_000;

/// So many changes are taken in one by one whatever there is.
const FEW: i64 = 10_000;

macro_rules! index_columns {
    () => {
        "s.rowid AS k, s.id, s.name_folded, s.name_key, s.identifier, s.dashboard_folded, s.dashboard_key, s.owner, s.owner_folded, s.owner_key,
         s.destination, s.alert, s.single_tile, s.last_status, s.last_completed_at, s.told_status, s.told_at"
    };
}

/// The index of one file, which everybody who has the file open shares. Empty until somebody asks for a list.
#[derive(Debug, Default)]
pub(super) struct Listing {
    standing: Arc<RwLock<Standing>>,
    /// Had by whoever takes in changes, from before they look at the file until they have answered.
    turn: Mutex<()>,
}

/// The index and how far it has followed.
#[derive(Debug, Default)]
struct Standing {
    index: ListIndex,
    /// The number of the last change taken in; `None` before it was made.
    through: Option<i64>,
}

impl Listing {
    /// What the index finds as it stands, and through which change that holds; `None` before it was made.
    pub(super) async fn find(&self, query: &ListQuery) -> Result<Option<(Found, i64)>, StoreError> {
        let find = |standing: &RwLock<Standing>, query: &ListQuery| {
            let standing = standing.read().unwrap_or_else(PoisonError::into_inner);
            standing.through.map(|through| (standing.index.find(query), through))
        };
        let slots = self.standing.read().unwrap_or_else(PoisonError::into_inner).index.len();
        if slots <= AT_HAND {
            return Ok(find(&self.standing, query));
        }
        let (standing, query) = (Arc::clone(&self.standing), query.clone());
        let found = tokio::task::spawn_blocking(move || find(&standing, &query)).await;
        found.map_err(|fault| StoreError::Unavailable(format!("the list could not be searched: {fault}")))
    }

    /// Waits until nobody else takes in changes.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Takes in what has changed up to what `tx` sees. Until the turn ends nothing else is taken in.
    pub(super) async fn follow(&self, tx: &mut Tx, _turn: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT seq FROM list_changes ORDER BY seq LIMIT 1), 1), coalesce((SELECT max(seq) FROM list_changes), 0)",
        );
        let row = row.fetch_one(&mut **tx).await?;
        let (oldest, newest): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (through, rows, is_hollow) = {
            let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
            (standing.through, standing.index.len(), standing.index.is_hollow())
        };
        let follows = through.filter(|through| {
            let behind = newest - through;
            *through >= oldest - 1 && behind >= 0 && behind <= FEW.max(rows as i64 / 4) && !is_hollow
        });
        if let Some(through) = follows {
            if through == newest {
                return Ok(());
            }
            let changes = changes_since(tx, through).await?;
            let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
            if standing.index.take_in(changes) {
                standing.through = Some(newest);
                return Ok(());
            }
        }
        let index = whole(tx).await?;
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = Standing { index, through: Some(newest) };
        Ok(())
    }
}

/// Rows that changed after `through`, each once, as they are now.
async fn changes_since(tx: &mut Tx, through: i64) -> Result<Vec<Change>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT c.changed, ",
        index_columns!(),
        " FROM (SELECT DISTINCT k AS changed FROM list_changes WHERE seq > $1) c LEFT JOIN schedules s ON s.rowid = c.changed
         ORDER BY c.changed"
    ));
    let mut changes = Vec::new();
    for row in rows.bind(through).fetch_all(&mut **tx).await? {
        let there = row.try_get::<Option<i64>, _>("k")?.is_some();
        let entry = if there { read(&row) } else { None };
        changes.push(match entry {
            Some(entry) => Change::Put(Box::new(entry)),
            None => Change::Gone(row.try_get("changed")?),
        });
    }
    Ok(changes)
}

async fn whole(tx: &mut Tx) -> Result<ListIndex, StoreError> {
    let mut index = ListIndex::default();
    {
        let mut rows = sqlx::query(concat!("SELECT ", index_columns!(), " FROM schedules s ORDER BY s.rowid")).fetch(&mut **tx);
        while let Some(row) = rows.try_next().await? {
            if let Some(entry) = read(&row) {
                index.fill(&entry);
            }
        }
    }
    if index.len() <= AT_HAND {
        index.finish();
        return Ok(index);
    }
    let sorted = tokio::task::spawn_blocking(move || {
        index.finish();
        index
    });
    sorted.await.map_err(|fault| StoreError::Unavailable(format!("the list could not be sorted: {fault}")))
}

/// A row for the index. One without an id cannot be shown, opened or deleted by anybody; it is logged and left out.
fn read(row: &SqliteRow) -> Option<Entry> {
    let read = || -> Result<Entry, StoreError> {
        let reader = Reader::new("schedules", row);
        let named = |of: &'static str, folded: &'static str, key: &'static str| -> Result<Named, StoreError> {
            Ok(Named { of: reader.get(of)?, folded: reader.get(folded)?, key: reader.get(key)? })
        };
        Ok(Entry {
            key: reader.get("k")?,
            id: reader.parsed::<Uuid>("id")?.as_u128(),
            name: reader.get("name_folded")?,
            name_key: reader.get("name_key")?,
            document: named("identifier", "dashboard_folded", "dashboard_key")?,
            owner: named("owner", "owner_folded", "owner_key")?,
            facets: Facets::new(
                reader.get("destination")?,
                reader.get("alert")?,
                reader.get("single_tile")?,
                reader.get("last_status")?,
                reader.get("told_status")?,
            ),
            completed_at: reader.get("last_completed_at")?,
            told_at: reader.get("told_at")?,
        })
    };
    read().inspect_err(|error| tracing::error!(%error, "a schedule cannot be listed")).ok()
}

//! Lists that versions of old wrote into definitions are moved into rows while the server works, some at a time. A start never waits for it, and
//! until it is done both are read. Definitions of runs that are over keep theirs until they are pruned.

use sqlx::Row as _;

use super::dialect::{among, locked};
use super::meta::meta;
use super::row::to_json;
use super::schedule_row::{put_definition, read, schedule_columns};
use super::{Backend, Tx};
use crate::StoreError;

/// Stands in `meta` until the lists of all schedules are rows.
const MARK: &str = "lists_in_definitions";

/// Schedules that are looked at together.
const AT_ONCE: i64 = 100;

/// Recipients that are written in one transaction, unless one list has more: others wait meanwhile.
const ROWS: i64 = 2_000;

/// Up to `$2` schedules after `$1` whose definition has its list in its text, and how long that is.
const NEXT: &str = "SELECT s.id, s.recipient_count FROM schedules s JOIN definitions d ON d.id = s.definition_id
     WHERE s.id > $1 AND s.destination = 'email' AND d.list IS NULL ORDER BY s.id LIMIT $2";

impl Backend {
    /// Whether there are lists to be moved.
    pub(super) async fn has_old_lists(tx: &mut Tx) -> Result<bool, StoreError> {
        Ok(meta(tx, MARK).await?.is_some())
    }

    /// Moves all of them while others work.
    pub(super) fn move_lists_meanwhile(self) {
        tokio::spawn(async move {
            loop {
                match self.move_lists().await {
                    Ok(()) => break,
                    // Because of others; what was done before that stays done.
                    Err(StoreError::Undone(_)) => {}
                    Err(error) => {
                        tracing::warn!(%error, "lists in definitions are moved into rows at the next start");
                        break;
                    }
                }
            }
        });
    }

    /// Moves all of them. Whatever happens halfway is gone on with at the next start.
    pub(super) async fn move_lists(&self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let found = sqlx::query(NEXT).bind(&after).bind(AT_ONCE).fetch_all(&self.read).await?;
            let (mut some, mut rows) = (Vec::new(), 0);
            for row in &found {
                rows += row.try_get::<i64, _>(1)?.max(1);
                if rows > ROWS && !some.is_empty() {
                    break;
                }
                some.push(row.try_get(0)?);
            }
            let mut tx = self.begin().await?;
            let Some(last) = some.last().cloned() else {
                sqlx::query("DELETE FROM meta WHERE key = $1").bind(MARK).execute(&mut *tx).await?;
                tx.commit().await?;
                tracing::info!("the lists of all schedules are rows now");
                return Ok(());
            };
            move_some(&mut tx, &some).await?;
            tx.commit().await?;
            after = last;
        }
    }
}

async fn move_some(tx: &mut Tx, schedules: &[String]) -> Result<(), StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        schedule_columns!(),
        " FROM schedules s JOIN definitions d ON d.id = s.definition_id WHERE d.list IS NULL AND ",
        among!("s.id", "$1"),
        " ORDER BY s.id",
        locked!("s")
    ));
    for row in rows.bind(to_json(&schedules)?).fetch_all(&mut **tx).await? {
        match read(&row) {
            Ok(schedule) if schedule.definition.destination.email().is_some() => {
                let id = schedule.id.to_string();
                let definition = put_definition(tx, &id, &schedule.definition).await?;
                let update = sqlx::query("UPDATE schedules SET definition_id = $2 WHERE id = $1");
                update.bind(id).bind(definition).execute(&mut **tx).await?;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the list of a schedule stays in its definition"),
        }
    }
    Ok(())
}

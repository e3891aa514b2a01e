//! What schedules stand on in the catalog.

use pressrun_domain::id::{ScheduleId, TileKey};
use pressrun_domain::schedule::{Grounds, Schedule};
use sqlx::Row as _;

use super::dialect::DbRow;
use super::row::{Reader, to_json};
use super::schedule_row::{read, schedule_columns};
use super::schedules::readable;
use super::{Backend, Tx};
use crate::{GroundsKey, SharedGrounds, StoreError};

/// Notes the grounds of a schedule, which is there.
pub(super) async fn put(tx: &mut Tx, schedule: &Schedule) -> Result<(), StoreError> {
    let before: Option<i64> =
        sqlx::query("SELECT grounds FROM schedules WHERE id = $1").bind(schedule.id.to_string()).fetch_one(&mut **tx).await?.try_get(0)?;
    let grounds = Grounds::of(&schedule.definition);
    let parts = [
        grounds.identifier.as_str().to_owned(),
        grounds.owner.to_string(),
        text(grounds.tile.as_ref()),
        text(grounds.watched.as_ref()),
        to_json(&grounds.filters)?,
    ];
    let of_parts = |sql| parts.iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
    of_parts("INSERT INTO grounds (identifier, owner, tile, watched, filters) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
        .execute(&mut **tx)
        .await?;
    of_parts(
        "UPDATE schedules SET grounds = (SELECT id FROM grounds
             WHERE identifier = $1 AND owner = $2 AND tile = $3 AND watched = $4 AND filters = $5) WHERE id = $6",
    )
    .bind(schedule.id.to_string())
    .execute(&mut **tx)
    .await?;
    forget(tx, before).await
}

/// Deletes grounds that nothing stands on any more.
pub(super) async fn forget(tx: &mut Tx, grounds: Option<i64>) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM grounds WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM schedules s WHERE s.grounds = $1)")
        .bind(grounds)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A tile's key, or nothing.
fn text(tile: Option<&TileKey>) -> String {
    tile.map(|tile| tile.as_str().to_owned()).unwrap_or_default()
}

fn shared(row: &DbRow) -> Result<SharedGrounds, StoreError> {
    let reader = Reader::new("grounds", row);
    let tile = |column| Ok::<_, StoreError>(Some(reader.get::<String>(column)?).filter(|key| !key.is_empty()).map(Into::into));
    let grounds = Grounds {
        identifier: reader.get::<String>("identifier")?.into(),
        owner: reader.parsed("owner")?,
        tile: tile("tile")?,
        watched: tile("watched")?,
        filters: reader.json("filters")?,
    };
    Ok(SharedGrounds { key: GroundsKey(reader.get("key")?), grounds, any_on: reader.get("any_on")?, any_off: reader.get("any_off")? })
}

impl Backend {
    pub(super) async fn grounds_page(&self, after: GroundsKey, limit: u32) -> Result<Vec<SharedGrounds>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.id AS key, g.identifier, g.owner, g.tile, g.watched, g.filters,
                 EXISTS (SELECT 1 FROM schedules s WHERE s.grounds = g.id AND (s.system_disabled_at IS NULL) = true) AS any_on,
                 EXISTS (SELECT 1 FROM schedules s WHERE s.grounds = g.id AND (s.system_disabled_at IS NULL) = false) AS any_off
             FROM grounds g WHERE g.id > $1 ORDER BY g.id LIMIT $2",
        )
        .bind(after.0)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        // One that cannot be read must not end the walk: its key is not known then, but the next page begins after the last.
        Ok(readable(&rows, shared))
    }

    pub(super) async fn schedules_standing_on(
        &self,
        grounds: GroundsKey,
        switched_off: bool,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            schedule_columns!(without a list),
            " FROM schedules s JOIN definitions d ON d.id = s.definition_id
             WHERE s.grounds = $1 AND (s.system_disabled_at IS NULL) = $2 AND s.id > $3 ORDER BY s.id LIMIT $4"
        ))
        .bind(grounds.0)
        .bind(!switched_off)
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        Ok(readable(&rows, read))
    }
}

//! The list of schedules: which rows a page has is known by the index, what they say is one statement.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::listed::list_columns;
use super::row::to_json;
use crate::{ListQuery, ListRow, Page, StoreError};

/// Rows of the keys in `$1`, a JSON list, in its order, each with the number of the last change; one row without a schedule when there is none.
pub(super) const ROWS: &str = concat!(
    "SELECT c.through, asked.key AS place, ",
    list_columns!(),
    " FROM (SELECT coalesce((SELECT max(seq) FROM list_changes), 0) AS through) c LEFT JOIN json_each($1) asked
     LEFT JOIN schedules s ON s.rowid = asked.value LEFT JOIN definitions d ON d.id = s.definition_id ORDER BY asked.key"
);

impl SqliteStore {
    pub(super) async fn list_page(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError> {
        // Mostly nothing has changed since the last list, which the statement for the rows tells as well.
        if let Some((found, known)) = self.listing.find(query).await? {
            let rows = sqlx::query(ROWS).bind(to_json(&found.keys)?).fetch_all(&self.read).await?;
            if through(&rows)? == known {
                return Ok(Page { rows: self.list_rows(&rows).await?, total: found.total });
            }
        }
        let turn = self.listing.turn().await;
        let mut tx = self.snapshot().await?;
        self.listing.follow(&mut tx, &turn).await?;
        let Some((found, _)) = self.listing.find(query).await? else { return Ok(Page { rows: Vec::new(), total: 0 }) };
        drop(turn);
        let rows = sqlx::query(ROWS).bind(to_json(&found.keys)?).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(Page { rows: self.list_rows(&rows).await?, total: found.total })
    }
}

fn through(rows: &[SqliteRow]) -> Result<i64, StoreError> {
    Ok(rows.first().map(|row| row.try_get("through")).transpose()?.unwrap_or_default())
}

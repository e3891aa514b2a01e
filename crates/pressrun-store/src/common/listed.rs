//! Rows of the list: what they say, as far as they can be read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pressrun_domain::schedule::Definition;
use serde::Deserialize;
use sqlx::Row as _;

use super::Backend;
use super::dialect::DbRow;
use super::row::Reader;
use super::schedule_row::{read_definition, read_last_run, read_system_disabled};
use crate::{ListRow, Names, StoreError, UnreadableSchedule};

/// Columns of a row of the list, read by [`Backend::list_rows`].
macro_rules! list_columns {
    () => {
        "s.id, s.owner, s.identifier, s.destination, s.alert, s.single_tile, s.disabled_at, s.system_disabled_at, s.system_disabled_reason,
         (SELECT coalesce((SELECT min(p.at) FROM planned p WHERE p.k = q.k), q.next_at) FROM due q WHERE q.schedule_id = s.id) AS next_at,
         s.last_status, s.last_completed_at, s.last_known_to, s.told_status, s.told_at, s.name_folded, s.condition_query, s.dashboard_name,
         s.owner_name, s.recipient_count, s.definition_id, d.json AS definition"
    };
}
pub(super) use list_columns;

impl Backend {
    /// Rows that are there; of a page that is empty there may be one without a schedule.
    pub(super) async fn list_rows(&self, rows: &[DbRow]) -> Result<Vec<ListRow>, StoreError> {
        let mut listed = Vec::with_capacity(rows.len());
        for row in rows {
            if row.try_get::<Option<&str>, _>("id")?.is_none() {
                continue;
            }
            match self.list_row(row) {
                Ok(mut row) => {
                    if let Err(unreadable) = &mut row.definition {
                        self.tell_timing(&row.id.to_string(), unreadable).await?;
                    }
                    listed.push(row);
                }
                // Of no use to anybody: not even whose it is can be told.
                Err(error) => tracing::error!(%error, "a schedule cannot be listed"),
            }
        }
        Ok(listed)
    }

    fn list_row(&self, row: &DbRow) -> Result<ListRow, StoreError> {
        let reader = Reader::new("schedules", row);
        let mut fault = None;
        // What is wrong with a part of the row is told with the rest of it.
        macro_rules! part {
            ($read:expr) => {
                $read.unwrap_or_else(|error: StoreError| {
                    fault = Some(error.to_string());
                    None
                })
            };
        }
        let system_disabled = part!(read_system_disabled(&reader));
        let last_run = part!(read_last_run(&reader));
        let next_at = part!(reader.instant_opt("next_at"));
        let disabled_at = part!(reader.instant_opt("disabled_at"));
        let definition = match (self.shown.definition(&reader), fault) {
            (Ok(definition), None) => Ok(definition),
            (Ok(definition), Some(reason)) => Err(UnreadableSchedule { name: definition.name.clone(), reason, ..Default::default() }),
            (Err(error), _) => Err(UnreadableSchedule { name: salvaged_name(&reader)?, reason: error.to_string(), ..Default::default() }),
        };
        Ok(ListRow {
            id: reader.parsed("id")?,
            owner: reader.parsed("owner")?,
            identifier: reader.get::<String>("identifier")?.into(),
            destination: reader.get("destination")?,
            alert: reader.get("alert")?,
            single_tile: reader.get("single_tile")?,
            disabled_at,
            system_disabled,
            next_at,
            last_run,
            names: Names {
                dashboard: reader.get("dashboard_name")?,
                owner: reader.get("owner_name")?,
                condition_query: reader.get("condition_query")?,
            },
            recipient_count: reader.get("recipient_count")?,
            definition,
        })
    }

    /// Of what does not parse, planning still knows when it runs.
    async fn tell_timing(&self, id: &str, unreadable: &mut UnreadableSchedule) -> Result<(), StoreError> {
        tracing::error!(schedule = id, reason = unreadable.reason, "a schedule cannot be read");
        let timing = sqlx::query("SELECT t.cron, t.zone FROM due q JOIN timings t ON t.id = q.timing WHERE q.schedule_id = $1");
        if let Some(row) = timing.bind(id).fetch_optional(&self.read).await? {
            (unreadable.cron, unreadable.timezone) = (row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }
}

/// The name in a definition that does not parse as a whole, or else the name as it is searched.
fn salvaged_name(reader: &Reader<'_>) -> Result<String, StoreError> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let text: Option<&str> = reader.get("definition")?;
    match text.and_then(|text| serde_json::from_str::<Name>(text).ok()) {
        Some(Name { name }) => Ok(name),
        None => reader.get("name_folded"),
    }
}

/// Definitions that the list showed, by the hash that names them: what they say never changes, and to read them is most of the work of a page.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Generations>);

/// Forgets what was not shown while [`GENERATION`] others were.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Arc<Definition>>,
    old: HashMap<String, Arc<Definition>>,
}

const GENERATION: usize = 500;

impl Shown {
    /// The definition of a row, without its recipients.
    fn definition(&self, reader: &Reader<'_>) -> Result<Arc<Definition>, StoreError> {
        let id: &str = reader.get("definition_id")?;
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definition) = generations.young.get(id) {
            return Ok(Arc::clone(definition));
        }
        let definition = match generations.old.remove(id) {
            Some(definition) => definition,
            None => {
                let mut definition = read_definition(reader)?;
                definition.destination.forget_recipients();
                Arc::new(definition)
            }
        };
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(id.to_owned(), Arc::clone(&definition));
        Ok(definition)
    }
}

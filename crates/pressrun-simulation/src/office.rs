//! What people do: schedules are made and changed, through a connection of the office's own and as the API does it.

use std::path::Path;

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::delivery::Delivery;
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::id::ScheduleId;
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::Run;
use pressrun_domain::schedule::{Definition, FilterConfig, Schedule};
use pressrun_engine::publish;
use pressrun_store::{Runs, Schedules, SqliteStore, StoreError};
use tokio::runtime::{Builder, Runtime};

use crate::node::sealer;
use crate::scenario::{Plan, ZONES};
use crate::servers::hook;

/// The office.
pub struct Office {
    store: Option<SqliteStore>,
    runtime: Runtime,
}

impl Office {
    /// Opens the database.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(database: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime = Builder::new_current_thread().enable_time().build().map_err(unavailable)?;
        let store = runtime.block_on(SqliteStore::open(database, sealer()))?;
        Ok(Self { store: Some(store), runtime })
    }

    /// Closes the database: what is in it is in the one file.
    pub fn close(mut self) {
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close());
        }
    }

    fn store(&self) -> Result<&SqliteStore, StoreError> {
        self.store.as_ref().ok_or(StoreError::NotFound("store"))
    }

    /// Saves a new schedule.
    ///
    /// # Errors
    /// The store failed.
    pub fn save(&self, plan: Plan, catalog: &Catalog, now: Timestamp) -> Result<ScheduleId, StoreError> {
        let definition = definition(plan, catalog);
        let schedule = Schedule {
            id: ScheduleId::generate(),
            next_at: next_at(&definition, now),
            disabled_at: None,
            system_disabled: None,
            created_at: now,
            updated_at: now,
            version: 1,
            last_run: None,
            definition,
        };
        let names = publish::names(&schedule.definition, catalog);
        let change = Change::by_system(Verb::ScheduleCreated, now);
        self.runtime.block_on(self.store()?.insert_schedule(&schedule, &names, &change))?;
        Ok(schedule.id)
    }

    /// Every run of a schedule with its pieces, oldest occurrence first.
    ///
    /// # Errors
    /// The store failed.
    pub fn runs(&self, schedule: ScheduleId) -> Result<Vec<(Run, Vec<Delivery>)>, StoreError> {
        let store = self.store()?;
        self.runtime.block_on(async {
            let (mut runs, mut page) = (Vec::new(), 1);
            loop {
                let listed = store.list_runs(Some(schedule), page, 100).await?;
                let last = listed.rows.len() < 100;
                for run in listed.rows {
                    let pieces = store.deliveries(run.id).await?;
                    runs.push((run, pieces));
                }
                if last {
                    runs.reverse();
                    return Ok(runs);
                }
                page += 1;
            }
        })
    }
}

/// The first instant after `now`, as the API finds it.
fn next_at(definition: &Definition, now: Timestamp) -> Option<Timestamp> {
    pressrun_dispatch::next_occurrence(&definition.cron, &definition.timezone, now).ok().flatten()
}

fn definition(plan: Plan, catalog: &Catalog) -> Definition {
    let owner = catalog.members.get(plan.owner % catalog.members.len().max(1)).map(|member| member.id);
    Definition {
        name: "Sales".to_owned(),
        identifier: "sales".into(),
        owner: owner.unwrap_or_else(pressrun_domain::id::MembershipId::generate),
        cron: plan.cadence.cron(),
        timezone: ZONES[plan.zone % ZONES.len()].to_owned(),
        timezone_override: None,
        format: Format::LinkOnly,
        options: OutputOptions::default(),
        tile: None,
        filters: FilterConfig::new(),
        condition: None,
        kill_jobs_on_failure: false,
        destination: Destination::Webhook(WebhookSettings::new(hook(plan.destination), Vec::new())),
        worthless_after: None,
        link_epoch: 0,
    }
}

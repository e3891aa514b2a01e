//! What people do: schedules are made and changed, through a connection of the office's own and as the API does it.

use std::future::Future;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::condition::Condition;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient, WebhookSettings};
use pressrun_domain::id::{DeliveryId, MembershipId, RecipientId, ScheduleId, UserId};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::{Progress, ResendOf, Run, RunKind, RunRecord};
use pressrun_domain::schedule::{Definition, FilterConfig, Schedule, SystemDisabled, SystemDisabledReason};
use pressrun_engine::publish;
use pressrun_store::{
    Agreed, Consents, DueSchedule, Enqueue, Notices, People, PlannedThrough, Planning, Runs, ScheduleKey, Schedules, SqliteCopy,
    SqliteStore, StoreError,
};
use tokio::runtime::{Builder, Runtime};

use crate::calendar::Cadence;
use crate::node::{open, until_written};
use crate::scenario::{Goods, MEMBERS, Plan, ZONES};
use crate::servers::{address, hook};

/// A document for each owner, and another one of which each person sees rows of their own.
pub const DOCUMENTS: [&str; 6] = ["sales-0", "sales-1", "sales-2", "own-0", "own-1", "own-2"];

/// The office.
pub struct Office {
    store: Option<SqliteStore>,
    runtime: Runtime,
    catalog: Catalog,
}

/// What somebody does with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It fires at other times.
    Edit(Cadence),
    /// It delivers to another server.
    Redirect(u8),
    /// It is paused.
    Pause,
    /// It is resumed.
    Resume,
    /// It is somebody else's.
    Transfer(usize),
    /// A process with another catalog switches it off.
    SwitchOff,
    /// It is switched on again.
    SwitchOn,
}

impl Office {
    /// Opens the database.
    pub fn open(database: &Path, catalog: &Catalog) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime = Builder::new_current_thread().enable_time().build().map_err(unavailable)?;
        let store = runtime.block_on(open(database))?;
        Ok(Self { store: Some(store), runtime, catalog: catalog.clone() })
    }

    /// Makes a backup of the database, which others use, as `pressrun backup` does; where it is.
    pub fn back_up(&self, database: &Path) -> Result<PathBuf, StoreError> {
        let to = database.with_extension("copy");
        self.runtime.block_on(async { SqliteCopy::make(database, &to).await?.close().await })?;
        Ok(to)
    }

    /// Puts a backup in the place of the database, which nobody else uses, as `pressrun restore` does.
    pub fn restore(&mut self, backup: &Path, database: &Path, now: Timestamp) -> Result<(), StoreError> {
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close());
        }
        for log in ["-wal", "-shm"] {
            let mut name = database.as_os_str().to_owned();
            name.push(log);
            // Mostly the last who closed the database has removed it.
            let _ = std::fs::remove_file(name);
        }
        std::fs::rename(backup, database).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.store = Some(self.runtime.block_on(open(database))?);
        let change = Change::by_system(Verb::BackupRestored, now);
        self.wait(self.store()?.begin_anew("a simulated one", &change))
    }

    /// Closes the database: what is in it is in the one file.
    pub fn close(mut self) {
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close());
        }
    }

    /// Waits for a call, and until no transaction keeps others from writing.
    fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let answer = call.await;
            if let Some(store) = &self.store {
                until_written(store).await;
            }
            answer
        })
    }

    fn store(&self) -> Result<&SqliteStore, StoreError> {
        self.store.as_ref().ok_or(StoreError::NotFound("store"))
    }

    /// Saves a new schedule.
    pub fn save(&self, plan: Plan, now: Timestamp) -> Result<ScheduleId, StoreError> {
        let definition = self.definition(plan);
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
        let names = publish::names(&schedule.definition, &self.catalog);
        let change = Change::by_system(Verb::ScheduleCreated, now);
        self.wait(self.store()?.insert_schedule(&schedule, &names, &change))?;
        Ok(schedule.id)
    }

    /// Changes a schedule; whether it is active then, and `None` when there was nothing to change.
    pub fn act(&self, id: ScheduleId, act: Act, now: Timestamp) -> Result<Option<bool>, StoreError> {
        let store = self.store()?;
        let Some(mut schedule) = self.wait(store.schedule(id))? else { return Ok(None) };
        let verb = match act {
            Act::Edit(cadence) => {
                if schedule.definition.cron == cadence.cron() {
                    return Ok(None);
                }
                schedule.definition.cron = cadence.cron();
                if schedule.is_active() {
                    schedule.next_at = next_at(&schedule.definition, now);
                }
                Verb::ScheduleUpdated
            }
            Act::Redirect(number) => {
                redirect(&mut schedule.definition.destination, number);
                Verb::ScheduleUpdated
            }
            Act::Pause if schedule.disabled_at.is_none() => {
                (schedule.disabled_at, schedule.next_at) = (Some(now), None);
                Verb::SchedulePaused
            }
            Act::Resume if schedule.disabled_at.is_some() => {
                (schedule.disabled_at, schedule.next_at) = (None, next_at(&schedule.definition, now));
                Verb::ScheduleResumed
            }
            Act::SwitchOff if schedule.system_disabled.is_none() => {
                let off = SystemDisabled { at: now, reason: SystemDisabledReason::NoAccess };
                self.wait(store.system_disable(id, schedule.version, off, &[]))?;
                return Ok(Some(false));
            }
            Act::SwitchOn if schedule.system_disabled.is_some() => {
                let next = next_at(&schedule.definition, now);
                self.wait(store.system_enable(id, schedule.version, next, now, &[]))?;
                return Ok(Some(schedule.disabled_at.is_none()));
            }
            Act::Pause | Act::Resume | Act::SwitchOff | Act::SwitchOn => return Ok(None),
            Act::Transfer(owner) => {
                let owner = self.member(owner);
                if schedule.definition.owner == owner {
                    return Ok(None);
                }
                schedule.definition.owner = owner;
                Verb::ScheduleTransferred
            }
        };
        schedule.updated_at = now;
        let names = publish::names(&schedule.definition, &self.catalog);
        let change = Change::by_system(verb, now);
        if matches!(act, Act::Transfer(_)) {
            let agreed = Agreed::Ownership { offer: None };
            self.wait(store.agree(&schedule, &names, agreed, &[], &change))?;
        } else {
            self.wait(store.replace_schedule(&schedule, &names, &change))?;
        }
        Ok(Some(schedule.is_active()))
    }

    /// The last of the people who get a schedule's mail unsubscribes, or is taken off the list; false when there is nobody.
    pub fn leave(&self, id: ScheduleId, unsubscribes: bool, now: Timestamp) -> Result<bool, StoreError> {
        let store = self.store()?;
        let Some(schedule) = self.wait(store.schedule(id))? else { return Ok(false) };
        let Some(last) = schedule.definition.destination.email().and_then(|email| email.recipients.last()) else { return Ok(false) };
        let change = Change::by_system(Verb::ScheduleUpdated, now);
        if unsubscribes {
            self.wait(store.opt_out(id, &last.email, &change))?;
            return Ok(true);
        }
        self.wait(store.remove_recipient(id, last.id, &change))
    }

    /// Deletes a schedule; false when there is none.
    pub fn delete(&self, id: ScheduleId, now: Timestamp) -> Result<bool, StoreError> {
        self.wait(self.store()?.delete_schedule(id, &Change::by_system(Verb::ScheduleDeleted, now)))
    }

    /// Queues a run of a schedule for now; false when one is under way or there is no schedule.
    pub fn trigger(&self, id: ScheduleId, now: Timestamp) -> Result<bool, StoreError> {
        let store = self.store()?;
        let Some(schedule) = self.wait(store.schedule(id))? else { return Ok(false) };
        let run = Run::queued(id, schedule.definition, RunKind::Manual, now);
        let change = Change::by_system(Verb::RunTriggered, now);
        match self.wait(store.enqueue(&Enqueue { run }, &change)) {
            Ok(()) => Ok(true),
            Err(StoreError::RunInProgress) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks for the run of a schedule that is under way to be stopped; false when there is none.
    pub fn cancel(&self, id: ScheduleId, now: Timestamp) -> Result<bool, StoreError> {
        let store = self.store()?;
        let Some(run) = self.wait(store.runs_under_way(&[id]))?.pop() else { return Ok(false) };
        self.wait(store.cancel(run.id, &Change::by_system(Verb::RunCancelled, now)))
    }

    /// Sends the last piece of a schedule that was tried once more; false when there is none.
    pub fn resend(&self, id: ScheduleId, now: Timestamp) -> Result<bool, StoreError> {
        let store = self.store()?;
        let tried = |piece: &Delivery| {
            let settled = matches!(piece.state, DeliveryState::Accepted { .. } | DeliveryState::Failed { .. });
            settled && !piece.attempts.is_empty()
        };
        let found = self.runs(id)?.into_iter().rev().find_map(|(run, pieces)| Some((run, pieces.into_iter().find(|piece| tried(piece))?)));
        let (Some((run, piece)), Some(schedule)) = (found, self.wait(store.schedule(id))?) else { return Ok(false) };
        let definition = Definition { destination: schedule.definition.destination, ..run.definition.clone() };
        let fresh = DeliveryId::generate();
        let resend_of = Some(ResendOf { run: run.id, delivery: piece.id });
        let again = Run {
            scheduled_for: run.scheduled_for,
            progress: Progress { promised_at: Some(now), ..Progress::default() },
            record: RunRecord { resend_of, ..RunRecord::default() },
            ..Run::queued(id, definition, RunKind::Resend, now)
        };
        let (state, idempotency_key) = (DeliveryState::Pending { not_before: now }, format!("pressrun-{fresh}"));
        let piece = Delivery { id: fresh, run: again.id, idempotency_key, state, attempts: Vec::new(), ..piece };
        self.wait(store.enqueue_resend(&again, &piece, &Change::by_system(Verb::RunResent, now)))?;
        Ok(true)
    }

    /// Whether no run of a schedule is queued or running.
    pub fn is_idle(&self, id: ScheduleId) -> Result<bool, StoreError> {
        Ok(self.wait(self.store()?.runs_under_way(&[id]))?.is_empty())
    }

    /// A schedule as it is.
    pub fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        self.wait(self.store()?.schedule(id))
    }

    /// When each active schedule is due next.
    pub fn due(&self) -> Result<Vec<(ScheduleId, DueSchedule)>, StoreError> {
        let store = self.store()?;
        self.wait(async {
            let mut found = Vec::new();
            for PlannedThrough { schedule: due, .. } in store.planned_beyond(None, ScheduleKey::default(), 1_000).await? {
                found.extend(store.schedule_of(due.key).await?.map(|id| (id, due)));
            }
            Ok(found)
        })
    }

    /// Every run of a schedule with its pieces, oldest occurrence first.
    pub fn runs(&self, schedule: ScheduleId) -> Result<Vec<(Run, Vec<Delivery>)>, StoreError> {
        let store = self.store()?;
        self.wait(async {
            let (mut runs, mut page) = (Vec::new(), 1);
            loop {
                let listed = store.list_runs(Some(schedule), page, 100).await?;
                let last = listed.rows.len() < 100;
                for mut run in listed.rows {
                    if run.fence == 0 {
                        runs.push((run, Vec::new()));
                        continue;
                    }
                    // A page says nothing of who is on a list.
                    if let Some(whole) = store.run(run.id).await? {
                        run.definition = whole.definition;
                    }
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

    fn member(&self, number: usize) -> MembershipId {
        self.catalog.members.get(number).map_or_else(MembershipId::generate, |member| member.id)
    }

    fn definition(&self, plan: Plan) -> Definition {
        let tile = "1".into();
        let apart = matches!(plan.goods, Goods::Audiences(_));
        let options = OutputOptions { show_content_link: false, ..OutputOptions::default() };
        Definition {
            name: "Sales".to_owned(),
            identifier: DOCUMENTS[plan.owner % MEMBERS + if apart { MEMBERS } else { 0 }].into(),
            owner: self.member(plan.owner),
            cron: plan.cadence.cron(),
            timezone: ZONES[plan.zone % ZONES.len()].to_owned(),
            timezone_override: None,
            format: if plan.goods == Goods::Link { Format::LinkOnly } else { Format::Csv },
            options,
            tile: None,
            filters: FilterConfig::new(),
            condition: plan.condition.map(|kind| Condition { kind, tile }),
            kill_jobs_on_failure: false,
            destination: self.destination(plan),
            worthless_after: None,
            link_epoch: 0,
        }
    }

    fn destination(&self, plan: Plan) -> Destination {
        let people = match plan.goods {
            Goods::Link | Goods::File => return Destination::Webhook(WebhookSettings::new(hook(plan.destination), Vec::new())),
            Goods::Mail(people) | Goods::Personal(people) | Goods::Audiences(people) => people,
        };
        let personal = matches!(plan.goods, Goods::Personal(_) | Goods::Audiences(_));
        // Personal copies are for members, whose addresses lead to different servers.
        let recipient = |number: u8| {
            let member = self.catalog.members.get(usize::from(number)).filter(|_| personal);
            let email = member.map_or_else(|| address(number, plan.destination), |member| member.email.to_string());
            let person = member.map_or_else(|| Person::EmailOnly(UserId::generate()), |member| Person::Member(member.id));
            Some(Recipient { id: RecipientId::generate(), email: email.parse().ok()?, person })
        };
        Destination::Email(EmailSettings {
            recipients: (0..people).filter_map(recipient).collect(),
            subject: "Sales".to_owned(),
            fan_out: personal,
            ..EmailSettings::default()
        })
    }
}

fn redirect(destination: &mut Destination, number: u8) {
    match destination {
        Destination::Email(email) => {
            for (place, recipient) in email.recipients.iter_mut().enumerate().filter(|_| !email.fan_out) {
                if let Ok(email) = address(u8::try_from(place).unwrap_or(0), number).parse() {
                    recipient.email = email;
                }
            }
        }
        other => *other = Destination::Webhook(WebhookSettings::new(hook(number), Vec::new())),
    }
}

/// The first instant after `now`, as the API finds it.
fn next_at(definition: &Definition, now: Timestamp) -> Option<Timestamp> {
    pressrun_dispatch::next_occurrence(&definition.cron, &definition.timezone, now).ok().flatten()
}

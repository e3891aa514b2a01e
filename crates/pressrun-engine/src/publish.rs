//! What a changed catalog means for stored schedules: current names and addresses, and schedules that can no longer run (X1, Q2, F12).

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::next_occurrence;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{MembershipId, ScheduleId};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};
use pressrun_store::{GroundsKey, ListedMember, Names, StoreError};
use tracing::{error, info, warn};

use crate::faults::Verdict;
use crate::notice;
use crate::pipeline::Context;
use crate::standing;

/// Names of a schedule's document, owner and watched query, as the catalog has them now; the identifier or id where it has none.
#[must_use]
pub fn names(definition: &pressrun_domain::schedule::Definition, catalog: &Catalog) -> Names {
    let document = catalog.documents.get(&definition.identifier);
    let owner = catalog.member(definition.owner.0);
    let watched = definition
        .condition
        .as_ref()
        .and_then(|condition| document?.dashboard.as_ref()?.tiles.get(&condition.tile).map(|tile| tile.title.clone()));
    Names {
        dashboard: document.map_or_else(|| definition.identifier.0.clone(), |document| document.name.clone()),
        owner: owner.map_or_else(|| definition.owner.to_string(), |owner| owner.name.clone()),
        condition_query: watched,
    }
}

/// What a publication came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Schedules that were switched off.
    pub disabled: u32,
    /// Schedules that were switched on again.
    pub enabled: u32,
    /// How long it is until faults that are not yet known to hold are due to be looked at.
    pub look_again: Option<SignedDuration>,
}

/// Re-validates every schedule against the catalog as it is, and brings the list's names and the addresses of members on lists up to date.
///
/// A schedule that can no longer run is switched off and its owner told (X1, Q2, F12), once its fault is known to hold ([`Faults`]). One whose
/// document or query is back is switched on again; one that is off for another cause which is gone stays off, and its owner is told that it can
/// be switched on (X5). A schedule whose document waits for its file to be right is left alone.
///
/// [`Faults`]: crate::faults::Faults
///
/// # Errors
/// The store failed; run it again.
pub async fn published(context: &Context) -> Result<Published, StoreError> {
    let meant = context.faults.published_since(context.catalog.publications());
    read_again_if_due(context).await;
    // In this order: what is judged is never older than it is said to be.
    let (store, read_at, catalog) = (&context.store, context.catalog.read_at(), context.catalog.current());
    let dashboards: Vec<_> = catalog.documents.values().map(|document| (document.identifier.clone(), document.name.clone())).collect();
    let owners: Vec<_> = catalog.members.iter().map(|member| (member.id, member.name.clone())).collect();
    store.refresh_names(&dashboards, &owners).await?;
    let mut publication =
        Publication { context, catalog: &catalog, read_at, meant, may_judge: None, done: Published::default(), faulty: HashSet::new() };
    publication.move_members().await?;
    publication.look_at_all().await?;
    let Publication { mut done, faulty, may_judge, .. } = publication;
    context.faults.keep(&faulty);
    done.look_again = context.faults.next(context.clock.steady());
    if may_judge == Some(false) {
        // Other processes may have the same files soon.
        done.look_again = Some(done.look_again.unwrap_or_default().max(OTHERS_FOLLOW));
    }
    Ok(done)
}

/// How long it is until another look when processes have different catalogs.
const OTHERS_FOLLOW: SignedDuration = SignedDuration::from_secs(30);

/// Grounds, schedules and members read at once.
const PAGE: u32 = 500;

/// One look at what schedules stand on: as many steps as there are different grounds, and those schedules that are switched on or off by it.
struct Publication<'a> {
    context: &'a Context,
    catalog: &'a Catalog,
    read_at: SignedDuration,
    /// The files are as somebody means them to be.
    meant: bool,
    /// Whether schedules may be switched by this catalog, once that was asked.
    may_judge: Option<bool>,
    done: Published,
    /// Schedules with a fault that is not yet known to hold.
    faulty: HashSet<ScheduleId>,
}

impl Publication<'_> {
    /// Members who have another address now get their mail there: the author chose the person. When processes have different catalogs, the one in
    /// force decides.
    async fn move_members(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.context.store.listed_members(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.member);
            let moved: Vec<_> = page.iter().filter_map(|listed| moved_to(self.catalog, listed)).collect();
            if moved.is_empty() {
                continue;
            }
            if !self.may_judge().await? {
                info!("members have other addresses here than on lists, but not in every process");
                return Ok(());
            }
            let schedules = self.context.store.move_members(&moved).await?;
            info!(members = moved.len(), schedules, "lists have members at their present addresses now");
        }
    }

    async fn look_at_all(&mut self) -> Result<(), StoreError> {
        let mut after = GroundsKey::default();
        loop {
            let page = self.context.store.grounds(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.key;
            for shared in page.iter().filter(|shared| !self.catalog.waits(&shared.grounds.identifier)) {
                match shared.grounds.fault(self.catalog) {
                    None if shared.any_off => self.each(shared.key, true, None).await?,
                    Some(reason) if shared.any_on => self.each(shared.key, false, Some(reason)).await?,
                    _ => {}
                }
            }
        }
    }

    /// Looks at each schedule that stands on these grounds, page by page.
    async fn each(&mut self, grounds: GroundsKey, switched_off: bool, fault: Option<SystemDisabledReason>) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.context.store.standing_on(grounds, switched_off, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for schedule in &page {
                self.judge(schedule, fault).await?;
            }
        }
    }

    /// Whether this process's catalog decides (H12).
    async fn may_judge(&mut self) -> Result<bool, StoreError> {
        if let Some(known) = self.may_judge {
            return Ok(known);
        }
        let may_judge = standing::of(self.context, self.catalog).await?.may_judge();
        self.may_judge = Some(may_judge);
        Ok(may_judge)
    }

    async fn judge(&mut self, schedule: &Schedule, fault: Option<SystemDisabledReason>) -> Result<(), StoreError> {
        let (context, catalog, now) = (self.context, self.catalog, self.context.clock.now());
        match (schedule.system_disabled, fault) {
            (None, None) | (Some(_), Some(_)) => {}
            (Some(off), None) if off.reason.ends_by_itself() && !self.may_judge().await? => {
                info!(schedule = %schedule.id, reason = off.reason.as_str(), "what the schedule was switched off for is back here, but not in every process");
            }
            (Some(off), None) if off.reason.ends_by_itself() => self.done.enabled += enable(context, catalog, schedule, off, now).await?,
            (Some(off), None) => {
                context.store.add_notices(&notice::about_recovery(context, catalog, schedule, off, now)).await?;
            }
            (None, Some(reason)) => match context.faults.judge(schedule.id, self.read_at, context.clock.steady()) {
                Verdict::NotYet(_) if !self.meant => {
                    info!(schedule = %schedule.id, reason = reason.as_str(), "the schedule has a fault, which is looked at again before it is switched off");
                    self.faulty.insert(schedule.id);
                }
                Verdict::Holds | Verdict::NotYet(_) if !self.may_judge().await? => {
                    self.faulty.insert(schedule.id);
                }
                Verdict::Holds | Verdict::NotYet(_) => self.done.disabled += disable(context, catalog, schedule, reason, now).await?,
            },
        }
        Ok(())
    }
}

/// Where a member is now whom some list has at another address; `None` too when the catalog does not know them.
fn moved_to(catalog: &Catalog, listed: &ListedMember) -> Option<(MembershipId, EmailAddress)> {
    let member = catalog.members.by_id(listed.member)?;
    let present = member.email.as_str();
    (listed.first != present || listed.last != present).then(|| (member.id, member.email.clone()))
}

/// Reads the files again when some fault has been there for long enough to be judged by that.
pub(crate) async fn read_again_if_due(context: &Context) {
    if !context.faults.wants_reading(context.catalog.read_at(), context.clock.steady()) {
        return;
    }
    let catalog = Arc::clone(&context.catalog);
    match tokio::task::spawn_blocking(move || catalog.reload()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => warn!(%error, "the catalog cannot be read; no schedule is switched off for what it said last"),
        Err(error) => warn!(%error, "reading the catalog ended early"),
    }
}

/// Whether the schedule was switched off, as a number to count with.
async fn disable(
    context: &Context,
    catalog: &Catalog,
    schedule: &Schedule,
    reason: SystemDisabledReason,
    now: Timestamp,
) -> Result<u32, StoreError> {
    let off = SystemDisabled { at: now, reason };
    let notices = notice::about_disabling(context, catalog, schedule, off);
    counted(context.store.system_disable(schedule.id, schedule.version, off, &notices).await)
}

/// Whether the schedule was switched on again, as a number to count with. Its next occurrence is the next one from `now` on.
async fn enable(context: &Context, catalog: &Catalog, schedule: &Schedule, off: SystemDisabled, now: Timestamp) -> Result<u32, StoreError> {
    let next_at = next_occurrence(&schedule.definition.cron, &schedule.definition.timezone, now).unwrap_or_else(|fault| {
        error!(schedule = %schedule.id, fault, "the schedule cannot be planned and will not fire until it is edited");
        None
    });
    let notices = notice::about_recovery(context, catalog, schedule, off, now);
    counted(context.store.system_enable(schedule.id, schedule.version, next_at, now, &notices).await)
}

/// One, or none when the schedule was edited or deleted meanwhile: its next run is checked again.
fn counted(switched: Result<(), StoreError>) -> Result<u32, StoreError> {
    match switched {
        Ok(()) => Ok(1),
        Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(0),
        Err(error) => Err(error),
    }
}

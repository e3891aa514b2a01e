//! Who is told how the run of an alert went, and what others are told ([`outline`](crate::outline)).

use crate::audience::OWNERS;
use crate::catalog::Catalog;
use crate::delivery::{Delivery, DeliveryState};
use crate::email::EmailAddress;
use crate::id::MembershipId;
use crate::notice::{Notice, NoticeTo};
use crate::outline::{KnownTo, Outline, UNTOLD, told};
use crate::run::{Progress, Run, RunState, TimelineEntry};
use crate::schedule::LastRun;

use super::{Actor, RunAccess, is_personal};

/// Warnings about who is on the list, which are there before anything is judged.
const OF_THE_LIST: [&str; 2] = ["recipientSkipped: ", "withoutValues: "];

/// Lines of the timeline that every run has.
const OF_EVERY_RUN: [&str; 2] = ["planned", "claimed"];

/// Who may know how a run goes or went. Where no outline says so it is judged by the definition, rather too strictly than too laxly.
#[must_use]
pub fn known_to(catalog: &Catalog, run: &Run) -> KnownTo {
    let Run { record, definition, state, .. } = run;
    if let Some(outline) = &record.outline {
        return outline.known_to;
    }
    if definition.condition.is_none() || matches!(state, RunState::Skipped { .. }) {
        return KnownTo::Readers;
    }
    let mut judged =
        record.tiles.iter().map(|tile| &tile.audience).chain(record.conditions.iter().map(|judged| &judged.audience)).peekable();
    let personal = if judged.peek().is_some() { judged.any(|audience| audience != OWNERS) } else { is_personal(catalog, definition) };
    if personal { KnownTo::Admins } else { KnownTo::Owner }
}

/// For whom the history of a schedule is listed who may not know how every run went. That a piece was sent again says that it was sent, so such a
/// run is listed only when the reader may know how the run went that it repeats, or when it went to the reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryReader {
    /// The reader, if the schedule is theirs today: their runs of it are told as to their owner.
    pub owner: Option<MembershipId>,
    /// Where the reader gets mail.
    pub address: Option<EmailAddress>,
}

impl Actor {
    /// As whom this actor is listed the history of a schedule that is `owner`'s today; `None` when everything is open.
    #[must_use]
    pub fn history_reader(&self, catalog: &Catalog, owner: MembershipId) -> Option<HistoryReader> {
        if self.is_admin(catalog) {
            return None;
        }
        let address = self.person(catalog).map(|person| person.email.clone());
        Some(HistoryReader { owner: Some(owner).filter(|owner| self.is(catalog, *owner)), address })
    }

    /// Whether somebody with this much access to a run may know how it went. Who may not is shown that it ran, and the pieces to their own
    /// address.
    #[must_use]
    pub fn knows_outcome(&self, catalog: &Catalog, run: &Run, access: RunAccess) -> bool {
        match access {
            RunAccess::Everything => true,
            RunAccess::Owned => known_to(catalog, run) <= KnownTo::Owner,
            RunAccess::Summary => known_to(catalog, run) == KnownTo::Readers,
        }
    }

    /// Whether a piece is shown to this actor, who may know how the run went or not. Who may not is shown their own copy, which went by their own
    /// rows, but not that they were left out: that is written down only when the condition held for somebody else.
    #[must_use]
    pub fn is_shown(&self, catalog: &Catalog, knows: bool, piece: &Delivery) -> bool {
        let is_own = || self.person(catalog).is_some_and(|person| person.email.folded() == piece.target.to_lowercase());
        knows || (!matches!(piece.state, DeliveryState::Skipped { .. }) && is_own())
    }

    /// What this actor is told of the last run of a schedule that is `owner`'s; [`LastRun::untold`] stands in it if that is not all.
    #[must_use]
    pub fn told_last_run(&self, catalog: &Catalog, owner: MembershipId, last: LastRun) -> LastRun {
        let Some(untold) = last.untold else { return last };
        let knows = self.is_admin(catalog) || (untold.known_to <= KnownTo::Owner && self.is(catalog, owner));
        if knows { LastRun { untold: None, ..last } } else { last.told() }
    }
}

/// Takes out of a run whatever differs with the outcome of its condition, but for notices to the reader's `own` address. Its outline stays, as the
/// mark that this is not all.
pub(super) fn leave_untold(run: &mut Run, own: Option<&EmailAddress>, notices: &mut Vec<Notice>) {
    let began = run.started_at.unwrap_or(run.created_at);
    let record = std::mem::take(&mut run.record);
    run.progress = Progress::default();
    let of_every_run = |line: &&TimelineEntry| OF_EVERY_RUN.contains(&line.event.as_str());
    run.record.timeline = record.timeline.iter().filter(of_every_run).map(|line| TimelineEntry { detail: None, ..line.clone() }).collect();
    run.record.timeline.dedup_by(|later, line| later.event == line.event);
    let of_the_list = |warning: &&String| OF_THE_LIST.iter().any(|kind| warning.starts_with(kind));
    run.record.warnings = record.warnings.iter().filter(of_the_list).cloned().collect();
    match &mut run.state {
        // It waits for another attempt only when there was something to attempt.
        RunState::Queued { available_at } => *available_at = run.created_at,
        RunState::Ended { at, status, reason } => {
            let (shown, because) = told(record.outline.as_ref(), *status, reason.as_deref());
            (*at, *status, *reason) = (began, shown, because.or_else(|| Some(UNTOLD.to_owned())));
            run.record.note(began, "ended", Some(shown.as_str().to_owned()));
        }
        RunState::Running { .. } | RunState::Skipped { .. } => {}
    }
    let address = own.map(EmailAddress::folded);
    notices.retain(|notice| matches!(&notice.to, NoticeTo::Owner(to) if Some(to.folded()) == address));
    let outline = record.outline.unwrap_or_else(|| Outline::new(KnownTo::Admins));
    run.record.error.clone_from(&outline.error);
    run.record.outline = Some(Outline::new(outline.known_to));
}

//! What of a schedule or run is shown to whom: the same on pages and by API, because both show what is left here.
//!
//! Who manages a schedule sees it whole. Others who may read it see that it is there, what it runs and how that went, but not where it goes:
//! addresses of recipients, logins, paths, the answers of remote servers and hidden filters (F11, D13) are the owner's.

use crate::audience::OWNERS;
use crate::catalog::{Catalog, Dashboard};
use crate::delivery::{Delivery, DeliveryState};
use crate::destination::{Destination, EmailSettings};
use crate::email::EmailAddress;
use crate::notice::Notice;
use crate::run::{Run, RunRecord, RunState, TileRecord};
use crate::schedule::{Definition, FilterConfig, LastRun, Schedule};

use super::told::leave_untold;
use super::{Actor, RunAccess};

/// The named reason that stands for one which is the owner's to know.
pub const WITHHELD: &str = "askTheOwner";

/// What stands for the error of a query that ran with other people's rows.
const UNSAID: &str = "the query failed for this reader; an admin can see why";

/// Warnings that speak of rows: whether there are more than a limit, which an owner may choose, and which letters stand in them.
const OF_ROWS: [&str; 3] = ["truncated: ", "render: ", "watchedResultTruncated"];

/// A schedule as somebody may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownSchedule {
    /// The schedule, without what is not shown.
    pub schedule: Schedule,
    /// Whether that is all of it.
    pub whole: bool,
    /// How many recipients and groups were left out.
    pub left_out: usize,
    /// What is in force: the dashboard's defaults under the overrides, those that are shown.
    pub filters_in_force: FilterConfig,
}

/// A run with everything that belongs to it, as somebody may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRun {
    /// The run.
    pub run: Run,
    /// Pieces it promised.
    pub deliveries: Vec<Delivery>,
    /// What was said about it to its owner and to the operator.
    pub notices: Vec<Notice>,
    /// How much of it that is.
    pub access: RunAccess,
}

/// What whoever is offered a schedule is shown of it: what its owner sees, but for what came of the owner's rows.
#[must_use]
pub fn offered_schedule(catalog: &Catalog, mut schedule: Schedule) -> ShownSchedule {
    schedule.last_run = schedule.last_run.map(LastRun::told);
    let dashboard = catalog.documents.get(&schedule.definition.identifier).and_then(|document| document.dashboard.as_ref());
    let filters_in_force = in_force(&schedule.definition.filters, dashboard, false);
    ShownSchedule { schedule, whole: true, left_out: 0, filters_in_force }
}

impl Actor {
    /// What of a schedule that may be read is shown.
    #[must_use]
    pub fn shown_schedule(&self, catalog: &Catalog, mut schedule: Schedule) -> ShownSchedule {
        let dashboard = catalog.documents.get(&schedule.definition.identifier).and_then(|document| document.dashboard.as_ref());
        let whole = self.may_manage(catalog, schedule.definition.owner);
        let mut left_out = 0;
        if !whole {
            left_out = self.for_readers(catalog, &mut schedule.definition, dashboard);
        }
        schedule.last_run = schedule.last_run.map(|last| self.told_last_run(catalog, schedule.definition.owner, last));
        let shows_hidden = self.sees_hidden_filters(catalog);
        let filters_in_force = in_force(&schedule.definition.filters, dashboard, shows_hidden);
        ShownSchedule { schedule, whole, left_out, filters_in_force }
    }

    /// What of a run is shown to somebody who has this much access to it.
    #[must_use]
    pub fn shown_run(
        &self,
        catalog: &Catalog,
        mut run: Run,
        mut deliveries: Vec<Delivery>,
        mut notices: Vec<Notice>,
        access: RunAccess,
    ) -> ShownRun {
        let knows = self.knows_outcome(catalog, &run, access);
        if knows {
            run.record.outline = None;
        } else {
            deliveries.retain(|piece| self.is_shown(catalog, knows, piece));
            let own = self.person(catalog).map(|person| &person.email);
            leave_untold(&mut run, own, &mut notices);
        }
        match access {
            RunAccess::Everything => ShownRun { run, deliveries, notices, access },
            RunAccess::Owned => {
                if let RunState::Ended { reason: Some(reason), .. } = &mut run.state {
                    run.record.for_owner(reason);
                }
                if let Some(reason) = &mut run.progress.waits_for {
                    run.record.for_owner(reason);
                }
                let own = self.person(catalog).map(|person| &person.email);
                let deliveries = deliveries.into_iter().map(|piece| piece_for_owner(&run.record, own, piece)).collect();
                run.record = run.record.of_owners_rows();
                let dashboard = catalog.documents.get(&run.definition.identifier).and_then(|document| document.dashboard.as_ref());
                run.record.warnings.retain(|warning| !names_hidden_filter(warning, &run.definition, dashboard));
                ShownRun { run, deliveries, notices, access }
            }
            RunAccess::Summary => {
                summary(&mut run);
                let dashboard = catalog.documents.get(&run.definition.identifier).and_then(|document| document.dashboard.as_ref());
                self.for_readers(catalog, &mut run.definition, dashboard);
                let own = self.person(catalog).map(|person| person.email.folded());
                let is_own = |piece: &Delivery| own.as_ref().is_some_and(|own| *own == piece.target.to_lowercase());
                let deliveries = deliveries.into_iter().filter(is_own).map(without_answers).collect();
                ShownRun { run, deliveries, notices: Vec::new(), access }
            }
        }
    }

    /// Takes out of a definition what only its owner sees; how many recipients and groups that were.
    fn for_readers(&self, catalog: &Catalog, definition: &mut Definition, dashboard: Option<&Dashboard>) -> usize {
        definition.filters.retain(|key, _| dashboard.and_then(|dashboard| dashboard.filters.get(key)).is_some_and(|filter| !filter.hidden));
        let reader = self.person(catalog);
        definition.destination = definition.destination.clone().for_readers();
        match &mut definition.destination {
            Destination::Email(email) => {
                email.text_body = None;
                let before = places(email);
                email.retain(|place| reader.is_some_and(|reader| reader.email.same_as(&place.email)));
                email.groups.retain(|id| reader.is_some_and(|reader| catalog.groups.any_has(&[*id], reader.id)));
                before - places(email)
            }
            Destination::Slack(slack) => {
                slack.text_body = None;
                std::mem::take(&mut slack.recipients).len()
            }
            Destination::Sftp(_) | Destination::Webhook(_) => 0,
            Destination::S3(s3) => {
                (s3.key_prefix, s3.filename) = (None, None);
                0
            }
        }
    }
}

fn places(email: &EmailSettings) -> usize {
    email.named().count() + email.groups.len()
}

/// Today's defaults with the overrides on top, in dashboard order; keys that are gone are left out (F2, F3). The default of a hidden filter
/// is shown only with `hidden`; what was set of one stands in the overrides, which are shown or not as they are.
fn in_force(overrides: &FilterConfig, dashboard: Option<&Dashboard>, hidden: bool) -> FilterConfig {
    let Some(dashboard) = dashboard else { return overrides.clone() };
    let value = |(key, filter): (&crate::id::FilterKey, &crate::catalog::FilterDefinition)| {
        let default = || filter.default.clone().filter(|_| hidden || !filter.hidden);
        Some((key.clone(), overrides.get(key).cloned().or_else(default)?))
    };
    dashboard.filters.iter().filter_map(value).collect()
}

impl RunRecord {
    /// What an owner may know of it: of what was queried and judged for other people only that it was. How many rows others have, and what a
    /// database says of a cell of theirs, is not the owner's to know.
    #[must_use]
    pub fn of_owners_rows(&self) -> Self {
        let mut record = self.clone();
        record.conditions.retain(|judged| judged.audience == OWNERS);
        let details = record.timeline.iter_mut().filter_map(|line| line.detail.as_mut());
        for text in record.error.iter_mut().chain(&mut record.warnings).chain(details) {
            self.for_owner(text);
        }
        // Personal copies have no rows of the owner's, so that every such line counts other people's.
        if self.tiles.iter().any(|tile| tile.audience != OWNERS) {
            record.warnings.retain(|warning| !OF_ROWS.iter().any(|kind| warning.starts_with(kind)));
            for line in record.timeline.iter_mut().filter(|line| line.event == "judged") {
                line.detail = None;
            }
        }
        // How large somebody's file is says how much they have.
        if self.artifacts.iter().any(|file| file.audience != OWNERS) {
            for line in record.timeline.iter_mut().filter(|line| line.event == "rendered") {
                line.detail = None;
            }
        }
        record.artifacts.retain(|file| file.audience == OWNERS);
        for tile in record.tiles.iter_mut().filter(|tile| is_unsaid(tile)) {
            if let Some(error) = &mut tile.error {
                UNSAID.clone_into(error);
            }
        }
        for tile in record.tiles.iter_mut().filter(|tile| tile.audience != OWNERS) {
            (tile.rows, tile.truncated) = (0, false);
        }
        record
    }

    /// What of a reason that belongs to this run its owner may know: not what a database said of other people's rows.
    pub fn for_owner(&self, text: &mut String) {
        let mut unsaid = self.tiles.iter().filter(|tile| is_unsaid(tile)).filter_map(|tile| tile.error.as_deref());
        if unsaid.any(|said| text.contains(said)) {
            UNSAID.clone_into(text);
        }
    }
}

/// Whether what a query failed of is not the owner's to know: it ran for other people, or a cell of other people's may stand in it.
fn is_unsaid(tile: &TileRecord) -> bool {
    tile.audience != OWNERS || tile.quotes_data
}

/// Whether a warning says which hidden filter a tile does not use, that the owner has not set and so may not know of (F11).
fn names_hidden_filter(warning: &str, definition: &Definition, dashboard: Option<&Dashboard>) -> bool {
    let named = warning.strip_prefix("unfiltered: ").and_then(|rest| rest.rsplit_once(" does not use filter "));
    let hidden =
        |key: &str| dashboard.is_some_and(|dashboard| dashboard.filters.iter().any(|(name, filter)| name.as_str() == key && filter.hidden));
    named.is_some_and(|(_, key)| hidden(key) && !definition.filters.keys().any(|set| set.as_str() == key))
}

/// Where a piece stands, with what the owner of the schedule may know of why, and of its file only when they may open it.
fn piece_for_owner(record: &RunRecord, own: Option<&EmailAddress>, mut piece: Delivery) -> Delivery {
    let is_own = own.is_some_and(|own| own.folded() == piece.target.to_lowercase());
    if !is_own {
        piece.artifact = piece.artifact.filter(|file| file.audience == OWNERS);
    }
    if let DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } = &mut piece.state {
        record.for_owner(reason);
    }
    piece
}

fn summary(run: &mut Run) {
    if let RunState::Ended { reason, .. } = &mut run.state {
        let unsaid = reason.as_ref().map_or(run.record.error.is_some(), |reason| !is_named(reason));
        if unsaid {
            *reason = Some(WITHHELD.to_owned());
        }
    }
    let RunRecord { timeline, outline, .. } = std::mem::take(&mut run.record);
    run.record = RunRecord { outline, ..RunRecord::default() };
    run.progress.waits_for = None;
    for line in timeline {
        run.record.note(line.at, line.event, None);
    }
}

/// The reader's own piece: where it stands, not what servers said.
fn without_answers(mut piece: Delivery) -> Delivery {
    piece.attempts.clear();
    piece.artifact = None;
    if let DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } = &mut piece.state
        && !is_named(reason)
    {
        WITHHELD.clone_into(reason);
    }
    piece
}

/// Whether a reason is one of our own words (`everyQueryFailed`, `killed: deadline`) and not what a server or a database said.
fn is_named(reason: &str) -> bool {
    let word = reason.strip_prefix("killed: ").unwrap_or(reason);
    word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

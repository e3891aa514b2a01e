//! What Pressrun itself has to say to a schedule's owner and to the operator (S10, S13, X1, X5).
//!
//! Theory of operation. Whatever gives reason for a notice writes it as a row, in the transaction that makes it true: the end of a run, or
//! the switching off of a schedule at a publication. [`outbox`] sends rows that are due, with the retries of any other piece, and
//! independently of runs: a mail server that is down holds up no run, and no crash loses or repeats a notice under another mark. When the
//! owner cannot be reached the operator is told (S13); when the operator cannot be reached either, the log says so.

pub(crate) mod outbox;
mod words;

use jiff::Timestamp;
use pressrun_domain::bounce::Report;
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::notice::{FAILURES_IN_A_ROW, Notice, NoticeKind, NoticeTo, fails_repeatedly, notice_id};
use pressrun_domain::outline::{KnownTo, stopped_by_a_person};
use pressrun_domain::run::{Run, RunRecord, RunStatus};
use pressrun_domain::schedule::{Schedule, SystemDisabled, SystemDisabledReason};
use pressrun_store::{StoreError, UnreadRun};
use uuid::Uuid;

use crate::config::EngineConfig;
use crate::pipeline::Context;
use words::{About, Words};

/// How a run is about to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    pub(crate) status: RunStatus,
    pub(crate) reason: Option<&'a str>,
    /// What switches the schedule off with it.
    pub(crate) disable: Option<SystemDisabledReason>,
    /// Pieces were promised, so that the reason is a destination's.
    pub(crate) promised: bool,
}

/// What has to be said about a run that is about to end: once for each failed occurrence (S10), and once when it works again. Tests and
/// resends say nothing, and neither do runs that a person stopped: who started or stopped them looks at them.
///
/// An owner who may not know how it went hears what its outline says. What failed beyond that somebody else hears: the operator, or admins.
///
/// # Errors
/// The store failed.
pub(crate) async fn about_run(context: &Context, run: &Run, record: &RunRecord, ending: Ending<'_>) -> Result<Vec<Notice>, StoreError> {
    if !run.kind.counts() || stopped_by_a_person(ending.status, ending.reason) {
        return Ok(Vec::new());
    }
    let catalog = context.catalog.current();
    let owner = catalog.member(run.definition.owner.0);
    let owner_sees_all = owner.is_some_and(|owner| owner.admin);
    let shown = if owner_sees_all { record.clone() } else { record.of_owners_rows() };
    let shown = RunRecord { outline: None, ..shown };
    let mut reason = ending.reason.map(str::to_owned);
    // What failed first is the reason of the run, and may be a query of somebody else's.
    if let Some(reason) = reason.as_mut().filter(|_| !owner_sees_all) {
        record.for_owner(reason);
    }
    let now = context.clock.now();
    let ending = Ending { reason: reason.as_deref(), ..ending };
    let about = About::run(context, &catalog, run, &shown, ending);
    let outline = record.outline.as_ref().filter(|outline| outline.known_to == KnownTo::Admins && !owner_sees_all);
    let Some(outline) = outline else {
        return said(context, &catalog, &about, run, ending, Addressees::All, now).await;
    };
    let told = RunRecord { error: outline.error.clone(), outline: Some(outline.clone()), ..RunRecord::default() };
    let as_told = Ending { status: outline.status, reason: outline.reason.as_deref(), ..ending };
    let about_outline = About::run(context, &catalog, run, &told, as_told);
    let mut notices = said(context, &catalog, &about_outline, run, as_told, Addressees::Owner, now).await?;
    notices.extend(said(context, &catalog, &about, run, ending, Addressees::Others, now).await?);
    let unheard = ending.status.is_failure() && !outline.status.is_failure() && context.config.operator.is_none();
    if unheard {
        let admins = catalog.members.iter().filter(|member| member.admin && member.active).take(ADMINS_TOLD);
        notices.extend(admins.map(|admin| about.notice(run.id.0, NoticeKind::RunFailed, NoticeTo::Owner(admin.email.clone()), now)));
    }
    Ok(notices)
}

/// Admins who are told of a failure that the owner may not know of, when there is no operator's webhook.
const ADMINS_TOLD: usize = 3;

/// Whom to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addressees {
    All,
    /// The owner alone.
    Owner,
    /// Everybody but the owner.
    Others,
}

impl Addressees {
    fn include(self, to: &NoticeTo, owner: Option<&Member>) -> bool {
        let is_owner = matches!(to, NoticeTo::Owner(email) if owner.is_some_and(|owner| owner.email.same_as(email)));
        match self {
            Self::All => true,
            Self::Owner => is_owner,
            Self::Others => !is_owner,
        }
    }
}

/// What a run that ends like this gives reason to say to these.
async fn said(
    context: &Context,
    catalog: &Catalog,
    about: &About<'_>,
    run: &Run,
    ending: Ending<'_>,
    addressees: Addressees,
    now: Timestamp,
) -> Result<Vec<Notice>, StoreError> {
    let owner = catalog.member(run.definition.owner.0);
    let mut notices = match ending.status {
        RunStatus::ConditionUnmet => Vec::new(),
        RunStatus::Complete => {
            let alarmed = context.store.alarmed(run.schedule_id).await?;
            alarmed.into_iter().map(|to| about.notice(run.id.0, NoticeKind::RunRecovered, to, now)).collect()
        }
        RunStatus::Error | RunStatus::ErrorDelivered | RunStatus::Killed => {
            let kind = if ending.disable.is_some() { NoticeKind::ScheduleDisabled } else { NoticeKind::RunFailed };
            let mut notices = to_both(context, catalog, about, run.id.0, kind, now);
            if context.config.operator.is_some() {
                let more = trouble_with_the_destination(context, run, ending).await?;
                notices.extend(more.map(|kind| about.notice(run.id.0, kind, NoticeTo::Operator, now)));
            }
            notices
        }
    };
    notices.retain(|notice| addressees.include(&notice.to, owner));
    Ok(notices)
}

/// That a way out is shut since `since`, so that what leaves by it waits: to the operator alone, once for all that waits.
pub(crate) fn about_holding(context: &Context, run: &Run, record: &RunRecord, reason: &str, since: Timestamp) -> Option<Notice> {
    context.config.operator.as_ref()?;
    let catalog = context.catalog.current();
    let ending = Ending { status: RunStatus::Error, reason: Some(reason), disable: None, promised: true };
    let cause = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("held since {since}").as_bytes());
    let about = About::run(context, &catalog, run, record, ending);
    Some(about.notice(cause, NoticeKind::DeliveriesHeld, NoticeTo::Operator, context.clock.now()))
}

/// What a schedule's being switched off outside of a run gives reason to say.
pub(crate) fn about_disabling(context: &Context, catalog: &Catalog, schedule: &Schedule, disabled: SystemDisabled) -> Vec<Notice> {
    let about = About::schedule(context, catalog, schedule, disabled.reason);
    to_both(context, catalog, &about, cause(schedule, disabled), NoticeKind::ScheduleDisabled, disabled.at)
}

/// That what a schedule was switched off for is gone, so that it is on again, or could be switched on (X5): said once each time that it was
/// switched off.
pub(crate) fn about_recovery(
    context: &Context,
    catalog: &Catalog,
    schedule: &Schedule,
    disabled: SystemDisabled,
    now: Timestamp,
) -> Vec<Notice> {
    let about = About::schedule(context, catalog, schedule, disabled.reason);
    let kind = if disabled.reason.ends_by_itself() { NoticeKind::ScheduleEnabled } else { NoticeKind::ScheduleCanBeEnabled };
    to_both(context, catalog, &about, cause(schedule, disabled), kind, now)
}

/// What mail that came back for good gives reason to say; `cause` is the piece that did.
pub(crate) fn about_suppression(
    config: &EngineConfig,
    catalog: &Catalog,
    schedule: &Schedule,
    email: &EmailAddress,
    report: &Report,
    cause: Uuid,
    now: Timestamp,
) -> Vec<Notice> {
    let about = About::came_back(config, catalog, schedule, email, report);
    // An owner whose own mail comes back cannot be told by mail.
    let owner = catalog.member(schedule.definition.owner.0).filter(|owner| owner.active && !owner.email.same_as(email));
    let owner = owner.map(|owner| NoticeTo::Owner(owner.email.clone()));
    let told = owner.into_iter().chain(config.operator.is_some().then_some(NoticeTo::Operator));
    told.map(|to| about.notice(cause, NoticeKind::RecipientSuppressed, to, now)).collect()
}

/// That nobody can tell when a schedule is due (M10): said once for each version of it.
pub(crate) fn about_unplannable(context: &Context, schedule: &Schedule, fault: &str) -> Vec<Notice> {
    let catalog = context.catalog.current();
    let about = About::unplannable(context, &catalog, schedule, fault);
    let cause = uuid::Uuid::new_v5(&schedule.id.0, &schedule.version.to_be_bytes());
    to_both(context, &catalog, &about, cause, NoticeKind::ScheduleUnplannable, context.clock.now())
}

/// That a run ended because what is stored of it cannot be read (M10). Little is known of it, so that the words are the few that are certain.
pub(crate) fn about_unread(context: &Context, unread: &UnreadRun) -> Vec<Notice> {
    let (catalog, now) = (context.catalog.current(), context.clock.now());
    let owner = catalog.member(unread.owner.0).filter(|owner| owner.active);
    let mail = owner.map(|owner| NoticeTo::Owner(owner.email.clone()));
    let told = mail.into_iter().chain(context.config.operator.is_some().then_some(NoticeTo::Operator));
    let words = words::unread(&context.config, unread, owner, now);
    told.map(|to| Notice {
        id: notice_id(unread.run.0, NoticeKind::RunFailed, &to),
        kind: NoticeKind::RunFailed,
        schedule: unread.schedule,
        run: Some(unread.run),
        to,
        subject: words.subject.clone(),
        text: words.text.clone(),
        body: words.body.clone(),
        created_at: now,
        state: DeliveryState::Pending { not_before: now },
        attempts: Vec::new(),
    })
    .collect()
}

/// The cause that a switching off is, as an id.
fn cause(schedule: &Schedule, disabled: SystemDisabled) -> uuid::Uuid {
    uuid::Uuid::new_v5(&schedule.id.0, &disabled.at.as_microsecond().to_be_bytes())
}

/// To the owner, and to the operator if there is a webhook. Of an owner who is no longer active only the operator hears (S13).
fn to_both(context: &Context, catalog: &Catalog, about: &About<'_>, cause: uuid::Uuid, kind: NoticeKind, now: Timestamp) -> Vec<Notice> {
    let owner = catalog.member(about.owner.0).filter(|owner| owner.active).map(|owner| NoticeTo::Owner(owner.email.clone()));
    let unreachable = owner.is_none().then_some((NoticeKind::OwnerUnreachable, NoticeTo::Operator));
    let told = owner.map(|owner| (kind, owner)).into_iter().chain([(kind, NoticeTo::Operator)]).chain(unreachable);
    let there = told.filter(|(_, to)| *to != NoticeTo::Operator || context.config.operator.is_some());
    there.map(|(kind, to)| about.notice(cause, kind, to, now)).collect()
}

/// What is worth a word of its own beside the failure: an address that is gone for good, or the fifth failure in a row.
async fn trouble_with_the_destination(context: &Context, run: &Run, ending: Ending<'_>) -> Result<Option<NoticeKind>, StoreError> {
    if !ending.promised || ending.status != RunStatus::Error {
        return Ok(None);
    }
    if ending.reason.is_some_and(|reason| reason.starts_with(words::GONE)) {
        return Ok(Some(NoticeKind::DestinationGone));
    }
    // This run has not ended yet and is not among them.
    let before = context.store.last_endings(run.schedule_id, FAILURES_IN_A_ROW).await?;
    Ok(fails_repeatedly(ending.status, before).then_some(NoticeKind::DestinationFailing))
}

impl About<'_> {
    /// The row.
    fn notice(&self, cause: uuid::Uuid, kind: NoticeKind, to: NoticeTo, now: Timestamp) -> Notice {
        let Words { subject, text, body } = self.words(kind, now);
        Notice {
            id: notice_id(cause, kind, &to),
            kind,
            schedule: self.schedule,
            run: self.run.map(|(run, _)| run.id),
            to,
            subject,
            text,
            body,
            created_at: now,
            state: DeliveryState::Pending { not_before: now },
            attempts: Vec::new(),
        }
    }
}

//! What Pressrun itself has to say: that a delivery failed or works again, that a schedule was switched off (S10, S13, X1, X5), that it
//! changed hands, or that somebody asks to be on its list.
//!
//! A notice is a row before it is sent, like any other piece. Its id is made from what it is about, so that saying it twice is saying it
//! once, whatever crashes in between.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::delivery::{Attempt, DeliveryState};
use crate::email::EmailAddress;
use crate::id::{DeliveryId, RunId, ScheduleId};
use crate::run::RunStatus;

/// Occurrences that have to fail one after the other before the operator hears that a destination keeps failing.
pub const FAILURES_IN_A_ROW: u32 = 5;

/// One message to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Made from what it is about and whom it is for; see [`notice_id`].
    pub id: DeliveryId,
    /// What it says.
    pub kind: NoticeKind,
    /// Which schedule it is about.
    pub schedule: ScheduleId,
    /// Which run it is about; `None` when a publication or a person was the cause.
    pub run: Option<RunId>,
    /// Who is told.
    pub to: NoticeTo,
    /// Subject of the mail; never holds data (A21).
    pub subject: String,
    /// Text of the mail.
    pub text: String,
    /// JSON body of the operator's webhook.
    pub body: String,
    /// When there was reason to say it.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// Every try so far, oldest first; the last may be under way.
    pub attempts: Vec<Attempt>,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// An occurrence failed (S10).
    RunFailed,
    /// The first complete run after a failure.
    RunRecovered,
    /// Pressrun switched a schedule off (X1).
    ScheduleDisabled,
    /// What it was switched off for is gone; somebody has to switch it on (X5).
    ScheduleCanBeEnabled,
    /// What it was switched off for is back, and so it was switched on again.
    ScheduleEnabled,
    /// The owner could not be mailed (S13).
    OwnerUnreachable,
    /// A webhook answered 410: its address is gone for good.
    DestinationGone,
    /// [`FAILURES_IN_A_ROW`] occurrences in a row delivered nothing.
    DestinationFailing,
    /// To somebody who is to become the owner: a schedule is offered to them.
    OwnershipOffered,
    /// To the owner: the offer was not accepted.
    OwnershipDeclined,
    /// To the new owner: a schedule is theirs now.
    ScheduleReceived,
    /// To the one before: a schedule is no longer theirs.
    ScheduleGiven,
    /// To the owner: a member asks to be on the list.
    SubscriptionRequested,
    /// To the owner: a member put themselves on the list.
    Subscribed,
    /// To the member: the owner put them on the list.
    SubscriptionConfirmed,
    /// To the member: the owner did not.
    SubscriptionDeclined,
    /// Mail to a recipient came back for good: the address gets nothing more.
    RecipientSuppressed,
    /// A way out is shut to every delivery, so that they wait: told once each time, whatever waits.
    DeliveriesHeld,
    /// When a schedule is due cannot be told: it does not fire until somebody edits it.
    ScheduleUnplannable,
    /// Occurrences or manual runs are not over when they should be. Never in the outbox: it is told outside of all that may be stuck.
    RunsOverdue,
    /// Those are over.
    RunsSettled,
}

impl NoticeKind {
    /// Every value.
    pub const ALL: [Self; 21] = [
        Self::RunFailed,
        Self::RunRecovered,
        Self::ScheduleDisabled,
        Self::ScheduleCanBeEnabled,
        Self::ScheduleEnabled,
        Self::OwnerUnreachable,
        Self::DestinationGone,
        Self::DestinationFailing,
        Self::OwnershipOffered,
        Self::OwnershipDeclined,
        Self::ScheduleReceived,
        Self::ScheduleGiven,
        Self::SubscriptionRequested,
        Self::Subscribed,
        Self::SubscriptionConfirmed,
        Self::SubscriptionDeclined,
        Self::RecipientSuppressed,
        Self::DeliveriesHeld,
        Self::ScheduleUnplannable,
        Self::RunsOverdue,
        Self::RunsSettled,
    ];

    /// Whether it is said to the owner of the schedule, whose silence the operator has to hear of (S13).
    #[must_use]
    pub fn is_for_the_owner(self) -> bool {
        match self {
            Self::OwnershipOffered
            | Self::ScheduleGiven
            | Self::SubscriptionConfirmed
            | Self::SubscriptionDeclined
            | Self::RunsOverdue
            | Self::RunsSettled => false,
            Self::RunFailed
            | Self::RunRecovered
            | Self::ScheduleDisabled
            | Self::ScheduleCanBeEnabled
            | Self::ScheduleEnabled
            | Self::OwnerUnreachable
            | Self::DestinationGone
            | Self::DestinationFailing
            | Self::OwnershipDeclined
            | Self::ScheduleReceived
            | Self::SubscriptionRequested
            | Self::Subscribed
            | Self::RecipientSuppressed
            | Self::DeliveriesHeld
            | Self::ScheduleUnplannable => true,
        }
    }

    /// The `event` of the operator's webhook, and the word in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFailed => "run.failed",
            Self::RunRecovered => "run.recovered",
            Self::ScheduleDisabled => "schedule.disabled",
            Self::ScheduleCanBeEnabled => "schedule.canBeEnabled",
            Self::ScheduleEnabled => "schedule.enabled",
            Self::OwnerUnreachable => "owner.unreachable",
            Self::DestinationGone => "destination.gone",
            Self::DestinationFailing => "destination.failing",
            Self::OwnershipOffered => "ownership.offered",
            Self::OwnershipDeclined => "ownership.declined",
            Self::ScheduleReceived => "schedule.received",
            Self::ScheduleGiven => "schedule.given",
            Self::SubscriptionRequested => "subscription.requested",
            Self::Subscribed => "subscription.made",
            Self::SubscriptionConfirmed => "subscription.confirmed",
            Self::SubscriptionDeclined => "subscription.declined",
            Self::RecipientSuppressed => "recipient.suppressed",
            Self::DeliveriesHeld => "deliveries.held",
            Self::ScheduleUnplannable => "schedule.unplannable",
            Self::RunsOverdue => "runs.overdue",
            Self::RunsSettled => "runs.settled",
        }
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeTo {
    /// A person, by mail: the owner, or whoever is told of a consent.
    Owner(EmailAddress),
    /// The operator, by webhook.
    Operator,
}

impl NoticeTo {
    /// The way that the notice leaves by.
    #[must_use]
    pub fn lane(&self) -> NoticeLane {
        match self {
            Self::Owner(_) => NoticeLane::People,
            Self::Operator => NoticeLane::Operator,
        }
    }
}

/// A way out of notices. One that hangs holds up nobody who is told by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeLane {
    /// By mail.
    People,
    /// By webhook.
    Operator,
}

impl NoticeLane {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::People, Self::Operator];
}

/// The operator's word where others have an address.
const OPERATOR: &str = "operator";

impl fmt::Display for NoticeTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(email) => f.write_str(email.as_str()),
            Self::Operator => f.write_str(OPERATOR),
        }
    }
}

impl FromStr for NoticeTo {
    type Err = <EmailAddress as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == OPERATOR { Ok(Self::Operator) } else { text.parse().map(Self::Owner) }
    }
}

/// The same for the same cause, kind and place. The cause is the run, or the schedule with the instant at which it was switched off.
#[must_use]
pub fn notice_id(cause: Uuid, kind: NoticeKind, to: &NoticeTo) -> DeliveryId {
    DeliveryId(Uuid::new_v5(&cause, format!("{} {}", kind.as_str(), to.to_string().to_lowercase()).as_bytes()))
}

/// Whether a run that ended with `status` is the one that makes a failing destination worth a word of its own: the last of exactly
/// [`FAILURES_IN_A_ROW`]. `before` are the statuses of the runs before it, latest first.
#[must_use]
pub fn fails_repeatedly(status: RunStatus, before: impl IntoIterator<Item = RunStatus>) -> bool {
    let in_a_row = before.into_iter().take_while(|status| *status == RunStatus::Error).count();
    status == RunStatus::Error && in_a_row + 1 == FAILURES_IN_A_ROW as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunStatus::{Complete, ConditionUnmet, Error, ErrorDelivered};

    #[test]
    fn s10_the_same_cause_kind_and_place_is_one_notice() {
        let owner = |text: &str| NoticeTo::Owner(text.parse().expect("an address"));
        let (run, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let failed = notice_id(run, NoticeKind::RunFailed, &owner("blob@myorg.co"));
        assert_eq!(failed, notice_id(run, NoticeKind::RunFailed, &owner("Blob@MyOrg.co")));
        for different in [
            notice_id(other, NoticeKind::RunFailed, &owner("blob@myorg.co")),
            notice_id(run, NoticeKind::RunRecovered, &owner("blob@myorg.co")),
            notice_id(run, NoticeKind::RunFailed, &NoticeTo::Operator),
        ] {
            assert_ne!(failed, different);
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for to in [NoticeTo::Operator, NoticeTo::Owner("blob@myorg.co".parse().expect("an address"))] {
            assert_eq!(to.to_string().parse::<NoticeTo>(), Ok(to));
        }
    }

    #[test]
    fn s13_a_destination_that_keeps_failing_is_told_once_a_streak() {
        for (case, status, before, expected) in [
            ("the fifth in a row", Error, vec![Error; 4], true),
            ("the fourth", Error, vec![Error; 3], false),
            ("the sixth was told with the fifth", Error, vec![Error; 5], false),
            ("a delivery in between begins anew", Error, vec![Error, Error, Complete, Error, Error], false),
            ("an alert that had nothing to say, too", Error, vec![Error, ConditionUnmet, Error, Error, Error], false),
            ("what came before the streak does not count", Error, vec![Error, Error, Error, Error, Complete], true),
            ("something was delivered", ErrorDelivered, vec![Error; 4], false),
        ] {
            assert_eq!(fails_repeatedly(status, before), expected, "{case}");
        }
    }
}

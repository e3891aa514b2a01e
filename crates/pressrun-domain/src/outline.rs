//! How the run of an alert is told to those who may not see the rows that its condition was judged by.
//!
//! Whether a condition held is a fact about rows. Whoever chooses the filters and is told of each run can search a value out, so the outcome
//! is told only to those to whom the judged rows are open. Others are told one thing whichever way it went: that the run was complete, or a
//! failure that says nothing of the judgement. What happens after a condition held, such as a query of the content that fails or a mail that is
//! refused, happens only then, and so it is not told either.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::RunStatus;

/// The named reason that stands where the outcome is not told.
pub const UNTOLD: &str = "conditionWithheld";

/// Who may know how a run ended; each includes those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KnownTo {
    /// Whoever may read the schedule: nothing was judged, or all of them see the rows that were.
    #[default]
    Readers,
    /// Its owner as well: the rows are the owner's, or the owner sees the same ones.
    Owner,
    /// Admins and organization keys: rows of other people were judged.
    Admins,
}

impl KnownTo {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Readers, Self::Owner, Self::Admins];

    /// The word in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Readers => "readers",
            Self::Owner => "owner",
            Self::Admins => "admins",
        }
    }
}

/// What is told of a run that judged a condition. Part of its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outline {
    /// Who may know more.
    pub known_to: KnownTo,
    /// The condition held for somebody whose rows are not open to the owner: what comes after that is not told.
    #[serde(default)]
    pub held_for_others: bool,
    /// How it ended for those who may not know more.
    pub status: RunStatus,
    /// Why it failed, for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// That in words, for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outline {
    /// Nothing has failed so far.
    #[must_use]
    pub fn new(known_to: KnownTo) -> Self {
        Self { known_to, held_for_others: false, status: RunStatus::Complete, reason: None, error: None }
    }

    /// A failure that is told whichever way the condition went; the first one counts.
    pub fn fails(&mut self, status: RunStatus, reason: Option<&str>, error: Option<&str>) {
        if self.status == RunStatus::Complete && status.is_failure() {
            (self.status, self.reason, self.error) = (status, reason.map(str::to_owned), error.map(str::to_owned));
        }
    }

    /// The run ends. That a person stopped it is told always; a failure, unless it may be there only because the condition held.
    pub fn ends(&mut self, status: RunStatus, reason: Option<&str>, error: Option<&str>) {
        if stopped_by_a_person(status, reason) {
            (self.status, self.reason, self.error) = (status, reason.map(str::to_owned), None);
        } else if !self.held_for_others {
            self.fails(status, reason, error);
        }
    }
}

/// What is told of a run that ended so. Without an outline it is of an older version, a resend, or was stopped before it began.
#[must_use]
pub fn told(outline: Option<&Outline>, status: RunStatus, reason: Option<&str>) -> (RunStatus, Option<String>) {
    match outline {
        _ if stopped_by_a_person(status, reason) => (status, reason.map(str::to_owned)),
        Some(outline) => (outline.status, outline.reason.clone()),
        None if status.is_failure() => (RunStatus::Error, None),
        None => (RunStatus::Complete, None),
    }
}

/// Whether somebody stopped the run or deleted its schedule: nothing about rows.
#[must_use]
pub fn stopped_by_a_person(status: RunStatus, reason: Option<&str>) -> bool {
    status == RunStatus::Killed && matches!(reason, Some("cancelled" | "deleted"))
}

/// What a schedule's list says of its last run to those who may not know how that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    /// Who may know more.
    pub known_to: KnownTo,
    /// How it is told to have ended.
    pub status: RunStatus,
    /// When work on it began: how long it took says whether there was something to send.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunStatus::{Complete, ConditionUnmet, Error, ErrorDelivered, Killed};

    fn told(held_for_others: bool, failed_before: bool, status: RunStatus, reason: Option<&str>) -> (RunStatus, Option<String>) {
        let mut outline = Outline { held_for_others, ..Outline::new(KnownTo::Admins) };
        if failed_before {
            outline.fails(Error, Some("conditionQueryFailed"), None);
        }
        outline.ends(status, reason, None);
        (outline.status, outline.reason)
    }

    #[test]
    fn d28_what_is_told_is_the_same_whichever_way_the_condition_went() {
        for (case, held, unmet) in [
            ("everybody accepted", told(true, false, Complete, None), told(false, false, ConditionUnmet, Some("conditionUnmet"))),
            ("a mail was refused", told(true, false, Error, Some("550 no")), told(false, false, ConditionUnmet, Some("baselineRecorded"))),
            ("it took too long", told(true, false, Killed, Some("killed: deadline")), told(false, false, ConditionUnmet, None)),
            (
                "another's watched query failed",
                told(true, true, ErrorDelivered, None),
                told(false, true, Error, Some("conditionQueryFailed")),
            ),
        ] {
            assert_eq!(held, unmet, "{case}");
        }
    }

    #[test]
    fn d28_what_is_told_of_a_run_without_an_outline_is_no_more() {
        for (status, reason, expected) in [
            (Complete, None, (Complete, None)),
            (ConditionUnmet, Some("conditionUnmet"), (Complete, None)),
            (ErrorDelivered, Some("550 no"), (Error, None)),
            (Killed, Some("cancelled"), (Killed, Some("cancelled".to_owned()))),
        ] {
            assert_eq!(super::told(None, status, reason), expected, "{status:?}");
        }
        let promised = Outline::new(KnownTo::Admins);
        assert_eq!(super::told(Some(&promised), Killed, Some("cancelled")).0, Killed, "it waited for a retry when somebody stopped it");
    }

    #[test]
    fn d28_failures_that_say_nothing_of_the_judgement_are_told() {
        for (case, outline, expected) in [
            ("nobody to send to", told(false, false, Error, Some("noRecipients")), (Error, Some("noRecipients"))),
            ("no query ended in time", told(false, false, Killed, Some("killed: deadline")), (Killed, Some("killed: deadline"))),
            ("a watched query failed", told(true, true, ErrorDelivered, None), (Error, Some("conditionQueryFailed"))),
            ("somebody stopped it", told(true, true, Killed, Some("cancelled")), (Killed, Some("cancelled"))),
        ] {
            assert_eq!((outline.0, outline.1.as_deref()), expected, "{case}");
        }
    }
}

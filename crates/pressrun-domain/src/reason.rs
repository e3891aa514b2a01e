//! The named reasons of runs as a closed set, for figures: what a destination answers is told in history and never becomes a label.

/// Every word that [`word`] says.
pub const WORDS: [&str; 31] = [
    "none",
    "other",
    "baselineRecorded",
    "cancelled",
    "conditionQueryFailed",
    "conditionUnmet",
    "deleted",
    "diskFull",
    "everyQueryFailed",
    "faultyDashboard",
    "invalidTimezone",
    "killed: deadline",
    "killed: memory",
    "layoutFailed",
    "missingConnection",
    "missingQuery",
    "noAccess",
    "noData",
    "noFile",
    "noRecipients",
    "notConfigured",
    "orphanedFilterConfigKeys",
    "queryFailed",
    "renderFailed",
    "reportInvalid",
    "rowsUnreadable",
    "tooLarge",
    "tooLate",
    "valueUnwritable",
    "workerDied",
    "writeFailed",
];

/// The word for why a run ended: `none` without a reason, `other` for what is no name, such as the answer of a destination.
#[must_use]
pub fn word(reason: Option<&str>) -> &'static str {
    let Some(reason) = reason else { return "none" };
    WORDS.into_iter().skip(2).find(|word| *word == reason).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::SystemDisabledReason;

    #[test]
    fn o1_what_a_destination_says_is_no_label() {
        for (reason, expected) in [
            (None, "none"),
            (Some("tooLate"), "tooLate"),
            (Some("killed: memory"), "killed: memory"),
            (Some("webhook: HTTP 500 for ann@example.com"), "other"),
            (Some("none"), "other"),
            (Some(""), "other"),
        ] {
            assert_eq!(word(reason), expected, "{reason:?}");
        }
        for reason in SystemDisabledReason::ALL {
            assert_eq!(word(Some(reason.as_str())), reason.as_str());
        }
    }
}

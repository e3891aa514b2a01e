//! What preparing a run came to, audience by audience.

/// How an audience is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceOutcome {
    /// Its pieces are in the ledger.
    Promised,
    /// The condition holds for nobody in it (A4).
    Unmet,
    /// The same, and there was nothing to compare with before (A5).
    Recorded,
    /// Its own failure keeps it from getting anything (P4).
    Failed {
        /// The named reason.
        reason: String,
        /// That in words.
        error: Option<String>,
    },
}

/// Where a run stands whose audiences are all done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// Somebody gets something.
    Owed,
    /// Nobody does, and the last failure is why.
    Failed {
        /// The named reason.
        reason: String,
        /// That in words.
        error: Option<String>,
    },
    /// Nobody's condition holds (A4, A18).
    Unmet,
    /// The same, and nobody had anything to compare with before (A5).
    Recorded,
}

impl Preparation {
    /// What these outcomes come to, in the order in which they came.
    #[must_use]
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a AudienceOutcome>) -> Self {
        let (mut failed, mut unmet) = (None, false);
        for outcome in outcomes {
            match outcome {
                AudienceOutcome::Promised => return Self::Owed,
                AudienceOutcome::Failed { reason, error } => failed = Some((reason, error)),
                AudienceOutcome::Unmet => unmet = true,
                AudienceOutcome::Recorded => {}
            }
        }
        match (failed, unmet) {
            (Some((reason, error)), _) => Self::Failed { reason: reason.clone(), error: error.clone() },
            (None, true) => Self::Unmet,
            (None, false) => Self::Recorded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AudienceOutcome::{Promised, Recorded, Unmet};

    #[test]
    fn p4_a18_who_gets_something_decides_then_failures_then_conditions() {
        let failed = |reason: &str| AudienceOutcome::Failed { reason: reason.to_owned(), error: None };
        for (case, outcomes, expected) in [
            ("one of them gets theirs", vec![Unmet, failed("renderFailed"), Promised, Recorded], Preparation::Owed),
            (
                "the last failure is told",
                vec![failed("renderFailed"), Unmet, failed("diskFull")],
                Preparation::Failed { reason: "diskFull".to_owned(), error: None },
            ),
            ("one had something to compare with", vec![Recorded, Unmet, Recorded], Preparation::Unmet),
            ("nobody had", vec![Recorded, Recorded], Preparation::Recorded),
        ] {
            assert_eq!(Preparation::of(&outcomes), expected, "{case}");
        }
    }
}

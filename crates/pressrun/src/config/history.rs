//! `[history]`: how long what happened is remembered.

use jiff::SignedDuration;
use pressrun_dispatch::Keep;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long what happened is remembered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct History {
    /// Days for which ended runs are kept, with their pieces, attempts and timelines, and notices. What is owed is kept however old it is, and so
    /// is the last run of each schedule.
    pub days: u32,
    /// Days for which entries of the audit are kept; as many as `days` when it is left out.
    #[schemars(example = 4000)]
    pub audit_days: Option<u32>,
}

impl Default for History {
    fn default() -> Self {
        Self { days: 400, audit_days: None }
    }
}

impl History {
    /// Both, at least a day each.
    pub(crate) fn keep(&self) -> Keep {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days.max(1)));
        Keep { history: days(self.days), audit: days(self.audit_days.unwrap_or(self.days)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_the_audit_is_kept_for_as_long_as_everything_else_unless_it_has_a_number_of_its_own() {
        let days = |keep: Keep| (keep.history.as_hours() / 24, keep.audit.as_hours() / 24);
        assert_eq!(days(History::default().keep()), (400, 400));
        assert_eq!(days(History { days: 30, audit_days: None }.keep()), (30, 30));
        assert_eq!(days(History { days: 30, audit_days: Some(4000) }.keep()), (30, 4000));
        assert_eq!(days(History { days: 0, audit_days: None }.keep()), (1, 1));
    }
}

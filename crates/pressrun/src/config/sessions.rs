//! `[sessions]`: how long people stay signed in to the pages.

use jiff::SignedDuration;
use pressrun_web::SessionLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long people stay signed in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sessions {
    /// Hours from signing in, however much a session is used.
    pub hours: u32,
    /// Minutes from its last use after which a session ends.
    pub idle_minutes: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { hours: 12, idle_minutes: 240 }
    }
}

impl Sessions {
    /// As the pages take them; at least two minutes, since a use is recorded once a minute.
    #[must_use]
    pub(crate) fn limits(&self) -> SessionLimits {
        SessionLimits {
            lasts: SignedDuration::from_hours(self.hours.max(1).into()),
            idle: SignedDuration::from_mins(self.idle_minutes.max(2).into()),
        }
    }
}

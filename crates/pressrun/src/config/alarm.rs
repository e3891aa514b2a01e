//! `[alarm]`: who is told of what is not delivered in time.

use anyhow::{Context, bail};
use jiff::SignedDuration;
use pressrun_domain::email::EmailAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An alarm outside of the queue: every process looks at what was promised, and one tells of what is not over in time. The operator's webhook
/// (`notify.webhook_url`) is told too, and the log in any case.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alarm {
    /// An occurrence or a manual run that is not over so many minutes after its instant is overdue, whatever it waits for. It is told once, and once more
    /// when it is over. 0: nobody is told.
    pub after_minutes: u32,
    /// Addresses that are told by mail.
    #[schemars(example = ["ops@example.com"])]
    pub mail_to: Vec<String>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { after_minutes: 60, mail_to: Vec::new() }
    }
}

impl Alarm {
    /// How long after its instant something is overdue; `None` when nobody is told.
    pub(crate) fn after(&self) -> Option<SignedDuration> {
        (self.after_minutes > 0).then(|| SignedDuration::from_mins(self.after_minutes.into()))
    }

    /// The addresses.
    ///
    /// # Errors
    /// One is none, or there is no mail.
    pub(crate) fn mail_to(&self, has_mail: bool) -> anyhow::Result<Vec<EmailAddress>> {
        if !self.mail_to.is_empty() && !has_mail {
            bail!("alarm.mail_to: there is no mail.url by which anybody could be told");
        }
        self.mail_to.iter().map(|address| address.parse().with_context(|| format!("alarm.mail_to: {address}"))).collect()
    }
}

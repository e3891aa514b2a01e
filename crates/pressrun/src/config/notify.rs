//! `[notify]`: where the operator is told.

use std::path::PathBuf;

use anyhow::{Context, bail};
use pressrun_deliver::EgressPolicy;
use pressrun_domain::destination::{WebhookSettings, WebhookUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// Where the operator is told of failed runs, schedules that were switched off and owners who cannot be mailed (S13).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the keys")]
pub(crate) struct Notify {
    /// http or https address that takes a JSON object by POST. The egress policy holds for it too: name a private one in `egress.allow`.
    #[schemars(example = &"https://ops.example.com/pressrun")]
    pub webhook_url: Option<Hidden>,
    /// File with that address, when its path or query is what opens it.
    #[schemars(example = &"/run/secrets/ops-webhook")]
    pub webhook_url_file: Option<PathBuf>,
    /// Signs each notice (Standard Webhooks).
    pub webhook_secret: Option<Hidden>,
    /// File with that secret.
    #[schemars(example = &"/run/secrets/ops-webhook-secret")]
    pub webhook_secret_file: Option<PathBuf>,
}

impl Notify {
    /// The operator's webhook, when there is one.
    ///
    /// # Errors
    /// The address is none, or the secret cannot be read.
    pub(crate) fn operator(&self, egress: &EgressPolicy) -> anyhow::Result<Option<WebhookSettings>> {
        let address = secret("notify.webhook_url", self.webhook_url.as_ref(), self.webhook_url_file.as_deref())?;
        let secret = secret("notify.webhook_secret", self.webhook_secret.as_ref(), self.webhook_secret_file.as_deref())?;
        let Some(address) = address else {
            if secret.is_some() {
                bail!("notify.webhook_secret: there is no notify.webhook_url that it could sign for");
            }
            return Ok(None);
        };
        let url: WebhookUrl = address.expose().parse().context("notify.webhook_url")?;
        egress.check_url(url.url().as_str()).context("notify.webhook_url")?;
        Ok(Some(WebhookSettings::new(url.expose(), secret.into_iter().collect())))
    }
}

//! `[slack]`: the workspace that messages go to.

use std::path::PathBuf;

use pressrun_deliver::SlackConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// The Slack workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Slack {
    /// Bot token.
    pub token: Option<Hidden>,
    /// File that holds it.
    #[schemars(example = &"/run/secrets/slack-token")]
    pub token_file: Option<PathBuf>,
    /// `https://slack.com/api` unless said otherwise.
    #[schemars(example = &"https://slack.com/api")]
    pub base_url: Option<String>,
    /// Whether texts may call people (`<!channel>`, `<@U…>`) and put other words over links; otherwise both are shown as they are written.
    /// Every member who may make a schedule writes such texts.
    pub allow_mentions: bool,
}

impl Slack {
    /// Whether a workspace is configured.
    pub(crate) fn is_connected(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    /// Slack, when a token is given.
    ///
    /// # Errors
    /// The token file cannot be read.
    pub(crate) fn workspace(&self) -> anyhow::Result<Option<SlackConfig>> {
        let token = secret("slack.token", self.token.as_ref(), self.token_file.as_deref())?;
        let base_url = self.base_url.clone().unwrap_or_else(|| "https://slack.com/api".to_owned());
        Ok(token.map(|token| SlackConfig { token, base_url, allow_mentions: self.allow_mentions }))
    }
}

//! `[egress]`: where deliveries may go.

use anyhow::Context;
use pressrun_deliver::{AllowRule, EgressPolicy};
use serde::{Deserialize, Serialize};

/// Where deliveries may go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// Exceptions from the rule that only public addresses are connected to: `host`, `host:port`, `10.0.0.0/8`.
    pub allow: Vec<String>,
}

impl Egress {
    /// Which addresses deliveries may go to.
    ///
    /// # Errors
    /// A rule is not understood.
    pub(crate) fn policy(&self) -> anyhow::Result<EgressPolicy> {
        let rules: Result<Vec<AllowRule>, _> = self.allow.iter().map(|rule| rule.parse::<AllowRule>()).collect();
        Ok(EgressPolicy { allow: rules.context("egress.allow")? })
    }
}

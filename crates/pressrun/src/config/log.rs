//! `[log]`: how lines of the log are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log, which goes to standard error; `PRESSRUN_LOG` chooses what is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// `text` for people, or `json`: one object a line, with the ids of run, schedule, request and trace.
    pub format: LogFormat,
    /// What this process is called in lines of JSON and in traces; the name of the machine unless said.
    #[schemars(example = &"reports-1")]
    pub node: Option<String>,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Log {
    /// What this process is called.
    pub(crate) fn node(&self) -> String {
        self.node.clone().unwrap_or_else(|| machine().unwrap_or_else(|| "pressrun".to_owned()))
    }
}

/// The name of this machine, as Linux tells it, or as whoever started us did.
fn machine() -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(told.trim().to_owned()).filter(|name| !name.is_empty())
}

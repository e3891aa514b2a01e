//! `[secrets]`: keys that seal secrets at rest.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hidden::Hidden;

/// Keys that seal secrets at rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    /// 64 hex digits each, newest first; one is made beside the database when none is given.
    pub keys: Vec<Hidden>,
    /// File with one key a line, newest first. It is refused when every account of the machine may read it.
    #[schemars(example = &"/run/secrets/sealing-keys")]
    pub keys_file: Option<PathBuf>,
}

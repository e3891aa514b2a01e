//! Where the configuration is read from: a file that was named or is looked for, and the environment.

use std::path::{Path, PathBuf};

use anyhow::bail;
use figment::providers::Env;

/// Where a file is looked for when none was named, in this order.
const USUAL_PLACES: [&str; 2] = ["pressrun.toml", "/etc/pressrun/pressrun.toml"];

/// What begins the names of our variables.
const PREFIX: &str = "PRESSRUN_";

/// Variables that are no keys of the configuration.
const OTHERS: [&str; 3] = ["TOKEN", "DEMO_SFTP", "LOG"];

/// Where the configuration came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing was named and nothing found: every key has its default.
    #[default]
    Defaults,
    /// Variables alone.
    Environment,
    /// A file, and what variables put over it.
    File {
        /// Its path.
        path: PathBuf,
        /// It was not named, but found in one of the usual places.
        looked_up: bool,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Defaults => f.write_str("no file; every key has its default"),
            Self::Environment => f.write_str("no file; the environment alone"),
            Self::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

impl Source {
    /// The `named` file, else the first of the usual places, else the environment.
    ///
    /// # Errors
    /// The named file is not there.
    pub(super) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = named {
            if !path.is_file() {
                bail!("there is no configuration file {}", path.display());
            }
            return Ok(Self::File { path: path.to_owned(), looked_up: false });
        }
        let found = USUAL_PLACES.into_iter().map(PathBuf::from).find(|path| path.is_file());
        Ok(match found {
            Some(path) => Self::File { path, looked_up: true },
            None if std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_key)) => Self::Environment,
            None => Self::Defaults,
        })
    }
}

/// Whether a variable is a key of the configuration: `PRESSRUN_SECTION__KEY`.
fn is_key(variable: &str) -> bool {
    key_of(variable).is_some()
}

/// What of a variable names a key: `SECTION__KEY`, in whatever case.
pub(super) fn key_of(variable: &str) -> Option<&str> {
    let (prefix, rest) = variable.split_at_checked(PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(PREFIX) && rest.contains("__")).then_some(rest)
}

/// The variables that are keys of the configuration.
pub(super) fn environment() -> Env {
    Env::prefixed(PREFIX).filter(|key| key.as_str().contains("__")).split("__")
}

/// Which of these variables begin like ours, but mean nothing to us. What a cluster sets for a service that is called `pressrun`
/// (`PRESSRUN_SERVICE_HOST`, `PRESSRUN_PORT_80_TCP_ADDR`) is not meant for us and not among them.
pub(super) fn unknown(variables: impl Iterator<Item = String>) -> Vec<String> {
    let of_a_cluster = |rest: &str| {
        rest.contains("SERVICE_HOST")
            || rest.contains("SERVICE_PORT")
            || rest == "PORT"
            || rest.ends_with("_PORT")
            || rest.contains("PORT_")
    };
    let is_unknown = |name: &String| {
        let rest = name.strip_prefix(PREFIX).unwrap_or_default();
        !rest.is_empty() && !rest.contains("__") && !OTHERS.contains(&rest) && !of_a_cluster(rest)
    };
    let mut names: Vec<String> = variables.filter(is_unknown).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h8_variables_of_a_cluster_are_passed_over_and_others_are_named() {
        let variables = [
            "PRESSRUN_SERVICE_HOST",
            "PRESSRUN_SERVICE_PORT",
            "PRESSRUN_SERVICE_PORT_HTTP",
            "PRESSRUN_PORT",
            "PRESSRUN_PORT_8080_TCP",
            "PRESSRUN_PORT_8080_TCP_ADDR",
            "PRESSRUN_API_PORT",
            "PRESSRUN_API_SERVICE_HOST",
            "PRESSRUN_TOKEN",
            "PRESSRUN_LOG",
            "PRESSRUN_DEMO_SFTP",
            "PRESSRUN_SERVER__LISTEN",
            "PRESSRUN_MAIL_URL",
            "PRESSRUN_VERSION",
            "PRESSRUNNER",
            "HOME",
        ];
        assert_eq!(unknown(variables.into_iter().map(str::to_owned)), ["PRESSRUN_MAIL_URL", "PRESSRUN_VERSION"]);
    }
}

//! Fuzz targets: tests that run for as long as they are told to.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;

/// Targets and their crates; each is a test called `fuzz_NAME`.
const TARGETS: [(&str, &str); 3] = [("catalog", "pressrun-catalog"), ("filters", "pressrun-sql"), ("templates", "pressrun-sql")];

/// Runs one for `seconds`, from `seed` or from another start each time.
pub(crate) fn run(name: &str, seconds: u64, seed: Option<u64>) -> anyhow::Result<()> {
    let Some((_, package)) = TARGETS.iter().find(|(target, _)| *target == name) else {
        let known: Vec<_> = TARGETS.iter().map(|(target, _)| *target).collect();
        bail!("there is no fuzz target {name:?}; there are: {}", known.join(", "));
    };
    let seed = seed.unwrap_or_else(any_seed);
    let mut command = crate::cargo_command();
    command.args(["test", "--package", package, "--lib", "--quiet", &format!("fuzz_{name}"), "--", "--nocapture"]);
    crate::run(command.env("PRESSRUN_FUZZ_SECONDS", seconds.to_string()).env("PRESSRUN_FUZZ_SEED", seed.to_string()))
}

#[expect(clippy::disallowed_methods, reason = "a start that differs from the last one; it is printed")]
fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

//! Benchmarks that print figures.
#![expect(clippy::print_stdout, reason = "figures")]

mod export;
mod query;

use anyhow::bail;

/// Runs one by name, in release mode.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    match name {
        "catalog" => crate::cargo(&["bench", "--package", "pressrun-catalog", "--bench", "catalog"]),
        "dispatch" => crate::cargo(&["bench", "--package", "pressrun", "--bench", "dispatch"]),
        "cron" => crate::cargo(&["bench", "--package", "pressrun-cron"]),
        "export" => export::run(),
        "fanout" => crate::cargo(&["bench", "--package", "pressrun", "--bench", "fanout"]),
        "query" => query::run(),
        "ledger" => crate::cargo(&["bench", "--package", "pressrun-dispatch", "--bench", "ledger"]),
        "plan" => crate::cargo(&["bench", "--package", "pressrun-dispatch", "--bench", "plan"]),
        "render" => crate::render::bench(),
        other => bail!("there is no benchmark {other:?}; there are: catalog, cron, dispatch, export, fanout, ledger, plan, query, render"),
    }
}

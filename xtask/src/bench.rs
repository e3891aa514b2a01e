//! Benchmarks that print figures.
#![expect(clippy::print_stdout, reason = "figures")]

mod export;
mod query;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// Runs one by name, in release mode.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    match name {
        "catalog" => crate::cargo(&["bench", "--package", "pressrun-catalog", "--bench", "catalog"]),
        "dispatch" | "fanout" | "start" | "soak" => served(name),
        "cron" => crate::cargo(&["bench", "--package", "pressrun-cron"]),
        "export" => export::run(),
        "list" => crate::cargo(&["bench", "--package", "pressrun-api", "--bench", "list"]),
        "query" => query::run(),
        "ledger" => crate::cargo(&["bench", "--package", "pressrun-dispatch", "--bench", "ledger"]),
        "plan" => crate::cargo(&["bench", "--package", "pressrun-dispatch", "--bench", "plan"]),
        "render" => crate::render::bench(),
        other => bail!(
            "there is no benchmark {other:?}; there are: catalog, cron, dispatch, export, fanout, ledger, list, plan, query, render, soak, start"
        ),
    }
}

/// Measures the release build of this tree, or the program of `BENCH_BINARY`, as a process of its own.
fn served(name: &str) -> anyhow::Result<()> {
    let mut command = crate::cargo_command();
    command.args(["bench", "--package", "pressrun-dispatch", "--bench", "served", "--", name]);
    command.env("PRESSRUN_BENCH_BINARY", release_build()?);
    crate::run(&mut command)
}

/// The program of `BENCH_BINARY`, or else the release build of this tree.
pub(crate) fn release_build() -> anyhow::Result<PathBuf> {
    let binary = match std::env::var_os("BENCH_BINARY") {
        Some(binary) => PathBuf::from(binary),
        None => {
            crate::cargo(&["build", "--release", "--quiet", "--package", "pressrun"])?;
            crate::target()?.join("release/pressrun")
        }
    };
    binary.canonicalize().with_context(|| format!("there is no program {}", binary.display()))
}

//! Architecture invariants that a machine can hold.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may use of the others; the drawing of ARCHITECTURE.md. `query`, `render` and `deliver` never see each other.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("pressrun-cron", &[]),
    ("pressrun-domain", &["cron"]),
    ("pressrun-sql", &["cron", "domain"]),
    ("pressrun-catalog", &["cron", "domain", "sql"]),
    ("pressrun-query", &["cron", "domain", "sql"]),
    ("pressrun-render", &["cron", "domain"]),
    ("pressrun-deliver", &["cron", "domain"]),
    ("pressrun-store", &["cron", "domain"]),
    ("pressrun-dispatch", &["cron", "domain", "store"]),
    ("pressrun-engine", &["cron", "domain", "sql", "catalog", "query", "render", "deliver", "store", "dispatch"]),
    ("pressrun-api", &["cron", "domain", "sql", "catalog", "store"]),
    ("pressrun-web", &["cron", "domain", "catalog", "store", "api"]),
    ("pressrun", &["cron", "domain", "sql", "catalog", "query", "render", "deliver", "store", "dispatch", "engine", "api", "web"]),
    ("pressrun-testkit", &["cron", "domain"]),
    ("pressrun-simulation", &["cron", "domain", "catalog", "query", "render", "deliver", "store", "dispatch", "engine", "testkit"]),
    ("xtask", &[]),
];

/// Libraries that only one crate may name, so that their code is compiled and known in one place.
const ONLY_IN: [(&str, &str); 14] = [
    ("sqlparser", "pressrun-sql"),
    ("minijinja", "pressrun-sql"),
    ("datafusion", "pressrun-query"),
    ("postgres-protocol", "pressrun-query"),
    ("adbc_driver_manager", "pressrun-query"),
    ("typst", "pressrun-render"),
    ("resvg", "pressrun-render"),
    ("rust_xlsxwriter", "pressrun-render"),
    ("lettre", "pressrun-deliver"),
    ("mail-parser", "pressrun-deliver"),
    ("russh-sftp", "pressrun-deliver"),
    ("sqlx", "pressrun-store"),
    ("utoipa", "pressrun-api"),
    ("aes-gcm-siv", "pressrun-store"),
];

/// Compares `cargo metadata` with the drawing.
pub(crate) fn crate_graph() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let allowed: BTreeMap<_, BTreeSet<String>> =
        MAY_USE.iter().map(|(name, used)| (*name, used.iter().map(|short| format!("pressrun-{short}")).collect())).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            faults.push(format!("{name} is not in the drawing; add it to xtask/src/tidy.rs and ARCHITECTURE.md"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            let used = dependency.name.as_str();
            if used.starts_with("pressrun") && !allowed.contains(used) {
                faults.push(format!("{name} may not use {used}"));
            }
            // Places to die at, ids that repeat and other rules for zones are for tests.
            let for_tests = |feature: &&String| {
                name != "pressrun-simulation" && ["fail-points", "seeded-ids", "other-rules"].contains(&feature.as_str())
            };
            if let Some(feature) = dependency.features.iter().find(for_tests) {
                faults.push(format!("{name} turns on `{feature}` of {used} outside tests"));
            }
            // Counterparts in tests speak the same protocols.
            if name == "pressrun-testkit" {
                continue;
            }
            if let Some((_, home)) = ONLY_IN.iter().find(|(library, home)| *library == used && *home != name) {
                faults.push(format!("{name} may not use {used}: it belongs to {home}"));
            }
        }
    }
    if !faults.is_empty() {
        bail!("the crate graph has left the drawing:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// No unfinished markers in the tree.
pub(crate) fn no_markers() -> anyhow::Result<()> {
    let markers = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("un", "implemented!("), concat!("to", "do!(")];
    let mut faults = Vec::new();
    let output = std::process::Command::new("git").args(["ls-files", "*.rs", "*.sql", "*.html", "*.typ", "*.sh"]).output()?;
    for file in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if markers.iter().any(|marker| line.contains(marker)) && !file.starts_with("xtask/") {
                faults.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    if !faults.is_empty() {
        bail!("unfinished work is marked in the tree:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crate_graph_is_the_drawing() {
        super::crate_graph().expect("the drawing");
    }
}

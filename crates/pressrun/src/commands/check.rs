//! `pressrun check`: what a pull request asks of a catalog.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::show;

/// Arguments of `pressrun check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder with connections.yaml, people.yaml and dashboards/.
    #[arg(required_unless_present = "schema")]
    catalog: Option<PathBuf>,
    /// Print the problems as a JSON array.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of a kind of file, for editors, instead of checking.
    #[arg(long, value_name = "KIND", value_enum)]
    schema: Option<FileKind>,
}

/// The kinds of files that a catalog holds.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FileKind {
    /// dashboards/*.yaml
    Dashboard,
    /// connections.yaml
    Connections,
    /// people.yaml
    People,
}

impl FileKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Connections => "connections",
            Self::People => "people",
        }
    }
}

/// Prints every problem; exits 1 when there is one.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(kind) = arguments.schema {
        show::line(serde_json::to_string_pretty(&pressrun_catalog::schema()[kind.as_str()])?);
        return Ok(ExitCode::SUCCESS);
    }
    let Some(dir) = &arguments.catalog else { bail!("name the catalog folder") };
    match pressrun_catalog::check(dir) {
        Ok(catalog) => {
            if arguments.json {
                show::line("[]");
            } else {
                let tiles: usize = catalog.documents.values().filter_map(|d| d.dashboard.as_ref()).map(|d| d.tiles.len()).sum();
                show::line(format!("{}: {} documents, {tiles} tiles, no problems", dir.display(), catalog.documents.len()));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            if arguments.json {
                show::line(serde_json::to_string_pretty(&problems)?);
            } else {
                for problem in &problems {
                    show::line(format!("error: {problem}"));
                }
                let plural = if problems.len() == 1 { "problem" } else { "problems" };
                show::line(format!("{}: {} {plural}", dir.display(), problems.len()));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

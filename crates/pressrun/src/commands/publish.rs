//! `pressrun publish`: one catalog for all nodes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use pressrun_catalog::{CatalogRules, Packed};
use pressrun_domain::clock::Clock as _;
use pressrun_store::CatalogPublication;

use crate::app::open_existing_store;
use crate::clock::WallClock;
use crate::config::Settings;
use crate::show;

/// Arguments of `pressrun publish`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder with connections.yaml, people.yaml and dashboards/.
    #[arg(required_unless_present = "withdraw", conflicts_with = "withdraw")]
    catalog: Option<PathBuf>,
    /// Configuration file of the servers: their database, and how large a catalog may be.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Who or what publishes, such as the address of a commit; nodes write it to their logs.
    #[arg(long, default_value = "the command line", value_name = "WORDS")]
    by: String,
    /// Publish nothing any more: nodes with folders of their own decide again what is in force.
    #[arg(long)]
    withdraw: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Publishes what has no errors; prints every problem, and exits 1 when there is an error.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::serve::runtime()?.block_on(publish(arguments))
}

async fn publish(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = Settings::for_command(arguments.config.as_deref())?;
    let Some(dir) = arguments.catalog else {
        open_existing_store(&settings).await?.withdraw_catalog(&arguments.by, WallClock.now()).await?;
        show::line("no catalog is published any more; nodes with folders of their own go by them");
        return Ok(ExitCode::SUCCESS);
    };
    // Secrets are those of the nodes, and nothing is kept of a command.
    let rules = CatalogRules { last_good: None, ..settings.catalog.rules(&settings.spool)? };
    let packed = tokio::task::spawn_blocking(move || pressrun_catalog::pack(&dir, &rules, true, &std::env::temp_dir()));
    let packed = packed.await.context("reading the catalog ended early")?;
    let Packed { version, documents, files, problems } = match packed {
        Ok(packed) => packed,
        Err(problems) => {
            for problem in &problems {
                show::line(format!("{}: {problem}", if problem.is_error() { "error" } else { "warning" }));
            }
            bail!("nothing was published: what is in force stays");
        }
    };
    let store = open_existing_store(&settings).await?;
    let publication =
        CatalogPublication { hash: &version, documents: u32::try_from(documents).unwrap_or(u32::MAX), files: &files, by: &arguments.by };
    let published = store.publish_catalog(&publication, WallClock.now()).await?;
    if arguments.json {
        show::line(serde_json::json!({
            "version": version, "publication": published.publication, "publishedAt": published.at, "documents": documents,
            "files": files.len(), "warnings": problems.len(),
        }));
    } else {
        for problem in &problems {
            show::line(format!("warning: {problem}"));
        }
        show::line(format!(
            "published version {version} ({documents} documents) as publication {}; nodes take it within seconds",
            published.publication
        ));
    }
    Ok(ExitCode::SUCCESS)
}

//! `pressrun render`: the main job once, without a server.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use pressrun_catalog::CatalogHandle;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{AttributeValues, Catalog};
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, FilterKey, TileKey};
use pressrun_domain::naming::safe_name;
use pressrun_domain::output::{Format, OutputOptions, PaperFormat, PaperOrientation};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, Producer, RenderRequest};
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::spool::Spool;
use pressrun_sql::{EffectiveFilters, QueryClock};

use crate::app::{engine_config, executors};
use crate::clock::WallClock;
use crate::config::Settings;
use crate::show::{self, Hinted};

/// Arguments of `pressrun render`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Identifier of the document.
    identifier: String,
    /// Catalog folder; the sample catalog when absent.
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// pdf, png, xlsx, csv or json.
    #[arg(long, default_value = "pdf")]
    format: String,
    /// Only this tile.
    #[arg(long)]
    tile: Option<String>,
    /// Filter value, such as region=US or `region=["US","EU"]` or a filter object as JSON; repeatable.
    #[arg(long = "filter")]
    filters: Vec<String>,
    /// Address of the member whose rows are seen; nobody's attributes when absent.
    #[arg(long = "as")]
    viewer: Option<EmailAddress>,
    /// Instant as of which relative dates are taken; now when absent.
    #[arg(long)]
    at: Option<Timestamp>,
    /// Query time zone; the dashboard's or the connection's when absent.
    #[arg(long)]
    timezone: Option<String>,
    /// a3, a4, legal, letter, fit_page or tabloid.
    #[arg(long)]
    paper: Option<String>,
    /// Sheets wider than tall.
    #[arg(long)]
    landscape: bool,
    /// Only this page of the dashboard, by name; repeatable, in this order.
    #[arg(long = "page")]
    pages: Vec<String>,
    /// Tiles full width, one under the other.
    #[arg(long)]
    single_column: bool,
    /// Tables with up to 1,000 rows instead of what fits.
    #[arg(long)]
    expand_tables: bool,
    /// No title.
    #[arg(long)]
    hide_title: bool,
    /// Values in their display format (csv, json, xlsx).
    #[arg(long)]
    formatted: bool,
    /// Folder with more fonts, such as for Chinese, Japanese or Korean; repeatable.
    #[arg(long = "fonts")]
    fonts: Vec<PathBuf>,
    /// File to write; named after the document when absent.
    #[arg(short = 'o', long = "output")]
    output: Option<PathBuf>,
}

/// Renders one file and prints where it is.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::serve::init_logs("warn", false);
    super::serve::runtime()?.block_on(render(arguments))
}

async fn render(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Some(format) = Format::from_wire(&arguments.format).filter(|format| *format != Format::LinkOnly) else {
        bail!("there is no format {:?}; use pdf, png, xlsx, csv or json", arguments.format);
    };
    let temp = tempfile::tempdir().context("could not create a temporary folder")?;
    let folder = match &arguments.catalog {
        Some(folder) => folder.clone(),
        None => super::demo::write_sample(&temp.path().join("catalog"))?,
    };
    let catalog = CatalogHandle::open(&folder, Arc::new(WallClock))?.current();
    let identifier = DocumentIdentifier::from(arguments.identifier.as_str());
    let Some(document) = catalog.documents.get(&identifier) else {
        let known = one_of(catalog.documents.keys().map(DocumentIdentifier::as_str));
        return Err(Hinted::new(format!("the catalog has no document {:?}", identifier.as_str()), known).into());
    };
    let Some(dashboard) = &document.dashboard else { bail!("document {identifier} has no dashboard") };
    let tile = arguments.tile.as_deref().map(TileKey::from);
    if let Some(key) = &tile
        && dashboard.query(key).is_none()
    {
        let known = one_of(dashboard.tiles.keys().filter(|key| dashboard.query(key).is_some()).map(TileKey::as_str));
        return Err(Hinted::new(format!("the dashboard has no query {key}"), known).into());
    }
    if let Some(unknown) = arguments.pages.iter().find(|page| !dashboard.pages.contains(page)) {
        let known = one_of(dashboard.pages.iter().map(String::as_str));
        return Err(Hinted::new(format!("the dashboard has no page {unknown:?}"), known).into());
    }
    let filters = EffectiveFilters::new(&dashboard.filters, &filters(&arguments.filters)?)
        .map_err(|error| Hinted::new(error.to_string(), one_of(dashboard.filters.keys().map(FilterKey::as_str))))?;
    let identity = identity(&catalog, arguments.viewer.as_ref())?;
    let connection_zone = || catalog.connections.get(&dashboard.connection).map(|connection| connection.timezone.clone());
    let zone =
        arguments.timezone.clone().or_else(|| dashboard.timezone.clone()).or_else(connection_zone).unwrap_or_else(|| "UTC".to_owned());
    pressrun_cron::zone(&zone).with_context(|| format!("timezone {zone:?} is not valid"))?;
    let options = options(&arguments)?;
    let content = Content {
        catalog: &catalog,
        document,
        dashboard,
        tile: tile.as_ref(),
        filters,
        identity: &identity,
        clock: QueryClock::new(arguments.at.unwrap_or_else(|| WallClock.now()), zone).fiscal(catalog.fiscal_start(dashboard)),
        format,
        options: &options,
    };

    let mut settings = Settings::default();
    settings.spool.path = temp.path().join("spool");
    settings.render.fonts.clone_from(&arguments.fonts);
    let spool = Spool::open(&settings.spool.path)?;
    let producer = Producer::new(executors(&settings)?, Arc::new(engine_config(&settings, &settings.server.public_url()?)));
    let work = spool.work_dir("render")?;
    let progress = show::progress(None, "running queries");
    let results = producer.tiles(&content, &work, None, false, Duration::from_secs(600)).await?;
    progress.set_message("rendering");
    let report = content.report(&results, None, Vec::new());
    let stem = safe_name(&document.name);
    let request = RenderRequest {
        format,
        options: &options,
        single_tile: tile.is_some(),
        file_stem: &stem,
        imprint: Some(catalog.organization.name.clone()),
    };
    let made = producer.render(report, request, &work).await?;
    progress.finish_and_clear();

    let output = arguments.output.unwrap_or_else(|| PathBuf::from(format!("{stem}.{}", made.rendered.extension)));
    write(&made.path, &output)?;
    show::line(output.display());
    for warning in &made.rendered.warnings {
        show::warning(warning);
    }
    let mut failed = false;
    for (key, result) in &results {
        match result {
            Ok(rows) if rows.outcome.truncated => show::warning(format!("tile {key} stops at its limit of {} rows", rows.outcome.rows)),
            Ok(_) => {}
            Err(error) => {
                failed = true;
                show::error(&anyhow::Error::new(error.clone()).context(format!("tile {key}")));
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What may be written, as a hint.
fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    if known.is_empty() { "there is none".to_owned() } else { format!("there is: {}", known.join(", ")) }
}

/// Writes the whole file or none; what is no file, such as `/dev/stdout`, is written into.
fn write(made: &Path, output: &Path) -> anyhow::Result<()> {
    let context = || format!("could not write {}", output.display());
    let mut from = File::open(made)?;
    if output.exists() && !output.is_file() {
        let mut into = File::options().write(true).open(output).with_context(context)?;
        std::io::copy(&mut from, &mut into).with_context(context)?;
        return Ok(());
    }
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder).with_context(context)?;
    std::io::copy(&mut from, &mut beside).with_context(context)?;
    beside.persist(output).with_context(context)?;
    Ok(())
}

/// `key=value` where the value is JSON (an object or a list) or one plain word.
fn filters(arguments: &[String]) -> anyhow::Result<FilterConfig> {
    let mut filters = FilterConfig::new();
    for argument in arguments {
        let Some((key, value)) = argument.split_once('=') else { bail!("--filter {argument:?}: write it as key=value") };
        let value = match serde_json::from_str::<serde_json::Value>(value) {
            Ok(json @ (serde_json::Value::Array(_) | serde_json::Value::Object(_))) => json,
            _ => serde_json::json!([value]),
        };
        filters.insert(FilterKey::from(key), value);
    }
    Ok(filters)
}

fn identity(catalog: &Catalog, viewer: Option<&EmailAddress>) -> anyhow::Result<Identity> {
    let Some(email) = viewer else {
        return Ok(Identity::effective(catalog.attributes.values(), &AttributeValues::new(), []));
    };
    let Some(member) = catalog.member_by_email(email) else { bail!("people.yaml has no member with the address {email}") };
    Ok(member_identity(catalog, member))
}

fn options(arguments: &Arguments) -> anyhow::Result<OutputOptions> {
    let paper = |text: &String| {
        PaperFormat::ALL.into_iter().find(|paper| paper.as_str() == text).with_context(|| format!("there is no paper {text:?}"))
    };
    Ok(OutputOptions {
        paper_format: arguments.paper.as_ref().map(paper).transpose()?,
        paper_orientation: arguments.landscape.then_some(PaperOrientation::Landscape),
        single_column_layout: arguments.single_column,
        pages: arguments.pages.clone(),
        expand_tables_to_show_all_rows: arguments.expand_tables,
        hide_title: arguments.hide_title,
        enable_formatting: arguments.formatted,
        ..OutputOptions::default()
    })
}

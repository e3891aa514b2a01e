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
use pressrun_catalog::{CatalogError, CatalogHandle};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{AttributeValues, Catalog, Document};
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, FilterKey, TileKey};
use pressrun_domain::naming::safe_name;
use pressrun_domain::output::{Format, OutputOptions, PaperFormat, PaperOrientation};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, Producer, RenderRequest, TileResults};
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::spool::Spool;
use pressrun_sql::filter::DateLiteral;
use pressrun_sql::filter::date::period;
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
    /// pdf, png, xlsx, csv or json; when absent, what the name of the output says, else pdf.
    #[arg(long)]
    format: Option<String>,
    /// Only this tile.
    #[arg(long)]
    tile: Option<String>,
    /// Filter value, such as region=US or `region=["US","EU"]` or a filter object as JSON; repeatable.
    #[arg(long = "filter")]
    filters: Vec<String>,
    /// Address of the member who looks: with their rows, and only what they may view; nobody's attributes when absent.
    #[arg(long = "as")]
    viewer: Option<EmailAddress>,
    /// When relative dates are taken as of: an instant, a local date (its beginning) or a local date and time; now when absent.
    #[arg(long)]
    at: Option<String>,
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
    /// Folder with more fonts, such as for Chinese, Japanese or Korean, or `system` for the machine's Noto fonts; repeatable.
    #[arg(long = "fonts")]
    fonts: Vec<PathBuf>,
    /// File to write, or `-` for standard output; named after the document when absent.
    #[arg(short = 'o', long = "output")]
    output: Option<PathBuf>,
}

/// Renders one file and prints where it is.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("warn");
    super::serve::runtime()?.block_on(render(arguments))
}

async fn render(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let format = format(&arguments)?;
    check_fonts(&arguments.fonts)?;
    let temp = tempfile::tempdir().context("could not create a temporary folder")?;
    let folder = match &arguments.catalog {
        Some(folder) => folder.clone(),
        None => super::demo::write_sample(&temp.path().join("catalog"))?,
    };
    let handle = CatalogHandle::open(&folder, Arc::new(WallClock))?;
    let catalog = handle.current();
    let identifier = DocumentIdentifier::from(arguments.identifier.as_str());
    let Some(document) = catalog.documents.get(&identifier) else {
        if catalog.waits(&identifier) {
            return Err(CatalogError { dir: folder, problems: handle.status().problems }.into());
        }
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
    let identity = identity(&catalog, document, arguments.viewer.as_ref())?;
    let connection_zone = || catalog.connections.get(&dashboard.connection).map(|connection| connection.timezone.clone());
    let zone =
        arguments.timezone.clone().or_else(|| dashboard.timezone.clone()).or_else(connection_zone).unwrap_or_else(|| "UTC".to_owned());
    pressrun_cron::zone(&zone).with_context(|| format!("timezone {zone:?} is not valid"))?;
    let options = options(&arguments)?;
    let at = instant(arguments.at.as_deref(), &zone)?;
    let content = Content {
        catalog: &catalog,
        document,
        dashboard,
        tile: tile.as_ref(),
        filters,
        identity: &identity,
        clock: QueryClock::new(at, zone).fiscal(catalog.fiscal_start(dashboard)),
        format,
        options: &options,
    };

    let mut settings = Settings::default();
    settings.spool.path = temp.path().join("spool");
    settings.render.fonts.clone_from(&arguments.fonts);
    let spool = Spool::open(&settings.spool.path)?;
    let producer = Producer::new(executors(&settings)?, Arc::new(engine_config(&settings, &settings.server.public_url()?)?));
    let work = spool.work_dir("render")?;
    let progress = show::progress(None, "running queries");
    let results = producer.tiles(&content, &work, None, |_| false, Duration::from_secs(600)).await?;
    // Why a tile shows nothing is said first: with no tile left there may be nothing to render.
    let failed = report_tiles(&results);
    if !format.is_visual() && !results.is_empty() && results.values().all(Result::is_err) {
        progress.finish_and_clear();
        return Ok(ExitCode::FAILURE);
    }
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
    check_name(&output, format, &made.rendered.extension)?;
    if is_standard_output(&output) {
        // Opened anew it would be written from its beginning; replaced, it would be gone for everybody.
        std::io::copy(&mut File::open(&made.path)?, &mut std::io::stdout().lock()).context("could not write to standard output")?;
    } else {
        write(&made.path, &output)?;
        show::line(output.display());
    }
    for warning in &made.rendered.warnings {
        show::warning(warning);
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What may be written, as a hint.
fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    if known.is_empty() { "there is none".to_owned() } else { format!("there is: {}", known.join(", ")) }
}

fn is_standard_output(output: &Path) -> bool {
    output == Path::new("-") || output == Path::new("/dev/stdout")
}

/// Writes the whole file or none; what is no file, such as a pipe, is written into, and of a link what it leads to.
fn write(made: &Path, output: &Path) -> anyhow::Result<()> {
    let context = || format!("could not write {}", output.display());
    let mut from = File::open(made)?;
    let real = output.canonicalize();
    let output = real.as_deref().unwrap_or(output);
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

/// Says which tiles failed or were cut; true when one failed.
fn report_tiles(results: &TileResults) -> bool {
    let mut failed = false;
    let warnings: std::collections::BTreeSet<&String> = results.values().flatten().flat_map(|rows| &rows.outcome.warnings).collect();
    warnings.into_iter().for_each(show::warning);
    for (key, result) in results {
        match result {
            Ok(rows) if rows.outcome.truncated => show::warning(format!("tile {key} stops at its limit of {} rows", rows.outcome.rows)),
            Ok(_) => {}
            Err(error) => {
                failed = true;
                show::error(&anyhow::Error::new(error.clone()).context(format!("tile {key}")));
            }
        }
    }
    failed
}

/// The format that is asked for, or that the output's name says.
fn format(arguments: &Arguments) -> anyhow::Result<Format> {
    let named = arguments.output.as_deref().and_then(Path::extension).and_then(|extension| extension.to_str());
    let from_name = named.and_then(|extension| Format::from_wire(&extension.to_lowercase()));
    let format = match &arguments.format {
        Some(word) => Format::from_wire(&word.to_lowercase()),
        None => Some(from_name.unwrap_or(Format::Pdf)),
    };
    format.filter(|format| *format != Format::LinkOnly).ok_or_else(|| {
        let word = arguments.format.as_deref().unwrap_or_default();
        Hinted::new(format!("there is no format {word:?}"), "use pdf, png, xlsx, csv or json").into()
    })
}

/// Refuses a name that says something else than the file is, such as `x.csv` for the zip of several tiles.
fn check_name(output: &Path, format: Format, extension: &str) -> anyhow::Result<()> {
    let named = output.extension().and_then(|named| named.to_str()).map(str::to_lowercase);
    let Some(named) = named.filter(|named| named != extension && (named == "zip" || Format::from_wire(named).is_some())) else {
        return Ok(());
    };
    if extension == "zip" {
        let hint = format!("name it {}, or choose one tile with --tile", output.with_extension("zip").display());
        return Err(Hinted::new(format!("{format} of several tiles is a zip with a file for each, not a .{named}"), hint).into());
    }
    let hint = format!("name it {}, or write --format {named}", output.with_extension(extension).display());
    Err(Hinted::new(format!("the output is {format}, but its name ends in .{named}"), hint).into())
}

fn check_fonts(folders: &[PathBuf]) -> anyhow::Result<()> {
    match folders.iter().find(|folder| folder.as_os_str() != "system" && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let hint = "name a folder with .ttf or .otf files, or write `system` for the machine's Noto fonts";
            Err(Hinted::new(format!("there is no folder {} with fonts", folder.display()), hint).into())
        }
    }
}

/// The instant that `text` means in `zone`; now when there is none.
fn instant(text: Option<&str>, zone: &str) -> anyhow::Result<Timestamp> {
    let now = WallClock.now();
    let Some(text) = text else { return Ok(now) };
    let clock = QueryClock::new(now, zone).resolve()?;
    let period = text.parse::<DateLiteral>().ok().and_then(|literal| period(literal, &clock).ok());
    period.map(|period| period.start).ok_or_else(|| {
        let hint = "write a date such as 2026-06-01, a time such as \"2026-06-01 09:30\", or an instant such as 2026-06-01T09:30:00Z";
        Hinted::new(format!("--at {text:?} is no date"), hint).into()
    })
}

fn identity(catalog: &Catalog, document: &Document, viewer: Option<&EmailAddress>) -> anyhow::Result<Identity> {
    let Some(email) = viewer else {
        return Ok(Identity::effective(catalog.attributes.values(), &AttributeValues::new(), []));
    };
    let Some(member) = catalog.member_by_email(email) else { bail!("people.yaml has no member with the address {email}") };
    if !catalog.may_view(member, document) {
        let hint = match document.access.groups.as_slice() {
            [] => "the member is not active".to_owned(),
            groups => format!("`access` names the groups: {}", groups.join(", ")),
        };
        return Err(Hinted::new(format!("{email} may not view document {}", document.identifier), hint).into());
    }
    Ok(member_identity(catalog, member))
}

fn options(arguments: &Arguments) -> anyhow::Result<OutputOptions> {
    let paper = |text: &String| -> anyhow::Result<PaperFormat> {
        PaperFormat::ALL.into_iter().find(|paper| paper.as_str() == text.to_lowercase()).ok_or_else(|| {
            Hinted::new(format!("there is no paper {text:?}"), one_of(PaperFormat::ALL.into_iter().map(PaperFormat::as_str))).into()
        })
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

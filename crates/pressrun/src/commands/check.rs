//! `pressrun check`: what a pull request asks of a catalog.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use pressrun_catalog::{CatalogRules, Checked, Column, ColumnKind, ConnectionPlace, LoadOptions, Problem, Severity, TilePlace};
use pressrun_deliver::EgressPolicy;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{Catalog, Connection, QueryTile};
use pressrun_domain::clock::Clock;
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::EngineConfig;
use pressrun_engine::content::{Content, Producer};
use pressrun_engine::reach;
use pressrun_engine::spool::{Spool, WorkDir};
use pressrun_query::QueryError;
use pressrun_query::job::ColumnInfo;
use pressrun_sql::{EffectiveFilters, QueryClock};

use crate::app::{engine_config, executors};
use crate::clock::WallClock;
use crate::config::Settings;
use crate::show;

/// Time that a source has to name the columns of one query.
const DESCRIBE_TIME: Duration = Duration::from_secs(60);

/// Arguments of `pressrun check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder with connections.yaml, people.yaml and dashboards/.
    #[arg(required_unless_present = "schema")]
    catalog: Option<PathBuf>,
    /// Print the problems as a JSON array.
    #[arg(long)]
    json: bool,
    /// Ask each connection for the columns of each query, and compare them with charts and fields. Needs the data and the secrets.
    #[arg(long)]
    connect: bool,
    /// Judge by this configuration of a server: how large a catalog may be, which variables and files it may read, and where its connections may
    /// lead. Without it everything is open.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    /// people/*.yaml
    MorePeople,
}

impl FileKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Connections => "connections",
            Self::People => "people",
            Self::MorePeople => "more-people",
        }
    }
}

/// Prints every problem; exits 1 when there is an error.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(kind) = arguments.schema {
        show::line(serde_json::to_string_pretty(&pressrun_catalog::schema()[kind.as_str()])?);
        return Ok(ExitCode::SUCCESS);
    }
    let Some(dir) = &arguments.catalog else { bail!("name the catalog folder") };
    let settings = match &arguments.config {
        Some(file) => Settings::load(Some(file))?,
        None => Settings::default(),
    };
    let rules = match &arguments.config {
        // Nothing is kept of a check.
        Some(_) => CatalogRules { last_good: None, ..settings.catalog.rules(&settings.spool)? },
        None => CatalogRules::open(),
    };
    let policy = settings.egress.of_connections()?;
    let options = LoadOptions { require_secrets: arguments.connect, rules: &rules, ..LoadOptions::default() };
    let mut checked = pressrun_catalog::check_with(dir, options);
    if arguments.connect {
        crate::telemetry::for_people("warn");
        super::serve::runtime()?.block_on(connect(&mut checked, settings, policy))?;
    } else {
        let refused = connections(&checked)
            .filter_map(|(place, connection)| Some(of_connection(place, &reach::refused_as_typed(&policy, &connection.source)?)));
        let refused: Vec<Problem> = refused.collect();
        add(&mut checked, refused);
    }
    print(dir, &checked, arguments.json)?;
    Ok(if checked.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Checks a catalog by the configuration of its server, and asks its connections.
pub(crate) async fn connected(dir: &Path, settings: Settings) -> anyhow::Result<Checked> {
    let rules = CatalogRules { last_good: None, ..settings.catalog.rules(&settings.spool)? };
    let policy = settings.egress.of_connections()?;
    let mut checked = pressrun_catalog::check_with(dir, LoadOptions { require_secrets: true, rules: &rules, ..LoadOptions::default() });
    connect(&mut checked, settings, policy).await?;
    Ok(checked)
}

fn print(dir: &Path, checked: &Checked, json: bool) -> anyhow::Result<()> {
    if json {
        show::line(serde_json::to_string_pretty(&checked.problems)?);
        return Ok(());
    }
    for problem in &checked.problems {
        let word = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        show::line(format!("{word}: {problem}"));
    }
    let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = checked.problems.len() - errors;
    let found = match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, warnings) => show::count(warnings, "warning"),
        (errors, 0) => show::count(errors, "problem"),
        (errors, warnings) => format!("{}, {}", show::count(errors, "problem"), show::count(warnings, "warning")),
    };
    let holds = checked.catalog.as_ref().filter(|_| errors == 0).map(|catalog| {
        let tiles: usize = catalog.documents.values().filter_map(|d| d.dashboard.as_ref()).map(|d| d.tiles.len()).sum();
        format!("{}, {}, ", show::count(catalog.documents.len(), "document"), show::count(tiles, "tile"))
    });
    show::line(format!("{}: {}{found}", dir.display(), holds.unwrap_or_default()));
    Ok(())
}

/// The connections, and where they stand.
fn connections(checked: &Checked) -> impl Iterator<Item = (&ConnectionPlace, &Connection)> {
    checked.connections.iter().filter_map(move |place| Some((place, checked.catalog.as_ref()?.connections.get(&place.name)?)))
}

fn of_connection(place: &ConnectionPlace, refused: &QueryError) -> Problem {
    place.problem(&refused.message, refused.hint.as_deref().unwrap_or_default())
}

fn add(checked: &mut Checked, mut found: Vec<Problem>) {
    // What the text of a query says of its columns is said again, with less doubt, by who runs it.
    found.retain(|problem| !checked.problems.contains(problem));
    checked.problems.extend(found);
    checked.problems.sort();
}

/// Asks the connections for the columns of every query that has no problem yet. One that leads nowhere is told of once, and not asked.
async fn connect(checked: &mut Checked, mut settings: Settings, policy: EgressPolicy) -> anyhow::Result<()> {
    let Some(catalog) = &checked.catalog else { return Ok(()) };
    let temp = tempfile::tempdir().context("could not create a temporary folder")?;
    settings.spool.path = temp.path().join("spool");
    let spool = Spool::open(&settings.spool.path)?;
    let config = EngineConfig { connections: policy.clone(), ..engine_config(&settings, &settings.server.public_url()?)? };
    let producer = Producer::new(executors(&settings)?, Arc::new(config));
    let work = spool.work_dir("check")?;
    let now = WallClock.now();
    let (mut found, mut closed) = (Vec::new(), HashSet::new());
    for (place, connection) in connections(checked) {
        if let Some(refused) = reach::refused(&policy, connection).await {
            found.push(of_connection(place, &refused));
            closed.insert(&place.name);
        }
    }
    for place in &checked.tiles {
        let Some(tile) = Asked::find(catalog, place, now).filter(|tile| !closed.contains(&tile.content.dashboard.connection)) else {
            continue;
        };
        found.extend(tile.problems(&producer, &work).await);
    }
    add(checked, found);
    Ok(())
}

/// A query whose columns are asked for.
struct Asked<'a> {
    place: &'a TilePlace,
    content: Content<'a>,
    query: &'a QueryTile,
}

/// Nobody's attributes: the columns are the same for everybody.
static NOBODY: std::sync::LazyLock<Identity> = std::sync::LazyLock::new(Identity::default);
static OPTIONS: std::sync::LazyLock<OutputOptions> = std::sync::LazyLock::new(OutputOptions::default);

impl<'a> Asked<'a> {
    fn find(catalog: &'a Catalog, place: &'a TilePlace, now: Timestamp) -> Option<Self> {
        let document = catalog.documents.get(&place.document)?;
        let dashboard = document.dashboard.as_ref()?;
        let query = dashboard.query(&place.tile)?;
        let zone = dashboard.timezone.clone().or_else(|| Some(catalog.connections.get(&dashboard.connection)?.timezone.clone()))?;
        let content = Content {
            catalog,
            document,
            dashboard,
            tile: Some(&place.tile),
            filters: EffectiveFilters::new(&dashboard.filters, &FilterConfig::new()).ok()?,
            identity: &NOBODY,
            clock: QueryClock::new(now, zone).fiscal(catalog.fiscal_start(dashboard)),
            format: Format::Json,
            options: &OPTIONS,
        };
        Some(Self { place, content, query })
    }

    async fn problems(&self, producer: &Producer, work: &WorkDir) -> Vec<Problem> {
        match producer.describe(&self.content, self.query, work, DESCRIBE_TIME).await {
            Ok(columns) => self.place.judge_columns(self.query, &columns.into_iter().map(column).collect::<Vec<_>>()),
            Err((error, at)) => {
                vec![self.place.problem(at, &error.message, error.hint.as_deref().unwrap_or("correct the SQL, or what it asks of"))]
            }
        }
    }
}

/// A column as the catalog judges it, by the name of its Arrow type.
fn column(info: ColumnInfo) -> Column {
    let is = |names: &[&str]| names.iter().any(|name| info.data_type.starts_with(name));
    let kind = if is(&["Int", "UInt", "Float", "Decimal"]) && !is(&["Interval"]) {
        ColumnKind::Number
    } else if is(&["Date", "Timestamp", "Time"]) {
        ColumnKind::Date
    } else {
        ColumnKind::Other
    };
    Column { name: info.name, kind: Some(kind) }
}

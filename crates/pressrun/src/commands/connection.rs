//! `pressrun connection`: whether a connection of the catalog answers, and how.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indexmap::IndexMap;
use pressrun_catalog::{CatalogRules, LoadOptions};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{Connection, QueryTile};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::clock::Clock;
use pressrun_engine::EngineConfig;
use pressrun_engine::content::Producer;
use pressrun_engine::reach;
use pressrun_engine::spool::Spool;
use pressrun_query::spool::first_row;
use pressrun_query::{ConnectionSpec, QueryError};
use pressrun_sql::{Dialect, EffectiveFilters, QueryClock, compile};

use crate::app::{engine_config, executors};
use crate::clock::WallClock;
use crate::config::Settings;
use crate::show::{self, Hinted};

/// Time that a database has to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do with a connection.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a connection, ask it for one row, and say what answered and how long that took. Needs the data and the secrets.
    Test(Arguments),
}

/// Arguments of `pressrun connection test`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The connection's name in connections.yaml.
    name: String,
    /// Folder with connections.yaml, people.yaml and dashboards/.
    #[arg(long, value_name = "DIR", default_value = ".")]
    catalog: PathBuf,
    /// Judge by this configuration of a server: which variables and files the catalog may read, where its connections may lead, and which drivers there are.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What a connection said.
#[derive(Debug)]
pub(crate) struct Answer {
    kind: &'static str,
    driver: Option<String>,
    dialect: Dialect,
    /// What the server says of itself: `version`, and where it can be asked `zone` and `read_only`.
    said: Vec<(String, String)>,
    first: Duration,
    again: Duration,
}

/// Runs `pressrun connection …`; exits 1 when the connection does not answer.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let Command::Test(arguments) = command;
    let settings = match &arguments.config {
        Some(file) => Settings::load(Some(file))?,
        None => Settings::default(),
    };
    let rules = match &arguments.config {
        Some(_) => CatalogRules { last_good: None, ..settings.catalog.rules(&settings.spool)? },
        None => CatalogRules::open(),
    };
    let checked =
        pressrun_catalog::check_with(&arguments.catalog, LoadOptions { require_secrets: true, rules: &rules, ..LoadOptions::default() });
    let Some(catalog) = checked.catalog else {
        for problem in &checked.problems {
            show::line(format!("error: {problem}"));
        }
        bail!("the catalog at {} is not right", arguments.catalog.display());
    };
    let Some(connection) = catalog.connections.get(arguments.name.as_str()) else {
        let names: Vec<_> = catalog.connections.keys().map(|name| name.as_str().to_owned()).collect();
        return Err(
            Hinted::new(format!("there is no connection `{}`", arguments.name), format!("the catalog has: {}", names.join(", "))).into()
        );
    };
    crate::telemetry::for_people("error");
    match super::serve::runtime()?.block_on(answer(connection, settings))? {
        Ok(answer) => {
            tell(connection, &answer);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => match error.hint {
            Some(hint) => Err(Hinted::new(error.message, hint).into()),
            None => bail!(error.message),
        },
    }
}

/// Asks `connection` twice, as a run would: the second time tells what a query costs once everything is warm.
///
/// # Errors
/// Outside, what is wrong with the configuration or this machine; inside, why the connection does not answer.
pub(crate) async fn answer(connection: &Connection, mut settings: Settings) -> anyhow::Result<Result<Answer, QueryError>> {
    let temp = tempfile::tempdir().context("could not create a temporary folder")?;
    settings.spool.path = temp.path().join("spool");
    let policy = settings.egress.of_connections()?;
    if let Some(refused) = reach::refused(&policy, connection).await {
        return Ok(Err(refused));
    }
    let spool = Spool::open(&settings.spool.path)?;
    let config = EngineConfig { connections: policy, ..engine_config(&settings, &settings.server.public_url()?)? };
    let producer = Producer::new(executors(&settings)?, Arc::new(config));
    let work = spool.work_dir("connection")?;
    let dialect = Dialect::of(&connection.source);
    let tile = QueryTile {
        sql: dialect.asks_server().to_owned(),
        limit: 1,
        filters: IndexMap::new(),
        fields: IndexMap::new(),
        chart: Chart::new(Mark::Table),
    };
    let clock = QueryClock::new(WallClock.now(), connection.timezone.clone());
    let compiled = compile(&tile, &EffectiveFilters::default(), &Identity::default(), &clock, dialect)?;
    let began = Instant::now();
    let rows = match producer.query(connection, compiled.clone(), &work, false, PATIENCE).await {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error)),
    };
    let first = began.elapsed();
    let began = Instant::now();
    if let Err(error) = producer.query(connection, compiled, &work, false, PATIENCE).await {
        return Ok(Err(error));
    }
    let again = began.elapsed();
    let spec = ConnectionSpec::from(connection);
    let driver = match &spec {
        ConnectionSpec::Adbc(spec) => Some(spec.driver.clone()),
        _ => None,
    };
    let said = first_row(&rows.path)?;
    Ok(Ok(Answer { kind: spec.kind(), driver, dialect, said, first, again }))
}

fn tell(connection: &Connection, answer: &Answer) {
    let said = |key: &str| answer.said.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone());
    let read_only = match (said("read_only").as_deref(), answer.kind) {
        (Some("on" | "1" | "2" | "READ_ONLY" | "read_only" | "true"), _) | (_, "files") => "yes".to_owned(),
        (Some(other), _) => format!("the server says `{other}`: what the role may do decides"),
        (None, _) => "not said: what the role may do decides".to_owned(),
    };
    let mut rows = vec![["connection".to_owned(), connection.name.to_string()], ["kind".to_owned(), answer.kind.to_owned()]];
    rows.extend(answer.driver.clone().map(|driver| ["driver".to_owned(), driver]));
    rows.push(["server".to_owned(), said("version").unwrap_or_else(|| "not said".to_owned())]);
    rows.push(["zone".to_owned(), said("zone").unwrap_or_else(|| format!("{} (not said by the server)", connection.timezone))]);
    rows.push(["placeholder".to_owned(), answer.dialect.first_placeholder()]);
    rows.push(["only reads".to_owned(), read_only]);
    rows.push(["first answer".to_owned(), format!("{} ms", answer.first.as_millis())]);
    rows.push(["second answer".to_owned(), format!("{} ms", answer.again.as_millis())]);
    show::table(&rows);
}

//! Asks a place where data lives, through the same engine that dashboards ask.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pressrun_catalog::{CatalogHandle, CatalogRules, Problem};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{Catalog, Document};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::id::{DocumentIdentifier, TileKey};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, Producer, RenderRequest, TileResults};
use pressrun_engine::spool::{Spool, WorkDir};
use pressrun_query::job::ColumnInfo;
use pressrun_sql::{EffectiveFilters, QueryClock};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::yaml::quoted;
use crate::app::{engine_config, executors};
use crate::clock::WallClock;
use crate::config::Settings;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A row by column.
pub(super) type Row = Map<String, Value>;

/// Somebody who asks.
pub(super) struct Probe {
    temp: TempDir,
    connection: String,
    /// The address of a database, which a catalog does not hold.
    url: Option<String>,
    producer: Producer,
    work: WorkDir,
    asked: std::cell::Cell<u32>,
}

impl Probe {
    /// Somebody who asks the connection that `connections` (the text of a connections.yaml) names `data`, whose `url_file` is `data-url`.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub(super) fn new(connections: &str, url: Option<&str>) -> anyhow::Result<Self> {
        let temp = tempfile::tempdir().context("could not create a temporary folder")?;
        let mut settings = Settings::default();
        settings.spool.path = temp.path().join("spool");
        let spool = Spool::open(&settings.spool.path)?;
        let producer = Producer::new(executors(&settings)?, Arc::new(engine_config(&settings, &settings.server.public_url()?)?));
        let work = spool.work_dir("init")?;
        Ok(Self { temp, connection: connections.to_owned(), url: url.map(str::to_owned), producer, work, asked: std::cell::Cell::new(0) })
    }

    /// The columns of each query, or why it has none.
    ///
    /// # Errors
    /// The questions could not be put at all.
    pub(super) async fn columns(&self, queries: &[String]) -> anyhow::Result<Vec<Result<Vec<ColumnInfo>, String>>> {
        let catalog = self.catalog(queries)?;
        let document = document(&catalog)?;
        let identity = Identity::default();
        let options = OutputOptions::default();
        let content = content(&catalog, document, &identity, &options)?;
        let mut found = Vec::new();
        for number in 0..queries.len() {
            let Some(query) = content.dashboard.query(&key(number)) else { bail!("a question got lost") };
            let described = self.producer.describe(&content, query, &self.work, PATIENCE).await;
            found.push(described.map_err(|(error, _)| error.message));
        }
        Ok(found)
    }

    /// The rows of each query, or why it has none.
    ///
    /// # Errors
    /// The questions could not be put at all.
    pub(super) async fn rows(&self, queries: &[String]) -> anyhow::Result<Vec<Result<Vec<Row>, String>>> {
        let catalog = self.catalog(queries)?;
        let document = document(&catalog)?;
        let identity = Identity::default();
        let options = OutputOptions::default();
        let content = content(&catalog, document, &identity, &options)?;
        let results: TileResults = self.producer.tiles(&content, &self.work, None, |_| false, PATIENCE).await?;
        let failures: Vec<Option<String>> = (0..queries.len())
            .map(|number| results.get(&key(number)).and_then(|result| result.as_ref().err()).map(|error| error.message.clone()))
            .collect();
        let answers = if failures.iter().all(Option::is_some) { Value::Null } else { self.json(&content, &results).await? };
        let rows = |number: usize| -> Vec<Row> {
            let rows = answers["tiles"][key(number).as_str()]["rows"].as_array().cloned().unwrap_or_default();
            rows.into_iter().filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None }).collect()
        };
        Ok(failures.into_iter().enumerate().map(|(number, failure)| failure.map_or_else(|| Ok(rows(number)), Err)).collect())
    }

    async fn json(&self, content: &Content<'_>, results: &TileResults) -> anyhow::Result<Value> {
        let report = content.report(results, None, Vec::new());
        let request =
            RenderRequest { format: Format::Json, options: content.options, single_tile: false, file_stem: "answers", imprint: None };
        let made = self.producer.render(report, request, &self.work).await?;
        Ok(serde_json::from_slice(&std::fs::read(&made.path)?)?)
    }

    /// A catalog in which each query is a tile.
    fn catalog(&self, queries: &[String]) -> anyhow::Result<Arc<Catalog>> {
        let number = self.asked.get();
        self.asked.set(number + 1);
        let dir = self.temp.path().join(format!("catalog-{number}"));
        std::fs::create_dir_all(dir.join("dashboards"))?;
        std::fs::write(dir.join("connections.yaml"), &self.connection)?;
        if let Some(url) = &self.url {
            std::fs::write(dir.join("data-url"), url)?;
        }
        let people =
            "organization: { id: 00000000-0000-4000-8000-000000000000, name: init }\nmembers: [{ name: Init, email: init@example.com }]\n";
        std::fs::write(dir.join("people.yaml"), people)?;
        let tile = |(number, sql): (usize, &String)| {
            format!("  {}:\n    sql: {}\n    at: {{ x: 0, y: {}, w: 24, h: 4 }}\n", key(number).as_str(), quoted(sql), number * 4)
        };
        let tiles: String = queries.iter().enumerate().map(tile).collect();
        std::fs::write(dir.join("dashboards/probe.yaml"), format!("identifier: probe\nname: Probe\nconnection: data\ntiles:\n{tiles}"))?;
        open(&dir)
    }
}

/// A catalog as it stands, with everything open: whoever runs this may read what they name.
fn open(dir: &Path) -> anyhow::Result<Arc<Catalog>> {
    let handle = CatalogHandle::open_with(dir, Arc::new(WallClock), CatalogRules::open())?;
    if let Some(problem) = handle.status().problems.into_iter().find(Problem::is_error) {
        bail!("this cannot be asked: {}", problem.message);
    }
    Ok(handle.current())
}

fn document(catalog: &Catalog) -> anyhow::Result<&Document> {
    catalog.documents.get(&DocumentIdentifier::from("probe")).map(Arc::as_ref).context("the questions make no dashboard")
}

fn key(number: usize) -> TileKey {
    TileKey::from(format!("q{number}").as_str())
}

fn content<'a>(
    catalog: &'a Catalog,
    document: &'a Document,
    identity: &'a Identity,
    options: &'a OutputOptions,
) -> anyhow::Result<Content<'a>> {
    let dashboard = document.dashboard.as_ref().context("the questions make no dashboard")?;
    Ok(Content {
        catalog,
        document,
        dashboard,
        tile: None,
        filters: EffectiveFilters::new(&dashboard.filters, &FilterConfig::new())?,
        identity,
        clock: QueryClock::new(WallClock.now(), "UTC"),
        format: Format::Json,
        options,
    })
}

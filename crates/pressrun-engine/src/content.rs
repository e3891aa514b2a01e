//! From a dashboard to artifacts: compile, query, report, render. Used by runs, by `pressrun render` and by the pages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indexmap::IndexMap;
use jiff::SignedDuration;
use pressrun_deliver::SystemResolver;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{Catalog, Connection, Dashboard, Document, QueryTile, Tile, TileBody};
use pressrun_domain::id::{ConnectionName, FilterKey, TileKey};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::RunKind;
use pressrun_query::job::ColumnInfo;
use pressrun_query::{ConnectionSpec, QueryError, QueryErrorKind, QueryJob, QueryLimits, QueryOutcome};
use pressrun_render::{
    FilterLine, Page, RenderError, RenderJob, RenderLimits, Rendered, Report, Rows, TileContent, TileData, TileView, Truncated,
};
use pressrun_sql::filter::summary;
use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, QueryClock, compile};
use tracing::{Instrument as _, Span};

use crate::artifacts::ArtifactError;
use crate::config::EngineConfig;
use crate::executor::{Crew, ExecutorError, ExecutorPool};
use crate::figures;
use crate::flight::{self, Flights};
use crate::gate::Gates;
use crate::reach;
use crate::spool::WorkDir;
use crate::trace;

/// What is shown, to whom and as of when.
#[derive(Debug, Clone)]
pub struct Content<'a> {
    /// The catalog it was found in.
    pub catalog: &'a Catalog,
    /// The document.
    pub document: &'a Document,
    /// Its dashboard.
    pub dashboard: &'a Dashboard,
    /// Only this tile.
    pub tile: Option<&'a TileKey>,
    /// Filters in force (F2).
    pub filters: EffectiveFilters,
    /// Whose rows are seen.
    pub identity: &'a Identity,
    /// The one now and zone of its queries (Q5, Q6).
    pub clock: QueryClock,
    /// What is made of it.
    pub format: Format,
    /// How.
    pub options: &'a OutputOptions,
}

/// Why a dashboard cannot be shown at all.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The connection is not in the catalog.
    #[error("the catalog has no connection \"{0}\"")]
    NoConnection(ConnectionName),
    /// The renderer refused.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The renderer was stopped or died.
    #[error("rendering failed: {0}")]
    Executor(#[from] ExecutorError),
    /// The spool cannot be written.
    #[error("could not write to the spool folder: {0}")]
    Spool(#[from] std::io::Error),
    /// The artifact store does not take it now.
    #[error("{0}")]
    Away(ArtifactError),
}

impl From<ArtifactError> for ContentError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Folder(error) => Self::Spool(error),
            ArtifactError::Bucket(_) => Self::Away(error),
        }
    }
}

impl ContentError {
    /// The short reason kept in a run's history.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoConnection(_) => "missingConnection",
            Self::Render(error) => error.reason(),
            Self::Executor(ExecutorError::Deadline { .. }) => "killed: deadline",
            Self::Executor(ExecutorError::Memory) => "killed: memory",
            Self::Executor(_) => "renderFailed",
            Self::Spool(error) if error.kind() == std::io::ErrorKind::StorageFull => "diskFull",
            Self::Spool(_) | Self::Away(_) => "writeFailed",
        }
    }
}

impl ContentError {
    /// Whether trying again later may succeed: a disk that is full has room again, and an artifact store answers again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Away(_) | Self::Render(RenderError::DiskFull { .. }) => true,
            Self::Spool(error) => error.kind() == std::io::ErrorKind::StorageFull,
            Self::NoConnection(_) | Self::Render(_) | Self::Executor(_) => false,
        }
    }
}

/// Rows of a query, in a file of the run's work folder.
#[derive(Debug, Clone)]
pub struct QueryRows {
    /// The Arrow IPC file.
    pub path: PathBuf,
    /// What the query said.
    pub outcome: QueryOutcome,
    /// Keeps the file's folder, which may be another run's.
    pub folder: Option<WorkDir>,
}

/// Results of tiles by key, in dashboard order.
pub type TileResults = IndexMap<TileKey, Result<QueryRows, QueryError>>;

/// A rendered file that nobody has taken yet.
#[derive(Debug)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub rendered: Rendered,
    /// Wall time in milliseconds.
    pub ms: u64,
}

impl<'a> Content<'a> {
    /// Tiles in this content that have a query, in dashboard order (Q9, R13): the named one, or all of its pages that are not hidden.
    pub fn query_tiles(&self) -> impl Iterator<Item = (&'a Tile, &'a QueryTile)> + use<'a> {
        let (only, pages) = (self.tile, self.pages());
        let shown = move |tile: &&Tile| only.map_or(!tile.hidden && pages.contains(&tile.page), |key| tile.key == *key);
        self.dashboard.tiles.values().filter(shown).filter_map(|tile| match &tile.body {
            TileBody::Query(query) => Some((tile, query)),
            TileBody::Markdown(_) => None,
        })
    }

    /// Indexes of the pages in this content, in order (V10): those that the options name, else all, of which a picture holds the first.
    fn pages(&self) -> Vec<usize> {
        let all = &self.dashboard.pages;
        let chosen = self.options.pages.iter().filter_map(|name| all.iter().position(|page| page == name));
        match (self.options.pages.is_empty(), self.format) {
            (false, _) => chosen.collect(),
            (true, Format::Png) => vec![0],
            (true, _) => (0..all.len().max(1)).collect(),
        }
    }

    /// The connection its SQL runs on.
    ///
    /// # Errors
    /// [`ContentError::NoConnection`].
    pub fn connection(&self) -> Result<&'a Connection, ContentError> {
        let name = &self.dashboard.connection;
        self.catalog.connections.get(name).ok_or_else(|| ContentError::NoConnection(name.clone()))
    }

    /// Compiles one query of the dashboard with `limit` rows.
    ///
    /// # Errors
    /// The template or a filter is wrong: the tile fails with this message (F6).
    pub fn compile(&self, query: &QueryTile, limit: u64) -> Result<CompiledQuery, QueryError> {
        let mut compiled = compile(query, &self.filters, self.identity, &self.clock, self.dialect()?).map_err(|error| failed(&error))?;
        compiled.limit = limit;
        Ok(compiled)
    }

    /// Filters of the dashboard that a query does not use, but for those that it leaves out on purpose (F7).
    ///
    /// # Errors
    /// The query cannot be read; it has failed with this message.
    pub fn unapplied(&self, query: &QueryTile) -> Result<BTreeSet<FilterKey>, QueryError> {
        let dialect = self.dialect()?;
        pressrun_sql::unapplied(query, &self.filters, dialect).map_err(|error| failed(&error))
    }

    fn dialect(&self) -> Result<Dialect, QueryError> {
        self.connection().map(|connection| Dialect::of(&connection.source)).map_err(|error| failed(&error))
    }

    /// Line and column, both from 1, in the text of a query of what became the character `at` of its compiled SQL.
    fn place(&self, query: &QueryTile, at: usize) -> Option<(usize, usize)> {
        pressrun_sql::place_in_tile(query, &self.filters, self.identity, &self.clock, self.dialect().ok()?, at)
    }

    /// The failure of a query with the place in its author's text, where the source knows one.
    pub(crate) fn placed(&self, query: &QueryTile, mut error: QueryError) -> QueryError {
        let place = error.character.take().and_then(|at| self.place(query, at));
        if let Some((line, column)) = place {
            error.message = format!("{} (line {line}, column {column} of the tile's SQL)", error.message);
        }
        error
    }

    /// Label and summary of each visible filter, in dashboard order (V8, F11).
    #[must_use]
    pub fn filter_lines(&self) -> Vec<FilterLine> {
        let visible = self.filters.iter().filter(|(_, filter)| !filter.definition.hidden);
        visible
            .map(|(key, filter)| FilterLine {
                key: key.0.clone(),
                label: filter.definition.label.clone(),
                value: summary(&filter.definition, filter.expression.as_ref(), &self.clock, self.identity),
            })
            .collect()
    }

    /// The report of these results.
    #[must_use]
    pub fn report(&self, results: &TileResults, link: Option<String>, notes: Vec<String>) -> Report {
        let tiles = |shown: &dyn Fn(&Tile) -> bool| {
            self.dashboard.tiles.values().filter(|tile| shown(tile)).map(|tile| view(tile, results)).collect()
        };
        let pages: Vec<Page> = match self.tile {
            Some(key) => vec![Page { name: None, tiles: tiles(&|tile| tile.key == *key) }],
            None => {
                let page = |index: usize| Page {
                    name: self.dashboard.pages.get(index).cloned(),
                    tiles: tiles(&|tile| !tile.hidden && tile.page == index),
                };
                self.pages().into_iter().map(page).collect()
            }
        };
        Report {
            title: self.document.name.clone(),
            description: self.dashboard.description.clone(),
            language: "en".to_owned(),
            zone: self.clock.zone.clone(),
            as_of: self.clock.at,
            filters: self.filter_lines(),
            link,
            pages,
            notes,
            theme: pressrun_render::ThemeName::default(),
        }
    }
}

/// One tile as the renderer sees it.
fn view(tile: &Tile, results: &TileResults) -> TileView {
    let content = match &tile.body {
        TileBody::Markdown(text) => TileContent::Markdown(text.clone()),
        TileBody::Query(query) => match results.get(&tile.key) {
            Some(Ok(rows)) => TileContent::Data(TileData {
                rows: Rows::Ipc(rows.path.clone()),
                fields: query.fields.clone(),
                chart: query.chart.clone(),
                truncated: rows.outcome.truncated.then_some(Truncated { limit: rows.outcome.rows }),
            }),
            Some(Err(error)) => TileContent::Failed { message: error.for_readers() },
            None => TileContent::Failed { message: "its query did not run".to_owned() },
        },
    };
    TileView { key: tile.key.0.clone(), title: tile.title.clone(), subtitle: tile.subtitle.clone(), at: tile.at, content }
}

/// How long a result is handed out to other schedules that are due at its instant.
const SHARED_FOR: Duration = Duration::from_secs(60);

/// Results kept at once.
const MOST_KEPT: usize = 256;

fn kept_for(keep: Duration) -> Flights<QueryRows, QueryError> {
    Flights::new(keep, MOST_KEPT, |_| 1)
}

/// Runs queries and renders; bounds how many queries a connection sees at once.
#[derive(Clone)]
pub struct Producer {
    executors: ExecutorPool,
    config: Arc<EngineConfig>,
    /// What this process can do for a connection at once.
    gates: Gates,
    /// What a database is asked at once, by all nodes.
    databases: Gates,
    /// Executions that everybody may share.
    common: Flights<QueryRows, QueryError>,
    /// Executions that this one shares.
    flights: Flights<QueryRows, QueryError>,
    files: Arc<AtomicU64>,
}

impl Producer {
    /// A producer that works in `executors`.
    #[must_use]
    pub fn new(executors: ExecutorPool, config: Arc<EngineConfig>) -> Self {
        let (common, flights) = (kept_for(SHARED_FOR), kept_for(Duration::ZERO));
        Self { executors, config, gates: Gates::default(), databases: Gates::default(), common, flights, files: Arc::default() }
    }

    /// The same for one run: equal queries run once in it (Q8), and once for all schedules that are due at its instant when it shares with
    /// them. A run at an instant of its own has nobody to share with.
    #[must_use]
    pub fn for_run(&self, kind: RunKind) -> Self {
        let with_others = kind == RunKind::Scheduled && self.config.share_queries;
        let flights = if with_others { self.common.clone() } else { kept_for(Duration::MAX) };
        Self { flights, ..self.clone() }
    }

    /// Gives back the disk space of results that are no longer handed out; call it now and then.
    pub fn forget_old_results(&self) {
        self.common.forget_old();
    }

    pub(crate) fn databases(&self) -> &Gates {
        &self.databases
    }

    /// The child processes it works in.
    #[must_use]
    pub fn executors(&self) -> &ExecutorPool {
        &self.executors
    }

    /// Runs one query into a file of `work`, or takes the rows of an equal one. The query has its connection's time limit, whoever asked
    /// first; each who waits has what is `left` of its own time.
    ///
    /// # Errors
    /// The query's failure, in words for the owner.
    pub async fn query(
        &self,
        connection: &Connection,
        compiled: CompiledQuery,
        work: &WorkDir,
        fingerprint: bool,
        left: Duration,
    ) -> Result<QueryRows, QueryError> {
        let spec = ConnectionSpec::from(connection);
        let key = flight::key(&spec, &compiled, fingerprint);
        let (producer, connection, work) = (self.clone(), connection.clone(), work.clone());
        let span = trace::query(connection.name.as_str());
        let inside = span.clone();
        let rows = self.flights.share(key, move || {
            let source = spec.kind();
            let execution = inside.in_scope(|| trace::execute(source));
            async move { producer.execute(&connection, spec, source, compiled, work, fingerprint).await }.instrument(execution)
        });
        let rows = match tokio::time::timeout(left, rows).instrument(span.clone()).await {
            Ok(rows) => rows,
            Err(_) => Err(QueryError::new(QueryErrorKind::Timeout, "the time of the run was over before the query was")),
        };
        span.record("failed", rows.is_err());
        if let Ok(rows) = &rows {
            span.record("rows", rows.outcome.rows);
        }
        rows
    }

    async fn execute(
        &self,
        connection: &Connection,
        spec: ConnectionSpec,
        source: &'static str,
        compiled: CompiledQuery,
        work: WorkDir,
        fingerprint: bool,
    ) -> Result<QueryRows, QueryError> {
        let most = connection.max_concurrency.min(self.executors.most_of_one_connection(Crew::of(&spec)));
        let _pass = self.gates.pass(connection.name.as_str(), most).await;
        // Files are read by each node's own processors: more nodes read more of them at once.
        let name = connection.name.as_str();
        let _of_all_nodes = if spec.is_embedded() { None } else { Some(self.databases.pass(name, connection.max_concurrency).await) };
        let mut spec = reach::pinned(&self.config.connections, &SystemResolver, spec).await?;
        if let ConnectionSpec::Adbc(driver) = &mut spec {
            driver.folder.clone_from(&self.config.drivers);
        }
        let allowed = Duration::from_secs(connection.timeout_seconds);
        let limits = QueryLimits { timeout_ms: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX), ..self.config.query };
        // A name of its own: others may read the file of an equal query for longer than this run knows of it.
        let out = work.file(&format!("{}.arrow", self.files.fetch_add(1, Ordering::Relaxed)));
        let job = QueryJob { connection: spec, compiled, limits, out: out.clone(), fingerprint };
        // The source stops itself first, with a better message; the process is killed when it does not.
        let asked = std::time::Instant::now();
        let outcome = self.executors.query(job, allowed + Duration::from_secs(2)).await;
        figures::query(source, outcome.is_ok());
        figures::step(figures::Step::Query, asked.elapsed().try_into().unwrap_or(SignedDuration::MAX));
        let span = Span::current();
        span.record("failed", outcome.is_err());
        let outcome = outcome?;
        span.record("rows", outcome.rows).record("bytes", outcome.bytes);
        trace::steps(&outcome.steps);
        tracing::debug!(connection = %connection.name, rows = outcome.rows, ms = outcome.ms, steps = ?outcome.steps, "a query has ended");
        Ok(QueryRows { path: out, outcome, folder: Some(work) })
    }

    /// Asks the connection of `content` for the columns of one of its queries.
    ///
    /// # Errors
    /// The query's failure, with its line and column (both from 1) in the tile's SQL where the source knows the place.
    pub async fn describe(
        &self,
        content: &Content<'_>,
        query: &QueryTile,
        work: &WorkDir,
        left: Duration,
    ) -> Result<Vec<ColumnInfo>, (QueryError, Option<(usize, usize)>)> {
        let described = content.compile(query, 1).map_err(|error| (error, None))?.described();
        let dialect = described.dialect;
        let connection = content.connection().map_err(|error| (failed(&error), None))?;
        match self.query(connection, described, work, false, left).await {
            Ok(rows) => Ok(rows.outcome.columns),
            Err(error) => {
                let place = error.character.and_then(|at| CompiledQuery::undescribed(at, dialect)).and_then(|at| content.place(query, at));
                Err((error, place))
            }
        }
    }

    /// Runs the query of each tile of `content`, equal queries once (Q8). `known` is a result that is there already (A17).
    /// The first failure of which `stops_at` is true ends the others (S3), which then have no result.
    ///
    /// # Errors
    /// Only that there is no connection; a tile's failure is in the results.
    pub async fn tiles(
        &self,
        content: &Content<'_>,
        work: &WorkDir,
        known: Option<(&CompiledQuery, &QueryRows)>,
        stops_at: fn(&QueryError) -> bool,
        left: Duration,
    ) -> Result<TileResults, ContentError> {
        let connection = content.connection()?;
        let mut results = TileResults::new();
        let mut wanted: IndexMap<String, (CompiledQuery, Vec<TileKey>)> = IndexMap::new();
        for (tile, query) in content.query_tiles() {
            let limit =
                self.config.row_limit(query.limit, content.format, content.options.override_row_limit, content.options.max_row_limit);
            match content.compile(query, limit) {
                Err(error) => {
                    results.insert(tile.key.clone(), Err(error));
                }
                Ok(compiled) => match known.filter(|(known, _)| **known == compiled) {
                    Some((_, rows)) => {
                        results.insert(tile.key.clone(), Ok(rows.clone()));
                    }
                    None => wanted.entry(compiled.key()).or_insert_with(|| (compiled, Vec::new())).1.push(tile.key.clone()),
                },
            }
        }
        let mut running: FuturesUnordered<_> = wanted
            .into_values()
            .map(|(compiled, tiles)| async move {
                let rows = self.query(connection, compiled, work, false, left).await;
                (tiles, rows)
            })
            .collect();
        let stops = |result: &Result<_, QueryError>| result.as_ref().is_err_and(stops_at);
        let mut stopped = results.values().any(stops);
        while !stopped && let Some((tiles, rows)) = running.next().await {
            stopped = stops(&rows);
            results.extend(tiles.into_iter().map(|tile| (tile, rows.clone())));
        }
        // Dropping what still runs stops it.
        drop(running);
        for (key, result) in &mut results {
            if let (Err(error), Some(query)) = (&mut *result, content.dashboard.query(key)) {
                *error = content.placed(query, error.clone());
            }
        }
        let place = |key: &TileKey| content.dashboard.tiles.get_index_of(key);
        results.sort_by(|a, _, b, _| place(a).cmp(&place(b)));
        Ok(results)
    }

    /// Renders `report` into a file of `work`.
    ///
    /// # Errors
    /// The renderer refused, was stopped, or died.
    pub async fn render(&self, report: Report, request: RenderRequest<'_>, work: &WorkDir) -> Result<Made, ContentError> {
        let path = work.file(&format!("artifact.{}", request.format));
        let job = RenderJob {
            report,
            format: request.format,
            options: request.options.clone(),
            single_tile: request.single_tile,
            limits: RenderLimits {
                table_rows: self.config.table_rows,
                expanded_rows: self.config.expanded_rows,
                ..RenderLimits::default()
            },
            fonts: self.config.fonts.clone(),
            file_stem: request.file_stem.to_owned(),
            imprint: request.imprint,
        };
        let started = std::time::Instant::now();
        let rendered = async {
            let rendered = self.executors.render(job, path.clone(), self.config.render_deadline).await;
            let (span, made) = (Span::current(), rendered.as_ref().ok().and_then(|rendered| rendered.as_ref().ok()));
            span.record("failed", made.is_none());
            if let Some(made) = made {
                span.record("bytes", made.bytes).record("pages", made.pages);
            }
            rendered
        };
        let rendered = rendered.instrument(trace::render(request.format.as_str())).await;
        let took = started.elapsed();
        figures::step(figures::Step::Render, took.try_into().unwrap_or(SignedDuration::MAX));
        Ok(Made { path, rendered: rendered??, ms: took.as_millis() as u64 })
    }

    /// Draws the tiles of `report` for a browser.
    ///
    /// # Errors
    /// The renderer refused, was stopped, or died.
    pub async fn page(&self, report: Report) -> Result<Vec<pressrun_render::html::PageTiles>, ContentError> {
        Ok(self.executors.page(report, self.config.render_deadline).await??)
    }
}

/// What is made of a report.
#[derive(Debug, Clone)]
pub struct RenderRequest<'a> {
    /// pdf, png, csv, json or xlsx.
    pub format: Format,
    /// How.
    pub options: &'a OutputOptions,
    /// The schedule delivers one tile (V11, R7).
    pub single_tile: bool,
    /// File name without extension.
    pub file_stem: &'a str,
    /// Small text at the foot of each sheet.
    pub imprint: Option<String>,
}

fn failed(error: &dyn std::error::Error) -> QueryError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    QueryError::new(QueryErrorKind::Syntax, message)
}

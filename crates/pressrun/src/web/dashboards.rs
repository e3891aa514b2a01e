//! Dashboards for pages: as of now, with the rows of whoever looks, within bounds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use pressrun_domain::audience::{Identity, TIMEZONE_ATTRIBUTE};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::{DocumentIdentifier, MembershipId, RunId, TileKey};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, ContentError};
use pressrun_engine::flight::Flights;
use pressrun_engine::links::SharedError;
use pressrun_engine::pipeline::Context;
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::shared::{self, OpenError};
use pressrun_sql::{EffectiveFilters, QueryClock};
use pressrun_web::{DashboardError, DashboardPage, DashboardSource, DashboardView, FilterLine, LinkError, SharedView};
use sha2::{Digest, Sha256};

use super::lane::{Asker, Bounds, Lane, PAGE_TIME};
use crate::config::Limits;

/// How long a page of somebody who signed in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a page is shown again to whoever holds a link for the same audience.
const KEPT: Duration = Duration::from_secs(60);

/// Bytes of pages kept at once.
const MOST_KEPT: usize = 64 << 20;

type Pages = Flights<Arc<DashboardView>, DashboardError>;

/// Runs dashboards for pages.
///
/// Two lanes, so that a link that was passed on widely keeps nobody who signed in from their pages; both are narrow, because
/// scheduled runs come first. A page that is being made is made once for everybody who may see the same; one behind a link is shown again
/// for a minute. Whether a link is good is asked at each opening, before that.
pub(super) struct Dashboards {
    maker: Maker,
    members: Arc<Lane>,
    links: Arc<Lane>,
    under_way: Pages,
    kept: Pages,
}

impl Dashboards {
    pub(super) fn new(context: Context, limits: &Limits) -> Self {
        let pages = |keep| Flights::new(keep, MOST_KEPT, |view: &Arc<DashboardView>| weight(view));
        Self {
            maker: Maker { context },
            members: Arc::new(Lane::new(Bounds { made: limits.pages, waiting: limits.pages_waiting, patience: PATIENCE })),
            links: Arc::new(Lane::new(Bounds {
                made: limits.link_pages,
                waiting: limits.link_pages_waiting,
                patience: Duration::from_secs(limits.link_wait_seconds.into()),
            })),
            under_way: pages(Duration::ZERO),
            kept: pages(KEPT),
        }
    }

    /// The page of `shown`, made in `lane` on behalf of `asker` unless an equal one is at hand among `pages`.
    async fn page(&self, pages: &Pages, lane: &Arc<Lane>, asker: Asker, shown: Shown) -> Result<DashboardView, DashboardError> {
        let (maker, lane) = (self.maker.clone(), Arc::clone(lane));
        let key = shown.key();
        let view = pages.share(key, move || async move { lane.pass(asker, maker.view(&shown)).await.map(Arc::new) }).await?;
        Ok(DashboardView::clone(&view))
    }
}

/// Makes pages.
#[derive(Clone)]
struct Maker {
    context: Context,
}

impl Maker {
    /// Queries and draws `shown`.
    async fn view(&self, shown: &Shown) -> Result<DashboardView, DashboardError> {
        let catalog = &shown.catalog;
        let document = catalog.documents.get(&shown.identifier).ok_or(DashboardError::NotFound)?;
        let dashboard = document.dashboard.as_ref().ok_or(DashboardError::NotFound)?;
        let filters = EffectiveFilters::new(&dashboard.filters, &shown.filters);
        let now = self.context.clock.now();
        let content = Content {
            catalog,
            document,
            dashboard,
            tile: shown.tile.as_ref(),
            filters: filters.map_err(|error| DashboardError::Filters(error.to_string()))?,
            identity: &shown.identity,
            clock: QueryClock::new(now, shown.zone.clone()).fiscal(catalog.fiscal_start(dashboard)),
            format: Format::Pdf,
            options: &shown.options,
        };
        let failed = |error: ContentError| DashboardError::Failed(error.to_string());
        let work = self.context.spool.work_dir(&format!("page-{}", RunId::generate())).map_err(|error| failed(error.into()))?;
        metrics::counter!("pressrun_pages_made_total").increment(1);
        let results = self.context.producer.tiles(&content, &work, None, |_| false, PAGE_TIME).await.map_err(failed)?;
        for (tile, error) in results.iter().filter_map(|(tile, result)| Some((tile, result.as_ref().err()?))) {
            // The page does not quote it, and no run keeps it.
            if error.may_quote_data() {
                tracing::warn!(dashboard = %shown.identifier, %tile, %error, "a tile of a page failed at its data");
            }
        }
        let report = content.report(&results, None, Vec::new());
        let local = report.as_of.to_zoned_datetime(TimeZone::get(&shown.zone).unwrap_or(TimeZone::UTC));
        let filters =
            report.filters.iter().map(|line| FilterLine { key: line.key.clone(), label: line.label.clone(), value: line.value.clone() });
        let mut view = DashboardView {
            title: report.title.clone(),
            description: report.description.clone(),
            as_of_text: local.strftime("%-d %B %Y, %H:%M %Z").to_string(),
            zone: shown.zone.clone(),
            filters: filters.collect(),
            pages: Vec::new(),
            notes: report.notes.clone(),
        };
        let pages = self.context.producer.page(report).await.map_err(failed)?;
        let pages = serde_json::to_value(pages).and_then(serde_json::from_value::<Vec<DashboardPage>>);
        view.pages = pages.map_err(|error| DashboardError::Failed(error.to_string()))?;
        Ok(view)
    }
}

/// Bytes that a page holds, nearly.
fn weight(view: &DashboardView) -> usize {
    view.pages.iter().flat_map(|page| &page.tiles).map(|tile| tile.html.len() + tile.title.len() + 256).sum::<usize>() + 1024
}

/// What a page shows, and to whom: everything that decides its bytes besides the moment.
struct Shown {
    catalog: Arc<Catalog>,
    identifier: DocumentIdentifier,
    tile: Option<TileKey>,
    options: OutputOptions,
    filters: FilterConfig,
    identity: Identity,
    zone: String,
}

impl Shown {
    /// Equal for what cannot differ. Whoever has other attributes, and with them other rows, has another key (P1).
    fn key(&self) -> String {
        let Self { catalog, identifier, tile, options, filters, identity, zone } = self;
        let parts = (&catalog.version, identifier, tile, options, filters, identity, zone);
        // None of them fails to be written; what did would share with nobody.
        let json = serde_json::to_vec(&parts).unwrap_or_else(|_| RunId::generate().to_string().into_bytes());
        hex::encode(Sha256::digest(json))
    }
}

#[async_trait]
impl DashboardSource for Dashboards {
    async fn dashboard(
        &self,
        identifier: &DocumentIdentifier,
        filters: &FilterConfig,
        member: MembershipId,
    ) -> Result<DashboardView, DashboardError> {
        let catalog = self.maker.context.catalog.current();
        let document = catalog.documents.get(identifier).ok_or(DashboardError::NotFound)?;
        let dashboard = document.dashboard.as_ref().ok_or(DashboardError::NotFound)?;
        let viewer = catalog.member(member.0).ok_or(DashboardError::NotFound)?;
        let identity = member_identity(&catalog, viewer);
        // As Q6 has it for whoever the data is for: their own zone where that is enabled, else the dashboard's, else the connection's.
        let own = identity.values(TIMEZONE_ATTRIBUTE).first().filter(|_| catalog.organization.member_timezones).map(ToString::to_string);
        let connection_zone = || catalog.connections.get(&dashboard.connection).map(|connection| connection.timezone.clone());
        let zone = own.or_else(|| dashboard.timezone.clone()).or_else(connection_zone).unwrap_or_else(|| "UTC".to_owned());
        let shown = Shown {
            identifier: identifier.clone(),
            tile: None,
            options: OutputOptions::default(),
            filters: filters.clone(),
            identity,
            zone,
            catalog,
        };
        self.page(&self.under_way, &self.members, Asker { group: member.to_string(), reader: None }, shown).await
    }

    async fn shared(&self, token: &str, filters: &str) -> Result<SharedView, LinkError> {
        let context = &self.maker.context;
        let (catalog, now) = (context.catalog.current(), context.clock.now());
        let opened = shared::open(&context.links, context.store.as_ref(), &catalog, now, token, filters).await;
        let opened = opened.map_err(|error| match error {
            OpenError::Link(SharedError::Unknown) => LinkError::Unknown,
            OpenError::Link(SharedError::Expired) => LinkError::Expired,
            OpenError::Withdrawn => LinkError::Withdrawn,
            OpenError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a shared link could not be opened");
                LinkError::Dashboard(DashboardError::Failed("It could not be opened just now. Try again in a moment.".to_owned()))
            }
        })?;
        let definition = &opened.definition;
        let document = catalog.documents.get(&definition.identifier).ok_or(LinkError::Withdrawn)?;
        let dashboard = document.dashboard.as_ref().ok_or(LinkError::Withdrawn)?;
        let shown = Shown {
            identifier: definition.identifier.clone(),
            tile: definition.tile.clone(),
            options: opened.options(dashboard),
            filters: definition.filters.clone(),
            identity: opened.audience.identity.clone(),
            zone: opened.audience.zone.clone(),
            catalog: Arc::clone(&catalog),
        };
        let asker = Asker { group: opened.schedule.to_string(), reader: Some(opened.recipient.to_string()) };
        let page = self.page(&self.kept, &self.links, asker, shown);
        let mut view = page.await.map_err(LinkError::Dashboard)?;
        if !definition.options.show_filters {
            view.filters.clear();
        }
        Ok(SharedView { view, organization: catalog.organization.name.clone(), expires: opened.expires })
    }
}

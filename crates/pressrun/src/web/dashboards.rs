//! Dashboards for pages: as of now, with the rows of whoever looks, within bounds.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
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
use tokio::sync::Semaphore;

use crate::config::Limits;

/// Time a page has, queries and drawing together.
const PAGE_TIME: Duration = Duration::from_secs(60);

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
            members: Arc::new(Lane::new(limits.pages, limits.pages_waiting)),
            links: Arc::new(Lane::new(limits.link_pages, limits.link_pages_waiting)),
            under_way: pages(Duration::ZERO),
            kept: pages(KEPT),
        }
    }

    /// The page of `shown`, made in `lane` on behalf of `whom` unless an equal one is at hand among `pages`.
    async fn page(&self, pages: &Pages, lane: &Arc<Lane>, whom: String, shown: Shown) -> Result<DashboardView, DashboardError> {
        let (maker, lane) = (self.maker.clone(), Arc::clone(lane));
        let key = shown.key();
        let view = pages.share(key, move || async move { lane.pass(whom, maker.view(&shown)).await.map(Arc::new) }).await?;
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
        let results = self.context.producer.tiles(&content, &work, None, false, PAGE_TIME).await.map_err(failed)?;
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
        self.page(&self.under_way, &self.members, member.to_string(), shown).await
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
        let page = self.page(&self.kept, &self.links, opened.schedule.to_string(), shown);
        let mut view = page.await.map_err(LinkError::Dashboard)?;
        if !definition.options.show_filters {
            view.filters.clear();
        }
        Ok(SharedView { view, organization: catalog.organization.name.clone(), expires: opened.expires })
    }
}

/// So many pages are made at once, so many more may wait a little, and the rest are turned away at once. Whoever asks for many, one person
/// or the readers of one schedule, has half of the places at most.
struct Lane {
    made: Semaphore,
    places: usize,
    taken: Mutex<HashMap<String, usize>>,
}

impl Lane {
    fn new(made: usize, waiting: usize) -> Self {
        let made = made.max(1);
        Self { made: Semaphore::new(made), places: made + waiting, taken: Mutex::default() }
    }

    /// A place for `whom`, given back when dropped.
    fn place(&self, whom: String) -> Option<Place<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all: usize = taken.values().sum();
        let own = taken.get(&whom).copied().unwrap_or_default();
        if of_all >= self.places || own >= self.places.div_ceil(2) {
            return None;
        }
        taken.insert(whom.clone(), own + 1);
        Some(Place { lane: self, whom })
    }

    async fn pass<T>(&self, whom: String, work: impl Future<Output = Result<T, DashboardError>>) -> Result<T, DashboardError> {
        let _place = self.place(whom).ok_or(DashboardError::Busy)?;
        let turn = tokio::time::timeout(Duration::from_secs(20), self.made.acquire()).await;
        let _turn = turn.map_err(|_| DashboardError::Busy)?.map_err(|_| DashboardError::Busy)?;
        // Dropping the work kills the processes it runs in.
        tokio::time::timeout(PAGE_TIME, work).await.unwrap_or_else(|_| {
            let seconds = PAGE_TIME.as_secs();
            Err(DashboardError::Failed(format!("The dashboard took longer than {seconds} seconds and was stopped.")))
        })
    }
}

/// A place in a lane.
struct Place<'a> {
    lane: &'a Lane,
    whom: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.lane.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.whom) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whom);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_pages_than_may_wait_are_turned_away_at_once() {
        let lane = Arc::new(Lane::new(1, 1));
        let (start, started) = tokio::sync::oneshot::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let first = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move {
                let work = async {
                    let _ = start.send(());
                    let _ = ended.await;
                    Ok(1)
                };
                lane.pass("ann".to_owned(), work).await
            }
        });
        started.await.expect("the first page is being made");
        let second = lane.pass("bob".to_owned(), std::future::ready(Ok(2)));
        tokio::pin!(second);
        assert!(futures_poll(second.as_mut()).await.is_none(), "the second waits");
        assert_eq!(lane.pass("eve".to_owned(), std::future::ready(Ok(3))).await, Err(DashboardError::Busy), "the third does not");
        end.send(()).expect("the first page still waits");
        assert_eq!((second.await, first.await.expect("no panic")), (Ok(2), Ok(1)));
    }

    #[tokio::test]
    async fn h9_one_who_asks_for_many_has_half_of_the_places() {
        let lane = Lane::new(1, 5);
        let mut waiting: Vec<_> = (0..3).filter_map(|_| lane.place("eve".to_owned())).collect();
        assert_eq!(waiting.len(), 3);
        assert!(lane.place("eve".to_owned()).is_none(), "a fourth of six");
        waiting.extend(["ann", "bob", "cat"].map(|name| lane.place(name.to_owned()).expect("others find a place")));
        assert!(lane.place("dan".to_owned()).is_none(), "all are taken");
        waiting.clear();
        assert!(lane.taken.lock().expect("not poisoned").is_empty(), "nothing is kept of who is gone");
    }

    /// One look at a future, without waiting for it.
    async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}

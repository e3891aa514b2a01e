//! Dashboards for pages: as of now, with the rows of whoever looks, within bounds.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::audience::{Identity, TIMEZONE_ATTRIBUTE};
use pressrun_domain::catalog::{Catalog, Dashboard, Document};
use pressrun_domain::id::{DocumentIdentifier, MembershipId, RunId, TileKey};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, ContentError};
use pressrun_engine::links::SharedError;
use pressrun_engine::pipeline::Context;
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::shared::{self, OpenError};
use pressrun_query::{EffectiveFilters, QueryClock};
use pressrun_web::{DashboardError, DashboardPage, DashboardSource, DashboardView, FilterLine, LinkError, SharedView};
use tokio::sync::Semaphore;

/// Time a page has, queries and drawing together.
const PAGE_TIME: Duration = Duration::from_secs(60);

/// Runs dashboards for pages.
///
/// Two lanes, so that a link that was passed on widely keeps nobody who signed in from their pages; both are narrow, because
/// scheduled runs come first.
pub(super) struct Dashboards {
    context: Context,
    members: Lane,
    links: Lane,
}

impl Dashboards {
    pub(super) fn new(context: Context) -> Self {
        Self { context, members: Lane::new(2, 30), links: Lane::new(1, 15) }
    }

    /// Queries and draws `shown`.
    async fn view(&self, shown: Shown<'_>) -> Result<DashboardView, DashboardError> {
        let filters = EffectiveFilters::new(&shown.dashboard.filters, shown.filters);
        let content = Content {
            catalog: shown.catalog,
            document: shown.document,
            dashboard: shown.dashboard,
            tile: shown.tile,
            filters: filters.map_err(|error| DashboardError::Filters(error.to_string()))?,
            identity: shown.identity,
            clock: QueryClock::new(shown.now, shown.zone.to_owned()).fiscal(shown.catalog.fiscal_start(shown.dashboard)),
            format: Format::Pdf,
            options: &shown.options,
        };
        let failed = |error: ContentError| DashboardError::Failed(error.to_string());
        let work = self.context.spool.work_dir(&format!("page-{}", RunId::generate())).map_err(|error| failed(error.into()))?;
        let results = self.context.producer.tiles(&content, &work, None, false, PAGE_TIME).await.map_err(failed)?;
        let report = content.report(&results, None, Vec::new());
        let local = report.as_of.to_zoned_datetime(TimeZone::get(shown.zone).unwrap_or(TimeZone::UTC));
        let filters =
            report.filters.iter().map(|line| FilterLine { key: line.key.clone(), label: line.label.clone(), value: line.value.clone() });
        let mut view = DashboardView {
            title: report.title.clone(),
            description: report.description.clone(),
            as_of_text: local.strftime("%-d %B %Y, %H:%M %Z").to_string(),
            zone: shown.zone.to_owned(),
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

/// What a page shows, and to whom.
struct Shown<'a> {
    catalog: &'a Catalog,
    document: &'a Document,
    dashboard: &'a Dashboard,
    tile: Option<&'a TileKey>,
    options: OutputOptions,
    filters: &'a FilterConfig,
    identity: &'a Identity,
    zone: &'a str,
    now: Timestamp,
}

#[async_trait]
impl DashboardSource for Dashboards {
    async fn dashboard(
        &self,
        identifier: &DocumentIdentifier,
        filters: &FilterConfig,
        member: MembershipId,
    ) -> Result<DashboardView, DashboardError> {
        let catalog = self.context.catalog.current();
        let document = catalog.documents.get(identifier).ok_or(DashboardError::NotFound)?;
        let dashboard = document.dashboard.as_ref().ok_or(DashboardError::NotFound)?;
        let viewer = catalog.member(member.0).ok_or(DashboardError::NotFound)?;
        let identity = member_identity(&catalog, viewer);
        // As Q6 has it for whoever the data is for: their own zone where that is enabled, else the dashboard's, else the connection's.
        let own = identity.values(TIMEZONE_ATTRIBUTE).first().filter(|_| catalog.organization.member_timezones).map(ToString::to_string);
        let connection_zone = || catalog.connections.get(&dashboard.connection).map(|connection| connection.timezone.clone());
        let zone = own.or_else(|| dashboard.timezone.clone()).or_else(connection_zone).unwrap_or_else(|| "UTC".to_owned());
        let now = self.context.clock.now();
        let options = OutputOptions::default();
        let shown = Shown { catalog: &catalog, document, dashboard, tile: None, options, filters, identity: &identity, zone: &zone, now };
        self.members.pass(self.view(shown)).await
    }

    async fn shared(&self, token: &str, filters: &str) -> Result<SharedView, LinkError> {
        let context = &self.context;
        let (catalog, now) = (context.catalog.current(), context.clock.now());
        let opened = shared::open(&context.links, context.store.as_ref(), &catalog, now, token, filters).await;
        let opened = opened.map_err(|error| match error {
            OpenError::Link(SharedError::Unknown) => LinkError::Unknown,
            OpenError::Link(SharedError::Expired) => LinkError::Expired,
            OpenError::Withdrawn => LinkError::Withdrawn,
            OpenError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a shared link could not be opened");
                LinkError::Dashboard(DashboardError::Failed("The database did not answer. Try again in a moment.".to_owned()))
            }
        })?;
        let definition = &opened.definition;
        let document = catalog.documents.get(&definition.identifier).ok_or(LinkError::Withdrawn)?;
        let dashboard = document.dashboard.as_ref().ok_or(LinkError::Withdrawn)?;
        let shown = Shown {
            catalog: &catalog,
            document,
            dashboard,
            tile: definition.tile.as_ref(),
            options: opened.options(dashboard),
            filters: &definition.filters,
            identity: &opened.audience.identity,
            zone: &opened.audience.zone,
            now,
        };
        let mut view = self.links.pass(self.view(shown)).await.map_err(LinkError::Dashboard)?;
        if !definition.options.show_filters {
            view.filters.clear();
        }
        Ok(SharedView { view, organization: catalog.organization.name.clone(), expires: opened.expires })
    }
}

/// So many pages are made at once, so many more may wait a little, and the rest are turned away at once.
struct Lane {
    made: Semaphore,
    waiting: Semaphore,
}

impl Lane {
    fn new(made: usize, waiting: usize) -> Self {
        Self { made: Semaphore::new(made), waiting: Semaphore::new(made + waiting) }
    }

    async fn pass<T>(&self, work: impl Future<Output = Result<T, DashboardError>>) -> Result<T, DashboardError> {
        let _place = self.waiting.try_acquire().map_err(|_| DashboardError::Busy)?;
        let turn = tokio::time::timeout(Duration::from_secs(20), self.made.acquire()).await;
        let _turn = turn.map_err(|_| DashboardError::Busy)?.map_err(|_| DashboardError::Busy)?;
        // Dropping the work kills the processes it runs in.
        tokio::time::timeout(PAGE_TIME, work).await.unwrap_or_else(|_| {
            let seconds = PAGE_TIME.as_secs();
            Err(DashboardError::Failed(format!("The dashboard took longer than {seconds} seconds and was stopped.")))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
                lane.pass(work).await
            }
        });
        started.await.expect("the first page is being made");
        let second = lane.pass(std::future::ready(Ok(2)));
        tokio::pin!(second);
        assert!(futures_poll(second.as_mut()).await.is_none(), "the second waits");
        assert_eq!(lane.pass(std::future::ready(Ok(3))).await, Err(DashboardError::Busy), "the third does not");
        end.send(()).expect("the first page still waits");
        assert_eq!((second.await, first.await.expect("no panic")), (Ok(2), Ok(1)));
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

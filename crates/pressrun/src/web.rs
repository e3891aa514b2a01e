//! The pages, wired to the engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use jiff::tz::TimeZone;
use pressrun_domain::id::{DocumentIdentifier, MembershipId};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::secret::Secret;
use pressrun_engine::content::{Content, ContentError};
use pressrun_engine::pipeline::Context;
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_query::{EffectiveFilters, QueryClock};
use pressrun_web::{DashboardError, DashboardPage, DashboardSource, DashboardView, FilterLine, WebState};
use tokio::sync::Semaphore;

/// Dashboards made for pages at once; scheduled runs come first.
const PAGES_AT_ONCE: usize = 2;

/// Time all queries of one page have.
const PAGE_TIME: Duration = Duration::from_secs(60);

/// Pages under `public_url`.
pub(crate) fn router(context: &Context, public_url: &str, session_key: Secret) -> Router {
    let (catalog, spool, links) = (Arc::clone(&context.catalog), context.spool.clone(), context.links.clone());
    pressrun_web::router(WebState {
        store: Arc::clone(&context.store),
        catalog: Arc::new(move || catalog.current()),
        clock: Arc::clone(&context.clock),
        dashboards: Arc::new(Dashboards { context: context.clone(), permits: Semaphore::new(PAGES_AT_ONCE) }),
        artifacts: Arc::new(move |sha256| spool.find(sha256)),
        unsubscribe: Arc::new(move |schedule, recipient, signature| links.may_unsubscribe(schedule, recipient, signature)),
        session_key,
        public_url: public_url.to_owned(),
    })
}

/// Runs dashboards for pages, as the viewer and as of now.
struct Dashboards {
    context: Context,
    permits: Semaphore,
}

#[async_trait]
impl DashboardSource for Dashboards {
    async fn dashboard(
        &self,
        identifier: &DocumentIdentifier,
        filters: &FilterConfig,
        member: MembershipId,
    ) -> Result<DashboardView, DashboardError> {
        let permit = tokio::time::timeout(Duration::from_secs(10), self.permits.acquire()).await;
        let _permit = permit.map_err(|_| DashboardError::Busy)?.map_err(|_| DashboardError::Busy)?;
        let catalog = self.context.catalog.current();
        let document = catalog.documents.get(identifier).ok_or(DashboardError::NotFound)?;
        let dashboard = document.dashboard.as_ref().ok_or(DashboardError::NotFound)?;
        let viewer = catalog.member(member.0).ok_or(DashboardError::NotFound)?;
        let identity = member_identity(&catalog, viewer);
        let connection_zone = || catalog.connections.get(&dashboard.connection).map(|connection| connection.timezone.clone());
        let zone = dashboard.timezone.clone().or_else(connection_zone).unwrap_or_else(|| "UTC".to_owned());
        let options = OutputOptions::default();
        let content = Content {
            catalog: &catalog,
            document,
            dashboard,
            tile: None,
            filters: EffectiveFilters::new(&dashboard.filters, filters).map_err(|error| DashboardError::Filters(error.to_string()))?,
            identity: &identity,
            clock: QueryClock::new(self.context.clock.now(), zone.clone()),
            format: Format::Png,
            options: &options,
        };
        let failed = |error: ContentError| DashboardError::Failed(error.to_string());
        let name = format!("page-{}", pressrun_domain::id::RunId::generate());
        let work = self.context.spool.work_dir(&name).map_err(|error| failed(error.into()))?;
        let results = self.context.producer.tiles(&content, &work, None, false, PAGE_TIME).await.map_err(failed)?;
        let report = content.report(&results, None, Vec::new());
        let local = report.as_of.to_zoned_datetime(TimeZone::get(&zone).unwrap_or(TimeZone::UTC));
        let filters =
            report.filters.iter().map(|line| FilterLine { key: line.key.clone(), label: line.label.clone(), value: line.value.clone() });
        let mut view = DashboardView {
            title: report.title.clone(),
            description: report.description.clone(),
            as_of_text: local.strftime("%B %-d, %Y, %H:%M %Z").to_string(),
            zone,
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

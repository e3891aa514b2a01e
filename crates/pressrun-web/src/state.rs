//! What the pages are handed, and the plain types they show a dashboard from.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_api::{ApiState, Door};
use pressrun_domain::catalog::{Catalog, GridPosition};
use pressrun_domain::clock::Clock;
use pressrun_domain::id::{DocumentIdentifier, MembershipId, RecipientId, ScheduleId};
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::secret::Secret;
use pressrun_store::Store;
use serde::Deserialize;

use crate::session::SessionLimits;

/// The present catalog.
pub type CurrentCatalog = Arc<dyn Fn() -> Arc<Catalog> + Send + Sync>;

/// Whether a signature is the one of this recipient's unsubscribe link (RFC 8058, P12).
pub type UnsubscribeCheck = Arc<dyn Fn(ScheduleId, RecipientId, &str) -> bool + Send + Sync>;

/// Everything the pages need.
#[derive(Clone)]
pub struct WebState {
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// The present catalog.
    pub catalog: CurrentCatalog,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Runs a dashboard for a page.
    pub dashboards: Arc<dyn DashboardSource>,
    /// What is read, and what buttons do: the use cases behind the HTTP contract.
    pub api: ApiState,
    /// Checks unsubscribe links.
    pub unsubscribe: UnsubscribeCheck,
    /// Knows tokens, for signing in.
    pub door: Arc<Door>,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// Signs forms, and marks development keys.
    pub session_key: Secret,
    /// Where people reach this server; cookies are `Secure` when it is https.
    pub public_url: String,
}

impl WebState {
    /// Whether people reach this server by https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// Runs a dashboard for a page.
#[async_trait]
pub trait DashboardSource: Send + Sync {
    /// The dashboard `identifier` with `filters` over its defaults, with the rights and rows of `member`.
    ///
    /// Whether the member may view it was asked before.
    ///
    /// # Errors
    /// [`DashboardError`].
    async fn dashboard(
        &self,
        identifier: &DocumentIdentifier,
        filters: &FilterConfig,
        member: MembershipId,
    ) -> Result<DashboardView, DashboardError>;

    /// The dashboard of a link without a login: `token` is a part of its path, `filters` the JSON in its query, both as they came.
    ///
    /// # Errors
    /// [`LinkError`].
    async fn shared(&self, token: &str, filters: &str) -> Result<SharedView, LinkError>;
}

/// A dashboard behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedView {
    /// What is shown.
    pub view: DashboardView,
    /// Whose reports these are.
    pub organization: String,
    /// Until when the link is good.
    pub expires: Timestamp,
}

/// Why a link shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not ours, or was changed on the way.
    #[error("the link is not ours")]
    Unknown,
    /// Its time is over.
    #[error("the link has expired")]
    Expired,
    /// What it was made for is gone: the schedule, the place on its list, or the owner's access.
    #[error("what the link was made for is gone")]
    Withdrawn,
    /// The dashboard cannot be shown.
    #[error(transparent)]
    Dashboard(DashboardError),
}

/// Why a dashboard cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DashboardError {
    /// There is no such dashboard.
    #[error("there is no such dashboard")]
    NotFound,
    /// A filter is not understood (F6); the text says which and what would be right.
    #[error("{0}")]
    Filters(String),
    /// Too many are being made just now; the same request may succeed later.
    #[error("too many dashboards are being made at the moment; try again in a minute")]
    Busy,
    /// It could not be made; the text is for people.
    #[error("{0}")]
    Failed(String),
}

/// A dashboard, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DashboardView {
    /// Its name.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: Option<String>,
    /// The instant of its data, in words and in `zone`.
    pub as_of_text: String,
    /// Query zone (IANA).
    pub zone: String,
    /// Visible filters in dashboard order (F11: hidden ones are not among them).
    pub filters: Vec<FilterLine>,
    /// Pages in order.
    pub pages: Vec<DashboardPage>,
    /// What a reader must know about the whole.
    pub notes: Vec<String>,
}

/// One visible filter with the values in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FilterLine {
    /// Filter key.
    pub key: String,
    /// Name shown to people.
    pub label: String,
    /// Summary of its values; empty when it filters nothing.
    pub value: String,
}

/// One page of a dashboard; reads the JSON of the renderer's `PageTiles`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardPage {
    /// Its name when the dashboard has several.
    pub name: Option<String>,
    /// Tiles in dashboard order.
    pub tiles: Vec<DashboardTile>,
}

/// One tile; reads the JSON of the renderer's `TileHtml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardTile {
    /// Query map key.
    pub key: String,
    /// Title, as text.
    pub title: String,
    /// Smaller text under the title.
    pub subtitle: Option<String>,
    /// Where it stands on the 24-column grid.
    pub at: GridPosition,
    /// What it shows: inert HTML of our own renderer, inserted as it is.
    pub html: String,
}

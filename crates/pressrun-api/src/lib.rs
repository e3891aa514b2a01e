//! What a person causes: use cases and the HTTP contract.
//!
//! - `app`: the use cases (create, update, trigger, …) over the store and the catalog; they know no status code.
//! - `actions`, `reading`, `saving`: what pages let a person cause, read and save, for `pressrun-web`: the same use cases as behind the wire.
//! - `door`: whose token a request carries, and what becomes of tokens that open nothing.
//! - `http`: the wire. [`router`] holds the routes, `extract` the caller and bodies, `problem` is the only place that turns an
//!   error into a response, `v1` has one file a verb.
//!
//! To add an endpoint: a use case in `app`, a handler with its `#[utoipa::path]` in `http::v1`, and a line in `http::router`.
//! The OpenAPI document at `/openapi.json` is made from those annotations.

mod actions;
mod app;
mod door;
mod http;
mod limits;
mod peers;
pub mod people;
pub mod reading;
pub mod saving;
mod serve;
mod state;
mod token;
mod write_deadline;

pub use actions::{accept_offer, act, audit, catalog_faults, keys, lift_suppression, make_key, revoke_key, suppressions};
pub use app::audit::AuditPage;
pub use app::doers::{Doer, Doers, doer, latest as latest_agent};
pub use app::keys::NewKey;
pub use app::suppressions::SuppressionPage;
pub use door::{Door, NotAdmitted};
pub use http::{Noted, TrustedProxies, download, for_operators, health_router, origin, router, router_behind, traced};
pub use limits::Limits;
pub use serve::{ServerLimits, serve};
pub use state::{
    AllowAll, ApiConfig, ApiState, ArtifactSource, CameBack, CatalogFaults, CatalogProblem, CatalogSource, EngineSource, FaultyDocument,
    NoArtifacts, NoEngine, Seen, Sees, UrlPolicy,
};
pub use token::{hash as token_hash, mint, session_secret};

/// The OpenAPI 3.1 document of every endpoint, made from the handlers' own types.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::openapi()
}

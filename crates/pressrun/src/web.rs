//! The pages, wired to the engine.

use axum::Router;
use pressrun_domain::secret::Secret;
use pressrun_engine::pipeline::Context;

/// Pages under `public_url`.
pub(crate) fn router(_context: &Context, _public_url: &str, _session_key: Secret) -> Router {
    Router::new()
}

//! The wire: routes, extractors, problems, and a file for what belongs together.

mod docs;
mod download;
mod extract;
mod figures;
mod guard;
mod health;
mod limiter;
mod method;
mod openapi;
mod problem;
mod trace;
mod v1;
mod wire;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePath;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::door::Door;
use crate::state::ApiState;
use problem::Problem;

pub use download::download;
pub(crate) use limiter::Limiter;
pub(crate) use openapi::openapi;
pub(crate) use trace::Peer;
pub use trace::{Noted, TrustedProxies, origin, traced};

/// Every documented route, with its OpenAPI description.
fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(v1::schedules::create::create, v1::schedules::list::list))
        .routes(routes!(v1::schedules::get::get, v1::schedules::update::update, v1::schedules::commands::delete))
        .routes(routes!(v1::schedules::commands::trigger))
        .routes(routes!(v1::schedules::commands::pause))
        .routes(routes!(v1::schedules::commands::resume))
        .routes(routes!(v1::schedules::lists::add))
        .routes(routes!(v1::schedules::lists::remove))
        .routes(routes!(v1::schedules::recipients::recipients))
        .routes(routes!(v1::schedules::subscriptions::subscribe))
        .routes(routes!(v1::schedules::subscriptions::unsubscribe))
        .routes(routes!(v1::schedules::ownership::transfer))
        .routes(routes!(v1::schedules::ownership::get, v1::schedules::ownership::withdraw))
        .routes(routes!(v1::schedules::ownership::accept))
        .routes(routes!(v1::schedules::ownership::decline))
        .routes(routes!(v1::schedules::subscriptions::list))
        .routes(routes!(v1::schedules::subscriptions::confirm))
        .routes(routes!(v1::schedules::subscriptions::decline))
        .routes(routes!(v1::schedules::commands::withdraw_links))
        .routes(routes!(v1::schedules::runs::runs))
        .routes(routes!(v1::users::upsert::upsert, v1::users::list::list))
        .routes(routes!(v1::users::bulk::upsert_many, v1::users::delete::delete))
        .routes(routes!(v1::runs::get))
        .routes(routes!(v1::runs::cancel))
        .routes(routes!(v1::runs::resend))
        .routes(routes!(v1::runs::artifact))
        .routes(routes!(v1::catalog::dashboards))
        .routes(routes!(v1::catalog::filters))
        .routes(routes!(v1::catalog::documents))
        .routes(routes!(v1::catalog::user_attributes))
        .routes(routes!(v1::catalog_faults::faults))
        .routes(routes!(v1::directory::members))
        .routes(routes!(v1::directory::groups))
        .routes(routes!(v1::suppressions::list))
        .routes(routes!(v1::suppressions::lift))
        .routes(routes!(v1::suppressions::take_in))
        .routes(routes!(v1::keys::list, v1::keys::create))
        .routes(routes!(v1::keys::revoke))
        .routes(routes!(v1::audit::list))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(docs::document))
        .routes(routes!(docs::page))
}

/// The whole API as a service: `/api/v1`, `/healthz`, `/readyz`, `/openapi.json`, `/docs`.
///
/// It answers every path, unknown ones with 404 in the contract's shape. To put pages beside it, make it the fallback:
/// `pages.fallback_service(pressrun_api::router(state))`.
pub fn router(state: ApiState) -> Router {
    let door = Door::new(&state);
    router_behind(state, door)
}

/// The same behind a door that pages share, whose owner closes it at the end.
pub fn router_behind(state: ApiState, door: Arc<Door>) -> Router {
    let state = Arc::new(state);
    let guard = guard::Guard::new(Arc::clone(&state), door);
    let docs = Arc::new(docs::Docs::of(&state.config.public_url));
    let (routes, _) = routes().split_for_parts();
    let inner = routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(async || Problem::not_found())
        .with_state(state)
        .layer(Extension(docs))
        .layer(axum::middleware::from_fn_with_state(guard, guard::guard))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(axum::middleware::map_response(guard::security_headers));
    // Routes are matched before a router's own layers run; a trailing slash has to go before that (Q23).
    Router::new().fallback_service(NormalizePath::trim_trailing_slash(inner))
}

/// `/healthz` and `/readyz` alone, for a listener of operators and for processes that serve no API.
pub fn health_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", axum::routing::get(health::healthz))
        .route("/readyz", axum::routing::get(health::readyz))
        .layer(axum::middleware::map_response(guard::security_headers))
        .with_state(Arc::new(state))
}

/// The same routes for admins and organization keys alone, who bring their token as for the API.
pub fn for_operators(routes: Router, state: ApiState, door: Arc<Door>) -> Router {
    let guard = guard::Guard::new(Arc::new(state), door);
    routes
        .route_layer(axum::middleware::from_fn_with_state(guard, guard::operators))
        .layer(axum::middleware::map_response(guard::security_headers))
}

/// 400, not 405, and in two wordings (contract §1.7).
async fn wrong_method(request: Request) -> Problem {
    let parts: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["api", "v1", "schedules" | "runs", _, _, ..] => Problem::bad_request("Invalid method"),
        _ => Problem::bad_request("Invalid request method"),
    }
}

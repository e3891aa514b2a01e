//! Server-rendered pages: schedules, runs, dashboards, and the way off a mailing list.
//!
//! Every page is an askama template over a plain struct; there is no script, and nothing is loaded from elsewhere. Text is escaped
//! by the templates; the only HTML taken as it is are the tile fragments that our own renderer made (V12). Forms that change
//! something carry a token of their session.
//!
//! - `viewer`: who looks, and what that person may see; the session cookie is in `session`.
//! - `pages`: one file a page: parse, ask the use cases (`pressrun_api::reading`), present.
//! - `words`: instants, states and reasons in words; `place`: destinations without their secrets.
//! - `base`: the path that a reverse proxy puts the pages under.
//! - `secure`: headers of every answer, and where a form may come from.
//!
//! To add a page: a template, a struct that derives `Template`, a handler in `pages`, a line in [`router`].

mod base;
mod page;
mod pages;
mod place;
mod secure;
mod session;
mod state;
mod viewer;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::Response;
use axum::routing::{get, post};

pub use base::unusable_path;
pub use secure::front;
pub use session::SessionLimits;
pub use state::{
    CurrentCatalog, DashboardError, DashboardPage, DashboardSource, DashboardTile, DashboardView, FilterLine, LinkError, SharedView,
    UnsubscribeCheck, WebState,
};

/// Most bytes of a form.
const FORM_LIMIT: usize = 16 * 1024;

/// Every page, under the root. It has no fallback, so that it can be merged with the API's routes.
pub fn router(state: WebState) -> Router {
    use pages::{
        act, artifact, asked, assets, audit, bulk, catalog, dashboard, dashboards, form, history, mine, offer, overview, people, run,
        schedule, schedules, sessions, shared, sign_in, suppressions, tokens, unsubscribe,
    };
    let https = state.is_https();
    Router::new()
        .route("/", get(schedules::home))
        .route("/sign-in", get(sign_in::form).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/schedules", get(schedules::page))
        .route("/schedules/new", get(form::new).post(form::make).layer(DefaultBodyLimit::max(form::LIMIT)))
        .route("/schedules/bulk", post(bulk::act))
        .route("/schedules/{id}", get(schedule::page))
        .route("/schedules/{id}/edit", get(form::edit).post(form::change).layer(DefaultBodyLimit::max(form::LIMIT)))
        .route("/schedules/{id}/offer", get(offer::page))
        .route("/schedules/{id}/{verb}", post(act::schedule))
        .route("/schedules/{id}/requests/{request}/{answer}", post(act::answer))
        .route("/subscription-requests/{id}/{word}", get(asked::ask).post(asked::answer))
        .route("/runs/{id}", get(run::page))
        .route("/runs/{id}/stop", post(act::stop_run))
        .route("/runs/{id}/deliveries/{piece}/resend", post(act::resend))
        .route("/runs/{id}/artifacts/{sha256}", get(artifact::download))
        .route("/dashboards", get(dashboards::page))
        .route("/dashboards/{identifier}", get(dashboard::page))
        .route("/shared/{token}", get(shared::page))
        .route("/tokens", get(tokens::page).post(tokens::make))
        .route("/tokens/{id}/revoke", post(tokens::revoke))
        .route("/sessions", get(sessions::page))
        .route("/sessions/end-others", post(sessions::end_others))
        .route("/sessions/{id}/end", post(sessions::end))
        .route("/people", get(people::members))
        .route("/people/outside", get(people::outside))
        .route("/people/outside/{verb}", post(people::act).layer(DefaultBodyLimit::max(people::LIMIT)))
        .route("/overview", get(overview::page))
        .route("/history", get(history::page))
        .route("/audit", get(audit::page))
        .route("/suppressions", get(suppressions::page).post(suppressions::lift))
        .route("/catalog", get(catalog::page))
        .route("/unsubscribe/{schedule}/{recipient}/{signature}", get(unsubscribe::ask).post(unsubscribe::remove))
        .route("/mine/{schedule}/{recipient}/{signature}", get(mine::page).post(mine::leave))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/icon.svg", get(assets::icon))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(noted))
        .layer(from_fn(secure::in_time))
        .layer(map_response(move |response: Response| std::future::ready(secure::headers(response, https))))
        .with_state(Arc::new(state))
}

/// Notes for the log which page was asked for.
async fn noted(request: Request, next: Next) -> Response {
    pressrun_api::Noted::of(request.extensions()).route(request.extensions());
    next.run(request).await
}

//! The pages, wired to the engine and to the use cases.

mod dashboards;
mod lane;

use std::sync::Arc;

use axum::Router;
use pressrun_api::{ApiState, Door};
use pressrun_domain::secret::Secret;
use pressrun_engine::pipeline::Context;
use pressrun_web::WebState;

use crate::config::Settings;
use dashboards::Dashboards;

/// Pages under `public_url`.
pub(crate) fn router(
    context: &Context,
    api: ApiState,
    door: Arc<Door>,
    settings: &Settings,
    public_url: &str,
    session_key: Secret,
) -> Router {
    let (catalog, links) = (Arc::clone(&context.catalog), context.links.clone());
    pressrun_web::router(WebState {
        store: Arc::clone(&context.store),
        catalog: Arc::new(move || catalog.current()),
        clock: Arc::clone(&context.clock),
        dashboards: Arc::new(Dashboards::new(context.clone(), &settings.limits)),
        unsubscribe: Arc::new(move |schedule, recipient, signature| links.may_unsubscribe(schedule, recipient, signature)),
        door,
        api,
        sessions: settings.sessions.limits(),
        session_key,
        public_url: public_url.to_owned(),
    })
}

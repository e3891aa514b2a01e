//! The pages, wired to the engine and to the use cases.

mod dashboards;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use pressrun_api::ApiState;
use pressrun_domain::access::Actor;
use pressrun_domain::action::{Action, Refused};
use pressrun_domain::id::RunId;
use pressrun_domain::secret::Secret;
use pressrun_engine::pipeline::Context;
use pressrun_web::{ScheduleActions, WebState};

use crate::config::Settings;
use dashboards::Dashboards;

/// Pages under `public_url`.
pub(crate) fn router(context: &Context, api: ApiState, settings: &Settings, public_url: &str, session_key: Secret) -> Router {
    let (catalog, spool, links) = (Arc::clone(&context.catalog), context.spool.clone(), context.links.clone());
    pressrun_web::router(WebState {
        store: Arc::clone(&context.store),
        catalog: Arc::new(move || catalog.current()),
        clock: Arc::clone(&context.clock),
        dashboards: Arc::new(Dashboards::new(context.clone(), &settings.limits)),
        actions: Arc::new(Actions(api.clone())),
        artifacts: Arc::new(move |sha256| spool.find(sha256)),
        unsubscribe: Arc::new(move |schedule, recipient, signature| links.may_unsubscribe(schedule, recipient, signature)),
        door: pressrun_api::Door::new(&api),
        api: api.clone(),
        sessions: settings.sessions.limits(),
        session_key,
        public_url: public_url.to_owned(),
    })
}

/// What the buttons of the pages do: the same as the API.
struct Actions(ApiState);

#[async_trait]
impl ScheduleActions for Actions {
    async fn act(&self, actor: Actor, action: Action) -> Result<Option<RunId>, Refused> {
        pressrun_api::act(&self.0, actor, action).await
    }
}

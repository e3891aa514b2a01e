//! Whether the process lives, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process can work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok`, or `unavailable` when something that is needed does not answer.
    #[schema(example = "ok")]
    status: &'static str,
    /// Each thing that is needed.
    checks: Checks,
}

/// The things that are needed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// The database.
    store: Check,
    /// The catalog. A refused edit is told here, but the last good state serves on.
    catalog: Check,
}

/// One thing that is needed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `ok`, `stale` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What is wrong.
    error: Option<String>,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth", tag = "Service", security(()), responses((status = 200, description = "The process lives.", body = Health, example = json!({"status": "ok"}))))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Says whether the server can work: its database answers, and its catalog is up to date.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "Service", security(()), responses(
    (status = 200, description = "Ready.", body = Readiness, example = json!({"status": "ok", "checks": {"store": {"status": "ok", "error": null}, "catalog": {"status": "ok", "error": null}}})),
    (status = 503, description = "The database does not answer.", body = Readiness, example = json!({"status": "unavailable", "checks": {"store": {"status": "unavailable", "error": "the database does not answer"}, "catalog": {"status": "ok", "error": null}}})),
))]
pub(crate) async fn readyz(State(state): State<Arc<ApiState>>) -> (StatusCode, Json<Readiness>) {
    let store = match state.store.next_due().await {
        Ok(_) => Check { status: "ok", error: None },
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Check { status: "unavailable", error: Some("the database does not answer".to_owned()) }
        }
    };
    // What exactly is wrong may quote a file that holds secrets, and nobody has to sign in here.
    let catalog = if state.catalog.is_stale() {
        Check { status: "stale", error: Some("the last edit of the catalog was refused; the log says why".to_owned()) }
    } else {
        Check { status: "ok", error: None }
    };
    let ready = store.error.is_none();
    let (code, status) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(Readiness { status, checks: Checks { store, catalog } }))
}

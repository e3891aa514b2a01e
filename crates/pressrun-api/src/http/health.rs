//! Whether the process lives, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::{ApiState, CatalogFaults};

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
    /// The tasks that plan, claim and tell: `unavailable` when one has made no pass for half a minute, or none that went through.
    tasks: Check,
}

/// One thing that is needed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `ok`, `unavailable`, or of the catalog `stale` (what it said before serves on) or `faulty` (some schedules wait).
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

/// Says whether the server can work: its database answers, its catalog is up to date, and its tasks make their passes.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "Service", security(()), responses(
    (status = 200, description = "Ready.", body = Readiness, example = json!({"status": "ok", "checks": {"store": {"status": "ok", "error": null}, "catalog": {"status": "ok", "error": null}, "tasks": {"status": "ok", "error": null}}})),
    (status = 503, description = "The database does not answer, or a task is stuck or fails.", body = Readiness, example = json!({"status": "unavailable", "checks": {"store": {"status": "unavailable", "error": "the database does not answer"}, "catalog": {"status": "ok", "error": null}, "tasks": {"status": "ok", "error": null}}})),
))]
pub(crate) async fn readyz(State(state): State<Arc<ApiState>>) -> (StatusCode, Json<Readiness>) {
    let store = match state.store.next_due().await {
        Ok(_) => Check { status: "ok", error: None },
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Check { status: "unavailable", error: Some("the database does not answer".to_owned()) }
        }
    };
    let catalog = catalog(&state.catalog.faults());
    let tasks = tasks(&state.engine.late_tasks());
    let ready = store.error.is_none() && tasks.error.is_none();
    let (code, status) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(Readiness { status, checks: Checks { store, catalog, tasks } }))
}

fn tasks(late: &[&'static str]) -> Check {
    if late.is_empty() {
        return Check { status: "ok", error: None };
    }
    tracing::warn!(?late, "not ready: tasks have made no pass that went through for half a minute");
    Check { status: "unavailable", error: Some(format!("no pass went through for half a minute: {}", late.join(", "))) }
}

/// What exactly is wrong may quote a file that holds secrets, and nobody has to sign in here: how much is told, and where more is.
fn catalog(faults: &CatalogFaults) -> Check {
    if faults.problems.is_empty() {
        return Check { status: "ok", error: None };
    }
    let waiting = faults.documents.iter().filter(|document| !document.kept).count();
    let kept = faults.documents.len() - waiting;
    let told = if kept + waiting == 0 {
        "what was changed last in the catalog is not in force here".to_owned()
    } else {
        format!("dashboard files with a fault: {kept} that stay as they were before, {waiting} whose schedules wait")
    };
    let status = if waiting == 0 { "stale" } else { "faulty" };
    Check { status, error: Some(format!("{told}; the log and the page `/catalog` say what is wrong")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h14_a_task_that_makes_no_pass_is_named_and_makes_the_server_unready() {
        assert_eq!(tasks(&[]).error, None);
        let stuck = tasks(&["planner", "claimer"]);
        assert_eq!(
            (stuck.status, stuck.error.as_deref()),
            ("unavailable", Some("no pass went through for half a minute: planner, claimer"))
        );
    }
}

//! The audit: who changed what, when and from where; admins and organization keys only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::audit::{Agent, Entry};
use pressrun_domain::catalog::Catalog;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::audit;
use crate::app::list::Parameters;
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use crate::http::wire::stamp;
use crate::state::ApiState;

/// One entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditRow {
    /// Its place; later entries have larger ones.
    id: String,
    at: String,
    actor: AuditActor,
    /// What was done, such as `schedule.updated`.
    #[schema(example = "schedule.updated")]
    action: &'static str,
    object: AuditObject,
    /// Field → `{before, after}`, or `changed` for what is secret.
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    changes: serde_json::Map<String, serde_json::Value>,
    /// Address that it came from.
    source_address: Option<String>,
    /// Id of the request, of our making, as in the answer's `X-Request-Id` and the access log.
    request_id: Option<String>,
    /// More than 1 for refused tokens, which are counted together, and when one call made more than fifty users.
    count: u32,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditActor {
    /// `organization` or `personal` (a key of that kind), `recipient` (the link of a mail), `commandLine`, `system` or `unknown`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Membership behind the key.
    user_id: Option<uuid::Uuid>,
    /// Name of that member, as long as there is one.
    name: Option<String>,
    /// The key; null for a development key.
    key_id: Option<uuid::Uuid>,
    /// The browser's session.
    session_id: Option<uuid::Uuid>,
    /// Whose link it was.
    email: Option<String>,
}

/// What it was done to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditObject {
    /// `schedule`, `run`, `user`, `key`, `session` or `secrets`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its id, unless it has none.
    id: Option<String>,
    /// Its name at that time.
    name: Option<String>,
}

/// Where a page of the audit stands; entries are not counted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditPageInfo {
    has_next_page: bool,
    /// What to send as `cursor` to get the next page.
    next_cursor: Option<String>,
    page_size: u32,
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditRows {
    page_info: AuditPageInfo,
    records: Vec<AuditRow>,
}

impl AuditRow {
    fn new(entry: Entry, catalog: &Catalog) -> Self {
        let agent = &entry.change.agent;
        let member = agent.member();
        let (key, session) = match agent {
            Agent::Key { key, session, .. } => (*key, *session),
            Agent::Recipient(_) | Agent::CommandLine | Agent::System | Agent::Unknown => (None, None),
        };
        let actor = AuditActor {
            kind: agent.as_str(),
            user_id: member.map(|id| id.0),
            name: member.and_then(|id| catalog.member(id.0)).map(|member| member.name.clone()),
            key_id: key.map(|id| id.0),
            session_id: session.map(|id| id.0),
            email: if let Agent::Recipient(email) = agent { Some(email.to_string()) } else { None },
        };
        let filled = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: entry.seq.to_string(),
            at: stamp(entry.change.at),
            actor,
            action: entry.change.verb.as_str(),
            object: AuditObject { kind: entry.object.kind.as_str(), id: filled(entry.object.id), name: filled(entry.object.name) },
            changes: entry.details,
            source_address: entry.change.origin.source.map(|source| source.to_string()),
            request_id: entry.change.origin.request.map(|id| id.to_string()),
            count: entry.count,
        }
    }
}

/// Lists who changed what, newest first; every parameter narrows.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "Audit",
    params(
        ("actor" = Option<String>, Query, description = "Membership id, or organization, personal, recipient, commandLine, system, unknown."),
        ("action" = Option<String>, Query, description = "Such as schedule.updated."),
        ("objectType" = Option<String>, Query, description = "schedule, run, user, key, session, secrets or address."),
        ("objectId" = Option<String>, Query, description = "Id of the object; needs objectType."),
        ("from" = Option<String>, Query, description = "From this instant on (RFC 3339)."),
        ("to" = Option<String>, Query, description = "Before this instant (RFC 3339)."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = AuditRows, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20},
        "records": [{"id": "17", "at": "2025-07-23T21:43:39.000Z",
            "actor": {"type": "personal", "userId": "9e8719d9-276a-4964-9395-a493189a247c", "name": "Blob Ross",
                "keyId": "0192f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b", "sessionId": null, "email": null},
            "action": "schedule.updated", "object": {"type": "schedule", "id": "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", "name": "Blob Sales"},
            "changes": {"cron": {"before": "0 9 ? * * *", "after": "0 10 ? * * *"}},
            "sourceAddress": "192.0.2.7", "requestId": "01983c5a1b2c7d3e8f90a1b2c3d4e5f6", "count": 1}]
    }))))]
pub(crate) async fn list(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<AuditRows>, Problem> {
    let page = audit::list(&state, &actor, &parameters).await?;
    let catalog = state.catalog.current();
    let page_info =
        AuditPageInfo { has_next_page: page.next.is_some(), next_cursor: page.next.map(|seq| seq.to_string()), page_size: page.page_size };
    Ok(Json(AuditRows { page_info, records: page.entries.into_iter().map(|entry| AuditRow::new(entry, &catalog)).collect() }))
}

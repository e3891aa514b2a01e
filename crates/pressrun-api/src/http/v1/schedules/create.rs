use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::id::OrganizationId;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::ScheduleBody;
use crate::app::list::Parameters;
use crate::app::schedules;
use crate::http::extract::{Caller, JsonBody};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// What was created.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedSchedule {
    /// Id of the schedule; of the one run for `testNow`, which saves none.
    id: uuid::Uuid,
    /// Always the same sentence.
    #[schema(example = "Successfully created schedule")]
    message: &'static str,
    /// What of the body does nothing, and what to know; left out when there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
    /// s3: the role that assumes yours.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliverer_role_arn: Option<String>,
    /// s3: the external id that your role's trust policy has to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    external_id: Option<OrganizationId>,
}

/// Creates a schedule, or, with `testNow`, delivers once and saves nothing.
#[utoipa::path(post, path = "/api/v1/schedules", operation_id = "createSchedule", tag = "Schedules", request_body = ScheduleBody,
    params(("userId" = Option<uuid::Uuid>, Query, description = "Membership that will own the schedule; organization keys only.")),
    responses((status = 200, description = "Created.", body = CreatedSchedule, example = json!({"id": "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", "message": "Successfully created schedule"}))))]
pub(crate) async fn create(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
    body: JsonBody,
) -> Result<Json<CreatedSchedule>, Problem> {
    let user_id = parameters.get("userId");
    // The owner is a matter of the query, which is looked at before the body.
    crate::app::access::acting_for(&actor, &state.catalog.current(), user_id)?;
    let created = schedules::create(&state, &actor, user_id, &body.object()?).await?;
    Ok(Json(CreatedSchedule {
        id: created.id,
        message: "Successfully created schedule",
        warnings: created.warnings,
        deliverer_role_arn: created.external_id.map(|_| state.config.deliverer_role_arn.clone().unwrap_or_default()),
        external_id: created.external_id,
    }))
}

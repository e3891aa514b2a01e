use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::BAD_REQUEST;
use crate::app::list::Parameters;
use crate::app::runs;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::v1::run_view::RunSummary;
use crate::http::wire::PageOf;
use crate::state::ApiState;

/// Lists the runs of a schedule, newest occurrence first, with those that were skipped.
#[utoipa::path(get, path = "/api/v1/schedules/{scheduleId}/runs", operation_id = "listRuns", tag = "Runs",
    params(
        ("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule."),
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<RunSummary>, example = json!({"pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 0}, "records": []}))))]
pub(crate) async fn runs(
    Caller(actor): Caller,
    segments: Segments,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<RunSummary>>, Problem> {
    let id = segments.id("scheduleId", BAD_REQUEST)?;
    let listed = runs::list(&state, &actor, id, &parameters).await?;
    Ok(Json(PageOf::of(listed, |run| RunSummary::from(&run))))
}

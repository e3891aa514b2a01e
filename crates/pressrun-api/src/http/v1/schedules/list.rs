use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::destination::SlackRecipientType;
use pressrun_store::ListRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::app::list::{self, Parameters};
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use crate::http::wire::{PageOf, stamp, words};
use crate::state::ApiState;

/// One row of the list (contract §5.2.2).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleRow {
    id: uuid::Uuid,
    /// Cron expression exactly as given.
    schedule: String,
    /// When it was paused.
    disabled_at: Option<String>,
    name: String,
    timezone: String,
    /// The document.
    identifier: String,
    dashboard_name: String,
    owner_name: String,
    /// When the last run ended.
    last_completed_at: Option<String>,
    /// How the last run ended: COMPLETE, ERROR, ERROR_DELIVERED, KILLED or CONDITION_UNMET; null when it never ran. Of an alert that judged
    /// rows which are not the caller's to see, COMPLETE stands for CONDITION_UNMET as well.
    last_status: Option<&'static str>,
    destination_type: String,
    /// Single recipients of mail; -1 for other destinations.
    recipient_count: i64,
    /// `dashboard` or `single tile`.
    content: &'static str,
    slack_recipient_type: Option<&'static str>,
    /// When Pressrun switched it off.
    system_disabled_at: Option<String>,
    /// Why Pressrun switched it off: missingQuery, noAccess or orphanedFilterConfigKeys.
    system_disabled_reason: Option<&'static str>,
    /// The condition of an alert; null for plain schedules.
    alert: Option<AlertView>,
    /// Membership of the owner.
    owner_id: uuid::Uuid,
    /// Null only beside `unreadable`.
    format: Option<&'static str>,
    /// Why the stored schedule cannot be read, and so neither run nor shown: it is damaged, or of a newer version. Left out of all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// The condition of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertView {
    /// Title of the watched query.
    condition_query_name: Option<String>,
    /// What has to hold.
    #[schema(example = "RESULTS_PRESENT")]
    condition_type: &'static str,
}

impl From<ListRow> for ScheduleRow {
    fn from(row: ListRow) -> Self {
        let definition = row.definition.as_ref().ok();
        let condition = definition.and_then(|definition| definition.condition.as_ref());
        let alert = condition.map(|condition| AlertView {
            condition_query_name: row.names.condition_query.clone(),
            condition_type: condition.kind.as_str(),
        });
        Self {
            id: row.id.0,
            schedule: row.cron().to_owned(),
            disabled_at: row.disabled_at.map(stamp),
            name: row.name().to_owned(),
            timezone: row.timezone().to_owned(),
            slack_recipient_type: row.slack_recipient_type().map(SlackRecipientType::as_str),
            last_completed_at: row.last_run.map(|run| stamp(run.completed_at)),
            last_status: row.last_run.map(|run| run.status.as_str()),
            recipient_count: row.recipient_count,
            content: if row.single_tile { "single tile" } else { "dashboard" },
            system_disabled_at: row.system_disabled.map(|disabled| stamp(disabled.at)),
            system_disabled_reason: row.system_disabled.map(|disabled| disabled.reason.as_str()),
            alert,
            owner_id: row.owner.0,
            format: definition.map(|definition| definition.format.as_str()),
            unreadable: row.definition.as_ref().err().map(|unreadable| unreadable.reason.clone()),
            identifier: row.identifier.0,
            dashboard_name: row.names.dashboard,
            owner_name: row.names.owner,
            destination_type: row.destination,
        }
    }
}

words! {
    /// How the last run ended.
    StatusWord { Success = "success", Error = "error", Canceled = "canceled", None = "none" }
    /// Where schedules deliver to.
    DestinationFilterWord { Email = "email", Slack = "slack", Webhook = "webhook", Sftp = "sftp", S3 = "s3", GoogleSheets = "google_sheets" }
    /// With a condition or without.
    ScheduleTypeWord { Alert = "alert", Schedule = "schedule" }
    /// The whole dashboard or one tile.
    ContentTypeWord { Dashboard = "dashboard", SingleTile = "single tile" }
    /// What the list is sorted by.
    SortFieldWord { ScheduleName = "scheduleName", DashboardName = "dashboardName", OwnerName = "ownerName", LastRun = "lastRun", LastRunStatus = "lastRunStatus" }
    /// Downwards or upwards.
    SortDirectionWord { Descending = "desc", Ascending = "asc" }
}

/// The schemas of the words above.
pub(crate) fn parameter_schemas() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    fn named<T: ToSchema>() -> (String, RefOr<Schema>) {
        (T::name().into_owned(), T::schema())
    }
    [
        named::<StatusWord>(),
        named::<DestinationFilterWord>(),
        named::<ScheduleTypeWord>(),
        named::<ContentTypeWord>(),
        named::<SortFieldWord>(),
        named::<SortDirectionWord>(),
    ]
    .into_iter()
}

/// Lists the schedules that the caller may see.
#[utoipa::path(get, path = "/api/v1/schedules", operation_id = "listSchedules", tag = "Schedules",
    params(
        ("q" = Option<String>, Query, description = "Substring of schedule, dashboard or owner name, in any case."),
        ("status" = Option<StatusWord>, Query, description = "How the last run ended: success, error, canceled or none."),
        ("destination" = Option<DestinationFilterWord>, Query, description = "email, slack, webhook, sftp, s3 or google_sheets."),
        ("scheduleType" = Option<ScheduleTypeWord>, Query, description = "alert or schedule."),
        ("contentType" = Option<ContentTypeWord>, Query, description = "dashboard or single tile."),
        ("ownerId" = Option<uuid::Uuid>, Query, description = "Membership of the owner."),
        ("identifier" = Option<String>, Query, description = "Exact document."),
        ("embedEntity" = Option<String>, Query, description = "Accepted; matches nothing."),
        ("sortField" = Option<SortFieldWord>, Query, description = "scheduleName (default), dashboardName, ownerName, lastRun or lastRunStatus."),
        ("sortDirection" = Option<SortDirectionWord>, Query, description = "desc (default) or asc."),
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<ScheduleRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{
            "id": "60d386ca-6f48-4143-9bfc-fd7a6f942c2c", "schedule": "00 09 ? * 2,3,4,5,6 *", "disabledAt": "2024-03-01T15:32:20.996Z",
            "name": "Web Traffic Analysis", "timezone": "America/Los_Angeles", "identifier": "1169b547",
            "dashboardName": "Web Traffic Analysis", "ownerName": "Blob Ross", "lastCompletedAt": "2024-02-29T17:00:56.107Z",
            "lastStatus": "COMPLETE", "destinationType": "email", "recipientCount": 5, "content": "dashboard",
            "slackRecipientType": null, "systemDisabledAt": null, "systemDisabledReason": null, "alert": null,
            "ownerId": "9e8719d9-276a-4964-9395-a493189a247c", "format": "pdf"
        }]
    }))))]
pub(crate) async fn list(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<ScheduleRow>>, Problem> {
    let listed = list::list(&state, &actor, &parameters).await?;
    Ok(Json(PageOf::of(listed, ScheduleRow::from)))
}

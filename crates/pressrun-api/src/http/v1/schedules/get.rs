use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use pressrun_domain::access::Actor;
use pressrun_domain::access::shown::ShownSchedule;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::{Destination, Person, Recipient};
use pressrun_domain::key::KeyKind;
use pressrun_domain::schedule::{Definition, FilterConfig};
use pressrun_domain::sftp_quirks::TemporaryName;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::BAD_REQUEST;
use super::update::etag;
use crate::app::access;
use crate::app::list::Parameters;
use crate::app::recipients::person_id;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::stamp;
use crate::state::ApiState;

/// A schedule in full (contract §5.8).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleView {
    id: uuid::Uuid,
    name: String,
    organization_id: uuid::Uuid,
    /// The document.
    entity_id: String,
    /// The document, under its other name.
    identifier: String,
    /// Membership of the owner.
    owner_id: uuid::Uuid,
    owner: OwnerView,
    /// Cron expression exactly as given.
    schedule: String,
    timezone: String,
    fan_out: bool,
    kill_jobs_on_failure: bool,
    /// `HH:MM` in the schedule's zone from which on an occurrence is worth nothing any more; null is as the operator says.
    worthless_after: Option<String>,
    condition_type: Option<&'static str>,
    condition_query_map_key: Option<String>,
    /// The one tile that is delivered.
    query_identifier_map_key: Option<String>,
    /// When it was paused.
    disabled_at: Option<String>,
    /// When Pressrun switched it off.
    system_disabled_at: Option<String>,
    /// Why Pressrun switched it off.
    system_disabled_reason: Option<&'static str>,
    created_at: String,
    updated_at: String,
    /// The next occurrence.
    next_run_at: Option<String>,
    /// What is in force: the dashboard's defaults under the overrides.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    filter_config: Map<String, Value>,
    /// The overrides as they were sent.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    filter_overrides: Map<String, Value>,
    /// Output options and `timezoneOverride`.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    metadata: Value,
    /// Always one.
    destinations: Vec<DestinationView>,
}

/// Who owns it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerView {
    name: String,
}

/// Where it goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationView {
    id: uuid::Uuid,
    format: &'static str,
    last_status: Option<&'static str>,
    last_completed_at: Option<String>,
    /// Kind and settings, without secrets.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    metadata: Value,
    recipients: Vec<MembershipView>,
    user_group_recipients: Vec<UserGroupView>,
}

/// A recipient.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembershipView {
    id: uuid::Uuid,
    membership_id: uuid::Uuid,
    membership: UserOf,
}

/// The person behind a membership.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserOf {
    user: UserView,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserView {
    email: String,
    name: Option<String>,
}

/// A group that receives.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserGroupView {
    id: uuid::Uuid,
    name: String,
}

fn recipient(place: &Recipient, catalog: &Catalog) -> MembershipView {
    let name = match place.person {
        Person::Member(id) => catalog.members.by_id(id).map(|member| member.name.clone()),
        Person::EmailOnly(_) => None,
    };
    MembershipView {
        id: place.id.0,
        membership_id: person_id(place),
        membership: UserOf { user: UserView { email: place.email.to_string(), name } },
    }
}

fn addresses(places: &[Recipient]) -> Vec<&str> {
    places.iter().map(|place| place.email.as_str()).collect()
}

/// The settings of a destination, without secrets.
fn settings(destination: &Destination) -> Value {
    match destination {
        Destination::Email(email) => json!({
            "type": "email", "subject": email.subject, "textBody": email.text_body, "replyTo": email.reply_to, "cc": addresses(&email.cc),
            "bcc": addresses(&email.bcc), "skipRecipientsWithoutValues": email.skip_without_values
        }),
        Destination::Sftp(sftp) => json!({
            "type": "sftp", "address": sftp.address, "port": sftp.port, "username": shown(&sftp.username), "path": sftp.path,
            "hostKey": sftp.host_key, "uploadMode": sftp.quirks.upload_mode.as_str(),
            "temporaryName": sftp.quirks.temporary_name.as_ref().map(TemporaryName::as_str),
            "legacyAlgorithms": sftp.quirks.legacy_algorithms
        }),
        Destination::Webhook(webhook) => json!({
            "type": "webhook", "url": webhook.shown(), "signed": !webhook.secrets.is_empty(),
            "hasLogin": webhook.address().is_ok_and(|url| url.has_login())
        }),
        Destination::Slack(slack) => json!({
            "type": "slack", "slackRecipientType": slack.recipient_type.as_str(), "recipients": slack.recipients, "textBody": slack.text_body
        }),
        Destination::S3(s3) => json!({
            "type": "s3", "bucketName": s3.bucket_name, "region": s3.region, "roleArn": shown(&s3.role_arn), "keyPrefix": s3.key_prefix, "filename": s3.filename
        }),
    }
}

/// What was left out for this reader is `null`.
fn shown(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn json_of(filters: &FilterConfig) -> Map<String, Value> {
    filters.iter().map(|(key, value)| (key.0.clone(), value.clone())).collect()
}

/// Output options as stored, and the zone of the queries.
fn metadata(definition: &Definition) -> Value {
    let mut options = serde_json::to_value(&definition.options).unwrap_or_else(|_| json!({}));
    if let Value::Object(map) = &mut options {
        map.insert("timezoneOverride".to_owned(), json!(definition.timezone_override));
    }
    options
}

pub(crate) fn view(shown: &ShownSchedule, catalog: &Catalog) -> ScheduleView {
    let schedule = &shown.schedule;
    let definition = &schedule.definition;
    let email = definition.destination.email();
    let destination = DestinationView {
        // The destination has no life of its own; its id is the schedule's.
        id: schedule.id.0,
        format: definition.format.as_str(),
        last_status: schedule.last_run.map(|run| run.status.as_str()),
        last_completed_at: schedule.last_run.map(|run| stamp(run.completed_at)),
        metadata: settings(&definition.destination),
        recipients: email.iter().flat_map(|email| &email.recipients).map(|place| recipient(place, catalog)).collect(),
        user_group_recipients: email
            .iter()
            .flat_map(|email| &email.groups)
            .map(|id| UserGroupView { id: id.0, name: catalog.group(*id).map_or_else(|| id.to_string(), |group| group.name.clone()) })
            .collect(),
    };
    ScheduleView {
        id: schedule.id.0,
        name: definition.name.clone(),
        organization_id: catalog.organization.id.0,
        entity_id: definition.identifier.0.clone(),
        identifier: definition.identifier.0.clone(),
        owner_id: definition.owner.0,
        owner: OwnerView {
            name: catalog.member(definition.owner.0).map_or_else(|| definition.owner.to_string(), |member| member.name.clone()),
        },
        schedule: definition.cron.clone(),
        timezone: definition.timezone.clone(),
        fan_out: email.is_some_and(|email| email.fan_out),
        kill_jobs_on_failure: definition.kill_jobs_on_failure,
        worthless_after: definition.worthless_after.map(|time| time.strftime("%H:%M").to_string()),
        condition_type: definition.condition.as_ref().map(|condition| condition.kind.as_str()),
        condition_query_map_key: definition.condition.as_ref().map(|condition| condition.tile.0.clone()),
        query_identifier_map_key: definition.tile.as_ref().map(|tile| tile.0.clone()),
        disabled_at: schedule.disabled_at.map(stamp),
        system_disabled_at: schedule.system_disabled.map(|disabled| stamp(disabled.at)),
        system_disabled_reason: schedule.system_disabled.map(|disabled| disabled.reason.as_str()),
        created_at: stamp(schedule.created_at),
        updated_at: stamp(schedule.updated_at),
        next_run_at: schedule.next_at.map(stamp),
        filter_config: json_of(&shown.filters_in_force),
        filter_overrides: json_of(&definition.filters),
        metadata: metadata(definition),
        destinations: vec![destination],
    }
}

/// Reads a schedule; no secret is in it. Who does not manage it sees of its destination only what it is, of its recipients only themselves, and
/// no hidden filter.
#[utoipa::path(get, path = "/api/v1/schedules/{scheduleId}", operation_id = "getSchedule", tag = "Schedules",
    params(
        ("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule."),
        ("userId" = Option<uuid::Uuid>, Query, description = "Check this member's access instead; organization keys only."),
    ),
    responses((status = 200, description = "The schedule.", body = ScheduleView, headers(("ETag" = String, description = "Its version, for `If-Match`.")),
        example = json!({
            "id": "123e4567-e89b-12d3-a456-426614174000", "name": "Weekly Sales Report", "organizationId": "5f0c1f6e-93a6-4f86-bd38-6d3c1c0f6f11",
            "entityId": "12db1a0a", "identifier": "12db1a0a", "ownerId": "9e8719d9-276a-4964-9395-a493189a247c", "owner": {"name": "Blob Ross"},
            "schedule": "0 9 ? * MON *", "timezone": "UTC", "fanOut": false, "killJobsOnFailure": false, "worthlessAfter": null, "conditionType": null,
            "conditionQueryMapKey": null, "queryIdentifierMapKey": null, "disabledAt": null, "systemDisabledAt": null,
            "systemDisabledReason": null, "createdAt": "2025-07-23T21:43:39.000Z", "updatedAt": "2025-07-23T21:43:39.000Z",
            "nextRunAt": "2025-07-28T09:00:00.000Z", "filterConfig": {}, "filterOverrides": {}, "metadata": {"hideTitle": false},
            "destinations": []
        }))))]
pub(crate) async fn get(
    Caller(actor): Caller,
    segments: Segments,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Response, Problem> {
    let catalog = state.catalog.current();
    let id = segments.id("scheduleId", BAD_REQUEST)?;
    let acting = access::acting_for(&actor, &catalog, parameters.get("userId"))?;
    let schedule = schedules::readable(&state, &actor, &catalog, id).await?;
    if let Some(member) = acting {
        let seen_as = Actor::new(KeyKind::Personal, member.id);
        access::granted(seen_as.may_read(&catalog, &schedule.definition))?;
    }
    let tag = etag(schedule.version);
    Ok(([(header::ETAG, tag)], Json(view(&actor.shown_schedule(&catalog, schedule), &catalog))).into_response())
}

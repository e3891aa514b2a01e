use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::access;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::{Destination, Person, Recipient};
use pressrun_domain::id::{GroupId, RecipientId};
use pressrun_domain::schedule::Definition;
use serde::Serialize;
use utoipa::ToSchema;

use super::BAD_REQUEST;
use crate::app::recipients::person_id;
use crate::app::schedules;
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::state::ApiState;

/// Where a schedule delivers to, by kind of destination.
#[derive(Debug, Serialize, ToSchema)]
// The names of fields are spelled out: the document knows no `rename_all_fields`.
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum RecipientsView {
    /// Mail.
    Email {
        /// Single recipients.
        recipients: Vec<PersonView>,
        /// Groups with the members they have now.
        #[serde(rename = "userGroupRecipients")]
        user_group_recipients: Vec<GroupView>,
        /// Who gets a copy that the others know of; left out when nobody does.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schema(required = false)]
        cc: Vec<PersonView>,
        /// Who gets a copy that the others do not know of; left out when nobody does.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schema(required = false)]
        bcc: Vec<PersonView>,
    },
    /// SFTP, without its secrets.
    Sftp {
        address: String,
        port: u16,
        /// `null` for whoever may not manage the schedule.
        username: Option<String>,
        path: Option<String>,
    },
    /// Slack.
    Slack { recipients: Vec<SlackView> },
    /// Webhook.
    Webhook {
        /// Without its login; its origin only for whoever may not manage the schedule.
        url: String,
    },
    /// S3.
    S3 {
        #[serde(rename = "bucketName")]
        bucket_name: String,
        region: String,
        #[serde(rename = "roleArn")]
        /// `null` for whoever may not manage the schedule.
        role_arn: Option<String>,
        #[serde(rename = "externalId")]
        external_id: uuid::Uuid,
        #[serde(rename = "keyPrefix")]
        key_prefix: Option<String>,
        filename: Option<String>,
    },
}

/// A person who is mailed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersonView {
    email: String,
    /// Without a login.
    email_only: bool,
    /// Membership, or id of the email-only user.
    id: uuid::Uuid,
    /// Display name, or the address.
    name: String,
    /// There, and true, when they are on the list for their own rows and get nothing, because the schedule sends the owner's and nobody who manages it
    /// has named them since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    held: bool,
}

/// A group that is mailed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupView {
    id: uuid::Uuid,
    name: String,
    recipients: Vec<PersonView>,
}

/// A channel or person of Slack.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlackView {
    /// `channel` or `users`.
    recipient_type: &'static str,
    slack_id: String,
}

fn person(place: &Recipient, catalog: &Catalog, held: bool) -> PersonView {
    let name = match place.person {
        Person::Member(id) => catalog.members.by_id(id).map(|member| member.name.clone()).filter(|name| !name.is_empty()),
        Person::EmailOnly(_) => None,
    };
    PersonView {
        email: place.email.to_string(),
        email_only: matches!(place.person, Person::EmailOnly(_)),
        id: person_id(place),
        name: name.unwrap_or_else(|| place.email.to_string()),
        held,
    }
}

fn group(id: GroupId, catalog: &Catalog) -> GroupView {
    let found = catalog.group(id);
    let members = found.into_iter().flat_map(|group| &group.members).filter_map(|id| catalog.members.by_id(*id));
    GroupView {
        id: id.0,
        name: found.map_or_else(|| id.to_string(), |group| group.name.clone()),
        recipients: members
            .map(|member| PersonView {
                email: member.email.to_string(),
                email_only: false,
                id: member.id.0,
                name: member.name.clone(),
                held: false,
            })
            .collect(),
    }
}

/// What was left out for this reader.
fn shown(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn view(definition: Definition, catalog: &Catalog) -> RecipientsView {
    let held: HashSet<RecipientId> = access::held(catalog, &definition).map(|place| place.id).collect();
    match definition.destination {
        Destination::Email(email) => {
            let people = |places: &[Recipient]| places.iter().map(|place| person(place, catalog, held.contains(&place.id))).collect();
            RecipientsView::Email {
                recipients: people(&email.recipients),
                cc: people(&email.cc),
                bcc: people(&email.bcc),
                user_group_recipients: email.groups.into_iter().map(|id| group(id, catalog)).collect(),
            }
        }
        Destination::Sftp(sftp) => {
            RecipientsView::Sftp { address: sftp.address, port: sftp.port, username: shown(sftp.username), path: sftp.path }
        }
        Destination::Webhook(webhook) => RecipientsView::Webhook { url: webhook.shown() },
        Destination::Slack(slack) => {
            let recipient_type = slack.recipient_type.as_str();
            RecipientsView::Slack {
                recipients: slack.recipients.into_iter().map(|slack_id| SlackView { recipient_type, slack_id }).collect(),
            }
        }
        Destination::S3(s3) => RecipientsView::S3 {
            bucket_name: s3.bucket_name,
            region: s3.region,
            role_arn: shown(s3.role_arn),
            external_id: catalog.organization.id.0,
            key_prefix: s3.key_prefix,
            filename: s3.filename,
        },
    }
}

/// Says where a schedule delivers to; to those who do not manage it only what that is, and whether they are on its list.
#[utoipa::path(get, path = "/api/v1/schedules/{scheduleId}/recipients", operation_id = "getRecipients", tag = "Schedules",
    params(("scheduleId" = uuid::Uuid, Path, description = "Id of the schedule.")),
    responses((status = 200, description = "By kind of destination.", body = RecipientsView, example = json!({
        "type": "email", "recipients": [{"email": "blobby@blobsrus.com", "emailOnly": false, "id": "9e8719d9-276a-4964-9395-a493189a247c", "name": "blobby@blobsrus.com"}],
        "userGroupRecipients": []
    }))))]
pub(crate) async fn recipients(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<RecipientsView>, Problem> {
    let catalog = state.catalog.current();
    let schedule = schedules::readable(&state, &actor, &catalog, segments.id("scheduleId", BAD_REQUEST)?).await?;
    Ok(Json(view(actor.shown_schedule(&catalog, schedule).schedule.definition, &catalog)))
}

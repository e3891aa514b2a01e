//! Members and groups with the ids that other calls name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::catalog::{Group, Member};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::directory;
use crate::app::list::Parameters;
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use crate::http::wire::PageOf;
use crate::state::ApiState;

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberRow {
    /// Membership id: what `userId`, `ownerId` and `userIds` of other calls take.
    id: uuid::Uuid,
    /// Id of the person behind the membership; other calls take it too.
    user_id: uuid::Uuid,
    name: String,
    email: String,
    admin: bool,
    /// False once deactivated.
    active: bool,
}

impl From<&Member> for MemberRow {
    fn from(member: &Member) -> Self {
        Self {
            id: member.id.0,
            user_id: member.user_id.0,
            name: member.name.clone(),
            email: member.email.to_string(),
            admin: member.admin,
            active: member.active,
        }
    }
}

/// A group of members.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRow {
    /// What `userGroupIds` of other calls take.
    id: uuid::Uuid,
    name: String,
    /// How many are in it.
    member_count: usize,
}

impl From<&Group> for GroupRow {
    fn from(group: &Group) -> Self {
        Self { id: group.id.0, name: group.name.clone(), member_count: group.members.len() }
    }
}

/// Lists members with their ids: all of them to admins and organization keys, to others themselves and who is in a group with them.
#[utoipa::path(get, path = "/api/v1/members", operation_id = "listMembers", tag = "Catalog",
    params(
        ("q" = Option<String>, Query, description = "Part of a name or address, without case."),
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<MemberRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"id": "0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11", "userId": "0b10b001-77aa-4c55-8d10-5a2e8c1d9e21", "name": "Blob Ross", "email": "blob.ross@myorg.co", "admin": true, "active": true}]
    }))))]
pub(crate) async fn members(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<MemberRow>>, Problem> {
    let catalog = state.catalog.current();
    Ok(Json(PageOf::of(directory::members(&catalog, &actor, &parameters)?, MemberRow::from)))
}

/// Lists groups with their ids: all of them to admins and organization keys, to others those they are in.
#[utoipa::path(get, path = "/api/v1/groups", operation_id = "listGroups", tag = "Catalog",
    params(
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<GroupRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"id": "0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01", "name": "sales", "memberCount": 3}]
    }))))]
pub(crate) async fn groups(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<GroupRow>>, Problem> {
    let catalog = state.catalog.current();
    Ok(Json(PageOf::of(directory::groups(&catalog, &actor, &parameters)?, GroupRow::from)))
}

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::users::EmailOnlyUser;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::app::list::Parameters;
use crate::app::users;
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use crate::http::v1::schedules::list::SortDirectionWord;
use crate::http::wire::{PageInfo, PageOf};
use crate::state::ApiState;

/// An email-only user; snake_case here and nowhere else (contract §6.3).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserRow {
    email: String,
    user_id: uuid::Uuid,
    /// Values that are set, and what the system sets.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    user_attributes: Map<String, Value>,
}

impl From<EmailOnlyUser> for UserRow {
    fn from(user: EmailOnlyUser) -> Self {
        let mut attributes = Map::new();
        attributes.insert("omni_user_email".to_owned(), json!(user.email.as_str()));
        attributes.insert("omni_user_name".to_owned(), json!(user.email.as_str()));
        // Not the same id as `user_id` (§6.3), but always the same for the same user.
        attributes.insert("omni_user_id".to_owned(), json!(uuid::Uuid::new_v5(&user.id.0, b"omni_user_id")));
        attributes.insert("omni_is_org_admin".to_owned(), json!("false"));
        for (name, value) in &user.attributes {
            attributes.insert(name.clone(), json!(value));
        }
        Self { email: user.email.to_string(), user_id: user.id.0, user_attributes: attributes }
    }
}

/// Lists email-only users by address.
#[utoipa::path(get, path = "/api/v1/users/email-only", operation_id = "listEmailOnlyUsers", tag = "Email-only users",
    params(
        ("email" = Option<String>, Query, description = "Substring of the address, in any case."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 20, description = "1 to 20; 20 when left out."),
        ("sortDirection" = Option<SortDirectionWord>, Query, description = "desc (default) or asc."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<UserRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"email": "bob@example.com", "user_id": "9e8719d9-276a-4964-9395-a493189a247c", "user_attributes": {
            "omni_user_email": "bob@example.com", "omni_user_name": "bob@example.com", "omni_user_id": "3f0d3a5e-0b0c-5a43-8f0a-7f6f7b1c2d3e",
            "omni_is_org_admin": "false", "omni_user_timezone": "America/New_York", "region": ["US", "EU"]}}]
    }))))]
pub(crate) async fn list(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<UserRow>>, Problem> {
    let page = users::list(&state, &actor, &parameters).await?;
    let page_info =
        PageInfo { has_next_page: page.next.is_some(), next_cursor: page.next, page_size: page.page_size, total_records: page.total };
    Ok(Json(PageOf { page_info, records: page.users.into_iter().map(UserRow::from).collect() }))
}

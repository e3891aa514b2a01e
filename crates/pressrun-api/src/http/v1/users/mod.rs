//! Email-only users (contract §6).

pub(crate) mod bulk;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod upsert;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user to create or update; attributes are merged by name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"email": "iamagoodblob@myorg.co", "userAttributes": {"region": ["US", "EU"], "is_admin": 1}}))]
pub(crate) struct UserBody {
    /// Address; compared without case.
    email: String,
    /// Attribute name → string, number, list of them, or null to unset.
    user_attributes: Option<std::collections::BTreeMap<String, serde_json::Value>>,
}

/// A user that was created or updated.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KnownUser {
    /// Address as given.
    email: String,
    user_id: uuid::Uuid,
}

impl From<crate::app::users::Known> for KnownUser {
    fn from((email, id): crate::app::users::Known) -> Self {
        Self { email: email.to_string(), user_id: id.0 }
    }
}

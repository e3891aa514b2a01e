//! `people.yaml`: organization, members, groups and user attributes. `people/**.yaml`: more of all but the organization.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Entries, Field};

/// Organization, members, groups and user attributes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["organization"], "patternProperties" = { "^x-": {} }))]
pub struct PeopleFile {
    /// The organization that owns everything.
    pub organization: Field<OrganizationFile>,
    /// User attributes that may be set on members and e-mail-only users, by reference name.
    pub attributes: Field<Entries<AttributeFile>>,
    /// People with a login, here or in files below `people`.
    pub members: Field<Vec<Field<MemberFile>>>,
    /// Groups of members; a dashboard's `access` names them.
    pub groups: Field<Vec<Field<GroupFile>>>,
    /// API keys for development. In production create keys with `pressrun key create`.
    pub dev_keys: Field<Vec<Field<DevKeyFile>>>,
}

/// More people, in a file of their own: as in `people.yaml`, without the organization. Any of the files may name members of any other.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("patternProperties" = { "^x-": {} }))]
pub struct MorePeopleFile {
    /// User attributes that may be set on members and e-mail-only users, by reference name.
    pub attributes: Field<Entries<AttributeFile>>,
    /// People with a login.
    pub members: Field<Vec<Field<MemberFile>>>,
    /// Groups of members; a dashboard's `access` names them.
    pub groups: Field<Vec<Field<GroupFile>>>,
    /// API keys for development. In production create keys with `pressrun key create`.
    pub dev_keys: Field<Vec<Field<DevKeyFile>>>,
}

impl From<MorePeopleFile> for PeopleFile {
    fn from(file: MorePeopleFile) -> Self {
        let MorePeopleFile { attributes, members, groups, dev_keys } = file;
        Self { organization: Field::Absent, attributes, members, groups, dev_keys }
    }
}

/// The organization.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["id", "name"]))]
pub struct OrganizationFile {
    /// UUID.
    pub id: Field<String>,
    /// Display name.
    pub name: Field<String>,
    /// Personal copies of e-mails: `schedule` lets each schedule decide (default), `always` and `never` override them.
    pub fan_out: Field<FanOutWord>,
    /// Mail domains that may receive deliveries; none means all.
    pub allowed_domains: Field<Vec<Field<String>>>,
    /// Whether a member's own time zone (`omni_user_timezone`) is used for queries. Default false.
    pub member_timezones: Field<bool>,
    /// Month, 1 to 12, in which fiscal years begin; they are named after the calendar year in which they end. Default 1.
    #[schemars(range(min = 1, max = 12))]
    pub fiscal_year_start: Field<u16>,
}

/// What the organization says about personal copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FanOutWord {
    /// The schedule decides.
    Schedule,
    /// Every e-mail is personal.
    Always,
    /// No e-mail is personal.
    Never,
}

/// A user attribute.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["type"]))]
pub struct AttributeFile {
    /// `String` or `Number`; flags are the numbers 0 and 1.
    #[serde(rename = "type")]
    pub kind: Field<AttributeKindWord>,
    /// Whether the value is a list. Default false.
    pub multiple_values: Field<bool>,
    /// Shown to people. Default: the reference name in words.
    pub label: Field<String>,
    /// What it is for.
    pub description: Field<String>,
    /// What holds when unset. Without it, a query that needs the attribute gives no rows.
    pub default: Field<serde_json::Value>,
}

/// Types of attribute values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AttributeKindWord {
    /// Text.
    String,
    /// Numbers.
    Number,
}

/// A person with a login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "email"]))]
pub struct MemberFile {
    /// Membership UUID. Default: made from organization and mail address, so it changes with the address; whose id is given here stays on lists, at their new address.
    pub id: Field<String>,
    /// UUID of the person. Default: made from organization and mail address.
    pub user_id: Field<String>,
    /// Display name.
    pub name: Field<String>,
    /// Mail address.
    pub email: Field<String>,
    /// Organization admin. Default false.
    pub admin: Field<bool>,
    /// False once deactivated. Default true.
    pub active: Field<bool>,
    /// User attribute values by reference name; `omni_user_timezone` may be set as well.
    pub attributes: Field<Entries<serde_json::Value>>,
}

/// A group of members.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "members"]))]
pub struct GroupFile {
    /// UUID. Default: made from organization and name, so it changes with the name.
    pub id: Field<String>,
    /// Name, as a dashboard's `access` says it.
    pub name: Field<String>,
    /// Mail addresses of members.
    pub members: Field<Vec<Field<String>>>,
}

/// An API key for development.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind", "member"]))]
pub struct DevKeyFile {
    /// The bearer token, at least 16 characters, or `${ENVIRONMENT_VARIABLE}`.
    pub token: Field<String>,
    /// A file that holds the token, relative to the catalog or absolute.
    pub token_file: Field<String>,
    /// `organization` acts as an admin and for every member; `personal` as its member.
    pub kind: Field<KeyKindWord>,
    /// Mail address of the member it belongs to.
    pub member: Field<String>,
}

/// Kinds of API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyKindWord {
    /// Acts as an organization admin.
    Organization,
    /// Acts as its member.
    Personal,
}

//! Who is in the organization, and who gets mail without a login: the same use cases as by the API, for pages.

use pressrun_domain::access::Actor;
use pressrun_domain::action::Refused;
use pressrun_domain::audience::TIMEZONE_ATTRIBUTE;
use pressrun_domain::catalog::{AttributeValue, Catalog, Scalar};
use pressrun_domain::users::EmailOnlyUser;
use serde_json::{Map, Value, json};

use crate::actions::refused;
use crate::app::list::Parameters;
use crate::app::{directory, users};
use crate::saving::NotSaved;
use crate::state::ApiState;

/// One member as somebody may see them.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenMember {
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Organization admin.
    pub admin: bool,
    /// False once deactivated.
    pub active: bool,
    /// Groups that the actor may look up.
    pub groups: Vec<String>,
    /// Attributes, by the names shown to people; to admins, and of oneself.
    pub attributes: Vec<(String, String)>,
}

/// One page of members.
#[derive(Debug, Clone, PartialEq)]
pub struct MembersPage {
    /// Members.
    pub members: Vec<SeenMember>,
    /// How many there are.
    pub total: u64,
}

/// Members per page.
pub const MEMBERS_PAGE: u32 = 100;

/// Members whom the actor may look up, as by `GET /api/v1/members`; pages are counted from 1.
///
/// # Errors
/// [`Refused`].
pub fn members(state: &ApiState, actor: &Actor, part: &str, page: u64) -> Result<MembersPage, Refused> {
    let catalog = state.catalog.current();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("q", part.trim()).append_pair("page", &page.to_string()).append_pair("pageSize", &MEMBERS_PAGE.to_string());
    let listed = directory::members(&catalog, actor, &Parameters::read(Some(&query.finish()))).map_err(refused)?;
    let (acquainted, admin) = (actor.acquainted(&catalog), actor.is_admin(&catalog));
    let members = listed.rows.iter().map(|member| {
        let groups = catalog.groups.of(member.id).filter(|group| acquainted.has_group(group.id)).map(|group| group.name.clone());
        let attributes = member.attributes.iter().filter(|_| admin || member.id == actor.member);
        SeenMember {
            name: member.name.clone(),
            email: member.email.to_string(),
            admin: member.admin,
            active: member.active,
            groups: groups.collect(),
            attributes: attributes.map(|(name, value)| (label(&catalog, name), written(value))).collect(),
        }
    });
    Ok(MembersPage { members: members.collect(), total: listed.total })
}

/// What people call an attribute.
#[must_use]
pub fn label(catalog: &Catalog, name: &str) -> String {
    if name == TIMEZONE_ATTRIBUTE {
        return "Time zone".to_owned();
    }
    catalog.attributes.get(name).map_or_else(|| name.to_owned(), |attribute| attribute.label.clone())
}

/// A value as people read it: several are parted by commas.
#[must_use]
pub fn written(value: &AttributeValue) -> String {
    value.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The value of this attribute as people type it. Several are parted by commas, and a comma that belongs to one of them has a backslash before it: a form that
/// is saved as it was gives nobody the rows of other values.
#[must_use]
pub fn typed(catalog: &Catalog, name: &str, value: &AttributeValue) -> String {
    if !has_several(catalog, name) {
        return written(value);
    }
    let escaped = |value: &Scalar| {
        let mut text = String::new();
        for char in value.to_string().chars() {
            if IN_A_FIELD.contains(&char) || char == ESCAPE {
                text.push(ESCAPE);
            }
            text.push(char);
        }
        text
    };
    value.values().iter().map(escaped).collect::<Vec<_>>().join(", ")
}

/// What parts several values of an attribute in a field of a form.
pub const IN_A_FIELD: &[char] = &[',', '|'];

/// The same in a cell of a table, where a comma belongs to the value.
pub const IN_A_CELL: &[char] = &['|'];

/// Before a mark that belongs to a value.
const ESCAPE: char = '\\';

/// The values that were typed, parted by `marks`.
fn parted(text: &str, marks: &[char]) -> Vec<String> {
    let (mut values, mut value, mut chars) = (Vec::new(), String::new(), text.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            ESCAPE => value.push(chars.next_if(|next| *next == ESCAPE || marks.contains(next)).unwrap_or(ESCAPE)),
            mark if marks.contains(&mark) => values.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    values.push(value);
    values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

fn has_several(catalog: &Catalog, name: &str) -> bool {
    catalog.attributes.get(name).is_some_and(|attribute| attribute.multiple_values)
}

/// One page of people without a login.
#[derive(Debug)]
pub struct OutsidersPage {
    /// By address.
    pub users: Vec<EmailOnlyUser>,
    /// How many there are.
    pub total: u64,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// People without a login whose address has this part; for organization keys.
///
/// # Errors
/// [`Refused`].
pub async fn outsiders(state: &ApiState, actor: &Actor, part: &str, cursor: &str) -> Result<OutsidersPage, Refused> {
    let parameters = {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("email", part.trim()).append_pair("cursor", cursor).append_pair("sortDirection", "asc");
        Parameters::read(Some(&query.finish()))
    };
    let page = users::list(state, actor, &parameters).await.map_err(refused)?;
    Ok(OutsidersPage { users: page.users, total: page.total, next: page.next })
}

/// Somebody without a login as they were typed: address, and attributes by name; an empty text takes the value away.
pub type Typed = (String, Vec<(String, String)>);

/// Makes or changes people without a login, twenty at a time: all of a batch or none of it; several values of an attribute are parted by `marks`. Answers with
/// how many were stored.
///
/// # Errors
/// How many were stored before the batch that was refused, and why it was.
pub async fn put(state: &ApiState, actor: &Actor, people: &[Typed], marks: &[char]) -> Result<usize, (usize, NotSaved)> {
    const BATCH: usize = 20;
    let catalog = state.catalog.current();
    let value = |name: &str, text: &str| match text.trim() {
        "" => Value::Null,
        text if has_several(&catalog, name) => json!(parted(text, marks)),
        text => json!(text),
    };
    let mut stored = 0;
    for batch in people.chunks(BATCH) {
        let users: Vec<Value> = batch
            .iter()
            .map(|(email, attributes)| {
                let attributes: Map<String, Value> = attributes.iter().map(|(name, text)| (name.clone(), value(name, text))).collect();
                json!({ "email": email.trim(), "userAttributes": attributes })
            })
            .collect();
        let body = Map::from_iter([("users".to_owned(), Value::Array(users))]);
        users::upsert_many(state, actor, &body).await.map_err(|error| (stored, NotSaved::from(error)))?;
        stored += batch.len();
    }
    Ok(stored)
}

/// Deletes somebody without a login, and takes them off every schedule (P9).
///
/// # Errors
/// [`NotSaved`].
pub async fn delete(state: &ApiState, actor: &Actor, email: &str) -> Result<(), NotSaved> {
    let body = Map::from_iter([("emails".to_owned(), json!([email]))]);
    users::delete(state, actor, Some(&body)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_values_are_parted_by_what_does_not_belong_to_them() {
        for (text, in_a_field, in_a_cell) in [
            ("EU , ,US|CA ", vec!["EU", "US", "CA"], vec!["EU , ,US", "CA"]),
            ("Smith\\, Inc, Hill", vec!["Smith, Inc", "Hill"], vec!["Smith\\, Inc, Hill"]),
            ("a\\|b|c\\\\", vec!["a|b", "c\\"], vec!["a|b", "c\\"]),
            ("D:\\x\\", vec!["D:\\x\\"], vec!["D:\\x\\"]),
        ] {
            assert_eq!((parted(text, IN_A_FIELD), parted(text, IN_A_CELL)), (of(&in_a_field), of(&in_a_cell)), "{text}");
        }
    }

    fn of(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }
}

//! People: members and groups as the catalog has them, and those who get mail without a login, who are made, changed, imported and deleted here.

mod table;

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_api::people::{self, MEMBERS_PAGE, MembersPage, OutsidersPage, SeenMember};
use pressrun_api::saving::NotSaved;
use pressrun_domain::audience::TIMEZONE_ATTRIBUTE;
use pressrun_domain::catalog::AttributeDefinition;
use serde::Deserialize;

use super::act::{done, is_own_token};
use super::schedules::{Pager, page_number};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words;

/// Most bytes of an imported table.
pub(crate) const LIMIT: usize = 2 << 20;
/// Most people of one import.
const MOST: usize = 5_000;
/// Groups that are named.
const GROUPS: usize = 500;

/// What is asked for of members.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    page: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct Members {
    frame: Frame,
    q: String,
    total: String,
    rows: Vec<SeenMember>,
    /// Name, and how many are in it.
    groups: Vec<(String, String)>,
    more_groups: usize,
    /// Whether people without a login are the viewer's to manage.
    manages: bool,
    pager: Pager,
}

/// `GET /people`.
pub(crate) async fn members(State(state): State<Arc<WebState>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let page = page_number(&asked.page);
    let MembersPage { members, total } = done(people::members(&state.api, &viewer.actor, &asked.q, page), "page")?;
    let acquainted = viewer.actor.acquainted(&viewer.catalog);
    let all: Vec<_> = viewer.catalog.groups.iter().filter(|group| acquainted.has_group(group.id)).collect();
    let page = Members {
        frame: Frame::new("People", &viewer, "people"),
        total: words::count(total, "member"),
        rows: members,
        groups: all.iter().take(GROUPS).map(|group| (group.name.clone(), words::count(group.members.len() as u64, "member"))).collect(),
        more_groups: all.len().saturating_sub(GROUPS),
        manages: viewer.actor.is_organization(),
        pager: Pager::new(page, total, MEMBERS_PAGE, &[("q", asked.q.as_str())]),
        q: asked.q,
    };
    Ok(show(StatusCode::OK, &page))
}

/// What is asked for of people without a login.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct AskedOutside {
    email: String,
    cursor: String,
    /// Whose values stand in the form.
    edit: String,
    /// What was just done.
    done: String,
}

/// An attribute of the form: its name, what people call it, what it is for, and what is typed.
struct Field {
    name: String,
    label: String,
    hint: String,
    value: String,
}

#[derive(Template)]
#[template(path = "outside.html")]
struct Outside {
    frame: Frame,
    form_token: String,
    asked: AskedOutside,
    total: String,
    /// Address and values.
    rows: Vec<(String, String)>,
    onward: Option<String>,
    /// The address in the form.
    email: String,
    fields: Vec<Field>,
    /// The table in the form.
    table: String,
    /// The first line of a table.
    header: String,
    fault: Option<String>,
}

/// `GET /people/outside`.
pub(crate) async fn outside(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Query(asked): Query<AskedOutside>,
) -> Result<Response, PageError> {
    let edited = match asked.edit.parse::<pressrun_domain::email::EmailAddress>() {
        Ok(address) => done(people::outsiders(&state.api, &viewer.actor, address.as_str(), "").await, "page")?
            .users
            .into_iter()
            .find(|user| user.email.same_as(&address)),
        Err(_) => None,
    };
    let typed = edited.map(|user| {
        let values = user.attributes.iter().map(|(name, value)| (name.clone(), people::typed(&viewer.catalog, name, value)));
        (user.email.to_string(), values.collect())
    });
    Ok(show(StatusCode::OK, &of(&state, &viewer, asked, typed.unwrap_or_default(), String::new(), None).await?))
}

async fn of(
    state: &WebState,
    viewer: &Viewer,
    asked: AskedOutside,
    (email, values): people::Typed,
    table: String,
    fault: Option<String>,
) -> Result<Outside, PageError> {
    let OutsidersPage { users, total, next } =
        done(people::outsiders(&state.api, &viewer.actor, &asked.email, &asked.cursor).await, "page")?;
    let onward = next.map(|cursor| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("email", &asked.email).append_pair("cursor", &cursor).finish()
    });
    let value = |name: &str| values.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let field = |attribute: &AttributeDefinition| Field {
        name: attribute.name.clone(),
        label: attribute.label.clone(),
        hint: if attribute.multiple_values {
            "part several by commas, and write \\, for a comma in a value".to_owned()
        } else {
            attribute.description.clone()
        },
        value: value(&attribute.name),
    };
    let mut fields: Vec<Field> = viewer.catalog.attributes.values().map(field).collect();
    fields.push(Field {
        name: TIMEZONE_ATTRIBUTE.to_owned(),
        label: people::label(&viewer.catalog, TIMEZONE_ATTRIBUTE),
        hint: "such as Europe/Berlin".to_owned(),
        value: value(TIMEZONE_ATTRIBUTE),
    });
    let header = fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(",");
    let row = |user: &pressrun_domain::users::EmailOnlyUser| {
        let values =
            user.attributes.iter().map(|(name, value)| format!("{} {}", people::label(&viewer.catalog, name), people::written(value)));
        (user.email.to_string(), values.collect::<Vec<_>>().join(" · "))
    };
    Ok(Outside {
        frame: Frame::new("People without a login", viewer, "people"),
        form_token: viewer.form_token.clone(),
        asked,
        total: match total {
            1 => "1 person".to_owned(),
            many => format!("{many} people"),
        },
        rows: users.iter().map(row).collect(),
        onward,
        email,
        fields,
        table,
        header: format!("email,{header}"),
        fault,
    })
}

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

/// `POST /people/outside/{verb}`: `save`, `import` or `delete`.
pub(crate) async fn act(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    Path(verb): Path<String>,
    form: Sent,
) -> Result<Response, PageError> {
    let Form(fields) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => PageError::Invalid(format!("The table is larger than {} MiB. Import it in parts.", LIMIT >> 20)),
        _ => PageError::Foreign,
    })?;
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    is_own_token(&state, &headers, field("form_token"))?;
    let (api, actor) = (&state.api, &viewer.actor);
    let back = |word: String| Ok(Redirect::to(&here(&format!("/people/outside?done={word}"))).into_response());
    let (typed, table, fault) = match verb.as_str() {
        "save" => {
            let values = fields.iter().filter_map(|(name, value)| Some((name.strip_prefix("a.")?.to_owned(), value.clone())));
            let typed = (field("email").to_owned(), values.collect());
            match people::put(api, actor, std::slice::from_ref(&typed), people::IN_A_FIELD).await {
                Ok(_) => return back("saved".to_owned()),
                Err((_, fault)) => (typed, String::new(), said(fault)?),
            }
        }
        "import" => {
            let text = field("table").to_owned();
            let fault = match table::read(&text, MOST) {
                Ok(people) => match people::put(api, actor, &people, people::IN_A_CELL).await {
                    Ok(count) => return back(format!("imported-{count}")),
                    Err((0, fault)) => said(fault)?,
                    Err((stored, fault)) => format!("{} The first {stored} of the table are stored; the rest is not.", said(fault)?),
                },
                Err(fault) => fault,
            };
            (people::Typed::default(), text, fault)
        }
        "delete" => match people::delete(api, actor, field("email")).await {
            Ok(()) => return back("deleted".to_owned()),
            Err(fault) => (people::Typed::default(), String::new(), said(fault)?),
        },
        _ => return Err(PageError::NotFound("page")),
    };
    let page = of(&state, &viewer, AskedOutside::default(), typed, table, Some(fault)).await?;
    Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// A refusal in a sentence.
fn said(fault: NotSaved) -> Result<String, PageError> {
    match fault {
        NotSaved::Field { field, fault } => Ok(format!("{field}: {fault}.")),
        NotSaved::Whole(fault) => Ok(format!("{}.", fault.trim_end_matches('.'))),
        NotSaved::Stale => Ok("Somebody else changed it at the same time.".to_owned()),
        NotSaved::Refused(refused) => Err(PageError::refused(refused, "page")),
    }
}

impl Outside {
    /// What was just done, in words.
    fn done(&self) -> String {
        match self.asked.done.as_str() {
            "saved" => "They are saved.".to_owned(),
            "deleted" => "They are deleted, and off every schedule.".to_owned(),
            other => match other.strip_prefix("imported-").and_then(|count| count.parse::<usize>().ok()) {
                Some(1) => "One row was imported.".to_owned(),
                Some(count) => format!("{count} rows were imported."),
                None => String::new(),
            },
        }
    }
}

//! Who changed what, for admins.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::audit::{Entry, ObjectKind, Verb};
use pressrun_domain::catalog::Catalog;
use serde_json::Value;

use super::act::done;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    verbs: Vec<(&'static str, bool)>,
    members: Vec<(String, String, bool)>,
    from: String,
    to: String,
    /// Query of the next page.
    older: Option<String>,
}

struct Row {
    when: When,
    who: String,
    verb: &'static str,
    object: String,
    link: Option<String>,
    /// Names and words.
    changes: Vec<(String, String)>,
    source: Option<String>,
    count: u32,
}

/// `GET /audit`, with the filters of the API.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let asked: Vec<(String, String)> = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect();
    let value = |wanted: &str| asked.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default();
    let listed = done(pressrun_api::audit(&state.api, &viewer.actor, Some(&in_full(&asked))).await, "page")?;
    let older = listed.next.map(|seq| {
        let kept = asked.iter().filter(|(name, _)| name != "cursor");
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept).append_pair("cursor", &seq.to_string());
        query.finish()
    });
    let now = state.clock.now();
    let (verb, actor) = (value("action"), value("actor"));
    let member = |member: &pressrun_domain::catalog::Member| {
        let id = member.id.to_string();
        (id.clone(), member.name.clone(), id == actor)
    };
    let page = Page {
        rows: listed.entries.into_iter().map(|entry| row(entry, &viewer.catalog, now)).collect(),
        verbs: Verb::ALL.iter().map(|one| (one.as_str(), one.as_str() == verb)).collect(),
        members: viewer.catalog.members.iter().map(member).collect(),
        from: value("from"),
        to: value("to"),
        older,
        frame: Frame::new("Audit", &viewer, "audit"),
    };
    Ok(show(StatusCode::OK, &page))
}

/// The query for the use case: a day of a date field begins at midnight UTC.
fn in_full(asked: &[(String, String)]) -> String {
    let instants = asked.iter().map(|(name, value)| match name.as_str() {
        "from" | "to" if value.len() == 10 => (name.clone(), format!("{value}T00:00:00Z")),
        _ => (name.clone(), value.clone()),
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(instants).finish()
}

fn row(entry: Entry, catalog: &Catalog, now: Timestamp) -> Row {
    let link = match entry.object.kind {
        ObjectKind::Schedule if entry.change.verb != Verb::ScheduleDeleted => Some(format!("/schedules/{}", entry.object.id)),
        ObjectKind::Run => Some(format!("/runs/{}", entry.object.id)),
        ObjectKind::Schedule
        | ObjectKind::User
        | ObjectKind::Key
        | ObjectKind::Session
        | ObjectKind::Secrets
        | ObjectKind::Backup
        | ObjectKind::Address => None,
    };
    let named = if entry.object.name.is_empty() { entry.object.id } else { entry.object.name };
    Row {
        when: words::when_exactly(entry.change.at, &TimeZone::UTC, now),
        who: pressrun_api::doer(&entry.change.agent, catalog).name,
        verb: entry.change.verb.as_str(),
        object: named,
        link,
        changes: entry.details.iter().map(|(name, value)| (name.clone(), change(value, catalog))).collect(),
        source: entry.change.origin.source.map(|source| source.to_string()),
        count: entry.count,
    }
}

/// What became of a value: `before → after` where it had one, what came and went of a list.
fn change(value: &Value, catalog: &Catalog) -> String {
    let side = |name: &str| value.get(name).map(|value| plain(value, catalog));
    match (side("before"), side("after")) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => format!("{before} → nothing"),
        (None, Some(after)) => after,
        (None, None) => match (side("added"), side("removed")) {
            (Some(added), Some(removed)) => format!("added {added}; removed {removed}"),
            (Some(added), None) => format!("added {added}"),
            (None, Some(removed)) => format!("removed {removed}"),
            (None, None) => plain(value, catalog),
        },
    }
}

/// A value as somebody would write it down, members by name; what is nested stays JSON.
fn plain(value: &Value, catalog: &Catalog) -> String {
    let member = |text: &str| Some(catalog.member(text.parse().ok()?)?.name.clone());
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => member(text).unwrap_or_else(|| text.clone()),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(|item| plain(item, catalog)).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn h3_a_change_is_told_in_words() {
        let dir = tempfile::tempdir().expect("a folder");
        pressrun_catalog::sample::write(dir.path()).expect("writes");
        let catalog = pressrun_catalog::load(dir.path()).expect("the sample catalog");
        let member = &catalog.members[0];
        for (value, expected) in [
            (json!({"before": "0 8 * * ? *", "after": "0 9 * * ? *"}), "0 8 * * ? * → 0 9 * * ? *"),
            (json!({"before": null, "after": true}), "nothing → true"),
            (json!({"after": ["a@b.co", "c@d.co"]}), "a@b.co, c@d.co"),
            (json!({"before": [], "after": {"kind": "EQUALS"}}), "none → {\"kind\":\"EQUALS\"}"),
            (json!({"before": 3}), "3 → nothing"),
            (json!({"added": ["a@b.co"], "removed": ["c@d.co", "e@f.co"]}), "added a@b.co; removed c@d.co, e@f.co"),
            (json!("blob@myorg.co"), "blob@myorg.co"),
            (json!({"after": member.id.to_string()}), member.name.as_str()),
        ] {
            assert_eq!(change(&value, &catalog), expected);
        }
    }
}

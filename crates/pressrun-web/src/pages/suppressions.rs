//! Addresses that get no more mail: why, since when, and the button that lifts it; for admins.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::bounce::{BounceKind, Suppression};
use serde::Deserialize;

use super::act::{done, is_own_token};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "suppressions.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    total: u64,
    /// Part of the addresses that were asked for.
    email: String,
    /// Query of the next page.
    onward: Option<String>,
    form_token: String,
}

struct Row {
    email: String,
    why: &'static str,
    /// The enhanced status code, such as 5.1.1.
    status: Option<String>,
    /// The remote's words.
    said: String,
    since: When,
    /// Where the mail that came back belongs: address of a page, and words.
    of: (String, &'static str),
}

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct Lift {
    email: String,
    form_token: String,
}

/// `GET /suppressions`, with the parameters of the API.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let listed = done(pressrun_api::suppressions(&state.api, &viewer.actor, query.as_deref()).await, "page")?;
    let mut asked = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let email = asked.find(|(name, _)| name == "email").map(|(_, value)| value.into_owned()).unwrap_or_default();
    let onward = listed.next.map(|cursor| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("email", &email).append_pair("cursor", &cursor);
        query.finish()
    });
    let now = state.clock.now();
    let page = Page {
        frame: Frame::new("Suppressions", &viewer, "suppressions"),
        rows: listed.rows.into_iter().map(|suppression| row(suppression, now)).collect(),
        total: listed.total,
        email,
        onward,
        form_token: viewer.form_token,
    };
    Ok(show(StatusCode::OK, &page))
}

/// `POST /suppressions`: lets an address get mail again.
pub(crate) async fn lift(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    form: Result<Form<Lift>, FormRejection>,
) -> Result<Response, PageError> {
    let Ok(Form(sent)) = form else { return Err(PageError::Foreign) };
    is_own_token(&state, &headers, &sent.form_token)?;
    done(pressrun_api::lift_suppression(&state.api, &viewer.actor, &sent.email).await, "suppression")?;
    Ok(Redirect::to(&here("/suppressions")).into_response())
}

fn row(suppression: Suppression, now: Timestamp) -> Row {
    let Suppression { email, report, at, run, schedule, .. } = suppression;
    Row {
        email: email.to_string(),
        why: match report.kind {
            BounceKind::Permanent => "Came back",
            BounceKind::Transient => "Late",
            BounceKind::Complaint => "Called unwanted",
        },
        status: report.status,
        said: report.words,
        since: words::when(at, &TimeZone::UTC, now),
        of: match run {
            Some(run) => (format!("/runs/{run}"), "of a run"),
            None => (format!("/schedules/{schedule}"), "of a schedule"),
        },
    }
}

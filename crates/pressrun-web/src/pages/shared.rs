//! A dashboard behind a link from a mail, for people without a login. The link itself is what says yes; it shows what was sent and
//! nothing else, so there is no menu and no form here, and its filters cannot be changed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;

use crate::page::{Frame, Message, PageError, show};
use crate::state::{DashboardError, LinkError, SharedView, WebState};

#[derive(Template)]
#[template(path = "shared.html")]
struct Page {
    frame: Frame,
    shared: SharedView,
    until: String,
}

/// `GET /shared/{token}`.
pub(crate) async fn page(
    State(state): State<Arc<WebState>>,
    Path(token): Path<String>,
    Query(sent): Query<Vec<(String, String)>>,
) -> Response {
    let filters = sent.iter().find(|(name, _)| name == "filters").map_or("", |(_, json)| json.as_str());
    let response = match state.dashboards.shared(&token, filters).await {
        Ok(shared) => {
            let until = shared.expires.to_zoned_datetime(TimeZone::get(&shared.view.zone).unwrap_or(TimeZone::UTC));
            let until = until.strftime("%-d %B %Y").to_string();
            show(StatusCode::OK, &Page { frame: Frame::bare(&shared.view.title), shared, until })
        }
        Err(error) => refusal(error),
    };
    // The address is a key: it is told to nobody this page leads to, and found by no search.
    let headers = [
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow, noarchive")),
    ];
    (headers, response).into_response()
}

/// Why nothing is shown. None of these names the dashboard, the schedule or the reader; the first does not even say whether there is one.
fn refusal(error: LinkError) -> Response {
    let (status, heading, text) = match error {
        LinkError::Unknown => (
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It is not complete, or it was changed on the way. Open it from the mail as it is; some programs cut long links in two.",
        ),
        LinkError::Expired => (
            StatusCode::GONE,
            "This link has expired",
            "Links to a dashboard are good for a limited time. The next report brings a new one; or ask whoever sends it to you.",
        ),
        LinkError::Withdrawn => (
            StatusCode::GONE,
            "This is no longer available",
            "The report that this link belongs to has ended, was changed, or is no longer sent to this address.",
        ),
        LinkError::Dashboard(error) => return failed(error),
    };
    show(status, &Message::new(heading, text))
}

fn failed(error: DashboardError) -> Response {
    match error {
        DashboardError::Busy => PageError::Busy.at_large(),
        DashboardError::NotFound => refusal(LinkError::Withdrawn),
        // What exactly went wrong may tell of tables and columns; it is for those who can mend it.
        DashboardError::Filters(why) | DashboardError::Failed(why) => {
            tracing::warn!(why, "a shared dashboard could not be shown");
            PageError::Failed("The dashboard could not be made just now. Try again later.".to_owned()).at_large()
        }
    }
}

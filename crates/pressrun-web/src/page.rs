//! What all pages share: the frame around them, and the pages that say what went wrong.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use pressrun_store::StoreError;

use crate::viewer::Viewer;

/// The frame around a page.
pub(crate) struct Frame {
    /// Title of the window.
    pub(crate) title: String,
    /// Who is signed in.
    pub(crate) viewer: Option<String>,
    /// Which part of the menu is marked: `schedules`, `dashboards` or nothing.
    pub(crate) section: &'static str,
}

impl Frame {
    /// The frame of a page for `viewer`.
    pub(crate) fn new(title: impl Into<String>, viewer: &Viewer, section: &'static str) -> Self {
        Self { title: title.into(), viewer: Some(viewer.name.clone()), section }
    }

    /// The frame of a page for anybody.
    pub(crate) fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), viewer: None, section: "" }
    }
}

/// A page as an answer.
pub(crate) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.").into_response()
        }
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    pub(crate) frame: Frame,
    pub(crate) heading: String,
    pub(crate) text: String,
}

/// Why a page cannot be shown. What is not to be seen is not told from what does not exist.
#[derive(Debug)]
pub(crate) enum PageError {
    /// There is no such thing, or it is not for this person.
    NotFound(&'static str),
    /// The address is not understood.
    Invalid(String),
    /// A form from another page.
    Foreign,
    /// The store or the engine cannot just now.
    Unavailable(String),
    /// Something is wrong that waiting does not mend.
    Failed(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what),
            StoreError::Unavailable(_) | StoreError::Conflict | StoreError::RunInProgress | StoreError::LeaseLost => {
                tracing::warn!(%error, "the store could not answer a page");
                Self::Unavailable("The database did not answer. Try again in a moment.".to_owned())
            }
            StoreError::Corrupt { .. } | StoreError::Sealing(_) => {
                tracing::error!(%error, "the store could not answer a page");
                Self::Failed("What is stored could not be read. The server's log says more.".to_owned())
            }
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, heading, text) = match self {
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "Not found", format!("There is no such {what}, or you may not see it.")),
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, "That did not work", text),
            Self::Foreign => {
                (StatusCode::FORBIDDEN, "Refused", "This form was sent from another site. Open the page here and try again.".to_owned())
            }
            Self::Unavailable(text) => (StatusCode::SERVICE_UNAVAILABLE, "Not just now", text),
            Self::Failed(text) => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text),
        };
        show(status, &Message { frame: Frame::bare(heading), heading: heading.to_owned(), text })
    }
}

//! What all pages share: the frame around them, and the pages that say what went wrong.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use pressrun_domain::action::Refused;
use pressrun_domain::key::Scope;
use pressrun_store::StoreError;

use crate::viewer::Viewer;

/// The frame around a page.
pub(crate) struct Frame {
    /// Title of the window.
    pub(crate) title: String,
    /// Who is signed in.
    pub(crate) viewer: Option<SignedIn>,
    /// Which part of the menu is marked: `schedules`, `dashboards` or nothing.
    pub(crate) section: &'static str,
    /// Seconds after which the browser asks again, for pages about something under way; 0 is never.
    pub(crate) refresh: u32,
}

/// The corner of a page.
pub(crate) struct SignedIn {
    pub(crate) name: String,
    pub(crate) form_token: String,
    /// Whether the audit and the suppressed addresses are open.
    pub(crate) admin: bool,
}

impl Frame {
    /// The frame of a page for `viewer`.
    pub(crate) fn new(title: impl Into<String>, viewer: &Viewer, section: &'static str) -> Self {
        let admin = viewer.actor.is_admin(&viewer.catalog);
        let signed_in = SignedIn { name: viewer.name.clone(), form_token: viewer.form_token.clone(), admin };
        Self { title: title.into(), viewer: Some(signed_in), section, refresh: 0 }
    }

    /// The frame of a page for anybody.
    pub(crate) fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), viewer: None, section: "", refresh: 0 }
    }

    /// The same, asked for again while something is under way.
    pub(crate) fn refreshed(mut self, seconds: u32) -> Self {
        self.refresh = seconds;
        self
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
    /// Where to go from here: address and words.
    pub(crate) onward: Option<(String, &'static str)>,
}

impl Message {
    /// A page for anybody that says `text`.
    pub(crate) fn new(heading: &str, text: impl Into<String>) -> Self {
        Self { frame: Frame::bare(heading), heading: heading.to_owned(), text: text.into(), onward: None }
    }

    /// With a way on.
    pub(crate) fn onward(mut self, address: impl Into<String>, words: &'static str) -> Self {
        self.onward = Some((address.into(), words));
        self
    }
}

/// When a page that was turned away for others asks again.
const BUSY_SECONDS: u64 = 20;

/// Why a page cannot be shown. What is not to be seen is not told from what does not exist.
#[derive(Debug)]
pub(crate) enum PageError {
    /// There is no such thing, or it is not for this person.
    NotFound(&'static str),
    /// The address is not understood.
    Invalid(String),
    /// The key that the session was opened with is not for this.
    OutOfScope(Scope),
    /// A form from another page or another session.
    Foreign,
    /// Too many tokens that open nothing; seconds until the next one is looked at.
    TooMany(u64),
    /// Not as things stand.
    Conflict(String),
    /// The store or the engine cannot just now.
    Unavailable(String),
    /// Too many dashboards are being made. Whoever waits a little is served; a browser does so by itself.
    Busy,
    /// Something is wrong that waiting does not mend.
    Failed(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what),
            StoreError::Conflict | StoreError::RunInProgress | StoreError::LeaseLost => {
                Self::Conflict("Somebody else changed it at the same time. Open the page again.".to_owned())
            }
            StoreError::Unavailable(_) | StoreError::Undone(_) => {
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

impl PageError {
    /// Why a use case would not, about this kind of thing.
    pub(crate) fn refused(refused: Refused, what: &'static str) -> Self {
        match refused {
            Refused::Denied => Self::NotFound(what),
            Refused::NotNow(why) => Self::Conflict(format!("{why}.")),
            Refused::Failed => {
                Self::Unavailable("It could not be done just now; the server's log says why. Try again in a moment.".to_owned())
            }
        }
    }

    /// The answer for somebody who has no business with the rest of the pages.
    pub(crate) fn at_large(self) -> Response {
        let again = self.again();
        let (status, heading, text) = self.words();
        repeatable(show(status, &Message::new(heading, text)), again)
    }

    /// When it may be asked again, if that is known.
    fn again(&self) -> Option<Again> {
        match self {
            Self::TooMany(seconds) => Some(Again { seconds: *seconds, by_itself: false }),
            Self::Busy => Some(Again { seconds: BUSY_SECONDS, by_itself: true }),
            Self::NotFound(_)
            | Self::Invalid(_)
            | Self::OutOfScope(_)
            | Self::Foreign
            | Self::Conflict(_)
            | Self::Unavailable(_)
            | Self::Failed(_) => None,
        }
    }

    fn words(self) -> (StatusCode, &'static str, String) {
        match self {
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "Not found", format!("There is no such {what}, or you may not see it.")),
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, "That did not work", text),
            Self::Foreign => {
                let text = "This form did not come from a page of this session. Open the page again and repeat it there.";
                (StatusCode::FORBIDDEN, "Refused", text.to_owned())
            }
            Self::OutOfScope(scope) => {
                let scope = scope.as_str();
                let text = format!("The token that you signed in with lacks the scope “{scope}”. Sign in with one that has it.");
                (StatusCode::FORBIDDEN, "Not with this token", text)
            }
            Self::TooMany(seconds) => {
                let text = format!("Too many tokens that do not work came from your address. Try again in {seconds} s.");
                (StatusCode::TOO_MANY_REQUESTS, "Not just now", text)
            }
            Self::Conflict(text) => (StatusCode::CONFLICT, "Not done", text),
            Self::Unavailable(text) => (StatusCode::SERVICE_UNAVAILABLE, "Not just now", text),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Many people are reading just now",
                format!("Too many dashboards are being made at the moment. This page tries again by itself in {BUSY_SECONDS} seconds."),
            ),
            Self::Failed(text) => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text),
        }
    }
}

/// When a page may be asked for again.
#[derive(Debug, Clone, Copy)]
struct Again {
    seconds: u64,
    /// Browsers ask without being told.
    by_itself: bool,
}

/// Says when it may be asked for again (RFC 9110 §10.2.3).
fn repeatable(mut response: Response, again: Option<Again>) -> Response {
    if let Some(Again { seconds, by_itself }) = again {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        if by_itself {
            response.headers_mut().insert(header::REFRESH, HeaderValue::from(seconds));
        }
    }
    response
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let again = self.again();
        let (status, heading, text) = self.words();
        repeatable(show(status, &Message::new(heading, text).onward("/schedules", "To the schedules")), again)
    }
}

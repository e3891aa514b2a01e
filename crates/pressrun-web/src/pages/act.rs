//! Buttons: pause, resume, run now, delete, stop, withdraw links, answer offers and requests. Each is a form of its own that carries the
//! token of the session; what it does is what the API does, with the rights of the key that signed in.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_api::saving::{self, NotSaved};
use pressrun_domain::access::Handover;
use pressrun_domain::action::{Action, Refused};
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_domain::run::RunState;
use serde::Deserialize;

use super::schedule::{PAGE_SIZE, latest_by_hand};
use crate::base::here;
use crate::page::PageError;
use crate::secure::is_from_here;
use crate::session;
use crate::state::WebState;
use crate::viewer::{self, Viewer};

/// What every form carries.
#[derive(Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    form_token: String,
    /// What stood on the page: of an offer the terms, of a schedule its latest run by hand.
    #[serde(default)]
    seen: String,
    /// The address of the member to whom something is given.
    #[serde(default)]
    to: String,
}

/// A button on a page of this very session, that somebody pressed beside the thing of this id.
pub(crate) struct Pressed {
    pub(crate) state: Arc<WebState>,
    pub(crate) viewer: Viewer,
    /// As it stands in the address.
    pub(crate) id: String,
}

impl FromRequest<Arc<WebState>> for Pressed {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<WebState>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, state).await?;
        let id = Path::<String>::from_request_parts(&mut parts, state).await;
        let Path(id) = id.map_err(|_| PageError::NotFound("page").into_response())?;
        let headers = parts.headers.clone();
        let form = Form::from_request(Request::from_parts(parts, body), state).await;
        is_own(state, &headers, form).map_err(IntoResponse::into_response)?;
        Ok(Self { state: Arc::clone(state), viewer, id })
    }
}

/// A form as it came.
pub(crate) type Posted = Result<Form<Sent>, FormRejection>;

/// `POST /schedules/{id}/{verb}`.
pub(crate) async fn schedule(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    Path((id, verb)): Path<(String, String)>,
    form: Posted,
) -> Result<Response, PageError> {
    const WHAT: &str = "schedule";
    let seen = form.as_ref().map(|Form(sent)| sent.seen.clone()).unwrap_or_default();
    let to = form.as_ref().map(|Form(sent)| sent.to.clone()).unwrap_or_default();
    is_own(&state, &headers, form)?;
    let id = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let action = match verb.as_str() {
        "pause" => Action::Pause(id),
        "resume" => Action::Resume(id),
        "run" => {
            is_pressed_once(&state, &viewer, id, &seen).await?;
            Action::Trigger(id)
        }
        "delete" => Action::Delete(id),
        "give" => return give(&state, &viewer, id, &to).await,
        "withdraw-links" => Action::WithdrawLinks(id),
        "accept-offer" => {
            done(pressrun_api::accept_offer(&state.api, &viewer.actor, id, &seen).await, WHAT)?;
            return Ok(Redirect::to(&here(&format!("/schedules/{id}"))).into_response());
        }
        "decline-offer" => Action::DeclineOffer(id),
        "withdraw-offer" => Action::WithdrawOffer(id),
        _ => return Err(PageError::NotFound("page")),
    };
    let run = act(&state, &viewer, action, WHAT).await?;
    let next = match (action, run) {
        (Action::Trigger(_), Some(run)) => format!("/runs/{run}"),
        (Action::Delete(_), _) => "/schedules?done=deleted".to_owned(),
        _ => format!("/schedules/{id}"),
    };
    Ok(Redirect::to(&here(&next)).into_response())
}

/// Gives a schedule to another member, or offers it.
async fn give(state: &WebState, viewer: &Viewer, id: ScheduleId, to: &str) -> Result<Response, PageError> {
    let word = match saving::give(&state.api, &viewer.actor, id, to).await {
        Ok(Handover::AtOnce) => "given",
        Ok(Handover::Offer) => "offered",
        Err(NotSaved::Field { fault, .. } | NotSaved::Whole(fault)) => return Err(PageError::Conflict(format!("{fault}."))),
        Err(NotSaved::Stale) => {
            return Err(PageError::Conflict("Somebody else changed it at the same time. Open the page again.".to_owned()));
        }
        Err(NotSaved::Refused(refused)) => return Err(PageError::refused(refused, "schedule")),
    };
    Ok(Redirect::to(&here(&format!("/schedules/{id}?done={word}"))).into_response())
}

/// `POST /schedules/{id}/requests/{request}/{answer}`: puts a member who asked on the list, or not.
pub(crate) async fn answer(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    Path((id, request, answer)): Path<(String, String, String)>,
    form: Posted,
) -> Result<Response, PageError> {
    const WHAT: &str = "request";
    is_own(&state, &headers, form)?;
    let id: ScheduleId = id.parse().map_err(|_| PageError::NotFound("schedule"))?;
    let request = request.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let yes = match answer.as_str() {
        "confirm" => true,
        "decline" => false,
        _ => return Err(PageError::NotFound("page")),
    };
    act(&state, &viewer, Action::AnswerRequest(request, yes), WHAT).await?;
    Ok(Redirect::to(&here(&format!("/schedules/{id}"))).into_response())
}

/// `POST /runs/{id}/stop`.
pub(crate) async fn stop_run(Pressed { state, viewer, id }: Pressed) -> Result<Response, PageError> {
    const WHAT: &str = "run";
    let id: RunId = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    act(&state, &viewer, Action::Cancel(id), WHAT).await?;
    Ok(Redirect::to(&here(&format!("/runs/{id}"))).into_response())
}

/// `POST /runs/{id}/deliveries/{piece}/resend`: sends one piece again, as a run of its own.
pub(crate) async fn resend(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    Path((run, piece)): Path<(String, String)>,
    form: Posted,
) -> Result<Response, PageError> {
    is_own(&state, &headers, form)?;
    let again = done(saving::resend(&state.api, &viewer.actor, &run, &piece).await, "delivery")?;
    Ok(Redirect::to(&here(&format!("/runs/{again}"))).into_response())
}

/// Refuses a form that does not come from a page of this session.
pub(super) fn is_own(state: &WebState, headers: &HeaderMap, form: Posted) -> Result<(), PageError> {
    is_own_token(state, headers, &form.map(|Form(sent)| sent.form_token).unwrap_or_default())
}

/// Refuses a form that carries another token than those of this session.
pub(super) fn is_own_token(state: &WebState, headers: &HeaderMap, sent: &str) -> Result<(), PageError> {
    let own = viewer::cookie(headers, state).is_some_and(|cookie| session::is_form_token(&state.session_key, cookie, sent));
    if own && is_from_here(headers, &state.public_url) { Ok(()) } else { Err(PageError::Foreign) }
}

/// Refuses to run a schedule that was run by hand since the page was made that has the button: who presses twice means one run. One that is
/// still under way is refused in its own words.
async fn is_pressed_once(state: &WebState, viewer: &Viewer, id: ScheduleId, seen: &str) -> Result<(), PageError> {
    if seen.is_empty() {
        return Ok(());
    }
    let refused = |refused| PageError::refused(refused, "schedule");
    let (runs, _) = pressrun_api::reading::runs(&state.api, &viewer.actor, id, 1, PAGE_SIZE).await.map_err(refused)?;
    match latest_by_hand(&runs.rows) {
        Some(run) if run.id.to_string() != seen && matches!(run.state, RunState::Ended { .. }) => Err(refused(Refused::NotNow(
            "It was run by hand since this page was made. Look at that run; then the page can run it again".to_owned(),
        ))),
        Some(_) | None => Ok(()),
    }
}

async fn act(state: &WebState, viewer: &Viewer, action: Action, what: &'static str) -> Result<Option<RunId>, PageError> {
    done(pressrun_api::act(&state.api, viewer.actor, action).await, what)
}

/// What a use case came to, as a page says it; `what` is what was not found.
pub(super) fn done<T>(done: Result<T, Refused>, what: &'static str) -> Result<T, PageError> {
    done.map_err(|refused| PageError::refused(refused, what))
}

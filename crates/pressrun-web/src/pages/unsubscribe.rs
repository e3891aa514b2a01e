//! The way off a list: one page with one button for people, one POST for mail programs (RFC 8058, P12). No login: the signature of
//! the link is what says yes.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_store::StoreError;

use crate::page::{Frame, Message, PageError, show};
use crate::state::WebState;

#[derive(Template)]
#[template(path = "unsubscribe.html")]
struct Ask {
    frame: Frame,
    schedule: String,
    email: String,
}

/// Parts of the link.
type Parts = Path<(String, String, String)>;

/// `GET /unsubscribe/…`: asks; changes nothing, since mail scanners follow links.
pub(crate) async fn ask(State(state): State<Arc<WebState>>, Path(parts): Parts) -> Result<Response, PageError> {
    let Some((schedule, recipient)) = signed(&state, &parts) else { return Ok(invalid()) };
    let schedule = state.store.schedule(schedule).await?;
    let found = schedule.as_ref().and_then(|schedule| {
        let recipients = &schedule.definition.destination.email()?.recipients;
        let recipient = recipients.iter().find(|one| one.id == recipient)?;
        Some((schedule.definition.name.clone(), recipient.email.to_string()))
    });
    Ok(match found {
        Some((schedule, email)) => show(StatusCode::OK, &Ask { frame: Frame::bare("Unsubscribe"), schedule, email }),
        None => done(),
    })
}

/// `POST /unsubscribe/…`: takes this one address off this one schedule. Twice is the same as once.
pub(crate) async fn remove(State(state): State<Arc<WebState>>, Path(parts): Parts) -> Result<Response, PageError> {
    let Some((schedule, recipient)) = signed(&state, &parts) else { return Ok(invalid()) };
    match state.store.remove_recipient(schedule, recipient, state.clock.now()).await {
        Ok(removed) => {
            tracing::info!(%schedule, removed, "a recipient unsubscribed");
            Ok(done())
        }
        Err(StoreError::NotFound(_)) => Ok(done()),
        Err(error) => Err(error.into()),
    }
}

/// The schedule and recipient of a link that we signed.
fn signed(state: &WebState, (schedule, recipient, signature): &(String, String, String)) -> Option<(ScheduleId, RecipientId)> {
    let (schedule, recipient) = (schedule.parse().ok()?, recipient.parse().ok()?);
    (state.unsubscribe)(schedule, recipient, signature).then_some((schedule, recipient))
}

fn done() -> Response {
    let text = "You will get no more of these reports. Reports of other schedules are not affected.";
    show(StatusCode::OK, &Message::new("You are off the list", text))
}

fn invalid() -> Response {
    let text = "This link is not complete or not ours. Use the link at the end of the mail as it is.";
    show(StatusCode::NOT_FOUND, &Message::new("This link does not work", text))
}

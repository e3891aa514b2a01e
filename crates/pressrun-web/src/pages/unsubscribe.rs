//! The way off a list: one page with one button for people, one POST for mail programs (RFC 8058, P12). No login: the signature of
//! the link is what says yes.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use pressrun_domain::audit::{Agent, Change, Verb};
use pressrun_domain::destination::Places;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_domain::schedule::Schedule;
use pressrun_store::StoreError;

use crate::page::{Frame, Message, PageError, show};
use crate::state::WebState;
use crate::viewer::Came;

#[derive(Template)]
#[template(path = "unsubscribe.html")]
struct Ask {
    frame: Frame,
    schedule: String,
    email: String,
    /// Everything that the address gets.
    mine: String,
}

/// Parts of the link.
pub(super) type Parts = Path<(String, String, String)>;

/// `GET /unsubscribe/…`: asks; changes nothing, since mail scanners follow links.
pub(crate) async fn ask(State(state): State<Arc<WebState>>, Path(parts): Parts) -> Result<Response, PageError> {
    let Some((schedule, recipient)) = signed(&state, &parts) else { return Ok(invalid()) };
    Ok(match find(&state, schedule, recipient).await? {
        Some((schedule, email)) => {
            let mine = format!("/mine/{}/{}/{}", parts.0, parts.1, parts.2);
            let frame = Frame::bare("Unsubscribe");
            show(StatusCode::OK, &Ask { frame, schedule: schedule.definition.name, email: email.to_string(), mine })
        }
        None => done(),
    })
}

/// `POST /unsubscribe/…`: takes this one address off this one schedule, also out of its groups. Twice is the same as once.
pub(crate) async fn remove(State(state): State<Arc<WebState>>, Came(origin): Came, Path(parts): Parts) -> Result<Response, PageError> {
    let Some((id, recipient)) = signed(&state, &parts) else { return Ok(invalid()) };
    let Some((schedule, email)) = find(&state, id, recipient).await? else { return Ok(done()) };
    let change = Change { at: state.clock.now(), agent: Agent::Recipient(email.clone()), origin, verb: Verb::Unsubscribed };
    match state.store.opt_out(schedule.id, &email, &change).await {
        Ok(()) => {
            tracing::info!(schedule = %schedule.id, "a recipient unsubscribed");
            Ok(done())
        }
        Err(StoreError::NotFound(_)) => Ok(done()),
        Err(error) => Err(error.into()),
    }
}

/// Whose place it is: somebody on the list, or a member of one of its groups, who has a place beside it.
pub(super) async fn find(
    state: &WebState,
    schedule: ScheduleId,
    place: RecipientId,
) -> Result<Option<(Schedule, EmailAddress)>, StoreError> {
    let Some(schedule) = state.store.schedule(schedule).await? else { return Ok(None) };
    let Some(settings) = schedule.definition.destination.email() else { return Ok(None) };
    let on_list = settings.named().find(|one| one.id == place).map(|one| one.email.clone());
    let catalog = (state.catalog)();
    let members = settings.groups.iter().filter_map(|id| catalog.group(*id)).flat_map(|group| &group.members);
    let mut emails = members.filter_map(|id| catalog.member(id.0)).map(|member| &member.email);
    let places = Places::beside(schedule.id, settings.named());
    let email = on_list.or_else(|| emails.find(|email| places.of(email) == place).cloned());
    Ok(email.map(|email| (schedule, email)))
}

/// The schedule and recipient of a link that we signed.
pub(super) fn signed(state: &WebState, (schedule, recipient, signature): &(String, String, String)) -> Option<(ScheduleId, RecipientId)> {
    let (schedule, recipient) = (schedule.parse().ok()?, recipient.parse().ok()?);
    (state.unsubscribe)(schedule, recipient, signature).then_some((schedule, recipient))
}

pub(super) fn done() -> Response {
    let text = "You will get no more of these reports. Reports of other schedules are not affected.";
    show(StatusCode::OK, &Message::new("You are off the list", text))
}

pub(super) fn invalid() -> Response {
    let text = "This link is not complete or not ours. Use the link at the end of the mail as it is.";
    show(StatusCode::NOT_FOUND, &Message::new("This link does not work", text))
}

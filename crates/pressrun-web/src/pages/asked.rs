//! A member's request to be on a list, answered from the owner's mail: one page with two buttons. No login: the word in the link stands for
//! the owner's, on this one question.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pressrun_api::reading::{self, Asked};
use pressrun_domain::action::Refused;
use serde::Deserialize;

use crate::page::{Frame, Message, PageError, show};
use crate::state::WebState;
use crate::viewer::Came;

#[derive(Template)]
#[template(path = "asked.html")]
struct Ask {
    frame: Frame,
    schedule: String,
    name: String,
    email: String,
}

/// Which button was pressed.
#[derive(Deserialize)]
pub(crate) struct Pressed {
    answer: String,
}

/// `GET /subscription-requests/{id}/{word}`: asks; changes nothing, since mail scanners follow links.
pub(crate) async fn ask(State(state): State<Arc<WebState>>, Path((id, word)): Path<(String, String)>) -> Response {
    let page = match reading::asked(&state.api, &id, &word).await {
        Ok(Some(Asked { request, schedule })) => {
            let catalog = (state.catalog)();
            match catalog.member(request.member.0) {
                Some(member) => {
                    let (name, email) = (member.name.clone(), member.email.to_string());
                    show(StatusCode::OK, &Ask { frame: Frame::bare("A request"), schedule: schedule.definition.name, name, email })
                }
                None => gone(),
            }
        }
        Ok(None) => gone(),
        Err(refused) => PageError::refused(refused, "request").at_large(),
    };
    private(page)
}

/// `POST /subscription-requests/{id}/{word}`: puts the member on the list, or not.
pub(crate) async fn answer(
    State(state): State<Arc<WebState>>,
    Came(origin): Came,
    Path((id, word)): Path<(String, String)>,
    form: Result<Form<Pressed>, FormRejection>,
) -> Response {
    let yes = match form.as_ref().map(|Form(pressed)| pressed.answer.as_str()) {
        Ok("yes") => true,
        Ok("no") => false,
        _ => {
            return private(PageError::Invalid("The form was not complete. Open the link again and press a button.".to_owned()).at_large());
        }
    };
    private(match reading::answer(&state.api, &id, &word, yes, origin).await {
        Ok(true) if yes => show(StatusCode::OK, &Message::new("On the list", "They receive the report from its next occurrence on.")),
        Ok(true) => show(StatusCode::OK, &Message::new("Declined", "They were told, and cannot ask again for a while.")),
        Ok(false) | Err(Refused::Denied) => gone(),
        Err(refused) => PageError::refused(refused, "request").at_large(),
    })
}

fn gone() -> Response {
    let text = "It was answered or taken back, its time is over, or the link is not complete.";
    show(StatusCode::NOT_FOUND, &Message::new("There is nothing to answer", text))
}

/// The address is a key: it is told to nobody this page leads to, and found by no search.
fn private(response: Response) -> Response {
    let headers = [
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow, noarchive")),
    ];
    (headers, response).into_response()
}

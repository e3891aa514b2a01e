//! A schedule that is offered to somebody: what it sends, to whom and whose rows, and the two answers.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use pressrun_api::reading;
use pressrun_domain::access::leaves_the_organization;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Definition;

use super::schedule::{Audience, audience, lines};
use crate::page::{Frame, PageError, show};
use crate::place::Line;
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, When};

#[derive(Template)]
#[template(path = "offer.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    from: String,
    to: String,
    until: When,
    /// Whether the viewer is the one who may accept.
    to_viewer: bool,
    whose_rows: &'static str,
    /// Where it goes besides people with a login.
    outside: Option<&'static str>,
    lines: Vec<Line>,
    audience: Audience,
    form_token: String,
    /// What is accepted: what this page shows, and nothing that is offered later.
    terms: String,
}

/// `GET /schedules/{id}/offer`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    const WHAT: &str = "offer";
    let id: ScheduleId = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let offered = reading::offered(&state.api, &viewer.actor, id).await.map_err(|refused| PageError::refused(refused, WHAT))?;
    let (offer, schedule) = offered.ok_or(PageError::NotFound(WHAT))?;
    let definition = &schedule.definition;
    let catalog = &viewer.catalog;
    let name = |member: uuid::Uuid| catalog.member(member).map_or_else(|| "somebody".to_owned(), |member| member.name.clone());
    let zone = words::zone(&definition.timezone);
    Ok(show(
        StatusCode::OK,
        &Page {
            frame: Frame::new(format!("Offer of {}", definition.name), &viewer, "schedules"),
            id: id.to_string(),
            name: definition.name.clone(),
            from: name(offer.from.0),
            to: name(offer.to.0),
            until: words::when(offer.expires_at, &zone, state.clock.now()),
            to_viewer: viewer.actor.is(catalog, offer.to),
            whose_rows: whose_rows(definition, catalog.organization.fan_out),
            outside: leaves_the_organization(definition).then(|| outside(definition)),
            // Who is to own it has to know all of it.
            lines: lines(definition, true, catalog),
            audience: audience(definition, 0, catalog),
            form_token: viewer.form_token.clone(),
            terms: offer.terms.clone(),
        },
    ))
}

fn outside(definition: &Definition) -> &'static str {
    if definition.destination.email().is_some() {
        "It also goes to people without a login."
    } else {
        "It goes to a server: who reads it there is not decided here."
    }
}

fn whose_rows(definition: &Definition, policy: pressrun_domain::catalog::FanOutPolicy) -> &'static str {
    if definition.destination.email().is_some_and(|email| policy.is_personal(email.fan_out)) {
        "each recipient's own"
    } else {
        "those of its owner: the new owner's, once it is accepted"
    }
}

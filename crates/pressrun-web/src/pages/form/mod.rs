//! The form of a schedule: a new one from a dashboard with its filters, and one that is there.
//!
//! One page, without script: a button looks at what was typed and says it back, another saves it. Everything is asked of the use cases of the
//! API, whose refusals stand beside their fields; what was typed stays whatever comes. Which fields fit a format or destination the style
//! sheet shows and hides, so that choosing one needs no request; what does not fit is not sent on ([`body`]).
//!
//! - `typed`: what stands in the form. `body`: the same as the body of a request. `rhythm`: time in words and as an expression.
//! - `seen`: what each recipient would see. `warnings`: what there is to know, in the words of the form. `page`: what the template shows,
//!   `choices`: what it offers.

mod body;
mod choices;
mod page;
mod rhythm;
mod seen;
mod typed;
mod warnings;

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use pressrun_api::reading;
use pressrun_api::saving::{self, NotSaved, Saved};
use pressrun_domain::access;
use pressrun_domain::catalog::{Dashboard, Document};
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::schedule::{Definition, FilterConfig, Schedule};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::page::{Fault, Found};
pub(super) use self::rhythm::odd;
use self::typed::Typed;
use super::act::is_own_token;
use super::filters;
use crate::base::here;
use crate::page::{PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;

/// Most bytes of the form: a list of all recipients that an admin may save, and a private key.
pub(crate) const LIMIT: usize = 4 << 20;

const WHAT: &str = "schedule";

/// A time that is never saved: with it the other fields are looked at while the one that was typed is not understood.
const STAND_IN: &str = "0 8 ? * * *";

/// What is asked for of a new schedule.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    dashboard: String,
    filters: String,
}

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

/// `GET /schedules/new`: the form over a dashboard and its filters, or, where none is named, which dashboard it is to be.
pub(crate) async fn new(State(state): State<Arc<WebState>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    if asked.dashboard.is_empty() {
        return Ok(show(StatusCode::OK, &page::choose(&viewer)));
    }
    let identifier = DocumentIdentifier(asked.dashboard);
    let mut typed = Typed::new_one();
    typed.set("identifier", identifier.as_str());
    typed.set("filters", asked.filters);
    typed.set("once", uuid::Uuid::new_v4().to_string());
    let scene = Scene::of_new(&viewer, &identifier)?;
    let name = scene.document.map_or("", |document| document.name.as_str());
    typed.set("name", name);
    typed.set("subject", name);
    typed.zone(&page::zone_for(&viewer, scene.dashboard));
    let filters = scene.filters(&mut typed, &viewer).map_err(PageError::Invalid)?;
    Ok(show(StatusCode::OK, &page::Page::of(&state, &viewer, &scene, typed, &filters)))
}

/// `POST /schedules/new`.
pub(crate) async fn make(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    form: Sent,
) -> Result<Response, PageError> {
    let typed = own(&state, &headers, form)?;
    let identifier = DocumentIdentifier(typed.text("identifier").to_owned());
    let scene = Scene::of_new(&viewer, &identifier)?;
    answer(&state, &viewer, &scene, typed).await
}

/// `GET /schedules/{id}/edit`.
pub(crate) async fn edit(State(state): State<Arc<WebState>>, viewer: Viewer, Path(id): Path<String>) -> Result<Response, PageError> {
    let schedule = managed(&state, &viewer, &id).await?;
    let scene = Scene::of_stored(&viewer, &schedule)?;
    let mut typed = Typed::of(&schedule.definition);
    typed.zone(&schedule.definition.timezone);
    let cron = schedule.definition.cron.parse::<pressrun_cron::CronExpression>();
    typed.set("schedule", cron.map_or_else(|_| schedule.definition.cron.clone(), |cron| cron.describe()));
    typed.set("version", schedule.version.to_string());
    typed.set("filters", serde_json::to_string(&schedule.definition.filters).unwrap_or_default());
    let filters = schedule.definition.filters.clone();
    Ok(show(StatusCode::OK, &page::Page::of(&state, &viewer, &scene, typed, &filters)))
}

/// `POST /schedules/{id}/edit`.
pub(crate) async fn change(
    State(state): State<Arc<WebState>>,
    headers: HeaderMap,
    viewer: Viewer,
    Path(id): Path<String>,
    form: Sent,
) -> Result<Response, PageError> {
    let typed = own(&state, &headers, form)?;
    let schedule = managed(&state, &viewer, &id).await?;
    let scene = Scene::of_stored(&viewer, &schedule)?;
    answer(&state, &viewer, &scene, typed).await
}

fn own(state: &WebState, headers: &HeaderMap, form: Sent) -> Result<Typed, PageError> {
    let Form(fields) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            PageError::Invalid(format!("The form is larger than {} MiB. Name groups instead of people.", LIMIT >> 20))
        }
        _ => PageError::Foreign,
    })?;
    let typed = Typed::sent(fields);
    is_own_token(state, headers, typed.text("form_token"))?;
    Ok(typed)
}

/// The schedule, when the viewer manages it.
async fn managed(state: &WebState, viewer: &Viewer, id: &str) -> Result<Schedule, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let shown = reading::schedule(&state.api, &viewer.actor, id).await.map_err(|refused| PageError::refused(refused, WHAT))?;
    if shown.whole { Ok(shown.schedule) } else { Err(PageError::NotFound(WHAT)) }
}

/// What the form is about.
struct Scene<'a> {
    identifier: &'a DocumentIdentifier,
    document: Option<&'a Document>,
    dashboard: Option<&'a Dashboard>,
    /// What it changes.
    stored: Option<&'a Schedule>,
}

impl<'a> Scene<'a> {
    fn of_new(viewer: &'a Viewer, identifier: &'a DocumentIdentifier) -> Result<Self, PageError> {
        let found = viewer.catalog.documents.get(identifier).filter(|document| viewer.may_view(document));
        let document = found.ok_or(PageError::NotFound("dashboard"))?;
        let dashboard = document.dashboard.as_ref().ok_or(PageError::NotFound("dashboard"))?;
        if document.access.no_new_schedules || !document.saved {
            return Err(PageError::Conflict(format!("“{}” takes no new schedules. Its authors can change that.", document.name)));
        }
        Ok(Self { identifier, document: Some(document), dashboard: Some(dashboard), stored: None })
    }

    fn of_stored(viewer: &'a Viewer, schedule: &'a Schedule) -> Result<Self, PageError> {
        let identifier = &schedule.definition.identifier;
        let document = viewer.catalog.documents.get(identifier).map(AsRef::as_ref);
        // Before anybody types what cannot be saved (X8).
        if let Some(document) = document.filter(|_| !access::may_widen(&viewer.catalog, &schedule.definition)) {
            let text = "takes no new schedules, and those of it cannot be changed. They can still be paused, given away and deleted.";
            return Err(PageError::Conflict(format!("“{}” {text}", document.name)));
        }
        Ok(Self { identifier, document, dashboard: document.and_then(|document| document.dashboard.as_ref()), stored: Some(schedule) })
    }

    fn definition(&self) -> Option<&'a Definition> {
        self.stored.map(|schedule| &schedule.definition)
    }

    /// The filters that the form says: those that it carries, under what was chosen in it. They are carried on.
    ///
    /// # Errors
    /// What is not understood, in words.
    fn filters(&self, typed: &mut Typed, viewer: &Viewer) -> Result<FilterConfig, String> {
        let Some(dashboard) = self.dashboard else { return Ok(self.definition().map(|stored| stored.filters.clone()).unwrap_or_default()) };
        let stored = self.definition().map(|stored| &stored.filters);
        let mut said = filters::carried(typed.text("filters"), dashboard, stored)?;
        filters::apply(&mut said, dashboard, typed.fields(), viewer.actor.sees_hidden_filters(&viewer.catalog))?;
        typed.set("filters", serde_json::to_string(&said).unwrap_or_default());
        Ok(said)
    }
}

/// What a press of a button comes to.
async fn answer(state: &WebState, viewer: &Viewer, scene: &Scene<'_>, mut typed: Typed) -> Result<Response, PageError> {
    let pressed = typed.text("do").to_owned();
    let mut faults = Vec::new();
    let filters = scene.filters(&mut typed, viewer).unwrap_or_else(|fault| {
        faults.push(Fault::new("filterConfig", fault));
        let stored = scene.definition().map(|stored| stored.filters.clone());
        typed_filters(&typed).or(stored).unwrap_or_default()
    });
    let spoken = rhythm::read(typed.text("schedule"), scene.definition().map(|stored| stored.cron.as_str()));
    let cron = match spoken {
        Ok(spoken) => {
            match spoken.zone {
                Some(zone) if typed.chose_zone_but(&zone) => faults.push(Fault::new("timezone", two_zones(&zone, typed.text("timezone")))),
                Some(zone) => typed.zone(&zone),
                None => {}
            }
            spoken.cron
        }
        Err(fault) => {
            faults.push(Fault { hint: "", ..Fault::new("schedule", fault) });
            String::new()
        }
    };
    let timed = if cron.is_empty() { STAND_IN } else { &cron };
    merge_ticked(&mut typed);
    let zone = typed.text("timezone").trim().to_owned();
    let identifier = scene.identifier.as_str();
    let body = body::body(&typed, &body::Read { cron: timed, timezone: &zone, identifier, filters: &filters }, scene.definition());
    let (mut found, mut considered) = (None, None);
    if pressed == "find" {
        let people =
            reading::known_by(&state.api, &viewer.actor, typed.text("find")).map_err(|refused| PageError::refused(refused, "page"))?;
        found = Some(Found::of(people));
    } else if !faults.is_empty() {
        // Nothing is done; what else is wrong is told at once, and not after the next press.
        match look(state, viewer, scene, &body).await {
            Err(NotSaved::Field { field, fault }) if faults.iter().all(|one| one.field != field) => faults.push(Fault::new(&field, fault)),
            Err(NotSaved::Whole(fault)) => faults.push(Fault::new("", fault)),
            Ok(_) | Err(_) => {}
        }
    } else {
        match act(state, viewer, scene, &pressed, &typed, &body).await {
            Ok(Acted::Done(response)) => return Ok(response),
            Ok(Acted::Looked(looked)) => considered = Some(looked),
            Err(NotSaved::Field { field, fault }) => faults.push(Fault::new(&field, fault)),
            Err(NotSaved::Whole(fault)) => faults.push(Fault::new("", fault)),
            Err(NotSaved::Stale) => {
                let now = scene.stored.map(|schedule| schedule.version.to_string()).unwrap_or_default();
                typed.set("version", now);
                let text = "Somebody changed this schedule since you opened the form. Look at it as it is now in another window; if you save again, what stands here replaces it.";
                faults.push(Fault::new("", text.to_owned()));
            }
            Err(NotSaved::Refused(refused)) => return Err(PageError::refused(refused, WHAT)),
        }
    }
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = page::Page::of(state, viewer, scene, typed, &filters).with(faults, found, &cron);
    Ok(show(
        status,
        &match considered {
            Some(considered) => page.considered(&considered, viewer),
            None => page,
        },
    ))
}

/// Says that words and field do not name the same zone.
fn two_zones(words: &str, field: &str) -> String {
    format!("“When” names {words}, and here stands {}. Take the zone out of “When”, or write the same here.", field.trim())
}

/// Those of the form, when they can be read at all.
fn typed_filters(typed: &Typed) -> Option<FilterConfig> {
    serde_json::from_str(typed.text("filters")).ok()
}

/// People that were ticked beside the list stand on it from now on.
fn merge_ticked(typed: &mut Typed) {
    if typed.ticked("add") {
        let all: Vec<String> = typed.addresses("recipients").into_iter().chain(typed.addresses("add")).collect();
        typed.set("recipients", all.join("\n"));
        typed.clear("add");
    }
}

/// What the use cases made of a press.
enum Acted {
    Done(Response),
    Looked(Box<saving::Considered>),
}

async fn act(
    state: &WebState,
    viewer: &Viewer,
    scene: &Scene<'_>,
    pressed: &str,
    typed: &Typed,
    body: &Map<String, Value>,
) -> Result<Acted, NotSaved> {
    let (api, actor) = (&state.api, &viewer.actor);
    let id = scene.stored.map(|schedule| schedule.id.to_string());
    match (pressed, &id) {
        ("save", None) => saving::create(api, actor, body, typed.text("once")).await.map(|saved| Acted::Done(done(viewer, &saved, true))),
        ("save", Some(id)) => {
            let version = typed.text("version").parse().unwrap_or(0);
            saving::change(api, actor, id, body, version).await.map(|saved| Acted::Done(done(viewer, &saved, false)))
        }
        ("test", _) => {
            let address = actor.person(&viewer.catalog).map(|person| person.email.as_str());
            let saved = saving::test(api, actor, id.as_deref(), &body::as_test(body.clone(), address)?).await?;
            Ok(Acted::Done(Redirect::to(&here(&format!("/runs/{}", saved.id))).into_response()))
        }
        _ => look(state, viewer, scene, body).await.map(|looked| Acted::Looked(Box::new(looked))),
    }
}

/// What saving would come to.
async fn look(state: &WebState, viewer: &Viewer, scene: &Scene<'_>, body: &Map<String, Value>) -> Result<saving::Considered, NotSaved> {
    let id = scene.stored.map(|schedule| schedule.id.to_string());
    saving::consider(&state.api, &viewer.actor, id.as_deref(), body).await
}

/// The schedule's page; before it, what to know of what was saved.
fn done(viewer: &Viewer, saved: &Saved, is_new: bool) -> Response {
    let address = format!("/schedules/{}", saved.id);
    if saved.warnings.is_empty() {
        let word = if is_new { "made" } else { "saved" };
        return Redirect::to(&here(&format!("{address}?done={word}"))).into_response();
    }
    show(StatusCode::OK, &page::Told::of(viewer, address, saved.warnings.iter().map(|warning| warnings::plainly(warning)).collect()))
}

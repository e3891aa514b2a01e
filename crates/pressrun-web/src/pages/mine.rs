//! What somebody gets who need not have a login: the link at the end of any of their mails opens it, with the signature that unsubscribes. Each
//! report with when it comes, why and from whom; one can be left, or all of them.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use pressrun_cron::CronExpression;
use pressrun_domain::audit::{Agent, Change, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::EmailSettings;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Schedule;
use pressrun_store::StoreError;

use super::unsubscribe::{self, Parts};
use crate::page::{Frame, Message, PageError, show};
use crate::state::WebState;
use crate::viewer::Came;
use crate::words::{self, When};

/// Reports that are listed, and left in one go.
const LISTED: u32 = 200;

#[derive(Template)]
#[template(path = "mine.html")]
struct Page {
    frame: Frame,
    email: String,
    organization: String,
    /// Where the page is.
    address: String,
    reports: Vec<Report>,
    /// Whether there are others that are not listed.
    more: bool,
    /// What was just left.
    left: Vec<String>,
}

struct Report {
    id: String,
    name: String,
    from: String,
    rhythm: String,
    zone: String,
    next: Option<When>,
    why: String,
    /// Whether it stands still for now.
    paused: bool,
}

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

/// `GET /mine/…`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, Path(parts): Parts) -> Result<Response, PageError> {
    let Some((id, place)) = unsubscribe::signed(&state, &parts) else { return Ok(private(unsubscribe::invalid())) };
    let Some((schedule, email)) = unsubscribe::find(&state, id, place).await? else { return Ok(private(unsubscribe::done())) };
    let listed = reports(&state, Some(schedule), &email).await?;
    Ok(private(shown(&state, &parts, &email, &listed, Vec::new())))
}

/// `POST /mine/…`: leaves the reports that the form names, of those that the page lists.
pub(crate) async fn leave(
    State(state): State<Arc<WebState>>,
    Came(origin): Came,
    Path(parts): Parts,
    form: Sent,
) -> Result<Response, PageError> {
    let Some((id, place)) = unsubscribe::signed(&state, &parts) else { return Ok(private(unsubscribe::invalid())) };
    let Some((schedule, email)) = unsubscribe::find(&state, id, place).await? else { return Ok(private(unsubscribe::done())) };
    let Ok(Form(fields)) = form else { return Err(PageError::Invalid("The form was not complete. Open the link again.".to_owned())) };
    let wanted: Vec<ScheduleId> = fields.iter().filter(|(name, _)| name == "leave").filter_map(|(_, id)| id.parse().ok()).collect();
    let everything = fields.iter().any(|(name, _)| name == "all");
    let (mut left, mut kept) = (Vec::new(), Vec::new());
    let mut listed = reports(&state, Some(schedule), &email).await?;
    loop {
        let (go, stay): (Vec<_>, Vec<_>) = listed.schedules.drain(..).partition(|one| everything || wanted.contains(&one.id));
        let mut gone = 0;
        for one in go {
            let change = Change { at: state.clock.now(), agent: Agent::Recipient(email.clone()), origin, verb: Verb::Unsubscribed };
            match state.store.opt_out(one.id, &email, &change).await {
                Ok(()) => gone += 1,
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
            left.push(one.definition.name);
        }
        kept.extend(stay);
        // Who leaves everything leaves those that are not listed as well, as long as that makes them fewer.
        if !(everything && listed.more && gone > 0) {
            break;
        }
        listed = reports(&state, None, &email).await?;
    }
    tracing::info!(count = left.len(), "a recipient left reports");
    Ok(private(shown(&state, &parts, &email, &Listed { schedules: kept, more: listed.more }, left)))
}

/// Reports that name an address.
struct Listed {
    schedules: Vec<Schedule>,
    /// Whether there are others.
    more: bool,
}

/// The report of the link, and others that name the address, by name.
async fn reports(state: &WebState, of_link: Option<Schedule>, email: &EmailAddress) -> Result<Listed, StoreError> {
    let mut ids = state.store.lists_naming(email, LISTED + 1).await?;
    let more = ids.len() > LISTED as usize;
    ids.truncate(LISTED as usize);
    let mut schedules = Vec::new();
    for id in ids {
        if of_link.as_ref().is_none_or(|of_link| of_link.id != id)
            && let Some(schedule) = state.store.schedule(id).await?
        {
            schedules.push(schedule);
        }
    }
    schedules.sort_by_cached_key(|schedule| schedule.definition.name.to_lowercase());
    schedules.splice(0..0, of_link);
    Ok(Listed { schedules, more })
}

fn shown(
    state: &WebState,
    (schedule, recipient, signature): &(String, String, String),
    email: &EmailAddress,
    listed: &Listed,
    left: Vec<String>,
) -> Response {
    let catalog = (state.catalog)();
    let now = state.clock.now();
    if listed.schedules.is_empty() && !listed.more {
        return show(
            StatusCode::OK,
            &Message::new("You are off every list", format!("{email} gets no more of the reports that named it.")),
        );
    }
    let page = Page {
        frame: Frame::bare("Your reports"),
        email: email.to_string(),
        organization: catalog.organization.name.clone(),
        address: format!("/mine/{schedule}/{recipient}/{signature}"),
        more: listed.more,
        reports: listed.schedules.iter().map(|schedule| report(schedule, email, &catalog, now)).collect(),
        left,
    };
    show(StatusCode::OK, &page)
}

fn report(schedule: &Schedule, email: &EmailAddress, catalog: &Catalog, now: Timestamp) -> Report {
    let definition = &schedule.definition;
    let zone = words::zone(&definition.timezone);
    let cron = definition.cron.parse::<CronExpression>().ok();
    let next = schedule.next_at.filter(|_| schedule.is_active());
    Report {
        id: schedule.id.to_string(),
        name: definition.name.clone(),
        from: catalog.member(definition.owner.0).map_or_else(|| "somebody who has left".to_owned(), |owner| owner.name.clone()),
        rhythm: cron.map_or_else(|| definition.cron.clone(), |cron| cron.describe()),
        zone: definition.timezone.clone(),
        next: next.map(|at| words::when(at, &zone, now)),
        why: definition.destination.email().map_or_else(String::new, |mail| why(mail, email, catalog)),
        paused: !schedule.is_active(),
    }
}

/// Why an address gets a mail.
fn why(mail: &EmailSettings, email: &EmailAddress, catalog: &Catalog) -> String {
    let stands_on = |list: &[pressrun_domain::destination::Recipient]| list.iter().any(|place| place.email.same_as(email));
    if stands_on(&mail.recipients) {
        return "you are on its list".to_owned();
    }
    if stands_on(&mail.cc) || stands_on(&mail.bcc) {
        return "you get a copy".to_owned();
    }
    let member = catalog.member_by_email(email);
    let groups = mail.groups.iter().filter_map(|id| catalog.group(*id));
    let group = member.and_then(|member| groups.into_iter().find(|group| group.members.contains(&member.id)));
    group.map_or_else(String::new, |group| format!("you are in the group {}", group.name))
}

/// The address is a key: it is told to nobody this page leads to, and found by no search.
fn private(response: Response) -> Response {
    let headers = [
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow, noarchive")),
    ];
    (headers, response).into_response()
}

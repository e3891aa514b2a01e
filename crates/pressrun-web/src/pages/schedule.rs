//! One schedule: what it does, when it fires next, and what came of every occurrence.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_api::{Doers, reading};
use pressrun_cron::CronExpression;
use pressrun_domain::access::shown::ShownSchedule;
use pressrun_domain::access::{self, Handover};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::delivery::Tally;
use pressrun_domain::destination::{Destination, Person, Recipient};
use pressrun_domain::id::{GroupId, MembershipId, RunId, ScheduleId};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::{Run, RunKind, RunState};
use pressrun_domain::schedule::{Definition, Schedule};
use serde::Deserialize;

use super::schedules::{Pager, page_number};
use super::{filters, form};
use crate::page::{Frame, PageError, show};
use crate::place::{self, Line};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, Chip, When};

/// Runs a page.
pub(super) const PAGE_SIZE: u32 = 25;
/// Recipients named before the rest is counted.
const SHOWN_PEOPLE: usize = 100;
/// How many of the next instants are shown.
const UPCOMING: usize = 5;

/// What is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    page: String,
    /// What was just done, on the way back from a form.
    done: String,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct Page {
    frame: Frame,
    id: String,
    /// What was just done.
    done: &'static str,
    name: String,
    identifier: String,
    dashboard: Option<String>,
    activity: Chip,
    switched_off: Option<String>,
    active: bool,
    rhythm: String,
    latest: Option<Latest>,
    buttons: Option<Buttons>,
    offer: Option<OfferLine>,
    requests: Vec<Asking>,
    audience: Audience,
    lines: Vec<Line>,
    upcoming: Vec<Upcoming>,
    zone: String,
    history: Vec<Past>,
    total: String,
    pager: Pager,
}

/// How it went the last time, at a glance.
struct Latest {
    run: String,
    when: When,
    state: Chip,
    why: String,
    /// How many accepted, of how many.
    counts: String,
}

/// What its owner and admins may do to it.
struct Buttons {
    id: String,
    form_token: String,
    paused: bool,
    /// Switched off by the system: neither paused, resumed nor run.
    off: bool,
    /// What a run sends, and to whom.
    consequence: String,
    /// The latest run by hand, or a word for none.
    seen: String,
    /// Whether it sends links that open without a login.
    links: bool,
    /// Whether it is given away at once, or offered.
    at_once: bool,
}

/// That the schedule is offered to somebody, for the two whom it concerns.
struct OfferLine {
    text: String,
    /// Whether the viewer is the one who may accept.
    to_viewer: bool,
}

/// A member who asks to be on the list.
struct Asking {
    id: String,
    who: String,
    until: When,
}

/// Who gets it.
#[derive(Default)]
pub(super) struct Audience {
    pub(super) people: Vec<(String, String)>,
    pub(super) more: usize,
    /// Whether those are not the viewer's to know.
    pub(super) unsaid: bool,
    pub(super) groups: Vec<(String, String)>,
}

struct Upcoming {
    when: When,
    note: Option<String>,
}

struct Past {
    id: String,
    when: When,
    kind: String,
    state: Chip,
    why: String,
    dst: &'static str,
    took: Option<String>,
    ran: bool,
}

/// `GET /schedules/{id}`.
pub(crate) async fn page(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    const WHAT: &str = "schedule";
    let id: ScheduleId = id.parse().map_err(|_| PageError::NotFound(WHAT))?;
    let refused = |refused| PageError::refused(refused, WHAT);
    let (api, actor) = (&state.api, &viewer.actor);
    let shown = reading::schedule(api, actor, id).await.map_err(refused)?;
    let page = page_number(&asked.page);
    let (runs, doers) = reading::runs(api, actor, id, page, PAGE_SIZE).await.map_err(refused)?;
    let offered = reading::offered(api, actor, id).await.map_err(refused)?;
    let requests = if shown.whole { reading::requests(api, actor, id).await.map_err(refused)? } else { Vec::new() };
    let now = state.clock.now();
    let ShownSchedule { schedule, whole, left_out, .. } = shown;
    let definition = &schedule.definition;
    let zone = words::zone(&definition.timezone);
    let cron = definition.cron.parse::<CronExpression>().ok();
    let document = viewer.catalog.documents.get(&definition.identifier);
    let latest = if page == 1 { latest(&state, &runs.rows, &doers, &zone, now).await? } else { None };
    let pauser = if schedule.disabled_at.is_some() && whole {
        let agent = pressrun_api::latest_agent(&*state.store, id, Verb::SchedulePaused).await?;
        agent.map(|agent| pressrun_api::doer(&agent, &viewer.catalog).name)
    } else {
        None
    };
    let seen = if page == 1 { seen(&runs.rows) } else { seen(&reading::runs(api, actor, id, 1, PAGE_SIZE).await.map_err(refused)?.0.rows) };
    Ok(show(
        StatusCode::OK,
        &Page {
            frame: Frame::new(&definition.name, &viewer, "schedules"),
            id: id.to_string(),
            done: match asked.done.as_str() {
                "made" => "The schedule is made. It goes out for the first time at the first instant below.",
                "saved" => "The changes are saved.",
                "given" => "The schedule is theirs now; both of you were told.",
                "offered" => "It is offered to them. Until they accept, it goes on as it is.",
                _ => "",
            },
            name: definition.name.clone(),
            identifier: definition.identifier.0.clone(),
            dashboard: document.filter(|document| viewer.may_view(document)).map(|document| document.name.clone()),
            activity: words::activity(&schedule),
            switched_off: switched_off(&schedule, pauser.as_deref(), &zone, now),
            active: schedule.is_active(),
            rhythm: cron.as_ref().map_or_else(|| definition.cron.clone(), CronExpression::describe),
            latest,
            buttons: whole.then(|| buttons(&schedule, &viewer, seen)),
            offer: offered.map(|(offer, _)| offer_line(&offer, &viewer, &zone, now)),
            requests: requests.iter().map(|request| asking(request, &viewer.catalog, &zone, now)).collect(),
            audience: audience(definition, left_out, &viewer.catalog),
            lines: lines(definition, whole, &viewer.catalog),
            upcoming: cron.map(|cron| upcoming(&cron, &zone, now)).unwrap_or_default(),
            zone: definition.timezone.clone(),
            total: words::count(runs.total, "occurrence"),
            pager: Pager::new(page, runs.total, PAGE_SIZE, &[]),
            history: runs.rows.iter().map(|run| past(run, &of(run, &doers), &zone, now)).collect(),
        },
    ))
}

/// The newest run that says how the schedule does: not a test, and not a piece that was sent again.
async fn latest(
    state: &WebState,
    runs: &[Run],
    doers: &HashMap<RunId, Doers>,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Option<Latest>, PageError> {
    let Some(run) = runs.iter().find(|run| !matches!(run.state, RunState::Skipped { .. }) && run.kind.counts()) else {
        return Ok(None);
    };
    // Whether anything was sent is not told where the outcome is not.
    let tally = if run.record.outline.is_none() { state.store.tally(run.id).await? } else { Tally::default() };
    Ok(Some(Latest {
        run: run.id.to_string(),
        when: words::when(run.scheduled_for, zone, now),
        state: words::state(run),
        why: words::why_in_all(run, &of(run, doers), Some(&tally), zone, now),
        counts: words::accepted(&tally),
    }))
}

/// The latest run by hand among the first page of runs.
pub(super) fn latest_by_hand(runs: &[Run]) -> Option<&Run> {
    runs.iter().find(|run| run.kind == RunKind::Manual)
}

/// What the button says that the page knew of.
fn seen(runs: &[Run]) -> String {
    latest_by_hand(runs).map_or_else(|| "none".to_owned(), |run| run.id.to_string())
}

fn buttons(schedule: &Schedule, viewer: &Viewer, seen: String) -> Buttons {
    let consequence = match &schedule.definition.destination {
        Destination::Email(mail) => {
            let people = words::count(mail.named().count() as u64, "recipient");
            match mail.groups.len() as u64 {
                0 => format!("This sends the report to its {people} now."),
                groups => format!("This sends the report to its {people} and {} now.", words::count(groups, "group")),
            }
        }
        Destination::Slack(_) => "This posts the report to Slack now.".to_owned(),
        Destination::Webhook(_) => "This calls the webhook now.".to_owned(),
        Destination::Sftp(_) | Destination::S3(_) => "This uploads the file now.".to_owned(),
    };
    Buttons {
        id: schedule.id.to_string(),
        form_token: viewer.form_token.clone(),
        paused: schedule.disabled_at.is_some(),
        off: schedule.system_disabled.is_some(),
        consequence,
        seen,
        links: schedule.definition.destination.email().is_some(),
        at_once: viewer.actor.handover(&viewer.catalog) == Handover::AtOnce,
    }
}

fn offer_line(offer: &OwnershipOffer, viewer: &Viewer, zone: &TimeZone, now: Timestamp) -> OfferLine {
    let name = |member: MembershipId| viewer.catalog.member(member.0).map_or_else(|| "somebody".to_owned(), |member| member.name.clone());
    let to_viewer = viewer.actor.is(&viewer.catalog, offer.to);
    let until = words::when(offer.expires_at, zone, now).text;
    let text = if to_viewer {
        format!("{} wants to give this schedule to you. The offer lapses on {until}.", name(offer.from))
    } else {
        format!("Offered to {}, who has until {until} to accept. Until then it goes on as it is.", name(offer.to))
    };
    OfferLine { text, to_viewer }
}

fn asking(request: &SubscriptionRequest, catalog: &Catalog, zone: &TimeZone, now: Timestamp) -> Asking {
    let who =
        catalog.member(request.member.0).map_or_else(|| "somebody".to_owned(), |member| format!("{} ({})", member.name, member.email));
    Asking { id: request.id.to_string(), who, until: words::when(request.expires_at, zone, now) }
}

pub(super) fn audience(definition: &Definition, left_out: usize, catalog: &Catalog) -> Audience {
    let Some(mail) = definition.destination.email() else { return Audience::default() };
    let person = |(recipient, copy): (&Recipient, &str)| {
        // Somebody without a login may have become a member since; it is as a member that they get it.
        let member = match recipient.person {
            Person::Member(id) => catalog.member(id.0),
            Person::EmailOnly(_) => catalog.member_by_email(&recipient.email),
        };
        let who = match (recipient.person, member) {
            _ if access::is_held(catalog, definition, recipient) => {
                "on the list for their own rows: gets nothing of the owner's until added".to_owned()
            }
            (_, Some(member)) if member.active => member.name.clone(),
            (_, Some(member)) => format!("{}, deactivated: gets nothing", member.name),
            (Person::Member(_), None) => "no longer a member: gets nothing".to_owned(),
            (Person::EmailOnly(_), None) => "no login".to_owned(),
        };
        (recipient.email.to_string(), format!("{copy}{who}"))
    };
    let to = mail.recipients.iter().map(|recipient| (recipient, ""));
    let copies = mail.cc.iter().map(|recipient| (recipient, "Cc: ")).chain(mail.bcc.iter().map(|recipient| (recipient, "Bcc: ")));
    let group = |id: &GroupId| match catalog.group(*id) {
        Some(group) => (group.name.clone(), words::count(group.members.len() as u64, "member")),
        None => ("a group that is gone".to_owned(), "gets nothing".to_owned()),
    };
    Audience {
        people: to.chain(copies).take(SHOWN_PEOPLE).map(person).collect(),
        more: mail.named().count().saturating_sub(SHOWN_PEOPLE) + left_out,
        unsaid: left_out > 0,
        groups: mail.groups.iter().map(group).collect(),
    }
}

fn switched_off(schedule: &Schedule, pauser: Option<&str>, zone: &TimeZone, now: Timestamp) -> Option<String> {
    if let Some(off) = schedule.system_disabled {
        let at = words::when(off.at, zone, now).text;
        return Some(format!("Pressrun switched this schedule off on {at}: {}.", words::disabled_reason(off.reason)));
    }
    if let Some(fault) = words::unplannable(&schedule.definition.cron, &schedule.definition.timezone) {
        return Some(format!(
            "Nobody can tell when it is due: {fault}. It does not run until it is saved with another schedule or time zone."
        ));
    }
    let by = pauser.map(|name| format!(" by {name}")).unwrap_or_default();
    schedule.disabled_at.map(|at| format!("Paused since {}{by}.", words::when(at, zone, now).text))
}

fn upcoming(cron: &CronExpression, zone: &TimeZone, now: Timestamp) -> Vec<Upcoming> {
    let next = cron.occurrences(now, zone).take(UPCOMING);
    next.map(|occurrence| Upcoming {
        when: words::when(occurrence.at, zone, now),
        note: occurrence.dst.map(|note| form::odd(note, occurrence.local)),
    })
    .collect()
}

/// The definition line by line, without secrets.
pub(super) fn lines(definition: &Definition, whole: bool, catalog: &Catalog) -> Vec<Line> {
    let dashboard = catalog.documents.get(&definition.identifier).and_then(|document| document.dashboard.as_ref());
    let tile = |key| dashboard.and_then(|dashboard| dashboard.tiles.get(key)).map_or_else(|| format!("{key}"), |tile| tile.title.clone());
    let owner = catalog.member(definition.owner.0).map_or_else(|| "somebody who is gone".to_owned(), |member| member.name.clone());
    let mut lines = vec![
        Line::new("Owner", owner),
        Line::new("Cron", definition.cron.clone()),
        Line::new("Time zone", definition.timezone.clone()),
        Line::new("Format", format_words(definition)),
    ];
    if let Some(zone) = &definition.timezone_override {
        lines.push(Line::new("Query zone", zone.clone()));
    }
    if let Some(key) = &definition.tile {
        lines.push(Line::new("Only the tile", tile(key)));
    }
    if let Some(condition) = &definition.condition {
        lines.push(Line::new("Alert", format!("{} in “{}”", words::condition(condition.kind), tile(&condition.tile))));
    }
    for (key, expression) in &definition.filters {
        let filter = dashboard.and_then(|dashboard| dashboard.filters.get(key));
        let label = filter.map_or(key.as_str(), |filter| filter.label.as_str());
        lines.push(Line::new("Filter", format!("{label} {}", filters::words(expression))));
    }
    if let Some(time) = definition.worthless_after {
        let text = format!("{} in {}: what has not gone out by then is given up", time.strftime("%H:%M"), definition.timezone);
        lines.push(Line::new("Worthless after", text));
    }
    if definition.kill_jobs_on_failure {
        lines.push(Line::new("On failure", "stops when one query fails"));
    }
    lines.extend(place::lines(&definition.destination, access::is_personal(catalog, definition), whole));
    lines
}

/// Format and the options that are not the default.
fn format_words(definition: &Definition) -> String {
    let options = &definition.options;
    let default = OutputOptions::default();
    let mut words = vec![definition.format.to_string()];
    let mut say = |said: bool, text: &str| {
        if said {
            words.push(text.to_owned());
        }
    };
    if definition.format.is_visual() {
        say(options.hide_title, "no title");
        say(options.single_column_layout, "single column");
        say(options.expand_tables_to_show_all_rows, "expanded tables");
    } else if definition.format != Format::LinkOnly {
        say(options.hide_hidden_fields, "without hidden columns");
        say(options.enable_formatting, "formatted values");
        say(
            options.override_row_limit,
            &options.max_row_limit.map_or_else(|| "no row limit".to_owned(), |rows| format!("up to {rows} rows")),
        );
    }
    say(options.show_filters != default.show_filters, "no filter line");
    say(options.show_content_link != default.show_content_link, "no link");
    if definition.format == Format::Pdf {
        let paper = options.paper_format.map(|paper| paper.as_str().to_owned());
        let turned = options.paper_orientation.map(|turned| turned.as_str().to_owned());
        words.extend([paper, turned].into_iter().flatten());
    }
    words.join(", ")
}

fn of(run: &Run, doers: &HashMap<RunId, Doers>) -> Doers {
    doers.get(&run.id).cloned().unwrap_or_default()
}

fn past(run: &Run, doers: &Doers, zone: &TimeZone, now: Timestamp) -> Past {
    let took = match (&run.state, run.started_at) {
        // How long it took says whether there was something to send.
        _ if run.record.outline.is_some() => None,
        (RunState::Ended { at, .. }, Some(started)) => Some(words::length(at.duration_since(started))),
        _ => None,
    };
    Past {
        id: run.id.to_string(),
        when: words::when(run.scheduled_for, zone, now),
        kind: words::kind_by(run.kind, doers),
        state: words::state(run),
        why: words::why_by(run, doers, zone, now),
        dst: run.dst.as_deref().map_or("", words::dst),
        took,
        ran: !matches!(run.state, RunState::Skipped { .. }),
    }
}

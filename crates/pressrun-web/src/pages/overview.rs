//! How everything stands, for admins: what fails first, then what is late, then the rest.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use pressrun_api::reading::{self, Standing};
use pressrun_store::{ListRow, QueuedKind};

use super::act::done;
use crate::page::{Frame, PageError, show};
use crate::place;
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, Chip, When};

/// A piece that was promised this long ago and is not delivered is called late.
const LATE_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Problems of the catalog that are named.
const PROBLEMS: usize = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    zone: String,
    /// What stands in the way, worst first.
    troubles: Vec<Trouble>,
    today: Vec<Figure>,
    now: Vec<Figure>,
    failed: Vec<Failing>,
    failing: u64,
    problems: Vec<String>,
    more_problems: usize,
    loaded: When,
    version: String,
}

/// Something to look at.
struct Trouble {
    text: String,
    tone: &'static str,
    /// Where more of it stands: address and words.
    onward: Option<(&'static str, &'static str)>,
}

/// A number and what it counts.
struct Figure {
    count: u64,
    label: &'static str,
    tone: &'static str,
    /// Where those are listed.
    href: &'static str,
}

struct Failing {
    id: String,
    name: String,
    owner: String,
    destination: String,
    state: Option<Chip>,
    when: Option<When>,
}

/// `GET /overview`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer) -> Result<Response, PageError> {
    let now = state.clock.now();
    let zone_name = viewer.zone().unwrap_or_else(|| "UTC".to_owned());
    let zone = words::zone(&zone_name);
    let today = now.to_zoned_datetime(zone.clone()).start_of_day().map_or(now, |start| start.timestamp());
    let tomorrow =
        now.to_zoned_datetime(zone.clone()).tomorrow().and_then(|next| next.start_of_day()).map_or(Timestamp::MAX, |next| next.timestamp());
    let late = now.saturating_sub(LATE_AFTER).unwrap_or(Timestamp::MIN);
    let standing = done(reading::standing(&state.api, &viewer.actor, today, tomorrow, late).await, "page")?;
    let figure = |count, label, tone, href| Figure { count, label, tone: if count == 0 { "calm" } else { tone }, href };
    let counts = &standing.today;
    let all_problems = standing.faults.problems.len();
    let page = Page {
        frame: Frame::new("Overview", &viewer, "overview"),
        troubles: troubles(&standing, now),
        today: vec![
            figure(counts.sent, "sent", "good", "/history?part=sent"),
            figure(counts.partly + counts.failed + counts.stopped, "failed, failed in part or stopped", "bad", "/history?part=failed"),
            figure(counts.open, "under way or waiting", "busy", "/history?part=open"),
            figure(counts.unmet, "alerts with nothing to say", "calm", "/history?part=unmet"),
            figure(counts.skipped, "skipped", "warn", "/history?part=skipped"),
        ],
        now: vec![
            figure(waiting(&standing), "runs wait for a worker", "busy", "/history?part=open"),
            figure(standing.owed.pieces, "deliveries are promised and not yet accepted", "busy", "/history?part=open"),
            figure(standing.owed.late_pieces, "of them are late", "warn", "/history?part=open"),
            figure(standing.schedules.active, "schedules come due", "calm", "/schedules"),
            figure(standing.schedules.inactive, "schedules are paused, switched off or over", "calm", "/schedules"),
        ],
        failing: standing.failing,
        failed: standing.failed.into_iter().map(|row| failing(&viewer, row, now)).collect(),
        problems: standing.faults.problems.iter().take(PROBLEMS).map(|problem| format!("{}: {}", problem.file, problem.message)).collect(),
        more_problems: all_problems.saturating_sub(PROBLEMS),
        loaded: words::when(standing.faults.loaded_at, &zone, now),
        version: viewer.catalog.version.chars().take(8).collect(),
        zone: zone_name,
    };
    Ok(show(StatusCode::OK, &page))
}

fn waiting(standing: &Standing) -> u64 {
    standing.waiting.queued.iter().filter(|(kind, ..)| *kind != QueuedKind::Again).map(|(.., count)| count).sum()
}

fn troubles(standing: &Standing, now: Timestamp) -> Vec<Trouble> {
    let trouble = |text: String, tone, onward| Trouble { text, tone, onward };
    let mut all = Vec::new();
    if !standing.late_tasks.is_empty() {
        all.push(trouble(
            format!("This server is stuck: no sign of life from {}. Its log says more.", standing.late_tasks.join(", ")),
            "bad",
            None,
        ));
    }
    if standing.workers == Some(0) {
        all.push(trouble("No server works: nothing goes out until one is started.".to_owned(), "bad", None));
    }
    if standing.failing > 0 {
        let (noun, verb) = (words::count(standing.failing, "schedule"), "did not go out, or not completely, the last time.");
        all.push(trouble(format!("{noun} {verb}"), "bad", Some(("/schedules?status=error&sort=last", "Show"))));
    }
    if standing.overdue > 0 {
        let text = format!("{} later than the operator wants to wait.", words::count(standing.overdue, "occurrence"));
        all.push(trouble(text, "bad", Some(("/history?part=open", "What is under way"))));
    }
    if let Some(since) = standing.waiting.oldest_due.filter(|since| now.duration_since(*since) > LATE_AFTER) {
        all.push(trouble(format!("The oldest occurrence that nobody has begun was due {}.", words::relative(since, now)), "warn", None));
    }
    if !standing.faults.problems.is_empty() {
        let count = words::count(standing.faults.problems.len() as u64, "problem");
        all.push(trouble(
            format!("The catalog has {count}: those files are not in force as they are."),
            "warn",
            Some(("/catalog", "Show the files")),
        ));
    }
    if standing.owed.notices_to_operator > 0 {
        let count = words::count(standing.owed.notices_to_operator, "notice");
        all.push(trouble(format!("{count} to the operator could not be sent yet."), "warn", None));
    }
    if standing.suppressed > 0 {
        let text = format!(
            "{} no more mail, because earlier mail came back.",
            match standing.suppressed {
                1 => "1 address gets".to_owned(),
                many => format!("{many} addresses get"),
            }
        );
        all.push(trouble(text, "calm", Some(("/suppressions", "Show them"))));
    }
    all
}

fn failing(viewer: &Viewer, mut row: ListRow, now: Timestamp) -> Failing {
    row.last_run = row.last_run.map(|last| viewer.actor.told_last_run(&viewer.catalog, row.owner, last));
    let zone = words::zone(row.timezone());
    Failing {
        id: row.id.to_string(),
        name: row.name().to_owned(),
        destination: place::summary(&row),
        state: row.last_run.as_ref().map(words::last_status),
        when: row.last_run.map(|last| words::when(last.completed_at, &zone, now)),
        owner: row.names.owner,
    }
}

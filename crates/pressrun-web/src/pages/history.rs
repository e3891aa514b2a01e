//! What came of all schedules, for admins: searched, narrowed, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_api::Doers;
use pressrun_api::reading::{self, History, Wanted};
use pressrun_domain::run::{Run, RunState};
use pressrun_store::HistoryPart;
use serde::Deserialize;

use super::act::done;
use super::schedules::page_number;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, Chip, When};

/// Runs a page.
const PAGE_SIZE: u32 = 50;
/// Days that are looked at when nothing is said; more are asked for by date.
const DAYS: i64 = 7;
/// Most days at once.
const MOST_DAYS: i64 = 92;

/// What is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    part: String,
    from: String,
    to: String,
    page: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    frame: Frame,
    q: String,
    from: String,
    to: String,
    parts: Vec<(&'static str, &'static str, bool)>,
    rows: Vec<Row>,
    /// When a search found too many schedules: how many are looked at, and how many it found.
    looked_at: Option<(usize, u64)>,
    zone: String,
    newer: Option<String>,
    older: Option<String>,
}

struct Row {
    run: String,
    schedule: String,
    name: String,
    when: When,
    state: Chip,
    why: String,
    kind: String,
    ran: bool,
}

/// `GET /history`.
pub(crate) async fn page(State(state): State<Arc<WebState>>, viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let now = state.clock.now();
    let zone_name = viewer.zone().unwrap_or_else(|| "UTC".to_owned());
    let zone = words::zone(&zone_name);
    let (first, last) = days(&asked, &zone, now)?;
    let page = page_number(&asked.page);
    let part = HistoryPart::ALL.into_iter().find(|part| part.as_str() == asked.part).unwrap_or_default();
    let wanted = Wanted {
        from: start(first, &zone)?,
        until: last.tomorrow().map_or(Ok(Timestamp::MAX), |next| start(next, &zone))?,
        part,
        search: asked.q.clone(),
        offset: (page - 1).saturating_mul(u64::from(PAGE_SIZE)),
        limit: PAGE_SIZE + 1,
    };
    let History { mut runs, looked_at } = done(reading::history(&state.api, &viewer.actor, &wanted).await, "page")?;
    let more = runs.len() > PAGE_SIZE as usize;
    runs.truncate(PAGE_SIZE as usize);
    let address = |page: u64| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &asked.q).append_pair("part", part.as_str()).append_pair("from", &first.to_string());
        query.append_pair("to", &last.to_string()).append_pair("page", &page.to_string());
        format!("?{}", query.finish())
    };
    let page = Page {
        frame: Frame::new("History", &viewer, "history"),
        parts: HistoryPart::ALL.map(|one| (one.as_str(), label(one), one == part)).into(),
        rows: runs.iter().map(|run| row(run, now)).collect(),
        looked_at,
        from: first.to_string(),
        to: last.to_string(),
        zone: zone_name,
        newer: (page > 1).then(|| address(page - 1)),
        older: more.then(|| address(page + 1)),
        q: asked.q,
    };
    Ok(show(StatusCode::OK, &page))
}

/// The days that are looked at: those that were asked for, else the last ones.
fn days(asked: &Asked, zone: &TimeZone, now: Timestamp) -> Result<(Date, Date), PageError> {
    let today = now.to_zoned_datetime(zone.clone()).date();
    let day = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse::<Date>().map(Some).map_err(|_| PageError::Invalid(format!("“{text}” is no day; write it as 2026-01-31."))),
    };
    let last = day(&asked.to)?.unwrap_or(today);
    let back = |days: i64| last.checked_sub(SignedDuration::from_hours(24 * (days - 1))).unwrap_or(last);
    let first = day(&asked.from)?.unwrap_or_else(|| back(DAYS));
    if first > last {
        return Err(PageError::Invalid(format!("{first} is after {last}.")));
    }
    if first < back(MOST_DAYS) {
        return Err(PageError::Invalid(format!("At most {MOST_DAYS} days are looked at once; choose a later first day.")));
    }
    Ok((first, last))
}

fn start(day: Date, zone: &TimeZone) -> Result<Timestamp, PageError> {
    let start = day.to_zoned_datetime(zone.clone()).and_then(|midnight| midnight.start_of_day());
    start.map(|start| start.timestamp()).map_err(|_| PageError::Invalid(format!("{day} is too far away.")))
}

fn label(part: HistoryPart) -> &'static str {
    match part {
        HistoryPart::All => "Any outcome",
        HistoryPart::Failed => "Failed, in part or stopped",
        HistoryPart::Sent => "Sent",
        HistoryPart::Unmet => "Nothing to say",
        HistoryPart::Open => "Under way or waiting",
        HistoryPart::Skipped => "Skipped",
    }
}

fn row(run: &Run, now: Timestamp) -> Row {
    let zone = words::zone(&run.definition.timezone);
    Row {
        run: run.id.to_string(),
        schedule: run.schedule_id.to_string(),
        name: run.definition.name.clone(),
        when: words::when(run.scheduled_for, &zone, now),
        state: words::state(run),
        why: words::why(run, &zone, now),
        kind: words::kind_by(run.kind, &Doers::default()),
        ran: !matches!(run.state, RunState::Skipped { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_week_is_looked_at_unless_days_are_named() {
        let now = "2026-03-09T12:00:00Z".parse().unwrap_or_default();
        let zone = words::zone("America/New_York");
        let asked = |from: &str, to: &str| {
            let asked = Asked { from: from.to_owned(), to: to.to_owned(), ..Asked::default() };
            days(&asked, &zone, now).map_or_else(|_| "refused".to_owned(), |(first, last)| format!("{first} {last}"))
        };
        for (from, to, expected) in [
            ("", "", "2026-03-03 2026-03-09"),
            ("2026-01-01", "2026-01-02", "2026-01-01 2026-01-02"),
            ("2026-01-02", "2026-01-01", "refused"),
            ("2020-01-01", "", "refused"),
            ("soon", "", "refused"),
            ("-9999-01-01", "-9999-01-01", "refused"),
        ] {
            assert_eq!(asked(from, to), expected, "{from} {to}");
        }
    }
}

//! One run: what happened when, tile by tile and recipient by recipient (S12).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_api::Doers;
use pressrun_api::reading::{self, StoryPage};
use pressrun_domain::access::RunAccess;
use pressrun_domain::access::shown::ShownRun;
use pressrun_domain::bounce::Bounce;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, MailRole};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::notice::{Notice, NoticeTo};
use pressrun_domain::run::{ArtifactRecord, ConditionRecord, Run, RunKind, RunState, TileRecord, TimelineEntry};
use pressrun_store::AudienceTargets;
use serde::Deserialize;

use super::schedules::{Pager, page_number};
use crate::base::here;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words::{self, Chip, When};

/// Rows of a list before the rest is counted.
const SHOWN: usize = 200;
/// Deliveries a page.
const PAGE_SIZE: u32 = 100;

/// What is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    page: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    schedule: Option<String>,
    when: When,
    kind: String,
    state: Chip,
    why: String,
    dst: &'static str,
    took: Option<String>,
    counts: String,
    /// Whether there are audiences to tell apart.
    several: bool,
    is_over: bool,
    /// Whether to whom it went is not the viewer's to know.
    outline: bool,
    /// Whether how it went is not the viewer's to know.
    untold: bool,
    form_token: String,
    /// Whether the viewer may stop it, and it can be stopped.
    may_stop: bool,
    warnings: Vec<String>,
    conditions: Listed<Condition>,
    deliveries: Vec<Piece>,
    pager: Pager,
    tiles: Listed<Tile>,
    artifacts: Listed<File>,
    timeline: Vec<Event>,
}

/// The beginning of a list that may be long.
struct Listed<T> {
    rows: Vec<T>,
    more: usize,
}

struct Condition {
    tile: String,
    audience: String,
    judgement: Chip,
    detail: String,
}

struct Piece {
    /// Where it is sent again, for those who may have its bytes.
    again: Option<String>,
    target: String,
    state: Chip,
    detail: String,
    subject: String,
    file: Option<File>,
    attempts: Vec<Try>,
}

struct Try {
    number: u32,
    when: When,
    took: String,
    outcome: Chip,
    answer: String,
}

struct Tile {
    title: String,
    audience: String,
    rows: String,
    took: String,
    error: Option<String>,
    truncated: bool,
    /// It came to nothing, which a reader may not expect.
    empty: bool,
}

struct File {
    name: String,
    audience: String,
    facts: String,
    /// Where it can be had, for those who may.
    href: Option<String>,
}

struct Event {
    when: When,
    word: String,
    detail: Option<String>,
}

/// `GET /runs/{id}`.
pub(crate) async fn page(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let page = page_number(&asked.page);
    let story = reading::run(&state.api, &viewer.actor, &id, page, PAGE_SIZE).await;
    let StoryPage { shown, total, tally, audiences: targets, files, may_cancel, doers } =
        story.map_err(|refused| PageError::refused(refused, "run"))?;
    let ShownRun { run, deliveries, notices, access } = shown;
    let now = state.clock.now();
    let zone = words::zone(&run.definition.timezone);
    let managed = access != RunAccess::Summary;
    let page_of: Vec<DeliveryId> = if managed { deliveries.iter().map(|piece| piece.id).collect() } else { Vec::new() };
    let bounces = state.store.bounces_of(&page_of).await?;
    let title_of = |key: &pressrun_domain::id::TileKey| {
        let dashboard = viewer.catalog.documents.get(&run.definition.identifier).and_then(|document| document.dashboard.as_ref());
        dashboard.and_then(|dashboard| dashboard.tiles.get(key)).map_or_else(|| key.to_string(), |tile| tile.title.clone())
    };
    let title = |key: &str| title_of(&key.into());
    let names = readers(targets);
    let readers = |audience: &str| names.get(audience).cloned().unwrap_or_else(|| audience.to_owned());
    let file = |artifact: &ArtifactRecord| {
        let open = files.contains(&artifact.sha256);
        file(artifact, &run, open, &readers)
    };
    let named = run.record.tiles.iter().map(|tile| tile.audience.as_str());
    let audiences: BTreeSet<&str> = named.chain(run.record.artifacts.iter().map(|artifact| artifact.audience.as_str())).collect();
    let is_over = matches!(run.state, RunState::Ended { .. } | RunState::Skipped { .. });
    let took = match (&run.state, run.started_at) {
        // How long it took says whether there was something to send.
        _ if run.record.outline.is_some() => None,
        (RunState::Ended { at, .. }, Some(started)) => Some(format!("took {}", words::length(at.duration_since(started)))),
        (RunState::Running { .. }, Some(started)) => Some(format!("for {}", words::length(now.duration_since(started)))),
        _ => None,
    };
    let mut shown: Vec<Piece> = deliveries.iter().map(|delivery| piece(delivery, latest(&bounces, delivery), file, &zone, now)).collect();
    if is_over && managed {
        for (piece, delivery) in shown.iter_mut().zip(&deliveries) {
            piece.again = may_be_repeated(delivery).then(|| format!("/runs/{}/deliveries/{}/resend", run.id, delivery.id));
        }
    }
    shown.extend(notices.iter().map(|notice| said(notice, &zone, now)));
    Ok(show(
        StatusCode::OK,
        &Page {
            frame: Frame::new(format!("Run of {}", run.definition.name), &viewer, "schedules").refreshed(refresh(&run.state, now)),
            id: run.id.to_string(),
            name: run.definition.name.clone(),
            schedule: (run.kind != RunKind::Test).then(|| run.schedule_id.to_string()),
            when: words::when(run.scheduled_for, &zone, now),
            kind: words::kind_by(run.kind, &doers),
            state: words::state(&run),
            why: words::why_in_all(&run, &doers, tally.as_ref(), &zone, now),
            dst: run.dst.as_deref().map_or("", words::dst),
            took,
            counts: tally.as_ref().map(words::accepted).unwrap_or_default(),
            several: audiences.len() > 1,
            is_over,
            outline: access == RunAccess::Summary,
            untold: run.record.outline.is_some(),
            form_token: viewer.form_token.clone(),
            may_stop: may_cancel && !is_over,
            warnings: run.record.warnings.iter().map(|warning| words::warning(warning, title)).collect(),
            conditions: first(&run.record.conditions, |judged| condition(judged, title_of(&judged.tile), &readers)),
            deliveries: shown,
            pager: Pager::new(page, total, PAGE_SIZE, &[]),
            tiles: first(&run.record.tiles, |record| tile(record, &readers)),
            artifacts: first(&run.record.artifacts, file),
            timeline: run
                .record
                .timeline
                .iter()
                .map(|entry| Event {
                    when: words::when_exactly(entry.at, &zone, now),
                    word: entry.event.clone(),
                    detail: by(entry, &doers),
                })
                .collect(),
        },
    ))
}

/// The detail of a line, with the name of whoever started or stopped the run.
fn by(entry: &TimelineEntry, doers: &Doers) -> Option<String> {
    let doer = match entry.event.as_str() {
        "planned" => doers.started.as_ref(),
        "ended" => doers.stopped.as_ref().or(doers.deleted.as_ref()),
        _ => None,
    };
    match (&entry.detail, doer) {
        (Some(detail), Some(doer)) => Some(format!("{detail}, by {}", doer.name)),
        (None, Some(doer)) => Some(format!("by {}", doer.name)),
        (detail, None) => detail.clone(),
    }
}

/// Seconds until the page asks again: soon while something is under way, not while it waits for a retry.
fn refresh(state: &RunState, now: Timestamp) -> u32 {
    match state {
        RunState::Running { .. } => 4,
        RunState::Queued { available_at } if *available_at <= now => 4,
        RunState::Queued { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => 0,
    }
}

/// Who each audience is: its first reader, and how many more.
fn readers(audiences: Vec<AudienceTargets>) -> HashMap<String, String> {
    let words = |AudienceTargets { audience, first, count }| {
        let words = if count == 1 { first } else { format!("{first} and {} more", count - 1) };
        (audience, words)
    };
    audiences.into_iter().map(words).collect()
}

/// At most [`SHOWN`] of them, and how many more there are.
fn first<T, U>(all: &[T], present: impl Fn(&T) -> U) -> Listed<U> {
    Listed { rows: all.iter().take(SHOWN).map(present).collect(), more: all.len().saturating_sub(SHOWN) }
}

fn condition(judged: &ConditionRecord, tile: String, readers: &impl Fn(&str) -> String) -> Condition {
    let mut detail = words::count(judged.rows, "row");
    if let (Some(added), Some(removed)) = (judged.added, judged.removed) {
        detail = format!("{detail}; {added} new, {removed} gone");
    }
    Condition { tile, audience: readers(&judged.audience), judgement: words::judgement(judged.judgement), detail }
}

/// Only what was tried and is no longer owed can be sent again; whether it may is asked when the button is pressed.
fn may_be_repeated(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Accepted { .. } | DeliveryState::Failed { .. }) && !delivery.attempts.is_empty()
}

/// Something that Pressrun itself said about the run, shown like a piece.
fn said(notice: &Notice, zone: &TimeZone, now: Timestamp) -> Piece {
    let to = match &notice.to {
        NoticeTo::Owner(email) => email.to_string(),
        NoticeTo::Operator => "the operator".to_owned(),
    };
    Piece {
        again: None,
        target: format!("Notice to {to}"),
        state: words::delivery(&notice.state),
        detail: standing(&notice.state, zone, now),
        subject: notice.subject.clone(),
        file: None,
        attempts: notice.attempts.iter().map(|attempt| attempted(attempt, zone, now)).collect(),
    }
}

/// When a piece or notice came to where it stands, or what is next.
fn standing(state: &DeliveryState, zone: &TimeZone, now: Timestamp) -> String {
    match state {
        DeliveryState::Pending { not_before } if *not_before > now => format!("next attempt {}", words::relative(*not_before, now)),
        DeliveryState::Pending { .. } => "next attempt as soon as a worker is free".to_owned(),
        DeliveryState::Accepted { at } => words::when_exactly(*at, zone, now).text,
        DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } => words::reason(reason),
    }
}

/// What came back of a piece: what is worst, and of that the latest.
fn latest<'a>(bounces: &'a [Bounce], delivery: &Delivery) -> Option<&'a Bounce> {
    let of_piece = bounces.iter().filter(|bounce| bounce.delivery == delivery.id);
    of_piece.max_by_key(|bounce| (bounce.report.kind.suppresses(), bounce.at))
}

fn piece(
    delivery: &Delivery,
    came_back: Option<&Bounce>,
    file: impl Fn(&ArtifactRecord) -> File,
    zone: &TimeZone,
    now: Timestamp,
) -> Piece {
    let (state, detail) = match came_back {
        Some(bounce) => (words::came_back(bounce.report.kind), words::came_back_with(bounce, zone, now)),
        None => (words::delivery(&delivery.state), standing(&delivery.state, zone, now)),
    };
    let copy = match delivery.message.heading.role {
        MailRole::To => "",
        MailRole::Cc => " (Cc)",
        MailRole::Bcc => " (Bcc)",
    };
    Piece {
        again: None,
        target: format!("{}{copy}", delivery.target),
        state,
        detail,
        subject: delivery.message.subject.clone(),
        file: delivery.artifact.as_ref().map(file),
        attempts: delivery.attempts.iter().map(|attempt| attempted(attempt, zone, now)).collect(),
    }
}

fn attempted(attempt: &Attempt, zone: &TimeZone, now: Timestamp) -> Try {
    let (outcome, answer) = words::outcome(attempt.outcome.as_ref(), zone, now);
    Try {
        number: attempt.number,
        when: words::when_exactly(attempt.started_at, zone, now),
        took: attempt.ended_at.map_or_else(|| "–".to_owned(), |ended| words::length(ended.duration_since(attempt.started_at))),
        outcome,
        answer,
    }
}

fn tile(record: &TileRecord, readers: &impl Fn(&str) -> String) -> Tile {
    Tile {
        title: record.title.clone(),
        audience: readers(&record.audience),
        rows: words::count(record.rows, "row"),
        took: words::milliseconds(record.ms),
        error: record.error.clone(),
        truncated: record.truncated,
        empty: record.rows == 0 && record.error.is_none(),
    }
}

fn file(artifact: &ArtifactRecord, run: &Run, open: bool, readers: &impl Fn(&str) -> String) -> File {
    let mut facts = vec![words::size(artifact.bytes)];
    if artifact.pages > 0 {
        facts.push(words::count(u64::from(artifact.pages), "page"));
    }
    facts.push(format!("made in {}", words::milliseconds(artifact.ms)));
    File {
        name: artifact.name.clone(),
        audience: readers(&artifact.audience),
        facts: facts.join(", "),
        href: open.then(|| here(&format!("/runs/{}/artifacts/{}", run.id, artifact.sha256))),
    }
}

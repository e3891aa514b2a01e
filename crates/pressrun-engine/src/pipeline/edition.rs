//! What one audience is sent: its condition is judged, its queries run, its files and messages are made.

use pressrun_domain::catalog::Catalog;
use pressrun_domain::delivery::{Heading, Message};
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::naming::{self, Variables};
use pressrun_domain::output::Format;
use pressrun_domain::run::{ArtifactRecord, RunStatus, TileRecord};
use pressrun_domain::schedule::FilterConfig;
use pressrun_query::QueryError;
use pressrun_render::email::{InlineImage, MailView};
use pressrun_sql::{EffectiveFilters, QueryClock};

use super::audience::{Audience, Audiences, Scene, Target};
use super::judge::Met;
use super::outline::QUERY_FAILED;
use super::{Halt, Stop, Work, judge, message};
use crate::artifacts;
use crate::content::{Content, ContentError, Made, RenderRequest, TileResults};
use crate::executor::{MailJob, MailKpi};
use crate::fail::{FailPoint, reach};
use crate::links::scope;
use crate::spool::WorkDir;

/// What all audiences of a run share.
pub(super) struct Shared<'a> {
    scene: Scene<'a>,
    filters: EffectiveFilters,
    link: Option<String>,
    /// The filters that a link without a login spells out.
    stated: FilterConfig,
    stem: String,
    subject: String,
    text: String,
    kind: DestinationKind,
    heading: Heading,
}

/// What all audiences of a run share.
pub(super) fn shared<'a>(work: &Work<'a>, scene: Scene<'a>, found: &Audiences) -> Result<Shared<'a>, Halt> {
    let definition = scene.definition;
    let filters = EffectiveFilters::new(&scene.dashboard.filters, &definition.filters)
        .map_err(|error| Stop::new(RunStatus::Error, "orphanedFilterConfigKeys").because(error.to_string()))?;
    let in_force: FilterConfig = filters.iter().filter_map(|(key, filter)| Some((key.clone(), filter.expression.clone()?))).collect();
    let linked = definition.options.show_content_link || definition.format == Format::LinkOnly;
    // Hidden filters are in force on the page too, and told to nobody: the address is in every mail and file, also of people outside (F11).
    let stated = crate::shared::stated(&in_force, scene.dashboard);
    let link = linked.then(|| work.context.links.dashboard(&definition.identifier, &stated));
    let zone = pressrun_cron::zone(&definition.timezone)
        .map_err(|error| Stop::new(RunStatus::Error, "invalidTimezone").because(error.to_string()))?;
    let tile_title = definition.tile.as_ref().and_then(|key| scene.dashboard.tiles.get(key)).map(|tile| tile.title.as_str());
    let entity = tile_title.unwrap_or(&scene.document.name);
    let variables: Variables<'_> = message::variables(work.run, &zone, entity);
    let (subject, text) = message::subject_and_text(&definition.destination, &variables);
    Ok(Shared {
        stated,
        filters,
        link,
        stem: naming::file_stem(template(definition), &variables),
        subject,
        text,
        kind: definition.destination.kind(),
        heading: definition.destination.email().map(|email| found.heading(email)).unwrap_or_default(),
        scene,
    })
}

fn template(definition: &pressrun_domain::schedule::Definition) -> Option<&str> {
    use pressrun_domain::destination::Destination;
    match &definition.destination {
        Destination::S3(s3) if s3.filename.is_some() => s3.filename.as_deref(),
        _ => definition.options.filename.as_deref(),
    }
}

/// What an audience's targets are sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Prepared {
    pub(super) artifact: Option<ArtifactRecord>,
    pub(super) message: Message,
    /// What a link without a login spells out, and what it is good for.
    pub(super) stated: FilterConfig,
    pub(super) scope: [u8; 8],
}

/// One message and file, and who of an audience gets it.
pub(super) struct Edition {
    pub(super) audience: String,
    pub(super) prepared: Prepared,
    pub(super) targets: Vec<Target>,
}

/// A folder for what is made of an audience on the way. An address in the words of a webhook or of Slack is made of nothing.
pub(super) async fn folder(work: &Work<'_>, name: String) -> std::io::Result<WorkDir> {
    let definition = &work.run.definition;
    let only_words = matches!(definition.destination.kind(), DestinationKind::Webhook | DestinationKind::Slack);
    if only_words && definition.format == Format::LinkOnly && definition.condition.is_none() {
        return Ok(work.context.spool.no_work_dir(&name));
    }
    work.context.spool.new_work_dir(name).await
}

/// What an audience is sent, and who of it: nothing when its condition holds for nobody, and several copies when it holds in different ways,
/// for each says how its readers' own result has changed (A21).
pub(super) async fn editions(work: &mut Work<'_>, shared: &Shared<'_>, audience: &Audience, dir: &WorkDir) -> Result<Vec<Edition>, Halt> {
    work.check_preparing()?;
    let definition = shared.scene.definition;
    let content = Content {
        catalog: shared.scene.catalog,
        document: shared.scene.document,
        dashboard: shared.scene.dashboard,
        tile: definition.tile.as_ref(),
        filters: shared.filters.clone(),
        identity: &audience.identity,
        clock: QueryClock::new(work.run.scheduled_for, audience.zone.clone())
            .fiscal(shared.scene.catalog.fiscal_start(shared.scene.dashboard)),
        format: definition.format,
        options: &definition.options,
    };
    let watched = definition.condition.as_ref().and_then(|condition| Some((condition, shared.scene.dashboard.query(&condition.tile)?)));
    let judged = match watched {
        Some((condition, query)) => Some(judge::judge_audience(work, &content, condition, query, audience, dir).await?),
        None => None,
    };
    reach(FailPoint::AfterJudge);
    if judged.as_ref().is_some_and(|judged| judged.met.is_empty()) {
        return Ok(Vec::new());
    }
    if let Some(outline) = work.record.outline.as_mut().filter(|_| !audience.open_to_owner) {
        outline.held_for_others = true;
    }
    let known = judged.as_ref().map(|judged| (&judged.compiled, &judged.rows));
    let first_tile = work.record.tiles.len();
    let results =
        if definition.format == Format::LinkOnly { TileResults::new() } else { query_tiles(work, &content, audience, known, dir).await? };
    reach(FailPoint::AfterQuery);
    let tiles: Vec<TileRecord> = work.record.tiles[first_tile..].to_vec();
    let missing: Vec<&str> = audience.missing.iter().map(|name| label(shared.scene.catalog, name)).collect();
    let tiles: Vec<&TileRecord> = tiles.iter().collect();
    let everybody = || Met { audience: audience.key.clone(), condition: None, targets: audience.targets.clone() };
    let parts = judged.map_or_else(|| vec![everybody()], |judged| judged.met);
    let mut editions = Vec::with_capacity(parts.len());
    for Met { audience, condition, targets } in parts {
        let alert = condition.as_ref().and_then(|record| {
            let title = shared.scene.dashboard.tiles.get(&record.tile)?.title.as_str();
            Some((record, record.kind?, title))
        });
        let notes = message::notes(alert, &missing, &tiles);
        let prepared = make(work, shared, &content, &results, notes, &audience, dir).await;
        let prepared = prepared.map_err(|error| work.halted_by(&error))?;
        reach(FailPoint::AfterRender);
        editions.push(Edition { audience, prepared, targets });
    }
    Ok(editions)
}

/// What people call an attribute.
fn label<'a>(catalog: &'a Catalog, name: &'a str) -> &'a str {
    catalog.attributes.get(name).map_or(name, |attribute| attribute.label.as_str())
}

/// Runs the content's queries and writes them into the record (S2–S4, R11, F7).
async fn query_tiles(
    work: &mut Work<'_>,
    content: &Content<'_>,
    audience: &Audience,
    known: Option<(&pressrun_sql::CompiledQuery, &crate::content::QueryRows)>,
    dir: &WorkDir,
) -> Result<TileResults, Halt> {
    let definition = &work.run.definition;
    let left = work.time_left()?;
    let again = work.asks_again_at();
    let stops_at: fn(&QueryError) -> bool = match (definition.kill_jobs_on_failure, again) {
        (true, _) => |_| true,
        // All of them are asked again.
        (false, Some(_)) => QueryError::is_transient,
        (false, None) => |_| false,
    };
    let results = work.producer.tiles(content, dir, known, stops_at, left).await;
    let mut results = results.map_err(|error| work.halted_by(&error))?;
    work.time_left()?;
    for (tile, _) in content.query_tiles() {
        if let Some(Err(error)) = results.get_mut(&tile.key) {
            work.ask_again(again, &tile.title, &audience.key, error)?;
        }
    }
    let mut first_error = None;
    for (tile, query) in content.query_tiles() {
        let Some(result) = results.get(&tile.key) else { continue };
        let (rows, ms, truncated, failed) = match (content.unapplied(query), result) {
            (Ok(unapplied), result) => {
                for key in unapplied {
                    work.record.warn(format!("unfiltered: tile {} does not use filter {key}", tile.key));
                }
                for warning in result.iter().flat_map(|rows| &rows.outcome.warnings) {
                    work.record.warn(format!("data: {warning}"));
                }
                match result {
                    Ok(rows) => (rows.outcome.rows, rows.outcome.ms, rows.outcome.truncated, None),
                    Err(error) => (0, 0, false, Some(error.clone())),
                }
            }
            // What cannot be read has not run either.
            (Err(error), _) => (0, 0, false, Some(error)),
        };
        if truncated {
            work.record.warn(format!("truncated: tile {} at {rows} rows", tile.key));
        }
        if let Some(error) = &failed {
            first_error.get_or_insert_with(|| format!("\u{201c}{}\u{201d}: {error}", tile.title));
        }
        let (key, title, audience) = (tile.key.clone(), tile.title.clone(), audience.key.clone());
        let quotes_data = failed.as_ref().is_some_and(QueryError::may_quote_data);
        let error = failed.map(|error| error.to_string());
        work.record.tiles.push(TileRecord { key, title, audience, rows, ms, truncated, error, quotes_data });
    }
    let succeeded = results.values().filter(|result| result.is_ok()).count();
    let detail = format!("{succeeded} of {} queries for {}", results.len(), audience.key);
    work.note("queried", Some(detail));
    if let Some(error) = first_error {
        if definition.kill_jobs_on_failure {
            return Err(Stop::new(RunStatus::Killed, QUERY_FAILED).because(error).into());
        }
        if succeeded == 0 {
            return Err(Stop::new(RunStatus::Error, "everyQueryFailed").because(error).into());
        }
    }
    Ok(results)
}

/// Renders the artifact, the preview and the words of a mail.
async fn make(
    work: &mut Work<'_>,
    shared: &Shared<'_>,
    content: &Content<'_>,
    results: &TileResults,
    notes: Vec<String>,
    audience: &str,
    dir: &WorkDir,
) -> Result<Prepared, ContentError> {
    let definition = shared.scene.definition;
    let producer = work.producer.clone();
    let report = content.report(results, shared.link.clone(), notes.clone());
    let request = |format| RenderRequest {
        format,
        options: &definition.options,
        single_tile: definition.tile.is_some(),
        file_stem: &shared.stem,
        imprint: Some(format!("{} · {}", shared.scene.catalog.organization.name, definition.name)),
    };
    let artifact = match (definition.format, shared.kind) {
        // The address is in the words; a destination that takes only files gets it as one (R1).
        (Format::LinkOnly, DestinationKind::Sftp | DestinationKind::S3) => Some(link_file(work, shared, audience, dir).await?),
        (Format::LinkOnly, DestinationKind::Email | DestinationKind::Webhook | DestinationKind::Slack) => None,
        (format, _) => {
            let made = producer.render(report.clone(), request(format), dir).await?;
            for warning in &made.rendered.warnings {
                work.record.warn(format!("render: {warning}"));
            }
            Some(keep(work, &made, &shared.stem, audience).await?)
        }
    };
    if let Some(artifact) = &artifact {
        work.record.artifacts.push(artifact.clone());
        work.note("rendered", Some(format!("{} ({} bytes) for {audience}", artifact.name, artifact.bytes)));
    }
    let mut message =
        Message { subject: shared.subject.clone(), text: shared.text.clone(), link: shared.link.clone(), ..Message::default() };
    message.heading = shared.heading.clone();
    if shared.kind == DestinationKind::Email {
        let picture = match (definition.format, work.context.config.mail_preview) {
            (Format::Png, _) => artifact.as_ref().map(|artifact| artifact.sha256.clone()),
            (Format::Pdf, true) => preview(work, &producer, &report, request(Format::Png), dir).await,
            _ => None,
        };
        let view = mail_view(work, shared, content, picture.as_ref(), notes);
        let kpis = kpi_tiles(&report).map(|tile| MailKpi { tile }).collect();
        let tables = if picture.is_none() { table_tiles(&report).collect() } else { Vec::new() };
        let job = MailJob { view, kpis, tables, zone: content.clock.zone.clone() };
        let words = producer.executors().mail(job, work.context.config.render_deadline).await?;
        let json = serde_json::to_vec(&words).map_err(std::io::Error::from)?;
        message.words_artifact = Some(artifacts::keep(work.context.artifacts.as_ref(), dir, json).await?);
        message.inline_png = picture;
    }
    let scope = scope(shared.scene.catalog.organization.fan_out, definition);
    Ok(Prepared { artifact, message, stated: shared.stated.clone(), scope })
}

/// A picture of the first page for inside the mail; a mail without it is still a mail.
async fn preview(
    work: &mut Work<'_>,
    producer: &crate::content::Producer,
    report: &pressrun_render::Report,
    request: RenderRequest<'_>,
    dir: &WorkDir,
) -> Option<String> {
    let mut report = report.clone();
    report.pages.truncate(1);
    let kept = match producer.render(report, request, dir).await {
        Ok(made) => {
            let kept = work.context.artifacts.put(&made.path, &made.rendered.sha256).await;
            kept.map(|()| made.rendered.sha256).map_err(ContentError::from)
        }
        Err(error) => Err(error),
    };
    match kept {
        Ok(sha256) => Some(sha256),
        Err(error) => {
            work.record.warn(format!("noPreview: {error}"));
            None
        }
    }
}

fn mail_view(work: &Work<'_>, shared: &Shared<'_>, content: &Content<'_>, picture: Option<&String>, notes: Vec<String>) -> MailView {
    let definition = shared.scene.definition;
    let zone = jiff::tz::TimeZone::get(&content.clock.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let when = work.run.scheduled_for.to_zoned_datetime(zone).strftime("%A, %-d %B %Y, %H:%M %Z").to_string();
    let tile = definition.tile.as_ref().and_then(|key| shared.scene.dashboard.tiles.get(key));
    let title = tile.map(|tile| tile.title.clone()).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| shared.scene.document.name.clone());
    MailView {
        title: title.clone(),
        message: shared.text.clone(),
        filters: if definition.options.show_filters { content.filter_lines() } else { Vec::new() },
        kpis: Vec::new(),
        tables: Vec::new(),
        inline_image: picture.map(|_| InlineImage { alt: format!("{title}, as of {when}"), width: 600 }),
        notes,
        organization: shared.scene.catalog.organization.name.clone(),
        schedule_name: definition.name.clone(),
        scheduled_for_text: when,
    }
}

/// KPI tiles of a report, whose numbers also stand in the mail as text.
fn kpi_tiles(report: &pressrun_render::Report) -> impl Iterator<Item = pressrun_render::TileView> + '_ {
    let tiles = report.pages.iter().flat_map(|page| &page.tiles);
    tiles.filter(|tile| tile.data().is_some_and(|data| data.chart.mark == pressrun_domain::chart::Mark::Kpi)).take(6).cloned()
}

/// Tiles whose first rows stand in a mail that has no picture of them.
fn table_tiles(report: &pressrun_render::Report) -> impl Iterator<Item = pressrun_render::TileView> + '_ {
    use pressrun_domain::chart::Mark;
    let tiles = report.pages.iter().flat_map(|page| &page.tiles);
    tiles.filter(|tile| tile.data().is_some_and(|data| data.chart.mark != Mark::Kpi)).take(3).cloned()
}

async fn link_file(work: &Work<'_>, shared: &Shared<'_>, audience: &str, dir: &WorkDir) -> Result<ArtifactRecord, ContentError> {
    let json = serde_json::json!({ "url": shared.link }).to_string();
    let bytes = json.len() as u64;
    let sha256 = artifacts::keep(work.context.artifacts.as_ref(), dir, json.into_bytes()).await?;
    Ok(ArtifactRecord {
        audience: audience.to_owned(),
        name: format!("{}.json", shared.stem),
        media_type: "application/json".to_owned(),
        bytes,
        sha256,
        pages: 0,
        ms: 0,
    })
}

async fn keep(work: &Work<'_>, made: &Made, stem: &str, audience: &str) -> Result<ArtifactRecord, ContentError> {
    work.context.artifacts.put(&made.path, &made.rendered.sha256).await?;
    Ok(ArtifactRecord {
        audience: audience.to_owned(),
        name: format!("{stem}.{}", made.rendered.extension),
        media_type: made.rendered.media_type.clone(),
        bytes: made.rendered.bytes,
        sha256: made.rendered.sha256.clone(),
        pages: made.rendered.pages,
        ms: made.ms,
    })
}

/// What cannot be rendered ends the run with a named reason (S5).
pub(super) fn stop_for(error: &ContentError) -> Stop {
    Stop::new(RunStatus::Error, error.reason()).because(error.to_string())
}

//! Runs on the wire: instants with three decimals, and nothing that the engine keeps for itself.

use std::collections::HashMap;

use pressrun_domain::access::shown::ShownRun;
use pressrun_domain::bounce::{Bounce, Report};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::notice::Notice;
use pressrun_domain::run::{ArtifactRecord, Run, RunState, TimelineEntry};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::doers::Doer;
use crate::app::list::Listed;
use crate::app::runs::Story;
use crate::http::wire::{PageInfo, stamp};

/// A run in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunSummary {
    id: uuid::Uuid,
    /// The schedule; for a test delivery an id that no schedule has.
    schedule_id: uuid::Uuid,
    /// Name of the schedule when the run was promised.
    name: String,
    identifier: String,
    format: &'static str,
    destination_type: &'static str,
    /// scheduled, manual, test or resend.
    kind: &'static str,
    /// queued, running, skipped or ended.
    state: &'static str,
    /// How it ended; null until then.
    status: Option<&'static str>,
    /// Why it was skipped, or why it ended so; `conditionWithheld` when the run judged an alert's condition by rows that are not the
    /// caller's to see, so that neither whether it held is told nor what came of that.
    reason: Option<String>,
    /// The occurrence.
    scheduled_for: String,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    /// `dst_gap` or `dst_fold`: a change of the clock touched the occurrence.
    dst: Option<String>,
    warnings: Vec<String>,
    error: Option<String>,
    /// Until when a run waits that has begun: for a retry, a way out that is shut, or its dashboard's file.
    waits_until: Option<String>,
    /// What it waits for; null for those who may not know.
    waits_for: Option<String>,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let (state, status, reason, ended_at) = match &run.state {
            RunState::Queued { .. } => ("queued", None, None, None),
            RunState::Running { .. } => ("running", None, None, None),
            RunState::Skipped { reason } => ("skipped", None, Some(reason.as_str().to_owned()), None),
            RunState::Ended { at, status, reason } => ("ended", Some(status.as_str()), reason.clone(), Some(stamp(*at))),
        };
        let waits = match run.state {
            RunState::Queued { available_at } => run.started_at.filter(|started| available_at > *started).map(|_| available_at),
            RunState::Running { .. } | RunState::Skipped { .. } | RunState::Ended { .. } => None,
        };
        Self {
            id: run.id.0,
            schedule_id: run.schedule_id.0,
            name: run.definition.name.clone(),
            identifier: run.definition.identifier.0.clone(),
            format: run.definition.format.as_str(),
            destination_type: run.definition.destination.kind().as_str(),
            kind: run.kind.as_str(),
            state,
            status,
            reason,
            scheduled_for: stamp(run.scheduled_for),
            created_at: stamp(run.created_at),
            started_at: run.started_at.map(stamp),
            ended_at,
            dst: run.dst.clone(),
            warnings: run.record.warnings.clone(),
            error: run.record.error.clone(),
            waits_until: waits.map(stamp),
            waits_for: waits.and(run.progress.waits_for.clone()),
        }
    }
}

/// A run in full.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunView {
    #[serde(flatten)]
    summary: RunSummary,
    /// Who ran it by hand, tested it or sent it again; null for those who may not know, and for what was scheduled.
    started_by: Option<DoerView>,
    /// Who told it to stop, likewise.
    stopped_by: Option<DoerView>,
    /// Who deleted its schedule while it waited, likewise.
    deleted_by: Option<DoerView>,
    /// The version of the catalog that was in force when it was queued; null for runs of older versions.
    catalog_version: Option<String>,
    /// What happened when.
    timeline: Vec<TimelineView>,
    /// Queries that ran: key, title, audience, rows, ms, truncated, error; `quotesData` where the error may quote a cell, which only admins are shown.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, Value>>)]
    tiles: Value,
    /// How the condition was judged: audience, tile, kind, rows, judgement, and for conditions that compare the short fingerprint, the
    /// baseline it was compared with (`at`, `rows`, `fingerprint`), and rows added and removed.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, Value>>)]
    conditions: Value,
    artifacts: Vec<ArtifactView>,
    /// Pieces that the run promised, with each try: one page of them.
    deliveries: Vec<DeliveryView>,
    /// Where that page stands.
    deliveries_page: PageInfo,
    /// What Pressrun said about the run to its owner and to the operator.
    notices: Vec<NoticeView>,
    /// The delivery of which run a resend sends again.
    resend_of: Option<ResendView>,
    /// Ids of runs that sent a delivery of this one again, oldest first.
    resends: Vec<uuid::Uuid>,
}

/// Somebody who did something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoerView {
    /// Membership, unless it was no member.
    user_id: Option<uuid::Uuid>,
    name: String,
}

impl From<Doer> for DoerView {
    fn from(doer: Doer) -> Self {
        Self { user_id: doer.member.map(|id| id.0), name: doer.name }
    }
}

/// The delivery that a resend sends again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResendView {
    run_id: uuid::Uuid,
    delivery_id: uuid::Uuid,
}

/// Something that Pressrun itself said.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoticeView {
    /// Such as run.failed or run.recovered.
    event: &'static str,
    /// The owner's address, or operator.
    to: String,
    subject: String,
    /// pending, accepted, failed or skipped.
    state: &'static str,
    reason: Option<String>,
    created_at: String,
    attempts: Vec<AttemptView>,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        let reason = match &notice.state {
            DeliveryState::Failed { reason, .. } | DeliveryState::Skipped { reason } => Some(reason.clone()),
            DeliveryState::Pending { .. } | DeliveryState::Accepted { .. } => None,
        };
        Self {
            event: notice.kind.as_str(),
            to: notice.to.to_string(),
            subject: notice.subject,
            state: notice.state.as_str(),
            reason,
            created_at: stamp(notice.created_at),
            attempts: notice.attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// One line of a run's timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineView {
    at: String,
    event: String,
    detail: Option<String>,
}

/// A rendered file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArtifactView {
    audience: String,
    name: String,
    media_type: String,
    bytes: u64,
    /// Where it can be fetched: `/api/v1/runs/{runId}/artifacts/{sha256}`.
    sha256: String,
    pages: u32,
    ms: u64,
}

/// One piece of a run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryView {
    id: uuid::Uuid,
    /// Address, Slack id, or name of the destination.
    target: String,
    /// pending, accepted, failed or skipped.
    state: &'static str,
    reason: Option<String>,
    /// Earliest next attempt of a pending one.
    not_before: Option<String>,
    /// When it was accepted or given up.
    settled_at: Option<String>,
    artifact: Option<ArtifactView>,
    idempotency_key: String,
    attempts: Vec<AttemptView>,
    /// For mail: to, cc or bcc.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    role: Option<&'static str>,
    /// What came back of it afterwards; left out when nothing did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    bounces: Vec<BounceView>,
}

/// What came back of a mail after it had been accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BounceView {
    /// bounced, delayed or complaint.
    kind: &'static str,
    /// The enhanced status code, such as 5.1.1.
    status: Option<String>,
    /// The remote's words.
    detail: String,
    at: String,
}

impl From<&Bounce> for BounceView {
    fn from(bounce: &Bounce) -> Self {
        let Report { kind, status, words } = &bounce.report;
        Self { kind: kind.as_str(), status: status.clone(), detail: words.clone(), at: stamp(bounce.at) }
    }
}

/// One try at a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttemptView {
    number: u32,
    started_at: String,
    ended_at: Option<String>,
    /// accepted, retry, rejected, or held when the way out was shut to every piece; null while under way.
    result: Option<&'static str>,
    /// What the remote said.
    detail: Option<String>,
}

impl From<ArtifactRecord> for ArtifactView {
    fn from(record: ArtifactRecord) -> Self {
        let ArtifactRecord { audience, name, media_type, bytes, sha256, pages, ms } = record;
        Self { audience, name, media_type, bytes, sha256, pages, ms }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let (result, detail) = match attempt.outcome {
            None => (None, None),
            Some(Outcome::Accepted { receipt }) => (Some("accepted"), Some(receipt)),
            Some(Outcome::Retry { reason, .. }) => (Some("retry"), Some(reason)),
            Some(Outcome::Rejected { reason }) => (Some("rejected"), Some(reason)),
            Some(Outcome::Held { reason, .. }) => (Some("held"), Some(reason)),
        };
        Self { number: attempt.number, started_at: stamp(attempt.started_at), ended_at: attempt.ended_at.map(stamp), result, detail }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let state = delivery.state.as_str();
        let (reason, not_before, settled_at) = match delivery.state {
            DeliveryState::Pending { not_before } => (None, Some(stamp(not_before)), None),
            DeliveryState::Accepted { at } => (None, None, Some(stamp(at))),
            DeliveryState::Failed { at, reason } => (Some(reason), None, Some(stamp(at))),
            DeliveryState::Skipped { reason } => (Some(reason), None, None),
        };
        Self {
            id: delivery.id.0,
            target: delivery.target,
            state,
            reason,
            not_before,
            settled_at,
            artifact: delivery.artifact.map(ArtifactView::from),
            idempotency_key: delivery.idempotency_key,
            attempts: delivery.attempts.into_iter().map(AttemptView::from).collect(),
            role: None,
            bounces: Vec::new(),
        }
    }
}

impl DeliveryView {
    /// A piece of a run by mail, with what came back of it.
    fn mailed(delivery: Delivery, bounces: &HashMap<DeliveryId, Vec<Bounce>>) -> Self {
        let role = Some(delivery.message.heading.role.as_str());
        let came_back = bounces.get(&delivery.id).into_iter().flatten().map(BounceView::from).collect();
        Self { role, bounces: came_back, ..Self::from(delivery) }
    }
}

/// Pieces of a run whose attempts still read well as lines of its timeline; those of more stand with each piece only.
const ATTEMPTS_TOLD_UP_TO: u64 = 100;

/// What happened when: the run's own lines, and between them each attempt with what the remote said.
fn timeline(mut lines: Vec<TimelineEntry>, pieces: &Listed<Delivery>) -> Vec<TimelineView> {
    let told: &[Delivery] = if pieces.total <= ATTEMPTS_TOLD_UP_TO { &pieces.rows } else { &[] };
    for (delivery, attempt) in told.iter().flat_map(|delivery| delivery.attempts.iter().map(move |attempt| (delivery, attempt))) {
        let view = AttemptView::from(attempt.clone());
        let (result, said) = (view.result.unwrap_or("under way"), view.detail.unwrap_or_default());
        let detail = format!("{} to {}: {result} {said}", attempt.number, delivery.target);
        let at = attempt.ended_at.unwrap_or(attempt.started_at);
        lines.push(TimelineEntry { at, event: "attempted".to_owned(), detail: Some(detail.trim_end().to_owned()) });
    }
    lines.sort_by_key(|line| line.at);
    lines.into_iter().map(|line| TimelineView { at: stamp(line.at), event: line.event, detail: line.detail }).collect()
}

impl RunView {
    /// The run with a page of its pieces.
    pub(crate) fn new(Story { shown: ShownRun { run, notices, .. }, pieces, bounces, resends, doers }: Story) -> Self {
        let by_mail = run.definition.destination.email().is_some();
        let view = |delivery| if by_mail { DeliveryView::mailed(delivery, &bounces) } else { DeliveryView::from(delivery) };
        let summary = RunSummary::from(&run);
        let record = run.record;
        Self {
            summary,
            started_by: doers.started.map(DoerView::from),
            stopped_by: doers.stopped.map(DoerView::from),
            deleted_by: doers.deleted.map(DoerView::from),
            catalog_version: run.catalog_version,
            deliveries_page: PageInfo::from(&pieces),
            timeline: timeline(record.timeline, &pieces),
            tiles: json!(record.tiles),
            conditions: json!(record.conditions),
            artifacts: record.artifacts.into_iter().map(ArtifactView::from).collect(),
            deliveries: pieces.rows.into_iter().map(view).collect(),
            notices: notices.into_iter().map(NoticeView::from).collect(),
            resend_of: record.resend_of.map(|of| ResendView { run_id: of.run.0, delivery_id: of.delivery.0 }),
            resends: resends.into_iter().map(|run| run.0).collect(),
        }
    }
}

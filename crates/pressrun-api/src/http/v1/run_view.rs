//! Runs on the wire: instants with three decimals, and nothing that the engine keeps for itself.

use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::run::{ArtifactRecord, Run, RunState};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::http::wire::stamp;

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
    /// scheduled, manual or test.
    kind: &'static str,
    /// queued, running, skipped or ended.
    state: &'static str,
    /// How it ended; null until then.
    status: Option<&'static str>,
    /// Why it was skipped, or why it ended so.
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
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let (state, status, reason, ended_at) = match &run.state {
            RunState::Queued { .. } => ("queued", None, None, None),
            RunState::Running { .. } => ("running", None, None, None),
            RunState::Skipped { reason } => ("skipped", None, Some(reason.as_str().to_owned()), None),
            RunState::Ended { at, status, reason } => ("ended", Some(status.as_str()), reason.clone(), Some(stamp(*at))),
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
        }
    }
}

/// A run in full.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunView {
    #[serde(flatten)]
    summary: RunSummary,
    /// What happened when.
    timeline: Vec<TimelineView>,
    /// Queries that ran: key, title, audience, rows, ms, truncated, error.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, Value>>)]
    tiles: Value,
    /// How the condition was judged: audience, tile, rows, judgement, added, removed.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, Value>>)]
    conditions: Value,
    artifacts: Vec<ArtifactView>,
    /// Every piece that the run promised, with each try.
    deliveries: Vec<DeliveryView>,
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
}

/// One try at a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttemptView {
    number: u32,
    started_at: String,
    ended_at: Option<String>,
    /// accepted, retry or rejected; null while under way.
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
        }
    }
}

impl RunView {
    /// The run with its pieces.
    pub(crate) fn new(run: Run, deliveries: Vec<Delivery>) -> Self {
        let summary = RunSummary::from(&run);
        let record = run.record;
        Self {
            summary,
            timeline: record
                .timeline
                .into_iter()
                .map(|line| TimelineView { at: stamp(line.at), event: line.event, detail: line.detail })
                .collect(),
            tiles: json!(record.tiles),
            conditions: json!(record.conditions),
            artifacts: record.artifacts.into_iter().map(ArtifactView::from).collect(),
            deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
        }
    }
}

//! Addresses that get no more mail, and what comes back of mail.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use pressrun_domain::bounce::Suppression;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::access;
use crate::app::list::Parameters;
use crate::app::suppressions;
use crate::http::extract::{Caller, Segments, beginning};
use crate::http::problem::Problem;
use crate::http::wire::{PageInfo, PageOf, Success, stamp};
use crate::state::{ApiState, CameBack};

/// An address that gets no more mail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SuppressionView {
    email: String,
    /// `bounced` or `complaint`.
    reason: &'static str,
    /// The enhanced status code, such as 5.1.1.
    status: Option<String>,
    /// The remote's words.
    detail: String,
    /// Since when.
    at: String,
    /// The delivery that came back.
    delivery_id: uuid::Uuid,
    /// Its run; null for a notice.
    run_id: Option<uuid::Uuid>,
    schedule_id: uuid::Uuid,
}

impl From<Suppression> for SuppressionView {
    fn from(row: Suppression) -> Self {
        Self {
            email: row.email.to_string(),
            reason: row.report.kind.as_str(),
            status: row.report.status,
            detail: row.report.words,
            at: stamp(row.at),
            delivery_id: row.delivery.0,
            run_id: row.run.map(|run| run.0),
            schedule_id: row.schedule.0,
        }
    }
}

/// What taking in a mail came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TakenInView {
    /// `suppressed`: the address gets nothing more. `noted`: kept with the run. `known`: said before. `notOurs`: it came to no return path of
    /// this server. `noReport`: an automatic answer or a letter.
    outcome: &'static str,
    /// Whom it is about.
    email: Option<String>,
}

/// Lists addresses that get no more mail, by address; admins and organization keys only.
#[utoipa::path(get, path = "/api/v1/suppressions", operation_id = "listSuppressions", tag = "Mail",
    params(
        ("email" = Option<String>, Query, description = "Substring of the address, in any case."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<SuppressionView>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"email": "gone@example.com", "reason": "bounced", "status": "5.1.1", "detail": "550 5.1.1 no such user",
            "at": "2026-11-29T09:00:00.000Z", "deliveryId": "9e8719d9-276a-4964-9395-a493189a247c",
            "runId": "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7", "scheduleId": "123e4567-e89b-12d3-a456-426614174000"}]
    }))))]
pub(crate) async fn list(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<SuppressionView>>, Problem> {
    let page = suppressions::list(&state, &actor, &parameters).await?;
    let page_info =
        PageInfo { has_next_page: page.next.is_some(), next_cursor: page.next, page_size: page.page_size, total_records: page.total };
    Ok(Json(PageOf { page_info, records: page.rows.into_iter().map(SuppressionView::from).collect() }))
}

/// Lets an address get mail again; admins and organization keys only.
#[utoipa::path(delete, path = "/api/v1/suppressions/{email}", operation_id = "liftSuppression", tag = "Mail",
    params(("email" = String, Path, description = "The address, in any case.")),
    responses((status = 200, description = "Lifted.", body = Success, example = json!({"success": true}))))]
pub(crate) async fn lift(Caller(actor): Caller, segments: Segments, State(state): State<Arc<ApiState>>) -> Result<Json<Success>, Problem> {
    suppressions::lift(&state, &actor, segments.get("email")).await?;
    Ok(Json(Success::YES))
}

/// Takes in a mail that came back: a delivery status notification (RFC 3464) or a complaint (RFC 5965), as the mail server has it.
///
/// For organization keys. Only what came to a return path that this server signed is believed. Of a long mail the beginning is read.
#[utoipa::path(post, path = "/api/v1/mail/bounces", operation_id = "takeInBounce", tag = "Mail",
    request_body(content = String, content_type = "message/rfc822", description = "The whole mail, head and body."),
    responses((status = 200, description = "Taken in; what it came to.", body = TakenInView,
        example = json!({"outcome": "suppressed", "email": "gone@example.com"}))))]
pub(crate) async fn take_in(
    Caller(actor): Caller,
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<Json<TakenInView>, Problem> {
    access::organization_only(&actor)?;
    let mail = beginning(request, MAIL_BYTES_KEPT, MAIL_BYTES_MAX).await?;
    let CameBack { outcome, email } = suppressions::take_in(&state, &actor, &mail).await?;
    Ok(Json(TakenInView { outcome, email: email.map(|email| email.to_string()) }))
}

/// How much of a mail is kept: a report stands at its beginning, and the mail that it returns behind.
const MAIL_BYTES_KEPT: usize = 256 * 1024;

/// The longest mail; of a longer one nothing is taken in.
const MAIL_BYTES_MAX: usize = 64 * 1024 * 1024;

//! The only place that turns errors into responses (contract §1.3).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::error::AppError;

/// What every refused request is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({"detail": "Scheduled task with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist", "status": 404}))]
pub(crate) struct ProblemBody {
    /// What is wrong, in words.
    detail: String,
    /// The HTTP status.
    status: u16,
}

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_seconds: None }
    }

    /// 400.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404 for a path that is no route.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 408.
    pub(crate) fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "Request Timeout")
    }

    /// 413.
    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("Request body is larger than {limit_bytes} bytes"))
    }

    /// 414.
    pub(crate) fn uri_too_long() -> Self {
        Self::new(StatusCode::URI_TOO_LONG, "URI Too Long")
    }

    /// 429 (contract §1.4).
    pub(crate) fn too_many_requests(retry_after_seconds: u64) -> Self {
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests") }
    }

    /// 500.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let status = match &error {
            AppError::InvalidJson | AppError::Field { .. } | AppError::Invalid(_) => StatusCode::BAD_REQUEST,
            AppError::Unauthorized => StatusCode::UNAUTHORIZED,
            AppError::Denied | AppError::OutOfScope(_) | AppError::ForOthers | AppError::NewOwnerDenied => StatusCode::FORBIDDEN,
            AppError::NoDocument(_)
            | AppError::NoUser(_)
            | AppError::NoSchedule(_)
            | AppError::NoRun(_)
            | AppError::NoKey(_)
            | AppError::NoDelivery(_)
            | AppError::NoOffer
            | AppError::NoRequest
            | AppError::NoArtifact(_)
            | AppError::NoSuppression(_)
            | AppError::Gone(_) => StatusCode::NOT_FOUND,
            AppError::RunInProgress
            | AppError::RunWaits { .. }
            | AppError::RunEnded
            | AppError::Inactive
            | AppError::Busy
            | AppError::NotResendable(_)
            | AppError::DeclinedUntil(_) => StatusCode::CONFLICT,
            AppError::Stale | AppError::OtherOffer => StatusCode::PRECONDITION_FAILED,
            AppError::Unseen => StatusCode::PRECONDITION_REQUIRED,
            AppError::NotQueued(source) => {
                tracing::error!(error = %source, "a run could not be queued");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            AppError::Store(source) => {
                tracing::error!(error = %source, "the store failed while a request was answered");
                return Self::internal();
            }
            AppError::Randomness(source) => {
                tracing::error!(error = %source, "the system gave no randomness");
                return Self::internal();
            }
        };
        Self::new(status, error.told())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody { detail: self.detail, status: self.status.as_u16() };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            headers.insert(HeaderName::from_static("x-omni-waf-action"), HeaderValue::from_static("block"));
        }
        response
    }
}

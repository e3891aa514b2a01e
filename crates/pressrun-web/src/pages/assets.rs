//! The style sheet.

use axum::http::header;
use axum::response::IntoResponse;

/// `GET /assets/style.css`.
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("../../assets/style.css"))
}

//! The style sheet and the icon.

use axum::http::header;
use axum::response::IntoResponse;

/// `GET /assets/style.css`.
pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../../assets/style.css"))
}

/// `GET /assets/icon.svg`.
pub(crate) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", include_str!("../../assets/icon.svg"))
}

fn asset(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=300")], text)
}

//! Files that a run rendered, for downloading.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio_util::io::ReaderStream;

use super::run::readable;
use crate::page::PageError;
use crate::state::WebState;
use crate::viewer::Viewer;

const WHAT: &str = "file";

/// `GET /runs/{id}/artifacts/{sha256}`.
pub(crate) async fn download(
    State(state): State<Arc<WebState>>,
    viewer: Viewer,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let run = readable(&state, &viewer, &id).await?;
    let hash = sha256.to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PageError::NotFound(WHAT));
    }
    let deliveries = state.store.deliveries(run.id).await?;
    let record = viewer.file(&run, &deliveries, &hash).ok_or(PageError::NotFound(WHAT))?;
    let path = (state.artifacts)(&hash).ok_or(PageError::NotFound(WHAT))?;
    let Ok(file) = tokio::fs::File::open(&path).await else { return Err(PageError::NotFound(WHAT)) };
    let length = file.metadata().await.map_or(record.bytes, |facts| facts.len());
    let media_type = HeaderValue::from_str(&record.media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let disposition = HeaderValue::from_str(&attachment(&record.name)).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

/// The name for saving, in both spellings of RFC 6266.
fn attachment(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::attachment;

    #[test]
    fn file_names_cannot_leave_their_header() {
        let name = "Köln \"2024\"\r\nX: y.pdf";
        let expected = "attachment; filename=\"K_ln _2024___X_ y.pdf\"; filename*=UTF-8''K%C3%B6ln%20%222024%22%0D%0AX%3A%20y.pdf";
        assert_eq!(attachment(name), expected);
    }
}

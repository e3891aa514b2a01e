//! Files on their way to a browser or client.

use std::io;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use pressrun_domain::run::ArtifactRecord;
use pressrun_domain::text::attachment;
use tokio_util::io::ReaderStream;

/// The file at `path`, which `record` describes, as a download: never shown by a browser, streamed, and as long as it is announced.
///
/// # Errors
/// It cannot be read.
pub async fn download(record: &ArtifactRecord, path: &Path) -> io::Result<Response> {
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
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

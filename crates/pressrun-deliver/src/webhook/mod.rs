//! An HTTP POST to an address that a tenant typed (D1–D5).

mod answer;
mod body;
mod sign;

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::WebhookSettings;
use pressrun_domain::secret::Secret;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::dial::Trust;
use crate::http::{Http, Reading, target};
use crate::outcome::{accepted, presentable, rejected, retry};
use crate::parcel::{Delivered, Deliverer, Parcel};
use body::Payload;
pub use sign::signature;

/// Posts to one address.
pub(crate) struct WebhookDeliverer<'a> {
    pub(crate) settings: &'a WebhookSettings,
    pub(crate) http: &'a Http,
    pub(crate) total: Duration,
}

#[async_trait]
impl Deliverer for WebhookDeliverer<'_> {
    async fn deliver(&self, parcel: &Parcel, now: Timestamp) -> Delivered {
        self.attempt(parcel, now).await.unwrap_or_else(Delivered::from)
    }
}

impl WebhookDeliverer<'_> {
    async fn attempt(&self, parcel: &Parcel, now: Timestamp) -> Result<Delivered, Outcome> {
        let address = self.settings.address().map_err(|error| rejected(format!("webhook: {error}")))?;
        let url = self.http.dialer.egress.check_url(address.url().as_str()).map_err(|error| rejected(format!("webhook: {error}")))?;
        let payload = Payload::of(parcel).map_err(|reason| rejected(format!("webhook: {reason}")))?;
        // One deadline for everything (D4). Only the exchange may judge what comes of it: a status that came in time stands, however late the rest.
        let deadline = Instant::now() + self.total;
        let request = timeout_at(deadline, self.request(&url, &payload, parcel, now))
            .await
            .map_err(|_| retry("webhook: reading the artifact: timed out"))??;
        let left = deadline.saturating_duration_since(Instant::now());
        // What an answer must not be quoted with.
        let parts = address.secrets();
        let secrets: Vec<&Secret> = parts.iter().chain(&self.settings.secrets).collect();
        match self.http.exchange(&url, Trust::Tenant, request, left, Reading::Beginning).await {
            Ok(answer) => {
                let outcome = answer::judge(&answer, now, &secrets);
                Ok(Delivered { outcome, learnt_host_key: None, warnings: Vec::new() })
            }
            Err(error) => {
                let reason = format!("webhook: {}", presentable(&error.to_string(), &secrets));
                Err(if error.refused { rejected(reason) } else { retry(reason) })
            }
        }
    }

    /// Connects, and sends nothing.
    pub(crate) async fn reach(&self) -> Outcome {
        let reached = async {
            let address = self.settings.address().map_err(|error| rejected(format!("webhook: {error}")))?;
            let url = self.http.dialer.egress.check_url(address.url().as_str()).map_err(|error| rejected(format!("webhook: {error}")))?;
            let parts = address.secrets();
            let secrets: Vec<&Secret> = parts.iter().chain(&self.settings.secrets).collect();
            match timeout_at(Instant::now() + self.total, self.http.connect(&url, Trust::Tenant)).await {
                Ok(Ok(_)) => Ok(accepted(format!("{} can be reached", address.origin()))),
                Ok(Err(error)) => {
                    let reason = format!("webhook: {}", presentable(&error.to_string(), &secrets));
                    Err(if error.refused { rejected(reason) } else { retry(reason) })
                }
                Err(_) => Err(retry("webhook: connect: timed out")),
            }
        };
        reached.await.unwrap_or_else(|outcome| outcome)
    }

    async fn request(&self, url: &Url, payload: &Payload, parcel: &Parcel, now: Timestamp) -> Result<Request<crate::http::Body>, Outcome> {
        let unreadable = |error: std::io::Error| retry(format!("webhook: the artifact could not be read: {error}"));
        let id = header_text(&parcel.idempotency_key);
        let timestamp = now.as_second();
        let mut request = Request::post(target(url))
            .header(USER_AGENT, concat!("Pressrun/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, &payload.content_type)
            .header(CONTENT_LENGTH, payload.len())
            .header("Idempotency-Key", &id)
            .header("Pressrun-Delivery-Id", parcel.delivery_id.to_string())
            .header("Pressrun-Run-Id", parcel.run_id.to_string())
            .header("Pressrun-Schedule-Id", parcel.schedule_id.to_string())
            .header("Pressrun-Scheduled-For", parcel.scheduled_for.to_string());
        if let Some(trace) = parcel.trace {
            request = request.header("traceparent", trace.to_string());
        }
        if let Some(name) = &payload.file_name {
            request = request.header("X-Filename", header_text(name));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let pair = format!("{}:{}", percent_decoded(url.username()), percent_decoded(url.password().unwrap_or_default()));
            request = request.header(AUTHORIZATION, format!("Basic {}", BASE64.encode(pair)));
        }
        if !self.settings.secrets.is_empty() {
            let signature = sign::sign_payload(&self.settings.secrets, &id, timestamp, payload).await.map_err(unreadable)?;
            request = request.header("webhook-id", &id).header("webhook-timestamp", timestamp).header("webhook-signature", signature);
        }
        let body = payload.body().await.map_err(unreadable)?;
        request.body(body).map_err(|error| rejected(format!("webhook: {error}")))
    }
}

/// `text` as a header value: visible ASCII as it is, everything else percent-encoded, so that nothing can end the line.
fn header_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (byte.is_ascii_graphic() || byte == b' ') && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.trim().to_owned()
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_no_name_can_end_a_header_line() {
        assert_eq!(header_text("Umsätze 50%.csv"), "Ums%C3%A4tze 50%25.csv");
        assert_eq!(header_text("a\r\nX-Evil: 1"), "a%0D%0AX-Evil: 1");
        assert_eq!(percent_decoded("p%40ss%zz%"), "p@ss%zz%");
    }
}

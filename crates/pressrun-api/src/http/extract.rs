//! Caller, ids and JSON of a request, refused in the contract's shape.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use pressrun_domain::access::Actor;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::v1::schedules::BAD_REQUEST;
use crate::app::error::AppError;
use crate::app::given::type_name;
use crate::app::list::Parameters;
use crate::state::ApiState;

/// Who calls, as authenticated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The guard put it there; a handler outside its reach has no caller.
        parts.extensions.get::<Self>().copied().ok_or_else(|| AppError::Unauthorized.into())
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.query()))
    }
}

/// Path segments by name, as text: what is no UUID is refused by each endpoint in its own words.
#[derive(Debug)]
pub(crate) struct Segments(Vec<(String, String)>);

impl Segments {
    /// The segment of this name; empty when it was no UTF-8.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// A UUID as given.
    ///
    /// # Errors
    /// `<prefix><name>: Invalid uuid`.
    pub(crate) fn id(&self, name: &'static str, prefix: &'static str) -> Result<&str, AppError> {
        let text = self.get(name);
        match pressrun_domain::id::parse_uuid(text) {
            Ok(_) => Ok(text),
            Err(_) => Err(AppError::field(name, "Invalid uuid").prefixed(prefix)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let owned = |params: RawPathParams| params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self(params.map(owned).unwrap_or_default()))
    }
}

/// Calls that are about one thing, by whose id they are found: who makes them, and the id as given.
macro_rules! calls_about {
    ($($(#[$doc:meta])* $name:ident: $segment:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name {
            pub(crate) state: Arc<ApiState>,
            pub(crate) actor: Actor,
            pub(crate) id: String,
        }

        impl FromRequestParts<Arc<ApiState>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &Arc<ApiState>) -> Result<Self, Problem> {
                let Caller(actor) = Caller::from_request_parts(parts, state).await?;
                let Ok(segments) = Segments::from_request_parts(parts, state).await;
                Ok(Self { state: Arc::clone(state), actor, id: segments.id($segment, BAD_REQUEST)?.to_owned() })
            }
        }
    )*};
}

calls_about! {
    /// About a schedule.
    OfSchedule: "scheduleId";
    /// About a request to be on a list.
    OfRequest: "requestId";
}

/// A body of any content type, up to the configured size. `Debug` shows its length only: there are passwords in bodies (D13).
pub(crate) struct JsonBody(Bytes);

impl fmt::Debug for JsonBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonBody({} bytes)", self.0.len())
    }
}

impl FromRequest<Arc<ApiState>> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<ApiState>) -> Result<Self, Problem> {
        let limit = state.config.body_limit;
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Problem::too_large(limit));
        }
        let mut body = BytesMut::new();
        let mut chunks = request.into_body().into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Problem::bad_request("Request body could not be read"))?;
            if body.len() + chunk.len() > limit {
                return Err(Problem::too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self(body.freeze()))
    }
}

/// The first `kept` bytes of a body of at most `most`; the rest is read and dropped, so that whoever sends it is answered.
pub(crate) async fn beginning(request: Request, kept: usize, most: usize) -> Result<Vec<u8>, Problem> {
    let (mut beginning, mut total) = (Vec::new(), 0);
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("Request body could not be read"))?;
        total += chunk.len();
        if total > most {
            return Err(Problem::too_large(most));
        }
        let room = kept.saturating_sub(beginning.len());
        beginning.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(beginning)
}

impl JsonBody {
    /// The object that the body has to be.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, AppError> {
        // serde_json refuses more than 128 levels, so what recurses over a value is bounded.
        let value: Value = serde_json::from_slice(&self.0).map_err(|_| AppError::InvalidJson)?;
        if holds_nul(&value) {
            return Err(AppError::invalid("Invalid JSON: text must not contain the character U+0000"));
        }
        match value {
            Value::Object(object) => Ok(object),
            other => Err(AppError::invalid(format!("Expected object, received {}", type_name(&other)))),
        }
    }

    /// The object, or `None` when there is no body or it is `null`.
    pub(crate) fn optional(&self) -> Result<Option<Map<String, Value>>, AppError> {
        let text = self.0.trim_ascii();
        if text.is_empty() || text == b"null" { Ok(None) } else { self.object().map(Some) }
    }
}

/// Some databases cannot store U+0000 in text; refusing it here keeps every store alike.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_a_body_is_never_printed() {
        let body = JsonBody(Bytes::from_static(br#"{"passwordUnencrypted":"1am@g00dBL0b"}"#));
        assert_eq!(format!("{body:?}"), "JsonBody(38 bytes)");
        let object = body.object().expect("an object");
        assert_eq!(format!("{:?}", crate::app::given::Fields(&object)), "Fields([\"passwordUnencrypted\"])");
    }
}

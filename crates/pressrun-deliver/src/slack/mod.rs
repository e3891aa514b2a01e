//! A message with a file in Slack (D10), in the calls that replaced `files.upload`:
//! `files.getUploadURLExternal`, the bytes, `files.completeUploadExternal`; `chat.postMessage` when there is no file.

mod text;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{SlackRecipientType, SlackSettings};
use pressrun_domain::secret::Secret;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::config::{ConfigError, Deadlines, SlackConfig};
use crate::dial::Trust;
use crate::http::{Answer, Body, Http, HttpError, Reading, bytes_body, file_body, target};
use crate::outcome::{accepted, is_transient, presentable, rejected, retry};
use crate::parcel::{Delivered, Deliverer, Parcel, ParcelFile};
use crate::steps::step;

/// The connected workspace.
pub(crate) struct Slack {
    token: Secret,
    base: Url,
    allow_mentions: bool,
    http: Http,
    deadlines: Deadlines,
}

/// Sends to one channel or person.
pub(crate) struct SlackDeliverer<'a> {
    pub(crate) settings: &'a SlackSettings,
    pub(crate) slack: &'a Slack,
}

#[async_trait]
impl Deliverer for SlackDeliverer<'_> {
    async fn deliver(&self, parcel: &Parcel, now: Timestamp) -> Delivered {
        match self.attempt(parcel, now).await {
            Ok(receipt) => accepted(receipt).into(),
            Err(outcome) => outcome.into(),
        }
    }
}

impl SlackDeliverer<'_> {
    async fn attempt(&self, parcel: &Parcel, now: Timestamp) -> Result<String, Outcome> {
        let channel = match self.settings.recipient_type {
            SlackRecipientType::Channel => parcel.target.clone(),
            SlackRecipientType::Users => {
                let opened = self.slack.call("conversations.open", &json!({ "users": parcel.target }), now).await?;
                text_at(&opened, &["channel", "id"])?
            }
        };
        let mut words = parcel.message.text.clone();
        if let Some(link) = parcel.message.link.as_deref().filter(|link| !words.contains(*link)) {
            words = if words.is_empty() { link.to_owned() } else { format!("{words}\n{link}") };
        }
        if !self.slack.allow_mentions {
            words = text::harmless(&words);
        }
        match &parcel.artifact {
            None => {
                let message = json!({
                    "channel": channel,
                    "text": words,
                    "client_msg_id": mark(parcel),
                    "metadata": { "event_type": "pressrun_delivery", "event_payload": { "idempotency_key": parcel.idempotency_key } },
                });
                let posted = self.slack.call("chat.postMessage", &message, now).await?;
                Ok(format!("message {} in {channel}", posted["ts"].as_str().unwrap_or_default()))
            }
            Some(file) => {
                let id = self.slack.upload(file, now).await?;
                let complete = json!({
                    "files": [{ "id": id, "title": file.name }],
                    "channel_id": channel,
                    "initial_comment": words,
                });
                self.slack.call("files.completeUploadExternal", &complete, now).await?;
                Ok(format!("file {id} in {channel}"))
            }
        }
    }
}

/// The client message id: the same on every attempt (I6), so that a second message can be told from a new one.
///
/// The calls for files take none. What an attempt leaves behind before the last of them is a file that no channel shows; only when the answer to
/// the last one is lost is a file shown again, under the same name.
fn mark(parcel: &Parcel) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, parcel.idempotency_key.as_bytes())
}

impl Slack {
    pub(crate) fn new(config: SlackConfig, http: Http, deadlines: Deadlines) -> Result<Self, ConfigError> {
        let base = Url::parse(&config.base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| ConfigError::Url("slack base_url"))?;
        Ok(Self { token: config.token, base, allow_mentions: config.allow_mentions, http, deadlines })
    }

    /// Asks whose token it is, and posts nothing.
    pub(crate) async fn reach(&self, now: Timestamp) -> Outcome {
        match self.call("auth.test", &json!({}), now).await {
            Ok(said) => {
                let word = |key: &str| self.shown(said[key].as_str().unwrap_or("?"));
                accepted(format!("the token is that of {} in the workspace {}", word("user"), word("team")))
            }
            Err(outcome) => outcome,
        }
    }

    /// Asks for a place, puts the bytes there, and answers with the file's id.
    async fn upload(&self, file: &ParcelFile, now: Timestamp) -> Result<String, Outcome> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filename", &file.name)
            .append_pair("length", &file.bytes.to_string())
            .finish();
        let place = self.post("files.getUploadURLExternal", "application/x-www-form-urlencoded", form, now).await?;
        let (id, address) = (text_at(&place, &["file_id"])?, text_at(&place, &["upload_url"])?);
        let url = Url::parse(&address).map_err(|_| retry("slack: upload: Slack gave no valid upload address"))?;
        let trust = if url.origin() == self.base.origin() { Trust::Operator } else { Trust::Tenant };
        let body = file_body(Bytes::new(), &file.path, file.bytes, Bytes::new())
            .await
            .map_err(|error| retry(format!("slack: the artifact could not be read: {error}")))?;
        let request = Request::post(target(&url))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, file.bytes)
            .body(body)
            .map_err(|error| rejected(format!("slack: upload: {error}")))?;
        let answer = self
            .http
            .exchange(&url, trust, request, self.deadlines.transfer, Reading::Beginning)
            .await
            .map_err(|error| self.unreached("upload", &error))?;
        if answer.status.is_success() { Ok(id) } else { Err(self.refusal("upload", &answer, now)) }
    }

    async fn call(&self, method: &str, arguments: &Value, now: Timestamp) -> Result<Value, Outcome> {
        self.post(method, "application/json; charset=utf-8", arguments.to_string(), now).await
    }

    async fn post(&self, method: &str, content_type: &str, body: String, now: Timestamp) -> Result<Value, Outcome> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{method}", self.base.path().trim_end_matches('/')));
        let request: Request<Body> = Request::post(target(&url))
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, body.len())
            .body(bytes_body(body))
            .map_err(|error| rejected(format!("slack: {method}: {error}")))?;
        let answer = self
            .http
            .exchange(&url, Trust::Operator, request, self.deadlines.command, Reading::Whole)
            .await
            .map_err(|error| self.unreached(method, &error))?;
        if !answer.status.is_success() {
            return Err(self.refusal(method, &answer, now));
        }
        let said: Value = serde_json::from_str(&answer.text).map_err(|_| retry(format!("slack: {method}: the answer is not JSON")))?;
        if said["ok"] == Value::Bool(true) {
            step(|| format!("{method}: ok"));
            return Ok(said);
        }
        Err(self.judge(method, &said, answer.not_before(now)))
    }

    fn unreached(&self, phase: &str, error: &HttpError) -> Outcome {
        let reason = self.shown(&format!("slack: {phase}: {error}"));
        if error.refused { rejected(reason) } else { retry(reason) }
    }

    /// An answer that is not Slack's JSON: rate limits and broken gateways.
    fn refusal(&self, phase: &str, answer: &Answer, now: Timestamp) -> Outcome {
        let reason = self.shown(&format!("slack: {phase}: HTTP {} {}", answer.status.as_u16(), answer.text));
        if is_transient(answer.status) { Outcome::Retry { reason, not_before: answer.not_before(now) } } else { rejected(reason) }
    }

    /// Slack's own words, with what to do where people can do something (D10).
    fn judge(&self, method: &str, said: &Value, not_before: Option<Timestamp>) -> Outcome {
        let error = said["error"].as_str().unwrap_or("unknown error");
        let hint = match error {
            "not_in_channel" | "channel_not_found" => "; invite the Pressrun bot to the channel, and check the channel id".to_owned(),
            "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
                "; the operator renews the Slack token".to_owned()
            }
            "missing_scope" => match said["needed"].as_str() {
                Some(needed) => format!("; the Slack app lacks the permission {needed}: add it and install the app anew"),
                None => "; the Slack app lacks a permission (files:write, chat:write, im:write)".to_owned(),
            },
            "is_archived" => "; the channel is archived".to_owned(),
            "user_not_found" | "users_not_found" => "; check the user id".to_owned(),
            "cannot_dm_bot" | "user_disabled" => "; this person cannot get direct messages".to_owned(),
            "restricted_action" | "access_denied" | "no_permission" | "ekm_access_denied" | "org_login_required" => {
                "; a rule of the Slack workspace forbids it: ask its administrator".to_owned()
            }
            "file_uploads_disabled" | "file_uploads_except_images_disabled" => "; the Slack workspace takes no files".to_owned(),
            "storage_limit_reached" => "; the Slack workspace has no room for files left".to_owned(),
            "msg_too_long" => "; shorten the message".to_owned(),
            _ => String::new(),
        };
        let reason = self.shown(&format!("slack: {method}: {error}{hint}"));
        match error {
            "ratelimited"
            | "rate_limited"
            | "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "team_added_to_org"
            | "unknown error" => Outcome::Retry { reason, not_before },
            _ => Outcome::Rejected { reason },
        }
    }

    fn shown(&self, text: &str) -> String {
        presentable(text, &[&self.token])
    }
}

fn text_at(value: &Value, path: &[&str]) -> Result<String, Outcome> {
    let found = path.iter().fold(value, |value, key| &value[*key]);
    found.as_str().map(str::to_owned).ok_or_else(|| retry(format!("slack: the answer has no {}", path.join("."))))
}

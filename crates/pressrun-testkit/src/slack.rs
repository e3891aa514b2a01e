//! A Slack workspace, as far as deliveries use it: the calls for files, for direct messages and for posting, with Slack's own errors.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::object_store::percent_decoded;
use crate::{HttpAnswer, HttpReceiver, ReceivedRequest};

/// A file as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it was shared.
    pub channel: String,
    /// The words with it.
    pub comment: String,
}

/// A message as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackPost {
    /// Where.
    pub channel: String,
    /// What.
    pub text: String,
    /// The client's mark.
    pub client_msg_id: String,
}

#[derive(Default)]
struct State {
    token: String,
    /// Channels, and whether the bot is in them.
    channels: HashMap<String, bool>,
    users: HashSet<String>,
    /// Places given out: name, length, bytes.
    places: BTreeMap<String, (String, usize, Option<Vec<u8>>)>,
    files: Vec<SlackFile>,
    posts: Vec<SlackPost>,
}

/// The workspace, its API under `/api`.
pub struct SlackWorkspace {
    receiver: HttpReceiver,
    state: Arc<Mutex<State>>,
}

impl SlackWorkspace {
    /// A workspace whose bot has this token, is in the channel `C0123`, is not in `C0999`, and knows the user `U0456`.
    pub async fn start(token: &str) -> Self {
        let state = State {
            token: token.to_owned(),
            channels: HashMap::from([("C0123".to_owned(), true), ("C0999".to_owned(), false)]),
            users: HashSet::from(["U0456".to_owned()]),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let receiver = HttpReceiver::serving(move |request| lock(&shared).answer(request)).await;
        Self { receiver, state }
    }

    /// The wire underneath, for scripted answers and for what was received.
    #[must_use]
    pub fn receiver(&self) -> &HttpReceiver {
        &self.receiver
    }

    /// Files that were shared.
    #[must_use]
    pub fn files(&self) -> Vec<SlackFile> {
        lock(&self.state).files.clone()
    }

    /// Messages that were posted.
    #[must_use]
    pub fn posts(&self) -> Vec<SlackPost> {
        lock(&self.state).posts.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn form(request: &ReceivedRequest) -> HashMap<String, String> {
    request
        .text()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), percent_decoded(&value.replace('+', " "))))
        .collect()
}

impl State {
    fn answer(&mut self, request: &ReceivedRequest) -> HttpAnswer {
        if let Some(id) = request.path.strip_prefix("/upload/") {
            return self.take_bytes(id, request);
        }
        let answer = match request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            None => Err("not_authed"),
            Some(token) if token != self.token => Err("invalid_auth"),
            Some(_) => self.call(request.path.strip_prefix("/api/").unwrap_or_default(), request),
        };
        let json = answer.unwrap_or_else(|error| json!({ "ok": false, "error": error }));
        HttpAnswer::new(200, json.to_string()).header("Content-Type", "application/json; charset=utf-8")
    }

    fn take_bytes(&mut self, id: &str, request: &ReceivedRequest) -> HttpAnswer {
        match self.places.get_mut(id) {
            Some((_, length, bytes)) if *length == request.body.len() => {
                *bytes = Some(request.body.clone());
                HttpAnswer::new(200, format!("OK - {length}"))
            }
            _ => HttpAnswer::new(400, "no such upload, or another length"),
        }
    }

    fn call(&mut self, method: &str, request: &ReceivedRequest) -> Result<Value, &'static str> {
        let json: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match method {
            "auth.test" => Ok(json!({ "ok": true, "team": "Blobs", "user": "pressrun" })),
            "files.getUploadURLExternal" => {
                // Slack takes this call as a form only.
                let fields = form(request);
                let length =
                    fields.get("length").and_then(|text| text.parse().ok()).filter(|length| *length > 0).ok_or("invalid_arguments")?;
                let name = fields.get("filename").cloned().filter(|name| !name.is_empty()).ok_or("invalid_arguments")?;
                let id = format!("F{}", self.places.len() + 1);
                self.places.insert(id.clone(), (name, length, None));
                let url = format!("http://{}/upload/{id}", request.header("host").unwrap_or_default());
                Ok(json!({ "ok": true, "file_id": id, "upload_url": url }))
            }
            "files.completeUploadExternal" => {
                let channel = self.channel(&json, "channel_id")?;
                let id = json["files"][0]["id"].as_str().ok_or("invalid_arguments")?;
                let (name, _, bytes) = self.places.get(id).cloned().ok_or("file_not_found")?;
                let bytes = bytes.ok_or("file_not_found")?;
                let comment = json["initial_comment"].as_str().unwrap_or_default().to_owned();
                self.files.push(SlackFile { name, bytes, channel, comment });
                Ok(json!({ "ok": true, "files": [{ "id": id }] }))
            }
            "conversations.open" => {
                let user = json["users"].as_str().unwrap_or_default();
                if !self.users.contains(user) {
                    return Err("user_not_found");
                }
                let channel = format!("D-{user}");
                self.channels.insert(channel.clone(), true);
                Ok(json!({ "ok": true, "channel": { "id": channel } }))
            }
            "chat.postMessage" => {
                let channel = self.channel(&json, "channel")?;
                let text = json["text"].as_str().filter(|text| !text.is_empty()).ok_or("no_text")?.to_owned();
                let client_msg_id = json["client_msg_id"].as_str().unwrap_or_default().to_owned();
                self.posts.push(SlackPost { channel: channel.clone(), text, client_msg_id });
                Ok(json!({ "ok": true, "channel": channel, "ts": format!("{}.0001", self.posts.len()) }))
            }
            _ => Err("unknown_method"),
        }
    }

    fn channel(&self, json: &Value, field: &str) -> Result<String, &'static str> {
        let channel = json[field].as_str().ok_or("invalid_arguments")?;
        match self.channels.get(channel) {
            None => Err("channel_not_found"),
            Some(false) => Err("not_in_channel"),
            Some(true) => Ok(channel.to_owned()),
        }
    }
}

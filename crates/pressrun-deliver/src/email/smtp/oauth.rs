//! Access tokens for the login: from a token endpoint (RFC 6749 §4.4) or from a program, kept until shortly before they end.

use std::process::Stdio;
use std::time::Duration;

use hyper::Request;
use pressrun_domain::secret::Secret;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use url::{Url, form_urlencoded};

use crate::config::{ConfigError, SecretSource, TokenSource};
use crate::dial::Trust;
use crate::http::{Body, Http, Reading, bytes_body, target};
use crate::outcome::presentable;

/// A token is not used in its last minute: the login takes a while.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token is kept whose end is not known.
const UNKNOWN: Duration = Duration::from_secs(300);
/// Longest time that a token is kept, whatever is said.
const KEPT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Letters of a token; Azure's have some 2,000.
const TOKEN_MAX: usize = 16 * 1024;

/// Where tokens come from, and the one that is good now.
pub(super) struct Tokens {
    source: Source,
    http: Http,
    deadline: Duration,
    /// Locked while a new one is fetched, so that many connections fetch one.
    kept: Mutex<Option<Kept>>,
}

enum Source {
    Endpoint { url: Url, client_id: String, client_secret: SecretSource, scope: Option<String> },
    Command(Vec<String>),
}

struct Kept {
    token: Secret,
    until: Instant,
}

impl Tokens {
    pub(super) fn new(source: TokenSource, http: Http, deadline: Duration) -> Result<Self, ConfigError> {
        let source = match source {
            TokenSource::ClientCredentials { token_url, client_id, client_secret, scope } => {
                let invalid = || ConfigError::Url("mail.oauth.token_url");
                let url = Url::parse(&token_url).map_err(|_| invalid())?;
                if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                    return Err(invalid());
                }
                Source::Endpoint { url, client_id, client_secret, scope }
            }
            TokenSource::Command(words) => Source::Command(words),
        };
        Ok(Self { source, http, deadline, kept: Mutex::default() })
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Why there is none, in words that name the key.
    pub(super) async fn token(&self) -> Result<Secret, String> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.until > Instant::now()) {
            return Ok(kept.token.clone());
        }
        let (token, lifetime) = match &self.source {
            Source::Endpoint { url, client_id, client_secret, scope } => self.ask(url, client_id, client_secret, scope.as_deref()).await?,
            Source::Command(words) => self.run(words).await?,
        };
        *kept = Some(Kept { token: token.clone(), until: Instant::now() + lifetime });
        Ok(token)
    }

    /// Drops a token that was refused.
    pub(super) async fn forget(&self, token: &Secret) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.token.expose() == token.expose()) {
            *kept = None;
        }
    }

    /// What tokens are asked for with.
    pub(super) async fn own_secret(&self) -> Option<Secret> {
        match &self.source {
            Source::Endpoint { client_secret, .. } => client_secret.read().await.ok(),
            Source::Command(_) => None,
        }
    }

    async fn ask(&self, url: &Url, id: &str, secret: &SecretSource, scope: Option<&str>) -> Result<(Secret, Duration), String> {
        const KEY: &str = "mail.oauth.token_url";
        let secret = secret.read().await.map_err(|error| format!("mail.oauth.client_secret_file could not be read: {error}"))?;
        let body = form(id, &secret, scope);
        let request: Request<Body> = Request::post(target(url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("content-length", body.len())
            .body(bytes_body(body))
            .map_err(|error| format!("{KEY}: {error}"))?;
        let answer = self.http.exchange(url, Trust::Operator, request, self.deadline, Reading::Whole).await;
        let answer = answer.map_err(|error| format!("{KEY}: {error}"))?;
        if !answer.status.is_success() {
            return Err(presentable(&format!("{KEY}: HTTP {} {}", answer.status.as_u16(), answer.text), &[&secret]));
        }
        token_in(&answer.text).ok_or_else(|| format!("{KEY}: the answer holds no access_token"))
    }

    async fn run(&self, words: &[String]) -> Result<(Secret, Duration), String> {
        const KEY: &str = "mail.oauth.command";
        let (program, arguments) = words.split_first().ok_or_else(|| format!("{KEY} is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(self.deadline, command.output()).await.map_err(|_| format!("{KEY}: timed out"))?;
        let output = output.map_err(|error| format!("{KEY}: {program} could not be started: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(presentable(&format!("{KEY}: {program} ended with {}: {}", output.status, said.trim()), &[]));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let said = said.trim();
        let token = if said.starts_with('{') { token_in(said) } else { as_token(said).map(|token| (token, UNKNOWN)) };
        token.ok_or_else(|| format!("{KEY}: {program} printed no token"))
    }
}

/// What is asked of an endpoint (RFC 6749 §4.4.2, with the client's proof in the body as §2.3.1 allows).
fn form(id: &str, secret: &Secret, scope: Option<&str>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", id).append_pair("client_secret", secret.expose());
    if let Some(scope) = scope {
        form.append_pair("scope", scope);
    }
    form.finish()
}

/// The token of an endpoint's answer, and how long it may be used.
fn token_in(json: &str) -> Option<(Secret, Duration)> {
    let answer: Value = serde_json::from_str(json).ok()?;
    let token = as_token(answer.get("access_token")?.as_str()?)?;
    // A number, which some endpoints put in quotes.
    let seconds = answer.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let lifetime = seconds.map_or(UNKNOWN, |seconds| Duration::from_secs(seconds).saturating_sub(MARGIN).min(KEPT_MAX));
    Some((token, lifetime))
}

/// A token as RFC 6750 §2.1 has them: nothing in it can end a field or a line.
fn as_token(text: &str) -> Option<Secret> {
    let fits = !text.is_empty() && text.len() <= TOKEN_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_a_token_is_kept_until_a_minute_before_its_end() {
        for (answer, expected) in [
            (r#"{"access_token":"abc","expires_in":3599}"#, Some(("abc", 3539))),
            (r#"{"access_token":"abc","expires_in":"3599"}"#, Some(("abc", 3539))),
            (r#"{"access_token":"abc","expires_in":30}"#, Some(("abc", 0))),
            (r#"{"access_token":"abc","expires_in":999999999}"#, Some(("abc", 86_400))),
            (r#"{"access_token":"abc"}"#, Some(("abc", 300))),
            (r#"{"access_token":"a b"}"#, None),
            (r#"{"access_token":""}"#, None),
            (r#"{"error":"invalid_client"}"#, None),
            ("<html>", None),
        ] {
            let found = token_in(answer).map(|(token, lifetime)| (token.expose().to_owned(), lifetime.as_secs()));
            assert_eq!(found, expected.map(|(token, seconds)| (token.to_owned(), seconds)), "{answer}");
        }
    }
}

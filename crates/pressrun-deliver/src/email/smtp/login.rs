//! Who we are to the relay (RFC 4954, 7628), with a secret that is read anew for each connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pressrun_domain::secret::Secret;

use super::oauth::Tokens;
use crate::config::{ConfigError, MailLogin, SecretSource};
use crate::http::Http;

/// Secrets that are remembered, so that none of them is ever quoted: the present ones and those that they replaced.
const KNOWN_MAX: usize = 16;

/// How we log in.
pub(super) struct Login {
    user: String,
    /// Host and port of the relay, for tokens that are bound to a place.
    place: (String, u16),
    proof: Proof,
    known: Mutex<Vec<Secret>>,
}

enum Proof {
    Password(SecretSource),
    Token(Box<Tokens>),
}

/// What is shown to the relay.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) secret: Secret,
    /// Whether the secret is an access token.
    pub(super) is_token: bool,
    place: (String, u16),
}

impl Credentials {
    /// What follows `AUTH PLAIN` (RFC 4616).
    pub(super) fn plain(&self) -> String {
        BASE64.encode(format!("\0{}\0{}", self.user, self.secret.expose()))
    }

    /// What follows `AUTH XOAUTH2`.
    pub(super) fn xoauth2(&self) -> String {
        BASE64.encode(format!("user={}\x01auth=Bearer {}\x01\x01", self.user, self.secret.expose()))
    }

    /// What follows `AUTH OAUTHBEARER` (RFC 7628 §3.1).
    pub(super) fn oauthbearer(&self) -> String {
        let (host, port) = &self.place;
        let user = self.user.replace('=', "=3D").replace(',', "=2C");
        let token = self.secret.expose();
        BASE64.encode(format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"))
    }
}

impl Login {
    pub(super) fn new(config: MailLogin, place: (String, u16), http: &Http, deadline: Duration) -> Result<Self, ConfigError> {
        let (user, proof) = match config {
            MailLogin::Password { user, password } => (user, Proof::Password(password)),
            MailLogin::Token { user, tokens } => (user, Proof::Token(Box::new(Tokens::new(tokens, http.clone(), deadline)?))),
        };
        Ok(Self { user, place, proof, known: Mutex::default() })
    }

    /// The credentials as they are now.
    ///
    /// # Errors
    /// Why there are none, in words that name the key.
    pub(super) async fn credentials(&self) -> Result<Credentials, String> {
        let secret = match &self.proof {
            Proof::Password(source) => source.read().await.map_err(|error| format!("mail.password_file could not be read: {error}"))?,
            Proof::Token(tokens) => {
                let token = tokens.token().await;
                if let Some(secret) = tokens.own_secret().await {
                    self.remember(secret);
                }
                token?
            }
        };
        let is_token = matches!(self.proof, Proof::Token(_));
        let credentials = Credentials { user: self.user.clone(), secret, is_token, place: self.place.clone() };
        self.remember(credentials.secret.clone());
        // A server that quotes what it did not understand quotes the login line.
        let lines = [credentials.plain(), credentials.xoauth2(), credentials.oauthbearer()];
        for line in lines {
            self.remember(Secret::new(line));
        }
        Ok(credentials)
    }

    /// What a changed configuration would show: the password, or what tokens are asked for with. `None` when that cannot be said.
    pub(super) async fn present_secret(&self) -> Option<Secret> {
        match &self.proof {
            Proof::Password(source) => source.read().await.ok(),
            Proof::Token(tokens) => tokens.own_secret().await,
        }
    }

    /// The relay refused `credentials`; whether there may be better ones at once.
    pub(super) async fn refused(&self, credentials: &Credentials) -> bool {
        match &self.proof {
            Proof::Password(_) => false,
            Proof::Token(tokens) => {
                tokens.forget(&credentials.secret).await;
                true
            }
        }
    }

    /// Whose login it is.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The keys of the configuration that a refused login is about.
    pub(super) fn keys(&self) -> &'static str {
        match &self.proof {
            Proof::Password(_) => "mail.username and mail.password",
            Proof::Token(_) => "mail.username and mail.oauth",
        }
    }

    /// Everything that must not be quoted.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.known().clone()
    }

    fn remember(&self, secret: Secret) {
        let mut known = self.known();
        known.retain(|other| other.expose() != secret.expose());
        known.push(secret);
        let surplus = known.len().saturating_sub(KNOWN_MAX);
        known.drain(..surplus);
    }

    fn known(&self) -> MutexGuard<'_, Vec<Secret>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

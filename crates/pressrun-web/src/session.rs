//! The session of a browser: its cookie holds a random secret, the store a row under the hash of it (M4).

use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};

use crate::base;

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// From signing in, however much it is used.
    pub lasts: SignedDuration,
    /// From its last use.
    pub idle: SignedDuration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { lasts: SignedDuration::from_hours(12), idle: SignedDuration::from_hours(4) }
    }
}

/// Name of the cookie. Browsers take one that begins with `__Host-` from this very host over https only, whatever a neighbour under
/// the same domain sends (RFC 6265bis §4.1.3.2); such a cookie is for the whole host, so that under a base path only https is asked for.
pub(crate) fn cookie_name(https: bool) -> &'static str {
    match (https, base::path().is_empty()) {
        (true, true) => "__Host-pressrun_session",
        (true, false) => "__Secure-pressrun_session",
        (false, _) => "pressrun_session",
    }
}

/// What a session is stored and looked up under.
pub(crate) fn hash(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie.as_bytes()).into()
}

/// What a form has to carry to come from a page of this session; `cookie` is the session's own.
pub(crate) fn form_token(key: &Secret, cookie: &str) -> String {
    mac(key, "form", cookie).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a form carries the token of its session; compared in constant time.
pub(crate) fn is_form_token(key: &Secret, cookie: &str, sent: &str) -> bool {
    let Ok(sent) = hex::decode(sent) else { return false };
    mac(key, "form", cookie).is_some_and(|mac| mac.verify_slice(&sent).is_ok())
}

/// Names a development key without telling its token.
pub(crate) fn development_mark(key: &Secret, token: &Secret) -> Option<String> {
    Some(hex::encode(mac(key, "development key", token.expose())?.finalize().into_bytes()))
}

fn mac(key: &Secret, purpose: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_is_good_in_its_own_session_only() {
        let (key, other) = (Secret::new("k"), Secret::new("other"));
        let token = form_token(&key, "one");
        assert!(is_form_token(&key, "one", &token));
        for (case, key, cookie, sent) in [
            ("another session", &key, "two", token.as_str()),
            ("another key", &other, "one", token.as_str()),
            ("cut", &key, "one", &token[..62]),
            ("none", &key, "one", ""),
            ("no hex", &key, "one", "zz"),
        ] {
            assert!(!is_form_token(key, cookie, sent), "{case}");
        }
    }
}

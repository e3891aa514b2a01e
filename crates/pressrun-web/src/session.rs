//! The session cookie: which key signed in, until when, and our signature over both. It holds no secret and no name.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::id::ApiKeyId;
use pressrun_domain::secret::Secret;
use sha2::Sha256;

/// Name of the cookie.
pub(crate) const COOKIE: &str = "pressrun_session";
/// How long one signs in for.
pub(crate) const LASTS: SignedDuration = SignedDuration::from_hours(12);

/// Which key a session stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A stored key.
    Stored(ApiKeyId),
    /// A development key of the catalog, by [`development_tag`].
    Development(String),
}

/// The value of a cookie that is good until `expires`.
pub(crate) fn seal(key: &Secret, subject: &Subject, expires: Timestamp) -> Option<String> {
    let body = match subject {
        Subject::Stored(id) => format!("k{}.{}", id.0.as_simple(), expires.as_second()),
        Subject::Development(tag) => format!("d{tag}.{}", expires.as_second()),
    };
    let signature = hex::encode(mac(key, "session", &body)?.finalize().into_bytes());
    Some(format!("{body}.{signature}"))
}

/// The subject of a cookie's value, when we signed it and it has not expired.
pub(crate) fn open(key: &Secret, value: &str, now: Timestamp) -> Option<Subject> {
    let (body, signature) = value.rsplit_once('.')?;
    mac(key, "session", body)?.verify_slice(&hex::decode(signature).ok()?).ok()?;
    let (subject, expires) = body.split_once('.')?;
    let expires = Timestamp::from_second(expires.parse().ok()?).ok()?;
    if expires <= now {
        return None;
    }
    match subject.split_at_checked(1)? {
        ("k", id) => uuid::Uuid::try_parse(id).ok().map(|id| Subject::Stored(ApiKeyId(id))),
        ("d", tag) => Some(Subject::Development(tag.to_owned())),
        _ => None,
    }
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
pub(crate) fn development_tag(key: &Secret, token: &Secret) -> Option<String> {
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

    #[test]
    fn a_cookie_opens_only_untouched_with_its_key_and_in_time() {
        let (key, now) = (Secret::new("k"), Timestamp::UNIX_EPOCH);
        let subject = Subject::Stored(ApiKeyId::generate());
        let value = seal(&key, &subject, now + LASTS).expect("sealed");
        assert_eq!(open(&key, &value, now), Some(subject));
        assert_eq!(open(&key, &value, now + LASTS), None, "expired");
        assert_eq!(open(&Secret::new("other"), &value, now), None, "another key");
        let later = value.replacen(&(now + LASTS).as_second().to_string(), "99999999999", 1);
        assert_eq!(open(&key, &later, now), None, "prolonged by hand");
        for garbage in ["", ".", "..", "k", "é.é.é", "k.1.00", &value[..value.len() - 2]] {
            assert_eq!(open(&key, garbage, now), None, "{garbage}");
        }
    }
}

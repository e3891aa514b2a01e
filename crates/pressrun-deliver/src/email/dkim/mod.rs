//! DKIM signatures (RFC 6376, 8463), relaxed/relaxed, over a list of headers that we name.
//!
//! Signed here and not by the mail library, whose signer brings an RSA implementation with a known weakness; `ring` is in the tree for TLS
//! already (`docs/decisions/0008-own-dkim-signer.md`).

mod canonical;
mod key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Host;

use crate::config::{ConfigError, DkimConfig};
use key::Key;

/// What is signed when it is there. Those that a reader acts on are named once more than they occur, so that nobody can add a second one
/// (RFC 6376 §8.15); RFC 8058 §4 wants the two about unsubscribing.
const SIGNED: [(&str, bool); 12] = [
    ("From", true),
    ("To", true),
    ("Subject", true),
    ("Date", true),
    ("Message-ID", true),
    ("Reply-To", true),
    ("MIME-Version", false),
    ("Content-Type", false),
    ("Content-Transfer-Encoding", false),
    ("Auto-Submitted", false),
    ("List-Unsubscribe", true),
    ("List-Unsubscribe-Post", true),
];

/// Letters of a list or a signature on one line.
const LINE: usize = 72;

/// Signs for one domain with one key.
pub(super) struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl Signer {
    pub(super) fn new(config: &DkimConfig) -> Result<Self, ConfigError> {
        let Ok(Host::Domain(domain)) = Host::parse(config.domain.trim()) else {
            return Err(ConfigError::DkimName { field: "domain", text: config.domain.clone() });
        };
        let selector = config.selector.trim();
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !selector.split('.').all(is_label) {
            return Err(ConfigError::DkimName { field: "selector", text: config.selector.clone() });
        }
        let key = Key::parse(config.private_key.expose()).ok_or_else(|| ConfigError::DkimKey { selector: selector.to_owned() })?;
        Ok(Self { domain, selector: selector.to_owned(), key })
    }

    /// The `DKIM-Signature` header of a message with this head and a body of this hash, with its line end, to be put in front of it.
    ///
    /// `None` when the system has no randomness: a mail without a signature is better than none.
    pub(super) fn header(&self, head: &[u8], body_hash: &str, now: Timestamp) -> Option<Vec<u8>> {
        let headers = fields(head);
        let names = signed_names(&headers);
        let template = format!(
            " v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            now.as_second(),
            folded(&names),
            body_hash,
        );
        let signature = BASE64.encode(self.key.sign(signed_text(&headers, &names, &template).as_bytes())?);
        let mut header = format!("DKIM-Signature:{template}");
        for (at, letter) in signature.chars().enumerate() {
            if at > 0 && at % LINE == 0 {
                header.push_str("\r\n\t ");
            }
            header.push(letter);
        }
        header.push_str("\r\n");
        Some(header.into_bytes())
    }
}

/// The hash of a body for `bh=`, taken as the body goes by.
#[derive(Default)]
pub(super) struct BodyHash {
    form: canonical::Body,
    hash: Sha256,
    changed: Vec<u8>,
}

impl BodyHash {
    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.form.push(bytes, &mut self.changed);
        self.hash.update(&self.changed);
        self.changed.clear();
    }

    /// Takes whole lines that are neither empty nor hold a blank, behind a line end: they are hashed as they are.
    pub(super) fn update_plain_lines(&mut self, lines: &[u8]) {
        self.form.before_plain_lines(&mut self.changed);
        self.hash.update(&self.changed);
        self.changed.clear();
        self.hash.update(lines);
    }

    /// The hash in base64.
    pub(super) fn finish(mut self) -> String {
        self.form.end(&mut self.changed);
        self.hash.update(&self.changed);
        BASE64.encode(self.hash.finalize())
    }
}

/// Names and values of the headers.
fn fields(head: &[u8]) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in String::from_utf8_lossy(head).split_inclusive("\r\n") {
        match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => value.push_str(line),
            (false, _, Some((name, value))) => headers.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    headers
}

/// The list for `h=`.
fn signed_names(headers: &[(String, String)]) -> Vec<&'static str> {
    let count = |name: &str| headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).count();
    SIGNED.iter().flat_map(|&(name, sealed)| std::iter::repeat_n(name, count(name) + usize::from(sealed))).collect()
}

/// The list for `h=`, broken into lines of readable length.
fn folded(names: &[&str]) -> String {
    let (mut out, mut length) = (String::new(), 0);
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(':');
        }
        if length + name.len() > LINE {
            out.push_str("\r\n\t ");
            length = 0;
        }
        out.push_str(name);
        length += name.len() + 1;
    }
    out
}

/// Everything that the signature covers besides the body's hash: each named header, the lowest of a name first (§5.4.2), then the signature's own.
fn signed_text(headers: &[(String, String)], names: &[&str], template: &str) -> String {
    let mut left: Vec<&(String, String)> = headers.iter().collect();
    let mut text = String::new();
    for name in names {
        if let Some(at) = left.iter().rposition(|(found, _)| found.eq_ignore_ascii_case(name)) {
            let (name, value) = left.remove(at);
            text.push_str(&canonical::header(name, value));
            text.push_str("\r\n");
        }
    }
    text.push_str(&canonical::header("DKIM-Signature", template));
    text
}

#[cfg(test)]
mod tests {
    use pressrun_domain::secret::Secret;

    use super::*;

    /// RFC 8463 appendix A: the key (§A.1), the message (§A.3), and what its signature must be.
    const KEY: &str =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
         Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
         Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    #[test]
    fn rfc_8463_the_published_message_has_its_published_signature() {
        let (head, body) = MESSAGE.split_once("\r\n\r\n").expect("head and body");
        let headers = fields(format!("{head}\r\n").as_bytes());
        let mut hash = BodyHash::default();
        hash.update(body.as_bytes());
        assert_eq!(hash.finish(), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"];
        let template = " v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
             q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
             bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
        let signature = Key::parse(KEY).expect("a key").sign(signed_text(&headers, &names, template).as_bytes()).expect("signed");
        assert_eq!(BASE64.encode(signature), "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
    }

    #[test]
    fn headers_that_matter_are_named_once_more_than_they_occur() {
        let (head, _) = MESSAGE.split_once("\r\n\r\n").expect("head and body");
        let headers = fields(format!("{head}\r\n").as_bytes());
        let names = signed_names(&headers);
        assert_eq!(names.iter().filter(|name| **name == "From").count(), 2);
        assert_eq!(names.iter().filter(|name| **name == "Reply-To").count(), 1, "absent, and must stay so");
        assert_eq!(names.iter().filter(|name| **name == "Content-Type").count(), 0);
    }

    #[test]
    fn what_cannot_sign_is_refused_without_showing_the_key() {
        let config = |domain: &str, selector: &str, key: &str| DkimConfig {
            domain: domain.to_owned(),
            selector: selector.to_owned(),
            private_key: Secret::new(key),
        };
        assert!(Signer::new(&config("exämple.org", "brisbane", KEY)).is_ok_and(|signer| signer.domain == "xn--exmple-cua.org"));
        for (domain, selector, key) in [
            ("", "s", KEY),
            ("127.0.0.1", "s", KEY),
            ("example.org", "", KEY),
            ("example.org", "a b", KEY),
            ("example.org", "a..b", KEY),
            ("example.org", "a;d=evil.example", KEY),
            ("example.org", "s", "no key at all"),
            ("example.org", "s", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ] {
            let error = Signer::new(&config(domain, selector, key)).err().expect("refused");
            assert!(!error.to_string().contains("AAAA") && !error.to_string().contains("no key at all"), "{error}");
        }
    }
}

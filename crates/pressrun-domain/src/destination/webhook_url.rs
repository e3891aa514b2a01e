//! Addresses of webhooks: taken only when the URL standard has nothing to repair, and never shown whole.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::host::{Host, InvalidHost, Port, in_words};
use crate::secret::Secret;

/// Longest address in bytes; what proxies and servers take in a request line.
const BYTES_MAX: usize = 4096;

/// Parts of a path shorter than this are words such as `hook` and `v1`, and open nothing.
const SEGMENT_BYTES_MIN: usize = 6;

/// Values in a query shorter than this open nothing.
const VALUE_BYTES_MIN: usize = 3;

/// An http or https address. Login, path and query may be what opens it: `Debug` and `Display` show the origin only.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: Secret,
    url: Url,
}

/// Why a text is no address of a webhook. `Display` begins with the contract's words and never quotes the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookUrl {
    /// No scheme at all.
    #[error("Invalid url: write it as https://host/path")]
    Form,
    /// Another scheme.
    #[error("Invalid url: the scheme must be http or https")]
    Scheme,
    /// Control characters and blanks, which parsers drop or encode without a word.
    #[error("Invalid url: it contains {0} at character {1}: take that out, or write it percent-encoded")]
    Character(String, usize),
    /// `\`, which is read as `/`.
    #[error("Invalid url: it contains a backslash; write / instead")]
    Backslash,
    /// The host is none.
    #[error("Invalid url: {0}")]
    Host(#[from] InvalidHost),
    /// The port is none.
    #[error("Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none")]
    Port,
    /// What stands behind `#` is never sent.
    #[error("Invalid url: leave out what begins with #, because it is never sent; a # that belongs to the address is written %23")]
    Fragment,
    /// `.` and `..` between slashes are resolved before anything is sent.
    #[error("Invalid url: leave out the . and .. parts of the path")]
    Dots,
    /// Too long.
    #[error("Invalid url: it is longer than 4096 bytes")]
    Long,
    /// Anything else.
    #[error("Invalid url")]
    Other,
}

impl FromStr for WebhookUrl {
    type Err = InvalidWebhookUrl;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookUrl> {
        if text.len() > BYTES_MAX {
            return Err(InvalidWebhookUrl::Long);
        }
        if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| c.is_control() || c.is_whitespace()) {
            let article = if c == ' ' { "a" } else { "an" };
            return Err(InvalidWebhookUrl::Character(format!("{article} {}", in_words(c)), at + 1));
        }
        let (scheme, rest) = text.split_once(':').ok_or(InvalidWebhookUrl::Form)?;
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(InvalidWebhookUrl::Form);
        }
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(InvalidWebhookUrl::Scheme);
        }
        if text.contains('\\') {
            return Err(InvalidWebhookUrl::Backslash);
        }
        let rest = rest.strip_prefix("//").ok_or(InvalidWebhookUrl::Form)?;
        if text.contains('#') {
            return Err(InvalidWebhookUrl::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        host.parse::<Host>()?;
        if let Some(port) = port {
            port.parse::<Port>().map_err(|_| InvalidWebhookUrl::Port)?;
        }
        let path = target.split('?').next().unwrap_or_default();
        if path.split('/').any(|part| matches!(&*percent_decode_str(part).decode_utf8_lossy(), "." | "..")) {
            return Err(InvalidWebhookUrl::Dots);
        }
        let url = Url::parse(text).map_err(|_| InvalidWebhookUrl::Other)?;
        Ok(Self { text: Secret::new(text), url })
    }
}

impl WebhookUrl {
    /// The address as it was typed. Keep the borrow short, and never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The address to send to. Never log it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port: what everybody may see.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether it carries a login.
    #[must_use]
    pub fn has_login(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// The address as whoever manages it sees it: without its login.
    #[must_use]
    pub fn without_login(&self) -> String {
        let text = self.expose();
        let begins = text.find("//").map_or(0, |at| at + 2);
        let ends = text[begins..].find(['/', '?']).map_or(text.len(), |at| begins + at);
        match text[begins..ends].rfind('@') {
            Some(at) => format!("{}{}", &text[..begins], &text[begins + at + 1..]),
            None => text.to_owned(),
        }
    }

    /// This address with the login of `other`, when both lead to one origin and this one says nothing of a login. `@` before the host with
    /// nothing before it says that there is none.
    #[must_use]
    pub fn with_login_of(self, other: &Self) -> Self {
        let says = self.without_login() != self.expose();
        if says || !other.has_login() || self.origin() != other.origin() {
            return self;
        }
        let typed = other.expose();
        let begins = typed.find("//").map_or(0, |at| at + 2);
        let ends = typed[begins..].find(['/', '?']).map_or(typed.len(), |at| begins + at);
        let login = typed[begins..ends].rsplit_once('@').map_or("", |(login, _)| login);
        let text = self.expose().replacen("//", &format!("//{login}@"), 1);
        text.parse().unwrap_or(self)
    }

    /// Everything in it that may open something, each part as typed and decoded: the whole, the login, path and query, the longer parts of
    /// the path, the values of the query (D13).
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let url = &self.url;
        let mut parts = vec![self.expose().to_owned(), url.to_string()];
        if url.path().len() > 1 {
            parts.push(url.path().to_owned());
        }
        parts.extend(url.query().filter(|query| query.len() >= VALUE_BYTES_MIN).map(|query| format!("{}?{query}", url.path())));
        parts.extend(url.query().filter(|query| query.len() >= VALUE_BYTES_MIN).map(str::to_owned));
        parts.extend(url.path_segments().into_iter().flatten().filter(|part| part.len() >= SEGMENT_BYTES_MIN).map(str::to_owned));
        let values = url.query().into_iter().flat_map(|query| query.split('&'));
        let values = values.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        parts.extend(values.filter(|value| value.len() >= VALUE_BYTES_MIN).map(str::to_owned));
        parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| value.len() >= VALUE_BYTES_MIN));
        if self.has_login() {
            let (user, password) = (decoded(url.username()), url.password().map(decoded));
            // The pair as well: receivers quote the Authorization header, which is its base64.
            parts.push(format!("{user}:{}", password.clone().unwrap_or_default()));
            parts.extend(url.password().map(str::to_owned));
            // A name alone may be a token: https://TOKEN@host.
            parts.push(password.unwrap_or(user));
        }
        let plain: Vec<String> = parts.iter().map(|part| decoded(part)).collect();
        parts.extend(plain);
        parts.retain(|part| part.len() > 1);
        parts.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        parts.dedup();
        parts.into_iter().map(Secret::new).collect()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/[redacted])", self.origin())
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> WebhookUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn m5_what_the_url_standard_repairs_silently_is_refused() {
        let long = format!("https://example.com/{}", "x".repeat(4096));
        for (text, fault) in [
            ("https://webhooksrus.com/1234566", None),
            ("HTTPS://Example.COM", None),
            ("http://example.com:8080/x?y=z", None),
            ("https://user:p%40ss@example.com/", None),
            ("https://@example.com/", None),
            ("https://example.com?key=1", None),
            ("https://example.com/a%20b/ä/{c}?q=ü&x=%zz", None),
            ("https://example.com/a//b/...", None),
            ("https://münchen.example/hook", None),
            ("https://[2001:db8::7]:8443/hook", None),
            ("https://192.0.2.7/hook", None),
            ("https://example.com./hook", None),
            ("", Some("Invalid url: write it as https://host/path")),
            ("nonsense", Some("Invalid url: write it as https://host/path")),
            ("//example.com", Some("Invalid url: write it as https://host/path")),
            ("example.com/hook", Some("Invalid url: write it as https://host/path")),
            ("http:example.com", Some("Invalid url: write it as https://host/path")),
            ("http:/example.com", Some("Invalid url: write it as https://host/path")),
            ("http:///example.com", Some("Invalid url: the host is missing")),
            ("http://", Some("Invalid url: the host is missing")),
            ("http://?x", Some("Invalid url: the host is missing")),
            ("http://:80/", Some("Invalid url: the host is missing")),
            ("http://user@/x", Some("Invalid url: the host is missing")),
            ("ftp://x.com", Some("Invalid url: the scheme must be http or https")),
            ("javascript:alert(1)", Some("Invalid url: the scheme must be http or https")),
            ("localhost:9000", Some("Invalid url: the scheme must be http or https")),
            (
                "https://example.com/a b",
                Some("Invalid url: it contains a blank at character 22: take that out, or write it percent-encoded"),
            ),
            (
                "ht\ntps://example.com",
                Some("Invalid url: it contains an invisible character U+000A at character 3: take that out, or write it percent-encoded"),
            ),
            (
                "https://example.com/\u{0}",
                Some("Invalid url: it contains an invisible character U+0000 at character 21: take that out, or write it percent-encoded"),
            ),
            (" https://example.com", Some("Invalid url: it contains a blank at character 1: take that out, or write it percent-encoded")),
            (
                "https://example.com/\t",
                Some("Invalid url: it contains an invisible character U+0009 at character 21: take that out, or write it percent-encoded"),
            ),
            ("https://example.com\\@evil.example/", Some("Invalid url: it contains a backslash; write / instead")),
            ("http:\\\\example.com", Some("Invalid url: it contains a backslash; write / instead")),
            (
                "https://example.com:0/",
                Some("Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none"),
            ),
            (
                "https://example.com:/",
                Some("Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none"),
            ),
            (
                "https://example.com:65536/",
                Some("Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none"),
            ),
            (
                "https://example.com:+80/",
                Some("Invalid url: the port is a number between 1 and 65535; leave the colon out when there is none"),
            ),
            ("https://.../hook", Some("Invalid url: a host has something between its dots")),
            ("https://a..b/hook", Some("Invalid url: a host has something between its dots")),
            ("https://exa\u{ad}mple.com/", Some("Invalid url: a host has no invisible character U+00AD")),
            ("https://127。0。0。1/", Some("Invalid url: the host would be read as 127.0.0.1: write it like that")),
            ("https://0x7f000001/", Some("Invalid url: the host would be read as 127.0.0.1: write it like that")),
            ("https://loc%61lhost/", Some("Invalid url: a host has no '%'")),
            (
                "https://example.com/x#frag",
                Some("Invalid url: leave out what begins with #, because it is never sent; a # that belongs to the address is written %23"),
            ),
            ("https://example.com/a/../b", Some("Invalid url: leave out the . and .. parts of the path")),
            ("https://example.com/a/%2E%2e/b", Some("Invalid url: leave out the . and .. parts of the path")),
            ("https://example.com/./b", Some("Invalid url: leave out the . and .. parts of the path")),
            (long.as_str(), Some("Invalid url: it is longer than 4096 bytes")),
        ] {
            assert_eq!(text.parse::<WebhookUrl>().err().map(|fault| fault.to_string()).as_deref(), fault, "{text:?}");
        }
    }

    #[test]
    fn m2_login_path_and_query_are_secrets_and_never_printed() {
        let hook = parsed("https://bob:hunt%21er2@hooks.example.com:8443/services/T000/B000/SECRETPATH?key=QUERY%2FSECRET&v=1");
        let shown = format!("{hook} {hook:?}");
        assert_eq!(shown, "https://hooks.example.com:8443 WebhookUrl(https://hooks.example.com:8443/[redacted])");
        let secrets: Vec<String> = hook.secrets().iter().map(|secret| secret.expose().to_owned()).collect();
        for part in [
            "SECRETPATH",
            "QUERY%2FSECRET",
            "QUERY/SECRET",
            "hunt!er2",
            "hunt%21er2",
            "bob:hunt!er2",
            "/services/T000/B000/SECRETPATH",
            hook.expose(),
        ] {
            assert!(secrets.iter().any(|secret| secret == part), "{part}: {secrets:?}");
        }
        for part in ["1", "T000", "bob", "/"] {
            assert!(!secrets.iter().any(|secret| secret == part), "{part}");
        }
        assert!(parsed("https://TOKEN@example.com").secrets().iter().any(|secret| secret.expose() == "TOKEN"));
        assert_eq!(hook.without_login(), "https://hooks.example.com:8443/services/T000/B000/SECRETPATH?key=QUERY%2FSECRET&v=1");
    }

    #[test]
    fn m7_a_login_stays_with_its_origin_only() {
        let stored = parsed("https://bob:pw@hooks.example.com/a");
        for (typed, expected) in [
            ("https://hooks.example.com/b?x=@y", "https://bob:pw@hooks.example.com/b?x=@y"),
            ("https://hooks.example.com:443/b", "https://bob:pw@hooks.example.com:443/b"),
            ("https://eve:other@hooks.example.com/b", "https://eve:other@hooks.example.com/b"),
            ("https://@hooks.example.com/b", "https://@hooks.example.com/b"),
            ("https://hooks.example.com:8443/b", "https://hooks.example.com:8443/b"),
            ("http://hooks.example.com/b", "http://hooks.example.com/b"),
            ("https://evil.example/b", "https://evil.example/b"),
        ] {
            assert_eq!(parsed(typed).with_login_of(&stored).expose(), expected);
        }
    }

    proptest! {
        #[test]
        fn m5_no_accepted_url_changes_its_meaning(text in "(https?|HTTP)?:?[/\\\\]{0,3}[a-z0-9.@:\u{ad}\u{0} %-]{0,12}(/[a-zA-Zä0-9.%?#&= \\\\{}\\t/]{0,16})?") {
            if let Ok(hook) = text.parse::<WebhookUrl>() {
                let again: WebhookUrl = hook.url().as_str().parse().expect("what is sent is accepted as well");
                prop_assert_eq!(again.url(), hook.url());
                prop_assert_eq!(hook.expose(), &text);
                let (_, rest) = text.split_once("//").expect("an authority");
                let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                let sent = format!("{}{}", hook.url().path(), hook.url().query().map_or_else(String::new, |query| format!("?{query}")));
                let typed = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
                prop_assert_eq!(decoded(&sent), decoded(&typed));
                let host = hook.url().host_str().expect("a host").to_owned();
                prop_assert!(authority.to_lowercase().contains(&host), "{} in {}", host, authority);
            }
        }
    }
}

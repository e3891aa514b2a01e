//! Hosts and ports as people type them, taken only when nothing has to be guessed or repaired.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Longest name that the DNS has, in bytes of its ASCII form, without a final dot (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// A host name or an address literal.
///
/// Names may be written in any script (IDNA); what the URL standard would quietly turn into another host is refused: control and invisible
/// characters, look-alike digits and dots, addresses written as one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(url::Host);

/// Why a text is no host. `Display` says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// Nothing.
    #[error("the host is missing")]
    Missing,
    /// A character that no host has.
    #[error("a host has no {0}")]
    Character(String),
    /// Dots with nothing between them, at the beginning, or alone.
    #[error("a host has something between its dots")]
    Dots,
    /// Longer than the DNS takes.
    #[error("a host has at most 253 characters, and at most 63 between two dots")]
    Long,
    /// It would quietly become another one.
    #[error("the host would be read as {0}: write it like that")]
    Repaired(String),
    /// Anything else.
    #[error("{0:?} is no host name")]
    Other(String),
}

impl Host {
    /// The host in the form that is resolved and connected to.
    #[must_use]
    pub fn as_url_host(&self) -> &url::Host {
        &self.0
    }

    /// The host of an SFTP server: bare, or as `sftp://host` without port, user and path (contract §5.1.4).
    ///
    /// # Errors
    /// [`InvalidHost`].
    pub fn of_sftp_address(text: &str) -> Result<Self, InvalidHost> {
        let text = text.trim_matches(' ');
        let bare = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sftp") => rest.strip_suffix('/').unwrap_or(rest),
            _ => text,
        };
        match bare.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self(url::Host::Ipv6(address))),
            Err(_) => bare.parse(),
        }
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    /// Reads `sftp.example.com`, `münchen.example`, `192.0.2.7` or `[2001:db8::7]`.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if text.is_empty() {
            return Err(InvalidHost::Missing);
        }
        if let Some(c) = text.chars().find(|&c| is_unseen(c)) {
            return Err(InvalidHost::Character(in_words(c)));
        }
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address = inside.parse::<Ipv6Addr>().map_err(|_| InvalidHost::Other(text.to_owned()))?;
            return Ok(Self(url::Host::Ipv6(address)));
        }
        // A percent sign would be decoded, and `%2e` become a dot.
        if let Some(c) = text.chars().find(|c| "/\\?#@:%[]<>^|\"`{}".contains(*c)) {
            return Err(InvalidHost::Character(in_words(c)));
        }
        if text.strip_suffix('.').unwrap_or(text).split('.').any(str::is_empty) {
            return Err(InvalidHost::Dots);
        }
        if text.starts_with('-') {
            return Err(InvalidHost::Other(text.to_owned()));
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) => Self::of_name(text, name),
            Ok(url::Host::Ipv4(address)) if address.to_string() == text => Ok(Self(url::Host::Ipv4(address))),
            Ok(other) => Err(InvalidHost::Repaired(other.to_string())),
            Err(_) => Err(InvalidHost::Other(text.to_owned())),
        }
    }
}

impl Host {
    fn of_name(typed: &str, name: String) -> Result<Self, InvalidHost> {
        let plain = name.strip_suffix('.').unwrap_or(&name);
        if plain.len() > NAME_BYTES_MAX || plain.split('.').any(|label| label.len() > 63) {
            return Err(InvalidHost::Long);
        }
        // Full-width letters, ideographic dots and invisible characters become others on the way.
        let (shown, _) = idna::domain_to_unicode(&name);
        let lower = typed.to_lowercase();
        if shown == lower || name == lower { Ok(Self(url::Host::Domain(name))) } else { Err(InvalidHost::Repaired(shown)) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether nobody sees `c`: controls, blanks, and characters that only direct or join others.
pub(super) fn is_unseen(c: char) -> bool {
    let directs = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || c.is_whitespace() || directs
}

/// `c` as an error names it.
pub(super) fn in_words(c: char) -> String {
    match c {
        ' ' => "blank".to_owned(),
        c if is_unseen(c) => format!("invisible character U+{:04X}", u32::from(c)),
        c => format!("{c:?}"),
    }
}

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(u16);

/// The number is no port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Number must be between 1 and 65535")]
pub struct InvalidPort;

impl Port {
    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Port {
    type Error = InvalidPort;

    fn try_from(number: i64) -> Result<Self, InvalidPort> {
        u16::try_from(number).ok().filter(|port| *port > 0).map(Self).ok_or(InvalidPort)
    }
}

impl FromStr for Port {
    type Err = InvalidPort;

    /// Digits only: no sign, no blank.
    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        if text.is_empty() || text.len() > 5 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPort);
        }
        Self::try_from(text.parse::<i64>().map_err(|_| InvalidPort)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn m5_a_host_is_taken_only_as_it_is_typed() {
        let long = format!("{}.example", "a".repeat(64));
        for (text, expected) in [
            ("sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("SFTP.Example.com", Some("sftp.example.com")),
            ("example.com.", Some("example.com.")),
            ("a_b.internal", Some("a_b.internal")),
            ("localhost", Some("localhost")),
            ("münchen.example", Some("xn--mnchen-3ya.example")),
            ("MÜNCHEN.example", Some("xn--mnchen-3ya.example")),
            ("xn--mnchen-3ya.example", Some("xn--mnchen-3ya.example")),
            ("192.0.2.7", Some("192.0.2.7")),
            ("[2001:db8::7]", Some("[2001:db8::7]")),
            ("", None),
            (".", None),
            ("...", None),
            (".example.com", None),
            ("a..b", None),
            ("example.com..", None),
            ("two words", None),
            ("example.com\u{0}", None),
            ("exa\nmple.com", None),
            ("exa\u{ad}mple.com", None),
            ("exa\u{200b}mple.com", None),
            ("ｅxample.com", None),
            ("127。0。0。1", None),
            ("①②⑦.⓪.⓪.①", None),
            ("0x7f.1", None),
            ("2130706433", None),
            ("127.1", None),
            ("0177.0.0.1", None),
            ("192.0.2.7.", None),
            ("%6c%6f%63alhost", None),
            ("user@host", None),
            ("host:22", None),
            ("host/path", None),
            ("host\\path", None),
            ("-oProxyCommand=x", None),
            ("[::1", None),
            ("[127.0.0.1]", None),
            (long.as_str(), None),
        ] {
            assert_eq!(text.parse::<Host>().ok().map(|host| host.to_string()).as_deref(), expected, "{text:?}: {:?}", text.parse::<Host>());
        }
        assert_eq!("127.1".parse::<Host>().expect_err("repaired").to_string(), "the host would be read as 127.0.0.1: write it like that");
        assert_eq!("a b".parse::<Host>().expect_err("blank").to_string(), "a host has no blank");
    }

    #[test]
    fn m5_an_sftp_address_is_a_bare_host_or_a_url_without_port_and_user() {
        for (text, expected) in [
            ("sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("sftp://sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("SFTP://sftp.blobsrus.com/", Some("sftp.blobsrus.com")),
            (" sftp.blobsrus.com ", Some("sftp.blobsrus.com")),
            ("93.184.216.34", Some("93.184.216.34")),
            ("2606:4700::1", Some("[2606:4700::1]")),
            ("sftp://[::1]", Some("[::1]")),
            ("sftp://sftp.blobsrus.com:22", None),
            ("sftp.blobsrus.com:22", None),
            ("sftp://blobby@sftp.blobsrus.com", None),
            ("sftp://sftp.blobsrus.com/in", None),
            ("ftp://sftp.blobsrus.com", None),
            ("sftp.blobsrus.com\r\n", None),
            ("sftp://", None),
            ("", None),
        ] {
            assert_eq!(Host::of_sftp_address(text).ok().map(|host| host.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn m5_a_port_is_a_number_from_1_to_65535() {
        for (text, expected) in [
            ("1", Some(1)),
            ("22", Some(22)),
            ("65535", Some(65535)),
            ("0", None),
            ("65536", None),
            ("+22", None),
            ("", None),
            (" 22", None),
        ] {
            assert_eq!(text.parse::<Port>().ok().map(Port::get), expected, "{text:?}");
        }
        assert!(Port::try_from(-1).is_err() && Port::try_from(0).is_err() && Port::try_from(65_536).is_err());
    }

    proptest! {
        #[test]
        fn m5_an_accepted_host_round_trips_and_reads_the_same_in_a_url(text in "[a-zA-Z0-9äß\u{ad}。１.\\-_%: \u{0}]{1,24}") {
            if let Ok(host) = text.parse::<Host>() {
                prop_assert_eq!(host.to_string().parse::<Host>().ok(), Some(host.clone()));
                let url = url::Url::parse(&format!("http://{text}/")).expect("a host that was accepted");
                prop_assert_eq!(url.host().map(|host| host.to_owned()), Some(host.as_url_host().clone()));
            }
        }
    }
}

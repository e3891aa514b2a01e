//! What the operator writes in a list of `[egress]`: places and ports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use super::address::{embedded, unmapped};

/// A place: `10.1.0.0/16`, `10.1.2.3`, `127.0.0.1:34567`, `10.0.0.0/8:443`, `[fd00::/8]:443`, `hooks.internal`, `hooks.internal:8443`,
/// `*.example.com` (every name below it) or `*:25` (one port everywhere).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    place: Place,
    /// The port, or any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Every address and name.
    Everywhere,
    /// The network; a single address is its own.
    Network(IpNet),
    /// This name, exactly: lower case, no final dot.
    Name(String),
    /// Every name that ends with a dot and this one.
    Below(String),
}

/// What a connection is aimed at, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim<'a> {
    /// The name that was typed, plain (see [`plain_name`]).
    pub(super) name: Option<&'a str>,
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

/// How IPv6 addresses that carry an IPv4 address are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A mapped address is the IPv4 address inside; others are themselves.
    Itself,
    /// As themselves, and as the IPv4 address inside that a translator (NAT64) would connect to.
    Translated,
}

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network (10.0.0.0/8), an address, a host name (hooks.example.com, *.example.com) or a port everywhere (*:25)")]
pub struct InvalidEgressRule(pub(super) String);

impl EgressRule {
    /// Whether the rule names a port alone and no place.
    pub(super) fn is_everywhere(&self) -> bool {
        self.place == Place::Everywhere
    }

    /// Whether the rule can only be judged when the address is known.
    pub(super) fn is_about_addresses(&self, port: u16) -> bool {
        matches!(self.place, Place::Network(_)) && self.port.is_none_or(|own| own == port)
    }

    /// Whether `aim` is at this place.
    pub(super) fn matches(&self, aim: Aim<'_>, reading: Reading) -> bool {
        if self.port.is_some_and(|port| port != aim.port) {
            return false;
        }
        match &self.place {
            Place::Everywhere => true,
            Place::Network(net) => aim.address.is_some_and(|address| {
                net.contains(&unmapped(address))
                    || (reading == Reading::Translated
                        && (net.contains(&address) || embedded(address).is_some_and(|inner| net.contains(&IpAddr::V4(inner)))))
            }),
            Place::Name(host) => aim.name == Some(host),
            Place::Below(parent) => aim.name.and_then(|name| name.strip_suffix(parent.as_str())).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

impl FromStr for EgressRule {
    type Err = InvalidEgressRule;

    fn from_str(text: &str) -> Result<Self, InvalidEgressRule> {
        let text = text.trim();
        let invalid = || InvalidEgressRule(text.to_owned());
        if let Some(place) = network(text) {
            return Ok(Self { place, port: None });
        }
        if let Some((place, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            let place = network(place).ok_or_else(invalid)?;
            return Ok(Self { place, port: Some(port_number(port).ok_or_else(invalid)?) });
        }
        let (place, port) = match text.split_once(':') {
            Some((place, port)) => (place, Some(port_number(port).ok_or_else(invalid)?)),
            None => (text, None),
        };
        let place = match place {
            // Without a port it would be everything: whoever wants that writes 0.0.0.0/0 and ::/0.
            "*" if port.is_some() => Place::Everywhere,
            _ => match place.strip_prefix("*.") {
                Some(parent) => Place::Below(name(parent).ok_or_else(invalid)?),
                None => network(place).or_else(|| name(place).map(Place::Name)).ok_or_else(invalid)?,
            },
        };
        Ok(Self { place, port })
    }
}

fn network(text: &str) -> Option<Place> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(Place::Network(net.trunc()))
}

fn name(text: &str) -> Option<String> {
    match Host::parse(text) {
        Ok(Host::Domain(name)) if !name.contains('*') => Some(plain_name(&name)).filter(|name| !name.is_empty()),
        _ => None,
    }
}

fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.port) {
            (Place::Network(net), Some(port)) if net.prefix_len() == net.max_prefix_len() => SocketAddr::new(net.addr(), port).fmt(f),
            (Place::Network(net @ IpNet::V6(_)), Some(port)) => write!(f, "[{net}]:{port}"),
            (Place::Everywhere, Some(port)) => write!(f, "*:{port}"),
            (Place::Everywhere, None) => f.write_str("*"),
            (Place::Network(net), port) => written(f, net, port),
            (Place::Name(host), port) => written(f, host, port),
            (Place::Below(parent), port) => written(f, &format_args!("*.{parent}"), port),
        }
    }
}

fn written(f: &mut fmt::Formatter<'_>, place: &dyn fmt::Display, port: Option<u16>) -> fmt::Result {
    write!(f, "{place}")?;
    port.map_or(Ok(()), |port| write!(f, ":{port}"))
}

/// Whether `host` at `address`, as far as that is known, is one of these places.
pub(crate) fn is_listed(rules: &[EgressRule], host: &Host, address: Option<IpAddr>, port: u16) -> bool {
    let (name, literal) = match host {
        Host::Domain(name) => (Some(plain_name(name)), None),
        Host::Ipv4(address) => (None, Some(IpAddr::V4(*address))),
        Host::Ipv6(address) => (None, Some(IpAddr::V6(*address))),
    };
    let aim = Aim { name: name.as_deref(), address: address.or(literal), port };
    rules.iter().any(|rule| rule.matches(aim, Reading::Itself))
}

/// Lower case, and no final dot.
pub(super) fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// One port or a range of them: `8443`, `8000-8100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Every port.
    pub const ALL: Self = Self { first: 1, last: u16::MAX };

    /// Whether `port` is among them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// The text is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a port (443) nor a range of ports (8000-8100)")]
pub struct InvalidPorts(String);

impl FromStr for Ports {
    type Err = InvalidPorts;

    fn from_str(text: &str) -> Result<Self, InvalidPorts> {
        let text = text.trim();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port_number(first.trim()), port_number(last.trim())) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(InvalidPorts(text.to_owned())),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m12_rules_are_read_and_written_back() {
        for (text, expected) in [
            ("127.0.0.1:34567", Some("127.0.0.1:34567")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("10.0.0.0/8:443", Some("10.0.0.0/8:443")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("::1", Some("::1/128")),
            ("[::1]:80", Some("[::1]:80")),
            ("fd00::/8", Some("fd00::/8")),
            ("[fd00::/8]:443", Some("[fd00::/8]:443")),
            ("Hooks.Internal.", Some("hooks.internal")),
            ("hooks.internal:8443", Some("hooks.internal:8443")),
            ("*.Corp.Example", Some("*.corp.example")),
            ("*.corp.example:443", Some("*.corp.example:443")),
            ("*:25", Some("*:25")),
            ("münchen.example", Some("xn--mnchen-3ya.example")),
            ("hooks.internal:port", None),
            ("hooks.internal:0", None),
            ("10.0.0.0/33", None),
            ("127.1", None),
            ("*", None),
            ("*.", None),
            ("a.*.example", None),
            (":25", None),
            ("http://hooks.internal", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<EgressRule>().ok().map(|found| found.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn m12_ports_are_single_or_ranges() {
        for (text, expected) in [
            ("443", Some("443")),
            (" 8000 - 8100 ", Some("8000-8100")),
            ("443-443", Some("443")),
            ("0", None),
            ("8100-8000", None),
            ("65536", None),
            ("1-", None),
            ("https", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Ports>().ok().map(|found| found.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn m12_a_name_below_another_is_not_the_name_itself_and_not_its_look_alike() {
        let rule: EgressRule = "*.corp.example".parse().expect("a rule");
        for (name, expected) in [
            ("a.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            ("corp.example.evil", false),
        ] {
            let aim = Aim { name: Some(name), address: None, port: 443 };
            assert_eq!(rule.matches(aim, Reading::Itself), expected, "{name}");
        }
    }
}

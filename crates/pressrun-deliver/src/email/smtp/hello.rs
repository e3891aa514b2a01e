//! How we introduce ourselves (RFC 5321 §4.1.1.1, §4.1.3, §4.1.4). Relays look at it: one that hears another machine's name, or an address
//! that is not ours, may take us for a bot and close.

use std::net::{IpAddr, Ipv6Addr};

use url::Host;

use crate::config::ConfigError;

/// What we say after `EHLO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HelloName {
    /// Always this.
    Fixed(String),
    /// The address that the connection leaves from.
    OwnAddress,
}

impl HelloName {
    /// The configured name, else this machine's own.
    ///
    /// # Errors
    /// The configured name is none.
    pub(super) fn new(configured: Option<&str>) -> Result<Self, ConfigError> {
        match configured {
            Some(text) => {
                let name = domain(text).or_else(|| literal(text));
                name.map(Self::Fixed).ok_or_else(|| ConfigError::HelloName(text.to_owned()))
            }
            None => Ok(machine_name().and_then(|name| public_name(&name)).map_or(Self::OwnAddress, Self::Fixed)),
        }
    }

    /// The words for a connection that leaves from `own`.
    pub(super) fn on(&self, own: IpAddr) -> String {
        match self {
            Self::Fixed(name) => name.clone(),
            Self::OwnAddress => literal_of(own),
        }
    }
}

/// The name that the kernel has; the address does where it cannot be read.
fn machine_name() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
}

/// A machine's name that others can know it by: with a dot, and not one that every machine has.
fn public_name(name: &str) -> Option<String> {
    let name = domain(name.trim())?;
    let mut labels = name.rsplit('.');
    let last = labels.next().unwrap_or_default();
    (!matches!(last, "localhost" | "localdomain" | "local" | "internal")).then_some(name)
}

/// A host name with a dot, in its ASCII form.
fn domain(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match Host::parse(text.strip_suffix('.').unwrap_or(text)).ok()? {
        Host::Domain(name) => (name.len() <= 253 && name.contains('.') && name.split('.').all(label)).then_some(name),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
fn literal(text: &str) -> Option<String> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let address = match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inside[5..].parse::<Ipv6Addr>().ok()?.into(),
        _ => IpAddr::V4(inside.parse().ok()?),
    };
    Some(literal_of(address))
}

fn literal_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h5_a_configured_name_is_a_host_name_or_an_address_literal() {
        for (text, expected) in [
            ("reports.example.com", Some("reports.example.com")),
            ("reports.exämple.com", Some("reports.xn--exmple-cua.com")),
            ("Reports.Example.com.", Some("reports.example.com")),
            ("[192.0.2.1]", Some("[192.0.2.1]")),
            ("[ipv6:2001:DB8::1]", Some("[IPv6:2001:db8::1]")),
            ("pressrun", None),
            ("192.0.2.1", None),
            ("[2001:db8::1]", None),
            ("a_b.example.com", None),
            ("-a.example.com", None),
            ("a b.example.com", None),
            ("reports.example.com\r\nMAIL FROM:<x@y>", None),
            ("", None),
        ] {
            let found = HelloName::new(Some(text)).ok().map(|name| name.on([127, 0, 0, 1].into()));
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn h5_a_machine_without_a_public_name_says_its_address() {
        for (name, expected) in [
            ("reports.example.com\n", Some("reports.example.com")),
            ("pressrun-7d9f5-abcde\n", None),
            ("localhost.localdomain", None),
            ("ubuntu.local", None),
            ("ip-10-0-0-7.ec2.internal", None),
            ("", None),
        ] {
            assert_eq!(public_name(name).as_deref(), expected, "{name:?}");
        }
        for (address, expected) in [("10.0.0.7", "[10.0.0.7]"), ("2001:db8::7", "[IPv6:2001:db8::7]"), ("::ffff:10.0.0.7", "[10.0.0.7]")] {
            assert_eq!(HelloName::OwnAddress.on(address.parse().expect("an address")), expected);
        }
    }
}

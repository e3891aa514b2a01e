//! The rule and its exceptions.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_public;
use super::resolve::{Resolve, ResolveError};

/// Refuses every address that is not on the public internet, but for the operator's exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    /// The exceptions.
    pub allow: Vec<AllowRule>,
}

/// One exception: `10.1.0.0/16`, `10.1.2.3`, `127.0.0.1:34567`, `[::1]:8080`, `hooks.internal` or `hooks.internal:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowRule {
    /// A network or address, on one port or on every port.
    Network {
        /// The network; a single address is its own.
        net: IpNet,
        /// The port, or any.
        port: Option<u16>,
    },
    /// A host name, exactly, on one port or on every port; whatever it resolves to.
    Name {
        /// The name, lower case, no final dot.
        host: String,
        /// The port, or any.
        port: Option<u16>,
    },
}

/// The text is no exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network, an address or a host name, with or without a port")]
pub struct InvalidAllowRule(String);

impl FromStr for AllowRule {
    type Err = InvalidAllowRule;

    fn from_str(text: &str) -> Result<Self, InvalidAllowRule> {
        let text = text.trim();
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Network { net, port: None });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network { net: address.into(), port: None });
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Self::Network { net: socket.ip().into(), port: Some(socket.port()) });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| InvalidAllowRule(text.to_owned()))?)),
            None => (text, None),
        };
        match Host::parse(host) {
            Ok(Host::Domain(name)) => Ok(Self::Name { host: plain_name(&name), port }),
            _ => Err(InvalidAllowRule(text.to_owned())),
        }
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { net, port: None } => net.fmt(f),
            Self::Network { net, port: Some(port) } => SocketAddr::new(net.addr(), *port).fmt(f),
            Self::Name { host, port: None } => f.write_str(host),
            Self::Name { host, port: Some(port) } => write!(f, "{host}:{port}"),
        }
    }
}

/// The address may not be used. `Display` says what to change and shows no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefused {
    /// Not an address at all.
    #[error("not a valid address: {0}")]
    Invalid(#[from] url::ParseError),
    /// Neither http nor https.
    #[error("only http and https addresses are allowed, not {0}")]
    Scheme(String),
    /// No host in it.
    #[error("the address has no host")]
    NoHost,
    /// It leads into a private network.
    #[error("{host} leads to a private or local address; ask the operator to allow it under [egress] allow")]
    Private {
        /// What was typed.
        host: String,
    },
}

impl EgressPolicy {
    /// The policy with these exceptions.
    ///
    /// # Errors
    /// [`InvalidAllowRule`] for the first text that is none.
    pub fn parse<S: AsRef<str>>(rules: impl IntoIterator<Item = S>) -> Result<Self, InvalidAllowRule> {
        Ok(Self { allow: rules.into_iter().map(|rule| rule.as_ref().parse()).collect::<Result<_, _>>()? })
    }

    /// Checks an http or https address as typed, without looking its name up (D5, at save).
    ///
    /// # Errors
    /// [`EgressRefused`], which says what to change.
    pub fn check_url(&self, url: &str) -> Result<Url, EgressRefused> {
        let url = Url::parse(url.trim())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EgressRefused::Scheme(url.scheme().to_owned()));
        }
        let host = url.host().ok_or(EgressRefused::NoHost)?.to_owned();
        self.check_host(&host, url.port_or_known_default().unwrap_or(443))?;
        Ok(url)
    }

    /// Checks a host as typed, without looking its name up.
    ///
    /// # Errors
    /// [`EgressRefused::Private`] for literal addresses and names that mean this machine.
    pub fn check_host(&self, host: &Host, port: u16) -> Result<(), EgressRefused> {
        let allowed = match host {
            Host::Ipv4(address) => self.allows_address((*address).into(), port),
            Host::Ipv6(address) => self.allows_address((*address).into(), port),
            Host::Domain(name) => {
                let name = plain_name(name);
                self.allows_name(&name, port) || !(name == "localhost" || name.ends_with(".localhost") || name.is_empty())
            }
        };
        if allowed { Ok(()) } else { Err(EgressRefused::Private { host: host.to_string() }) }
    }

    /// As [`EgressPolicy::check_url`], and the name is looked up as well (D5, at save).
    ///
    /// # Errors
    /// [`ResolveError::Refused`] when the address is not allowed; the others when the name has no address today.
    pub async fn check_url_resolved(&self, resolver: &dyn Resolve, url: &str) -> Result<Url, ResolveError> {
        let url = self.check_url(url)?;
        let host = url.host().ok_or(EgressRefused::NoHost)?.to_owned();
        self.resolve_checked(resolver, &host, url.port_or_known_default().unwrap_or(443)).await?;
        Ok(url)
    }

    /// The addresses of `host` that may be connected to; the caller connects to one of exactly these (D5, at send).
    ///
    /// # Errors
    /// [`ResolveError`]: refused, not found, or without any address.
    pub async fn resolve_checked(&self, resolver: &dyn Resolve, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
        self.check_host(host, port)?;
        let name = match host {
            Host::Ipv4(address) => return Ok(vec![SocketAddr::new((*address).into(), port)]),
            Host::Ipv6(address) => return Ok(vec![SocketAddr::new((*address).into(), port)]),
            Host::Domain(name) => name,
        };
        let found = resolver.resolve(name).await.map_err(|source| ResolveError::Lookup { host: name.clone(), source })?;
        if found.is_empty() {
            return Err(ResolveError::Empty(name.clone()));
        }
        let named = self.allows_name(&plain_name(name), port);
        let open: Vec<SocketAddr> = found
            .into_iter()
            .filter(|&address| named || self.allows_address(address, port))
            .map(|address| SocketAddr::new(address, port))
            .collect();
        if open.is_empty() { Err(EgressRefused::Private { host: name.clone() }.into()) } else { Ok(open) }
    }

    fn allows_address(&self, address: IpAddr, wanted: u16) -> bool {
        let plain = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        is_public(address)
            || self.allow.iter().any(|rule| match rule {
                AllowRule::Network { net, port } => net.contains(&plain) && port.is_none_or(|port| port == wanted),
                AllowRule::Name { .. } => false,
            })
    }

    fn allows_name(&self, name: &str, wanted: u16) -> bool {
        self.allow.iter().any(|rule| match rule {
            AllowRule::Name { host, port } => host == name && port.is_none_or(|port| port == wanted),
            AllowRule::Network { .. } => false,
        })
    }
}

fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::io;

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d5_addresses_are_refused_in_every_spelling() {
        let policy = EgressPolicy::parse(["127.0.0.1:34567", "10.1.0.0/16", "hooks.internal", "localhost:9000"]).expect("rules");
        for (url, allowed) in [
            ("https://webhooksrus.com/1234566", true),
            ("http://example.com:8080/x?y=z", true),
            ("https://1.1.1.1/", true),
            ("HTTPS://Example.COM", true),
            ("https://user:pass@example.com/", true),
            ("http://127.0.0.1:34567/hook", true),
            ("http://127.0.0.1:34568/hook", false),
            ("http://127.0.0.1/", false),
            ("http://2130706433/", false),
            ("http://0x7f000001/", false),
            ("http://0177.0.0.1/", false),
            ("http://127.1/", false),
            ("http://0/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://[::ffff:7f00:1]/", false),
            ("http://[::ffff:127.0.0.1]:34567/", true),
            ("http://[64:ff9b::7f00:1]/", false),
            ("http://[fe80::1]/", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://[::ffff:a9fe:a9fe]/latest/meta-data", false),
            ("http://[64:ff9b::a9fe:a9fe]/latest/meta-data", false),
            ("http://[64:ff9b:1::a9fe:a9fe]/", false),
            ("http://[2002:a9fe:a9fe::]/", false),
            ("http://[::127.0.0.1]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://100.100.100.200/latest/meta-data", false),
            ("http://0251.0376.0251.0376/", false),
            ("http://0xa9.0xfe.0xa9.0xfe/", false),
            ("http://0xa9fea9fe/", false),
            ("http://2852039166/", false),
            ("http://169.254.43518/", false),
            ("http://127.0.0.1./", false),
            ("http://localhost.:80/", false),
            ("http://localhost%2e/", false),
            ("http://%6c%6f%63alhost/", false),
            ("http://example.com@127.0.0.1/", false),
            ("http://example.com:80@127.0.0.1/", false),
            ("http://example.com\\@127.0.0.1/", true), // `\\` is `/`: the host is example.com, here and where it is sent
            ("http://127.0.0.1\\@example.com/", false),
            ("http://127.0.0.1#@example.com/", false),
            ("http://127.0.0.1?@example.com/", false),
            ("http:127.0.0.1/", false),
            ("http:\\\\127.0.0.1\\", false),
            ("http:///127.0.0.1/", false),
            ("\thttp://127.0.0.1/", false),
            ("ht\ntp://127.0.0.1/", false),
            ("http://127。0。0。1/", false),
            ("http://①②⑦.⓪.⓪.①/", false),
            ("http://１２７.０.０.１/", false),
            ("http://localhost/", false),
            ("http://LOCALHOST./", false),
            ("http://localhost:9000/", true),
            ("http://a.localhost/", false),
            ("http://10.1.2.3/", true),
            ("http://10.2.2.3/", false),
            ("https://hooks.internal/x", true),
            ("ftp://example.com/", false),
            ("file:///etc/passwd", false),
            ("gopher://example.com/", false),
            ("javascript:alert(1)", false),
            ("example.com/hook", false),
            ("//example.com", false),
            ("http://", false),
            ("", false),
        ] {
            assert_eq!(policy.check_url(url).is_ok(), allowed, "{url}: {:?}", policy.check_url(url));
        }
    }

    struct Names(Vec<IpAddr>);

    #[async_trait]
    impl Resolve for Names {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn d5_a_name_is_judged_by_the_addresses_it_has_when_it_is_used() {
        let addresses = |list: &[&str]| Names(list.iter().map(|text| text.parse().expect("address")).collect());
        let policy = EgressPolicy::parse(["inside.example", "10.9.0.0/16"]).expect("rules");
        let host = |name: &str| Host::Domain(name.to_owned());
        let checked = async |names: Names, name: &str| {
            policy.resolve_checked(&names, &host(name), 443).await.map(|found| found.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(checked(addresses(&["1.1.1.1"]), "a.example").await.expect("public"), ["1.1.1.1"]);
        assert!(matches!(checked(addresses(&["127.0.0.1"]), "a.example").await, Err(ResolveError::Refused(_))));
        assert!(matches!(checked(addresses(&["::ffff:10.0.0.1"]), "a.example").await, Err(ResolveError::Refused(_))));
        assert_eq!(checked(addresses(&["127.0.0.1", "1.1.1.1"]), "a.example").await.expect("one of two"), ["1.1.1.1"]);
        assert_eq!(checked(addresses(&["10.9.1.1"]), "a.example").await.expect("allowed network"), ["10.9.1.1"]);
        assert_eq!(checked(addresses(&["10.0.0.1"]), "INSIDE.example.").await.expect("allowed name"), ["10.0.0.1"]);
        assert!(matches!(checked(addresses(&[]), "a.example").await, Err(ResolveError::Empty(_))));
    }

    #[test]
    fn allow_rules_are_read_and_written_back() {
        for (text, expected) in [
            ("127.0.0.1:34567", Some("127.0.0.1:34567")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("::1", Some("::1/128")),
            ("[::1]:80", Some("[::1]:80")),
            ("Hooks.Internal.", Some("hooks.internal")),
            ("hooks.internal:8443", Some("hooks.internal:8443")),
            ("hooks.internal:port", None),
            ("http://hooks.internal", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<AllowRule>().ok().map(|found| format!("{found}")).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn d5_no_text_makes_the_check_panic_or_lets_a_loopback_address_through(text in ".{0,60}", last in any::<u32>()) {
            let policy = EgressPolicy::default();
            let _ = policy.check_url(&text);
            let _ = text.parse::<AllowRule>();
            let inside = 0x7f00_0000 | (last & 0x00ff_ffff);
            for url in [format!("http://{inside}/"), format!("http://0x{inside:x}/"), format!("http://0{inside:o}/"), format!("http://[::ffff:{:x}:{:x}]/", inside >> 16, inside & 0xffff)] {
                prop_assert!(policy.check_url(&url).is_err(), "{}", url);
            }
        }
    }
}

//! The rule, the operator's exceptions from it, and what the operator closes.

use std::net::SocketAddr;

use url::{Host, Url};

use super::address::is_public;
use super::resolve::{NoAddress, Resolve, ResolveError};
use super::rule::{Aim, EgressRule, InvalidEgressRule, Ports, Reading, plain_name};

/// Ports that tenants may connect to unless the operator says otherwise: SSH, HTTP and HTTPS.
///
/// Not every port, because a public host that answers on another one is seldom a receiver of reports and often somebody's mail server or
/// database. Whoever has a receiver on 8443 is told which key opens it.
pub const DEFAULT_PORTS: [Ports; 3] = [Ports::one(22), Ports::one(80), Ports::one(443)];

/// Names that never lead out of the house (RFC 6761, 6762, 8375; `internal` is reserved for private use).
const HOUSE_NAMES: [&str; 3] = ["local", "internal", "home.arpa"];

/// Which addresses a tenant may make this server connect to: public ones on the usual ports, but for the operator's lists.
///
/// `deny` beats everything. `allow` opens what is not public, and other ports. `only` narrows what is left, and opens nothing by itself: whoever
/// wants one private place and nothing else writes it into both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy {
    allow: Vec<EgressRule>,
    deny: Vec<EgressRule>,
    only: Vec<EgressRule>,
    ports: Vec<Ports>,
    /// Private places and every port are as open as public ones.
    everywhere: bool,
}

impl Default for EgressPolicy {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), only: Vec::new(), ports: DEFAULT_PORTS.to_vec(), everywhere: false }
    }
}

/// A list of `[egress]` cannot be meant. `Display` names the list and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEgress {
    /// A text that is no rule.
    #[error("egress.{list}: {rule}")]
    Rule {
        /// The list.
        list: &'static str,
        /// What is wrong with the rule.
        rule: InvalidEgressRule,
    },
    /// A port of every address would open that port of every private one.
    #[error("egress.allow: {0} names no place; a port that every public address may be reached on belongs into egress.ports")]
    AllowEverywhere(EgressRule),
    /// Nothing could be reached.
    #[error("egress.ports: the list is empty; leave the key out for 22, 80 and 443")]
    NoPorts,
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
    /// The operator closed it.
    #[error("{host} on port {port} is closed to deliveries; the operator decides that under [egress] deny and only")]
    Closed {
        /// What was typed.
        host: String,
        /// The port.
        port: u16,
    },
    /// The port is not among those that deliveries go to.
    #[error(
        "port {port} is closed to deliveries, which go to ports {}; ask the operator to open it under [egress] ports, or for {host} alone under [egress] allow",
        listed(.ports)
    )]
    Port {
        /// What was typed.
        host: String,
        /// The port.
        port: u16,
        /// Those that are open.
        ports: Vec<Ports>,
    },
}

fn listed(ports: &[Ports]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why one aim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Private,
    Closed,
    Port,
}

impl EgressPolicy {
    /// The policy with these exceptions.
    ///
    /// # Errors
    /// [`InvalidEgress`] for the first text that is none.
    pub fn parse<S: AsRef<str>>(allow: impl IntoIterator<Item = S>) -> Result<Self, InvalidEgress> {
        let allow = rules("allow", allow)?;
        if let Some(rule) = allow.iter().find(|rule| rule.is_everywhere()) {
            return Err(InvalidEgress::AllowEverywhere(rule.clone()));
        }
        Ok(Self { allow, ..Self::default() })
    }

    /// Every place on every port, for what an operator's own people aim at, such as databases, which are mostly private.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { everywhere: true, ..Self::default() }
    }

    /// Whether there is no place that may not be reached.
    #[must_use]
    pub fn closes_nothing(&self) -> bool {
        self.everywhere && self.deny.is_empty() && self.only.is_empty()
    }

    /// The policy with these places closed, whatever else allows them.
    ///
    /// # Errors
    /// [`InvalidEgress`] for the first text that is no rule.
    pub fn deny<S: AsRef<str>>(self, deny: impl IntoIterator<Item = S>) -> Result<Self, InvalidEgress> {
        Ok(Self { deny: rules("deny", deny)?, ..self })
    }

    /// The policy with everything closed but these places; an empty list closes nothing.
    ///
    /// # Errors
    /// [`InvalidEgress`] for the first text that is no rule.
    pub fn only<S: AsRef<str>>(self, only: impl IntoIterator<Item = S>) -> Result<Self, InvalidEgress> {
        Ok(Self { only: rules("only", only)?, ..self })
    }

    /// The policy with these ports instead of [`DEFAULT_PORTS`].
    ///
    /// # Errors
    /// [`InvalidEgress::NoPorts`].
    pub fn on_ports(self, ports: Vec<Ports>) -> Result<Self, InvalidEgress> {
        if ports.is_empty() { Err(InvalidEgress::NoPorts) } else { Ok(Self { ports, ..self }) }
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

    /// Checks a host as typed, without looking its name up: what the resolver says is not told to tenants (M12).
    ///
    /// # Errors
    /// [`EgressRefused`] for literal addresses, names that mean this machine or this house, and what the operator closed by name or port.
    pub fn check_host(&self, host: &Host, port: u16) -> Result<(), EgressRefused> {
        let judged = match host {
            Host::Ipv4(address) => self.judge(Aim { name: None, address: Some((*address).into()), port }),
            Host::Ipv6(address) => self.judge(Aim { name: None, address: Some((*address).into()), port }),
            Host::Domain(name) => self.judge_name(&plain_name(name), port),
        };
        judged.map_err(|why| self.refusal(why, host, port))
    }

    /// The addresses of `host` that may be connected to; the caller connects to one of exactly these (D5, at send).
    ///
    /// # Errors
    /// [`ResolveError`]: refused as typed, or without an address that may be used. The latter's text is the same for names that do not exist and
    /// for names that lead into a closed network.
    pub async fn resolve_checked(&self, resolver: &dyn Resolve, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
        self.check_host(host, port)?;
        let name = match host {
            Host::Ipv4(address) => return Ok(vec![SocketAddr::new((*address).into(), port)]),
            Host::Ipv6(address) => return Ok(vec![SocketAddr::new((*address).into(), port)]),
            Host::Domain(name) => name,
        };
        let none = |why| ResolveError::NoAddress { host: name.clone(), why };
        let found = resolver.resolve(name).await.map_err(|error| none(NoAddress::Lookup(error)))?;
        if found.is_empty() {
            return Err(none(NoAddress::Empty));
        }
        let plain = plain_name(name);
        let judged: Vec<_> =
            found.iter().map(|&address| (address, self.judge(Aim { name: Some(&plain), address: Some(address), port }))).collect();
        let open: Vec<_> = judged.iter().filter(|(_, judged)| judged.is_ok()).map(|(address, _)| SocketAddr::new(*address, port)).collect();
        if !open.is_empty() {
            return Ok(open);
        }
        // The port of a public address is no secret of the house's.
        if judged.iter().any(|(_, judged)| *judged == Err(Why::Port)) {
            return Err(self.refusal(Why::Port, host, port).into());
        }
        Err(none(NoAddress::Closed(found)))
    }

    fn judge(&self, aim: Aim<'_>) -> Result<(), Why> {
        if hit(&self.deny, aim, Reading::Translated) {
            return Err(Why::Closed);
        }
        let allowed = self.everywhere || hit(&self.allow, aim, Reading::Itself);
        if !allowed && !aim.address.is_some_and(is_public) {
            return Err(Why::Private);
        }
        if !self.only.is_empty() && !hit(&self.only, aim, Reading::Translated) {
            return Err(Why::Closed);
        }
        if !allowed && !self.has_port(aim.port) {
            return Err(Why::Port);
        }
        Ok(())
    }

    /// What can be said of a name without its addresses; whatever depends on them is left to [`EgressPolicy::judge`].
    fn judge_name(&self, name: &str, port: u16) -> Result<(), Why> {
        let aim = Aim { name: Some(name), address: None, port };
        let by_address = |rules: &[EgressRule]| rules.iter().any(|rule| rule.is_about_addresses(port));
        if hit(&self.deny, aim, Reading::Itself) {
            return Err(Why::Closed);
        }
        let allowed = self.everywhere || hit(&self.allow, aim, Reading::Itself);
        if !allowed && (is_this_machine(name) || (is_of_the_house(name) && !by_address(&self.allow))) {
            return Err(Why::Private);
        }
        if !self.only.is_empty() && !hit(&self.only, aim, Reading::Itself) && !by_address(&self.only) {
            return Err(Why::Closed);
        }
        if !allowed && !self.has_port(port) && !by_address(&self.allow) {
            return Err(Why::Port);
        }
        Ok(())
    }

    fn has_port(&self, port: u16) -> bool {
        self.ports.iter().any(|ports| ports.contains(port))
    }

    fn refusal(&self, why: Why, host: &Host, port: u16) -> EgressRefused {
        let host = host.to_string();
        match why {
            Why::Private => EgressRefused::Private { host },
            Why::Closed => EgressRefused::Closed { host, port },
            Why::Port => EgressRefused::Port { host, port, ports: self.ports.clone() },
        }
    }
}

fn rules<S: AsRef<str>>(list: &'static str, texts: impl IntoIterator<Item = S>) -> Result<Vec<EgressRule>, InvalidEgress> {
    texts.into_iter().map(|text| text.as_ref().parse().map_err(|rule| InvalidEgress::Rule { list, rule })).collect()
}

fn hit(rules: &[EgressRule], aim: Aim<'_>, reading: Reading) -> bool {
    rules.iter().any(|rule| rule.matches(aim, reading))
}

fn is_this_machine(name: &str) -> bool {
    name.is_empty() || name == "localhost" || name.ends_with(".localhost")
}

/// Names without a dot, and below the domains that are kept for private networks.
fn is_of_the_house(name: &str) -> bool {
    !name.contains('.') || HOUSE_NAMES.iter().any(|house| name.strip_suffix(house).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::IpAddr;

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn b17_everywhere_means_private_places_too_but_not_what_is_denied() {
        let policy = EgressPolicy::everywhere().deny(["169.254.0.0/16", "evil.example"]).expect("rules");
        for (host, open) in [
            ("localhost", true),
            ("db", true),
            ("db.internal", true),
            ("10.0.0.7", true),
            ("::1", true),
            ("db.example.com", true),
            ("169.254.169.254", false),
            ("evil.example", false),
        ] {
            let host = host.parse().map_or_else(
                |_| Host::Domain(host.to_owned()),
                |address: IpAddr| match address {
                    IpAddr::V4(address) => Host::Ipv4(address),
                    IpAddr::V6(address) => Host::Ipv6(address),
                },
            );
            assert_eq!(policy.check_host(&host, 5432).is_ok(), open, "{host}");
        }
    }

    #[test]
    fn d5_addresses_are_refused_in_every_spelling() {
        let policy = EgressPolicy::parse(["127.0.0.1:34567", "10.1.0.0/16", "hooks.internal", "localhost:9000"]).expect("rules");
        for (url, allowed) in [
            ("https://webhooksrus.com/1234566", true),
            ("http://example.com:8080/x?y=z", true), // it may lead into 10.1.0.0/16, which is allowed on every port
            ("http://example.com:80/x?y=z", true),
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
        assert!(matches!(
            checked(addresses(&["127.0.0.1"]), "a.example").await,
            Err(ResolveError::NoAddress { why: NoAddress::Closed(_), .. })
        ));
        assert!(matches!(
            checked(addresses(&["::ffff:10.0.0.1"]), "a.example").await,
            Err(ResolveError::NoAddress { why: NoAddress::Closed(_), .. })
        ));
        assert_eq!(checked(addresses(&["127.0.0.1", "1.1.1.1"]), "a.example").await.expect("one of two"), ["1.1.1.1"]);
        assert_eq!(checked(addresses(&["10.9.1.1"]), "a.example").await.expect("allowed network"), ["10.9.1.1"]);
        assert_eq!(checked(addresses(&["10.0.0.1"]), "INSIDE.example.").await.expect("allowed name"), ["10.0.0.1"]);
        assert!(matches!(checked(addresses(&[]), "a.example").await, Err(ResolveError::NoAddress { why: NoAddress::Empty, .. })));
    }

    #[test]
    fn m12_deny_beats_allow_and_only_narrows_without_opening() {
        let policy = EgressPolicy::parse(["10.1.0.0/16", "hooks.corp.example:8443", "1.1.1.1:9999"])
            .and_then(|policy| policy.deny(["10.1.9.0/24", "*.evil.example", "*:22", "203.0.114.0/24"]))
            .and_then(|policy| {
                policy.only(["10.1.0.0/16", "1.0.0.0/8", "203.0.114.0/24", "127.0.0.0/8", "hooks.corp.example", "*.partner.example"])
            })
            .expect("rules");
        for (url, expected) in [
            ("http://10.1.1.1:5000/", Ok(())),
            ("http://10.1.9.1:5000/", Err("closed")),
            ("http://1.1.1.1/", Ok(())),
            ("http://1.1.1.1:9999/", Ok(())),
            ("http://1.1.1.1:9998/", Err("ports 22, 80, 443")),
            ("http://1.1.1.1:22/", Err("closed")),
            ("http://8.8.8.8/", Err("closed")),
            ("http://203.0.114.7/", Err("closed")),
            ("http://[::ffff:203.0.114.7]/", Err("closed")),
            ("http://[64:ff9b::203.0.114.7]/", Err("closed")),
            ("http://[64:ff9b::1.1.1.1]/", Ok(())),
            ("http://127.0.0.1/", Err("private or local")),
            ("https://hooks.corp.example:8443/", Ok(())),
            ("https://a.partner.example/", Ok(())),
            ("https://a.evil.example/", Err("closed")),
            ("https://A.EVIL.example./", Err("closed")),
        ] {
            match (policy.check_url(url), expected) {
                (Ok(_), Ok(())) => {}
                (Err(found), Err(words)) => assert!(found.to_string().contains(words), "{url}: {found}"),
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
        let by_name = EgressPolicy::default().only(["partner.example"]).expect("a rule");
        assert!(by_name.check_url("https://partner.example/").is_ok());
        assert!(by_name.check_url("https://other.example/").is_err(), "no rule speaks of addresses, so none can let it through");
    }

    #[test]
    fn m12_an_unusual_port_is_refused_with_the_key_that_opens_it() {
        let closed = EgressPolicy::default();
        let words = closed.check_url("https://hooks.example.com:8443/x").expect_err("closed").to_string();
        assert!(words.contains("port 8443") && words.contains("[egress] ports") && words.contains("22, 80, 443"), "{words}");
        let port = |text: &str| text.parse::<Ports>().expect("ports");
        let opened = EgressPolicy::default().on_ports(vec![port("443"), port("8000-8500")]).expect("ports");
        assert!(opened.check_url("https://hooks.example.com:8443/x").is_ok());
        assert!(opened.check_url("http://hooks.example.com/x").is_err(), "the list replaces the usual ports");
        assert_eq!(EgressPolicy::default().on_ports(Vec::new()), Err(InvalidEgress::NoPorts));
        let one = EgressPolicy::parse(["hooks.example.com:8443"]).expect("a rule");
        assert!(one.check_url("https://hooks.example.com:8443/x").is_ok() && one.check_url("https://other.example.com:8443/x").is_err());
    }

    #[test]
    fn m12_a_rule_that_cannot_be_meant_is_named_with_its_list() {
        let found = |policy: Result<EgressPolicy, InvalidEgress>| policy.expect_err("no rule").to_string();
        assert!(found(EgressPolicy::parse(["10.0.0.0/33"])).starts_with("egress.allow: \"10.0.0.0/33\" is not a network"));
        assert!(found(EgressPolicy::default().deny(["https://x.example"])).starts_with("egress.deny: \"https://x.example\""));
        assert!(found(EgressPolicy::default().only(["*"])).starts_with("egress.only: \"*\""));
        assert!(found(EgressPolicy::parse(["*:8443"])).starts_with("egress.allow: *:8443 names no place"));
    }

    #[test]
    fn m12_names_of_the_house_are_refused_as_typed_unless_something_inside_is_allowed() {
        let (closed, open) = (EgressPolicy::default(), EgressPolicy::parse(["10.0.0.0/8"]).expect("a rule"));
        for name in ["intranet", "metadata.google.internal", "printer.local", "nas.home.arpa"] {
            let url = format!("http://{name}/");
            assert!(matches!(closed.check_url(&url), Err(EgressRefused::Private { .. })), "{name}");
            assert!(open.check_url(&url).is_ok(), "{name}: its address decides");
        }
        assert!(closed.check_url("https://local.example.com/").is_ok());
        assert!(open.check_url("http://localhost/").is_err(), "this machine is never meant by a network");
    }

    /// Answers as the resolver of a house does: one name inside, one outside, and nothing else.
    struct House;

    #[async_trait]
    impl Resolve for House {
        async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            match host {
                "inside.example" => Ok(vec![IpAddr::from([10, 0, 0, 7])]),
                "outside.example" => Ok(vec![IpAddr::from([1, 1, 1, 1])]),
                "empty.example" => Ok(Vec::new()),
                _ => Err(io::Error::other("failed to lookup address information: Name or service not known")),
            }
        }
    }

    #[tokio::test]
    async fn m12_a_tenant_cannot_tell_names_inside_from_names_that_do_not_exist() {
        let policy = EgressPolicy::default().deny(["1.1.1.0/24"]).expect("a rule");
        let mut told = Vec::new();
        for name in ["inside.example", "outside.example", "empty.example", "missing.example"] {
            assert!(policy.check_url(&format!("https://{name}/")).is_ok(), "{name}: nothing is looked up at save");
            let error = policy.resolve_checked(&House, &Host::Domain(name.to_owned()), 443).await.expect_err(name);
            assert!(std::error::Error::source(&error).is_none(), "{name}: the reason is in no chain that is shown");
            told.push(error.to_string().replace(name, "NAME"));
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[tokio::test]
    async fn m12_a_port_that_only_the_address_opens_is_judged_when_it_is_known() {
        let policy = EgressPolicy::parse(["10.0.0.0/8:8443"]).expect("a rule");
        for (name, open) in [("inside.example", true), ("outside.example", false)] {
            assert!(policy.check_url(&format!("https://{name}:8443/")).is_ok(), "{name}: it may lead to what is allowed");
            let found = policy.resolve_checked(&House, &Host::Domain(name.to_owned()), 8443).await;
            assert_eq!(found.is_ok(), open, "{name}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn d5_no_text_makes_the_check_panic_or_lets_a_loopback_address_through(text in ".{0,60}", last in any::<u32>()) {
            let policy = EgressPolicy::default();
            let _ = policy.check_url(&text);
            let _ = text.parse::<EgressRule>();
            let inside = 0x7f00_0000 | (last & 0x00ff_ffff);
            for url in [format!("http://{inside}/"), format!("http://0x{inside:x}/"), format!("http://0{inside:o}/"), format!("http://[::ffff:{:x}:{:x}]/", inside >> 16, inside & 0xffff)] {
                prop_assert!(policy.check_url(&url).is_err(), "{}", url);
            }
        }
    }
}

//! From a host to an open connection: look up, check, connect (through the operator's proxy, where there is one), and TLS on top.
//!
//! Every destination reaches the network through here, so that there is one place where the egress policy is asked, and it is asked about the
//! very addresses that are connected to. Nothing else resolves names.

mod proxy;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::egress::{EgressPolicy, NoAddress, Resolve, ResolveError, is_listed};
use crate::outcome::chain;
use crate::steps::step;
use crate::tls::{self, TlsError};
pub(crate) use proxy::Proxy;

/// Either end of the wire, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// An open connection of any kind.
pub(crate) type Connection = Pin<Box<dyn Wire>>;

/// Whose word an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A tenant typed it: the egress policy applies.
    Tenant,
    /// The operator configured it: taken as it is.
    Operator,
}

/// Opens connections under one policy.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) egress: EgressPolicy,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Lookup and connecting together (D4).
    pub(crate) connect: Duration,
    /// The way out, where the network has no other.
    pub(crate) proxy: Option<Arc<Proxy>>,
}

/// Why there is no connection. `Display` names the phase.
#[derive(Debug)]
pub(crate) struct DialError {
    /// The egress policy said no; waiting will not help.
    pub(crate) refused: bool,
    reason: String,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect: {}", self.reason)
    }
}

impl DialError {
    fn failed(reason: impl Into<String>) -> Self {
        Self { refused: false, reason: reason.into() }
    }
}

impl Dialer {
    /// The same, past the proxy.
    pub(crate) fn direct(&self) -> Self {
        Self { proxy: None, ..self.clone() }
    }

    /// Looks up, checks and connects to `host`, all before the deadline for connecting.
    ///
    /// # Errors
    /// [`DialError`]: refused by the policy, not found, or nobody answered.
    pub(crate) async fn open(&self, host: &Host, port: u16, trust: Trust) -> Result<Connection, DialError> {
        self.open_from(host, port, trust).await.map(|(connection, _)| connection)
    }

    /// The same, with the address that the connection leaves from: to the proxy, when there is one in between.
    ///
    /// # Errors
    /// As [`Dialer::open`].
    pub(crate) async fn open_from(&self, host: &Host, port: u16, trust: Trust) -> Result<(Connection, IpAddr), DialError> {
        let opened = async {
            let Some(proxy) = &self.proxy else {
                return self.connect(&self.addresses(host, port, trust).await?).await;
            };
            if proxy.resolves && !is_listed(&proxy.except, host, None, port) {
                if trust == Trust::Tenant {
                    self.egress.check_host(host, port).map_err(|refused| DialError { refused: true, reason: refused.to_string() })?;
                }
                return self.through(proxy, host, &format!("{host}:{port}")).await;
            }
            let addresses = self.addresses(host, port, trust).await?;
            let (direct, proxied): (Vec<SocketAddr>, Vec<SocketAddr>) =
                addresses.into_iter().partition(|address| is_listed(&proxy.except, host, Some(address.ip()), port));
            let Some(first) = proxied.first().filter(|_| direct.is_empty()) else {
                return self.connect(&direct).await;
            };
            // To the address that was checked: a proxy that looked the name up again could be told another one.
            self.through(proxy, host, &first.to_string()).await
        };
        timeout(self.connect, opened).await.unwrap_or_else(|_| Err(DialError::failed("timed out")))
    }

    /// TLS on an open connection; the certificate must be trusted and carry `host`. The caller sets the deadline.
    ///
    /// # Errors
    /// What is wrong, in plain words.
    pub(crate) async fn secure<S: Wire>(&self, host: &Host, stream: S) -> Result<TlsStream<S>, TlsError> {
        let name = server_name(host).ok_or_else(TlsError::no_name)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
        let secured = connector.connect(name, stream).await.map_err(|error| tls::explained(&error))?;
        step(|| {
            let version = secured.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS").replace('_', ".");
            format!("{version}, with a certificate for {host} that is trusted")
        });
        Ok(secured)
    }

    /// Where `host` may be reached; only what a tenant typed is judged.
    async fn addresses(&self, host: &Host, port: u16, trust: Trust) -> Result<Vec<SocketAddr>, DialError> {
        let found = self.looked_up(host, port, trust).await?;
        if matches!(host, Host::Domain(_)) {
            step(|| {
                let addresses: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
                format!("{host} is {}", addresses.join(", "))
            });
        }
        Ok(found)
    }

    async fn looked_up(&self, host: &Host, port: u16, trust: Trust) -> Result<Vec<SocketAddr>, DialError> {
        match (trust, host) {
            (Trust::Tenant, host) => self.egress.resolve_checked(self.resolver.as_ref(), host, port).await.map_err(|error| {
                if let ResolveError::NoAddress { host, why } = &error {
                    tracing::warn!(host, %why, "a destination has no address that may be reached");
                }
                // A name may lead elsewhere tomorrow; an address that was typed does not.
                DialError { refused: matches!(error, ResolveError::Refused(_)), reason: chain(&error) }
            }),
            (Trust::Operator, Host::Ipv4(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Trust::Operator, Host::Ipv6(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Trust::Operator, Host::Domain(name)) => {
                let failed = |why: NoAddress| DialError::failed(format!("{name}: {why}"));
                let found = self.resolver.resolve(name).await.map_err(|error| failed(NoAddress::Lookup(error)))?;
                if found.is_empty() {
                    return Err(failed(NoAddress::Empty));
                }
                Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
        }
    }

    /// A connection through the proxy to `to`.
    async fn through(&self, proxy: &Proxy, host: &Host, to: &str) -> Result<(Connection, IpAddr), DialError> {
        // What the proxy says could tell which names exist inside: it is for the operator.
        let unopened = |why: String| {
            tracing::warn!(host = %host, to, why, "the proxy opened no connection");
            DialError::failed(format!("the proxy opened no connection to {host}; the operator's log says why"))
        };
        let addresses = self.addresses(&proxy.host, proxy.port, Trust::Operator).await.map_err(|error| unopened(error.to_string()))?;
        let (mut wire, own) = self.connect(&addresses).await.map_err(|error| unopened(error.to_string()))?;
        if proxy.over_tls {
            wire = Box::pin(self.secure(&proxy.host, wire).await.map_err(|error| unopened(error.to_string()))?);
        }
        let tunnel = proxy.tunnel(wire, to).await.map_err(unopened)?;
        step(|| format!("the proxy opened a connection to {to}"));
        Ok((tunnel, own))
    }

    /// A connection to the first address that answers.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<(Connection, IpAddr), DialError> {
        // An address that swallows packets must not use up the time of those after it.
        let share = self.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = "no address".to_owned();
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    let own = stream.local_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |own| own.ip());
                    step(|| format!("connected to {address} from {own}"));
                    return Ok((Box::pin(stream), own));
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => "timed out".clone_into(&mut last),
            }
            step(|| format!("{address}: {last}"));
        }
        Err(DialError::failed(last))
    }
}

/// The name that a certificate must carry.
fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::from(std::net::IpAddr::V4(*address))),
        Host::Ipv6(address) => Some(ServerName::from(std::net::IpAddr::V6(*address))),
    }
}

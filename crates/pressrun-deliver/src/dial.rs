//! From a host to an open connection: look up, check, connect, and TLS on top.
//!
//! Every destination reaches the network through here, so that there is one place where the egress policy is asked, and it is asked about the
//! very addresses that are connected to. Nothing else resolves names.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::egress::{EgressPolicy, Resolve, ResolveError};
use crate::outcome::chain;
use crate::tls;

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

impl From<ResolveError> for DialError {
    fn from(error: ResolveError) -> Self {
        Self { refused: matches!(error, ResolveError::Refused(_)), reason: chain(&error) }
    }
}

impl Dialer {
    /// Looks up, checks and connects to `host`, all before the deadline for connecting.
    ///
    /// # Errors
    /// [`DialError`]: refused by the policy, not found, or nobody answered.
    pub(crate) async fn open(&self, host: &Host, port: u16, trust: Trust) -> Result<Connection, DialError> {
        let opened = async {
            let addresses = self.addresses(host, port, trust).await?;
            let stream = self.connect(&addresses).await?;
            Ok(Box::pin(stream) as Connection)
        };
        timeout(self.connect, opened).await.unwrap_or_else(|_| Err(DialError::failed("timed out")))
    }

    /// TLS on an open connection; the certificate must be trusted and carry `host`. The caller sets the deadline.
    ///
    /// # Errors
    /// What is wrong, in plain words.
    pub(crate) async fn secure<S: Wire>(&self, host: &Host, stream: S) -> Result<TlsStream<S>, String> {
        let name = server_name(host).ok_or("the host is no valid name")?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(name, stream).await.map_err(|error| tls::explained(&error))
    }

    /// Where `host` may be reached; only what a tenant typed is judged.
    async fn addresses(&self, host: &Host, port: u16, trust: Trust) -> Result<Vec<SocketAddr>, ResolveError> {
        match (trust, host) {
            (Trust::Tenant, host) => self.egress.resolve_checked(self.resolver.as_ref(), host, port).await,
            (Trust::Operator, Host::Ipv4(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Trust::Operator, Host::Ipv6(address)) => Ok(vec![SocketAddr::new((*address).into(), port)]),
            (Trust::Operator, Host::Domain(name)) => {
                let lookup = |source| ResolveError::Lookup { host: name.clone(), source };
                let found = self.resolver.resolve(name).await.map_err(lookup)?;
                Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
        }
    }

    /// A connection to the first address that answers.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
        // An address that swallows packets must not use up the time of those after it.
        let share = self.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = "no address".to_owned();
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => "timed out".clone_into(&mut last),
            }
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

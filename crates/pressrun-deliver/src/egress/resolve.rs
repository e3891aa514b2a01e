//! Names to addresses.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

use super::policy::EgressRefused;

/// Looks names up. The binary uses the system's resolver; tests bring one that changes its mind.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Every address of `host`, in the order to try them.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// No address to connect to. `Display` may be shown to tenants: it does not tell what the resolver of this house knows (M12).
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// What was typed is not allowed.
    #[error(transparent)]
    Refused(#[from] EgressRefused),
    /// The name has no address that may be used. The reason is for the operator's log alone, so it is no source.
    #[error(
        "{host} has no address that deliveries may go to: the name does not exist, or it leads into a network that is closed to them; the operator's log says which"
    )]
    NoAddress {
        /// The name.
        host: String,
        /// Why, for the operator.
        why: NoAddress,
    },
}

/// Why a name has no address that may be used.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// The lookup failed.
    #[error("the name could not be looked up: {0}")]
    Lookup(io::Error),
    /// The lookup succeeded without an address.
    #[error("the name has no address")]
    Empty,
    /// None of its addresses is allowed.
    #[error("the name leads to {0:?}, which [egress] does not allow")]
    Closed(Vec<IpAddr>),
}

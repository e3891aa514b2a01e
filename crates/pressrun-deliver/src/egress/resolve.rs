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

/// No address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There are addresses, but none is allowed.
    #[error(transparent)]
    Refused(#[from] EgressRefused),
    /// The lookup failed.
    #[error("{host} could not be looked up")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// The lookup succeeded without an address.
    #[error("{0} has no address")]
    Empty(String),
}

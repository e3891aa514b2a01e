//! The door: whose token this is, and what becomes of those who offer one that opens nothing. API and sign-in page share it.

mod refusals;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pressrun_domain::access::Actor;
use pressrun_domain::audit::{Origin, Verb};
use pressrun_domain::catalog::DevKey;
use pressrun_domain::clock::Clock;
use pressrun_domain::key::ApiKey;
use pressrun_store::{Store, StoreError};
use subtle::ConstantTimeEq;

use crate::http::Limiter;
use crate::state::{ApiState, CatalogSource};
use crate::token;
use refusals::Refusals;

/// How long a request waits until the use of its key is recorded.
const TOUCH: Duration = Duration::from_millis(50);

/// Knows tokens, and counts those that open nothing by the address they come from.
pub struct Door {
    store: Arc<dyn Store>,
    catalog: Arc<dyn CatalogSource>,
    clock: Arc<dyn Clock>,
    limiter: Option<Limiter>,
    refusals: Refusals,
    development_keys: bool,
}

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// It opens nothing.
    #[error("the token opens nothing")]
    Unknown,
    /// It opens nothing, and neither did too many others from the same address.
    #[error("too many tokens that open nothing came from this address; wait {retry_after_seconds} s")]
    TooMany {
        /// Whole seconds after which the next one is looked at.
        retry_after_seconds: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Door {
    /// The door of an API.
    #[must_use]
    pub fn new(state: &ApiState) -> Arc<Self> {
        let config = &state.config;
        // Who switches the limit of keys off, for a test say, wants none here either.
        let failures = if config.requests_per_minute == 0 { 0 } else { config.failed_authentications_per_minute };
        Arc::new(Self {
            store: Arc::clone(&state.store),
            catalog: Arc::clone(&state.catalog),
            clock: Arc::clone(&state.clock),
            limiter: Limiter::new(failures),
            refusals: Refusals::default(),
            development_keys: config.development_keys,
        })
    }

    /// Who holds this token. One that opens nothing counts towards the limit of its address, and is audited as `refused`; one that is
    /// good is admitted whatever others at that address did.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, token: &str, origin: Origin, refused: Verb) -> Result<Actor, NotAdmitted> {
        let now = self.clock.now();
        self.refusals.write_what_is_over(&*self.store, now).await;
        if let Some(actor) = self.holder(token).await? {
            return Ok(actor.from(origin));
        }
        self.refusals.count(&*self.store, now, origin, refused).await;
        match (&self.limiter, origin.source) {
            (Some(limiter), Some(source)) => match limiter.check(network(source)) {
                Ok(()) => Err(NotAdmitted::Unknown),
                Err(retry_after_seconds) => Err(NotAdmitted::TooMany { retry_after_seconds }),
            },
            (None, _) | (_, None) => Err(NotAdmitted::Unknown),
        }
    }

    /// The actor behind a token that opens something: a stored key, or one of the catalog's development keys.
    async fn holder(&self, token: &str) -> Result<Option<Actor>, StoreError> {
        let hash = token::hash(token);
        let (catalog, now) = (self.catalog.current(), self.clock.now());
        let written = |key: &&DevKey| self.development_keys && bool::from(token::hash(key.token.expose()).ct_eq(&hash));
        if let Some(key) = catalog.dev_keys.iter().find(written) {
            let actor = Actor::new(key.kind, key.member);
            return Ok(actor.person(&catalog).is_some_and(|member| member.active).then_some(actor));
        }
        let Some(key) = self.store.key_by_hash(hash).await?.filter(|key| key.works(&catalog, now)) else { return Ok(None) };
        if key.last_used_at.is_none_or(|last| now.duration_since(last) >= jiff::SignedDuration::from_mins(1)) {
            self.touch(&key, now).await;
        }
        Ok(Some(Actor::with(&key)))
    }

    /// Records the use of a key, unless the store writes something long just now: nobody waits for that, and the next use is recorded too.
    async fn touch(&self, key: &ApiKey, now: Timestamp) {
        match tokio::time::timeout(TOUCH, self.store.touch_key(key.id, now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, key = %key.id, "the use of a key could not be recorded"),
            Err(_) => tracing::debug!(key = %key.id, "the use of a key was not recorded: the store is busy"),
        }
    }

    /// Writes what was counted and not yet written; for the end of the process.
    pub async fn close(&self) {
        self.refusals.write_all(&*self.store, self.clock.now()).await;
    }
}

/// What the limit counts by: an address of version 4, and of version 6 the network that one customer has.
fn network(source: IpAddr) -> [u8; 32] {
    let mut key = [0; 32];
    match source {
        IpAddr::V4(address) => key[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => {
            key[4..12].copy_from_slice(&address.octets()[..8]);
            key[12] = 6;
        }
    }
    key
}

//! The rate limit of a key where several nodes answer its requests: it is the limit of all of them together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pressrun_store::{Store, StoreError, TakeAsked};
use tokio::time::Instant;

use super::{KEYS, whole_seconds};

/// Most that a node takes at once for requests that are yet to come.
const MOST_AHEAD: u32 = 4;

/// What was taken and not used so long after is put back with the next, and not used any more: the limit is that of each minute.
const USED_WITHIN: Duration = Duration::from_secs(1);

/// What nobody asked for in so long is forgotten when there is much.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Counts requests in the rows. A key that makes many is counted some at a time, and one that is refused is refused without a look at them.
pub(crate) struct OfAllNodes {
    store: Arc<dyn Store>,
    most: u32,
    between: Duration,
    keys: Mutex<HashMap<[u8; 32], Taken>>,
}

/// What this node has taken for a key.
#[derive(Debug, Clone, Copy)]
struct Taken {
    at: Instant,
    left: u32,
    /// How many were taken last.
    count: u32,
    refused_until: Option<Instant>,
}

impl OfAllNodes {
    pub(super) fn new(store: Arc<dyn Store>, a_minute: u32) -> Self {
        Self { store, most: a_minute, between: Duration::from_secs(60) / a_minute.max(1), keys: Mutex::default() }
    }

    /// Counts a request; the whole seconds until the next one is admitted where it is not.
    pub(super) async fn check(&self, key: [u8; 32]) -> Result<Result<(), u64>, StoreError> {
        let asked = match self.by_what_was_taken(key) {
            Ok(known) => return Ok(known),
            Err(asked) => asked,
        };
        let taken = self.store.take(&format!("api {}", hex::encode(key)), self.between, self.most, asked).await?;
        let now = Instant::now();
        let mut keys = self.keys();
        let of_key = keys.entry(key).or_insert(Taken { at: now, left: 0, count: 0, refused_until: None });
        if taken.count == 0 {
            of_key.refused_until = Some(now + taken.wait);
            return Ok(Err(whole_seconds(taken.wait)));
        }
        *of_key = Taken { at: now, left: of_key.left + taken.count - 1, count: taken.count, refused_until: None };
        Ok(Ok(()))
    }

    /// The answer by what was taken before, or what to ask for.
    fn by_what_was_taken(&self, key: [u8; 32]) -> Result<Result<(), u64>, TakeAsked> {
        let (now, mut keys) = (Instant::now(), self.keys());
        if keys.len() >= KEYS {
            keys.retain(|_, taken| now.duration_since(taken.at) < FORGOTTEN_AFTER);
        }
        let Some(taken) = keys.get_mut(&key) else { return Err(TakeAsked { wanted: 1, unused: 0 }) };
        if let Some(until) = taken.refused_until.filter(|until| *until > now) {
            return Ok(Err(whole_seconds(until - now)));
        }
        let is_fresh = now.duration_since(taken.at) < USED_WITHIN;
        if is_fresh && taken.left > 0 {
            taken.left -= 1;
            return Ok(Ok(()));
        }
        let unused = std::mem::take(&mut taken.left);
        let wanted = if is_fresh { (taken.count * 2).clamp(1, MOST_AHEAD) } else { 1 };
        Err(TakeAsked { wanted, unused })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<[u8; 32], Taken>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pressrun_store::{PostgresSettings, PostgresStore, sample};
    use pressrun_testkit::PostgresServer;

    use super::*;

    async fn node(url: &str, a_minute: u32) -> OfAllNodes {
        let store = PostgresStore::open(&PostgresSettings::new(url), sample::sealer()).await.unwrap();
        OfAllNodes::new(Arc::new(store), a_minute)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn p7_requests_of_a_key_are_counted_over_all_nodes() {
        let server = PostgresServer::shared(env!("CARGO_PKG_NAME"));
        let url = server.schema().await;
        let nodes = [node(&url, 6).await, node(&url, 6).await, node(&url, 6).await];
        let mut admitted = 0;
        for request in 0..30 {
            match nodes[request % 3].check([1; 32]).await.unwrap() {
                Ok(()) => admitted += 1,
                Err(seconds) => assert!((1..=10).contains(&seconds), "{seconds}"),
            }
        }
        assert_eq!(admitted, 6);
        assert_eq!(nodes[0].check([2; 32]).await.unwrap(), Ok(()), "another key has its own");
        // Who is refused asks the database nothing.
        let schema = url.rsplit('=').next().unwrap();
        server.ask(&format!("DROP TABLE {schema}.rates")).await;
        for node in &nodes {
            assert!(node.check([1; 32]).await.unwrap().is_err());
        }
        assert!(nodes[0].check([3; 32]).await.is_err(), "and what cannot be counted is told");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn p7_a_key_that_makes_many_requests_is_counted_some_at_a_time_and_loses_none() {
        let server = PostgresServer::shared(env!("CARGO_PKG_NAME"));
        let url = server.schema().await;
        let node = node(&url, 60).await;
        let mut admitted = 0;
        while node.check([1; 32]).await.unwrap().is_ok() {
            admitted += 1;
        }
        assert!((60..70).contains(&admitted), "{admitted}: those of a minute, and what came in meanwhile");
    }
}

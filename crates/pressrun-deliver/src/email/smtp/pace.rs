//! Whose turn it is: connections at once, mails a minute, and the same for the recipients' domains that have bounds of their own.
//!
//! Where several nodes send by the relay the bounds are those of all of them together ([`AllNodes`]); what the relay refuses is known to each by itself.
//!
//! Waiting is fair, because permits are given in the order in which they were asked for, and it is no failure: it is bounded by how many
//! pieces the engine has under way, and no deadline of a phase runs while it lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use url::Host;

use crate::config::{DomainPace, MailPace};
use crate::nodes::AllNodes;

/// A connection that was given up comes back after this long, one at a time.
const COMES_BACK_AFTER: Duration = Duration::from_secs(300);

/// The bounds of a relay.
pub(super) struct Pace {
    most: usize,
    connections: Arc<Semaphore>,
    lowered: Mutex<Lowered>,
    rate: Option<Rate>,
    others: Option<Others>,
    /// By domain in its ASCII form; only those that were configured.
    domains: HashMap<String, Domain>,
}

/// The other nodes, and what the relay is called among them.
struct Others {
    nodes: Arc<dyn AllNodes>,
    relay: String,
}

struct Domain {
    connections: Option<usize>,
    at_once: Option<Arc<Semaphore>>,
    rate: Option<Rate>,
}

/// The right to use one connection; the next in line has it when this is dropped.
pub(super) struct Turn {
    connection: OwnedSemaphorePermit,
    _domain: Option<OwnedSemaphorePermit>,
    _of_all_nodes: Vec<Box<dyn Send + Sync>>,
}

/// How far the connections are below what was configured.
#[derive(Debug, Default, Clone, Copy)]
struct Lowered {
    by: usize,
    next_back: Option<Instant>,
}

impl Pace {
    /// The bounds of the relay of this name, `nodes` being the others that send by it.
    pub(super) fn new(config: &MailPace, relay: &str, nodes: Option<Arc<dyn AllNodes>>) -> Self {
        let domain = |(name, pace): (&String, &DomainPace)| {
            let at_once = pace.connections.map(|most| Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))));
            (ascii(name), Domain { connections: pace.connections, at_once, rate: pace.per_minute.map(Rate::new) })
        };
        let most = config.connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            most,
            connections: Arc::new(Semaphore::new(most)),
            lowered: Mutex::default(),
            rate: config.per_minute.map(Rate::new),
            others: nodes.map(|nodes| Others { nodes, relay: relay.to_owned() }),
            domains: config.domains.iter().map(domain).collect(),
        }
    }

    /// Waits until a mail to `domain` may go.
    pub(super) async fn turn(&self, domain: &str) -> Turn {
        // The domain first: a mail that waits for its domain must not keep a connection from others.
        let domain = domain.to_ascii_lowercase();
        let bounds = self.domains.get(&domain);
        let mut of_all_nodes = Vec::new();
        let at_once = match bounds.and_then(|bounds| bounds.at_once.clone()) {
            Some(at_once) => permit(at_once).await,
            None => None,
        };
        if let (Some(others), Some(most)) = (&self.others, bounds.and_then(|bounds| bounds.connections)) {
            of_all_nodes.push(others.nodes.pass(&format!("{} to {domain}", others.relay), most).await);
        }
        if let Some(rate) = bounds.and_then(|bounds| bounds.rate.as_ref()) {
            self.wait_for(rate, Some(&domain)).await;
        }
        let connection = loop {
            self.bring_back(Instant::now());
            if let Some(connection) = permit(Arc::clone(&self.connections)).await {
                break connection;
            }
        };
        if let Some(others) = &self.others {
            of_all_nodes.push(others.nodes.pass(&others.relay, self.most).await);
        }
        if let Some(rate) = &self.rate {
            self.wait_for(rate, None).await;
        }
        Turn { connection, _domain: at_once, _of_all_nodes: of_all_nodes }
    }

    /// Waits for the next mail's instant, to `domain` or to anybody.
    async fn wait_for(&self, rate: &Rate, domain: Option<&str>) {
        match (&self.others, domain) {
            (None, _) => rate.wait().await,
            (Some(others), None) => others.nodes.slot(&others.relay, rate.between).await,
            (Some(others), Some(domain)) => others.nodes.slot(&format!("{} to {domain}", others.relay), rate.between).await,
        }
    }

    /// The relay has enough of us with `open` connections: from now on there are no more than that, or one. Whoever held `turn` waits anew.
    pub(super) fn lower_to(&self, open: usize, turn: Turn) {
        let mut lowered = self.lowered();
        let free = self.connections.available_permits();
        let used_by_others = (self.most - lowered.by).saturating_sub(free + 1);
        let wanted = open.max(1).saturating_sub(used_by_others);
        if wanted <= free {
            turn.connection.forget();
            lowered.by += 1 + self.connections.forget_permits(free - wanted);
        }
        lowered.next_back = Some(Instant::now() + COMES_BACK_AFTER);
    }

    /// Gives back what the relay may take again by now.
    fn bring_back(&self, now: Instant) {
        let mut lowered = self.lowered();
        if lowered.by > 0 && lowered.next_back.is_some_and(|at| at <= now) {
            lowered.by -= 1;
            lowered.next_back = Some(now + COMES_BACK_AFTER);
            self.connections.add_permits(1);
        }
    }

    fn lowered(&self) -> std::sync::MutexGuard<'_, Lowered> {
        self.lowered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only a closed semaphore gives none, and these are never closed.
async fn permit(semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    semaphore.acquire_owned().await.ok()
}

/// A domain as recipients' addresses have it.
fn ascii(domain: &str) -> String {
    match Host::parse(domain.trim()) {
        Ok(Host::Domain(name)) => name,
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => domain.trim().to_ascii_lowercase(),
    }
}

/// So many mails a minute, evenly spread.
struct Rate {
    between: Duration,
    next: Mutex<Option<Instant>>,
}

impl Rate {
    fn new(per_minute: u32) -> Self {
        Self { between: Duration::from_secs(60) / per_minute.max(1), next: Mutex::default() }
    }

    /// Waits for the next mail's instant.
    async fn wait(&self) {
        let now = Instant::now();
        let at = self.book(now);
        if at > now {
            sleep_until(at).await;
        }
    }

    /// The instant at which the next mail may begin; it is taken with that.
    fn book(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + self.between);
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn h6_mails_of_a_minute_are_spread_evenly_and_idle_time_is_not_saved_up() {
        let (rate, start) = (Rate::new(6), Instant::now());
        let after = |at: Instant| (at - start).as_secs();
        assert_eq!([0, 0, 0].map(|seconds| after(rate.book(start + Duration::from_secs(seconds)))), [0, 10, 20]);
        assert_eq!([300, 300].map(|seconds| after(rate.book(start + Duration::from_secs(seconds)))), [300, 310]);
    }

    #[tokio::test(start_paused = true)]
    async fn h6_a_domain_has_bounds_of_its_own_and_holds_up_nobody_else() {
        let slow = DomainPace { connections: Some(1), per_minute: Some(1) };
        let domains = BTreeMap::from([("exämple.org".to_owned(), slow)]);
        let pace = Arc::new(Pace::new(&MailPace { connections: 2, per_minute: None, domains }, "relay", None));
        let start = Instant::now();
        let first = pace.turn("xn--exmple-cua.org").await;
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.turn("XN--exmple-cua.org").await }
        });
        tokio::task::yield_now().await;
        drop(pace.turn("elsewhere.example").await);
        assert_eq!(start.elapsed(), Duration::ZERO, "another domain goes at once");
        drop(first);
        drop(waiting.await.expect("a turn"));
        assert_eq!(start.elapsed().as_secs(), 60, "the second of a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn h6_connections_that_a_relay_refuses_are_given_up_and_come_back_one_by_one() {
        let pace = Pace::new(&MailPace { connections: 4, ..MailPace::default() }, "relay", None);
        let free = || pace.connections.available_permits();
        let (first, second, third) = (pace.turn("a").await, pace.turn("a").await, pace.turn("a").await);
        pace.lower_to(2, third);
        assert_eq!(free(), 0, "two are in use, and no more are there");
        drop(first);
        drop(second);
        assert_eq!(free(), 2);
        let turn = pace.turn("a").await;
        pace.lower_to(0, turn);
        assert_eq!(free(), 1, "one is always left");
        for expected in [2, 3, 4, 4] {
            tokio::time::advance(COMES_BACK_AFTER).await;
            drop(pace.turn("a").await);
            assert_eq!(free(), expected);
        }
    }
}

//! What nodes and the world share: time, and whatever a node waits for.
//!
//! A node never touches the world by itself. It asks (may this store call be made? what does that server answer?) and waits; the world grants one
//! request at a time while every node is parked, so that nothing depends on which thread is faster. Time moves only when nothing can be granted.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::clock::Clock;

use crate::book::Book;
use crate::servers::Servers;

/// Which process; every start of one is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// What a request is granted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Go on.
    Go,
    /// A store call fails, and nothing was done.
    Refuse,
    /// A store call is made, and its answer comes so much later.
    Late(SignedDuration),
    /// A store call is made, and its caller hears that it failed.
    Lose,
}

/// What a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To call the store.
    Store(&'static str),
    /// To hear the answer of the store.
    Answer(&'static str),
    /// To hear the answer of a destination.
    Destination,
    /// To hear the answer of an executor.
    Executor,
}

#[derive(Debug)]
struct Request {
    node: NodeId,
    ask: Ask,
    due: SignedDuration,
    grant: Option<Grant>,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Wall(Timestamp),
    Steady(SignedDuration),
}

#[derive(Debug)]
struct Sleeper {
    node: NodeId,
    until: Until,
    waker: Option<Waker>,
    over: bool,
}

/// Everything behind the one lock.
pub struct State {
    start: Timestamp,
    /// Time that has passed.
    pub steady: SignedDuration,
    /// By how much the wall clock is off.
    pub offset: SignedDuration,
    /// Which time zone database there is.
    pub rules: u32,
    next: u64,
    requests: BTreeMap<u64, Request>,
    sleepers: BTreeMap<u64, Sleeper>,
    /// What is known to have happened.
    pub book: Book,
    /// Destinations and sources.
    pub servers: Servers,
}

impl State {
    /// What the wall clock shows.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.wall_at(self.steady)
    }

    fn wall_at(&self, steady: SignedDuration) -> Timestamp {
        let passed = steady.saturating_add(self.offset);
        self.start.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn steady_of(&self, until: Until) -> SignedDuration {
        match until {
            Until::Steady(at) => at,
            Until::Wall(at) => at.duration_since(self.start).saturating_sub(self.offset),
        }
    }

    /// Requests that could be granted now, of nodes that run.
    #[must_use]
    pub fn grantable(&self, runs: impl Fn(NodeId) -> bool) -> Vec<(u64, NodeId, Ask)> {
        let due = |request: &&Request| request.grant.is_none() && request.due <= self.steady && runs(request.node);
        let of = |id: &u64, request: &Request| (*id, request.node, request.ask);
        self.requests.iter().filter(|(_, request)| due(request)).map(|(id, request)| of(id, request)).collect()
    }

    /// When the next request or sleeper of a node that runs is due.
    #[must_use]
    pub fn next_due(&self, runs: impl Fn(NodeId) -> bool) -> Option<SignedDuration> {
        let requests = self.requests.values().filter(|request| request.grant.is_none() && runs(request.node)).map(|request| request.due);
        let asleep = self.sleepers.values().filter(|sleeper| !sleeper.over && runs(sleeper.node));
        requests.chain(asleep.map(|sleeper| self.steady_of(sleeper.until))).min()
    }

    /// Grants a request; whoever asked goes on when its node runs next.
    pub fn grant(&mut self, id: u64, grant: Grant) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.grant = Some(grant);
            wake(request.waker.take());
        }
    }

    /// Wakes whoever has slept long enough, and returns their nodes.
    pub fn wake_sleepers(&mut self, runs: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let due: Vec<u64> = self
            .sleepers
            .iter()
            .filter(|(_, sleeper)| !sleeper.over && runs(sleeper.node) && self.steady_of(sleeper.until) <= self.steady)
            .map(|(id, _)| *id)
            .collect();
        let mut woken = Vec::new();
        for id in due {
            if let Some(sleeper) = self.sleepers.get_mut(&id) {
                sleeper.over = true;
                woken.push(sleeper.node);
                wake(sleeper.waker.take());
            }
        }
        woken
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The shared state. Clones are the same.
#[derive(Clone)]
pub struct Stage(Arc<Mutex<State>>);

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stage")
    }
}

impl Stage {
    /// A stage on which it is `start`.
    #[must_use]
    pub fn new(start: Timestamp, servers: Servers) -> Self {
        let (requests, sleepers) = (BTreeMap::new(), BTreeMap::new());
        let (steady, offset) = (SignedDuration::ZERO, SignedDuration::ZERO);
        Self(Arc::new(Mutex::new(State { start, steady, offset, rules: 0, next: 0, requests, sleepers, book: Book::default(), servers })))
    }

    /// The state; never held across a wait.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, to be granted not before `after` from now.
    pub fn ask(&self, node: NodeId, ask: Ask, after: SignedDuration) -> Asked {
        let mut state = self.state();
        let id = state.id();
        let due = state.steady.saturating_add(after);
        state.requests.insert(id, Request { node, ask, due, grant: None, waker: None });
        Asked { stage: self.clone(), id }
    }

    fn sleep(&self, node: NodeId, until: Until) -> Slept {
        let mut state = self.state();
        let id = state.id();
        let over = state.steady_of(until) <= state.steady;
        state.sleepers.insert(id, Sleeper { node, until, waker: None, over });
        Slept { stage: self.clone(), id }
    }
}

/// A request that waits to be granted; withdrawn when dropped.
pub struct Asked {
    stage: Stage,
    id: u64,
}

impl Future for Asked {
    type Output = Grant;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Grant> {
        let mut state = self.stage.state();
        let Some(request) = state.requests.get_mut(&self.id) else { return Poll::Pending };
        match request.grant {
            Some(grant) => Poll::Ready(grant),
            None => {
                request.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.stage.state().requests.remove(&self.id);
    }
}

struct Slept {
    stage: Stage,
    id: u64,
}

impl Future for Slept {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.stage.state();
        let Some(sleeper) = state.sleepers.get_mut(&self.id) else { return Poll::Pending };
        if sleeper.over {
            return Poll::Ready(());
        }
        sleeper.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Slept {
    fn drop(&mut self) {
        self.stage.state().sleepers.remove(&self.id);
    }
}

/// The clock of one node.
#[derive(Debug, Clone)]
pub struct StageClock {
    /// Where time is.
    pub stage: Stage,
    /// Whose it is.
    pub node: NodeId,
    /// A planted fault: the steady clock is set with the wall clock.
    pub jumps_along: bool,
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        self.stage.state().wall()
    }

    fn steady(&self) -> SignedDuration {
        let state = self.stage.state();
        if self.jumps_along { state.steady.saturating_add(state.offset) } else { state.steady }
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.stage.sleep(self.node, Until::Wall(instant)))
    }

    fn sleep(&self, duration: SignedDuration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = self.stage.state().steady.saturating_add(duration);
        Box::pin(self.stage.sleep(self.node, Until::Steady(until)))
    }
}

//! A node's shares of what all nodes together may do at once: of each database that is queried, of each receiver, of the mail relay (P7).
//!
//! Theory of operation. Gates of a node let in as many as its shares are, which are rows that the database divides ([`Quotas`](pressrun_store::Quotas)). The
//! keeper asks: at once when somebody waits at a gate, and each second for all gates that are in use. A share that others want too is lowered with the answer, and whoever is
//! inside stays; others have it when this node says that it is down to it. A gate that nobody came to for a second or two gives its share back. So one call is
//! for all gates of a node, however many pieces pass them meanwhile.
//!
//! A share is a lease. A node that could not ask for ten seconds, because it hung or the database is away, lets nobody in before it has asked again; after fifteen,
//! by the database's clock, others have what it had.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use pressrun_deliver::{AllNodes, KeptOpen};
use pressrun_dispatch::Pulse;
use pressrun_domain::id::WorkerId;
use pressrun_store::{Quotas, SHARES_LAPSE, ShareAsked, Store};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::gate::{Gates, Need};
use crate::pipeline::Context;

/// Time between two looks at all gates that are in use.
const LOOK: Duration = Duration::from_secs(1);

/// Time from one answer to the next question: who comes in it is asked for together.
const TOGETHER: Duration = Duration::from_millis(10);

/// The same while some wait for what others have.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How long this node goes by what it was granted: less than others wait until they take it.
const HOLDS_FOR: Duration = Duration::from_secs(SHARES_LAPSE.as_secs() * 2 / 3);

/// How a node stands with the others.
#[derive(Debug)]
pub(crate) struct Standing {
    asked: Notify,
    /// When it asked for the last time and was answered.
    holds_since: Mutex<Option<Instant>>,
    lapses: AtomicU64,
}

impl Standing {
    fn new() -> Self {
        Self { asked: Notify::new(), holds_since: Mutex::default(), lapses: AtomicU64::new(0) }
    }

    /// Somebody needs more than this node's share is.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Whether it was so long ago that others may have its shares. Before the first time it has none.
    pub(crate) fn has_lapsed(&self) -> bool {
        self.holds_since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() > HOLDS_FOR)
    }

    /// How often it was, as far as that was noticed.
    pub(crate) fn lapses(&self) -> u64 {
        self.lapses.load(Ordering::Acquire)
    }

    fn holds_from(&self, asked: Instant) {
        *self.holds_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }
}

/// Bounds of the mail relay, which all nodes together keep.
pub struct RelayBounds {
    gates: Gates,
    store: Arc<dyn Quotas>,
    rates: Mutex<HashMap<String, Arc<Rate>>>,
}

/// What was booked of a rate and not used.
#[derive(Debug, Default)]
struct Rate {
    booked: tokio::sync::Mutex<Booked>,
    waiting: AtomicU32,
}

#[derive(Debug, Default)]
struct Booked {
    left: u32,
    next: Option<Instant>,
}

/// What is booked at once is used up after about this time.
const BOOKED_FOR: Duration = Duration::from_secs(1);

impl RelayBounds {
    /// Bounds that nodes divide by the rows of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::of(store)
    }

    fn of(store: Arc<dyn Quotas>) -> Self {
        Self { gates: Gates::default(), store, rates: Mutex::default() }
    }

    fn rate(&self, name: &str) -> Arc<Rate> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rates.entry(name.to_owned()).or_default())
    }

    /// Books the next `count`; tries again for as long as the database is away, for what is not written down cannot be sent either.
    async fn book(&self, rate: &str, between: Duration, count: u32) -> Instant {
        loop {
            match self.store.book(rate, between, count).await {
                Ok(wait) => return Instant::now() + wait,
                Err(error) => {
                    debug!(%error, rate, "no turn could be booked; trying again");
                    sleep(LOOK).await;
                }
            }
        }
    }
}

#[async_trait]
impl AllNodes for RelayBounds {
    async fn pass(&self, bound: &str, most: usize) -> Box<dyn Send + Sync> {
        Box::new(self.gates.pass(bound, most).await)
    }

    async fn slot(&self, name: &str, between: Duration) {
        let rate = self.rate(name);
        let at = {
            let waiting = Counted::one_more(&rate.waiting);
            let mut booked = rate.booked.lock().await;
            if booked.left == 0
                && let Some(last) = booked.next.and_then(|next| next.checked_sub(between))
            {
                // Nothing is booked ahead of what was: a node that ends takes no more along, and those that come after it do not wait for nobody's turns.
                sleep_until(last).await;
            }
            let now = Instant::now();
            let is_over = booked.next.is_none_or(|next| next + between < now);
            if booked.left == 0 || is_over {
                let most = u32::try_from(BOOKED_FOR.as_micros() / between.as_micros().max(1)).unwrap_or(u32::MAX);
                let count = waiting.count().clamp(1, most.max(1));
                booked.next = Some(self.book(name, between, count).await);
                booked.left = count;
            }
            booked.left -= 1;
            let at = booked.next.unwrap_or(now);
            booked.next = Some(at + between);
            at
        };
        sleep_until(at).await;
    }

    fn keeps(&self, bound: &str, most: usize, kept: Weak<dyn KeptOpen>) {
        self.gates.keeps(bound, most, kept);
    }
}

/// One who waits; over when dropped.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn one_more(of: &'a AtomicU32) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(of)
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks for a node's shares.
pub struct ShareKeeper {
    store: Arc<dyn Store>,
    holder: WorkerId,
    standing: Arc<Standing>,
    gates: Vec<(&'static str, Gates)>,
}

/// A gate of which something is said.
struct Said {
    gates: usize,
    name: String,
    need: Need,
}

impl ShareKeeper {
    /// A keeper of what runs and pages of `context` pass, and of the relay's bounds. From now on its gates let nobody in who was not granted a share: it has to
    /// [run](Self::run) for as long as anybody works.
    #[must_use]
    pub fn new(context: &Context, relay: &RelayBounds) -> Self {
        let gates = vec![
            ("connection", context.producer.databases().clone()),
            ("receiver", context.receivers.gates().clone()),
            ("relay", relay.gates.clone()),
        ];
        Self::of(Arc::clone(&context.store), gates)
    }

    fn of(store: Arc<dyn Store>, gates: Vec<(&'static str, Gates)>) -> Self {
        let standing = Arc::new(Standing::new());
        for (_, gates) in &gates {
            gates.divide(&standing);
        }
        Self { store, holder: WorkerId::generate(), standing, gates }
    }

    /// Keeps the shares until `over`, and gives them back then.
    pub async fn run(self, over: CancellationToken, pulse: Pulse) {
        over.run_until_cancelled(self.keep(&pulse)).await;
        match timeout(ANSWERED_WITHIN, self.store.leave_shares(self.holder)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "shares were not given back; others have them when they lapse"),
            Err(_) => debug!("shares were not given back in time; others have them when they lapse"),
        }
    }

    async fn keep(&self, pulse: &Pulse) {
        let (mut next_look, mut is_failing) = (Instant::now(), false);
        loop {
            let is_look = Instant::now() >= next_look;
            if is_look {
                next_look = Instant::now() + LOOK;
            }
            pulse.beat();
            let asked = self.ask(is_look).await;
            pulse.passed(asked.is_ok());
            let pause = match asked {
                Ok(pause) => {
                    is_failing = false;
                    pause
                }
                Err(fault) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(fault, "this node cannot ask for its shares of what all nodes may do at once; what it has lapses");
                    }
                    next_look = Instant::now();
                    LOOK
                }
            };
            sleep(TOGETHER).await;
            tokio::select! {
                () = self.standing.asked.notified() => {}
                () = sleep_until(next_look.min(Instant::now() + pause)) => {}
            }
        }
    }

    /// Says what there is to say, and takes the answer; the time until there may be more.
    async fn ask(&self, is_look: bool) -> Result<Duration, String> {
        self.void_what_lapsed();
        let said = self.needs(is_look);
        if said.is_empty() {
            return Ok(LOOK);
        }
        let asked: Vec<ShareAsked> = said.iter().map(|said| said.asked(self.gates[said.gates].0)).collect();
        let asked_at = Instant::now();
        let answer = timeout(ANSWERED_WITHIN, self.store.share(self.holder, &asked)).await;
        if self.void_what_lapsed() {
            // Others may have had what is not among these.
            self.standing.ask();
            return Ok(TOGETHER);
        }
        let shares = answer.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
        self.standing.holds_from(asked_at);
        let mut is_moving = false;
        for (said, share) in said.iter().zip(shares) {
            let share = share as usize;
            self.gates[said.gates].1.grant(&said.name, said.need, share);
            is_moving |= share < said.need.wants.max(said.need.holds);
        }
        Ok(if is_moving { PATIENCE } else { LOOK })
    }

    fn needs(&self, is_look: bool) -> Vec<Said> {
        let of = |(at, (_, gates)): (usize, &(&'static str, Gates))| {
            gates.needs(is_look).into_iter().map(move |(name, need)| Said { gates: at, name, need })
        };
        self.gates.iter().enumerate().flat_map(of).collect()
    }

    /// Lets nobody in by shares that have lapsed; whether they had.
    fn void_what_lapsed(&self) -> bool {
        if !self.standing.has_lapsed() {
            return false;
        }
        // In this order: who passed a gate meanwhile finds that it was by what had lapsed.
        self.standing.lapses.fetch_add(1, Ordering::AcqRel);
        for (_, gates) in &self.gates {
            gates.void();
        }
        self.standing.holds_from(Instant::now());
        true
    }
}

impl Said {
    fn asked(&self, kind: &str) -> ShareAsked {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        ShareAsked {
            bound: format!("{kind} {}", self.name),
            most: number(self.need.whole),
            holds: number(self.need.holds),
            wants: number(self.need.wants),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicUsize;

    use futures::future::join_all;
    use pressrun_dispatch::Pulses;
    use pressrun_store::{PostgresSettings, PostgresStore, Sealer, SealingKey};
    use pressrun_testkit::PostgresServer;

    use super::*;

    /// The address of rows of their own.
    async fn rows() -> String {
        static SERVER: OnceLock<PostgresServer> = OnceLock::new();
        SERVER.get_or_init(|| PostgresServer::shared(env!("CARGO_PKG_NAME"))).schema().await
    }

    async fn store(url: &str) -> Arc<dyn Store> {
        let sealer = Sealer::new(vec![SealingKey::new(&[7; 32])]).unwrap();
        Arc::new(PostgresStore::open(&PostgresSettings::new(url), sealer).await.unwrap())
    }

    /// The gates of another node.
    async fn node(url: &str, over: &CancellationToken) -> (Gates, tokio::task::JoinHandle<()>) {
        let gates = Gates::default();
        let keeper = ShareKeeper::of(store(url).await, vec![("connection", gates.clone())]);
        (gates, tokio::spawn(keeper.run(over.clone(), Pulses::default().task("shares"))))
    }

    #[derive(Default)]
    struct Counts {
        inside: AtomicUsize,
        most: AtomicUsize,
        by_node: [AtomicUsize; 3],
    }

    impl Counts {
        async fn visit(&self, node: usize) {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(inside, Ordering::SeqCst);
            self.by_node[node].fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }

        /// All was used that may be, and everybody had something of it again and again.
        fn are_enough(&self) -> bool {
            self.most.load(Ordering::SeqCst) >= 4 && self.by_node.iter().all(|visits| visits.load(Ordering::SeqCst) > 50)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn p7_a_connection_has_its_bound_over_all_nodes_and_all_of_it_is_used() {
        let (url, over, counts) = (rows().await, CancellationToken::new(), Arc::new(Counts::default()));
        let (mut keepers, mut visitors) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let (gates, keeper) = node(&url, &over).await;
            keepers.push(keeper);
            for _ in 0..6 {
                let (gates, counts) = (gates.clone(), Arc::clone(&counts));
                visitors.push(tokio::spawn(async move {
                    while !counts.are_enough() {
                        let _pass = gates.pass("warehouse", 4).await;
                        counts.visit(number).await;
                    }
                }));
            }
        }
        for visitor in join_all(visitors).await {
            visitor.unwrap();
        }
        assert_eq!(counts.most.load(Ordering::SeqCst), 4);
        over.cancel();
        join_all(keepers).await;
        // What nodes gave back at their end is there at once.
        let later = CancellationToken::new();
        let (gates, keeper) = node(&url, &later).await;
        let passes = join_all((0..4).map(|_| gates.pass("warehouse", 4))).await;
        assert_eq!(passes.len(), 4);
        later.cancel();
        keeper.await.unwrap();
    }

    fn need(of: Vec<(String, Need)>) -> Option<Need> {
        of.into_iter().next().map(|(_, need)| need)
    }

    #[tokio::test(start_paused = true)]
    async fn p7_a_share_that_was_lowered_is_given_up_when_those_inside_have_left_and_one_that_lapsed_lets_nobody_in() {
        let (gates, standing) = (Gates::default(), Arc::new(Standing::new()));
        gates.divide(&standing);
        assert!(gates.pass_at_once("a", 4).is_none(), "nothing was granted");
        let first = need(gates.needs(false)).unwrap();
        assert_eq!(first, Need { whole: 4, holds: 0, wants: 1 });
        standing.holds_from(Instant::now());
        gates.grant("a", first, 3);
        let mut inside: Vec<_> = (0..5).filter_map(|_| gates.pass_at_once("a", 4)).collect();
        assert_eq!(inside.len(), 3);
        let said = need(gates.needs(true)).unwrap();
        gates.grant("a", said, 1);
        inside.pop();
        assert_eq!(need(gates.needs(false)).map(|need| need.holds), Some(2), "one has left");
        inside.pop();
        assert!(gates.pass_at_once("a", 4).is_none(), "one is inside, and that is the share");
        let said = need(gates.needs(false)).unwrap();
        assert_eq!(said.holds, 1);
        gates.grant("a", said, 1);
        drop(inside);
        tokio::time::advance(HOLDS_FOR).await;
        drop(gates.pass_at_once("a", 4).expect("it holds to the end"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(gates.pass_at_once("a", 4).is_none(), "others may have it");
        assert_eq!(need(gates.needs(true)).map(|need| need.holds), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn p7_a_share_that_nobody_uses_is_given_back_and_said_no_more() {
        let (gates, standing) = (Gates::default(), Arc::new(Standing::new()));
        gates.divide(&standing);
        gates.expect("a", 4);
        let said = need(gates.needs(false)).unwrap();
        standing.holds_from(Instant::now());
        gates.grant("a", said, 4);
        let mut holds = Vec::new();
        while let Some(said) = need(gates.needs(true)) {
            holds.push(said.holds);
            gates.grant("a", said, said.holds);
        }
        assert_eq!(holds, [4, 4, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn p7_a_gate_of_which_others_know_is_not_forgotten_before_its_share_is_given_back() {
        let (gates, standing) = (Gates::default(), Arc::new(Standing::new()));
        gates.divide(&standing);
        gates.expect("a", 4);
        let said = need(gates.needs(false)).unwrap();
        assert_eq!((said.holds, said.wants), (0, 1), "a row says that this node wants one");
        standing.holds_from(Instant::now());
        gates.grant("a", said, 0);
        for name in 0..3_000 {
            gates.expect(&name.to_string(), 4);
        }
        let of_a = || gates.needs(true).into_iter().find(|(name, _)| name == "a").map(|(_, need)| need.wants);
        assert_eq!([of_a(), of_a()], [Some(1), Some(0)], "until the row says that it wants none");
    }

    /// Rows that give turns by the clock of the test.
    #[derive(Default)]
    struct Turns {
        next: Mutex<Option<Instant>>,
        booked: AtomicU32,
    }

    #[async_trait]
    impl Quotas for Turns {
        async fn book(&self, _: &str, between: Duration, count: u32) -> Result<Duration, pressrun_store::StoreError> {
            self.booked.fetch_add(count, Ordering::SeqCst);
            let mut next = self.next.lock().unwrap();
            let first = next.map_or_else(Instant::now, |next| next.max(Instant::now()));
            *next = Some(first + between * count);
            Ok(first - Instant::now())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn p7_h6_mails_that_wait_book_no_turns_ahead_of_those_that_go() {
        for (between, ahead) in [(Duration::from_secs(60), 1), (Duration::from_millis(10), 200)] {
            let turns = Arc::new(Turns::default());
            let (node, sent) = (Arc::new(RelayBounds::of(Arc::clone(&turns) as Arc<dyn Quotas>)), Arc::new(AtomicU32::new(0)));
            for _ in 0..1_000 {
                let (node, sent) = (Arc::clone(&node), Arc::clone(&sent));
                tokio::spawn(async move {
                    node.slot("smtp relay", between).await;
                    sent.fetch_add(1, Ordering::SeqCst);
                });
            }
            sleep(between * 500 + between / 2).await;
            assert_eq!(sent.load(Ordering::SeqCst), 501, "{between:?}: none is lost by that");
            let booked = turns.booked.load(Ordering::SeqCst);
            assert!((501..=501 + ahead).contains(&booked), "{between:?}: {booked}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn p7_h6_mails_of_a_minute_are_spread_evenly_over_all_nodes() {
        const BETWEEN: Duration = Duration::from_millis(100);
        let url = rows().await;
        let nodes = [RelayBounds::new(store(&url).await), RelayBounds::new(store(&url).await)];
        let (began, nodes) = (Instant::now(), &nodes);
        let sent = join_all((0..20).map(|mail| async move {
            nodes[mail % 2].slot("smtp relay", BETWEEN).await;
            began.elapsed()
        }));
        let mut sent = sent.await;
        sent.sort_unstable();
        for (mail, after) in (0_u32..).zip(sent) {
            assert!(after + BETWEEN / 2 > BETWEEN * mail, "mail {mail} after {after:?}");
        }
    }
}

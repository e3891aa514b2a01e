//! What all nodes together may do: nobody has what somebody else may be using, and all of it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use pressrun_domain::id::WorkerId;

use super::server::Schema;
use crate::{PostgresStore, Quotas as _, ShareAsked, TakeAsked, Taken};

const MINUTE: Duration = Duration::from_secs(60);

/// A node that uses what it may.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    may: u32,
    uses: u32,
    wants: u32,
}

impl Node {
    fn holds(self) -> u32 {
        self.may.max(self.uses)
    }
}

async fn ask(store: &PostgresStore, holder: WorkerId, node: &mut Node) {
    let asked = ShareAsked { bound: "receiver a".to_owned(), most: 8, holds: node.holds(), wants: node.wants };
    node.may = store.share(holder, &[asked]).await.unwrap()[0];
}

#[tokio::test]
async fn p7_whatever_nodes_do_they_never_hold_more_than_there_are_and_in_the_end_all_of_it() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let mut nodes: BTreeMap<WorkerId, Node> = (0..4).map(|_| (WorkerId::generate(), Node::default())).collect();
    let holders: Vec<WorkerId> = nodes.keys().copied().collect();
    let mut dice = 12_345_u64;
    for step in 0..600 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let holder = holders[(dice >> 33) as usize % holders.len()];
        let node = nodes.get_mut(&holder).unwrap();
        match (dice >> 50) % 4 {
            0 => node.wants = (dice >> 20) as u32 % 20,
            // Those inside leave; others come in as far as they may.
            1 => node.uses = (dice >> 20) as u32 % (node.uses + 1),
            2 => node.uses = node.uses.max(node.may.min(node.wants)),
            _ => ask(&store, holder, node).await,
        }
        let held: u32 = nodes.values().map(|node| node.holds()).sum();
        assert!(held <= 8, "step {step}: {nodes:?}");
    }
    for _ in 0..5 {
        for (holder, node) in &mut nodes {
            (node.wants, node.uses) = (8, 0);
            ask(&store, *holder, node).await;
        }
    }
    assert_eq!(nodes.values().map(|node| node.may).collect::<Vec<_>>(), [2, 2, 2, 2]);
}

#[tokio::test]
async fn p7_what_a_dead_node_had_comes_back_and_what_one_gives_back_is_there_at_once() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let (first, second) = (WorkerId::generate(), WorkerId::generate());
    let (mut one, mut other) = (Node { wants: 8, ..Node::default() }, Node { wants: 8, ..Node::default() });
    ask(&store, first, &mut one).await;
    ask(&store, second, &mut other).await;
    assert_eq!((one.may, other.may), (8, 0), "who came first has all");
    schema.ask("UPDATE share_holders SET seen_at = seen_at - 14000000").await;
    ask(&store, second, &mut other).await;
    assert_eq!(other.may, 0, "it may live");
    schema.ask(&format!("UPDATE share_holders SET seen_at = seen_at - 16000000 WHERE holder = '{first}'")).await;
    ask(&store, second, &mut other).await;
    assert_eq!(other.may, 8);
    store.leave_shares(second).await.unwrap();
    assert_eq!(schema.ask("SELECT count(*) FROM shares").await, ["0"]);
    // One that only hung says what it still uses, and that is no more than the truth.
    (one.may, one.uses) = (0, 3);
    ask(&store, first, &mut one).await;
    other = Node { wants: 8, ..Node::default() };
    ask(&store, second, &mut other).await;
    assert!(one.holds() + other.may <= 8, "{one:?} {other:?}");
}

#[tokio::test]
async fn p7_nodes_take_turns_at_what_only_one_may_have() {
    let schema = Schema::make().await;
    let store = schema.open().await;
    let (mut had, holders) = (BTreeSet::new(), [WorkerId::generate(), WorkerId::generate()]);
    let mut may = [0, 0];
    while had.len() < 2 {
        for (holder, may) in holders.iter().zip(&mut may) {
            let asked = ShareAsked { bound: "connection a".to_owned(), most: 1, holds: *may, wants: 1 };
            *may = store.share(*holder, &[asked]).await.unwrap()[0];
            if *may > 0 {
                had.insert(*holder);
            }
        }
        assert!(may.iter().sum::<u32>() <= 1, "{may:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_turns_of_a_rate_are_booked_one_after_the_other_by_all_nodes() {
    let schema = Schema::make().await;
    let nodes = [schema.open().await, schema.open_by_its_clock().await, schema.open().await];
    let booked = join_all((0..12).map(|turn| nodes[turn % 3].book("smtp a", MINUTE, 1))).await;
    let mut waits: Vec<Duration> = booked.into_iter().map(Result::unwrap).collect();
    waits.sort_unstable();
    for (turn, wait) in (0_u32..).zip(waits) {
        let due = MINUTE * turn;
        assert!(wait <= due && wait + MINUTE / 2 > due, "turn {turn}: {wait:?}");
    }
    assert!(nodes[0].book("smtp a", MINUTE, 3).await.unwrap() > MINUTE * 11);
    assert!(nodes[1].book("smtp a", MINUTE, 1).await.unwrap() > MINUTE * 14, "three were booked");
    assert_eq!(nodes[2].book("smtp b", MINUTE, 1).await.unwrap(), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_requests_of_a_minute_are_counted_over_all_nodes() {
    let schema = Schema::make().await;
    let nodes = [schema.open().await, schema.open_by_its_clock().await, schema.open().await];
    let asked = TakeAsked { wanted: 4, unused: 0 };
    let taken = join_all((0..30).map(|request| nodes[request % 3].take("api a", MINUTE, 60, asked))).await;
    let taken: Vec<Taken> = taken.into_iter().map(Result::unwrap).collect();
    assert_eq!(taken.iter().map(|taken| taken.count).sum::<u32>(), 60);
    assert!(taken.iter().filter(|taken| taken.count == 0).all(|taken| taken.wait > MINUTE / 2 && taken.wait <= MINUTE), "{taken:?}");
    let back = nodes[0].take("api a", MINUTE, 60, TakeAsked { wanted: 2, unused: 5 }).await.unwrap();
    assert_eq!((back.count, back.wait), (2, Duration::ZERO), "three are left of those that were put back");
    assert_eq!(nodes[1].take("api a", MINUTE, 60, asked).await.unwrap().count, 3);
    let never_more = nodes[2].take("api b", MINUTE, 60, TakeAsked { wanted: 99, unused: 99 }).await.unwrap();
    assert_eq!(never_more.count, 60);
}

#[tokio::test]
async fn p7_rates_of_which_all_is_there_again_are_no_rows() {
    let schema = Schema::make().await;
    let store = schema.open_by_its_clock().await;
    let asked = TakeAsked { wanted: 1, unused: 0 };
    store.take("api old", Duration::from_micros(1), 60, asked).await.unwrap();
    store.take("api new", MINUTE, 60, asked).await.unwrap();
    crate::Runs::release_dead(&store, crate::sample::after(0)).await.unwrap();
    assert_eq!(schema.ask("SELECT rate FROM rates").await, ["api new"]);
}

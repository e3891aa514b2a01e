//! Single flight: equal work under way is done once.
//!
//! A piece of work is known by everything that decides its result. Of a query that is the connection, the SQL, every bound parameter (and
//! with them whoever it is asked for), row limit, zone and instant. Who asks for one that is under way waits for the same execution; a result
//! is handed out for a little longer, because schedules due at one instant do not start at one instant. Whoever is dropped while waiting
//! leaves the others alone: the execution goes on as long as one waits, and is stopped when none does.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use pressrun_query::ConnectionSpec;
use pressrun_sql::CompiledQuery;

type Running<T, E> = Shared<BoxFuture<'static, Result<T, E>>>;

/// Executions under way and those just done. Clones are the same.
pub struct Flights<T, E> {
    keep: Duration,
    most: usize,
    weigh: fn(&T) -> usize,
    known: Known<T, E>,
}

type Known<T, E> = Arc<Mutex<HashMap<String, Flight<T, E>>>>;

impl<T, E> Clone for Flights<T, E> {
    fn clone(&self) -> Self {
        Self { known: Arc::clone(&self.known), ..*self }
    }
}

enum Flight<T, E> {
    Running(WeakShared<BoxFuture<'static, Result<T, E>>>),
    Landed { value: T, weight: usize, at: Instant },
}

impl<T: Clone + Send, E: Clone + Send> Flights<T, E> {
    /// Hands out results for `keep` after they came, as long as all together `weigh` no more than `most`; the oldest go first.
    #[must_use]
    pub fn new(keep: Duration, most: usize, weigh: fn(&T) -> usize) -> Self {
        Self { keep, most, weigh, known: Arc::default() }
    }

    /// The answer under `key`: that of equal work under way or just done, else that of `execute`.
    ///
    /// # Errors
    /// The execution's failure, which everybody who waits hears and nobody after them.
    pub async fn share<F>(&self, key: String, execute: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.forget_old();
        let running = {
            let mut known = self.known();
            match known.get(&key) {
                Some(Flight::Landed { value, .. }) => return Ok(value.clone()),
                Some(Flight::Running(running)) => running.upgrade(),
                None => None,
            }
            .unwrap_or_else(|| {
                let running: Running<T, E> = execute().boxed().shared();
                known.extend(running.downgrade().map(|weak| (key.clone(), Flight::Running(weak))));
                running
            })
        };
        let answer = running.await;
        let mut known = self.known();
        match &answer {
            Ok(value) => {
                if !matches!(known.get(&key), Some(Flight::Landed { .. })) {
                    known.insert(key, Flight::Landed { value: value.clone(), weight: (self.weigh)(value), at: Instant::now() });
                }
                self.forget_the_oldest(&mut known);
            }
            Err(_) => {
                known.remove(&key);
            }
        }
        answer
    }

    /// Forgets what is no longer handed out.
    pub fn forget_old(&self) {
        self.known().retain(|_, flight| flight.is_of_use(self.keep));
    }

    fn forget_the_oldest(&self, known: &mut HashMap<String, Flight<T, E>>) {
        let landed = known.iter().filter_map(|(key, flight)| match flight {
            Flight::Landed { at, weight, .. } => Some((*at, key.clone(), *weight)),
            Flight::Running(_) => None,
        });
        let mut landed: Vec<_> = landed.collect();
        let mut weight: usize = landed.iter().map(|(.., weight)| weight).sum();
        if weight <= self.most {
            return;
        }
        landed.sort_unstable();
        for (_, oldest, its) in landed {
            if weight <= self.most {
                return;
            }
            weight -= its;
            known.remove(&oldest);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Flight<T, E>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> Flight<T, E> {
    fn is_of_use(&self, keep: Duration) -> bool {
        match self {
            Self::Running(running) => running.upgrade().is_some(),
            Self::Landed { at, .. } => at.elapsed() < keep,
        }
    }
}

/// Everything that decides a query's result. The identity it is asked for is in it by the parameters: rows of one are never handed to another whose
/// query differs, and two whose queries are equal would see the same rows.
pub(crate) fn key(connection: &ConnectionSpec, compiled: &CompiledQuery, fingerprint: bool) -> String {
    format!("{} {} {fingerprint}", connection.digest(), compiled.key())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use indexmap::IndexMap;
    use pressrun_domain::audience::Identity;
    use pressrun_domain::catalog::{QueryTile, Scalar};
    use pressrun_domain::chart::{Chart, Mark};
    use pressrun_sql::{Dialect, EffectiveFilters, QueryClock, compile};
    use tokio::sync::Notify;

    use super::*;

    /// Flights that hand out up to 10 numbers for this long.
    fn numbers(keep: Duration) -> Flights<u64, &'static str> {
        Flights::new(keep, 10, |_| 1)
    }

    #[tokio::test]
    async fn equal_queries_are_one_execution_and_others_are_not() {
        let (flights, ran) = (numbers(Duration::from_secs(60)), Arc::new(AtomicUsize::new(0)));
        let ask = |key: &str| {
            let ran = Arc::clone(&ran);
            flights.share(key.to_owned(), move || async move { Ok(ran.fetch_add(1, Ordering::SeqCst) as u64) })
        };
        let (a, b, c) = tokio::join!(ask("us"), ask("us"), ask("eu"));
        let numbers = [a, b, c].map(|answer| answer.expect("answers"));
        assert_eq!(numbers, [0, 0, 1]);
        assert_eq!(ask("us").await.expect("answers"), 0, "also a little later");
    }

    #[tokio::test]
    async fn one_that_goes_away_leaves_the_others_alone_and_the_last_stops_it() {
        struct Stopped(Arc<AtomicUsize>);
        impl Drop for Stopped {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (flights, stopped, gate) = (numbers(Duration::ZERO), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let ask = || {
            let (stopped, gate) = (Arc::clone(&stopped), Arc::clone(&gate));
            Box::pin(flights.share("k".to_owned(), move || async move {
                let _stopped = Stopped(stopped);
                gate.notified().await;
                Ok(7)
            }))
        };
        let (mut leader, mut follower) = (ask(), ask());
        assert!(futures::poll!(&mut leader).is_pending() && futures::poll!(&mut follower).is_pending());
        drop(leader);
        assert_eq!(stopped.load(Ordering::SeqCst), 0);
        gate.notify_one();
        assert_eq!(follower.await.expect("answers"), 7);

        let mut alone = ask();
        assert!(futures::poll!(&mut alone).is_pending());
        let before = stopped.load(Ordering::SeqCst);
        drop(alone);
        assert_eq!(stopped.load(Ordering::SeqCst), before + 1, "nobody waits: it is stopped");
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let flights = numbers(Duration::from_secs(60));
        let failed = flights.share("k".to_owned(), || async { Err("too slow") }).await;
        assert!(failed.is_err());
        assert!(flights.share("k".to_owned(), || async { Ok(1) }).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let flights: Flights<usize, &str> = Flights::new(Duration::from_secs(3600), 100, |bytes| *bytes);
        let ran = Arc::new(AtomicUsize::new(0));
        let ask = async |key: usize, bytes: usize| {
            let ran = Arc::clone(&ran);
            let answer = flights.share(key.to_string(), move || async move {
                ran.fetch_add(1, Ordering::SeqCst);
                Ok(bytes)
            });
            answer.await.expect("answers");
        };
        for key in 0..1000 {
            ask(key, 30).await;
            assert!(flights.known().len() <= 3, "{key}");
        }
        ask(999, 30).await;
        assert_eq!(ran.load(Ordering::SeqCst), 1000, "the newest is still there");
        ask(5000, 101).await;
        assert!(flights.known().is_empty(), "what is larger than all that may be kept is handed out and not kept");
    }

    /// The key of one query for somebody with these regions.
    fn key_for(regions: &[&str], sql: &str, folder: &str, at: &str, fingerprint: bool) -> String {
        let values = regions.iter().map(|region| Scalar::Text((*region).to_owned())).collect::<Vec<_>>();
        let attributes = if values.is_empty() { BTreeMap::new() } else { BTreeMap::from([("region".to_owned(), values)]) };
        let tile = QueryTile {
            sql: sql.to_owned(),
            limit: 1000,
            filters: IndexMap::new(),
            fields: IndexMap::new(),
            chart: Chart::new(Mark::Table),
        };
        let connection = ConnectionSpec::Files { folder: PathBuf::from(folder), tables: IndexMap::new() };
        let clock = QueryClock::new(at.parse().expect("an instant"), "UTC");
        let compiled = compile(&tile, &EffectiveFilters::default(), &Identity { attributes }, &clock, Dialect::Embedded);
        key(&connection, &compiled.expect("compiles"), fingerprint)
    }

    #[test]
    fn q8_p1_only_what_cannot_differ_is_shared() {
        const NINE: &str = "2025-07-24T09:00:00Z";
        const MINE: &str = "select * from sales where {{ user_attribute('region', 'region') }}";
        let same = key_for(&["US"], MINE, "/data", NINE, false);
        assert_eq!(key_for(&["US"], MINE, "/data", NINE, false), same);
        for (case, other) in [
            ("another region", key_for(&["EU"], MINE, "/data", NINE, false)),
            ("one more region", key_for(&["US", "EU"], MINE, "/data", NINE, false)),
            ("no region at all", key_for(&[], MINE, "/data", NINE, false)),
            ("another connection", key_for(&["US"], MINE, "/elsewhere", NINE, false)),
            ("another instant", key_for(&["US"], MINE, "/data", "2025-07-24T09:00:01Z", false)),
            ("another query", key_for(&["US"], "select 1", "/data", NINE, false)),
            ("compared with a baseline", key_for(&["US"], MINE, "/data", NINE, true)),
        ] {
            assert_ne!(other, same, "{case}");
        }
        // A query that does not ask who it is for is the same for everybody.
        assert_eq!(key_for(&["US"], "select 1", "/data", NINE, false), key_for(&["EU"], "select 1", "/data", NINE, false));
    }
}

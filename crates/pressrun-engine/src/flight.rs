//! Single flight: equal queries at one instant are one execution.
//!
//! A query is known by everything that decides its result: the connection, the SQL, every bound parameter (and with them whoever it is asked
//! for), row limit, zone and instant. Who asks for one that is under way waits for the same execution; a result is handed out for a little
//! longer, because schedules due at one instant do not start at one instant. Whoever is dropped while waiting leaves the others alone: the
//! execution goes on as long as one waits, and is stopped when none does.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use pressrun_query::{CompiledQuery, ConnectionSpec, QueryError};
use sha2::{Digest, Sha256};

use crate::content::QueryRows;

/// Results kept at once; the oldest go first.
const MOST_KEPT: usize = 256;

type Answer = Result<QueryRows, QueryError>;
type Running = Shared<BoxFuture<'static, Answer>>;

/// Executions under way and those just done. Clones are the same.
#[derive(Clone)]
pub(crate) struct Flights {
    keep: Duration,
    known: Arc<Mutex<HashMap<String, Flight>>>,
}

enum Flight {
    Running(WeakShared<BoxFuture<'static, Answer>>),
    Landed { rows: QueryRows, at: Instant },
}

impl Flights {
    /// Hands out results for `keep` after they came.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, known: Arc::default() }
    }

    /// The answer under `key`: that of an equal query under way or just done, else that of `execute`.
    ///
    /// # Errors
    /// The execution's failure, which everybody who waits hears and nobody after them.
    pub(crate) async fn share<F>(&self, key: String, execute: impl FnOnce() -> F) -> Answer
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.forget_old();
        let running = {
            let mut known = self.known();
            match known.get(&key) {
                Some(Flight::Landed { rows, .. }) => return Ok(rows.clone()),
                Some(Flight::Running(running)) => running.upgrade(),
                None => None,
            }
            .unwrap_or_else(|| {
                let running: Running = execute().boxed().shared();
                known.extend(running.downgrade().map(|weak| (key.clone(), Flight::Running(weak))));
                running
            })
        };
        let answer = running.await;
        let mut known = self.known();
        match &answer {
            Ok(rows) => {
                if !matches!(known.get(&key), Some(Flight::Landed { .. })) {
                    known.insert(key, Flight::Landed { rows: rows.clone(), at: Instant::now() });
                }
                forget_the_oldest(&mut known);
            }
            Err(_) => {
                known.remove(&key);
            }
        }
        answer
    }

    /// Forgets what is no longer handed out.
    pub(crate) fn forget_old(&self) {
        self.known().retain(|_, flight| flight.is_of_use(self.keep));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn is_of_use(&self, keep: Duration) -> bool {
        match self {
            Self::Running(running) => running.upgrade().is_some(),
            Self::Landed { at, .. } => at.elapsed() < keep,
        }
    }
}

fn forget_the_oldest(known: &mut HashMap<String, Flight>) {
    while known.len() > MOST_KEPT {
        let landed = known.iter().filter_map(|(key, flight)| match flight {
            Flight::Landed { at, .. } => Some((*at, key.clone())),
            Flight::Running(_) => None,
        });
        let Some((_, oldest)) = landed.min() else { return };
        known.remove(&oldest);
    }
}

/// Everything that decides a result. The identity it is asked for is in it by the parameters: rows of one are never handed to another whose
/// query differs, and two whose queries are equal would see the same rows.
pub(crate) fn key(connection: &ConnectionSpec, compiled: &CompiledQuery, fingerprint: bool) -> String {
    let place = match connection {
        ConnectionSpec::Files { folder, tables } => format!("{}\0{tables:?}", folder.display()),
        ConnectionSpec::Postgres { url } => url.clone(),
    };
    // Hashed, for an address may hold a password.
    let place = hex::encode(Sha256::digest(place));
    format!("{place} {} {fingerprint}", compiled.key())
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
    use pressrun_query::{EffectiveFilters, QueryClock, QueryErrorKind, QueryOutcome, compile};
    use tokio::sync::Notify;

    use super::*;

    fn rows(number: u64) -> QueryRows {
        let outcome = QueryOutcome { rows: number, truncated: false, ms: 0, bytes: 0, columns: Vec::new(), fingerprint: None };
        QueryRows { path: PathBuf::from("/nowhere"), outcome, folder: None }
    }

    #[tokio::test]
    async fn equal_queries_are_one_execution_and_others_are_not() {
        let (flights, ran) = (Flights::new(Duration::from_secs(60)), Arc::new(AtomicUsize::new(0)));
        let ask = |key: &str| {
            let ran = Arc::clone(&ran);
            flights.share(key.to_owned(), move || async move { Ok(rows(ran.fetch_add(1, Ordering::SeqCst) as u64)) })
        };
        let (a, b, c) = tokio::join!(ask("us"), ask("us"), ask("eu"));
        let numbers = [a, b, c].map(|answer| answer.expect("answers").outcome.rows);
        assert_eq!(numbers, [0, 0, 1]);
        assert_eq!(ask("us").await.expect("answers").outcome.rows, 0, "also a little later");
    }

    #[tokio::test]
    async fn one_that_goes_away_leaves_the_others_alone_and_the_last_stops_it() {
        struct Stopped(Arc<AtomicUsize>);
        impl Drop for Stopped {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (flights, stopped, gate) = (Flights::new(Duration::ZERO), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let ask = || {
            let (stopped, gate) = (Arc::clone(&stopped), Arc::clone(&gate));
            Box::pin(flights.share("k".to_owned(), move || async move {
                let _stopped = Stopped(stopped);
                gate.notified().await;
                Ok(rows(7))
            }))
        };
        let (mut leader, mut follower) = (ask(), ask());
        assert!(futures::poll!(&mut leader).is_pending() && futures::poll!(&mut follower).is_pending());
        drop(leader);
        assert_eq!(stopped.load(Ordering::SeqCst), 0);
        gate.notify_one();
        assert_eq!(follower.await.expect("answers").outcome.rows, 7);

        let mut alone = ask();
        assert!(futures::poll!(&mut alone).is_pending());
        let before = stopped.load(Ordering::SeqCst);
        drop(alone);
        assert_eq!(stopped.load(Ordering::SeqCst), before + 1, "nobody waits: it is stopped");
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let flights = Flights::new(Duration::from_secs(60));
        let failed = flights.share("k".to_owned(), || async { Err(QueryError::new(QueryErrorKind::Timeout, "too slow")) }).await;
        assert!(failed.is_err());
        assert!(flights.share("k".to_owned(), || async { Ok(rows(1)) }).await.is_ok());
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
        let compiled = compile(&tile, &EffectiveFilters::default(), &Identity { attributes }, &clock, connection.dialect());
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

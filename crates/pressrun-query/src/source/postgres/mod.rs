//! Servers that speak PostgreSQL's wire: the whole query is pushed down, its dialect untouched.
//!
//! A query runs once, in a read-only transaction on one snapshot with the query zone as its `TimeZone` and a statement timeout; parameters
//! travel beside the SQL. Rows are taken as they come: who does not read lets the server wait, so that a million rows stay small here, and
//! the server may use all its workers. A query that is given up is cancelled at the server, and where that fails the server notices within
//! two seconds that nobody listens. What a read-only transaction still allows (functions with effects of their own) is for the connection's
//! role to forbid.
//!
//! `now()`, `current_date` and the like are the occurrence's instant (Q5): the server's clock cannot be set, so
//! [`pressrun_sql::compile`] replaces them by parameters before the SQL gets here. Clocks inside views and functions are the
//! server's own.

mod calendar;
mod column;
mod decimal;
mod failure;
mod fetch;
mod parameter;
mod session;
mod tls;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pressrun_domain::postgres::{PostgresAddress, PostgresSecretFile};
use pressrun_sql::CompiledQuery;

use self::failure::Fault;
pub(in crate::source) use self::failure::kind as kind_of_sqlstate;
use self::session::{Described, Session};
use super::{BatchSink, QueryStats, Source, goodbye};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// How long a session is kept for the next query: longer would hold a place at the server that others need.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Sessions kept at once.
const KEPT: usize = 4;
/// What this side waits longer than the server, which says more when it stops a query.
const GRACE: Duration = Duration::from_secs(1);

/// One database.
pub struct PostgresSource {
    url: String,
    secret_file: Option<PostgresSecretFile>,
    free: Free,
}

/// Sessions without a transaction, the youngest last.
#[derive(Default)]
struct Free(Arc<Mutex<Vec<(Session, Instant)>>>);

impl Free {
    fn sessions(&self) -> MutexGuard<'_, Vec<(Session, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that nothing happened to.
    fn take(&self) -> Option<Session> {
        let mut sessions = self.sessions();
        while let Some((mut session, since)) = sessions.pop() {
            if since.elapsed() < KEPT_FOR && session.is_usable() {
                return Some(session);
            }
        }
        None
    }

    /// Keeps it for a while; one too many comes back.
    fn keep(&self, session: Session) -> Option<Session> {
        {
            let mut sessions = self.sessions();
            if sessions.len() >= KEPT {
                return Some(session);
            }
            sessions.push((session, Instant::now()));
        }
        // A source that is gone takes its sessions along.
        let free = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            let Some(free) = free.upgrade().map(Self) else { return };
            let old = {
                let mut sessions = free.sessions();
                let young = sessions.iter().position(|(_, since)| since.elapsed() < KEPT_FOR).unwrap_or(sessions.len());
                sessions.drain(..young).collect::<Vec<_>>()
            };
            for (session, _) in old {
                session.hang_up().await;
            }
        });
        None
    }
}

impl std::fmt::Debug for PostgresSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresSource([redacted])")
    }
}

impl PostgresSource {
    /// The database at `url`, as [`PostgresAddress`] reads it; each login takes user and password from `secret_file`, where there is one.
    #[must_use]
    pub fn new(url: String, secret_file: Option<PostgresSecretFile>) -> Self {
        Self { url, secret_file, free: Free::default() }
    }

    /// The address with the password of this moment.
    async fn address(&self) -> Result<PostgresAddress, QueryError> {
        let address =
            PostgresAddress::parse(&self.url).map_err(|error| QueryError::new(QueryErrorKind::Login, error.message).hint(error.hint))?;
        let Some(file) = &self.secret_file else { return Ok(address) };
        match tokio::fs::read_to_string(file.path()).await {
            Ok(content) => Ok(address.with_secret(file, &content)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the file of a connection's password cannot be read");
                Ok(address)
            }
        }
    }

    async fn answer(
        &self,
        query: &CompiledQuery,
        limits: &QueryLimits,
        sink: &mut dyn BatchSink,
        is_connected: &AtomicBool,
    ) -> Result<QueryStats, QueryError> {
        let (mut session, columns) = self.begin(query, limits).await?;
        is_connected.store(true, Ordering::Relaxed);
        let fetched = match columns {
            Ok(columns) if columns.is_empty() => {
                Err(QueryError::new(QueryErrorKind::Denied, "a tile runs one SELECT and nothing else").into())
            }
            Ok(columns) => match session.session() {
                Ok(session) => fetch::fetch(session, &columns, query, limits, sink).await,
                Err(fault) => Err(fault.into()),
            },
            Err(fault) => Err(fault.into()),
        };
        match fetched {
            Ok(fetched) => {
                if fetched.is_complete {
                    self.give_back(session.take()).await;
                } else {
                    stop(session.take()).await;
                }
                Ok(fetched.stats)
            }
            Err(fetch::Stopped::Query(error)) => {
                stop(session.take()).await;
                Err(error)
            }
            Err(fetch::Stopped::Fault(fault)) => {
                match &fault {
                    Fault::Server(_) => self.give_back(session.take()).await,
                    // Nothing more is to be said on a wire that broke.
                    Fault::Io(_) => drop(session.take()),
                    _ => stop(session.take()).await,
                }
                Err(fault.while_running())
            }
        }
    }

    /// A session in whose transaction `query` is described. One that was kept may have ended unseen; then there is a new one.
    async fn begin(&self, query: &CompiledQuery, limits: &QueryLimits) -> Result<(Guard, Result<Vec<Described>, Fault>), QueryError> {
        while let Some(session) = self.free.take() {
            let mut session = Guard(Some(session));
            match session.describe(query, limits).await {
                Err(fault) if fault.is_lost() => drop(session.take()),
                described => return Ok((session, described)),
            }
        }
        let address = self.address().await?;
        let mut session = Guard(Some(Session::open(&address).await.map_err(Fault::while_connecting)?));
        let described = session.describe(query, limits).await;
        Ok((session, described))
    }

    /// Keeps a session whose query has ended for the next one.
    async fn give_back(&self, session: Option<Session>) {
        let Some(mut session) = session else { return };
        // The rows are there already: a server that hangs now spoils nothing.
        let left = match tokio::time::timeout(STOPPING, session.end()).await {
            Ok(Ok(())) => self.free.keep(session),
            // Without the functions that leave a session as it was: the next query has a new one.
            Ok(Err(Fault::Server(_))) => Some(session),
            Ok(Err(_)) | Err(_) => None,
        };
        if let Some(session) = left {
            session.hang_up().await;
        }
    }
}

impl Drop for PostgresSource {
    /// Ends the sessions that are left as a client ends them: the server's log has nothing to tell.
    fn drop(&mut self) {
        let left = std::mem::take(&mut *self.free.sessions());
        if !left.is_empty() {
            goodbye::say(async move {
                for (session, _) in left {
                    session.hang_up().await;
                }
            });
        }
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        // The server's own timeout comes first and says more; this one is for a server that has stopped answering.
        let deadline = Duration::from_millis(limits.timeout_ms) + GRACE;
        let is_connected = AtomicBool::new(false);
        match tokio::time::timeout(deadline, self.answer(query, limits, sink, &is_connected)).await {
            Ok(result) => result,
            Err(_) if is_connected.load(Ordering::Relaxed) => Err(Fault::Silence.while_running()),
            Err(_) => Err(Fault::Silence.while_connecting()),
        }
    }
}

/// How long a server may take to end what it was asked to end.
const STOPPING: Duration = Duration::from_secs(5);

async fn stop(session: Option<Session>) {
    if let Some(session) = session {
        // One that does not end is left to notice that nobody listens.
        let _ = tokio::time::timeout(STOPPING, session.stop()).await;
    }
}

/// A session whose query runs; a query that is given up is cancelled.
struct Guard(Option<Session>);

impl Guard {
    fn session(&mut self) -> Result<&mut Session, Fault> {
        self.0.as_mut().ok_or_else(|| Fault::Protocol("the session has ended".to_owned()))
    }

    async fn describe(&mut self, query: &CompiledQuery, limits: &QueryLimits) -> Result<Vec<Described>, Fault> {
        self.session()?.describe(query, limits).await
    }

    fn take(&mut self) -> Option<Session> {
        self.0.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            goodbye::say(stop(Some(session)));
        }
    }
}

#[cfg(test)]
mod tests;

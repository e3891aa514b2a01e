//! The writing connection: whoever writes has it in turn, and many share a commit.
//!
//! A commit waits for the disk. While it does, others come that want to write; they then have the connection one after the other in *one* transaction,
//! each in a savepoint of its own, and hear of their success when all of it is on the disk. What one of them leaves unfinished, because it may not be
//! written, failed, or nobody waits for it any more, is undone up to its savepoint and concerns nobody else. When the transaction itself is lost (the
//! disk is full) each of them hears it.
//!
//! One that is *refused* because of what another wrote a moment before hears that at once, before both are known to last.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Sqlite, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::StoreError;

/// Most that share a commit.
const MOST: usize = 256;

/// A transaction that has gone on for so long is committed, whoever else waits: those who are done hear of it.
const LONGEST: Duration = Duration::from_millis(5);

/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives out turns at the writing connection. Clones give out the same.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Request>);

/// Somebody waits for a turn.
type Request = oneshot::Sender<Result<Turn, StoreError>>;

/// Somebody waits for the commit.
type Done = oneshot::Sender<Result<(), StoreError>>;

type Connection = PoolConnection<Sqlite>;

/// Having the writing connection; what was done with it is undone when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    connection: OwnedMutexGuard<Connection>,
    /// Who ends the turn without a word has not done it.
    end: oneshot::Sender<Done>,
}

impl Writer {
    /// Starts giving out turns at the one connection of `pool`; ends with the last clone.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, mut requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(first) = requests.recv().await {
                share(&pool, first, &mut requests).await;
            }
        });
        Self(sender)
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, StoreError> {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (request, turn) = oneshot::channel();
        self.0.send(request).map_err(|_| gone())?;
        match timeout(PATIENCE, turn).await {
            Ok(turn) => turn.map_err(|_| gone())?,
            Err(_) => Err(StoreError::from(sqlx::Error::PoolTimedOut)),
        }
    }
}

impl Turn {
    /// Ends the turn, and returns when what was done is on the disk.
    async fn commit(self) -> Result<(), StoreError> {
        let lost = || StoreError::Unavailable("the database was closed before the commit".to_owned());
        let (done, committed) = oneshot::channel();
        self.end.send(done).map_err(|_| lost())?;
        drop(self.connection);
        committed.await.map_err(|_| lost())?
    }
}

/// One transaction for `first` and whoever comes meanwhile.
async fn share(pool: &SqlitePool, first: Request, requests: &mut mpsc::UnboundedReceiver<Request>) {
    let mut shared = match Shared::begin(pool).await {
        Ok(shared) => shared,
        Err(error) => {
            // They would all wait as long for the same answer.
            let waiting = std::iter::once(first).chain(std::iter::from_fn(|| requests.try_recv().ok()));
            for request in waiting {
                let _ = request.send(Err(error.clone()));
            }
            return;
        }
    };
    let mut next = Some(first);
    while let Some(request) = next {
        if let Err(error) = shared.give(request).await {
            return shared.lose(&error).await;
        }
        let is_full = shared.done.len() >= MOST || shared.began.elapsed() >= LONGEST;
        next = if is_full { None } else { requests.try_recv().ok() };
    }
    shared.commit().await;
}

/// A transaction that many write in.
struct Shared {
    connection: Arc<Mutex<Connection>>,
    /// Those who are done, and wait for the commit.
    done: Vec<Done>,
    began: Instant,
}

impl Shared {
    async fn begin(pool: &SqlitePool) -> Result<Self, StoreError> {
        let connection = Arc::new(Mutex::new(pool.acquire().await?));
        let shared = Self { connection, done: Vec::new(), began: Instant::now() };
        if let Err(error) = shared.run("BEGIN IMMEDIATE").await {
            // Should an earlier transaction not have ended, the next one finds it ended.
            let _ = shared.run("ROLLBACK").await;
            return Err(error);
        }
        Ok(shared)
    }

    async fn run(&self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(&mut **self.connection.lock().await).await?;
        Ok(())
    }

    /// Gives the connection to whoever asks, and waits until it is back. An error is of the transaction as a whole.
    async fn give(&mut self, request: Request) -> Result<(), StoreError> {
        if request.is_closed() {
            return Ok(());
        }
        self.run("SAVEPOINT turn").await?;
        let (end, ended) = oneshot::channel();
        let connection = Arc::clone(&self.connection).lock_owned().await;
        // Whoever gave up meanwhile drops the turn and has done nothing.
        let _ = request.send(Ok(Turn { connection, end }));
        match ended.await {
            Ok(done) => {
                self.done.push(done);
                self.run("RELEASE turn").await
            }
            Err(_) => {
                let undone = self.run("ROLLBACK TO turn").await;
                // Of a transaction that SQLite has ended by itself nothing is left to undo, and nothing of this turn either.
                if undone.is_err() && self.done.is_empty() { Ok(()) } else { undone.and(self.run("RELEASE turn").await) }
            }
        }
    }

    async fn commit(mut self) {
        if self.done.is_empty() {
            let _ = self.run("ROLLBACK").await;
            return;
        }
        match self.run("COMMIT").await {
            Ok(()) => self.answer(&Ok(())),
            Err(error) => self.lose(&error).await,
        }
    }

    async fn lose(mut self, error: &StoreError) {
        let _ = self.run("ROLLBACK").await;
        self.answer(&Err(error.clone()));
    }

    /// Tells all who are done. Nobody listens who was dropped meanwhile.
    fn answer(&mut self, answer: &Result<(), StoreError>) {
        for done in self.done.drain(..) {
            let _ = done.send(answer.clone());
        }
    }
}

/// A transaction; dropping it undoes it.
#[derive(Debug)]
pub(super) enum Tx {
    /// A turn at writing.
    Turn(Turn),
    /// One on a connection of its own.
    Own(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Commits.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Turn(turn) => turn.commit().await,
            Self::Own(transaction) => Ok(transaction.commit().await?),
        }
    }
}

impl Deref for Tx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Turn(turn) => &turn.connection,
            Self::Own(transaction) => transaction,
        }
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Turn(turn) => &mut turn.connection,
            Self::Own(transaction) => transaction,
        }
    }
}

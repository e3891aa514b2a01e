//! The writing connection: whoever writes has it in turn, and many share a commit.
//!
//! A commit waits for the disk. While it does, others come that want to write; they then have the connection one after the other in *one* transaction,
//! each in a savepoint of its own, and hear of their success when all of it is on the disk. What one of them leaves unfinished, because it may not be
//! written, failed, or nobody waits for it any more, is undone up to its savepoint and concerns nobody else. When the transaction itself is lost (the
//! disk is full) each of them hears it.
//!
//! What every run writes goes in sets: such an [`Entry`] is left here, and all that wait together are written at once.
//!
//! One that is *refused* because of what another wrote a moment before hears that at once, before both are known to last.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Sqlite, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::entries::{self, Answer, Entry};
use crate::StoreError;
use crate::timed::Timed;

/// Most that share a commit.
const MOST: usize = 256;

/// A transaction that has gone on for so long is committed, whoever else waits: those who are done hear of it.
const LONGEST: Duration = Duration::from_millis(5);

/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives out turns at the writing connection. Clones give out the same.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::UnboundedSender<Request>,
    #[cfg_attr(not(any(test, feature = "conformance")), expect(dead_code, reason = "simulations and tests ask for it"))]
    open: Arc<AtomicBool>,
}

/// A transaction is open until this is dropped.
struct Open(Arc<AtomicBool>);

impl Open {
    fn new(open: &Arc<AtomicBool>) -> Self {
        open.store(true, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// What somebody waits for.
#[derive(Debug)]
enum Request {
    Turn(oneshot::Sender<Result<Turn, StoreError>>),
    Entry(Box<Entry>, oneshot::Sender<Answer>),
}

impl Request {
    fn refuse(self, error: StoreError) {
        // Nobody listens who gave up.
        match self {
            Self::Turn(turn) => drop(turn.send(Err(error))),
            Self::Entry(_, answer) => drop(answer.send(Err(error))),
        }
    }
}

/// Somebody who is done, and waits for the commit.
#[derive(Debug)]
enum Done {
    Turn(oneshot::Sender<Result<(), StoreError>>),
    Entry(u32, oneshot::Sender<Answer>),
}

type Connection = PoolConnection<Sqlite>;

/// Having the writing connection; what was done with it is undone when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    connection: OwnedMutexGuard<Connection>,
    /// Who ends the turn without a word has not done it.
    end: oneshot::Sender<oneshot::Sender<Result<(), StoreError>>>,
}

impl Writer {
    /// Starts giving out turns at the one connection of `pool`; ends with the last clone.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, mut requests) = mpsc::unbounded_channel();
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        tokio::spawn(async move {
            let mut waiting = VecDeque::new();
            loop {
                if waiting.is_empty() {
                    let Some(first) = requests.recv().await else { return };
                    waiting.push_back(first);
                }
                let _open = Open::new(&is_open);
                share(&pool, &mut waiting, &mut requests).await;
            }
        });
        Self { requests: sender, open }
    }

    /// Whether a transaction is open. Whoever is refused, or leaves nothing to be written, hears of it before the transaction has ended.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Leaves `entry` to be written, and returns when it is on the disk or refused.
    pub(super) async fn write(&self, entry: Entry) -> Answer {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (sender, answer) = oneshot::channel();
        let _written = Timed::new("write");
        self.requests.send(Request::Entry(Box::new(entry), sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, StoreError> {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (request, turn) = oneshot::channel();
        self.requests.send(Request::Turn(request)).map_err(|_| gone())?;
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

/// One transaction for those who wait and those who come meanwhile; who is left has the next one.
async fn share(pool: &SqlitePool, waiting: &mut VecDeque<Request>, requests: &mut mpsc::UnboundedReceiver<Request>) {
    let come = |waiting: &mut VecDeque<Request>, requests: &mut mpsc::UnboundedReceiver<Request>| {
        waiting.extend(std::iter::from_fn(|| requests.try_recv().ok()).take(MOST.saturating_sub(waiting.len())));
    };
    let _transaction = Timed::new("transaction");
    let mut shared = match Shared::begin(pool).await {
        Ok(shared) => shared,
        Err(error) => {
            // They would all wait as long for the same answer.
            come(waiting, requests);
            waiting.drain(..).for_each(|request| request.refuse(error.clone()));
            return;
        }
    };
    loop {
        come(waiting, requests);
        let done = match take_entries(waiting) {
            entries if !entries.is_empty() => shared.write(entries).await,
            _ => match waiting.pop_front() {
                Some(Request::Turn(turn)) => shared.give(turn).await,
                // Entries have been taken.
                Some(Request::Entry(..)) | None => break,
            },
        };
        if let Err(error) = done {
            return shared.lose(&error).await;
        }
        if shared.done.len() >= MOST || shared.began.elapsed() >= LONGEST {
            break;
        }
    }
    shared.commit().await;
}

/// The entries among those who wait. Who waits for one has nothing else on the way.
fn take_entries(waiting: &mut VecDeque<Request>) -> Vec<(Entry, oneshot::Sender<Answer>)> {
    let (mut entries, mut turns) = (Vec::new(), VecDeque::new());
    for request in waiting.drain(..) {
        match request {
            // Whoever gave up has been told, or has told itself, that nothing was written.
            Request::Entry(_, answer) if answer.is_closed() => {}
            Request::Entry(entry, answer) => entries.push((*entry, answer)),
            Request::Turn(turn) => turns.push_back(Request::Turn(turn)),
        }
    }
    *waiting = turns;
    entries
}

/// Tells all of them what went wrong.
fn refuse(waiting: &mut Vec<(Entry, oneshot::Sender<Answer>)>, error: &StoreError) {
    waiting.drain(..).for_each(|(_, answer)| drop(answer.send(Err(error.clone()))));
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
    async fn give(&mut self, request: oneshot::Sender<Result<Turn, StoreError>>) -> Result<(), StoreError> {
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
                self.done.push(Done::Turn(done));
                self.run("RELEASE turn").await
            }
            Err(_) => self.undo().await,
        }
    }

    /// Writes these together; when that fails, one by one, so that each hears what is wrong with it.
    async fn write(&mut self, mut waiting: Vec<(Entry, oneshot::Sender<Answer>)>) -> Result<(), StoreError> {
        let Err(error) = self.write_set(&mut waiting).await? else { return Ok(()) };
        if waiting.len() == 1 {
            refuse(&mut waiting, &error);
        }
        for one in waiting {
            let mut one = vec![one];
            if let Err(error) = self.write_set(&mut one).await? {
                refuse(&mut one, &error);
            }
        }
        Ok(())
    }

    /// Writes these, which are taken when that is done. The outer error is of the transaction, the inner one of the set.
    async fn write_set(&mut self, waiting: &mut Vec<(Entry, oneshot::Sender<Answer>)>) -> Result<Result<(), StoreError>, StoreError> {
        self.run("SAVEPOINT turn").await?;
        let (end, _) = oneshot::channel();
        let mut tx = Tx::Turn(Turn { connection: Arc::clone(&self.connection).lock_owned().await, end });
        let written = entries::write(&mut tx, waiting.iter().map(|(entry, _)| entry)).await;
        drop(tx);
        let answers = match written {
            Ok(answers) => answers,
            Err(error) => {
                if let Err(lost) = self.undo().await {
                    refuse(waiting, &error);
                    return Err(lost);
                }
                return Ok(Err(error));
            }
        };
        self.run("RELEASE turn").await?;
        for ((_, sender), answer) in waiting.drain(..).zip(answers) {
            match answer {
                Ok(number) => self.done.push(Done::Entry(number, sender)),
                Err(refused) => drop(sender.send(Err(refused))),
            }
        }
        Ok(Ok(()))
    }

    /// Undoes what came after the savepoint. When SQLite has ended the transaction by itself, that is lost for everybody.
    async fn undo(&self) -> Result<(), StoreError> {
        self.run("ROLLBACK TO turn").await?;
        self.run("RELEASE turn").await
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
            match done {
                Done::Turn(done) => drop(done.send(answer.clone())),
                Done::Entry(number, done) => drop(done.send(answer.clone().map(|()| number))),
            }
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

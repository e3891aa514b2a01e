//! Opening a file: connections, schema, keys, collation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::meta::{CANARY, check_keys, renew_sort_keys};
use super::presence::Presence;
use super::writer::{Tx, Writer};
use super::{SqliteStore, migrate};
use crate::StoreError;
use crate::collation::Collation;
use crate::fault::in_words;
use crate::seal::Sealer;

/// Reading connections of the API and the pages, and as many of the engine. Reads are short, so that a few serve many callers.
const READERS: u32 = 4;

/// The log is copied into the file when it has so many pages: what is written again and again meanwhile is copied once.
const LOG_PAGES: &str = "4000";

/// How long a statement waits for another process.
const BUSY: Duration = Duration::from_secs(10);

impl SqliteStore {
    /// Opens the file, which is made when there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened or written, is of another program or of a newer Pressrun;
    /// [`StoreError::Sealing`] when it was sealed with keys that `sealer` does not have.
    pub async fn open(path: &Path, sealer: Sealer) -> Result<Self, StoreError> {
        let named = |error: sqlx::Error| StoreError::Unavailable(format!("{}: {}", path.display(), in_words(&error)));
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("temp_store", "MEMORY")
            // A reader that stays open lets the log grow; this gives the space back afterwards.
            .pragma("journal_size_limit", "67108864")
            .pragma("wal_autocheckpoint", LOG_PAGES)
            // In KiB when negative.
            .pragma("cache_size", "-16384");
        let write = pool_of(1).connect_with(options.clone()).await.map_err(named)?;
        migrate::migrate(&write).await?;
        let read_options = options.create_if_missing(false).pragma("query_only", "ON");
        let read = pool_of(READERS).connect_with(read_options).await.map_err(named)?;
        let store = Self::new(write, read, sealer, Presence::beside(path))?.prepared().await?;
        if Self::has_old_lists(&mut store.snapshot().await?).await? {
            store.again(store.read.clone()).move_lists_meanwhile();
        }
        Ok(store)
    }

    /// The same store with reading connections of its own, so that whoever uses them never waits for readers of this one, nor they for them (M5).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be opened any more.
    pub async fn with_own_readers(&self) -> Result<Self, StoreError> {
        let (options, size) = (self.read.connect_options(), self.read.options().get_max_connections());
        // What is in memory has but the one connection.
        let read = if size == 1 { self.read.clone() } else { pool_of(size).connect_with(options.as_ref().clone()).await? };
        Ok(self.again(read))
    }

    /// The same store, read through `read`.
    fn again(&self, read: SqlitePool) -> Self {
        let (write, writer) = (self.write.clone(), self.writer.clone());
        let (sealer, collation, presence) = (Arc::clone(&self.sealer), Arc::clone(&self.collation), Arc::clone(&self.presence));
        let (listing, shown) = (Arc::clone(&self.listing), Arc::clone(&self.shown));
        Self { write, writer, read, sealer, collation, presence, listing, shown }
    }

    /// A store in memory, gone when it is dropped.
    pub async fn open_in_memory(sealer: Sealer) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        // The database lives in the one connection, which must therefore never be closed.
        let pool = SqlitePoolOptions::new().min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None);
        let write = pool.connect_with(options).await?;
        migrate::migrate(&write).await?;
        Self::new(write.clone(), write, sealer, Presence::default())?.prepared().await
    }

    fn new(write: SqlitePool, read: SqlitePool, sealer: Sealer, presence: Presence) -> Result<Self, StoreError> {
        let writer = Writer::start(write.clone());
        let (sealer, collation, presence) = (Arc::new(sealer), Arc::new(Collation::new()?), Arc::new(presence));
        Ok(Self { write, writer, read, sealer, collation, presence, listing: Arc::default(), shown: Arc::default() })
    }

    async fn prepared(self) -> Result<Self, StoreError> {
        let mut tx = self.begin().await?;
        check_keys(&mut tx, &self.sealer).await?;
        is_writable(&mut tx).await?;
        renew_sort_keys(&mut tx, &self.collation).await?;
        tx.commit().await?;
        self.seal_addresses().await?;
        Ok(self)
    }
}

/// A pool that drops connections whose transaction went wrong.
///
/// When the disk is full, SQLite ends the transaction by itself; sqlx counts it as open for ever, and the only writing connection would
/// refuse every later call. Nothing else can happen to an idle connection of a file, and one that was given back was tried then.
fn pool_of(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Fails when the file may not be written: SQLite would read it all the same, and say so at the first delivery.
pub(super) async fn is_writable(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("UPDATE meta SET value = value WHERE key = $1").bind(CANARY.row).execute(&mut **tx).await?;
    Ok(())
}

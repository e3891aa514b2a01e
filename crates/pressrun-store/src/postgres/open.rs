//! Opening a database: connections, schema, keys, collation.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pressrun_domain::id::WorkerId;
use pressrun_domain::secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::clock::Offset;
use super::dialect::alone;
use super::meta::{check_keys, renew_sort_keys};
use super::tx::Limits;
use super::writer::Writer;
use super::{Once, PostgresStore, migrate, months};
use crate::StoreError;
use crate::collation::Collation;
use crate::seal::Sealer;

/// How long a call waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is looked at before it is used: somebody may have cut it.
const IDLE: Duration = Duration::from_secs(1);

/// Where rows are kept, and how they are reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`, with `sslmode` and others after a question mark.
    pub url: String,
    /// The password, unless it stands in the address.
    pub password: Option<Secret>,
    /// Most connections of a process to the database, for each of its two halves (API and pages, engine).
    pub connections: u32,
    /// The longest that a statement may take.
    pub statement_timeout: Duration,
}

impl fmt::Debug for PostgresSettings {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl PostgresSettings {
    /// The database of this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password: None, connections: 10, statement_timeout: Duration::from_secs(30) }
    }

    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        // The parser's own words could hold the password.
        let options = PgConnectOptions::from_str(&self.url).map_err(|_| {
            StoreError::Unavailable("store.url is no address of the form postgres://user:password@host:port/database".to_owned())
        })?;
        let options = match &self.password {
            Some(password) => options.password(password.expose()),
            None => options,
        };
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("pressrun") };
        Ok(options.disable_statement_logging())
    }
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date. It has to be there; its user has to own a schema.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached, is of another program or of a newer Pressrun;
    /// [`StoreError::Sealing`] when it was sealed with keys that `sealer` does not have.
    pub async fn open(settings: &PostgresSettings, sealer: Sealer) -> Result<Self, StoreError> {
        Self::opened(settings, sealer).await.map_err(|error| match error {
            StoreError::Undone(fault) => StoreError::Unavailable(fault),
            other => other,
        })
    }

    async fn opened(settings: &PostgresSettings, sealer: Sealer) -> Result<Self, StoreError> {
        // A pool would try again and again, and then tell no more than that it took too long.
        settings.options()?.connect().await?.close().await?;
        let pool = pool_of(settings).await?;
        migrate::migrate(&pool).await?;
        if let Err(error) = months::make_ahead(&pool).await {
            tracing::warn!(%error, "could not make room for the history of the months to come; it is tried again within the hour");
        }
        let node = WorkerId::generate();
        let limits = Limits::new(settings.statement_timeout, node);
        let once = Once {
            write: pool.clone(),
            writer: Writer::start(pool.clone(), limits.clone()),
            limits,
            read: pool,
            sealer: Arc::new(sealer),
            collation: Arc::new(Collation::new()?),
            offset: Arc::new(Offset::default()),
            shown: Arc::default(),
            node: node.to_string().into(),
            workers: Arc::new(Mutex::new(BTreeSet::new())),
            left_behind: Arc::default(),
            by_callers_clock: false,
        };
        let mut tx = once.begin().await?;
        alone(&mut tx, "keys").await?;
        check_keys(&mut tx, &once.sealer).await?;
        renew_sort_keys(&mut tx, &once.collation).await?;
        let has_old_lists = Once::has_old_lists(&mut tx).await?;
        tx.commit().await?;
        if has_old_lists {
            once.clone().move_lists_meanwhile();
        }
        Ok(Self { once, settings: settings.clone() })
    }

    /// The same store with connections of its own, so that whoever uses them never waits for calls of this one, nor they for them (M5).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached any more.
    pub async fn with_own_readers(&self) -> Result<Self, StoreError> {
        let pool = pool_of(&self.settings).await?;
        let writer = Writer::start(pool.clone(), self.once.limits.clone());
        let once = Once { write: pool.clone(), writer, read: pool, ..self.once.clone() };
        Ok(Self { once, settings: self.settings.clone() })
    }

    /// The same store, on which leases go by the instants that callers say: for tests, which make time.
    #[cfg(any(test, feature = "conformance"))]
    #[must_use]
    pub fn by_callers_clock(self) -> Self {
        Self { once: Once { by_callers_clock: true, ..self.once }, ..self }
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        self.once.read.close().await;
        self.once.write.close().await;
    }
}

async fn pool_of(settings: &PostgresSettings) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(settings.connections.max(2))
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, of| {
            Box::pin(async move {
                if of.idle_for > IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    Ok(pool.connect_with(settings.options()?).await?)
}

//! What the API is handed: store, catalog, clock, policies. No globals.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DocumentIdentifier, SubscriptionRequestId};
use pressrun_domain::schedule::Definition;
use pressrun_domain::secret::Secret;
use pressrun_store::{Store, StoreError};
use tokio::sync::Notify;
use url::Url;

use crate::limits::Limits;

/// The present catalog.
pub trait CatalogSource: Send + Sync {
    /// The last good state.
    fn current(&self) -> Arc<Catalog>;

    /// What of the files as they are now is not in force.
    fn faults(&self) -> CatalogFaults {
        CatalogFaults::default()
    }
}

/// What of the catalog's files is not in force. It may quote them, so it is for admins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogFaults {
    /// When what is in force came into force.
    pub loaded_at: Timestamp,
    /// What is wrong; nothing when all files are in force.
    pub problems: Vec<CatalogProblem>,
    /// Dashboard files that are not taken as they are.
    pub documents: Vec<FaultyDocument>,
}

/// One thing to change in one file of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogProblem {
    /// Path relative to the catalog folder; empty for the catalog as a whole.
    pub file: String,
    /// Line and column, both from 1; `None` when it is the file itself.
    pub place: Option<(u32, u32)>,
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty.
    pub hint: String,
}

/// A dashboard file that is not taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyDocument {
    /// Path relative to the catalog folder.
    pub file: String,
    /// The document in it, as far as that can be told.
    pub identifier: Option<DocumentIdentifier>,
    /// Whether what it said before stays in force. If not, its schedules wait.
    pub kept: bool,
}

impl<F: Fn() -> Arc<Catalog> + Send + Sync> CatalogSource for F {
    fn current(&self) -> Arc<Catalog> {
        self()
    }
}

/// Where deliveries may go, asked when a schedule is saved (D5). The same is asked again when it is sent.
#[async_trait]
pub trait UrlPolicy: Send + Sync {
    /// Checks the address of a webhook; its scheme is http or https. A name is judged as it is typed and not looked up: whether it exists, and
    /// where it leads, is not told to whoever saves a schedule.
    ///
    /// # Errors
    /// The reason, in words that say what to change.
    async fn check_url(&self, url: &Url) -> Result<(), String>;

    /// Checks the host of an SFTP server.
    ///
    /// # Errors
    /// The reason, in words that say what to change.
    async fn check_host(&self, host: &str, port: u16) -> Result<(), String>;

    /// Checks that the carrier of files can read a private key with its passphrase, so that this is not found out when a delivery is due.
    ///
    /// # Errors
    /// The reason, in words that say what to change and never quote the key.
    fn check_private_key(&self, key: &Secret, passphrase: Option<&Secret>) -> Result<(), String> {
        let _ = (key, passphrase);
        Ok(())
    }
}

/// A policy that refuses nothing, for tests and closed networks.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

#[async_trait]
impl UrlPolicy for AllowAll {
    async fn check_url(&self, _url: &Url) -> Result<(), String> {
        Ok(())
    }

    async fn check_host(&self, _host: &str, _port: u16) -> Result<(), String> {
        Ok(())
    }
}

/// Where rendered files are kept.
#[async_trait]
pub trait ArtifactSource: Send + Sync {
    /// The local file with these bytes, or `None` when they are gone. `sha256` is 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be told now.
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, StoreError>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoArtifacts;

#[async_trait]
impl ArtifactSource for NoArtifacts {
    async fn open(&self, _sha256: &str) -> Result<Option<PathBuf>, StoreError> {
        Ok(None)
    }
}

/// What only the engine knows.
#[async_trait]
pub trait EngineSource: Send + Sync {
    /// Takes in a mail that came back; `None` when mail has no return path of its own.
    ///
    /// # Errors
    /// The store failed; the mail can be taken in again.
    async fn take_in(&self, mail: &[u8]) -> Result<Option<CameBack>, StoreError>;

    /// Recipients of personal copies who have no value for what the content asks for, each attribute in a sentence.
    ///
    /// # Errors
    /// The store failed.
    async fn without_values(&self, definition: &Definition) -> Result<Vec<String>, StoreError>;

    /// What each recipient of a mail would see if it ran now, in the order of its lists; nothing when it is no mail. An address that nobody has yet
    /// is somebody without values.
    ///
    /// # Errors
    /// The store failed.
    async fn seen(&self, definition: &Definition) -> Result<Vec<Seen>, StoreError> {
        let _ = definition;
        Ok(Vec::new())
    }

    /// Long-lived tasks of this process that have given no sign of life for too long (H14).
    fn late_tasks(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The word that the mail about a request to subscribe brings its owner, who is asked there for no login. It is the same each time.
    fn request_word(&self, request: SubscriptionRequestId) -> Secret;
}

/// What one recipient would see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where the mail goes.
    pub email: String,
    /// What they see.
    pub sees: Sees,
}

/// What somebody sees of what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sees {
    /// What the owner may see, whoever reads it (Q1).
    Owners,
    /// The same as everybody: nothing of the content depends on who looks.
    Everything,
    /// Their own rows, by these attributes: name shown to people, and values. Values are told to admins only; to others there are none.
    Own(Vec<(String, Vec<String>)>),
    /// Nothing of what depends on these attributes, for which they have no value.
    Nothing(Vec<String>),
    /// They have no login and are not known yet, or not to whoever asks: nothing of what depends on these attributes, unless an administrator gave
    /// their address values.
    Stranger(Vec<String>),
    /// They get no mail; the named reason.
    Skipped(&'static str),
}

/// What taking in a mail came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameBack {
    /// `suppressed`, `noted`, `known`, `notOurs` or `noReport`.
    pub outcome: &'static str,
    /// Whom it is about.
    pub email: Option<EmailAddress>,
}

/// No engine: for tests of the API alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEngine;

#[async_trait]
impl EngineSource for NoEngine {
    async fn take_in(&self, _mail: &[u8]) -> Result<Option<CameBack>, StoreError> {
        Ok(None)
    }

    async fn without_values(&self, _definition: &Definition) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// Not secret: nobody mails it.
    fn request_word(&self, request: SubscriptionRequestId) -> Secret {
        Secret::new(format!("word-{request}"))
    }
}

/// Settings of the API.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Requests a key may make in a minute; 0 switches the limit off (contract §1.4).
    pub requests_per_minute: u32,
    /// Tokens that open nothing and come from one address in a minute, before further ones are answered 429; 0 switches that off, and so
    /// does `requests_per_minute: 0`.
    pub failed_authentications_per_minute: u32,
    /// Whether development keys of the catalog open anything.
    pub development_keys: bool,
    /// Where people reach this server, without a trailing slash.
    pub public_url: String,
    /// The role that assumes S3 schedules' roles (contract §5.1.6).
    pub deliverer_role_arn: Option<String>,
    /// Whether mail has a way out (H7).
    pub mail: bool,
    /// Whether `testNow` may deliver to S3 (S8).
    pub allow_s3_test: bool,
    /// Whether the operator connected a Slack workspace.
    pub slack_connected: bool,
    /// Whether the operator configured object storage.
    pub s3_connected: bool,
    /// The only buckets that schedules may deliver to; `None` leaves it to each schedule's role.
    pub s3_buckets: Option<BTreeSet<String>>,
    /// Shortest time between two firings that may be saved (T7); `None` is one minute, the grain.
    pub cadence_floor: Option<SignedDuration>,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Longest path and query in bytes.
    pub url_limit: usize,
    /// How long a request may take until its answer begins.
    pub request_timeout: Duration,
    /// How much one caller may ask for.
    pub limits: Limits,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: 60,
            failed_authentications_per_minute: 60,
            development_keys: true,
            public_url: "http://127.0.0.1:8080".to_owned(),
            deliverer_role_arn: None,
            mail: true,
            allow_s3_test: false,
            slack_connected: true,
            s3_connected: true,
            s3_buckets: None,
            cadence_floor: None,
            body_limit: 1024 * 1024,
            url_limit: 8 * 1024,
            request_timeout: Duration::from_secs(30),
            limits: Limits::default(),
        }
    }
}

/// Everything the handlers need.
#[derive(Clone)]
pub struct ApiState {
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// What data teams write in files.
    pub catalog: Arc<dyn CatalogSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where deliveries may go.
    pub urls: Arc<dyn UrlPolicy>,
    /// Rendered files.
    pub artifacts: Arc<dyn ArtifactSource>,
    /// What only the engine knows.
    pub engine: Arc<dyn EngineSource>,
    /// Wakes the engine when a run was queued or a schedule changed.
    pub wake: Arc<Notify>,
    /// Settings.
    pub config: ApiConfig,
}

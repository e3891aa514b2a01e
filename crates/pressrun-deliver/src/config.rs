//! What the operator sets once for all destinations.

mod smtp;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::secret::Secret;

use crate::egress::{EgressPolicy, EgressRule, Resolve, SystemResolver};
use crate::nodes::AllNodes;
pub use smtp::{DEFAULT_MAIL_CONNECTIONS, DomainPace, MailLogin, MailPace, SecretSource, SmtpConfig, SmtpTls, TokenSource};

/// Bytes of attachments in one mail unless configured otherwise: 20 MiB (D12).
pub const DEFAULT_MAX_ATTACHMENT_BYTES: u64 = 20 * 1024 * 1024;

/// Everything [`Carriers`](crate::Carriers) needs.
#[derive(Clone)]
pub struct CarrierConfig {
    /// How mail leaves.
    pub mail: MailConfig,
    /// Which addresses tenants may make us connect to.
    pub egress: EgressPolicy,
    /// The way out, where the network has no other.
    pub proxy: Option<ProxyConfig>,
    /// Slack, when the workspace is connected.
    pub slack: Option<SlackConfig>,
    /// Object storage, when credentials exist.
    pub s3: Option<S3Config>,
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// Certificate authorities in DER form, trusted besides the system's and the bundled ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// Where names become addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Signatures on mail, one for each key; none when empty.
    pub dkim: Vec<DkimConfig>,
    /// Where what comes back of each mail goes; to the sender when `None`.
    pub return_path: Option<ReturnPath>,
    /// Who else sends by the same relay; `None` when nobody does.
    pub nodes: Option<Arc<dyn AllNodes>>,
}

impl CarrierConfig {
    /// Mail as given; nothing else connected, no address allowed beyond the public ones, default deadlines.
    #[must_use]
    pub fn new(mail: MailConfig) -> Self {
        Self {
            mail,
            egress: EgressPolicy::default(),
            proxy: None,
            slack: None,
            s3: None,
            deadlines: Deadlines::default(),
            extra_roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
            dkim: Vec::new(),
            return_path: None,
            nodes: None,
        }
    }
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum MailConfig {
    /// Not at all: every mail is refused with words that say so (H7).
    Off,
    /// Over SMTP to a relay that the operator trusts.
    Smtp(Box<SmtpConfig>),
    /// One `.eml` file a mail, for development and the demo. The name is made from the idempotency key, so a repeated delivery overwrites.
    File {
        /// Folder; made when missing.
        folder: PathBuf,
        /// Sender.
        from: String,
    },
}

/// A key that signs mail (RFC 6376). Its public half stands in the DNS under `<selector>._domainkey.<domain>`.
#[derive(Debug, Clone)]
pub struct DkimConfig {
    /// The signing domain; the sender's, or one above it.
    pub domain: String,
    /// Which key of the domain it is.
    pub selector: String,
    /// RSA of 2048 bits or more (PKCS #1 or #8) or Ed25519 (PKCS #8), in PEM form.
    pub private_key: Secret,
}

/// A proxy that opens connections (HTTP `CONNECT`).
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// `http://proxy.example.com:3128`; `https` speaks TLS with the proxy itself.
    pub url: String,
    /// User name and password for the proxy.
    pub credentials: Option<(String, Secret)>,
    /// The proxy is given names and looks them up itself, for networks without names of the outside; then it alone judges where they lead.
    pub resolves: bool,
    /// Places that are reached without it.
    pub except: Vec<EgressRule>,
    /// HTTP goes through it: webhooks, Slack, object storage.
    pub http: bool,
    /// SFTP goes through it.
    pub sftp: bool,
    /// Mail goes through it.
    pub mail: bool,
}

impl ProxyConfig {
    /// For HTTP alone, without a login, to addresses that were looked up and checked here.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), credentials: None, resolves: false, except: Vec::new(), http: true, sftp: false, mail: false }
    }
}

/// Slack, connected once by the operator.
#[derive(Debug, Clone)]
pub struct SlackConfig {
    /// Bot token (`xoxb-…`) with `files:write`, `chat:write` and `im:write`.
    pub token: Secret,
    /// `https://slack.com/api`, or a stand-in.
    pub base_url: String,
    /// Whether the text of a schedule may call people (`<!channel>`) and put other words over links.
    pub allow_mentions: bool,
}

/// Object storage.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Where our own keys come from, which assume the schedule's role or are used as they are.
    pub source: S3Source,
    /// Our own region, for the token service that our own keys may come from; `us-east-1` unless given.
    pub region: Option<String>,
    /// Assume the schedule's `role_arn` first (D8); `false` uses the keys directly.
    pub assume_role: bool,
    /// The only buckets that are written into; `None` takes every bucket that the keys open.
    pub buckets: Option<BTreeSet<String>>,
    /// External id sent with the role: the organization's id (D8).
    pub external_id: Option<String>,
    /// Address of an S3-compatible store, path style; `None` is Amazon's of the schedule's region.
    pub endpoint: Option<String>,
    /// Address of the token service; `None` is Amazon's of the schedule's region.
    pub sts_endpoint: Option<String>,
    /// Address of the machine's metadata service; `None` is Amazon's.
    pub metadata_endpoint: Option<String>,
    /// Bytes of one part, and the size above which an object is sent in parts: 8 MiB (D8).
    pub part_bytes: u64,
}

impl S3Config {
    /// Assumes roles at Amazon with these keys.
    #[must_use]
    pub fn new(credentials: S3Credentials) -> Self {
        Self::from_source(S3Source::Keys(credentials))
    }

    /// Assumes roles at Amazon with the keys of this source.
    #[must_use]
    pub fn from_source(source: S3Source) -> Self {
        Self {
            source,
            region: None,
            assume_role: true,
            buckets: None,
            external_id: None,
            endpoint: None,
            sts_endpoint: None,
            metadata_endpoint: None,
            part_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Where our own keys come from.
#[derive(Debug, Clone)]
pub enum S3Source {
    /// Given once.
    Keys(S3Credentials),
    /// The machine's role, by its metadata service (IMDSv2).
    Instance,
    /// A token that the machine is given in a file, exchanged for the keys of a role (Kubernetes: IRSA).
    WebIdentity {
        /// The file; read anew each time.
        token_file: PathBuf,
        /// The role.
        role_arn: String,
    },
    /// What the usual `AWS_…` variables name: keys, web identity, the container's role; the machine's role when they name nothing.
    Environment,
}

/// An access key.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// Public part.
    pub access_key_id: String,
    /// Secret part.
    pub secret_access_key: Secret,
    /// Token of temporary keys.
    pub session_token: Option<Secret>,
}

/// How long each phase may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Name lookup, TCP and TLS together (D4).
    pub connect: Duration,
    /// One SMTP command, the SSH key exchange, one SSH authentication, one SFTP request.
    pub command: Duration,
    /// A whole file: mail data, SFTP upload, one upload to Slack or S3.
    pub transfer: Duration,
    /// A whole webhook, connecting included (D4).
    pub webhook: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_mins(1),
            transfer: Duration::from_mins(10),
            webhook: Duration::from_mins(1),
        }
    }
}

/// The configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Sender or reply address.
    #[error("mail {field} {text:?} is not a mail address; write it as name@example.com or Name <name@example.com>")]
    Mailbox {
        /// `from` or `reply_to`.
        field: &'static str,
        /// What was written.
        text: String,
    },
    /// Host of the mail server.
    #[error("mail host {0:?} is not a host name")]
    MailHost(String),
    /// The name that we introduce ourselves with.
    #[error(
        "mail.hello_name {0:?} is neither a host name with a dot, such as reports.example.com, nor an address literal, such as [192.0.2.1]"
    )]
    HelloName(String),
    /// Certificates for the relay.
    #[error("mail.ca_file holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    MailAuthority,
    /// An address of the operator's; not shown, for it may hold a password.
    #[error("{0} is not an http or https address")]
    Url(&'static str),
    /// Address of the proxy; not shown with a password in it.
    #[error("the proxy's address is none; write it as http://proxy.example.com:3128, without a user, a password and a path")]
    Proxy,
    /// A certificate authority.
    #[error("an extra certificate authority is not valid")]
    Root(#[source] rustls::Error),
    /// The TLS library.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// Domain or selector of a signature.
    #[error("mail dkim {field} {text:?} is not a name as the DNS has them")]
    DkimName {
        /// `domain` or `selector`.
        field: &'static str,
        /// What was written.
        text: String,
    },
    /// Key of a signature; the text is not shown.
    #[error(
        "mail dkim private_key of selector {selector:?} cannot be read; give RSA of at least 2048 bits or Ed25519 in PEM form, without a passphrase"
    )]
    DkimKey {
        /// Whose key it is.
        selector: String,
    },
    /// Object storage without usable credentials.
    #[error("s3 credentials: {0}")]
    S3Source(String),
    /// Zero would never end.
    #[error("S3 part size must be at least 5 MiB (5242880 bytes)")]
    PartSize,
}

//! A relay: where it is, how we log in, and how much it takes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use pressrun_domain::secret::Secret;

use super::DEFAULT_MAX_ATTACHMENT_BYTES;

/// Connections to a relay at once unless configured otherwise.
pub const DEFAULT_MAIL_CONNECTIONS: usize = 4;

/// A relay, and who sends through it.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Host name; also the name that its certificate must carry.
    pub host: String,
    /// Usually 25, 465 or 587.
    pub port: u16,
    /// Encryption.
    pub tls: SmtpTls,
    /// How we introduce ourselves (RFC 5321 §4.1.1.1): a domain name or an address literal such as `[192.0.2.1]`. `None` is this machine's
    /// name when that has a dot, else the literal of the address that the connection leaves from.
    pub hello_name: Option<String>,
    /// How we log in; `None` sends without.
    pub login: Option<MailLogin>,
    /// Sender: `name@example.com` or `Name <name@example.com>`.
    pub from: String,
    /// Where answers go, in the same form.
    pub reply_to: Option<String>,
    /// Attachments above this many bytes are left out (D12).
    pub max_attachment_bytes: u64,
    /// Certificates in PEM form that are trusted of this relay besides the usual ones: of an authority, or the relay's own.
    pub ca_pem: Option<String>,
    /// How much it takes.
    pub pace: MailPace,
}

impl SmtpConfig {
    /// A relay that asks for no login and takes four connections; answers go to the sender.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, tls: SmtpTls, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            tls,
            hello_name: None,
            login: None,
            from: from.into(),
            reply_to: None,
            max_attachment_bytes: DEFAULT_MAX_ATTACHMENT_BYTES,
            ca_pem: None,
            pace: MailPace::default(),
        }
    }
}

/// Encryption of the mail connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpTls {
    /// None; credentials are sent in the clear.
    None,
    /// Plain greeting, then `STARTTLS`; required, never skipped.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// How we log in.
#[derive(Debug, Clone)]
pub enum MailLogin {
    /// `AUTH PLAIN` or `LOGIN`.
    Password {
        /// Login name.
        user: String,
        /// Password.
        password: SecretSource,
    },
    /// `AUTH XOAUTH2` or `OAUTHBEARER` (RFC 7628).
    Token {
        /// The mailbox that is sent from.
        user: String,
        /// Where tokens come from.
        tokens: TokenSource,
    },
}

impl MailLogin {
    /// A login with this password.
    #[must_use]
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { user: user.into(), password: SecretSource::Text(Secret::new(password)) }
    }
}

/// Where access tokens come from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// The client credentials grant (RFC 6749 §4.4).
    ClientCredentials {
        /// Address of the token endpoint.
        token_url: String,
        /// Who we are.
        client_id: String,
        /// The proof.
        client_secret: SecretSource,
        /// What the token is for.
        scope: Option<String>,
    },
    /// A program and its arguments, which prints a token, or the JSON of a token endpoint's answer.
    Command(Vec<String>),
}

/// A secret that may be exchanged while we run.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The secret itself.
    Text(Secret),
    /// A file that holds it, read whenever it is needed; line ends at its end are no part of it.
    File(PathBuf),
}

impl SecretSource {
    /// The secret as it is now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn read(&self) -> io::Result<Secret> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
        }
    }
}

/// How much a relay takes.
#[derive(Debug, Clone)]
pub struct MailPace {
    /// Connections at once; at least one.
    pub connections: usize,
    /// Mails that begin within a minute, evenly spread; `None` is no limit.
    pub per_minute: Option<u32>,
    /// Bounds for recipients of some domains, besides those above; by domain name.
    pub domains: BTreeMap<String, DomainPace>,
}

impl Default for MailPace {
    fn default() -> Self {
        Self { connections: DEFAULT_MAIL_CONNECTIONS, per_minute: None, domains: BTreeMap::new() }
    }
}

/// How much one recipients' domain takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct DomainPace {
    /// Mails on their way at once; `None` is no bound of its own.
    pub connections: Option<usize>,
    /// Mails that begin within a minute.
    pub per_minute: Option<u32>,
}

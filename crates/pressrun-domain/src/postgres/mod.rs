//! Where a PostgreSQL server is and how it is spoken to, in libpq's words.
//!
//! The words are those of an address (`postgres://user:password@host:port/database?sslmode=require`) or of settings of their own
//! (`host`, `port`, …): both end in one [`PostgresAddress`], and [`PostgresAddress::url`] writes it down again, so that only one form travels.
//! A word that is not known is named and refused; left out, it would change who is spoken to and how.

mod url;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The port of a server that says none.
const PORT: u16 = 5432;

/// How long one attempt to connect takes when nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One place at which the server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresHost {
    /// A name, an address, or a folder (with a slash in front) that holds a Unix socket.
    pub name: String,
    /// Where to connect instead of looking the name up.
    pub address: Option<IpAddr>,
    /// TCP port, also part of the name of a Unix socket.
    pub port: u16,
}

impl PostgresHost {
    /// A socket of this machine's file system.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Nothing said to it leaves the machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let named =
            || self.name.eq_ignore_ascii_case("localhost") || self.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.is_socket() || self.address.map_or_else(named, |address| address.is_loopback())
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As libpq says it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// Whether TLS is spoken, and what is asked of the server's certificate. Where `sslrootcert` is given, the certificate is
    /// compared with it in every mode that speaks TLS, as libpq does.
    SslMode {
        /// No TLS.
        Disable = "disable",
        /// TLS only where the server refuses to go without.
        Allow = "allow",
        /// TLS where the server has it.
        Prefer = "prefer",
        /// TLS; the certificate is not looked at.
        Require = "require",
        /// TLS with a certificate of a trusted authority, for whatever host.
        VerifyCa = "verify-ca",
        /// TLS with a certificate of a trusted authority for this host.
        VerifyFull = "verify-full",
    }
}

words! {
    /// Whether the login is bound to the TLS connection, so that nobody in between can pass it on (RFC 5929 tls-server-end-point).
    ChannelBinding {
        /// Never.
        Disable = "disable",
        /// Where the server offers it.
        Prefer = "prefer",
        /// The login fails without.
        Require = "require",
    }
}

words! {
    /// Which of several servers will do.
    TargetSession {
        /// Any.
        Any = "any",
        /// One that takes changes.
        ReadWrite = "read-write",
        /// One that takes no changes.
        ReadOnly = "read-only",
        /// One that does not follow another.
        Primary = "primary",
        /// One that follows another.
        Standby = "standby",
        /// One that follows another, or else any.
        PreferStandby = "prefer-standby",
    }
}

/// Where a server is and how it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    /// Places to try in turn; never none.
    pub hosts: Vec<PostgresHost>,
    /// Whether they are tried in a random order.
    pub random_order: bool,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database; the server takes that of the role's name when nothing is said.
    pub database: Option<String>,
    /// Command line options of the session, such as `-c search_path=sales`.
    pub options: Option<String>,
    /// What the server's lists of activity show.
    pub application_name: Option<String>,
    /// What was said of TLS; see [`PostgresAddress::ssl_mode`].
    pub ssl_mode: Option<SslMode>,
    /// TLS begins without asking the server first (PostgreSQL 17 and later).
    pub ssl_direct: bool,
    /// PEM file of authorities or of the server's own certificate, or `system` for those of the operating system.
    pub ssl_root_cert: Option<String>,
    /// PEM file of the certificate to show to the server.
    pub ssl_cert: Option<PathBuf>,
    /// PEM file of its key.
    pub ssl_key: Option<PathBuf>,
    /// Whether the login is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// Which of several servers will do.
    pub target_session: TargetSession,
    /// How long one attempt to connect and log in may take.
    pub connect_timeout: Duration,
    /// How long sent bytes may wait for their acknowledgement.
    pub tcp_user_timeout: Option<Duration>,
    /// After how much silence the other end is asked whether it is there; `None` for never.
    pub keepalive_idle: Option<Duration>,
    /// How long between such questions.
    pub keepalive_interval: Duration,
    /// How many may go unanswered.
    pub keepalive_count: u32,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresAddress([redacted])")
    }
}

/// A file that the password came from, and comes from again at each login: whoever rotates it changes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostgresSecretFile {
    /// It holds a whole address, of which user and password are taken.
    Address(PathBuf),
    /// It holds the password alone.
    Password(PathBuf),
}

impl PostgresSecretFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Address(path) | Self::Password(path) => path,
        }
    }
}

/// Why an address cannot be used. No part of the address that may be secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PostgresAddressError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> PostgresAddressError {
    PostgresAddressError { message: message.into(), hint: hint.into() }
}

/// Words of libpq that are known here, in the order in which a message lists them.
pub const PARAMETERS: [&str; 24] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
    "application_name",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "channel_binding",
    "target_session_attrs",
    "load_balance_hosts",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "client_encoding",
    "gssencmode",
];

impl PostgresAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`PostgresAddressError`] names what is wrong, without repeating secrets.
    pub fn parse(address: &str) -> Result<Self, PostgresAddressError> {
        Self::from_parameters(url::parameters(address)?)
    }

    /// Reads libpq's words, each with its value; of a word that comes twice the last value holds.
    ///
    /// # Errors
    /// [`PostgresAddressError`].
    pub fn from_parameters<K: AsRef<str>>(parameters: impl IntoIterator<Item = (K, String)>) -> Result<Self, PostgresAddressError> {
        let mut said = Said::default();
        for (key, value) in parameters {
            said.take(key.as_ref(), value)?;
        }
        said.finish()
    }

    /// The words of an address, each with its value, as [`PostgresAddress::from_parameters`] reads them.
    ///
    /// # Errors
    /// [`PostgresAddressError`] when it is no address at all.
    pub fn parameters(address: &str) -> Result<Vec<(String, String)>, PostgresAddressError> {
        url::parameters(address)
    }

    /// Whether one word is right by itself.
    ///
    /// # Errors
    /// [`PostgresAddressError`].
    pub fn judge(key: &str, value: &str) -> Result<(), PostgresAddressError> {
        Said::default().take(key, value.to_owned())
    }

    /// The same server with the user and password that `file` now holds. A file that cannot be read, or is being written, changes nothing.
    #[must_use]
    pub fn with_secret(mut self, file: &PostgresSecretFile, content: &str) -> Self {
        let content = content.trim_end_matches(['\r', '\n']);
        match file {
            PostgresSecretFile::Password(_) if !content.is_empty() => self.password = Some(Secret::new(content)),
            PostgresSecretFile::Address(_) => {
                if let Ok(now) = Self::parse(content) {
                    (self.user, self.password) = (now.user, now.password.or(self.password));
                }
            }
            PostgresSecretFile::Password(_) => {}
        }
        self
    }

    /// What is asked of TLS: what was said, otherwise `prefer` to this very machine and `require` to any other, or where it was said whom to
    /// trust. Without that, whoever sits between could answer "no TLS" and read everything.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.ssl_mode.unwrap_or_else(|| {
            let here = self.hosts.iter().all(PostgresHost::is_loopback);
            match (self.ssl_root_cert.as_deref(), here) {
                (Some("system"), _) => SslMode::VerifyFull,
                (None, true) => SslMode::Prefer,
                (Some(_), _) | (None, false) => SslMode::Require,
            }
        })
    }

    /// The address in one line, with the password; [`PostgresAddress::parse`] reads it again.
    #[must_use]
    pub fn url(&self) -> String {
        url::write(self)
    }
}

/// What was said so far.
#[derive(Default)]
struct Said {
    hosts: Vec<String>,
    addresses: Vec<Option<IpAddr>>,
    ports: Vec<u16>,
    random_order: bool,
    user: Option<String>,
    password: Option<Secret>,
    database: Option<String>,
    options: Option<String>,
    application_name: Option<String>,
    ssl_mode: Option<SslMode>,
    ssl_direct: bool,
    ssl_root_cert: Option<String>,
    ssl_cert: Option<PathBuf>,
    ssl_key: Option<PathBuf>,
    channel_binding: Option<ChannelBinding>,
    target_session: Option<TargetSession>,
    connect_timeout: Option<Duration>,
    tcp_user_timeout: Option<Duration>,
    no_keepalives: bool,
    keepalive_idle: Option<Duration>,
    keepalive_interval: Option<Duration>,
    keepalive_count: Option<u32>,
}

impl Said {
    fn take(&mut self, key: &str, value: String) -> Result<(), PostgresAddressError> {
        if value.contains('\0') {
            return Err(wrong(format!("`{key}` holds a NUL character"), "remove it"));
        }
        let some = |value: String| Some(value).filter(|value| !value.is_empty());
        match key {
            "host" => self.hosts = value.split(',').map(|host| host.trim().to_owned()).collect(),
            "hostaddr" => self.addresses = value.split(',').map(address).collect::<Result<_, _>>()?,
            "port" => self.ports = value.split(',').map(port).collect::<Result<_, _>>()?,
            "dbname" => self.database = some(value),
            "user" => self.user = some(value),
            "password" => self.password = some(value).map(Secret::new),
            "options" => self.options = some(value),
            "application_name" => self.application_name = some(value),
            "fallback_application_name" => self.application_name = self.application_name.take().or_else(|| some(value)),
            "sslmode" => self.ssl_mode = Some(word(key, &value, SslMode::ALL, SslMode::word)?),
            // JDBC's word, which libpq reads as well.
            "ssl" if value == "true" => self.ssl_mode = Some(SslMode::Require),
            "sslrootcert" => self.ssl_root_cert = some(value),
            "sslcert" => self.ssl_cert = some(value).map(PathBuf::from),
            "sslkey" => self.ssl_key = some(value).map(PathBuf::from),
            "sslnegotiation" => self.ssl_direct = word(key, &value, &["postgres", "direct"], |word| word)? == "direct",
            "channel_binding" => self.channel_binding = Some(word(key, &value, ChannelBinding::ALL, ChannelBinding::word)?),
            "target_session_attrs" => self.target_session = Some(word(key, &value, TargetSession::ALL, TargetSession::word)?),
            "load_balance_hosts" => self.random_order = word(key, &value, &["disable", "random"], |word| word)? == "random",
            "connect_timeout" => self.connect_timeout = seconds(key, &value)?,
            "tcp_user_timeout" => self.tcp_user_timeout = number(key, &value)?.map(Duration::from_millis),
            "keepalives" => self.no_keepalives = word(key, &value, &["0", "1"], |word| word)? == "0",
            "keepalives_idle" => self.keepalive_idle = seconds(key, &value)?,
            "keepalives_interval" => self.keepalive_interval = seconds(key, &value)?,
            "keepalives_count" => self.keepalive_count = number(key, &value)?.and_then(|count| u32::try_from(count).ok()),
            // Text is always asked for in UTF-8, and no Kerberos is spoken: what asks for no more than that is fulfilled.
            "client_encoding" => drop(word(key, &value.to_ascii_lowercase().replace('-', ""), &["utf8", "auto"], |word| word)?),
            "gssencmode" => drop(word(key, &value, &["disable", "prefer"], |word| word)?),
            _ => {
                return Err(wrong(
                    format!("the address has the parameter `{}`, which is not known here", printable(key)),
                    format!("known are {}", PARAMETERS.join(", ")),
                ));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<PostgresAddress, PostgresAddressError> {
        let hosts = self.places()?;
        let Some(user) = self.user else { return Err(wrong("the address names no user", "write postgres://user@host/database")) };
        if self.ssl_cert.is_some() != self.ssl_key.is_some() {
            return Err(wrong("`sslcert` and `sslkey` belong together", "name both files, or neither"));
        }
        if self.ssl_root_cert.as_deref() == Some("system") && self.ssl_mode.is_some_and(|mode| mode != SslMode::VerifyFull) {
            return Err(wrong(
                "`sslrootcert=system` is for `sslmode=verify-full` only",
                "write verify-full, or name a file of certificates",
            ));
        }
        if self.channel_binding == Some(ChannelBinding::Require) && self.ssl_mode == Some(SslMode::Disable) {
            return Err(wrong("`channel_binding=require` needs TLS", "write another `sslmode` than disable"));
        }
        Ok(PostgresAddress {
            hosts,
            random_order: self.random_order,
            user,
            password: self.password,
            database: self.database,
            options: self.options,
            application_name: self.application_name,
            ssl_mode: self.ssl_mode,
            ssl_direct: self.ssl_direct,
            ssl_root_cert: self.ssl_root_cert,
            ssl_cert: self.ssl_cert,
            ssl_key: self.ssl_key,
            channel_binding: self.channel_binding.unwrap_or(ChannelBinding::Prefer),
            target_session: self.target_session.unwrap_or(TargetSession::Any),
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            tcp_user_timeout: self.tcp_user_timeout,
            // Shorter than what firewalls forget: a long query is silent on the wire.
            keepalive_idle: (!self.no_keepalives).then(|| self.keepalive_idle.unwrap_or(Duration::from_mins(1))),
            keepalive_interval: self.keepalive_interval.unwrap_or(Duration::from_secs(15)),
            keepalive_count: self.keepalive_count.unwrap_or(4),
        })
    }

    fn places(&self) -> Result<Vec<PostgresHost>, PostgresAddressError> {
        let many = self.hosts.len().max(self.addresses.len());
        if many == 0 {
            return Err(wrong("the address names no host", "write postgres://user@host/database"));
        }
        let fits = |count: usize| count == many || count == 0;
        if !fits(self.hosts.len()) || !fits(self.addresses.len()) || !(fits(self.ports.len()) || self.ports.len() == 1) {
            return Err(wrong("the address has not as many hosts as addresses or ports", "write one of each for each host"));
        }
        (0..many)
            .map(|at| {
                let address = self.addresses.get(at).copied().flatten();
                let name = self.hosts.get(at).filter(|name| !name.is_empty()).cloned();
                let name = name.or_else(|| address.map(|address| address.to_string()));
                let name = name.ok_or_else(|| wrong("the address has a host without a name", "write its name"))?;
                let legal = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
                if !name.starts_with('/') && !name.chars().all(legal) {
                    return Err(wrong(
                        "the address has a host with a character that no host has",
                        "write special characters of user and password as %40 for @, %2F for /, %23 for #, %3F for ?, %25 for %, or use the \
                         separate keys",
                    ));
                }
                let port = self.ports.get(at).or(self.ports.first()).copied().unwrap_or(PORT);
                Ok(PostgresHost { name, address, port })
            })
            .collect()
    }
}

fn word<T: Copy>(key: &str, value: &str, all: &[T], of: fn(T) -> &'static str) -> Result<T, PostgresAddressError> {
    all.iter().copied().find(|known| of(*known) == value).ok_or_else(|| {
        let known: Vec<_> = all.iter().copied().map(of).collect();
        wrong(format!("`{key}` is `{}`", printable(value)), format!("write one of {}", known.join(", ")))
    })
}

fn number(key: &str, value: &str) -> Result<Option<u64>, PostgresAddressError> {
    let number = value.trim().parse::<u32>().map_err(|_| wrong(format!("`{key}` is `{}`", printable(value)), "write a whole number"))?;
    Ok(Some(u64::from(number)).filter(|number| *number > 0))
}

fn seconds(key: &str, value: &str) -> Result<Option<Duration>, PostgresAddressError> {
    Ok(number(key, value)?.map(Duration::from_secs))
}

fn address(text: &str) -> Result<Option<IpAddr>, PostgresAddressError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| wrong("`hostaddr` is no IP address", "write the numbers, such as 192.0.2.10"))
}

fn port(text: &str) -> Result<u16, PostgresAddressError> {
    match text.trim() {
        "" => Ok(PORT),
        text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            wrong("the port of the address is no number from 1 to 65535", "write it behind the host, such as db.example.com:5432")
        }),
    }
}

/// Short and on one line.
fn printable(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;

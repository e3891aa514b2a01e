//! `pressrun.toml`: every key overridable by environment (`PRESSRUN_STORE__URL`), `*_file` beside every secret.
//!
//! Read in two steps: as typed ([`Settings`]), then checked and resolved where it is used; an error names the key.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use pressrun_deliver::{AllowRule, DkimConfig, EgressPolicy, MailConfig, S3Config, S3Credentials, SlackConfig, SmtpTls};
use pressrun_domain::destination::WebhookSettings;
use pressrun_domain::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::hidden::Hidden;

/// The configuration as typed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[store]`
    pub store: Store,
    /// `[catalog]`
    pub catalog: Catalog,
    /// `[spool]`
    pub spool: Spool,
    /// `[mail]`
    pub mail: Mail,
    /// `[slack]`
    pub slack: Slack,
    /// `[s3]`
    pub s3: S3,
    /// `[links]`
    pub links: Links,
    /// `[limits]`
    pub limits: Limits,
    /// `[egress]`
    pub egress: Egress,
    /// `[retry]`
    pub retry: Retry,
    /// `[notify]`
    pub notify: Notify,
    /// `[scheduler]`
    pub scheduler: Scheduler,
    /// `[render]`
    pub render: Render,
    /// `[secrets]`
    pub secrets: Secrets,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: Server { listen: "127.0.0.1:8080".to_owned(), public_url: None },
            store: Store { url: "sqlite://pressrun.db".to_owned() },
            catalog: Catalog { path: PathBuf::from("catalog") },
            spool: Spool { path: PathBuf::from("spool") },
            mail: Mail::default(),
            slack: Slack::default(),
            s3: S3::default(),
            links: Links::default(),
            limits: Limits::default(),
            egress: Egress::default(),
            retry: Retry { max_attempts: 3, first_wait_seconds: 30, deadline_minutes: 15 },
            notify: Notify::default(),
            scheduler: Scheduler {
                workers: 8,
                lease_seconds: 60,
                max_run_minutes: 30,
                max_rows: 50_000,
                keep_artifacts_days: 30,
                grace_seconds: 30,
                share_queries: true,
                parallel_deliveries: 8,
                cadence_floor_minutes: 0,
            },
            render: Render { fonts: Vec::new(), seconds: 120, memory_mb: 1536, processes: None, table_rows: 5_000, expanded_rows: 1_000 },
            secrets: Secrets::default(),
        }
    }
}

/// Where the server listens and how people reach it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port.
    pub listen: String,
    /// Address in links, such as `https://reports.example.com`; made from `listen` when absent.
    #[serde(default)]
    pub public_url: Option<String>,
}

/// Where rows are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// `sqlite://path`.
    pub url: String,
}

/// Where dashboards are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalog {
    /// The folder.
    pub path: PathBuf,
}

/// Where artifacts are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spool {
    /// The folder.
    pub path: PathBuf,
}

/// How mail leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mail {
    /// `smtp://host:587` (STARTTLS), `smtps://host:465` (TLS), `smtp+plain://host:25` (no encryption), `file:folder`. No mail when absent.
    pub url: Option<String>,
    /// Sender: `Reports <reports@example.com>`.
    pub from: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Hidden>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Attachments above this many MiB are left out, and the mail says so (D12).
    pub max_attachment_mib: Option<u64>,
    /// Picture of the first page inside mails with a pdf; on unless set to false.
    pub preview: Option<bool>,
    /// `[[mail.dkim]]`: keys that sign mail, when the relay does not sign.
    pub dkim: Vec<Dkim>,
}

/// A key that signs mail; its public half stands in the DNS under `<selector>._domainkey.<domain>`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dkim {
    /// The signing domain: the sender's, or one above it.
    pub domain: String,
    /// Which key of the domain it is.
    pub selector: String,
    /// RSA (2048 bits or more) or Ed25519 in PEM form.
    pub private_key: Option<Hidden>,
    /// File that holds it.
    pub private_key_file: Option<PathBuf>,
}

/// The Slack workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Slack {
    /// Bot token.
    pub token: Option<Hidden>,
    /// File that holds it.
    pub token_file: Option<PathBuf>,
    /// `https://slack.com/api` unless said otherwise.
    pub base_url: Option<String>,
}

/// Object storage.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct S3 {
    /// Access key.
    pub access_key_id: Option<String>,
    /// Its secret part.
    pub secret_access_key: Option<Hidden>,
    /// File that holds the secret part.
    pub secret_access_key_file: Option<PathBuf>,
    /// S3-compatible store.
    pub endpoint: Option<String>,
    /// Token service.
    pub sts_endpoint: Option<String>,
    /// Use the keys directly when false; assume each schedule's role otherwise.
    pub assume_role: Option<bool>,
    /// Role that customers' bucket policies name.
    pub deliverer_role_arn: Option<String>,
    /// Whether `testNow` may write into a bucket (S8).
    pub allow_test: bool,
}

/// Links in mails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Links {
    /// How long the dashboard opens without a login for a recipient who has none; 0 makes no such links.
    pub valid_days: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { valid_days: 30 }
    }
}

/// Limits on callers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests a minute for each key; 0 is no limit.
    pub requests_per_minute: u32,
    /// Largest request body in KiB.
    pub body_kib: usize,
    /// Time a request has until its answer begins, a slow body included.
    pub request_seconds: u32,
    /// Time a client has to send a request's head, and an idle connection to begin the next.
    pub header_seconds: u32,
    /// Time a client may leave an answer unread.
    pub write_seconds: u32,
    /// Connections at once; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_minute: 60, body_kib: 1024, request_seconds: 30, header_seconds: 15, write_seconds: 30, connections: 1024 }
    }
}

/// Where deliveries may go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// Exceptions from the rule that only public addresses are connected to: `host`, `host:port`, `10.0.0.0/8`.
    pub allow: Vec<String>,
}

/// How failed deliveries are repeated (S9).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    /// Most attempts; 1 is no retry.
    pub max_attempts: u32,
    /// Wait before the second attempt.
    pub first_wait_seconds: u32,
    /// No attempt begins later after the first.
    pub deadline_minutes: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Settings::default().retry
    }
}

/// Where the operator is told of failed runs, schedules that were switched off and owners who cannot be mailed (S13).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the keys")]
pub(crate) struct Notify {
    /// http or https address that takes a JSON object by POST. The egress policy holds for it too: name a private one in `egress.allow`.
    pub webhook_url: Option<String>,
    /// Signs each notice (Standard Webhooks).
    pub webhook_secret: Option<Hidden>,
    /// File with that secret.
    pub webhook_secret_file: Option<PathBuf>,
}

/// How runs are worked on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scheduler {
    /// Runs at once.
    pub workers: u32,
    /// How long a claim holds without a heartbeat.
    pub lease_seconds: u32,
    /// A longer run is stopped (S5).
    pub max_run_minutes: u32,
    /// Most rows when a schedule lifts the limit without saying how far (R9).
    pub max_rows: u64,
    /// How long artifacts are kept.
    pub keep_artifacts_days: u32,
    /// Time for runs to end when the server is asked to stop.
    pub grace_seconds: u32,
    /// Schedules due at one instant share the execution of equal queries.
    pub share_queries: bool,
    /// Pieces of one run sent at once.
    pub parallel_deliveries: usize,
    /// Shortest distance between two firings that may be saved (T7); 0 is no floor.
    pub cadence_floor_minutes: u32,
}

impl Default for Scheduler {
    fn default() -> Self {
        Settings::default().scheduler
    }
}

/// How artifacts are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Render {
    /// Folders of more fonts; the word `system` stands for the Noto fonts that the machine has.
    pub fonts: Vec<PathBuf>,
    /// Time one render has.
    pub seconds: u32,
    /// Memory one executor process may use, in MiB.
    pub memory_mb: u64,
    /// Executor processes; as many as there are cores, but at most 4, when absent.
    pub processes: Option<usize>,
    /// Most rows of one table on pages, whatever else is said.
    pub table_rows: u64,
    /// Most rows of a table that is expanded to show all its rows.
    pub expanded_rows: u64,
}

impl Default for Render {
    fn default() -> Self {
        Settings::default().render
    }
}

/// Keys that seal secrets at rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    /// 64 hex digits each, newest first; one is made beside the database when none is given.
    pub keys: Vec<Hidden>,
    /// File with one key a line, newest first.
    pub keys_file: Option<PathBuf>,
}

impl Settings {
    /// Reads defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// The file is missing or a key is unknown or of a wrong type; the message names it.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            if !file.is_file() {
                bail!("there is no configuration file {}", file.display());
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("PRESSRUN_").ignore(&["token", "demo_sftp", "log"]).split("__"));
        secrets_as_typed(figment, |name| std::env::var(name).ok()).extract().context("the configuration is not valid")
    }

    /// Path of the SQLite file.
    ///
    /// # Errors
    /// The address is of another kind.
    pub(crate) fn sqlite_path(&self) -> anyhow::Result<PathBuf> {
        let url = &self.store.url;
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ if url.starts_with("postgres") => {
                bail!("store.url: this version keeps its rows in SQLite only; write sqlite://path/to/pressrun.db")
            }
            _ => bail!("store.url: {url:?} is not understood; write sqlite://path/to/pressrun.db"),
        }
    }

    /// Address in links, without a trailing slash.
    #[must_use]
    pub(crate) fn public_url(&self) -> String {
        let url = self.server.public_url.clone().unwrap_or_else(|| format!("http://{}", self.server.listen));
        url.trim_end_matches('/').to_owned()
    }

    /// The mail transport.
    ///
    /// # Errors
    /// An address is not understood, or a password cannot be read.
    pub(crate) fn mail(&self) -> anyhow::Result<MailConfig> {
        let from = self.mail.from.clone().unwrap_or_else(|| "Pressrun <pressrun@localhost.localdomain>".to_owned());
        let Some(url) = &self.mail.url else {
            // Without a relay mail goes where it can be found.
            return Ok(MailConfig::File { folder: self.spool.path.join("mail"), from });
        };
        if let Some(folder) = url.strip_prefix("file:") {
            return Ok(MailConfig::File { folder: PathBuf::from(folder), from });
        }
        let (tls, rest, default_port) = if let Some(rest) = url.strip_prefix("smtps://") {
            (SmtpTls::Implicit, rest, 465)
        } else if let Some(rest) = url.strip_prefix("smtp+plain://") {
            (SmtpTls::None, rest, 25)
        } else if let Some(rest) = url.strip_prefix("smtp://") {
            (SmtpTls::StartTls, rest, 587)
        } else {
            bail!("mail.url: {url:?} is not understood; write smtp://host:587, smtps://host:465, smtp+plain://host:25 or file:folder");
        };
        if rest.contains('@') {
            bail!("mail.url: put the login into mail.username and mail.password_file, not into the address");
        }
        let (host, port) = match rest.trim_end_matches('/').rsplit_once(':') {
            Some((host, port)) => (host.to_owned(), port.parse().with_context(|| format!("mail.url: {port:?} is no port"))?),
            None => (rest.trim_end_matches('/').to_owned(), default_port),
        };
        let password = secret("mail.password", self.mail.password.as_ref(), self.mail.password_file.as_deref())?;
        let credentials = match (&self.mail.username, password) {
            (Some(username), Some(password)) => Some((username.clone(), password)),
            (None, None) => None,
            _ => bail!("mail: give both username and password, or neither"),
        };
        let max_attachment_bytes = self.mail.max_attachment_mib.map_or(pressrun_deliver::DEFAULT_MAX_ATTACHMENT_BYTES, |mib| mib << 20);
        Ok(MailConfig::Smtp { host, port, tls, credentials, from, reply_to: self.mail.reply_to.clone(), max_attachment_bytes })
    }

    /// The keys that sign mail.
    ///
    /// # Errors
    /// A key is missing or its file cannot be read.
    pub(crate) fn dkim(&self) -> anyhow::Result<Vec<DkimConfig>> {
        let sign = |dkim: &Dkim| -> anyhow::Result<DkimConfig> {
            let key = secret("mail.dkim.private_key", dkim.private_key.as_ref(), dkim.private_key_file.as_deref())?;
            let private_key = key.with_context(|| format!("mail.dkim: give private_key_file for selector {:?}", dkim.selector))?;
            Ok(DkimConfig { domain: dkim.domain.clone(), selector: dkim.selector.clone(), private_key })
        };
        self.mail.dkim.iter().map(sign).collect()
    }

    /// Slack, when a token is given.
    ///
    /// # Errors
    /// The token file cannot be read.
    pub(crate) fn slack(&self) -> anyhow::Result<Option<SlackConfig>> {
        let token = secret("slack.token", self.slack.token.as_ref(), self.slack.token_file.as_deref())?;
        let base_url = self.slack.base_url.clone().unwrap_or_else(|| "https://slack.com/api".to_owned());
        Ok(token.map(|token| SlackConfig { token, base_url }))
    }

    /// Object storage, when keys are given.
    ///
    /// # Errors
    /// The key file cannot be read, or only half of a key is given.
    pub(crate) fn s3(&self, external_id: &str) -> anyhow::Result<Option<S3Config>> {
        let secret_key = secret("s3.secret_access_key", self.s3.secret_access_key.as_ref(), self.s3.secret_access_key_file.as_deref())?;
        let (Some(access_key_id), Some(secret_access_key)) = (self.s3.access_key_id.clone(), secret_key) else {
            return Ok(None);
        };
        let mut s3 = S3Config::new(S3Credentials { access_key_id, secret_access_key, session_token: None });
        s3.assume_role = self.s3.assume_role.unwrap_or(true);
        s3.external_id = Some(external_id.to_owned());
        s3.endpoint.clone_from(&self.s3.endpoint);
        s3.sts_endpoint.clone_from(&self.s3.sts_endpoint);
        Ok(Some(s3))
    }

    /// The operator's webhook, when there is one.
    ///
    /// # Errors
    /// The address is none, or the secret cannot be read.
    pub(crate) fn operator(&self) -> anyhow::Result<Option<WebhookSettings>> {
        let key = "notify.webhook_secret";
        let secret = secret(key, self.notify.webhook_secret.as_ref(), self.notify.webhook_secret_file.as_deref())?;
        let Some(url) = self.notify.webhook_url.clone() else {
            if secret.is_some() {
                bail!("notify.webhook_secret: there is no notify.webhook_url that it could sign for");
            }
            return Ok(None);
        };
        self.egress()?.check_url(&url).context("notify.webhook_url")?;
        Ok(Some(WebhookSettings { url, secrets: secret.into_iter().collect() }))
    }

    /// Which addresses deliveries may go to.
    ///
    /// # Errors
    /// A rule is not understood.
    pub(crate) fn egress(&self) -> anyhow::Result<EgressPolicy> {
        let rules: Result<Vec<AllowRule>, _> = self.egress.allow.iter().map(|rule| rule.parse::<AllowRule>()).collect();
        Ok(EgressPolicy { allow: rules.context("egress.allow")? })
    }
}

/// Takes secrets from the environment letter by letter: read as a value, 007 would be the number 7.
fn secrets_as_typed(figment: Figment, variable: impl Fn(&str) -> Option<String>) -> Figment {
    let keys = [
        ("PRESSRUN_MAIL__PASSWORD", "mail.password"),
        ("PRESSRUN_SLACK__TOKEN", "slack.token"),
        ("PRESSRUN_S3__SECRET_ACCESS_KEY", "s3.secret_access_key"),
        ("PRESSRUN_NOTIFY__WEBHOOK_SECRET", "notify.webhook_secret"),
    ];
    keys.into_iter().fold(figment, |figment, (name, key)| match variable(name) {
        Some(text) => figment.merge((key, text)),
        None => figment,
    })
}

/// A secret given as text or in a file, not both.
fn secret(key: &str, text: Option<&Hidden>, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    match (text, file) {
        (Some(_), Some(_)) => bail!("{key}: give either {key} or {key}_file, not both"),
        (Some(text), None) => Ok(Some(text.secret())),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{key}_file: could not read {}", file.display()))?;
            Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(url: &str) -> anyhow::Result<MailConfig> {
        Settings { mail: Mail { url: Some(url.to_owned()), ..Mail::default() }, ..Settings::default() }.mail()
    }

    #[test]
    fn the_mail_address_says_how_mail_leaves() {
        for (url, expected) in [
            ("smtp://mail.example.com", Some((587, SmtpTls::StartTls))),
            ("smtps://mail.example.com", Some((465, SmtpTls::Implicit))),
            ("smtp+plain://127.0.0.1:2525", Some((2525, SmtpTls::None))),
            ("smtp://user:secret@mail.example.com", None),
            ("imap://mail.example.com", None),
            ("smtp://mail.example.com:port", None),
        ] {
            let found = match mail(url) {
                Ok(MailConfig::Smtp { port, tls, .. }) => Some((port, tls)),
                _ => None,
            };
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn keys_that_sign_mail_come_from_files() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, key) = (dir.path().join("pressrun.toml"), dir.path().join("key.pem"));
        let table = "[[mail.dkim]]\ndomain = 'example.com'\nselector = 's1'\n";
        std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").expect("writes");
        std::fs::write(&file, format!("{table}private_key_file = '{}'\n", key.display())).expect("writes");
        let found = Settings::load(Some(&file)).expect("valid").dkim().expect("a key");
        assert_eq!((found[0].domain.as_str(), found[0].selector.as_str()), ("example.com", "s1"));
        assert_eq!(found[0].private_key.expose(), "-----BEGIN PRIVATE KEY-----");
        std::fs::write(&file, table).expect("writes");
        let error = Settings::load(Some(&file)).expect("valid").dkim().expect_err("no key");
        assert!(error.to_string().contains("private_key_file") && error.to_string().contains("s1"), "{error}");
    }

    #[test]
    fn a_secret_is_never_part_of_an_error() {
        let error = mail("smtp://user:hunter2@mail.example.com").expect_err("a login in the address");
        assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
    }

    #[test]
    fn d13_a_secret_in_the_environment_is_taken_letter_by_letter() {
        for text in ["007", "+5", "true", "1e3", " x ", "[1]"] {
            let typed = secrets_as_typed(Figment::from(Serialized::defaults(Settings::default())), |name| {
                (name == "PRESSRUN_MAIL__PASSWORD").then(|| text.to_owned())
            });
            let settings: Settings = typed.extract().expect("valid");
            assert_eq!(settings.mail.password.expect("given").secret().expose(), text);
        }
    }

    #[test]
    fn s13_the_operators_webhook_is_checked_when_the_server_starts() {
        let operator = |url: Option<&str>, secret: Option<&str>, allow: &[&str]| {
            let figment = Figment::from(Serialized::defaults(Settings::default())).merge(("egress.allow", allow.to_vec()));
            let figment = url.into_iter().fold(figment, |figment, url| figment.merge(("notify.webhook_url", url)));
            let figment = secrets_as_typed(figment, |name| secret.filter(|_| name == "PRESSRUN_NOTIFY__WEBHOOK_SECRET").map(str::to_owned));
            figment.extract::<Settings>().expect("valid").operator()
        };
        assert_eq!(operator(None, None, &[]).expect("none is fine"), None);
        let found = operator(Some("https://ops.example.com/pressrun"), Some("whsec"), &[]).expect("public").expect("there");
        assert_eq!((found.url.as_str(), found.secrets.len()), ("https://ops.example.com/pressrun", 1));
        assert!(operator(Some("http://10.0.0.7/hook"), None, &[]).is_err(), "a private address has to be allowed");
        assert!(operator(Some("http://10.0.0.7/hook"), None, &["10.0.0.7"]).is_ok());
        assert!(operator(Some("ftp://ops.example.com"), None, &[]).is_err());
        assert!(operator(None, Some("whsec"), &[]).is_err(), "a secret without an address is a mistake");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("pressrun.toml");
        std::fs::write(&file, "[server]\nlisten = '127.0.0.1:1'\n[mail]\nform = 'x'\n").expect("writes");
        let error = format!("{:#}", Settings::load(Some(&file)).expect_err("`form` is no key"));
        assert!(error.contains("form"), "{error}");
    }
}

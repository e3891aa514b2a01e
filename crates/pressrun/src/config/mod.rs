//! `pressrun.toml`: every key overridable by environment (`PRESSRUN_STORE__URL`), `*_file` beside every secret. Variables without `__` are no
//! keys: a cluster sets some of its own for a service that is called `pressrun`.
//!
//! Read in two steps: as typed ([`Settings`]), then checked and resolved where it is used; an error names the key.
//! One file a section: its keys as typed, their defaults, and what they resolve to.

mod adbc;
mod alarm;
mod artifacts;
mod catalog;
pub(crate) mod check;
mod egress;
mod history;
pub(crate) mod keys;
mod limits;
mod links;
mod log;
mod mail;
mod notify;
mod query;
pub(crate) mod reference;
mod render;
mod retry;
mod s3;
mod scheduler;
mod secrets;
mod server;
mod sessions;
mod slack;
mod source;
mod store;
mod trace;
mod written;

use std::path::Path;

use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use pressrun_domain::destination::WebhookSettings;
use pressrun_domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hidden::Hidden;

pub(crate) use adbc::Adbc;
pub(crate) use alarm::Alarm;
pub(crate) use artifacts::Artifacts;
pub(crate) use catalog::{Catalog, CatalogFrom, published_folder};
pub(crate) use egress::Egress;
pub(crate) use history::History;
pub(crate) use limits::Limits;
pub(crate) use links::Links;
pub(crate) use log::{Log, LogFormat};
pub(crate) use mail::Mail;
pub(crate) use notify::Notify;
pub(crate) use query::Query;
pub(crate) use render::Render;
pub(crate) use retry::Retry;
pub(crate) use s3::S3;
pub(crate) use scheduler::Scheduler;
pub(crate) use secrets::Secrets;
pub(crate) use server::{Server, demo_url};
pub(crate) use sessions::Sessions;
pub(crate) use slack::Slack;
pub(crate) use source::Source;
pub(crate) use store::{Database, Spool, Store};
pub(crate) use trace::Trace;

/// The configuration as typed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
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
    /// `[artifacts]`
    pub artifacts: Artifacts,
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
    /// `[alarm]`
    pub alarm: Alarm,
    /// `[scheduler]`
    pub scheduler: Scheduler,
    /// `[render]`
    pub render: Render,
    /// `[query]`
    pub query: Query,
    /// `[adbc]`
    pub adbc: Adbc,
    /// `[sessions]`
    pub sessions: Sessions,
    /// `[history]`
    pub history: History,
    /// `[log]`
    pub log: Log,
    /// `[trace]`
    pub trace: Trace,
    /// `[secrets]`
    pub secrets: Secrets,
    /// Where all this was read from.
    #[serde(skip)]
    pub source: Source,
}

impl Settings {
    /// Reads defaults, then `file` or the first of the usual places, then the environment.
    ///
    /// # Errors
    /// The named file is missing or a key is unknown or of a wrong type; the message names it.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let source = Source::find(file)?;
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Source::File { path, .. } = &source {
            figment = figment.merge(Toml::file_exact(path));
        }
        Ok(Self { source, ..with_environment(figment)? })
    }

    /// Reads a file over the defaults, and no environment.
    ///
    /// # Errors
    /// A key is unknown or of a wrong type; the message names it.
    #[cfg(test)]
    pub(crate) fn from_file(file: &Path) -> anyhow::Result<Self> {
        let figment = Figment::from(Serialized::defaults(Self::default())).merge(Toml::file_exact(file));
        let source = Source::File { path: file.to_owned(), looked_up: false };
        Ok(Self { source, ..figment.extract().context("the configuration is not valid")? })
    }

    /// As [`Settings::load`], for commands that people type: says on standard error which file was found when none was named.
    ///
    /// # Errors
    /// Those of [`Settings::load`].
    pub(crate) fn for_command(file: Option<&Path>) -> anyhow::Result<Self> {
        let settings = Self::load(file)?;
        if let Source::File { path, looked_up: true } = &settings.source {
            crate::show::hint(format!("the configuration is {}; --config names another", path.display()));
        }
        Ok(settings)
    }

    /// Reads the environment over `defaults`, and no file.
    ///
    /// # Errors
    /// A variable names an unknown key or has a wrong type; the message names it.
    pub(crate) fn over(defaults: &Self) -> anyhow::Result<Self> {
        with_environment(Figment::from(Serialized::defaults(defaults)))
    }

    /// The operator's webhook, when there is one; `[egress]` holds for it too.
    ///
    /// # Errors
    /// The address is none, is not allowed, or the secret cannot be read.
    pub(crate) fn operator(&self) -> anyhow::Result<Option<WebhookSettings>> {
        self.notify.operator(&self.egress.policy()?)
    }
}

/// Says which variables look like keys and are none.
pub(crate) fn warn_of_unknown_variables() {
    let unknown = source::unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        tracing::warn!(names, "variables are not understood and are passed over; keys are written PRESSRUN_SECTION__KEY");
    }
}

fn with_environment(figment: Figment) -> anyhow::Result<Settings> {
    let figment = figment.merge(source::environment());
    secrets_as_typed(figment, |name| std::env::var(name).ok()).extract().context("the configuration is not valid")
}

/// Takes secrets from the environment letter by letter: read as a value, 007 would be the number 7.
fn secrets_as_typed(figment: Figment, variable: impl Fn(&str) -> Option<String>) -> Figment {
    let keys = [
        ("PRESSRUN_MAIL__PASSWORD", "mail.password"),
        ("PRESSRUN_MAIL__OAUTH__CLIENT_SECRET", "mail.oauth.client_secret"),
        ("PRESSRUN_SLACK__TOKEN", "slack.token"),
        ("PRESSRUN_STORE__PASSWORD", "store.password"),
        ("PRESSRUN_S3__SECRET_ACCESS_KEY", "s3.secret_access_key"),
        ("PRESSRUN_S3__SESSION_TOKEN", "s3.session_token"),
        ("PRESSRUN_NOTIFY__WEBHOOK_URL", "notify.webhook_url"),
        ("PRESSRUN_TRACE__HEADER_VALUE", "trace.header_value"),
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

    #[test]
    fn keys_that_sign_mail_come_from_files() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, key) = (dir.path().join("pressrun.toml"), dir.path().join("key.pem"));
        let table = "[[mail.dkim]]\ndomain = 'example.com'\nselector = 's1'\n";
        std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").expect("writes");
        std::fs::write(&file, format!("{table}private_key_file = '{}'\n", key.display())).expect("writes");
        let found = Settings::load(Some(&file)).expect("valid").mail.signing_keys().expect("a key");
        assert_eq!((found[0].domain.as_str(), found[0].selector.as_str()), ("example.com", "s1"));
        assert_eq!(found[0].private_key.expose(), "-----BEGIN PRIVATE KEY-----");
        std::fs::write(&file, table).expect("writes");
        let error = Settings::load(Some(&file)).expect("valid").mail.signing_keys().expect_err("no key");
        assert!(error.to_string().contains("private_key_file") && error.to_string().contains("s1"), "{error}");
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
        assert_eq!((found.shown().as_str(), found.secrets.len()), ("https://ops.example.com/pressrun", 1));
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

//! `[mail]`: how mail leaves.

use std::path::PathBuf;

use anyhow::{Context, bail};
use pressrun_deliver::{DkimConfig, MailConfig, SmtpConfig, SmtpTls};
use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::secret::Secret;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// How mail leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mail {
    /// `smtp://host:587` (STARTTLS), `smtps://host:465` (TLS), `smtp+plain://host:25` (no encryption), or `file:folder`, which writes
    /// files instead of sending. No mail when absent: deliveries by mail then end with `ERROR`.
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
    /// Address that each mail's own return path is made from: `bounces@reports.example.com` sends as `bounces+MARK@reports.example.com`.
    /// What comes back to it is taken in by `POST /api/v1/mail/bounces` or from `bounces.maildir`. To the sender when absent.
    pub return_path: Option<String>,
    /// `[mail.bounces]`: where what comes back is read.
    pub bounces: Bounces,
    /// `[[mail.dkim]]`: keys that sign mail, when the relay does not sign.
    pub dkim: Vec<Dkim>,
}

/// Where what comes back of mail is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bounces {
    /// Maildir that the mail server delivers `return_path` into; read every half minute, and nothing in it is deleted.
    pub maildir: Option<PathBuf>,
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

impl Mail {
    /// The mail transport; off without `mail.url` (H7).
    ///
    /// # Errors
    /// An address is not understood, or a password cannot be read.
    pub(crate) fn transport(&self) -> anyhow::Result<MailConfig> {
        let from = self.from.clone().unwrap_or_else(|| "Pressrun <pressrun@localhost.localdomain>".to_owned());
        let Some(url) = &self.url else { return Ok(MailConfig::Off) };
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
        let password = secret("mail.password", self.password.as_ref(), self.password_file.as_deref())?;
        let credentials = match (&self.username, password) {
            (Some(username), Some(password)) => Some((username.clone(), password)),
            (None, None) => None,
            _ => bail!("mail: give both username and password, or neither"),
        };
        let max_attachment_bytes = self.max_attachment_mib.map_or(pressrun_deliver::DEFAULT_MAX_ATTACHMENT_BYTES, |mib| mib << 20);
        let reply_to = self.reply_to.clone();
        Ok(MailConfig::Smtp(Box::new(SmtpConfig { credentials, reply_to, max_attachment_bytes, ..SmtpConfig::new(host, port, tls, from) })))
    }

    /// Return paths of their own for each mail, signed with `key`; `None` when none are configured.
    ///
    /// # Errors
    /// The address is none, or what comes back has no address that it could come to.
    pub(crate) fn return_paths(&self, key: Secret) -> anyhow::Result<Option<ReturnPath>> {
        match &self.return_path {
            Some(address) => ReturnPath::new(address, key).with_context(|| format!("mail.return_path: {address:?}")).map(Some),
            None if self.bounces.maildir.is_some() => {
                bail!("mail.bounces.maildir: give mail.return_path too, the address whose mail it holds")
            }
            None => Ok(None),
        }
    }

    /// The keys that sign mail.
    ///
    /// # Errors
    /// A key is missing or its file cannot be read.
    pub(crate) fn signing_keys(&self) -> anyhow::Result<Vec<DkimConfig>> {
        let sign = |dkim: &Dkim| -> anyhow::Result<DkimConfig> {
            let key = secret("mail.dkim.private_key", dkim.private_key.as_ref(), dkim.private_key_file.as_deref())?;
            let private_key = key.with_context(|| format!("mail.dkim: give private_key_file for selector {:?}", dkim.selector))?;
            Ok(DkimConfig { domain: dkim.domain.clone(), selector: dkim.selector.clone(), private_key })
        };
        self.dkim.iter().map(sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn mail(url: &str) -> anyhow::Result<MailConfig> {
        Mail { url: Some(url.to_owned()), ..Mail::default() }.transport()
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
                Ok(MailConfig::Smtp(smtp)) => Some((smtp.port, smtp.tls)),
                _ => None,
            };
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn h7_without_an_address_mail_is_off_and_files_have_to_be_asked_for() {
        assert!(matches!(Mail::default().transport(), Ok(MailConfig::Off)));
        assert!(matches!(mail("file:mails"), Ok(MailConfig::File { folder, .. }) if folder == Path::new("mails")));
    }

    #[test]
    fn verp_a_mailbox_without_a_return_path_is_a_mistake() {
        let paths = |return_path: Option<&str>, maildir: Option<&str>| {
            let bounces = Bounces { maildir: maildir.map(PathBuf::from) };
            let mail = Mail { return_path: return_path.map(str::to_owned), bounces, ..Mail::default() };
            mail.return_paths(Secret::new("k")).map(|paths| paths.is_some()).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(paths(None, None), Ok(false));
        assert_eq!(paths(Some("bounces@reports.example.com"), Some("/var/mail/bounces")), Ok(true));
        assert!(paths(None, Some("/var/mail/bounces")).is_err_and(|error| error.contains("mail.return_path")));
        assert!(paths(Some("bounces"), None).is_err_and(|error| error.contains("bounces@reports.example.com")));
    }

    #[test]
    fn a_secret_is_never_part_of_an_error() {
        let error = mail("smtp://user:hunter2@mail.example.com").expect_err("a login in the address");
        assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
    }
}

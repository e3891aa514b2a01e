//! `[mail]`: how mail leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use pressrun_deliver::{
    DEFAULT_MAIL_CONNECTIONS, DkimConfig, DomainPace, MailConfig, MailLogin, MailPace, SecretSource, SmtpConfig, SmtpTls, TokenSource,
};
use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::{Hidden, hidden_login};

/// How mail leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mail {
    /// `smtp://host:587` (STARTTLS), `smtps://host:465` (TLS), `smtp+plain://host:25` (no encryption), or `file:folder`, which writes
    /// files instead of sending. No mail when absent: deliveries by mail then end with `ERROR`.
    #[schemars(example = &"smtp://mail.example.com:587")]
    pub url: Option<String>,
    /// Sender: `Reports <reports@example.com>`.
    #[schemars(example = &"Reports <reports@example.com>")]
    pub from: Option<String>,
    /// Where answers go.
    #[schemars(example = &"analytics@example.com")]
    pub reply_to: Option<String>,
    /// Login name; with `mail.oauth` the mailbox that is sent from.
    #[schemars(example = &"reports")]
    pub username: Option<String>,
    /// Password.
    pub password: Option<Hidden>,
    /// File that holds the password; read for each connection, so that it may be exchanged while the server runs.
    #[schemars(example = &"/run/secrets/mail-password")]
    pub password_file: Option<PathBuf>,
    /// `[mail.oauth]`: access tokens in place of a password.
    pub oauth: Option<Oauth>,
    /// File of certificates (PEM) that are trusted of the mail server besides the usual ones: of a private authority, or the server's own.
    #[schemars(example = &"/etc/pressrun/mail-ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// How we introduce ourselves (EHLO): a host name, or an address literal such as `[192.0.2.1]`. The machine's name when it has a dot, else
    /// the address that the connection leaves from.
    #[schemars(example = &"reports.example.com")]
    pub hello_name: Option<String>,
    /// Connections to the mail server at once, of all nodes together on PostgreSQL as all bounds below; 4 when absent.
    #[schemars(example = 8)]
    pub connections: Option<usize>,
    /// Mails that begin within a minute, evenly spread; no limit when absent.
    #[schemars(example = 120)]
    pub per_minute: Option<u32>,
    /// `[mail.domains."example.com"]`: bounds for recipients of a domain.
    #[schemars(example = &"example.com")]
    pub domains: BTreeMap<String, DomainBounds>,
    /// Attachments above this many MiB are left out, and the mail says so (D12).
    #[schemars(example = 20)]
    pub max_attachment_mib: Option<u64>,
    /// Picture of the first page inside mails with a pdf; on unless set to false.
    #[schemars(example = false)]
    pub preview: Option<bool>,
    /// Address that each mail's own return path is made from: `bounces@reports.example.com` sends as `bounces+MARK@reports.example.com`.
    /// What comes back to it is taken in by `POST /api/v1/mail/bounces` or from `bounces.maildir`. To the sender when absent.
    #[schemars(example = &"bounces@reports.example.com")]
    pub return_path: Option<String>,
    /// `[mail.bounces]`: where what comes back is read.
    pub bounces: Bounces,
    /// `[[mail.dkim]]`: keys that sign mail, when the relay does not sign.
    pub dkim: Vec<Dkim>,
}

/// Where what comes back of mail is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bounces {
    /// Maildir that the mail server delivers `return_path` into; read every half minute, and nothing in it is deleted.
    #[schemars(example = &"/var/mail/bounces")]
    pub maildir: Option<PathBuf>,
}

/// Access tokens: from a token endpoint, or from a program.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Oauth {
    /// Token endpoint, for the client credentials grant: `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    #[schemars(example = &"https://login.example.com/oauth2/v2.0/token")]
    pub token_url: Option<String>,
    /// Who we are to it.
    #[schemars(example = &"7d1c2e6a-0000-4000-8000-000000000001")]
    pub client_id: Option<String>,
    /// The proof.
    pub client_secret: Option<Hidden>,
    /// File that holds it; read for each token.
    #[schemars(example = &"/run/secrets/mail-client-secret")]
    pub client_secret_file: Option<PathBuf>,
    /// What the token is for: `https://outlook.office365.com/.default`.
    #[schemars(example = &"https://outlook.office365.com/.default")]
    pub scope: Option<String>,
    /// In place of all that: a program and its arguments, which prints a token.
    #[schemars(example = ["/usr/local/bin/mail-token"])]
    pub command: Option<Vec<String>>,
}

/// How much the recipients of one domain take.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DomainBounds {
    /// Mails on their way at once.
    #[schemars(example = 2)]
    pub connections: Option<usize>,
    /// Mails that begin within a minute.
    #[schemars(example = 60)]
    pub per_minute: Option<u32>,
}

/// A key that signs mail; its public half stands in the DNS under `<selector>._domainkey.<domain>`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dkim {
    /// The signing domain: the sender's, or one above it.
    #[schemars(example = &"example.com")]
    pub domain: String,
    /// Which key of the domain it is.
    #[schemars(example = &"pressrun")]
    pub selector: String,
    /// RSA (2048 bits or more) or Ed25519 in PEM form.
    pub private_key: Option<Hidden>,
    /// File that holds it.
    #[schemars(example = &"/run/secrets/dkim.pem")]
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
            bail!(
                "mail.url: {:?} is not understood; write smtp://host:587, smtps://host:465, smtp+plain://host:25 or file:folder",
                hidden_login(url)
            );
        };
        if rest.contains('@') {
            bail!("mail.url: put the login into mail.username and mail.password_file, not into the address");
        }
        let (host, port) = match rest.trim_end_matches('/').rsplit_once(':') {
            Some((host, port)) => {
                (host.to_owned(), port.parse().context("mail.url: what follows the last colon is no port; write smtp://host:587")?)
            }
            None => (rest.trim_end_matches('/').to_owned(), default_port),
        };
        let max_attachment_bytes = self.max_attachment_mib.map_or(pressrun_deliver::DEFAULT_MAX_ATTACHMENT_BYTES, |mib| mib << 20);
        Ok(MailConfig::Smtp(Box::new(SmtpConfig {
            hello_name: self.hello_name.clone(),
            login: self.login()?,
            reply_to: self.reply_to.clone(),
            max_attachment_bytes,
            ca_pem: self.certificates()?,
            pace: self.pace()?,
            ..SmtpConfig::new(host, port, tls, from)
        })))
    }

    fn login(&self) -> anyhow::Result<Option<MailLogin>> {
        let password = source("mail.password", self.password.as_ref(), self.password_file.as_deref())?;
        match (self.username.clone(), password, &self.oauth) {
            (None, None, None) => Ok(None),
            (Some(user), Some(password), None) => Ok(Some(MailLogin::Password { user, password })),
            (Some(user), None, Some(oauth)) => Ok(Some(MailLogin::Token { user, tokens: oauth.source()? })),
            (_, Some(_), Some(_)) => bail!("mail: give either a password or mail.oauth, not both"),
            (None, None, Some(_)) => bail!("mail.oauth: give the mailbox that is sent from as mail.username"),
            (Some(_), None, None) | (None, Some(_), None) => bail!("mail: give both username and password, or neither"),
        }
    }

    fn certificates(&self) -> anyhow::Result<Option<String>> {
        let read =
            |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("mail.ca_file: could not read {}", file.display()));
        self.ca_file.as_ref().map(read).transpose()
    }

    fn pace(&self) -> anyhow::Result<MailPace> {
        let bounds = self.domains.iter().map(|(name, bounds)| (format!("mail.domains.{name:?}"), bounds.connections, bounds.per_minute));
        for (section, connections, per_minute) in std::iter::once(("mail".to_owned(), self.connections, self.per_minute)).chain(bounds) {
            if connections == Some(0) || per_minute == Some(0) {
                bail!("{section}: connections and per_minute must be at least 1; leave per_minute out for no limit");
            }
        }
        let domain = |bounds: &DomainBounds| DomainPace { connections: bounds.connections, per_minute: bounds.per_minute };
        Ok(MailPace {
            connections: self.connections.unwrap_or(DEFAULT_MAIL_CONNECTIONS),
            per_minute: self.per_minute,
            domains: self.domains.iter().map(|(name, bounds)| (name.clone(), domain(bounds))).collect(),
        })
    }

    /// Return paths of their own for each mail, signed with `key`; `None` when none are configured.
    ///
    /// # Errors
    /// The address is none, or what comes back has no address that it could come to.
    pub(crate) fn return_paths(&self, key: &Secret) -> anyhow::Result<Option<ReturnPath>> {
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

impl Oauth {
    fn source(&self) -> anyhow::Result<TokenSource> {
        let secret = source("mail.oauth.client_secret", self.client_secret.as_ref(), self.client_secret_file.as_deref())?;
        match (self.command.clone(), self.token_url.clone(), self.client_id.clone(), secret) {
            (Some(command), None, None, None) if self.scope.is_none() => {
                if command.first().is_none_or(String::is_empty) {
                    bail!("mail.oauth.command: name a program, as a list of words: [\"/usr/local/bin/mail-token\"]");
                }
                Ok(TokenSource::Command(command))
            }
            (None, Some(token_url), Some(client_id), Some(client_secret)) => {
                Ok(TokenSource::ClientCredentials { token_url, client_id, client_secret, scope: self.scope.clone() })
            }
            _ => bail!("mail.oauth: give either command, or token_url, client_id and client_secret_file (and scope)"),
        }
    }
}

/// A secret given as text or in a file. A file is looked at now, so that a wrong name is heard of at the start, and read again when it is needed.
fn source(key: &str, text: Option<&Hidden>, file: Option<&Path>) -> anyhow::Result<Option<SecretSource>> {
    Ok(secret(key, text, file)?.map(|found| file.map_or(SecretSource::Text(found), |file| SecretSource::File(file.to_owned()))))
}

#[cfg(test)]
mod tests {
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
            mail.return_paths(&Secret::new("k")).map(|paths| paths.is_some()).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(paths(None, None), Ok(false));
        assert_eq!(paths(Some("bounces@reports.example.com"), Some("/var/mail/bounces")), Ok(true));
        assert!(paths(None, Some("/var/mail/bounces")).is_err_and(|error| error.contains("mail.return_path")));
        assert!(paths(Some("bounces"), None).is_err_and(|error| error.contains("bounces@reports.example.com")));
    }

    #[test]
    fn a_secret_is_never_part_of_an_error() {
        for url in [
            "smtp://user:hunter2@mail.example.com",
            "imap://user:hunter2@mail.example.com",
            "smtp:user:hunter2@mail.example.com",
            "SMTP://user:hunter2@mail.example.com:587",
            "smtps://user:hunter2",
        ] {
            let error = format!("{:#}", mail(url).expect_err(url));
            assert!(!error.contains("hunter2") && error.contains("mail.url"), "{error}");
        }
    }

    #[test]
    fn h6_a_login_is_a_password_or_tokens_and_whole() {
        let oauth = |change: fn(&mut Oauth)| {
            let mut oauth = Oauth {
                token_url: Some("https://login.example.com/token".to_owned()),
                client_id: Some("id".to_owned()),
                client_secret: Some(Hidden::new("s3cret")),
                ..Oauth::default()
            };
            change(&mut oauth);
            Some(oauth)
        };
        let command = || Some(Oauth { command: Some(vec!["token".to_owned()]), ..Oauth::default() });
        for (case, username, password, oauth, expected) in [
            ("none", None, None, None, Ok(false)),
            ("a password", Some("blob"), Some("pw"), None, Ok(true)),
            ("half a login", Some("blob"), None, None, Err("both username and password")),
            ("tokens", Some("blob"), None, oauth(|_| {}), Ok(true)),
            ("a program", Some("blob"), None, command(), Ok(true)),
            ("both", Some("blob"), Some("pw"), oauth(|_| {}), Err("not both")),
            ("nobody's tokens", None, None, oauth(|_| {}), Err("mail.username")),
            ("no secret", Some("blob"), None, oauth(|oauth| oauth.client_secret = None), Err("client_secret_file")),
            ("two ways", Some("blob"), None, oauth(|oauth| oauth.command = Some(vec!["token".to_owned()])), Err("either command")),
            ("no program", Some("blob"), None, Some(Oauth { command: Some(Vec::new()), ..Oauth::default() }), Err("name a program")),
        ] {
            let username = username.map(str::to_owned);
            let mail = Mail { username, password: password.map(Hidden::new), oauth, ..Mail::default() };
            match (mail.login(), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.is_some(), expected, "{case}"),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{case}: {error}"),
                (found, _) => panic!("{case}: {found:?}"),
            }
        }
    }

    #[test]
    fn h6_a_bound_of_nothing_is_refused() {
        for mail in [
            Mail { connections: Some(0), ..Mail::default() },
            Mail { per_minute: Some(0), ..Mail::default() },
            Mail {
                domains: BTreeMap::from([("example.com".to_owned(), DomainBounds { per_minute: Some(0), ..DomainBounds::default() })]),
                ..Mail::default()
            },
        ] {
            let error = mail.pace().expect_err("nothing would ever go");
            assert!(error.to_string().contains("at least 1"), "{error}");
        }
        assert_eq!(Mail::default().pace().expect("valid").connections, 4);
    }
}

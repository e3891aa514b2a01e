//! Destinations of a body: required fields, lenient forms, and what an update keeps (contract §5.1.4, D13).

use pressrun_domain::destination::{
    Destination, DestinationKind, EmailSettings, S3Settings, SftpSettings, SlackRecipientType, SlackSettings, WebhookSettings,
};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::secret::Secret;
use url::Url;

use super::error::AppError;
use super::given::{Fields, Given};

/// Where to, and for mail to whom; addresses are resolved to people later, when everything else is known to be right.
#[derive(Debug)]
pub(crate) struct Target {
    /// The settings; for mail with the recipients that were stored.
    pub(crate) destination: Destination,
    /// The recipients that replace them.
    pub(crate) recipients: Option<Vec<EmailAddress>>,
    /// What of the body does nothing.
    pub(crate) warnings: Vec<String>,
}

/// Fields that only one kind of destination takes, for the warning that they are ignored.
const OWN_FIELDS: [(DestinationKind, &[&str]); 5] = [
    (DestinationKind::Email, &["subject", "fanOut"]),
    (
        DestinationKind::Sftp,
        &["address", "port", "username", "passwordUnencrypted", "privateKeyUnencrypted", "passphraseUnencrypted", "hostKey", "path"],
    ),
    (DestinationKind::Webhook, &["url", "webhookUrl", "webhookSecretUnencrypted"]),
    (DestinationKind::Slack, &["slackRecipientType"]),
    (DestinationKind::S3, &["bucketName", "region", "roleArn", "keyPrefix"]),
];

/// Fields that mail and Slack share.
const MESSAGE_FIELDS: [&str; 2] = ["recipients", "textBody"];

/// Reads the fields of a `kind`, over the `stored` destination when that is of the same kind.
pub(crate) fn read(kind: DestinationKind, fields: Fields<'_>, stored: Option<&Destination>) -> Result<Target, AppError> {
    let mut recipients = None;
    let destination = match kind {
        DestinationKind::Email => {
            let (settings, listed) = email(fields, stored.and_then(Destination::email))?;
            recipients = listed;
            Destination::Email(settings)
        }
        DestinationKind::Sftp => Destination::Sftp(sftp(fields, stored)?),
        DestinationKind::Webhook => Destination::Webhook(webhook(fields, stored)?),
        DestinationKind::Slack => Destination::Slack(slack(fields, stored)?),
        DestinationKind::S3 => Destination::S3(s3(fields, stored)?),
    };
    let message: &[&str] = if matches!(kind, DestinationKind::Email | DestinationKind::Slack) { &[] } else { &MESSAGE_FIELDS };
    let others = OWN_FIELDS.iter().filter(|(other, _)| *other != kind).flat_map(|(_, names)| *names).chain(message);
    let meant = |name: &&str| {
        let raw = fields.raw(name);
        raw.as_ref().is_some() && !matches!(raw.as_ref().and_then(|value| value.as_bool()), Some(false)) && *name != "fanOut"
            || (*name == "fanOut" && fields.flag("fanOut").ok() == Some(Given::Value(true)))
    };
    let warnings = others
        .copied()
        .filter(meant)
        .map(|name| match name {
            // P5: the personal copies are refused, the schedule is not.
            "fanOut" => {
                format!("fanOut is refused: personal copies are for email only, and destination type {} gets one for all", kind.as_str())
            }
            other => format!("{other} is ignored: it has no effect with destination type {}", kind.as_str()),
        })
        .collect();
    Ok(Target { destination, recipients, warnings })
}

/// The field's value over what is stored; it has to end up with one.
fn needed<T>(field: &'static str, given: Given<T>, stored: Option<T>) -> Result<T, AppError> {
    match given {
        Given::Value(value) => Ok(value),
        Given::Absent => stored.ok_or_else(|| AppError::required(field)),
        Given::Null => Err(AppError::required(field)),
    }
}

fn email(fields: Fields<'_>, stored: Option<&EmailSettings>) -> Result<(EmailSettings, Option<Vec<EmailAddress>>), AppError> {
    let listed = match fields.emails("recipients")? {
        Given::Value(emails) if emails.is_empty() => {
            return Err(AppError::field("recipients", "Array must contain at least 1 element(s)"));
        }
        Given::Value(emails) => Some(emails),
        Given::Absent if stored.is_some() => None,
        Given::Absent | Given::Null => return Err(AppError::required("recipients")),
    };
    let subject = needed("subject", fields.filled("subject")?, stored.map(|email| email.subject.clone()))?;
    let text_body = fields.text("textBody")?.over(stored.and_then(|email| email.text_body.clone()));
    let fan_out = fields.flag("fanOut")?.or_default(stored.is_some_and(|email| email.fan_out), false);
    let settings = EmailSettings {
        recipients: stored.map(|email| email.recipients.clone()).unwrap_or_default(),
        groups: stored.map(|email| email.groups.clone()).unwrap_or_default(),
        subject,
        text_body,
        fan_out,
    };
    Ok((settings, listed))
}

fn sftp(fields: Fields<'_>, stored: Option<&Destination>) -> Result<SftpSettings, AppError> {
    let stored = if let Some(Destination::Sftp(sftp)) = stored { Some(sftp) } else { None };
    let address = needed("address", fields.filled("address")?, stored.map(|sftp| sftp.address.clone()))?;
    if sftp_host(&address).is_none() {
        return Err(AppError::field("address", "Invalid SFTP address"));
    }
    let port = match fields.whole("port")? {
        Given::Value(port) => Given::Value(
            u16::try_from(port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| AppError::field("port", "Number must be between 1 and 65535"))?,
        ),
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    };
    let port = needed("port", port, stored.map(|sftp| sftp.port))?;
    let username = needed("username", fields.filled("username")?, stored.map(|sftp| sftp.username.clone()))?;
    // Secrets stay only where they were meant for (D13).
    let same = stored.filter(|sftp| sftp_host(&sftp.address) == sftp_host(&address) && sftp.username == username);
    let secret = |field, kept: Option<Secret>| {
        Ok::<_, AppError>(match fields.filled(field)? {
            Given::Value(text) => Some(Secret::new(text)),
            Given::Absent => kept,
            Given::Null => None,
        })
    };
    let password = secret("passwordUnencrypted", same.and_then(|sftp| sftp.password.clone()))?;
    let private_key = secret("privateKeyUnencrypted", same.and_then(|sftp| sftp.private_key.clone()))?;
    let passphrase = secret("passphraseUnencrypted", same.and_then(|sftp| sftp.passphrase.clone()))?;
    if password.is_none() && private_key.is_none() {
        return Err(AppError::required("passwordUnencrypted"));
    }
    let same_host = stored.filter(|sftp| sftp_host(&sftp.address) == sftp_host(&address) && sftp.port == port);
    Ok(SftpSettings {
        path: fields.text("path")?.over(stored.and_then(|sftp| sftp.path.clone())),
        host_key: fields.filled("hostKey")?.over(same_host.and_then(|sftp| sftp.host_key.clone())),
        address,
        port,
        username,
        password,
        private_key,
        passphrase,
    })
}

/// The host of an SFTP address, with or without its scheme; no port, user or path.
pub(crate) fn sftp_host(address: &str) -> Option<String> {
    let host = address.strip_prefix("sftp://").unwrap_or(address).trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) || (host.contains(':') && !host.starts_with('[')) {
        return None;
    }
    url::Host::parse(host).ok().map(|host| host.to_string())
}

fn webhook(fields: Fields<'_>, stored: Option<&Destination>) -> Result<WebhookSettings, AppError> {
    let stored = if let Some(Destination::Webhook(webhook)) = stored { Some(webhook) } else { None };
    let name = if fields.raw("url").is_given() { "url" } else { "webhookUrl" };
    let url = needed("url", fields.filled(name)?, stored.map(|webhook| webhook.url.clone()))?;
    let parsed = Url::parse(&url).ok().filter(Url::has_host);
    let Some(parsed) = parsed else { return Err(AppError::field("url", "Invalid url")) };
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(AppError::field("url", "Invalid url: the scheme must be http or https"));
    }
    let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
    let kept = stored.filter(|webhook| host(&webhook.url) == host(&url)).map(|webhook| webhook.secrets.clone());
    let secrets = match fields.texts("webhookSecretUnencrypted")? {
        Given::Value(texts) if texts.len() > 2 => {
            return Err(AppError::field("webhookSecretUnencrypted", "Array must contain at most 2 element(s)"));
        }
        Given::Value(texts) => texts.into_iter().map(Secret::new).collect(),
        Given::Absent => kept.unwrap_or_default(),
        Given::Null => Vec::new(),
    };
    Ok(WebhookSettings { url, secrets })
}

fn slack(fields: Fields<'_>, stored: Option<&Destination>) -> Result<SlackSettings, AppError> {
    let stored = if let Some(Destination::Slack(slack)) = stored { Some(slack) } else { None };
    let kinds = [SlackRecipientType::Channel, SlackRecipientType::Users];
    let given = fields.word("slackRecipientType", &kinds, SlackRecipientType::as_str)?;
    let recipient_type = needed("slackRecipientType", given, stored.map(|slack| slack.recipient_type))?;
    let kept = stored.filter(|slack| slack.recipient_type == recipient_type).map(|slack| slack.recipients.clone());
    let listed = match fields.texts("recipients")? {
        Given::Value(texts) => {
            let parts = texts.iter().flat_map(|text| text.split(','));
            Given::Value(parts.map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect())
        }
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    };
    let recipients: Vec<String> = needed("recipients", listed, kept)?;
    if recipients.is_empty() {
        return Err(AppError::field("recipients", "Array must contain at least 1 element(s)"));
    }
    if recipient_type == SlackRecipientType::Channel && recipients.len() > 1 {
        return Err(AppError::field("recipients", "Array must contain at most 1 element(s) for a channel"));
    }
    let text_body = fields.text("textBody")?.over(stored.and_then(|slack| slack.text_body.clone()));
    Ok(SlackSettings { recipient_type, recipients, text_body })
}

fn s3(fields: Fields<'_>, stored: Option<&Destination>) -> Result<S3Settings, AppError> {
    let stored = if let Some(Destination::S3(s3)) = stored { Some(s3) } else { None };
    let bucket_name = needed("bucketName", fields.filled("bucketName")?, stored.map(|s3| s3.bucket_name.clone()))?;
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let sized = (3..=63).contains(&bucket_name.len());
    if !sized
        || !bucket_name.chars().all(inner)
        || !edge(bucket_name.chars().next())
        || !edge(bucket_name.chars().last())
        || bucket_name.contains("..")
    {
        return Err(AppError::field("bucketName", "Invalid bucket name: 3 to 63 lower-case letters, digits, hyphens and periods"));
    }
    let region = needed("region", fields.filled("region")?, stored.map(|s3| s3.region.clone()))?;
    let role_arn = needed("roleArn", fields.filled("roleArn")?, stored.map(|s3| s3.role_arn.clone()))?;
    let key_prefix = match fields.text("keyPrefix")? {
        Given::Value(prefix) => normalize_prefix(&prefix)?,
        Given::Null => None,
        Given::Absent => stored.and_then(|s3| s3.key_prefix.clone()),
    };
    let filename = fields.filled("filename")?.over(stored.and_then(|s3| s3.filename.clone()));
    Ok(S3Settings { bucket_name, region, role_arn, key_prefix, filename })
}

/// `/a//b/` becomes `a/b/`; `..` is refused (D8).
fn normalize_prefix(prefix: &str) -> Result<Option<String>, AppError> {
    let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    if parts.contains(&"..") {
        return Err(AppError::field("keyPrefix", "Invalid key prefix: leave out the .. parts"));
    }
    Ok(if parts.is_empty() { None } else { Some(format!("{}/", parts.join("/"))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_key_prefixes_are_normalised() {
        for (given, expected) in [("/a//b/", Some("a/b/")), ("", None), ("/", None), ("a", Some("a/"))] {
            assert_eq!(normalize_prefix(given).expect("valid").as_deref(), expected, "{given}");
        }
        assert!(normalize_prefix("a/../b").is_err());
    }

    #[test]
    fn sftp_addresses_are_hosts_with_or_without_a_scheme() {
        for (given, expected) in [
            ("sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("sftp://sftp.example.com", Some("sftp.example.com")),
            ("sftp://SFTP.example.com/", Some("sftp.example.com")),
            ("[::1]", Some("[::1]")),
            ("sftp://host:22", None),
            ("user@host", None),
            ("host/path", None),
            ("sftp://", None),
        ] {
            assert_eq!(sftp_host(given).as_deref(), expected, "{given}");
        }
    }
}

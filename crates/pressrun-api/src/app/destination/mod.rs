//! Destinations of a body: required fields, lenient forms, and what an update keeps (contract §5.1.4, D13).
//!
//! What a body names is parsed by the domain's types, so that nothing is saved that can only fail when it is due. What it does not name
//! stays as stored, even when an older version stored what is refused today: the schedule can still be renamed and paused, and its runs say
//! what is wrong.

mod s3;
mod sftp;
mod slack;
mod webhook;

use pressrun_domain::destination::{Destination, DestinationKind, EmailSettings};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::secret::Secret;

use super::error::AppError;
use super::given::{Fields, Given};

/// Bytes of a password, a passphrase or a signing secret. A password travels in one packet of SSH, of which servers take 35,000 bytes
/// (RFC 4253 §6.1).
const SECRET_BYTES: usize = 4096;

/// Bytes of a private key.
const PRIVATE_KEY_BYTES: usize = 32 * 1024;

/// Where to, and for mail to whom; addresses are resolved to people later, when everything else is known to be right.
#[derive(Debug)]
pub(crate) struct Target {
    /// The settings; for mail with the recipients that were stored.
    pub(crate) destination: Destination,
    /// The lists of mail that are replaced.
    pub(crate) lists: Lists,
    /// What of the body does nothing.
    pub(crate) warnings: Vec<String>,
}

/// Fields that only one kind of destination takes, for the warning that they are ignored.
const OWN_FIELDS: [(DestinationKind, &[&str]); 5] = [
    (DestinationKind::Email, &["userGroupIds", "subject", "fanOut", "cc", "bcc", "replyTo", "skipRecipientsWithoutValues"]),
    (
        DestinationKind::Sftp,
        &[
            "address",
            "port",
            "username",
            "passwordUnencrypted",
            "privateKeyUnencrypted",
            "passphraseUnencrypted",
            "hostKey",
            "path",
            "uploadMode",
            "temporaryName",
            "legacyAlgorithms",
        ],
    ),
    (DestinationKind::Webhook, &["url", "webhookUrl", "webhookSecretUnencrypted"]),
    (DestinationKind::Slack, &["slackRecipientType"]),
    (DestinationKind::S3, &["bucketName", "region", "roleArn", "keyPrefix"]),
];

/// Fields that mail and Slack share.
const MESSAGE_FIELDS: [&str; 2] = ["recipients", "textBody"];

/// Reads the fields of a `kind`, over the `stored` destination when that is of the same kind.
pub(crate) fn read(kind: DestinationKind, fields: Fields<'_>, stored: Option<&Destination>) -> Result<Target, AppError> {
    let mut lists = Lists::default();
    let destination = match kind {
        DestinationKind::Email => {
            let (settings, listed) = email(fields, stored.and_then(Destination::email))?;
            lists = listed;
            Destination::Email(settings)
        }
        DestinationKind::Sftp => Destination::Sftp(sftp::read(fields, stored)?),
        DestinationKind::Webhook => Destination::Webhook(webhook::read(fields, stored)?),
        DestinationKind::Slack => Destination::Slack(slack::read(fields, stored)?),
        DestinationKind::S3 => Destination::S3(s3::read(fields, stored)?),
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
    Ok(Target { destination, lists, warnings })
}

/// The field's value over what is stored; it has to end up with one.
fn needed<T>(field: &'static str, given: Given<T>, stored: Option<T>) -> Result<T, AppError> {
    match given {
        Given::Value(value) => Ok(value),
        Given::Absent => stored.ok_or_else(|| AppError::required(field)),
        Given::Null => Err(AppError::required(field)),
    }
}

/// Addresses that replace the lists of a mail; `None` keeps the list as it is.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// `recipients`.
    pub(crate) to: Option<Vec<EmailAddress>>,
    /// `cc`.
    pub(crate) cc: Option<Vec<EmailAddress>>,
    /// `bcc`.
    pub(crate) bcc: Option<Vec<EmailAddress>>,
    /// `userGroupIds`, each as given.
    pub(crate) groups: Option<Vec<(String, uuid::Uuid)>>,
    /// Whether naming somebody who is held says that they may have the owner's rows (C2).
    pub(crate) confirms: bool,
}

/// An optional list: `null` and an empty one empty it.
fn copies(fields: Fields<'_>, field: &'static str) -> Result<Option<Vec<EmailAddress>>, AppError> {
    Ok(match fields.emails(field)? {
        Given::Absent => None,
        Given::Null => Some(Vec::new()),
        Given::Value(addresses) => Some(addresses),
    })
}

/// Addresses that stand in other people's mail: every mail server has to take them in its head.
fn ascii(field: &'static str, addresses: &[EmailAddress]) -> Result<(), AppError> {
    let odd = |address: &&EmailAddress| !address.as_str().rsplit_once('@').is_some_and(|(local, _)| local.is_ascii());
    match addresses.iter().find(odd) {
        Some(address) => Err(AppError::field(field, format!("{address} has letters before the @ that not every mail server takes"))),
        None => Ok(()),
    }
}

fn email(fields: Fields<'_>, stored: Option<&EmailSettings>) -> Result<(EmailSettings, Lists), AppError> {
    let groups = match fields.ids("userGroupIds")? {
        Given::Absent => None,
        Given::Null => Some(Vec::new()),
        Given::Value(groups) => Some(groups),
    };
    // A group is a recipient as well.
    let has_groups = groups.as_ref().map_or_else(|| stored.is_some_and(|email| !email.groups.is_empty()), |groups| !groups.is_empty());
    let listed = match fields.emails("recipients")? {
        Given::Value(emails) if emails.is_empty() && !has_groups => {
            return Err(AppError::field("recipients", "Array must contain at least 1 element(s)"));
        }
        Given::Value(emails) => Some(emails),
        Given::Absent if stored.is_some() => None,
        Given::Absent | Given::Null if has_groups => Some(Vec::new()),
        Given::Absent | Given::Null => return Err(AppError::required("recipients")),
    };
    let subject = needed("subject", fields.filled("subject")?, stored.map(|email| email.subject.clone()))?;
    let text_body = fields.text("textBody")?.over(stored.and_then(|email| email.text_body.clone()));
    let fan_out = fields.flag("fanOut")?.or_default(stored.is_some_and(|email| email.fan_out), false);
    let skip_without_values =
        fields.flag("skipRecipientsWithoutValues")?.or_default(stored.is_some_and(|email| email.skip_without_values), false);
    let lists = Lists { to: listed, cc: copies(fields, "cc")?, bcc: copies(fields, "bcc")?, groups, confirms: true };
    ascii("cc", lists.cc.as_deref().unwrap_or_default())?;
    let reply_to = match fields.filled("replyTo")? {
        Given::Value(text) => Given::Value(text.trim().parse().map_err(|_| AppError::field("replyTo", "Invalid email address"))?),
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    };
    ascii("replyTo", reply_to.as_ref().map(std::slice::from_ref).unwrap_or_default())?;
    let kept = stored.cloned().unwrap_or_default();
    let reply_to = reply_to.over(kept.reply_to.clone());
    Ok((EmailSettings { subject, text_body, fan_out, reply_to, skip_without_values, ..kept }, lists))
}

/// Reads what the body names by the domain's parser; a fault is the field's.
fn parsed<T, E: std::fmt::Display>(
    field: &'static str,
    given: &Given<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, AppError> {
    match given.as_ref() {
        Some(text) => parse(text).map(Some).map_err(|fault| AppError::field(field, fault.to_string())),
        None => Ok(None),
    }
}

/// A secret that is no longer than it can be used.
fn bounded_secret(field: &'static str, text: String, bytes: usize) -> Result<Secret, AppError> {
    if text.len() > bytes {
        return Err(AppError::field(field, format!("String must contain at most {bytes} byte(s)")));
    }
    Ok(Secret::new(text))
}

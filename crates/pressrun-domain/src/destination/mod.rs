//! Where a schedule delivers to, as stored; secrets are kept apart and sealed.
//!
//! Stored settings are texts, so that what an older version took can still be read, shown and corrected. Each text has one parser here
//! ([`Host`], [`WebhookUrl`], [`Bucket`], …): the API saves nothing that it refuses, and carriers send nowhere that it refuses.

mod bucket;
mod host;
mod host_key;
mod places;
mod receiver;
mod remote_path;
mod slack_id;
mod webhook;
mod webhook_url;

pub use bucket::{Bucket, InvalidBucket, InvalidKeyPrefix, InvalidRegion, InvalidRoleArn, ObjectKeyPrefix, Region, RoleArn};
pub use host::{Host, InvalidHost, InvalidPort, Port};
pub use host_key::{HostKey, InvalidHostKey};
pub use places::Places;
pub use remote_path::{InvalidLoginName, InvalidRemotePath, LoginName, RemotePath};
pub use slack_id::{InvalidSlackId, SlackId};
pub use webhook::WebhookSettings;
pub use webhook_url::{InvalidWebhookUrl, WebhookUrl};

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::id::{GroupId, MembershipId, RecipientId, UserId};
use crate::secret::Secret;
use crate::sftp_quirks::SftpQuirks;

/// Exactly one destination with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Destination {
    /// Mail to people.
    Email(EmailSettings),
    /// A file on an SSH server.
    Sftp(SftpSettings),
    /// An HTTP POST.
    Webhook(WebhookSettings),
    /// A message with a file.
    Slack(SlackSettings),
    /// An object in a bucket.
    S3(S3Settings),
}

/// The kind of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// Mail.
    Email,
    /// SFTP.
    Sftp,
    /// Webhook.
    Webhook,
    /// Slack.
    Slack,
    /// S3.
    S3,
}

impl DestinationKind {
    /// Every value, in the contract's order.
    pub const ALL: [Self; 5] = [Self::Email, Self::Sftp, Self::Webhook, Self::Slack, Self::S3];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sftp => "sftp",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::S3 => "s3",
        }
    }
}

/// Mail to people. An address stands on one of the three lists only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSettings {
    /// Single recipients, each address once.
    pub recipients: Vec<Recipient>,
    /// Who gets a copy and is named in everybody's mail; nobody with personal copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Recipient>,
    /// Who gets a copy and is named nowhere; nobody with personal copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Recipient>,
    /// Where answers go; `None` is where the operator says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<EmailAddress>,
    /// Groups, expanded at run time (P7).
    pub groups: Vec<GroupId>,
    /// Subject template (D11).
    pub subject: String,
    /// Plain text body template (D11).
    pub text_body: Option<String>,
    /// A personal copy for each recipient, with that person's data.
    pub fan_out: bool,
    /// Personal copies leave out who has no value for an attribute that the content asks for, and so would see nothing of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_without_values: bool,
    /// Members on a list who put themselves there while copies were personal, and so saw their own rows only. Nobody has said that they may see
    /// the owner's: see [`crate::access::is_held`] (C2).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subscribed: BTreeSet<MembershipId>,
    /// People without a login on a list who were named while copies were personal by the organization's policy alone: whoever named them saw
    /// nothing of the owner's go there, and could not have turned it off. See [`crate::access::is_held`] as well (C2).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub named_under_policy: BTreeSet<UserId>,
}

impl EmailSettings {
    /// Everybody who is named: all of them are recipients, whatever rule asks (P2, P9, P12, P13, X8).
    pub fn named(&self) -> impl Iterator<Item = &Recipient> {
        self.recipients.iter().chain(&self.cc).chain(&self.bcc)
    }

    /// Keeps those of them whom `keep` wants.
    pub fn retain(&mut self, keep: impl Fn(&Recipient) -> bool) {
        for list in [&mut self.recipients, &mut self.cc, &mut self.bcc] {
            list.retain(&keep);
        }
        self.forget_who_left();
    }

    /// Keeps the first place of each address (P7): a member who moved to an address that was on a list as well has two.
    pub fn name_each_once(&mut self) {
        let mut seen = HashSet::new();
        for list in [&mut self.recipients, &mut self.cc, &mut self.bcc] {
            list.retain(|place| seen.insert(place.email.folded()));
        }
        self.forget_who_left();
    }

    /// Forgets who of those who are on a list for their own rows stands on none any more.
    pub fn forget_who_left(&mut self) {
        if !self.subscribed.is_empty() {
            let here: BTreeSet<MembershipId> = self.named().filter_map(Recipient::member).collect();
            self.subscribed.retain(|member| here.contains(member));
        }
        if !self.named_under_policy.is_empty() {
            let here: BTreeSet<UserId> = self.named().filter_map(Recipient::outsider).collect();
            self.named_under_policy.retain(|user| here.contains(user));
        }
    }
}

/// One person on the list of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// This place on the list.
    pub id: RecipientId,
    /// Where the mail goes.
    pub email: EmailAddress,
    /// Who it is.
    pub person: Person,
}

impl Recipient {
    /// The person without a login, if it is the place of one.
    #[must_use]
    pub fn outsider(&self) -> Option<UserId> {
        match self.person {
            Person::EmailOnly(id) => Some(id),
            Person::Member(_) => None,
        }
    }

    /// The membership, if it is a member's place.
    #[must_use]
    pub fn member(&self) -> Option<MembershipId> {
        match self.person {
            Person::Member(id) => Some(id),
            Person::EmailOnly(_) => None,
        }
    }
}

/// Who a recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// A member, by membership.
    Member(MembershipId),
    /// An email-only user.
    EmailOnly(UserId),
}

/// A file on an SSH server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftpSettings {
    /// Host as typed: `sftp.example.com` or `sftp://sftp.example.com`.
    pub address: String,
    /// 1 to 65535.
    pub port: u16,
    /// Login name.
    pub username: String,
    /// Password, unless a key is used.
    #[serde(skip)]
    pub password: Option<Secret>,
    /// Private key in OpenSSH or PEM form.
    #[serde(skip)]
    pub private_key: Option<Secret>,
    /// Passphrase of the private key.
    #[serde(skip)]
    pub passphrase: Option<Secret>,
    /// Remote folder; the login folder when absent.
    pub path: Option<String>,
    /// Host key in OpenSSH form (`ssh-ed25519 AAAA…`), given in advance or pinned at first use (D7).
    pub host_key: Option<String>,
    /// What the server needs otherwise than usual.
    #[serde(default)]
    pub quirks: SftpQuirks,
}

/// A message with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlackSettings {
    /// Channel or direct messages.
    pub recipient_type: SlackRecipientType,
    /// Slack ids: one `C…`, or any number of `U…`.
    pub recipients: Vec<String>,
    /// Message text with Slack markup.
    pub text_body: Option<String>,
}

/// Channel or direct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlackRecipientType {
    /// One channel.
    Channel,
    /// Direct messages.
    Users,
}

impl SlackRecipientType {
    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Users => "users",
        }
    }
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Settings {
    /// Bucket name (D8).
    pub bucket_name: String,
    /// Region, such as `us-east-1`.
    pub region: String,
    /// Role to assume.
    pub role_arn: String,
    /// Normalised prefix: no leading slash, a trailing one unless empty (D8).
    pub key_prefix: Option<String>,
    /// File name template without extension (D9).
    pub filename: Option<String>,
}

impl Destination {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> DestinationKind {
        match self {
            Self::Email(_) => DestinationKind::Email,
            Self::Sftp(_) => DestinationKind::Sftp,
            Self::Webhook(_) => DestinationKind::Webhook,
            Self::Slack(_) => DestinationKind::Slack,
            Self::S3(_) => DestinationKind::S3,
        }
    }

    /// The mail settings, when it is mail.
    #[must_use]
    pub fn email(&self) -> Option<&EmailSettings> {
        if let Self::Email(settings) = self { Some(settings) } else { None }
    }

    /// Leaves out who is named on lists of mail, for those who only look at the rest.
    pub fn forget_recipients(&mut self) {
        if let Self::Email(email) = self {
            for list in [&mut email.recipients, &mut email.cc, &mut email.bcc] {
                *list = Vec::new();
            }
            email.forget_who_left();
        }
    }

    /// Every secret by a stable name, for storing them apart and encrypted (D13).
    #[must_use]
    pub fn secrets(&self) -> BTreeMap<String, Secret> {
        let named = |name: &str, secret: &Option<Secret>| secret.clone().map(|secret| (name.to_owned(), secret));
        match self {
            Self::Sftp(sftp) => {
                [named("password", &sftp.password), named("private_key", &sftp.private_key), named("passphrase", &sftp.passphrase)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Webhook(webhook) => webhook.sealed_parts(),
            Self::Email(_) | Self::Slack(_) | Self::S3(_) => BTreeMap::new(),
        }
    }

    /// What somebody sees who may read the schedule and not manage it: where it leads to, and nothing that opens or describes the other
    /// side. Texts that are left out are empty.
    #[must_use]
    pub fn for_readers(self) -> Self {
        match self {
            Self::Webhook(webhook) => Self::Webhook(webhook.without_secrets()),
            Self::Sftp(sftp) => Self::Sftp(SftpSettings {
                username: String::new(),
                password: None,
                private_key: None,
                passphrase: None,
                path: None,
                host_key: None,
                ..sftp
            }),
            Self::S3(s3) => Self::S3(S3Settings { role_arn: String::new(), ..s3 }),
            other @ (Self::Email(_) | Self::Slack(_)) => other,
        }
    }

    /// Whether both lead to the same place, so that a secret meant for one may be shown to the other.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Email(_), Self::Email(_)) | (Self::Slack(_), Self::Slack(_)) => true,
            (Self::Sftp(one), Self::Sftp(two)) => (&one.address, one.port, &one.username) == (&two.address, two.port, &two.username),
            (Self::Webhook(one), Self::Webhook(two)) => one.is_same_address(two),
            (Self::S3(one), Self::S3(two)) => (&one.bucket_name, &one.role_arn) == (&two.bucket_name, &two.role_arn),
            (Self::Email(_) | Self::Sftp(_) | Self::Webhook(_) | Self::Slack(_) | Self::S3(_), _) => false,
        }
    }

    /// Puts secrets back that [`Destination::secrets`] named.
    pub fn restore_secrets(&mut self, mut secrets: BTreeMap<String, Secret>) {
        match self {
            Self::Sftp(sftp) => {
                sftp.password = secrets.remove("password");
                sftp.private_key = secrets.remove("private_key");
                sftp.passphrase = secrets.remove("passphrase");
            }
            Self::Webhook(webhook) => webhook.restore(secrets),
            Self::Email(_) | Self::Slack(_) | Self::S3(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_secrets_are_not_in_the_serialized_form_and_come_back_by_name() {
        let mut destination = Destination::Sftp(SftpSettings {
            address: "sftp.blobsrus.com".into(),
            port: 22,
            username: "blobby".into(),
            password: Some(Secret::new("1am@g00dBL0b")),
            private_key: None,
            passphrase: None,
            path: None,
            host_key: None,
            quirks: SftpQuirks::default(),
        });
        let json = serde_json::to_string(&destination).expect("serializes");
        assert!(!json.contains("1am@g00dBL0b"), "{json}");
        let secrets = destination.secrets();
        let mut read: Destination = serde_json::from_str(&json).expect("reads back");
        read.restore_secrets(secrets);
        assert_eq!(read, destination);
        destination.restore_secrets(BTreeMap::new());
        assert_ne!(read, destination);
    }
}

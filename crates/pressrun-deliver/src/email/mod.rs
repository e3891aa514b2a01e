//! Mail: one message, one recipient, one envelope (P2).

mod compose;
mod dkim;
mod file;
mod head;
mod letter;
mod mime;
mod people;
mod smtp;
mod words;

use std::sync::Arc;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use pressrun_domain::bounce::ReturnPath;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::email::EmailAddress;
use sha2::{Digest, Sha256};
use url::Host;

use crate::config::{ConfigError, DEFAULT_MAX_ATTACHMENT_BYTES, Deadlines, DkimConfig, MailConfig};
use crate::dial::Dialer;
use crate::http::Http;
use crate::nodes::AllNodes;
use crate::outcome::{accepted, chain, rejected, replaced_without_case, retry};
use crate::parcel::{Delivered, Parcel, TurnWatch};
use compose::{Composed, Room};
use dkim::Signer;
use file::Folder;
use smtp::{NotSent, Relay};

/// A PNG of at most this many bytes is shown inside the mail; a larger one is attached (R2).
pub const INLINE_PNG_BYTES_MAX: u64 = 2_097_152;

/// The way mail leaves, and who sends it.
pub(crate) struct Mailer {
    sender: Sender,
    return_path: Option<ReturnPath>,
    max_attachment_bytes: u64,
    transport: Transport,
}

/// Who sends.
pub(crate) struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    signers: Vec<Signer>,
}

enum Transport {
    Relay(Box<Relay>),
    Folder(Folder),
}

impl Mailer {
    /// The way that `config` names; `None` when mail is off.
    pub(crate) fn new(
        config: MailConfig,
        dkim: &[DkimConfig],
        return_path: Option<ReturnPath>,
        (dialer, http): (&Dialer, &Http),
        extra_roots: &[Vec<u8>],
        deadlines: Deadlines,
        nodes: Option<Arc<dyn AllNodes>>,
    ) -> Result<Option<Self>, ConfigError> {
        let signers = dkim.iter().map(Signer::new).collect::<Result<_, _>>()?;
        Ok(Some(match config {
            MailConfig::Off => return Ok(None),
            MailConfig::Smtp(config) => Self {
                sender: Sender {
                    from: mailbox("from", &config.from)?,
                    reply_to: config.reply_to.as_deref().map(|text| mailbox("reply_to", text)).transpose()?,
                    signers,
                },
                return_path,
                max_attachment_bytes: config.max_attachment_bytes,
                transport: Transport::Relay(Box::new(Relay::new(*config, (dialer.clone(), http), extra_roots, deadlines, nodes)?)),
            },
            MailConfig::File { folder, from } => Self {
                sender: Sender { from: mailbox("from", &from)?, reply_to: None, signers },
                return_path,
                max_attachment_bytes: DEFAULT_MAX_ATTACHMENT_BYTES,
                transport: Transport::Folder(Folder::new(folder)),
            },
        }))
    }

    /// The envelope sender: what comes back of this mail comes to an address of its own, where there is one.
    fn envelope_sender(&self, parcel: &Parcel) -> Address {
        let own = self.return_path.as_ref().and_then(|path| path.of(parcel.delivery_id).parse().ok());
        own.unwrap_or_else(|| self.sender.from.email.clone())
    }

    /// The outcome without the return path, which relays like to quote: whoever knows it can have its recipient taken for gone.
    fn without_return_path(&self, parcel: &Parcel, outcome: Outcome) -> Outcome {
        let Some(path) = &self.return_path else { return outcome };
        let own = path.of(parcel.delivery_id);
        let local = own.rsplit_once('@').map_or(own.as_str(), |(local, _)| local);
        outcome.with_words(|words| replaced_without_case(words, local, "[return path]"))
    }

    async fn attempt(&self, parcel: &Parcel, to: &Address, now: Timestamp, watch: &dyn TurnWatch) -> Result<Delivered, Outcome> {
        let composed = self.compose(parcel, to, Room::UpTo(self.max_attachment_bytes), now).await?;
        let relay = match &self.transport {
            Transport::Relay(relay) => relay,
            Transport::Folder(folder) => return Ok(delivered(folder.write(&parcel.idempotency_key, &composed.letter).await, composed)),
        };
        let from = self.envelope_sender(parcel);
        match relay.send((&from, to), &composed.letter, now, watch).await {
            Ok(receipt) => Ok(delivered(accepted(receipt), composed)),
            Err(NotSent::Failed(outcome)) => Err(outcome),
            Err(NotSent::TooLarge(reason)) if !composed.carries_files => Err(rejected(reason)),
            // The server's limit is a limit like ours: the words go without the files (D12), under the same Message-ID.
            Err(NotSent::TooLarge(_)) => {
                let composed = self.compose(parcel, to, Room::Nothing, now).await?;
                match relay.send((&from, to), &composed.letter, now, watch).await {
                    Ok(receipt) => Ok(delivered(accepted(receipt), composed)),
                    Err(NotSent::Failed(outcome)) => Err(outcome),
                    Err(NotSent::TooLarge(reason)) => Err(rejected(reason)),
                }
            }
        }
    }

    /// Connects and logs in, and sends nothing.
    pub(crate) async fn reach(&self, now: Timestamp) -> Outcome {
        match &self.transport {
            Transport::Relay(relay) => relay.reach(now).await,
            Transport::Folder(folder) => folder.reach().await,
        }
    }

    async fn compose(&self, parcel: &Parcel, to: &Address, room: Room, now: Timestamp) -> Result<Composed, Outcome> {
        compose::compose(parcel, &self.sender, to, room, now).await.map_err(|error| retry(format!("mail: {}", chain(&error))))
    }
}

fn delivered(outcome: Outcome, composed: Composed) -> Delivered {
    Delivered { outcome, learnt_host_key: None, warnings: composed.warnings }
}

impl Mailer {
    /// One attempt; `watch` hears when it has its turn at the relay.
    pub(crate) async fn deliver_in_turn(&self, parcel: &Parcel, now: Timestamp, watch: &dyn TurnWatch) -> Delivered {
        let Some(to) = recipient(&parcel.target) else {
            return rejected(format!("mail: {:?} is not a mail address", parcel.target)).into();
        };
        let delivered = self.attempt(parcel, &to, now, watch).await.unwrap_or_else(Delivered::from);
        Delivered { outcome: self.without_return_path(parcel, delivered.outcome), ..delivered }
    }
}

/// A sender's address with its domain in ASCII form, as it goes on the wire.
fn mailbox(field: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    let invalid = || ConfigError::Mailbox { field, text: text.to_owned() };
    let Mailbox { name, email } = text.parse::<Mailbox>().map_err(|_| invalid())?;
    let Ok(Host::Domain(domain)) = Host::parse(email.domain()) else { return Err(invalid()) };
    Ok(Mailbox::new(name, Address::new(email.user(), domain).map_err(|_| invalid())?))
}

/// The address as it goes on the wire: the domain in its ASCII form, the local part as typed.
fn recipient(text: &str) -> Option<Address> {
    let checked: EmailAddress = text.trim().parse().ok()?;
    let (local, domain) = checked.as_str().rsplit_once('@')?;
    match Host::parse(domain).ok()? {
        Host::Domain(domain) => Address::new(local, domain).ok(),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// `key` when it may stand as it is in a name made of `[A-Za-z0-9._-]`, else a digest of it.
pub(crate) fn plain_key(key: &str) -> String {
    let plain = !key.is_empty()
        && key.len() <= 120
        && !key.starts_with('.')
        && !key.ends_with('.')
        && !key.contains("..")
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain { key.to_owned() } else { hex::encode(&Sha256::digest(key)[..16]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_only_a_plain_address_becomes_a_recipient() {
        for (text, expected) in [
            ("blob@myorg.co", Some("blob@myorg.co")),
            (" blob@myorg.co ", Some("blob@myorg.co")),
            ("blob@exämple.org", Some("blob@xn--exmple-cua.org")),
            ("blöb@myorg.co", Some("blöb@myorg.co")),
            ("blob@myorg.co\r\nBcc: evil@myorg.co", None),
            ("blob@myorg.co,evil@myorg.co", None),
            ("<blob@myorg.co>", None),
            ("blob", None),
            ("", None),
        ] {
            assert_eq!(recipient(text).map(|found| format!("{found}")).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn i6_a_key_with_odd_letters_becomes_a_digest_and_always_the_same() {
        assert_eq!(plain_key("run-1.delivery_2"), "run-1.delivery_2");
        assert_eq!(plain_key("a/b"), plain_key("a/b"));
        assert_ne!(plain_key("a/b"), plain_key("a/c"));
        assert!(!plain_key("../../etc/passwd").contains('/'));
    }
}

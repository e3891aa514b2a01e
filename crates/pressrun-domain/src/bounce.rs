//! What comes back of mail: return paths that name the piece they are of, what a report means, and addresses that get nothing more.
//!
//! Anybody may send a mail that looks like a report. So whom a report is about is never read from its words: the return path it came to
//! carries the id of the piece and a signature over it, and the address is the one that this piece went to.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use crate::email::EmailAddress;
use crate::id::{DeliveryId, RunId, ScheduleId};
use crate::secret::Secret;

/// Bytes of the signature in a return path. Guesses come by mail, one at a time: 64 bits are out of reach.
const SIGNATURE_BYTES: usize = 8;

/// Characters of the token: id and signature in hexadecimal, which no mail server changes by folding case.
const TOKEN_CHARS: usize = 2 * (16 + SIGNATURE_BYTES);

/// Longest local part (RFC 5321 §4.5.3.1.1).
const LOCAL_CHARS_MAX: usize = 64;

/// The operator's return path is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReturnPath {
    /// The text is no address, or not of ASCII letters.
    #[error("not a mail address in ASCII; write it as bounces@reports.example.com")]
    Address,
    /// No room is left for the token.
    #[error("the part before the @ may have at most {} characters: the mark of each mail goes behind it", LOCAL_CHARS_MAX - 1 - TOKEN_CHARS)]
    TooLong,
    /// The key signs nothing.
    #[error("the key of return paths cannot sign")]
    Key,
}

/// Makes and reads envelope senders of the form `bounces+TOKEN@reports.example.com` (VERP), one for each mail.
#[derive(Debug, Clone)]
pub struct ReturnPath {
    local: String,
    domain: String,
    /// Keyed, and fed with what its signatures are for.
    mac: Hmac<Sha256>,
}

impl ReturnPath {
    /// Return paths under `address`, signed with `key`.
    ///
    /// # Errors
    /// [`InvalidReturnPath`].
    pub fn new(address: &str, key: &Secret) -> Result<Self, InvalidReturnPath> {
        let checked: EmailAddress = address.parse().map_err(|_| InvalidReturnPath::Address)?;
        let (local, domain) = checked.as_str().rsplit_once('@').ok_or(InvalidReturnPath::Address)?;
        if !checked.as_str().is_ascii() {
            return Err(InvalidReturnPath::Address);
        }
        if local.len() + 1 + TOKEN_CHARS > LOCAL_CHARS_MAX {
            return Err(InvalidReturnPath::TooLong);
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose().as_bytes()).map_err(|_| InvalidReturnPath::Key)?;
        mac.update(b"return path");
        Ok(Self { local: local.to_owned(), domain: domain.to_ascii_lowercase(), mac })
    }

    /// The envelope sender of a piece; the same on every attempt.
    #[must_use]
    pub fn of(&self, delivery: DeliveryId) -> String {
        let signature = self.signing(delivery).finalize().into_bytes();
        let token = [delivery.0.as_bytes().as_slice(), &signature[..SIGNATURE_BYTES]].concat();
        format!("{}+{}@{}", self.local, hex::encode(token), self.domain)
    }

    /// The piece that an address is of; `None` when we did not make it. Compared in constant time and without case.
    #[must_use]
    pub fn read(&self, address: &str) -> Option<DeliveryId> {
        let (local, domain) = address.rsplit_once('@')?;
        let (start, token) = local.split_at_checked(self.local.len())?;
        let token = token.strip_prefix('+')?;
        if !start.eq_ignore_ascii_case(&self.local) || !domain.eq_ignore_ascii_case(&self.domain) || token.len() != TOKEN_CHARS {
            return None;
        }
        let bytes = hex::decode(token).ok()?;
        let (id, signature) = bytes.split_at_checked(16)?;
        let delivery = DeliveryId(Uuid::from_slice(id).ok()?);
        self.signing(delivery).verify_truncated_left(signature).ok()?;
        Some(delivery)
    }

    fn signing(&self, delivery: DeliveryId) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(delivery.0.as_bytes());
        mac
    }
}

/// What a report says of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it means.
    pub kind: BounceKind,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: Option<String>,
    /// The remote's words, on one line.
    pub words: String,
}

/// What a report means for the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BounceKind {
    /// The mail did not arrive, and no mail to this address will (RFC 3464, class 5).
    Permanent,
    /// The mail did not arrive or is late; another may arrive.
    Transient,
    /// The reader called it unwanted (RFC 5965).
    Complaint,
}

impl BounceKind {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Permanent, Self::Transient, Self::Complaint];

    /// The word in storage and history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "bounced",
            Self::Transient => "delayed",
            Self::Complaint => "complaint",
        }
    }

    /// Whether the address gets nothing more.
    #[must_use]
    pub fn suppresses(self) -> bool {
        match self {
            Self::Permanent | Self::Complaint => true,
            Self::Transient => false,
        }
    }
}

/// What a delivery status notification means for the address: `None` when it tells of no trouble.
///
/// `action` and `status` are those of RFC 3464. Of class 5, what speaks of this one message or of us and not of the mailbox does not end
/// mail to it: a full mailbox (`x.2.2`), sizes (`x.2.3`, `x.3.4`), contents (`x.6.x`), and policy (`x.7.x`), where it is usually our own
/// signature or reputation that has to be mended.
#[must_use]
pub fn meaning(action: &str, status: Option<&str>) -> Option<BounceKind> {
    match action.trim().to_ascii_lowercase().as_str() {
        "failed" => {}
        "delayed" => return Some(BounceKind::Transient),
        _ => return None,
    }
    let mut digits = status.unwrap_or_default().split('.');
    let (class, subject, detail) = (digits.next()?, digits.next().unwrap_or_default(), digits.next().unwrap_or_default());
    let of_the_message = matches!((subject, detail), ("2", "2" | "3") | ("3", "4") | ("6" | "7", _));
    Some(if class == "5" && !of_the_message { BounceKind::Permanent } else { BounceKind::Transient })
}

/// What a complaint of this type (RFC 5965 §3.1, RFC 6430) means; `None` when it is none.
#[must_use]
pub fn complaint(feedback_type: &str) -> Option<BounceKind> {
    let kind = feedback_type.trim().to_ascii_lowercase();
    matches!(kind.as_str(), "abuse" | "fraud" | "opt-out" | "opt-out-list" | "other" | "virus").then_some(BounceKind::Complaint)
}

/// A report that is kept, as history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The piece, or the notice, that it is about.
    pub delivery: DeliveryId,
    /// What it says.
    pub report: Report,
    /// When it was taken in.
    pub at: Timestamp,
}

/// A mail of ours, as a report finds it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailed {
    /// Where it went.
    pub email: EmailAddress,
    /// The run that sent it; `None` for a notice that no run gave reason for.
    pub run: Option<RunId>,
    /// Its schedule; a test's is one that does not exist.
    pub schedule: ScheduleId,
}

/// An address that gets nothing more until somebody lifts this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The address as it was written to; unique without case.
    pub email: EmailAddress,
    /// The report that led to it.
    pub report: Report,
    /// Since when.
    pub at: Timestamp,
    /// The piece that came back.
    pub delivery: DeliveryId,
    /// Its run, as long as that is kept.
    pub run: Option<RunId>,
    /// Its schedule.
    pub schedule: ScheduleId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(key: &str) -> ReturnPath {
        ReturnPath::new("bounces@reports.example.com", &Secret::new(key)).expect("an address")
    }

    #[test]
    fn verp_a_return_path_names_its_piece_and_nobody_else_can_make_one() {
        let (ours, piece) = (paths("k"), DeliveryId::generate());
        let address = ours.of(piece);
        let (local, domain) = address.rsplit_once('@').expect("an address");
        assert_eq!((domain, local.len() <= 64, address.is_ascii()), ("reports.example.com", true, true));
        assert!(address.parse::<EmailAddress>().is_ok(), "{address}");
        assert_eq!(ours.read(&address), Some(piece));
        assert_eq!(ours.read(&address.to_uppercase()), Some(piece), "servers may fold case");
        assert_eq!(ours.of(piece), address, "I6: the same on every attempt");
        let other = ours.of(DeliveryId::generate());
        // The id of one piece with the signature of another.
        let forged = format!("{}{}", &address[..40], &other[40..]);
        for (case, refused) in [
            ("another server's", paths("other").of(piece)),
            ("a forged one", forged),
            ("another domain", address.replace("reports", "evil")),
            ("another mailbox", address.replace("bounces", "answers")),
            ("no token", "bounces@reports.example.com".to_owned()),
            ("a short one", address.replacen(&address[8..20], "", 1)),
            ("no hexadecimal", address.replace(&address[8..12], "zzzz")),
            ("odd letters", "böunces+é@reports.example.com".to_owned()),
            ("nothing", String::new()),
        ] {
            assert_eq!(ours.read(&refused), None, "{case}: {refused}");
        }
    }

    #[test]
    fn verp_a_return_path_without_room_for_its_mark_is_refused() {
        let new = |address: &str| ReturnPath::new(address, &Secret::new("k")).map(|_| ());
        assert_eq!(new("bounces@reports.example.com"), Ok(()));
        assert_eq!(new("bounces-of-all-reports@example.com"), Err(InvalidReturnPath::TooLong));
        assert_eq!(new("böunces@example.com"), Err(InvalidReturnPath::Address));
        assert_eq!(new("bounces"), Err(InvalidReturnPath::Address));
        assert_eq!(InvalidReturnPath::TooLong.to_string().matches("15").count(), 1, "{}", InvalidReturnPath::TooLong);
    }

    #[test]
    fn a_report_ends_mail_to_a_mailbox_only_when_it_speaks_of_the_mailbox() {
        use BounceKind::{Permanent, Transient};
        for (action, status, expected) in [
            ("failed", Some("5.1.1"), Some(Permanent)),
            ("Failed", Some("5.0.0"), Some(Permanent)),
            ("failed", Some("5.2.1"), Some(Permanent)),
            ("failed", Some("5.4.4"), Some(Permanent)),
            ("failed", Some("5"), Some(Permanent)),
            ("failed", Some("5.2.2"), Some(Transient)),
            ("failed", Some("5.3.4"), Some(Transient)),
            ("failed", Some("5.6.0"), Some(Transient)),
            ("failed", Some("5.7.26"), Some(Transient)),
            ("failed", Some("4.4.7"), Some(Transient)),
            ("failed", None, Some(Transient)),
            ("failed", Some("x.1.1"), Some(Transient)),
            ("delayed", Some("5.1.1"), Some(Transient)),
            ("delivered", Some("2.0.0"), None),
            ("relayed", None, None),
            ("expanded", None, None),
            ("", Some("5.1.1"), None),
        ] {
            assert_eq!(meaning(action, status), expected, "{action} {status:?}");
        }
        for (kind, expected) in [("abuse", true), ("Fraud", true), ("not-spam", false), ("auth-failure", false), ("", false)] {
            assert_eq!(complaint(kind).is_some(), expected, "{kind}");
        }
    }
}

//! The ledger's rows: what a run promised, and each try at it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::id::{DeliveryId, RunId};
use crate::mail::MailWords;
use crate::run::ArtifactRecord;

/// One piece that a run promised: one artifact to one recipient or destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// UUID; made from run and target, so that promising twice is promising once.
    pub id: DeliveryId,
    /// The run.
    pub run: RunId,
    /// Recipient address, Slack id, or the destination's name; unique in the run.
    pub target: String,
    /// Which audience's artifact it carries.
    pub audience: String,
    /// What it carries; `None` for link_only without a file.
    pub artifact: Option<ArtifactRecord>,
    /// The same on every attempt: Message-ID local part, webhook id, client message id (I6).
    pub idempotency_key: String,
    /// The message around the artifact, rendered once for the audience.
    pub message: Message,
    /// Where it stands.
    pub state: DeliveryState,
    /// Every try so far, oldest first.
    pub attempts: Vec<Attempt>,
}

/// The words around an artifact, the same on every attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Message {
    /// Subject, templates resolved.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The words of a mail with the places that are each reader's own; `None` sends `text`. Not stored, see `words_artifact`.
    #[serde(skip)]
    pub words: Option<MailWords>,
    /// SHA-256 of the words (JSON) in the spool, one file for all recipients of an audience.
    #[serde(alias = "htmlArtifact")]
    pub words_artifact: Option<String>,
    /// SHA-256 of a PNG in the spool that a mail shows.
    pub inline_png: Option<String>,
    /// Address of the dashboard with the effective filters.
    pub link: Option<String>,
    /// Address of the one-click unsubscribe page (RFC 8058).
    pub unsubscribe: Option<String>,
    /// What the head of a mail says besides the subject.
    #[serde(skip_serializing_if = "Heading::is_plain")]
    pub heading: Heading,
}

/// The fields of a mail's head that name people. Each recipient gets a message alone (P2); the head says what the others may know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Heading {
    /// As what this recipient gets it.
    pub role: MailRole,
    /// Whom `To` names in a copy: the one recipient there is. `None` names nobody, for several do not see each other.
    pub copy_of: Option<EmailAddress>,
    /// Whom `Cc` names.
    pub cc: Vec<EmailAddress>,
    /// Where answers go; `None` is where the operator says.
    pub reply_to: Option<EmailAddress>,
}

impl Heading {
    /// Whether it says no more than the recipient's own address.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// As what somebody gets a mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailRole {
    /// It is for them.
    #[default]
    To,
    /// A copy that everybody knows of.
    Cc,
    /// A copy that nobody knows of.
    Bcc,
}

impl MailRole {
    /// The word in history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// Owed; not before `not_before`.
    Pending {
        /// Earliest instant of the next attempt.
        not_before: Timestamp,
    },
    /// The remote took it; never sent again (I7).
    Accepted {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Failed {
        /// When.
        at: Timestamp,
        /// The named reason.
        reason: String,
    },
    /// Never tried.
    Skipped {
        /// The named reason.
        reason: String,
    },
}

impl DeliveryState {
    /// The word in history and storage.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Accepted { .. } => "accepted",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// One try at a delivery, with what the remote said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// 1, 2, 3 …
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while under way, and for ever if the process died in it.
    pub ended_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<Outcome>,
}

/// What one attempt came to. The destination classifies, where the knowledge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum Outcome {
    /// The remote took it.
    Accepted {
        /// The remote's answer, shortened and redacted.
        receipt: String,
    },
    /// It may work later (S9, D3).
    Retry {
        /// What went wrong, where.
        reason: String,
        /// The remote asked to wait until then (`Retry-After`).
        not_before: Option<Timestamp>,
    },
    /// It will not work by waiting (D3).
    Rejected {
        /// What went wrong, where.
        reason: String,
    },
    /// The way out itself is shut, whoever the piece is for: a relay that refuses our login, or that has enough of us for now. Nothing was
    /// said about this piece, so it is no attempt that counts, and the pieces after it need not be tried either.
    Held {
        /// What is wrong with the way out.
        reason: String,
        /// When it was found shut; all pieces that meet the same trouble say the same instant.
        since: Timestamp,
        /// When it is worth a look again.
        not_before: Timestamp,
        /// Somebody has to put it right; else it passes by itself.
        by_hand: bool,
    },
}

impl Outcome {
    /// The same with what was said made anew.
    #[must_use]
    pub fn with_words(mut self, change: impl FnOnce(&str) -> String) -> Self {
        let (Self::Accepted { receipt: words }
        | Self::Retry { reason: words, .. }
        | Self::Rejected { reason: words }
        | Self::Held { reason: words, .. }) = &mut self;
        *words = change(words);
        self
    }

    /// What went wrong; `None` when the remote took it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Accepted { .. } => None,
            Self::Retry { reason, .. } | Self::Rejected { reason } | Self::Held { reason, .. } => Some(reason),
        }
    }
}

/// How many of these attempts count (S9): all but those that found the way out shut.
#[must_use]
pub fn counted(attempts: &[Attempt]) -> u32 {
    let counts = |attempt: &&Attempt| !matches!(attempt.outcome, Some(Outcome::Held { .. }));
    u32::try_from(attempts.iter().filter(counts).count()).unwrap_or(u32::MAX)
}

/// How the pieces of a run stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pieces that were taken.
    pub accepted: u64,
    /// Pieces that were given up.
    pub failed: u64,
    /// Pieces that were never to be tried.
    pub skipped: u64,
    /// Pieces that are owed.
    pub pending: u64,
    /// The earliest instant at which an owed piece may be tried.
    pub next_attempt: Option<Timestamp>,
    /// Why the first piece that was given up was, in the order promised.
    pub first_failure: Option<String>,
}

impl Tally {
    /// All pieces.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.accepted + self.failed + self.skipped + self.pending
    }

    /// How the run ends, given whether a tile failed before (S1, S2, P4, S5); `None` while something is owed.
    #[must_use]
    pub fn verdict(&self, something_failed_before: bool) -> Option<crate::run::RunStatus> {
        use crate::run::RunStatus;
        if self.pending > 0 {
            return None;
        }
        Some(match (self.accepted > 0, something_failed_before || self.failed > 0) {
            (true, false) => RunStatus::Complete,
            (true, true) => RunStatus::ErrorDelivered,
            (false, _) => RunStatus::Error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunStatus;

    #[test]
    fn p4_the_verdict_follows_the_pieces() {
        let tally = |accepted, failed, skipped, pending| Tally { accepted, failed, skipped, pending, ..Tally::default() };
        for (case, tally, tile_failed, expected) in [
            ("s1 all accepted", tally(2, 0, 0, 0), false, Some(RunStatus::Complete)),
            ("s2 a tile failed", tally(1, 0, 0, 0), true, Some(RunStatus::ErrorDelivered)),
            ("p4 one failed", tally(1, 1, 0, 0), false, Some(RunStatus::ErrorDelivered)),
            ("p4 all failed", tally(0, 2, 0, 0), false, Some(RunStatus::Error)),
            ("p10 one skipped", tally(1, 0, 1, 0), false, Some(RunStatus::Complete)),
            ("nobody left", tally(0, 0, 1, 0), false, Some(RunStatus::Error)),
            ("something owed", tally(1, 0, 0, 1), false, None),
        ] {
            assert_eq!(tally.verdict(tile_failed), expected, "{case}");
        }
    }
}

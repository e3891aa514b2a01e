//! Every reason for which a use case refuses, in the exact words of the contract.

use std::borrow::Cow;

use jiff::Timestamp;
use pressrun_domain::key::Scope;
use pressrun_domain::text;
use pressrun_store::StoreError;

/// Characters of a refusal. Refusals name what was sent, which may be as long as a body.
const TOLD_CHARACTERS: usize = 2_000;

/// A refused or failed use case. `Display` is the `detail` of the answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// The body is not JSON (§5.1.7 row 1).
    #[error("Invalid JSON")]
    InvalidJson,
    /// One field is at fault; `prefix` is `Bad Request: ` at some endpoints and empty at others (§1.3).
    #[error("{prefix}{field}: {fault}")]
    Field {
        /// What comes first.
        prefix: &'static str,
        /// First path element only.
        field: Cow<'static, str>,
        /// What is wrong.
        fault: Cow<'static, str>,
    },
    /// Fields that do not go together, in the contract's words.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// No token, or one that opens nothing.
    #[error("Unauthorized: Missing or invalid API key")]
    Unauthorized,
    /// The caller may not do this.
    #[error("Permission denied")]
    Denied,
    /// The key is not for requests of this kind.
    #[error("Permission denied: this API key lacks the scope `{}`", .0.as_str())]
    OutOfScope(Scope),
    /// A personal token used for somebody else (§1.2).
    #[error("User-scoped API keys can only be used to act on behalf of the authenticated user.")]
    ForOthers,
    /// The new owner may not see the dashboard (§5.11).
    #[error("New owner does not have permission to view the dashboard")]
    NewOwnerDenied,
    /// No such document (§5.1.7 row 10).
    #[error("Document with identifier \"{0}\" not found")]
    NoDocument(String),
    /// No such member.
    #[error("User with id {0} does not exist")]
    NoUser(String),
    /// No such schedule; the id as given.
    #[error("Scheduled task with id {0} does not exist")]
    NoSchedule(String),
    /// No such run; the id as given.
    #[error("Run with id {0} does not exist")]
    NoRun(String),
    /// The run has no such piece; the id as given.
    #[error("Delivery with id {0} does not exist")]
    NoDelivery(String),
    /// The piece cannot be sent again.
    #[error("{0}")]
    NotResendable(Cow<'static, str>),
    /// No offer of this schedule stands (C1).
    #[error("There is no offer of this schedule that stands; it lapsed, was answered or taken back, or the schedule was changed since")]
    NoOffer,
    /// Who accepts an offer does not say which (C1).
    #[error(
        "Say what you accept: read the offer at GET /api/v1/schedules/{{scheduleId}}/ownership-offer, see what it sends and to whom, and name its `ETag` in `If-Match`"
    )]
    Unseen,
    /// An offer stands, and it is not the one that was read (C1).
    #[error("What is offered was changed and offered anew since it was read; read it again")]
    OtherOffer,
    /// No such request stands (C2).
    #[error("There is no such request that stands; it lapsed, was answered or taken back, or the schedule has another owner now")]
    NoRequest,
    /// The owner declined a request of the same member (C2).
    #[error("The owner declined; it can be asked again after {0:.0}")]
    DeclinedUntil(jiff::Timestamp),
    /// No such key; the id as given.
    #[error("API key with id {0} does not exist")]
    NoKey(String),
    /// The address is not suppressed; as given.
    #[error("{0} is not suppressed")]
    NoSuppression(String),
    /// The run has no such file, or it was kept long enough.
    #[error("Artifact {0} does not exist or is no longer kept")]
    NoArtifact(String),
    /// A run is under way (I3).
    #[error("Another execution of this schedule is in progress")]
    RunInProgress,
    /// A run is under way and waits to try again (I3): the contract's sentence, and then until when and why.
    #[error("Another execution of this schedule is in progress; it waits until {until} to try again{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    RunWaits {
        /// When it goes on.
        until: Timestamp,
        /// What the last attempt came to.
        reason: Option<String>,
    },
    /// The run is over.
    #[error("Run has already ended")]
    RunEnded,
    /// System disabled (Q4).
    #[error("Cannot trigger an inactive schedule")]
    Inactive,
    /// Somebody else changed the schedule again and again.
    #[error("The schedule was changed by somebody else at the same time; try again")]
    Busy,
    /// `If-Match` names an older version (X10).
    #[error("The schedule was changed since it was read; read it again and repeat the change")]
    Stale,
    /// What the call was about was deleted while it was answered.
    #[error("The {0} does not exist any more")]
    Gone(&'static str),
    /// A run could not be queued, for the database failed (§5.3).
    #[error("The run could not be queued: the server's database failed, and its log says why; nothing was sent")]
    NotQueued(#[source] StoreError),
    /// The store failed; never shown.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The system gave no randomness; never shown.
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Busy,
            StoreError::RunInProgress => Self::RunInProgress,
            StoreError::NotFound(what) => Self::Gone(what),
            failed @ (StoreError::Unavailable(_)
            | StoreError::Undone(_)
            | StoreError::Corrupt { .. }
            | StoreError::LeaseLost
            | StoreError::Sealing(_)) => Self::Store(failed),
        }
    }
}

impl AppError {
    /// What it says, in so many characters at most: what somebody sent is not sent back to them whole.
    pub(crate) fn told(&self) -> String {
        text::shortened(&self.to_string(), TOLD_CHARACTERS)
    }

    /// `<field>: <fault>`.
    pub(crate) fn field(field: impl Into<Cow<'static, str>>, fault: impl Into<Cow<'static, str>>) -> Self {
        Self::Field { prefix: "", field: field.into(), fault: fault.into() }
    }

    /// `<field>: Required`.
    pub(crate) fn required(field: &'static str) -> Self {
        Self::field(field, "Required")
    }

    /// A sentence of its own.
    pub(crate) fn invalid(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(text.into())
    }

    /// What a refusal of the store means for a call about the schedule of this id, as given: one that is gone never was (X9).
    pub(crate) fn about_schedule(id: &str) -> impl FnOnce(StoreError) -> Self {
        |error| match error {
            StoreError::NotFound(_) => Self::NoSchedule(id.to_owned()),
            other => other.into(),
        }
    }

    /// The same fault behind another prefix.
    pub(crate) fn prefixed(self, prefix: &'static str) -> Self {
        match self {
            Self::Field { field, fault, .. } => Self::Field { prefix, field, fault },
            other => other,
        }
    }
}

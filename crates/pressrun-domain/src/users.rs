//! Email-only users: recipients with an address and attributes, but no login.

use jiff::Timestamp;

use crate::catalog::AttributeValues;
use crate::email::EmailAddress;
use crate::id::UserId;

/// A recipient without a login.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailOnlyUser {
    /// What the API calls `userId`.
    pub id: UserId,
    /// Unique without case (P8).
    pub email: EmailAddress,
    /// Values that are set; unset attributes take the definition's default.
    pub attributes: AttributeValues,
    /// When it was made.
    pub created_at: Timestamp,
}

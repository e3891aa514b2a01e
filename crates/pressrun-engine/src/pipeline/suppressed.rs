//! Addresses that get nothing more, because mail to them came back or was called unwanted.

use std::collections::HashSet;

use pressrun_domain::email::EmailAddress;
use pressrun_store::{Store, StoreError};

/// The named reason of a piece that is not sent.
pub(crate) const SUPPRESSED: &str = "suppressed";

/// Which of `targets` are suppressed, in lower case. What is no address is none of them.
pub(crate) async fn suppressed<'a>(store: &dyn Store, targets: impl Iterator<Item = &'a str>) -> Result<HashSet<String>, StoreError> {
    let addresses: Vec<EmailAddress> = targets.filter_map(|target| target.parse().ok()).collect();
    let found = store.suppressed(&addresses).await?;
    Ok(found.into_iter().map(|suppression| suppression.email.folded()).collect())
}

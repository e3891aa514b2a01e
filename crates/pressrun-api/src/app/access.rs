//! What the answers of [`pressrun_domain::access`] are to a call (contract §1.2).

use pressrun_domain::access::Actor;
use pressrun_domain::catalog::{Catalog, Member};

use super::error::AppError;

/// Goes on, or refuses.
pub(crate) fn granted(may: bool) -> Result<(), AppError> {
    if may { Ok(()) } else { Err(AppError::Denied) }
}

/// Only organization keys.
pub(crate) fn organization_only(actor: &Actor) -> Result<(), AppError> {
    granted(actor.is_organization())
}

/// The member that a `userId` names for an organization key; personal tokens may not name one at all (§1.2, §5.1.7 rows 15 to 17).
pub(crate) fn acting_for<'a>(actor: &Actor, catalog: &'a Catalog, user_id: Option<&str>) -> Result<Option<&'a Member>, AppError> {
    let Some(text) = user_id else { return Ok(None) };
    if !actor.is_organization() {
        return Err(AppError::ForOthers);
    }
    let id = pressrun_domain::id::parse_uuid(text).map_err(|_| AppError::field("userId", "Invalid uuid"))?;
    catalog.member(id).map(Some).ok_or_else(|| AppError::NoUser(text.to_owned()))
}

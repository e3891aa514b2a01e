//! What of the catalog's files is not in force.

use pressrun_domain::access::Actor;

use super::access;
use super::error::AppError;
use crate::state::{ApiState, CatalogFaults};

/// All of it, for admins and organization keys: it may quote the files.
pub(crate) fn faults(state: &ApiState, actor: &Actor) -> Result<CatalogFaults, AppError> {
    access::granted(actor.is_admin(&state.catalog.current()))?;
    Ok(state.catalog.faults())
}

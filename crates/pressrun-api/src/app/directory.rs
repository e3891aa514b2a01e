//! The members and groups of the organization, as far as the caller may see them.

use pressrun_domain::access::Actor;
use pressrun_domain::access::acquainted::Acquainted;
use pressrun_domain::catalog::{Catalog, Group, Member};

use super::error::AppError;
use super::list::{self, Listed, Parameters};

/// Members in the catalog's order. Admins and organization keys see all of them; others themselves and the active members of their groups.
pub(crate) fn members<'a>(catalog: &'a Catalog, actor: &Actor, parameters: &Parameters) -> Result<Listed<&'a Member>, AppError> {
    let page_size = parameters.page_size(100)?;
    let acquainted = actor.acquainted(catalog);
    let sees = |member: &&Member| acquainted == Acquainted::All || (member.active && acquainted.has_member(member.id));
    let wanted = parameters.filled("q").map(|part| part.to_lowercase());
    let matches = |member: &&Member| {
        wanted.as_ref().is_none_or(|part| member.name.to_lowercase().contains(part) || member.email.folded().contains(part))
    };
    list::slice(catalog.members.iter().filter(sees).filter(matches).collect(), parameters.page(), page_size)
}

/// Groups in the catalog's order. Admins and organization keys see all of them; others their own.
pub(crate) fn groups<'a>(catalog: &'a Catalog, actor: &Actor, parameters: &Parameters) -> Result<Listed<&'a Group>, AppError> {
    let page_size = parameters.page_size(100)?;
    let acquainted = actor.acquainted(catalog);
    list::slice(catalog.groups.iter().filter(|group| acquainted.has_group(group.id)).collect(), parameters.page(), page_size)
}

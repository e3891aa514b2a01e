//! The members and groups of the organization, as far as the caller may see them.

use std::collections::BTreeSet;

use pressrun_domain::access::Actor;
use pressrun_domain::catalog::{Catalog, Group, Member};
use pressrun_domain::id::MembershipId;

use super::error::AppError;
use super::list::{self, Listed, Parameters};

/// Members in the catalog's order. Admins and organization keys see all of them; others themselves and the active members of their groups.
pub(crate) fn members<'a>(catalog: &'a Catalog, actor: &Actor, parameters: &Parameters) -> Result<Listed<&'a Member>, AppError> {
    let page_size = parameters.page_size(100)?;
    let mut known: BTreeSet<MembershipId> = own_groups(catalog, actor).flat_map(|group| group.members.iter().copied()).collect();
    known.insert(actor.member);
    let sees_all = actor.is_admin(catalog);
    let wanted = parameters.filled("q").map(|part| part.to_lowercase());
    let matches = |member: &&Member| {
        wanted.as_ref().is_none_or(|part| member.name.to_lowercase().contains(part) || member.email.folded().contains(part))
    };
    let rows = catalog.members.iter().filter(|member| sees_all || (member.active && known.contains(&member.id))).filter(matches);
    list::slice(rows.collect(), parameters.page(), page_size)
}

/// Groups in the catalog's order. Admins and organization keys see all of them; others their own.
pub(crate) fn groups<'a>(catalog: &'a Catalog, actor: &Actor, parameters: &Parameters) -> Result<Listed<&'a Group>, AppError> {
    let page_size = parameters.page_size(100)?;
    let rows = if actor.is_admin(catalog) { catalog.groups.iter().collect() } else { own_groups(catalog, actor).collect::<Vec<_>>() };
    list::slice(rows, parameters.page(), page_size)
}

fn own_groups<'a>(catalog: &'a Catalog, actor: &Actor) -> impl Iterator<Item = &'a Group> {
    let own = actor.member;
    catalog.groups.iter().filter(move |group| group.members.contains(&own))
}

//! What a changed catalog means for stored schedules: current names, and schedules that can no longer run (X1, Q2, F12).

use pressrun_domain::catalog::Catalog;
use pressrun_domain::schedule::{SystemDisabled, fault};
use pressrun_store::{Names, StoreError};

use crate::notice;
use crate::pipeline::Context;

/// Names of a schedule's document, owner and watched query, as the catalog has them now; the identifier or id where it has none.
#[must_use]
pub fn names(definition: &pressrun_domain::schedule::Definition, catalog: &Catalog) -> Names {
    let document = catalog.documents.get(&definition.identifier);
    let owner = catalog.member(definition.owner.0);
    let watched = definition
        .condition
        .as_ref()
        .and_then(|condition| document?.dashboard.as_ref()?.tiles.get(&condition.tile).map(|tile| tile.title.clone()));
    Names {
        dashboard: document.map_or_else(|| definition.identifier.0.clone(), |document| document.name.clone()),
        owner: owner.map_or_else(|| definition.owner.to_string(), |owner| owner.name.clone()),
        condition_query: watched,
    }
}

/// Re-validates every schedule against the catalog as it was just published, and brings the list's names up to date. A schedule that
/// can no longer run is switched off and its owner told (X1, Q2, F12); one whose cause is gone stays off, and its owner is told that it
/// can be switched on (X5). Returns how many schedules were switched off.
///
/// # Errors
/// The store failed; run it again.
pub async fn published(context: &Context) -> Result<u32, StoreError> {
    let (store, catalog, now) = (&context.store, context.catalog.current(), context.clock.now());
    let dashboards: Vec<_> = catalog.documents.values().map(|document| (document.identifier.clone(), document.name.clone())).collect();
    let owners: Vec<_> = catalog.members.iter().map(|member| (member.id, member.name.clone())).collect();
    store.refresh_names(&dashboards, &owners).await?;
    let mut disabled = 0;
    for schedule in store.schedules_on(None).await? {
        match (schedule.system_disabled, fault(&schedule.definition, &catalog)) {
            (None, None) | (Some(_), Some(_)) => {}
            (Some(off), None) => {
                store.add_notices(&notice::about_recovery(context, &catalog, &schedule, off, now)).await?;
            }
            (None, Some(reason)) => {
                let off = SystemDisabled { at: now, reason };
                let notices = notice::about_disabling(context, &catalog, &schedule, off);
                match store.system_disable(schedule.id, schedule.version, off, &notices).await {
                    Ok(()) => disabled += 1,
                    // Edited or deleted meanwhile; its next run is checked again.
                    Err(StoreError::Conflict | StoreError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(disabled)
}

//! What a changed catalog means for stored schedules: current names, and schedules that can no longer run (X1, Q2, F12).

use jiff::Timestamp;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::schedule::{SystemDisabled, fault};
use pressrun_store::{Names, Store, StoreError};

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

/// Re-validates every schedule against a catalog that was just published, and brings the list's names up to date.
/// Returns how many schedules were switched off.
///
/// # Errors
/// The store failed; run it again.
pub async fn published(store: &dyn Store, catalog: &Catalog, now: Timestamp) -> Result<u32, StoreError> {
    let dashboards: Vec<_> = catalog.documents.values().map(|document| (document.identifier.clone(), document.name.clone())).collect();
    let owners: Vec<_> = catalog.members.iter().map(|member| (member.id, member.name.clone())).collect();
    store.refresh_names(&dashboards, &owners).await?;
    let mut disabled = 0;
    for mut schedule in store.schedules_on(None).await? {
        if schedule.system_disabled.is_some() {
            continue;
        }
        let Some(reason) = fault(&schedule.definition, catalog) else { continue };
        schedule.system_disabled = Some(SystemDisabled { at: now, reason });
        schedule.next_at = None;
        match store.replace_schedule(&schedule, &names(&schedule.definition, catalog)).await {
            Ok(_) => disabled += 1,
            // Edited or deleted meanwhile; its next run is checked again.
            Err(StoreError::Conflict | StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(disabled)
}

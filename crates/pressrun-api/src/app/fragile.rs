//! What to say when personal copies are saved whose content may fail by one person's rows (P4).

use std::collections::BTreeMap;

use pressrun_domain::access;
use pressrun_domain::catalog::{Catalog, TileBody};
use pressrun_domain::id::TileKey;
use pressrun_domain::schedule::Definition;
use pressrun_sql::{Dialect, EffectiveFilters, fragile};

/// The warning that somebody else's copy may fail by what their rows hold, and that the owner will be told whose did. Of an alert the owner is told
/// nothing of that.
pub(crate) fn copies(definition: &Definition, catalog: &Catalog) -> Option<String> {
    if definition.condition.is_some() || !access::is_personal(catalog, definition) || !goes_to_others(definition) {
        return None;
    }
    let dashboard = catalog.documents.get(&definition.identifier)?.dashboard.as_ref()?;
    let dialect = Dialect::of(&catalog.connections.get(&dashboard.connection)?.source);
    let filters = EffectiveFilters::new(&dashboard.filters, &definition.filters).ok()?;
    let mut places: BTreeMap<&TileKey, usize> = BTreeMap::new();
    for (key, tile) in &dashboard.tiles {
        let delivered = definition.tile.as_ref().is_none_or(|only| only == key);
        if let (true, TileBody::Query(query)) = (delivered, &tile.body) {
            // What cannot be compiled is refused, or told by the run.
            let found = fragile(query, &filters, dialect).map_or(0, |found| found.len());
            if found > 0 {
                places.insert(key, found);
            }
        }
    }
    let count: usize = places.values().sum();
    let tiles = places.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let word = if count == 1 { "place" } else { "places" };
    (count > 0).then(|| {
        format!(
            "the SQL of {tiles} can fail by what somebody's rows hold, in {count} {word}: the owner is told whose copy failed, and so who has such a \
             row; `pressrun check` names each place, and what to write there"
        )
    })
}

fn goes_to_others(definition: &Definition) -> bool {
    let Some(email) = definition.destination.email() else { return false };
    !email.groups.is_empty() || email.named().any(|place| place.member() != Some(definition.owner))
}

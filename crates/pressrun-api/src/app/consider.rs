//! What a schedule would come to if it were saved: everything is asked that saving asks, and nothing is saved or made.

use std::collections::HashSet;

use pressrun_domain::access::Actor;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Definition;
use serde_json::{Map, Value};

use super::edit::{self, Asks};
use super::error::AppError;
use super::limits::Bound;
use super::{alerts, fragile, limits, recipients, schedules, validate};
use crate::state::{ApiState, Seen, Sees};

/// What saving would come to.
#[derive(Debug)]
pub struct Considered {
    /// The definition; people whom nobody has yet stand in it under an id of nobody.
    pub definition: Definition,
    /// What each recipient of a mail would see.
    pub seen: Vec<Seen>,
    /// What saving would warn of.
    pub warnings: Vec<String>,
}

/// Considers a body for a new schedule, or for the schedule of this id.
pub(crate) async fn consider(state: &ApiState, actor: &Actor, id: Option<&str>, body: &Map<String, Value>) -> Result<Considered, AppError> {
    let catalog = state.catalog.current();
    let stored = match id {
        Some(id) => Some(schedules::managed(state, actor, &catalog, id).await?),
        None => None,
    };
    let before = stored.as_ref().map(|schedule| &schedule.definition);
    if let Some(before) = before {
        validate::may_widen(before, &catalog)?;
    }
    let owner = before.map_or(actor.member, |definition| definition.owner);
    let edit::Draft { mut definition, lists, mut warnings, asks, .. } = edit::draft(body, before, owner)?;
    let asks = if before.is_none() { Asks { document: true, tile: true, condition: true, filters: true } } else { asks };
    validate::against_catalog(&definition, &catalog, catalog.member(owner.0), asks)?;
    limits::texts(&state.config.limits, &definition, before)?;
    let is_admin = actor.is_admin(&catalog);
    if before.is_none() && !is_admin {
        limits::one_more_schedule(state, owner).await?;
    }
    validate::against_policy(state, &definition).await?;
    let schedule = stored.as_ref().map_or_else(ScheduleId::generate, |schedule| schedule.id);
    let bound = Bound::replacing(&state.config.limits, is_admin, before.map(|definition| &definition.destination));
    bound.admit(limits::count(&definition.destination))?;
    let mut strangers = HashSet::new();
    if let Destination::Email(email) = &mut definition.destination {
        recipients::place_groups(actor, &catalog, email, &lists)?;
        strangers = recipients::imagine(state, &catalog, &bound, schedule, email, &lists, is_admin).await?;
    }
    warnings.extend(alerts::always_one_row(&definition, &catalog));
    warnings.extend(validate::unknown_filter_words(&definition, &catalog));
    warnings.extend(schedules::outsiders(&definition, &catalog));
    warnings.extend(fragile::copies(&definition, &catalog));
    warnings.extend(schedules::unconnected(state, &definition));
    warnings.extend(validate::no_mail(state, &definition));
    // Of those whom nobody has yet, or whom the actor may not know, their line says it.
    let mut known = definition.clone();
    if let Destination::Email(email) = &mut known.destination {
        email.retain(|place| !strangers.contains(&place.email.folded()));
    }
    warnings.extend(recipients::gets_nothing(state, actor, &catalog, schedule, &known).await?);
    let mut seen = state.engine.seen(&definition).await?;
    for Seen { email, sees } in &mut seen {
        match sees {
            Sees::Nothing(missing) if strangers.contains(&email.to_lowercase()) => *sees = Sees::Stranger(std::mem::take(missing)),
            // What somebody's attributes are is shown to admins only, as by the API.
            Sees::Own(values) if !is_admin => values.clear(),
            Sees::Owners | Sees::Everything | Sees::Own(_) | Sees::Nothing(_) | Sees::Stranger(_) | Sees::Skipped(_) => {}
        }
    }
    Ok(Considered { definition, seen, warnings })
}

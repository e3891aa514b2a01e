//! Update: partial, `null` clears, and an older version is refused when the caller asks for it (design §12, X10).

use pressrun_domain::access::{self, Actor};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::Destination;
use pressrun_domain::schedule::{Definition, Schedule};
use serde_json::{Map, Value};

use super::edit;
use super::error::AppError;
use super::limits::Bound;
use super::{alerts, fragile, limits, recipients, schedules, validate};
use crate::state::ApiState;

/// What an update came to.
#[derive(Debug)]
pub(crate) struct Updated {
    /// The version it has now; the `ETag`.
    pub(crate) version: u64,
    /// What of the body does nothing, and what was dropped.
    pub(crate) warnings: Vec<String>,
}

/// Changes a schedule. `expected` is the version the caller read; an empty body changes nothing but re-validates (X4). A body that `confirms` lets
/// those whom it names have the owner's rows (C2).
pub(crate) async fn update(
    state: &ApiState,
    actor: &Actor,
    id: &str,
    body: Option<&Map<String, Value>>,
    expected: Option<&[u64]>,
    confirms: bool,
) -> Result<Updated, AppError> {
    let catalog = state.catalog.current();
    for _ in 0..schedules::TRIES {
        let stored = schedules::managed(state, actor, &catalog, id).await?;
        if expected.is_some_and(|versions| !versions.contains(&stored.version)) {
            return Err(AppError::Stale);
        }
        let (mut changed, warnings) = merged(state, actor, &catalog, &stored, body, confirms).await?;
        let now = state.clock.now();
        let retimed = changed.definition.cron != stored.definition.cron || changed.definition.timezone != stored.definition.timezone;
        schedules::revalidate(&mut changed, &catalog, now, retimed)?;
        if changed.definition == stored.definition && changed.system_disabled == stored.system_disabled {
            return Ok(Updated { version: stored.version, warnings });
        }
        changed.updated_at = now;
        if schedules::replace(state, &catalog, &changed, &actor.change(Verb::ScheduleUpdated, now)).await? {
            if judges_otherwise(&stored.definition, &changed.definition) {
                state.store.reset_baselines(stored.id).await?;
            }
            let version = state.store.schedule(stored.id).await?.map_or(stored.version + 1, |schedule| schedule.version);
            return Ok(Updated { version, warnings });
        }
    }
    Err(if expected.is_some() { AppError::Stale } else { AppError::Busy })
}

async fn merged(
    state: &ApiState,
    actor: &Actor,
    catalog: &Catalog,
    stored: &Schedule,
    body: Option<&Map<String, Value>>,
    confirms: bool,
) -> Result<(Schedule, Vec<String>), AppError> {
    let Some(body) = body else { return Ok((stored.clone(), Vec::new())) };
    validate::may_widen(&stored.definition, catalog)?;
    let owner = stored.definition.owner;
    let mut draft = edit::draft(body, Some(&stored.definition), owner)?;
    draft.lists.confirms &= confirms;
    validate::against_catalog(&draft.definition, catalog, catalog.member(owner.0), draft.asks)?;
    limits::texts(&state.config.limits, &draft.definition, Some(&stored.definition))?;
    if draft.definition.destination != stored.definition.destination || draft.definition.cron != stored.definition.cron {
        validate::against_policy(state, &draft.definition).await?;
    }
    let bound = Bound::replacing(&state.config.limits, actor.is_admin(catalog), Some(&stored.definition.destination));
    bound.admit(limits::count(&draft.definition.destination))?;
    if let Destination::Email(email) = &mut draft.definition.destination {
        recipients::place_groups(actor, catalog, email, &draft.lists)?;
        let change = actor.change(Verb::UserCreated, state.clock.now());
        draft.warnings.extend(recipients::place(state, catalog, &bound, stored.id, email, &draft.lists, &change).await?);
    }
    if draft.asks.filters {
        draft.warnings.extend(validate::unknown_filter_words(&draft.definition, catalog));
    }
    if draft.asks.condition {
        draft.warnings.extend(alerts::always_one_row(&draft.definition, catalog));
    }
    if draft.definition != stored.definition {
        draft.warnings.extend(fragile::copies(&draft.definition, catalog));
    }
    if draft.definition.destination != stored.definition.destination {
        draft.warnings.extend(schedules::outsiders(&draft.definition, catalog));
        draft.warnings.extend(no_longer_personal(&stored.definition, &draft.definition, catalog));
        draft.warnings.extend(schedules::unconnected(state, &draft.definition));
        draft.warnings.extend(validate::no_mail(state, &draft.definition));
        draft.warnings.extend(recipients::gets_nothing(state, actor, catalog, stored.id, &draft.definition).await?);
    }
    let mut changed = stored.clone();
    changed.definition = draft.definition;
    Ok((changed, draft.warnings))
}

/// Says that members who received their own rows will receive the owner's, and who of them will not (C2): those who put themselves on the list,
/// which they could because it showed them nothing else.
fn no_longer_personal(before: &Definition, after: &Definition, catalog: &Catalog) -> Vec<String> {
    let Some(email) = after.destination.email() else { return Vec::new() };
    if !access::is_personal(catalog, before) || access::is_personal(catalog, after) {
        return Vec::new();
    }
    let others = || email.recipients.iter().filter(|place| place.member().is_some_and(|member| member != after.owner));
    let held = access::held(catalog, after).count();
    let (members, groups) = (others().count() - held, email.groups.len());
    let mut warnings = Vec::new();
    if members + groups > 0 {
        warnings.push(format!("{members} member(s) and {groups} group(s) received their own data and will receive what the owner may see"));
    }
    if held > 0 {
        warnings.push(format!(
            "{held} member(s) subscribed to their own data and will receive nothing: add-recipients, or recipients in a later update, says who of them \
             may have what the owner may see"
        ));
    }
    warnings
}

/// Whether the next evaluation cannot be compared with the last one (A12).
fn judges_otherwise(before: &Definition, after: &Definition) -> bool {
    before.condition != after.condition
        || before.identifier != after.identifier
        || before.filters != after.filters
        || before.timezone_override != after.timezone_override
}

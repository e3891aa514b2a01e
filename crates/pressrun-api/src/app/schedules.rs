//! Create, read, delete, trigger, pause, resume, and withdraw links.

use jiff::Timestamp;
use pressrun_domain::access::{Actor, RunAccess};
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::{Destination, DestinationKind, Person};
use pressrun_domain::id::{OrganizationId, RunId, ScheduleId};
use pressrun_domain::run::{Run, RunKind};
use pressrun_domain::schedule::{self, Definition, Schedule};
use pressrun_domain::text;
use pressrun_store::{Enqueue, StoreError};
use serde_json::{Map, Value};

use super::access;
use super::edit::{self, Asks};
use super::error::AppError;
use super::limits::Bound;
use super::{alerts, fragile, limits, recipients, validate};
use crate::state::ApiState;

/// How often a change is tried again when somebody else changes the same schedule at the same time.
pub(crate) const TRIES: usize = 8;

/// Characters of a remote answer that are told with a refusal; the run has all of it.
const REASON_LIMIT: usize = 200;

/// What creating came to.
#[derive(Debug)]
pub(crate) struct Created {
    /// Id of the schedule, or of the one run of a test delivery (Q5).
    pub(crate) id: uuid::Uuid,
    /// What of the body does nothing, and what to know.
    pub(crate) warnings: Vec<String>,
    /// For S3: what its role has to trust.
    pub(crate) external_id: Option<OrganizationId>,
}

/// Creates a schedule, or delivers a test once (§5.1, S8).
pub(crate) async fn create(state: &ApiState, actor: &Actor, user_id: Option<&str>, body: &Map<String, Value>) -> Result<Created, AppError> {
    create_as(state, actor, ScheduleId::generate(), user_id, body).await
}

/// As [`create`], under an id that nothing has.
pub(crate) async fn create_as(
    state: &ApiState,
    actor: &Actor,
    id: ScheduleId,
    user_id: Option<&str>,
    body: &Map<String, Value>,
) -> Result<Created, AppError> {
    let catalog = state.catalog.current();
    let named = access::acting_for(actor, &catalog, user_id)?;
    let owner = named.or_else(|| actor.person(&catalog));
    let owner_id = owner.map_or(actor.member, |owner| owner.id);
    let edit::Draft { mut definition, lists, test_now, mut warnings, .. } = edit::draft(body, None, owner_id)?;
    let everything = Asks { document: true, tile: true, condition: true, filters: true };
    validate::against_catalog(&definition, &catalog, owner, everything)?;
    let kind = definition.destination.kind();
    if test_now {
        may_be_tested(state, &definition)?;
    }
    limits::texts(&state.config.limits, &definition, None)?;
    let is_admin = actor.is_admin(&catalog);
    match (is_admin, test_now) {
        (true, _) => {}
        (false, true) => limits::one_more_test(state, owner_id).await?,
        (false, false) => limits::one_more_schedule(state, owner_id).await?,
    }
    validate::against_policy(state, &definition).await?;
    let bound = Bound::replacing(&state.config.limits, is_admin, None);
    bound.admit(limits::count(&definition.destination))?;
    if let Destination::Email(email) = &mut definition.destination {
        recipients::place_groups(actor, &catalog, email, &lists)?;
        let change = actor.change(Verb::UserCreated, state.clock.now());
        warnings.extend(recipients::place(state, &catalog, &bound, id, email, &lists, &change).await?);
    }
    warnings.extend(alerts::always_one_row(&definition, &catalog));
    warnings.extend(validate::unknown_filter_words(&definition, &catalog));
    warnings.extend(outsiders(&definition, &catalog));
    warnings.extend(fragile::copies(&definition, &catalog));
    warnings.extend(unconnected(state, &definition));
    warnings.extend(validate::no_mail(state, &definition));
    warnings.extend(recipients::gets_nothing(state, actor, &catalog, id, &definition).await?);
    let external_id = (kind == DestinationKind::S3).then_some(catalog.organization.id);
    let now = state.clock.now();
    let id = if test_now {
        enqueue(state, id, definition, RunKind::Test, &actor.change(Verb::RunTested, now)).await?.0
    } else {
        let names = validate::names(&catalog, &definition);
        let schedule = Schedule {
            id,
            next_at: next_at(&definition, now)?,
            definition,
            disabled_at: None,
            system_disabled: None,
            created_at: now,
            updated_at: now,
            version: 1,
            last_run: None,
        };
        state.store.insert_schedule(&schedule, &names, &actor.change(Verb::ScheduleCreated, now)).await?;
        state.wake.notify_one();
        schedule.id.0
    };
    Ok(Created { id, warnings, external_id })
}

/// Delivers a test once of a new schedule, or of the schedule of this id as the body would change it; that is not changed.
pub(crate) async fn test(state: &ApiState, actor: &Actor, id: Option<&str>, body: &Map<String, Value>) -> Result<Created, AppError> {
    let Some(id) = id else { return create(state, actor, None, body).await };
    let catalog = state.catalog.current();
    let stored = managed(state, actor, &catalog, id).await?;
    let owner = stored.definition.owner;
    let edit::Draft { mut definition, lists, mut warnings, .. } = edit::draft(body, Some(&stored.definition), owner)?;
    let everything = Asks { document: true, tile: true, condition: true, filters: true };
    validate::against_catalog(&definition, &catalog, catalog.member(owner.0), everything)?;
    may_be_tested(state, &definition)?;
    limits::texts(&state.config.limits, &definition, Some(&stored.definition))?;
    let is_admin = actor.is_admin(&catalog);
    if !is_admin {
        limits::one_more_test(state, owner).await?;
    }
    validate::against_policy(state, &definition).await?;
    let run_of = ScheduleId::generate();
    let bound = Bound::replacing(&state.config.limits, is_admin, None);
    bound.admit(limits::count(&definition.destination))?;
    if let Destination::Email(email) = &mut definition.destination {
        recipients::place_groups(actor, &catalog, email, &lists)?;
        let change = actor.change(Verb::UserCreated, state.clock.now());
        warnings.extend(recipients::place(state, &catalog, &bound, run_of, email, &lists, &change).await?);
    }
    let change = actor.change(Verb::RunTested, state.clock.now());
    let id = enqueue(state, run_of, definition, RunKind::Test, &change).await?.0;
    Ok(Created { id, warnings, external_id: None })
}

/// What is compared with the time before has none in a test, and not every server lets tests write into buckets (S8).
fn may_be_tested(state: &ApiState, definition: &Definition) -> Result<(), AppError> {
    if let Some(condition) = definition.condition.as_ref().filter(|condition| condition.kind.compares()) {
        return Err(AppError::invalid(format!("Test delivery not supported for condition type {}", condition.kind.as_str())));
    }
    let kind = definition.destination.kind();
    if kind == DestinationKind::S3 && !state.config.allow_s3_test {
        return Err(AppError::invalid("Test delivery not supported for destination type s3"));
    }
    Ok(())
}

/// Says that nothing can be delivered until the operator has connected what the schedule delivers to.
pub(crate) fn unconnected(state: &ApiState, definition: &Definition) -> Option<String> {
    let missing = |what: &str, section: &str| {
        Some(format!("{what} is not connected: every run ends with an error until the operator fills in [{section}] in the configuration"))
    };
    match definition.destination {
        Destination::Slack(_) if !state.config.slack_connected => missing("Slack", "slack"),
        Destination::S3(_) if !state.config.s3_connected => missing("object storage", "s3"),
        Destination::Email(_) | Destination::Sftp(_) | Destination::Webhook(_) | Destination::Slack(_) | Destination::S3(_) => None,
    }
}

/// Says that people outside receive what the owner may see (Q1).
pub(crate) fn outsiders(definition: &Definition, catalog: &Catalog) -> Option<String> {
    let email = definition.destination.email().filter(|email| !catalog.organization.fan_out.is_personal(email.fan_out))?;
    let outside = email.named().filter(|place| matches!(place.person, Person::EmailOnly(_))).count();
    (outside > 0)
        .then(|| format!("{outside} recipient(s) without a login will receive what the owner may see; fanOut sends each their own data"))
}

/// The next occurrence after `now` (T12).
pub(crate) fn next_at(definition: &Definition, now: Timestamp) -> Result<Option<Timestamp>, AppError> {
    let cron = edit::cron(&definition.cron)?;
    let zone = pressrun_cron::zone(&definition.timezone).map_err(|_| AppError::field("timezone", "Time zone must be IANA valid."))?;
    Ok(cron.next_after(now, &zone).map(|occurrence| occurrence.at))
}

async fn enqueue(
    state: &ApiState,
    schedule_id: ScheduleId,
    definition: Definition,
    kind: RunKind,
    change: &Change,
) -> Result<RunId, AppError> {
    let mut run = Run::queued(schedule_id, definition, kind, change.at);
    run.record.note(change.at, "planned", Some(kind.as_str().to_owned()));
    let id = run.id;
    state.store.enqueue(&Enqueue { run }, change).await.map_err(|error| match error {
        failed @ StoreError::Unavailable(_) => AppError::NotQueued(failed),
        other => AppError::about_schedule(&schedule_id.to_string())(other),
    })?;
    state.wake.notify_one();
    Ok(id)
}

/// Says until when and why the run that is under way waits, if it waits and this actor may know: of an alert only what held is sent and waits.
async fn in_progress(state: &ApiState, actor: &Actor, catalog: &Catalog, schedule: &Schedule) -> Result<AppError, AppError> {
    let knows = |run: &Run| {
        let access = actor.run_access(catalog, run, Some(schedule.definition.owner)).filter(|access| *access > RunAccess::Summary);
        access.is_some_and(|access| actor.knows_outcome(catalog, run, access))
    };
    let under_way = state.store.runs_under_way(&[schedule.id]).await?.pop().filter(knows);
    let Some((run, until)) = under_way.and_then(|run| run.waits_until(state.clock.now()).map(|until| (run, until))) else {
        return Ok(AppError::RunInProgress);
    };
    let reason = run.progress.waits_for.map(|reason| text::shortened(&text::one_line(&reason), REASON_LIMIT));
    Ok(AppError::RunWaits { until, reason })
}

/// The schedule of this id; `id` is known to be a UUID.
pub(crate) async fn find(state: &ApiState, id: &str) -> Result<Schedule, AppError> {
    let missing = || AppError::NoSchedule(id.to_owned());
    let parsed = id.parse().map_err(|_| missing())?;
    state.store.schedule(parsed).await?.ok_or_else(missing)
}

/// The schedule, when the caller may read it.
pub(crate) async fn readable(state: &ApiState, actor: &Actor, catalog: &Catalog, id: &str) -> Result<Schedule, AppError> {
    let schedule = find(state, id).await?;
    access::granted(actor.may_read(catalog, &schedule.definition))?;
    Ok(schedule)
}

/// The schedule, when the caller may change it.
pub(crate) async fn managed(state: &ApiState, actor: &Actor, catalog: &Catalog, id: &str) -> Result<Schedule, AppError> {
    let schedule = find(state, id).await?;
    access::granted(actor.may_manage(catalog, schedule.definition.owner))?;
    Ok(schedule)
}

/// Saves a changed schedule; false when somebody else was faster and the change has to be made again.
pub(crate) async fn replace(state: &ApiState, catalog: &Catalog, schedule: &Schedule, change: &Change) -> Result<bool, AppError> {
    let names = validate::names(catalog, &schedule.definition);
    match state.store.replace_schedule(schedule, &names, change).await {
        Ok(_) => {
            state.wake.notify_one();
            Ok(true)
        }
        Err(StoreError::Conflict) => Ok(false),
        Err(other) => Err(AppError::about_schedule(&schedule.id.to_string())(other)),
    }
}

/// Deletes a schedule; its history stays (X9).
pub(crate) async fn delete(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    let parsed = match managed(state, actor, &catalog, id).await {
        Ok(schedule) => schedule.id,
        // What cannot be read cannot be mended by anybody; to delete it, one need not know what it says.
        Err(AppError::Store(StoreError::Corrupt { .. } | StoreError::Sealing(_))) if actor.is_admin(&catalog) => {
            id.parse().map_err(|_| AppError::NoSchedule(id.to_owned()))?
        }
        Err(refused) => return Err(refused),
    };
    if state.store.delete_schedule(parsed, &actor.change(Verb::ScheduleDeleted, state.clock.now())).await? {
        state.wake.notify_one();
        Ok(())
    } else {
        Err(AppError::NoSchedule(id.to_owned()))
    }
}

/// Queues a manual run (I3 to I5).
pub(crate) async fn trigger(state: &ApiState, actor: &Actor, id: &str) -> Result<RunId, AppError> {
    let catalog = state.catalog.current();
    let schedule = managed(state, actor, &catalog, id).await?;
    if schedule.system_disabled.is_some() {
        return Err(AppError::Inactive);
    }
    let change = actor.change(Verb::RunTriggered, state.clock.now());
    match enqueue(state, schedule.id, schedule.definition.clone(), RunKind::Manual, &change).await {
        Err(AppError::RunInProgress) => Err(in_progress(state, actor, &catalog, &schedule).await?),
        other => other,
    }
}

/// Pauses a schedule: until it is resumed, no occurrence becomes a run.
pub(crate) async fn pause(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    switch(state, actor, id, true).await
}

/// Resumes a schedule from now; what was missed is not made up (T15).
pub(crate) async fn resume(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    switch(state, actor, id, false).await
}

async fn switch(state: &ApiState, actor: &Actor, id: &str, pausing: bool) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    for _ in 0..TRIES {
        let mut schedule = managed(state, actor, &catalog, id).await?;
        if schedule.system_disabled.is_some() {
            return Err(AppError::invalid("Schedule is system disabled"));
        }
        match (pausing, schedule.disabled_at.is_some()) {
            (true, true) => return Err(AppError::invalid("Schedule is already paused")),
            (false, false) => return Err(AppError::invalid("Schedule is already resumed")),
            (true, false) => {
                schedule.disabled_at = Some(state.clock.now());
                schedule.next_at = None;
            }
            (false, true) => {
                schedule.disabled_at = None;
                schedule.next_at = next_at(&schedule.definition, state.clock.now())?;
            }
        }
        let verb = if pausing { Verb::SchedulePaused } else { Verb::ScheduleResumed };
        if replace(state, &catalog, &schedule, &actor.change(verb, state.clock.now())).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

/// Ends every link without a login that the schedule has sent so far (M11): later ones are made in another epoch.
pub(crate) async fn withdraw_links(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    for _ in 0..TRIES {
        let mut schedule = managed(state, actor, &catalog, id).await?;
        schedule.definition.link_epoch = schedule.definition.link_epoch.wrapping_add(1);
        let now = state.clock.now();
        schedule.updated_at = now;
        if replace(state, &catalog, &schedule, &actor.change(Verb::LinksWithdrawn, now)).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

/// Ends a system disabling whose cause is gone (X4). The next occurrence is found anew from `now` only after that or when the
/// schedule was `retimed` (T12): another edit must not lose an occurrence that is due and not yet planned.
pub(crate) fn revalidate(schedule: &mut Schedule, catalog: &Catalog, now: Timestamp, retimed: bool) -> Result<(), AppError> {
    let revived = schedule.system_disabled.is_some() && schedule::fault(&schedule.definition, catalog).is_none();
    if revived {
        schedule.system_disabled = None;
    }
    if revived || retimed {
        schedule.next_at = if schedule.is_active() { next_at(&schedule.definition, now)? } else { None };
    }
    Ok(())
}

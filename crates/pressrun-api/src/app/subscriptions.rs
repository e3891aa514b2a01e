//! Members who put themselves on a list (P12): at once where it shows no more than they may see, else when the owner says so (C2).

use jiff::Timestamp;
use pressrun_domain::access::{self, Actor, Subscription};
use pressrun_domain::audit::{Agent, Change, Origin, Verb};
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::consent::{ANSWER_WITHIN, SubscriptionRequest};
use pressrun_domain::destination::{Destination, Person, Places, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::SubscriptionRequestId;
use pressrun_domain::key::KeyKind;
use pressrun_domain::notice::Notice;
use pressrun_domain::schedule::Schedule;
use pressrun_store::{Agreed, Asked, StoreError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::access::granted;
use super::announce::Announcer;
use super::error::AppError;
use super::limits::{self, Bound, Count};
use super::recipients::place_of;
use super::schedules::{self, TRIES};
use super::validate;
use crate::state::ApiState;
use crate::token;

/// Puts the actor on the list of a schedule that they may read, or asks its owner to. On it already is fine, and whoever had opted out of a
/// group is in again.
pub(crate) async fn subscribe(state: &ApiState, actor: &Actor, id: &str) -> Result<Subscription, AppError> {
    let catalog = state.catalog.current();
    for _ in 0..TRIES {
        let schedule = schedules::readable(state, actor, &catalog, id).await?;
        let member = actor.person(&catalog).ok_or(AppError::Denied)?;
        let kind = schedule.definition.destination.kind();
        let Some(email) = schedule.definition.destination.email() else {
            return Err(AppError::invalid(format!("Cannot subscribe to destination type {}", kind.as_str())));
        };
        let may = actor.subscription(&catalog, &schedule.definition).ok_or(AppError::Denied)?;
        validate::allowed_domains(&catalog, "email", std::slice::from_ref(&member.email))?;
        // The owner put them there, by name or with their group, or they have been there before and it sends what they came for.
        let in_group = catalog.groups.any_has(&email.groups, member.id);
        let hears = |place: &Recipient| place.email.same_as(&member.email) && !access::is_held(&catalog, &schedule.definition, place);
        if in_group || email.named().any(hears) {
            let change = actor.change(Verb::Subscribed, state.clock.now());
            state.store.opt_in(schedule.id, &member.email, &change).await.map_err(AppError::about_schedule(id))?;
            return Ok(Subscription::AtOnce);
        }
        limits::one_more_ask(state, actor, &catalog).await?;
        match may {
            Subscription::Request => return ask(state, actor, &catalog, &schedule, member).await.map(|()| may),
            Subscription::AtOnce => {
                let now = state.clock.now();
                let notices = Announcer { state, catalog: &catalog, schedule: &schedule, now }.subscribed(member);
                if admit(state, &catalog, schedule, member, None, &notices, &actor.change(Verb::Subscribed, now)).await? {
                    return Ok(may);
                }
            }
        }
    }
    Err(AppError::Busy)
}

/// Keeps the request, and mails the owner a link that stands for their login on this one question.
async fn ask(state: &ApiState, actor: &Actor, catalog: &Catalog, schedule: &Schedule, member: &Member) -> Result<(), AppError> {
    let id = SubscriptionRequestId::generate();
    let token_sha256 = token::hash(state.engine.request_word(id).expose());
    let now = state.clock.now();
    let request = SubscriptionRequest {
        id,
        schedule: schedule.id,
        member: member.id,
        owner: schedule.definition.owner,
        token_sha256,
        requested_at: now,
        expires_at: now.saturating_add(ANSWER_WITHIN).unwrap_or(Timestamp::MAX),
    };
    let notices = Announcer { state, catalog, schedule, now }.requested(&request);
    match state.store.put_request(&request, &notices, &actor.change(Verb::SubscriptionRequested, now)).await {
        Ok(Asked::Now | Asked::Before) => {
            state.wake.notify_one();
            Ok(())
        }
        Ok(Asked::Declined(until)) => Err(AppError::DeclinedUntil(until)),
        Err(error) => Err(AppError::about_schedule(&schedule.id.to_string())(error)),
    }
}

/// Saves the schedule with the member on its list; false when somebody else changed it meanwhile.
async fn admit(
    state: &ApiState,
    catalog: &Catalog,
    mut schedule: Schedule,
    member: &Member,
    request: Option<SubscriptionRequestId>,
    notices: &[Notice],
    change: &Change,
) -> Result<bool, AppError> {
    let id = schedule.id;
    let own_rows_only = request.is_none() && access::is_personal(catalog, &schedule.definition) && member.id != schedule.definition.owner;
    // Members put themselves on each other's lists: the longer bound is the one that protects the server.
    Bound::adding(&state.config.limits, true, "email", &schedule.definition.destination).admit(Count { all: 1, outside: 0 })?;
    let Destination::Email(email) = &mut schedule.definition.destination else { return Err(AppError::NoRequest) };
    email.name_each_once();
    if !email.named().any(|place| place.email.same_as(&member.email)) {
        let places = Places::beside(id, email.named());
        email.recipients.push(place_of(&places, &member.email, Person::Member(member.id)));
    }
    // The owner agreed to more than that when there is a request.
    if own_rows_only {
        email.subscribed.insert(member.id);
    } else {
        email.subscribed.remove(&member.id);
    }
    schedule.updated_at = change.at;
    let names = validate::names(catalog, &schedule.definition);
    match state.store.agree(&schedule, &names, Agreed::Subscription { request, email: &member.email }, notices, change).await {
        Ok(_) => {
            state.wake.notify_one();
            Ok(true)
        }
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(AppError::about_schedule(&id.to_string())(error)),
    }
}

/// Takes the actor off a schedule for good (P12), and with them what they asked for.
pub(crate) async fn unsubscribe(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    let member = actor.person(&catalog).ok_or(AppError::Denied)?;
    let schedule = schedules::readable(state, actor, &catalog, id).await?;
    state.store.drop_request(schedule.id, member.id).await?;
    let out = state.store.opt_out(schedule.id, &member.email, &actor.change(Verb::Unsubscribed, state.clock.now())).await;
    out.map_err(AppError::about_schedule(id))?;
    state.wake.notify_one();
    Ok(())
}

/// Requests on a schedule that still wait for an answer; for those who manage it.
pub(crate) async fn requests(state: &ApiState, actor: &Actor, id: &str) -> Result<Vec<SubscriptionRequest>, AppError> {
    let schedule = schedules::managed(state, actor, &state.catalog.current(), id).await?;
    let now = state.clock.now();
    let all = state.store.requests(schedule.id).await?;
    Ok(all.into_iter().filter(|request| request.stands(&schedule.definition, now)).collect())
}

/// A request that stands, with its schedule.
async fn standing(state: &ApiState, id: &str) -> Result<(SubscriptionRequest, Schedule), AppError> {
    let id: SubscriptionRequestId = id.parse().map_err(|_| AppError::NoRequest)?;
    let request = state.store.request(id).await?.ok_or(AppError::NoRequest)?;
    let schedule = state.store.schedule(request.schedule).await?.ok_or(AppError::NoRequest)?;
    if request.stands(&schedule.definition, state.clock.now()) { Ok((request, schedule)) } else { Err(AppError::NoRequest) }
}

/// Confirms or declines a request, with the rights of `actor`.
pub(crate) async fn answer(state: &ApiState, actor: &Actor, id: &str, yes: bool) -> Result<(), AppError> {
    answer_as(state, actor, id, yes, |verb, now| actor.change(verb, now)).await
}

/// The same by whoever holds the link of the owner's mail.
pub(crate) async fn answer_by_link(state: &ApiState, id: &str, word: &str, yes: bool, origin: Origin) -> Result<(), AppError> {
    let (.., owner) = by_link(state, id, word).await?;
    let catalog = state.catalog.current();
    let email = owner.person(&catalog).ok_or(AppError::NoRequest)?.email.clone();
    let agent = Agent::Recipient(email);
    answer_as(state, &owner, id, yes, |verb, at| Change { at, agent: agent.clone(), origin, verb }).await
}

async fn answer_as(
    state: &ApiState,
    actor: &Actor,
    id: &str,
    yes: bool,
    change: impl Fn(Verb, Timestamp) -> Change,
) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    for _ in 0..TRIES {
        let (request, schedule) = standing(state, id).await?;
        if !actor.may_manage(&catalog, schedule.definition.owner) {
            return Err(AppError::NoRequest);
        }
        let now = state.clock.now();
        let notices = Announcer { state, catalog: &catalog, schedule: &schedule, now }.answered(&request, yes);
        let change = change(if yes { Verb::SubscriptionAllowed } else { Verb::SubscriptionDeclined }, now);
        if !yes {
            let declined = state.store.decline_request(request.id, &notices, &change).await?;
            state.wake.notify_one();
            return if declined { Ok(()) } else { Err(AppError::NoRequest) };
        }
        // What held when it was asked has to hold now.
        let member = catalog.member(request.member.0).filter(|member| member.active).ok_or(AppError::NoRequest)?;
        granted(Actor::new(KeyKind::Personal, member.id).may_read(&catalog, &schedule.definition))?;
        granted(access::may_widen(&catalog, &schedule.definition))?;
        validate::allowed_domains(&catalog, "email", std::slice::from_ref::<EmailAddress>(&member.email))?;
        if admit(state, &catalog, schedule, member, Some(request.id), &notices, &change).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

/// What the link in the owner's mail asks, and with whose rights it may be answered: those of the owner who was asked.
pub(crate) async fn by_link(state: &ApiState, id: &str, word: &str) -> Result<(SubscriptionRequest, Schedule, Actor), AppError> {
    let (request, schedule) = standing(state, id).await?;
    let hash: [u8; 32] = Sha256::digest(word.as_bytes()).into();
    if !bool::from(hash.ct_eq(&request.token_sha256)) {
        return Err(AppError::NoRequest);
    }
    let owner = Actor::new(KeyKind::Personal, request.owner);
    if owner.is(&state.catalog.current(), request.owner) { Ok((request, schedule, owner)) } else { Err(AppError::NoRequest) }
}

//! Who owns a schedule: given away at once by those who decide for others, offered by everybody else (X7, C1).
//!
//! A plain schedule sends its owner's rows (Q1). Were it enough that the old owner says so, anybody could give a schedule that goes to
//! themselves to an admin and read what the admin may see. So the new owner is asked, and shown where the rows would go.

use pressrun_domain::access::{self, Actor, Handover};
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::consent::OwnershipOffer;
use pressrun_domain::notice::Notice;
use pressrun_domain::schedule::Schedule;
use pressrun_store::{Agreed, StoreError};

use super::access::granted;
use super::announce::Announcer;
use super::error::AppError;
use super::schedules::{TRIES, find, managed, revalidate};
use super::{limits, validate};
use crate::state::ApiState;

/// Gives a schedule to another member, or offers it to them.
pub(crate) async fn transfer(state: &ApiState, actor: &Actor, id: &str, user_id: &str) -> Result<Handover, AppError> {
    let catalog = state.catalog.current();
    let uuid = pressrun_domain::id::parse_uuid(user_id).map_err(|_| AppError::field("userId", "Invalid uuid"))?;
    let handover = actor.handover(&catalog);
    for _ in 0..TRIES {
        let schedule = managed(state, actor, &catalog, id).await?;
        let owner = catalog.member(uuid).ok_or_else(|| AppError::NoUser(user_id.to_owned()))?;
        if owner.id == schedule.definition.owner {
            return Err(AppError::field("userId", "User is already the owner of this schedule"));
        }
        may_receive(&catalog, owner, &schedule, handover)?;
        match handover {
            Handover::AtOnce => {
                if hand_over(state, actor, &catalog, schedule, owner, None).await? {
                    return Ok(handover);
                }
            }
            Handover::Offer => {
                limits::one_more_ask(state, actor, &catalog).await?;
                let now = state.clock.now();
                let offer = OwnershipOffer::new(schedule.id, &schedule.definition, owner.id, now);
                let notices = Announcer { state, catalog: &catalog, schedule: &schedule, now }.offered(&offer);
                state
                    .store
                    .put_offer(&offer, &notices, &actor.change(Verb::OwnershipOffered, now))
                    .await
                    .map_err(AppError::about_schedule(id))?;
                state.wake.notify_one();
                return Ok(handover);
            }
        }
    }
    Err(AppError::Busy)
}

/// X7 and X8: the new owner sees the dashboard, and the dashboard takes schedules. That it takes no more does not keep those who decide from
/// giving what there is to somebody else, as when its owner leaves: nobody new is on a list by that.
fn may_receive(catalog: &Catalog, owner: &Member, schedule: &Schedule, handover: Handover) -> Result<(), AppError> {
    if !access::may_own(catalog, owner, &schedule.definition) {
        return Err(AppError::NewOwnerDenied);
    }
    granted(handover == Handover::AtOnce || access::may_widen(catalog, &schedule.definition))
}

/// The baseline goes (A13), a system disabling whose cause is gone ends (X4), and both people are told; false when somebody else was faster.
async fn hand_over(
    state: &ApiState,
    actor: &Actor,
    catalog: &Catalog,
    mut schedule: Schedule,
    owner: &Member,
    offer: Option<&OwnershipOffer>,
) -> Result<bool, AppError> {
    let before = std::mem::replace(&mut schedule.definition.owner, owner.id);
    let now = state.clock.now();
    schedule.updated_at = now;
    revalidate(&mut schedule, catalog, now, false)?;
    let notices = Announcer { state, catalog, schedule: &schedule, now }.changed_hands(before);
    let names = validate::names(catalog, &schedule.definition);
    let verb = if offer.is_some() { Verb::OwnershipAccepted } else { Verb::ScheduleTransferred };
    match state.store.agree(&schedule, &names, Agreed::Ownership { offer }, &notices, &actor.change(verb, now)).await {
        Ok(_) => {
            state.wake.notify_one();
            Ok(true)
        }
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(AppError::about_schedule(&schedule.id.to_string())(error)),
    }
}

/// An offer that stands, with the schedule that it is of.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) offer: OwnershipOffer,
    pub(crate) schedule: Schedule,
}

/// The offer of a schedule, for whoever it concerns: who may accept it, and who manages the schedule. Who accepts has to know what, so it is
/// shown whole.
pub(crate) async fn offered(state: &ApiState, actor: &Actor, id: &str) -> Result<Option<Offered>, AppError> {
    let catalog = state.catalog.current();
    let schedule = find(state, id).await?;
    let offer = state.store.offer(schedule.id).await?;
    let offer = offer.filter(|offer| offer.stands(&schedule.definition, state.clock.now()));
    let is_asked = offer.as_ref().is_some_and(|offer| actor.is(&catalog, offer.to));
    if is_asked || actor.may_manage(&catalog, schedule.definition.owner) {
        return Ok(offer.map(|offer| Offered { offer, schedule }));
    }
    // Whether there is an offer is nobody else's business.
    granted(actor.may_read(&catalog, &schedule.definition)).map(|()| None)
}

/// The offer, when it is made to the actor.
async fn to_me(state: &ApiState, actor: &Actor, catalog: &Catalog, id: &str) -> Result<Offered, AppError> {
    let offered = offered(state, actor, id).await?.ok_or(AppError::NoOffer)?;
    granted(actor.is(catalog, offered.offer.to))?;
    Ok(offered)
}

/// Accepts an offer: the schedule is the actor's from now on. `seen` are the terms that they were shown, which they have to name: an owner may
/// change what is offered and offer it anew while somebody reads, and that one is another offer.
pub(crate) async fn accept(state: &ApiState, actor: &Actor, id: &str, seen: Option<&str>) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    for _ in 0..TRIES {
        // Read anew each time: what was changed meanwhile is not what was shown, and the offer does not stand.
        let Offered { offer, schedule } = to_me(state, actor, &catalog, id).await?;
        if seen.ok_or(AppError::Unseen)? != offer.terms {
            return Err(AppError::OtherOffer);
        }
        let owner = catalog.member(offer.to.0).ok_or(AppError::Denied)?;
        may_receive(&catalog, owner, &schedule, Handover::Offer)?;
        if hand_over(state, actor, &catalog, schedule, owner, Some(&offer)).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

/// Declines an offer; its maker is told.
pub(crate) async fn decline(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    let Offered { offer, schedule } = to_me(state, actor, &catalog, id).await?;
    let now = state.clock.now();
    let notices = Announcer { state, catalog: &catalog, schedule: &schedule, now }.declined(&offer);
    drop_offer(state, &offer, &notices, &actor.change(Verb::OwnershipDeclined, now)).await
}

/// Takes an offer back.
pub(crate) async fn withdraw(state: &ApiState, actor: &Actor, id: &str) -> Result<(), AppError> {
    let catalog = state.catalog.current();
    managed(state, actor, &catalog, id).await?;
    let Offered { offer, .. } = offered(state, actor, id).await?.ok_or(AppError::NoOffer)?;
    drop_offer(state, &offer, &[], &actor.change(Verb::OwnershipWithdrawn, state.clock.now())).await
}

async fn drop_offer(state: &ApiState, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<(), AppError> {
    let dropped = state.store.drop_offer(offer, notices, change).await?;
    state.wake.notify_one();
    if dropped { Ok(()) } else { Err(AppError::NoOffer) }
}

//! Recipients of mail: resolving, adding, removing (contract §5.4, §5.5, P8).

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexSet;
use pressrun_domain::access::Actor;
use pressrun_domain::access::acquainted::Acquainted;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::destination::{Destination, EmailSettings, Person, Places, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{GroupId, MembershipId, ScheduleId, UserId};
use pressrun_domain::schedule::{Definition, Schedule};
use serde_json::{Map, Value};

use super::destination::Lists;
use super::error::AppError;
use super::given::Fields;
use super::limits::{Bound, Count};
use super::{fragile, schedules, suppressions, validate};
use crate::state::ApiState;

/// Addresses looked at before somebody else has a turn on the same thread.
const TURN: usize = 2_000;

/// Makes people of addresses: members by address, else email-only users, created when unknown (P8). Addresses that are
/// already in `kept` keep their place; doubles count once. A place is made from schedule and address, so that the links in older mails
/// go on to mean the same person when a list is written anew (P12). Nobody is created when they are more than `bound` admits.
///
/// Every list is walked once, however long: people are found by their folded address.
pub(crate) async fn resolve(
    state: &ApiState,
    catalog: &Catalog,
    bound: &Bound<'_>,
    schedule: ScheduleId,
    emails: &[EmailAddress],
    kept: &[Recipient],
    change: &Change,
) -> Result<Vec<Recipient>, AppError> {
    let free = Places::beside(schedule, kept);
    let mut places: HashMap<String, &Recipient> = kept.iter().map(|place| (place.email.folded(), place)).collect();
    let mut resolved: Vec<Result<Recipient, &EmailAddress>> = Vec::with_capacity(emails.len());
    let (mut seen, mut strangers) = (HashSet::new(), Vec::new());
    let mut count = Count::default();
    for chunk in emails.chunks(TURN) {
        for email in chunk {
            let folded = email.folded();
            if seen.contains(&folded) {
                continue;
            }
            let place = match (places.remove(&folded), catalog.members.by_address(&folded)) {
                (Some(place), _) => Ok(place.clone()),
                (None, Some(member)) => Ok(place_of(&free, email, Person::Member(member.id))),
                (None, None) => {
                    strangers.push((email.clone(), Vec::new()));
                    Err(email)
                }
            };
            count.all += 1;
            count.outside += usize::from(!matches!(&place, Ok(Recipient { person: Person::Member(_), .. })));
            resolved.push(place);
            seen.insert(folded);
        }
        tokio::task::yield_now().await;
    }
    bound.admit(count)?;
    let users = if strangers.is_empty() { Vec::new() } else { state.store.upsert_users(&strangers, change).await? };
    // They come back in the order in which they were given.
    let mut users = users.into_iter();
    let place = |place| match place {
        Ok(place) => Some(place),
        Err(email) => users.next().map(|user| place_of(&free, email, Person::EmailOnly(user.id))),
    };
    Ok(resolved.into_iter().filter_map(place).collect())
}

/// Somebody's new place on a list.
pub(crate) fn place_of(places: &Places, email: &EmailAddress, person: Person) -> Recipient {
    Recipient { id: places.of(email), email: email.clone(), person }
}

/// Makes the lists of a mail those of `lists`, each address on the first of them that names it (P7), and answers with what was named twice.
///
/// # Errors
/// An address may not receive deliveries (P13), there are copies of personal mail, or all of them are more than `bound` admits.
pub(crate) async fn place(
    state: &ApiState,
    catalog: &Catalog,
    bound: &Bound<'_>,
    schedule: ScheduleId,
    email: &mut EmailSettings,
    lists: &Lists,
    change: &Change,
) -> Result<Option<String>, AppError> {
    may_be_saved(bound, email, lists, catalog)?;
    // Nothing is refused from here on: resolving makes users of addresses that nobody has.
    let kept: Vec<Recipient> = email.named().cloned().collect();
    for (list, given) in [(&mut email.recipients, &lists.to), (&mut email.cc, &lists.cc), (&mut email.bcc, &lists.bcc)] {
        if let Some(addresses) = given {
            *list = resolve(state, catalog, bound, schedule, addresses, &kept, change).await?;
        }
    }
    let mut seen = HashSet::new();
    let mut twice = Vec::new();
    for list in [&mut email.recipients, &mut email.cc, &mut email.bcc] {
        list.retain(|place| {
            let first = seen.insert(place.email.folded());
            if !first {
                twice.push(place.email.to_string());
            }
            first
        });
    }
    remember_policy(email, catalog, &kept.iter().filter_map(Recipient::outsider).collect());
    email.forget_who_left();
    if lists.confirms {
        let named = lists.to.iter().chain(&lists.cc).chain(&lists.bcc).flatten();
        confirm(email, catalog, &named.map(EmailAddress::folded).collect());
    }
    Ok((!twice.is_empty()).then(|| format!("{} is named more than once; the first of recipients, cc and bcc counts", twice.join(", "))))
}

/// Whoever manages a schedule that sends the owner's rows names these people (folded addresses): who was there for their own rows only gets them
/// from now on (C2). Being named while copies are personal is no consent to more than that. How many were waiting.
fn confirm(email: &mut EmailSettings, catalog: &Catalog, named: &HashSet<String>) -> usize {
    let waiting = email.subscribed.len() + email.named_under_policy.len();
    if waiting == 0 || catalog.organization.fan_out.is_personal(email.fan_out) {
        return 0;
    }
    let confirmed: Vec<Person> = email.named().filter(|place| named.contains(&place.email.folded())).map(|place| place.person).collect();
    for person in confirmed {
        match person {
            Person::Member(id) => email.subscribed.remove(&id),
            Person::EmailOnly(id) => email.named_under_policy.remove(&id),
        };
    }
    waiting - email.subscribed.len() - email.named_under_policy.len()
}

/// Makes the groups of a mail those of `lists`, each once.
///
/// # Errors
/// There is no such group, or the actor does not know of it and it is not on the list.
pub(crate) fn place_groups(actor: &Actor, catalog: &Catalog, email: &mut EmailSettings, lists: &Lists) -> Result<(), AppError> {
    let Some(given) = &lists.groups else { return Ok(()) };
    let named = Named { emails: Vec::new(), users: Vec::new(), groups: given.clone() };
    let listed = (HashSet::new(), email.groups.iter().copied().collect());
    let may_name = MayName { acquainted: actor.acquainted(catalog), listed: Some(listed) };
    let groups: IndexSet<GroupId> = groups(catalog, &named, &may_name)?.into_iter().collect();
    email.groups = groups.into_iter().collect();
    Ok(())
}

/// Refuses lists that nobody may save, before anybody is made of their addresses.
fn may_be_saved(bound: &Bound<'_>, email: &EmailSettings, lists: &Lists, catalog: &Catalog) -> Result<(), AppError> {
    for (field, given) in [("recipients", &lists.to), ("cc", &lists.cc), ("bcc", &lists.bcc)] {
        validate::allowed_domains(catalog, field, given.as_deref().unwrap_or_default())?;
    }
    validate::copies(email, lists, catalog)?;
    bound.admit(named_in_all(email, lists, catalog))
}

/// Makes the lists of a mail those of `lists` in thought only: nobody is created, and whoever nobody has yet stands there under an id of nobody.
/// Answers with the folded addresses of those. Unless the actor `knows_outsiders`, everybody without a login who is not on the lists yet stands
/// there like that: thinking leaves no trace, and must not tell which addresses are known.
///
/// # Errors
/// As those of [`place`].
pub(crate) async fn imagine(
    state: &ApiState,
    catalog: &Catalog,
    bound: &Bound<'_>,
    schedule: ScheduleId,
    email: &mut EmailSettings,
    lists: &Lists,
    knows_outsiders: bool,
) -> Result<HashSet<String>, AppError> {
    may_be_saved(bound, email, lists, catalog)?;
    let all: Vec<EmailAddress> = lists.to.iter().chain(&lists.cc).chain(&lists.bcc).flatten().cloned().collect();
    let strangers: Vec<EmailAddress> =
        all.iter().filter(|address| catalog.members.by_address(&address.folded()).is_none()).cloned().collect();
    let asks = knows_outsiders && !strangers.is_empty();
    let known = if asks { state.store.users_by_email(&strangers).await? } else { Vec::new() };
    let kept: Vec<Recipient> = email.named().cloned().collect();
    let listed = kept.iter().filter_map(|place| Some((place.email.folded(), place.outsider()?)));
    let known: HashMap<String, UserId> = known.into_iter().map(|user| (user.email.folded(), user.id)).chain(listed).collect();
    let places = Places::beside(schedule, &kept);
    let (mut seen, mut news) = (HashSet::new(), HashSet::new());
    for (list, given) in [(&mut email.recipients, &lists.to), (&mut email.cc, &lists.cc), (&mut email.bcc, &lists.bcc)] {
        let Some(addresses) = given else { continue };
        let mut imagined = Vec::new();
        for address in addresses {
            let folded = address.folded();
            if !seen.insert(folded.clone()) {
                continue;
            }
            let person = match (catalog.members.by_address(&folded), known.get(&folded)) {
                (Some(member), _) => Person::Member(member.id),
                (None, Some(user)) => Person::EmailOnly(*user),
                (None, None) => {
                    news.insert(folded);
                    Person::EmailOnly(UserId::generate())
                }
            };
            imagined.push(place_of(&places, address, person));
        }
        *list = imagined;
    }
    Ok(news)
}

/// Keeps which people without a login were put on the list, beside those who were there `before`, while the organization's policy alone makes
/// copies personal: that they may have the owner's rows nobody has said (C2).
fn remember_policy(email: &mut EmailSettings, catalog: &Catalog, before: &HashSet<UserId>) {
    if email.fan_out || !catalog.organization.fan_out.is_personal(email.fan_out) {
        return;
    }
    let news: Vec<UserId> = email.named().filter_map(Recipient::outsider).filter(|user| !before.contains(user)).collect();
    email.named_under_policy.extend(news);
}

/// Everybody whom the lists will name when those of `lists` replace those of `email`, each once.
fn named_in_all(email: &EmailSettings, lists: &Lists, catalog: &Catalog) -> Count {
    let mut seen = HashSet::new();
    for (given, kept) in [(&lists.to, &email.recipients), (&lists.cc, &email.cc), (&lists.bcc, &email.bcc)] {
        match given {
            Some(addresses) => seen.extend(addresses.iter().map(EmailAddress::folded)),
            None => seen.extend(kept.iter().map(|place| place.email.folded())),
        }
    }
    Count { all: seen.len(), outside: seen.iter().filter(|folded| catalog.members.by_address(folded).is_none()).count() }
}

/// Says who on the lists gets nothing, or sees nothing of what is sent.
pub(crate) async fn gets_nothing(
    state: &ApiState,
    actor: &Actor,
    catalog: &Catalog,
    schedule: ScheduleId,
    definition: &Definition,
) -> Result<Vec<String>, AppError> {
    let mut warnings: Vec<String> = suppressions::warning(state, actor, catalog, schedule, definition).await?.into_iter().collect();
    let skipped = definition.destination.email().is_some_and(|email| email.skip_without_values);
    let outcome = if skipped { "they will be skipped" } else { "they will see nothing of what depends on it" };
    warnings.extend(state.engine.without_values(definition).await?.into_iter().map(|people| format!("{people}; {outcome}")));
    Ok(warnings)
}

/// Whom a body names.
#[derive(Debug)]
pub(crate) struct Named {
    emails: Vec<EmailAddress>,
    users: Vec<(String, uuid::Uuid)>,
    groups: Vec<(String, uuid::Uuid)>,
}

/// Reads the body of add- and remove-recipients; `None` is an empty body. `prefix` stands before faults of elements.
pub(crate) fn read(body: Option<&Map<String, Value>>, prefix: &'static str) -> Result<Named, AppError> {
    let nothing = Map::new();
    let fields = Fields(body.unwrap_or(&nothing));
    let names = ["emails", "userIds", "userGroupIds"];
    let given: Vec<&str> = names.into_iter().filter(|name| fields.raw(name).as_ref().is_some()).collect();
    if given.is_empty() {
        return Err(AppError::invalid("Please provide either valid email addresses, valid user IDs, or both"));
    }
    let empty = |name: &&str| fields.raw(name).as_ref().and_then(|value| value.as_array()).is_some_and(Vec::is_empty);
    let empties: Vec<&str> = given.iter().copied().filter(|name| empty(name)).collect();
    if given.len() > 1 && empties.len() == given.len() {
        return Err(AppError::invalid("At least one recipient must be provided"));
    }
    if let Some(name) = empties.first() {
        return Err(AppError::field((*name).to_owned(), "Array must contain at least 1 element(s)"));
    }
    let elements = || {
        Ok(Named {
            users: fields.ids("userIds")?.value().unwrap_or_default(),
            emails: fields.emails("emails")?.value().unwrap_or_default(),
            groups: fields.ids("userGroupIds")?.value().unwrap_or_default(),
        })
    };
    elements().map_err(|error: AppError| error.prefixed(prefix))
}

/// How many single and group recipients a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) recipients: usize,
    pub(crate) groups: usize,
}

/// What adding came to.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) changed: Changed,
    /// What to know of those on the list (Q1).
    pub(crate) warnings: Vec<String>,
}

/// Adds recipients; all or nothing, and somebody who is on the list is not counted.
pub(crate) async fn add(state: &ApiState, actor: &Actor, id: &str, named: Named) -> Result<Added, AppError> {
    let catalog = state.catalog.current();
    for _ in 0..schedules::TRIES {
        let mut schedule = schedules::managed(state, actor, &catalog, id).await?;
        validate::may_widen(&schedule.definition, &catalog)?;
        let kind = schedule.definition.destination.kind();
        let bound = Bound::adding(&state.config.limits, actor.is_admin(&catalog), "emails", &schedule.definition.destination);
        let Destination::Email(email) = &mut schedule.definition.destination else {
            return Err(AppError::invalid(format!("Cannot add recipients to destination type {}", kind.as_str())));
        };
        email.name_each_once();
        let may_name = MayName::adding(actor, &catalog);
        let people = people(state, &catalog, &named, &may_name).await?;
        let groups = groups(&catalog, &named, &may_name)?;
        let addresses: Vec<EmailAddress> = named.emails.iter().cloned().chain(people).collect();
        validate::allowed_domains(&catalog, "emails", &addresses)?;
        let listed: HashSet<String> = email.named().map(|place| place.email.folded()).collect();
        let confirmed = confirm(email, &catalog, &addresses.iter().map(EmailAddress::folded).collect());
        let news: Vec<EmailAddress> = addresses.into_iter().filter(|address| !listed.contains(&address.folded())).collect();
        let change = actor.change(Verb::RecipientsAdded, state.clock.now());
        let kept: Vec<Recipient> = email.named().cloned().collect();
        let news = resolve(state, &catalog, &bound, schedule.id, &news, &kept, &change).await?;
        let listed: BTreeSet<GroupId> = email.groups.iter().copied().collect();
        let new_groups: BTreeSet<GroupId> = groups.into_iter().filter(|group| !listed.contains(group)).collect();
        // Who waited on the list for this is as good as added.
        let changed = Changed { recipients: news.len() + confirmed, groups: new_groups.len() };
        let outside = news.iter().any(|place| matches!(place.person, Person::EmailOnly(_)));
        let before = email.named().filter_map(Recipient::outsider).collect();
        email.recipients.extend(news);
        remember_policy(email, &catalog, &before);
        email.groups.extend(new_groups);
        // Like create and update, but of those outside only when some were added now.
        let outsiders = if outside { schedules::outsiders(&schedule.definition, &catalog) } else { None };
        let definition = &schedule.definition;
        let told = outsiders.into_iter().chain(fragile::copies(definition, &catalog));
        let warnings = told.chain(gets_nothing(state, actor, &catalog, schedule.id, definition).await?).collect();
        if save(state, &catalog, schedule, changed, &change).await? {
            return Ok(Added { changed, warnings });
        }
    }
    Err(AppError::Busy)
}

/// Removes recipients; somebody who is not on the list is not counted, and the last one may go.
pub(crate) async fn remove(state: &ApiState, actor: &Actor, id: &str, named: Named) -> Result<Changed, AppError> {
    let catalog = state.catalog.current();
    for _ in 0..schedules::TRIES {
        let mut schedule = schedules::managed(state, actor, &catalog, id).await?;
        let kind = schedule.definition.destination.kind();
        let Destination::Email(email) = &mut schedule.definition.destination else {
            return Err(AppError::invalid(format!("Cannot change recipients on a scheduled task destination of type {}", kind.as_str())));
        };
        email.name_each_once();
        let may_name = MayName::removing(actor, &catalog, email);
        let people = people(state, &catalog, &named, &may_name).await?;
        let gone: HashSet<String> = people.iter().chain(&named.emails).map(EmailAddress::folded).collect();
        let ids: HashSet<uuid::Uuid> = named.users.iter().map(|(_, id)| *id).collect();
        let groups: HashSet<GroupId> = groups(&catalog, &named, &may_name)?.into_iter().collect();
        let before = Changed { recipients: email.named().count(), groups: email.groups.len() };
        let named_here = |place: &Recipient| gone.contains(&place.email.folded()) || ids.contains(&person_id(place));
        email.retain(|place| !named_here(place));
        email.groups.retain(|group| !groups.contains(group));
        let changed = removed(&before, email);
        let change = actor.change(Verb::RecipientsRemoved, state.clock.now());
        if save(state, &catalog, schedule, changed, &change).await? {
            return Ok(changed);
        }
    }
    Err(AppError::Busy)
}

fn removed(before: &Changed, email: &EmailSettings) -> Changed {
    Changed { recipients: before.recipients - email.named().count(), groups: before.groups - email.groups.len() }
}

/// The id of the person behind a recipient.
pub(crate) fn person_id(place: &Recipient) -> uuid::Uuid {
    match place.person {
        Person::Member(id) => id.0,
        Person::EmailOnly(id) => id.0,
    }
}

async fn save(state: &ApiState, catalog: &Catalog, mut schedule: Schedule, changed: Changed, change: &Change) -> Result<bool, AppError> {
    if changed.recipients == 0 && changed.groups == 0 {
        return Ok(true);
    }
    schedule.updated_at = change.at;
    schedules::replace(state, catalog, &schedule, change).await
}

/// Whom a call may name by id: others are as if there were nobody. Naming shows addresses.
struct MayName {
    acquainted: Acquainted,
    /// People and groups on the list that they are to leave, who may be named whoever they are; `None` adds.
    listed: Option<(HashSet<uuid::Uuid>, HashSet<GroupId>)>,
}

impl MayName {
    fn adding(actor: &Actor, catalog: &Catalog) -> Self {
        Self { acquainted: actor.acquainted(catalog), listed: None }
    }

    fn removing(actor: &Actor, catalog: &Catalog, email: &EmailSettings) -> Self {
        let listed = (email.named().map(person_id).collect(), email.groups.iter().copied().collect());
        Self { acquainted: actor.acquainted(catalog), listed: Some(listed) }
    }

    fn is_listed(&self, id: uuid::Uuid) -> bool {
        self.listed.as_ref().is_some_and(|(people, _)| people.contains(&id))
    }

    /// To be added, a member has to have access still.
    fn member(&self, member: &Member) -> bool {
        self.is_listed(member.id.0) || (self.acquainted.has_member(member.id) && (member.active || self.listed.is_some()))
    }

    fn outsider(&self, user: UserId) -> bool {
        self.is_listed(user.0) || self.acquainted == Acquainted::All
    }

    fn group(&self, group: GroupId) -> bool {
        self.listed.as_ref().is_some_and(|(_, groups)| groups.contains(&group)) || self.acquainted.has_group(group)
    }
}

/// Addresses of the members and email-only users named by id.
async fn people(state: &ApiState, catalog: &Catalog, named: &Named, may_name: &MayName) -> Result<Vec<EmailAddress>, AppError> {
    // A member is found by either id (Q21); the membership's wins.
    let member = |id: uuid::Uuid| {
        let either = [catalog.members.by_id(MembershipId(id)), catalog.members.by_user(UserId(id))];
        either.into_iter().flatten().find(|member| may_name.member(member)).map(|member| &member.email)
    };
    let others = named.users.iter().filter(|(_, id)| member(*id).is_none()).map(|(_, id)| UserId(*id));
    let others: Vec<UserId> = others.filter(|id| may_name.outsider(*id)).collect();
    let users = if others.is_empty() { Vec::new() } else { state.store.users_by_id(&others).await? };
    let users: HashMap<uuid::Uuid, &EmailAddress> = users.iter().map(|user| (user.id.0, &user.email)).collect();
    let (mut addresses, mut unknown) = (Vec::new(), IndexSet::new());
    for (text, id) in &named.users {
        match member(*id).or_else(|| users.get(id).copied()) {
            Some(email) => addresses.push(email.clone()),
            None => {
                unknown.insert(text.as_str());
            }
        }
    }
    if unknown.is_empty() {
        return Ok(addresses);
    }
    Err(AppError::invalid(format!(
        "Invalid recipient(s): The following members do not exist or do not have access to this organization: {}",
        unknown.into_iter().collect::<Vec<_>>().join(", ")
    )))
}

fn groups(catalog: &Catalog, named: &Named, may_name: &MayName) -> Result<Vec<GroupId>, AppError> {
    let is_known = |id: GroupId| catalog.group(id).is_some() && may_name.group(id);
    let (known, unknown): (Vec<_>, Vec<_>) = named.groups.iter().partition(|(_, id)| is_known(GroupId(*id)));
    if unknown.is_empty() {
        return Ok(known.into_iter().map(|(_, id)| GroupId(*id)).collect());
    }
    let unknown: Vec<&str> = unknown.into_iter().map(|(text, _)| text.as_str()).collect();
    Err(AppError::invalid(format!("Invalid recipient(s): The following user groups do not exist: {}", unknown.join(", "))))
}

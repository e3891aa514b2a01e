//! Who gets what: targets grouped so that one query and one render serve all who must see the same bytes (P1–P13).

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use pressrun_domain::access;
use pressrun_domain::audience::{Identity, OWNERS, TIMEZONE_ATTRIBUTE};
use pressrun_domain::catalog::{AttributeValues, Catalog, Dashboard, Document, Member, Scalar, Tile, TileBody};
use pressrun_domain::delivery::{Heading, MailRole};
use pressrun_domain::destination::{Destination, DestinationKind, EmailSettings, Person, Places, Recipient};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, ScheduleId, UserId};
use pressrun_domain::outline::KnownTo;
use pressrun_domain::schedule::Definition;
use pressrun_domain::users::EmailOnlyUser;
use pressrun_sql::{Dialect, EffectiveFilters};
use pressrun_store::{Store, StoreError};
use sha2::{Digest as _, Sha256};

/// Targets that must see the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Audience {
    /// A short name, unique in the run.
    pub key: String,
    /// What its queries know; only what the dashboard asks for.
    pub identity: Identity,
    /// Query zone (Q6).
    pub zone: String,
    /// Who is in it.
    pub targets: Vec<Target>,
    /// The owner of the schedule sees the same rows, whatever zone they are counted in.
    pub open_to_owner: bool,
    /// Attributes that the content asks for and for which nobody in it has a value, so that they see nothing of what depends on them;
    /// known of personal copies only.
    pub missing: Vec<String>,
}

/// One place a piece goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Address, Slack id or destination name; unique in the run.
    pub name: String,
    /// The place on the list, for unsubscribing.
    pub recipient: Option<RecipientId>,
    /// Under which name its baseline is kept: empty unless personal (A18).
    pub baseline: String,
    /// Nobody there can sign in: its link to the dashboard has to open without a login.
    pub without_login: bool,
    /// As what it gets a mail.
    pub role: MailRole,
}

/// Somebody who gets nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Address.
    pub name: String,
    /// Named reason.
    pub reason: &'static str,
}

/// Everybody a run concerns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audiences {
    /// Who gets something.
    pub audiences: Vec<Audience>,
    /// Who does not.
    pub skipped: Vec<Skipped>,
    /// Whoever may read the schedule could see the same: nothing on the dashboard depends on who looks, nor on a filter whose value is not shown.
    pub alike: bool,
}

impl Audience {
    /// Tells it from the others of its run, and is the same in every claim as long as nothing changes what its people see.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(&Sha256::new().chain_update(self.identity.key()).chain_update([0]).chain_update(&self.zone).finalize()[..16])
    }
}

impl Audiences {
    /// Leaves out whoever `reason` names one for; audiences of which nobody is left go with them.
    pub fn leave_out(&mut self, reason: impl Fn(&Audience, &Target) -> Option<&'static str>) {
        for audience in &mut self.audiences {
            let targets = std::mem::take(&mut audience.targets);
            for target in targets {
                match reason(audience, &target) {
                    Some(reason) => self.skipped.push(Skipped { name: target.name, reason }),
                    None => audience.targets.push(target),
                }
            }
        }
        self.audiences.retain(|audience| !audience.targets.is_empty());
    }

    /// Everybody who gets something as this.
    fn in_role(&self, role: MailRole) -> impl Iterator<Item = &Target> {
        self.audiences.iter().flat_map(|audience| &audience.targets).filter(move |target| target.role == role)
    }

    /// What the head of each mail says of people, but for the reader's own role: who gets a visible copy, and in copies whom they are of.
    #[must_use]
    pub fn heading(&self, email: &EmailSettings) -> Heading {
        let address = |target: &Target| target.name.parse().ok();
        let mut to = self.in_role(MailRole::To);
        let copy_of = to.next().filter(|_| to.next().is_none()).and_then(address);
        let cc = self.in_role(MailRole::Cc).filter_map(address).collect();
        Heading { role: MailRole::To, copy_of, cc, reply_to: email.reply_to.clone() }
    }

    /// Who may know how a run goes that judges a condition for each of them.
    #[must_use]
    pub fn known_to(&self) -> KnownTo {
        if self.alike {
            KnownTo::Readers
        } else if self.audiences.iter().all(|audience| audience.open_to_owner) {
            KnownTo::Owner
        } else {
            KnownTo::Admins
        }
    }

    /// Who has no value for which attribute: how many, and the first of them.
    #[must_use]
    pub fn without_values(&self) -> Vec<WithoutValues> {
        let mut found: BTreeMap<&str, WithoutValues> = BTreeMap::new();
        for audience in &self.audiences {
            for attribute in &audience.missing {
                let entry =
                    found.entry(attribute).or_insert_with(|| WithoutValues { attribute: attribute.clone(), count: 0, first: Vec::new() });
                entry.count += audience.targets.len();
                let room = NAMED.saturating_sub(entry.first.len());
                entry.first.extend(audience.targets.iter().take(room).map(|target| target.name.clone()));
            }
        }
        found.into_values().collect()
    }
}

/// Who of a schedule's recipients would have no value for what its content asks for, if it ran now.
///
/// # Errors
/// The store failed.
pub async fn without_values(catalog: &Catalog, definition: &Definition, store: &dyn Store) -> Result<Vec<WithoutValues>, StoreError> {
    Ok(imagined(catalog, definition, store).await?.without_values())
}

/// Who would get what if this ran now, whoever opted out of the schedule; nobody when its dashboard is not there. An address that nobody has yet is
/// somebody without a login and without values: saving makes that of it.
///
/// # Errors
/// The store failed.
pub async fn imagined(catalog: &Catalog, definition: &Definition, store: &dyn Store) -> Result<Audiences, StoreError> {
    let Some(document) = catalog.documents.get(&definition.identifier) else { return Ok(Audiences::default()) };
    let Some(dashboard) = document.dashboard.as_ref() else { return Ok(Audiences::default()) };
    // Whoever opted out may have no values as well: no schedule has this id, so that nobody has opted out of it.
    resolve_with(Scene { catalog, document, dashboard, definition }, ScheduleId(uuid::Uuid::nil()), store, Unknown::IsNew).await
}

/// Most people that a warning names.
const NAMED: usize = 3;

/// People who have no value for an attribute that the content asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutValues {
    /// Its reference name.
    pub attribute: String,
    /// How many they are.
    pub count: usize,
    /// The first of them.
    pub first: Vec<String>,
}

impl fmt::Display for WithoutValues {
    /// `4 recipients have no value for `hospital`: a@x.example, b@x.example, c@x.example and 1 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (have, first) = (if self.count == 1 { "recipient has" } else { "recipients have" }, self.first.join(", "));
        write!(f, "{} {have} no value for `{}`: {first}", self.count, self.attribute)?;
        match self.count.saturating_sub(self.first.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Where a run happens: catalog, document, dashboard and definition.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// The document.
    pub document: &'a Document,
    /// Its dashboard.
    pub dashboard: &'a Dashboard,
    /// What the run does.
    pub definition: &'a Definition,
}

/// Finds everybody a run concerns, as of now: groups are expanded (P7), policy applied (P6, P13).
///
/// # Errors
/// The store failed.
pub async fn resolve(scene: Scene<'_>, schedule: ScheduleId, store: &dyn Store) -> Result<Audiences, StoreError> {
    resolve_with(scene, schedule, store, Unknown::GetsNothing).await
}

/// What somebody without a login comes to whom the store does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// They are gone.
    GetsNothing,
    /// They are still to be made.
    IsNew,
}

async fn resolve_with(scene: Scene<'_>, schedule: ScheduleId, store: &dyn Store, unknown: Unknown) -> Result<Audiences, StoreError> {
    let asked = Asked::of(scene);
    let alike = asked.is_nothing() && !sets_hidden_filter(scene);
    let owner = scene.catalog.member(scene.definition.owner.0);
    let Some(email) = scene.definition.destination.email() else {
        let targets = destination_targets(&scene.definition.destination);
        let audiences = vec![owners_audience(scene, owner, &asked, targets)];
        return Ok(Audiences { audiences, skipped: Vec::new(), alike });
    };
    let personal = scene.catalog.organization.fan_out.is_personal(email.fan_out);
    let opted_out = store.opted_out(schedule).await?.into_iter().collect();
    let (mut people, mut skipped) = people(scene, email, schedule, &opted_out);
    if personal {
        // A copy of a personal mail would show one person's rows to another.
        let copies = people.extract_if(.., |person| person.role != MailRole::To);
        skipped.extend(copies.map(|person| Skipped { name: person.email.to_string(), reason: "copyOfPersonal" }));
    } else {
        let targets: Vec<_> = people.iter().map(|person| person.target(String::new())).collect();
        let audiences = if targets.is_empty() { Vec::new() } else { vec![owners_audience(scene, owner, &asked, targets)] };
        return Ok(Audiences { audiences, skipped, alike });
    }
    let owners = owner.map(|owner| asked.restrict(member_identity(scene.catalog, owner)).key());
    let users = email_only_users(store, &people).await?;
    let needed = needed_attributes(scene);
    let mut audiences: Vec<Audience> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for person in people {
        let identity = match person.who {
            Who::Member(member) if !scene.catalog.may_view(member, scene.document) => {
                skipped.push(Skipped { name: person.email.to_string(), reason: "noAccess" });
                continue;
            }
            Who::Member(member) => member_identity(scene.catalog, member),
            Who::EmailOnly(id) => match users.get(&id) {
                Some(user) => email_only_identity(scene.catalog, user),
                None if unknown == Unknown::IsNew => {
                    let (email, attributes) = (person.email.clone(), AttributeValues::default());
                    email_only_identity(scene.catalog, &EmailOnlyUser { id, email, attributes, created_at: jiff::Timestamp::UNIX_EPOCH })
                }
                None => {
                    skipped.push(Skipped { name: person.email.to_string(), reason: "unknownUser" });
                    continue;
                }
            },
        };
        let zone = query_zone(scene, owner, Some(&identity));
        let missing: Vec<String> = needed.iter().filter(|name| identity.values(name).is_empty()).cloned().collect();
        let identity = asked.restrict(identity);
        let target = person.target(person.email.folded());
        let key = identity.key();
        let open_to_owner = asked.is_nothing() || owners.as_ref() == Some(&key);
        let at = *places.entry((key, zone.clone())).or_insert(audiences.len());
        match audiences.get_mut(at) {
            Some(audience) => audience.targets.push(target),
            None => audiences.push(Audience { key: format!("a{}", at + 1), identity, zone, targets: vec![target], missing, open_to_owner }),
        }
    }
    Ok(Audiences { audiences, skipped, alike })
}

/// The identity of a member, system attributes included.
#[must_use]
pub fn member_identity(catalog: &Catalog, member: &Member) -> Identity {
    let groups: Vec<_> = catalog.groups.of(member.id).map(|group| text(&group.name)).collect();
    let system = [
        ("omni_user_email", vec![text(member.email.as_str())]),
        ("omni_user_name", vec![text(&member.name)]),
        ("omni_user_id", vec![text(&member.user_id.to_string())]),
        ("omni_is_org_admin", vec![text(if member.admin { "true" } else { "false" })]),
        ("omni_user_groups", groups),
        (TIMEZONE_ATTRIBUTE, own_zone(&member.attributes)),
    ];
    Identity::effective(catalog.attributes.values(), &member.attributes, system)
}

/// The identity of an email-only user.
#[must_use]
pub fn email_only_identity(catalog: &Catalog, user: &EmailOnlyUser) -> Identity {
    let system = [
        ("omni_user_email", vec![text(user.email.as_str())]),
        ("omni_user_name", vec![text(user.email.as_str())]),
        ("omni_user_id", vec![text(&user.id.to_string())]),
        ("omni_is_org_admin", vec![text("false")]),
        (TIMEZONE_ATTRIBUTE, own_zone(&user.attributes)),
    ];
    Identity::effective(catalog.attributes.values(), &user.attributes, system)
}

/// The zone of a run's queries (Q6): the override, else a personal recipient's, else the owner's where the organization
/// says so, else the dashboard's, else the connection's. The schedule's own zone is never used for data.
#[must_use]
pub fn query_zone(scene: Scene<'_>, owner: Option<&Member>, recipient: Option<&Identity>) -> String {
    let of = |identity: &Identity| identity.values(TIMEZONE_ATTRIBUTE).first().map(ToString::to_string);
    scene
        .definition
        .timezone_override
        .clone()
        .or_else(|| recipient.and_then(of))
        .or_else(|| {
            owner.filter(|_| scene.catalog.organization.member_timezones).and_then(|owner| of(&member_identity(scene.catalog, owner)))
        })
        .or_else(|| scene.dashboard.timezone.clone())
        .or_else(|| scene.catalog.connections.get(&scene.dashboard.connection).map(|connection| connection.timezone.clone()))
        .unwrap_or_else(|| "UTC".to_owned())
}

fn owners_audience(scene: Scene<'_>, owner: Option<&Member>, asked: &Asked, targets: Vec<Target>) -> Audience {
    let identity = owner.map(|owner| member_identity(scene.catalog, owner)).unwrap_or_default();
    let zone = query_zone(scene, owner, None);
    Audience { key: OWNERS.to_owned(), identity: asked.restrict(identity), zone, targets, missing: Vec::new(), open_to_owner: true }
}

/// Whether the schedule sets a filter that readers of it do not see set (F11): how a condition goes over it tells what it is set to.
fn sets_hidden_filter(scene: Scene<'_>) -> bool {
    scene.dashboard.filters.iter().any(|(key, filter)| filter.hidden && scene.definition.filters.contains_key(key))
}

/// Names of the attributes without whose values a recipient sees nothing of a tile that is delivered; none when nobody can tell.
fn needed_attributes(scene: Scene<'_>) -> BTreeSet<String> {
    let delivered = |tile: &Tile| match &scene.definition.tile {
        Some(key) => tile.key == *key,
        None => !tile.hidden,
    };
    let mut needed = Asked::names(scene, delivered).unwrap_or_default();
    // Somebody without a zone of their own sees everything, in another zone.
    needed.remove(TIMEZONE_ATTRIBUTE);
    needed
}

/// The attributes that the queries and filters of a dashboard ask for: those that split audiences (P3).
enum Asked {
    Names(BTreeSet<String>),
    /// A query cannot be read. It fails when it runs; nobody knows what it would have asked for, so nothing is held back from anybody (A1).
    Everything,
}

impl Asked {
    fn of(scene: Scene<'_>) -> Self {
        Self::names(scene, |_| true).map_or(Self::Everything, Self::Names)
    }

    /// What queries of the tiles that are `wanted`, and all filters, ask for; `None` when one cannot be read.
    fn names(scene: Scene<'_>, wanted: impl Fn(&Tile) -> bool) -> Option<BTreeSet<String>> {
        let filters = EffectiveFilters::new(&scene.dashboard.filters, &scene.definition.filters).ok()?;
        let dialect = Dialect::of(&scene.catalog.connections.get(&scene.dashboard.connection)?.source);
        let mut asked = BTreeSet::new();
        for tile in scene.dashboard.tiles.values().filter(|tile| wanted(tile)) {
            if let TileBody::Query(query) = &tile.body {
                asked.extend(pressrun_sql::references(query, &filters, dialect).ok()?.attributes);
            }
        }
        // The line of filters on a page says what each of them comes to, also one that no query uses.
        for (_, filter) in filters.iter() {
            if let Some(expression) = &filter.expression {
                asked.extend(pressrun_sql::filter::parse(filter.definition.kind, expression).ok()?.attribute_names());
            }
        }
        Some(asked)
    }

    /// Whether everybody sees the same rows, each perhaps in a zone of their own.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Names(names) => names.iter().all(|name| name == TIMEZONE_ATTRIBUTE),
            Self::Everything => false,
        }
    }

    fn restrict(&self, identity: Identity) -> Identity {
        match self {
            Self::Names(names) => identity.restrict(names),
            Self::Everything => identity,
        }
    }
}

struct Someone<'a> {
    email: EmailAddress,
    who: Who<'a>,
    recipient: Option<RecipientId>,
    role: MailRole,
}

#[derive(Clone, Copy)]
enum Who<'a> {
    Member(&'a Member),
    EmailOnly(UserId),
}

impl Someone<'_> {
    fn target(&self, baseline: String) -> Target {
        let without_login = matches!(self.who, Who::EmailOnly(_));
        Target { name: self.email.to_string(), recipient: self.recipient, baseline, without_login, role: self.role }
    }
}

/// Single recipients, members of groups and copies, each address once and as the first of these (P7), less those who may not get mail (P10, P13) or want none (P12). Who
/// opted out gets nothing through a group; who was put on the list by name since then does. Who only subscribed to their own rows gets none of
/// the owner's by that (C2), though they may through a group.
fn people<'a>(
    Scene { catalog, definition, .. }: Scene<'a>,
    email: &'a EmailSettings,
    schedule: ScheduleId,
    opted_out: &HashSet<String>,
) -> (Vec<Someone<'a>>, Vec<Skipped>) {
    let (mut people, mut skipped, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    let named = |list: &'a [Recipient], role| {
        let heard = list.iter().filter(|place| !access::is_held(catalog, definition, place));
        heard.map(move |recipient| (someone(catalog, recipient, role), recipient.email.clone()))
    };
    let grouped = email.groups.iter().filter_map(|id| catalog.group(*id)).flat_map(|group| &group.members);
    let places = LazyCell::new(|| Places::beside(schedule, email.named()));
    let grouped = grouped.filter_map(|id| catalog.member(id.0)).map(|member| {
        let recipient = Some(places.of(&member.email));
        (Some(Someone { email: member.email.clone(), who: Who::Member(member), recipient, role: MailRole::To }), member.email.clone())
    });
    let single = named(&email.recipients, MailRole::To).map(|(found, address)| (found, address, false));
    let from_groups = grouped.map(|(found, address)| (found, address, true));
    let copies = named(&email.cc, MailRole::Cc).chain(named(&email.bcc, MailRole::Bcc));
    let copies = copies.map(|(found, address)| (found, address, false));
    for (found, address, through_group) in single.chain(from_groups).chain(copies) {
        if !seen.insert(address.folded()) {
            continue;
        }
        let allowed = &catalog.organization.allowed_domains;
        let reason = match &found {
            None => Some("unknownMember"),
            Some(_) if through_group && opted_out.contains(&address.folded()) => Some("unsubscribed"),
            Some(Someone { who: Who::Member(member), .. }) if !member.active => Some("deactivated"),
            Some(_) if !allowed.is_empty() && !allowed.contains(&address.domain()) => Some("domainNotAllowed"),
            Some(_) => None,
        };
        match (reason, found) {
            (None, Some(someone)) => people.push(someone),
            (reason, _) => skipped.push(Skipped { name: address.to_string(), reason: reason.unwrap_or("unknownMember") }),
        }
    }
    let held = access::held(catalog, definition).filter(|place| seen.insert(place.email.folded()));
    skipped.extend(held.map(|place| Skipped { name: place.email.to_string(), reason: "notConfirmed" }));
    (people, skipped)
}

/// Whoever has the address today: somebody without a login who became a member gets what that member may see, and nothing any more once the
/// member is deactivated (P10). What was stored of them as an outsider is as old as their place on the list.
fn someone<'a>(catalog: &'a Catalog, recipient: &Recipient, role: MailRole) -> Option<Someone<'a>> {
    let who = match (catalog.member_by_email(&recipient.email), recipient.person) {
        (Some(member), _) => Who::Member(member),
        (None, Person::Member(id)) => Who::Member(catalog.member(id.0)?),
        (None, Person::EmailOnly(id)) => Who::EmailOnly(id),
    };
    Some(Someone { email: recipient.email.clone(), who, recipient: Some(recipient.id), role })
}

async fn email_only_users(store: &dyn Store, people: &[Someone<'_>]) -> Result<HashMap<UserId, EmailOnlyUser>, StoreError> {
    let id = |person: &Someone<'_>| match person.who {
        Who::EmailOnly(id) => Some(id),
        Who::Member(_) => None,
    };
    let ids: Vec<_> = people.iter().filter_map(id).collect();
    Ok(store.users_by_id(&ids).await?.into_iter().map(|user| (user.id, user)).collect())
}

/// Targets of a destination that is not mail: one, but one for each person in Slack (D10).
fn destination_targets(destination: &Destination) -> Vec<Target> {
    let target =
        |name: &str| Target { name: name.to_owned(), recipient: None, baseline: String::new(), without_login: false, role: MailRole::To };
    match destination {
        Destination::Slack(slack) => slack.recipients.iter().map(|id| target(id)).collect(),
        Destination::Email(_) => Vec::new(),
        Destination::Sftp(_) => vec![target(DestinationKind::Sftp.as_str())],
        Destination::Webhook(_) => vec![target(DestinationKind::Webhook.as_str())],
        Destination::S3(_) => vec![target(DestinationKind::S3.as_str())],
    }
}

fn own_zone(attributes: &AttributeValues) -> Vec<Scalar> {
    attributes.get(TIMEZONE_ATTRIBUTE).map(|value| value.values().to_vec()).unwrap_or_default()
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

//! `people.yaml` and `people/**.yaml` to organization, members, groups, attributes and development keys.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use pressrun_domain::catalog::{AttributeDefinition, DevKey, FanOutPolicy, Group, Groups, Member, Members, Organization};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{GroupId, MembershipId, OrganizationId, UserId, parse_uuid};
use pressrun_domain::key::KeyKind;
use uuid::Uuid;

use super::text::Unique;
use super::{attributes, secret, text};
use crate::files::{DevKeyFile, FanOutWord, Field, GroupFile, KeyKindWord, MemberFile, OrganizationFile, PeopleFile};
use crate::load::LoadOptions;
use crate::problem::{Place, Report, printable, suggest};

const UUID_HINT: &str = "write the hyphenated form, such as 7f1c0e52-5f6e-4f0c-9a35-0b7f3f1f2a11";

/// One of the files; the first is `people.yaml`.
pub(crate) struct PeoplePart<'a> {
    pub(crate) file: &'a PeopleFile,
    pub(crate) report: &'a Report<'a>,
}

/// Everything in them.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) organization: Organization,
    pub(crate) attributes: IndexMap<String, AttributeDefinition>,
    pub(crate) members: Members,
    pub(crate) groups: Groups,
    pub(crate) dev_keys: Vec<DevKey>,
    /// Names of all attributes and groups that are written, right or not, so that one fault is not reported at each use.
    pub(crate) attribute_names: Vec<String>,
    pub(crate) group_names: IndexSet<String>,
}

/// Converts the files, noting what is wrong. `None` without an organization.
pub(crate) fn people(parts: &[PeoplePart<'_>], root: &Path, options: LoadOptions<'_>) -> Option<People> {
    let first = parts.first()?;
    let start = Place { line: 1, column: 1, block: false };
    let organization = match &first.file.organization {
        Field::Given(written, place) => organization(written, *place, first.report),
        Field::Invalid(_) => None,
        Field::Absent => {
            first.report.add(start, "`organization` is missing", "write `organization: { id: …, name: … }`");
            None
        }
    };
    if parts.iter().all(|part| part.file.members.is_absent()) {
        first.report.add(start, "`members` is missing", "write at least one member: `- { name: …, email: … }`");
    }
    let (definitions, attribute_names) = attributes(parts);
    let namespace = organization.as_ref().map_or(Uuid::NAMESPACE_OID, |organization| organization.id.0);

    let mut directory = Directory::default();
    let members = members(parts, namespace, &definitions, &mut directory);
    if members.len() > options.rules.max_members {
        let message = format!("more than {} members", options.rules.max_members);
        first.report.add(start, message, "let the operator raise [catalog] max_members");
    }
    let (groups, group_names) = groups(parts, namespace, &directory);
    let mut dev_keys = Vec::new();
    for PeoplePart { file, report } in parts {
        let keys = file.dev_keys.get().into_iter().flatten().filter_map(Field::placed);
        dev_keys.extend(keys.filter_map(|(key, place)| dev_key(key, place, &directory, (root, options, report))));
    }
    let (members, groups) = (members.into(), groups.into());
    Some(People { organization: organization?, attributes: definitions, members, groups, dev_keys, attribute_names, group_names })
}

/// The attributes that are right, and the names of all that are written.
fn attributes(parts: &[PeoplePart<'_>]) -> (IndexMap<String, AttributeDefinition>, Vec<String>) {
    let (mut found, mut names) = (IndexMap::new(), Vec::new());
    let mut unique = Unique::new("attribute");
    for PeoplePart { file, report } in parts {
        let Some(entries) = file.attributes.get() else { continue };
        let defined = attributes::definitions(entries, report);
        for entry in entries {
            if unique.add(&entry.key, entry.place, report) {
                names.push(entry.key.clone());
                found.extend(defined.get_key_value(&entry.key).map(|(name, definition)| (name.clone(), definition.clone())));
            }
        }
    }
    (found, names)
}

fn organization(file: &OrganizationFile, place: Place, report: &Report<'_>) -> Option<Organization> {
    let id = text::required(&file.id, "id", place, report).and_then(|id| uuid(&id, file.id.place().unwrap_or(place), report));
    let name = text::required(&file.name, "name", place, report);
    let mut allowed_domains = Vec::new();
    for (domain, place) in file.allowed_domains.get().into_iter().flatten().filter_map(Field::placed) {
        if format!("name@{domain}").parse::<EmailAddress>().is_ok() {
            allowed_domains.push(domain.to_lowercase());
        } else {
            report.add(place, format!("`{}` is no mail domain", printable(domain)), "write it as `example.com`");
        }
    }
    Some(Organization {
        id: OrganizationId(id?),
        name: name?,
        fan_out: match file.fan_out.or(FanOutWord::Schedule) {
            FanOutWord::Schedule => FanOutPolicy::Schedule,
            FanOutWord::Always => FanOutPolicy::Always,
            FanOutWord::Never => FanOutPolicy::Never,
        },
        allowed_domains,
        member_timezones: file.member_timezones.or(false),
        fiscal_start: text::month(&file.fiscal_year_start, report).unwrap_or(1),
    })
}

fn uuid(text: &str, place: Place, report: &Report<'_>) -> Option<Uuid> {
    parse_uuid(text).map_err(|_| report.add(place, format!("`{}` is no UUID", printable(text)), UUID_HINT)).ok()
}

/// The written id, or one made from the organization and what identifies the thing. `None` when the written one is wrong.
fn id_or_made(field: &Field<String>, namespace: Uuid, kind: &str, name: &str, report: &Report<'_>) -> Option<Uuid> {
    match field {
        Field::Absent => Some(Uuid::new_v5(&namespace, format!("{kind}:{name}").as_bytes())),
        Field::Invalid(_) => None,
        Field::Given(text, place) => uuid(text, *place, report),
    }
}

/// Members by folded mail address; `None` for one that has another fault.
#[derive(Default)]
struct Directory(BTreeMap<String, Option<MembershipId>>);

impl Directory {
    /// The member with this address; an unknown one is noted.
    fn find(&self, address: &str, place: Place, report: &Report<'_>) -> Option<MembershipId> {
        self.0.get(&address.to_lowercase()).copied().unwrap_or_else(|| {
            let hint = suggest(address, self.0.keys().map(String::as_str), "members");
            report.add(place, format!("no member has the mail address `{}`", printable(address)), hint);
            None
        })
    }
}

fn members(
    parts: &[PeoplePart<'_>],
    namespace: Uuid,
    definitions: &IndexMap<String, AttributeDefinition>,
    directory: &mut Directory,
) -> Vec<Member> {
    let mut found = Vec::new();
    let (mut ids, mut user_ids, mut emails) = (Unique::new("membership id"), Unique::new("user id"), Unique::new("mail address"));
    let written = parts.iter().flat_map(|part| part.file.members.get().into_iter().flatten().map(move |member| (member, part.report)));
    for ((written, place), report) in written.filter_map(|(member, report)| Some((member.placed()?, report))) {
        let member = member(written, place, namespace, definitions, report);
        let folded = member.as_ref().map(|member| member.email.folded()).or_else(|| written.email.get().map(|email| email.to_lowercase()));
        if let Some(folded) = folded {
            let unique = emails.add(folded.clone(), written.email.place().unwrap_or(place), report);
            // An address that is written twice gives the same made ids twice: that is said once.
            if !unique {
                continue;
            }
            directory.0.entry(folded).or_insert(member.as_ref().map(|member| member.id));
        }
        if let Some(member) = member {
            ids.add(member.id.to_string(), written.id.place().unwrap_or(place), report);
            user_ids.add(member.user_id.to_string(), written.user_id.place().unwrap_or(place), report);
            found.push(member);
        }
    }
    found
}

fn member(
    file: &MemberFile,
    place: Place,
    namespace: Uuid,
    definitions: &IndexMap<String, AttributeDefinition>,
    report: &Report<'_>,
) -> Option<Member> {
    let name = text::required(&file.name, "name", place, report);
    let email = text::required(&file.email, "email", place, report).and_then(|email| {
        let place = file.email.place().unwrap_or(place);
        email
            .parse::<EmailAddress>()
            .map_err(|_| report.add(place, format!("`{}` is no mail address", printable(&email)), "write it as name@example.com"))
            .ok()
    });
    let key = email.as_ref().map(EmailAddress::folded).unwrap_or_default();
    let id = id_or_made(&file.id, namespace, "member", &key, report);
    let user_id = id_or_made(&file.user_id, namespace, "user", &key, report);
    let attributes = file.attributes.get().map(|values| attributes::values(values, definitions, report)).unwrap_or_default();
    Some(Member {
        id: MembershipId(id?),
        user_id: UserId(user_id?),
        name: name?,
        email: email?,
        admin: file.admin.or(false),
        active: file.active.or(true),
        attributes,
    })
}

fn groups(parts: &[PeoplePart<'_>], namespace: Uuid, directory: &Directory) -> (Vec<Group>, IndexSet<String>) {
    let (mut found, mut written) = (Vec::new(), IndexSet::new());
    let (mut ids, mut names) = (Unique::new("group id"), Unique::new("group"));
    let groups = parts.iter().flat_map(|part| part.file.groups.get().into_iter().flatten().map(move |group| (group, part.report)));
    for ((file, place), report) in groups.filter_map(|(group, report)| Some((group.placed()?, report))) {
        let Some(name) = text::required(&file.name, "name", place, report) else {
            continue;
        };
        if !names.add(name.clone(), file.name.place().unwrap_or(place), report) {
            continue;
        }
        written.insert(name.clone());
        let members = group_members(file, place, directory, report);
        if let Some(id) = id_or_made(&file.id, namespace, "group", &name, report) {
            ids.add(id.to_string(), file.id.place().unwrap_or(place), report);
            found.push(Group { id: GroupId(id), name, members });
        }
    }
    (found, written)
}

fn group_members(file: &GroupFile, place: Place, directory: &Directory, report: &Report<'_>) -> Vec<MembershipId> {
    let mut unique = Unique::new("mail address");
    if file.members.is_absent() {
        report.add(place, "`members` is missing", "write the mail addresses of its members: `members: [a@example.com]`");
    }
    file.members
        .get()
        .into_iter()
        .flatten()
        .filter_map(Field::placed)
        .filter(|(address, place)| unique.add(address.to_lowercase(), *place, report))
        .filter_map(|(address, place)| directory.find(address, place, report))
        .collect()
}

fn dev_key(file: &DevKeyFile, place: Place, directory: &Directory, context: (&Path, LoadOptions<'_>, &Report<'_>)) -> Option<DevKey> {
    const LENGTH_MIN: usize = 16;
    let (_, options, report) = context;
    let token = secret::secret("token", (&file.token, &file.token_file), place, context).filter(|found| {
        let token = found.secret.expose();
        let missing = token.is_empty() && !options.require_secrets && !found.literal;
        let right = missing || (token.len() >= LENGTH_MIN && token.bytes().all(|b| b.is_ascii_graphic()));
        if !right {
            report.add(
                found.place,
                "the token is short or has other than visible ASCII characters",
                format!("use at least {LENGTH_MIN} letters and digits"),
            );
        }
        right && !missing
    });
    let kind = match &file.kind {
        Field::Given(KeyKindWord::Organization, _) => Some(KeyKind::Organization),
        Field::Given(KeyKindWord::Personal, _) => Some(KeyKind::Personal),
        Field::Invalid(_) => None,
        Field::Absent => {
            report.add(place, "`kind` is missing", "write `kind: organization` or `kind: personal`");
            None
        }
    };
    let member = text::required(&file.member, "member", place, report)
        .and_then(|address| directory.find(&address, file.member.place().unwrap_or(place), report));
    Some(DevKey { token: token?.secret, kind: kind?, member: member? })
}

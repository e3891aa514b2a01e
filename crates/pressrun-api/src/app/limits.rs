//! Refuses what is more than one caller may ask for; each refusal names the limit and the key that sets it.

use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::destination::{Destination, Person, Recipient};
use pressrun_domain::id::MembershipId;
use pressrun_domain::schedule::{Definition, FilterConfig};
use pressrun_store::{AuditQuery, ListQuery, SortDirection, SortField};

use super::error::AppError;
use crate::limits::Limits;
use crate::state::ApiState;

/// The contract's words for what is too long or too many, and the key.
fn at_most(what: &str, most: impl Display, unit: &str, key: &str) -> String {
    format!("{what} must contain at most {most} {unit} (limits.{key})")
}

/// Checks the lengths of texts; `stored` ones may stay as long as they are.
pub(crate) fn texts(limits: &Limits, definition: &Definition, stored: Option<&Definition>) -> Result<(), AppError> {
    fn parts(definition: &Definition) -> (&str, Option<&str>, Option<&str>) {
        match &definition.destination {
            Destination::Email(email) => (&definition.name, Some(&email.subject), email.text_body.as_deref()),
            Destination::Slack(slack) => (&definition.name, None, slack.text_body.as_deref()),
            Destination::Sftp(_) | Destination::Webhook(_) | Destination::S3(_) => (&definition.name, None, None),
        }
    }
    let (name, subject, text) = parts(definition);
    let before = stored.map(parts);
    if before.is_none_or(|before| before.0 != name) && is_longer(name, limits.name_characters) {
        return Err(AppError::field("name", at_most("String", limits.name_characters, "character(s)", "name_characters")));
    }
    if let Some(subject) = subject.filter(|subject| before.and_then(|before| before.1) != Some(subject))
        && is_longer(subject, limits.subject_characters)
    {
        return Err(AppError::field("subject", at_most("String", limits.subject_characters, "character(s)", "subject_characters")));
    }
    if let Some(text) = text.filter(|text| before.and_then(|before| before.2) != Some(text))
        && text.len() > limits.text_bytes
    {
        return Err(AppError::field("textBody", at_most("String", limits.text_bytes, "byte(s)", "text_kib")));
    }
    filters(limits, &definition.filters, stored.map(|stored| &stored.filters))
}

/// Whether a text has more characters, without counting all of a long one.
fn is_longer(text: &str, characters: usize) -> bool {
    text.chars().nth(characters).is_some()
}

fn filters(limits: &Limits, filters: &FilterConfig, stored: Option<&FilterConfig>) -> Result<(), AppError> {
    let bytes = || serde_json::to_vec(filters).map_or(usize::MAX, |json| json.len());
    if stored == Some(filters) || bytes() <= limits.filters_bytes {
        return Ok(());
    }
    Err(AppError::field("filterConfig", at_most("Object", limits.filters_bytes, "byte(s) of JSON", "filters_kib")))
}

/// How many recipients one schedule may come to have by one call.
pub(crate) struct Bound<'a> {
    limits: &'a Limits,
    is_admin: bool,
    /// What of the body names them.
    field: &'static str,
    /// Those the schedule has: a list that is too long by now may shrink.
    before: Count,
    /// Whether they stay beside those that the call names.
    adds: bool,
}

/// Recipients, and those among them who have no login.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) all: usize,
    pub(crate) outside: usize,
}

impl<'a> Bound<'a> {
    /// For a call that names every recipient of a schedule, which has those of `before`.
    pub(crate) fn replacing(limits: &'a Limits, is_admin: bool, before: Option<&Destination>) -> Self {
        Self { limits, is_admin, field: "recipients", before: before.map(count).unwrap_or_default(), adds: false }
    }

    /// For a call that adds recipients to those of `before`.
    pub(crate) fn adding(limits: &'a Limits, is_admin: bool, field: &'static str, before: &Destination) -> Self {
        Self { limits, is_admin, field, before: count(before), adds: true }
    }

    /// Refuses more than may be.
    pub(crate) fn admit(&self, named: Count) -> Result<(), AppError> {
        let Self { limits, is_admin, field, before, adds } = *self;
        let kept = if adds { before } else { Count::default() };
        let (all, outside) = (kept.all + named.all, kept.outside + named.outside);
        let (most, key) = if is_admin { (limits.admin_recipients, "admin_recipients") } else { (limits.recipients, "recipients") };
        if all > most && all > before.all {
            let kept = if adds && before.all > 0 { format!("; {} are on the list", before.all) } else { String::new() };
            return Err(AppError::field(field, at_most("Array", most, "element(s)", key) + &kept));
        }
        if !is_admin && outside > limits.outside_recipients && outside > before.outside {
            let fault = at_most("Array", limits.outside_recipients, "recipient(s) without a login", "outside_recipients");
            return Err(AppError::field(field, format!("{fault}; an admin may save more")));
        }
        Ok(())
    }
}

/// Whom a destination names.
pub(crate) fn count(destination: &Destination) -> Count {
    let is_outside = |place: &&Recipient| matches!(place.person, Person::EmailOnly(_));
    match destination {
        Destination::Email(email) => Count { all: email.named().count(), outside: email.named().filter(is_outside).count() },
        Destination::Slack(slack) => Count { all: slack.recipients.len(), outside: 0 },
        Destination::Sftp(_) | Destination::Webhook(_) | Destination::S3(_) => Count::default(),
    }
}

/// Refuses one more schedule of an owner who has enough.
pub(crate) async fn one_more_schedule(state: &ApiState, owner: MembershipId) -> Result<(), AppError> {
    let most = state.config.limits.schedules_per_member;
    let query = ListQuery {
        search: None,
        status: None,
        destination: None,
        kind: None,
        content: None,
        owner: Some(owner),
        identifier: None,
        visible: None,
        sort: SortField::ScheduleName,
        direction: SortDirection::Ascending,
        page: 1,
        page_size: 1,
    };
    if state.store.list_schedules(&query).await?.total < most {
        return Ok(());
    }
    Err(AppError::invalid(format!(
        "You have {most} schedules, which is as many as one member may have (limits.schedules_per_member); delete one that is not needed"
    )))
}

/// Refuses one more test delivery of a member who made enough within a day.
pub(crate) async fn one_more_test(state: &ApiState, owner: MembershipId) -> Result<(), AppError> {
    let most = state.config.limits.test_deliveries_per_day;
    if state.store.count_tests(owner, a_day_ago(state)).await? < most {
        return Ok(());
    }
    Err(AppError::field(
        "testNow",
        format!("You made {most} test deliveries within 24 hours, which is as many as one member may (limits.test_deliveries_per_day)"),
    ))
}

/// Refuses one more subscription, request or offer of a member who made enough within a day. Each of them is a mail to somebody else, and taken
/// back and made again they would be mails without end.
pub(crate) async fn one_more_ask(state: &ApiState, actor: &Actor, catalog: &Catalog) -> Result<(), AppError> {
    if actor.is_admin(catalog) {
        return Ok(());
    }
    let most = state.config.limits.asks_per_day;
    let mut made = 0;
    for verb in [Verb::Subscribed, Verb::SubscriptionRequested, Verb::OwnershipOffered] {
        let (member, from) = (Some(actor.member), Some(a_day_ago(state)));
        made += state.store.audit(&AuditQuery { member, verb: Some(verb), from, limit: most, ..AuditQuery::default() }).await?.len();
    }
    if made < most as usize {
        return Ok(());
    }
    Err(AppError::invalid(format!(
        "You subscribed to schedules, asked to or offered them {most} times within 24 hours, which is as often as one member may (limits.asks_per_day)"
    )))
}

fn a_day_ago(state: &ApiState) -> Timestamp {
    state.clock.now().saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN)
}

//! What of a schedule changed, in words that may be kept: no password, no key, of an address only its host, and long lists by their ends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Details;
use crate::destination::{EmailSettings, Recipient};
use crate::schedule::Definition;

/// Addresses that are named one by one; of more, only how many.
const NAMED: usize = 50;

/// Characters of a text that are kept.
const TEXT: usize = 300;

/// Lists of people, who are told one by one.
const LISTS: [(&str, List); 3] = [("recipients", |email| &email.recipients), ("cc", |email| &email.cc), ("bcc", |email| &email.bcc)];

type List = fn(&EmailSettings) -> &[Recipient];

/// What stands for a value that must not be kept (D13).
const CHANGED: &str = "changed";

/// What of a schedule is another. `None` before is a new one, `None` after a deleted one.
#[must_use]
pub fn definition_difference(before: Option<&Definition>, after: Option<&Definition>) -> Details {
    let mut details = plain_difference(&fields(before), &fields(after));
    let secrets = |definition: Option<&Definition>| definition.map(|definition| definition.destination.secrets()).unwrap_or_default();
    let (old, new) = (secrets(before), secrets(after));
    for name in old.keys().chain(new.keys()) {
        if old.get(name) != new.get(name) {
            details.insert(format!("destination.{name}"), CHANGED.into());
        }
    }
    for (name, list) in LISTS {
        let (old, new) = (addresses(before, list), addresses(after, list));
        if old != new {
            details.insert(name.to_owned(), people(&old, &new));
        }
    }
    details
}

/// What is another between two maps of fields; long texts are cut, and of addresses only the host is kept.
#[must_use]
pub fn plain_difference(before: &Map<String, Value>, after: &Map<String, Value>) -> Details {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut details = Details::new();
    for name in names {
        let (old, new) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
        if old != new {
            details.insert(name.clone(), told(name, old, new));
        }
    }
    details
}

fn told(name: &str, old: &Value, new: &Value) -> Value {
    if is_secret(name) {
        return CHANGED.into();
    }
    let (old, new) = (short(name, old), short(name, new));
    if old == new {
        return CHANGED.into();
    }
    match (old, new) {
        (Value::Null, new) => json!({ "after": new }),
        (old, Value::Null) => json!({ "before": old }),
        (old, new) => json!({ "before": old, "after": new }),
    }
}

/// Whether a field of this name holds what opens something, also one that is yet to be invented.
fn is_secret(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let opens = ["password", "passphrase", "secret", "token", "privatekey", "private_key", "headers"];
    opens.iter().any(|word| name.contains(word))
}

/// A value as it may be kept.
fn short(name: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if name.to_lowercase().ends_with("url") => host(text).into(),
        Value::String(text) if text.chars().nth(TEXT).is_some() => {
            let start: String = text.chars().take(TEXT).collect();
            format!("{start}… ({} characters)", text.chars().count()).into()
        }
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.chars().nth(TEXT * 4).is_some() { format!("{} bytes of JSON", text.len()).into() } else { value.clone() }
        }
        other => other.clone(),
    }
}

/// Scheme and host of an address: its path and query may be what opens it.
fn host(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return CHANGED.to_owned() };
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    // Before the last @ stand a name and a password.
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Fields by name, those of the destination behind a dot; without lists of people, who are told one by one.
fn fields(definition: Option<&Definition>) -> Map<String, Value> {
    let Some(Ok(Value::Object(mut all))) = definition.map(serde_json::to_value) else { return Map::new() };
    let destination = all.remove("destination");
    let mut fields: Map<String, Value> = all.into_iter().map(|(name, value)| (camel(&name), value)).collect();
    if let Some(Value::Object(settings)) = destination {
        for (name, value) in settings {
            let people = LISTS.iter().any(|(list, _)| *list == name) && value.is_array();
            if !people || definition.is_some_and(|definition| definition.destination.email().is_none()) {
                fields.insert(format!("destination.{}", camel(&name)), value);
            }
        }
    }
    // Made from the address, of which only the origin is told.
    fields.remove("destination.mark");
    // What is not set is not told of a new one.
    fields.retain(|_, value| !value.is_null());
    fields
}

/// `text_body` as the API writes it.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        let head: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
        text + &head + letters.as_str()
    })
}

/// Addresses of a list by their folded form.
fn addresses(definition: Option<&Definition>, list: List) -> BTreeMap<String, String> {
    let email = definition.and_then(|definition| definition.destination.email());
    let places = email.map(list).unwrap_or_default();
    places.iter().map(|place| (place.email.folded(), place.email.to_string())).collect()
}

fn people(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Value {
    let only = |of: &BTreeMap<String, String>, without: &BTreeMap<String, String>| {
        let all = of.iter().filter(|(folded, _)| !without.contains_key(*folded));
        all.map(|(_, address)| Value::from(address.as_str())).collect::<Vec<_>>()
    };
    let mut told = Map::new();
    for (word, addresses) in [("added", only(new, old)), ("removed", only(old, new))] {
        if addresses.len() > NAMED {
            told.insert(word.to_owned(), json!(format!("{} addresses", addresses.len())));
        } else if !addresses.is_empty() {
            told.insert(word.to_owned(), addresses.into());
        }
    }
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::destination::{Destination, Person, WebhookSettings};
    use crate::id::{MembershipId, ScheduleId};
    use crate::output::{Format, OutputOptions};
    use crate::secret::Secret;

    fn definition(destination: Destination) -> Definition {
        Definition {
            name: "Blob Sales".into(),
            identifier: "12db1a0a".into(),
            owner: MembershipId::generate(),
            cron: "0 9 ? * * *".into(),
            timezone: "UTC".into(),
            timezone_override: None,
            format: Format::Pdf,
            options: OutputOptions::default(),
            tile: None,
            filters: IndexMap::new(),
            condition: None,
            kill_jobs_on_failure: false,
            destination,
            worthless_after: None,
            link_epoch: 0,
        }
    }

    fn mail(addresses: &[&str]) -> Destination {
        let place = |text: &&str| {
            let email: crate::email::EmailAddress = text.parse().expect("an address");
            let member = Person::Member(MembershipId::generate());
            Recipient { id: email.place_on(ScheduleId::generate()), email, person: member }
        };
        let recipients = addresses.iter().map(place).collect();
        Destination::Email(EmailSettings { recipients, subject: "s".into(), ..EmailSettings::default() })
    }

    fn hook(url: &str, secret: &str) -> Destination {
        Destination::Webhook(WebhookSettings::new(url, vec![Secret::new(secret)]))
    }

    #[test]
    fn h3_only_what_changed_is_told_with_before_and_after() {
        let before = definition(mail(&["a@x.co", "b@x.co"]));
        let mut after = before.clone();
        after.cron = "0 10 ? * * *".into();
        after.destination = mail(&["b@x.co", "c@x.co"]);
        let told = Value::Object(definition_difference(Some(&before), Some(&after)));
        let expected = json!({
            "cron": { "before": "0 9 ? * * *", "after": "0 10 ? * * *" },
            "recipients": { "added": ["c@x.co"], "removed": ["a@x.co"] },
        });
        assert_eq!(told, expected);
        assert!(definition_difference(Some(&before), Some(&before)).is_empty());
    }

    #[test]
    fn h3_people_who_get_copies_are_told_by_list() {
        let before = definition(mail(&["a@x.co"]));
        let mut after = before.clone();
        if let (Destination::Email(email), Destination::Email(other)) = (&mut after.destination, mail(&["b@x.co"])) {
            email.bcc = other.recipients;
        }
        let told = Value::Object(definition_difference(Some(&before), Some(&after)));
        assert_eq!(told, json!({ "bcc": { "added": ["b@x.co"] } }));
    }

    #[test]
    fn h3_no_secret_and_no_path_of_a_webhook_is_ever_told() {
        let one = definition(hook("https://u:pw@hooks.example.com/T0/SECRETPATH?key=SECRETQUERY", "SECRETSIGNING"));
        let other = definition(hook("https://u:pw@hooks.example.com/T0/OTHERPATH?key=OTHERQUERY", "OTHERSIGNING"));
        for (case, before, after) in [("made", None, Some(&one)), ("changed", Some(&one), Some(&other)), ("deleted", Some(&one), None)] {
            let told = Value::Object(definition_difference(before, after)).to_string();
            for hidden in ["SECRET", "OTHER", "pw"] {
                assert!(!told.contains(hidden), "{case}: {told}");
            }
            assert!(told.contains("changed") && (case == "changed" || told.contains("hooks.example.com")), "{case}: {told}");
        }
        let given = json!({ "headers": { "Authorization": "Bearer SECRET" }, "passwordHint": "SECRET", "name": "n" });
        let told = plain_difference(&Map::new(), given.as_object().expect("an object"));
        assert!(!Value::Object(told).to_string().contains("SECRET"), "also of fields that are yet to be invented");
    }

    #[test]
    fn h3_thirty_thousand_recipients_are_told_by_their_number() {
        let many: Vec<String> = (0..30_000).map(|number| format!("blob{number}@x.co")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let told = Value::Object(definition_difference(Some(&definition(mail(&["a@x.co"]))), Some(&definition(mail(&many)))));
        assert_eq!(told["recipients"], json!({ "added": "30000 addresses", "removed": ["a@x.co"] }));
        assert!(told.to_string().len() < 1000);
        let mut long = definition(mail(&[]));
        long.name = "ä".repeat(100_000);
        let told = Value::Object(definition_difference(None, Some(&long))).to_string();
        assert!(told.len() < 3000 && told.contains("100000 characters"));
    }
}

//! User attributes: definitions and values (contract §7).

use pressrun_domain::audience::{SYSTEM_ATTRIBUTES, TIMEZONE_ATTRIBUTE};
use pressrun_domain::catalog::{AttributeDefinition, AttributeKind, AttributeValue, AttributeValues, Scalar};
use serde_json::Value;

use indexmap::IndexMap;

use super::text;
use crate::files::{AttributeFile, AttributeKindWord, Entries, Field};
use crate::problem::{Place, Report, printable, suggest};

/// Converts the definitions.
pub(super) fn definitions(entries: &Entries<AttributeFile>, report: &Report<'_>) -> IndexMap<String, AttributeDefinition> {
    let mut found = IndexMap::new();
    for entry in entries {
        let Some(file) = entry.value.get() else {
            if entry.value.is_absent() {
                report.add(entry.place, format!("attribute `{}` is empty", printable(&entry.key)), "write its `type`");
            }
            continue;
        };
        if !text::key(&entry.key, "an attribute's name", entry.place, report) {
            continue;
        }
        if SYSTEM_ATTRIBUTES.contains(&entry.key.as_str()) {
            report.add(
                entry.place,
                format!("`{}` is a system attribute", entry.key),
                "remove the definition; system attributes are always there",
            );
            continue;
        }
        let kind = match &file.kind {
            Field::Given(AttributeKindWord::String, _) => AttributeKind::String,
            Field::Given(AttributeKindWord::Number, _) => AttributeKind::Number,
            Field::Invalid(_) => continue,
            Field::Absent => {
                report.add(entry.place, "`type` is missing", "write `type: String` or `type: Number`");
                continue;
            }
        };
        let mut definition = AttributeDefinition {
            name: entry.key.clone(),
            label: text::optional(&file.label, "label", report).unwrap_or_else(|| text::in_words(&entry.key)),
            description: file.description.get().cloned().unwrap_or_default(),
            kind,
            multiple_values: file.multiple_values.or(false),
            default: None,
        };
        if let Some((default, place)) = file.default.placed() {
            definition.default = value(&definition, default, place, report);
        }
        found.insert(entry.key.clone(), definition);
    }
    found
}

/// Converts the values of one member.
pub(super) fn values(
    entries: &Entries<Value>,
    definitions: &IndexMap<String, AttributeDefinition>,
    report: &Report<'_>,
) -> AttributeValues {
    let mut found = AttributeValues::new();
    for entry in entries {
        // Null unsets.
        let Some((written, place)) = entry.value.placed() else {
            continue;
        };
        if entry.key == TIMEZONE_ATTRIBUTE {
            if let Some(zone) = timezone(written, place, report) {
                found.insert(entry.key.clone(), AttributeValue::One(Scalar::Text(zone)));
            }
        } else if let Some(definition) = definitions.get(&entry.key) {
            if let Some(value) = value(definition, written, place, report) {
                found.insert(entry.key.clone(), value);
            }
        } else if SYSTEM_ATTRIBUTES.contains(&entry.key.as_str()) {
            report.add(
                entry.place,
                format!("`{}` cannot be set", entry.key),
                format!("of the system attributes only `{TIMEZONE_ATTRIBUTE}` can"),
            );
        } else {
            let names = definitions.keys().map(String::as_str).chain([TIMEZONE_ATTRIBUTE]);
            report.add(
                entry.place,
                format!("there is no user attribute `{}`", printable(&entry.key)),
                suggest(&entry.key, names, "user attributes"),
            );
        }
    }
    found
}

fn timezone(written: &Value, place: Place, report: &Report<'_>) -> Option<String> {
    const HINT: &str = "write an area and a place, such as `America/New_York`, or `UTC`";
    let Value::String(name) = written else {
        report.add(place, "a time zone is a text", HINT);
        return None;
    };
    if let Some(message) = text::zone_fault(name) {
        report.add(place, message, HINT);
        return None;
    }
    // Abbreviations are in the database, but mean no place (contract §7).
    if name != "UTC" && !name.contains('/') {
        report.add(place, format!("`{name}` is an abbreviation"), HINT);
        return None;
    }
    Some(name.clone())
}

fn value(definition: &AttributeDefinition, written: &Value, place: Place, report: &Report<'_>) -> Option<AttributeValue> {
    match (definition.multiple_values, written) {
        (true, Value::Array(items)) => {
            let values: Vec<Scalar> = items.iter().filter_map(|item| scalar(definition, item, place, report)).collect();
            // An empty list unsets, as in the API.
            (!values.is_empty()).then_some(AttributeValue::Many(values))
        }
        (true, _) => {
            report.add(
                place,
                format!("`{}` has several values, so its value is a list", printable(&definition.name)),
                "wrap the value in a list: `[x]`",
            );
            None
        }
        (false, Value::String(text)) if text.is_empty() => None,
        (false, _) => scalar(definition, written, place, report).map(AttributeValue::One),
    }
}

fn scalar(definition: &AttributeDefinition, written: &Value, place: Place, report: &Report<'_>) -> Option<Scalar> {
    let name = printable(&definition.name);
    match (definition.kind, written) {
        (AttributeKind::String, Value::String(text)) => return Some(Scalar::Text(text.clone())),
        (AttributeKind::Number, Value::Number(number)) => {
            return Some(Scalar::Number(number.clone()));
        }
        (AttributeKind::String, _) => report.add(place, format!("`{name}` is of type String"), "put the value in quotes"),
        (AttributeKind::Number, _) => {
            report.add(place, format!("`{name}` is of type Number"), "write digits without quotes; flags are 0 and 1");
        }
    }
    None
}

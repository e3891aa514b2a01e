//! User attribute values: what may be set, and how it is unset (contract §7).

use pressrun_domain::audience::TIMEZONE_ATTRIBUTE;
use pressrun_domain::catalog::{AttributeDefinition, AttributeKind, AttributeValue, Catalog, Scalar};
use serde_json::{Map, Value};

use super::error::AppError;

/// Attributes to set (`Some`) or unset (`None`), in the order sent.
pub(crate) type Assignments = Vec<(String, Option<AttributeValue>)>;

/// Checks names first, then each value (§6.1: 4, then per attribute 7, 5, 6).
pub(crate) fn read(given: &Map<String, Value>, catalog: &Catalog) -> Result<Assignments, AppError> {
    let settable = |name: &str| name == TIMEZONE_ATTRIBUTE || catalog.attributes.contains_key(name);
    let unknown: Vec<String> = given.keys().filter(|name| !settable(name)).map(|name| format!("\"{name}\"")).collect();
    if !unknown.is_empty() {
        return Err(AppError::invalid(format!(
            "The provided user attributes: {} do not match the names of existing user attributes.",
            unknown.join(", ")
        )));
    }
    given
        .iter()
        .map(|(name, value)| {
            let value = match catalog.attributes.get(name) {
                Some(definition) => assignment(definition, value)?,
                None => timezone(value)?,
            };
            Ok((name.clone(), value))
        })
        .collect()
}

fn timezone(value: &Value) -> Result<Option<AttributeValue>, AppError> {
    let refuse = || {
        AppError::invalid(format!(
            "The timezone {} is not supported. Please see the connection page or user profile page for the list of valid timezones. \
             Use e.g. \"America/New_York\" instead of \"EST\"",
            bare(value)
        ))
    };
    match value {
        Value::Null => Ok(None),
        Value::String(name) if name.is_empty() => Ok(None),
        // Legacy abbreviations have no area; `UTC` is the one name without.
        Value::String(name) if (name == "UTC" || name.contains('/')) && pressrun_cron::zone(name).is_ok() => {
            Ok(Some(AttributeValue::One(Scalar::Text(name.clone()))))
        }
        _ => Err(refuse()),
    }
}

fn assignment(definition: &AttributeDefinition, value: &Value) -> Result<Option<AttributeValue>, AppError> {
    if value.is_null() {
        return Ok(None);
    }
    if !definition.multiple_values {
        if value.as_str() == Some("") {
            return Ok(None);
        }
        return scalar(definition, value).map(|scalar| Some(AttributeValue::One(scalar)));
    }
    let Value::Array(items) = value else {
        return Err(AppError::invalid(format!(
            "User Attribute {} has multiple values enabled, but the passed-in value is not an array. If passing a single value for \
             a user attribute with multiple values enabled, please wrap the value in an array [x].",
            definition.name
        )));
    };
    let scalars: Vec<Scalar> = items.iter().map(|item| scalar(definition, item)).collect::<Result<_, _>>()?;
    Ok(if scalars.is_empty() { None } else { Some(AttributeValue::Many(scalars)) })
}

fn scalar(definition: &AttributeDefinition, value: &Value) -> Result<Scalar, AppError> {
    let name = &definition.name;
    match (definition.kind, value) {
        (AttributeKind::Number, Value::Number(number)) => Ok(Scalar::Number(number.clone())),
        (AttributeKind::Number, Value::String(text)) => numeric(text).map(Scalar::Number).ok_or_else(|| not_a(name, "number", value)),
        (AttributeKind::Number, _) => Err(not_a(name, "number", value)),
        (AttributeKind::String, Value::String(text)) => Ok(Scalar::Text(text.clone())),
        (AttributeKind::String, Value::Number(_) | Value::Bool(_)) => Ok(Scalar::Text(bare(value))),
        (AttributeKind::String, _) => Err(not_a(name, "string", value)),
    }
}

fn not_a(name: &str, kind: &str, value: &Value) -> AppError {
    AppError::invalid(format!("User Attribute {name} is type {kind}, but passed-in value {} is not a {kind}.", bare(value)))
}

fn numeric(text: &str) -> Option<serde_json::Number> {
    let text = text.trim();
    text.parse::<i64>().ok().map(Into::into).or_else(|| serde_json::Number::from_f64(text.parse().ok()?))
}

/// A value without the quotes of JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(kind: AttributeKind, multiple_values: bool) -> AttributeDefinition {
        AttributeDefinition { name: "a".into(), label: "A".into(), description: String::new(), kind, multiple_values, default: None }
    }

    #[test]
    fn values_are_set_and_unset_as_the_table_says() {
        let (text, number) = (AttributeKind::String, AttributeKind::Number);
        let row_5 = |value: &str| Err(format!("User Attribute a is type number, but passed-in value {value} is not a number."));
        let row_7 = Err("User Attribute a has multiple values enabled, but the passed-in value is not an array. If passing a single \
                         value for a user attribute with multiple values enabled, please wrap the value in an array [x]."
            .to_owned());
        for (kind, multiple, value, expected) in [
            (text, false, json!("x"), Ok(Some(json!("x")))),
            (text, false, json!(""), Ok(None)),
            (text, false, json!(null), Ok(None)),
            (number, false, json!(0), Ok(Some(json!(0)))),
            (number, false, json!(1.5), Ok(Some(json!(1.5)))),
            (number, false, json!("1"), Ok(Some(json!(1)))),
            (number, false, json!(""), Ok(None)),
            (number, false, json!("abc"), row_5("abc")),
            (number, false, json!(true), row_5("true")),
            (number, false, json!([1]), row_5("[1]")),
            (number, false, json!("NaN"), row_5("NaN")),
            (text, true, json!(["US", "EU"]), Ok(Some(json!(["US", "EU"])))),
            (text, true, json!([]), Ok(None)),
            (text, true, json!("US"), row_7.clone()),
            (number, true, json!([1, 10]), Ok(Some(json!([1, 10])))),
            (number, true, json!(5), row_7.clone()),
            (number, true, json!(["x"]), row_5("x")),
        ] {
            let read = assignment(&definition(kind, multiple), &value);
            let read = read.map(|value| value.map(|value| serde_json::to_value(value).expect("json"))).map_err(|error| error.to_string());
            assert_eq!(read, expected, "{kind:?} {multiple} {value}");
        }
    }

    #[test]
    fn est_is_no_timezone_of_a_person() {
        for (value, accepted) in [
            (json!("America/New_York"), true),
            (json!("UTC"), true),
            (json!("Etc/UTC"), true),
            (json!(""), true),
            (json!(null), true),
            (json!("EST"), false),
            (json!("EST5EDT"), false),
            (json!("Mars/Base"), false),
            (json!(5), false),
        ] {
            assert_eq!(timezone(&value).is_ok(), accepted, "{value}");
        }
    }
}

//! Reading JSON as leniently as published examples need it (contract §5.1.2), with the wording of its faults (§1.3).

use std::fmt;

use pressrun_domain::email::EmailAddress;
use serde_json::{Map, Value};

use super::error::AppError;

/// A field of a body: left out, `null`, or there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Given<T> {
    /// Left out.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// There.
    Value(T),
}

impl<T> Given<T> {
    /// The value; `null` counts as left out.
    pub(crate) fn value(self) -> Option<T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// The value, borrowed.
    pub(crate) fn as_ref(&self) -> Option<&T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// Whether it was named at all.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// What the field is after this change to `stored`: left out keeps, `null` clears.
    pub(crate) fn over(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Absent => stored,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// What a field with a default is after this change.
    pub(crate) fn or_default(self, stored: T, default: T) -> T {
        match self {
            Self::Absent => stored,
            Self::Null => default,
            Self::Value(value) => value,
        }
    }

    /// Reads the value further; `null` and nothing stay what they are.
    pub(crate) fn try_map<U>(self, read: impl FnOnce(T) -> Result<U, AppError>) -> Result<Given<U>, AppError> {
        Ok(match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(read(value)?),
        })
    }
}

/// The JSON type's name in faults.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn expected(field: &'static str, what: &str, value: &Value) -> AppError {
    AppError::field(field, format!("Expected {what}, received {}", type_name(value)))
}

/// A body's fields. `Debug` shows their names only (D13).
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fields").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

impl<'a> Fields<'a> {
    /// The raw value.
    pub(crate) fn raw(self, field: &str) -> Given<&'a Value> {
        match self.0.get(field) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// A string.
    pub(crate) fn text(self, field: &'static str) -> Result<Given<String>, AppError> {
        self.raw(field).try_map(|value| value.as_str().map(str::to_owned).ok_or_else(|| expected(field, "string", value)))
    }

    /// A string with at least one character.
    pub(crate) fn filled(self, field: &'static str) -> Result<Given<String>, AppError> {
        self.text(field)?.try_map(|text| {
            if text.trim().is_empty() { Err(AppError::field(field, "String must contain at least 1 character(s)")) } else { Ok(text) }
        })
    }

    /// A boolean, or the strings `"true"` and `"false"` (Q18).
    pub(crate) fn flag(self, field: &'static str) -> Result<Given<bool>, AppError> {
        self.raw(field).try_map(|value| match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            other => Err(expected(field, "boolean", other)),
        })
    }

    /// A boolean, or a number as an early revision of the contract had it: 0 is false.
    pub(crate) fn flag_or_number(self, field: &'static str) -> Result<Given<bool>, AppError> {
        match self.raw(field) {
            Given::Value(Value::Number(number)) => Ok(Given::Value(number.as_f64() != Some(0.0))),
            _ => self.flag(field),
        }
    }

    /// A whole number or its decimal text.
    pub(crate) fn whole(self, field: &'static str) -> Result<Given<i64>, AppError> {
        self.raw(field).try_map(|value| match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64))
                .ok_or_else(|| AppError::field(field, "Expected integer, received float")),
            Value::String(text) => text.trim().parse().map_err(|_| expected(field, "number", value)),
            other => Err(expected(field, "number", other)),
        })
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(self, field: &'static str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<Given<T>, AppError> {
        self.text(field)?.try_map(|text| {
            all.iter().copied().find(|word| name(*word) == text).ok_or_else(|| {
                let words: Vec<String> = all.iter().map(|word| format!("'{}'", name(*word))).collect();
                AppError::field(field, format!("Invalid enum value. Expected {}, received '{text}'", words.join(" | ")))
            })
        })
    }

    /// An object.
    pub(crate) fn object(self, field: &'static str) -> Result<Given<Map<String, Value>>, AppError> {
        self.raw(field).try_map(|value| value.as_object().cloned().ok_or_else(|| expected(field, "object", value)))
    }

    /// A list, or one value that stands for a list of one.
    pub(crate) fn list(self, field: &'static str) -> Result<Given<Vec<Value>>, AppError> {
        self.raw(field).try_map(|value| match value {
            Value::Array(items) => Ok(items.clone()),
            Value::String(_) => Ok(vec![value.clone()]),
            other => Err(expected(field, "array", other)),
        })
    }

    /// Mail addresses: strings, objects with an `email`, or one of them alone (§5.1.4).
    pub(crate) fn emails(self, field: &'static str) -> Result<Given<Vec<EmailAddress>>, AppError> {
        let items = match self.raw(field) {
            Given::Value(object @ Value::Object(_)) => Given::Value(vec![object.clone()]),
            _ => self.list(field)?,
        };
        items.try_map(|items| items.iter().map(|item| email(field, item)).collect())
    }

    /// Strings.
    pub(crate) fn texts(self, field: &'static str) -> Result<Given<Vec<String>>, AppError> {
        self.list(field)?.try_map(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| expected(field, "string", item))).collect()
        })
    }

    /// Ids as given, each of which is a UUID.
    pub(crate) fn ids(self, field: &'static str) -> Result<Given<Vec<(String, uuid::Uuid)>>, AppError> {
        self.texts(field)?.try_map(|texts| {
            texts
                .into_iter()
                .map(|text| match pressrun_domain::id::parse_uuid(&text) {
                    Ok(id) => Ok((text, id)),
                    Err(_) => Err(AppError::field(field, "Invalid uuid")),
                })
                .collect()
        })
    }
}

fn email(field: &'static str, item: &Value) -> Result<EmailAddress, AppError> {
    let text = match item {
        Value::Object(object) => object.get("email").unwrap_or(&Value::Null),
        other => other,
    };
    let text = text.as_str().ok_or_else(|| expected(field, "string", text))?;
    text.parse().map_err(|_| AppError::field(field, "Invalid email address"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn q18_booleans_may_be_strings_and_false_is_false() {
        for (value, expected) in [
            (json!(true), Ok(Given::Value(true))),
            (json!("true"), Ok(Given::Value(true))),
            (json!("false"), Ok(Given::Value(false))),
            (json!(null), Ok(Given::Null)),
            (json!("no"), Err("x: Expected boolean, received string")),
            (json!(1), Err("x: Expected boolean, received number")),
        ] {
            let body = json!({ "x": value });
            let read = Fields(body.as_object().expect("object")).flag("x");
            assert_eq!(read.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{value}");
        }
    }

    #[test]
    fn recipients_may_be_strings_objects_or_one_alone() {
        for value in [json!(["a@b.co"]), json!([{"email": "a@b.co"}]), json!("a@b.co"), json!({"email": "a@b.co"})] {
            let body = json!({ "recipients": value });
            let read = Fields(body.as_object().expect("object")).emails("recipients").expect("accepted").value().expect("given");
            assert_eq!(read.iter().map(EmailAddress::as_str).collect::<Vec<_>>(), ["a@b.co"], "{value}");
        }
    }
}

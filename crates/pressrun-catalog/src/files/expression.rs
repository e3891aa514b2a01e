//! A filter expression as written, before the filter's type is known: `1.10` is a text to one filter and a number to another.

use std::borrow::Cow;
use std::fmt;

use pressrun_domain::catalog::FilterKind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::yaml::{VERBATIM, plain_value};

/// A filter expression: scalars keep the characters they were written with.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Null.
    Null,
    /// Without quotes.
    Plain(String),
    /// In quotes, or a block.
    Quoted(String),
    /// A list.
    List(Vec<Expression>),
    /// A mapping, in file order.
    Map(Vec<(String, Expression)>),
}

impl Expression {
    /// The expression in the API's form, its values read as those of a filter of type `kind`.
    #[must_use]
    pub fn expression(&self, kind: FilterKind) -> Value {
        match self {
            Self::Map(entries) => object(entries, kind),
            Self::List(_) | Self::Null => self.value(kind),
            // A single word is a list of one.
            Self::Plain(_) | Self::Quoted(_) => Value::Array(vec![self.value(kind)]),
        }
    }

    /// A value to compare with: text keeps every character, a number every digit.
    fn value(&self, kind: FilterKind) -> Value {
        match (self, kind) {
            (Self::Null, _) => Value::Null,
            (Self::Quoted(text), _) | (Self::Plain(text), FilterKind::String | FilterKind::Control | FilterKind::Date) => {
                Value::String(text.clone())
            }
            (Self::Plain(text), FilterKind::Number) => match plain_value(text) {
                Value::Number(number) if number.is_i64() => Value::Number(number),
                _ => Value::String(text.clone()),
            },
            (Self::Plain(text), FilterKind::Boolean) => plain_value(text),
            (Self::List(items), _) => Value::Array(items.iter().map(|item| item.value(kind)).collect()),
            (Self::Map(entries), _) => object(entries, kind),
        }
    }

    /// A flag or a word of the expression itself.
    fn word(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Plain(text) => plain_value(text),
            Self::Quoted(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::word).collect()),
            Self::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.word())).collect()),
        }
    }
}

/// An expression in the form of an object; its own `type` goes before the filter's.
fn object(entries: &[(String, Expression)], kind: FilterKind) -> Value {
    let own = entries.iter().find(|(key, _)| key == "type").and_then(|(_, value)| match value {
        Expression::Plain(word) | Expression::Quoted(word) => match word.as_str() {
            "string" => Some(FilterKind::String),
            "number" => Some(FilterKind::Number),
            "date" => Some(FilterKind::Date),
            "boolean" => Some(FilterKind::Boolean),
            _ => None,
        },
        _ => None,
    });
    let of = own.unwrap_or(kind);
    let entry = |(key, value): &(String, Expression)| {
        let read = match (key.as_str(), value) {
            ("values" | "left_side" | "right_side", value) => value.value(of),
            // The parts of a composite without a type of their own are of the filter's.
            ("filters", Expression::List(items)) => Value::Array(items.iter().map(|item| item.expression(kind)).collect()),
            // Without quotes this word is YAML's nothing.
            ("type", Expression::Null) => Value::String("null".to_owned()),
            (_, value) => value.word(),
        };
        (key.clone(), read)
    };
    Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(VERBATIM, ExpressionVisitor)
    }
}

struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a filter expression")
    }

    fn visit_unit<E>(self) -> Result<Expression, E> {
        Ok(Expression::Null)
    }

    /// A scalar without quotes.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Expression, D::Error> {
        String::deserialize(deserializer).map(Expression::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Expression, E> {
        Ok(Expression::Quoted(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Expression, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Expression::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Expression, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Expression::Map(entries))
    }
}

impl JsonSchema for Expression {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FilterExpression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "oneOf": [{ "type": "object" }, { "type": "array" }, { "type": "string" }, { "type": "number" }, { "type": "boolean" }] })
    }
}

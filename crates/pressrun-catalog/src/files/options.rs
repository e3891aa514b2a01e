//! `options:` of a connection.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Visitor};

use super::{Entries, Field};
use crate::problem::Place;
use crate::yaml::SHORTHAND;

/// One text, or options by name.
#[derive(Debug)]
pub enum OptionsEntry {
    /// As libpq takes them.
    Text(String),
    /// As a driver takes them.
    Named(Entries<OptionEntry>),
}

/// The value of an option: a text, or the content of a file.
#[derive(Debug, Default)]
pub struct OptionEntry(pub OptionFileEntry);

/// The value of an option.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptionFileEntry {
    /// A file that holds the value, relative to the catalog or absolute.
    pub file: Field<String>,
    /// The value itself.
    #[serde(skip)]
    pub text: Field<String>,
}

impl<'de> Deserialize<'de> for OptionsEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SHORTHAND, TextOrNamed)
    }
}

struct TextOrNamed;

impl<'de> Visitor<'de> for TextOrNamed {
    type Value = OptionsEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a mapping of options")
    }

    fn visit_str<E>(self, text: &str) -> Result<OptionsEntry, E> {
        Ok(OptionsEntry::Text(text.to_owned()))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<OptionsEntry, D::Error> {
        Entries::deserialize(deserializer).map(OptionsEntry::Named)
    }
}

impl<'de> Deserialize<'de> for OptionEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SHORTHAND, TextOrFile)
    }
}

struct TextOrFile;

impl<'de> Visitor<'de> for TextOrFile {
    type Value = OptionEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or `{ file: path }`")
    }

    fn visit_str<E>(self, text: &str) -> Result<OptionEntry, E> {
        let text = Field::Given(text.to_owned(), Place::default());
        Ok(OptionEntry(OptionFileEntry { text, ..OptionFileEntry::default() }))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<OptionEntry, D::Error> {
        OptionFileEntry::deserialize(deserializer).map(OptionEntry)
    }
}

impl JsonSchema for OptionsEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OptionsEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<OptionFileEntry>();
        schemars::json_schema!({
            "oneOf": [
                { "type": "string" },
                { "type": "object", "additionalProperties": { "oneOf": [{ "type": "string" }, file] } }
            ]
        })
    }
}

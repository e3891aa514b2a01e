//! Where a wrong value stops: fields and entries that remember their place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::problem::Place;

/// Asks [`super::reader::Reader`] for place and value; every other deserializer sees a newtype.
pub(super) const PLACED: &str = "pressrun::Field";

/// A value of a file, with its place.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Field<T> {
    /// Not written, or written as null.
    #[default]
    Absent,
    /// Written, but wrong; the problem has been noted.
    Invalid(Place),
    /// Written and readable.
    Given(T, Place),
}

impl<T> Field<T> {
    /// The value, when it is written and readable.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Given(value, _) => Some(value),
            Self::Absent | Self::Invalid(_) => None,
        }
    }

    /// The value and its place, when it is written and readable.
    #[must_use]
    pub fn placed(&self) -> Option<(&T, Place)> {
        match self {
            Self::Given(value, place) => Some((value, *place)),
            Self::Absent | Self::Invalid(_) => None,
        }
    }

    /// Where it is written.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Given(_, place) | Self::Invalid(place) => Some(*place),
            Self::Absent => None,
        }
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Copy> Field<T> {
    /// The value, or `otherwise` when it is not written or wrong.
    pub fn or(&self, otherwise: T) -> T {
        self.get().copied().unwrap_or(otherwise)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(PLACED, PlacedVisitor(PhantomData))
    }
}

struct PlacedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Field<T>, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Field<T>, A::Error> {
        let (line, column, block) = access.next_element::<(u32, u32, bool)>()?.unwrap_or_default();
        let place = Place { line, column, block };
        // The reader has noted why; here the fault ends, so that what follows is read as well.
        match access.next_element::<T>() {
            Ok(Some(value)) => Ok(Field::Given(value, place)),
            Ok(None) | Err(_) => Ok(Field::Invalid(place)),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<T>, D::Error> {
        T::deserialize(deserializer).map(|value| Field::Given(value, Place::default()))
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A mapping from free keys, in file order.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T>(pub Vec<Entry<T>>);

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<T> {
    /// The key as written.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Field<T>,
}

impl<T> Entries<T> {
    /// The entries in file order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry<T>> {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a Entries<T> {
    type Item = &'a Entry<T>;
    type IntoIter = std::slice::Iter<'a, Entry<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Field<String>, Field<T>>()? {
            if let Field::Given(key, place) = key {
                entries.push(Entry { key, place, value });
            }
        }
        Ok(Entries(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "object", "additionalProperties": value })
    }
}

//! Places and keys as serde sees them.

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use super::field::PLACED;
use super::reader::Unread;
use super::tree::Key;
use crate::problem::Place;

/// Gives a place as the tuple that [`super::field::Field`] asks for.
pub(super) struct PlaceReader(pub(super) Place);

impl<'a> Deserializer<'a> for PlaceReader {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_seq(PlaceParts { place: self.0, at: 0 })
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct PlaceParts {
    place: Place,
    at: u8,
}

impl<'a> SeqAccess<'a> for PlaceParts {
    type Error = Unread;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        self.at += 1;
        let number = |number: u32| -> U32Deserializer<Unread> { number.into_deserializer() };
        match self.at {
            1 => seed.deserialize(number(self.place.line)).map(Some),
            2 => seed.deserialize(number(self.place.column)).map(Some),
            3 => seed.deserialize(IntoDeserializer::<Unread>::into_deserializer(self.place.block)).map(Some),
            _ => Ok(None),
        }
    }
}

/// Reads the key of a mapping.
pub(super) struct KeyReader<'a>(pub(super) &'a Key);

impl<'a> Deserializer<'a> for KeyReader<'a> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unread> {
        if name == PLACED { visitor.visit_seq(PlacedKey { key: self.0, place_given: false }) } else { visitor.visit_newtype_struct(self) }
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct PlacedKey<'a> {
    key: &'a Key,
    place_given: bool,
}

impl<'a> SeqAccess<'a> for PlacedKey<'a> {
    type Error = Unread;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        if self.place_given {
            let text: StrDeserializer<'_, Unread> = (&*self.key.text).into_deserializer();
            return seed.deserialize(text).map(Some);
        }
        self.place_given = true;
        seed.deserialize(PlaceReader(self.key.place)).map(Some)
    }
}

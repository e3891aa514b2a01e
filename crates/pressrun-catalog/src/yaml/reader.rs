//! A serde deserializer over a node which notes what does not fit, with its place, and goes on.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::field::PLACED;
use super::place::{KeyReader, PlaceReader};
use super::tree::{Key, Node, Value};
use crate::problem::{Report, printable, suggest};

/// A value that could not be read: noted already, or still with its message.
#[derive(Debug)]
pub(super) enum Unread {
    Noted,
    Message(String),
}

impl Unread {
    /// Notes the message at `node`, unless it has been noted.
    pub(super) fn note(self, node: &Node, report: &Report<'_>) {
        if let Self::Message(message) = self {
            report.add(node.place, message, "");
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noted => f.write_str("the value cannot be read"),
            Self::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }
}

/// Asks for scalars as they are written: one without quotes comes as a newtype around its text.
pub(crate) const VERBATIM: &str = "pressrun::Verbatim";

/// Asks for the text of a scalar, or for whatever else there is as a newtype: a mapping that has a short form.
pub(crate) const SHORTHAND: &str = "pressrun::Shorthand";

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    node: &'a Node,
    report: &'a Report<'a>,
    verbatim: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, report: &'a Report<'a>) -> Self {
        Self { node, report, verbatim: false }
    }

    fn wrong(&self, expected: &str, hint: &str) -> Unread {
        // A text in the place of a mapping may be a whole address with its password.
        let found = if matches!(expected, "a mapping" | "a list") { self.kind() } else { self.found() };
        self.report.add(self.node.place, format!("{found} where {expected} is expected"), hint);
        Unread::Noted
    }

    fn found(&self) -> String {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => format!("`{}`", printable(text)),
            _ => self.kind(),
        }
    }

    fn kind(&self) -> String {
        let kind = match &self.node.value {
            _ if self.node.is_null() => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        kind.to_owned()
    }

    /// The text of a scalar, and whether it was written without quotes.
    fn scalar(&self, expected: &str, hint: &str) -> Result<(&'a str, bool), Unread> {
        match &self.node.value {
            Value::Scalar { text, plain } if !self.node.is_null() => Ok((text, *plain)),
            _ => Err(self.wrong(expected, hint)),
        }
    }

    fn integer(&self) -> Result<i128, Unread> {
        const HINT: &str = "write digits only, as in `12`";
        let (text, plain) = self.scalar("a whole number", HINT)?;
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if plain && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            text.parse::<i64>().map(i128::from).map_err(|_| self.wrong("a smaller number", HINT))
        } else {
            Err(self.wrong("a whole number", HINT))
        }
    }

    fn map<V: Visitor<'a>>(&self, known: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, Unread> {
        if let Value::Map(entries) = &self.node.value {
            let (report, verbatim) = (self.report, self.verbatim);
            return visitor.visit_map(Pairs { entries: entries.iter(), value: None, known, seen: HashSet::new(), report, verbatim });
        }
        let hint = known.map_or_else(
            || "write `key: value` lines".to_owned(),
            |known| format!("write `key: value` lines with the keys {}", list(known)),
        );
        Err(self.wrong("a mapping", &hint))
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What a plain scalar means (YAML 1.2 core schema, without octal and hexadecimal numbers).
enum Plain<'a> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
}

fn plain(text: &str) -> Plain<'_> {
    match text {
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        // A leading zero is kept as text: `0958` is an identifier, not nine hundred and fifty-eight.
        let padded = digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if !padded && let Ok(number) = text.parse::<i64>() {
            return Plain::Integer(number);
        }
        if !padded
            && let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Plain::Float(number);
        }
    }
    Plain::Text(text)
}

/// The value of a scalar without quotes.
pub(crate) fn plain_value(text: &str) -> serde_json::Value {
    match plain(text) {
        Plain::Bool(value) => value.into(),
        Plain::Integer(value) => value.into(),
        Plain::Float(value) => value.into(),
        Plain::Text(text) => text.into(),
    }
}

macro_rules! integers {
    ($($method:ident => $visit:ident: $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
            let number = self.integer()?;
            match <$type>::try_from(number) {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.wrong(&format!("a number from {} to {}", <$type>::MIN, <$type>::MAX), "write a number within these bounds")),
            }
        }
    )*};
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        match &self.node.value {
            _ if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { text, plain: false } => visitor.visit_str(text),
            Value::Scalar { text, plain: true } if self.verbatim => visitor.visit_newtype_struct((&**text).into_deserializer()),
            Value::Scalar { text, plain: true } => match plain(text) {
                Plain::Bool(value) => visitor.visit_bool(value),
                Plain::Integer(value) => visitor.visit_i64(value),
                Plain::Float(value) => visitor.visit_f64(value),
                Plain::Text(text) => visitor.visit_str(text),
            },
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.map(None, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        const HINT: &str = "write `true` or `false`";
        let (text, is_plain) = self.scalar("true or false", HINT)?;
        match plain(text) {
            Plain::Bool(value) if is_plain => visitor.visit_bool(value),
            _ => Err(self.wrong("true or false", HINT)),
        }
    }

    integers! {
        deserialize_i8 => visit_i8: i8, deserialize_i16 => visit_i16: i16, deserialize_i32 => visit_i32: i32, deserialize_i64 => visit_i64: i64,
        deserialize_u8 => visit_u8: u8, deserialize_u16 => visit_u16: u16, deserialize_u32 => visit_u32: u32, deserialize_u64 => visit_u64: u64,
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        let (text, is_plain) = self.scalar("a number", "write digits, as in `0.5`")?;
        match plain(text) {
            Plain::Integer(value) if is_plain => visitor.visit_f64(value as f64),
            Plain::Float(value) if is_plain => visitor.visit_f64(value),
            _ => Err(self.wrong("a number", "write digits, as in `0.5`")),
        }
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        let (text, _) = self.scalar("a text", "write the text on the same line, in quotes when it has special characters")?;
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.node.is_null() { visitor.visit_unit() } else { Err(self.wrong("nothing", "remove the value")) }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unread> {
        if name == VERBATIM {
            return Self { verbatim: true, ..self }.deserialize_any(visitor);
        }
        if name == SHORTHAND
            && let Value::Scalar { text, .. } = &self.node.value
        {
            return visitor.visit_str(text);
        }
        if name != PLACED {
            return visitor.visit_newtype_struct(self);
        }
        if self.node.is_null() { visitor.visit_unit() } else { visitor.visit_seq(Placed { reader: self, place_given: false }) }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        match &self.node.value {
            Value::List(items) => visitor.visit_seq(Items { nodes: items.iter(), report: self.report, verbatim: self.verbatim }),
            _ => Err(self.wrong("a list", "write `[a, b]`, or one `- item` a line")),
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.map(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(self, _: &'static str, known: &'static [&'static str], visitor: V) -> Result<V::Value, Unread> {
        self.map(Some(known), visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(self, _: &'static str, known: &'static [&'static str], visitor: V) -> Result<V::Value, Unread> {
        let hint = format!("write one of {}", list(known));
        let (text, _) = self.scalar("a word", &hint)?;
        if known.contains(&text) {
            return visitor.visit_enum(text.into_deserializer());
        }
        self.report.add(
            self.node.place,
            format!("`{}` is not known here", printable(text)),
            suggest(text, known.iter().copied(), "known words"),
        );
        Err(Unread::Noted)
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_unit()
    }
}

/// Reads `seed`; a message without a place gets the node's.
fn read_noting<'a, S: DeserializeSeed<'a>>(seed: S, reader: Reader<'a>) -> Result<S::Value, Unread> {
    seed.deserialize(reader).map_err(|error| {
        error.note(reader.node, reader.report);
        Unread::Noted
    })
}

struct Items<'a> {
    nodes: std::slice::Iter<'a, Node>,
    report: &'a Report<'a>,
    verbatim: bool,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Unread;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        let (report, verbatim) = (self.report, self.verbatim);
        self.nodes.next().map(|node| read_noting(seed, Reader { node, report, verbatim })).transpose()
    }
}

/// First the place, then the value.
struct Placed<'a> {
    reader: Reader<'a>,
    place_given: bool,
}

impl<'a> SeqAccess<'a> for Placed<'a> {
    type Error = Unread;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        if self.place_given {
            return read_noting(seed, self.reader).map(Some);
        }
        self.place_given = true;
        seed.deserialize(PlaceReader(self.reader.node.place)).map(Some)
    }
}

struct Pairs<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a Node>,
    known: Option<&'static [&'static str]>,
    seen: HashSet<&'a str>,
    report: &'a Report<'a>,
    verbatim: bool,
}

impl<'a> MapAccess<'a> for Pairs<'a> {
    type Error = Unread;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        for (key, value) in self.entries.by_ref() {
            if !self.seen.insert(&key.text) {
                self.report.add(key.place, format!("key `{}` is written twice", printable(&key.text)), "keep one of them");
                continue;
            }
            if let Some(known) = self.known
                && !known.contains(&&*key.text)
            {
                let hint = suggest(&key.text, known.iter().copied(), "known keys");
                self.report.add(key.place, format!("unknown key `{}`", printable(&key.text)), hint);
                continue;
            }
            self.value = Some(value);
            return seed.deserialize(KeyReader(key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Unread> {
        match self.value.take() {
            Some(node) => read_noting(seed, Reader { node, report: self.report, verbatim: self.verbatim }),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

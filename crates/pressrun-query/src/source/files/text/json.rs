//! Objects of a JSON file, whether they stand one after another (RFC 8259 texts in a row, as in JSON Lines) or in one array.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;
use pressrun_domain::catalog::{ColumnType, FileReading};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::listing::DataFile;
use super::bytes::Utf8Bytes;
use super::number::{Digits, loses_digits};
use super::shape::{Shape, Unlike};
use super::survey::{ROWS_BETWEEN_LOOKS, Survey, still_wanted};
use crate::error::QueryError;

/// Longest object.
const LONGEST: usize = 64 << 20;

/// The objects of one file, one after another.
pub(super) struct Objects {
    file: DataFile,
    bytes: Utf8Bytes,
    window: Vec<u8>,
    at: usize,
    line: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks so far.
    Begin,
    /// Objects stand one after another.
    Row,
    /// In an array, where an object must follow.
    Item,
    /// In an array, behind an object.
    Behind,
    /// Behind the array.
    Closed,
}

impl Objects {
    pub(super) fn open(file: &DataFile, reading: &FileReading) -> Result<Self, QueryError> {
        let bytes = Utf8Bytes::open(file, reading)?;
        Ok(Self { file: file.clone(), bytes, window: Vec::new(), at: 0, line: 1, state: State::Begin })
    }

    /// Reads the next object into `object`; returns the line at which it begins, or `None` at the end.
    pub(super) fn read(&mut self, object: &mut Vec<u8>) -> Result<Option<u64>, QueryError> {
        object.clear();
        loop {
            let Some(byte) = self.peek()? else {
                return match self.state {
                    State::Item | State::Behind => Err(self.file.refused("ends within its array").hint("it was probably cut off")),
                    State::Begin | State::Row | State::Closed => Ok(None),
                };
            };
            match (byte, self.state) {
                (b' ' | b'\t' | b'\r' | b'\n', _) => {}
                (b'[', State::Begin) | (b',', State::Behind) => self.state = State::Item,
                (b'{', State::Begin | State::Row | State::Item) => {
                    self.state = if self.state == State::Item { State::Behind } else { State::Row };
                    let line = self.line;
                    self.object(object)?;
                    return Ok(Some(line));
                }
                (b']', State::Behind | State::Item) => self.state = State::Closed,
                _ => {
                    let what = match self.state {
                        State::Closed => "goes on behind its array",
                        State::Behind => "has no comma between two objects",
                        State::Begin | State::Row | State::Item => "has something else than an object",
                    };
                    let hint = "a table is objects, one a line or all in one array; each is a row";
                    return Err(self.file.refused_at(self.line, what).hint(hint));
                }
            }
            self.line += u64::from(byte == b'\n');
            self.at += 1;
        }
    }

    /// From one brace to the brace that closes it.
    fn object(&mut self, object: &mut Vec<u8>) -> Result<(), QueryError> {
        let begins = self.line;
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        loop {
            let Some(byte) = self.peek()? else {
                return Err(self
                    .file
                    .refused(&format!("ends within the object that begins in line {begins}"))
                    .hint("it was probably cut off"));
            };
            object.push(byte);
            self.at += 1;
            self.line += u64::from(byte == b'\n');
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
            if object.len() > LONGEST {
                return Err(self.file.refused_at(begins, &format!("begins an object of more than {} MiB", LONGEST >> 20)));
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, QueryError> {
        if self.at == self.window.len() {
            let bytes = self.bytes.next()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.window.clear();
            self.window.extend_from_slice(bytes);
            self.at = 0;
        }
        Ok(Some(self.window[self.at]))
    }
}

/// What the members of all objects of `file` are.
///
/// # Errors
/// What is wrong with the file, with its name and line.
pub(super) fn survey(file: &DataFile, reading: &FileReading, stopped: &AtomicBool) -> Result<Survey, QueryError> {
    let mut objects = Objects::open(file, reading)?;
    let mut object = Vec::new();
    let mut found = Survey::default();
    let mut seen: IndexMap<String, Shape> = IndexMap::new();
    let mut rows = 0;
    while let Some(line) = objects.read(&mut object)? {
        let text = std::str::from_utf8(&object)
            .map_err(|_| file.refused_at(line, "is not UTF-8").hint("write the table's `encoding`, for example `windows-1252`"))?;
        let refused = |name: &str, fault: Fault| file.refused_at(line, &fault.of(name));
        let Members(members) = serde_json::from_str(text).map_err(|error| refused("", Fault::Json(error)))?;
        let mut known = HashSet::with_capacity(members.len());
        for (name, value) in &members {
            if !known.insert(name.as_str()) {
                return Err(refused(name, Fault::Twice));
            }
            let shape = shape(value, reading).map_err(|fault| refused(name, fault))?;
            let column = seen.entry(name.clone()).or_default();
            let mut warn = |warning: String| {
                if !found.warnings.iter().any(|other| other.starts_with(&format!("column \"{name}\" "))) {
                    found.warnings.push(warning);
                }
            };
            if let Some(declared) = reading.columns.get(name) {
                if *declared == ColumnType::Number && loses_digits(value.get()) {
                    warn(format!(
                        "column \"{name}\" is declared as number, and a value in the file {} has more digits than a number keeps; \
                         declare it as decimal, with as many digits",
                        file.name()
                    ));
                }
                continue;
            }
            let before = std::mem::take(column);
            let scalar = |shape: &Shape| matches!(shape, Shape::Text | Shape::Number(_) | Shape::Boolean);
            if scalar(&before) && scalar(&shape) && std::mem::discriminant(&before) != std::mem::discriminant(&shape) {
                warn(format!(
                    "column \"{name}\" is text, because some values in the file {} are {} and others {}",
                    file.name(),
                    before.word(),
                    shape.word()
                ));
            }
            *column = before.join(shape).map_err(|Unlike(one, two)| refused(name, Fault::Unlike(one, two)))?;
        }
        rows += 1;
        if rows % ROWS_BETWEEN_LOOKS == 0 {
            still_wanted(stopped)?;
        }
    }
    if seen.is_empty() {
        return Err(file.refused("has no object with members"));
    }
    found.columns = seen.into_iter().collect();
    Ok(found)
}

/// What is wrong with an object.
enum Fault {
    Json(serde_json::Error),
    Twice,
    Unlike(&'static str, &'static str),
}

impl Fault {
    fn of(&self, name: &str) -> String {
        match self {
            Self::Json(error) => format!("begins an object that is no JSON: {error}"),
            Self::Twice => format!("has \"{name}\" twice in one object"),
            Self::Unlike(one, two) => format!("has {two} in \"{name}\", which has {one} before"),
        }
    }
}

/// What one value is. In JSON a text is a text, whatever it looks like.
fn shape(value: &RawValue, reading: &FileReading) -> Result<Shape, Fault> {
    let text = value.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') | None => Shape::Nothing,
        Some(b't' | b'f') => Shape::Boolean,
        Some(b'"') => {
            let is_null = !reading.nulls.is_empty() && {
                let text: Cow<'_, str> = serde_json::from_str(text).map_err(Fault::Json)?;
                reading.nulls.iter().any(|word| *word == text)
            };
            if is_null { Shape::Nothing } else { Shape::Text }
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(Fault::Json)?;
            let mut item = Shape::Nothing;
            for value in items {
                item = item.join(shape(value, reading)?).map_err(|Unlike(one, two)| Fault::Unlike(one, two))?;
            }
            Shape::List(Box::new(item))
        }
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(Fault::Json)?;
            let mut object = IndexMap::with_capacity(members.len());
            for (name, value) in members {
                if object.insert(name, shape(value, reading)?).is_some() {
                    return Err(Fault::Twice);
                }
            }
            Shape::Object(object)
        }
        Some(_) => match Digits::read(text) {
            Some(digits) => Shape::Number(digits),
            // An exponent alone makes a number in JSON.
            None if text.parse::<f64>().is_ok_and(f64::is_finite) => Shape::Number(Digits::scientific(text)),
            None => Shape::Text,
        },
    })
}

/// The members of an object, in order, unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

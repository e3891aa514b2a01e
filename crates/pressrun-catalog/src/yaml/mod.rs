//! YAML with a place for every node, read forgivingly: one wrong value does not hide the next.
//!
//! [`tree::parse`] turns text into nodes within [`Bounds`] (depth, nodes, what aliases repeat), with `<<` merged and without the `x-…` keys that
//! only hold anchors. [`reader`] is a serde
//! deserializer over such a node which *notes* what does not fit and goes on; a [`Field`] is where a wrong value stops.

mod bounds;
mod field;
mod hash;
mod place;
mod reader;
mod tree;

pub(crate) use bounds::Bounds;
pub use field::{Entries, Entry, Field};
pub(crate) use reader::{SHORTHAND, VERBATIM, plain_value};

use serde::de::DeserializeOwned;

use crate::problem::Report;

/// A file read into `T`, with the hash of its meaning.
pub(crate) struct Document<T> {
    pub(crate) content: T,
    /// SHA-256 (hex) of keys and values in file order; comments and white space do not count.
    pub(crate) version: String,
}

/// Reads `text` within `bounds`, noting every problem. `None` when the text is no YAML mapping at all.
pub(crate) fn read<T: DeserializeOwned>(text: &str, bounds: &Bounds, report: &Report<'_>) -> Option<Document<T>> {
    let node = tree::parse(text, bounds, report)?;
    let version = hash::version(&node);
    match T::deserialize(reader::Reader::new(&node, report)) {
        Ok(content) => Some(Document { content, version }),
        Err(error) => {
            error.note(&node, report);
            None
        }
    }
}

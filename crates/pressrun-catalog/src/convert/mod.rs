//! Files as written to the domain, noting everything that does not hold together.

mod adbc;
mod attributes;
mod chart;
mod clickhouse;
mod connections;
mod control;
mod dashboard;
mod document;
mod grid;
mod guides;
mod judge;
mod keys;
mod number_format;
mod people;
mod postgres;
mod secret;
mod tables;
mod template;
mod text;
mod tone;

use pressrun_domain::id::ConnectionName;
use sha2::{Digest, Sha256};

pub(crate) use connections::{Connections, connections};
pub(crate) use document::document;
pub(crate) use people::{People, PeoplePart, people};

/// What dashboards refer to. A part that could not be read is `None`, and references to it are not judged.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) connections: Option<&'a Connections>,
    pub(crate) people: Option<&'a People>,
    /// Whether what a run would stumble over is judged too.
    pub(crate) judge: bool,
}

impl Known<'_> {
    /// SHA-256 of all that a dashboard is judged by when it is loaded: names, and which connections are right. Settings of connections and
    /// people themselves are not among it, so that they change without every dashboard being read again.
    pub(crate) fn digest(self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut feed = |names: Option<Vec<&str>>| {
            hasher.update(names.as_ref().map_or(u64::MAX, |names| names.len() as u64).to_be_bytes());
            for name in names.into_iter().flatten() {
                hasher.update((name.len() as u64).to_be_bytes());
                hasher.update(name);
            }
        };
        feed(self.connections.map(|connections| connections.names.keys().map(String::as_str).collect()));
        feed(self.connections.map(|connections| connections.connections.keys().map(ConnectionName::as_str).collect()));
        feed(self.people.map(|people| people.attribute_names.iter().map(String::as_str).collect()));
        feed(self.people.map(|people| people.group_names.iter().map(String::as_str).collect()));
        hasher.finalize().into()
    }
}

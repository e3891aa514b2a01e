//! Files as written to the domain, noting everything that does not hold together.

mod attributes;
mod chart;
mod connections;
mod control;
mod dashboard;
mod document;
mod grid;
mod judge;
mod people;
mod postgres;
mod secret;
mod tables;
mod template;
mod text;

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

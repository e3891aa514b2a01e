//! Dashboards, connections, members and attributes from files, with errors that name file, line and hint.
//!
//! A catalog is a folder: `connections.yaml`, `people.yaml` (and `people/**.yaml`) and `dashboards/**.yaml`. [`load`] turns it into one
//! validated [`pressrun_domain::catalog::Catalog`], or into *all* of its [`Problem`]s. [`CatalogHandle`] keeps the last
//! good state of each file, follows changes and tells who subscribed. [`sample`] is the catalog of `pressrun demo`.
//!
//! Two steps, kept apart: `yaml` and [`files`] read what is written, each value with its place; `convert` makes the
//! domain of it and notes what does not hold together. To add a key to a file, add it to its struct in [`files`] (this
//! extends reader, schema and "did you mean") and use it in `convert`.

mod assemble;
mod check;
mod convert;
mod documents;
pub mod files;
mod folder;
mod git;
mod handle;
mod last_good;
mod load;
mod open;
mod packed;
mod parallel;
mod problem;
#[cfg(test)]
mod reference;
mod rules;
pub mod sample;
mod schema;
mod trace;
mod watch;
mod yaml;

pub use assemble::FaultyFile;
pub use check::{Checked, Column, ColumnKind, ConnectionPlace, TilePlace, check, check_with};
pub use handle::{CatalogError, CatalogHandle, Reload, Status};
pub use load::{Environment, LoadOptions, load, load_with};
pub use packed::{Packed, pack, unpack};
pub use problem::{Place, Problem, Severity};
pub use rules::CatalogRules;
pub use schema::schema;

#[cfg(test)]
mod tests;

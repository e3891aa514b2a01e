//! A tile, its filters and an identity → one `SELECT` with bound parameters. Pure: no engine, no I/O, no clock.
//!
//! The way of a tile's text: [`filter`] reads an expression as the contract sends it and resolves it against the run's clock,
//! [`template`] puts its predicate into the SQL with bound parameters in the words of a [`Dialect`], [`compile`] joins both
//! into a [`CompiledQuery`], and [`screen`] judges whether that is one `SELECT` and nothing else. [`check`] asks all of it of a
//! tile before anybody runs it, and says in which line of the author's text a fault is.
//!
//! To add an engine's SQL, see [`dialect`].

mod check;
mod compile;
pub mod dialect;
mod edits;
pub mod filter;
mod fragile;
#[cfg(test)]
mod fuzz;
pub mod limits;
mod markers;
mod origin;
mod param;
mod rows;
mod sandbox;
pub mod screen;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use check::{Finding, Known, TileCheck, Unknown, check_default, check_template, check_tile};
pub use compile::{
    CompileError, CompiledQuery, EffectiveFilter, EffectiveFilters, OrphanedFilters, QueryClock, References, ResolvedClock, compile,
    place_in_tile,
};
pub use dialect::{Bound, Dialect};
pub use fragile::fragile;
pub use param::{Decimal, Param};
pub use rows::gives_one_row;
pub use screen::{ScreenError, ScreenFault, guard, screen};
pub use template::{references, unapplied};

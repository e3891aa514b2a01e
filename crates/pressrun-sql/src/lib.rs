//! A tile, its filters and an identity → one `SELECT` with bound parameters. Pure: no engine, no I/O, no clock.
//!
//! The way of a tile's text: [`filter`] reads an expression as the contract sends it and resolves it against the run's clock,
//! [`template`] puts its predicate into the SQL with bound parameters in the words of a [`Dialect`], [`compile`] joins both
//! into a [`CompiledQuery`], and [`screen`] judges whether that is one `SELECT` and nothing else.

mod compile;
pub mod filter;
#[cfg(test)]
mod fuzz;
pub mod limits;
mod param;
mod rows;
pub mod screen;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use compile::{
    CompileError, CompiledQuery, EffectiveFilter, EffectiveFilters, OrphanedFilters, QueryClock, References, ResolvedClock, compile,
};
pub use param::{Decimal, Dialect, Param, Params};
pub use rows::gives_one_row;
pub use screen::{ScreenError, ScreenFault, screen};
pub use template::{references, unapplied};

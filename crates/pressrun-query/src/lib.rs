//! A tile's SQL, with filters and identity bound as parameters, to Arrow record batches.
//!
//! The way of a query: [`filter`] reads an expression as the contract sends it and resolves it against the run's clock,
//! [`template`] puts its predicate into the tile's SQL with bound parameters, [`compile`] joins both into a
//! [`CompiledQuery`], a [`source::Source`] runs that and pushes record batches into a sink, and [`job`] is all of it as one
//! serializable order for a child process.
//!
//! To add a kind of source: one module under [`source`] that implements [`source::Source`], one arm in
//! [`job::ConnectionSpec`], and, if its SQL differs, one [`Dialect`].

mod compile;
mod error;
pub mod filter;
pub mod fingerprint;
#[cfg(test)]
mod fuzz;
pub mod job;
pub mod limits;
mod param;
pub mod source;
pub mod spool;
pub mod template;
#[cfg(test)]
mod testing;

pub use compile::{
    CompileError, CompiledQuery, EffectiveFilter, EffectiveFilters, OrphanedFilters, QueryClock, References, ResolvedClock, compile,
};
pub use error::{QueryError, QueryErrorKind};
pub use job::{ConnectionSpec, QueryJob, QueryOutcome, run_job};
pub use limits::QueryLimits;
pub use param::{Decimal, Dialect, Param, Params};
pub use template::{references, unapplied};

//! Compiled SQL to Arrow record batches.
//!
//! The way of a query: [`pressrun_sql`] compiles a tile into one statement with bound parameters, a [`source::Source`] runs
//! that and pushes record batches into a sink, and [`job`] is all of it as one serializable order for a child process.
//!
//! To add a kind of source: one module under [`source`] that implements [`source::Source`], one arm in
//! [`job::ConnectionSpec`], and, if its SQL differs, one [`pressrun_sql::Dialect`].

mod error;
pub mod fingerprint;
pub mod job;
pub mod limits;
#[cfg(test)]
mod oracle;
pub mod source;
pub mod spool;
#[cfg(test)]
mod testing;

pub use error::{QueryError, QueryErrorKind};
pub use job::{ConnectionSpec, QueryJob, QueryOutcome, Sources, run_job};
pub use limits::QueryLimits;

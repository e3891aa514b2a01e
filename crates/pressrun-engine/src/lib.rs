//! What time causes: runs become deliveries.
//!
//! The cast:
//!
//! - [`Engine`] starts the tasks of the dispatcher, which says when and who, and those of its own: notices, and following the catalog.
//! - [`worker`] works on one claim, with a heartbeat beside it.
//! - [`pipeline`] is one run: audiences, queries, judgement, artifacts, promises, deliveries, verdict.
//! - [`executor`] runs queries and typesetting in child processes, where a deadline and a memory limit can be kept.
//! - Notices to owners and to the operator are rows of an outbox of their own (`notice`).
//! - [`alarm`] tells the operator of what is not delivered in time, outside of everything that may be stuck.
//! - [`bounce`] takes in what comes back of mail, and ends mail to addresses that are gone.
//! - [`artifacts`] keeps rendered bytes by their hash until nobody needs them: in the folder of the [`spool`], or in a bucket.
//!
//! What is guaranteed: an occurrence becomes at most one run, a piece that was recorded as accepted is not sent again, and a
//! promised piece is sent or its failure recorded. What is not: a piece whose acceptance could not be recorded (the process died in
//! between) is sent a second time, under the same idempotency mark.

pub mod alarm;
pub mod artifacts;
pub mod bounce;
pub mod content;
pub mod executor;
pub mod faults;
pub mod links;
pub mod pipeline;
pub mod publish;
pub mod published;
pub mod shared;
pub mod spool;
pub mod standing;
mod sweep;
mod trace;
pub mod worker;

mod carrier;
mod config;
mod engine;
mod figures;
pub mod flight;
mod gate;
mod notice;
pub mod reach;
mod receivers;
mod runner;
mod shares;

pub use carrier::Carrier;
pub use config::EngineConfig;
pub use engine::Engine;
pub use pressrun_dispatch::fail;
pub use receivers::Receivers;
pub use shares::{RelayBounds, ShareKeeper};

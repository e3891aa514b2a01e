//! When and who: occurrences become queued runs, queued runs find a worker.
//!
//! Separate tasks, each of which can be read alone and driven alone in a test:
//!
//! - [`Planner`] puts occurrences into the plan a little before their instant, and makes queued runs of them at it.
//! - [`Claimer`] takes as many runs that are available as there are permits, and hands each to a [`Runner`].
//! - [`Janitor`] lets the leases of dead workers lapse; [`Sweeper`] deletes what is older than it is kept, apart from everything else.
//! - [`Tasks`] supervises them: one that panics, ends or stalls ends the process with a word, for rows are owed that nobody else would look at.
//!
//! Nothing here queries, renders or delivers: what a run does is the business of the [`Runner`].

pub mod fail;

mod claimer;
mod clockwork;
mod config;
mod drift;
mod janitor;
mod jump;
mod planner;
mod runner;
mod supervise;
mod sweeper;
mod timings;

pub use claimer::Claimer;
pub use config::DispatchConfig;
pub use janitor::Janitor;
pub use jump::JumpWatch;
pub use planner::{LOOK_AHEAD, Planner};
pub use runner::{Permit, Room, Runner};
pub use supervise::{Pulse, Pulses, TaskFailure, Tasks};
pub use sweeper::{Keep, Sweeper};
pub use timings::next_occurrence;

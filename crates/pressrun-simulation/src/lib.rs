//! The promise under faults: the real dispatcher, engine and store in virtual time, and whatever a seed lets go wrong.
//!
//! - [`scenario`] draws what happens from a seed, as data.
//! - [`world`] lets it happen: nodes ([`node`]) run one after the other on one thread until none can go on, then one request of theirs is
//!   granted ([`stage`]), and only when there is none does time move on. So equal seeds give equal traces.
//! - [`servers`] is a model of destinations and executors, [`office`] of the people who make and change schedules.
//! - [`judge`] looks at what came of it: by the [`book`] that was kept meanwhile, by a [`calendar`] of its own, and by what the store says.
//! - [`shrink`] makes a scenario that breaks a promise as small as it can be made; [`plants`] are faults that have to be found.
#![allow(
    clippy::expect_used,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "a simulation that cannot go on says so and ends"
)]

pub mod book;
pub mod calendar;
pub mod judge;
pub mod many;
pub mod node;
pub mod office;
pub mod plants;
pub mod scenario;
pub mod servers;
mod setting;
pub mod shrink;
pub mod stage;
pub mod store;
pub mod world;

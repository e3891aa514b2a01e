//! Ids, entities, states and decisions of Pressrun; pure, no I/O.
//!
//! The words are those of the published contract and of `ARCHITECTURE.md`: a [`schedule::Schedule`] is the saved order, an
//! occurrence is an instant at which it is due, a [`run::Run`] is the work for one occurrence, a
//! [`delivery::Delivery`] is one piece that the run promised, an [`delivery::Attempt`] one try at it.

pub mod access;
pub mod action;
pub mod audience;
pub mod audit;
pub mod bounce;
pub mod catalog;
pub mod chart;
pub mod clock;
pub mod condition;
pub mod consent;
pub mod delivery;
pub mod destination;
pub mod email;
pub mod id;
pub mod key;
pub mod mail;
pub mod missed;
pub mod naming;
pub mod notice;
pub mod outline;
pub mod output;
pub mod overdue;
pub mod plan;
pub mod postgres;
pub mod preparation;
pub mod quota;
pub mod reason;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod session;
pub mod sftp_quirks;
pub mod text;
pub mod tone;
pub mod trace;
pub mod turn;
pub mod users;

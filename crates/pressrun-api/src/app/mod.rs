//! Use cases: what a person may cause, and every reason why not.

pub(crate) mod access;
pub(crate) mod alerts;
mod announce;
pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod consider;
pub(crate) mod destination;
pub(crate) mod directory;
pub(crate) mod doers;
pub(crate) mod edit;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod filters;
pub(crate) mod fragile;
pub(crate) mod given;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod operations;
pub(crate) mod options;
pub(crate) mod ownership;
pub(crate) mod recipients;
pub(crate) mod resend;
pub(crate) mod runs;
pub(crate) mod schedules;
pub(crate) mod subscriptions;
pub(crate) mod suppressions;

pub(crate) mod update;
pub(crate) mod users;
pub(crate) mod validate;

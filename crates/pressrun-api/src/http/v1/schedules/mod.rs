//! Schedules (contract §5).

pub(crate) mod body;
pub(crate) mod commands;
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod lists;
pub(crate) mod ownership;
pub(crate) mod recipients;
pub(crate) mod runs;
pub(crate) mod subscriptions;
pub(crate) mod update;

/// What trigger, pause and their like put before a bad id, and delete and add-recipients do not (contract §1.3).
pub(crate) const BAD_REQUEST: &str = "Bad Request: ";

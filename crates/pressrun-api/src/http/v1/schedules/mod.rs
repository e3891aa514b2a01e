//! Schedules (contract §5).

pub(crate) mod add_recipients;
pub(crate) mod body;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod ownership_offer;
pub(crate) mod pause;
pub(crate) mod recipients;
pub(crate) mod remove_recipients;
pub(crate) mod resume;
pub(crate) mod runs;
pub(crate) mod subscribe;
pub(crate) mod subscription_requests;
pub(crate) mod transfer_ownership;
pub(crate) mod trigger;
pub(crate) mod update;
pub(crate) mod withdraw_links;

/// What trigger, pause and their like put before a bad id, and delete and add-recipients do not (contract §1.3).
pub(crate) const BAD_REQUEST: &str = "Bad Request: ";

//! Version 1 of the API: one file a verb for schedules and users.

pub(super) mod audit;
pub(super) mod catalog;
pub(super) mod catalog_faults;
pub(super) mod directory;
pub(super) mod keys;
pub(super) mod run_view;
pub(super) mod runs;
pub(super) mod schedules;
pub(super) mod suppressions;
pub(super) mod users;

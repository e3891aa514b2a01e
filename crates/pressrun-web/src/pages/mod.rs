//! One file a page.

pub(crate) mod act;
pub(crate) mod artifact;
pub(crate) mod asked;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod catalog;
pub(crate) mod dashboard;
pub(crate) mod dashboards;
pub(crate) mod filters;
pub(crate) mod form;
pub(crate) mod history;
pub(crate) mod mine;
pub(crate) mod offer;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod schedules;
pub(crate) mod sessions;
pub(crate) mod shared;
pub(crate) mod sign_in;
pub(crate) mod suppressions;
pub(crate) mod tokens;
pub(crate) mod unsubscribe;

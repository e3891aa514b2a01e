//! Every page over the sample site, as a browser asks for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../examples/pages/sample.rs"]
mod sample;

mod account;
mod admins;
mod browser;
mod consent;
mod dashboards;
mod every_page;
mod form;
mod mine;
mod operations;
mod people;
mod readers;
mod runs;
mod schedules;
mod sign_in;
mod site;

//! The HTTP contract through a real socket: one test a row of its error tables, its documented examples as printed, and no
//! body that makes a 5xx.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![expect(unreachable_pub, reason = "a test binary")]

mod access;
mod audit;
mod catalog;
mod consents;
mod create;
mod delete;
mod examples;
mod faults;
mod fuzz;
mod hardening;
mod harness;
mod keys;
mod lifecycle;
mod limits;
mod list;
mod mailing;
mod pause;
mod read;
mod recipients;
mod runs;
mod sample;
mod sftp;
mod transfer;
mod transport;
mod trigger;
mod update;
mod users;

//! The whole program: real store, real executor processes, real receivers on loopback; only time is ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod alerts;
mod audiences;
mod bad_input;
mod command_line;
mod crash;
mod deliveries;
mod executors;
mod sample;
mod scheduling;
mod world;

//! The whole program: real store, real executor processes, real receivers on loopback; only time is ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod alerts;
mod audiences;
mod audit;
mod bad_input;
mod carrier;
mod command_line;
mod configuration;
mod crash;
mod crash_points;
mod data;
mod deliveries;
mod downloads;
mod executors;
mod fan_out;
mod held;
mod lifecycle;
mod live_pages;
mod load;
mod mailout;
mod moved;
mod notices;
mod object_storage;
mod people;
mod process;
mod processes;
mod program;
mod resend;
mod retries;
mod rows;
mod sample;
mod scheduling;
mod secrets;
mod shared_links;
mod sharing;
mod world;

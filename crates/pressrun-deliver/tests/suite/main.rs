//! Every destination against a real counterpart on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod aim;
mod bad_days;
mod bench;
mod bounces;
mod dkim;
mod egress;
mod email;
mod every;
mod formats;
mod lines;
mod nonsense;
mod people;
mod relay;
mod s3;
mod servers;
mod sftp;
mod sftp_servers;
mod slack;
mod steps;
mod webhook;

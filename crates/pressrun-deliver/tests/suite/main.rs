//! Every destination against a real counterpart on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod bench;
mod email;
mod every;
mod s3;
mod sftp;
mod slack;
mod webhook;

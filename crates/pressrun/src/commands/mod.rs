//! One module a command.

pub mod check;
pub mod cron;
pub mod demo;
pub mod executor;
pub mod key;
pub mod render;
pub mod serve;

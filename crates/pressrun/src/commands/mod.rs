//! One module a command.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod cron;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod executor;
pub(crate) mod health;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod people;
pub(crate) mod publish;
pub(crate) mod render;
pub(crate) mod restore;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod suppressions;
pub(crate) mod test;

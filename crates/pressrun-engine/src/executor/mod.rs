//! Queries and typesetting in child processes.
//!
//! Neither can be stopped reliably from inside: a nested-loop join need not yield, a layout cannot be interrupted, and both keep memory
//! after a big job. So a small pool of `pressrun executor` processes does them. The parent sends a job over a pipe and takes back a
//! file; a child that passes its deadline is killed and replaced, one that passes its memory limit dies by itself, and the run says
//! `killed: deadline` or `killed: memory`. Children are started when needed and stopped when idle.

mod child;
mod job;
mod pool;

pub use child::serve;
pub use job::{Job, MailJob, MailKpi, Reply};
pub use pool::{ExecutorConfig, ExecutorError, ExecutorPool};

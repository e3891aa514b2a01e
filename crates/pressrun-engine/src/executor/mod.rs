//! Queries and typesetting in child processes.
//!
//! Neither can be stopped reliably from inside: a nested-loop join need not yield, a layout cannot be interrupted, and both keep memory
//! after a big job. So pools of `pressrun executor` processes do them. The parent sends a job over a pipe and takes back a
//! file; a child that passes its deadline is stopped and replaced, one that passes its memory limit dies by itself, and the run says
//! `killed: deadline` or `killed: memory`. Children are started when needed and stopped when idle.
//!
//! **Three crews.** Waiting is not computing: children that wait for a database are many ([`Crew::Remote`]), those that compute are about as many
//! as there are cores ([`Crew::Compute`]). So nothing that needs a processor waits for somebody else's slow server. Children that load the driver of a
//! database are a crew of their own ([`Crew::Driver`]) and are ended after one query.
//!
//! **Stopping.** A query that nobody waits for any more is stopped in three steps: a message, upon which the child drops it, has its server told,
//! and goes on living; a signal, upon which the child ends although the query does not yield; the end of the process. A child whose parent
//! is gone stops its query in the same way and ends.

mod child;
mod job;
mod pool;
mod scratch;
mod worker;

pub use child::{ChildConfig, serve};
pub use job::{Job, JobResult, MailJob, MailKpi, Reply};
pub use pool::{Crew, ExecutorConfig, ExecutorPool, Occupancy, StandIn};
pub use worker::ExecutorError;

//! `[scheduler]`: how runs are worked on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How runs are worked on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scheduler {
    /// Runs prepared at once: queries and files. Those whose pieces are being sent are not counted.
    pub workers: u32,
    /// How long a claim holds without a heartbeat.
    pub lease_seconds: u32,
    /// A run that has been worked on for longer until everything is ready to be sent is stopped (S5); of personal copies, until the next ones are. What
    /// it waits in the queue, for a retry or for the server to come back does not count.
    pub max_run_minutes: u32,
    /// One that has been sent for longer is stopped too, waiting not counted either; what was accepted stays so.
    pub max_sending_minutes: u32,
    /// What an occurrence has not delivered after so many hours is worth nothing any more and given up.
    pub worthless_after_hours: u32,
    /// Most rows when a schedule lifts the limit without saying how far (R9).
    pub max_rows: u64,
    /// How long artifacts are kept.
    pub keep_artifacts_days: u32,
    /// Time from being asked to stop until the end, all in all: runs under way may end, and are handed back in its last quarter, of which 5
    /// seconds at most; requests have 5 seconds of it. Docker kills after 10 seconds, Kubernetes after 30: where more is allowed, more may be given.
    pub grace_seconds: u32,
    /// Schedules due at one instant share the execution of equal queries.
    pub share_queries: bool,
    /// Pieces of one run under way at once, those included that wait for a connection to the mail server: while some are sent, others are written
    /// down before and after.
    pub parallel_deliveries: usize,
    /// Pieces of all runs sent at once to one host, to Slack or into one bucket, so that one that hangs holds up no other; of all nodes
    /// together on PostgreSQL. Mail goes by `mail.connections` and the rates beside it.
    pub deliveries_of_one_host: usize,
    /// Shortest distance between two firings that may be saved (T7); 0 is no floor.
    pub cadence_floor_minutes: u32,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            workers: 8,
            lease_seconds: 60,
            max_run_minutes: 30,
            max_sending_minutes: 120,
            worthless_after_hours: 24,
            max_rows: 50_000,
            keep_artifacts_days: 30,
            grace_seconds: 8,
            share_queries: true,
            parallel_deliveries: 32,
            deliveries_of_one_host: 8,
            cadence_floor_minutes: 0,
        }
    }
}

//! What an operator may set about runs.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use pressrun_deliver::EgressPolicy;
use pressrun_dispatch::Keep;
use pressrun_domain::destination::WebhookSettings;
use pressrun_domain::output::Format;
use pressrun_domain::retry::RetryPolicy;
use pressrun_query::QueryLimits;

/// Longest time between two looks at a way out that is shut.
const HOLD_LOOK_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Bounds and habits of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Runs prepared at once by this process; those that are only being sent are not counted.
    pub workers: u32,
    /// How long a claim holds without a heartbeat; a heartbeat comes every third of it.
    pub lease: SignedDuration,
    /// A run that has been worked on for longer until its pieces are promised, or those of another audience, is `KILLED` (S5).
    pub max_run: SignedDuration,
    /// One whose pieces have been worked on for longer since then is `KILLED` too.
    pub max_sending: SignedDuration,
    /// An occurrence of this age is worth nothing any more: what it still owes is given up.
    pub worthless_after: SignedDuration,
    /// How failed deliveries are repeated (S9).
    pub retry: RetryPolicy,
    /// Deliveries of one run under way at once.
    pub parallel_deliveries: usize,
    /// Deliveries of all runs under way at once to one host ([`Destination::receiver`](pressrun_domain::destination::Destination::receiver)).
    /// Mail has bounds of its own where it is sent.
    pub deliveries_of_one_host: usize,
    /// Most rows when a schedule lifts the limit without saying how far (R9).
    pub max_rows: u64,
    /// Time one render has.
    pub render_deadline: Duration,
    /// What one query may cost, but for its time, which is its connection's.
    pub query: QueryLimits,
    /// Folders of more fonts; `system` stands for the machine's own Noto fonts.
    pub fonts: Vec<PathBuf>,
    /// Most rows of one table on pages, whatever else is said.
    pub table_rows: u64,
    /// Most rows of a table that is expanded to show all its rows (V6).
    pub expanded_rows: u64,
    /// How long artifacts of ended runs are kept.
    pub keep_artifacts: SignedDuration,
    /// How long what happened is remembered.
    pub keep: Keep,
    /// How large a part of all runs is told to a collector of traces; `None` when none is.
    pub trace_ratio: Option<f64>,
    /// Address under which people reach this server, without a trailing slash.
    pub public_url: String,
    /// Show a picture of the first page inside mails that carry a pdf.
    pub mail_preview: bool,
    /// Where the operator is told of failures (S13); `None` tells only owners.
    pub operator: Option<WebhookSettings>,
    /// Schedules due at one instant share the execution of equal queries.
    pub share_queries: bool,
    /// Longest time between two looks at the store, for work that another node left.
    pub poll: SignedDuration,
    /// Where the connections of the catalog may lead.
    pub connections: EgressPolicy,
    /// The folder of database drivers; without one none is loaded.
    pub drivers: Option<PathBuf>,
}

impl EngineConfig {
    /// Defaults, for a server reached under `public_url`.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            workers: 8,
            lease: SignedDuration::from_secs(60),
            max_run: SignedDuration::from_mins(30),
            max_sending: SignedDuration::from_mins(120),
            worthless_after: SignedDuration::from_hours(24),
            retry: RetryPolicy::default(),
            parallel_deliveries: 32,
            deliveries_of_one_host: 8,
            max_rows: 50_000,
            render_deadline: Duration::from_secs(120),
            query: QueryLimits::default(),
            fonts: Vec::new(),
            table_rows: 5_000,
            expanded_rows: 1_000,
            keep_artifacts: SignedDuration::from_hours(24 * 30),
            keep: Keep::default(),
            trace_ratio: None,
            public_url: public_url.into(),
            mail_preview: true,
            operator: None,
            share_queries: true,
            poll: SignedDuration::from_secs(15),
            connections: EgressPolicy::everywhere(),
            drivers: None,
        }
    }

    /// No piece waits for longer than this for its next attempt.
    #[must_use]
    pub fn longest_wait(&self) -> SignedDuration {
        self.retry.deadline.max(HOLD_LOOK_MAX).saturating_add(SignedDuration::from_mins(1))
    }

    /// Runs of one connection that this process works on at once, where there is another connection: the last workers are left to that one.
    #[must_use]
    pub fn runs_of_one_connection(&self) -> u32 {
        (self.workers - self.workers.div_ceil(4)).max(1)
    }

    /// The row limit of a query under a schedule's options (R9): its own, unless the format carries data and the schedule lifts it.
    #[must_use]
    pub fn row_limit(&self, own: u32, format: Format, lifted: bool, max: Option<u64>) -> u64 {
        let carries_data = matches!(format, Format::Csv | Format::Json | Format::Xlsx);
        if carries_data && lifted { max.unwrap_or(self.max_rows) } else { u64::from(own) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r9_the_limit_is_lifted_only_when_said_and_only_for_data() {
        let config = EngineConfig::new("http://127.0.0.1");
        for (case, format, lifted, max, expected) in [
            ("own limit", Format::Csv, false, None, 1000),
            ("a maximum without lifting is ignored", Format::Csv, false, Some(5), 1000),
            ("lifted to a number", Format::Csv, true, Some(5), 5),
            ("lifted to the server's maximum", Format::Json, true, None, 50_000),
            ("pages keep the query's own limit", Format::Pdf, true, Some(5), 1000),
        ] {
            assert_eq!(config.row_limit(1000, format, lifted, max), expected, "{case}");
        }
    }
}

//! Every figure that `/metrics` tells: its name, what it means, and the words that its labels may have.
//!
//! No label grows with schedules, users, hosts or what others answer. `docs/metrics.md` is this list in words, and tests hold it, the dashboard and the
//! alert rules of `deploy/observability`, and what the program really says to each other.

use pressrun_domain::reason;

/// Series of one name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// One sentence, in the base unit that the name ends with.
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [Label],
}

/// What the numbers of a family do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// They only rise, until the process starts again.
    Counter,
    /// They rise and fall.
    Gauge,
    /// They are counted by size: so many were no greater than each of these bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As the text form of Prometheus calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What tells the series of a family apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    pub(crate) values: Values,
}

/// The words that a label may have.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "what is described is held to the page by a test"))]
pub(crate) enum Values {
    /// These.
    These(&'static [&'static str]),
    /// One at a time, as described: such as the version of the program.
    One(&'static str),
    /// As many as the program has, as described: such as its routes.
    OfTheProgram(&'static str),
}

const fn these(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values: Values::These(values) }
}

/// Of what a person waits for: from milliseconds to hours.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

/// Of what is mostly over at once.
const MOMENTS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

const DESTINATION: Label = these("destination", &["email", "sftp", "webhook", "slack", "s3"]);
const STATUS: Label = these("status", &["COMPLETE", "ERROR", "ERROR_DELIVERED", "KILLED", "CONDITION_UNMET"]);
const TO: Label = these("to", &["people", "operator"]);
const METHOD: Label = these("method", &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "other"]);

const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help, labels }
}

const fn gauge(name: &'static str, labels: &'static [Label], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, help, labels }
}

const fn histogram(name: &'static str, bounds: &'static [f64], labels: &'static [Label], help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram(bounds), help, labels }
}

/// What is recorded where it happens, in this process.
pub(crate) const RECORDED: &[Family] = &[
    counter("pressrun_occurrences_planned_total", &[], "Occurrences that were put into the plan."),
    counter(
        "pressrun_occurrences_skipped_total",
        &[these("reason", &["missed", "overlap"])],
        "Occurrences that did not run: missed while nobody planned (stretches of them count once), or because the run before was under way.",
    ),
    histogram(
        "pressrun_start_delay_seconds",
        SECONDS,
        &[],
        "From the instant of an occurrence to its first claim; retries and what people ask for are not counted.",
    ),
    histogram(
        "pressrun_step_duration_seconds",
        SECONDS,
        &[these("step", &["plan", "wait", "claim", "query", "render"])],
        "How long a step took: planning a batch of schedules, the wait of a run for its first claim, the work of a claim, a query, the rendering of a file.",
    ),
    counter(
        "pressrun_runs_total",
        &[STATUS, Label { name: "reason", values: Values::These(&reason::WORDS) }],
        "Runs that ended in this process; the reason is `none`, a named one, or `other` for what a destination answered.",
    ),
    gauge("pressrun_runs_in_progress", &[], "Runs that this process works on, with a permit or without."),
    gauge(
        "pressrun_permits",
        &[these("kind", &["runs", "compute", "remote", "driver"]), these("state", &["used", "free"])],
        "Permits: of runs that are prepared, of child processes that compute, of those that wait for a database.",
    ),
    counter("pressrun_leases_lost_total", &[], "Runs that this process had and another one took over."),
    counter(
        "pressrun_clock_jumps_total",
        &[],
        "Times that the wall clock went otherwise than the steady one, by more than a third of a lease.",
    ),
    gauge(
        "pressrun_clock_offset_seconds",
        &[],
        "How far the clock of this machine is behind the database's, negative when it is ahead; beyond 2 the process claims and plans nothing. 0 with SQLite.",
    ),
    counter(
        "pressrun_pieces_promised_total",
        &[DESTINATION],
        "Pieces that were written down as owed; those of a claim that died are counted again.",
    ),
    counter(
        "pressrun_pieces_total",
        &[DESTINATION, these("outcome", &["accepted", "failed", "skipped"])],
        "Pieces that came to their end; those that are closed because their run was stopped are not among them.",
    ),
    counter(
        "pressrun_attempts_total",
        &[DESTINATION, these("outcome", &["accepted", "retry", "held", "rejected"])],
        "Answers of destinations to one try each.",
    ),
    histogram(
        "pressrun_attempt_duration_seconds",
        SECONDS,
        &[DESTINATION],
        "From the turn of an attempt at whoever takes it to the answer.",
    ),
    gauge(
        "pressrun_attempts_in_progress",
        &[DESTINATION],
        "Attempts under way, those that wait for their turn at a mail relay among them.",
    ),
    counter(
        "pressrun_notices_total",
        &[TO, these("outcome", &["accepted", "retry", "failed"])],
        "Tries to tell owners (by mail) and the operator (by webhook) of failures and the like.",
    ),
    counter(
        "pressrun_alarms_total",
        &[these("outcome", &["accepted", "failed"])],
        "Messages to the operator of what is not delivered in time, by each way that is configured.",
    ),
    counter(
        "pressrun_queries_total",
        &[these("source", &["files", "postgres", "clickhouse", "adbc"]), these("outcome", &["ok", "failed"])],
        "Queries that were executed; those that share an execution are one.",
    ),
    counter(
        "pressrun_executor_deaths_total",
        &[these("why", &["deadline", "memory", "other"])],
        "Child processes that were stopped or died over a job.",
    ),
    counter(
        "pressrun_artifact_reads_total",
        &[these("found", &["cache", "store", "nowhere"])],
        "Files that were looked for where artifacts are in an object store: found in this machine's cache, fetched, or not there.",
    ),
    histogram(
        "pressrun_store_duration_seconds",
        MOMENTS,
        &[these("operation", &["read", "write", "transaction"])],
        "How long the database took: to read figures like these, to write what a run does (waiting included), and for each transaction of such writes.",
    ),
    counter(
        "pressrun_http_requests_total",
        &[
            METHOD,
            Label { name: "route", values: Values::OfTheProgram("the route as the program has it, `none` for others") },
            Label { name: "status", values: Values::OfTheProgram("the HTTP status that was answered, `other` for one without a name") },
        ],
        "Requests to the API that were answered.",
    ),
    histogram("pressrun_http_request_duration_seconds", SECONDS, &[METHOD], "From a request to the API to the head of its answer."),
    counter(
        "pressrun_trace_spans_total",
        &[these("outcome", &["made", "sent", "failed"])],
        "Spans of traces that were made, that a collector took, and that it did not; what is missing between them waits or found no room.",
    ),
    counter("pressrun_connections_refused_total", &[], "Connections that were closed because their client had too many."),
    counter("pressrun_pages_made_total", &[], "Dashboards that were made for a browser; those that share one are one."),
];

/// What is read when somebody asks.
pub(crate) const READ: &[Family] = &[
    gauge(
        "pressrun_build_info",
        &[Label { name: "version", values: Values::One("the version of the program") }, these("store", &["sqlite", "postgres"])],
        "1; its labels say what runs.",
    ),
    gauge("pressrun_store_up", &[], "1 when the database answered the last questions for figures, else 0, and those figures are left out."),
    gauge(
        "pressrun_store_figures_age_seconds",
        &[],
        "How old the oldest of the figures that come from the database is: asking never takes more than a hundredth of the time.",
    ),
    gauge(
        "pressrun_oldest_due_age_seconds",
        &[],
        "How long ago the oldest occurrence was due that nobody has claimed, of all nodes; 0 when there is none.",
    ),
    gauge(
        "pressrun_queue_runs",
        &[these("kind", &["occurrence", "again", "asked"]), these("state", &["ready", "waiting"])],
        "Runs that wait for a worker of whatever node: occurrences, runs that were claimed before, runs that people asked for; those that may be claimed and those that wait for an instant.",
    ),
    gauge("pressrun_pieces_owed", &[], "Pieces that were promised and are neither accepted nor given up, of all nodes."),
    gauge(
        "pressrun_pieces_overdue",
        &[],
        "Those of them whose instant is longer ago than `[alarm] after_minutes`; an hour ago when that is 0.",
    ),
    gauge(
        "pressrun_runs_overdue",
        &[],
        "Occurrences and manual runs that are not over `[alarm] after_minutes` after their instant, of all nodes; 0 when that is 0.",
    ),
    gauge("pressrun_notices_waiting", &[TO], "Notices that are not sent yet, of all nodes."),
    gauge(
        "pressrun_schedules",
        &[these("state", &["active", "inactive"])],
        "Schedules that come due, and those that do not: paused, switched off or over.",
    ),
    gauge("pressrun_workers", &[], "Workers that live, by their heartbeats in the database; 1 with SQLite."),
    gauge(
        "pressrun_catalog_info",
        &[Label { name: "version", values: Values::One("the hash of the files that are served") }],
        "1; its label says which catalog this process serves.",
    ),
    gauge("pressrun_catalog_loaded_timestamp_seconds", &[], "When the catalog that is served was read, in seconds since 1970."),
    gauge("pressrun_catalog_documents", &[], "Documents of the catalog that is served."),
    gauge("pressrun_catalog_problems", &[], "Problems that the last reading of the catalog's files found."),
    gauge(
        "pressrun_executor_children",
        &[these("crew", &["compute", "remote", "driver"]), these("state", &["busy", "idle"])],
        "Child processes, by whether they have a job.",
    ),
    gauge("pressrun_executor_idle_bytes", &[], "Memory that the idle children held after their last job."),
    gauge(
        "pressrun_late_tasks",
        &[],
        "Tasks of this process (planner, claimer, …) that have made no pass that went through for half a minute.",
    ),
    counter("process_cpu_seconds_total", &[], "Processor time of this process, in seconds; on Linux only."),
    gauge("process_resident_memory_bytes", &[], "Memory that this process holds, in bytes; on Linux only."),
    gauge("process_open_fds", &[], "Files and sockets that this process has open; on Linux only."),
    gauge("process_start_time_seconds", &[], "When this process began, in seconds since 1970."),
];

/// Everything that is told.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Family> {
    RECORDED.iter().chain(READ)
}

/// Every combination of the words of labels; `None` when they are not known beforehand.
pub(crate) fn combinations(labels: &[Label]) -> Option<Vec<Vec<(&'static str, &'static str)>>> {
    let mut all = vec![Vec::new()];
    for label in labels {
        let Values::These(values) = label.values else { return None };
        all = all
            .into_iter()
            .flat_map(|before| values.iter().map(move |value| [before.as_slice(), &[(label.name, *value)]].concat()))
            .collect();
    }
    Some(all)
}

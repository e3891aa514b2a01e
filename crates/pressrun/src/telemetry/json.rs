//! One JSON object a line: what happened, and the ids of what it happened to on the same level, wherever in the program that is.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::spans::Open;

/// Fields of a span that a line about it has too. What else is known of a span is said by lines of its own.
const IDS: [&str; 5] = ["run_id", "schedule_id", "request_id", "fence", "piece"];

/// Writes lines, each with the name of this machine.
pub(crate) struct JsonLines {
    pub(crate) node: String,
}

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, context: &FmtContext<'_, S, JsonFields>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("timestamp", time.into());
        put("level", metadata.level().as_str().into());
        put("target", metadata.target().into());
        put("node", self.node.clone().into());
        // What is said here goes before what is known from around it.
        event.record(&mut Said(&mut line));
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<JsonFields>>()
                && let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields)
            {
                for (name, value) in fields.into_iter().filter(|(name, _)| IDS.contains(&name.as_str())) {
                    line.entry(name).or_insert(value);
                }
            }
            if let Some(open) = extensions.get::<Open>() {
                line.entry("trace_id").or_insert_with(|| open.trace_id().into());
            }
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Takes the fields of an event.
struct Said<'l>(&'l mut Map<String, Value>);

impl Said<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        // A field that is called as one of the line's own stands beside it.
        let name = field.name();
        let name = if self.0.contains_key(name) { format!("field.{name}") } else { name.to_owned() };
        self.0.insert(name, value);
    }
}

impl Visit for Said<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

//! What the program says of itself while it works: lines of the log, and traces.

mod json;
mod otlp;
mod spans;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

use crate::clock::WallClock;
use crate::config::{Log, LogFormat, Trace};
use json::JsonLines;
use spans::SpanLayer;

/// How long the last spans have to leave when the program ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What has to end with the program.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    traces: Option<Handed>,
}

impl Telemetry {
    /// Sends the spans that wait, as far as that goes at once.
    pub(crate) fn end(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.0.shutdown_with_timeout(LAST_WORDS)
        {
            tracing::warn!(%error, "the last spans of traces were not sent");
        }
    }
}

/// Writes logs to standard error and, if the configuration says so, sends traces by `runtime`. `PRESSRUN_LOG` sets the level of logs.
///
/// # Errors
/// The configuration of traces is not valid.
pub(crate) fn start(log: &Log, trace: &Trace, runtime: &Handle) -> anyhow::Result<Telemetry> {
    let node = log.node();
    let traces = otlp::processor(trace, &node, runtime)?.map(|processor| Handed(Arc::new(processor)));
    let layer = traces.clone().map(|handed| SpanLayer::new(handed, &WallClock, trace.ratio()).with_filter(filter_fn(spans::is_told)));
    let subscriber = registry().with(layer);
    // A second initialization, in tests, keeps the first.
    let _ = match log.format {
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(JsonLines { node });
            subscriber.with(lines.with_writer(std::io::stderr).with_filter(levels("info"))).try_init()
        }
        LogFormat::Text => subscriber.with(text().with_filter(levels("info"))).try_init(),
    };
    Ok(Telemetry { traces })
}

/// Writes logs of commands that people type to standard error; `PRESSRUN_LOG` sets the level, else `level`.
pub(crate) fn for_people(level: &str) {
    let _ = registry().with(text().with_filter(levels(level))).try_init();
}

fn text<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>,
{
    // Colours are for a terminal; a file keeps plain text.
    tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal())
}

fn levels(level: &str) -> EnvFilter {
    EnvFilter::try_from_env("PRESSRUN_LOG").unwrap_or_else(|_| EnvFilter::new(level))
}

/// The processor, which the layer hands spans to and the end of the program ends.
#[derive(Debug, Clone)]
struct Handed(Arc<BatchSpanProcessor>);

impl SpanProcessor for Handed {
    fn on_start(&self, span: &mut Span, context: &opentelemetry::Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}

//! Spans of traces, made of the spans that the program is in anyway.
//!
//! Only spans under the target [`TARGET`] are told: what they say was written for others to read, with no rows, recipients, addresses or texts of errors in it.
//! Some of their fields mean something here:
//!
//! - `run_id`: a span without a parent belongs to the trace of that run, below its first span;
//! - `is_first`: it is that first span;
//! - `traceparent`: a span without a parent goes on with that trace;
//! - `span_id`: the id that others were told;
//! - `took_us`, `ago_us`: how many microseconds it took and how long ago it ended, when that is known from the beginning;
//! - `failed`: true when what the span is about failed.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use pressrun_domain::clock::Clock;
use pressrun_domain::id::RunId;
use pressrun_domain::trace::{TraceContext, is_sampled};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The target of spans that are told.
pub(crate) const TARGET: &str = "pressrun::trace";

/// Most attributes of a span.
const MOST_ATTRIBUTES: usize = 32;

/// Longest text of an attribute, in characters.
const LONGEST_TEXT: usize = 256;

/// Makes spans, and hands those that are over to `processor`.
pub(crate) struct SpanLayer<P> {
    processor: P,
    clock: &'static dyn Clock,
    /// How large a part of all traces that begin here is told.
    ratio: f64,
}

/// A span that is not over.
pub(crate) struct Open {
    context: TraceContext,
    parent: Option<[u8; 8]>,
    from_elsewhere: bool,
    began: SystemTime,
    fields: Fields,
}

impl Open {
    /// The trace that it belongs to, as others write it.
    pub(crate) fn trace_id(&self) -> String {
        TraceId::from_bytes(self.context.trace).to_string()
    }
}

/// What was said of a span.
#[derive(Debug, Default)]
struct Fields {
    run: Option<RunId>,
    is_first: bool,
    before: Option<TraceContext>,
    own_id: Option<[u8; 8]>,
    took: Option<Duration>,
    ago: Duration,
    failed: bool,
    attributes: Vec<KeyValue>,
    dropped: u32,
}

impl<P: SpanProcessor> SpanLayer<P> {
    pub(crate) fn new(processor: P, clock: &'static dyn Clock, ratio: f64) -> Self {
        Self { processor, clock, ratio }
    }

    fn now(&self) -> SystemTime {
        // The wall clock that everybody has, and not the system's own.
        let micros = u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default();
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Whether a span is told.
pub(crate) fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

impl<S, P> Layer<S> for SpanLayer<P>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    P: SpanProcessor + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_told(attributes.metadata()) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.scope().skip(1).find_map(|parent| parent.extensions().get::<Open>().map(|open| open.context));
        let (above, from_elsewhere) = match (parent, fields.run, fields.before) {
            (Some(parent), ..) => (Some(parent), false),
            (None, Some(run), _) => (Some(TraceContext::of_run(run, self.ratio)), true),
            (None, None, before) => (before, true),
        };
        let own = fields.own_id.unwrap_or_else(|| rand_bytes(uuid::Uuid::new_v4()));
        let (context, parent) = match above {
            Some(above) if fields.is_first => (above, None),
            Some(above) => (TraceContext { span: own, ..above }, Some(above.span)),
            None => {
                let trace = uuid::Uuid::new_v4().into_bytes();
                (TraceContext { trace, span: own, sampled: is_sampled(trace, self.ratio) }, None)
            }
        };
        let now = self.now();
        let ended = now.checked_sub(fields.ago).unwrap_or(now);
        let began = fields.took.and_then(|took| ended.checked_sub(took)).unwrap_or(now);
        span.extensions_mut().insert(Open { context, parent, from_elsewhere, began, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if !open.context.sampled {
            return;
        }
        super::otlp::count("made", 1);
        self.processor.on_end(self.over(span.name(), open));
    }
}

impl<P: SpanProcessor> SpanLayer<P> {
    fn over(&self, name: &'static str, open: Open) -> SpanData {
        let Open { context, parent, from_elsewhere, began, fields } = open;
        let end = fields.took.and_then(|took| began.checked_add(took)).unwrap_or_else(|| self.now());
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(context.trace),
                SpanId::from_bytes(context.span),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
            parent_span_is_remote: from_elsewhere && parent.is_some(),
            span_kind: match name {
                "request" => SpanKind::Server,
                "attempt" => SpanKind::Client,
                _ => SpanKind::Internal,
            },
            name: name.into(),
            start_time: began,
            // A clock that was set back makes no span of negative length.
            end_time: end.max(began),
            attributes: fields.attributes,
            dropped_attributes_count: fields.dropped,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if fields.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: InstrumentationScope::builder("pressrun").with_version(env!("CARGO_PKG_VERSION")).build(),
        }
    }
}

impl Fields {
    fn attribute(&mut self, field: &Field, value: impl Into<Value>) {
        if self.attributes.len() >= MOST_ATTRIBUTES {
            self.dropped += 1;
            return;
        }
        self.attributes.push(KeyValue::new(format!("pressrun.{}", field.name()), value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "traceparent" => self.before = value.parse().ok(),
            "span_id" => self.own_id = u64::from_str_radix(value, 16).ok().map(u64::to_be_bytes),
            name => {
                if name == "run_id" {
                    self.run = value.parse().ok();
                }
                self.attribute(field, value.chars().take(LONGEST_TEXT).collect::<String>());
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "is_first" => self.is_first = value,
            "failed" => self.failed = value,
            _ => self.attribute(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let duration = || Duration::from_micros(u64::try_from(value).unwrap_or_default());
        match field.name() {
            "took_us" => self.took = Some(duration()),
            "ago_us" => self.ago = duration(),
            _ => self.attribute(field, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attribute(field, value);
    }
}

/// Eight bytes of chance; never all zero, for a UUID has its version among them.
fn rand_bytes(chance: uuid::Uuid) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&chance.as_bytes()[..8]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::Span;
    use tracing::field::Empty;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;
    use crate::clock::WallClock;

    /// Keeps what is over.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().expect("not poisoned").push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    /// What is told of what happens, when so large a part is.
    fn told(ratio: f64, happens: impl FnOnce()) -> Vec<SpanData> {
        let kept = Kept::default();
        let subscriber = registry().with(SpanLayer::new(kept.clone(), &WallClock, ratio));
        tracing::subscriber::with_default(subscriber, happens);
        kept.0.lock().expect("not poisoned").clone()
    }

    fn attribute(span: &SpanData, name: &str) -> Option<String> {
        span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| attribute.value.to_string())
    }

    #[test]
    fn o3_what_two_processes_did_for_a_run_hangs_together() {
        let run = RunId::generate();
        let first = told(1.0, || {
            let claim = tracing::error_span!(target: TARGET, "claim", run_id = %run);
            claim.in_scope(|| drop(tracing::error_span!(target: TARGET, "query", rows = 3_u64)));
        });
        let second = told(1.0, || {
            drop(tracing::error_span!(target: TARGET, "claim", run_id = %run));
            drop(tracing::error_span!(target: TARGET, parent: None, "run", is_first = true, run_id = %run, took_us = 5_000_000_i64));
        });
        let [query, claim] = first.as_slice() else { panic!("{first:?}") };
        let [again, whole] = second.as_slice() else { panic!("{second:?}") };
        assert_eq!(query.parent_span_id, claim.span_context.span_id());
        for below in [claim, again] {
            assert_eq!(below.parent_span_id, whole.span_context.span_id());
            assert!(below.parent_span_is_remote);
        }
        assert_eq!(whole.parent_span_id, SpanId::INVALID);
        assert_eq!(whole.end_time.duration_since(whole.start_time).expect("in order"), Duration::from_secs(5));
        let traces = [query, claim, again, whole].map(|span| span.span_context.trace_id().to_bytes());
        assert!(traces.iter().all(|trace| trace == run.0.as_bytes()));
        assert_eq!(attribute(query, "pressrun.rows").as_deref(), Some("3"));
    }

    #[test]
    fn o3_only_what_was_written_for_others_is_told() {
        let spans = told(1.0, || {
            let outer = tracing::error_span!("recipients", email = "ann@x.example");
            outer.in_scope(|| {
                let span = tracing::error_span!(target: TARGET, "render", format = "pdf", failed = Empty, bytes = Empty);
                span.in_scope(|| tracing::error!(email = "ann@x.example", "could not be rendered"));
                span.record("failed", true).record("bytes", 7_u64);
            });
        });
        assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["render"]);
        assert!(!format!("{spans:?}").contains("ann@"), "{spans:?}");
        assert_eq!(attribute(&spans[0], "pressrun.bytes").as_deref(), Some("7"));
        assert!(matches!(spans[0].status, Status::Error { .. }));
    }

    #[test]
    fn o3_a_trace_that_is_not_sampled_is_told_by_nobody_and_texts_are_cut() {
        let run = RunId::generate();
        let happens = || {
            let claim = tracing::error_span!(target: TARGET, "claim", run_id = %run, outcome = "x".repeat(10_000));
            claim.in_scope(|| drop(tracing::error_span!(target: TARGET, "query")));
        };
        assert_eq!(told(0.0, happens).len(), 0);
        let spans = told(1.0, happens);
        assert_eq!(attribute(&spans[1], "pressrun.outcome").map(|text| text.len()), Some(LONGEST_TEXT));
    }
}

//! The way of spans to a collector: OTLP in protobuf over HTTP.
//!
//! Nobody waits for it. Spans go into a queue of bounded length, from which a thread of its own sends them in batches; what finds the queue full, or a
//! collector that does not take it, is gone and counted.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _};
use tokio::runtime::Handle;

use crate::config::Trace;

/// Most spans that wait.
const QUEUE: usize = 8_192;

/// Most of a batch.
const BATCH: usize = 512;

/// How long a span waits for company.
const DELAY: Duration = Duration::from_secs(2);

/// A collector that does not answer within this is given up for that batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;

/// Counts spans by what became of them.
pub(crate) fn count(outcome: &'static str, spans: usize) {
    metrics::counter!("pressrun_trace_spans_total", "outcome" => outcome).increment(spans as u64);
}

/// What spans are handed to; `None` when traces are off. Sends by `runtime`.
///
/// # Errors
/// The address, or a header, is none.
pub(crate) fn processor(trace: &Trace, node: &str, runtime: &Handle) -> anyhow::Result<Option<BatchSpanProcessor>> {
    let Some(endpoint) = trace.endpoint()? else { return Ok(None) };
    let http = client()?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Client { http, runtime: runtime.clone() })
        .with_endpoint(endpoint)
        .with_headers(trace.headers()?.into_iter().collect())
        .with_timeout(PATIENCE)
        .build()
        .context("trace.endpoint")?;
    let config =
        BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_max_export_batch_size(BATCH).with_scheduled_delay(DELAY).build();
    let mut processor = BatchSpanProcessor::builder(Counting(exporter)).with_batch_config(config).build();
    processor.set_resource(
        &Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", trace.service_name.clone()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", node.to_owned()),
            ])
            .build(),
    );
    Ok(Some(processor))
}

/// A client for one collector that the operator names: no tenant chooses where it connects to.
fn client() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder().connect_timeout(PATIENCE).timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    client.build().context("could not make the client that sends traces")
}

/// Counts what became of the spans of each batch.
#[derive(Debug)]
struct Counting<E>(E);

impl<E: SpanExporter> SpanExporter for Counting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.0.export(batch).await;
        count(if sent.is_ok() { "sent" } else { "failed" }, spans);
        if let Err(error) = &sent {
            tracing::debug!(%error, spans, "spans could not be sent");
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Sends by the runtime of the server: the thread that exports has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http.clone();
        self.runtime.spawn(async move { send(http, request).await }).await?
    }
}

async fn send(http: reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, HttpError> {
    let mut answer = http.execute(request).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(some) = answer.chunk().await? {
        if (body.len() + some.len()) as u64 > ANSWER {
            return Err("the collector answered more than was asked for".into());
        }
        body.extend_from_slice(&some);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

//! `/metrics`: figures of this process, in the text form of Prometheus.

use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::warn;

/// How often what was recorded is summed up; without that, every sample of a histogram stays until somebody reads `/metrics`.
const UPKEEP: Duration = Duration::from_secs(5);

/// Records the figures of this process.
pub(crate) struct Figures(PrometheusHandle);

impl Figures {
    /// Takes up what the rest of the program counts.
    pub(crate) fn install() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            warn!("metrics were set up twice; the first recorder stays");
        }
        Self(handle)
    }

    /// Answers `/metrics`.
    pub(crate) fn router(&self) -> Router {
        let handle = self.0.clone();
        let answer = move || ready(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()));
        Router::new().route("/metrics", get(answer))
    }

    /// Sums up again and again.
    pub(crate) async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

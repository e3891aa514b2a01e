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
        again_and_again(|| self.0.run_upkeep()).await;
    }
}

async fn again_and_again(sum_up: impl Fn()) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        sum_up();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn low_what_was_recorded_is_summed_up_though_nobody_reads_it() {
        let times = AtomicUsize::new(0);
        let hour = tokio::time::timeout(
            Duration::from_millis(3_597_500),
            again_and_again(|| {
                times.fetch_add(1, Ordering::SeqCst);
            }),
        );
        assert!(hour.await.is_err(), "it never ends");
        assert_eq!(times.load(Ordering::SeqCst), 720);
    }

    #[test]
    fn summing_up_loses_nothing() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let figures = Figures(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            for value in 0..1000 {
                metrics::histogram!("seconds").record(f64::from(value));
            }
            figures.0.run_upkeep();
            metrics::histogram!("seconds").record(1.0);
        });
        assert!(figures.0.render().contains("seconds_count 1001"), "{}", figures.0.render());
    }
}

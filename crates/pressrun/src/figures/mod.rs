//! `/metrics`: figures of this process and of what is to be done, in the text form of Prometheus.
//!
//! What happens is recorded where it happens ([`families::RECORDED`]); how much waits is read when somebody asks ([`read`]).

#[cfg(test)]
mod deployed;
mod exposition;
pub(crate) mod families;
mod paced;
mod process;
mod read;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tracing::warn;

use families::{Family, Kind};
pub(crate) use read::{Reader, Sources};

/// How often what was recorded is summed up; without that, every sample of a histogram stays until somebody reads `/metrics`.
const UPKEEP: Duration = Duration::from_secs(5);

/// Records the figures of this process.
#[derive(Clone)]
pub(crate) struct Figures(PrometheusHandle);

impl Figures {
    /// Takes up what the rest of the program counts from now on.
    ///
    /// # Errors
    /// A histogram has no bounds.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            warn!("metrics were set up twice; the first recorder stays");
        }
        begin();
        Ok(Self(handle))
    }

    /// Answers `/metrics`.
    pub(crate) fn router(&self, reader: Arc<Reader>) -> Router {
        let handle = self.0.clone();
        let answer = move || async move {
            let read = reader.text().await;
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render() + &read)
        };
        Router::new().route("/metrics", get(answer))
    }

    /// Sums up again and again.
    pub(crate) async fn keep_up(self) {
        again_and_again(|| self.0.run_upkeep()).await;
    }
}

fn recorder() -> anyhow::Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for family in families::RECORDED {
        if let Kind::Histogram(bounds) = family.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(family.name.to_owned()), bounds)?;
        }
    }
    Ok(builder.build_recorder())
}

/// Describes every family, and begins the series whose labels are known beforehand at nothing: a rate of what has just begun would miss its first.
fn begin() {
    for Family { name, kind, help, labels } in families::RECORDED {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram(_) => metrics::describe_histogram!(*name, *help),
        }
        // Most ends have no use for most reasons.
        let series = if *name == "pressrun_runs_total" { None } else { families::combinations(labels) };
        for labels in series.into_iter().flatten() {
            match kind {
                Kind::Counter => metrics::counter!(*name, &labels).absolute(0),
                Kind::Gauge => metrics::gauge!(*name, &labels).increment(0.0),
                Kind::Histogram(_) => drop(metrics::histogram!(*name, &labels)),
            }
        }
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

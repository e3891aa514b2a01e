//! Figures that are read when somebody asks: how much there is to do, from the database, and how this process stands.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pressrun_catalog::CatalogHandle;
use pressrun_dispatch::Pulses;
use pressrun_domain::clock::Clock;
use pressrun_engine::executor::ExecutorPool;
use pressrun_store::{Owed, QueuedKind, ScheduleCounts, Store, Waiting};
use tokio::sync::Mutex;

use super::exposition::Exposition;
use super::paced::Paced;
use super::process;

/// What is asked.
pub(crate) struct Sources {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<CatalogHandle>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) executors: ExecutorPool,
    pub(crate) pulses: Pulses,
    /// `sqlite` or `postgres`.
    pub(crate) database: &'static str,
    /// When a piece is late that is still owed.
    pub(crate) late_after: SignedDuration,
    pub(crate) started_at: Timestamp,
}

/// What the database said last.
#[derive(Debug, Default)]
struct Said {
    waiting: Paced<Waiting>,
    owed: Paced<Owed>,
    schedules: Paced<ScheduleCounts>,
    workers: Paced<Option<u64>>,
    overdue: Paced<u64>,
}

/// Asks, and remembers what cannot be asked again yet.
pub(crate) struct Reader {
    sources: Sources,
    said: Mutex<Said>,
}

impl Reader {
    pub(crate) fn new(sources: Sources) -> Self {
        Self { sources, said: Mutex::default() }
    }

    /// Everything as text. Whoever asks at the same time waits, and hears what the first one heard.
    pub(crate) async fn text(&self) -> String {
        let mut told = Exposition::default();
        let Sources { database, started_at, pulses, .. } = &self.sources;
        told.tell("pressrun_build_info", &[("version", env!("CARGO_PKG_VERSION")), ("store", database)], 1.0);
        self.tell_of_database(&mut told).await;
        self.tell_of_catalog(&mut told);
        self.tell_of_executors(&mut told);
        told.tell("pressrun_late_tasks", &[], pulses.late().len() as f64);
        told.tell("process_start_time_seconds", &[], seconds(*started_at));
        process::tell(&mut told);
        told.into_text()
    }

    async fn tell_of_database(&self, told: &mut Exposition) {
        let Sources { store, clock, late_after, .. } = &self.sources;
        let mut said = self.said.lock().await;
        let Said { waiting, owed, schedules, workers, overdue } = &mut *said;
        let now = clock.now();
        let late = now.saturating_sub(*late_after).unwrap_or(Timestamp::MIN);
        tokio::join!(
            waiting.look("the queue", store.waiting(now)),
            owed.look("what is owed", store.still_owed(late)),
            schedules.look("schedules", store.schedule_counts()),
            workers.look("workers", store.workers_alive()),
            overdue.look("what is overdue", store.count_overdue()),
        );
        let ages = [waiting.age(), owed.age(), schedules.age(), workers.age(), overdue.age()];
        told.tell("pressrun_store_up", &[], f64::from(u8::from(ages.iter().all(Option::is_some))));
        if let Some(oldest) = ages.into_iter().flatten().max() {
            told.tell("pressrun_store_figures_age_seconds", &[], oldest.as_secs_f64());
        }
        if let Some(waiting) = waiting.said() {
            let age = waiting.oldest_due.map_or(0.0, |due| now.duration_since(due).as_secs_f64().max(0.0));
            told.tell("pressrun_oldest_due_age_seconds", &[], age);
            for kind in QueuedKind::ALL {
                for (ready, state) in [(true, "ready"), (false, "waiting")] {
                    let count: u64 = waiting.queued.iter().filter(|of| (of.0, of.1) == (kind, ready)).map(|of| of.2).sum();
                    told.tell("pressrun_queue_runs", &[("kind", kind.as_str()), ("state", state)], count as f64);
                }
            }
        }
        if let Some(owed) = owed.said() {
            told.tell("pressrun_pieces_owed", &[], owed.pieces as f64);
            told.tell("pressrun_pieces_overdue", &[], owed.late_pieces as f64);
            told.tell("pressrun_notices_waiting", &[("to", "people")], owed.notices_to_people as f64);
            told.tell("pressrun_notices_waiting", &[("to", "operator")], owed.notices_to_operator as f64);
        }
        if let Some(overdue) = overdue.said() {
            told.tell("pressrun_runs_overdue", &[], *overdue as f64);
        }
        if let Some(ScheduleCounts { active, inactive }) = schedules.said() {
            told.tell("pressrun_schedules", &[("state", "active")], *active as f64);
            told.tell("pressrun_schedules", &[("state", "inactive")], *inactive as f64);
        }
        if let Some(workers) = workers.said() {
            told.tell("pressrun_workers", &[], workers.unwrap_or(1) as f64);
        }
    }

    fn tell_of_catalog(&self, told: &mut Exposition) {
        let (catalog, status) = (self.sources.catalog.current(), self.sources.catalog.status());
        told.tell("pressrun_catalog_info", &[("version", &catalog.version)], 1.0);
        told.tell("pressrun_catalog_loaded_timestamp_seconds", &[], seconds(status.loaded_at));
        told.tell("pressrun_catalog_documents", &[], catalog.documents.len() as f64);
        told.tell("pressrun_catalog_problems", &[], status.problems.len() as f64);
    }

    fn tell_of_executors(&self, told: &mut Exposition) {
        let executors = &self.sources.executors;
        for crew in executors.occupancy() {
            let (kind, busy) = (crew.crew.as_str(), crew.most.saturating_sub(crew.free));
            metrics::gauge!("pressrun_permits", "kind" => kind, "state" => "used").set(busy as f64);
            metrics::gauge!("pressrun_permits", "kind" => kind, "state" => "free").set(crew.free as f64);
            told.tell("pressrun_executor_children", &[("crew", kind), ("state", "busy")], busy as f64);
            told.tell("pressrun_executor_children", &[("crew", kind), ("state", "idle")], crew.idle_children as f64);
        }
        told.tell("pressrun_executor_idle_bytes", &[], executors.idle_bytes() as f64);
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

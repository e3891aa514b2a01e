//! Tasks that have to live as long as the process does (H14).
//!
//! A loop that panicked is gone for good, and its absence is silence: nothing is planned, and everything else serves on. So whatever ends
//! before it is asked to, or gives no sign of life for minutes, ends the process, and whoever started it starts it again. What is late for
//! less long only makes the process unready.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A task that has given no sign of life, or whose passes have failed, for so long makes the process unready. Each passes at least every quarter of a
/// minute.
const LATE: Duration = Duration::from_secs(30);

/// After so long it will not come back.
const STALLED: Duration = Duration::from_mins(5);

/// Time between two looks for stalled tasks.
const LOOK: Duration = Duration::from_secs(10);

/// The signs of life of a process's tasks; clones are of the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Pulses(Arc<Mutex<Vec<Pulse>>>);

impl Pulses {
    /// A task of this name, which lives now.
    #[must_use]
    pub fn task(&self, name: &'static str) -> Pulse {
        let pulse = Pulse(Arc::new(Beats { name, began: Instant::now(), last: AtomicU64::new(0), failing: AtomicU64::new(NOT_FAILING) }));
        self.all().push(pulse.clone());
        pulse
    }

    /// Tasks whose last sign of life, or last pass that went through, is too long ago to call the process ready.
    #[must_use]
    pub fn late(&self) -> Vec<&'static str> {
        self.names_of(|pulse| pulse.silence() > LATE || pulse.failing_for() > LATE)
    }

    /// Tasks that will not come back. One whose passes fail lives: its database may be well again.
    fn stalled(&self) -> Vec<&'static str> {
        self.names_of(|pulse| pulse.silence() > STALLED)
    }

    fn names_of(&self, are: impl Fn(&Pulse) -> bool) -> Vec<&'static str> {
        self.all().iter().filter(|pulse| are(pulse)).map(|pulse| pulse.0.name).collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Pulse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signs of life of one task, by the steady clock: a wall clock that jumps makes nobody late.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug)]
struct Beats {
    name: &'static str,
    began: Instant,
    /// Milliseconds after `began`.
    last: AtomicU64,
    /// When the first of the passes failed that have failed since one went through, as `last`; [`NOT_FAILING`] when the last one went through.
    failing: AtomicU64,
}

/// No instant of [`Beats`].
const NOT_FAILING: u64 = u64::MAX;

impl Pulse {
    /// The task lives.
    pub fn beat(&self) {
        self.0.last.store(self.now(), Ordering::Relaxed);
    }

    /// A pass ended, and what it was for was done, or not: a task that only ever tries again does nothing either.
    pub fn passed(&self, done: bool) {
        if done {
            self.0.failing.store(NOT_FAILING, Ordering::Relaxed);
        } else {
            self.0.failing.fetch_min(self.now(), Ordering::Relaxed);
        }
    }

    fn silence(&self) -> Duration {
        self.since(self.0.last.load(Ordering::Relaxed))
    }

    fn failing_for(&self) -> Duration {
        self.since(self.0.failing.load(Ordering::Relaxed))
    }

    /// Milliseconds after `began`.
    fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(NOT_FAILING - 1)
    }

    fn since(&self, milliseconds: u64) -> Duration {
        self.0.began.elapsed().saturating_sub(Duration::from_millis(milliseconds))
    }
}

/// Named tasks of a process.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    pulses: Pulses,
}

/// A task that no longer does what it is there for.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
    /// It panicked.
    #[error("the task `{task}` panicked: {message}")]
    Panicked {
        /// Its name.
        task: &'static str,
        /// What it panicked with.
        message: String,
    },
    /// It returned before it was asked to stop.
    #[error("the task `{task}` ended, which nobody asked it to")]
    Ended {
        /// Its name.
        task: &'static str,
    },
    /// It gives no sign of life.
    #[error("the task `{task}` has been stuck for more than {} minutes", STALLED.as_secs() / 60)]
    Stalled {
        /// Its name.
        task: &'static str,
    },
}

impl Tasks {
    /// No tasks yet; what they show of life is seen in `pulses` too.
    #[must_use]
    pub fn new(pulses: Pulses) -> Self {
        Self { pulses, ..Self::default() }
    }

    /// Starts a task that lives until it is asked to stop.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Starts one that shows that it lives.
    pub fn spawn_pulsed<F: Future<Output = ()> + Send + 'static>(&mut self, name: &'static str, task: impl FnOnce(Pulse) -> F) {
        let pulse = self.pulses.task(name);
        self.spawn(name, task(pulse));
    }

    /// Waits for the first task that fails; `None` when `stop` came first.
    pub async fn failure(&mut self, stop: &CancellationToken) -> Option<TaskFailure> {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                Some(ended) = self.set.join_next_with_id() => {
                    // It may have seen the stop a moment earlier than we did.
                    if !stop.is_cancelled() || ended.is_err() {
                        return Some(self.failed(ended));
                    }
                }
                () = tokio::time::sleep(LOOK) => {
                    if let Some(task) = self.pulses.stalled().first().copied() {
                        return Some(TaskFailure::Stalled { task });
                    }
                }
            }
        }
    }

    /// The tasks that are left, without their names.
    #[must_use]
    pub fn into_inner(self) -> JoinSet<()> {
        self.set
    }

    fn failed(&self, ended: Result<(Id, ()), JoinError>) -> TaskFailure {
        let name = |id| self.names.get(&id).copied().unwrap_or("unknown");
        match ended {
            Ok((id, ())) => TaskFailure::Ended { task: name(id) },
            Err(error) => {
                let task = name(error.id());
                match error.try_into_panic() {
                    Ok(panic) => TaskFailure::Panicked { task, message: message(panic.as_ref()) },
                    Err(_) => TaskFailure::Ended { task },
                }
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn h14_a_task_that_panics_ends_or_stalls_is_named() {
        type Kind = fn(&mut Tasks);
        let kinds: [(Kind, &str); 3] = [
            (|tasks| tasks.spawn("planner", async { panic!("no such zone") }), "the task `planner` panicked: no such zone"),
            (|tasks| tasks.spawn("claimer", async {}), "the task `claimer` ended, which nobody asked it to"),
            (
                |tasks| tasks.spawn_pulsed("janitor", |_| std::future::pending()),
                "the task `janitor` has been stuck for more than 5 minutes",
            ),
        ];
        for (start, expected) in kinds {
            let mut tasks = Tasks::default();
            tasks.spawn("another", std::future::pending());
            start(&mut tasks);
            let failure = tasks.failure(&CancellationToken::new()).await.expect("it fails");
            assert_eq!(failure.to_string(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn h14_tasks_that_were_asked_to_stop_have_not_failed() {
        let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
        tasks.spawn("planner", stop.clone().cancelled_owned());
        let asked = async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            stop.cancel();
        };
        let (failure, ()) = tokio::join!(tasks.failure(&stop), asked);
        assert!(failure.is_none(), "{failure:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn h14_a_task_is_late_after_half_a_minute_without_a_pass() {
        let pulses = Pulses::default();
        let (planner, _claimer) = (pulses.task("planner"), pulses.task("claimer"));
        tokio::time::advance(Duration::from_secs(25)).await;
        planner.beat();
        assert_eq!(pulses.late(), Vec::<&str>::new());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(pulses.late(), ["claimer"]);
        tokio::time::advance(Duration::from_secs(25)).await;
        assert_eq!(pulses.late(), ["planner", "claimer"]);
        planner.beat();
        assert_eq!(pulses.late(), ["claimer"]);
    }
    #[tokio::test(start_paused = true)]
    async fn h14_a_task_whose_passes_fail_for_half_a_minute_is_late_and_does_not_end_the_process() {
        let mut tasks = Tasks::default();
        tasks.spawn("planner", std::future::pending());
        let planner = tasks.pulses.task("planner");
        let fail_for = async |seconds: u64| {
            for _ in 0..seconds {
                tokio::time::advance(Duration::from_secs(1)).await;
                planner.beat();
                planner.passed(false);
            }
        };
        fail_for(31).await;
        assert_eq!(tasks.pulses.late(), Vec::<&str>::new(), "half a minute may be a moment's fault");
        fail_for(1).await;
        assert_eq!(tasks.pulses.late(), ["planner"]);
        planner.passed(true);
        assert_eq!(tasks.pulses.late(), Vec::<&str>::new(), "one that goes through is enough");
        fail_for(600).await;
        assert_eq!((tasks.pulses.late(), tasks.pulses.stalled()), (vec!["planner"], vec![]));
    }
}

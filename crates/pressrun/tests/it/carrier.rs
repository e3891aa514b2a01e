//! A destination that takes everything at once and remembers it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{RunId, ScheduleId};
use pressrun_engine::Carrier;

/// One parcel as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) schedule: ScheduleId,
    pub(crate) run: RunId,
    pub(crate) target: String,
    pub(crate) mark: String,
    pub(crate) sha256: Option<String>,
}

/// Takes parcels, those of a script as it says.
#[derive(Default)]
pub(crate) struct Recorder {
    taken: Mutex<Vec<Taken>>,
    script: Mutex<Vec<Outcome>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Recorder {
    /// Answers the next parcels like this, in order.
    pub(crate) fn answers(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        let mut script = self.script.lock().unwrap();
        script.extend(outcomes);
        script.reverse();
    }

    /// Everything that came, in order, whatever the answer.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// The most parcels that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Carrier for Recorder {
    async fn deliver(&self, _: &Destination, parcel: &Parcel, _: Timestamp) -> Delivered {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.taken.lock().unwrap().push(Taken {
            schedule: parcel.schedule_id,
            run: parcel.run_id,
            target: parcel.target.clone(),
            mark: parcel.idempotency_key.clone(),
            sha256: parcel.artifact.as_ref().map(|artifact| artifact.sha256.clone()),
        });
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let outcome = self.script.lock().unwrap().pop().unwrap_or_else(|| Outcome::Accepted { receipt: "ok".to_owned() });
        Delivered { outcome, learnt_host_key: None, warnings: Vec::new() }
    }
}

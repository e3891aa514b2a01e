//! The engine as the dispatcher sees it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_dispatch::{Permit, Room, Runner};
use pressrun_domain::id::{ConnectionName, DocumentIdentifier, ScheduleId};
use pressrun_domain::notice::Notice;
use pressrun_store::{ClaimedRun, UnreadRun};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::notice;
use crate::pipeline::Context;
use crate::sweep;
use crate::worker::work_claim;

/// Works on what the dispatcher claimed.
pub(crate) struct EngineRunner {
    pub(crate) context: Arc<Context>,
    /// Something may have been written to the outbox of notices.
    pub(crate) said: Arc<Notify>,
}

#[async_trait]
impl Runner for EngineRunner {
    async fn work(&self, claimed: ClaimedRun, hand_back: &CancellationToken, permit: &Permit) {
        if Box::pin(work_claim(&self.context, claimed, hand_back, permit)).await {
            self.said.notify_one();
        }
    }

    fn room(&self, under_way: &[&DocumentIdentifier]) -> Room {
        let catalog = self.context.catalog.current();
        let receivers = self.context.receivers.call_up(self.context.clock.steady());
        if catalog.connections.len() < 2 {
            return Room { receivers, ..Room::unbounded() };
        }
        let connection = |document: &DocumentIdentifier| Some(&catalog.documents.get(document)?.dashboard.as_ref()?.connection);
        let mut counts: HashMap<&ConnectionName, u32> = HashMap::new();
        for name in under_way.iter().filter_map(|document| connection(document)) {
            *counts.entry(name).or_default() += 1;
        }
        let most = self.context.config.runs_of_one_connection();
        // A batch may all be of the connection that has the fewest places left.
        let limit = counts.values().filter(|count| **count < most).map(|count| most - count).min().unwrap_or(most);
        counts.retain(|_, count| *count >= most);
        if counts.is_empty() {
            return Room { limit, busy: Vec::new(), receivers };
        }
        let is_full = |document: &&DocumentIdentifier| connection(document).is_some_and(|name| counts.contains_key(name));
        Room { limit, busy: catalog.documents.keys().filter(is_full).cloned().collect(), receivers }
    }

    async fn about_unplannable(&self, schedule: ScheduleId, fault: &str) -> Vec<Notice> {
        match self.context.store.schedule(schedule).await {
            Ok(Some(schedule)) => notice::about_unplannable(&self.context, &schedule, fault),
            Ok(None) => Vec::new(),
            Err(error) => {
                // Whose it is cannot be read either.
                error!(%schedule, %error, fault, "a schedule cannot be planned, and nobody can be told of it");
                Vec::new()
            }
        }
    }

    async fn about_unread(&self, run: &UnreadRun) -> Vec<Notice> {
        notice::about_unread(&self.context, run)
    }

    fn tidy(&self) {
        self.context.producer.executors().reap();
        self.context.producer.forget_old_results();
    }

    async fn sweep(&self, now: Timestamp) {
        sweep::artifacts(&self.context, now).await;
        sweep::leftovers(&self.context, now).await;
    }
}

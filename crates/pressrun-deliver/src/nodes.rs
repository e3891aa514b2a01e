//! Bounds that hold for all nodes together, where several send by the same relay.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;

/// What nodes divide among them. Where a process is alone there is nobody to ask, and its own bounds are those of all.
#[async_trait]
pub trait AllNodes: Send + Sync {
    /// Waits until one more may be at `bound`, where all nodes together may be `most`; it is there until what comes back is dropped.
    async fn pass(&self, bound: &str, most: usize) -> Box<dyn Send + Sync>;

    /// Waits for the next instant at which one of all nodes may do what may be done once each `between`.
    async fn slot(&self, rate: &str, between: Duration);

    /// What stays open at `bound` when those that used it have left: it counts until it is closed.
    fn keeps(&self, bound: &str, most: usize, kept: Weak<dyn KeptOpen>);
}

/// Connections that are kept for whoever needs the next one.
pub trait KeptOpen: Send + Sync {
    /// How many are open, used or not.
    fn open(&self) -> usize;

    /// Closes those that nobody uses until no more than `most` are open, as far as that goes.
    fn close_beyond(&self, most: usize);
}

//! What an operator may set about dispatching.

use jiff::SignedDuration;

/// Bounds and habits of the dispatcher.
#[derive(Debug, Clone)]
pub struct DispatchConfig {
    /// Runs prepared at once in this process; those that are only being sent hold none.
    pub permits: u32,
    /// How long a claim holds without a heartbeat.
    pub lease: SignedDuration,
    /// No run waits for longer than this for its next attempt; one that seems to was handed back before the clock was set back.
    pub longest_wait: SignedDuration,
    /// Longest time between two looks at the store, for work that another node left.
    pub poll: SignedDuration,
}

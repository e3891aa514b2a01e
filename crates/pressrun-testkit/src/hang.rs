//! Waiting without sleeping.

use std::sync::Arc;

use tokio::sync::Notify;

/// Announces that a sink has gone silent on purpose.
#[derive(Debug, Clone, Default)]
pub struct Hang(Arc<Notify>);

impl Hang {
    /// Announces it, and never returns.
    pub async fn forever(&self) {
        self.0.notify_one();
        std::future::pending::<()>().await;
    }

    /// Ends when the sink has gone silent.
    pub async fn reached(&self) {
        self.0.notified().await;
    }

    /// Ends when the sink has gone silent, with tokio's clock paused: from then on the next deadline passes at once.
    ///
    /// Needs a current-thread runtime, as `#[tokio::test]` makes it.
    pub async fn let_deadlines_pass(&self) {
        self.reached().await;
        tokio::time::pause();
    }
}

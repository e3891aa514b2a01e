//! What is still to be told a server when a query was given up.
//!
//! A source whose future is dropped cannot wait for its server. It leaves a short task here instead, such as a cancel request, and whoever
//! ends the process waits for these first.

use std::future::Future;
use std::sync::LazyLock;

use tokio_util::task::TaskTracker;

static UNDER_WAY: LazyLock<TaskTracker> = LazyLock::new(|| {
    let tracker = TaskTracker::new();
    // Closed, it still takes tasks; waiting for it ends when there are none.
    tracker.close();
    tracker
});

/// Has `goodbye` said after the query is gone; without a runtime nothing can be said.
pub fn say(goodbye: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        UNDER_WAY.spawn_on(goodbye, &runtime);
    }
}

/// Waits until everything is said. It has no time limit of its own: servers hang.
pub async fn all_said() {
    UNDER_WAY.wait().await;
}

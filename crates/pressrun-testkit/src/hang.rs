//! Waiting without sleeping.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
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
    ///
    /// ```no_run
    /// # async fn example(sink: pressrun_testkit::HttpReceiver, attempt: impl Future<Output = u8>) {
    /// let (outcome, ()) = tokio::join!(attempt, async { sink.hang().let_deadlines_pass().await });
    /// # }
    /// ```
    #[cfg(feature = "virtual-time")]
    pub async fn let_deadlines_pass(&self) {
        self.reached().await;
        // What was said before the silence is heard first: each of these lets the other tasks and the sockets have their turn.
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
    }
}

/// Writes `bytes` again and again, one byte a second of tokio's time, until the other side goes away; announces itself as a [`Hang`], because
/// a reader without a deadline on the whole would never be done.
pub(crate) async fn drip(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], hang: &Hang) -> io::Result<()> {
    hang.0.notify_one();
    for byte in bytes.iter().cycle() {
        to.write_all(&[*byte]).await?;
        to.flush().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

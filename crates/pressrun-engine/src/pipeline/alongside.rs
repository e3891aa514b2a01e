//! Waiting for one thing while others of the same task go on. What is not asked on stands still with all that it holds, such as a connection to
//! the database, and others would wait for that.

use std::collections::VecDeque;
use std::future::Future;

use futures::{Stream, StreamExt as _};

/// Waits for `one` while `others` go on; those that are ready before it are added to `ready`.
pub(crate) async fn alongside<S, F>(others: &mut S, ready: &mut VecDeque<S::Item>, one: F) -> F::Output
where
    S: Stream + Unpin,
    F: Future,
{
    let mut one = std::pin::pin!(one);
    loop {
        tokio::select! {
            biased;
            done = &mut one => return done,
            Some(other) = others.next() => ready.push_back(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::FuturesUnordered;
    use tokio::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_one_waits_for_may_be_held_by_another_that_goes_on() {
        let connection = Mutex::new(());
        let hold = async {
            let _held = connection.lock().await;
            tokio::task::yield_now().await;
            7
        };
        let (mut others, mut ready) = (FuturesUnordered::from_iter([hold]), VecDeque::new());
        assert!(futures::poll!(others.next()).is_pending(), "it holds the connection");
        drop(alongside(&mut others, &mut ready, connection.lock()).await);
        assert_eq!(ready, [7]);
        alongside(&mut others, &mut ready, async {}).await;
    }
}

//! Readings that cost something are made no more often than they are cheap.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// A reading is made again when so many times as long has passed as it took: it never takes more than a hundredth of the time.
const REST: u32 = 100;

/// However cheap it was, not before this.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// When to ask again for what could not be read.
const AFTER_A_FAILURE: Duration = Duration::from_secs(10);

/// A reading that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a reading said last.
#[derive(Debug)]
pub(crate) struct Paced<T> {
    said: Option<(T, Instant)>,
    again_at: Option<Instant>,
}

impl<T> Default for Paced<T> {
    fn default() -> Self {
        Self { said: None, again_at: None }
    }
}

impl<T> Paced<T> {
    /// Reads, unless it is too soon. What failed is not known any more, and is asked for again soon.
    pub(crate) async fn look<E: std::fmt::Display>(&mut self, what: &'static str, read: impl Future<Output = Result<T, E>>) {
        let began = Instant::now();
        if self.again_at.is_some_and(|at| began < at) {
            return;
        }
        self.said = match timeout(PATIENCE, read).await {
            Ok(Ok(said)) => Some((said, Instant::now())),
            Ok(Err(error)) => {
                tracing::warn!(%error, what, "figures could not be read");
                None
            }
            Err(_) => {
                tracing::warn!(what, seconds = PATIENCE.as_secs(), "figures were not read in time");
                None
            }
        };
        let rest = if self.said.is_some() { (began.elapsed() * REST).max(SHORTEST_REST) } else { AFTER_A_FAILURE };
        self.again_at = Some(Instant::now() + rest);
    }

    /// What is known.
    pub(crate) fn said(&self) -> Option<&T> {
        self.said.as_ref().map(|(said, _)| said)
    }

    /// How old that is.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.said.as_ref().map(|(_, at)| at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Looks once, at a reading that takes this long.
    async fn look(paced: &mut Paced<u32>, made: &Cell<u32>, takes: Duration) {
        let read = async {
            tokio::time::sleep(takes).await;
            made.set(made.get() + 1);
            Ok::<_, String>(made.get())
        };
        paced.look("test", read).await;
    }

    #[tokio::test(start_paused = true)]
    async fn o1_a_reading_takes_no_more_than_a_hundredth_of_the_time() {
        let (mut paced, made, began) = (Paced::default(), Cell::new(0), Instant::now());
        let takes = Duration::from_millis(200);
        while began.elapsed() < Duration::from_secs(600) {
            look(&mut paced, &made, takes).await;
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        assert!((29..=31).contains(&made.get()), "{made:?}: one in about 20 seconds");
        assert_eq!(paced.said(), Some(&made.get()));
    }

    #[tokio::test(start_paused = true)]
    async fn o1_what_cannot_be_read_in_time_is_not_told_and_asked_for_again_later() {
        let (mut paced, made) = (Paced::default(), Cell::new(0));
        look(&mut paced, &made, Duration::from_millis(1)).await;
        assert_eq!(paced.said(), Some(&1));
        tokio::time::advance(Duration::from_secs(1)).await;
        look(&mut paced, &made, Duration::from_secs(60)).await;
        assert_eq!((paced.said(), paced.age()), (None, None), "an old figure would hide the fault");
        look(&mut paced, &made, Duration::from_millis(1)).await;
        assert_eq!(paced.said(), None, "it is left alone for a while");
        tokio::time::advance(AFTER_A_FAILURE).await;
        look(&mut paced, &made, Duration::from_millis(1)).await;
        assert_eq!(paced.said(), Some(&2));
    }
}

//! How a server ends: requests, runs and handing back share one budget, so that whoever stops it knows when to expect its end.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Longest time that requests under way have; they end while runs do.
const REQUESTS: Duration = Duration::from_secs(5);

/// Longest time kept for handing runs back: one statement a run.
const HANDING_BACK: Duration = Duration::from_secs(5);

/// Kept for it unless that is more than half of the budget: a disk that others write to may take so long for one statement.
const LEAST_HANDING_BACK: Duration = Duration::from_secs(1);

/// Time from being asked to stop until the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget(Duration);

impl Budget {
    /// Everything within `whole`.
    pub(crate) fn new(whole: Duration) -> Self {
        Self(whole)
    }

    /// What of it requests have.
    pub(crate) fn requests(self) -> Duration {
        self.0.min(REQUESTS)
    }

    /// What of it runs have before they are handed back.
    fn runs(self) -> Duration {
        let least = LEAST_HANDING_BACK.min(self.0 / 2);
        self.0.saturating_sub((self.0 / 4).clamp(least, HANDING_BACK))
    }

    /// Waits for `tasks`, which were asked to stop at `asked`; `hand_back` tells them to give up what has not ended in time.
    pub(crate) async fn end(self, mut tasks: JoinSet<()>, hand_back: CancellationToken, asked: Instant) {
        info!(seconds = self.0.as_secs(), "stopping: runs under way may end");
        let ended = async { while tasks.join_next().await.is_some() {} };
        tokio::pin!(ended);
        if timeout_at(asked + self.runs(), &mut ended).await.is_err() {
            warn!("the grace period is over: runs under way are handed back");
            hand_back.cancel();
            if timeout_at(asked + self.0, ended).await.is_err() {
                // Whatever hangs now is picked up when its lease lapses.
                warn!("runs could not be handed back in time; they go on elsewhere when their leases lapse");
            }
        }
        info!("stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time until the end, when tasks need `hand_back_needs` after they were told to hand back, and never end before; the requests took 5 s of it.
    async fn until_the_end(whole: u64, hand_back_needs: Duration) -> (Duration, bool) {
        let (hand_back, asked) = (CancellationToken::new(), Instant::now());
        let mut tasks = JoinSet::new();
        let told = hand_back.clone();
        tasks.spawn(async move {
            told.cancelled().await;
            tokio::time::sleep(hand_back_needs).await;
        });
        let budget = Budget::new(Duration::from_secs(whole));
        tokio::time::sleep(budget.requests()).await;
        budget.end(tasks, hand_back.clone(), asked).await;
        (asked.elapsed(), hand_back.is_cancelled())
    }

    #[tokio::test(start_paused = true)]
    async fn low_stopping_takes_one_budget_whatever_hangs() {
        let (quick, forever) = (Duration::ZERO, Duration::from_secs(3600));
        for (whole, needs, expected) in
            [(25, quick, 20), (25, forever, 25), (8, quick, 6), (8, forever, 8), (1, forever, 1), (0, forever, 0)]
        {
            let (took, handed_back) = until_the_end(whole, needs).await;
            // The timer counts in milliseconds and never ends early.
            assert_eq!((took.as_secs(), handed_back), (expected, true), "of {whole} s");
        }
    }

    #[test]
    fn l3_handing_back_has_a_second_or_half_of_a_short_budget() {
        for (whole, runs) in [(25_000, 20_000), (8_000, 6_000), (2_000, 1_000), (1_000, 500), (0, 0)] {
            assert_eq!(Budget::new(Duration::from_millis(whole)).runs(), Duration::from_millis(runs), "of {whole} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn low_stopping_does_not_wait_for_the_budget_when_nothing_runs() {
        let asked = Instant::now();
        Budget::new(Duration::from_secs(25)).end(JoinSet::new(), CancellationToken::new(), asked).await;
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }
}

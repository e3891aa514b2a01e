//! Bounds that hold over all nodes together (P7): how many are at something at once, and how many a minute.

use std::time::Duration;

use async_trait::async_trait;
use pressrun_domain::id::WorkerId;

use crate::StoreError;

/// How long a node's shares are its own after it asked for the last time. Then others may have them: a node that hung for so long has none.
pub const SHARES_LAPSE: Duration = Duration::from_secs(15);

/// Divides what all nodes together may do. By the database's clock, whatever those of nodes say.
///
/// Where one process works on the rows nothing is divided, and nobody asks.
#[async_trait]
pub trait Quotas: Send + Sync {
    /// Whether other nodes may work on the same rows, so that a bound has to be divided among them.
    fn divides(&self) -> bool {
        false
    }

    /// What `holder` may have of each of these bounds from now on, for [`SHARES_LAPSE`] unless it asks again: the present shares of all nodes never come to more than the
    /// bound. Where that is fewer than it said to hold, the others have the rest as soon as it says to hold fewer.
    async fn share(&self, holder: WorkerId, asked: &[ShareAsked]) -> Result<Vec<u32>, StoreError> {
        let _ = holder;
        Ok(asked.iter().map(|asked| asked.most).collect())
    }

    /// Gives back all that `holder` has.
    async fn leave_shares(&self, holder: WorkerId) -> Result<(), StoreError> {
        let _ = holder;
        Ok(())
    }

    /// Books the next `count` of what may be done each `between` by all nodes together: the time until the first of them. Idle time is not saved up.
    async fn book(&self, rate: &str, between: Duration, count: u32) -> Result<Duration, StoreError> {
        let _ = (rate, between, count);
        Ok(Duration::ZERO)
    }

    /// Takes of what comes in one by one each `between`, of which `most` are saved up.
    async fn take(&self, rate: &str, between: Duration, most: u32, asked: TakeAsked) -> Result<Taken, StoreError> {
        let _ = (rate, between, most);
        Ok(Taken { count: asked.wanted, wait: Duration::ZERO })
    }
}

/// What a node says of a bound when it asks for its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareAsked {
    /// Its name.
    pub bound: String,
    /// How many all nodes together may have.
    pub most: u32,
    /// How many the node may be using now.
    pub holds: u32,
    /// How many it would use now.
    pub wants: u32,
}

/// How much a node takes of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeAsked {
    /// At most so many.
    pub wanted: u32,
    /// So many that it took before were not used: they are put back.
    pub unused: u32,
}

/// What was taken of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// So many; 0 when there are none.
    pub count: u32,
    /// The time until there is another one.
    pub wait: Duration,
}

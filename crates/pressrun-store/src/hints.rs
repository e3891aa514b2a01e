//! News between processes on the same rows.

use async_trait::async_trait;

use crate::StoreError;

/// Tells of what other processes put into the rows.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Listens from now on. What is told is a hint: whoever hears nothing looks by a timer.
    async fn listen(&self) -> Result<Box<dyn Listening>, StoreError>;
}

/// Hears of other processes.
#[async_trait]
pub trait Listening: Send {
    /// Ends when there may be something to plan or to work on that was not there before. May end without.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is heard any more; listen anew.
    async fn heard(&mut self) -> Result<(), StoreError>;
}

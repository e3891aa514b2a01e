//! Faults that are planted to see that the simulation finds them: each was once in the product, or nearly.

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// H7: a clock that jumps is believed, because the steady clock jumps along.
    ClockIsBelieved,
}

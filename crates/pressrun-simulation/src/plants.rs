//! Faults that are planted to see that the simulation finds them. Each was once in the product, or is what a promise is there against; they are planted at the
//! seams, so that the product has no switch for them.

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// H1: a run that is handed back goes on from where it was claimed, not from where it had come.
    HandBackForgets,
    /// H2: time since a run's first claim counts as work.
    WaitingIsWork,
    /// H7: a clock that jumps is believed, because the steady clock jumps along.
    ClockIsBelieved,
    /// H8: another time zone database is not noticed.
    RulesUnnoticed,
    /// M2: whoever was served last is served first.
    LastServedFirst,
    /// M8: workers that die over a run are not counted.
    DeathsUncounted,
    /// M11: an answer that comes while the store refuses another is dropped.
    AnswersDropped,
    /// I7: what was accepted is owed again after a crash.
    AcceptedIsOwed,
    /// I6: each attempt has a mark of its own.
    MarkOfItsOwn,
    /// I1: a worker writes although its fence is no longer the run's.
    FenceIgnored,
    /// I2: what comes while a run is under way leaves no trace.
    OverlapUntold,
    /// T14: what was missed leaves no trace.
    MissedUntold,
    /// I1: leases are not renewed.
    LeaseUnrenewed,
    /// H13: whoever goes on with a run does not know which audiences are done.
    AudiencesForgotten,
    /// H13: whoever goes on with a run notes an audience as done, and not its pieces.
    AudienceLost,
    /// H10: what is swept away because it is old is also what waits to be sent.
    OwedIsSwept,
}

impl Plant {
    /// Every fault.
    pub const ALL: [Self; 16] = [
        Self::HandBackForgets,
        Self::WaitingIsWork,
        Self::ClockIsBelieved,
        Self::RulesUnnoticed,
        Self::LastServedFirst,
        Self::DeathsUncounted,
        Self::AnswersDropped,
        Self::AcceptedIsOwed,
        Self::MarkOfItsOwn,
        Self::FenceIgnored,
        Self::OverlapUntold,
        Self::MissedUntold,
        Self::LeaseUnrenewed,
        Self::AudiencesForgotten,
        Self::AudienceLost,
        Self::OwedIsSwept,
    ];
}

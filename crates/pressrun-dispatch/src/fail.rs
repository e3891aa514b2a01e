//! Named places where a test lets the process die.
//!
//! The crash test starts the real program with `FAIL_POINT=after_promise` (or `after_promise:3`, the third time) and the process kills itself
//! with SIGKILL there: no destructor runs, no buffer is written, exactly as when the machine loses power under it. With
//! `FAIL_POINT=after_plan:1:panic` the task that comes by panics instead. The places exist only with the feature `fail-points`, which the
//! tests of `pressrun` turn on and no build for use does; without it [`reach`] is nothing.

/// A place in the life of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailPoint {
    /// Occurrences are rows, `next_at` is moved; nobody has claimed.
    AfterPlan,
    /// The run is claimed.
    AfterClaim,
    /// It is known who gets what.
    AfterAudiences,
    /// The condition is judged.
    AfterJudge,
    /// The queries of an audience have run.
    AfterQuery,
    /// An audience's artifact is in the spool.
    AfterRender,
    /// Nothing of an audience is promised.
    BeforePromise,
    /// Some pieces are promised, not all.
    AmidPromises,
    /// The pieces of one audience may be sent, while others are prepared.
    BetweenAudiences,
    /// Every piece is promised.
    AfterPromise,
    /// A piece is about to be tried.
    BeforeAttempt,
    /// The attempt is a row; nothing has left.
    AfterBegin,
    /// The remote has answered; nobody has written it down.
    AfterAnswer,
    /// The answer is a row.
    AfterAttempt,
    /// Nothing is owed; the run has not ended.
    BeforeFinish,
    /// The run has ended.
    AfterFinish,
}

impl FailPoint {
    /// Every place, in the order in which a run comes by them.
    pub const ALL: [Self; 16] = [
        Self::AfterPlan,
        Self::AfterClaim,
        Self::AfterAudiences,
        Self::AfterJudge,
        Self::AfterQuery,
        Self::AfterRender,
        Self::BeforePromise,
        Self::AmidPromises,
        Self::BetweenAudiences,
        Self::AfterPromise,
        Self::BeforeAttempt,
        Self::AfterBegin,
        Self::AfterAnswer,
        Self::AfterAttempt,
        Self::BeforeFinish,
        Self::AfterFinish,
    ];

    /// Its name in `FAIL_POINT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AfterPlan => "after_plan",
            Self::AfterClaim => "after_claim",
            Self::AfterAudiences => "after_audiences",
            Self::AfterJudge => "after_judge",
            Self::AfterQuery => "after_query",
            Self::AfterRender => "after_render",
            Self::BeforePromise => "before_promise",
            Self::AmidPromises => "amid_promises",
            Self::BetweenAudiences => "between_audiences",
            Self::AfterPromise => "after_promise",
            Self::BeforeAttempt => "before_attempt",
            Self::AfterBegin => "after_begin",
            Self::AfterAnswer => "after_answer",
            Self::AfterAttempt => "after_attempt",
            Self::BeforeFinish => "before_finish",
            Self::AfterFinish => "after_finish",
        }
    }
}

/// Does nothing: this build has no places to die at.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub fn reach(_: FailPoint) {}

/// Dies here when `FAIL_POINT` says so.
///
/// # Panics
/// When `FAIL_POINT` says that too.
#[cfg(feature = "fail-points")]
pub fn reach(point: FailPoint) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Armed {
        point: FailPoint,
        times: AtomicU32,
        panics: bool,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("FAIL_POINT").ok()?;
        let mut parts = text.split(':');
        let name = parts.next()?;
        let point = FailPoint::ALL.into_iter().find(|point| point.as_str() == name)?;
        let times = AtomicU32::new(parts.next().unwrap_or("1").parse().ok()?);
        Some(Armed { point, times, panics: parts.next() == Some("panic") })
    });
    if let Some(armed) = armed
        && armed.point == point
        && armed.times.fetch_sub(1, Ordering::SeqCst) == 1
    {
        assert!(!armed.panics, "the fail point {}", point.as_str());
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

//! What a due schedule has to do now: pure, and it names its reason (T14, I2).

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use pressrun_cron::{CronExpression, Occurrence};

use crate::run::SkipReason;

/// No occurrence older than this is made up for (T14).
pub const CATCH_UP_LIMIT: SignedDuration = SignedDuration::from_hours(24);

/// At most this many missed occurrences get a row of their own; a longer outage of a minutely schedule says the rest in one row's detail.
pub const MISSED_ROWS: usize = 50;

/// What becomes of the occurrences that are due.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Each due occurrence and what becomes of it, oldest first.
    pub occurrences: Vec<Planned>,
    /// Missed occurrences beyond [`MISSED_ROWS`], which get no row.
    pub missed_unlisted: u64,
    /// When the schedule is due next; `None` when it never fires again (T6).
    pub next_at: Option<Timestamp>,
}

/// One due occurrence.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The instant.
    pub occurrence: Occurrence,
    /// What becomes of it.
    pub step: Step,
}

/// What becomes of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It becomes a run.
    Start,
    /// It does not.
    Skip(SkipReason),
}

/// Plans a schedule whose `next_at` has come.
///
/// At most the latest due occurrence starts, and only when it is younger than the distance to the next one (which it always is)
/// and than [`CATCH_UP_LIMIT`]; older ones were missed (T14). While a run is under way the latest is skipped as overlap (I2).
#[must_use]
pub fn plan(cron: &CronExpression, zone: &TimeZone, next_at: Timestamp, now: Timestamp, running: bool) -> Plan {
    let just_before = next_at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    let mut due = std::collections::VecDeque::new();
    let mut missed_unlisted = 0;
    let mut next = None;
    for occurrence in cron.occurrences(just_before, zone) {
        if occurrence.at > now {
            next = Some(occurrence.at);
            break;
        }
        due.push_back(occurrence);
        if due.len() > MISSED_ROWS {
            due.pop_front();
            missed_unlisted += 1;
        }
    }
    let last = due.len().saturating_sub(1);
    let planned = due.into_iter().enumerate().map(|(index, occurrence)| {
        let too_old = now.duration_since(occurrence.at) >= CATCH_UP_LIMIT;
        let step = match (index == last, too_old, running) {
            (false, _, _) | (true, true, _) => Step::Skip(SkipReason::Missed),
            (true, false, true) => Step::Skip(SkipReason::Overlap),
            (true, false, false) => Step::Start,
        };
        Planned { occurrence, step }
    });
    Plan { occurrences: planned.collect(), missed_unlisted, next_at: next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn steps(cron: &str, next_at: &str, now: &str, running: bool) -> (Vec<(String, Step)>, Option<String>) {
        let plan = plan(&cron.parse().expect("valid"), &TimeZone::UTC, instant(next_at), instant(now), running);
        let steps = plan.occurrences.iter().map(|p| (p.occurrence.at.to_string(), p.step)).collect();
        (steps, plan.next_at.map(|at| at.to_string()))
    }

    const MISSED: Step = Step::Skip(SkipReason::Missed);

    #[test]
    fn t13_a_due_occurrence_starts_and_the_next_is_known() {
        let (steps, next) = steps("0 9 ? * * *", "2025-07-24T09:00:00Z", "2025-07-24T09:00:01Z", false);
        assert_eq!(steps, [("2025-07-24T09:00:00Z".to_owned(), Step::Start)]);
        assert_eq!(next.as_deref(), Some("2025-07-25T09:00:00Z"));
    }

    #[test]
    fn t14_after_an_outage_only_the_latest_instant_runs() {
        let (steps, _) = steps("0 * ? * * *", "2025-07-24T09:00:00Z", "2025-07-24T11:30:00Z", false);
        assert_eq!(
            steps,
            [
                ("2025-07-24T09:00:00Z".to_owned(), MISSED),
                ("2025-07-24T10:00:00Z".to_owned(), MISSED),
                ("2025-07-24T11:00:00Z".to_owned(), Step::Start),
            ]
        );
    }

    #[test]
    fn t14_nothing_older_than_a_day_is_made_up() {
        let (steps, next) = steps("0 9 ? * MON *", "2025-07-21T09:00:00Z", "2025-07-22T09:00:00Z", false);
        assert_eq!(steps, [("2025-07-21T09:00:00Z".to_owned(), MISSED)]);
        assert_eq!(next.as_deref(), Some("2025-07-28T09:00:00Z"));
    }

    #[test]
    fn t14_a_long_outage_of_a_minutely_schedule_lists_the_last_fifty() {
        let plan = plan(
            &"* * ? * * *".parse().expect("valid"),
            &TimeZone::UTC,
            instant("2025-07-24T09:00:00Z"),
            instant("2025-07-24T11:00:00Z"),
            false,
        );
        assert_eq!(plan.occurrences.len(), MISSED_ROWS);
        assert_eq!(plan.missed_unlisted, 71);
        assert_eq!(plan.occurrences.last().map(|p| p.step), Some(Step::Start));
    }

    #[test]
    fn i2_while_a_run_is_under_way_the_instant_is_skipped() {
        let (steps, _) = steps("0 9 ? * * *", "2025-07-24T09:00:00Z", "2025-07-24T09:00:01Z", true);
        assert_eq!(steps, [("2025-07-24T09:00:00Z".to_owned(), Step::Skip(SkipReason::Overlap))]);
    }

    #[test]
    fn t6_after_the_last_possible_instant_there_is_none() {
        let (steps, next) = steps("0 0 1 1 ? 2099", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z", false);
        assert_eq!(steps.len(), 1);
        assert_eq!(next, None);
    }
}

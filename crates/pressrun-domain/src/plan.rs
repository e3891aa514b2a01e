//! What a due schedule has to do: pure (T13, T14).

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use pressrun_cron::{CronExpression, Occurrence};

use crate::missed::{MISSED_COUNTED, Missed};

/// No occurrence older than this is made up for (T14).
pub const CATCH_UP_LIMIT: SignedDuration = SignedDuration::from_hours(24);

/// When something fires.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The expression.
    pub cron: CronExpression,
    /// Where its times are.
    pub zone: TimeZone,
}

impl Pattern {
    /// Reads a stored expression and the name of a zone.
    ///
    /// # Errors
    /// One of them does not parse (a zone that a newer database dropped); the fault, in words.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let cron = cron.parse().map_err(|fault: pressrun_cron::CronError| fault.to_string())?;
        let zone = pressrun_cron::zone(zone).map_err(|fault| fault.to_string())?;
        Ok(Self { cron, zone })
    }

    /// The first instant after `after`.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next_after(after, &self.zone).map(|occurrence| occurrence.at)
    }
}

/// What becomes of the occurrences of a schedule up to some instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What becomes a run at its instant, oldest first: at most one whose instant has come, and those to come.
    pub starts: Vec<Occurrence>,
    /// What was missed.
    pub missed: Option<Missed>,
    /// When the schedule is due next; `None` when it never fires again (T6).
    pub next_at: Option<Timestamp>,
}

/// Plans a schedule whose first unplanned instant is `next_at`, at `now`, up to `horizon`.
///
/// Of the instants that have come at most the latest starts, and only when it is younger than the distance to the next one (which it always
/// is) and than [`CATCH_UP_LIMIT`]; older ones were missed (T14). What is to come up to `horizon` is planned ahead.
#[must_use]
pub fn plan(cron: &CronExpression, zone: &TimeZone, next_at: Timestamp, now: Timestamp, horizon: Timestamp) -> Plan {
    let mut plan = Plan { starts: Vec::new(), missed: None, next_at: None };
    let mut latest: Option<Occurrence> = None;
    let mut occurrences = cron.occurrences(just_before(next_at), zone);
    while let Some(occurrence) = occurrences.next() {
        if occurrence.at > horizon {
            plan.next_at = Some(occurrence.at);
            break;
        }
        if occurrence.at > now {
            plan.starts.push(occurrence);
            continue;
        }
        if let Some(missed) = latest.replace(occurrence) {
            plan.miss(missed);
        }
        if plan.missed.is_some_and(|missed| missed.count >= MISSED_COUNTED) {
            plan.skip_to_the_end(cron, zone, &mut latest, now);
            occurrences = cron.occurrences(now, zone);
        }
    }
    match latest {
        Some(latest) if now.duration_since(latest.at) < CATCH_UP_LIMIT => plan.starts.insert(0, latest),
        Some(too_old) => plan.miss(too_old),
        None => {}
    }
    plan
}

impl Plan {
    fn miss(&mut self, occurrence: Occurrence) {
        self.missed = Some(self.missed.map_or(Missed::one(occurrence), |missed| missed.and(occurrence)));
    }

    /// Goes on as if everything up to `now` had been counted.
    fn skip_to_the_end(&mut self, cron: &CronExpression, zone: &TimeZone, latest: &mut Option<Occurrence>, now: Timestamp) {
        let from = latest.map_or(Timestamp::MIN, |latest| latest.at);
        if let Some(last) = cron.latest_between(from, now, zone) {
            let before = cron.latest_between(from, just_before(last.at), zone).or(latest.take());
            if let (Some(missed), Some(before)) = (self.missed.as_mut(), before) {
                missed.last = before;
            }
            *latest = Some(last);
        }
    }
}

/// The last instant before `at`, as storage counts them.
pub(crate) fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    /// The plan for a schedule in UTC without looking ahead.
    fn planned(cron: &str, next_at: &str, now: &str) -> Plan {
        plan(&cron.parse().expect("valid"), &TimeZone::UTC, instant(next_at), instant(now), instant(now))
    }

    fn starts(plan: &Plan) -> Vec<String> {
        plan.starts.iter().map(|start| start.at.to_string()).collect()
    }

    fn missed(plan: &Plan) -> Option<(u64, String, String)> {
        plan.missed.map(|missed| (missed.count, missed.first.to_string(), missed.last.at.to_string()))
    }

    #[test]
    fn t13_a_due_occurrence_starts_and_the_next_is_known() {
        let plan = planned("0 9 ? * * *", "2025-07-24T09:00:00Z", "2025-07-24T09:00:01Z");
        assert_eq!((starts(&plan), missed(&plan)), (vec!["2025-07-24T09:00:00Z".to_owned()], None));
        assert_eq!(plan.next_at, Some(instant("2025-07-25T09:00:00Z")));
    }

    #[test]
    fn t13_what_comes_within_the_horizon_is_planned_ahead_and_nothing_beyond() {
        let (cron, at) = ("* * ? * * *".parse().expect("valid"), instant);
        let plan = plan(&cron, &TimeZone::UTC, at("2025-07-24T09:00:00Z"), at("2025-07-24T09:00:00Z"), at("2025-07-24T09:01:00Z"));
        assert_eq!(starts(&plan), ["2025-07-24T09:00:00Z", "2025-07-24T09:01:00Z"]);
        assert_eq!(plan.next_at, Some(at("2025-07-24T09:02:00Z")));
    }

    #[test]
    fn t14_h9_after_an_outage_the_latest_instant_runs_and_the_others_are_told_as_one() {
        let plan = planned("0 * ? * * *", "2025-07-24T09:00:00Z", "2025-07-24T11:30:00Z");
        assert_eq!(starts(&plan), ["2025-07-24T11:00:00Z"]);
        assert_eq!(missed(&plan), Some((2, "2025-07-24T09:00:00Z".to_owned(), "2025-07-24T10:00:00Z".to_owned())));
        let month = planned("* * ? * * *", "2025-07-01T00:00:00Z", "2025-07-31T00:00:00Z");
        assert_eq!(starts(&month), ["2025-07-31T00:00:00Z"]);
        assert_eq!(missed(&month), Some((30 * 1440, "2025-07-01T00:00:00Z".to_owned(), "2025-07-30T23:59:00Z".to_owned())));
    }

    #[test]
    fn t14_nothing_older_than_a_day_is_made_up() {
        let plan = planned("0 9 ? * MON *", "2025-07-21T09:00:00Z", "2025-07-22T09:00:00Z");
        let nine = "2025-07-21T09:00:00Z".to_owned();
        assert_eq!((starts(&plan), missed(&plan)), (vec![], Some((1, nine.clone(), nine))));
        assert_eq!(plan.next_at, Some(instant("2025-07-28T09:00:00Z")));
    }

    #[test]
    fn h9_a_row_that_is_decades_late_costs_no_minute_of_counting() {
        let plan = planned("* * ? * * *", "1970-01-01T00:00:00Z", "2025-07-24T09:00:30Z");
        assert_eq!(starts(&plan), ["2025-07-24T09:00:00Z"]);
        assert_eq!(missed(&plan), Some((MISSED_COUNTED, "1970-01-01T00:00:00Z".to_owned(), "2025-07-24T08:59:00Z".to_owned())));
        assert_eq!(plan.next_at, Some(instant("2025-07-24T09:01:00Z")));
    }

    #[test]
    fn t6_after_the_last_possible_instant_there_is_none() {
        let plan = planned("0 0 1 1 ? 2099", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
        assert_eq!((plan.starts.len(), plan.next_at), (1, None));
    }
}

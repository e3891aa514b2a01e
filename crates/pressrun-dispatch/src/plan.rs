//! Occurrences that are due become rows.

use pressrun_cron::CronExpression;
use pressrun_domain::id::RunId;
use pressrun_domain::plan::{MISSED_ROWS, Step, plan};
use pressrun_domain::run::SkipReason;
use pressrun_domain::schedule::Definition;
use pressrun_store::{DueSchedule, NewOccurrence, PlannedSchedule};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What becomes of one due schedule at `now`.
///
/// An expression or zone that no longer parses (a zone that a newer database dropped) leaves the schedule without a next instant; the
/// caller logs it.
///
/// # Errors
/// The fault, in words.
pub fn plan_schedule(due: &DueSchedule, now: Timestamp) -> Result<Option<PlannedSchedule>, String> {
    let schedule = &due.schedule;
    let Some(due_at) = schedule.next_at else { return Ok(None) };
    let (cron, zone) = timing(&schedule.definition)?;
    let plan = plan(&cron, &zone, due_at, now, due.running);
    let unlisted = plan.missed_unlisted;
    let occurrences = plan.occurrences.into_iter().enumerate().map(|(index, planned)| NewOccurrence {
        run: RunId::generate(),
        scheduled_for: planned.occurrence.at,
        dst: planned.occurrence.dst.map(|note| note.to_string()),
        skip: match planned.step {
            Step::Start => None,
            Step::Skip(reason) => Some(reason),
        },
        detail: match planned.step {
            Step::Skip(SkipReason::Missed) if index == 0 && unlisted > 0 => Some(format!(
                "the service was down; {unlisted} earlier instants were missed too, and only the last {MISSED_ROWS} are listed"
            )),
            Step::Skip(SkipReason::Missed) => Some("the service was down at the instant".to_owned()),
            Step::Skip(SkipReason::Overlap) => Some("the run before was still under way".to_owned()),
            Step::Start => None,
        },
    });
    Ok(Some(PlannedSchedule {
        id: schedule.id,
        version: schedule.version,
        due_at,
        occurrences: occurrences.collect(),
        next_at: plan.next_at,
    }))
}

/// The next occurrence after `now`; `None` when there is none.
///
/// # Errors
/// The expression or zone no longer parses; the fault, in words.
pub fn next_occurrence(definition: &Definition, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let (cron, zone) = timing(definition)?;
    Ok(cron.next_after(now, &zone).map(|occurrence| occurrence.at))
}

fn timing(definition: &Definition) -> Result<(CronExpression, TimeZone), String> {
    let cron = definition.cron.parse().map_err(|error: pressrun_cron::CronError| error.to_string())?;
    let zone = pressrun_cron::zone(&definition.timezone).map_err(|error| error.to_string())?;
    Ok((cron, zone))
}

//! The times of day of a phrase.

use super::PhraseError;
use super::words::Words;

/// Times that an error names.
const NAMED: usize = 4;
const MINUTES_PER_DAY: usize = 24 * 60;

/// Times of day, as they were said.
#[derive(Clone, Debug)]
pub(super) enum Times {
    /// Each, as minutes after midnight.
    List(Vec<usize>),
    /// All of these minutes (minute 0 is bit 0) in each of these hours (hour 0 is bit 0).
    Grid(u64, u32),
}

impl Times {
    /// Minutes and hours that come to exactly these times together.
    pub(super) fn sets(&self) -> Result<(u64, u32), PhraseError> {
        let times = match self {
            Self::Grid(minutes, hours) => return Ok((*minutes, *hours)),
            Self::List(times) => times,
        };
        let minutes = times.iter().fold(0_u64, |minutes, time| minutes | 1 << (time % 60));
        let hours = times.iter().fold(0_u32, |hours, time| hours | 1 << (time / 60 % 24));
        let all = (0..MINUTES_PER_DAY).filter(|time| minutes & (1 << (time % 60)) != 0 && hours & (1 << (time / 60)) != 0);
        let also: Vec<usize> = all.filter(|time| !times.contains(time)).collect();
        if also.is_empty() {
            return Ok((minutes, hours));
        }
        let mut named: Vec<String> = also.iter().take(NAMED).map(|time| format!("{:02}:{:02}", time / 60, time % 60)).collect();
        if also.len() > NAMED {
            named.push("…".to_owned());
        }
        Err(PhraseError::Uneven { also: named.join(", ") })
    }
}

const ALL_HOURS: u32 = (1 << 24) - 1;
const ALL_MINUTES: u64 = (1 << 60) - 1;

/// After `at`: `08:00 and 17:00`, `5 minutes past every hour`, `minutes 5 and 50 of hours 8 and 9`.
pub(super) fn at(words: &mut Words<'_>) -> Result<Times, PhraseError> {
    if words.skip(&["minute", "minutes"]) {
        let minutes = minutes(words)?;
        return Ok(Times::Grid(minutes, of_hours(words)?));
    }
    let past = words.minutes_past()?;
    if let Some(minute) = past {
        return Ok(Times::Grid(1 << minute, ALL_HOURS));
    }
    let runs = words.list(Words::clock)?;
    if runs.is_empty() {
        return Err(words.unknown());
    }
    words.refuse_number()?;
    if runs.iter().any(|run| run.first != run.last) {
        return Err(PhraseError::Unclear {
            what: "a time from one to another",
            instead: "say how often in between, such as “every hour from 09:00 to 17:00”",
        });
    }
    Ok(Times::List(runs.iter().map(|run| run.first).collect()))
}

/// After `on the hour`: in each hour, or in some.
pub(super) fn on_the_hour(words: &mut Words<'_>) -> Result<Times, PhraseError> {
    if words.skip_all(&["in", "hours"]) { Ok(Times::Grid(1, hours(words)?)) } else { Ok(Times::Grid(1, ALL_HOURS)) }
}

/// After `every`: `minute`, `15 minutes`, `hour`, `2 hours`, and from when through when; `None` when it is not about the clock.
pub(super) fn every(words: &mut Words<'_>) -> Result<Option<Times>, PhraseError> {
    let Some(step) = words.step()? else { return Ok(None) };
    if step == 1 && (words.skip_all(&["of", "hours"]) || words.skip_all(&["in", "hours"])) {
        return Ok(Some(Times::Grid(ALL_MINUTES, hours(words)?)));
    }
    let is_window = words.skip(&["from", "between"]);
    if is_window {
        let first = words.clock()?.ok_or_else(|| words.unknown())?;
        let last = if words.skip(&["through", "thru", "to", "until", "till", "and"]) {
            words.clock()?.ok_or_else(|| words.unknown())?
        } else {
            MINUTES_PER_DAY - 1
        };
        words.refuse_number()?;
        if last < first {
            return Err(PhraseError::Beyond {
                what: "a time that begins in the evening and ends in the morning",
                instead: "name the hours, such as “on the hour in hours 20 through 23 and 0 through 4”",
            });
        }
        return Ok(Some(Times::List((first..=last).step_by(step).collect())));
    }
    if (step < 60 && 60 % step != 0) || (step > 60 && step % 60 != 0) {
        return Err(PhraseError::Beyond {
            what: "a step that does not fit into an hour",
            instead: "take 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, or whole hours",
        });
    }
    Ok(Some(Times::List((0..MINUTES_PER_DAY).step_by(step).collect())))
}

impl Words<'_> {
    /// `5 minutes past every hour`.
    fn minutes_past(&mut self) -> Result<Option<usize>, PhraseError> {
        let before = self.mark();
        if let Some(minute) = self.number(0, usize::MAX, "minute")?
            && self.skip(&["minute", "minutes"])
        {
            let is_whole = self.skip_all(&["past", "every", "hour"])
                || self.skip_all(&["past", "each", "hour"])
                || self.skip_all(&["past", "the", "hour"]);
            return match minute {
                0..60 if is_whole => Ok(Some(minute)),
                _ => Err(self.unknown()),
            };
        }
        self.back_to(before);
        Ok(None)
    }

    /// Minutes between two times: `minute`, `30 minutes`, `hour`, `2 hours`.
    fn step(&mut self) -> Result<Option<usize>, PhraseError> {
        let before = self.mark();
        let number = self.number(0, 100_000, "number of minutes or hours")?;
        let unit = [(1, ["minute", "minutes", "min"]), (60, ["hour", "hours", "h"])].into_iter().find(|(_, names)| self.skip(names));
        let Some((unit, _)) = unit else {
            self.back_to(before);
            return Ok(None);
        };
        let step = number.unwrap_or(1).saturating_mul(unit);
        if (1..MINUTES_PER_DAY).contains(&step) {
            return Ok(Some(step));
        }
        Err(PhraseError::OutOfRange { text: format!("every {step} minutes"), what: "step shorter than a day" })
    }
}

fn of_hours(words: &mut Words<'_>) -> Result<u32, PhraseError> {
    if words.skip_all(&["of", "every", "hour"]) || words.skip_all(&["past", "every", "hour"]) {
        return Ok(ALL_HOURS);
    }
    if words.skip_all(&["of", "hours"]) { hours(words) } else { Err(words.unknown()) }
}

fn minutes(words: &mut Words<'_>) -> Result<u64, PhraseError> {
    let runs = words.list(|words| words.number(0, 59, "minute from 0 to 59"))?;
    let minutes = runs.iter().flat_map(|run| run.around(60)).fold(0, |minutes, minute| minutes | 1_u64 << minute);
    if minutes == 0 { Err(words.unknown()) } else { Ok(minutes) }
}

fn hours(words: &mut Words<'_>) -> Result<u32, PhraseError> {
    let runs = words.list(|words| words.number(0, 23, "hour from 0 to 23"))?;
    let hours = runs.iter().flat_map(|run| run.around(24)).fold(0, |hours, hour| hours | 1_u32 << hour);
    if hours == 0 { Err(words.unknown()) } else { Ok(hours) }
}

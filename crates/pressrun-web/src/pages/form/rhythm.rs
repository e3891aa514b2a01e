//! The time of a schedule: in words or as an expression, each said as the other, and when that is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_cron::{CronExpression, DstNote, phrase};

use crate::words::{self, When};

/// How many of the next instants are told.
const UPCOMING: usize = 10;

/// A time as it was typed, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoken {
    /// The expression; as typed when it is none, so that it is refused in the contract's words.
    pub(super) cron: String,
    /// The zone that the words named.
    pub(super) zone: Option<String>,
}

/// Reads a time that was typed, in words or as an expression. What says the same as `stored` is that.
///
/// # Errors
/// What is not understood, in words.
pub(super) fn read(typed: &str, stored: Option<&str>) -> Result<Spoken, String> {
    let typed = typed.trim();
    let as_stored = stored.filter(|stored| stored.parse::<CronExpression>().is_ok_and(|expression| expression.describe() == typed));
    if let Some(stored) = as_stored {
        return Ok(Spoken { cron: stored.to_owned(), zone: None });
    }
    if typed.parse::<CronExpression>().is_ok() || typed.contains(['*', '?', '@']) {
        return Ok(Spoken { cron: typed.to_owned(), zone: None });
    }
    let spoken = phrase(typed).map_err(|error| error.to_string())?;
    Ok(Spoken { cron: spoken.expression.as_str().to_owned(), zone: spoken.zone })
}

/// A time said both ways, and its next instants.
#[derive(Debug)]
pub(super) struct Told {
    /// In words.
    pub(super) words: String,
    /// As an expression.
    pub(super) cron: String,
    /// The schedule's zone.
    pub(super) zone: String,
    /// The reader's zone, when it is another.
    pub(super) own_zone: Option<String>,
    /// The next instants.
    pub(super) next: Vec<Instant>,
}

/// One instant.
#[derive(Debug)]
pub(super) struct Instant {
    /// In the schedule's zone.
    pub(super) when: When,
    /// In the reader's zone, when that is another.
    pub(super) own: Option<String>,
    /// In UTC.
    pub(super) utc: String,
    /// What is odd about it.
    pub(super) note: Option<String>,
}

/// Tells of a time; `None` when expression or zone are not understood.
pub(super) fn told(cron: &str, zone_name: &str, own_zone: Option<&str>, now: Timestamp) -> Option<Told> {
    let expression: CronExpression = cron.parse().ok()?;
    let zone = pressrun_cron::zone(zone_name).ok()?;
    let own = own_zone.filter(|own| *own != zone_name).and_then(|own| Some((own, pressrun_cron::zone(own).ok()?)));
    let at = |at: Timestamp, zone: &TimeZone| words::when(at, zone, now).text;
    let next = expression.occurrences(now, &zone).take(UPCOMING).map(|occurrence| Instant {
        when: words::when(occurrence.at, &zone, now),
        own: own.as_ref().map(|(_, own)| at(occurrence.at, own)),
        utc: at(occurrence.at, &TimeZone::UTC),
        note: occurrence.dst.map(|note| odd(note, occurrence.local)),
    });
    Some(Told {
        words: expression.describe(),
        cron: cron.to_owned(),
        zone: zone_name.to_owned(),
        own_zone: own.as_ref().map(|(name, _)| (*name).to_owned()),
        next: next.collect(),
    })
}

/// What is odd about an instant at which clocks change.
pub(in crate::pages) fn odd(note: DstNote, local: jiff::civil::DateTime) -> String {
    let time = local.strftime("%H:%M");
    match note {
        DstNote::Gap => format!("{time} does not exist that day, because the clock goes forward; it fires when the gap ends"),
        DstNote::Fold => format!("{time} happens twice that day, because the clock goes back"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_expressions_are_both_read() {
        for (typed, cron, zone) in [
            ("every weekday at 08:00 in New York", "0 8 ? * 2-6 *", Some("America/New_York")),
            ("0 8 ? * MON-FRI *", "0 8 ? * MON-FRI *", None),
            ("0 8 * * 1-5", "0 8 * * 1-5", None),
        ] {
            let spoken = read(typed, None).unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!(spoken.zone.as_deref(), zone, "{typed}");
            let same = |text: &str| text.parse::<CronExpression>().map_or_else(|_| text.to_owned(), |cron| cron.describe());
            assert_eq!(same(&spoken.cron), same(cron), "{typed}");
        }
        assert!(read("every blue moon", None).is_err_and(|error| error.contains("“blue”")));
    }

    #[test]
    fn t3_words_that_were_not_changed_leave_the_expression_as_it_was_typed() {
        let stored = "00 09 ? * 2,3,4,5,6 *";
        let read = |typed: &str| read(typed, Some(stored)).map(|spoken| spoken.cron);
        assert_eq!(read("At 09:00 on Monday through Friday"), Ok(stored.to_owned()));
        assert_ne!(read("At 09:30 on Monday through Friday"), Ok(stored.to_owned()));
    }

    #[test]
    fn t9_odd_instants_are_said_in_words_and_each_in_three_zones() {
        let now = "2026-03-07T00:00:00Z".parse().expect("an instant");
        let told = told("30 2 ? * * *", "America/New_York", Some("Europe/Berlin"), now).expect("understood");
        assert_eq!((told.next.len(), told.own_zone.as_deref()), (UPCOMING, Some("Europe/Berlin")));
        let notes: Vec<_> = told.next.iter().map(|next| next.note.as_deref()).collect();
        assert!(notes[1].is_some_and(|note| note.starts_with("02:30 does not exist that day")), "{notes:?}");
        assert!(notes.iter().enumerate().all(|(at, note)| at == 1 || note.is_none()), "{notes:?}");
        assert!(
            told.next[0].utc.contains("07:30 UTC") && told.next[0].own.as_ref().is_some_and(|own| own.contains("08:30")),
            "{:?}",
            told.next[0]
        );
    }
}

//! A second opinion, written to be obvious: walk every local minute, match the raw fields, ask Jiff when it is.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use pressrun_cron::{DstNote, Occurrence};

/// The fields of an expression that is known to be valid.
pub(crate) struct Fields {
    minute: Vec<bool>,
    hour: Vec<bool>,
    real_hours: bool,
    day_of_month: String,
    month: Vec<bool>,
    day_of_week: String,
    year: Vec<bool>,
}

impl Fields {
    pub(crate) fn new(text: &str) -> Self {
        let fields: Vec<String> = text.split_whitespace().map(name_to_number).collect();
        Self {
            minute: matching(&fields[0], 0, 59),
            hour: matching(&fields[1], 0, 23),
            real_hours: fields[1].contains('*') || fields[1].contains('/'),
            day_of_month: fields[2].clone(),
            month: matching(&fields[3], 1, 12),
            day_of_week: fields[4].clone(),
            year: matching(&fields[5], 1970, 2199),
        }
    }

    fn date_matches(&self, date: Date) -> bool {
        self.year.get(date.year() as usize).copied().unwrap_or(false) && self.month[date.month() as usize] && self.day_matches(date)
    }

    fn day_matches(&self, date: Date) -> bool {
        let (day, last) = (date.day(), date.days_in_month());
        let is_weekday = |day: i8| {
            let date = date.with().day(day).build().unwrap();
            !matches!(date.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday)
        };
        // 1 is Sunday.
        let weekday = date.weekday().to_sunday_one_offset();
        if self.day_of_month != "?" {
            return match self.day_of_month.as_str() {
                "L" => day == last,
                "LW" => Some(day) == (1..=last).rev().find(|day| is_weekday(*day)),
                text => match text.strip_suffix('W') {
                    Some(wanted) => {
                        let wanted: i8 = wanted.parse().unwrap();
                        let nearest = (1..=last).filter(|day| is_weekday(*day)).min_by_key(|day| (day - wanted).abs());
                        wanted <= last && Some(day) == nearest
                    }
                    None => matching(text, 1, 31)[day as usize],
                },
            };
        }
        if self.day_of_week == "L" {
            return weekday == 7;
        }
        if let Some(wanted) = self.day_of_week.strip_suffix('L') {
            return weekday == wanted.parse::<i8>().unwrap() && day + 7 > last;
        }
        if let Some((wanted, nth)) = self.day_of_week.split_once('#') {
            return weekday == wanted.parse::<i8>().unwrap() && (day - 1) / 7 + 1 == nth.parse::<i8>().unwrap();
        }
        matching(&self.day_of_week, 1, 7)[weekday as usize]
    }
}

fn name_to_number(field: &str) -> String {
    let names = [
        ("JAN", "1"),
        ("FEB", "2"),
        ("MAR", "3"),
        ("APR", "4"),
        ("MAY", "5"),
        ("JUN", "6"),
        ("JUL", "7"),
        ("AUG", "8"),
        ("SEP", "9"),
        ("OCT", "10"),
        ("NOV", "11"),
        ("DEC", "12"),
        ("SUN", "1"),
        ("MON", "2"),
        ("TUE", "3"),
        ("WED", "4"),
        ("THU", "5"),
        ("FRI", "6"),
        ("SAT", "7"),
    ];
    names.iter().fold(field.to_uppercase(), |field, (name, number)| field.replace(name, number))
}

/// Which values match, indexed by the value itself.
fn matching(field: &str, min: usize, max: usize) -> Vec<bool> {
    let mut matches = vec![false; max + 1];
    for item in field.split(',') {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step.parse::<usize>().unwrap())),
            None => (item, None),
        };
        let (start, end) = match base.split_once('-') {
            Some((start, end)) => (start.parse().unwrap(), end.parse().unwrap()),
            None if base == "*" => (min, max),
            None => {
                let start = base.parse().unwrap();
                (start, if step.is_some() { max } else { start })
            }
        };
        let mut value: usize = start;
        let mut steps = 0;
        loop {
            if steps % step.unwrap_or(1) == 0 {
                matches[value] = true;
            }
            if value == end {
                break;
            }
            value = if value == max { min } else { value + 1 };
            steps += 1;
        }
    }
    matches
}

/// All occurrences strictly between two instants, which are whole days in UTC.
pub(crate) fn occurrences(text: &str, zone: &TimeZone, after: Timestamp, until: Timestamp) -> Vec<Occurrence> {
    let fields = Fields::new(text);
    let mut found: BTreeMap<Timestamp, Occurrence> = BTreeMap::new();
    // No zone is further than two days from UTC, not even one that skips a day.
    let utc = |instant: Timestamp| TimeZone::UTC.to_datetime(instant).date();
    let mut date = utc(after).checked_sub(2.days()).unwrap();
    let last = utc(until).checked_add(2.days()).unwrap();
    while date <= last {
        let date_matches = fields.date_matches(date);
        for hour in 0..24_i8 {
            for minute in 0..60_i8 {
                if date_matches && fields.hour[hour as usize] && fields.minute[minute as usize] {
                    for occurrence in instants(date.at(hour, minute, 0, 0), zone, fields.real_hours) {
                        found.entry(occurrence.at).and_modify(|known| merge(known, occurrence)).or_insert(occurrence);
                    }
                }
            }
        }
        date = date.tomorrow().unwrap();
    }
    found.into_values().filter(|occurrence| occurrence.at > after && occurrence.at < until).collect()
}

fn merge(known: &mut Occurrence, other: Occurrence) {
    known.local = known.local.min(other.local);
    if other.dst == Some(DstNote::Gap) {
        known.dst = other.dst;
    }
}

fn instants(local: DateTime, zone: &TimeZone, real_hours: bool) -> Vec<Occurrence> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let occurrence = |at, dst| Occurrence { at, local, dst };
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            vec![occurrence(ambiguous.unambiguous().unwrap(), None)]
        }
        AmbiguousOffset::Fold { .. } => {
            let earlier = occurrence(ambiguous.earlier().unwrap(), Some(DstNote::Fold));
            let later = occurrence(ambiguous.later().unwrap(), Some(DstNote::Fold));
            if real_hours { vec![earlier, later] } else { vec![earlier] }
        }
        AmbiguousOffset::Gap { .. } if real_hours => vec![],
        AmbiguousOffset::Gap { .. } => {
            // `earlier` is before the gap: go on until the clock has jumped.
            let mut at = ambiguous.earlier().unwrap();
            while zone.to_datetime(at) < local {
                at += SignedDuration::from_secs(30);
            }
            vec![occurrence(at, Some(DstNote::Gap))]
        }
    }
}

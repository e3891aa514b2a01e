//! Date patterns: `MMM yyyy`, `yyyy-MM-dd HH:mm`, `EEE d MMM`; also as spreadsheets write them (`mm/dd/yyyy`).

use std::fmt::Write as _;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A parsed date pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatePattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A field and how many letters asked for it.
    Field(Field, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    WeekYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfYear,
    Weekday,
    Hour24,
    Hour12,
    Minute,
    Second,
    Fraction,
    HalfDay,
    Zone,
    Offset,
}

/// What a pattern may show about the zone of an instant.
#[derive(Debug, Clone)]
pub(crate) struct ZoneText {
    /// Distance from UTC.
    pub(crate) offset: Offset,
    /// Abbreviation, as `CET`.
    pub(crate) abbreviation: String,
}

impl DatePattern {
    /// Reads a pattern; `None` when it names no field of a date or time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<Part> = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' || c == '"' {
                if chars.peek() == Some(&c) {
                    chars.next();
                    push_literal(&mut parts, &c.to_string());
                    continue;
                }
                let inside: String = chars.by_ref().take_while(|other| *other != c).collect();
                push_literal(&mut parts, &inside);
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                parts.push(Part::Field(field(c, count)?, count));
            } else {
                push_literal(&mut parts, &c.to_string());
            }
        }
        settle_lower_m(&mut parts, text);
        parts.iter().any(|part| matches!(part, Part::Field(..))).then_some(Self(parts))
    }

    /// The moment in this pattern; `zone` fills zone fields, which are empty without one.
    pub(crate) fn display(&self, at: DateTime, zone: Option<&ZoneText>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Field(field, count) => write_field(&mut out, *field, *count, at, zone),
            }
        }
        out
    }

    /// Whether the pattern shows anything finer than a day.
    pub(crate) fn shows_time(&self) -> bool {
        self.0.iter().any(|part| {
            matches!(part, Part::Field(Field::Hour24 | Field::Hour12 | Field::Minute | Field::Second | Field::Fraction | Field::HalfDay, _))
        })
    }

    /// The pattern in a spreadsheet's letters; `None` when it asks for what a spreadsheet cannot show.
    pub(crate) fn excel(&self) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) if text.chars().all(|c| " -/:,.".contains(c)) => out.push_str(text),
                Part::Literal(text) => {
                    let _ = write!(out, "\"{}\"", text.replace('"', ""));
                }
                Part::Field(field, count) => {
                    let count = *count;
                    let letters = match field {
                        Field::Year => "y".repeat(if count == 2 { 2 } else { 4 }),
                        Field::Month => "m".repeat(count.min(5)),
                        Field::Day => "d".repeat(count.min(2)),
                        Field::Weekday => "d".repeat(if count >= 4 { 4 } else { 3 }),
                        Field::Hour24 | Field::Hour12 => "h".repeat(count.min(2)),
                        Field::Minute => "m".repeat(count.min(2)),
                        Field::Second => "s".repeat(count.min(2)),
                        Field::Fraction => "0".repeat(count.min(3)),
                        Field::HalfDay => "AM/PM".to_owned(),
                        Field::WeekYear | Field::Quarter | Field::Week | Field::DayOfYear | Field::Zone | Field::Offset => return None,
                    };
                    out.push_str(&letters);
                }
            }
        }
        Some(out)
    }
}

/// The field that a run of one letter asks for.
fn field(letter: char, count: usize) -> Option<Field> {
    Some(match letter {
        'y' | 'u' => Field::Year,
        'Y' => Field::WeekYear,
        'Q' | 'q' => Field::Quarter,
        'M' | 'L' | 'm' => {
            if letter == 'm' {
                Field::Minute
            } else {
                Field::Month
            }
        }
        'w' => Field::Week,
        // Three and four lower-case d are a weekday in spreadsheets, and nothing elsewhere.
        'd' if count >= 3 => Field::Weekday,
        'd' => Field::Day,
        // `DD` is a slip for `dd` seen everywhere; `DDD` is meant.
        'D' if count < 3 => Field::Day,
        'D' => Field::DayOfYear,
        'E' | 'e' | 'c' => Field::Weekday,
        'H' | 'k' => Field::Hour24,
        'h' | 'K' => Field::Hour12,
        's' => Field::Second,
        'S' => Field::Fraction,
        'a' | 'A' => Field::HalfDay,
        'z' | 'V' | 'v' => Field::Zone,
        'Z' | 'x' | 'X' | 'O' => Field::Offset,
        _ => return None,
    })
}

/// Spreadsheets write months with a small m: it is minutes only beside hours or seconds. `YYYY` without a week is a year.
fn settle_lower_m(parts: &mut [Part], text: &str) {
    let fields: Vec<(usize, Field, usize)> = parts
        .iter()
        .enumerate()
        .filter_map(|(i, part)| if let Part::Field(field, count) = part { Some((i, *field, *count)) } else { None })
        .collect();
    let has_month = fields.iter().any(|(_, field, _)| *field == Field::Month);
    let has_week = text.contains('w');
    for (n, (index, field, count)) in fields.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| fields[n].1);
        let after = fields.get(n + 1).map(|f| f.1);
        let beside_time = matches!(before, Some(Field::Hour24 | Field::Hour12)) || matches!(after, Some(Field::Second));
        if *field == Field::Minute && !beside_time && !has_month {
            parts[*index] = Part::Field(Field::Month, *count);
        }
        if *field == Field::WeekYear && !has_week {
            parts[*index] = Part::Field(Field::Year, *count);
        }
    }
    // In spreadsheets `h` counts to 24 unless the pattern says AM/PM.
    let half = parts.iter().any(|part| matches!(part, Part::Field(Field::HalfDay, _)));
    if !half {
        for part in parts {
            if let Part::Field(field @ Field::Hour12, _) = part {
                *field = Field::Hour24;
            }
        }
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Literal(last)) = parts.last_mut() {
        last.push_str(text);
    } else {
        parts.push(Part::Literal(text.to_owned()));
    }
}

fn write_field(out: &mut String, field: Field, count: usize, at: DateTime, zone: Option<&ZoneText>) {
    let number = |out: &mut String, value: i64, width: usize| {
        let _ = write!(out, "{value:0width$}");
    };
    let width = count.min(9);
    let year = |out: &mut String, year: i16| {
        if count == 2 {
            number(out, i64::from(year).rem_euclid(100), 2);
        } else {
            number(out, year.into(), width);
        }
    };
    match field {
        Field::Year => year(out, at.year()),
        Field::WeekYear => year(out, at.iso_week_date().year()),
        Field::Quarter => {
            let quarter = i64::from((at.month() - 1) / 3 + 1);
            if count >= 3 {
                out.push('Q');
            }
            number(out, quarter, if count == 2 { 2 } else { 1 });
        }
        Field::Month if count >= 3 => name(out, MONTHS.get(usize::from(at.month().unsigned_abs()) - 1).copied(), count),
        Field::Month => number(out, at.month().into(), width),
        Field::Week => number(out, at.iso_week_date().week().into(), width),
        Field::Day => number(out, at.day().into(), width),
        Field::DayOfYear => number(out, at.day_of_year().into(), width),
        Field::Weekday => name(out, DAYS.get(weekday_index(at.weekday())).copied(), count.max(3)),
        Field::Hour24 => number(out, at.hour().into(), width),
        Field::Hour12 => number(out, i64::from((at.hour() + 11) % 12 + 1), width),
        Field::Minute => number(out, at.minute().into(), width),
        Field::Second => number(out, at.second().into(), width),
        Field::Fraction => out.push_str(&format!("{:09}", at.subsec_nanosecond())[..width]),
        Field::HalfDay => out.push_str(if at.hour() < 12 { "AM" } else { "PM" }),
        Field::Zone => out.push_str(zone.map_or("", |zone| &zone.abbreviation)),
        Field::Offset => {
            if let Some(zone) = zone {
                let seconds = zone.offset.seconds();
                let _ = write!(out, "{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, seconds.abs() / 3600, seconds.abs() / 60 % 60);
            }
        }
    }
}

fn weekday_index(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

/// Three letters short, four long, five one letter.
fn name(out: &mut String, name: Option<&str>, count: usize) {
    let name = name.unwrap_or("");
    out.push_str(match count {
        ..=3 => name.get(..3).unwrap_or(name),
        5 => name.get(..1).unwrap_or(name),
        _ => name,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_show_the_wall_time() {
        let at: DateTime = "2024-03-05T07:08:09.012".parse().unwrap();
        let zone = ZoneText { offset: Offset::constant(-5), abbreviation: "EST".to_owned() };
        for (pattern, expected) in [
            ("MMM yyyy", "Mar 2024"),
            ("MMMM yyyy", "March 2024"),
            ("yyyy-MM-dd HH:mm", "2024-03-05 07:08"),
            ("EEE d MMM", "Tue 5 Mar"),
            ("EEEE, MMMM d", "Tuesday, March 5"),
            ("mm/dd/yyyy", "03/05/2024"),
            ("yyyy-mm-dd hh:mm:ss", "2024-03-05 07:08:09"),
            ("YYYY-MM-DD", "2024-03-05"),
            ("h:mm a", "7:08 AM"),
            ("'Q'Q yyyy", "Q1 2024"),
            ("QQQ yy", "Q1 24"),
            ("'W'ww YYYY", "W10 2024"),
            ("HH:mm:ss.SSS", "07:08:09.012"),
            ("HH:mm zzz", "07:08 EST"),
            ("HH:mm XXX", "07:08 -05:00"),
            ("d 'of' MMMM", "5 of March"),
            ("DDD", "065"),
            ("ddd mmm d", "Tue Mar 5"),
            ("MMMMM", "M"),
        ] {
            assert_eq!(DatePattern::parse(pattern).unwrap().display(at, Some(&zone)), expected, "{pattern}");
        }
    }

    #[test]
    fn noon_and_midnight_are_twelve() {
        let pattern = DatePattern::parse("h a").unwrap();
        for (at, expected) in [("2024-01-01T00:00", "12 AM"), ("2024-01-01T12:00", "12 PM"), ("2024-01-01T13:00", "1 PM")] {
            assert_eq!(pattern.display(at.parse().unwrap(), None), expected);
        }
    }

    #[test]
    fn a_number_format_is_no_date_pattern() {
        for text in ["#,##0", "0.0%", "", "$0", "General"] {
            assert_eq!(DatePattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn excel_gets_its_own_letters() {
        for (pattern, expected) in [
            ("MMM yyyy", Some("mmm yyyy")),
            ("yyyy-MM-dd HH:mm", Some("yyyy-mm-dd hh:mm")),
            ("EEE d MMM", Some("ddd d mmm")),
            ("h:mm a", Some("h:mm AM/PM")),
            ("d 'of' MMM", Some("d\" of \"mmm")),
            ("QQQ yyyy", None),
        ] {
            assert_eq!(DatePattern::parse(pattern).unwrap().excel().as_deref(), expected, "{pattern}");
        }
    }
}

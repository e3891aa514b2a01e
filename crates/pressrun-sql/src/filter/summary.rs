//! What a filter does, in words for the report's filter line.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterDefinition, FilterKind};
use serde_json::Value;

use super::date::Edge;
use super::resolve::{Stretch, stretches};
use super::{DateLiteral, DatePart, DateTest, Filter, NumberTest, Setting, TextTest, Unit, parse};
use crate::compile::{QueryClock, ResolvedClock};

/// Values spelled out before the rest is counted.
const SHOWN: usize = 5;

/// What `expression` lets through: `US, CA`, `not US`, `last 6 months (1 Jul – 31 Dec 2026)`, `any`.
///
/// Never fails: what cannot be understood says so, and the tile that uses it reports the error (F6).
#[must_use]
pub fn summary(definition: &FilterDefinition, expression: Option<&Value>, clock: &QueryClock, identity: &Identity) -> String {
    if definition.kind == FilterKind::Control {
        return match Setting::of(definition, expression) {
            Setting::Chosen(_, option) => option.label.clone(),
            Setting::Undeclared(_) => "not understood".to_owned(),
        };
    }
    let Some(expression) = expression else {
        return "any".to_owned();
    };
    let (Ok(filter), Ok(clock)) = (parse(definition.kind, expression), clock.resolve()) else {
        return "not understood".to_owned();
    };
    words(&filter, &clock, identity, false)
}

fn words(filter: &Filter, clock: &ResolvedClock, identity: &Identity, nested: bool) -> String {
    let not = |negated: bool, text: String| if negated { format!("not {text}") } else { text };
    let join = |filters: &[Filter], word: &str| {
        let parts: Vec<_> = filters.iter().map(|filter| words(filter, clock, identity, filters.len() > 1)).collect();
        let text = parts.join(word);
        if parts.is_empty() {
            "any".to_owned()
        } else if nested && parts.len() > 1 {
            format!("({text})")
        } else {
            text
        }
    };
    match filter {
        Filter::Any => "any".to_owned(),
        Filter::Text { test, negated, .. } => not(*negated, text(test)),
        Filter::Number { test, negated } => not(*negated, number(test)),
        Filter::Date { test, negated } => not(*negated, date(test, clock)),
        Filter::Boolean { is: true, .. } => "yes".to_owned(),
        Filter::Boolean { is: false, .. } => "no".to_owned(),
        Filter::Null { negated } => not(*negated, "empty".to_owned()),
        Filter::UserAttribute { name, negated } => match identity.values(name) {
            [] => "nothing".to_owned(),
            values => not(*negated, list(values.iter().map(ToString::to_string).collect())),
        },
        Filter::Not(inner) => format!("not {}", words(inner, clock, identity, true)),
        Filter::All(filters) => join(filters, " and "),
        Filter::Either(filters) => join(filters, " or "),
    }
}

fn list(values: Vec<String>) -> String {
    let more = values.len().saturating_sub(SHOWN);
    let shown = values.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn text(test: &TextTest) -> String {
    let shown = |value: &String| {
        if value.is_empty() { "\"\"".to_owned() } else { value.clone() }
    };
    let quoted = |values: &[String]| list(values.iter().map(|value| format!("\"{value}\"")).collect());
    match test {
        TextTest::OneOf { values, or_null } => list(values.iter().map(shown).chain(or_null.then(|| "(none)".to_owned())).collect()),
        TextTest::Contains(values) => format!("contains {}", quoted(values)),
        TextTest::StartsWith(values) => format!("starts with {}", quoted(values)),
        TextTest::EndsWith(values) => format!("ends with {}", quoted(values)),
        TextTest::Like(values) => format!("like {}", quoted(values)),
        TextTest::Empty => "empty".to_owned(),
    }
}

fn number(test: &NumberTest) -> String {
    match test {
        NumberTest::OneOf { values, or_null } => {
            list(values.iter().map(ToString::to_string).chain(or_null.then(|| "(none)".to_owned())).collect())
        }
        NumberTest::LessThan { value, inclusive } => {
            format!("{} {value}", if *inclusive { "≤" } else { "<" })
        }
        NumberTest::GreaterThan { value, inclusive } => {
            format!("{} {value}", if *inclusive { "≥" } else { ">" })
        }
        NumberTest::Between { low, high, inclusive: true } => format!("{low} – {high}"),
        NumberTest::Between { low, high, inclusive: false } => format!("> {low} and < {high}"),
    }
}

fn date(test: &DateTest, clock: &ResolvedClock) -> String {
    let Ok(stretches) = stretches(test, clock) else {
        return "not understood".to_owned();
    };
    let dates = list(stretches.iter().map(|stretch| range(*stretch, &clock.zone)).collect());
    let phrase = match test {
        DateTest::In(literals) => match literals.as_slice() {
            [literal] => relative(*literal),
            _ => None,
        },
        DateTest::Interval { start: DateLiteral::Relative { unit, offset }, length } if *unit == length.unit => {
            let which = match *offset {
                1 => Some("next"),
                offset if -offset == length.count => Some("last"),
                _ => None,
            };
            which.map(|which| match length.count {
                1 => format!("{which} {}", unit.word(1)),
                count => format!("{which} {count} {}", unit.word(count)),
            })
        }
        DateTest::Within(DateLiteral::Relative { unit, offset: 0 }, DateLiteral::Relative { unit: Unit::Day, offset: 0 })
            if *unit != Unit::Day =>
        {
            Some(format!("{} to date", unit.word(1)))
        }
        DateTest::OnOrAfter(literal) => relative(*literal).map(|phrase| format!("since {phrase}")),
        DateTest::After(literal) => relative(*literal).map(|phrase| format!("after {phrase}")),
        DateTest::Before(literal) => relative(*literal).map(|phrase| format!("before {phrase}")),
        DateTest::Until(literal) => relative(*literal).map(|phrase| format!("until {phrase}")),
        DateTest::Part { part, values } => {
            return list(values.iter().map(|value| part_word(*part, *value)).collect());
        }
        DateTest::Between(..) | DateTest::Within(..) | DateTest::Interval { .. } | DateTest::Shifted(..) => None,
    };
    match phrase {
        Some(phrase) => format!("{phrase} ({dates})"),
        None => dates,
    }
}

fn relative(literal: DateLiteral) -> Option<String> {
    let DateLiteral::Relative { unit, offset } = literal else {
        return None;
    };
    Some(match (unit, offset) {
        (Unit::Second, 0) => "now".to_owned(),
        (Unit::Day, 0) => "today".to_owned(),
        (Unit::Day, -1) => "yesterday".to_owned(),
        (Unit::Day, 1) => "tomorrow".to_owned(),
        (unit, 0) => format!("this {}", unit.word(1)),
        (unit, -1) => format!("last {}", unit.word(1)),
        (unit, 1) => format!("next {}", unit.word(1)),
        (unit, offset) if offset < 0 => format!("{} {} ago", -offset, unit.word(-offset)),
        (unit, offset) => format!("{offset} {} from now", unit.word(offset)),
    })
}

/// `1 – 30 Nov 2026`, `1 Jul – 31 Dec 2026`, `24 Nov 2026 09:00 – 10:00`, `from …`, `before …`.
fn range((start, end): Stretch, zone: &TimeZone) -> String {
    let local = |edge: Edge| match edge {
        Edge::Wall(wall) => wall,
        Edge::At(at) => at.to_zoned_datetime(zone.clone()).datetime(),
    };
    let point = |at: DateTime| {
        if at.time() == Time::midnight() { day(at) } else { format!("{} {}", day(at), clock(at)) }
    };
    match (start.map(local), end.map(local)) {
        (None, None) => "any".to_owned(),
        (Some(start), None) => format!("from {}", point(start)),
        (None, Some(end)) => format!("before {}", point(end)),
        (Some(start), Some(end)) if end <= start => "nothing".to_owned(),
        (Some(start), Some(end)) if start.time() == Time::midnight() && end.time() == Time::midnight() => {
            let last = end.yesterday().unwrap_or(end);
            if start.date() == last.date() {
                day(start)
            } else if start.date().first_of_month() == last.date().first_of_month() {
                format!("{} – {}", start.day(), day(last))
            } else if start.year() == last.year() {
                format!("{} – {}", start.strftime("%-d %b"), day(last))
            } else {
                format!("{} – {}", day(start), day(last))
            }
        }
        (Some(start), Some(end)) if start.date() == end.date() => {
            format!("{} {} – {}", day(start), clock(start), clock(end))
        }
        (Some(start), Some(end)) => format!("{} {} – {} {}", day(start), clock(start), day(end), clock(end)),
    }
}

fn day(at: DateTime) -> String {
    at.strftime("%-d %b %Y").to_string()
}

fn clock(at: DateTime) -> String {
    at.strftime(if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

fn part_word(part: DatePart, value: i64) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let at = usize::try_from(value - 1).unwrap_or(usize::MAX);
    match part {
        DatePart::DayOfWeek => DAYS.get(at).map_or_else(String::new, ToString::to_string),
        DatePart::MonthOfYear => MONTHS.get(at).map_or_else(String::new, ToString::to_string),
        DatePart::QuarterOfYear => format!("Q{value}"),
        DatePart::FiscalQuarterOfYear { .. } => format!("fiscal Q{value}"),
        DatePart::HourOfDay => format!("{value:02}:00"),
        DatePart::DayOfMonth | DatePart::DayOfQuarter | DatePart::DayOfYear | DatePart::WeekOfYear => {
            format!("{} {value}", part.word())
        }
    }
}

//! Filters in words: `last 90 days`, `1 Oct to 15 Nov 2026`, `> 5`, as people type them and as reports print them.
//!
//! Every text that [`super::summary`] prints of a date or a number is read back here as the same filter. Case and white space are of
//! no account. What could mean two things is refused with the two right forms.

use super::date::{DateLiteral, DatePart, InvalidDate, Length, Unit, at_time, month_of, quarter_of, weekday_of};
use super::{DateTest, Filter, NumberTest};
use crate::param::Decimal;

/// Lower case, single spaces, and the plain signs for the typographic ones.
pub(crate) fn tidy(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '–' | '—' => plain.push_str(" - "),
            '−' => plain.push('-'),
            '≥' => plain.push_str(">= "),
            '≤' => plain.push_str("<= "),
            '≠' => plain.push_str("!= "),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.extend(c.to_lowercase()),
        }
    }
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A date filter in words; with `fiscal`, years and quarters are those of the fiscal calendar.
///
/// # Errors
/// [`InvalidDate`], with what would be right when the text shows what was meant.
pub(crate) fn date(text: &str, fiscal: bool) -> Result<Filter, InvalidDate> {
    // What a report adds in parentheses is what the words come to.
    let text = tidy(text);
    let text = text.split_once(" (").filter(|(_, rest)| rest.ends_with(')')).map_or(text.as_str(), |(words, _)| words);
    if let Some(general) = general(text) {
        return Ok(general);
    }
    if let Some(rest) = text.strip_prefix("not ") {
        return date(rest, fiscal).map(|filter| Filter::Not(Box::new(filter)));
    }
    let reader = DateReader { fiscal };
    let first = match reader.one(text) {
        Ok(test) => return Ok(Filter::Date { test, negated: false }),
        Err(error) => error,
    };
    // `October 1, 2026` was read above; what is left with a comma is a list.
    let parts: Vec<&str> = text.split(", ").flat_map(|part| part.split(" or ")).collect();
    if parts.len() < 2 {
        return Err(first);
    }
    let tests = parts
        .into_iter()
        .map(|part| reader.one(part))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| if error.hint.is_some() { error } else { first })?;
    Ok(any_of(tests))
}

/// One of `tests`; those of one kind become one.
pub(crate) fn any_of(tests: Vec<DateTest>) -> Filter {
    let mut joined: Vec<DateTest> = Vec::new();
    for test in tests {
        let apart = match joined.last_mut() {
            Some(last) => join(last, test),
            None => Some(test),
        };
        joined.extend(apart);
    }
    let mut filters: Vec<Filter> = joined.into_iter().map(|test| Filter::Date { test, negated: false }).collect();
    if filters.len() == 1 { filters.remove(0) } else { Filter::Either(filters) }
}

/// Makes `test` part of one of its kind; otherwise gives it back.
fn join(last: &mut DateTest, test: DateTest) -> Option<DateTest> {
    match (last, test) {
        (DateTest::In(literals), DateTest::In(more)) => literals.extend(more),
        (DateTest::Part { part, values }, DateTest::Part { part: other, values: more }) if *part == other => values.extend(more),
        (_, test) => return Some(test),
    }
    None
}

/// What is said of dates and numbers alike.
fn general(text: &str) -> Option<Filter> {
    match text {
        "any" | "all" | "any time" | "anytime" | "all time" => Some(Filter::Any),
        "empty" | "(none)" | "no value" => Some(Filter::Null { negated: false }),
        "not empty" | "any value" => Some(Filter::Null { negated: true }),
        _ => None,
    }
}

/// A test that one literal makes.
type Test = fn(DateLiteral) -> DateTest;

struct DateReader {
    fiscal: bool,
}

impl DateReader {
    fn literal(&self, text: &str) -> Result<DateLiteral, InvalidDate> {
        let literal: DateLiteral = text.parse().or_else(|error| {
            let rest = ["on ", "during ", "in the ", "in ", "the "].iter().find_map(|word| text.strip_prefix(word));
            rest.map_or(Err(error), str::parse)
        })?;
        Ok(if self.fiscal { literal.fiscal() } else { literal })
    }

    fn one(&self, text: &str) -> Result<DateTest, InvalidDate> {
        if let Some(test) = self.stretch(text).or_else(|| parts(text)) {
            return Ok(test);
        }
        if let Some(test) = self.bound(text)? {
            return Ok(test);
        }
        let plain = match self.literal(text) {
            Ok(literal) => return Ok(DateTest::In(vec![literal])),
            Err(error) => error,
        };
        match self.range(text)? {
            Some(test) => Ok(test),
            None => Err(plain),
        }
    }

    /// `last 90 days`, `next 3 complete months`, `year to date`.
    fn stretch(&self, text: &str) -> Option<DateTest> {
        let text =
            ["within the ", "in the ", "over the ", "during the ", "the "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
        let (text, fiscal) = match text {
            "wtd" => ("week to date", false),
            "mtd" => ("month to date", false),
            "qtd" => ("quarter to date", false),
            "ytd" => ("year to date", false),
            "fytd" => ("year to date", true),
            other => (other, false),
        };
        let of = |unit: Unit| if self.fiscal || fiscal { unit.fiscal() } else { unit };
        if let Some(unit) = text.strip_suffix(" to date") {
            let unit = match unit.trim_start_matches("this ").split_once(' ') {
                None => of(Unit::parse(unit.trim_start_matches("this "))?),
                Some(("fiscal", unit)) => Unit::parse(unit)?.fiscal(),
                Some(_) => return None,
            };
            let today = DateLiteral::Relative { unit: Unit::Day, offset: 0 };
            return Some(DateTest::Within(DateLiteral::Relative { unit, offset: 0 }, today));
        }
        let (which, length) = text.split_once(' ')?;
        let length = Length::of_words(&length.split(' ').collect::<Vec<_>>())?;
        let length = Length { unit: of(length.unit), ..length };
        let offset = match which {
            "last" | "past" | "previous" | "trailing" => -length.count,
            "next" | "coming" => 1,
            _ => return None,
        };
        Some(DateTest::Interval { start: DateLiteral::Relative { unit: length.unit, offset }, length })
    }

    /// `since …`, `after …`, `before …`, `until …` and their signs.
    fn bound(&self, text: &str) -> Result<Option<DateTest>, InvalidDate> {
        if let Some(length) = text.strip_prefix("older than ").or_else(|| text.strip_prefix("more than ")?.strip_suffix(" ago")) {
            return self.literal(&format!("{length} ago")).map(|literal| Some(DateTest::Before(literal)));
        }
        let forms: [(&[&str], Test); 4] = [
            (&["on or after ", "since ", "starting ", ">= ", ">="], DateTest::OnOrAfter),
            (&["on or before ", "until ", "up to ", "through ", "<= ", "<="], DateTest::Until),
            (&["after ", "> ", ">"], DateTest::After),
            (&["before ", "< ", "<"], DateTest::Before),
        ];
        for (words, test) in forms {
            if let Some(rest) = words.iter().find_map(|word| text.strip_prefix(word)) {
                return self.literal(rest).map(|literal| Some(test(literal)));
            }
        }
        // `from 1 Oct` ends nowhere, `from 1 Oct to 5 Nov` is a range.
        match text.strip_prefix("from ") {
            Some(rest) if ends(rest).is_none() => self.literal(rest).map(|literal| Some(DateTest::OnOrAfter(literal))),
            _ => Ok(None),
        }
    }

    /// `2026-01-01 to 2026-03-31`, `1 – 30 Nov 2026`, `24 Nov 2026 09:00 – 10:00`.
    fn range(&self, text: &str) -> Result<Option<DateTest>, InvalidDate> {
        let text = text.strip_prefix("from ").or_else(|| text.strip_prefix("between ")).unwrap_or(text);
        let Some((left, right)) = ends(text) else { return Ok(None) };
        if let Ok(DateLiteral::Civil { start, unit: Unit::Minute | Unit::Second }) = self.literal(left)
            && right.contains(':')
            && let Some(end) = at_time(start.date(), right)
        {
            return Ok(Some(DateTest::Between(self.literal(left)?, end)));
        }
        let right_literal = self.literal(right)?;
        let left = self.literal(left).or_else(|error| self.completed(left, right).ok_or(error))?;
        // A range that ends at a time of day ends there; one that ends at a day, month or year holds it.
        let at_time = matches!(right_literal, DateLiteral::Civil { unit: Unit::Minute | Unit::Second, .. } | DateLiteral::Instant(_));
        Ok(Some(if at_time { DateTest::Between(left, right_literal) } else { DateTest::Within(left, right_literal) }))
    }

    /// The beginning of a range with what its end says once for both: `1 – 30 Nov 2026`, `Q1 to Q3 2026`.
    fn completed(&self, left: &str, right: &str) -> Option<DateLiteral> {
        let words: Vec<&str> = right.split(' ').collect();
        (1..words.len()).find_map(|at| self.literal(&format!("{left} {}", words[at..].join(" "))).ok())
    }
}

/// Both ends of a range.
fn ends(text: &str) -> Option<(&str, &str)> {
    [" to ", " until ", " till ", " through ", "..", " - ", " and "]
        .iter()
        .find_map(|word| text.split_once(word))
        .map(|(a, b)| (a.trim(), b.trim()))
}

/// `Monday`, `weekends`, `January`, `Q1`, `week 42`, `09:00`, `day of month 5`: the same part of every date.
fn parts(text: &str) -> Option<DateTest> {
    let of = |part, values: Vec<i64>| Some(DateTest::Part { part, values });
    let number = |text: &str, part: DatePart| text.parse::<i64>().ok().filter(|number| part.range().contains(number));
    match text {
        "weekdays" | "workdays" => return of(DatePart::DayOfWeek, (1..=5).collect()),
        "weekends" => return of(DatePart::DayOfWeek, vec![6, 7]),
        _ => {}
    }
    let singular = text.strip_suffix('s').filter(|_| text.ends_with("days")).unwrap_or(text);
    if let Some(day) = weekday_of(singular) {
        return of(DatePart::DayOfWeek, vec![day]);
    }
    if let Some(month) = month_of(text) {
        return of(DatePart::MonthOfYear, vec![i64::from(month)]);
    }
    if let Some(quarter) = quarter_of(text) {
        return of(DatePart::QuarterOfYear, vec![i64::from(quarter)]);
    }
    if let Some(quarter) = text.strip_prefix("fiscal ").and_then(quarter_of) {
        return of(DatePart::FiscalQuarterOfYear { start: 1 }, vec![i64::from(quarter)]);
    }
    if let Some(hour) = text.strip_suffix(":00").filter(|hour| hour.len() <= 2) {
        return of(DatePart::HourOfDay, vec![number(hour, DatePart::HourOfDay)?]);
    }
    let (words, value) = text.rsplit_once(' ')?;
    let part = [DatePart::DayOfMonth, DatePart::DayOfQuarter, DatePart::DayOfYear, DatePart::WeekOfYear]
        .into_iter()
        .find(|part| part.word() == words)?;
    of(part, vec![number(value, part)?])
}

/// A number filter in words.
///
/// # Errors
/// What would be right.
pub(crate) fn number(text: &str) -> Result<Filter, String> {
    let text = tidy(text);
    if let Some(general) = general(&text) {
        return Ok(general);
    }
    if let Some(rest) = ["not ", "!= ", "!=", "<> ", "<>"].iter().find_map(|word| text.strip_prefix(word)) {
        return number(rest).map(|filter| Filter::Not(Box::new(filter)));
    }
    if let Some((left, right)) = text.split_once(" and ")
        && let (Some(left), Some(right)) = (comparison(left)?, comparison(right)?)
    {
        return Ok(between(left, right));
    }
    if let Some(test) = comparison(&text)? {
        return Ok(Filter::Number { test, negated: false });
    }
    if let Some((low, high)) = numbers_between(&text) {
        return Ok(Filter::Number { test: NumberTest::Between { low: plain(low)?, high: plain(high)?, inclusive: true }, negated: false });
    }
    let parts: Vec<&str> = text.split(", ").flat_map(|part| part.split(" or ")).collect();
    let values = parts.into_iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    Ok(Filter::Number { test: NumberTest::OneOf { values, or_null: false }, negated: false })
}

/// Two comparisons that hold at once; `> 10 and < 20` is a range without its ends.
fn between(left: NumberTest, right: NumberTest) -> Filter {
    match (left, right) {
        (NumberTest::GreaterThan { value: low, inclusive }, NumberTest::LessThan { value: high, inclusive: same }) if inclusive == same => {
            Filter::Number { test: NumberTest::Between { low, high, inclusive }, negated: false }
        }
        (left, right) => Filter::All([left, right].map(|test| Filter::Number { test, negated: false }).into()),
    }
}

/// `> 5`, `at least 5`, `5 or more`.
fn comparison(text: &str) -> Result<Option<NumberTest>, String> {
    let greater = |inclusive| move |value| NumberTest::GreaterThan { value, inclusive };
    let less = |inclusive| move |value| NumberTest::LessThan { value, inclusive };
    let starts = |words: &[&str]| words.iter().find_map(|word| text.strip_prefix(word));
    if let Some(rest) =
        starts(&[">=", "at least ", "from "]).filter(|rest| numbers_between(rest).is_none()).or_else(|| text.strip_suffix(" or more"))
    {
        return plain(rest).map(greater(true)).map(Some);
    }
    if let Some(rest) = starts(&["<=", "at most ", "up to "]).or_else(|| text.strip_suffix(" or less")) {
        return plain(rest).map(less(true)).map(Some);
    }
    if let Some(rest) = starts(&[">", "more than ", "greater than ", "over ", "above "]) {
        return plain(rest).map(greater(false)).map(Some);
    }
    if let Some(rest) = starts(&["<", "less than ", "under ", "below "]) {
        return plain(rest).map(less(false)).map(Some);
    }
    match text.strip_prefix('=') {
        Some(rest) => Ok(Some(NumberTest::OneOf { values: vec![plain(rest)?], or_null: false })),
        None => Ok(None),
    }
}

/// `5 to 10`, `5-10`, `between 5 and 10`.
fn numbers_between(text: &str) -> Option<(&str, &str)> {
    let bare = text.strip_prefix("from ").or_else(|| text.strip_prefix("between ")).unwrap_or(text);
    if let Some(found) = ends(bare) {
        return Some(found);
    }
    // A sign in front, or behind the `e` of an exponent, joins nothing.
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let at = bare.char_indices().find(|(at, c)| *c == '-' && digit(bare[..*at].chars().next_back()))?.0;
    Some((&bare[..at], &bare[at + 1..]))
}

fn plain(text: &str) -> Result<Decimal, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        // 1,000 is a thousand to some and one to others.
        let without: String = text.chars().filter(|c| !matches!(c, ',' | ' ' | '\'' | '_')).collect();
        match text.split_once(',') {
            Some((whole, fraction)) if without.parse::<Decimal>().is_ok() && !fraction.contains(',') => {
                format!("a comma is read in two ways: write {without} or {whole}.{fraction}")
            }
            _ if without.parse::<Decimal>().is_ok() => format!("write {without}, without separators"),
            _ => "write a number such as 10 or 12.50, a comparison such as \"> 5\", or a range such as \"5 to 10\"".to_owned(),
        }
    })
}

/// `true`, `yes`, `no` …
pub(crate) fn truth(text: &str) -> Option<bool> {
    match tidy(text).as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

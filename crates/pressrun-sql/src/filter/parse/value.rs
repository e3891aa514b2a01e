//! The single values of a filter expression.

use serde_json::Value;

use crate::filter::date::{DatePart, InvalidDate, month_of, quarter_of, weekday_of};
use crate::filter::{DateLiteral, Filter, FilterError, NumberTest, language};
use crate::param::Decimal;

/// Values in one list; a longer list belongs in a table.
const MAX_VALUES: usize = 10_000;

pub(super) fn item(path: &str, at: usize) -> String {
    format!("{path}[{at}]")
}

pub(super) fn bounded(values: &[Value], path: &str) -> Result<(), FilterError> {
    if values.len() > MAX_VALUES {
        let hint = format!("give at most {MAX_VALUES}, or join with a table");
        return Err(FilterError::new(path, format!("{} values are too many", values.len()), hint));
    }
    Ok(())
}

pub(super) fn texts(values: &[Value], path: &str) -> Result<(Vec<String>, bool), FilterError> {
    bounded(values, path)?;
    let (mut texts, mut or_null) = (Vec::with_capacity(values.len()), false);
    for (at, value) in values.iter().enumerate() {
        match value {
            // A NUL can be in no text column of PostgreSQL, and no person means one.
            Value::String(text) if text.contains('\0') => {
                return Err(FilterError::new(item(path, at), "the text contains a NUL", "leave it out"));
            }
            Value::String(text) => texts.push(text.clone()),
            Value::Number(number) => texts.push(number.to_string()),
            Value::Bool(flag) => texts.push(flag.to_string()),
            Value::Null => or_null = true,
            other => return Err(wrong(&item(path, at), other, "text")),
        }
    }
    Ok((texts, or_null))
}

/// Plain numbers, as bounds are.
pub(super) fn numbers(values: &[Value], path: &str) -> Result<Vec<Decimal>, FilterError> {
    let number = |(at, value)| match number_in_words(value, &item(path, at))? {
        Filter::Number { test: NumberTest::OneOf { values, or_null: false }, negated: false } if values.len() == 1 => Ok(values[0]),
        _ => Err(FilterError::new(
            item(path, at),
            format!("\"{}\" is no plain number", short(&shown(value))),
            "write a number such as 10 or \"12.50\"",
        )),
    };
    values.iter().enumerate().map(number).collect()
}

/// A number, or words about numbers such as `> 5`.
pub(super) fn number_in_words(value: &Value, path: &str) -> Result<Filter, FilterError> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        other => return Err(wrong(path, other, "a number")),
    };
    language::number(&text).map_err(|hint| FilterError::new(path, format!("\"{}\" is no number", short(&text)), hint))
}

/// A date, such as a bound of a range.
pub(super) fn date(value: &Value, path: &str) -> Result<DateLiteral, FilterError> {
    let text = date_text(value, path)?;
    text.parse().map_err(|error| no_date(&text, path, &error))
}

/// A date, or words about dates such as `last 90 days`.
pub(super) fn date_in_words(value: &Value, path: &str, fiscal: bool) -> Result<Filter, FilterError> {
    let text = date_text(value, path)?;
    language::date(&text, fiscal).map_err(|error| no_date(&text, path, &error))
}

fn date_text(value: &Value, path: &str) -> Result<String, FilterError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(wrong(path, other, "a date such as \"2025-03-31\"")),
    }
}

fn no_date(text: &str, path: &str, error: &InvalidDate) -> FilterError {
    let hint = error.hint.clone().unwrap_or_else(|| {
        "write for example 2025, 2025-03-31, 2025-03-31 09:30, 2025 Q3, October 2025, 6 months ago, today, last week or last 90 days"
            .to_owned()
    });
    FilterError::new(path, format!("\"{}\" is no date", short(text)), hint)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

pub(super) fn part_value(part: DatePart, value: &Value, path: &str) -> Result<i64, FilterError> {
    let range = part.range();
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok().or_else(|| part_name(part, text.trim())),
        _ => None,
    };
    // Sunday is 0 for some and 7 for others; both are common.
    let number = if part == DatePart::DayOfWeek && number == Some(0) { Some(7) } else { number };
    number.filter(|number| range.contains(number)).ok_or_else(|| {
        let hint = match part {
            DatePart::DayOfWeek => "write a name, or 1 (Monday) to 7 (Sunday)".to_owned(),
            DatePart::MonthOfYear => "write a name, or 1 to 12".to_owned(),
            _ => format!("write {} to {}", range.start(), range.end()),
        };
        FilterError::new(path, format!("{} is no {}", short(&value.to_string()), part.word()), hint)
    })
}

fn part_name(part: DatePart, text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    match part {
        DatePart::DayOfWeek => weekday_of(&lower),
        DatePart::MonthOfYear => month_of(&lower).map(i64::from),
        DatePart::QuarterOfYear | DatePart::FiscalQuarterOfYear { .. } => quarter_of(&lower).map(i64::from),
        _ => None,
    }
}

pub(super) fn wrong(path: &str, value: &Value, wanted: &str) -> FilterError {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    FilterError::new(path, format!("this is {is}"), format!("write {wanted}"))
}

/// At most 60 characters of what somebody wrote, for a message.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{head}…") } else { head }
}

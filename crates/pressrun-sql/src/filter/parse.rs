//! Expressions as the contract sends them → [`Filter`].

use pressrun_domain::catalog::FilterKind;
use serde_json::{Map, Value};

use self::value::{bounded, date, date_in_words, item, number_in_words, numbers, part_value, short, texts, wrong};
use super::date::DatePart;
use super::language::{any_of, truth};
use super::{DateLiteral, DateTest, Filter, FilterError, Length, NumberTest, TextTest};

mod value;

/// Composites inside composites.
const MAX_DEPTH: usize = 16;

/// Reads a filter expression in any of the shapes of contract §4.1; `kind` is what a shape without a `type` means.
///
/// A bare value stands for a list of one.
///
/// # Errors
/// [`FilterError`] for everything that is not understood (F6).
pub fn parse(kind: FilterKind, expression: &Value) -> Result<Filter, FilterError> {
    read(kind, expression, "", 0)
}

fn read(kind: FilterKind, expression: &Value, path: &str, depth: usize) -> Result<Filter, FilterError> {
    if depth > MAX_DEPTH {
        return Err(FilterError::new(path, "filters are nested too deeply", format!("nest at most {MAX_DEPTH} composites")));
    }
    match expression {
        Value::Array(values) => list(kind, values, path),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => list(kind, std::slice::from_ref(expression), path),
        Value::Null => Err(FilterError::new(path, "the filter is null", "write [] to restrict nothing, or leave the key out")),
        Value::Object(object) => Expression { kind, object, path, depth }.read(),
    }
}

/// The bare list: any of the values (F4); none restricts nothing (F5).
fn list(kind: FilterKind, values: &[Value], path: &str) -> Result<Filter, FilterError> {
    if values.is_empty() {
        return Ok(Filter::Any);
    }
    match kind {
        FilterKind::String | FilterKind::Control => {
            let (values, or_null) = texts(values, path)?;
            Ok(Filter::Text { test: TextTest::OneOf { values, or_null }, negated: false, ignore_case: false })
        }
        FilterKind::Number => numbers_in_words(values, path),
        FilterKind::Date => dates_in_words(values, path, false),
        FilterKind::Boolean => truths(values, path, false),
    }
}

/// Any of the values, each a number or words about numbers.
fn numbers_in_words(values: &[Value], path: &str) -> Result<Filter, FilterError> {
    bounded(values, path)?;
    let (mut plain, mut or_null, mut others) = (Vec::new(), false, Vec::new());
    for (at, value) in values.iter().enumerate() {
        match value {
            Value::Null => or_null = true,
            value => match number_in_words(value, &item(path, at))? {
                Filter::Number { test: NumberTest::OneOf { values, or_null: false }, negated: false } => plain.extend(values),
                other => others.push(other),
            },
        }
    }
    if !plain.is_empty() || or_null {
        others.insert(0, Filter::Number { test: NumberTest::OneOf { values: plain, or_null }, negated: false });
    }
    Ok(one_of(others))
}

/// Any of the values, each a date or words about dates.
fn dates_in_words(values: &[Value], path: &str, fiscal: bool) -> Result<Filter, FilterError> {
    bounded(values, path)?;
    let (mut tests, mut others) = (Vec::new(), Vec::new());
    for (at, value) in values.iter().enumerate() {
        match value {
            Value::Null => others.push(Filter::Null { negated: false }),
            value => match date_in_words(value, &item(path, at), fiscal)? {
                Filter::Date { test, negated: false } => tests.push(test),
                other => others.push(other),
            },
        }
    }
    if !tests.is_empty() {
        others.insert(0, any_of(tests));
    }
    Ok(one_of(others))
}

/// Any of the truth values.
fn truths(values: &[Value], path: &str, nulls_as_false: bool) -> Result<Filter, FilterError> {
    bounded(values, path)?;
    let (mut yes, mut no, mut null) = (false, false, false);
    for (at, value) in values.iter().enumerate() {
        let is = match value {
            Value::Bool(is) => Some(*is),
            Value::String(text) => truth(text),
            Value::Number(number) => truth(&number.to_string()),
            Value::Null => {
                null = true;
                continue;
            }
            Value::Array(_) | Value::Object(_) => None,
        };
        match is {
            Some(true) => yes = true,
            Some(false) => no = true,
            None => return Err(wrong(&item(path, at), value, "true or false")),
        }
    }
    let mut parts = Vec::new();
    for (wanted, is) in [(yes, true), (no, false)] {
        if wanted {
            parts.push(Filter::Boolean { is, nulls_as_false });
        }
    }
    if null {
        parts.push(Filter::Null { negated: false });
    }
    Ok(one_of(parts))
}

fn one_of(mut filters: Vec<Filter>) -> Filter {
    match filters.len() {
        0 => Filter::Any,
        1 => filters.remove(0),
        _ => Filter::Either(filters),
    }
}

/// The complement when it is asked for; of what restricts nothing it is the same (F5).
fn complement(filter: Filter, negative: bool) -> Filter {
    match filter {
        filter if !negative => filter,
        Filter::Any => Filter::Any,
        Filter::Text { test, negated: false, ignore_case } => Filter::Text { test, negated: true, ignore_case },
        Filter::Number { test, negated: false } => Filter::Number { test, negated: true },
        Filter::Date { test, negated: false } => Filter::Date { test, negated: true },
        other => Filter::Not(Box::new(other)),
    }
}

/// The stretches of time that a filter means, moved.
fn shifted(filter: Filter, length: Length) -> Filter {
    match filter {
        Filter::Date { test, negated } if !matches!(test, DateTest::Part { .. }) => {
            Filter::Date { test: DateTest::Shifted(Box::new(test), length), negated }
        }
        Filter::Either(parts) => Filter::Either(parts.into_iter().map(|part| shifted(part, length)).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(shifted(*inner, length))),
        other => other,
    }
}

struct Expression<'a> {
    kind: FilterKind,
    object: &'a Map<String, Value>,
    path: &'a str,
    depth: usize,
}

impl Expression<'_> {
    fn read(&self) -> Result<Filter, FilterError> {
        let by_definition = match self.kind {
            FilterKind::String | FilterKind::Control => "string",
            FilterKind::Number => "number",
            FilterKind::Date => "date",
            FilterKind::Boolean => "boolean",
        };
        let kind = match self.object.get("type") {
            None => by_definition,
            Some(Value::String(word)) => word.as_str(),
            Some(other) => return Err(wrong(&self.at("type"), other, "text such as \"string\"")),
        };
        match kind {
            "string" => self.text(),
            "number" => self.number(),
            "date" => self.date(),
            "boolean" => self.boolean(),
            "null" => Ok(Filter::Null { negated: self.flag("is_negative", false)? }),
            "composite" => self.composite(),
            "user_attribute" => match self.object.get("user_attribute_name") {
                Some(Value::String(name)) if !name.is_empty() => {
                    Ok(Filter::UserAttribute { name: name.clone(), negated: self.flag("is_negative", false)? })
                }
                _ => Err(self.error("user_attribute_name", "the name of the attribute is missing", "name a user attribute")),
            },
            "query" | "by_query" => Err(self
                .error("type", "filters by the result of another query are not supported", "write the condition into the tile's SQL")
                .of_unknown_word()),
            other => Err(self
                .error(
                    "type",
                    format!("\"{}\" is no type of filter", short(other)),
                    "use string, number, date, boolean, null, composite or user_attribute",
                )
                .of_unknown_word()),
        }
    }

    fn text(&self) -> Result<Filter, FilterError> {
        let (negated, ignore_case) = (self.flag("is_negative", false)?, self.flag("case_insensitive", false)?);
        let of = |test| Ok(Filter::Text { test, negated, ignore_case });
        let some = |wrap: fn(Vec<String>) -> TextTest| {
            let (key, values) = self.operands()?;
            let (values, or_null) = texts(&values, &self.at(key))?;
            if or_null {
                return Err(self.error(key, "a null is no pattern", "leave it out"));
            }
            if values.is_empty() { Ok(Filter::Any) } else { of(wrap(values)) }
        };
        match self.word("EQUALS")? {
            "EQUALS" | "EQ" => {
                let (key, values) = self.operands()?;
                let (values, or_null) = texts(&values, &self.at(key))?;
                if values.is_empty() && !or_null { Ok(Filter::Any) } else { of(TextTest::OneOf { values, or_null }) }
            }
            "CONTAINS" => some(TextTest::Contains),
            "STARTS_WITH" => some(TextTest::StartsWith),
            "ENDS_WITH" => some(TextTest::EndsWith),
            "SQL_LIKE" => {
                let filter = some(TextTest::Like)?;
                if let Filter::Text { test: TextTest::Like(patterns), .. } = &filter
                    && patterns.iter().any(|pattern| pattern.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1)
                {
                    return Err(self.error("values", "a pattern ends with a lone backslash", "write two to mean one"));
                }
                Ok(filter)
            }
            "IS_EMPTY" => of(TextTest::Empty),
            other => Err(self.unknown_kind(other, "EQUALS, CONTAINS, STARTS_WITH, ENDS_WITH, SQL_LIKE or IS_EMPTY")),
        }
    }

    fn number(&self) -> Result<Filter, FilterError> {
        let negated = self.flag("is_negative", false)?;
        let kind = self.word("EQUALS")?;
        if kind == "IS_EMPTY" {
            return Ok(Filter::Null { negated });
        }
        if !matches!(kind, "EQUALS" | "EQ" | "LESS_THAN" | "GREATER_THAN" | "BETWEEN") {
            return Err(self.unknown_kind(kind, "EQUALS, LESS_THAN, GREATER_THAN or BETWEEN"));
        }
        let (key, values) = self.operands()?;
        if values.is_empty() {
            return Ok(Filter::Any);
        }
        if matches!(kind, "EQUALS" | "EQ") {
            return Ok(complement(numbers_in_words(&values, &self.at(key))?, negated));
        }
        let values = numbers(&values, &self.at(key))?;
        let one = || match values.as_slice() {
            [value] => Ok(*value),
            _ => Err(self.error(key, format!("{kind} takes one number, not {}", values.len()), "give one number")),
        };
        let test = match kind {
            "LESS_THAN" => NumberTest::LessThan { value: one()?, inclusive: self.flag("is_inclusive", false)? },
            "GREATER_THAN" => NumberTest::GreaterThan { value: one()?, inclusive: self.flag("is_inclusive", false)? },
            _ => match values.as_slice() {
                [low, high] => NumberTest::Between { low: *low, high: *high, inclusive: self.flag("is_inclusive", true)? },
                _ => {
                    return Err(self.error(key, format!("BETWEEN takes two numbers, not {}", values.len()), "give [low, high]"));
                }
            },
        };
        Ok(Filter::Number { test, negated })
    }

    fn date(&self) -> Result<Filter, FilterError> {
        let negated = self.flag("is_negative", false)?;
        let fiscal = self.flag("isFiscal", false)?;
        let shift = self.shift()?;
        let has = |key: &str| self.object.get(key).is_some_and(|value| !value.is_null());
        if !has("left_side") && !has("right_side") {
            let empty = self.object.get("values").and_then(Value::as_array).is_some_and(Vec::is_empty);
            if empty || self.object.get("ui_type").and_then(Value::as_str) == Some("ANY_TIME") {
                return Ok(Filter::Any);
            }
        }
        let of = |test: DateTest| {
            let test = match shift {
                Some(length) => DateTest::Shifted(Box::new(test), length),
                None => test,
            };
            Ok(Filter::Date { test, negated })
        };
        let side = |key: &'static str, at: usize| -> Result<DateLiteral, FilterError> {
            let (path, value) = self.side(key, at)?;
            let literal = date(value, &path)?;
            Ok(if fiscal { literal.fiscal() } else { literal })
        };
        let left = || side("left_side", 0);
        let right = || side("right_side", 1);
        match self.word("EQUALS")? {
            "EQUALS" | "EQ" => {
                let (key, values) = self.operands()?;
                let filter = dates_in_words(&values, &self.at(key), fiscal)?;
                Ok(complement(shift.map_or(filter.clone(), |length| shifted(filter, length)), negated))
            }
            "IS_EMPTY" => Ok(Filter::Null { negated }),
            "ON_OR_AFTER" => of(DateTest::OnOrAfter(left()?)),
            "BEFORE" => of(DateTest::Before(left()?)),
            "BETWEEN" => of(DateTest::Between(left()?, right()?)),
            "WITHIN_RANGE" => of(DateTest::Within(left()?, right()?)),
            "TIME_FOR_INTERVAL_DURATION" => of(DateTest::Interval { start: left()?, length: self.length()? }),
            "QUERY_OFFSET" if has("right_side") => of(DateTest::Interval { start: left()?, length: self.length()? }),
            "TIME_FOR_UNIT_DURATION" | "QUERY_OFFSET" => of(DateTest::In(vec![left()?])),
            kind => {
                let part = match kind {
                    "IS_ON_DAY_OF_WEEK" => DatePart::DayOfWeek,
                    "IS_ON_DAY_OF_MONTH" => DatePart::DayOfMonth,
                    "IS_ON_DAY_OF_QUARTER" => DatePart::DayOfQuarter,
                    "IS_ON_DAY_OF_YEAR" => DatePart::DayOfYear,
                    "IS_IN_MONTH_OF_YEAR" => DatePart::MonthOfYear,
                    // The month in which the fiscal year begins is filled in by `resolve`.
                    "IS_IN_QUARTER_OF_YEAR" if fiscal => DatePart::FiscalQuarterOfYear { start: 1 },
                    "IS_IN_QUARTER_OF_YEAR" => DatePart::QuarterOfYear,
                    "IS_IN_WEEK_OF_YEAR" => DatePart::WeekOfYear,
                    "IS_AT_HOUR_OF_DAY" => DatePart::HourOfDay,
                    other => {
                        return Err(self.unknown_kind(
                            other,
                            "BETWEEN, WITHIN_RANGE, ON_OR_AFTER, BEFORE, TIME_FOR_INTERVAL_DURATION, TIME_FOR_UNIT_DURATION, \
                             QUERY_OFFSET or one of IS_ON_DAY_OF_WEEK … IS_AT_HOUR_OF_DAY",
                        ));
                    }
                };
                if shift.is_some() {
                    return Err(self.error(
                        "offset_interval_string",
                        format!("a {} cannot be shifted", part.word()),
                        "write \"0 days\" or leave it out",
                    ));
                }
                let (key, values) = self.operands()?;
                if values.is_empty() {
                    return Ok(Filter::Any);
                }
                let value = |(at, value)| part_value(part, value, &item(&self.at(key), at));
                of(DateTest::Part { part, values: values.iter().enumerate().map(value).collect::<Result<_, _>>()? })
            }
        }
    }

    /// "Is true" and "is false" by `is_negative` alone, as published; with values, one of them, or none of them when negated.
    fn boolean(&self) -> Result<Filter, FilterError> {
        let nulls_as_false = self.flag("treat_nulls_as_false", false)?;
        let kind = self.word("EQUALS")?;
        if !matches!(kind, "EQUALS" | "EQ") {
            return Err(self.unknown_kind(kind, "EQUALS, or none"));
        }
        let given = |key: &str| self.object.get(key).is_some_and(|value| !value.is_null());
        if given("values") || given("left_side") {
            let (key, values) = self.operands()?;
            return Ok(complement(truths(&values, &self.at(key), nulls_as_false)?, self.flag("is_negative", false)?));
        }
        match self.object.get("is_negative") {
            None | Some(Value::Bool(false)) => Ok(Filter::Boolean { is: true, nulls_as_false }),
            Some(Value::Bool(true)) => Ok(Filter::Boolean { is: false, nulls_as_false }),
            Some(Value::Null) => Ok(Filter::Any),
            Some(other) => Err(wrong(&self.at("is_negative"), other, "true, false or null")),
        }
    }

    fn composite(&self) -> Result<Filter, FilterError> {
        let Some(Value::Array(filters)) = self.object.get("filters") else {
            return Err(self.error("filters", "a composite has no list of filters", "give \"filters\": [ … ]"));
        };
        let path = self.at("filters");
        let filters = filters
            .iter()
            .enumerate()
            .map(|(at, filter)| read(self.kind, filter, &item(&path, at), self.depth + 1))
            .collect::<Result<Vec<_>, _>>()?;
        let conjunction = self.object.get("conjunction").and_then(Value::as_str).unwrap_or("AND");
        let negative = self.flag("is_negative", false)?;
        let filter = match conjunction {
            _ if filters.is_empty() => Filter::Any,
            "AND" | "and" => Filter::All(filters),
            "OR" | "or" => Filter::Either(filters),
            other => {
                return Err(self.error("conjunction", format!("\"{}\" joins nothing", short(other)), "write AND or OR"));
            }
        };
        Ok(complement(filter, negative))
    }

    /// The length of time in `right_side`.
    fn length(&self) -> Result<Length, FilterError> {
        let (path, value) = self.side("right_side", 1)?;
        let hint = "write a length such as \"6 months\"";
        let text = value.as_str().ok_or_else(|| wrong(&path, value, "a length such as \"6 months\""))?;
        text.parse().map_err(|_| FilterError::new(path, format!("\"{}\" is no length of time", short(text)), hint))
    }

    /// `offset_interval_string`: by how much the stretch of time is moved.
    fn shift(&self) -> Result<Option<Length>, FilterError> {
        match self.object.get("offset_interval_string") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Length::shift(text).map_err(|_| {
                let problem = format!("\"{}\" is no length of time", short(text));
                self.error("offset_interval_string", problem, "write for example \"7 days\", or \"-1 year\" to go back")
            }),
            Some(other) => Err(wrong(&self.at("offset_interval_string"), other, "a length such as \"7 days\"")),
        }
    }

    fn word(&self, default: &'static str) -> Result<&str, FilterError> {
        match self.object.get("kind") {
            None => Ok(default),
            Some(Value::String(kind)) => Ok(kind),
            Some(other) => Err(wrong(&self.at("kind"), other, "text such as \"EQUALS\"")),
        }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, FilterError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(&self.at(key), other, "true or false")),
        }
    }

    /// `values`, or the seed's `left_side`, with the key it was found under. An empty list beside a `left_side` says nothing.
    fn operands(&self) -> Result<(&'static str, Vec<Value>), FilterError> {
        let list = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        let left = self.object.get("left_side").filter(|value| !value.is_null());
        match self.object.get("values").filter(|value| !value.is_null()) {
            Some(values) if left.is_none() || *values != Value::Array(Vec::new()) => Ok(("values", list(values))),
            given => match left.or(given) {
                Some(value) => Ok(("left_side", list(value))),
                None => Err(self.error("values", "no values are given", "give \"values\": [ … ]; an empty list restricts nothing")),
            },
        }
    }

    /// `left_side` or `right_side`, or the same place in `values`.
    fn side(&self, key: &'static str, at: usize) -> Result<(String, &Value), FilterError> {
        if let Some(value) = self.object.get(key).filter(|value| !value.is_null()) {
            return Ok((self.at(key), value));
        }
        match self.object.get("values").and_then(Value::as_array).and_then(|values| values.get(at)) {
            Some(value) => Ok((item(&self.at("values"), at), value)),
            None => Err(self.error(key, "the date is missing", format!("give \"{key}\""))),
        }
    }

    fn unknown_kind(&self, kind: &str, known: &str) -> FilterError {
        self.error("kind", format!("\"{}\" is no kind of this type of filter", short(kind)), format!("use {known}")).of_unknown_word()
    }

    fn error(&self, key: &str, problem: impl Into<String>, hint: impl Into<String>) -> FilterError {
        FilterError::new(self.at(key), problem, hint)
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

//! What a form says of one filter, and the expression it stands for (contract §4.2).

use jiff::civil::Date;
use pressrun_domain::catalog::FilterKind;
use serde_json::{Map, Value, json};

/// One choice and its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// A word of [`choices`], or one of the three below.
    pub(super) how: String,
    /// First value as typed.
    pub(super) a: String,
    /// Second value as typed.
    pub(super) b: String,
}

/// Words that stand for whole expressions of dates: word, what people read, first and second side.
type Preset = (&'static str, &'static str, &'static str, &'static str);

const PERIODS: [Preset; 16] = [
    ("today", "today", "today", ""),
    ("yesterday", "yesterday", "yesterday", ""),
    ("7d", "the last 7 days", "7 days ago", "7 days"),
    ("30d", "the last 30 days", "30 days ago", "30 days"),
    ("90d", "the last 90 days", "90 days ago", "90 days"),
    ("this-week", "this week", "this week", ""),
    ("last-week", "last week", "last week", ""),
    ("this-month", "this month", "this month", ""),
    ("last-month", "last month", "last month", ""),
    ("3m", "the last 3 months", "3 months ago", "3 months"),
    ("6m", "the last 6 months", "6 months ago", "6 months"),
    ("12m", "the last 12 months", "12 months ago", "12 months"),
    ("this-quarter", "this quarter", "this quarter", ""),
    ("last-quarter", "last quarter", "last quarter", ""),
    ("this-year", "this year", "this year", ""),
    ("last-year", "last year", "last year", ""),
];

const TEXT: [(&str, &str); 9] = [
    (Said::ANY, "anything"),
    ("is", "is one of"),
    ("is-not", "is none of"),
    ("has", "contains"),
    ("has-not", "does not contain"),
    ("starts", "starts with"),
    ("ends", "ends with"),
    ("empty", "is empty"),
    ("filled", "is not empty"),
];

const NUMBER: [(&str, &str); 8] = [
    (Said::ANY, "any number"),
    ("is", "is one of"),
    ("is-not", "is none of"),
    ("less", "is less than"),
    ("at-most", "is at most"),
    ("more", "is more than"),
    ("at-least", "is at least"),
    ("between", "is between"),
];

const DAYS: [(&str, &str); 4] = [(Said::ANY, "any time"), ("between", "from … to …"), ("since", "on or after"), ("before", "before")];

const FLAG: [(&str, &str); 3] = [(Said::ANY, "yes or no"), ("yes", "yes"), ("no", "no")];

/// What can be chosen for a kind of filter: the word and what people read.
pub(super) fn choices(kind: FilterKind) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (own, periods): (&[(&str, &str)], &[Preset]) = match kind {
        FilterKind::String => (&TEXT, &[]),
        FilterKind::Number => (&NUMBER, &[]),
        FilterKind::Date => (&DAYS, &PERIODS),
        FilterKind::Boolean => (&FLAG, &[]),
        FilterKind::Control => (&[], &[]),
    };
    own.iter().copied().chain(periods.iter().map(|(word, label, ..)| (*word, *label)))
}

/// Name, label, type and hint of the inputs of a kind of filter.
pub(super) fn inputs(kind: FilterKind) -> &'static [(&'static str, &'static str, &'static str, &'static str)] {
    match kind {
        FilterKind::String => &[("a", "values", "text", "part several by commas")],
        FilterKind::Number => &[("a", "value", "text", "such as 100"), ("b", "upper bound", "text", "to")],
        FilterKind::Date => &[("a", "first day", "date", ""), ("b", "last day", "date", "")],
        FilterKind::Boolean | FilterKind::Control => &[],
    }
}

impl Said {
    /// Restricts nothing.
    pub(super) const ANY: &'static str = "any";
    /// An expression that the form cannot say, left as it is.
    pub(super) const KEEP: &'static str = "keep";
    /// What the dashboard says.
    pub(super) const DEFAULT: &'static str = "default";

    fn new(how: &str, a: impl Into<String>, b: impl Into<String>) -> Self {
        Self { how: how.to_owned(), a: a.into(), b: b.into() }
    }

    /// The expression it stands for.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub(super) fn expression(&self, kind: FilterKind) -> Result<Value, String> {
        if self.how == Self::ANY {
            return Ok(json!([]));
        }
        match kind {
            FilterKind::String => self.text(),
            FilterKind::Number => self.number(),
            FilterKind::Date => self.date(),
            FilterKind::Boolean => match self.how.as_str() {
                "yes" => Ok(json!({ "type": "boolean", "is_negative": false })),
                "no" => Ok(json!({ "type": "boolean", "is_negative": true })),
                other => Err(unknown(other)),
            },
            FilterKind::Control => Err(unknown(&self.how)),
        }
    }

    fn text(&self) -> Result<Value, String> {
        let (kind, negative) = match self.how.as_str() {
            "is" => ("EQUALS", false),
            "is-not" => ("EQUALS", true),
            "has" => ("CONTAINS", false),
            "has-not" => ("CONTAINS", true),
            "starts" => ("STARTS_WITH", false),
            "ends" => ("ENDS_WITH", false),
            "empty" => ("IS_EMPTY", false),
            "filled" => ("IS_EMPTY", true),
            other => return Err(unknown(other)),
        };
        let values: Vec<&str> = self.a.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
        let mut expression = json!({ "type": "string", "kind": kind });
        if kind != "IS_EMPTY" {
            // Nothing typed restricts nothing, as everywhere (F5).
            expression["values"] = json!(values);
        }
        if negative {
            expression["is_negative"] = json!(true);
        }
        Ok(expression)
    }

    fn number(&self) -> Result<Value, String> {
        let one = |text: &str| number(text).ok_or_else(|| format!("“{text}” is no number; write digits such as 12.5."));
        let bound = |kind: &str, inclusive: bool| {
            let mut expression = json!({ "type": "number", "kind": kind, "values": [one(&self.a)?] });
            if inclusive {
                expression["is_inclusive"] = json!(true);
            }
            Ok(expression)
        };
        match self.how.as_str() {
            how @ ("is" | "is-not") => {
                let parts = self.a.split(',').map(str::trim).filter(|text| !text.is_empty());
                let values = parts.map(one).collect::<Result<Vec<_>, _>>()?;
                let mut expression = json!({ "type": "number", "kind": "EQUALS", "values": values });
                if how == "is-not" {
                    expression["is_negative"] = json!(true);
                }
                Ok(expression)
            }
            "less" => bound("LESS_THAN", false),
            "at-most" => bound("LESS_THAN", true),
            "more" => bound("GREATER_THAN", false),
            "at-least" => bound("GREATER_THAN", true),
            "between" => Ok(json!({ "type": "number", "kind": "BETWEEN", "values": [one(&self.a)?, one(&self.b)?] })),
            other => Err(unknown(other)),
        }
    }

    fn date(&self) -> Result<Value, String> {
        if let Some((_, _, left, right)) = PERIODS.iter().find(|(word, ..)| *word == self.how) {
            return Ok(if right.is_empty() {
                json!({ "type": "date", "kind": "TIME_FOR_UNIT_DURATION", "left_side": left })
            } else {
                json!({ "type": "date", "kind": "TIME_FOR_INTERVAL_DURATION", "left_side": left, "right_side": right })
            });
        }
        let day = |text: &str| day(text).ok_or_else(|| "choose a day, written as 2025-01-31.".to_owned());
        match self.how.as_str() {
            "between" => Ok(json!({ "type": "date", "kind": "WITHIN_RANGE", "left_side": day(&self.a)?, "right_side": day(&self.b)? })),
            "since" => Ok(json!({ "type": "date", "kind": "ON_OR_AFTER", "left_side": day(&self.a)? })),
            "before" => Ok(json!({ "type": "date", "kind": "BEFORE", "left_side": day(&self.a)? })),
            other => Err(unknown(other)),
        }
    }
}

fn unknown(how: &str) -> String {
    format!("“{how}” is none of the choices.")
}

/// A calendar day as a date input writes it.
fn day(text: &str) -> Option<String> {
    text.parse::<Date>().ok().filter(|_| text.len() == 10).map(|date| date.to_string())
}

/// A plain decimal, kept with the digits it was typed with.
fn number(text: &str) -> Option<Value> {
    let plain = !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    let text = text.strip_prefix('+').unwrap_or(text);
    (plain && text.parse::<f64>().is_ok_and(f64::is_finite)).then(|| Value::from(text))
}

/// What a form says of `expression`; [`Said::KEEP`] for what it cannot say.
pub(super) fn said(kind: FilterKind, expression: Option<&Value>) -> Said {
    let Some(expression) = expression else { return Said::new(Said::ANY, "", "") };
    let found = match expression {
        Value::Array(values) if values.is_empty() => Some(Said::new(Said::ANY, "", "")),
        Value::Array(values) => listed(kind, values),
        Value::Object(object) => object_said(kind, object),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => listed(kind, std::slice::from_ref(expression)),
        Value::Null => None,
    };
    found.unwrap_or_else(|| Said::new(Said::KEEP, "", ""))
}

/// A bare list: is one of (F4).
fn listed(kind: FilterKind, values: &[Value]) -> Option<Said> {
    match (kind, values) {
        (FilterKind::String, _) => Some(Said::new("is", texts(values)?, "")),
        (FilterKind::Number, _) => Some(Said::new("is", numbers(values)?, "")),
        (FilterKind::Date, [Value::String(text)]) => period(text, ""),
        (FilterKind::Boolean, [Value::Bool(flag)]) => Some(Said::new(if *flag { "yes" } else { "no" }, "", "")),
        (FilterKind::Date | FilterKind::Boolean | FilterKind::Control, _) => None,
    }
}

fn object_said(kind: FilterKind, object: &Map<String, Value>) -> Option<Said> {
    const KNOWN: [&str; 9] =
        ["type", "kind", "values", "left_side", "right_side", "is_negative", "is_inclusive", "case_insensitive", "ui_type"];
    let word = match kind {
        FilterKind::String => "string",
        FilterKind::Number => "number",
        FilterKind::Date => "date",
        FilterKind::Boolean => "boolean",
        FilterKind::Control => return None,
    };
    let unset = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    let known = object.iter().all(|(key, value)| KNOWN.contains(&key.as_str()) || unset(value));
    let folded = object.get("case_insensitive").is_some_and(|value| !unset(value));
    if !known || folded || object.get("type").is_some_and(|kind| kind != word) {
        return None;
    }
    let flag = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Bool(flag)) => Some(Some(*flag)),
        Some(_) => None,
    };
    let (negative, inclusive) = (flag("is_negative")?, flag("is_inclusive")?);
    if kind == FilterKind::Boolean {
        return match object.get("is_negative") {
            Some(Value::Null) => Some(Said::new(Said::ANY, "", "")),
            _ => Some(Said::new(if negative == Some(true) { "no" } else { "yes" }, "", "")),
        };
    }
    let negative = negative == Some(true);
    let how = match object.get("kind") {
        None => "EQUALS",
        Some(word) => word.as_str()?,
    };
    if kind == FilterKind::Date {
        return if negative { None } else { date_said(how, object) };
    }
    let values = operands(object);
    if how == "IS_EMPTY" && kind == FilterKind::String {
        return Some(Said::new(if negative { "filled" } else { "empty" }, "", ""));
    }
    let values = values?;
    if values.is_empty() {
        return Some(Said::new(Said::ANY, "", ""));
    }
    let word = match (kind, how, negative) {
        (_, "EQUALS" | "EQ", false) => "is",
        (_, "EQUALS" | "EQ", true) => "is-not",
        (FilterKind::String, "CONTAINS", false) => "has",
        (FilterKind::String, "CONTAINS", true) => "has-not",
        (FilterKind::String, "STARTS_WITH", false) => "starts",
        (FilterKind::String, "ENDS_WITH", false) => "ends",
        (FilterKind::Number, "LESS_THAN", false) => {
            if inclusive == Some(true) {
                "at-most"
            } else {
                "less"
            }
        }
        (FilterKind::Number, "GREATER_THAN", false) => {
            if inclusive == Some(true) {
                "at-least"
            } else {
                "more"
            }
        }
        (FilterKind::Number, "BETWEEN", false) if inclusive != Some(false) => {
            let [low, high] = values.as_slice() else { return None };
            return Some(Said::new("between", one_number(low)?, one_number(high)?));
        }
        _ => return None,
    };
    let a = if kind == FilterKind::String { texts(&values)? } else { numbers(&values)? };
    Some(Said::new(word, a, ""))
}

/// `values`, or the seed's `left_side`.
pub(super) fn operands(object: &Map<String, Value>) -> Option<Vec<Value>> {
    let given = |key: &str| object.get(key).filter(|value| !value.is_null());
    match given("values").or_else(|| given("left_side"))? {
        Value::Array(values) => Some(values.clone()),
        value => Some(vec![value.clone()]),
    }
}

fn date_said(how: &str, object: &Map<String, Value>) -> Option<Said> {
    if object.get("values").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Some(Said::new(Said::ANY, "", ""));
    }
    let values = object.get("values").and_then(Value::as_array);
    let side = |key: &str, at: usize| object.get(key).or_else(|| values?.get(at)).and_then(Value::as_str).unwrap_or_default();
    let (left, right) = (side("left_side", 0), side("right_side", 1));
    match how {
        "TIME_FOR_UNIT_DURATION" | "EQUALS" | "EQ" if right.is_empty() => period(left, ""),
        "TIME_FOR_INTERVAL_DURATION" => period(left, right),
        "WITHIN_RANGE" => Some(Said::new("between", day(left)?, day(right)?)),
        "ON_OR_AFTER" => Some(Said::new("since", day(left)?, "")),
        "BEFORE" => Some(Said::new("before", day(left)?, "")),
        _ => None,
    }
}

fn period(left: &str, right: &str) -> Option<Said> {
    // Units are whole, whether called complete or not.
    let same = |one: &str, other: &str| one.trim().to_ascii_lowercase().replace("complete ", "") == other;
    let found = PERIODS.iter().find(|(_, _, first, second)| same(left, first) && same(right, second));
    found.map(|(word, ..)| Said::new(word, "", ""))
}

/// Texts that survive being parted by commas.
fn texts(values: &[Value]) -> Option<String> {
    let texts: Vec<&str> = values.iter().map(Value::as_str).collect::<Option<_>>()?;
    let plain = |text: &&str| !text.contains(',') && text.trim() == *text && !text.is_empty();
    texts.iter().all(plain).then(|| texts.join(", "))
}

fn numbers(values: &[Value]) -> Option<String> {
    Some(values.iter().map(one_number).collect::<Option<Vec<_>>>()?.join(", "))
}

fn one_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => number(text.trim()).map(|_| text.trim().to_owned()),
        _ => None,
    }
}

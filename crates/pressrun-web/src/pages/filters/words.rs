//! A filter expression in words, whatever its form: nothing that is in force is unreadable.

use serde_json::{Map, Value};

use super::said::operands;

/// Composites inside composites that are still spelled out.
const DEEPEST: usize = 8;
/// Values spelled out before the rest is counted.
const SHOWN: usize = 8;

/// `is US, CA`, `is not empty`, `is in the last 6 months`, `(contains “a” or is “b”) and is not “c”`.
pub(crate) fn words(expression: &Value) -> String {
    spelled(expression, 0)
}

fn spelled(expression: &Value, depth: usize) -> String {
    match expression {
        Value::Array(values) if values.is_empty() => "is anything".to_owned(),
        Value::Array(values) => format!("is {}", list(values)),
        Value::Object(object) => of_object(object, depth),
        Value::Null => "is not understood".to_owned(),
        value => format!("is {}", one(value)),
    }
}

fn of_object(object: &Map<String, Value>, depth: usize) -> String {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let negative = object.get("is_negative").and_then(Value::as_bool).unwrap_or(false);
    let (is, not) = if negative { ("is not", "not ") } else { ("is", "") };
    match text("type") {
        "composite" => return composite(object, depth),
        "user_attribute" => return format!("{is} the reader’s “{}”", text("user_attribute_name")),
        "null" => return format!("{is} empty"),
        "boolean" if object.contains_key("is_negative") && object["is_negative"].is_null() => return "is anything".to_owned(),
        "boolean" => return if negative { "is no".to_owned() } else { "is yes".to_owned() },
        _ => {}
    }
    let values = operands(object).unwrap_or_default();
    let inclusive = object.get("is_inclusive").and_then(Value::as_bool);
    let side =
        |key: &str, at: usize| object.get(key).filter(|value| !value.is_null()).or_else(|| values.get(at)).map(one).unwrap_or_default();
    let (left, right) = (side("left_side", 0), side("right_side", 1));
    match text("kind") {
        "IS_EMPTY" => format!("{is} empty"),
        "CONTAINS" => format!("{not}contains {}", list(&values)),
        "STARTS_WITH" => format!("{not}starts with {}", list(&values)),
        "ENDS_WITH" => format!("{not}ends with {}", list(&values)),
        "SQL_LIKE" => format!("{not}matches {}", list(&values)),
        "LESS_THAN" => format!("{is} {} {left}", if inclusive == Some(true) { "at most" } else { "less than" }),
        "GREATER_THAN" => format!("{is} {} {left}", if inclusive == Some(true) { "at least" } else { "more than" }),
        "BETWEEN" if inclusive == Some(false) => format!("{is} between {left} and {right}, without them"),
        "BETWEEN" => format!("{is} between {left} and {right}"),
        "WITHIN_RANGE" => format!("{is} from {left} to {right}"),
        "ON_OR_AFTER" => format!("{is} on or after {left}"),
        "BEFORE" => format!("{is} before {left}"),
        "TIME_FOR_UNIT_DURATION" => format!("{is} {left}"),
        // `6 months ago` for `6 months` is the last six months; all units are whole, whether called complete or not.
        "TIME_FOR_INTERVAL_DURATION" if left.replace("complete ", "").strip_suffix(" ago") == Some(right.as_str()) => {
            format!("{is} in the last {right}")
        }
        "TIME_FOR_INTERVAL_DURATION" => format!("{is} in the {right} from {left} on"),
        "" | "EQUALS" | "EQ" if values.is_empty() => "is anything".to_owned(),
        "" | "EQUALS" | "EQ" => format!("{is} {}", list(&values)),
        other => format!("{not}{} {}", other.to_ascii_lowercase().replace('_', " "), list(&values)),
    }
}

fn composite(object: &Map<String, Value>, depth: usize) -> String {
    let filters = object.get("filters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if depth >= DEEPEST {
        return "…".to_owned();
    }
    let either = object.get("conjunction").and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("or"));
    let parts: Vec<String> = filters.iter().map(|filter| spelled(filter, depth + 1)).collect();
    match parts.as_slice() {
        [] => "is anything".to_owned(),
        [only] => only.clone(),
        _ => {
            let joined = parts.join(if either { " or " } else { " and " });
            if depth > 0 { format!("({joined})") } else { joined }
        }
    }
}

fn list(values: &[Value]) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN).map(one).collect();
    match values.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn one(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "“”".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => "(none)".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

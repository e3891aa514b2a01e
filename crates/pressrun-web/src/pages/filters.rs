//! Filters of a dashboard's page: from its address, to a small form, and back.
//!
//! The address carries them as JSON in `filters`, the same as links in mails do (D1). The form has an input for what can be said
//! simply: texts, and a range of days. What it sends (`f.KEY`, `from.KEY`, `to.KEY`) is turned into the JSON form at once.

use pressrun_domain::catalog::{Dashboard, FilterDefinition, FilterKind};
use pressrun_domain::id::FilterKey;
use pressrun_domain::schedule::FilterConfig;
use serde_json::{Value, json};

/// Longest JSON of filters, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// One filter that the form can change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Filter key.
    pub(crate) key: String,
    /// Name shown to people.
    pub(crate) label: String,
    /// What it takes.
    pub(crate) input: Input,
}

/// What an input takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Texts, parted by commas.
    Texts(String),
    /// First and last day, empty when the range in force is none of plain days.
    Days(String, String),
}

/// The filters of an address: the JSON of `filters`.
///
/// # Errors
/// A sentence for people: the JSON is none, or names a filter that the dashboard does not have.
pub(crate) fn read(json: Option<&str>, dashboard: &Dashboard) -> Result<FilterConfig, String> {
    let Some(json) = json.filter(|json| !json.trim().is_empty()) else { return Ok(FilterConfig::default()) };
    if json.len() > MOST_BYTES {
        return Err("The filters of this address are too long.".to_owned());
    }
    let filters: FilterConfig =
        serde_json::from_str(json).map_err(|error| format!("The filters of this address are no JSON object: {error}."))?;
    match filters.keys().find(|key| !dashboard.filters.contains_key(*key)) {
        Some(key) => Err(format!("This dashboard has no filter “{key}”.")),
        None => Ok(filters),
    }
}

/// The inputs of the form: visible filters whose expression in force is simple enough for one.
pub(crate) fn fields(dashboard: &Dashboard, filters: &FilterConfig) -> Vec<Field> {
    let visible = dashboard.filters.iter().filter(|(_, definition)| !definition.hidden);
    visible
        .filter_map(|(key, definition)| {
            let expression = filters.get(key).or(definition.default.as_ref());
            Some(Field { key: key.0.clone(), label: definition.label.clone(), input: input(definition, expression)? })
        })
        .collect()
}

fn input(definition: &FilterDefinition, expression: Option<&Value>) -> Option<Input> {
    match definition.kind {
        FilterKind::String => {
            let texts = expression.map_or(Some(Vec::new()), texts)?;
            (!texts.iter().any(|text| text.contains(',') || text.trim() != *text || text.is_empty()))
                .then(|| Input::Texts(texts.join(", ")))
        }
        FilterKind::Date => {
            let (from, to) = expression.and_then(days).unwrap_or_default();
            Some(Input::Days(from, to))
        }
        FilterKind::Number | FilterKind::Boolean => None,
    }
}

/// The values of a plain "is one of".
fn texts(expression: &Value) -> Option<Vec<&str>> {
    let values = match expression {
        Value::Array(values) => values.as_slice(),
        Value::String(_) => std::slice::from_ref(expression),
        Value::Object(object) => {
            let plain = |key: &str| object.get(key).is_none_or(|flag| matches!(flag, Value::Bool(false) | Value::Null));
            let is = object.get("type").is_none_or(|word| word == "string") && object.get("kind").is_none_or(|word| word == "EQUALS");
            if !is || !plain("is_negative") || !plain("case_insensitive") {
                return None;
            }
            object.get("values")?.as_array()?.as_slice()
        }
        _ => return None,
    };
    values.iter().map(Value::as_str).collect()
}

/// First and last day of a range that this form made.
fn days(expression: &Value) -> Option<(String, String)> {
    let object = expression.as_object()?;
    let side = |key| object.get(key).and_then(Value::as_str).and_then(day);
    match object.get("kind")?.as_str()? {
        "WITHIN_RANGE" => Some((side("left_side")?, side("right_side")?)),
        "ON_OR_AFTER" => Some((side("left_side")?, String::new())),
        "BEFORE" => {
            let end: jiff::civil::Date = side("left_side")?.parse().ok()?;
            Some((String::new(), end.yesterday().ok()?.to_string()))
        }
        _ => None,
    }
}

/// A calendar day as a date input writes it.
fn day(text: &str) -> Option<String> {
    text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10).map(|date| date.to_string())
}

/// The day after a day that [`day`] read: `BEFORE` leaves its day out, and the form's last day is meant to be in.
fn day_after(text: &str) -> String {
    text.parse::<jiff::civil::Date>().and_then(jiff::civil::Date::tomorrow).map_or_else(|_| text.to_owned(), |date| date.to_string())
}

/// Puts what the form sent over `filters`; true when it sent anything.
pub(crate) fn apply(filters: &mut FilterConfig, dashboard: &Dashboard, sent: &[(String, String)]) -> bool {
    let form = sent.iter().any(|(name, _)| ["f.", "from.", "to."].iter().any(|start| name.starts_with(start)));
    let value = |start: &str, key: &FilterKey| {
        let value = sent.iter().find(|(name, _)| name.strip_prefix(start) == Some(key.as_str()));
        value.map(|(_, value)| value.trim())
    };
    let before = fields(dashboard, filters);
    for (key, definition) in dashboard.filters.iter().filter(|(_, definition)| !definition.hidden) {
        let shown = before.iter().find(|field| field.key == key.0).map(|field| &field.input);
        match definition.kind {
            FilterKind::String => {
                let Some(text) = value("f.", key) else { continue };
                if shown == Some(&Input::Texts(text.to_owned())) {
                    continue;
                }
                let texts: Vec<&str> = text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
                filters.insert(key.clone(), json!({ "type": "string", "kind": "EQUALS", "values": texts }));
            }
            FilterKind::Date => {
                let (from, to) = (value("from.", key).and_then(day), value("to.", key).and_then(day));
                if shown == Some(&Input::Days(from.clone().unwrap_or_default(), to.clone().unwrap_or_default())) {
                    continue;
                }
                let expression = match (from, to) {
                    (Some(from), Some(to)) => json!({ "type": "date", "kind": "WITHIN_RANGE", "left_side": from, "right_side": to }),
                    (Some(from), None) => json!({ "type": "date", "kind": "ON_OR_AFTER", "left_side": from }),
                    (None, Some(to)) => json!({ "type": "date", "kind": "BEFORE", "left_side": day_after(&to) }),
                    // Nothing said: the dashboard's own period.
                    (None, None) => {
                        if form {
                            filters.shift_remove(key);
                        }
                        continue;
                    }
                };
                filters.insert(key.clone(), expression);
            }
            FilterKind::Number | FilterKind::Boolean => {}
        }
    }
    form
}

/// The address of a dashboard with these filters.
pub(crate) fn address(identifier: &str, filters: &FilterConfig) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let json = if filters.is_empty() { String::new() } else { serde_json::to_string(filters).unwrap_or_default() };
    let path = format!("/dashboards/{}", encode(identifier));
    if json.is_empty() { path } else { format!("{path}?filters={}", encode(&json)) }
}

/// An expression in words where it is simple, else as JSON.
pub(crate) fn words(expression: &Value) -> String {
    match texts(expression) {
        Some(texts) if texts.is_empty() => "is anything".to_owned(),
        Some(texts) => format!("is {}", texts.join(", ")),
        None => match days(expression) {
            Some((from, to)) if to.is_empty() => format!("from {from}"),
            Some((from, to)) if from.is_empty() => format!("to {to}"),
            Some((from, to)) => format!("from {from} to {to}"),
            None => expression.to_string(),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn dashboard() -> Dashboard {
        let filter = |kind, default: Option<Value>, hidden| FilterDefinition { label: "L".into(), kind, default, hidden };
        let filters = [
            ("region", filter(FilterKind::String, None, false)),
            ("day", filter(FilterKind::Date, Some(json!({ "kind": "TIME_FOR_UNIT_DURATION", "left_side": "this month" })), false)),
            ("secret", filter(FilterKind::String, None, true)),
            ("amount", filter(FilterKind::Number, None, false)),
        ];
        Dashboard {
            description: None,
            connection: "c".into(),
            timezone: None,
            filters: filters.into_iter().map(|(key, filter)| (key.into(), filter)).collect(),
            pages: Vec::new(),
            tiles: std::iter::empty::<(pressrun_domain::id::TileKey, pressrun_domain::catalog::Tile)>().collect(),
        }
    }

    fn after(json: &str, sent: &[(&str, &str)]) -> Value {
        let dashboard = dashboard();
        let mut filters = read(Some(json), &dashboard).unwrap();
        let sent: Vec<(String, String)> = sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        apply(&mut filters, &dashboard, &sent);
        serde_json::to_value(&filters).unwrap()
    }

    #[test]
    fn f11_only_visible_filters_have_an_input() {
        let keys: Vec<String> = fields(&dashboard(), &FilterConfig::default()).into_iter().map(|field| field.key).collect();
        assert_eq!(keys, ["region", "day"]);
        assert_eq!(after("{}", &[("f.secret", "x"), ("f.nope", "x"), ("f.amount", "1")]), json!({}));
    }

    #[test]
    fn what_an_input_says_replaces_that_filter_only() {
        let range = |from: &str, to: &str| json!({ "type": "date", "kind": "WITHIN_RANGE", "left_side": from, "right_side": to });
        for (case, json, sent, expected) in [
            (
                "texts",
                "{}",
                vec![("f.region", " US , EU,")],
                json!({ "region": { "type": "string", "kind": "EQUALS", "values": ["US", "EU"] } }),
            ),
            ("as it was", r#"{"region": ["US"], "secret": "x"}"#, vec![("f.region", "US")], json!({ "region": ["US"], "secret": "x" })),
            (
                "anything",
                r#"{"region": ["US"]}"#,
                vec![("f.region", "")],
                json!({ "region": { "type": "string", "kind": "EQUALS", "values": [] } }),
            ),
            (
                "both days",
                "{}",
                vec![("from.day", "2025-01-01"), ("to.day", "2025-01-31")],
                json!({ "day": range("2025-01-01", "2025-01-31") }),
            ),
            (
                "from",
                "{}",
                vec![("from.day", "2025-01-01"), ("to.day", "")],
                json!({ "day": { "type": "date", "kind": "ON_OR_AFTER", "left_side": "2025-01-01" } }),
            ),
            (
                "to",
                "{}",
                vec![("from.day", ""), ("to.day", "2025-01-31")],
                json!({ "day": { "type": "date", "kind": "BEFORE", "left_side": "2025-02-01" } }),
            ),
            ("no day", "{}", vec![("from.day", "yesterday"), ("to.day", "2025-99-99")], json!({})),
            (
                "back to the default",
                r#"{"day": {"kind": "ON_OR_AFTER", "left_side": "2025-01-01"}}"#,
                vec![("from.day", ""), ("to.day", "")],
                json!({}),
            ),
        ] {
            assert_eq!(after(json, &sent), expected, "{case}");
        }
    }

    #[test]
    fn what_a_form_made_is_shown_in_it_again() {
        for (expression, from, to) in [
            (json!({ "kind": "WITHIN_RANGE", "left_side": "2025-01-01", "right_side": "2025-01-31" }), "2025-01-01", "2025-01-31"),
            (json!({ "kind": "BEFORE", "left_side": "2025-02-01" }), "", "2025-01-31"),
            (json!({ "kind": "ON_OR_AFTER", "left_side": "6 months ago" }), "", ""),
        ] {
            let filters = FilterConfig::from_iter([("day".into(), expression.clone())]);
            let field = fields(&dashboard(), &filters).into_iter().find(|field| field.key == "day").unwrap();
            assert_eq!(field.input, Input::Days(from.into(), to.into()), "{expression}");
        }
        for (expression, shown) in [
            (json!(["US", "EU"]), true),
            (json!({ "kind": "EQUALS", "values": ["US"], "is_negative": true }), false),
            (json!({ "kind": "CONTAINS", "values": ["US"] }), false),
            (json!(["a, b"]), false),
            (json!([null]), false),
        ] {
            let filters = FilterConfig::from_iter([("region".into(), expression.clone())]);
            assert_eq!(fields(&dashboard(), &filters).iter().any(|field| field.key == "region"), shown, "{expression}");
        }
    }
}

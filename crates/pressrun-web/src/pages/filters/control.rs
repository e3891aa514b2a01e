//! A control in the form: one of its options, and nothing else (F9).

use pressrun_domain::catalog::FilterDefinition;
use pressrun_domain::id::FilterKey;
use pressrun_domain::schedule::FilterConfig;
use serde_json::{Value, json};

use super::said::operands;
use super::{Choice, Field};

/// The choice among the options of the control `key`.
pub(super) fn field(key: &FilterKey, definition: &FilterDefinition, filters: &FilterConfig) -> Field {
    let now = in_force(definition, filters.get(key));
    let choices = definition.options.iter().map(|(value, option)| Choice {
        value: value.clone(),
        label: option.label.clone(),
        chosen: now.as_deref() == Some(value.as_str()),
    });
    Field { key: key.0.clone(), label: definition.label.clone(), choices: choices.collect(), inputs: Vec::new() }
}

/// Sets the control to `wanted`; what is in force is not said again, and neither is what holds by default.
///
/// # Errors
/// A sentence for people: it is none of the options.
pub(super) fn set(filters: &mut FilterConfig, key: &FilterKey, definition: &FilterDefinition, wanted: &str) -> Result<(), String> {
    if !definition.options.contains_key(wanted) {
        return Err(format!("{}: “{wanted}” is none of the choices.", definition.label));
    }
    if in_force(definition, filters.get(key)).as_deref() == Some(wanted) {
        return Ok(());
    }
    if definition.default.as_ref().and_then(value).as_deref() == Some(wanted) {
        filters.shift_remove(key);
    } else {
        filters.insert(key.clone(), json!([wanted]));
    }
    Ok(())
}

fn in_force(definition: &FilterDefinition, expression: Option<&Value>) -> Option<String> {
    expression.and_then(value).or_else(|| definition.default.as_ref().and_then(value))
}

/// The one value of an expression, in any of its shapes (F4).
fn value(expression: &Value) -> Option<String> {
    let values = match expression {
        Value::Object(object) => operands(object)?,
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    };
    match values.as_slice() {
        [Value::String(text)] => Some(text.clone()),
        _ => None,
    }
}

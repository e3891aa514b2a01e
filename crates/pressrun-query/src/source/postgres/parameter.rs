//! Values of placeholders in text form: the server reads them as whatever type the placeholder has.

use pressrun_sql::Param;

/// As the server reads it.
pub(super) fn text(param: &Param) -> String {
    match param {
        Param::Text(text) => text.clone(),
        Param::Integer(number) => number.to_string(),
        Param::Decimal(number) => number.to_string(),
        Param::Boolean(flag) => flag.to_string(),
        Param::Instant(at) | Param::Local(at) => at.to_string(),
        Param::Date(day) => day.to_string(),
        Param::Texts(texts) => array(texts),
        Param::Integers(numbers) => array(numbers),
        Param::Decimals(numbers) => array(numbers),
        Param::Instants(instants) => array(instants),
    }
}

/// An array, each element in quotes.
fn array<T: ToString>(values: &[T]) -> String {
    let mut text = String::from("{");
    for (at, value) in values.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        for c in value.to_string().chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

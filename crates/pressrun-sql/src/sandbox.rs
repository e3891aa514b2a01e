//! Templates: Jinja with three functions and nothing else. No variables, no filters, no includes, and a bound on the work.

use std::sync::Arc;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use crate::limits::MAX_SQL_BYTES;

/// Work units of a template; each instruction costs one.
const FUEL: u64 = 100_000;
/// Nested calls and blocks.
const RECURSION: usize = 32;

/// What the functions of a template do. Each returns the text that stands where it was called.
pub(crate) trait Calls: Send + Sync + 'static {
    /// `filter(key, expression)` or `filter([key, …], expression)`.
    fn filter(&self, keys: Vec<String>, expression: String) -> Result<String, Error>;
    /// `user_attribute(name, expression)`.
    fn attribute(&self, name: String, expression: String) -> Result<String, Error>;
    /// `control(key)`.
    fn control(&self, key: String) -> Result<String, Error>;
}

/// Renders `source`.
pub(crate) fn run(source: &str, calls: Arc<impl Calls>) -> Result<String, Error> {
    if source.len() > MAX_SQL_BYTES {
        return Err(invalid(format!("it is longer than {MAX_SQL_BYTES} bytes")));
    }
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let (of_filters, of_attributes) = (Arc::clone(&calls), Arc::clone(&calls));
    environment.add_function("filter", move |keys: Value, expression: Value| {
        let keys = match keys.kind() {
            ValueKind::String => vec![string(&keys, "the key of filter()")?],
            ValueKind::Seq => keys.try_iter()?.map(|key| string(&key, "a key of filter()")).collect::<Result<_, _>>()?,
            _ => return Err(invalid("the key of filter() has to be text or a list of text")),
        };
        of_filters.filter(keys, sql_expression(&expression, "filter")?)
    });
    environment.add_function("user_attribute", move |name: Value, expression: Value| {
        of_attributes.attribute(string(&name, "the name of user_attribute()")?, sql_expression(&expression, "user_attribute")?)
    });
    environment.add_function("control", move |key: Value| calls.control(string(&key, "the key of control()")?));
    environment.render_str(source, ())
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.into())
}

fn string(value: &Value, what: &str) -> Result<String, Error> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| invalid(format!("{what} has to be text in quotes")))
}

fn sql_expression(value: &Value, function: &str) -> Result<String, Error> {
    let text = string(value, &format!("the expression of {function}()"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid(format!("the expression of {function}() is empty")));
    }
    Ok(text.to_owned())
}

/// What is wrong with a template, in a sentence.
pub(crate) fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "it does too much work".to_owned(),
        ErrorKind::UnknownFunction => "only filter(), user_attribute() and control() can be called".to_owned(),
        ErrorKind::UndefinedError => "templates have no variables, only filter(), user_attribute() and control()".to_owned(),
        kind @ ErrorKind::SyntaxError => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        kind => error.detail().map_or_else(|| kind.to_string(), ToOwned::to_owned),
    }
}

/// What would be right.
pub(crate) fn hint(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::OutOfFuel => "a query needs no such loops",
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments | ErrorKind::InvalidOperation => {
            "write `{{ filter('key', 'expression') }}`, `{{ user_attribute('name', 'expression') }}` or `{{ control('key') }}`, with each in quotes"
        }
        ErrorKind::UnknownFunction | ErrorKind::UndefinedError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            "only `filter('key', 'expression')`, `user_attribute('name', 'expression')` and `control('key')` are known here"
        }
        _ => {
            "close each `{{` with `}}` and each `{%` with `%}`; names and expressions stand in quotes; SQL that needs these characters \
             itself writes them as text, `{{ '{%' }}`"
        }
    }
}

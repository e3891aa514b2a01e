//! What a control is set to (F9).

use pressrun_domain::catalog::{ControlOption, FilterDefinition, FilterKind};
use serde_json::Value;

use super::{Filter, TextTest, parse};

/// What a control is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting<'a> {
    /// One of its options, with the value it goes by.
    Chosen(&'a str, &'a ControlOption),
    /// Nothing that was declared; what it is instead, for a message.
    Undeclared(String),
}

impl<'a> Setting<'a> {
    /// What `expression` sets the control of `definition` to: one value, in any of the shapes of a filter that is one of
    /// them (F4). No value at all is its default.
    #[must_use]
    pub fn of(definition: &'a FilterDefinition, expression: Option<&Value>) -> Self {
        let fallback = || definition.default.as_ref().map_or(Ok(Filter::Any), |default| parse(FilterKind::String, default));
        let filter = match expression.map(|expression| parse(FilterKind::String, expression)) {
            None | Some(Ok(Filter::Any)) => fallback(),
            Some(other) => other,
        };
        match filter {
            Ok(Filter::Text { test: TextTest::OneOf { values, or_null: false }, negated: false, ignore_case: false }) => {
                match values.as_slice() {
                    [value] => match definition.options.get_key_value(value) {
                        Some((value, option)) => Self::Chosen(value, option),
                        None => Self::Undeclared(format!("\"{}\"", value.chars().take(60).collect::<String>())),
                    },
                    _ => Self::Undeclared(format!("{} values at once", values.len())),
                }
            }
            Ok(Filter::Any) => Self::Undeclared("nothing".to_owned()),
            Ok(_) => Self::Undeclared("a condition".to_owned()),
            Err(error) => Self::Undeclared(format!("something that cannot be understood ({error})")),
        }
    }
}

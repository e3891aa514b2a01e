//! What the engine says of types that do not go together, in the words of SQL and with what to write instead.
//!
//! It is known by its English text, which the tests pin.

use arrow_schema::DataType;

use super::super::widen::word;
use crate::error::{QueryError, QueryErrorKind};

const NUMBER_OF_TEXT: &str = "convert the text by cast(… as double) or cast(… as decimal(18, 2)); texts are joined by ||";
const TEXT_OF_NUMBER: &str = "convert it to text by cast(… as varchar)";
const CONVERT: &str = "convert it, for example by cast(… as double) or cast(… as decimal(18, 2))";
const MOVED_BY_INTERVALS: &str = "dates move by intervals: … + interval '1 day'";
const COUNT_CONDITIONS: &str = "make a number of a condition: case when … then 1 else 0 end";

/// The failure in our words, where the message is one of those.
pub(super) fn explain(message: &str) -> Option<QueryError> {
    function(message)
        .or_else(|| operator(message))
        .or_else(|| unary(message))
        .or_else(|| condition(message))
        .or_else(|| no_number(message))
        .or_else(|| named_twice(message))
}

fn refused(message: String, hint: &str) -> QueryError {
    QueryError::new(QueryErrorKind::Syntax, message).hint(hint)
}

/// A function that has no meaning for what it is given.
fn function(message: &str) -> Option<QueryError> {
    let call = between(message, "name and argument types '", "'.")?;
    let (name, types) = call.split_once('(')?;
    let types: Vec<String> = parts(types.strip_suffix(')')?, ',').iter().map(|of| called(of)).collect();
    let shown = match types.as_slice() {
        [only] => format!("value of type {only}"),
        several => format!("values of the types {}", several.join(", ")),
    };
    let has = |of: &str| types.iter().any(|known| known == of);
    let hint = if has("boolean") {
        COUNT_CONDITIONS
    } else if has("text") || types.is_empty() {
        CONVERT
    } else {
        TEXT_OF_NUMBER
    };
    Some(refused(format!("{} takes no {shown}", name.to_lowercase()), hint))
}

/// An operator between two types that have nothing in common.
fn operator(message: &str) -> Option<QueryError> {
    let operands = between(message, "Cannot coerce arithmetic expression ", " to valid types")
        .or_else(|| rest(message, "Cannot infer common argument type for comparison operation "))
        .or_else(|| rest(message, "Cannot infer common argument type for logical boolean operation "))
        .or_else(|| rest(message, "Cannot infer common type for bitwise operation "));
    if let Some(operands) = operands {
        let operands = parts(operands, ' ');
        let ([left, operator @ .., right], true) = (operands.as_slice(), operands.len() > 2) else { return None };
        let (left, right, operator) = (called(left), called(right), operator.join(" ").to_lowercase());
        let has = |of: &str| left == of || right == of;
        let dated = [&left, &right].into_iter().any(|of| of.starts_with("date") || of.starts_with("timestamp"));
        let hint = match operator.as_str() {
            "and" | "or" => "conditions are joined by it: … = 1 and … > 0",
            "+" | "-" if dated && !has("text") => MOVED_BY_INTERVALS,
            _ if has("boolean") => COUNT_CONDITIONS,
            _ if dated => "convert what stands beside the date by cast(… as date) or to_timestamp(…)",
            _ => NUMBER_OF_TEXT,
        };
        return Some(refused(format!("{operator} has no meaning between {left} and {right}"), hint));
    }
    let like = between(message, "There isn't a common type to coerce ", " in LIKE expression")?;
    let (left, right) = like.split_once(" and ")?;
    Some(refused(format!("like compares texts, and is used on {} and {}", called(left), called(right)), TEXT_OF_NUMBER))
}

fn unary(message: &str) -> Option<QueryError> {
    match between(message, "Unary operator '", "'")? {
        "NOT" => Some(refused("not is used on what is no condition".to_owned(), "compare it: not … = 1, or … is null")),
        sign => Some(refused(format!("{sign} is used on what is no number"), &format!("convert it first: {sign}cast(… as double)"))),
    }
}

/// A value where a condition has to be.
fn condition(message: &str) -> Option<QueryError> {
    let (_, of) = rest(message, "Cannot create filter with non-boolean predicate ")?.rsplit_once(" returning ")?;
    Some(refused(format!("where is given {}, which is no condition", called(of)), "compare it: … = 1, or … is not null"))
}

/// A text that was taken for a number.
fn no_number(message: &str) -> Option<QueryError> {
    let (text, of) = rest(message, "Cannot cast string '")?.rsplit_once("' to value of ")?;
    let of = called(of.strip_suffix(" type")?);
    let (shown, what) = match of.as_str() {
        "boolean" => ("truth value", "boolean"),
        decimal if decimal.starts_with("decimal") => (decimal, decimal),
        whole if whole.contains("integer") => ("whole number", "bigint"),
        _ => ("number", "double"),
    };
    let error = QueryError::new(QueryErrorKind::Value, format!("the text \"{text}\" is no {shown}, as which it was read"));
    Some(error.hint(format!(
        "write try_cast(… as {what}) for null where a text is none, or cast(… as varchar) around what stands beside it to compare texts"
    )))
}

fn named_twice(message: &str) -> Option<QueryError> {
    let (_, rest) = message.split_once("require unique expression names")?;
    let places = rest.split(" at position ").skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    let places: Vec<String> = places.map(|place| (place + 1).to_string()).collect();
    Some(refused(format!("the columns {} would have the same name", places.join(" and ")), "name them: … as a_name"))
}

fn between<'m>(message: &'m str, before: &str, after: &str) -> Option<&'m str> {
    Some(rest(message, before)?.split_once(after)?.0)
}

fn rest<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    Some(message.split_once(before)?.1)
}

/// What stands between separators that are in no parentheses.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = text.split(|letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && letter == separator
    });
    split.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// What people call a type that the engine prints.
fn called(of: &str) -> String {
    match of {
        "String" => "text".to_owned(),
        other => other.parse::<DataType>().map_or_else(|_| other.to_lowercase(), |data_type| word(&data_type)),
    }
}

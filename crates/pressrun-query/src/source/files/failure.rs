//! The engine's failures in our words: short, with names, without its internals.

mod types;

use arrow_schema::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

use crate::error::{QueryError, QueryErrorKind};

/// Functions that PostgreSQL has under a name that the engine does not know, and what to write for them.
const ELSEWHERE: [(&str, &str); 7] = [
    ("variance", "var_samp(…)"),
    ("sign", "signum(…)"),
    ("every", "bool_and(…)"),
    ("percentile_disc", "percentile_cont(…) within group (order by …), or approx_percentile_cont"),
    ("age", "date_diff('day', …, …), or the difference of two dates"),
    ("to_number", "cast(… as decimal(18, 2))"),
    ("mode", "a count by group, sorted, in an inner query"),
];

/// Longest text of the engine that is passed on.
const LONGEST: usize = 300;

/// Turns a failure of the engine into one of ours; `tables` are offered where a table is missing.
pub(super) fn explain(error: &DataFusionError, tables: &[String]) -> QueryError {
    let root = error.find_root();
    if let Some(own) = own(root) {
        return own.clone();
    }
    if let Some(error) = types::explain(&whole(root)) {
        return error;
    }
    let of = |kind| QueryError::new(kind, text(root));
    match root {
        DataFusionError::SQL(..) => of(QueryErrorKind::Syntax),
        DataFusionError::SchemaError(schema, _) => unknown_column(schema).unwrap_or_else(|| of(QueryErrorKind::Syntax)),
        DataFusionError::Plan(message) => plan(message, tables).unwrap_or_else(|| of(QueryErrorKind::Syntax)),
        DataFusionError::NotImplemented(_) => of(QueryErrorKind::Unsupported),
        DataFusionError::ResourcesExhausted(_) => memory(),
        // The engine has no kind of its own for a full quota of temporary files.
        DataFusionError::IoError(cause) if cause.to_string().contains("max_temp_directory_size") => memory(),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::IoError(message, _) if message.contains("max_temp_directory_size") => memory(),
            ArrowError::DivideByZero => QueryError::new(QueryErrorKind::Value, "division by zero").hint("use nullif(…, 0)"),
            ArrowError::IoError(..) | ArrowError::CsvError(_) | ArrowError::JsonError(_) | ArrowError::ParquetError(_) => {
                unreadable(text(root))
            }
            _ => of(QueryErrorKind::Value),
        },
        // Values that do not fit reach us from inside the file reader too, when it filters.
        _ if text(root).contains("CastError") || text(root).contains("Error evaluating filter predicate") => of(QueryErrorKind::Value),
        DataFusionError::Execution(_) => of(QueryErrorKind::Value),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::ParquetError(_) => unreadable(text(root)),
        _ => of(QueryErrorKind::Internal),
    }
}

/// The character of the SQL, from 1, at which the engine found the fault, where it knows.
pub(super) fn character(error: &DataFusionError, sql: &str) -> Option<usize> {
    let start = error.diagnostic()?.span?.start;
    pressrun_sql::screen::character(sql, start.line, start.column)
}

fn memory() -> QueryError {
    QueryError::new(QueryErrorKind::Memory, "the query needs more memory or temporary space than it may use")
        .hint("aggregate earlier, read fewer columns, or raise query.memory_mb or query.spill_mb in the server's configuration")
}

fn unreadable(message: String) -> QueryError {
    QueryError::new(QueryErrorKind::Unreadable { file: String::new() }, format!("a data file cannot be read: {message}"))
}

fn own(error: &DataFusionError) -> Option<&QueryError> {
    let cause: &(dyn std::error::Error + 'static) = match error {
        DataFusionError::External(cause) => cause.as_ref(),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ExternalError(cause) => cause.as_ref(),
            _ => return None,
        },
        _ => return None,
    };
    cause.downcast_ref::<QueryError>().or_else(|| own(cause.downcast_ref::<DataFusionError>()?.find_root()))
}

fn unknown_column(error: &SchemaError) -> Option<QueryError> {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return None;
    };
    let mut valid: Vec<String> = valid_fields.iter().map(|column| column.name.clone()).collect();
    valid.dedup();
    let error = QueryError::new(QueryErrorKind::UnknownColumn, format!("there is no column \"{}\"", field.name));
    Some(match suggest(&field.name, &valid) {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

fn plan(message: &str, tables: &[String]) -> Option<QueryError> {
    if let Some(name) = message.strip_prefix("table '").and_then(|rest| rest.split_once("' not found")).map(|(name, _)| name) {
        let name = name.strip_prefix("pressrun.public.").unwrap_or(name);
        let error = QueryError::new(QueryErrorKind::UnknownTable, format!("there is no table \"{name}\""));
        return Some(match suggest(name, tables) {
            Some(hint) => error.hint(hint),
            None => error.hint("the connection's folder has no data files"),
        });
    }
    if message.starts_with("Invalid function") || message.contains("not found") && message.starts_with("table function") {
        let error = QueryError::new(QueryErrorKind::UnknownFunction, shortened(on_one_line(message)));
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| message.starts_with(&format!("Invalid function '{name}'")));
        let Some((name, here)) = elsewhere else { return Some(error) };
        let message = format!("there is no function \"{name}\"");
        return Some(QueryError { message, ..error }.hint(format!("write {here}")));
    }
    None
}

/// `did you mean …` for a near miss, else what there is.
fn suggest(name: &str, known: &[String]) -> Option<String> {
    let near = known.iter().map(|other| (strsim::levenshtein(&name.to_lowercase(), &other.to_lowercase()), other)).min();
    match near {
        None => None,
        Some((distance, other)) if distance <= 2 && distance < name.chars().count() => {
            // An exact match but for case needs quotes.
            let quoted = if *other == other.to_lowercase() { other.clone() } else { format!("\"{other}\"") };
            Some(format!("did you mean {quoted}?"))
        }
        Some(_) => {
            let shown = known.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
            let more = known.len().saturating_sub(12);
            Some(if more > 0 { format!("there are {shown} and {more} more") } else { format!("there are {shown}") })
        }
    }
}

/// The engine's own text on one line, without backtraces and prefixes.
pub(super) fn text(error: &DataFusionError) -> String {
    shortened(whole(error))
}

fn whole(error: &DataFusionError) -> String {
    on_one_line(&error.find_root().message())
}

fn on_one_line(message: &str) -> String {
    let head = message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or(message);
    let line = head.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = line.replace("pressrun.public.", "");
    for prefix in ["ParserError(\"", "TokenizerError(\"", "sql parser error: "] {
        if let Some(rest) = line.strip_prefix(prefix) {
            line = String::from(rest.trim_end_matches("\")"));
        }
    }
    without_marks(line)
}

/// The text without our mark around what the SQL converts.
fn without_marks(mut line: String) -> String {
    const MARKS: [&str; 2] = ["pressrun_asked_for(", "pressrun_converted("];
    while let Some((start, mark)) = MARKS.iter().find_map(|mark| line.find(mark).map(|start| (start, mark))) {
        let inner = start + mark.len();
        let mut depth = 1_usize;
        let end = line.get(inner..).and_then(|rest| {
            rest.char_indices().find_map(|(at, letter)| {
                match letter {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                (depth == 0).then_some(inner + at)
            })
        });
        if let Some(end) = end {
            line.remove(end);
        }
        line.replace_range(start..inner, "");
    }
    line
}

fn shortened(line: String) -> String {
    if line.chars().count() > LONGEST { line.chars().take(LONGEST).chain(['…']).collect() } else { line }
}

#[cfg(test)]
mod tests;

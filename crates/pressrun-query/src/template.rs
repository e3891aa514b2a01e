//! A tile's SQL template → SQL with numbered placeholders.
//!
//! Templates are Jinja with two functions and nothing else: no variables, no filters, no includes, and a bound on the work.
//!
//! - `{{ filter('region', 'o.region') }}`: the predicate of a dashboard filter on an SQL expression, or `true` when the
//!   filter restricts nothing.
//! - `{{ filter(['region', 'country'], 'o.region') }}`: several filters on one expression, joined by *or* (F8); those that
//!   restrict nothing are left out, and when none restricts, `true`. Filters on different expressions are joined by
//!   whatever the SQL says, usually `and`.
//! - `{{ user_attribute('region', 'o.region') }}`: whether the expression is one of the values that the run's identity has
//!   for an attribute; without values no row passes, not even through a `not` (P1).
//!
//! Every value becomes a placeholder. After rendering the SQL is split into tokens, so that a call inside a comment or a
//! quoted text counts for nothing: it binds no value, and [`references`] does not list it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::sql::sqlparser::dialect::{Dialect as SqlDialect, GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use pressrun_domain::audience::Identity;
use pressrun_domain::id::FilterKey;

use crate::compile::{CompileError, EffectiveFilters, References, ResolvedClock};
use crate::filter::{self, Predicate};
use crate::limits::MAX_SQL_BYTES;
use crate::param::{Dialect, MARKER, Param, Params};

/// Work units of a template; each instruction costs one.
const FUEL: u64 = 100_000;

/// What `sql` asks for, whatever the values.
///
/// # Errors
/// [`CompileError`] when the template or its SQL cannot be read.
pub fn references(sql: &str) -> Result<References, CompileError> {
    enum Asked {
        Filters(Vec<String>),
        Attribute(String),
    }
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let record = |asked: &Arc<Mutex<Vec<Asked>>>, what: Asked| {
        let mut asked = lock(asked);
        asked.push(what);
        format!("({MARKER}{})", asked.len())
    };
    let (filters, attributes) = (Arc::clone(&asked), Arc::clone(&asked));
    let text =
        run(sql, move |keys, _| Ok(record(&filters, Asked::Filters(keys))), move |name, _| Ok(record(&attributes, Asked::Attribute(name))))
            .map_err(|error| template_error(&error))?;
    let (_, used) = number(&text, &GenericDialect {})?;
    let mut references = References::default();
    let asked = lock(&asked);
    for at in used {
        match asked.get(at) {
            Some(Asked::Filters(keys)) => references.filters.extend(keys.iter().map(|key| FilterKey(key.clone()))),
            Some(Asked::Attribute(name)) => {
                references.attributes.insert(name.clone());
            }
            None => {}
        }
    }
    Ok(references)
}

/// Renders a tile's template; the second value holds what the placeholders stand for.
pub(crate) fn render(
    sql: &str,
    filters: &EffectiveFilters,
    identity: &Identity,
    clock: &ResolvedClock,
    dialect: Dialect,
) -> Result<(String, Vec<Param>), CompileError> {
    struct State {
        params: Params,
        failure: Option<CompileError>,
    }
    let state = Arc::new(Mutex::new(State { params: Params::default(), failure: None }));
    let write = {
        let state = Arc::clone(&state);
        move |predicate: Result<Predicate, CompileError>, expression: &str| {
            let mut state = lock(&state);
            match predicate {
                Ok(predicate) => Ok(format!("({})", predicate.sql(expression, dialect, &mut state.params))),
                Err(error) => {
                    state.failure = Some(error);
                    Err(Error::new(ErrorKind::InvalidOperation, "filter"))
                }
            }
        }
    };
    let (filters, filter_identity, filter_clock) = (filters.clone(), identity.clone(), clock.clone());
    let (write_attribute, identity) = (write.clone(), identity.clone());
    let rendered = run(
        sql,
        move |keys, expression| write(any_of(&keys, &filters, &filter_identity, &filter_clock), &expression),
        move |name, expression| write_attribute(Ok(filter::attribute(identity.values(&name))), &expression),
    );
    let mut state = lock(&state);
    if let Some(failure) = state.failure.take() {
        return Err(failure);
    }
    let text = rendered.map_err(|error| template_error(&error))?;
    let reader: &dyn SqlDialect = if dialect == Dialect::Postgres { &PostgreSqlDialect {} } else { &GenericDialect {} };
    let (mut sql, used) = number(&text, reader)?;
    let mut params: Vec<Param> = used.iter().filter_map(|at| state.params.0.get(*at).cloned()).collect();
    if dialect == Dialect::Postgres {
        sql = fix_clock(&sql, &mut params, clock)?;
    }
    Ok((sql, params))
}

/// The filters `keys` joined by *or*; those that restrict nothing are left out (F5, F8).
fn any_of(keys: &[String], filters: &EffectiveFilters, identity: &Identity, clock: &ResolvedClock) -> Result<Predicate, CompileError> {
    let mut parts = Vec::with_capacity(keys.len());
    for key in keys {
        let entry = filters
            .get(key)
            .ok_or_else(|| CompileError::UnknownFilter { key: key.clone(), known: filters.keys().map(ToString::to_string).collect() })?;
        let Some(expression) = &entry.expression else {
            continue;
        };
        let failed = |source| CompileError::Filter { key: FilterKey(key.clone()), source };
        let parsed = filter::parse(entry.definition.kind, expression).map_err(failed)?;
        parts.push(filter::resolve(&parsed, clock, identity).map_err(failed)?);
    }
    parts.retain(|part| *part != Predicate::True);
    Ok(if parts.is_empty() { Predicate::True } else { Predicate::either(parts) })
}

fn run(
    source: &str,
    filter: impl Fn(Vec<String>, String) -> Result<String, Error> + Send + Sync + 'static,
    attribute: impl Fn(String, String) -> Result<String, Error> + Send + Sync + 'static,
) -> Result<String, Error> {
    if source.len() > MAX_SQL_BYTES {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("it is longer than {MAX_SQL_BYTES} bytes")));
    }
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(32);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_function("filter", move |keys: Value, expression: Value| {
        let keys = match keys.kind() {
            ValueKind::String => vec![string(&keys, "the key of filter()")?],
            ValueKind::Seq => keys.try_iter()?.map(|key| string(&key, "a key of filter()")).collect::<Result<_, _>>()?,
            _ => {
                return Err(Error::new(ErrorKind::InvalidOperation, "the key of filter() has to be text or a list of text"));
            }
        };
        filter(keys, sql_expression(&expression, "filter")?)
    });
    environment.add_function("user_attribute", move |name: Value, expression: Value| {
        attribute(string(&name, "the name of user_attribute()")?, sql_expression(&expression, "user_attribute")?)
    });
    environment.render_str(source, ())
}

fn string(value: &Value, what: &str) -> Result<String, Error> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{what} has to be text in quotes")))
}

fn sql_expression(value: &Value, function: &str) -> Result<String, Error> {
    let text = string(value, &format!("the expression of {function}()"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("the expression of {function}() is empty")));
    }
    Ok(text.to_owned())
}

/// Numbers the markers in order of their first use; the second value maps each number to its marker, from 0.
fn number(text: &str, dialect: &dyn SqlDialect) -> Result<(String, Vec<usize>), CompileError> {
    if text.len() > MAX_SQL_BYTES {
        return Err(CompileError::TooLong { length: text.len() });
    }
    let mut sql = String::with_capacity(text.len());
    let mut copied = 0;
    let mut used: Vec<usize> = Vec::new();
    for (token, range) in located(text, dialect)? {
        let Token::Placeholder(name) = token else { continue };
        let marker = name.strip_prefix(MARKER).and_then(|at| at.parse::<usize>().ok()).and_then(|at| at.checked_sub(1));
        let Some(marker) = marker else { return Err(CompileError::Placeholder(name)) };
        let place = used.iter().position(|seen| *seen == marker).unwrap_or_else(|| {
            used.push(marker);
            used.len() - 1
        });
        sql.push_str(&text[copied..range.start]);
        sql.push('$');
        sql.push_str(&(place + 1).to_string());
        copied = range.start + name.len();
    }
    sql.push_str(&text[copied..]);
    Ok((sql, used))
}

/// The tokens of `text`, each with its place in bytes.
fn located(text: &str, dialect: &dyn SqlDialect) -> Result<Vec<(Token, std::ops::Range<usize>)>, CompileError> {
    let tokens = Tokenizer::new(dialect, text).tokenize_with_location().map_err(|error| CompileError::Sql(error.to_string()))?;
    let mut chars = text.char_indices();
    let mut next = chars.next();
    let (mut line, mut column) = (1u64, 1u64);
    let mut starts = Vec::with_capacity(tokens.len() + 1);
    for token in &tokens {
        while let Some((_, c)) = next
            && (line, column) < (token.span.start.line, token.span.start.column)
        {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            next = chars.next();
        }
        starts.push(next.map_or(text.len(), |(at, _)| at));
    }
    starts.push(text.len());
    let ranges = starts.windows(2).map(|pair| pair[0]..pair[1]).collect::<Vec<_>>();
    Ok(tokens.into_iter().map(|token| token.token).zip(ranges).collect())
}

/// Replaces the clock's words by the run's instant (Q5): a server's clock cannot be set.
///
/// What they are inside views and functions of the server stays the server's own.
fn fix_clock(sql: &str, params: &mut Vec<Param>, clock: &ResolvedClock) -> Result<String, CompileError> {
    let tokens = located(sql, &PostgreSqlDialect {})?;
    let solid: Vec<_> = tokens.iter().filter(|(token, _)| !matches!(token, Token::Whitespace(_))).collect();
    let today = clock.at.to_zoned_datetime(clock.zone.clone()).date();
    let (mut fixed, mut copied) = (String::with_capacity(sql.len()), 0);
    let (mut instant, mut day) = (None, None);
    for (at, (token, range)) in solid.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let before = at.checked_sub(1).and_then(|at| solid.get(at)).map(|(token, _)| token);
        // A name: `t.now`, `… as current_date`, "now".
        let is_name = word.quote_style.is_some()
            || matches!(before, Some(Token::Period))
            || matches!(before, Some(Token::Word(before)) if before.value.eq_ignore_ascii_case("as"));
        if is_name {
            continue;
        }
        let called = |offset: usize| match (solid.get(at + offset), solid.get(at + offset + 1)) {
            (Some((Token::LParen, _)), Some((Token::RParen, end))) => Some(end.start + 1),
            _ => None,
        };
        // `current_timestamp(3)`: the precision goes, microseconds stay.
        let precise = match (solid.get(at + 1), solid.get(at + 2), solid.get(at + 3)) {
            (Some((Token::LParen, _)), Some((Token::Number(..), _)), Some((Token::RParen, end))) => end.start + 1,
            _ => range.start + word.value.len(),
        };
        let (end, cast) = match word.value.to_ascii_lowercase().as_str() {
            "now" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" => match called(1) {
                Some(end) => (end, "::timestamptz"),
                None => continue,
            },
            "current_timestamp" => (precise, "::timestamptz"),
            // To the session's zone, which is the query zone.
            "localtimestamp" => (precise, "::timestamptz::timestamp"),
            "current_time" => (precise, "::timestamptz::timetz"),
            "localtime" => (precise, "::timestamptz::time"),
            "current_date" => (range.start + word.value.len(), "::date"),
            _ => continue,
        };
        let (place, value) = if cast == "::date" { (&mut day, Param::Date(today)) } else { (&mut instant, Param::Instant(clock.at)) };
        let place = *place.get_or_insert_with(|| {
            params.push(value);
            params.len()
        });
        fixed.push_str(&sql[copied..range.start]);
        fixed.push('$');
        fixed.push_str(&place.to_string());
        fixed.push_str(cast);
        copied = end;
    }
    fixed.push_str(&sql[copied..]);
    Ok(fixed)
}

fn template_error(error: &Error) -> CompileError {
    let reason = match error.kind() {
        ErrorKind::OutOfFuel => "it does too much work".to_owned(),
        ErrorKind::UnknownFunction => "only filter() and user_attribute() can be called".to_owned(),
        ErrorKind::UndefinedError => "templates have no variables, only filter() and user_attribute()".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), ToOwned::to_owned),
    };
    CompileError::Template { line: error.line(), reason }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every key of `filters` that `sql` does not apply (F7).
///
/// # Errors
/// As [`references`].
pub fn unapplied(sql: &str, filters: &EffectiveFilters) -> Result<BTreeSet<FilterKey>, CompileError> {
    let used = references(sql)?.filters;
    Ok(filters.keys().filter(|key| !used.contains(*key)).cloned().collect())
}

#[cfg(test)]
mod tests;

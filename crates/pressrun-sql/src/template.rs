//! A tile's SQL template → SQL with numbered placeholders.
//!
//! Templates are Jinja with three functions and nothing else: no variables, no filters, no includes, and a bound on the work.
//!
//! - `{{ filter('region', 'o.region') }}`: the predicate of a dashboard filter on an SQL expression, or `true` when the
//!   filter restricts nothing.
//! - `{{ filter(['region', 'country'], 'o.region') }}`: several filters on one expression, joined by *or* (F8); those that
//!   restrict nothing are left out, and when none restricts, `true`. Filters on different expressions are joined by
//!   whatever the SQL says, usually `and`.
//! - `{{ user_attribute('region', 'o.region') }}`: whether the expression is one of the values that the run's identity has
//!   for an attribute; without values no row passes, not even through a `not` (P1).
//! - `{{ control('metric') }}`: the piece of SQL that the dashboard's author declared for what the control is set to (F9).
//!   Whoever sets it chooses among those pieces and adds nothing.
//!
//! A tile may say that it applies a filter to another expression, or not at all (F7); that goes before what its SQL says.
//!
//! Every value becomes a placeholder. After rendering the SQL is split into tokens, so that a call inside a comment or a
//! quoted text counts for nothing: it binds no value, and [`references`] does not list it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterKind, FilterMapping, QueryTile};
use pressrun_domain::id::FilterKey;
use sqlparser::dialect::{Dialect as SqlDialect, GenericDialect, PostgreSqlDialect};
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::compile::{CompileError, EffectiveFilters, References, ResolvedClock};
use crate::filter::{self, Predicate, Setting};
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
    let functions = Functions {
        filter: move |keys: Vec<String>, _: String| Ok(record(&filters, Asked::Filters(keys))),
        attribute: move |name: String, _: String| Ok(record(&attributes, Asked::Attribute(name))),
        // Whatever it is set to: only the other two are asked for.
        control: |_: String| Ok("1".to_owned()),
    };
    let text = run(sql, functions).map_err(|error| template_error(&error))?;
    let asked = lock(&asked);
    let (_, used) = number(&text, &GenericDialect {}, asked.len())?;
    let mut references = References::default();
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
    tile: &QueryTile,
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
    // What went wrong says more than an error of the template can carry.
    let kept = {
        let state = Arc::clone(&state);
        move |result: Result<String, CompileError>| {
            result.map_err(|error| {
                lock(&state).failure = Some(error);
                Error::new(ErrorKind::InvalidOperation, "filter")
            })
        }
    };
    let (of_filters, of_attributes, of_controls) = (kept.clone(), kept.clone(), kept);
    let (filter_state, attribute_state) = (Arc::clone(&state), Arc::clone(&state));
    let scope = Scope { mappings: tile.filters.clone(), filters: filters.clone(), identity: identity.clone(), clock: clock.clone() };
    let (attribute_identity, controls) = (identity.clone(), filters.clone());
    let functions = Functions {
        filter: move |keys: Vec<String>, expression: String| {
            let sql = scope.any_of(&keys, &expression, dialect, &mut lock(&filter_state).params);
            of_filters(sql)
        },
        attribute: move |name: String, expression: String| {
            let predicate = filter::attribute(attribute_identity.values(&name));
            let sql = predicate.sql(&expression, dialect, &mut lock(&attribute_state).params);
            of_attributes(Ok(format!("({sql})")))
        },
        control: move |key: String| of_controls(chosen(&key, &controls)),
    };
    let rendered = run(&tile.sql, functions);
    let mut state = lock(&state);
    if let Some(failure) = state.failure.take() {
        return Err(failure);
    }
    let text = rendered.map_err(|error| template_error(&error))?;
    let (mut sql, used) = number(&text, dialect.lexer(), state.params.0.len())?;
    let mut params: Vec<Param> = used.iter().filter_map(|at| state.params.0.get(*at).cloned()).collect();
    if dialect == Dialect::Postgres {
        sql = fix_clock(&sql, &mut params, clock)?;
    }
    Ok((sql, params))
}

/// What decides the predicates of a tile's filters.
struct Scope {
    mappings: IndexMap<FilterKey, FilterMapping>,
    filters: EffectiveFilters,
    identity: Identity,
    clock: ResolvedClock,
}

impl Scope {
    /// The filters `keys` joined by *or*; those that restrict nothing are left out (F5, F8), and so are those that the tile
    /// leaves out (F7).
    fn any_of(&self, keys: &[String], expression: &str, dialect: Dialect, params: &mut Params) -> Result<String, CompileError> {
        let mut by_expression: IndexMap<&str, Vec<Predicate>> = IndexMap::new();
        for key in keys {
            let entry = self.filters.get(key).filter(|entry| entry.definition.kind != FilterKind::Control);
            let entry = entry.ok_or_else(|| CompileError::UnknownFilter { key: key.clone(), known: names(self.filters.keys()) })?;
            let expression = match self.mappings.get(key.as_str()) {
                None => expression,
                Some(FilterMapping::Off) => continue,
                Some(FilterMapping::To(other)) => other.as_str(),
            };
            let Some(value) = &entry.expression else { continue };
            let failed = |source| CompileError::Filter { key: FilterKey(key.clone()), source };
            let parsed = filter::parse(entry.definition.kind, value).map_err(failed)?;
            let predicate = filter::resolve(&parsed, &self.clock, &self.identity).map_err(failed)?;
            if predicate != Predicate::True {
                by_expression.entry(expression).or_default().push(predicate);
            }
        }
        let parts: Vec<String> = by_expression
            .into_iter()
            .map(|(expression, predicates)| format!("({})", Predicate::either(predicates).sql(expression, dialect, params)))
            .collect();
        Ok(match parts.as_slice() {
            [] => "(true)".to_owned(),
            [one] => one.clone(),
            _ => format!("({})", parts.join(" or ")),
        })
    }
}

/// The piece of SQL that a control is set to (F9).
fn chosen(key: &str, filters: &EffectiveFilters) -> Result<String, CompileError> {
    let entry = filters.get(key).filter(|entry| entry.definition.kind == FilterKind::Control);
    let entry = entry.ok_or_else(|| CompileError::UnknownControl { key: key.to_owned(), known: names(filters.controls()) })?;
    match Setting::of(&entry.definition, entry.expression.as_ref()) {
        Setting::Chosen(_, option) => Ok(option.sql.clone()),
        Setting::Undeclared(given) => {
            Err(CompileError::Control { key: FilterKey(key.to_owned()), given, known: entry.definition.options.keys().cloned().collect() })
        }
    }
}

fn names<'a>(keys: impl Iterator<Item = &'a FilterKey>) -> Vec<String> {
    keys.map(ToString::to_string).collect()
}

/// The functions of a template.
struct Functions<F, A, C> {
    filter: F,
    attribute: A,
    control: C,
}

fn run<F, A, C>(source: &str, functions: Functions<F, A, C>) -> Result<String, Error>
where
    F: Fn(Vec<String>, String) -> Result<String, Error> + Send + Sync + 'static,
    A: Fn(String, String) -> Result<String, Error> + Send + Sync + 'static,
    C: Fn(String) -> Result<String, Error> + Send + Sync + 'static,
{
    let Functions { filter, attribute, control } = functions;
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
    environment.add_function("control", move |key: Value| control(string(&key, "the key of control()")?));
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

/// Numbers the markers, of which `bound` were given out, in order of their first use; the second value maps each number to its
/// marker, from 0.
fn number(text: &str, dialect: &dyn SqlDialect, bound: usize) -> Result<(String, Vec<usize>), CompileError> {
    if text.len() > MAX_SQL_BYTES {
        return Err(CompileError::TooLong { length: text.len() });
    }
    let mut sql = String::with_capacity(text.len());
    let mut copied = 0;
    let mut used: Vec<usize> = Vec::new();
    for (token, range) in located(text, dialect)? {
        let Token::Placeholder(name) = token else { continue };
        let marker = name.strip_prefix(MARKER).and_then(|at| at.parse::<usize>().ok()).and_then(|at| at.checked_sub(1));
        // One that we gave out: a tile may write the word itself.
        let Some(marker) = marker.filter(|marker| *marker < bound) else { return Err(CompileError::Placeholder(name)) };
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
        ErrorKind::UnknownFunction => "only filter(), user_attribute() and control() can be called".to_owned(),
        ErrorKind::UndefinedError => "templates have no variables, only filter(), user_attribute() and control()".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), ToOwned::to_owned),
    };
    CompileError::Template { line: error.line(), reason }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every filter of the dashboard that `tile` does not apply, but for those that it leaves out on purpose (F7).
///
/// # Errors
/// As [`references`].
pub fn unapplied(tile: &QueryTile, filters: &EffectiveFilters) -> Result<BTreeSet<FilterKey>, CompileError> {
    let used = references(&tile.sql)?.filters;
    let off = |key: &FilterKey| tile.filters.get(key) == Some(&FilterMapping::Off);
    Ok(filters.keys().filter(|key| !used.contains(*key) && !off(key)).cloned().collect())
}

#[cfg(test)]
mod tests;

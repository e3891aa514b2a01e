//! A tile's SQL template → SQL with numbered placeholders, in one reading.
//!
//! Templates are Jinja with three functions and nothing else; see [`crate::sandbox`].
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
//! **Theory of operation.** A call of `filter` or `user_attribute` leaves a marker, which is the same whatever the values are, so
//! that no template can look at them. The text is then split into tokens: a marker inside a comment or a quoted text counts for
//! nothing. What the others ask for is the [`References`] of the tile, and the same list is what [`Reading::write`] turns into
//! predicates: the two cannot disagree. Last, the words of the server's clock get the run's instant, and every value a placeholder.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use minijinja::{Error, ErrorKind};
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::{FilterKind, FilterMapping, QueryTile};
use pressrun_domain::id::FilterKey;
use sqlparser::tokenizer::Token;

use crate::compile::{CompileError, EffectiveFilters, References, ResolvedClock};
use crate::dialect::{self, Dialect, Rules};
use crate::edits::{Edit, Edited};
use crate::filter::{self, Filter, Predicate, Setting};
use crate::limits::MAX_SQL_BYTES;
use crate::markers::{self, Located, located};
use crate::origin;
use crate::param::{Param, Params};
use crate::sandbox::{self, Calls};

/// Calls inside the expressions of calls.
const MAX_NESTING: usize = 8;

/// What a call of a template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    Filters { keys: Vec<FilterKey>, expression: String },
    Attribute { name: String, expression: String },
}

/// Takes down the calls of a template.
struct Recorder {
    calls: Mutex<Vec<Call>>,
    filters: EffectiveFilters,
    failure: Mutex<Option<CompileError>>,
}

impl Recorder {
    fn new(filters: &EffectiveFilters) -> Self {
        Self { calls: Mutex::default(), filters: filters.clone(), failure: Mutex::default() }
    }

    fn record(&self, call: Call) -> String {
        let mut calls = lock(&self.calls);
        calls.push(call);
        format!("({})", markers::marker(calls.len()))
    }
}

impl Calls for Recorder {
    fn filter(&self, keys: Vec<String>, expression: String) -> Result<String, Error> {
        Ok(self.record(Call::Filters { keys: keys.into_iter().map(FilterKey).collect(), expression }))
    }

    fn attribute(&self, name: String, expression: String) -> Result<String, Error> {
        Ok(self.record(Call::Attribute { name, expression }))
    }

    fn control(&self, key: String) -> Result<String, Error> {
        chosen(&key, &self.filters).map_err(|error| {
            // What went wrong says more than an error of the template can carry.
            *lock(&self.failure) = Some(error);
            Error::new(ErrorKind::InvalidOperation, "control")
        })
    }
}

/// A tile's template, read for one dialect and one setting of its filters; who looks and when is still open.
pub(crate) struct Reading<'a> {
    tile: &'a QueryTile,
    filters: &'a EffectiveFilters,
    dialect: Dialect,
    text: String,
    tokens: Vec<Located>,
    calls: Vec<Call>,
    parsed: HashMap<FilterKey, Filter>,
    /// What its SQL asks for.
    pub(crate) references: References,
}

/// SQL that is ready to run.
pub(crate) struct Written {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
    /// Words of the server's clock for which nothing could be put, with their bytes in the text of the reading.
    pub(crate) clocks: Vec<(&'static str, usize)>,
    steps: Vec<Edited>,
}

impl<'a> Reading<'a> {
    /// Renders the template of `tile`, and finds what it asks for.
    ///
    /// # Errors
    /// [`CompileError`]; nothing is taken for "asks for nothing".
    pub(crate) fn new(tile: &'a QueryTile, filters: &'a EffectiveFilters, dialect: Dialect) -> Result<Self, CompileError> {
        let recorder = Arc::new(Recorder::new(filters));
        let rendered = sandbox::run(&tile.sql, Arc::clone(&recorder));
        if let Some(failure) = lock(&recorder.failure).take() {
            return Err(failure);
        }
        let text = rendered.map_err(|error| template_error(&error))?;
        if text.len() > MAX_SQL_BYTES {
            return Err(CompileError::TooLong { length: text.len() });
        }
        let tokens = located(&text, dialect.rules().lexer())?;
        let calls = std::mem::take(&mut *lock(&recorder.calls));
        let mut reading = Self { tile, filters, dialect, text, tokens, calls, parsed: HashMap::new(), references: References::default() };
        let used = reading.used(&reading.tokens)?;
        for at in used {
            reading.ask(at, 0)?;
        }
        Ok(reading)
    }

    /// The calls whose markers are among `tokens`.
    fn used(&self, tokens: &[Located]) -> Result<Vec<usize>, CompileError> {
        let mut used = Vec::new();
        for (token, _) in tokens {
            let Token::Placeholder(name) = token else { continue };
            // One that was given out: a tile may write the word itself.
            match markers::number(name).filter(|at| *at < self.calls.len()) {
                Some(at) => used.push(at),
                None => return Err(CompileError::Placeholder(name.clone())),
            }
        }
        Ok(used)
    }

    /// Notes what the call `at` asks for, also through the calls in its expression.
    fn ask(&mut self, at: usize, depth: usize) -> Result<(), CompileError> {
        if depth > MAX_NESTING {
            return Err(CompileError::Nested);
        }
        let Some(call) = self.calls.get(at).cloned() else { return Ok(()) };
        let expressions = match call {
            Call::Attribute { name, expression } => {
                self.references.attributes.insert(name);
                vec![expression]
            }
            Call::Filters { keys, expression } => {
                let mut expressions = Vec::new();
                for key in keys {
                    if let Some(expression) = self.ask_filter(&key, &expression)? {
                        expressions.push(expression);
                    }
                    self.references.filters.insert(key);
                }
                expressions
            }
        };
        for expression in expressions {
            let nested = self.used(&located(&expression, self.dialect.rules().lexer())?)?;
            for at in nested {
                self.ask(at, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Reads the filter `key`; the expression that it is applied to, unless the tile leaves it out (F7).
    fn ask_filter(&mut self, key: &FilterKey, expression: &str) -> Result<Option<String>, CompileError> {
        let entry = self.filters.get(key.as_str()).filter(|entry| entry.definition.kind != FilterKind::Control);
        let entry = entry.ok_or_else(|| CompileError::UnknownFilter { key: key.0.clone(), known: names(self.filters.keys()) })?;
        let expression = match self.tile.filters.get(key) {
            None => expression.to_owned(),
            Some(FilterMapping::Off) => return Ok(None),
            Some(FilterMapping::To(other)) => other.clone(),
        };
        if let Some(value) = &entry.expression
            && !self.parsed.contains_key(key)
        {
            let failed = |source| CompileError::Filter { key: key.clone(), source };
            let parsed = filter::parse(entry.definition.kind, value).map_err(failed)?;
            parsed.attributes(&mut self.references.attributes);
            self.parsed.insert(key.clone(), parsed);
        }
        Ok(Some(expression))
    }

    /// The SQL for somebody at an instant.
    ///
    /// # Errors
    /// [`CompileError`].
    pub(crate) fn write(&self, identity: &Identity, clock: &ResolvedClock) -> Result<Written, CompileError> {
        let rules = self.dialect.rules();
        let mut writer = Writer { reading: self, rules, identity, clock, values: Vec::new() };
        let called = Edited::new(&self.text, writer.predicates(&self.tokens, 0)?);
        check_length(&called.text)?;
        let tokens = located(&called.text, rules.lexer())?;
        let (edits, clocks) = writer.clock_words(&tokens);
        let clocks = clocks.into_iter().map(|(word, at)| (word, called.back(at))).collect();
        let timed = Edited::new(&called.text, edits);
        let tokens = if timed.text == called.text { tokens } else { located(&timed.text, rules.lexer())? };
        let (edits, params) = writer.placeholders(&tokens)?;
        let numbered = Edited::new(&timed.text, edits);
        check_length(&numbered.text)?;
        Ok(Written { sql: numbered.text.clone(), params, clocks, steps: vec![called, timed, numbered] })
    }

    /// The rendered text, with markers for what depends on who looks.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The SQL expressions that predicates are put on, each with the byte of the rendered text where its predicate stands.
    pub(crate) fn expressions(&self) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        for (token, range) in &self.tokens {
            let Token::Placeholder(name) = token else { continue };
            let Some(call) = markers::number(name).and_then(|at| self.calls.get(at)) else { continue };
            let (Call::Attribute { expression, .. } | Call::Filters { expression, .. }) = call;
            let mapped = match call {
                Call::Attribute { .. } => Vec::new(),
                Call::Filters { keys, .. } => keys.iter().filter_map(|key| self.tile.filters.get(key)).collect(),
            };
            let others = mapped.iter().filter_map(|mapping| match mapping {
                FilterMapping::To(other) => Some(other.as_str()),
                FilterMapping::Off => None,
            });
            found.extend(std::iter::once(expression.as_str()).chain(others).map(|expression| (expression, range.start)));
        }
        found
    }

    /// Where the byte `at` of the rendered text stands in the template: line and column in characters, both from 1.
    pub(crate) fn place(&self, at: usize) -> Option<(usize, usize)> {
        place(self.tile, self.filters, at)
    }
}

impl Written {
    /// The SQL with markers for its values, as our parsers read it in every dialect.
    pub(crate) fn with_markers(&self) -> &str {
        self.steps.get(1).map_or(self.sql.as_str(), |step| step.text.as_str())
    }

    /// The byte of the rendered text that became the byte `at` of [`Written::with_markers`].
    pub(crate) fn back_from_markers(&self, at: usize) -> usize {
        self.steps.iter().take(2).rev().fold(at, |at, step| step.back(at))
    }

    /// The byte of the rendered text that became the byte `at` of the SQL.
    pub(crate) fn back(&self, at: usize) -> usize {
        self.steps.iter().rev().fold(at, |at, step| step.back(at))
    }
}

fn check_length(text: &str) -> Result<(), CompileError> {
    if text.len() > MAX_SQL_BYTES { Err(CompileError::TooLong { length: text.len() }) } else { Ok(()) }
}

/// Turns a reading into SQL.
struct Writer<'a> {
    reading: &'a Reading<'a>,
    rules: &'static dyn Rules,
    identity: &'a Identity,
    clock: &'a ResolvedClock,
    values: Vec<Param>,
}

impl Writer<'_> {
    /// Puts the predicate of each call for its marker, with markers for its values.
    fn predicates(&mut self, tokens: &[Located], depth: usize) -> Result<Vec<Edit>, CompileError> {
        if depth > MAX_NESTING {
            return Err(CompileError::Nested);
        }
        let (reading, mut edits) = (self.reading, Vec::new());
        for (token, range) in tokens {
            let Token::Placeholder(name) = token else { continue };
            let Some(call) = markers::number(name).and_then(|at| reading.calls.get(at)) else { continue };
            let text = match call {
                Call::Attribute { name, expression } => {
                    let expression = self.expand(expression, depth)?;
                    self.sql(&filter::attribute(self.identity.values(name)), &expression)
                }
                Call::Filters { keys, expression } => self.any_of(keys, expression, depth)?,
            };
            edits.push(Edit { range: range.start..range.start + name.len(), text });
        }
        Ok(edits)
    }

    /// An expression with the calls inside it written out.
    fn expand(&mut self, expression: &str, depth: usize) -> Result<String, CompileError> {
        if !expression.contains(markers::MARKER) {
            return Ok(expression.to_owned());
        }
        let tokens = located(expression, self.rules.lexer())?;
        Ok(Edited::new(expression, self.predicates(&tokens, depth + 1)?).text)
    }

    /// The filters `keys` joined by *or*; those that restrict nothing are left out (F5, F8), and so are those that the tile
    /// leaves out (F7).
    fn any_of(&mut self, keys: &[FilterKey], expression: &str, depth: usize) -> Result<String, CompileError> {
        let reading = self.reading;
        let mut by_expression: IndexMap<&str, Vec<Predicate>> = IndexMap::new();
        for key in keys {
            let expression = match reading.tile.filters.get(key) {
                None => expression,
                Some(FilterMapping::Off) => continue,
                Some(FilterMapping::To(other)) => other.as_str(),
            };
            let Some(parsed) = reading.parsed.get(key) else { continue };
            let failed = |source| CompileError::Filter { key: key.clone(), source };
            let predicate = filter::resolve(parsed, self.clock, self.identity).map_err(failed)?;
            if predicate != Predicate::True {
                by_expression.entry(expression).or_default().push(predicate);
            }
        }
        let mut parts = Vec::new();
        for (expression, predicates) in by_expression {
            let expression = self.expand(expression, depth)?;
            parts.push(self.sql(&Predicate::either(predicates), &expression));
        }
        Ok(match parts.len() {
            0 => self.rules.truth(true).to_owned(),
            1 => parts.remove(0),
            _ => parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" or "),
        })
    }

    /// The predicate on `expression`; its values get markers behind those of the calls.
    fn sql(&mut self, predicate: &Predicate, expression: &str) -> String {
        let mut params = Params::after(self.reading.calls.len() + self.values.len());
        let sql = predicate.sql(expression, self.rules, &mut params);
        self.values.append(&mut params.values);
        sql
    }

    /// The run's instant for the words that read the server's clock, and nothing for a semicolon at the end; then the words for which
    /// nothing can stand.
    fn clock_words(&mut self, tokens: &[Located]) -> (Vec<Edit>, Vec<(&'static str, usize)>) {
        let (mut edits, mut unknown) = (Vec::new(), Vec::new());
        let (mut instant, mut day) = (None, None);
        let first = self.reading.calls.len();
        for spotted in dialect::spot(tokens, self.rules.clock_words()) {
            let Some(mut text) = spotted.means else {
                unknown.push((spotted.word, spotted.range.start));
                continue;
            };
            let today = self.clock.at.to_zoned_datetime(self.clock.zone.clone()).date();
            for (sign, place, value) in [("{at}", &mut instant, Param::Instant(self.clock.at)), ("{day}", &mut day, Param::Date(today))] {
                if text.contains(sign) {
                    let number = *place.get_or_insert_with(|| {
                        self.values.push(value.clone());
                        first + self.values.len()
                    });
                    text = text.replace(sign, &self.rules.typed(&markers::marker(number), &value));
                }
            }
            edits.push(Edit { range: spotted.range, text });
        }
        edits.extend(ends(tokens).map(|range| Edit { range, text: String::new() }));
        edits.sort_by_key(|edit| edit.range.start);
        (edits, unknown)
    }

    /// Numbered placeholders for the markers, in order of their first use, and the values in that order.
    fn placeholders(&self, tokens: &[Located]) -> Result<(Vec<Edit>, Vec<Param>), CompileError> {
        let (mut edits, mut params) = (Vec::new(), Vec::new());
        let mut numbers: HashMap<usize, usize> = HashMap::new();
        for (token, range) in tokens {
            let Token::Placeholder(name) = token else { continue };
            let value = markers::number(name).and_then(|at| at.checked_sub(self.reading.calls.len()));
            let Some((at, value)) = value.and_then(|at| Some((at, self.values.get(at)?))) else {
                return Err(CompileError::Placeholder(name.clone()));
            };
            let known = numbers.get(&at).copied().filter(|_| self.rules.placeholders_repeat());
            let number = known.unwrap_or_else(|| {
                params.push(value.clone());
                numbers.insert(at, params.len());
                params.len()
            });
            edits.push(Edit { range: range.start..range.start + name.len(), text: self.rules.placeholder(number, value) });
        }
        Ok((edits, params))
    }
}

/// The semicolons behind the last word: a statement that is put into another must not end there.
fn ends(tokens: &[Located]) -> impl Iterator<Item = Range<usize>> {
    let solid = tokens.iter().rev().filter(|(token, _)| !matches!(token, Token::Whitespace(_) | Token::EOF));
    solid.take_while(|(token, _)| matches!(token, Token::SemiColon)).map(|(_, range)| range.start..range.start + 1)
}

/// The piece of SQL that a control is set to (F9).
fn chosen(key: &str, filters: &EffectiveFilters) -> Result<String, CompileError> {
    let entry = filters.get(key).filter(|entry| entry.definition.kind == FilterKind::Control);
    let entry = entry.ok_or_else(|| CompileError::UnknownControl { key: key.to_owned(), known: names(filters.controls()) })?;
    match Setting::of(&entry.definition, entry.expression.as_ref()) {
        Setting::Chosen(_, option) => Ok(option.sql.clone()),
        // Whoever knows the key of a hidden one, and writes it into the address of a page, is not told more of it (F11).
        Setting::Undeclared(given) if entry.definition.hidden => Err(CompileError::HiddenControl { key: FilterKey(key.to_owned()), given }),
        Setting::Undeclared(given) => {
            Err(CompileError::Control { key: FilterKey(key.to_owned()), given, known: entry.definition.options.keys().cloned().collect() })
        }
    }
}

fn names<'a>(keys: impl Iterator<Item = &'a FilterKey>) -> Vec<String> {
    keys.map(ToString::to_string).collect()
}

fn template_error(error: &Error) -> CompileError {
    CompileError::Template { line: error.line(), reason: sandbox::reason(error), hint: sandbox::hint(error) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text that the template of `tile` becomes, its markers unread.
fn rendered(tile: &QueryTile, filters: &EffectiveFilters) -> Option<String> {
    sandbox::run(&tile.sql, Arc::new(Recorder::new(filters))).ok()
}

/// Where the byte `at` of the rendered text stands in the template of `tile`: line and column, both from 1.
pub(crate) fn place(tile: &QueryTile, filters: &EffectiveFilters, at: usize) -> Option<(usize, usize)> {
    origin::place(&tile.sql, &rendered(tile, filters)?, at, || Recorder::new(filters))
}

/// Where the placeholder `name` stands in the template of `tile`.
pub(crate) fn place_of(tile: &QueryTile, filters: &EffectiveFilters, dialect: Dialect, name: &str) -> Option<(usize, usize)> {
    let text = rendered(tile, filters)?;
    let tokens = located(&text, dialect.rules().lexer()).ok()?;
    let (_, range) = tokens.into_iter().find(|(token, _)| matches!(token, Token::Placeholder(found) if found == name))?;
    place(tile, filters, range.start)
}

/// What a tile's SQL asks for when its filters are set like this, whoever looks and whenever.
///
/// # Errors
/// [`CompileError`]: the tile cannot be run either.
pub fn references(tile: &QueryTile, filters: &EffectiveFilters, dialect: Dialect) -> Result<References, CompileError> {
    Reading::new(tile, filters, dialect).map(|reading| reading.references)
}

/// Every filter of the dashboard that `tile` does not apply, but for those that it leaves out on purpose (F7).
///
/// # Errors
/// As [`references`].
pub fn unapplied(tile: &QueryTile, filters: &EffectiveFilters, dialect: Dialect) -> Result<BTreeSet<FilterKey>, CompileError> {
    let used = references(tile, filters, dialect)?.filters;
    let off = |key: &FilterKey| tile.filters.get(key) == Some(&FilterMapping::Off);
    Ok(filters.keys().filter(|key| !used.contains(*key) && !off(key)).cloned().collect())
}

#[cfg(test)]
mod tests;

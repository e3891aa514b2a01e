//! What stands for a call or a value while a template becomes SQL, and where the words and signs of a text are.

use std::ops::Range;

use sqlparser::dialect::Dialect as SqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::compile::CompileError;

/// What stands before the number of a marker. A tile's own `$1` is told from it.
pub(crate) const MARKER: &str = "$pressrun_";

/// The marker of this number, from 1.
pub(crate) fn marker(number: usize) -> String {
    format!("{MARKER}{number}")
}

/// The number, from 0, of a placeholder that is a marker of ours.
pub(crate) fn number(placeholder: &str) -> Option<usize> {
    placeholder.strip_prefix(MARKER)?.parse::<usize>().ok()?.checked_sub(1)
}

/// A token with its place in bytes.
pub(crate) type Located = (Token, Range<usize>);

/// The tokens of `text`.
///
/// # Errors
/// [`CompileError::Sql`] with the place of what cannot be read.
pub(crate) fn located(text: &str, lexer: &dyn SqlDialect) -> Result<Vec<Located>, CompileError> {
    let tokens = Tokenizer::new(lexer, text)
        .tokenize_with_location()
        .map_err(|error| CompileError::Sql { at: offset(text, error.location.line, error.location.column), reason: error.message })?;
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
    Ok(tokens.into_iter().map(|token| as_placeholder(token.token)).zip(ranges).collect())
}

/// A marker is a placeholder also where the dialect takes it for a word, as MySQL's does.
fn as_placeholder(token: Token) -> Token {
    match token {
        Token::Word(word) if word.quote_style.is_none() && word.value.starts_with(MARKER) => Token::Placeholder(word.value),
        other => other,
    }
}

/// The byte at which line `line` and column `column` (in characters, both from 1) of `text` begin.
pub(crate) fn offset(text: &str, line: u64, column: u64) -> usize {
    let mut at = 0;
    for (number, full) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            let into = full.char_indices().nth(usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX));
            return at + into.map_or(full.len(), |(into, _)| into);
        }
        at += full.len();
    }
    text.len()
}

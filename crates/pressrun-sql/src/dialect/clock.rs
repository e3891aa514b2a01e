//! Finding the words that read a server's clock, so that the run's instant can stand for them (Q5).

use std::ops::Range;

use sqlparser::tokenizer::Token;

use super::{ClockForm, ClockWord};

/// A word of the clock in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spotted {
    /// The bytes that are replaced; empty where something is put between.
    pub(crate) range: Range<usize>,
    /// What stands for them; see [`ClockWord::means`]. `None` when nothing can: whether the server reads its clock there depends
    /// on a type that only the server knows.
    pub(crate) means: Option<String>,
    /// The word, for a message.
    pub(crate) word: &'static str,
}

/// Types whose literals may name a day instead of writing it.
const TYPES: [&str; 6] = ["date", "timestamp", "timestamptz", "time", "timetz", "datetime"];

/// Every word of `words` that reads the clock in the SQL of `tokens`, in order.
pub(crate) fn spot(tokens: &[(Token, Range<usize>)], words: &'static [ClockWord]) -> Vec<Spotted> {
    let solid: Vec<&(Token, Range<usize>)> = tokens.iter().filter(|(token, _)| !matches!(token, Token::Whitespace(_))).collect();
    let mut found = Vec::new();
    if words.is_empty() {
        return found;
    }
    let reader = Reader { solid: &solid };
    for (at, (token, _)) in solid.iter().enumerate() {
        match token {
            Token::Word(_) => found.extend(reader.name(at, words)),
            Token::SingleQuotedString(text) => found.extend(reader.literal(at, text, words)),
            _ => {}
        }
    }
    found
}

struct Reader<'a> {
    solid: &'a [&'a (Token, Range<usize>)],
}

impl Reader<'_> {
    fn token(&self, at: usize) -> Option<&Token> {
        self.solid.get(at).map(|(token, _)| token)
    }

    fn before(&self, at: usize, back: usize) -> Option<&Token> {
        at.checked_sub(back).and_then(|at| self.token(at))
    }

    fn start(&self, at: usize) -> usize {
        self.solid.get(at).map_or(0, |(_, range)| range.start)
    }

    fn end(&self, at: usize) -> usize {
        self.solid.get(at).map_or(0, |(_, range)| range.end)
    }

    fn is_word(token: Option<&Token>, word: &str) -> bool {
        matches!(token, Some(Token::Word(found)) if found.value.eq_ignore_ascii_case(word))
    }

    /// A name that is a word of the clock.
    fn name(&self, at: usize, words: &'static [ClockWord]) -> Option<Spotted> {
        let Some(Token::Word(name)) = self.token(at) else { return None };
        let quoted = name.quote_style.is_some();
        // A quoted name is what it is, to the letter.
        let is = |entry: &&ClockWord| if quoted { entry.word == name.value } else { entry.word.eq_ignore_ascii_case(&name.value) };
        let entry = words.iter().filter(|entry| !matches!(entry.form, ClockForm::Literal | ClockForm::Argument)).find(is)?;
        let calls = matches!(entry.form, ClockForm::Call | ClockForm::OneArgument);
        let of_system = matches!(self.before(at, 1), Some(Token::Period)) && Self::is_word(self.before(at, 2), "pg_catalog");
        // `t.now`, `… as current_date`, and a quoted name that is not called are columns.
        let is_column = (matches!(self.before(at, 1), Some(Token::Period)) && !(of_system && calls))
            || Self::is_word(self.before(at, 1), "as")
            || (quoted && !calls);
        if is_column {
            return None;
        }
        let first = if of_system { at - 2 } else { at };
        let replaced =
            |last: usize| Spotted { range: self.start(first)..self.end(last), means: Some(entry.means.to_owned()), word: entry.word };
        let opens = matches!(self.token(at + 1), Some(Token::LParen));
        match entry.form {
            ClockForm::Call if opens && matches!(self.token(at + 2), Some(Token::RParen)) => Some(replaced(at + 2)),
            ClockForm::Word => Some(replaced(at)),
            ClockForm::WordOrCall => Some(replaced(if opens && matches!(self.token(at + 2), Some(Token::RParen)) { at + 2 } else { at })),
            ClockForm::WordWithPrecision => {
                let precise =
                    opens && matches!(self.token(at + 2), Some(Token::Number(..))) && matches!(self.token(at + 3), Some(Token::RParen));
                // The precision goes, microseconds stay.
                Some(replaced(if precise { at + 3 } else { at }))
            }
            ClockForm::OneArgument if opens && self.has_one_argument(at + 1) => {
                let after = self.end(at + 1);
                Some(Spotted { range: after..after, means: Some(format!("{}, ", entry.means)), word: entry.word })
            }
            ClockForm::Call | ClockForm::OneArgument | ClockForm::Literal | ClockForm::Argument => None,
        }
    }

    /// Whether the parentheses that open at `at` hold one argument.
    fn has_one_argument(&self, at: usize) -> bool {
        if matches!(self.token(at + 1), Some(Token::RParen)) {
            return false;
        }
        let mut depth = 0_usize;
        for (token, _) in self.solid.iter().skip(at) {
            match token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => {
                    depth -= 1;
                    if depth == 0 {
                        return true;
                    }
                }
                Token::Comma if depth == 1 => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether the token at `at` is an argument of a function that takes a time.
    fn is_time_of_a_call(&self, at: usize) -> bool {
        const TAKE_TIMES: [&str; 7] = ["date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"];
        let mut depth = 0_usize;
        for back in 1..=at {
            match self.before(at, back) {
                Some(Token::RParen) => depth += 1,
                Some(Token::LParen) if depth > 0 => depth -= 1,
                Some(Token::LParen) => return TAKE_TIMES.iter().any(|name| Self::is_word(self.before(at, back + 1), name)),
                _ => {}
            }
        }
        false
    }

    /// A text that a date or time type takes for a word of the clock.
    fn literal(&self, at: usize, text: &str, words: &'static [ClockWord]) -> Option<Spotted> {
        let text = text.trim();
        let argument = words.iter().find(|entry| entry.form == ClockForm::Argument && entry.word.eq_ignore_ascii_case(text));
        if let Some(entry) = argument.filter(|_| self.is_time_of_a_call(at)) {
            return Some(Spotted { range: self.start(at)..self.end(at), means: Some(entry.means.to_owned()), word: entry.word });
        }
        let entry = words.iter().filter(|entry| entry.form == ClockForm::Literal).find(|entry| entry.word.eq_ignore_ascii_case(text))?;
        let is_type = |token: Option<&Token>| matches!(token, Some(Token::Word(word)) if TYPES.iter().any(|name| word.value.eq_ignore_ascii_case(name)));
        let means = |range: Range<usize>, means: String| Some(Spotted { range, means: Some(means), word: entry.word });
        let own = self.start(at)..self.end(at);
        if matches!(self.token(at + 1), Some(Token::DoubleColon)) && is_type(self.token(at + 2)) {
            return means(own, entry.means.to_owned());
        }
        if Self::is_word(self.token(at + 1), "as") && is_type(self.token(at + 2)) && matches!(self.before(at, 1), Some(Token::LParen)) {
            return means(own, entry.means.to_owned());
        }
        if is_type(self.before(at, 1))
            && let Some(Token::Word(word)) = self.before(at, 1)
        {
            return means(self.start(at - 1)..own.end, format!("{}::{}", entry.means, word.value.to_ascii_lowercase()));
        }
        // Compared with a date it is a word of the clock, compared with a text it is a text.
        let compared = |token: Option<&Token>| {
            matches!(token, Some(Token::Eq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq | Token::Neq | Token::Minus | Token::Plus))
                || Self::is_word(token, "between")
                || Self::is_word(token, "and")
        };
        (compared(self.before(at, 1)) || compared(self.token(at + 1))).then_some(Spotted { range: own, means: None, word: entry.word })
    }
}

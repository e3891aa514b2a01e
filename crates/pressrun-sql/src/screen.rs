//! What is refused before anything is planned: other statements, and SQL that would exhaust a recursive planner.

use sqlparser::ast::{SetExpr, Statement};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::dialect::Dialect;
use crate::limits::{MAX_SQL_BYTES, MAX_SQL_DEPTH, MAX_SQL_TOKENS};
use crate::markers;

/// Why SQL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenFault {
    /// It does not parse.
    Syntax,
    /// It is something else than one `SELECT`.
    Denied,
    /// It asks for what the engine cannot do.
    Unsupported,
    /// It is too long or nests too deeply.
    TooLarge,
}

/// SQL that is refused before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScreenError {
    /// Why.
    pub fault: ScreenFault,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to change.
    pub hint: Option<String>,
    /// Line and column (in characters), both from 1, where reading ended.
    pub at: Option<(u64, u64)>,
    /// Whether it is the parser that does not read on; otherwise no engine would.
    pub parser: bool,
}

impl ScreenError {
    fn new(fault: ScreenFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hint: None, at: None, parser: false }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn at(self, at: Option<(u64, u64)>) -> Self {
        // A parser that cannot say where says line 0.
        Self { at: at.filter(|(line, _)| *line > 0), ..self }
    }

    /// The refusal of everything but one `SELECT`.
    #[must_use]
    pub fn denied() -> Self {
        Self::new(ScreenFault::Denied, "a tile runs one SELECT and nothing else").hint("remove the other statements")
    }
}

/// One `SELECT`, parsed.
///
/// # Errors
/// [`ScreenError`] for everything else.
pub fn screen(sql: &str, dialect: Dialect) -> Result<Statement, ScreenError> {
    let rules = dialect.rules();
    if sql.len() > MAX_SQL_BYTES {
        return Err(too_large(format!("the SQL has {} bytes; at most {MAX_SQL_BYTES} are run", sql.len())));
    }
    let tokens = Tokenizer::new(rules.lexer(), sql).tokenize_with_location().map_err(|error| {
        let at = (error.location.line, error.location.column);
        ScreenError::new(ScreenFault::Syntax, format!("the SQL does not parse: {}", error.message)).at(Some(at))
    })?;
    first_word(&tokens)?;
    if rules.plans_recursively() {
        measure(&tokens)?;
        missing_words(&tokens)?;
    }
    let parsed = Parser::new(rules.lexer()).with_tokens_with_locations(tokens).parse_statements();
    let mut statements = parsed
        .map_err(|error| {
            let (reason, at) = placed(&error.to_string());
            ScreenError { parser: true, ..ScreenError::new(ScreenFault::Syntax, format!("the SQL does not parse: {reason}")).at(at) }
        })?
        .into_iter();
    let (Some(statement), None) = (statements.next(), statements.next()) else {
        return Err(ScreenError::denied());
    };
    let Statement::Query(query) = &statement else {
        return Err(ScreenError::denied());
    };
    if matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)) {
        return Err(ScreenError::denied());
    }
    Ok(statement)
}

/// Whether SQL for an engine that has the last word begins like a query and holds one statement. It stops accidents: what a role may do is for the server
/// to decide.
///
/// # Errors
/// [`ScreenError`]; also where it cannot be split into words.
pub fn guard(sql: &str, dialect: Dialect) -> Result<(), ScreenError> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(too_large(format!("the SQL has {} bytes; at most {MAX_SQL_BYTES} are run", sql.len())));
    }
    let tokens = Tokenizer::new(dialect.rules().lexer(), sql).tokenize_with_location().map_err(|error| {
        let at = (error.location.line, error.location.column);
        ScreenError::new(ScreenFault::Syntax, format!("the SQL does not parse: {}", error.message)).at(Some(at))
    })?;
    first_word(&tokens)?;
    let solid = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let mut behind = solid.skip_while(|token| token.token != Token::SemiColon).filter(|token| token.token != Token::SemiColon);
    match behind.next() {
        Some(second) => Err(ScreenError::denied().at(Some((second.span.start.line, second.span.start.column)))),
        None => Ok(()),
    }
}

/// What a `SELECT` can begin with. Everything else is told at its first word, also by dialects whose own parser has the last word
/// on the rest.
fn first_word(tokens: &[TokenWithSpan]) -> Result<(), ScreenError> {
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::LParen));
    let Some(first) = first.filter(|first| first.token != Token::EOF) else {
        return Err(ScreenError::new(ScreenFault::Syntax, "the SQL has no words").hint("write one SELECT"));
    };
    let at = Some((first.span.start.line, first.span.start.column));
    match &first.token {
        Token::Word(word) if word.quote_style.is_none() => match word.value.to_ascii_lowercase().as_str() {
            "select" | "with" | "values" | "table" | "from" => Ok(()),
            _ if word.keyword == Keyword::NoKeyword => {
                let message = format!("the SQL does not parse: a query begins with SELECT or WITH, not with {}", first.token);
                Err(ScreenError::new(ScreenFault::Syntax, message).at(at))
            }
            _ => Err(ScreenError::denied().at(at)),
        },
        other => Err(ScreenError::new(
            ScreenFault::Syntax,
            format!("the SQL does not parse: a query begins with SELECT or WITH, not with {other}"),
        )
        .at(at)),
    }
}

/// A parser's message on one line, without its own name and without the place, which comes apart.
fn placed(message: &str) -> (String, Option<(u64, u64)>) {
    const LONGEST: usize = 300;
    let message = message.trim_start_matches("sql parser error: ");
    let (text, at) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => {
            (text, place.split_once(", Column: ").and_then(|(line, column)| Some((line.parse().ok()?, column.trim().parse().ok()?))))
        }
        None => (message, None),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = if line.chars().count() > LONGEST { line.chars().take(LONGEST).chain(['…']).collect() } else { line };
    (line, at)
}

/// The character, from 1, at which line `line` and column `column` (in characters, from 1) of `sql` begin.
#[must_use]
pub fn character(sql: &str, line: u64, column: u64) -> Option<usize> {
    (line > 0).then(|| sql[..markers::offset(sql, line, column)].chars().count() + 1)
}

/// Whether SQL cannot be read, or nests so deeply that it is not walked over.
pub(crate) fn is_deep(sql: &str, dialect: Dialect) -> bool {
    sql.len() > MAX_SQL_BYTES
        || Tokenizer::new(dialect.rules().lexer(), sql).tokenize_with_location().map_or(true, |tokens| measure(&tokens).is_err())
}

/// How deep an expression could become: nesting, and chains such as `a + b + c`, which nest to the left.
fn measure(tokens: &[TokenWithSpan]) -> Result<(), ScreenError> {
    let count = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
    if count > MAX_SQL_TOKENS {
        return Err(too_large(format!("the SQL has {count} words and signs; at most {MAX_SQL_TOKENS} are planned")));
    }
    let mut chains: Vec<usize> = vec![0];
    let mut depth = 0;
    for TokenWithSpan { token, .. } in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                chains.push(1);
                depth += 1;
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                if chains.len() > 1 {
                    depth -= chains.pop().unwrap_or(0);
                }
            }
            Token::Comma | Token::SemiColon => {
                let floor = usize::from(chains.len() > 1);
                if let Some(chain) = chains.last_mut() {
                    depth -= *chain - floor;
                    *chain = floor;
                }
            }
            Token::Whitespace(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::EOF => {}
            Token::Word(word) => match word.keyword {
                Keyword::SELECT
                | Keyword::FROM
                | Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::ORDER
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE => {
                    let floor = usize::from(chains.len() > 1);
                    if let Some(chain) = chains.last_mut() {
                        depth -= *chain - floor;
                        *chain = floor;
                    }
                }
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::UNION
                | Keyword::JOIN
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::CASE => deeper(&mut chains, &mut depth),
                _ => {}
            },
            // Operators of every kind.
            _ => deeper(&mut chains, &mut depth),
        }
        if depth > MAX_SQL_DEPTH {
            return Err(
                too_large(format!("the SQL nests more than {MAX_SQL_DEPTH} levels deep")).hint("use IN (…) for long lists of alternatives")
            );
        }
    }
    Ok(())
}

fn deeper(chains: &mut [usize], depth: &mut usize) {
    if let Some(chain) = chains.last_mut() {
        *chain += 1;
        *depth += 1;
    }
}

/// Words of other engines that people try, with what to write here.
fn missing_words(tokens: &[TokenWithSpan]) -> Result<(), ScreenError> {
    let mut words = tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).peekable();
    while let Some(token) = words.next() {
        let Token::Word(word) = token else { continue };
        let next = words.peek();
        let unsupported =
            |what: &str, hint: &str| ScreenError::new(ScreenFault::Unsupported, format!("{what} is not available on files")).hint(hint);
        match word.keyword {
            Keyword::PIVOT | Keyword::UNPIVOT if matches!(next, Some(Token::LParen)) => {
                return Err(unsupported(&word.value.to_uppercase(), "write sum(…) filter (where …) for each column"));
            }
            Keyword::ASOF if matches!(next, Some(Token::Word(join)) if join.keyword == Keyword::JOIN) => {
                return Err(unsupported("ASOF JOIN", "join on the latest row with row_number() over (…)"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn too_large(text: String) -> ScreenError {
    ScreenError::new(ScreenFault::TooLarge, text)
}

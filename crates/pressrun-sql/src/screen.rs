//! What is refused before anything is planned: other statements, and SQL that would exhaust a recursive planner.

use sqlparser::ast::{SetExpr, Statement};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::limits::{MAX_SQL_BYTES, MAX_SQL_DEPTH, MAX_SQL_TOKENS};
use crate::param::Dialect;

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
}

impl ScreenError {
    fn new(fault: ScreenFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
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
    if sql.len() > MAX_SQL_BYTES {
        return Err(too_large(format!("the SQL has {} bytes; at most {MAX_SQL_BYTES} are run", sql.len())));
    }
    let lexer = dialect.lexer();
    let syntax = |text: String| ScreenError::new(ScreenFault::Syntax, format!("the SQL does not parse: {text}"));
    let tokens = Tokenizer::new(lexer, sql).tokenize_with_location().map_err(|error| syntax(error.to_string()))?;
    measure(tokens.iter().map(|token| &token.token))?;
    missing_words(tokens.iter().map(|token| &token.token))?;
    let parsed = Parser::new(lexer).with_tokens_with_locations(tokens).parse_statements();
    let mut statements = parsed.map_err(|error| syntax(plain(&error.to_string())))?.into_iter();
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

/// A parser's message on one line, without its own name.
fn plain(message: &str) -> String {
    const LONGEST: usize = 300;
    let line = message.trim_start_matches("sql parser error: ").split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > LONGEST { line.chars().take(LONGEST).chain(['…']).collect() } else { line }
}

/// How deep an expression could become: nesting, and chains such as `a + b + c`, which nest to the left.
fn measure<'a>(tokens: impl Iterator<Item = &'a Token> + Clone) -> Result<(), ScreenError> {
    let count = tokens.clone().filter(|token| !matches!(token, Token::Whitespace(_))).count();
    if count > MAX_SQL_TOKENS {
        return Err(too_large(format!("the SQL has {count} words and signs; at most {MAX_SQL_TOKENS} are planned")));
    }
    let mut chains: Vec<usize> = vec![0];
    let mut depth = 0;
    for token in tokens {
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
fn missing_words<'a>(tokens: impl Iterator<Item = &'a Token>) -> Result<(), ScreenError> {
    let mut words = tokens.filter(|token| !matches!(token, Token::Whitespace(_))).peekable();
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

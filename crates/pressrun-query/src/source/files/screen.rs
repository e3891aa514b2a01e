//! What is refused before anything is planned: other statements, and SQL that would exhaust a recursive planner.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{QueryError, QueryErrorKind};
use crate::limits::{MAX_SQL_BYTES, MAX_SQL_DEPTH, MAX_SQL_TOKENS};

/// One `SELECT`, parsed; everything else is refused.
pub(super) fn screen(sql: &str) -> Result<Statement, QueryError> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(too_large(format!("the SQL has {} bytes; at most {MAX_SQL_BYTES} are run", sql.len())));
    }
    let dialect = GenericDialect {};
    let syntax = |text: String| QueryError::new(QueryErrorKind::Syntax, format!("the SQL does not parse: {text}"));
    let tokens = Tokenizer::new(&dialect, sql).tokenize().map_err(|error| syntax(error.to_string()))?;
    measure(&tokens)?;
    missing_words(&tokens)?;
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&dialect)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| syntax(super::failure::text(&error)))?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(denied());
    };
    let Statement::Statement(inner) = &statement else {
        return Err(denied());
    };
    let SqlStatement::Query(query) = inner.as_ref() else {
        return Err(denied());
    };
    if matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)) {
        return Err(denied());
    }
    Ok(statement)
}

/// The refusal of everything but one `SELECT`.
pub(super) fn denied() -> QueryError {
    QueryError::new(QueryErrorKind::Denied, "a tile runs one SELECT and nothing else").hint("remove the other statements")
}

/// How deep an expression could become: nesting, and chains such as `a + b + c`, which nest to the left.
fn measure(tokens: &[Token]) -> Result<(), QueryError> {
    let count = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
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
fn missing_words(tokens: &[Token]) -> Result<(), QueryError> {
    let mut words = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).peekable();
    while let Some(token) = words.next() {
        let Token::Word(word) = token else { continue };
        let next = words.peek();
        let unsupported =
            |what: &str, hint: &str| QueryError::new(QueryErrorKind::Unsupported, format!("{what} is not available on files")).hint(hint);
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

fn too_large(text: String) -> QueryError {
    QueryError::new(QueryErrorKind::TooLarge, text)
}

//! What is changed in a tile's SQL before it is planned.

use std::ops::ControlFlow;

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    Statement, TableFactor, TimezoneInfo, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use super::{AT_TIME_ZONE, wrong};
use crate::source::files::numbers::{tell_apart, write_out};

/// `x at time zone z` as a call: the engine plans it as a cast, which cannot be told from one to the query zone and which says nothing
/// about the wall clock there. `timestamp` as a timestamp of microseconds: the engine's nanoseconds end in the year 2262.
///
/// # Errors
/// Operators that mean something else to the engine than to people.
pub(in super::super) fn prepare(mut statement: Statement) -> Result<Statement> {
    match statement.visit(&mut Syntax { tables_called: 0 }) {
        ControlFlow::Continue(()) => Ok(statement),
        ControlFlow::Break(refused) => Err(refused),
    }
}

/// Why an operator is not taken: the engine gives `^` the meaning of `xor`, and reads the pattern of `similar to` as a regular expression.
fn refusal(expr: &Expr) -> Option<DataFusionError> {
    match expr {
        Expr::BinaryOp { op: BinaryOperator::BitwiseXor, .. } => {
            Some(wrong("^ has no one meaning".to_owned(), "write power(a, b) for a to the power of b"))
        }
        Expr::SimilarTo { .. } => Some(wrong(
            "similar to is not supported".to_owned(),
            "write a regular expression: s ~ '^(a|b)$', or several like '…%' joined by or",
        )),
        Expr::Like { escape_char: Some(_), .. } | Expr::ILike { escape_char: Some(_), .. } => {
            Some(wrong("like is written without escape".to_owned(), "write a backslash before what is to be taken as it is: like '10\\%'"))
        }
        Expr::Collate { .. } => {
            Some(wrong("collate is not supported".to_owned(), "leave it out: texts are compared by their code points, as by \"C\""))
        }
        _ => None,
    }
}

struct Syntax {
    /// How many calls of table functions are around. Their arguments are computed before any rule of ours runs.
    tables_called: usize,
}

impl VisitorMut for Syntax {
    type Break = DataFusionError;

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<DataFusionError> {
        self.tables_called += usize::from(is_call(table));
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<DataFusionError> {
        self.tables_called -= usize::from(is_call(table));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
        if let Some(refused) = refusal(expr) {
            return ControlFlow::Break(refused);
        }
        // The arguments of table functions are computed as they stand.
        if self.tables_called == 0 {
            write_out(expr);
            tell_apart(expr);
        }
        let take = |expr: &mut Expr| std::mem::replace(expr, Expr::Value(ValueWithSpan::from(Value::Null)));
        match expr {
            Expr::AtTimeZone { timestamp, time_zone } => {
                *expr = call(AT_TIME_ZONE, vec![take(timestamp), take(time_zone)]);
            }
            Expr::Cast { expr: value, data_type: data_type @ DataType::Timestamp(..), .. } if self.tables_called > 0 => {
                *expr = call(named(data_type), vec![take(value)]);
            }
            Expr::TypedString(typed) if self.tables_called > 0 && matches!(typed.data_type, DataType::Timestamp(..)) => {
                let text = Expr::Value(typed.value.clone());
                *expr = call(named(&typed.data_type), vec![text]);
            }
            Expr::Cast { data_type, .. } => microseconds(data_type),
            Expr::TypedString(typed) => microseconds(&mut typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The function that converts to a timestamp.
fn named(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "to_timestamp",
        _ => "to_local_time",
    }
}

fn is_call(table: &TableFactor) -> bool {
    matches!(table, TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. })
}

fn microseconds(data_type: &mut DataType) {
    match data_type {
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Datetime(_) => *data_type = DataType::Timestamp(Some(6), TimezoneInfo::None),
        _ => {}
    }
}

pub(in super::super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

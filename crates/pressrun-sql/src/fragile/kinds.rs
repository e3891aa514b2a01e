//! What can be said of a value by the expression that makes it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem, Statement,
    UnaryOperator, Value, Visit, Visitor, visit_expressions,
};

use super::guards::compares;
use super::place::{Place, Places};

/// How the names of types begin that every value can be read as.
const TEXTS: [&str; 13] =
    ["bpchar", "bytea", "char", "citext", "clob", "name", "nchar", "nvarchar", "string", "text", "utf8", "varbinary", "varchar"];

/// Functions whose value is one of their arguments.
const PASSING: [&str; 15] = [
    "any_value",
    "coalesce",
    "first_value",
    "greatest",
    "ifnull",
    "lag",
    "last_value",
    "lead",
    "least",
    "max",
    "min",
    "mode",
    "nth_value",
    "nullif",
    "nvl",
];

/// Functions whose value is a piece of a text. Others give numbers and times, or texts of their own making.
const TEXTUAL: [&str; 23] = [
    "array_to_string",
    "btrim",
    "concat",
    "concat_ws",
    "json_extract_path_text",
    "jsonb_extract_path_text",
    "left",
    "lower",
    "ltrim",
    "overlay",
    "regexp_match",
    "regexp_replace",
    "regexp_substr",
    "replace",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "string_agg",
    "substr",
    "substring",
    "translate",
    "upper",
];

/// Functions of the embedded engine that give a floating-point number of any number.
const FLOATS: [&str; 10] = ["cbrt", "corr", "exp", "ln", "log10", "log2", "random", "sqrt", "stddev", "stddev_pop"];

/// What is asked of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Text,
    Zero,
    Float,
}

/// A question about a name, in the `select` of this number.
type Asked = (String, Option<usize>, Question);

/// What the columns of a statement's own queries are made of.
#[derive(Debug, Default)]
pub(super) struct Names {
    made: HashMap<String, Vec<(Expr, Place)>>,
    found: RefCell<HashMap<Asked, bool>>,
    places: Places,
}

impl Names {
    /// Those of `statement`.
    pub(super) fn of(statement: &Statement) -> Self {
        let mut names = Self::default();
        let _: ControlFlow<()> = statement.visit(&mut names);
        names
    }

    /// Whether `value` may be a text that a row holds.
    pub(super) fn may_be_text(&self, value: &Expr, place: &Place) -> bool {
        use BinaryOperator::{Arrow, Custom, HashArrow, HashLongArrow, LongArrow, StringConcat};
        let text = |value: &Expr| self.may_be_text(value, place);
        match value {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                self.of_column(value, place, Question::Text, true, |of, place| self.may_be_text(of, place))
            }
            Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => text(inner),
            Expr::Cast { expr, data_type, .. } => is_text(data_type) && text(expr),
            Expr::BinaryOp { op: StringConcat | Arrow | LongArrow | HashArrow | HashLongArrow | Custom(_), .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. } => !is_constant(value),
            Expr::Case { .. } => results(value).any(text),
            Expr::Function(function) => {
                let called = name(function);
                (PASSING.contains(&called.as_str()) && arguments(function).into_iter().any(text))
                    || (TEXTUAL.contains(&called.as_str()) && !is_constant(value))
            }
            Expr::Subquery(_) | Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } => true,
            _ => false,
        }
    }

    /// Whether `value` may be zero because of what rows hold.
    pub(super) fn may_be_zero(&self, value: &Expr, place: &Place) -> bool {
        let zero = |value: &Expr| self.may_be_zero(value, place);
        match value {
            _ if is_constant(value) => false,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                self.of_column(value, place, Question::Zero, true, |of, place| self.may_be_zero(of, place))
            }
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => zero(inner),
            Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => zero(left) || zero(right),
            Expr::BinaryOp { left, op: BinaryOperator::Divide, .. } => zero(left),
            Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => {
                ![(left, right), (right, left)].into_iter().any(|(count, more)| is_count(count) && is_positive(more))
            }
            Expr::Case { .. } => results(value).any(|result| !compares(value, result) && zero(result)),
            Expr::Function(function) => match (name(function).as_str(), arguments(function).as_slice()) {
                ("nullif", [_, but]) => number(but) != Some(0.0),
                ("coalesce" | "ifnull" | "nvl", given) => given.iter().any(|given| zero(given)),
                ("greatest", given) => !given.iter().any(|given| is_positive(given)),
                ("count", []) => !place.grouped || function.filter.is_some(),
                ("min" | "max" | "abs" | "any_value" | "first_value" | "last_value" | "sqrt", [given, ..]) => zero(given),
                ("exp" | "row_number" | "rank" | "dense_rank" | "ntile", _) => false,
                _ => true,
            },
            _ => true,
        }
    }

    /// Whether `value` is a floating-point number of the embedded engine.
    pub(super) fn is_float(&self, value: &Expr, place: &Place) -> bool {
        use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
        let float = |value: &Expr| self.is_float(value, place);
        match value {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                self.of_column(value, place, Question::Float, false, |of, place| self.is_float(of, place))
            }
            Expr::Value(_) => number(value).is_some() && value.to_string().contains(['.', 'e', 'E']),
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => float(inner),
            Expr::Cast { data_type, .. } => {
                let named = data_type.to_string().to_lowercase();
                ["double", "float", "real"].iter().any(|float| named.starts_with(float))
            }
            Expr::BinaryOp { left, op: Plus | Minus | Multiply | Divide | Modulo, right } => float(left) || float(right),
            Expr::Case { .. } => results(value).any(float),
            Expr::Function(function) => {
                let called = name(function);
                let passes = ["sum", "avg", "abs", "round", "median"].contains(&called.as_str()) || PASSING.contains(&called.as_str());
                FLOATS.contains(&called.as_str()) || (passes && arguments(function).into_iter().any(float))
            }
            _ => false,
        }
    }

    /// What holds of a column that is read at `place`: of any expression that it may stand for there, or `unknown` when it is a table's.
    fn of_column(&self, column: &Expr, place: &Place, question: Question, unknown: bool, ask: impl Fn(&Expr, &Place) -> bool) -> bool {
        let Some(name) = column_name(column) else { return unknown };
        let made = self.made.get(&name).into_iter().flatten();
        let made: Vec<_> = made.filter(|(_, other)| place.sees(other)).collect();
        if made.is_empty() {
            return unknown;
        }
        let key = (name, place.number(), question);
        if let Some(found) = self.found.borrow().get(&key) {
            return *found;
        }
        // One that is asked of itself on the way is not known.
        self.found.borrow_mut().insert(key.clone(), unknown);
        let found = made.into_iter().any(|(of, place)| ask(of, place));
        self.found.borrow_mut().insert(key, found);
        found
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.places.enter(select);
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item {
                self.made.entry(alias.value.to_lowercase()).or_default().push((expr.clone(), self.places.here()));
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.places.leave();
        ControlFlow::Continue(())
    }
}

/// Whether every value can be read as this type.
pub(super) fn is_text(data_type: &DataType) -> bool {
    let named = data_type.to_string().to_lowercase();
    TEXTS.iter().any(|text| named.starts_with(text))
}

/// Whether an expression says nothing of rows: literals, parameters, attributes, and what is made of them.
pub(super) fn is_constant(expression: &Expr) -> bool {
    let said = visit_expressions(expression, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } | Expr::Subquery(_) | Expr::Exists { .. } => {
            ControlFlow::Break(())
        }
        Expr::Function(function) if name(function) == "count" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    said.is_continue()
}

/// An expression without parentheses around it.
pub(super) fn bare(expression: &Expr) -> &Expr {
    let mut bare = expression;
    while let Expr::Nested(inner) = bare {
        bare = inner;
    }
    bare
}

/// The function's name, without its schema.
pub(super) fn name(function: &Function) -> String {
    let full = function.name.to_string().to_lowercase();
    full.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The function's arguments; `*` is none.
pub(super) fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let given = list.args.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(given))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(given), .. }
        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(given), .. } => Some(given),
        _ => None,
    });
    given.collect()
}

/// What a `case` may give.
fn results(case: &Expr) -> impl Iterator<Item = &Expr> {
    let (conditions, otherwise) = match case {
        Expr::Case { conditions, else_result, .. } => (conditions.as_slice(), else_result.as_deref()),
        _ => (&[][..], None),
    };
    conditions.iter().map(|when| &when.result).chain(otherwise)
}

fn column_name(column: &Expr) -> Option<String> {
    match column {
        Expr::Identifier(name) => Some(name.value.to_lowercase()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.to_lowercase()),
        _ => None,
    }
}

/// The number that is written.
fn number(expression: &Expr) -> Option<f64> {
    match bare(expression) {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn is_positive(expression: &Expr) -> bool {
    number(expression).is_some_and(|number| number > 0.0)
}

fn is_count(expression: &Expr) -> bool {
    matches!(bare(expression), Expr::Function(function) if name(function) == "count")
}

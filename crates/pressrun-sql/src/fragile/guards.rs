//! What a query has asked about its values before it uses them: conditions of `case`, `where` and `filter`.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, CastKind, Expr, Select, visit_expressions};

use super::kinds::{arguments, bare};

/// What was asked about an expression, in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Guard {
    /// It was compared with something: it is not zero by accident.
    Compared(String),
    /// Its text was looked at.
    Tested(String),
}

/// The conditions around a place in a query.
#[derive(Debug, Default)]
pub(super) struct Guards {
    /// Those of each `select`, `case` and `filter` around it.
    around: Vec<Vec<Guard>>,
    /// How many of them belong to queries further out, whose names mean something else.
    outside: Vec<usize>,
}

impl Guards {
    /// A query begins.
    pub(super) fn enter(&mut self) {
        self.outside.push(self.around.len());
    }

    /// It ends.
    pub(super) fn leave(&mut self) {
        self.outside.pop();
    }

    /// The conditions on all rows of a `select`.
    pub(super) fn select(&mut self, select: &Select) {
        let conditions = [&select.selection, &select.having, &select.qualify];
        self.around.push(conditions.into_iter().flatten().flat_map(asked).collect());
    }

    /// The `select` ends.
    pub(super) fn leave_select(&mut self) {
        self.around.pop();
    }

    /// What `expression` asks before it uses its parts begins to hold.
    pub(super) fn push(&mut self, expression: &Expr) {
        self.around.extend(of_parts(expression));
    }

    /// It holds no longer.
    pub(super) fn pop(&mut self, expression: &Expr) {
        if of_parts(expression).is_some() {
            self.around.pop();
        }
    }

    /// Whether the text of `value` was looked at.
    pub(super) fn tested(&self, value: &Expr) -> bool {
        self.holds(&Guard::Tested(text(value)))
    }

    /// Whether `value` was compared.
    pub(super) fn compared(&self, value: &Expr) -> bool {
        self.holds(&Guard::Compared(text(value)))
    }

    fn holds(&self, guard: &Guard) -> bool {
        let inside = self.around.get(self.outside.last().copied().unwrap_or(0)..).unwrap_or_default();
        inside.iter().flatten().any(|held| held == guard)
    }
}

/// Whether the `case` compares `value` before it gives it.
pub(super) fn compares(case: &Expr, value: &Expr) -> bool {
    of_parts(case).is_some_and(|guards| guards.contains(&Guard::Compared(text(value))))
}

/// What an expression asks before it uses its parts, when it is one that asks.
fn of_parts(expression: &Expr) -> Option<Vec<Guard>> {
    match expression {
        Expr::Case { operand, conditions, .. } => {
            let subject = operand.iter().flat_map(|subject| [Guard::Compared(text(subject)), Guard::Tested(text(subject))]);
            Some(subject.chain(conditions.iter().flat_map(|when| asked(&when.condition))).collect())
        }
        Expr::Function(function) => function.filter.as_ref().map(|condition| asked(condition)),
        _ => None,
    }
}

fn text(expression: &Expr) -> String {
    bare(expression).to_string().to_lowercase()
}

/// What a condition asks.
fn asked(condition: &Expr) -> Vec<Guard> {
    use BinaryOperator::{
        Eq, Gt, GtEq, Lt, LtEq, NotEq, PGILikeMatch, PGLikeMatch, PGNotILikeMatch, PGNotLikeMatch, PGRegexIMatch, PGRegexMatch,
        PGRegexNotIMatch, PGRegexNotMatch, PGStartsWith,
    };
    let mut guards = Vec::new();
    let _: ControlFlow<()> = visit_expressions(condition, |part| {
        match part {
            Expr::BinaryOp { left, op, right } => match op {
                Eq => guards.extend([left, right].into_iter().flat_map(|side| [Guard::Compared(text(side)), Guard::Tested(text(side))])),
                NotEq | Gt | GtEq | Lt | LtEq => guards.extend([left, right].map(|side| Guard::Compared(text(side)))),
                PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch | PGLikeMatch | PGILikeMatch | PGNotLikeMatch
                | PGNotILikeMatch | PGStartsWith => guards.push(Guard::Tested(text(left))),
                _ => {}
            },
            Expr::Between { expr, .. } => guards.push(Guard::Compared(text(expr))),
            Expr::IsDistinctFrom(left, right) => guards.extend([left, right].map(|side| Guard::Compared(text(side)))),
            Expr::InList { expr, .. } => guards.extend([Guard::Compared(text(expr)), Guard::Tested(text(expr))]),
            Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } | Expr::RLike { expr, .. } => {
                guards.push(Guard::Tested(text(expr)));
            }
            Expr::Cast { kind: CastKind::TryCast | CastKind::SafeCast, expr, .. } => guards.push(Guard::Tested(text(expr))),
            Expr::Function(function) => guards.extend(arguments(function).into_iter().map(|argument| Guard::Tested(text(argument)))),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    guards
}

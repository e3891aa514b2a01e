//! What can be said of a result before it is there.

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, LimitClause, SelectItem, SetExpr, Statement,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// Functions that make one row of many.
const AGGREGATES: [&str; 19] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "max",
    "mean",
    "median",
    "min",
    "percentile_cont",
    "stddev",
    "string_agg",
    "sum",
    "var",
    "variance",
];

/// Whether a tile's SQL aggregates everything into one row (A2): no grouping and no filter on what it measures. What is not
/// understood is not.
#[must_use]
pub fn gives_one_row(template: &str) -> bool {
    let Some(sql) = without_markers(template) else { return false };
    let Ok(statements) = Parser::parse_sql(&GenericDialect {}, &sql) else { return false };
    let [Statement::Query(query)] = statements.as_slice() else { return false };
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let skips = match &query.limit_clause {
        None => false,
        Some(LimitClause::LimitOffset { offset, .. }) => offset.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
    };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, with) if by.is_empty() && with.is_empty());
    if skips || grouped || select.having.is_some() || select.qualify.is_some() {
        return false;
    }
    let items = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => measure(expression),
        _ => None,
    });
    let Some(measures) = items.collect::<Option<Vec<bool>>>() else { return false };
    measures.contains(&true) || (select.from.is_empty() && select.selection.is_none())
}

/// The names of the columns that a query yields, where its text says them all: not with `*`, nor for an expression without a name,
/// which each engine names in its own way.
pub(crate) fn columns(statement: &Statement) -> Option<Vec<String>> {
    let Statement::Query(query) = statement else { return None };
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(inner) => body = &inner.body,
            _ => return None,
        }
    };
    let name = |identifier: &Ident| match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    };
    let items = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(identifier)) => Some(name(identifier)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(name),
        SelectItem::ExprWithAlias { alias, .. } => Some(name(alias)),
        _ => None,
    });
    items.collect()
}

/// `Some` when the expression has one value for the whole result, and whether an aggregate makes it.
fn measure(expression: &Expr) -> Option<bool> {
    match expression {
        Expr::Value(_) => Some(false),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => measure(inner),
        Expr::BinaryOp { left, right, .. } => {
            let (left, right) = (measure(left)?, measure(right)?);
            Some(left || right)
        }
        Expr::Function(function) if function.over.is_some() => None,
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            if AGGREGATES.contains(&name.as_str()) {
                return Some(true);
            }
            let FunctionArguments::List(list) = &function.args else { return None };
            list.args.iter().try_fold(false, |any, argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(measure(expression)? || any),
                _ => None,
            })
        }
        _ => None,
    }
}

/// The SQL with `true` for every `{{ … }}`, which stands for a predicate; `None` when the template has statements.
fn without_markers(sql: &str) -> Option<String> {
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, marker)) = rest.split_once("{{") {
        plain.push_str(before);
        plain.push_str("true");
        rest = marker.split_once("}}")?.1;
    }
    plain.push_str(rest);
    (!plain.contains("{%")).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_queries_without_dimensions_and_measure_filters_give_one_row() {
        for (sql, one) in [
            ("select count(*) from orders", true),
            ("select sum(price) as revenue, coalesce(max(price), 0) * 2 from orders where {{ filter('region', 'region') }}", true),
            ("with o as (select * from orders) select cast(count(*) as double) / 2 from o order by 1 limit 10", true),
            ("select 1 as one", true),
            ("select region, sum(price) from orders group by region", false),
            ("select sum(price) from orders having sum(price) > 100", false),
            ("select sum(price) from orders group by all", false),
            ("select * from orders", false),
            ("select price from orders where price < 0", false),
            ("select sum(price) over () from orders", false),
            ("select 1 where {{ filter('region', 'region') }}", false),
            ("select count(*) from orders offset 1", false),
            ("select count(*) from a union all select count(*) from b", false),
            ("select {% if x %} 1 {% endif %}", false),
            ("this is no sql", false),
        ] {
            assert_eq!(gives_one_row(sql), one, "{sql}");
        }
    }
}

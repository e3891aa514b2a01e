//! Conversions inside aggregates, told apart by their types.
//!
//! The engine calls a column by the expression without its conversions, so that `count(distinct at)` beside `count(distinct cast(at as date))` would be
//! two columns of one name, which it refuses, also where both have names of their own.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, Value, ValueWithSpan};

use super::super::zones::call;

pub(super) const CONVERTED: &str = "pressrun_converted";

/// Aggregates that are asked for several conversions of one column.
const AGGREGATES: [&str; 8] = ["count", "sum", "avg", "mean", "min", "max", "median", "array_agg"];

pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udf(Arc::new(ScalarUDF::from(Converted { signature: Signature::any(2, Volatility::Immutable) }))).map(|_| ())
}

/// Gives the conversions that an aggregate is asked for names of their own.
pub(in super::super) fn tell_apart(expr: &mut ast::Expr) {
    let ast::Expr::Function(function) = expr else { return };
    let FunctionArguments::List(arguments) = &mut function.args else { return };
    if !AGGREGATES.contains(&function.name.to_string().to_lowercase().as_str()) {
        return;
    }
    for argument in &mut arguments.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else { continue };
        if let ast::Expr::Cast { data_type, .. } = value {
            let name = ast::Expr::Value(ValueWithSpan::from(Value::SingleQuotedString(data_type.to_string())));
            let value = std::mem::replace(value, ast::Expr::Value(ValueWithSpan::from(Value::Null)));
            *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(call(CONVERTED, vec![value, name])));
        }
    }
}

/// A value, and the name of the type that it was converted to.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Converted {
    signature: Signature,
}

impl ScalarUDFImpl for Converted {
    fn name(&self) -> &'static str {
        CONVERTED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [value, Expr::Literal(to, _)] = args else { return Err(missing()) };
        Ok(format!("cast({} as {to})", value.schema_name()))
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(missing)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().ok_or_else(missing)
    }
}

fn missing() -> DataFusionError {
    DataFusionError::Internal("a conversion of nothing".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::tests::says;

    #[tokio::test]
    async fn n12_aggregates_of_one_column_in_several_types_stand_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), "at,m\n2026-01-01 10:00:00,1.25\n2026-01-01 11:00:00,2.25\n").unwrap();
        for (sql, expected) in [
            ("select count(distinct at) as moments, count(distinct cast(at as date)) as days from t", "2|1"),
            (
                "select sum(cast(m as decimal(10, 1))) as one, sum(cast(m as decimal(10, 2))) as two, sum(m) as double from t",
                "3.6|3.50|3.5",
            ),
            ("select sum(m::decimal(10, 2)) + sum(m::decimal(10, 1)) from t", "7.10"),
            ("select max(cast(m as integer)), max(cast(m as varchar)), max(m) from t", "2|2.25|2.25"),
            ("select min(cast(at as date)) over (), min(at) over () from t limit 1", "2026-01-01|2026-01-01T10:00:00"),
        ] {
            says(folder.path(), sql, Ok(expected)).await;
        }
    }
}

//! Where a query may fail by what somebody's rows hold, as far as its text says: a text that is read as a number or a date, a division by what
//! may be zero.
//!
//! A query that asks for user attributes gives everybody other rows, and so it can fail for one person and not for another. Who is told that a
//! personal copy failed is told that its reader has such a row (P4), so its author is warned. This is no proof of the contrary: sums overflow
//! and files get too large as well. Types of columns are not known here; a column may be a text.

mod guards;
mod kinds;
mod place;

use std::ops::ControlFlow;

use pressrun_domain::catalog::QueryTile;
use pressrun_domain::text::{one_line, shortened};
use sqlparser::ast::{BinaryOperator, CastKind, Expr, Function, Query, Select, Spanned, Visit, Visitor};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Location;

use crate::check::Finding;
use crate::compile::{CompileError, EffectiveFilters};
use crate::dialect::Dialect;
use crate::markers;
use crate::screen;
use crate::template::Reading;
use guards::Guards;
use kinds::{Names, arguments, is_constant, name};
use place::Places;

/// Characters of SQL that a finding repeats.
const LONGEST: usize = 60;

/// What a personal copy that fails gives away.
const SO_WHAT: &str = "whoever owns a schedule with personal copies is told whose failed, and so who has such a row";

/// Where the SQL of `tile` may fail by what its rows hold; nothing for a query that gives everybody the same rows, nor for what is not understood.
///
/// # Errors
/// [`CompileError`] of a template that cannot be read.
pub fn fragile(tile: &QueryTile, filters: &EffectiveFilters, dialect: Dialect) -> Result<Vec<Finding>, CompileError> {
    Ok(of_reading(&Reading::new(tile, filters, dialect)?, dialect))
}

/// As [`fragile`], of a template that was read.
pub(crate) fn of_reading(reading: &Reading<'_>, dialect: Dialect) -> Vec<Finding> {
    if reading.references.attributes.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let text = reading.text();
    if !screen::is_deep(text, dialect)
        && let Ok(statement) = screen::screen(text, dialect)
    {
        let spots = spots(&statement, &Names::of(&statement), dialect);
        found.extend(spots.into_iter().map(|spot| {
            let at = markers::offset(text, spot.at.line, spot.at.column);
            spot.finding(reading.place(at))
        }));
    }
    // What a predicate is put on stands in no part of the text until there are values for it.
    for (expression, at) in reading.expressions() {
        if !screen::is_deep(expression, dialect)
            && let Ok(parsed) = Parser::new(dialect.rules().lexer()).try_with_sql(expression).and_then(|mut parser| parser.parse_expr())
        {
            found.extend(spots(&parsed, &Names::default(), dialect).into_iter().map(|spot| spot.finding(reading.place(at))));
        }
    }
    found
}

fn spots(sql: &impl Visit, names: &Names, dialect: Dialect) -> Vec<Spot> {
    let mut search = Search { dialect, names, guards: Guards::default(), places: Places::default(), found: Vec::new() };
    let _: ControlFlow<()> = sql.visit(&mut search);
    search.found
}

/// A place in a query that fails of some rows.
struct Spot {
    message: String,
    hint: String,
    at: Location,
}

impl Spot {
    fn finding(self, place: Option<(usize, usize)>) -> Finding {
        Finding { fails: false, message: self.message, hint: self.hint, place, unknown: None }
    }
}

/// Walks over a query.
struct Search<'a> {
    dialect: Dialect,
    names: &'a Names,
    guards: Guards,
    places: Places,
    found: Vec<Spot>,
}

impl Search<'_> {
    fn judge(&mut self, expression: &Expr) {
        match expression {
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. }
                if !kinds::is_text(data_type) && self.is_unread(expr) =>
            {
                self.reads(expression, expr, &data_type.to_string());
            }
            Expr::BinaryOp { left, op: BinaryOperator::Divide | BinaryOperator::Modulo, right } => self.divides(expression, left, right),
            Expr::Function(function) => self.calls(expression, function),
            _ => {}
        }
    }

    /// Whether `value` is of somebody's rows, may be a text, and nobody has looked at it before.
    fn is_unread(&self, value: &Expr) -> bool {
        !is_constant(value) && self.names.may_be_text(value, &self.places.here()) && !self.guards.tested(value)
    }

    fn calls(&mut self, expression: &Expr, function: &Function) {
        let called = name(function);
        let given = arguments(function);
        let to = match (self.dialect, called.as_str(), given.as_slice()) {
            (_, "mod" | "div", [left, right]) => return self.divides(expression, left, right),
            (_, "to_date", _) => "date",
            // With one argument PostgreSQL takes a number.
            (Dialect::Postgres, "to_timestamp", [_, _]) | (Dialect::Embedded, "to_unixtime", _) => "timestamp",
            (Dialect::Postgres, "to_number", _) => "numeric",
            (Dialect::Embedded, called, _) if called.starts_with("to_timestamp") => "timestamp",
            _ => return,
        };
        if let Some(value) = given.first().filter(|value| self.is_unread(value)) {
            self.reads(expression, value, to);
        }
    }

    fn reads(&mut self, expression: &Expr, value: &Expr, to: &str) {
        let (value, shown, to) = (short(value), short(expression), to.to_lowercase());
        let hint = match self.dialect {
            Dialect::Embedded => format!("write `try_cast({value} as {to})`, which is null for such a row"),
            Dialect::Postgres => {
                format!("test it before: `case when pg_input_is_valid({value}, '{to}') then {shown} end`, or by a regular expression")
            }
            _ => format!("read it by what this database gives null for such a row, as `try_cast({value} as {to})` does in many"),
        };
        self.note(expression, format!("`{shown}` fails where `{value}` is a text that is no {to}: {SO_WHAT}"), hint);
    }

    fn divides(&mut self, expression: &Expr, left: &Expr, right: &Expr) {
        // There it is null or infinite.
        if matches!(self.dialect, Dialect::ClickHouse | Dialect::DuckDb | Dialect::Sqlite | Dialect::MySql) {
            return;
        }
        // Floating-point numbers divided by zero are infinite, but for PostgreSQL.
        let here = self.places.here();
        let floats = self.dialect == Dialect::Embedded && (self.names.is_float(left, &here) || self.names.is_float(right, &here));
        if !floats && !self.guards.compared(right) && self.names.may_be_zero(right, &here) {
            let (shown, by) = (short(expression), short(right));
            let message = format!("`{shown}` fails where `{by}` is zero: {SO_WHAT}");
            self.note(expression, message, format!("write `nullif({by}, 0)`, which makes the quotient null"));
        }
    }

    fn note(&mut self, expression: &Expr, message: String, hint: String) {
        self.found.push(Spot { message, hint, at: expression.span().start });
    }
}

impl Visitor for Search<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.guards.enter();
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.guards.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.guards.select(select);
        self.places.enter(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.guards.leave_select();
        self.places.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.guards.push(expression);
        self.judge(expression);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.guards.pop(expression);
        ControlFlow::Continue(())
    }
}

/// SQL on one line, cut where it is long.
fn short(sql: &impl ToString) -> String {
    shortened(&one_line(&sql.to_string()), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tile;

    /// What is said of this SQL, over the rows of whoever looks.
    fn said(sql: &str, dialect: Dialect) -> Vec<String> {
        let text = format!("{sql} where {{{{ user_attribute('region', 'region') }}}}");
        fragile(&tile(&text), &EffectiveFilters::default(), dialect).unwrap().into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn p4_what_fails_of_a_row_is_found() {
        use Dialect::{Embedded, Postgres};
        for (sql, dialects) in [
            ("select cast(cell as integer) from t", &[Embedded, Postgres][..]),
            ("select cell::date from t", &[Embedded, Postgres]),
            ("select sum(cast(trim(cell) as decimal(10, 2))) from t", &[Embedded, Postgres]),
            ("select cast(coalesce(cell, '0') as bigint) from t", &[Embedded, Postgres]),
            ("select cast(price as double) as price from t", &[Embedded, Postgres]),
            ("select cast(a || b as integer) from t", &[Embedded, Postgres]),
            ("select case when region = 'EU' then cast(cell as integer) end from t", &[Embedded, Postgres]),
            ("select case when cast(cell as integer) = 1 then 1 end from t", &[Embedded, Postgres]),
            ("select case when cell is not null then cast(cell as integer) end from t", &[Embedded, Postgres]),
            ("with n as (select split_part(cell, '-', 1) as part from t) select part::int from n", &[Embedded, Postgres]),
            ("select 1 from t join u on cast(t.code as integer) = u.id", &[Embedded, Postgres]),
            ("select to_date(cell, '%Y') from t", &[Embedded, Postgres]),
            ("select to_timestamp(cell, 'YYYY') from t", &[Embedded, Postgres]),
            ("select to_timestamp(cell) from t", &[Embedded]),
            ("select to_number(cell, '999') from t", &[Postgres]),
            ("select a / b from t", &[Embedded, Postgres]),
            ("select a % (b - c) from t", &[Embedded, Postgres]),
            ("select mod(a, b) from t", &[Embedded, Postgres]),
            ("select sum(a) / sum(b) from t", &[Embedded, Postgres]),
            ("select a / coalesce(b, 1) from t", &[Embedded, Postgres]),
            ("select a / count(*) filter (where c) from t", &[Embedded, Postgres]),
            ("select 100.0 * a / b from t", &[Postgres]),
            ("select a / (b * 1.5) from t", &[Postgres]),
            ("select case when a <> 0 then a / b end from t", &[Embedded, Postgres]),
            ("select x from (select a / b as x, b from t) t", &[Embedded, Postgres]),
        ] {
            for dialect in Dialect::OF_THEIR_OWN {
                let said = said(sql, dialect);
                assert_eq!(said.len(), usize::from(dialects.contains(&dialect)), "{dialect:?}: {sql}: {said:?}");
            }
        }
    }

    #[test]
    fn p4_what_cannot_fail_of_a_row_is_no_alarm() {
        for sql in [
            "select try_cast(cell as integer) from t",
            "select cast('2026-01-01' as date), '5'::int, cast(now() as date), date '2026-01-01' from t",
            "select cast(cell as varchar), cell::text, cast(cell as varchar(3)) from t",
            "select cast(count(*) as double), cast(sum(price) as decimal(10, 2)), cast(round(price) as integer) from t",
            "select cast(price * 2 as integer), cast(extract(year from day) as int) from t",
            "select cast(date_trunc('month', at) as date) from t",
            "select cast(max(price * 1) as double) from t",
            "with n as (select count(*) as number from t group by region) select cast(number as double) from n",
            "select case when cell like '1%' then cast(cell as integer) end from t",
            "select case cell when '1' then cast(cell as integer) end from t",
            "select sum(cast(cell as integer)) filter (where cell in ('1', '2')) from t",
            "select case when try_cast(cell as integer) is not null then cast(cell as integer) end from t",
            "select to_timestamp(1700000000), to_date('2026', '%Y') from t",
            "select a / nullif(b, 0), a % 2, a / 100.0, a / coalesce(nullif(b, 0), 1), a / greatest(b, 1) from t",
            "select case when b = 0 then null else a / b end, case when b > 0 then a / b end from t",
            "select case when count(x) > 0 then sum(a) / count(x) end from t",
            "select a / (1 + count(*)), sum(a) / (2 * nullif(sum(b), 0)) from t",
            "select a / (case when b = 0 then 1 else b end) from t",
            "with n as (select a, nullif(b, 0) as b from t) select a / b from n",
            "select sum(a) filter (where b <> 0) from t",
        ] {
            for dialect in Dialect::OF_THEIR_OWN {
                assert_eq!(said(sql, dialect), Vec::<String>::new(), "{dialect:?}: {sql}");
            }
        }
    }

    #[test]
    fn p4_a_condition_on_the_rows_goes_before_what_is_made_of_them() {
        for (sql, found) in [
            ("select a / b from t where b <> 0 and", 0),
            ("select cast(cell as integer) from t where cell ~ '^[0-9]+$' and", 0),
            ("select cast(cell as integer) from t where cell > '5' and", 1),
            ("select sum(a) / count(*) from t where true and", 1),
            ("select a / n from (select a, b as n from t where b > 0) t where true and", 1),
        ] {
            for dialect in Dialect::OF_THEIR_OWN {
                let text = format!("{sql} {{{{ user_attribute('region', 'region') }}}}");
                let said = fragile(&tile(&text), &EffectiveFilters::default(), dialect).unwrap();
                assert_eq!(said.len(), found, "{dialect:?}: {sql}: {said:?}");
            }
        }
        let counted = "select region, sum(a) / count(*) from t where {{ user_attribute('region', 'region') }} group by region";
        assert_eq!(fragile(&tile(counted), &EffectiveFilters::default(), Dialect::Embedded).unwrap(), [], "a group has a row");
    }

    #[test]
    fn p4_queries_that_give_everybody_the_same_rows_are_not_judged() {
        let found = fragile(&tile("select cast(cell as integer) / b from t"), &EffectiveFilters::default(), Dialect::Embedded).unwrap();
        assert_eq!(found, []);
    }

    #[test]
    fn p4_the_place_is_that_of_the_authors_text_and_the_words_say_what_to_write() {
        let sql = "select cell,\n  cast(cell as integer) as n\nfrom t where {{ user_attribute('region', 'region') }}";
        let found = fragile(&tile(sql), &EffectiveFilters::default(), Dialect::Embedded).unwrap();
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((only.fails, only.place.unwrap().0), (false, 2));
        assert_eq!(
            only.message,
            "`CAST(cell AS INTEGER)` fails where `cell` is a text that is no integer: whoever owns a schedule with personal copies is told whose \
             failed, and so who has such a row"
        );
        assert_eq!(only.hint, "write `try_cast(cell as integer)`, which is null for such a row");

        let sql = "select 1 from t\nwhere {{ user_attribute('code', 'cast(code as integer)') }}";
        let found = fragile(&tile(sql), &EffectiveFilters::default(), Dialect::Embedded).unwrap();
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.place.unwrap().0, 2);
    }
}

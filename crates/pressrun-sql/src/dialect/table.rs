//! Warehouses that differ in spelling only: one row each, and one writer of predicates for all of them.
//!
//! The forms are those that the same question was answered alike with by PostgreSQL, DuckDB, SQLite, MariaDB, Spark and ClickHouse: a condition is negated by
//! `case when … then 0 else 1 end = 1`, patterns are escaped by a sign that no engine takes for one of its own, and whatever is neither a whole number
//! nor text travels as text with a cast around its placeholder. To add a warehouse: one row in [`super::warehouses`].

use jiff::Timestamp;
use sqlparser::dialect::Dialect as SqlDialect;

use super::bound::Instants;
use super::{ClockWord, Described, Rules, balanced};
use crate::filter::{DatePart, Order};
use crate::param::{Decimal, Param, Params};

/// How an engine writes what our predicates need.
pub(super) struct Row {
    /// How its text is split into words and signs.
    pub(super) lexer: &'static (dyn SqlDialect + Sync),
    /// The placeholder of the value with this number, from 1.
    pub(super) placeholder: fn(usize, &Param) -> String,
    /// Whether one value may stand in several places.
    pub(super) repeats: bool,
    /// What an instant, a day and a decimal with this many digits behind its point become of their text, which stands for `?`.
    pub(super) instant: &'static str,
    pub(super) day: &'static str,
    pub(super) decimal: fn(Decimal) -> String,
    /// How the text of an instant is written.
    pub(super) instants: Instants,
    /// Whatever it is as text; `?` is the expression.
    pub(super) text: &'static str,
    /// The function of lower case.
    pub(super) lower: &'static str,
    /// Always and never.
    pub(super) truth: [&'static str; 2],
    /// Whether a truth value is a number, and none where a condition stands.
    pub(super) bits: bool,
    pub(super) like: Like,
    pub(super) lists: Lists,
    pub(super) fractions: Fractions,
    /// Whether NaN is above all numbers, or there is none.
    pub(super) nan_is_highest: bool,
    /// Whether text without characters is null.
    pub(super) empty_is_null: bool,
    pub(super) periods: Periods,
    /// A part of the local date or time of an expression.
    pub(super) part: fn(DatePart, &str) -> String,
    pub(super) described: Described,
    pub(super) around_session: [&'static [&'static str]; 2],
    pub(super) prepares: bool,
    pub(super) asks_server: &'static str,
    pub(super) clock: &'static [ClockWord],
}

/// How a sign of a pattern is escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Like {
    /// By `!`, which is said.
    Said,
    /// The same where `[` is a sign as well.
    SaidWithBrackets,
    /// By a backslash, of which nothing is said.
    Backslash,
}

/// How an expression is compared with many texts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// One placeholder each; the engine reads them as what the expression is.
    Each,
    /// One placeholder each; the engine compares texts with texts only.
    EachAsText,
    /// All in one.
    One,
}

/// How a fraction is compared with a number of four bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fractions {
    /// As the engine does.
    AsIs,
    /// DuckDB compares all in four bytes, also what stands above and below.
    DuckDb,
    /// ClickHouse compares all in eight.
    ClickHouse,
}

/// How an instant is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Periods {
    /// As the engine does, which knows the session's zone.
    Typed,
    /// SQLite has no type for it: texts by ISO 8601, with a zone or in that of the query.
    Texts,
}

/// `pattern` with `value` for its question mark.
fn fill(pattern: &str, value: &str) -> String {
    pattern.replacen('?', value, 1)
}

impl Row {
    fn bound(&self, param: Param, params: &mut Params) -> String {
        let marker = params.bind(param.clone());
        self.typed(&marker, &param)
    }

    fn each(&self, values: Vec<Param>, params: &mut Params) -> Vec<String> {
        values.into_iter().map(|value| self.bound(value, params)).collect()
    }

    /// `left in (…)`, in pieces that every engine takes.
    fn one_of(left: &str, values: &[String]) -> String {
        /// Oracle takes no longer list.
        const LONGEST: usize = 1000;
        let pieces: Vec<_> = values.chunks(LONGEST).map(|piece| format!("{left} in ({})", piece.join(", "))).collect();
        match pieces.as_slice() {
            [piece] => piece.clone(),
            _ => format!("({})", balanced(&pieces, " or ")),
        }
    }

    /// A pattern of ours (`%`, `_`, and `\` before either) as this engine escapes.
    fn pattern(&self, pattern: &str) -> String {
        let escape = if self.like == Like::Backslash { '\\' } else { '!' };
        let is_sign = |c: char| matches!(c, '%' | '_') || c == escape || (c == '[' && self.like == Like::SaidWithBrackets);
        let mut written = String::with_capacity(pattern.len());
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let (c, is_wild) = match c {
                '\\' => (chars.next().unwrap_or('\\'), false),
                c => (c, matches!(c, '%' | '_')),
            };
            if is_sign(c) && !is_wild {
                written.push(escape);
            }
            written.push(c);
        }
        written
    }

    /// A test of one number.
    fn number(&self, e: &str, sign: &str, value: Decimal, params: &mut Params) -> String {
        let fraction = value.scale > 0;
        let typed = self.bound(value.into_param(), params);
        match self.fractions {
            Fractions::DuckDb if fraction && sign != "=" => {
                let eight = self.bound(Param::Text(value.to_string()), params);
                format!(
                    "case when typeof({e}) = 'FLOAT' then cast(({e}) as double) {sign} cast({eight} as double) else ({e}) {sign} {typed} end"
                )
            }
            Fractions::ClickHouse if fraction && sign == "=" => {
                let four = self.bound(Param::Text(value.to_string()), params);
                format!("if(position(toTypeName({e}), 'Float32') > 0, toFloat32({e}) = toFloat32({four}), ({e}) = {typed})")
            }
            _ => format!("({e}) {sign} {typed}"),
        }
    }

    /// From `at` on, or before it.
    fn edge(&self, e: &str, sign: &str, at: Timestamp, params: &mut Params) -> String {
        match self.periods {
            Periods::Typed => format!("({e}) {sign} {}", self.bound(Param::Instant(at), params)),
            Periods::Texts => {
                let (utc, again) = (params.bind(Param::Instant(at)), params.bind(Param::Instant(at)));
                let local = params.bind(Param::Local(at));
                format!(
                    "case when glob('*[zZ]', {e}) then replace(rtrim({e}, 'zZ'), 'T', ' ') {sign} {utc} \
                     when glob('*[+-][0-9][0-9]:[0-9][0-9]', {e}) then strftime('%Y-%m-%d %H:%M:%f', {e}) {sign} {again} \
                     else replace({e}, 'T', ' ') {sign} {local} end"
                )
            }
        }
    }
}

impl Rules for Row {
    fn lexer(&self) -> &'static dyn SqlDialect {
        self.lexer
    }

    fn placeholder(&self, number: usize, param: &Param) -> String {
        (self.placeholder)(number, param)
    }

    fn placeholders_repeat(&self) -> bool {
        self.repeats
    }

    fn typed(&self, placeholder: &str, param: &Param) -> String {
        match param {
            Param::Instant(_) => fill(self.instant, placeholder),
            Param::Date(_) => fill(self.day, placeholder),
            Param::Decimal(number) => fill(&(self.decimal)(*number), placeholder),
            _ => placeholder.to_owned(),
        }
    }

    fn truth(&self, holds: bool) -> &'static str {
        self.truth[usize::from(!holds)]
    }

    fn unknown(&self) -> &'static str {
        "(1 = null)"
    }

    fn is_not_true(&self, condition: &str) -> String {
        format!("case when ({condition}) then 0 else 1 end = 1")
    }

    fn is(&self, e: &str, holds: bool) -> String {
        match (self.bits, holds) {
            (true, _) => format!("({e}) = {}", u8::from(holds)),
            (_, true) => format!("case when ({e}) then 1 else 0 end = 1"),
            (_, false) => format!("case when not ({e}) then 1 else 0 end = 1"),
        }
    }

    fn text(&self, e: &str) -> String {
        fill(self.text, &format!("({e})"))
    }

    fn lower(&self, text: &str) -> String {
        format!("{}({text})", self.lower)
    }

    fn empty(&self, e: &str) -> String {
        if self.empty_is_null { format!("{} is null", self.text(e)) } else { format!("coalesce({}, '') = ''", self.text(e)) }
    }

    fn text_in(&self, e: &str, values: &[String], ignore_case: bool, params: &mut Params) -> String {
        let left = match (self.lists, ignore_case) {
            (_, true) => self.lower(&self.text(e)),
            (Lists::EachAsText, false) => self.text(e),
            (_, false) => format!("({e})"),
        };
        if self.lists == Lists::One {
            let list = params.bind(Param::Texts(values.to_vec()));
            return if ignore_case {
                format!("has(arrayMap(x -> {}(x), {list}), {left})", self.lower)
            } else {
                format!("{left} in ({list})")
            };
        }
        let values = self.each(values.iter().cloned().map(Param::Text).collect(), params);
        let values: Vec<_> = if ignore_case { values.iter().map(|value| self.lower(value)).collect() } else { values };
        Self::one_of(&left, &values)
    }

    fn like_any(&self, e: &str, patterns: &[String], ignore_case: bool, params: &mut Params) -> String {
        let text = if ignore_case { self.lower(&self.text(e)) } else { self.text(e) };
        let said = if self.like == Like::Backslash { "" } else { " escape '!'" };
        let tests = patterns.iter().map(|pattern| {
            let value = params.bind(Param::Text(self.pattern(pattern)));
            let value = if ignore_case { self.lower(&value) } else { value };
            format!("{text} like {value}{said}")
        });
        let tests: Vec<_> = tests.collect();
        if let [one] = tests.as_slice() { one.clone() } else { format!("({})", balanced(&tests, " or ")) }
    }

    fn number_in(&self, e: &str, values: &[Decimal], params: &mut Params) -> String {
        let whole: Option<Vec<i64>> = values.iter().map(|value| value.as_i64()).collect();
        if let Some(whole) = whole {
            let values = self.each(whole.into_iter().map(Param::Integer).collect(), params);
            return Self::one_of(&format!("({e})"), &values);
        }
        let tests: Vec<_> = values.iter().map(|value| self.number(e, "=", *value, params)).collect();
        if let [one] = tests.as_slice() { one.clone() } else { format!("({})", balanced(&tests, " or ")) }
    }

    fn compare(&self, e: &str, order: Order, value: Decimal, params: &mut Params) -> String {
        if self.nan_is_highest {
            return self.number(e, order.operator(), value, params);
        }
        // NaN is neither below nor above anything: above is what is not below.
        match order {
            Order::Greater => format!("not ({})", self.number(e, "<=", value, params)),
            Order::GreaterOrEqual => format!("not ({})", self.number(e, "<", value, params)),
            Order::Less | Order::LessOrEqual => self.number(e, order.operator(), value, params),
        }
    }

    fn in_period(&self, e: &str, start: Option<Timestamp>, end: Option<Timestamp>, params: &mut Params) -> String {
        let bounds = [(">=", start), ("<", end)].into_iter();
        let parts: Vec<_> = bounds.filter_map(|(sign, at)| Some(self.edge(e, sign, at?, params))).collect();
        if parts.is_empty() { format!("({e}) is not null") } else { format!("({})", parts.join(" and ")) }
    }

    fn in_periods(&self, e: &str, periods: &[(Timestamp, Timestamp)], params: &mut Params) -> String {
        let tests: Vec<_> = periods.iter().map(|(start, end)| self.in_period(e, Some(*start), Some(*end), params)).collect();
        format!("({})", balanced(&tests, " or "))
    }

    fn part_in(&self, e: &str, part: DatePart, values: &[i64], params: &mut Params) -> String {
        let number = match part {
            DatePart::FiscalQuarterOfYear { start } => self.fiscal(&(self.part)(DatePart::MonthOfYear, e), start),
            part => (self.part)(part, e),
        };
        let values = self.each(values.iter().copied().map(Param::Integer).collect(), params);
        Self::one_of(&number, &values)
    }

    fn instants(&self) -> Instants {
        self.instants
    }

    fn around_session(&self) -> [&'static [&'static str]; 2] {
        self.around_session
    }

    fn prepares(&self) -> bool {
        self.prepares
    }

    fn asks_server(&self) -> &'static str {
        self.asks_server
    }

    fn described(&self) -> Described {
        self.described
    }

    fn clock_words(&self) -> &'static [ClockWord] {
        self.clock
    }
}

impl Row {
    /// The quarter of a fiscal year; a division that every engine rounds down.
    fn fiscal(&self, month: &str, start: i8) -> String {
        let into = format!("mod({month} + 12 - {start}, 12)");
        let into = if self.like == Like::SaidWithBrackets || self.periods == Periods::Texts {
            format!("(({month} + 12 - {start}) % 12)")
        } else {
            into
        };
        format!("(case when {into} < 3 then 1 when {into} < 6 then 2 when {into} < 9 then 3 when {into} >= 9 then 4 end)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use pressrun_domain::catalog::FilterKind;
    use serde_json::json;

    use crate::testing::{filters, identity, new_york, tile};
    use crate::{Dialect, Param, check_tile, compile, guard};

    const OTHERS: usize = Dialect::OF_THEIR_OWN.len();

    fn warehouses() -> impl Iterator<Item = Dialect> {
        Dialect::ALL.into_iter().skip(OTHERS).chain([Dialect::Ansi])
    }

    #[test]
    fn f4_every_predicate_of_every_warehouse_is_sql_of_its_own_and_binds_its_values() {
        for (kind, expression) in [
            (FilterKind::String, json!(["Ω", null])),
            (FilterKind::String, json!({"values": ["Ω", "Ψ"], "is_negative": true, "case_insensitive": true})),
            (FilterKind::String, json!({"kind": "CONTAINS", "values": ["Ω%_!["], "case_insensitive": true})),
            (FilterKind::String, json!({"kind": "IS_EMPTY"})),
            (FilterKind::Number, json!([1, "2.5"])),
            (FilterKind::Number, json!({"kind": "BETWEEN", "values": ["-0.5", 9], "is_negative": true})),
            (FilterKind::Date, json!({"kind": "TIME_FOR_INTERVAL_DURATION", "left_side": "6 months ago", "right_side": "3 months"})),
            (FilterKind::Date, json!({"kind": "IS_IN_QUARTER_OF_YEAR", "values": [1, 3], "isFiscal": true})),
            (FilterKind::Date, json!({"kind": "IS_ON_DAY_OF_QUARTER", "values": [31]})),
            (FilterKind::Date, json!({"kind": "IS_IN_WEEK_OF_YEAR", "values": [7]})),
            (FilterKind::Boolean, json!({"type": "boolean", "is_negative": true, "treat_nulls_as_false": true})),
        ] {
            let effective = filters([("f", kind, expression.clone())]);
            let sql = "select v from t where {{ filter('f', 'v') }} and {{ user_attribute('region', 'r') }}";
            for dialect in warehouses() {
                let query = compile(&tile(sql), &effective, &identity(&[("region", &["US"])]), &new_york(), dialect).unwrap();
                assert!(!query.sql.contains(['Ω', 'Ψ']) && !query.sql.contains("pressrun"), "{dialect:?}: {}", query.sql);
                // As `check` reads it: of ClickHouse's placeholders with markers in their place.
                let checked = check_tile(&tile(sql), &effective, &new_york(), dialect);
                assert!(checked.findings.is_empty() && checked.columns.is_some(), "{dialect:?}: {checked:?}: {}", query.sql);
                guard(&query.sql, dialect).unwrap();
                let signs = query.sql.matches(['?', '$', '@', '{', ':']).count();
                assert!(signs >= query.params.len() && !query.params.is_empty(), "{dialect:?}: {} {:?}", query.sql, query.params);
            }
            // Without values an attribute keeps no row, and no `not` in front of it keeps one either (P1).
            let closed = "select v from t where not {{ user_attribute('unset', 'r') }}";
            for dialect in warehouses() {
                let query = compile(&tile(closed), &effective, &identity(&[]), &new_york(), dialect).unwrap();
                assert_eq!(query.sql, "select v from t where not ((1 = null))", "{dialect:?}");
            }
        }
    }

    #[test]
    fn f3_a_pattern_is_escaped_as_each_engine_reads_it() {
        let effective = filters([("f", FilterKind::String, json!({"kind": "CONTAINS", "values": ["50%_\\![x"]}))]);
        for (dialect, sql, pattern) in [
            (Dialect::DuckDb, "cast((v) as varchar) like $1 escape '!'", "%50!%!_\\!![x%"),
            (Dialect::MsSql, "cast((v) as nvarchar(4000)) like @p1 escape '!'", "%50!%!_\\!!![x%"),
            (Dialect::BigQuery, "cast((v) as string) like ?", "%50\\%\\_\\\\![x%"),
            (Dialect::ClickHouse, "toString((v)) like {p1:String}", "%50\\%\\_\\\\![x%"),
            (Dialect::MySql, "cast((v) as char) like ? escape '!'", "%50!%!_\\!![x%"),
        ] {
            let query = compile(&tile("{{ filter('f', 'v') }}"), &effective, &identity(&[]), &new_york(), dialect).unwrap();
            assert_eq!(
                (query.sql.as_str(), &query.params[0]),
                (format!("({sql})").as_str(), &Param::Text(pattern.to_owned())),
                "{dialect:?}"
            );
        }
    }

    #[test]
    fn q5_words_of_the_clock_are_the_run_s_instant() {
        for (dialect, sql, expected) in [
            (Dialect::DuckDb, "select now(), today(), t.now", "select cast($1 as timestamptz), cast($2 as date), t.now"),
            (
                Dialect::ClickHouse,
                "select now(), today()",
                "select toDateTime(fromUnixTimestamp64Micro({p1:Int64})), toDate(toDate32({p2:String}))",
            ),
            (Dialect::Sqlite, "select date('now', '-1 day'), 'now'", "select date(?1, '-1 day'), 'now'"),
            (Dialect::MySql, "select current_date(), curdate() # today", "select cast(? as date), cast(? as date) # today"),
            (Dialect::Snowflake, "select current_timestamp() - sysdate", "select cast(? as timestamp_tz) - sysdate"),
            (Dialect::MsSql, "select getdate()", "select cast(cast(@p1 as datetimeoffset) as datetime)"),
            (Dialect::Spark, "select 'it\\'s', current_date", "select 'it\\'s', cast(? as date)"),
        ] {
            let query = compile(&tile(sql), &filters([]), &identity(&[]), &new_york(), dialect).unwrap();
            assert_eq!(query.sql, expected, "{dialect:?}");
        }
    }

    #[test]
    fn only_one_query_gets_past_the_first_word() {
        for (sql, passes) in [
            ("select 1", true),
            ("-- note\n(select 1)", true),
            ("with a as (select 1) select * from a;", true),
            ("select 1; ;", true),
            ("select ';drop'", true),
            ("select 1; drop table x", false),
            ("attach 'x.db' as x", false),
            ("pragma query_only = 0", false),
            ("copy t to 'x'", false),
            ("", false),
        ] {
            for dialect in warehouses() {
                assert_eq!(guard(sql, dialect).is_ok(), passes, "{dialect:?}: {sql}");
            }
        }
    }
}

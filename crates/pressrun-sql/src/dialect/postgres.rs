//! PostgreSQL and what speaks its wire.

use jiff::Timestamp;

use super::{ClockForm, ClockWord, Rules, SessionStatement};
use crate::filter::{DatePart, Order};
use crate::param::{Decimal, Param, Params};

pub(super) struct Postgres;

impl Rules for Postgres {
    fn lexer(&self) -> &'static dyn sqlparser::dialect::Dialect {
        &sqlparser::dialect::PostgreSqlDialect {}
    }

    /// A bare placeholder takes its type from what it is compared with: 1.5 against an integer would be refused.
    fn typed(&self, placeholder: &str, param: &Param) -> String {
        let cast = match param {
            Param::Text(_) => return placeholder.to_owned(),
            Param::Integer(_) => "bigint",
            Param::Decimal(_) => "numeric",
            Param::Boolean(_) => "boolean",
            Param::Instant(_) | Param::Local(_) => "timestamptz",
            Param::Date(_) => "date",
            Param::Texts(_) => "text[]",
            Param::Integers(_) => "bigint[]",
            Param::Decimals(_) => "numeric[]",
            Param::Instants(_) => "timestamptz[]",
        };
        format!("{placeholder}::{cast}")
    }

    fn text(&self, e: &str) -> String {
        format!("cast(({e}) as text)")
    }

    fn text_in(&self, e: &str, values: &[String], ignore_case: bool, params: &mut Params) -> String {
        match (values, ignore_case) {
            // Without a change of case the column's own type decides: an index on a uuid or an enum stays of use.
            ([value], false) => format!("({e}) = {}", params.bind(Param::Text(value.clone()))),
            (_, false) => format!("({e}) = any({})", params.bind(Param::Texts(values.to_vec()))),
            ([value], true) => {
                let value = params.bind(Param::Text(value.clone()));
                format!("{} = lower({value})", self.lower(&self.text(e)))
            }
            (_, true) => format!("{} = any({})", self.lower(&self.text(e)), self.lowered(values, params)),
        }
    }

    /// The patterns' own backslash escapes, as in every other engine, only that here it needs no saying.
    fn like_any(&self, e: &str, patterns: &[String], ignore_case: bool, params: &mut Params) -> String {
        let text = if ignore_case { self.lower(&self.text(e)) } else { self.text(e) };
        match (patterns, ignore_case) {
            ([pattern], false) => format!("{text} like {}", params.bind(Param::Text(pattern.clone()))),
            ([pattern], true) => format!("{text} like lower({})", params.bind(Param::Text(pattern.clone()))),
            (_, false) => format!("{text} like any({})", self.bound(Param::Texts(patterns.to_vec()), params)),
            (_, true) => format!("{text} like any({})", self.lowered(patterns, params)),
        }
    }

    fn number_in(&self, e: &str, values: &[Decimal], params: &mut Params) -> String {
        let whole: Option<Vec<i64>> = values.iter().map(|value| value.as_i64()).collect();
        // A fraction is compared as it prints: 0.1 in four bytes is not 0.1 in eight, and both print as 0.1. (PostgreSQL 11 and
        // older print fewer digits; they are out of support.)
        let fractions = values.iter().any(|value| value.scale > 0);
        let left = if fractions { format!("cast(cast(({e}) as text) as numeric)") } else { format!("({e})") };
        match (values, whole) {
            ([value], _) => format!("{left} = {}", self.bound(value.into_param(), params)),
            (_, Some(whole)) => format!("{left} = any({})", self.bound(Param::Integers(whole), params)),
            (_, None) => format!("{left} = any({})", self.bound(Param::Decimals(values.to_vec()), params)),
        }
    }

    fn compare(&self, e: &str, order: Order, value: Decimal, params: &mut Params) -> String {
        let value = self.bound(value.into_param(), params);
        format!("({e}) {} {value}", order.operator())
    }

    fn in_period(&self, e: &str, start: Option<Timestamp>, end: Option<Timestamp>, params: &mut Params) -> String {
        let bounds = [(">=", start), ("<", end)].into_iter();
        let parts: Vec<_> =
            bounds.filter_map(|(operator, at)| Some(format!("({e}) {operator} {}", self.bound(Param::Instant(at?), params)))).collect();
        if parts.is_empty() { format!("({e}) is not null") } else { format!("({})", parts.join(" and ")) }
    }

    fn in_periods(&self, e: &str, periods: &[(Timestamp, Timestamp)], params: &mut Params) -> String {
        let (starts, ends) = periods.iter().copied().unzip();
        let starts = self.bound(Param::Instants(starts), params);
        let ends = self.bound(Param::Instants(ends), params);
        format!(
            "(case when ({e}) is not null then exists (select 1 from unnest({starts}, {ends}) as pressrun_p(pressrun_start, pressrun_end) \
             where ({e}) >= pressrun_start and ({e}) < pressrun_end) end)"
        )
    }

    fn part_in(&self, e: &str, part: DatePart, values: &[i64], params: &mut Params) -> String {
        // What the wall clock of the session's zone shows, also for a date, which has no hours of its own.
        let local = format!("cast(({e}) as timestamp)");
        let field = |field: &str| format!("extract({field} from {local})");
        let number = match part {
            DatePart::DayOfWeek => field("isodow"),
            DatePart::DayOfMonth => field("day"),
            DatePart::DayOfQuarter => format!("({} - extract(doy from date_trunc('quarter', {local})) + 1)", field("doy")),
            DatePart::DayOfYear => field("doy"),
            DatePart::MonthOfYear => field("month"),
            DatePart::QuarterOfYear => field("quarter"),
            DatePart::FiscalQuarterOfYear { start } => super::fiscal_quarter(&format!("{}::int", field("month")), start),
            DatePart::WeekOfYear => field("week"),
            DatePart::HourOfDay => field("hour"),
        };
        match values {
            [value] => format!("{number} = {}", self.bound(Param::Integer(*value), params)),
            _ => format!("{number} = any({})", self.bound(Param::Integers(values.to_vec()), params)),
        }
    }

    /// Both hold until the transaction ends.
    fn session(&self, zone: &str, timeout_ms: u64) -> Vec<SessionStatement> {
        vec![SessionStatement {
            sql: "select set_config('TimeZone', $1, true), set_config('statement_timeout', $2, true)",
            values: vec![zone.to_owned(), format!("{}ms", timeout_ms.max(1))],
        }]
    }

    fn asks_server(&self) -> &'static str {
        "select version() as version, current_setting('TimeZone') as zone, current_setting('transaction_read_only') as read_only"
    }

    fn clock_words(&self) -> &'static [ClockWord] {
        &CLOCK_WORDS
    }
}

impl Postgres {
    fn bound(&self, param: Param, params: &mut Params) -> String {
        let marker = params.bind(param.clone());
        self.typed(&marker, &param)
    }

    /// The values in lower case as the database sees it: its collation decides which letters have one.
    fn lowered(&self, values: &[String], params: &mut Params) -> String {
        let list = self.bound(Param::Texts(values.to_vec()), params);
        format!("array(select lower(pressrun_value) from unnest({list}) as pressrun_value)")
    }
}

/// What they are inside views and functions of the server stays the server's own.
const CLOCK_WORDS: [ClockWord; 15] = [
    word("now", ClockForm::Call, "{at}"),
    word("transaction_timestamp", ClockForm::Call, "{at}"),
    word("statement_timestamp", ClockForm::Call, "{at}"),
    word("clock_timestamp", ClockForm::Call, "{at}"),
    word("timeofday", ClockForm::Call, "to_char({at}, 'Dy Mon DD HH24:MI:SS.US YYYY TZ')"),
    word("current_timestamp", ClockForm::WordWithPrecision, "{at}"),
    // To the session's zone, which is the query zone.
    word("localtimestamp", ClockForm::WordWithPrecision, "{at}::timestamp"),
    word("current_time", ClockForm::WordWithPrecision, "{at}::timetz"),
    word("localtime", ClockForm::WordWithPrecision, "{at}::time"),
    word("current_date", ClockForm::Word, "{day}"),
    word("age", ClockForm::OneArgument, "{day}"),
    word("now", ClockForm::Literal, "{at}"),
    word("today", ClockForm::Literal, "{day}"),
    word("tomorrow", ClockForm::Literal, "({day} + 1)"),
    word("yesterday", ClockForm::Literal, "({day} - 1)"),
];

const fn word(word: &'static str, form: ClockForm, means: &'static str) -> ClockWord {
    ClockWord { word, form, means }
}

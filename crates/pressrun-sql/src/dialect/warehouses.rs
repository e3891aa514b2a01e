//! The rows of the table: one warehouse each.

use sqlparser::dialect::{
    AnsiDialect, BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect as SqlDialect, DuckDbDialect, MsSqlDialect, MySqlDialect,
    OracleDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};

use super::bound::Instants;
use super::table::{Fractions, Like, Lists, Periods, Row};
use super::{ClockForm, ClockWord, Described};
use crate::filter::DatePart;
use crate::param::{Decimal, Param};

fn question(_: usize, _: &Param) -> String {
    "?".to_owned()
}

fn dollar(number: usize, _: &Param) -> String {
    format!("${number}")
}

/// ClickHouse's placeholders say their type.
fn typed(number: usize, param: &Param) -> String {
    let kind = match param {
        Param::Integer(_) | Param::Instant(_) => "Int64",
        Param::Boolean(_) => "Bool",
        Param::Texts(_) | Param::Integers(_) | Param::Decimals(_) | Param::Instants(_) => "Array(String)",
        Param::Text(_) | Param::Decimal(_) | Param::Date(_) | Param::Local(_) => "String",
    };
    format!("{{p{number}:{kind}}}")
}

fn decimal(number: Decimal) -> String {
    format!("cast(? as decimal(38, {}))", number.scale)
}

/// What most engines say; a row states what its engine says otherwise.
pub(super) const ANSI: Row = Row {
    lexer: &AnsiDialect {},
    placeholder: question,
    repeats: false,
    instant: "cast(? as timestamp with time zone)",
    day: "cast(? as date)",
    decimal,
    instants: Instants::WithOffset,
    text: "cast(? as varchar(4000))",
    lower: "lower",
    truth: ["1 = 1", "1 = 0"],
    bits: false,
    like: Like::Said,
    lists: Lists::EachAsText,
    fractions: Fractions::AsIs,
    nan_is_highest: true,
    empty_is_null: false,
    periods: Periods::Typed,
    part: extracted,
    described: Described::WhereFalse,
    around_session: [&[], &[]],
    prepares: false,
    asks_server: "select 1 as version",
    clock: &[
        word("current_timestamp", ClockForm::WordWithPrecision, "{at}"),
        word("localtimestamp", ClockForm::WordWithPrecision, "cast({at} as timestamp)"),
        word("current_date", ClockForm::Word, "{day}"),
    ],
};

pub(super) const DUCKDB: Row = Row {
    lexer: &DuckDbDialect {},
    placeholder: dollar,
    repeats: true,
    instant: "cast(? as timestamptz)",
    instants: Instants::Rfc3339,
    text: "cast(? as varchar)",
    lists: Lists::Each,
    fractions: Fractions::DuckDb,
    part: |part, e| {
        let local = format!("cast(({e}) as timestamp)");
        let field = |field: &str| format!("extract({field} from {local})");
        match part {
            DatePart::DayOfWeek => field("isodow"),
            DatePart::DayOfMonth => field("day"),
            DatePart::DayOfQuarter => format!("({} - extract(doy from date_trunc('quarter', {local})) + 1)", field("doy")),
            DatePart::DayOfYear => field("doy"),
            DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => field("month"),
            DatePart::QuarterOfYear => field("quarter"),
            DatePart::WeekOfYear => field("week"),
            DatePart::HourOfDay => field("hour"),
        }
    },
    described: Described::Limit,
    // It would spill beside whatever directory the server works in; without the last two a SELECT reads any file of the machine.
    around_session: [
        &["set TimeZone = '{zone}'", "set temp_directory = ''"],
        &["set enable_external_access = false", "set lock_configuration = true"],
    ],
    asks_server: "select version() as version, current_setting('TimeZone') as zone, current_setting('access_mode') as read_only",
    clock: &[
        word("now", ClockForm::Call, "{at}"),
        word("get_current_timestamp", ClockForm::Call, "{at}"),
        word("transaction_timestamp", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("localtimestamp", ClockForm::WordOrCall, "cast({at} as timestamp)"),
        word("current_localtimestamp", ClockForm::Call, "cast({at} as timestamp)"),
        word("current_time", ClockForm::WordOrCall, "cast(cast({at} as timestamp) as time)"),
        word("localtime", ClockForm::WordOrCall, "cast(cast({at} as timestamp) as time)"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
        word("today", ClockForm::Call, "{day}"),
        word("age", ClockForm::OneArgument, "cast({day} as timestamp)"),
    ],
    ..ANSI
};

pub(super) const CLICKHOUSE: Row = Row {
    lexer: &ClickHouseDialect {},
    placeholder: typed,
    repeats: true,
    // In the session's zone, as every date is read.
    instant: "fromUnixTimestamp64Micro(?)",
    day: "toDate32(?)",
    decimal: |number| {
        if number.precision() > 38 { format!("toDecimal256(?, {})", number.scale) } else { format!("toDecimal128(?, {})", number.scale) }
    },
    instants: Instants::Microseconds,
    text: "toString(?)",
    lower: "lowerUTF8",
    truth: ["true", "false"],
    like: Like::Backslash,
    lists: Lists::One,
    fractions: Fractions::ClickHouse,
    nan_is_highest: false,
    part: |part, e| {
        let local = format!("toTimezone(toDateTime64(({e}), 6), timezone())");
        match part {
            DatePart::DayOfWeek => format!("toDayOfWeek({local})"),
            DatePart::DayOfMonth => format!("toDayOfMonth({local})"),
            DatePart::DayOfQuarter => format!("(toDayOfYear({local}) - toDayOfYear(toStartOfQuarter({local})) + 1)"),
            DatePart::DayOfYear => format!("toDayOfYear({local})"),
            DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("toMonth({local})"),
            DatePart::QuarterOfYear => format!("toQuarter({local})"),
            DatePart::WeekOfYear => format!("toISOWeek({local})"),
            DatePart::HourOfDay => format!("toHour({local})"),
        }
    },
    described: Described::Limit,
    asks_server: "select version() as version, timezone() as zone, toString(getSetting('readonly')) as read_only",
    clock: &[
        word("now", ClockForm::Call, "toDateTime({at})"),
        word("now64", ClockForm::Call, "toDateTime64({at}, 3)"),
        word("nowinblock", ClockForm::Call, "toDateTime({at})"),
        word("current_timestamp", ClockForm::WordOrCall, "toDateTime({at})"),
        word("utctimestamp", ClockForm::Call, "toDateTime({at}, 'UTC')"),
        word("utc_timestamp", ClockForm::Call, "toDateTime({at}, 'UTC')"),
        word("today", ClockForm::Call, "toDate({day})"),
        word("current_date", ClockForm::WordOrCall, "toDate({day})"),
        word("curdate", ClockForm::Call, "toDate({day})"),
        word("yesterday", ClockForm::Call, "(toDate({day}) - 1)"),
    ],
    ..ANSI
};

pub(super) const SQLITE: Row = Row {
    lexer: &SQLiteDialect {},
    placeholder: |number, _| format!("?{number}"),
    repeats: true,
    instant: "?",
    day: "?",
    decimal: |_| "cast(? as numeric)".to_owned(),
    instants: Instants::Shortest,
    text: "cast(? as text)",
    lists: Lists::Each,
    periods: Periods::Texts,
    // Texts say their wall clock; one with a zone is read in UTC.
    part: |part, e| {
        let field = |code: &str| format!("cast(strftime('{code}', ({e})) as integer)");
        let quarter = format!("(({} + 2) / 3)", field("%m"));
        match part {
            DatePart::DayOfWeek => format!("((cast(strftime('%w', ({e})) as integer) + 6) % 7 + 1)"),
            DatePart::DayOfMonth => field("%d"),
            DatePart::DayOfQuarter => format!(
                "cast(julianday(date({e})) - julianday(date({e}, 'start of month', '-' || (({} - 1) % 3) || ' months')) + 1 as integer)",
                field("%m")
            ),
            DatePart::DayOfYear => field("%j"),
            DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => field("%m"),
            DatePart::QuarterOfYear => quarter,
            // The week of its Thursday.
            DatePart::WeekOfYear => format!("((cast(strftime('%j', date({e}, '-3 days', 'weekday 4')) as integer) - 1) / 7 + 1)"),
            DatePart::HourOfDay => field("%H"),
        }
    },
    described: Described::Limit,
    around_session: [&["pragma query_only = 1", "pragma case_sensitive_like = 1"], &[]],
    asks_server: "select sqlite_version() as version, 'none' as zone, (select query_only from pragma_query_only) as read_only",
    clock: &[
        word("current_timestamp", ClockForm::Word, "{at}"),
        word("current_date", ClockForm::Word, "{day}"),
        word("now", ClockForm::Argument, "{at}"),
    ],
    ..ANSI
};

pub(super) const MYSQL: Row = Row {
    lexer: &MySqlDialect {},
    instant: "cast(? as datetime(6))",
    instants: Instants::Local,
    text: "cast(? as char)",
    lists: Lists::Each,
    part: |part, e| match part {
        DatePart::DayOfWeek => format!("(weekday({e}) + 1)"),
        DatePart::DayOfMonth => format!("dayofmonth({e})"),
        DatePart::DayOfQuarter => {
            format!("(datediff({e}, makedate(year({e}), 1) + interval (quarter({e}) - 1) quarter) + 1)")
        }
        DatePart::DayOfYear => format!("dayofyear({e})"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("month({e})"),
        DatePart::QuarterOfYear => format!("quarter({e})"),
        DatePart::WeekOfYear => format!("week({e}, 3)"),
        DatePart::HourOfDay => format!("hour({e})"),
    },
    described: Described::Limit,
    around_session: [&["set time_zone = '{zone}'", "set session transaction read only"], &[]],
    asks_server: "select version() as version, @@session.time_zone as zone",
    clock: &[
        word("now", ClockForm::Call, "{at}"),
        word("sysdate", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("localtime", ClockForm::WordOrCall, "{at}"),
        word("localtimestamp", ClockForm::WordOrCall, "{at}"),
        word("curdate", ClockForm::Call, "{day}"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
        word("curtime", ClockForm::Call, "cast({at} as time)"),
        word("current_time", ClockForm::WordOrCall, "cast({at} as time)"),
        word("unix_timestamp", ClockForm::Call, "unix_timestamp({at})"),
    ],
    ..ANSI
};

pub(super) const SNOWFLAKE: Row = Row {
    lexer: &SnowflakeDialect {},
    instant: "cast(? as timestamp_tz)",
    decimal: |number| format!("cast(? as number(38, {}))", number.scale),
    instants: Instants::Rfc3339,
    text: "cast(? as varchar)",
    lists: Lists::Each,
    part: |part, e| match part {
        DatePart::DayOfWeek => format!("dayofweekiso({e})"),
        DatePart::DayOfMonth => format!("day({e})"),
        DatePart::DayOfQuarter => format!("(datediff('day', date_trunc('quarter', {e}), {e}) + 1)"),
        DatePart::DayOfYear => format!("dayofyear({e})"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("month({e})"),
        DatePart::QuarterOfYear => format!("quarter({e})"),
        DatePart::WeekOfYear => format!("weekiso({e})"),
        DatePart::HourOfDay => format!("hour({e})"),
    },
    described: Described::Limit,
    around_session: [
        &[
            "alter session set TIMEZONE = '{zone}'",
            "alter session set STATEMENT_TIMEOUT_IN_SECONDS = {seconds}",
            "alter session set ABORT_DETACHED_QUERY = true",
            "alter session set QUERY_TAG = 'pressrun'",
        ],
        &[],
    ],
    asks_server: "select current_version() as version",
    clock: &[
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("getdate", ClockForm::Call, "{at}"),
        word("systimestamp", ClockForm::Call, "{at}"),
        word("sysdate", ClockForm::Call, "convert_timezone('UTC', {at})::timestamp_ntz"),
        word("localtimestamp", ClockForm::WordOrCall, "{at}"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
        word("current_time", ClockForm::WordOrCall, "{at}::time"),
    ],
    ..ANSI
};

pub(super) const BIGQUERY: Row = Row {
    lexer: &BigQueryDialect {},
    instant: "cast(? as timestamp)",
    decimal: |_| "cast(? as bignumeric)".to_owned(),
    instants: Instants::Rfc3339,
    text: "cast(? as string)",
    truth: ["true", "false"],
    like: Like::Backslash,
    nan_is_highest: false,
    part: |part, e| {
        let field = |field: &str| format!("extract({field} from {e})");
        match part {
            DatePart::DayOfWeek => format!("(mod({} + 5, 7) + 1)", field("dayofweek")),
            DatePart::DayOfMonth => field("day"),
            DatePart::DayOfQuarter => format!("(date_diff(date({e}), date_trunc(date({e}), quarter), day) + 1)"),
            DatePart::DayOfYear => field("dayofyear"),
            DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => field("month"),
            DatePart::QuarterOfYear => field("quarter"),
            DatePart::WeekOfYear => field("isoweek"),
            DatePart::HourOfDay => field("hour"),
        }
    },
    described: Described::Limit,
    asks_server: "select 'BigQuery' as version, 'UTC' as zone",
    clock: &[
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("current_datetime", ClockForm::WordOrCall, "datetime({at})"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
    ],
    ..ANSI
};

pub(super) const SPARK: Row = Row {
    lexer: &SparkLexer,
    instant: "cast(? as timestamp)",
    instants: Instants::Rfc3339,
    text: "cast(? as string)",
    lists: Lists::Each,
    truth: ["true", "false"],
    part: spark_part,
    described: Described::Limit,
    around_session: [&["set time zone '{zone}'"], &[]],
    asks_server: "select version() as version, current_timezone() as zone",
    clock: &[
        word("now", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("localtimestamp", ClockForm::WordOrCall, "cast({at} as timestamp_ntz)"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
        word("curdate", ClockForm::Call, "{day}"),
        word("unix_timestamp", ClockForm::Call, "unix_timestamp({at})"),
    ],
    ..ANSI
};

pub(super) const DATABRICKS: Row = Row {
    lexer: &DatabricksLexer,
    around_session: [&["set time zone '{zone}'", "set statement_timeout = {seconds}"], &[]],
    clock: &[
        word("now", ClockForm::Call, "{at}"),
        word("getdate", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::WordOrCall, "{at}"),
        word("current_date", ClockForm::WordOrCall, "{day}"),
        word("curdate", ClockForm::Call, "{day}"),
        word("unix_timestamp", ClockForm::Call, "unix_timestamp({at})"),
    ],
    ..SPARK
};

pub(super) const TRINO: Row = Row {
    instants: Instants::WithZone,
    text: "cast(? as varchar)",
    truth: ["true", "false"],
    nan_is_highest: false,
    part: |part, e| match part {
        DatePart::DayOfWeek => format!("day_of_week({e})"),
        DatePart::DayOfMonth => format!("day({e})"),
        DatePart::DayOfQuarter => format!("(date_diff('day', date_trunc('quarter', {e}), {e}) + 1)"),
        DatePart::DayOfYear => format!("day_of_year({e})"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("month({e})"),
        DatePart::QuarterOfYear => format!("quarter({e})"),
        DatePart::WeekOfYear => format!("week({e})"),
        DatePart::HourOfDay => format!("hour({e})"),
    },
    described: Described::Limit,
    asks_server: "select version() as version, current_timezone() as zone",
    clock: &[
        word("now", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::WordWithPrecision, "{at}"),
        word("localtimestamp", ClockForm::WordWithPrecision, "cast({at} as timestamp)"),
        word("current_date", ClockForm::Word, "{day}"),
    ],
    ..ANSI
};

pub(super) const MSSQL: Row = Row {
    lexer: &MsSqlDialect {},
    placeholder: |number, _| format!("@p{number}"),
    repeats: true,
    instant: "cast(? as datetimeoffset)",
    text: "cast(? as nvarchar(4000))",
    bits: true,
    like: Like::SaidWithBrackets,
    lists: Lists::Each,
    part: |part, e| match part {
        DatePart::DayOfWeek => format!("((datepart(weekday, {e}) + @@datefirst - 2) % 7 + 1)"),
        DatePart::DayOfMonth => format!("datepart(day, {e})"),
        DatePart::DayOfQuarter => format!("(datediff(day, dateadd(quarter, datediff(quarter, 0, {e}), 0), {e}) + 1)"),
        DatePart::DayOfYear => format!("datepart(dayofyear, {e})"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("datepart(month, {e})"),
        DatePart::QuarterOfYear => format!("datepart(quarter, {e})"),
        DatePart::WeekOfYear => format!("datepart(iso_week, {e})"),
        DatePart::HourOfDay => format!("datepart(hour, {e})"),
    },
    described: Described::AsItIs,
    asks_server: "select @@version as version, 'none' as zone",
    clock: &[
        word("getdate", ClockForm::Call, "cast({at} as datetime)"),
        word("sysdatetime", ClockForm::Call, "cast({at} as datetime2)"),
        word("sysdatetimeoffset", ClockForm::Call, "{at}"),
        word("getutcdate", ClockForm::Call, "cast({at} as datetime)"),
        word("sysutcdatetime", ClockForm::Call, "cast({at} as datetime2)"),
        word("current_timestamp", ClockForm::Word, "cast({at} as datetime)"),
    ],
    ..ANSI
};

pub(super) const ORACLE: Row = Row {
    lexer: &OracleDialect {},
    placeholder: |number, _| format!(":{number}"),
    repeats: true,
    instant: "to_timestamp_tz(?, 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM')",
    day: "to_date(?, 'YYYY-MM-DD')",
    decimal: |_| "to_number(?, '99999999999999999999999999999999999999D99999999999999999999', 'nls_numeric_characters=''.,''')".to_owned(),
    text: "cast(? as varchar2(4000))",
    bits: true,
    lists: Lists::Each,
    empty_is_null: true,
    part: |part, e| match part {
        DatePart::DayOfWeek => format!("(trunc({e}) - trunc({e}, 'IW') + 1)"),
        DatePart::DayOfMonth => format!("extract(day from {e})"),
        DatePart::DayOfQuarter => format!("(trunc({e}) - trunc({e}, 'Q') + 1)"),
        DatePart::DayOfYear => format!("to_number(to_char({e}, 'DDD'))"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("extract(month from {e})"),
        DatePart::QuarterOfYear => format!("to_number(to_char({e}, 'Q'))"),
        DatePart::WeekOfYear => format!("to_number(to_char({e}, 'IW'))"),
        DatePart::HourOfDay => format!("to_number(to_char({e}, 'HH24'))"),
    },
    around_session: [&["alter session set time_zone = '{zone}'"], &[]],
    asks_server: "select 'Oracle' as version, sessiontimezone as zone from dual",
    clock: &[
        word("sysdate", ClockForm::Word, "cast({at} as date)"),
        word("systimestamp", ClockForm::WordWithPrecision, "{at}"),
        word("current_timestamp", ClockForm::WordWithPrecision, "{at}"),
        word("localtimestamp", ClockForm::WordWithPrecision, "cast({at} as timestamp)"),
        word("current_date", ClockForm::Word, "{day}"),
    ],
    ..ANSI
};

pub(super) const REDSHIFT: Row = Row {
    lexer: &RedshiftSqlDialect {},
    placeholder: dollar,
    repeats: true,
    instant: "cast(? as timestamptz)",
    instants: Instants::Rfc3339,
    lists: Lists::Each,
    described: Described::Limit,
    around_session: [&["set timezone to '{zone}'", "set statement_timeout to {ms}"], &[]],
    asks_server: "select version() as version, current_setting('timezone') as zone",
    clock: &[
        word("getdate", ClockForm::Call, "cast({at} as timestamp)"),
        word("sysdate", ClockForm::Word, "cast({at} as timestamp)"),
        word("now", ClockForm::Call, "{at}"),
        word("current_timestamp", ClockForm::Word, "{at}"),
        word("current_date", ClockForm::Word, "{day}"),
    ],
    ..ANSI
};

/// As DataFusion and PostgreSQL's kin say it; others are told by another `dialect`.
pub(super) const FLIGHT_SQL: Row = Row {
    lexer: &sqlparser::dialect::GenericDialect {},
    placeholder: dollar,
    repeats: true,
    instants: Instants::Rfc3339,
    text: "cast(? as varchar)",
    truth: ["true", "false"],
    described: Described::Limit,
    prepares: true,
    ..ANSI
};

fn extracted(part: DatePart, e: &str) -> String {
    let field = |field: &str| format!("extract({field} from {e})");
    match part {
        DatePart::DayOfWeek => format!("(mod(cast({} as integer) + 6, 7) + 1)", field("dow")),
        DatePart::DayOfMonth => field("day"),
        DatePart::DayOfQuarter => format!("({} - extract(doy from date_trunc('quarter', {e})) + 1)", field("doy")),
        DatePart::DayOfYear => field("doy"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => field("month"),
        DatePart::QuarterOfYear => field("quarter"),
        DatePart::WeekOfYear => field("week"),
        DatePart::HourOfDay => field("hour"),
    }
}

fn spark_part(part: DatePart, e: &str) -> String {
    match part {
        DatePart::DayOfWeek => format!("(weekday({e}) + 1)"),
        DatePart::DayOfMonth => format!("day({e})"),
        DatePart::DayOfQuarter => format!("(datediff({e}, date_trunc('quarter', {e})) + 1)"),
        DatePart::DayOfYear => format!("dayofyear({e})"),
        DatePart::MonthOfYear | DatePart::FiscalQuarterOfYear { .. } => format!("month({e})"),
        DatePart::QuarterOfYear => format!("quarter({e})"),
        DatePart::WeekOfYear => format!("weekofyear({e})"),
        DatePart::HourOfDay => format!("hour({e})"),
    }
}

/// A parser of ours with one habit of the engine that it does not know.
macro_rules! lexer {
    ($(#[$why:meta])* $name:ident, $base:expr, { $($habits:tt)* }) => {
        $(#[$why])*
        #[derive(Debug)]
        struct $name;

        impl SqlDialect for $name {
            fn is_identifier_start(&self, ch: char) -> bool {
                $base.is_identifier_start(ch)
            }

            fn is_identifier_part(&self, ch: char) -> bool {
                $base.is_identifier_part(ch)
            }

            $($habits)*
        }
    };
}

lexer!(
    /// Spark reads `'it\'s'`, and `"x"` as text.
    SparkLexer,
    sqlparser::dialect::SparkSqlDialect {},
    {
        fn is_delimited_identifier_start(&self, ch: char) -> bool {
            ch == '`'
        }

        fn supports_string_literal_backslash_escape(&self) -> bool {
            true
        }

        fn supports_group_by_expr(&self) -> bool {
            true
        }
    }
);

lexer!(
    /// As Spark.
    DatabricksLexer,
    DatabricksDialect {},
    {
        fn is_delimited_identifier_start(&self, ch: char) -> bool {
            ch == '`'
        }

        fn supports_string_literal_backslash_escape(&self) -> bool {
            true
        }

        fn supports_group_by_expr(&self) -> bool {
            true
        }
    }
);

const fn word(word: &'static str, form: ClockForm, means: &'static str) -> ClockWord {
    ClockWord { word, form, means }
}

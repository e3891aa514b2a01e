//! The reference page of the embedded engine's SQL (`docs/sql.md`), made by running each example.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;

use crate::testing::{answer, plain};

const HEAD: &str = "\
# SQL of the embedded engine

Connections of the kind `files` are queried by an embedded engine, DataFusion, whose SQL is close to PostgreSQL's: `with`, window functions, `filter (where …)`,
`grouping sets`, `lateral`, `unnest`, JSON by `->` and `->>`. A tile is one `SELECT`. This page says what is particular about it: dates, numbers, and a few
functions. Tiles on PostgreSQL are PostgreSQL's own.

Every result below was computed by the engine, in New York on 24 November 2026 at 15:00, and is checked by the tests.

## Two kinds of timestamps

An **instant** (`timestamp with time zone`, `timestamptz`) is a point in time. Reports show it on the clock of the query zone, which is the dashboard's
`timezone`, unless something more specific is said. Columns of files are instants when the file says so: Parquet timestamps that are adjusted to UTC, texts
with an offset (`2026-11-01T04:00:00Z`).

A **wall clock time** (`timestamp`) is what a clock showed: Parquet timestamps that are not adjusted, texts without an offset. Wherever one meets an instant
(a comparison, a union, a `coalesce`, a cast) it is read **on the clock of the query zone**; so is a `date`, which means its first instant.

Clocks are set forward and back, and not every day has 24 hours or a midnight:

- A wall clock time that was skipped is later by as much as was skipped: 02:30 on the night of the change is 03:30.
- One that the clock showed twice is the first of the two.
- A day, week, month, quarter or year begins with its first instant: at 01:00 where the clock skipped midnight, at the first of two midnights.
- An hour that happens twice is two hours in `date_trunc('hour', …)`, as it is in `date_bin` with a stride of an hour or less.
- Months and days are added on the calendar, hours and less in real time: `+ interval '1 day'` keeps the time of day, `+ interval '24 hours'` need not.

The zones are those of the IANA database that is built into the program; the machine's own is not asked.
";

const EXAMPLES: [(&str, &str, &[&str]); 8] = [
    (
        "Making instants",
        "Text without an offset is read on the clock of the query zone by everything here. Empty text is null. Numbers are seconds since 1970.",
        &[
            "to_timestamp('2026-11-01 09:30')",
            "to_timestamp('2026-11-01')",
            "to_timestamp('2026-11-01T09:30:00Z')",
            "to_timestamp('2026-11-01 09:30:00 Europe/Berlin')",
            "to_timestamp('01.11.2026 09:30', '%d.%m.%Y %H:%M')",
            "to_timestamp(1793534400)",
            "to_timestamp_millis(1793534400000)",
            "cast('2026-11-01 09:30' as timestamptz)",
            "'2026-11-01 09:30'::timestamptz",
            "timestamp '2026-11-01 09:30' at time zone 'Europe/Berlin'",
            "cast(date '2026-11-01' as timestamptz)",
            "try_cast('soon' as timestamptz)",
            "now()",
        ],
    ),
    (
        "Wall clock times and days",
        "`at time zone` shows an instant on the clock of another zone; the result is a wall clock time and no longer knows where the clock hangs.",
        &[
            "cast(now() as timestamp)",
            "cast(now() as date)",
            "current_date",
            "now() at time zone 'Asia/Tokyo'",
            "cast('2026-11-01T04:00:00Z' as timestamp)",
            "to_date('01.11.2026', '%d.%m.%Y')",
            "make_date(2026, 11, 1)",
            "cast(now() as time)",
        ],
    ),
    (
        "Parts",
        "Weeks begin on Monday (ISO 8601).",
        &[
            "extract(year from now())",
            "extract(quarter from now())",
            "extract(week from now())",
            "extract(doy from now())",
            "extract(isodow from now())",
            "extract(dow from now())",
            "date_part('hour', now())",
            "extract(epoch from now())",
            "extract(epoch from timestamp '2026-11-01 10:00:00.5' - timestamp '2026-11-01 09:00')",
            "extract(second from timestamp '2026-11-01 10:00:07.5')",
            "extract(millisecond from timestamp '2026-11-01 10:00:07.5')",
            "to_unixtime(now())",
        ],
    ),
    (
        "Truncating and binning",
        "`date_bin` counts bins on the wall clock from 1970-01-01 (a Thursday) or from an origin; strides may be months or shorter, not both.",
        &[
            "date_trunc('hour', now())",
            "date_trunc('day', now())",
            "date_trunc('week', now())",
            "date_trunc('month', now())",
            "date_trunc('quarter', now())",
            "date_trunc('year', timestamp '2026-11-24 15:00')",
            "date_bin(interval '15 minutes', now() + interval '7 minutes')",
            "date_bin(interval '6 hours', now())",
            "date_bin(interval '7 days', now(), date '2026-01-04')",
            "date_bin(interval '2 months', now())",
        ],
    ),
    (
        "Sums and differences",
        "",
        &[
            "now() - interval '1 month'",
            "to_timestamp('2026-10-31 12:00') + interval '1 day'",
            "to_timestamp('2026-10-31 12:00') + interval '24 hours'",
            "timestamp '2026-01-31 12:00' + interval '1 month'",
            "date '2026-01-31' + interval '1 month'",
            "date '2026-01-31' + interval '36 hours'",
            "date_diff('day', date '2026-10-31', now())",
            "date_diff('month', '2025-12-31', now())",
            "date_diff('hour', '2026-11-01', '2026-11-02')",
            "to_timestamp('2026-11-02') - to_timestamp('2026-11-01')",
        ],
    ),
    (
        "Texts of dates",
        "The form is that of `strftime`. `to_char` is another name for it.",
        &[
            "strftime(now(), '%d.%m.%Y %H:%M')",
            "strftime(now(), '%a %-d %b %Y')",
            "strftime(now(), '%H:%M %z %Z')",
            "to_char(date '2026-11-01', '%B %Y')",
            "cast(now() as varchar)",
        ],
    ),
    (
        "Numbers",
        "A number with a point is a binary floating point number, in tiles as in most files. Where every digit counts, say how many: declare the column \
         as a decimal, or cast. Whole numbers have 64 bits; a sum, difference or product that does not fit is an error and never wraps round; \
         decimals have 38 digits, and their sums likewise; `decimal(76, …)` is twice as long. Division of whole numbers yields a whole number.\n\n\
         Beside a whole number or a decimal, a number with a point is compared as it is written, digit by digit. Where a whole number becomes a \
         double (beside a column of doubles, in `coalesce(n, 0.5)`, `n * 0.5`, `floor(n)`, `avg(n)`), and where a decimal is compared with doubles or \
         passed on as one, a digit that a double has no room for is an error that says what to write; `cast(n as double)` says that 15 digits are \
         enough (`try_cast(n as double)` in SQL that asks for user attributes). Quotients, decimals that calculate with doubles, and functions such as `sqrt` are rounded to 15 to 17 digits. A quotient or an \
         average of decimals has four places more than the decimals (a quotient no fewer than six) and is rounded to them, half away from zero; so is what becomes a whole number, but for \
         doubles, of which a half goes to the even one.\n\n\
         `percentile_cont(0.9) within group (order by x)`, also called `quantile_cont`, yields a double between two values, in proportion; `median` \
         of whole numbers and decimals is exact, with one place more than they have. Both keep every value in memory; `approx_percentile_cont` and `approx_median` do not.\n\n\
         `NaN` is above all other numbers and equal to itself, as in PostgreSQL, in comparisons and filters, in sorting, grouping, joins, `min` and `max`. \
         Zero has no sign. JSON has no words for `NaN` and the infinities: there they are null. `<<` and `>>` work on 64 bits, and a shift by 64 is one by none. \
         A column shows dates of the years 1 to 9999; others are an error.",
        &[
            "0.1 + 0.2",
            "cast('0.1' as decimal(10, 2)) + cast('0.2' as decimal(10, 2))",
            "7 / 2",
            "7 / 2.0",
            "cast(7 as decimal(10, 2)) / 2",
            "cast(2 as decimal(10, 2)) / 3",
            "avg(x) from (values (cast(1 as decimal(10, 2))), (2), (2)) as t(x)",
            "cast(1.005 as decimal(10, 2))",
            "cast(2.5 as bigint), cast(cast('2.5' as decimal(10, 1)) as bigint), round(2.5)",
            "percentile_cont(0.9) within group (order by x) from (values (1.0), (2.5), (2.5), (5.0)) as t(x)",
            "median(x) from (values (9007199254740993), (9007199254740992)) as t(x)",
            "round(2.345, 1)",
            "9007199254740993 = 9007199254740993.0, 9007199254740993 > 9007199254740992.5",
            "cast(9007199254740993 as double)",
            "1 << 40, 1 << 64",
            "cast('NaN' as double) > 1e308, cast('NaN' as double) = 0.0 / 0.0",
            "greatest(1.0, cast('NaN' as double)), least(1.0, cast('NaN' as double))",
            "9223372036854775807 + 1",
            "cast(9223372036854775807 as decimal(38, 0)) + 1",
        ],
    ),
    (
        "Texts, digests and encodings",
        "Digests of text are of its UTF-8. `md5` yields text; the others yield bytes, which `encode` turns into text. `upper` and `lower` go by Unicode, \
         in no language, so that a text may become longer.",
        &[
            "upper('Maß'), lower('ÄRGER')",
            "md5('Pressrun')",
            "encode(sha256('Pressrun'), 'hex')",
            "encode(digest('Pressrun', 'sha512'), 'base64')",
            "encode('Größe', 'base64')",
            "cast(decode('R3LDtsOfZQ', 'base64') as varchar)",
        ],
    ),
];

const SERIES: &str = "
## Every day of a period, also those without rows

`generate_series(start, end, step)` and `range(start, end, step)` (without the end) are tables with one column, `value`. Bounds are constants; each value is so many steps
from the start.

```sql
select d.value as day, count(o.id) as orders
from generate_series(date_trunc('month', now()), now(), interval '1 day') as d
left join orders o on date_trunc('day', o.ordered_at) = d.value
group by d.value order by d.value
```

## What is refused

Errors say what to write instead.

| expression | answer |
|---|---|
";

const REFUSED: [&str; 13] = [
    "now() at time zone 'Tokyo'",
    "now() at time zone '+09:00'",
    "from_unixtime(0, 'Asia/Tokyo')",
    "to_timestamp('01.11.2026')",
    "to_timestamp('9999-12-31T23:59:59Z')",
    "date_trunc('fortnight', now())",
    "extract(century from now())",
    "to_char(now(), 'YYYY-MM')",
    "2 ^ 10",
    "'a' similar to '(a|b)%'",
    "'10' + 1",
    "date '2026-11-01' > 5",
    "unnest(generate_series(now(), now() + interval '1 day', interval '1 hour'))",
];

async fn page() -> String {
    let folder = tempfile::tempdir().unwrap();
    let ask = async |expression: &str| {
        let mut query = plain(&format!("select {expression}"));
        query.at = "2026-11-24T20:00:00Z".parse().unwrap();
        match answer(folder.path(), &query).await {
            Ok(rows) if rows == ["∅"] => "null".to_owned(),
            Ok(rows) => format!("`{}`", rows.join(" ")),
            Err(error) => format!("error: {error}"),
        }
    };
    let mut page = HEAD.to_owned();
    for (title, prose, expressions) in EXAMPLES {
        write!(page, "\n## {title}\n\n").unwrap();
        if !prose.is_empty() {
            write!(page, "{prose}\n\n").unwrap();
        }
        page.push_str("| expression | result |\n|---|---|\n");
        for expression in expressions {
            writeln!(page, "| `{expression}` | {} |", ask(expression).await).unwrap();
        }
    }
    page.push_str(SERIES);
    for expression in REFUSED {
        writeln!(page, "| `{expression}` | {} |", ask(expression).await.trim_start_matches("error: ")).unwrap();
    }
    page
}

/// `UPDATE_DOCS=1` writes the page anew.
#[tokio::test]
async fn the_page_of_sql_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md");
    let page = page().await;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(kept, page, "docs/sql.md is stale; run the tests of pressrun-query once with UPDATE_DOCS=1");
}

#[tokio::test]
async fn the_page_of_sql_shows_errors_only_where_it_means_to() {
    let page = page().await;
    let errors: Vec<&str> = page.lines().filter(|line| line.contains("| error: ")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let refused = page.split("## What is refused").nth(1).unwrap();
    assert!(refused.lines().skip(6).all(|line| !line.contains("| `") || line.matches("| `").count() == 1), "{refused}");
}

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, TimeUnit};
use datafusion::sql::parser::Statement;
use indexmap::IndexMap;
use jiff::civil::DateTime;
use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, compile, screen};
use tempfile::TempDir;

use crate::QueryLimits;
use crate::source::files::FilesSource;
use crate::testing::{answer, batch, clock, identity, plain, run, tile, write_parquet};

/// By Python's zoneinfo, made by `truths/truths.py`.
const TRUTHS: &str = include_str!("truths/truths.tsv");

/// How the values of an instant `at` are asked for, by the names of the columns of the truths.
const OF_INSTANTS: [(&str, &str); 46] = [
    ("wall", "cast(at as timestamp)"),
    ("day", "cast(at as date)"),
    ("trunc_minute", "date_trunc('minute', at)"),
    ("trunc_hour", "date_trunc('hour', at)"),
    ("trunc_day", "date_trunc('day', at)"),
    ("trunc_week", "date_trunc('week', at)"),
    ("trunc_month", "date_trunc('month', at)"),
    ("trunc_quarter", "date_trunc('quarter', at)"),
    ("trunc_year", "date_trunc('year', at)"),
    ("year", "extract(year from at)"),
    ("quarter", "extract(quarter from at)"),
    ("month", "extract(month from at)"),
    ("week", "extract(week from at)"),
    ("dom", "extract(day from at)"),
    ("doy", "extract(doy from at)"),
    ("dow", "extract(dow from at)"),
    ("isodow", "date_part('isodow', at)"),
    ("hour", "date_part('hour', at)"),
    ("minute", "date_part('minute', at)"),
    ("bin_15m", "date_bin(interval '15 minutes', at)"),
    ("bin_1h", "date_bin(interval '1 hour', at)"),
    ("bin_6h", "date_bin(interval '6 hours', at)"),
    ("bin_1d", "date_bin(interval '1 day', at)"),
    ("bin_7d", "date_bin(interval '7 days', at)"),
    ("bin_7d_monday", "date_bin(interval '7 days', at, date '2001-01-01')"),
    ("bin_3mon", "date_bin(interval '3 months', at)"),
    ("plus_1d", "at + interval '1 day'"),
    ("minus_1d", "at - interval '1 day'"),
    ("plus_1mon", "interval '1 month' + at"),
    ("minus_1mon", "at - interval '1 month'"),
    ("plus_mixed", "at + interval '1 month 1 day 90 minutes'"),
    ("plus_36h", "at + interval '36 hours'"),
    ("char", "to_char(at, '%d.%m.%Y %H:%M')"),
    ("char_zone", "strftime(at, '%H:%M %z')"),
    ("text", "cast(at as varchar)"),
    ("tokyo", "at at time zone 'Asia/Tokyo'"),
    ("st_johns", "at at time zone 'America/St_Johns'"),
    ("diff_hour", "date_diff('hour', timestamptz '2000-03-15T12:00:00Z', at)"),
    ("diff_day", "date_diff('day', timestamptz '2000-03-15T12:00:00Z', at)"),
    ("diff_week", "date_diff('week', timestamptz '2000-03-15T12:00:00Z', at)"),
    ("diff_month", "date_diff('month', timestamptz '2000-03-15T12:00:00Z', at)"),
    ("diff_quarter", "date_diff('quarter', timestamptz '2000-03-15T12:00:00Z', at)"),
    ("diff_year", "date_diff('year', timestamptz '2000-03-15T12:00:00Z', at)"),
    // Other ways to the same.
    ("wall", "to_local_time(at)"),
    ("day", "to_date(at)"),
    ("char", "to_char(cast(at as timestamp), '%d.%m.%Y %H:%M')"),
];

/// Ways to make an instant of wall clock time `w`, or of the text `t` of it, in the zone `ZONE`.
const OF_WALLS: [&str; 20] = [
    "cast(w as timestamptz)",
    "w::timestamptz",
    "try_cast(w as timestamp with time zone)",
    "arrow_cast(w, 'Timestamp(Nanosecond, Some(\"UTC\"))')",
    "to_timestamp(w)",
    "to_timestamp_micros(w)",
    "w at time zone 'ZONE'",
    "coalesce(w, now())",
    "case when n = 0 then now() else w end",
    "to_timestamp(extract(epoch from w))",
    "from_unixtime(to_unixtime(w))",
    "cast(t as timestamptz)",
    "t::timestamptz",
    "try_cast(t as timestamptz)",
    "to_timestamp(t)",
    "to_timestamp_seconds(t)",
    "to_timestamp_millis(t)",
    "to_timestamp_nanos(t)",
    "to_timestamp(t, '%d.%m.%Y', '%Y-%m-%dT%H:%M:%S')",
    "t at time zone 'ZONE'",
];

/// Ways to make an instant of a day `d`, or of the text `dt` of it.
const OF_DAYS: [&str; 7] = [
    "cast(d as timestamptz)",
    "to_timestamp(d)",
    "cast(dt as timestamptz)",
    "to_timestamp(dt)",
    "to_timestamp(dt, '%Y-%m-%d')",
    "coalesce(d, now())",
    "case when d is null then now() else d end",
];

fn in_zone(sql: &str, zone: &str) -> CompiledQuery {
    compile(&tile(sql), &EffectiveFilters::default(), &identity(&[]), &clock("2026-11-24T20:00:00Z", zone), Dialect::Embedded).unwrap()
}

/// Cells as the truths tell them: instants as seconds after `at`, the rest as text.
fn cells(column: &ArrayRef, at: &[i64]) -> Vec<String> {
    if matches!(column.data_type(), DataType::Timestamp(_, Some(_))) {
        let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))).unwrap();
        let micros = micros.as_primitive::<TimestampMicrosecondType>();
        return micros.values().iter().zip(at).map(|(micros, at)| (micros / 1_000_000 - at).to_string()).collect();
    }
    (0..column.len()).map(|row| array_value_to_string(column, row).unwrap()).collect()
}

/// What is false: `columns` of the answer to `sql` against what is expected in each row.
async fn compare(folder: &TempDir, sql: &str, zone: &str, at: &[i64], asked: &[(String, Vec<String>)], wrong: &mut String) {
    let (found, _) = run(folder.path(), &in_zone(sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}"));
    let found = datafusion::arrow::compute::concat_batches(&found.batches[0].schema(), &found.batches).unwrap();
    assert_eq!(found.num_rows(), at.len(), "{zone}");
    for (column, (expression, expected)) in found.columns().iter().skip(1).zip(asked) {
        for (row, (cell, expected)) in cells(column, at).iter().zip(expected).enumerate() {
            if cell != expected {
                writeln!(wrong, "{zone} {} {expression}: {cell}, not {expected}", at[row]).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn n1_instants_are_right_in_thirty_zones_by_an_independent_table() {
    let mut lines = TRUTHS.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').skip(2).collect();
    let rows: Vec<Vec<&str>> = lines.filter_map(|line| line.strip_prefix("I\t")).map(|line| line.split('\t').collect()).collect();
    let mut wrong = String::new();
    let (mut zones, mut compared) = (0, 0);
    for rows in rows.chunk_by(|one, other| one[0] == other[0]) {
        let zone = rows[0][0];
        let at: Vec<i64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        let folder = tempfile::tempdir().unwrap();
        write_parquet(
            &folder.path().join("t.parquet"),
            &batch(vec![
                ("us", Arc::new(TimestampMicrosecondArray::from_iter_values(at.iter().map(|at| at * 1_000_000)).with_timezone("UTC"))),
                (
                    "ns",
                    Arc::new(TimestampNanosecondArray::from_iter_values(at.iter().map(|at| at * 1_000_000_000)).with_timezone("+00:00")),
                ),
                ("s", Arc::new(TimestampSecondArray::from(at.clone()).with_timezone("Asia/Tokyo"))),
            ]),
        );
        // The other resolutions in every fourth zone: plans cost more than rows.
        for column in &["us", "ns", "s"][..if zones % 4 == 0 { 3 } else { 1 }] {
            let asked: Vec<(String, Vec<String>)> = OF_INSTANTS
                .iter()
                .map(|(name, expression)| {
                    let place = names.iter().position(|other| other == name).unwrap() + 2;
                    (format!("{expression} [{column}]"), rows.iter().map(|row| row[place].to_owned()).collect())
                })
                .collect();
            let columns: Vec<String> =
                OF_INSTANTS.iter().enumerate().map(|(at, (_, expression))| format!("{expression} as c{at}")).collect();
            let sql = format!("select at, {} from (select {column} as at from t) order by 1", columns.join(", "));
            compare(&folder, &sql, zone, &at, &asked, &mut wrong).await;
            compared += asked.len() * at.len();
        }
        zones += 1;
    }
    assert!(names.iter().all(|name| OF_INSTANTS.iter().any(|(other, _)| other == name)), "every column of the truths is asked for");
    assert!(zones >= 30 && compared > 30_000, "{zones} zones, {compared} values");
    assert!(wrong.is_empty(), "{} values are wrong\n{}", wrong.lines().count(), wrong.lines().take(40).collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn n1_every_way_to_an_instant_reads_the_clock_of_the_query_zone() {
    let rows: Vec<Vec<&str>> = TRUTHS.lines().filter_map(|line| line.strip_prefix("W\t")).map(|line| line.split('\t').collect()).collect();
    let mut wrong = String::new();
    for rows in rows.chunk_by(|one, other| one[0] == other[0]) {
        let zone = rows[0][0];
        let walls: Vec<DateTime> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        let micros = walls.iter().map(|wall| wall.to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond());
        let days: Vec<i32> = walls.iter().map(|wall| wall.date().since(jiff::civil::date(1970, 1, 1)).unwrap().get_days()).collect();
        let folder = tempfile::tempdir().unwrap();
        let day_texts: Vec<String> = walls.iter().map(|wall| wall.date().to_string()).collect();
        write_parquet(
            &folder.path().join("t.parquet"),
            &batch(vec![
                ("n", Arc::new(Int64Array::from_iter_values(1..=walls.len() as i64)) as _),
                ("w", Arc::new(TimestampMicrosecondArray::from_iter_values(micros))),
                ("t", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row[1])))),
                ("d", Arc::new(Date32Array::from(days))),
                ("dt", Arc::new(StringArray::from(day_texts))),
            ]),
        );
        for (expressions, place) in [(&OF_WALLS[..], 2), (&OF_DAYS[..], 3)] {
            let at: Vec<i64> = rows.iter().map(|row| row[place].parse().unwrap()).collect();
            let expressions: Vec<String> = expressions.iter().map(|expression| expression.replace("ZONE", zone)).collect();
            let asked: Vec<_> = expressions.iter().map(|expression| (expression.clone(), vec!["0".to_owned(); at.len()])).collect();
            let columns: Vec<String> = expressions.iter().enumerate().map(|(at, expression)| format!("{expression} as c{at}")).collect();
            compare(&folder, &format!("select n, {} from t order by n", columns.join(", ")), zone, &at, &asked, &mut wrong).await;
            // Comparisons, joins and lists read it in the same way.
            let read: Vec<String> = expressions.iter().map(|expression| format!("({expression} in (w, d))")).collect();
            let sql = format!(
                "select count(*) from t where {}",
                if place == 2 { read.join(" and ") } else { "cast(d as timestamptz) = d".to_owned() }
            );
            let found = answer(folder.path(), &in_zone(&sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}"));
            assert_eq!(found, [at.len().to_string()], "{zone} {sql}");
        }
    }
    assert!(wrong.is_empty(), "{} values are wrong\n{}", wrong.lines().count(), wrong.lines().take(40).collect::<Vec<_>>().join("\n"));
}

/// A folder with one table `t` of the columns.
fn table(columns: Vec<(&str, ArrayRef)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_parquet(&folder.path().join("t.parquet"), &batch(columns));
    folder
}

fn instants(texts: &[&str]) -> ArrayRef {
    let micros = texts.iter().map(|text| text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

fn walls(texts: &[&str]) -> ArrayRef {
    let micros = |text: &&str| format!("{text}Z").parse::<jiff::Timestamp>().unwrap().as_microsecond();
    Arc::new(TimestampMicrosecondArray::from_iter_values(texts.iter().map(micros)))
}

/// The cases `sql-at-time-zone`, `sql-cast-to-timestamp`, `sql-cast-clock-change` and `sql-date-bin-zone`, as they were reported.
#[tokio::test]
async fn n1_the_reported_cases_have_their_right_values() {
    let at = table(vec![("at", instants(&["2024-03-10T06:59:00Z"]))]);
    let evening = table(vec![("at", instants(&["2024-03-09T22:00:00Z"]))]);
    let local =
        table(vec![("k", Arc::new(Int64Array::from(vec![1, 2]))), ("local", walls(&["2024-03-10T02:30:00", "2024-11-03T01:30:00"]))]);
    let kolkata = table(vec![("at", instants(&["2024-03-10T12:00:00Z"]))]);
    for (folder, zone, sql, expected) in [
        (
            &at,
            "America/New_York",
            "select at, at at time zone 'Asia/Tokyo' as tokyo from t",
            "2024-03-10T01:59:00-05:00|2024-03-10T15:59:00",
        ),
        (
            &evening,
            "America/New_York",
            "select cast(at as timestamp) as a, to_char(at, '%Y-%m-%d %H:%M') as b from t",
            "2024-03-09T17:00:00|2024-03-09 17:00",
        ),
        (
            &local,
            "America/New_York",
            "select k, cast(local as timestamptz) as x from t order by k",
            "1|2024-03-10T03:30:00-04:00 2|2024-11-03T01:30:00-04:00",
        ),
        (
            &kolkata,
            "Asia/Kolkata",
            "select date_trunc('day', at) as a, date_bin(interval '1 day', at) as b from t",
            "2024-03-10T00:00:00+05:30|2024-03-10T00:00:00+05:30",
        ),
    ] {
        assert_eq!(answer(folder.path(), &in_zone(sql, zone)).await.unwrap().join(" "), expected, "{sql}");
    }
}

/// What the newcomer did: four rows of local text, counted by month.
#[tokio::test]
async fn n1_text_falls_into_its_own_month() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("u.csv"), "at_text\n2026-01-01 00:30\n2026-01-15 12:00\n2026-02-01 00:10\n2026-02-20 09:00\n")
        .unwrap();
    for zone in ["Europe/Berlin", "America/New_York", "UTC"] {
        for expression in [
            "to_timestamp(cast(at_text as varchar))",
            "to_timestamp_millis(at_text)",
            "cast(at_text as timestamp)",
            "cast(at_text as timestamptz)",
            "to_timestamp(cast(at_text as varchar), '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M')",
            "to_date(at_text)",
        ] {
            let sql = format!(
                "select to_char(date_trunc('month', {expression}), '%m') as m, count(*), min(date_part('hour', {expression})) from u group by 1 order by 1"
            );
            let found = answer(folder.path(), &in_zone(&sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}"));
            assert_eq!(found, ["01|2|0", "02|2|0"], "{zone} {sql}");
        }
        let sql = "select count(*) from u where to_timestamp(cast(at_text as varchar)) > now() - interval '300 days'";
        assert_eq!(answer(folder.path(), &in_zone(sql, zone)).await.unwrap(), ["2"], "{zone}");
    }
}

#[tokio::test]
async fn n1_groups_keep_days_of_two_midnights_whole_and_doubled_hours_apart() {
    // Havana set its clock back from one to midnight on 3 November 2024, New York from two to one.
    let hours: Vec<String> = (0..26).map(|hour| format!("2024-11-0{}T{:02}:30:00Z", 3 + (hour + 4) / 24, (hour + 4) % 24)).collect();
    let folder = table(vec![("at", instants(&hours.iter().map(String::as_str).collect::<Vec<_>>()))]);
    for (zone, sql, expected) in [
        (
            "America/Havana",
            "select date_trunc('day', at) as d, count(*) from t group by 1 order by 1",
            "2024-11-03T00:00:00-04:00|25 2024-11-04T00:00:00-05:00|1",
        ),
        (
            "America/Havana",
            "select date_bin(interval '1 day', at) as d, count(*) from t group by 1 order by 1",
            "2024-11-03T00:00:00-04:00|25 2024-11-04T00:00:00-05:00|1",
        ),
        ("America/Havana", "select cast(at as date) as d, count(*) from t group by d order by d", "2024-11-03|25 2024-11-04|1"),
        (
            "America/New_York",
            "select date_trunc('hour', at) as d, count(*) from t where date_part('hour', at) = 1 group by 1 order by 1",
            "2024-11-03T01:00:00-04:00|1 2024-11-03T01:00:00-05:00|1",
        ),
        ("America/New_York", "select count(*) from t where at >= '2024-11-03' and at < date '2024-11-04'", "25"),
        ("America/New_York", "select count(*) from t where at between timestamp '2024-11-03 01:00' and timestamp '2024-11-03 02:00'", "2"),
        ("America/New_York", "select count(*) from t a join t b on a.at = cast(b.at as timestamp) where a.at = b.at", "25"),
        ("America/New_York", "select count(*) from (select at from t union all select cast(at as timestamp) from t)", "52"),
    ] {
        let found = answer(folder.path(), &in_zone(sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}"));
        assert_eq!(found.join(" "), expected, "{zone} {sql}");
    }
}

#[tokio::test]
async fn n1_series_of_instants_go_through_clock_changes() {
    let folder = table(vec![("at", instants(&["2024-03-10T06:59:00Z"]))]);
    for (sql, expected) in [
        (
            "select value from generate_series(to_timestamp('2024-03-09 02:30'), to_timestamp('2024-03-11 02:30'), interval '1 day')",
            "2024-03-09T02:30:00-05:00 2024-03-10T03:30:00-04:00 2024-03-11T02:30:00-04:00",
        ),
        (
            "select value from range(to_timestamp('2024-03-10 00:00'), to_timestamp('2024-03-10 05:00'), interval '90 minutes')",
            "2024-03-10T00:00:00-05:00 2024-03-10T01:30:00-05:00 2024-03-10T04:00:00-04:00",
        ),
        (
            "select value from generate_series(date_trunc('month', now()) - interval '2 months', now(), interval '1 month')",
            "2026-09-01T00:00:00-04:00 2026-10-01T00:00:00-04:00 2026-11-01T00:00:00-04:00",
        ),
        (
            "select value from generate_series(timestamp '2024-03-10', timestamp '2024-03-10 04:00', interval '2 hours')",
            "2024-03-10T00:00:00 2024-03-10T02:00:00 2024-03-10T04:00:00",
        ),
        ("select count(*) from generate_series(cast(now() as timestamp), timestamp '2026-11-24 16:00', interval '1 hour')", "2"),
        ("select count(*) from generate_series(1, 10)", "10"),
    ] {
        let found = answer(folder.path(), &in_zone(sql, "America/New_York")).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(found.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn n1_what_is_not_right_is_refused_with_what_is() {
    let folder = table(vec![("at", instants(&["2024-03-10T06:59:00Z"])), ("n", Arc::new(Int64Array::from(vec![1])))]);
    for (sql, said) in [
        ("select at at time zone 'Tokyo' from t", "name one such as Asia/Tokyo"),
        ("select at at time zone '+05:30' from t", "name one such as Asia/Tokyo"),
        ("select from_unixtime(n, 'Asia/Tokyo') from t", "at time zone 'Asia/Tokyo'"),
        ("select unnest(generate_series(at, at + interval '1 day', interval '1 hour')) from t", "use it as a table"),
        ("select date_trunc('fortnight', at) from t", "use microsecond"),
        ("select date_diff('fortnight', at, at) from t", "use microsecond"),
        ("select cast('yesterday' as timestamptz)", "\"yesterday\" cannot be read as a date"),
        ("select to_timestamp('31.12.2024')", "'%d.%m.%Y"),
        ("select to_timestamp('31.12.2024', '%m.%d.%Y')", "its format is said to be %m.%d.%Y"),
        ("select to_timestamp(true)", "to_timestamp is used on a value of type Boolean"),
        ("select to_char(at, '%z %J') from t", "is no format of a date"),
        ("select value from generate_series(now(), now() + interval '1 day', interval '0 days')", "is zero"),
        ("select value from generate_series(now(), now() + interval '1 month', interval '1 second')", "more than 1000000 values"),
        ("select at + interval '20000 years' from t", "outside the calendar"),
    ] {
        let error = answer(folder.path(), &plain(sql)).await.expect_err(sql).to_string();
        assert!(error.contains(said), "{sql}: {error}");
        assert!(!error.contains("pressrun_"), "{sql}: {error}");
    }
}

/// What is compared with the column itself finds the rows that comparing the function would.
#[tokio::test]
async fn n1_comparisons_of_days_and_periods_reach_the_files() {
    let mut texts = Vec::new();
    for (day, hours) in
        [("2024-03-09T00:00:00Z", 72), ("2024-11-02T00:00:00Z", 72), ("2010-11-06T00:00:00Z", 48), ("2023-12-30T00:00:00Z", 72)]
    {
        let start: jiff::Timestamp = day.parse().unwrap();
        texts.extend((0..hours * 4).map(|quarter| (start + jiff::SignedDuration::from_mins(quarter * 15)).to_string()));
    }
    let folder = table(vec![("at", instants(&texts.iter().map(String::as_str).collect::<Vec<_>>()))]);
    let operators = ["=", "<>", "<", "<=", ">", ">=", "is distinct from"];
    for zone in ["America/New_York", "America/Havana", "America/St_Johns", "Africa/Cairo"] {
        for (function, values) in [
            ("cast(at as date)", ["date '2024-03-10'", "date '2024-11-03'", "date '2010-11-06'", "date '2010-11-07'"]),
            ("date_trunc('day', at)", ["date '2024-03-10'", "date '2024-11-03'", "'2010-11-06'", "timestamp '2010-11-07 00:00'"]),
            ("date_trunc('month', at)", ["date '2024-03-01'", "date '2024-01-01'", "date '2010-11-01'", "date '2024-03-02'"]),
            ("date_part('year', at)", ["2023", "2024", "2010", "2011"]),
            (
                "cast(at as timestamp)",
                ["timestamp '2024-03-10 02:30'", "timestamp '2024-11-03 01:30'", "'2024-03-10 12:00'", "'2010-11-07 00:00'"],
            ),
        ] {
            for value in values {
                // Behind a window the value of the function is compared, which nothing can replace by a period.
                let counted = operators.map(|operator| format!("count(*) filter (where f {operator} {value})")).join(", ");
                let aside = format!("select {function} as f, row_number() over (order by at) as n from t");
                let sql = format!("select {counted} from ({aside}) where n > 0");
                let expected = answer(folder.path(), &in_zone(&sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}"));
                let left_out = operators.map(|operator| format!("select count(*) as n from t where {function} {operator} {value}"));
                let mut found = Vec::new();
                for sql in &left_out {
                    found
                        .extend(answer(folder.path(), &in_zone(sql, zone)).await.unwrap_or_else(|error| panic!("{zone} {sql}: {error:?}")));
                }
                assert_eq!(found.join("|"), expected.join(" "), "{zone} {function} {value}");
            }
        }
    }
}

async fn physical_plan(folder: &TempDir, query: &CompiledQuery) -> String {
    let source = FilesSource::new(folder.path().to_owned(), IndexMap::new(), folder.path().to_owned());
    let (state, _) = source.session(query, &QueryLimits::default()).unwrap();
    let statement = super::prepare(screen(&query.sql, Dialect::Embedded).unwrap()).unwrap();
    let plan = state.statement_to_plan(Statement::Statement(Box::new(statement))).await.unwrap();
    let plan = state.create_physical_plan(&plan).await.unwrap();
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}

#[tokio::test]
async fn n1_a_day_is_a_period_of_the_column() {
    let folder = table(vec![("at", instants(&["2024-03-10T06:59:00Z"]))]);
    for condition in [
        "cast(at as date) = date '2024-03-10'",
        "date_trunc('month', at) >= date '2024-03-01'",
        "date_part('year', at) = 2024",
        "to_date(at) in (date '2024-03-09', date '2024-03-10')",
        "at >= '2024-03-10'",
        "at > now() - interval '7 days'",
        "at >= date_trunc('month', now()) - interval '1 month'",
        "cast(at as timestamp) >= timestamp '2024-03-10 12:00'",
        "at between timestamp '2024-03-10' and date '2024-03-11'",
    ] {
        let plan = physical_plan(&folder, &in_zone(&format!("select at from t where {condition}"), "America/New_York")).await;
        let pruning = plan.split("pruning_predicate=").nth(1).unwrap_or_else(|| panic!("{condition}: {plan}"));
        assert!(pruning.contains("at_m") && !pruning.contains("to_local_time"), "{condition}: {plan}");
    }
}

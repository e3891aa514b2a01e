//! History by months (record 54): the tables that have most of its rows are parted by when their run, or piece, was made, and what is old goes by dropping a
//! month, not row by row.
//!
//! Ids begin with their instant, so that a month is a range of them. What belongs to no month that was made, and what is kept although its month went, is in
//! a partition of its own (`…_other`).

use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use pressrun_domain::id::WorkerId;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row as _};

use super::dialect::alone;
use super::plan::instant;
use super::retention::kept_for_its_schedule;
use super::tx::{Limits, Tx};
use super::{Once, micros};
use crate::StoreError;

/// Months that are made before they begin.
const AHEAD: i64 = 2;

/// The most that is kept of a month that goes; of one with more, what is old goes row by row.
const MOST_KEPT: i64 = 10_000;

/// The longest that a statement may take: what is kept of a month is looked for among all its runs.
const LONGEST: Duration = Duration::from_secs(600);

/// A table waits no longer than this for others, who would wait behind it; it is tried again an hour later.
const PATIENCE: &str = "SET LOCAL lock_timeout = '2s'";

/// A run that stays although it is old, or is not old yet: `$3`.
macro_rules! stays {
    () => {
        concat!(
            "NOT (r.state IN ('skipped', 'ended') AND coalesce(r.ages_from, r.ended_at, r.created_at) < $3 AND NOT (",
            kept_for_its_schedule!(),
            "))"
        )
    };
}

/// A table that is parted.
struct Parted {
    table: &'static str,
    /// The id that its rows are parted by.
    key: &'static str,
    /// The ids from `$1` to before `$2` of which rows stay.
    stay: &'static str,
}

const RUNS: &str = concat!("SELECT r.id FROM runs r WHERE r.id >= $1 AND r.id < $2 AND ", stays!(), " LIMIT $4");
const PIECES: &str =
    concat!("SELECT d.id FROM deliveries d JOIN runs r ON r.id = d.run_id WHERE d.id >= $1 AND d.id < $2 AND ", stays!(), " LIMIT $4");

const TABLES: [Parted; 4] = [
    Parted { table: "run_events", key: "run_id", stay: RUNS },
    Parted { table: "run_findings", key: "run_id", stay: RUNS },
    Parted { table: "contents", key: "run_id", stay: RUNS },
    Parted { table: "attempts", key: "delivery_id", stay: PIECES },
];

/// A month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(Date);

impl Month {
    /// That of an instant.
    pub(super) fn of(at: Timestamp) -> Self {
        let day = at.to_zoned_datetime(TimeZone::UTC).date();
        Self(date(day.year(), day.month(), 1))
    }

    /// The one so many after it; the last one there is at the end of time.
    fn plus(self, months: i64) -> Self {
        Self(self.0.saturating_add(months.months()))
    }

    /// Of the name of a partition.
    fn parse(name: &str) -> Option<Self> {
        let (year, month) = name.split_once('_')?;
        Some(Self(Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?))
    }

    fn name(self, table: &str) -> String {
        format!("{table}_{:04}_{:02}", self.0.year(), self.0.month())
    }

    fn begins(self) -> Timestamp {
        TimeZone::UTC.to_timestamp(self.0.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
    }

    /// What ids of its first millisecond begin with.
    fn first_id(self) -> String {
        let millis = u64::try_from(self.begins().as_millisecond()).unwrap_or_default();
        format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
    }
}

/// The months of a table that there are.
async fn there(tx: &mut Tx, table: &str) -> Result<Vec<Month>, StoreError> {
    let rows = sqlx::query(
        "SELECT substr(c.relname::text, length($1) + 2) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1) ORDER BY 1",
    );
    let rows = rows.bind(table).fetch_all(&mut **tx).await?;
    let names: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(names.into_iter().filter_map(Month::parse).collect())
}

/// Makes the months from `first` to some ahead of the present, unless they are there.
pub(super) async fn make(tx: &mut Tx, first: Month) -> Result<(), StoreError> {
    let present: i64 =
        sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetch_one(&mut **tx).await?.try_get(0)?;
    let last = Month::of(instant(present)?).plus(AHEAD);
    for Parted { table, key, .. } in &TABLES {
        let (there, mut month) = (there(tx, table).await?, first);
        while month <= last {
            if !there.contains(&month) {
                let (name, from, to) = (month.name(table), month.first_id(), month.plus(1).first_id());
                let make = format!(
                    "{PATIENCE}; CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
                     WITH moved AS (DELETE FROM {table}_other WHERE {key} >= '{from}' AND {key} < '{to}' RETURNING *)
                     INSERT INTO {name} SELECT * FROM moved;
                     ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"
                );
                sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut **tx).await?;
            }
            month = month.plus(1);
        }
    }
    Ok(())
}

/// The most months before the present that are made for rows that are copied.
const BACK: i64 = 60;

/// Makes the months since `oldest`, as far as they are not too many, for rows that are about to be copied.
pub(super) async fn make_from(tx: &mut Tx, oldest: Timestamp) -> Result<(), StoreError> {
    let present: i64 =
        sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetch_one(&mut **tx).await?.try_get(0)?;
    let earliest = Month::of(instant(present)?).plus(-BACK);
    make(tx, Month::of(oldest).max(earliest)).await
}

/// Makes the present month and those ahead of it, in a transaction of its own.
pub(super) async fn make_ahead(pool: &PgPool) -> Result<(), StoreError> {
    let mut tx = Tx::begin(pool, &Limits::new(LONGEST, WorkerId::generate())).await?;
    alone(&mut tx, "months").await?;
    let present: i64 =
        sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetch_one(&mut *tx).await?.try_get(0)?;
    make(&mut tx, Month::of(instant(present)?)).await?;
    tx.commit().await
}

impl Once {
    pub(super) async fn make_months_once(&self) -> Result<(), StoreError> {
        make_ahead(&self.write).await
    }

    /// Drops the months that were over at `kept_since`; how many partitions that were.
    pub(super) async fn prune_months_once(&self, kept_since: Timestamp) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for parted in &TABLES {
            let mut tx = self.begin().await?;
            let old = there(&mut tx, parted.table).await?.into_iter().filter(|month| month.plus(1).begins() <= kept_since);
            tx.commit().await?;
            for month in old {
                dropped += u64::from(self.drop_month(parted, month, kept_since).await?);
            }
        }
        Ok(dropped)
    }

    /// Drops a month but for what stays of it; whether it went.
    async fn drop_month(&self, of: &Parted, month: Month, kept_since: Timestamp) -> Result<bool, StoreError> {
        let Parted { table, key, stay } = of;
        let mut tx = Tx::begin(&self.write, &Limits::new(LONGEST, WorkerId::generate())).await?;
        alone(&mut tx, "months").await?;
        if !there(&mut tx, table).await?.contains(&month) {
            return Ok(false);
        }
        let stay = sqlx::query(*stay).bind(month.first_id()).bind(month.plus(1).first_id());
        let stay = stay.bind(micros(kept_since)).bind(MOST_KEPT + 1).fetch_all(&mut *tx).await?;
        let stay: Vec<String> = stay.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if i64::try_from(stay.len()).unwrap_or(i64::MAX) > MOST_KEPT {
            return Ok(false);
        }
        let name = month.name(table);
        let part = format!("{PATIENCE}; ALTER TABLE {table} DETACH PARTITION {name}");
        sqlx::raw_sql(AssertSqlSafe(part)).execute(&mut *tx).await?;
        let keep = format!("INSERT INTO {table} SELECT * FROM {name} WHERE {key} = ANY ($1)");
        sqlx::query(AssertSqlSafe(keep)).bind(&stay).execute(&mut *tx).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

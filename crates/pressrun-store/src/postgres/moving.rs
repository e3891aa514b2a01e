//! All rows of an SQLite file, taken into an empty database in one transaction, and compared one by one before it is committed.
//!
//! Both schemas have the same tables and columns, of the same values; what the file has beside them is of older versions, and is left.

use std::fmt::Write as _;
use std::path::Path;

use futures::TryStreamExt as _;
use pressrun_domain::id::WorkerId;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Postgres, Row as _};

use super::plan::instant;
use super::tx::{Limits, Tx};
use super::{PostgresStore, dialect, months};
use crate::StoreError;

/// Every table, those that others name before them.
pub(super) const TABLES: [&str; 43] = [
    "meta",
    "lists",
    "list_places",
    "definitions",
    "grounds",
    "schedules",
    "schedule_recipients",
    "departures",
    "opt_outs",
    "ownership_offers",
    "subscription_requests",
    "timings",
    "lane_names",
    "due",
    "planned",
    "catalog_versions",
    "catalog_in_force",
    "catalog_readers",
    "catalog_texts",
    "catalog_files",
    "catalog_publications",
    "runs",
    "queue_clock",
    "queue",
    "run_audiences",
    "run_events",
    "run_findings",
    "artifacts",
    "run_artifacts",
    "contents",
    "deliveries",
    "attempts",
    "fingerprints",
    "baselines",
    "run_baselines",
    "notices",
    "alarms",
    "overdue",
    "bounces",
    "suppressions",
    "users_email_only",
    "api_keys",
    "sessions",
];

/// Written last: from then on no entry may be changed.
const AUDIT: [&str; 2] = ["audit_retention", "audit"];

/// Rows that are written in one statement.
const BATCH: usize = 1_000;

/// The longest that a statement may take here.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(3_600);

/// The rows of a table that were copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
}

impl PostgresStore {
    /// Takes all rows of an SQLite file of this version, which nobody writes to meanwhile, into this database, where there are none yet. They are compared one by one
    /// before they are committed; runs that somebody had are free to be claimed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], and nothing was copied: the database is in use, one of them cannot be read or written, or a row differs.
    pub async fn take_in(&self, file: &Path) -> Result<Vec<CopiedTable>, StoreError> {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).read_only(true);
        let mut source = options.connect().await?;
        let mut tx = Tx::begin(&self.once.write, &Limits::new(LONGEST, WorkerId::generate())).await?;
        dialect::alone(&mut tx, "schema").await?;
        let in_use = "SELECT EXISTS (SELECT 1 FROM schedules) OR EXISTS (SELECT 1 FROM runs) OR EXISTS (SELECT 1 FROM api_keys)
             OR EXISTS (SELECT 1 FROM users_email_only) OR EXISTS (SELECT 1 FROM audit)";
        if sqlx::query(in_use).fetch_one(&mut *tx).await?.try_get(0)? {
            return Err(StoreError::Unavailable(
                "the database of store.url is in use already: rows are copied into an empty one only".to_owned(),
            ));
        }
        // What a new database is made with.
        sqlx::raw_sql("DELETE FROM meta; DELETE FROM queue_clock; DELETE FROM audit_retention").execute(&mut *tx).await?;
        let oldest = "SELECT min(coalesce(ended_at, created_at)) FROM runs";
        let oldest: Option<i64> = sqlx::query(oldest).fetch_one(&mut source).await?.try_get(0)?;
        if let Some(oldest) = oldest {
            months::make_from(&mut tx, instant(oldest)?).await?;
        }
        let mut copied = Vec::new();
        for table in TABLES.into_iter().chain(AUDIT) {
            let table = Table::describe(&mut tx, table).await?;
            let rows = table.copy(&mut source, &mut tx).await?;
            copied.push(CopiedTable { table: table.name, rows });
        }
        sqlx::query("UPDATE runs SET lease_until = 0 WHERE state = 'running'").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(copied)
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    Bytes,
}

impl Kind {
    fn of(table: &str, column: &str, name: &str) -> Result<Self, StoreError> {
        match name {
            "text" => Ok(Self::Text),
            "bigint" => Ok(Self::Number),
            "boolean" => Ok(Self::Flag),
            "bytea" => Ok(Self::Bytes),
            other => Err(StoreError::Unavailable(format!("{table}.{column} is of a type that is not copied: {other}"))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "bigint",
            Self::Flag => "boolean",
            Self::Bytes => "bytea",
        }
    }
}

/// What stands in a column of a row.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

/// What stands in a row of either database.
macro_rules! values {
    ($table:expr, $row:expr) => {{
        let value = |(at, (_, kind)): (usize, &(String, Kind))| {
            Ok(match kind {
                Kind::Text => Value::Text($row.try_get(at)?),
                Kind::Number => Value::Number($row.try_get(at)?),
                Kind::Flag => Value::Flag($row.try_get(at)?),
                Kind::Bytes => Value::Bytes($row.try_get(at)?),
            })
        };
        $table.columns.iter().enumerate().map(value).collect()
    }};
}

/// A table of both databases.
struct Table {
    name: &'static str,
    columns: Vec<(String, Kind)>,
    /// The columns of the primary key, in order.
    key: Vec<String>,
    /// The column that the database numbers by itself.
    numbered: Option<String>,
}

impl Table {
    async fn describe(tx: &mut Tx, name: &'static str) -> Result<Self, StoreError> {
        let columns = sqlx::query(
            "SELECT attname::text, format_type(atttypid, NULL), attidentity <> '' FROM pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        );
        let mut table = Self { name, columns: Vec::new(), key: Vec::new(), numbered: None };
        for row in columns.bind(name).fetch_all(&mut **tx).await? {
            let (column, kind, is_numbered): (String, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if is_numbered {
                table.numbered = Some(column.clone());
            }
            let kind = Kind::of(name, &column, &kind)?;
            table.columns.push((column, kind));
        }
        let key = sqlx::query(
            "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE i.indrelid = to_regclass($1) AND i.indisprimary ORDER BY k.place",
        );
        for row in key.bind(name).fetch_all(&mut **tx).await? {
            table.key.push(row.try_get(0)?);
        }
        Ok(table)
    }

    fn names(&self) -> String {
        list(self.columns.iter().map(|(name, _)| name))
    }

    /// All rows, in an order that both databases have.
    fn select(&self) -> String {
        format!("SELECT {} FROM \"{}\" ORDER BY {}", self.names(), self.name, list(&self.key))
    }

    /// Copies the rows and compares them; how many there are.
    async fn copy(&self, source: &mut SqliteConnection, tx: &mut Tx) -> Result<u64, StoreError> {
        let select = self.select();
        let mut rows = sqlx::query(AssertSqlSafe(select.clone())).fetch(&mut *source);
        let mut batch = Vec::new();
        while let Some(row) = rows.try_next().await? {
            batch.push(self.of_file(&row)?);
            if batch.len() == BATCH {
                self.put(tx, &std::mem::take(&mut batch)).await?;
            }
        }
        drop(rows);
        self.put(tx, &batch).await?;
        if let Some(column) = &self.numbered {
            let next = format!(
                "SELECT setval(pg_get_serial_sequence('{0}', '{column}'), coalesce(max(\"{column}\"), 1), max(\"{column}\") IS NOT NULL) FROM \"{0}\"",
                self.name
            );
            sqlx::query(AssertSqlSafe(next)).execute(&mut **tx).await?;
        }
        let (mut of_file, mut count) = (sqlx::query(AssertSqlSafe(select.clone())).fetch(&mut *source), 0);
        let mut copied = sqlx::query(AssertSqlSafe(select)).fetch(&mut **tx);
        loop {
            let (was, is) = (of_file.try_next().await?, copied.try_next().await?);
            let same = match (&was, &is) {
                (None, None) => return Ok(count),
                (Some(was), Some(is)) => self.of_file(was)? == self.of_database(is)?,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                return Err(StoreError::Unavailable(format!(
                    "row {} of {} is not what it is in the file; nothing was copied",
                    count + 1,
                    self.name
                )));
            }
            count += 1;
        }
    }

    async fn put(&self, tx: &mut Tx, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut sql = format!("INSERT INTO \"{}\" ({}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest(", self.name, self.names());
        for (at, (_, kind)) in self.columns.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}::{}[]", at + 1, kind.name());
        }
        sql.push(')');
        let mut statement = sqlx::query(AssertSqlSafe(sql));
        for (at, (_, kind)) in self.columns.iter().enumerate() {
            statement = bind(statement, *kind, rows.iter().filter_map(|row| row.get(at)));
        }
        let put = statement.execute(&mut **tx).await;
        put.map_err(|error| {
            StoreError::Unavailable(format!("rows of {} cannot be copied: {}", self.name, crate::fault::in_words(&error)))
        })?;
        Ok(())
    }

    fn of_file(&self, row: &SqliteRow) -> Result<Vec<Value>, StoreError> {
        values!(self, row)
    }

    fn of_database(&self, row: &PgRow) -> Result<Vec<Value>, StoreError> {
        values!(self, row)
    }
}

/// Names in quotes, with commas between them. They are of our own schema.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Binds one column of many rows.
fn bind<'q, 'v>(
    statement: Query<'q, Postgres, PgArguments>,
    kind: Kind,
    values: impl Iterator<Item = &'v Value>,
) -> Query<'q, Postgres, PgArguments> {
    let (mut texts, mut numbers, mut flags, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Text(text) => texts.push(text.clone()),
            Value::Number(number) => numbers.push(*number),
            Value::Flag(flag) => flags.push(*flag),
            Value::Bytes(of) => bytes.push(of.clone()),
        }
    }
    match kind {
        Kind::Text => statement.bind(texts),
        Kind::Number => statement.bind(numbers),
        Kind::Flag => statement.bind(flags),
        Kind::Bytes => statement.bind(bytes),
    }
}

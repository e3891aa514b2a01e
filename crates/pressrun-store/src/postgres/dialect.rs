//! What the words of the statements that both databases share mean here: how PostgreSQL takes lists and tables for parameters, which rows it
//! locks, and what it has other words for.
//!
//! A list or a table is one parameter, written as JSON.
//!
//! Everybody locks in this order: the row of `schedules`, that of `due`, those of `planned` and `queue`, those of `runs`. Whoever looks for work passes
//! over what others hold.

use std::borrow::Cow;

use jiff::Timestamp;
use pressrun_domain::run::Lease;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row as _};

use super::row::to_json;
use super::{Tx, micros};
use crate::StoreError;

/// The database.
pub(super) type Db = Postgres;
/// A row of an answer.
pub(super) type DbRow = PgRow;

/// Whether a column is in the list of a parameter.
macro_rules! among {
    ($column:literal, $list:literal) => {
        concat!($column, " = ANY (ARRAY(SELECT json_array_elements_text(", $list, "::json)))")
    };
}
pub(super) use among;

/// The list of a parameter as the table `asked` of `value`s with their places (`key`).
macro_rules! asked {
    ($list:literal) => {
        concat!("json_array_elements_text(", $list, "::json) WITH ORDINALITY AS asked (value, key)")
    };
}
pub(super) use asked;

/// The table of a parameter: of each row the place in its JSON, the name and the type of a column. Rows are numbered by `key`, from 0.
macro_rules! table {
    ($table:literal as $name:ident: $($at:literal $column:ident $kind:ident),+) => {
        concat!(
            "(SELECT place - 1 AS key",
            $(", (item ->> ", $at, ")::", stringify!($kind), " AS ", stringify!($column),)+
            " FROM json_array_elements(", $table, "::json) WITH ORDINALITY AS items (item, place)) ", stringify!($name)
        )
    };
}
pub(super) use table;

/// The list of numbers of a parameter as a table of one column.
macro_rules! numbers {
    ($list:literal as $name:ident: $column:ident) => {
        concat!(
            "(SELECT value::bigint AS ",
            stringify!($column),
            " FROM json_array_elements_text(",
            $list,
            "::json) AS listed (value)) ",
            stringify!($name)
        )
    };
}
pub(super) use numbers;

/// The name in a definition.
macro_rules! definition_name {
    ($definition:literal) => {
        concat!($definition, ".name")
    };
}
pub(super) use definition_name;

/// Whether a definition is an alert's.
macro_rules! definition_is_alert {
    ($definition:literal) => {
        concat!($definition, ".is_alert")
    };
}
pub(super) use definition_is_alert;

/// A text of a JSON object.
macro_rules! json_text {
    ($json:literal, $name:literal) => {
        concat!($json, "::json ->> '", $name, "'")
    };
}
pub(super) use json_text;

/// A subquery's texts as a JSON list.
macro_rules! json_list {
    ($column:literal) => {
        concat!("coalesce(json_agg(", $column, ")::text, '[]')")
    };
}
pub(super) use json_list;

/// Rows of these columns as a JSON list of lists, in an order.
macro_rules! json_rows {
    ($columns:literal, $order:literal) => {
        concat!("coalesce(json_agg(json_build_array(", $columns, ") ORDER BY ", $order, ")::text, '[]')")
    };
}
pub(super) use json_rows;

/// Joins, in whatever order is best.
macro_rules! joined {
    () => {
        "JOIN"
    };
}
pub(super) use joined;

/// Ends a statement that reads rows, or those of one of its tables, so that nobody else changes them until the transaction ends.
macro_rules! locked {
    () => {
        " FOR NO KEY UPDATE"
    };
    ($table:literal) => {
        concat!(" FOR NO KEY UPDATE OF ", $table)
    };
}
pub(super) use locked;

/// The same, but for rows that others hold: they are passed over.
macro_rules! skipping {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
    ($table:literal) => {
        concat!(" FOR UPDATE OF ", $table, " SKIP LOCKED")
    };
}
pub(super) use skipping;

/// What becomes of a row under its hash that is there already: it stays, until the transaction ends at least. One that somebody else is about to delete
/// is waited for, and put anew.
macro_rules! kept {
    () => {
        "DO UPDATE SET id = excluded.id"
    };
}
pub(super) use kept;

/// Whether a schedule's key is among those that [`hold_planned`] holds.
macro_rules! held {
    ($column:literal, $held:literal) => {
        concat!($column, " = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(", $held, "::json) AS held (value)))")
    };
}
pub(super) use held;

/// Up to `$1` in the queue that may be claimed, by turns, without the documents in the list `$2`: walks from one document to the next, and reads as many of
/// each as are asked for. More are found than are wanted, for some may be held by others.
pub(super) const READY_BESIDE_BUSY: &str = "WITH RECURSIVE documents (d) AS (
         SELECT min(document) FROM queue WHERE turn IS NOT NULL
         UNION ALL
         SELECT (SELECT min(q.document) FROM queue q WHERE q.turn IS NOT NULL AND q.document > documents.d) FROM documents WHERE d IS NOT NULL),
     first AS (
         SELECT w.id FROM documents CROSS JOIN LATERAL (
             SELECT q.id, q.turn, q.ready_at FROM queue q WHERE q.turn IS NOT NULL AND q.document = documents.d
             ORDER BY q.turn, q.ready_at, q.id LIMIT $1) w
         WHERE documents.d NOT IN (SELECT n.id FROM json_array_elements_text($2::json) AS busy (value) JOIN lane_names n ON n.name = busy.value)
         ORDER BY w.turn, w.ready_at, w.id LIMIT 4 * $1)
     SELECT q.id, q.run, q.turn, q.at, (SELECT u.schedule_id FROM due u WHERE u.k = q.k)
     FROM queue q WHERE q.id IN (SELECT id FROM first) ORDER BY q.turn, q.ready_at, q.id LIMIT $1 FOR UPDATE SKIP LOCKED";

/// What stands before and after a list when a column is looked for in it.
pub(super) const AMONG: (&str, &str) = (" = ANY (ARRAY(SELECT json_array_elements_text(", "::json)))");

/// Where a text begins in another, from 1; 0 when it is not there.
pub(super) const PLACE_IN: &str = "strpos";

/// How many workers live.
pub(super) const WORKERS_ALIVE: Option<&str> = Some("SELECT count(*) FROM nodes");

/// Stands before a column that is compared on the way and not looked up in an index.
pub(super) const UNINDEXED: &str = "+";

/// A text as it can be kept. What others answer may hold the character zero, which PostgreSQL takes in no text.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// JSON whose texts can be kept.
pub(super) fn clean_json(json: String) -> String {
    const ZERO: &str = "\\u0000";
    if !json.contains(ZERO) {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        clean.push_str(before);
        let (word, after) = if escape.starts_with(ZERO) { ("\\ufffd", ZERO.len()) } else { (&escape[..2], 2) };
        clean.push_str(word);
        rest = &escape[after..];
    }
    clean.push_str(rest);
    clean
}

/// Lets nobody take over or end these runs until the transaction ends.
pub(super) async fn hold_all(tx: &mut Tx, leases: &[&Lease]) -> Result<(), StoreError> {
    let mut runs: Vec<String> = leases.iter().map(|lease| lease.run.to_string()).collect();
    runs.sort_unstable();
    sqlx::query("SELECT 1 FROM runs WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE").bind(runs).execute(&mut **tx).await?;
    Ok(())
}

/// Lets nobody else hold these files or let go of them until the transaction ends.
pub(super) async fn hold_artifacts(tx: &mut Tx, hashes: &[&str]) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM artifacts WHERE sha256 = ANY ($1) ORDER BY sha256 FOR NO KEY UPDATE")
        .bind(hashes)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets nobody else change the schedule of a run until the transaction ends.
pub(super) async fn hold_schedule_of(tx: &mut Tx, run: &str) -> Result<(), StoreError> {
    let hold = sqlx::query("SELECT 1 FROM schedules WHERE id = (SELECT r.schedule_id FROM runs r WHERE r.id = $1) FOR NO KEY UPDATE");
    hold.bind(run).execute(&mut **tx).await?;
    Ok(())
}

/// Lets nobody else plan, release or change this schedule until the transaction ends.
pub(super) async fn hold_schedule(tx: &mut Tx, schedule: &str) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM due WHERE schedule_id = $1 FOR UPDATE").bind(schedule).execute(&mut **tx).await?;
    Ok(())
}

/// The same of the schedules with these keys.
pub(super) async fn hold_due(tx: &mut Tx, keys: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    let keys: Vec<i64> = keys.collect();
    sqlx::query("SELECT 1 FROM due WHERE k = ANY ($1) ORDER BY k FOR NO KEY UPDATE").bind(keys).execute(&mut **tx).await?;
    Ok(())
}

/// The same of up to `limit` schedules of which something is planned by `now` and that nobody else holds: their keys.
///
/// What becomes of a planned occurrence is read after this, by another statement: whether another run of its schedule is under way may have changed
/// while the row was waited for.
pub(super) async fn hold_planned(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<String, StoreError> {
    let rows = sqlx::query(
        "SELECT k FROM due WHERE k IN (SELECT p.k FROM planned p WHERE p.at <= $1 ORDER BY p.at, p.k LIMIT $2) FOR NO KEY UPDATE SKIP LOCKED",
    );
    let rows = rows.bind(micros(now)).bind(i64::from(limit)).fetch_all(&mut **tx).await?;
    let keys: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    to_json(&keys)
}

/// Lets nobody else do what has this name until the transaction ends. The lock is the transaction's, so that a pooler may give the connection to
/// somebody else afterwards.
pub(super) async fn alone(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('pressrun ' || current_schema() || ' ' || $1, 0))")
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) use super::hints::hint;

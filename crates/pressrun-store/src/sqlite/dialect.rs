//! What the words of the statements that both databases share mean here: how SQLite takes lists and tables for parameters, and what it has other words for.
//!
//! A list or a table is one parameter, written as JSON.

use std::borrow::Cow;

use jiff::Timestamp;
use pressrun_domain::run::Lease;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;

use super::Tx;
use crate::StoreError;

/// The database.
pub(super) type Db = Sqlite;
/// A row of an answer.
pub(super) type DbRow = SqliteRow;

/// Whether a column is in the list of a parameter.
macro_rules! among {
    ($column:literal, $list:literal) => {
        concat!($column, " IN (SELECT value FROM json_each(", $list, "))")
    };
}
pub(super) use among;

/// The list of a parameter as the table `asked` of `value`s with their places (`key`).
macro_rules! asked {
    ($list:literal) => {
        concat!("json_each(", $list, ") asked")
    };
}
pub(super) use asked;

/// The table of a parameter: of each row the place in its JSON, the name and the type of a column. Rows are numbered by `key`, from 0.
macro_rules! table {
    ($table:literal as $name:ident: $($at:literal $column:ident $kind:ident),+) => {
        concat!("(SELECT key", $(", value ->> ", $at, " AS ", stringify!($column),)+ " FROM json_each(", $table, ")) ", stringify!($name))
    };
}
pub(super) use table;

/// The list of numbers of a parameter as a table of one column.
macro_rules! numbers {
    ($list:literal as $name:ident: $column:ident) => {
        concat!("(SELECT value AS ", stringify!($column), " FROM json_each(", $list, ")) ", stringify!($name))
    };
}
pub(super) use numbers;

/// The name in a definition, or NULL when its JSON does not parse.
macro_rules! definition_name {
    ($definition:literal) => {
        concat!("CASE WHEN json_valid(", $definition, ".json) THEN json_extract(", $definition, ".json, '$.name') END")
    };
}
pub(super) use definition_name;

/// Whether a definition is an alert's.
macro_rules! definition_is_alert {
    ($definition:literal) => {
        concat!($definition, ".json ->> '$.condition' IS NOT NULL")
    };
}
pub(super) use definition_is_alert;

/// A text of a JSON object.
macro_rules! json_text {
    ($json:literal, $name:literal) => {
        concat!($json, " ->> '$.", $name, "'")
    };
}
pub(super) use json_text;

/// A subquery's texts as a JSON list.
macro_rules! json_list {
    ($column:literal) => {
        concat!("json_group_array(", $column, ")")
    };
}
pub(super) use json_list;

/// Rows of these columns as a JSON list of lists, in an order.
macro_rules! json_rows {
    ($columns:literal, $order:literal) => {
        concat!("json_group_array(json_array(", $columns, ") ORDER BY ", $order, ")")
    };
}
pub(super) use json_rows;

/// Joins in this order, from left to right.
macro_rules! joined {
    () => {
        "CROSS JOIN"
    };
}
pub(super) use joined;

/// Ends a statement that reads rows, or those of one of its tables, so that nobody else changes them until the transaction ends. Here only one
/// writes at a time.
macro_rules! locked {
    () => {
        ""
    };
    ($table:literal) => {
        ""
    };
}
pub(super) use locked;

/// The same, but for rows that others hold: they are passed over.
macro_rules! skipping {
    () => {
        ""
    };
    ($table:literal) => {
        ""
    };
}
pub(super) use skipping;

/// What becomes of a row under its hash that is there already: it stays, until the transaction ends at least.
macro_rules! kept {
    () => {
        "DO NOTHING"
    };
}
pub(super) use kept;

/// Whether a schedule's key is among those that [`hold_planned`] holds.
macro_rules! held {
    ($column:literal, $held:literal) => {
        concat!($held, " IS NULL")
    };
}
pub(super) use held;

/// Up to `$1` in the queue that may be claimed, by turns, without the documents in the list `$2`: walks from one document to the next, and reads as many of
/// each as are asked for.
pub(super) const READY_BESIDE_BUSY: &str = "WITH RECURSIVE documents (d) AS (
         SELECT min(document) FROM queue WHERE turn IS NOT NULL
         UNION ALL
         SELECT (SELECT min(q.document) FROM queue q WHERE q.turn IS NOT NULL AND q.document > documents.d) FROM documents WHERE d IS NOT NULL)
     SELECT q.id, q.run, q.turn, q.at, (SELECT u.schedule_id FROM due u WHERE u.k = q.k)
     FROM documents CROSS JOIN queue q ON q.id IN (
         SELECT w.id FROM queue w WHERE w.turn IS NOT NULL AND w.document = documents.d ORDER BY w.turn, w.ready_at, w.id LIMIT $1)
     WHERE documents.d IS NOT NULL AND documents.d NOT IN (SELECT n.id FROM json_each($2) busy JOIN lane_names n ON n.name = busy.value)
     ORDER BY q.turn, q.ready_at, q.id LIMIT $1";

/// What stands before and after a list when a column is looked for in it.
pub(super) const AMONG: (&str, &str) = (" IN (SELECT value FROM json_each(", "))");

/// Where a text begins in another, from 1; 0 when it is not there.
pub(super) const PLACE_IN: &str = "instr";

/// How many workers live: here there is one process.
pub(super) const WORKERS_ALIVE: Option<&str> = None;

/// Stands before a column that is compared on the way and not looked up in an index.
pub(super) const UNINDEXED: &str = "+";

/// A text as it can be kept.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// JSON whose texts can be kept.
pub(super) fn clean_json(json: String) -> String {
    json
}

/// Lets nobody take over or end these runs until the transaction ends. Here only one writes at a time.
pub(super) async fn hold_all(_tx: &mut Tx, _leases: &[&Lease]) -> Result<(), StoreError> {
    Ok(())
}

/// Lets nobody else hold these files or let go of them until the transaction ends. Here only one writes at a time.
pub(super) async fn hold_artifacts(_tx: &mut Tx, _hashes: &[&str]) -> Result<(), StoreError> {
    Ok(())
}

/// Lets nobody else change the schedule of a run until the transaction ends. Here only one writes at a time.
pub(super) async fn hold_schedule_of(_tx: &mut Tx, _run: &str) -> Result<(), StoreError> {
    Ok(())
}

/// Lets nobody else plan, release or change this schedule until the transaction ends. Here only one writes at a time.
pub(super) async fn hold_schedule(_tx: &mut Tx, _schedule: &str) -> Result<(), StoreError> {
    Ok(())
}

/// The same of the schedules with these keys.
pub(super) async fn hold_due(_tx: &mut Tx, _keys: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    Ok(())
}

/// The same of up to `limit` schedules of which something is planned by `now` and that nobody else holds. Here they are all, for only one writes at
/// a time.
pub(super) async fn hold_planned(_tx: &mut Tx, _now: Timestamp, _limit: u32) -> Result<Option<String>, StoreError> {
    Ok(None)
}

/// Lets nobody else do what has this name until the transaction ends. Here only one writes at a time.
pub(super) async fn alone(_tx: &mut Tx, _name: &str) -> Result<(), StoreError> {
    Ok(())
}

/// Tells other processes that there may be something to plan or to claim: they see that the file was written.
pub(super) async fn hint(_tx: &mut Tx) -> Result<(), StoreError> {
    Ok(())
}

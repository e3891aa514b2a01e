//! A stored world for the list: names of words, a thousand dashboards and owners, every kind of destination and ending.

use pressrun_store::sample;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::sample::ROSS;

/// Rows that have a definition of their own; of more, several share one.
const DEFINITIONS: u64 = 100_000;

const WORDS: &str = r#"["Orders","Revenue","Weekly","Daily","Monthly","report","Sales","traffic","External","users","Summary","churn","Pipeline","Forecast","Inventory","Returns","Margin","Regional","APAC","EMEA","Umsätze","Übersicht","Finance","Board","KPI","Conversion","funnel","Retention","cohort","Billing","Invoices","100%","a_b","Tickets","Latency","Budget","Headcount","Größe","Payroll"]"#;

pub(crate) async fn schedules(raw: &mut SqliteConnection, count: u64) {
    let mut template = sample::definition("Schedule");
    // Who is on its list is rows, which no page of schedules reads.
    template.destination.forget_recipients();
    let template = serde_json::to_string(&template).unwrap();
    let begin = "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN; CREATE TEMP TABLE words (n INTEGER PRIMARY KEY, word TEXT);
        CREATE TEMP TABLE n (i INTEGER PRIMARY KEY, name TEXT, folded TEXT)";
    sqlx::raw_sql(begin).execute(&mut *raw).await.unwrap();
    sqlx::query("INSERT INTO words SELECT key, value FROM json_each($1)").bind(WORDS).execute(&mut *raw).await.unwrap();
    let statements = [
        "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1)
         INSERT INTO n SELECT i, CASE i % 100000 WHEN 77 THEN 'Zeppelin ' ELSE '' END || (SELECT word FROM words WHERE n = i * 7919 % 39) || ' '
             || (SELECT word FROM words WHERE n = i * 104729 / 39 % 39) || ' ' || (SELECT word FROM words WHERE n = i / 1521 % 39) || ' ' || (i % 997), '' FROM c",
        "UPDATE n SET folded = replace(replace(lower(name), 'Ü', 'ü'), 'Ä', 'ä')",
        "INSERT INTO definitions (id, json) SELECT printf('%064x', i), json_set($3, '$.name', name) FROM n WHERE i <= $2",
        "INSERT INTO schedules (id, version, definition_id, created_at, updated_at, destination, alert, single_tile, owner, identifier,
             recipient_count, dashboard_name, owner_name, name_key, dashboard_key, owner_key, name_folded, dashboard_folded, owner_folded,
             last_status, last_completed_at, told_status, told_at)
         SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), 1, printf('%064x', i % $2 + 1), $4, $4,
             CASE i % 50 WHEN 1 THEN 'slack' WHEN 2 THEN 'webhook' WHEN 3 THEN 'sftp' WHEN 4 THEN 's3' ELSE 'email' END, i % 10 = 0, i % 7 = 0,
             CASE i % 1000 WHEN 0 THEN $5 ELSE printf('00000000-0000-4000-8000-%012x', i % 1000) END,
             CASE i % 991 WHEN 0 THEN '12db1a0a' ELSE 'doc' || (i % 991) END, 1, 'Dashboard ' || (i % 991),
             CASE i % 1000 WHEN 0 THEN 'Blob Ross' ELSE 'Person ' || (i % 1000) END, CAST(folded AS BLOB),
             CAST('dashboard ' || (i % 991) AS BLOB), CAST('person ' || (i % 1000) AS BLOB), folded, 'dashboard ' || (i % 991),
             CASE i % 1000 WHEN 0 THEN 'blob ross' ELSE 'person ' || (i % 1000) END,
             status, ran, status, ran
         FROM (SELECT *, CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN 'ERROR' WHEN i % 101 = 0 THEN 'KILLED' WHEN i % 10 = 0 THEN 'CONDITION_UNMET' ELSE 'COMPLETE' END AS status,
             CASE WHEN i % 11 = 0 THEN NULL ELSE $4 - i * 1000003 % 86400000000 END AS ran FROM n)",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(i64::try_from(count).unwrap())
            .bind(i64::try_from(count.min(DEFINITIONS)).unwrap())
            .bind(&template)
            .bind(sample::after(0).as_microsecond())
            .bind(ROSS.to_string())
            .execute(&mut *raw)
            .await
            .unwrap();
    }
    sqlx::raw_sql("COMMIT; DROP TABLE n; DROP TABLE words; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *raw).await.unwrap();
    let stored: i64 = sqlx::query("SELECT count(*) FROM schedules").fetch_one(&mut *raw).await.unwrap().get(0);
    assert_eq!(stored.unsigned_abs(), count);
}

/// A run of the schedule in this row ends.
pub(crate) async fn end_a_run(raw: &mut SqliteConnection, row: u64) {
    let update =
        "UPDATE schedules SET last_status = 'COMPLETE', told_status = 'COMPLETE', last_completed_at = coalesce(last_completed_at, 0) + 1,
        told_at = coalesce(told_at, 0) + 1 WHERE rowid = $1";
    sqlx::query(update).bind(i64::try_from(row).unwrap()).execute(&mut *raw).await.unwrap();
}

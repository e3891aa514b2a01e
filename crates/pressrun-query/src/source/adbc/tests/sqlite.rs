//! SQLite by its own driver.

use pressrun_domain::catalog::FilterKind;
use serde_json::json;

use super::*;
use crate::testing::{engines, filters};

fn sqlite(file: &std::path::Path) -> Option<AdbcSpec> {
    engines::driver("sqlite", Dialect::Sqlite, &[("uri", &format!("file:{}?mode=ro", file.display()))])
}

#[tokio::test]
async fn sqlite_is_read_and_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let Some(spec) = sqlite(&file) else { return };
    // The driver makes the file, before it may only read.
    let writable = AdbcSpec {
        options: [("uri".to_owned(), file.display().to_string())].into(),
        session: [
            "pragma query_only = 0",
            "create table orders (id integer, region text, price real, at text)",
            "insert into orders values (1, 'US', 10.5, '2026-11-01T03:59:59Z'), (2, 'us', 20, '2026-11-01'), (3, null, null, '2026-11-02 00:00')",
        ]
        .map(str::to_owned)
        .into(),
        ..spec.clone()
    };
    assert_eq!(once(&writable, "select count(*) from orders").await.unwrap(), ["3"]);
    assert_eq!(once(&spec, "select id, region, price from orders order by id").await.unwrap(), ["1|US|10.5", "2|us|20.0", "3|∅|∅"]);
    let effective = filters([
        ("r", FilterKind::String, json!({"kind": "STARTS_WITH", "values": ["U"]})),
        ("d", FilterKind::Date, json!({"kind": "TIME_FOR_UNIT_DURATION", "left_side": "2026-10-31"})),
    ]);
    let ask = |sql: &str| compile(&tile(sql), &effective, &identity(&[]), &new_york(), Dialect::Sqlite).unwrap();
    let found = run(&spec, &ask("select id from orders where {{ filter('r', 'region') }}"), &QueryLimits::default()).await.unwrap();
    assert_eq!(rows(&found.0), ["1"], "`like` minds the case");
    let found = run(&spec, &ask("select id from orders where {{ filter('d', 'at') }}"), &QueryLimits::default()).await.unwrap();
    assert_eq!(rows(&found.0), ["1"], "an instant lies in a day of the query zone");
    assert_eq!(once(&spec, "select date('now'), current_timestamp").await.unwrap(), ["2026-11-24|2026-11-24 14:00"]);
    for (sql, kind) in [
        ("select nope from orders", QueryErrorKind::UnknownColumn),
        ("select * from nowhere", QueryErrorKind::UnknownTable),
        ("select nofunction(1)", QueryErrorKind::UnknownFunction),
        ("select 1 +", QueryErrorKind::Syntax),
        ("with a as (select 1) insert into orders select 1, 'x', 1, 'x'", QueryErrorKind::Denied),
    ] {
        assert_eq!(once(&spec, sql).await.unwrap_err().kind, kind, "{sql}");
    }
    // A driver that cannot be stopped is left; where it works is ended.
    let limits = QueryLimits { timeout_ms: 50, ..QueryLimits::default() };
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000000) select max(i) as m from n";
    assert_eq!(run(&spec, &asked(&spec, endless), &limits).await.unwrap_err().kind, QueryErrorKind::Timeout);
}

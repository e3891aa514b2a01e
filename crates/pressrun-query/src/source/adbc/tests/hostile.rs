//! A driver that does what no driver should, as far as a process survives it.

use super::*;
use crate::testing::hostile_driver;

#[tokio::test]
async fn what_a_driver_hands_out_is_looked_through() {
    let folder = tempfile::tempdir().unwrap();
    let spec = hostile_driver::build(folder.path());
    assert_eq!(once(&spec, "select 'plain'").await.unwrap(), ["one"]);
    for (case, kind, said) in [
        ("bad utf8", QueryErrorKind::Value, "not UTF-8"),
        ("short array", QueryErrorKind::Internal, "`hostile` broke its promises"),
        ("fails amid the rows", QueryErrorKind::Internal, ""),
        ("null error", QueryErrorKind::Internal, ""),
        ("bad error", QueryErrorKind::Internal, ""),
    ] {
        let error = once(&spec, &format!("select '{case}'")).await.expect_err(case);
        assert!(error.kind == kind && error.message.contains(said) && !error.message.is_empty(), "{case}: {error:?}");
    }
    let long = once(&spec, "select 'long error'").await.unwrap_err();
    assert!(long.message.chars().count() <= 2000, "{}", long.message.len());
    let quoted = once(&spec, "select 'quotes'").await.unwrap_err();
    assert_eq!(quoted.message, "cannot open hostile://app:[redacted]@db/x");
    let mut endless = asked(&spec, "select 'endless'");
    endless.limit = 100;
    assert_eq!(run(&spec, &endless, &QueryLimits::default()).await.unwrap().1, QueryStats { rows: 100, truncated: true });
    let limits = QueryLimits { timeout_ms: 20, ..QueryLimits::default() };
    let sleeping = run(&spec, &asked(&spec, "select 'sleeps'"), &limits).await.unwrap_err();
    assert_eq!(sleeping.kind, QueryErrorKind::Timeout);
}

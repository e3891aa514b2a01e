//! Against the real engine, and against an answerer that does what no server should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod engine;
mod hostile;

use pressrun_sql::{CompiledQuery, Dialect, EffectiveFilters, compile};

use super::{ClickHouseSource, ClickHouseSpec};
use crate::source::{Collected, QueryStats, Source};
use crate::testing::{identity, new_york, rows, tile};
use crate::{QueryError, QueryLimits};

/// A query without filters.
fn asked(sql: &str) -> CompiledQuery {
    compile(&tile(sql), &EffectiveFilters::default(), &identity(&[]), &new_york(), Dialect::ClickHouse).unwrap()
}

async fn run(spec: ClickHouseSpec, query: &CompiledQuery, limits: &QueryLimits) -> Result<(Collected, QueryStats), QueryError> {
    let mut sink = Collected::default();
    let stats = ClickHouseSource::new(spec).run(query, limits, &mut sink).await?;
    Ok((sink, stats))
}

async fn once(spec: ClickHouseSpec, sql: &str) -> Result<Vec<String>, QueryError> {
    run(spec, &asked(sql), &QueryLimits::default()).await.map(|(found, _)| rows(&found))
}

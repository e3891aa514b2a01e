//! `[query]`: what queries may cost.

use anyhow::bail;
use pressrun_query::QueryLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Render;

/// What queries may cost.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Query {
    /// Threads with which one query over files computes; as many as there are cores when absent.
    #[schemars(example = 4)]
    pub threads: Option<usize>,
    /// Memory one query over files may use, in MiB: sorts and groups beyond it spill to disk. An eighth of it, and at most
    /// 128 MiB, keeps columns of small tables for the queries that follow. Half of `render.memory_mb` when absent, and never more than that.
    #[schemars(example = 768)]
    pub memory_mb: Option<u64>,
    /// Disk that one query over files may spill to, in MiB.
    pub spill_mb: u64,
    /// Largest result of one query, in MiB.
    pub result_mb: u64,
    /// Queries that wait for databases at once, each in a small process of its own; the last quarter of them is never one connection's.
    pub database_queries: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self { threads: None, memory_mb: None, spill_mb: 8 << 10, result_mb: 4 << 10, database_queries: 16 }
    }
}

impl Query {
    /// Threads of one query.
    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(2, usize::from);
        self.threads.unwrap_or_else(cores).max(1)
    }

    /// Bounds of one query in an executor process with the memory of `render`.
    ///
    /// # Errors
    /// A query may use more memory than its process.
    pub(crate) fn limits(&self, render: &Render) -> anyhow::Result<QueryLimits> {
        let memory_mb = self.memory_mb.unwrap_or(render.memory_mb / 2);
        if memory_mb > render.memory_mb {
            bail!(
                "query.memory_mb: {memory_mb} is more than an executor process has; raise render.memory_mb (it is {}) above it",
                render.memory_mb
            );
        }
        Ok(QueryLimits {
            memory_bytes: memory_mb << 20,
            spill_bytes: self.spill_mb << 20,
            result_bytes: self.result_mb << 20,
            threads: self.threads(),
            ..QueryLimits::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e7_a_query_never_has_more_memory_than_its_process() {
        let render = Render { memory_mb: 1000, ..Render::default() };
        let limits = |memory_mb: Option<u64>| Query { memory_mb, ..Query::default() }.limits(&render);
        assert_eq!(limits(None).expect("half").memory_bytes, 500 << 20);
        assert_eq!(limits(Some(900)).expect("less").memory_bytes, 900 << 20);
        let error = limits(Some(1001)).expect_err("more").to_string();
        assert!(error.contains("query.memory_mb") && error.contains("render.memory_mb"), "{error}");
    }
}

//! How much SQL is read.

/// Most bytes of SQL text that is planned or sent.
pub const MAX_SQL_BYTES: usize = 256 * 1024;
/// Deepest nesting of parentheses, subqueries and operators in SQL that the embedded engine plans; deeper SQL is refused
/// before a recursive planner sees it.
pub const MAX_SQL_DEPTH: usize = 400;
/// Most tokens of SQL that the embedded engine plans.
pub const MAX_SQL_TOKENS: usize = 50_000;

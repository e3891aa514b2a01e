//! Plans of queries, kept for the next one that asks the same.
//!
//! A plan is made of the SQL, its parameters, the zone, the limits, and the tables as they were found. It is taken again only when all of these are the same,
//! down to the identity of every file. SQL that calls something whose value may depend on the moment is planned anew each time. And as with
//! [`super::learnt`], what was read of files in the first moments of their state is not kept.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, Volatility};
use pressrun_sql::{CompiledQuery, Param};

use super::folder::{FolderSchema, Found};
use crate::limits::QueryLimits;

/// Plans that are kept of one folder.
const MOST: usize = 64;

/// Files beyond which a plan is too large to be kept: it holds the list of them.
const MOST_FILES: usize = 1000;

/// Words of SQL that mean the moment without being functions' names.
const CLOCK_WORDS: [&str; 8] =
    ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "today", "tomorrow", "yesterday"];

/// What a plan is made of.
#[derive(Debug, PartialEq)]
struct Question {
    sql: String,
    params: Vec<Param>,
    zone: String,
    rows: u64,
    /// Without the time limit, which the plan knows nothing of.
    limits: QueryLimits,
}

/// An optimized plan.
#[derive(Debug)]
struct Kept {
    question: Question,
    tables: Vec<Found>,
    plan: Planned,
}

/// A plan, and a number that no other plan of the process has.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) plan: Arc<LogicalPlan>,
    pub(super) number: u64,
}

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// Plans over one folder; the one used last comes last.
#[derive(Debug)]
pub(super) struct Plans {
    kept: Mutex<Vec<Kept>>,
}

impl Plans {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default() }
    }

    /// The plan of an equal query over equal tables, which `schema` then knows as opened.
    pub(super) fn recall(&self, query: &CompiledQuery, limits: &QueryLimits, schema: &FolderSchema) -> Option<Planned> {
        let question = Question::of(query, limits);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|kept| kept.question == question)?;
        let found = kept.remove(at);
        if !schema.finds(&found.tables) {
            return None;
        }
        schema.adopt(found.tables.clone());
        let plan = found.plan.clone();
        kept.push(found);
        Some(plan)
    }

    /// Keeps the plan of `query` with the tables that `schema` has opened for it, if all their files had settled.
    pub(super) fn keep(
        &self,
        query: &CompiledQuery,
        limits: &QueryLimits,
        schema: &FolderSchema,
        state: &SessionState,
        plan: &LogicalPlan,
    ) -> Option<Planned> {
        let tables = schema.found();
        if tables.iter().map(Found::files).sum::<usize>() > MOST_FILES || !schema.had_settled() || asks_for_the_moment(&query.sql, state) {
            return None;
        }
        let question = Question::of(query, limits);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.question != question);
        if kept.len() >= MOST {
            kept.remove(0);
        }
        let plan = Planned { plan: Arc::new(plan.clone()), number: NUMBERS.fetch_add(1, Ordering::Relaxed) };
        kept.push(Kept { question, tables, plan: plan.clone() });
        Some(plan)
    }
}

impl Question {
    fn of(query: &CompiledQuery, limits: &QueryLimits) -> Self {
        let limits = QueryLimits { timeout_ms: 0, ..*limits };
        Self { sql: query.sql.clone(), params: query.params.clone(), zone: query.zone.clone(), rows: query.limit, limits }
    }
}

/// Whether a word of `sql` is the name of a function whose value may differ from one moment to the next. A word in a text or comment counts as
/// well: better one plan too few is kept.
fn asks_for_the_moment(sql: &str, state: &SessionState) -> bool {
    let words: HashSet<String> = sql
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let varies = |volatility: Volatility| volatility != Volatility::Immutable;
    words.iter().any(|word| {
        CLOCK_WORDS.contains(&word.as_str())
            || state.scalar_functions().get(word).is_some_and(|function| varies(function.signature().volatility))
            || state.aggregate_functions().get(word).is_some_and(|function| varies(function.signature().volatility))
            || state.window_functions().get(word).is_some_and(|function| varies(function.signature().volatility))
    })
}

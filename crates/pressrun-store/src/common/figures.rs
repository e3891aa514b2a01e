//! [`Figures`].

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::run::RunStatus;
use sqlx::Row as _;

use super::dialect::WORKERS_ALIVE;
use super::plan::instant;
use super::{Backend, micros};
use crate::StoreError;
use crate::figures::{Figures, Owed, QueuedKind, RunCounts, ScheduleCounts, Waiting};
use crate::timed::Timed;

/// The whole queue, once.
const QUEUE: &str = "SELECT k IS NOT NULL AS is_occurrence, again, turn IS NOT NULL AS may_be_claimed, count(*), min(at)
     FROM queue GROUP BY 1, 2, 3";

/// What is due before it is in the queue.
const UNPLANNED: &str =
    "SELECT min(at) FROM (SELECT min(next_at) AS at FROM due WHERE next_at IS NOT NULL UNION ALL SELECT min(at) FROM planned) first";

/// By run first: the index has the pieces of each together, and few runs owe something.
const PIECES: &str =
    "SELECT coalesce(CAST(sum(d.pieces) AS bigint), 0), coalesce(CAST(sum(CASE WHEN r.scheduled_for < $1 THEN d.pieces END) AS bigint), 0)
     FROM (SELECT run_id, count(*) AS pieces FROM deliveries WHERE state = 'pending' GROUP BY run_id) d JOIN runs r ON r.id = d.run_id";

const NOTICES: &str = "SELECT recipient = 'operator', count(*) FROM notices WHERE state = 'pending' GROUP BY 1";

const SCHEDULES: &str = "SELECT (SELECT count(*) FROM due WHERE next_at IS NOT NULL), (SELECT count(*) FROM due)";

const RUNS_BETWEEN: &str = "SELECT state, status, count(*) FROM runs WHERE scheduled_for >= $1 AND scheduled_for < $2 GROUP BY 1, 2";

#[async_trait]
impl Figures for Backend {
    async fn waiting(&self, now: Timestamp) -> Result<Waiting, StoreError> {
        let _read = Timed::new("read");
        let mut waiting = Waiting::default();
        for row in sqlx::query(QUEUE).fetch_all(&self.read).await? {
            let kind = match (row.try_get(0)?, row.try_get(1)?) {
                (true, _) => QueuedKind::Occurrence,
                (false, true) => QueuedKind::Again,
                (false, false) => QueuedKind::Asked,
            };
            waiting.queued.push((kind, row.try_get(2)?, unsigned(row.try_get(3)?)));
            waiting.see(row.try_get::<Option<i64>, _>(4)?.map(instant).transpose()?, now);
        }
        let unplanned: Option<i64> = sqlx::query(UNPLANNED).fetch_one(&self.read).await?.try_get(0)?;
        waiting.see(unplanned.map(instant).transpose()?, now);
        Ok(waiting)
    }

    async fn still_owed(&self, late: Timestamp) -> Result<Owed, StoreError> {
        let _read = Timed::new("read");
        let row = sqlx::query(PIECES).bind(micros(late)).fetch_one(&self.read).await?;
        let mut owed = Owed { pieces: unsigned(row.try_get(0)?), late_pieces: unsigned(row.try_get(1)?), ..Owed::default() };
        for row in sqlx::query(NOTICES).fetch_all(&self.read).await? {
            let count = if row.try_get(0)? { &mut owed.notices_to_operator } else { &mut owed.notices_to_people };
            *count = unsigned(row.try_get(1)?);
        }
        Ok(owed)
    }

    async fn schedule_counts(&self) -> Result<ScheduleCounts, StoreError> {
        let _read = Timed::new("read");
        let row = sqlx::query(SCHEDULES).fetch_one(&self.read).await?;
        let (active, all): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(ScheduleCounts { active: unsigned(active), inactive: unsigned(all - active) })
    }

    async fn runs_between(&self, from: Timestamp, until: Timestamp) -> Result<RunCounts, StoreError> {
        let _read = Timed::new("read");
        let mut counts = RunCounts::default();
        for row in sqlx::query(RUNS_BETWEEN).bind(micros(from)).bind(micros(until)).fetch_all(&self.read).await? {
            let (state, status): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            let status = status.and_then(|word| RunStatus::ALL.into_iter().find(|status| status.as_str() == word));
            let count = match (state.as_str(), status) {
                ("skipped", _) => &mut counts.skipped,
                (_, Some(RunStatus::Complete)) => &mut counts.sent,
                (_, Some(RunStatus::ErrorDelivered)) => &mut counts.partly,
                (_, Some(RunStatus::Error)) => &mut counts.failed,
                (_, Some(RunStatus::Killed)) => &mut counts.stopped,
                (_, Some(RunStatus::ConditionUnmet)) => &mut counts.unmet,
                (_, None) => &mut counts.open,
            };
            *count += unsigned(row.try_get(2)?);
        }
        Ok(counts)
    }

    async fn workers_alive(&self) -> Result<Option<u64>, StoreError> {
        let Some(statement) = WORKERS_ALIVE else { return Ok(None) };
        Ok(Some(unsigned(sqlx::query(statement).fetch_one(&self.read).await?.try_get(0)?)))
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

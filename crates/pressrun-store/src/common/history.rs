//! Reading runs.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::access::told::HistoryReader;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{MembershipId, RunId, ScheduleId};
use pressrun_domain::run::{Lease, Progress, ResendOf, Run, RunKind, RunRecord, RunState, RunStatus, SkipReason, Worked};
use sqlx::Row as _;

use super::dialect::{DbRow, asked, definition_is_alert, joined, json_text};
use super::row::{Reader, to_json};
use super::schedule_row::read_present_definition;
use super::schedules::readable;
use super::{Backend, micros};
use crate::{HistoryQuery, Page, StoreError};

/// Columns of a run, read by [`read_run`]; without its list of recipients for whoever looks at many runs.
macro_rules! run_columns {
    () => {
        super::history::run_columns!(@with super::places::places!())
    };
    (without a list) => {
        super::history::run_columns!(@with super::places::no_places!())
    };
    (@with $places:expr) => {
        concat!("r.id, r.schedule_id, r.definition_id, r.sealed, r.kind, r.scheduled_for, r.dst, r.state, r.available_at, r.worker, r.lease_until,
         r.fence, r.skip_reason, r.status, r.reason, r.created_at, r.started_at, r.ended_at, r.plan_note, r.error, r.outline, r.resend_of, r.resend_piece,
         r.promised_at, r.progress_fence, r.preparing, r.sending, r.query_failures, r.queries_fail_since, r.held_since, r.degraded, r.waits_for,
         (SELECT v.hash FROM catalog_versions v WHERE v.id = r.catalog_version) AS catalog_version,
         d.json AS definition, ", $places, ",
         (SELECT ", super::dialect::json_list!("l.recipient_id"), " FROM departures l WHERE l.schedule_id = r.schedule_id AND l.definition_id = r.definition_id) AS departed")
    };
}
pub(super) use run_columns;

/// The newest failure of each schedule in the list `$1`. The words are those of the index, which is used only when they stand here too.
pub(super) const LATEST_FAILURES: &str = concat!(
    "SELECT ",
    run_columns!(without a list),
    " FROM ",
    asked!("$1"),
    " JOIN runs r ON r.id = (
         SELECT f.id FROM runs f WHERE f.schedule_id = asked.value AND f.state = 'ended' AND f.kind IN ('scheduled', 'manual')
             AND f.status IN ('ERROR', 'ERROR_DELIVERED', 'KILLED') ORDER BY f.scheduled_for DESC, f.id DESC LIMIT 1)
     JOIN definitions d ON d.id = r.definition_id"
);

/// Runs of all schedules from `$1` and before `$2` that stand as the word `$3` says, and are of the schedules in the list `$4` if there is one.
pub(super) const HISTORY: &str = concat!(
    "SELECT ",
    run_columns!(without a list),
    " FROM runs r JOIN definitions d ON d.id = r.definition_id
     WHERE r.scheduled_for >= $1 AND r.scheduled_for < $2
       AND CASE CAST($3 AS TEXT)
           WHEN 'failed' THEN r.state = 'ended' AND r.status IN ('ERROR', 'ERROR_DELIVERED', 'KILLED')
           WHEN 'sent' THEN r.state = 'ended' AND r.status = 'COMPLETE'
           WHEN 'unmet' THEN r.state = 'ended' AND r.status = 'CONDITION_UNMET'
           WHEN 'open' THEN r.state IN ('queued', 'running')
           WHEN 'skipped' THEN r.state = 'skipped'
           ELSE 1 = 1 END
       AND (CAST($4 AS TEXT) IS NULL OR r.schedule_id IN (SELECT asked.value FROM ",
    asked!("$4"),
    "))
     ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $5 OFFSET $6"
);

/// How the last runs of a schedule ended.
pub(super) const LAST_ENDINGS: &str = "SELECT id, status FROM runs
     WHERE schedule_id = $1 AND state = 'ended' AND kind IN ('scheduled', 'manual') ORDER BY scheduled_for DESC, id DESC LIMIT $2";

/// Runs of the schedule `$1` that are listed for a [`HistoryReader`]: `$2` owns it, and `$3` and `$4` are the address as it is and folded. SQLite
/// folds ASCII alone; an address that is spelt otherwise beyond that is nobody's.
macro_rules! of_reader {
    () => {
        concat!(
            " FROM runs r WHERE r.schedule_id = $1 AND (r.kind <> 'resend'
             OR CASE coalesce(",
            json_text!("r.outline", "knownTo"),
            ", (
                 SELECT CASE WHEN ",
            definition_is_alert!("j"),
            " THEN 'admins' ELSE 'readers' END FROM definitions j WHERE j.id = r.definition_id))
                 WHEN 'readers' THEN true WHEN 'owner' THEN r.owner = $2 ELSE false END
             OR EXISTS (SELECT 1 FROM deliveries p WHERE p.run_id = r.id AND (p.target = $3 OR lower(p.target) = $4)))"
        )
    };
}

/// How many they are.
pub(super) const COUNT_FOR_READER: &str = concat!("SELECT count(*)", of_reader!());

/// One page of them.
pub(super) const LIST_FOR_READER: &str = concat!(
    "SELECT ",
    run_columns!(without a list),
    " FROM (SELECT r.id",
    of_reader!(),
    " ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $5 OFFSET $6) listed
     ",
    joined!(),
    " runs r ON r.id = listed.id JOIN definitions d ON d.id = r.definition_id ORDER BY r.scheduled_for DESC, r.id DESC"
);

/// A run without the secrets of its definition, and without a list of recipients that was not asked for.
pub(super) fn read_run(row: &DbRow) -> Result<Run, StoreError> {
    let reader = Reader::new("runs", row);
    let (id, fence) = (reader.parsed("id")?, reader.count("fence")?);
    let state = match reader.get("state")? {
        "queued" => RunState::Queued { available_at: reader.instant("available_at")? },
        "running" => {
            RunState::Running { lease: Lease { run: id, worker: reader.parsed("worker")?, fence, until: reader.instant("lease_until")? } }
        }
        "skipped" => RunState::Skipped { reason: reader.word("skip_reason", &SkipReason::ALL, SkipReason::as_str)? },
        "ended" => RunState::Ended {
            at: reader.instant("ended_at")?,
            status: reader.word("status", &RunStatus::ALL, RunStatus::as_str)?,
            reason: reader.get("reason")?,
        },
        unknown => return Err(reader.corrupt("state", format_args!("unknown word `{unknown}`"))),
    };
    Ok(Run {
        id,
        schedule_id: reader.parsed("schedule_id")?,
        kind: reader.word("kind", &RunKind::ALL, RunKind::as_str)?,
        scheduled_for: reader.instant("scheduled_for")?,
        dst: reader.get("dst")?,
        definition: read_present_definition(&reader)?,
        state,
        catalog_version: reader.get("catalog_version")?,
        created_at: reader.instant("created_at")?,
        started_at: reader.instant_opt("started_at")?,
        fence,
        progress: read_progress(&reader)?,
        record: read_outline(&reader)?,
    })
}

fn read_progress(reader: &Reader<'_>) -> Result<Progress, StoreError> {
    let worked = |column| Ok::<_, StoreError>(SignedDuration::from_micros(reader.get(column)?));
    Ok(Progress {
        promised_at: reader.instant_opt("promised_at")?,
        fence: reader.count("progress_fence")?,
        worked: Worked { preparing: worked("preparing")?, sending: worked("sending")? },
        query_failures: u32::try_from(reader.count("query_failures")?).map_err(|fault| reader.corrupt("query_failures", fault))?,
        queries_fail_since: reader.instant_opt("queries_fail_since")?,
        held_since: reader.instant_opt("held_since")?,
        degraded: reader.get("degraded")?,
        waits_for: reader.get("waits_for")?,
    })
}

/// What the run's own row says of what happened: the first line of the timeline, the error, what it resends.
fn read_outline(reader: &Reader<'_>) -> Result<RunRecord, StoreError> {
    let (run, delivery) = (reader.parsed_opt("resend_of")?, reader.parsed_opt("resend_piece")?);
    let mut record = RunRecord {
        error: reader.get("error")?,
        outline: reader.json_opt("outline")?,
        resend_of: run.zip(delivery).map(|(run, delivery)| ResendOf { run, delivery }),
        ..RunRecord::default()
    };
    record.note(reader.instant("created_at")?, "planned", reader.get("plan_note")?);
    Ok(record)
}

/// Rows before a page; pages count from 1.
fn before(page: u64, page_size: u32) -> i64 {
    i64::try_from(page.saturating_sub(1).saturating_mul(u64::from(page_size))).unwrap_or(i64::MAX)
}

impl Backend {
    pub(super) async fn one_run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let row =
            sqlx::query(concat!("SELECT ", run_columns!(), " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.id = $1"))
                .bind(id.to_string())
                .fetch_optional(&self.read)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let mut run = read_run(&row)?;
        self.tell_all(&mut run).await?;
        Ok(Some(run))
    }

    pub(super) async fn runs_that_resend(&self, of: RunId) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(without a list),
            " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.resend_of = $1 ORDER BY r.created_at, r.id"
        ))
        .bind(of.to_string())
        .fetch_all(&self.read)
        .await?;
        Ok(readable(&rows, read_run))
    }

    pub(super) async fn under_way_of(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        self.show_ready(schedules).await?;
        let rows = sqlx::query(concat!(
            "SELECT ",
            run_columns!(without a list),
            " FROM ",
            asked!("$1"),
            " JOIN runs r ON r.schedule_id = asked.value JOIN definitions d ON d.id = r.definition_id
             WHERE r.state IN ('queued', 'running') AND r.kind IN ('scheduled', 'manual')"
        ));
        let runs = readable(&rows.bind(to_json(&schedules)?).fetch_all(&self.read).await?, read_run);
        self.tell_outlines(runs).await
    }

    pub(super) async fn failures_of(&self, schedules: &[ScheduleId]) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(LATEST_FAILURES).bind(to_json(&schedules)?).fetch_all(&self.read).await?;
        self.tell_outlines(readable(&rows, read_run)).await
    }

    pub(super) async fn history_of(&self, query: &HistoryQuery) -> Result<Vec<Run>, StoreError> {
        let schedules = query.schedules.as_ref().map(to_json).transpose()?;
        let rows = sqlx::query(HISTORY)
            .bind(micros(query.from))
            .bind(micros(query.until))
            .bind(query.part.as_str())
            .bind(schedules)
            .bind(i64::from(query.limit))
            .bind(i64::try_from(query.offset).unwrap_or(i64::MAX))
            .fetch_all(&self.read)
            .await?;
        self.tell_outlines(readable(&rows, read_run)).await
    }

    pub(super) async fn endings_of(&self, schedule: ScheduleId, limit: u32) -> Result<Vec<RunStatus>, StoreError> {
        let rows = sqlx::query(LAST_ENDINGS).bind(schedule.to_string()).bind(i64::from(limit)).fetch_all(&self.read).await?;
        rows.iter().map(|row| Reader::new("runs", row).word("status", &RunStatus::ALL, RunStatus::as_str)).collect()
    }

    pub(super) async fn tests_of(&self, owner: MembershipId, since: Timestamp) -> Result<u64, StoreError> {
        // By the index of all history: a day of it is not much.
        let count = sqlx::query("SELECT count(*) FROM runs WHERE scheduled_for >= $1 AND kind = 'test' AND owner = $2");
        let row = count.bind(micros(since)).bind(owner.to_string()).fetch_one(&self.read).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    pub(super) async fn run_page(&self, schedule: Option<ScheduleId>, page: u64, page_size: u32) -> Result<Page<Run>, StoreError> {
        self.show_ready(schedule.as_slice()).await?;
        let mut tx = self.snapshot().await?;
        let (count, rows) = match schedule {
            Some(_) => (
                "SELECT count(*) FROM runs WHERE schedule_id = $1",
                concat!(
                    "SELECT ",
                    run_columns!(without a list),
                    " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.schedule_id = $1
                     ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $2 OFFSET $3"
                ),
            ),
            None => (
                "SELECT count(*) FROM runs WHERE CAST($1 AS TEXT) IS NULL",
                concat!(
                    "SELECT ",
                    run_columns!(without a list),
                    " FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE CAST($1 AS TEXT) IS NULL
                     ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $2 OFFSET $3"
                ),
            ),
        };
        let of = schedule.map(|id| id.to_string());
        let total: i64 = sqlx::query(count).bind(&of).fetch_one(&mut *tx).await?.try_get(0)?;
        let rows = sqlx::query(rows).bind(&of).bind(i64::from(page_size)).bind(before(page, page_size)).fetch_all(&mut *tx).await?;
        drop(tx);
        Ok(Page { rows: self.tell_outlines(readable(&rows, read_run)).await?, total: total.unsigned_abs() })
    }

    pub(super) async fn run_page_for(
        &self,
        reader: &HistoryReader,
        schedule: ScheduleId,
        page: u64,
        page_size: u32,
    ) -> Result<Page<Run>, StoreError> {
        self.show_ready(&[schedule]).await?;
        let mut tx = self.snapshot().await?;
        let (schedule, owner) = (schedule.to_string(), reader.owner.map(|owner| owner.to_string()));
        let address = reader.address.as_ref();
        let (spelt, folded) = (address.map(ToString::to_string), address.map(EmailAddress::folded));
        let count = sqlx::query(COUNT_FOR_READER).bind(&schedule).bind(&owner).bind(&spelt).bind(&folded);
        let total: i64 = count.fetch_one(&mut *tx).await?.try_get(0)?;
        let rows = sqlx::query(LIST_FOR_READER)
            .bind(&schedule)
            .bind(&owner)
            .bind(&spelt)
            .bind(&folded)
            .bind(i64::from(page_size))
            .bind(before(page, page_size))
            .fetch_all(&mut *tx)
            .await?;
        drop(tx);
        Ok(Page { rows: self.tell_outlines(readable(&rows, read_run)).await?, total: total.unsigned_abs() })
    }
}

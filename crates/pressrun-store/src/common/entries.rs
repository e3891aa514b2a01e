//! What every run writes, that of many runs in a few statements.
//!
//! Runs that are worked on at once are at one of few steps: their pieces are promised, an attempt begins, an attempt ends, they end. Whoever writes such an
//! [`Entry`] leaves it with the [`writer`](super::writer), which writes all that wait together, set by set: what costs is the statement, and the way
//! to the database's thread and back, more than the row. Each entry is refused for itself: statements name the lease with each row and say
//! which rows they found.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::{Lease, RunRecord, RunStatus};
use serde::Serialize;
use sqlx::Row as _;

use super::dialect::{DbRow, hold_all, joined, locked, table};
use super::finish::{Ended, Ending, end_runs};
use super::lease::hold;
use super::ledger::StateColumns;
use super::promises::{self, Promise};
use super::row::{int, to_json};
use super::{Backend, Tx, micros, news};
use crate::{LastAnswer, Learnt, RunEnd, RunNews, StoreError};

/// Something that a run writes.
#[derive(Debug)]
pub(super) enum Entry {
    /// A worker goes on with it until then.
    Renew { lease: Lease, until: Timestamp },
    /// What happened.
    News { lease: Lease, news: RunNews },
    /// Pieces are promised.
    Promise(Box<Promise>),
    /// An attempt begins.
    Begin { lease: Lease, delivery: DeliveryId, now: Timestamp },
    /// An attempt has ended.
    End { lease: Lease, delivery: DeliveryId, attempt: Attempt, state: DeliveryState, learnt: Learnt },
    /// An attempt has ended, and the run with it if that leaves nothing.
    Settle { lease: Lease, last: LastAnswer },
    /// The run ends, and there is nothing to say about it, to judge by it or to switch off.
    Finish { lease: Lease, status: RunStatus, reason: Option<String>, record: RunRecord, now: Timestamp },
}

/// What becomes of an entry: the number of an attempt that begins, 1 when attempts began with a promise or the run ended with an answer, otherwise
/// nothing.
pub(super) type Answer = Result<u32, StoreError>;

impl Backend {
    /// Writes how a run ends that leaves nothing but that.
    pub(super) async fn write_finish(&self, lease: &Lease, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        let (status, reason, record) = (end.status, end.reason.clone(), end.record.clone());
        self.writer.write(Entry::Finish { lease: *lease, status, reason, record, now }).await.map(drop)
    }
}

/// Writes all of them, and says what became of each; an error is of the database, and nothing was written.
pub(super) async fn write<'a>(tx: &mut Tx, entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<Answer>, StoreError> {
    let entries: Vec<&Entry> = entries.collect();
    let mut answers = Answers(entries.iter().map(|_| Err(StoreError::LeaseLost)).collect());
    renew(tx, &entries, &mut answers).await?;
    promises::put(tx, &entries, &mut answers).await?;
    put_news(tx, &entries, &mut answers).await?;
    begin(tx, &entries, &mut answers).await?;
    end(tx, &entries, &mut answers).await?;
    settle(tx, &entries, &mut answers).await?;
    finish(tx, &entries, &mut answers).await?;
    Ok(answers.0)
}

/// What becomes of each entry, in the order of entries: refused, unless somebody says otherwise.
pub(super) struct Answers(Vec<Answer>);

impl Answers {
    pub(super) fn set(&mut self, at: usize, answer: Answer) {
        if let Some(place) = self.0.get_mut(at) {
            *place = answer;
        }
    }

    fn is_good(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(Result::is_ok)
    }
}

/// Place among the entries, run, worker, fence.
#[derive(Serialize)]
pub(super) struct Held(usize, String, String, i64);

impl Held {
    pub(super) fn new(at: usize, lease: &Lease) -> Self {
        Self(at, lease.run.to_string(), lease.worker.to_string(), int(lease.fence))
    }
}

/// Those whose lease is their run's present claim.
async fn held(tx: &mut Tx, leases: &[Held]) -> Result<HashSet<usize>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT j.place FROM ",
        table!("$1" as j: 0 place bigint, 1 run text, 2 worker text, 3 fence bigint),
        " ",
        joined!(),
        " runs r ON r.id = j.run
         WHERE r.state = 'running' AND r.worker = j.worker AND r.fence = j.fence",
        locked!("r")
    ));
    let rows = rows.bind(to_json(&leases)?).fetch_all(&mut **tx).await?;
    rows.iter().map(place).collect()
}

pub(super) fn place(row: &DbRow) -> Result<usize, StoreError> {
    Ok(usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX))
}

async fn renew(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    let (mut rows, mut leases) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Renew { lease, until } = entry {
            let Held(_, run, worker, fence) = Held::new(at, lease);
            rows.push((run, worker, fence, micros(*until)));
            leases.push((at, lease));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    hold_all(tx, &leases.iter().map(|(_, lease)| *lease).collect::<Vec<_>>()).await?;
    let renewed = sqlx::query(concat!(
        "UPDATE runs SET lease_until = j.until FROM ",
        table!("$1" as j: 0 run text, 1 worker text, 2 fence bigint, 3 until bigint),
        " WHERE runs.id = j.run AND runs.state = 'running' AND runs.worker = j.worker AND runs.fence = j.fence RETURNING runs.id"
    ));
    let renewed = renewed.bind(to_json(&rows)?).fetch_all(&mut **tx).await?;
    let renewed: HashSet<String> = renewed.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    for (at, lease) in leases {
        if renewed.contains(&lease.run.to_string()) {
            answers.set(at, Ok(0));
        }
    }
    Ok(())
}

async fn put_news(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    let mut all: Vec<(usize, &Lease, &RunNews)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::News { lease, news } = entry {
            all.push((at, lease, news));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let leases: Vec<Held> = all.iter().map(|(at, lease, _)| Held::new(*at, lease)).collect();
    let held = held(tx, &leases).await?;
    all.retain(|(at, ..)| held.contains(at));
    let records: Vec<(RunId, &RunRecord)> = all.iter().map(|(_, lease, news)| (lease.run, &news.record)).collect();
    news::put_records(tx, &records).await?;
    news::put_judged_and_progress(tx, all.iter().map(|(_, lease, news)| (*lease, *news))).await?;
    for (at, ..) in &all {
        answers.set(*at, Ok(0));
    }
    Ok(())
}

async fn begin(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    /// The lease, the piece and the present.
    #[derive(Serialize)]
    struct Row(usize, String, String, i64, String, i64);

    let mut rows = Vec::new();
    let mut asked = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Begin { lease, delivery, now } = entry {
            let Held(place, run, worker, fence) = Held::new(at, lease);
            rows.push(Row(place, run, worker, fence, delivery.to_string(), micros(*now)));
            asked.push((at, lease, *delivery));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let begun = sqlx::query(concat!(
        "INSERT INTO attempts (delivery_id, number, started_at)
         SELECT d.id, coalesce((SELECT max(a.number) FROM attempts a WHERE a.delivery_id = d.id), 0) + 1, j.at
         FROM ",
        table!("$1" as j: 1 run text, 2 worker text, 3 fence bigint, 4 piece text, 5 at bigint),
        "
             ",
        joined!(),
        " runs r ON r.id = j.run ",
        joined!(),
        " deliveries d ON d.id = j.piece
         WHERE r.state = 'running' AND r.worker = j.worker AND r.fence = j.fence AND d.run_id = r.id AND d.state = 'pending'
         RETURNING delivery_id, number"
    ));
    hold_all(tx, &asked.iter().map(|(_, lease, _)| *lease).collect::<Vec<_>>()).await?;
    let mut numbers: HashMap<String, i64> = HashMap::new();
    for row in begun.bind(to_json(&rows)?).fetch_all(&mut **tx).await? {
        numbers.insert(row.try_get(0)?, row.try_get(1)?);
    }
    for (at, lease, delivery) in asked {
        let answer = match numbers.get(&delivery.to_string()) {
            Some(number) => Ok(u32::try_from(*number).unwrap_or(u32::MAX)),
            // Accepted pieces are never sent again (I7), and those given up stay so.
            None => Err(refusal(tx, lease, delivery, StoreError::Conflict).await?),
        };
        answers.set(at, answer);
    }
    Ok(())
}

/// An attempt that has ended, of the entry at this place.
struct Tried<'a> {
    at: usize,
    lease: &'a Lease,
    delivery: DeliveryId,
    attempt: &'a Attempt,
    state: Cow<'a, DeliveryState>,
    learnt: &'a Learnt,
}

impl<'a> Tried<'a> {
    fn of(at: usize, entry: &'a Entry) -> Option<Self> {
        match entry {
            Entry::End { lease, delivery, attempt, state, learnt } => {
                Some(Self { at, lease, delivery: *delivery, attempt, state: Cow::Borrowed(state), learnt })
            }
            Entry::Settle { lease, last } => {
                let state = Cow::Owned(DeliveryState::Accepted { at: last.at });
                Some(Self { at, lease, delivery: last.delivery, attempt: &last.attempt, state, learnt: &last.learnt })
            }
            Entry::Renew { .. } | Entry::News { .. } | Entry::Promise(_) | Entry::Begin { .. } | Entry::Finish { .. } => None,
        }
    }
}

async fn end(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    /// Run, worker and fence of the lease; the piece, its state and what that holds; number, end and outcome of the attempt.
    #[derive(Serialize)]
    struct Row<'a>(String, String, i64, String, &'static str, Option<i64>, Option<i64>, Option<&'a str>, u32, Option<i64>, Option<String>);

    let tried: Vec<Tried<'_>> = entries.iter().enumerate().filter_map(|(at, entry)| Tried::of(at, entry)).collect();
    let mut rows = Vec::with_capacity(tried.len());
    for Tried { at, lease, delivery, attempt, state, .. } in &tried {
        let columns = StateColumns::of(state);
        let Held(_, run, worker, fence) = Held::new(*at, lease);
        rows.push(Row(
            run,
            worker,
            fence,
            delivery.to_string(),
            state.as_str(),
            columns.not_before,
            columns.settled_at,
            columns.reason,
            attempt.number,
            attempt.ended_at.map(micros),
            attempt.outcome.as_ref().map(to_json).transpose()?,
        ));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let moved = sqlx::query(concat!(
        "UPDATE deliveries SET state = j.becomes, not_before = j.later, settled_at = j.settled, reason = j.why
         FROM ",
        table!("$1" as j: 0 run text, 1 worker text, 2 fence bigint, 3 piece text, 4 becomes text, 5 later bigint, 6 settled bigint, 7 why text),
        "
             ",
        joined!(),
        " runs r ON r.id = j.run
         WHERE r.state = 'running' AND r.worker = j.worker AND r.fence = j.fence
             AND deliveries.id = j.piece AND deliveries.run_id = r.id AND (deliveries.state <> 'accepted' OR j.becomes = 'accepted')
         RETURNING deliveries.id"
    ));
    hold_all(tx, &tried.iter().map(|tried| tried.lease).collect::<Vec<_>>()).await?;
    let moved = moved.bind(to_json(&rows)?).fetch_all(&mut **tx).await?;
    let moved: HashSet<String> = moved.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    rows.retain(|row| moved.contains(&row.3));
    let ended = sqlx::query(concat!(
        "UPDATE attempts SET ended_at = j.ended, outcome = j.heard FROM ",
        table!("$1" as j: 3 piece text, 8 number bigint, 9 ended bigint, 10 heard text),
        "
         WHERE attempts.delivery_id = j.piece AND attempts.number = j.number"
    ));
    if ended.bind(to_json(&rows)?).execute(&mut **tx).await?.rows_affected() < rows.len() as u64 {
        // Of several, each is told for itself.
        return Err(StoreError::NotFound("attempt"));
    }
    let is_moved = |tried: &&Tried<'_>| moved.contains(&tried.delivery.to_string());
    news::note_progress(tx, tried.iter().filter(is_moved).map(|tried| tried.lease)).await?;
    for one in &tried {
        let answer = if is_moved(&one) {
            news::put_learnt(tx, one.lease, one.learnt).await?;
            Ok(0)
        } else {
            Err(refusal(tx, one.lease, one.delivery, StoreError::Conflict).await?)
        };
        answers.set(one.at, answer);
    }
    Ok(())
}

/// Ends the runs of which an answer, that is written by now, left nothing to be done or said.
async fn settle(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Settle { lease, last } = entry
            && answers.is_good(at)
        {
            all.push((at, lease, &last.record, last.at));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let runs: Vec<(usize, String)> = all.iter().map(|(at, lease, ..)| (*at, lease.run.to_string())).collect();
    let over = sqlx::query(concat!(
        "SELECT j.place FROM ",
        table!("$1" as j: 0 place bigint, 1 run text),
        " ",
        joined!(),
        " runs r ON r.id = j.run
         WHERE NOT r.degraded AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.state = 'pending')
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.state = 'failed')
             AND (r.kind NOT IN ('scheduled', 'manual') OR NOT EXISTS (SELECT 1 FROM alarms a WHERE a.schedule_id = r.schedule_id))"
    ));
    let over = over.bind(to_json(&runs)?).fetch_all(&mut **tx).await?;
    let over: HashSet<usize> = over.iter().map(place).collect::<Result<_, _>>()?;
    all.retain(|(at, ..)| over.contains(at));
    let ending = Ending { status: RunStatus::Complete, reason: None };
    let ends: Vec<End<'_>> = all.iter().map(|(_, lease, record, now)| End { lease, ending, record, now: *now }).collect();
    write_ends(tx, &ends).await?;
    for (at, ..) in &all {
        answers.set(*at, Ok(1));
    }
    Ok(())
}

/// How a run ends, and what happened until then.
struct End<'a> {
    lease: &'a Lease,
    ending: Ending<'a>,
    record: &'a RunRecord,
    now: Timestamp,
}

/// Adds what happened to runs, and ends them.
async fn write_ends(tx: &mut Tx, ends: &[End<'_>]) -> Result<(), StoreError> {
    let records: Vec<(RunId, &RunRecord)> = ends.iter().map(|end| (end.lease.run, end.record)).collect();
    news::put_records(tx, &records).await?;
    let ended: Vec<Ended<'_>> = ends.iter().map(|end| Ended { run: end.lease.run.to_string(), ending: end.ending, now: end.now }).collect();
    let learnt = end_runs(tx, &ended).await?;
    super::finish::teach_host_keys(tx, &ended, &learnt).await
}

async fn finish(tx: &mut Tx, entries: &[&Entry], answers: &mut Answers) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Entry::Finish { lease, status, reason, record, now } = entry {
            all.push((at, lease, Ending { status: *status, reason: reason.as_deref() }, record, *now));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let leases: Vec<Held> = all.iter().map(|(at, lease, ..)| Held::new(*at, lease)).collect();
    let held = held(tx, &leases).await?;
    all.retain(|(at, ..)| held.contains(at));
    let ends: Vec<End<'_>> = all.iter().map(|(_, lease, ending, record, now)| End { lease, ending: *ending, record, now: *now }).collect();
    write_ends(tx, &ends).await?;
    for (at, ..) in &all {
        answers.set(*at, Ok(0));
    }
    Ok(())
}

/// Why an attempt is refused: a lost lease, a piece that there is not, or else `otherwise`.
async fn refusal(tx: &mut Tx, lease: &Lease, delivery: DeliveryId, otherwise: StoreError) -> Result<StoreError, StoreError> {
    match hold(tx, lease).await {
        Ok(()) => {}
        Err(StoreError::LeaseLost) => return Ok(StoreError::LeaseLost),
        Err(error) => return Err(error),
    }
    let found =
        sqlx::query("SELECT 1 FROM deliveries WHERE id = $1 AND run_id = $2").bind(delivery.to_string()).bind(lease.run.to_string());
    Ok(if found.fetch_optional(&mut **tx).await?.is_some() { otherwise } else { StoreError::NotFound("delivery") })
}

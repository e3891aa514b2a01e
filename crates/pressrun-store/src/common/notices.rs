//! [`Notices`].

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Details, Verb};
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo};
use pressrun_domain::schedule::SystemDisabled;
use sqlx::Row as _;

use super::dialect::{DbRow, clean, locked, skipping, table};
use super::ledger::{StateColumns, read_state};
use super::plan::instant;
use super::row::{Reader, int, to_json};
use super::schedules::readable;
use super::{Backend, Tx, alarms, audit, due, micros};
use crate::{Notices, StoreError, UnreadRun};

/// Notices that may be claimed: due, and the oldest of those that are owed about the same schedule to the same place.
pub(super) const CLAIMABLE: &str = concat!(
    "SELECT * FROM notices n WHERE state = 'pending' AND (recipient = 'operator') = $3 AND not_before <= $1
         AND NOT EXISTS (SELECT 1 FROM notices o WHERE o.schedule_id = n.schedule_id AND o.recipient = n.recipient
             AND o.state = 'pending' AND o.created_at < n.created_at)
     ORDER BY not_before, id LIMIT $2",
    skipping!("n")
);

/// The instant of the first of a lane that waits for no older one. Those that do are not looked for at theirs.
pub(super) const NEXT: &str = "SELECT not_before FROM notices n WHERE state = 'pending' AND (recipient = 'operator') = $1
         AND NOT EXISTS (SELECT 1 FROM notices o WHERE o.schedule_id = n.schedule_id AND o.recipient = n.recipient
             AND o.state = 'pending' AND o.created_at < n.created_at)
     ORDER BY not_before LIMIT 1";

/// Keeps notices; those that exist are left as they are. Returns how many are new.
pub(super) async fn put(tx: &mut Tx, notices: &[Notice]) -> Result<u32, StoreError> {
    let mut new = 0;
    for notice in notices {
        let columns = StateColumns::of(&notice.state);
        let inserted = sqlx::query(
            "INSERT INTO notices (id, kind, schedule_id, run_id, recipient, subject, text, body, created_at, state, not_before, settled_at,
                 reason, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
        )
        .bind(notice.id.to_string())
        .bind(notice.kind.as_str())
        .bind(notice.schedule.to_string())
        .bind(notice.run.map(|run| run.to_string()))
        .bind(notice.to.to_string())
        .bind(clean(&notice.subject))
        .bind(clean(&notice.text))
        .bind(clean(&notice.body))
        .bind(micros(notice.created_at))
        .bind(notice.state.as_str())
        .bind(columns.not_before)
        .bind(columns.settled_at)
        .bind(columns.reason.map(clean))
        .bind(to_json(&notice.attempts)?)
        .execute(&mut **tx)
        .await?;
        if inserted.rows_affected() > 0 {
            new += 1;
            alarms::note(tx, notice).await?;
        }
    }
    Ok(new)
}

/// Ends a transaction that switched a schedule off or on, and with it what is said and known about that.
async fn switched(
    mut tx: Tx,
    schedule: ScheduleId,
    rows: u64,
    notices: &[Notice],
    change: &Change,
    details: &Details,
) -> Result<(), StoreError> {
    if rows == 0 {
        let row = sqlx::query("SELECT 1 FROM schedules WHERE id = $1").bind(schedule.to_string()).fetch_optional(&mut *tx).await?;
        return Err(if row.is_some() { StoreError::Conflict } else { StoreError::NotFound("schedule") });
    }
    put(&mut tx, notices).await?;
    let object = audit::schedule_of(&mut tx, schedule).await?;
    let written = audit::put(&mut tx, change, object, details).await?;
    audit::commit(tx, [written]).await
}

#[async_trait]
impl Notices for Backend {
    async fn add_notices(&self, notices: &[Notice]) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let new = put(&mut tx, notices).await?;
        tx.commit().await?;
        Ok(new)
    }

    async fn system_disable(
        &self,
        schedule: ScheduleId,
        version: u64,
        disabled: SystemDisabled,
        notices: &[Notice],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let switch = sqlx::query(
            "UPDATE schedules SET system_disabled_at = $3, system_disabled_reason = $4, version = version + 1
             WHERE id = $1 AND version = $2 AND system_disabled_at IS NULL",
        )
        .bind(schedule.to_string())
        .bind(int(version))
        .bind(micros(disabled.at))
        .bind(disabled.reason.as_str())
        .execute(&mut *tx)
        .await?;
        if switch.rows_affected() > 0 {
            due::switch(&mut tx, &schedule.to_string(), None, disabled.at).await?;
        }
        let change = Change::by_system(Verb::ScheduleSwitchedOff, disabled.at);
        let details = audit::detail("reason", disabled.reason.as_str());
        switched(tx, schedule, switch.rows_affected(), notices, &change, &details).await
    }

    async fn system_enable(
        &self,
        schedule: ScheduleId,
        version: u64,
        next_at: Option<Timestamp>,
        at: Timestamp,
        notices: &[Notice],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let switch = sqlx::query(
            "UPDATE schedules SET system_disabled_at = NULL, system_disabled_reason = NULL, version = version + 1
             WHERE id = $1 AND version = $2 AND system_disabled_at IS NOT NULL RETURNING disabled_at IS NULL",
        )
        .bind(schedule.to_string())
        .bind(int(version))
        .fetch_optional(&mut *tx)
        .await?;
        let is_active = switch.as_ref().map(|row| row.try_get::<bool, _>(0)).transpose()?;
        if let Some(is_active) = is_active {
            due::switch(&mut tx, &schedule.to_string(), next_at.filter(|_| is_active), at).await?;
        }
        let change = Change::by_system(Verb::ScheduleSwitchedOn, at);
        switched(tx, schedule, u64::from(is_active.is_some()), notices, &change, &Details::new()).await
    }

    async fn claim_notices(
        &self,
        lane: NoticeLane,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        let mut tx = self.begin().await?;
        let claimable = sqlx::query(CLAIMABLE).bind(micros(now)).bind(i64::from(limit)).bind(lane == NoticeLane::Operator);
        let rows = claimable.fetch_all(&mut *tx).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            // One that cannot be read must not hold up the others; it is left for whoever repairs the row.
            let mut notice = match read_notice(row) {
                Ok(notice) => notice,
                Err(error) => {
                    tracing::error!(%error, "a notice cannot be read and is not sent");
                    let give_up = sqlx::query("UPDATE notices SET state = 'failed', settled_at = $2, reason = $3 WHERE id = $1");
                    let give_up = give_up.bind(row.try_get::<String, _>("id")?).bind(micros(now)).bind(error.to_string());
                    give_up.execute(&mut *tx).await?;
                    continue;
                }
            };
            let number = u32::try_from(notice.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            notice.attempts.push(Attempt { number, started_at: now, ended_at: None, outcome: None });
            notice.state = DeliveryState::Pending { not_before: hidden_until };
            sqlx::query("UPDATE notices SET attempts = $2, not_before = $3 WHERE id = $1")
                .bind(notice.id.to_string())
                .bind(to_json(&notice.attempts)?)
                .bind(micros(hidden_until))
                .execute(&mut *tx)
                .await?;
            claimed.push(notice);
        }
        tx.commit().await?;
        Ok(claimed)
    }

    async fn renew_notices(&self, held: &[(DeliveryId, Timestamp)], hidden_until: Timestamp) -> Result<(), StoreError> {
        let held: Vec<_> = held.iter().map(|(id, until)| (id.to_string(), micros(*until))).collect();
        let mut tx = self.begin().await?;
        sqlx::query(concat!(
            "UPDATE notices SET not_before = $2 FROM ",
            table!("$1" as j: 0 id text, 1 until bigint),
            " WHERE notices.id = j.id AND notices.not_before = j.until AND notices.state = 'pending'"
        ))
        .bind(to_json(&held)?)
        .bind(micros(hidden_until))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    async fn next_notice(&self, lane: NoticeLane) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(NEXT).bind(lane == NoticeLane::Operator).fetch_optional(&self.read).await?;
        row.map(|row| instant(row.try_get(0)?)).transpose()
    }

    async fn settle_notice(
        &self,
        id: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
        follow_ups: &[Notice],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let row =
            sqlx::query(concat!("SELECT * FROM notices WHERE id = $1", locked!())).bind(id.to_string()).fetch_optional(&mut *tx).await?;
        let mut notice = read_notice(&row.ok_or(StoreError::NotFound("notice"))?)?;
        let under_way = notice.attempts.last_mut().filter(|last| last.number == attempt.number);
        let Some(under_way) = under_way.filter(|_| matches!(notice.state, DeliveryState::Pending { .. })) else {
            return Err(StoreError::LeaseLost);
        };
        under_way.clone_from(attempt);
        let columns = StateColumns::of(state);
        sqlx::query("UPDATE notices SET attempts = $2, state = $3, not_before = $4, settled_at = $5, reason = $6 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_json(&notice.attempts)?)
            .bind(state.as_str())
            .bind(columns.not_before)
            .bind(columns.settled_at)
            .bind(columns.reason.map(clean))
            .execute(&mut *tx)
            .await?;
        notice.state = state.clone();
        alarms::settle(&mut tx, &notice).await?;
        put(&mut tx, follow_ups).await?;
        tx.commit().await
    }

    async fn notices_of(&self, run: RunId) -> Result<Vec<Notice>, StoreError> {
        let rows = sqlx::query("SELECT * FROM notices WHERE run_id = $1 ORDER BY created_at, id");
        Ok(readable(&rows.bind(run.to_string()).fetch_all(&self.read).await?, read_notice))
    }

    async fn alarmed(&self, schedule: ScheduleId) -> Result<Vec<NoticeTo>, StoreError> {
        let rows = sqlx::query(alarms::OF_SCHEDULE).bind(schedule.to_string()).fetch_all(&self.read).await?;
        Ok(readable(&rows, |row| Reader::new("alarms", row).parsed("recipient")))
    }

    async fn unread_runs(&self, limit: u32) -> Result<Vec<UnreadRun>, StoreError> {
        self.untold_unread(limit).await
    }

    async fn tell_unread(&self, run: RunId, said: &[Notice]) -> Result<(), StoreError> {
        self.told_unread(run, said).await
    }
}

fn read_notice(row: &DbRow) -> Result<Notice, StoreError> {
    let reader = Reader::new("notices", row);
    let run = reader.get::<Option<&str>>("run_id")?.map(str::parse::<RunId>).transpose();
    Ok(Notice {
        id: reader.parsed("id")?,
        kind: reader.word("kind", &NoticeKind::ALL, NoticeKind::as_str)?,
        schedule: reader.parsed("schedule_id")?,
        run: run.map_err(|fault| reader.corrupt("run_id", fault))?,
        to: reader.parsed("recipient")?,
        subject: reader.get("subject")?,
        text: reader.get("text")?,
        body: reader.get("body")?,
        created_at: reader.instant("created_at")?,
        state: read_state(&reader)?,
        attempts: reader.json("attempts")?,
    })
}

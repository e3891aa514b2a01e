//! Promised pieces and the tries at them.

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState};
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::Lease;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::lease::hold;
use super::row::{Reader, to_json};
use super::{SqliteStore, Tx, artifacts, micros};
use crate::StoreError;

impl SqliteStore {
    pub(super) async fn promise_pieces(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        let run = lease.run.to_string();
        let last = sqlx::query("SELECT coalesce(max(position), 0) FROM deliveries WHERE run_id = $1").bind(&run);
        let last: i64 = last.fetch_one(&mut *tx).await?.try_get(0)?;
        for (position, delivery) in (last + 1..).zip(deliveries) {
            let columns = StateColumns::of(&delivery.state);
            sqlx::query(
                "INSERT INTO deliveries (id, run_id, position, target, audience, artifact, idempotency_key, message, state, not_before,
                     settled_at, reason)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
            )
            .bind(delivery.id.to_string())
            .bind(&run)
            .bind(position)
            .bind(&delivery.target)
            .bind(&delivery.audience)
            .bind(delivery.artifact.as_ref().map(to_json).transpose()?)
            .bind(&delivery.idempotency_key)
            .bind(to_json(&delivery.message)?)
            .bind(delivery.state.as_str())
            .bind(columns.not_before)
            .bind(columns.settled_at)
            .bind(columns.reason)
            .execute(&mut *tx)
            .await?;
        }
        artifacts::put_deliveries(&mut tx, lease.run, deliveries).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn pieces(&self, run: RunId) -> Result<Vec<Delivery>, StoreError> {
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query("SELECT * FROM deliveries WHERE run_id = $1 ORDER BY position, id").bind(run.to_string());
        let rows = rows.fetch_all(&mut *tx).await?;
        let mut pieces = rows.iter().map(read_delivery).collect::<Result<Vec<_>, _>>()?;
        // In the order of the pieces, so that one walk over both puts them together.
        let attempts = sqlx::query(
            "SELECT a.delivery_id AS id, a.number, a.started_at, a.ended_at, a.outcome
             FROM deliveries d JOIN attempts a ON a.delivery_id = d.id WHERE d.run_id = $1 ORDER BY d.position, d.id, a.number",
        );
        let mut piece = pieces.iter_mut().peekable();
        for row in attempts.bind(run.to_string()).fetch_all(&mut *tx).await? {
            let reader = Reader::new("attempts", &row);
            let id: DeliveryId = reader.parsed("id")?;
            while piece.next_if(|piece| piece.id != id).is_some() {}
            if let Some(piece) = piece.peek_mut() {
                piece.attempts.push(read_attempt(&reader)?);
            }
        }
        Ok(pieces)
    }

    pub(super) async fn open_attempt(&self, lease: &Lease, delivery: DeliveryId, now: Timestamp) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        if state_of(&mut tx, lease, delivery).await? != "pending" {
            // Accepted pieces are never sent again (I7), and those given up stay so.
            return Err(StoreError::Conflict);
        }
        let number: i64 = sqlx::query(
            "INSERT INTO attempts (delivery_id, number, started_at)
             SELECT $1, coalesce(max(number), 0) + 1, $2 FROM attempts WHERE delivery_id = $1 RETURNING number",
        )
        .bind(delivery.to_string())
        .bind(micros(now))
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
        tx.commit().await?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub(super) async fn close_attempt(
        &self,
        lease: &Lease,
        delivery: DeliveryId,
        attempt: &Attempt,
        state: &DeliveryState,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        if state_of(&mut tx, lease, delivery).await? == "accepted" && !matches!(state, DeliveryState::Accepted { .. }) {
            return Err(StoreError::Conflict);
        }
        let ended = sqlx::query("UPDATE attempts SET ended_at = $3, outcome = $4 WHERE delivery_id = $1 AND number = $2")
            .bind(delivery.to_string())
            .bind(i64::from(attempt.number))
            .bind(attempt.ended_at.map(micros))
            .bind(attempt.outcome.as_ref().map(to_json).transpose()?)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Err(StoreError::NotFound("attempt"));
        }
        let columns = StateColumns::of(state);
        sqlx::query("UPDATE deliveries SET state = $2, not_before = $3, settled_at = $4, reason = $5 WHERE id = $1")
            .bind(delivery.to_string())
            .bind(state.as_str())
            .bind(columns.not_before)
            .bind(columns.settled_at)
            .bind(columns.reason)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// The word for where a piece of the leased run stands.
async fn state_of(tx: &mut Tx, lease: &Lease, delivery: DeliveryId) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT state FROM deliveries WHERE id = $1 AND run_id = $2")
        .bind(delivery.to_string())
        .bind(lease.run.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.ok_or(StoreError::NotFound("delivery"))?.try_get(0)?)
}

/// What a state holds besides its word.
struct StateColumns<'a> {
    not_before: Option<i64>,
    settled_at: Option<i64>,
    reason: Option<&'a str>,
}

impl<'a> StateColumns<'a> {
    fn of(state: &'a DeliveryState) -> Self {
        let (not_before, settled_at, reason) = match state {
            DeliveryState::Pending { not_before } => (Some(micros(*not_before)), None, None),
            DeliveryState::Accepted { at } => (None, Some(micros(*at)), None),
            DeliveryState::Failed { at, reason } => (None, Some(micros(*at)), Some(reason.as_str())),
            DeliveryState::Skipped { reason } => (None, None, Some(reason.as_str())),
        };
        Self { not_before, settled_at, reason }
    }
}

fn read_delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let reader = Reader::new("deliveries", row);
    let state = match reader.get("state")? {
        "pending" => DeliveryState::Pending { not_before: reader.instant("not_before")? },
        "accepted" => DeliveryState::Accepted { at: reader.instant("settled_at")? },
        "failed" => DeliveryState::Failed { at: reader.instant("settled_at")?, reason: reader.get("reason")? },
        "skipped" => DeliveryState::Skipped { reason: reader.get("reason")? },
        unknown => return Err(reader.corrupt("state", format_args!("unknown word `{unknown}`"))),
    };
    Ok(Delivery {
        id: reader.parsed("id")?,
        run: reader.parsed("run_id")?,
        target: reader.get("target")?,
        audience: reader.get("audience")?,
        artifact: reader.json_opt("artifact")?,
        idempotency_key: reader.get("idempotency_key")?,
        message: reader.json("message")?,
        state,
        attempts: Vec::new(),
    })
}

fn read_attempt(reader: &Reader<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        number: u32::try_from(reader.count("number")?).map_err(|fault| reader.corrupt("number", fault))?,
        started_at: reader.instant("started_at")?,
        ended_at: reader.instant_opt("ended_at")?,
        outcome: reader.json_opt("outcome")?,
    })
}

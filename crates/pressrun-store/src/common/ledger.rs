//! Promised pieces and the tries at them.

use jiff::Timestamp;
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Message, Tally};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::Lease;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{AMONG, Db, DbRow, table};
use super::lease::hold;
use super::row::{Reader, to_json};
use super::{Backend, Tx, artifacts, micros};
use crate::{AudienceTargets, StoreError};

/// Which pieces of a run are read.
pub(super) enum Which {
    All,
    Due {
        now: Timestamp,
        limit: u32,
    },
    One(DeliveryId),
    Page {
        page: u64,
        page_size: u32,
    },
    /// Ids as a JSON list.
    These(String),
}

impl Which {
    /// What the pieces, called `d`, are sorted by.
    fn order(&self) -> &'static str {
        match self {
            Self::Page { .. } => "d.state <> 'failed', d.position, d.id",
            Self::All | Self::Due { .. } | Self::One(_) | Self::These(_) => "d.position, d.id",
        }
    }

    /// Adds the condition, the order and the limit to a statement over `deliveries d`.
    fn narrow(&self, statement: &mut QueryBuilder<Db>) {
        match self {
            Self::All | Self::Page { .. } => {}
            Self::Due { now, .. } => {
                statement.push(" AND d.state = 'pending' AND d.not_before <= ").push_bind(micros(*now));
                // Of an audience of which some are not promised yet none is owed.
                statement
                    .push(" AND d.position <= coalesce((SELECT r.promised_to FROM runs r WHERE r.id = d.run_id), 9223372036854775807)");
            }
            Self::One(id) => {
                statement.push(" AND d.id = ").push_bind(id.to_string());
            }
            Self::These(ids) => {
                statement.push(" AND d.id").push(AMONG.0).push_bind(ids.clone()).push(AMONG.1);
            }
        }
        statement.push(" ORDER BY ").push(self.order());
        match self {
            Self::All | Self::One(_) | Self::These(_) => {}
            Self::Due { limit, .. } => {
                statement.push(" LIMIT ").push_bind(i64::from(*limit));
            }
            Self::Page { page, page_size } => {
                let skipped = page.saturating_sub(1).saturating_mul(u64::from(*page_size));
                statement.push(" LIMIT ").push_bind(i64::from(*page_size));
                statement.push(" OFFSET ").push_bind(i64::try_from(skipped).unwrap_or(i64::MAX));
            }
        }
    }
}

impl Backend {
    pub(super) async fn promise_pieces(&self, lease: &Lease, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        put_pieces(&mut tx, &[(lease.run, deliveries)]).await?;
        tx.commit().await
    }

    pub(super) async fn forget_pieces(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        hold(&mut tx, lease).await?;
        let untried = "DELETE FROM deliveries WHERE run_id = $1 AND position > coalesce((SELECT promised_to FROM runs WHERE id = $1), 0)
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = deliveries.id)";
        let unnamed = "DELETE FROM contents WHERE run_id = $1
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = contents.run_id AND d.content_id = contents.id)";
        for statement in [untried, unnamed] {
            sqlx::query(statement).bind(lease.run.to_string()).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    pub(super) async fn pieces(&self, run: RunId, which: &Which) -> Result<Vec<Delivery>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut statement = QueryBuilder::new(
            "SELECT d.id, d.run_id, d.target, d.audience, d.idempotency_key, d.state, d.not_before, d.settled_at, d.reason, d.unsubscribe,
                 d.content_id, c.artifact, c.message
             FROM deliveries d JOIN contents c ON c.run_id = d.run_id AND c.id = d.content_id WHERE d.run_id = ",
        );
        statement.push_bind(run.to_string());
        which.narrow(&mut statement);
        let rows = statement.build().fetch_all(&mut *tx).await?;
        let mut pieces = Vec::with_capacity(rows.len());
        // Pieces of one audience stand together and carry the same.
        let mut carried = None;
        for row in &rows {
            pieces.push(read_delivery(row, &mut carried)?);
        }
        let mut statement = QueryBuilder::new(
            "SELECT a.delivery_id AS id, a.number, a.started_at, a.ended_at, a.outcome FROM attempts a
             JOIN (SELECT d.id, d.position, d.state FROM deliveries d WHERE d.run_id = ",
        );
        statement.push_bind(run.to_string());
        which.narrow(&mut statement);
        // In the order of the pieces, so that one walk over both puts them together.
        statement.push(") d ON d.id = a.delivery_id ORDER BY ").push(which.order()).push(", a.number");
        let mut piece = pieces.iter_mut().peekable();
        for row in statement.build().fetch_all(&mut *tx).await? {
            let reader = Reader::new("attempts", &row);
            let id: DeliveryId = reader.parsed("id")?;
            while piece.next_if(|piece| piece.id != id).is_some() {}
            if let Some(piece) = piece.peek_mut() {
                piece.attempts.push(read_attempt(&reader)?);
            }
        }
        Ok(pieces)
    }

    pub(super) async fn addressed(&self, run: RunId, address: &EmailAddress) -> Result<Vec<Delivery>, StoreError> {
        // SQLite folds ASCII alone, so that addresses are compared here.
        let rows = sqlx::query("SELECT id, target FROM deliveries WHERE run_id = $1").bind(run.to_string()).fetch_all(&self.read).await?;
        let folded = address.folded();
        let mut ids: Vec<String> = Vec::new();
        for row in rows {
            if row.try_get::<String, _>("target")?.to_lowercase() == folded {
                ids.push(row.try_get("id")?);
            }
        }
        if ids.is_empty() { Ok(Vec::new()) } else { self.pieces(run, &Which::These(to_json(&ids)?)).await }
    }

    pub(super) async fn count_audiences(&self, run: RunId) -> Result<Vec<AudienceTargets>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.run_id AS id, d.audience, d.target, counted.count
             FROM (SELECT audience, count(*) AS count, min(position) AS first FROM deliveries WHERE run_id = $1 GROUP BY audience) counted
             JOIN deliveries d ON d.run_id = $1 AND d.position = counted.first AND d.audience = counted.audience ORDER BY d.audience",
        );
        let rows = rows.bind(run.to_string()).fetch_all(&self.read).await?;
        let read = |row: &DbRow| {
            let reader = Reader::new("deliveries", row);
            Ok(AudienceTargets { audience: reader.get("audience")?, first: reader.get("target")?, count: reader.count("count")? })
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn count_pieces(&self, run: RunId) -> Result<Tally, StoreError> {
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query(
            "SELECT state, state AS id, count(*) AS count, min(not_before) AS next FROM deliveries
             WHERE run_id = $1 GROUP BY state",
        );
        let mut tally = Tally::default();
        for row in rows.bind(run.to_string()).fetch_all(&mut *tx).await? {
            let reader = Reader::new("deliveries", &row);
            let count = reader.count("count")?;
            match reader.get("state")? {
                "pending" => {
                    tally.pending = count;
                    tally.next_attempt = reader.instant_opt("next")?;
                }
                "accepted" => tally.accepted = count,
                "failed" => tally.failed = count,
                "skipped" => tally.skipped = count,
                unknown => return Err(reader.corrupt("state", format_args!("unknown word `{unknown}`"))),
            }
        }
        if tally.failed > 0 {
            let first = sqlx::query(
                "SELECT reason FROM deliveries WHERE run_id = $1 AND state = 'failed'
                 ORDER BY position, id LIMIT 1",
            );
            let row = first.bind(run.to_string()).fetch_one(&mut *tx).await?;
            tally.first_failure = row.try_get(0)?;
        }
        Ok(tally)
    }
}

/// Run and number among its pieces here; id, target, audience, content, unsubscribe link, idempotency key, state and what that holds.
#[derive(Serialize)]
struct Piece<'a>(
    String,
    usize,
    String,
    &'a str,
    &'a str,
    String,
    Option<&'a str>,
    &'a str,
    &'static str,
    Option<i64>,
    Option<i64>,
    Option<&'a str>,
);

/// Writes the pieces that runs promise; those that exist are left as they are.
pub(super) async fn put_pieces(tx: &mut Tx, of: &[(RunId, &[Delivery])]) -> Result<(), StoreError> {
    let mut contents = Contents::default();
    let mut pieces = Vec::with_capacity(of.iter().map(|(_, deliveries)| deliveries.len()).sum());
    for (run, deliveries) in of {
        for (number, delivery) in deliveries.iter().enumerate() {
            let columns = StateColumns::of(&delivery.state);
            pieces.push(Piece(
                run.to_string(),
                number,
                delivery.id.to_string(),
                &delivery.target,
                &delivery.audience,
                contents.of(*run, delivery)?,
                delivery.message.unsubscribe.as_deref(),
                &delivery.idempotency_key,
                delivery.state.as_str(),
                columns.not_before,
                columns.settled_at,
                columns.reason,
            ));
        }
    }
    if pieces.is_empty() {
        return Ok(());
    }
    contents.put(tx).await?;
    sqlx::query(concat!(
        "INSERT INTO deliveries (run_id, position, id, target, audience, content_id, unsubscribe, idempotency_key, state, not_before,
             settled_at, reason)
         SELECT j.run, coalesce((SELECT max(d.position) FROM deliveries d WHERE d.run_id = j.run), 0) + 1 + j.number, j.piece, j.target, j.audience,
             j.content, j.unsubscribe, j.mark, j.state, j.not_before, j.settled, j.reason
         FROM ",
        table!("$1" as j: 0 run text, 1 number bigint, 2 piece text, 3 target text, 4 audience text, 5 content text, 6 unsubscribe text,
            7 mark text, 8 state text, 9 not_before bigint, 10 settled bigint, 11 reason text),
        "
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(to_json(&pieces)?)
    .execute(&mut **tx)
    .await?;
    artifacts::put_deliveries(tx, of).await
}

/// What a state holds besides its word.
pub(super) struct StateColumns<'a> {
    pub(super) not_before: Option<i64>,
    pub(super) settled_at: Option<i64>,
    pub(super) reason: Option<&'a str>,
}

impl<'a> StateColumns<'a> {
    pub(super) fn of(state: &'a DeliveryState) -> Self {
        let (not_before, settled_at, reason) = match state {
            DeliveryState::Pending { not_before } => (Some(micros(*not_before)), None, None),
            DeliveryState::Accepted { at } => (None, Some(micros(*at)), None),
            DeliveryState::Failed { at, reason } => (None, Some(micros(*at)), Some(reason.as_str())),
            DeliveryState::Skipped { reason } => (None, None, Some(reason.as_str())),
        };
        Self { not_before, settled_at, reason }
    }
}

/// Where a piece or a notice stands.
pub(super) fn read_state(reader: &Reader<'_>) -> Result<DeliveryState, StoreError> {
    Ok(match reader.get("state")? {
        "pending" => DeliveryState::Pending { not_before: reader.instant("not_before")? },
        "accepted" => DeliveryState::Accepted { at: reader.instant("settled_at")? },
        "failed" => DeliveryState::Failed { at: reader.instant("settled_at")?, reason: reader.get("reason")? },
        "skipped" => DeliveryState::Skipped { reason: reader.get("reason")? },
        unknown => return Err(reader.corrupt("state", format_args!("unknown word `{unknown}`"))),
    })
}

/// What pieces carry; equal contents of a run are one row.
#[derive(Default)]
struct Contents {
    /// Run, id, file and message of each, as JSON.
    rows: Vec<(String, String, Option<String>, String)>,
}

impl Contents {
    /// The id of what `delivery` carries, which is among the rows then. Pieces of one audience stand together.
    fn of(&mut self, run: RunId, delivery: &Delivery) -> Result<String, StoreError> {
        let artifact = delivery.artifact.as_ref().map(to_json).transpose()?;
        let message = to_json(&Message { unsubscribe: None, ..delivery.message.clone() })?;
        let run = run.to_string();
        if let Some((last_run, id, last_artifact, last_message)) = self.rows.last()
            && (last_run, last_artifact, last_message) == (&run, &artifact, &message)
        {
            return Ok(id.clone());
        }
        let id = hex::encode(
            Sha256::new().chain_update(artifact.as_deref().unwrap_or_default()).chain_update([0]).chain_update(&message).finalize(),
        );
        self.rows.push((run, id.clone(), artifact, message));
        Ok(id)
    }

    async fn put(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(concat!(
            "INSERT INTO contents (run_id, id, artifact, message) SELECT j.run, j.content, j.artifact, j.message FROM ",
            table!("$1" as j: 0 run text, 1 content text, 2 artifact text, 3 message text),
            " WHERE true ON CONFLICT DO NOTHING"
        ))
        .bind(to_json(&self.rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

type Carried = Option<(String, Option<pressrun_domain::run::ArtifactRecord>, Message)>;

fn read_delivery(row: &DbRow, carried: &mut Carried) -> Result<Delivery, StoreError> {
    let reader = Reader::new("deliveries", row);
    let content: String = reader.get("content_id")?;
    if carried.as_ref().is_none_or(|(id, ..)| *id != content) {
        *carried = Some((content, reader.json_opt("artifact")?, reader.json("message")?));
    }
    let (artifact, message) = carried.as_ref().map(|(_, artifact, message)| (artifact.clone(), message.clone())).unwrap_or_default();
    Ok(Delivery {
        id: reader.parsed("id")?,
        run: reader.parsed("run_id")?,
        target: reader.get("target")?,
        audience: reader.get("audience")?,
        artifact,
        idempotency_key: reader.get("idempotency_key")?,
        message: Message { unsubscribe: reader.get("unsubscribe")?, ..message },
        state: read_state(&reader)?,
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

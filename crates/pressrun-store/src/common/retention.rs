//! [`Retention`].

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;

use super::dialect::{alone, among, asked};
use super::row::to_json;
use super::{Backend, Tx, audit, micros};
use crate::{Pruned, Retention, StoreError};

/// What is kept although it is old is looked at again after so long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Hardly a run has fewer rows.
const ROWS_OF_A_RUN: u32 = 4;

/// Whether a run `r` is the newest of its schedule that counts: the schedule's last status stands on it.
macro_rules! kept_for_its_schedule {
    () => {
        "r.state = 'ended' AND r.kind IN ('scheduled', 'manual') AND EXISTS (SELECT 1 FROM schedules s WHERE s.id = r.schedule_id)
             AND r.id = (SELECT n.id FROM runs n WHERE n.schedule_id = r.schedule_id AND n.state = 'ended' AND n.kind IN ('scheduled', 'manual')
                 ORDER BY n.scheduled_for DESC, n.id DESC LIMIT 1)"
    };
}
#[allow(unused_imports, reason = "one database parts its history by it")]
pub(super) use kept_for_its_schedule;

/// Runs that are over, oldest first, with the rows that go with each. `$1` is an instant, `$2` how many.
pub(super) const OLD_RUNS: &str = concat!(
    "SELECT r.id, ",
    kept_for_its_schedule!(),
    " AS is_last,
         1 + (SELECT count(*) FROM deliveries d WHERE d.run_id = r.id)
             + (SELECT count(*) FROM deliveries d JOIN attempts a ON a.delivery_id = d.id WHERE d.run_id = r.id)
             + (SELECT count(*) FROM contents c WHERE c.run_id = r.id)
             + (SELECT count(*) FROM run_events e WHERE e.run_id = r.id)
             + (SELECT count(*) FROM run_findings f WHERE f.run_id = r.id) AS row_count
     FROM runs r WHERE r.state IN ('skipped', 'ended') AND coalesce(r.ages_from, r.ended_at, r.created_at) < $1
     ORDER BY coalesce(r.ages_from, r.ended_at, r.created_at) LIMIT $2"
);

/// Notices of which nothing is owed, oldest first. `$1` is an instant, `$2` how many.
pub(super) const OLD_NOTICES: &str = "SELECT n.id,
         EXISTS (SELECT 1 FROM schedules s WHERE s.id = n.schedule_id AND s.system_disabled_at <= n.created_at) AS is_said
     FROM notices n WHERE n.state <> 'pending' AND coalesce(n.ages_from, n.created_at) < $1
     ORDER BY coalesce(n.ages_from, n.created_at) LIMIT $2";

/// Artifacts that no run needs, by when the last one did. `$1` is an instant, `$2` how many.
pub(super) const OLD_ARTIFACTS: &str =
    "SELECT sha256 FROM artifacts WHERE needed_at IS NOT NULL AND needed_at <= $1 ORDER BY needed_at LIMIT $2";

#[async_trait]
impl Retention for Backend {
    async fn prune_runs(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        // Mostly nothing is old enough, and others write.
        let old = sqlx::query(OLD_RUNS).bind(micros(kept_since)).bind(1_i64).fetch_optional(&self.read).await?;
        if old.is_none() {
            return Ok(Pruned::default());
        }
        let mut tx = self.begin().await?;
        alone(&mut tx, "retention").await?;
        let looked_at = (limit / ROWS_OF_A_RUN).max(1);
        let rows = sqlx::query(OLD_RUNS).bind(micros(kept_since)).bind(i64::from(looked_at)).fetch_all(&mut *tx).await?;
        let (mut gone, mut kept, mut left) = (Vec::new(), Vec::new(), i64::from(limit));
        let mut more = rows.len() >= looked_at as usize;
        for row in &rows {
            let (id, is_last, count): (&str, bool, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if is_last {
                kept.push(id);
                continue;
            }
            if count > left {
                more = true;
                if gone.is_empty() {
                    thin(&mut tx, id, limit).await?;
                }
                break;
            }
            left -= count;
            gone.push(id);
        }
        keep(&mut tx, concat!("UPDATE runs SET ages_from = $2 WHERE ", among!("id", "$1")), &kept, kept_since).await?;
        let deleted = sqlx::query(concat!("DELETE FROM runs WHERE ", among!("id", "$1"))).bind(to_json(&gone)?);
        let count = deleted.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(Pruned { count, more })
    }

    async fn prune_notices(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        let returned = "DELETE FROM bounces WHERE (delivery_id, kind) IN (SELECT delivery_id, kind FROM bounces WHERE run_id IS NULL AND at < $1 LIMIT $2)";
        let mut tx = self.begin().await?;
        sqlx::query(returned).bind(micros(kept_since)).bind(i64::from(limit)).execute(&mut *tx).await?;
        let rows = sqlx::query(OLD_NOTICES).bind(micros(kept_since)).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let (mut gone, mut kept) = (Vec::<&str>::new(), Vec::new());
        for row in &rows {
            let to = if row.try_get(1)? { &mut kept } else { &mut gone };
            to.push(row.try_get(0)?);
        }
        keep(&mut tx, concat!("UPDATE notices SET ages_from = $2 WHERE ", among!("id", "$1")), &kept, kept_since).await?;
        let deleted = sqlx::query(concat!("DELETE FROM notices WHERE ", among!("id", "$1"))).bind(to_json(&gone)?);
        let count = deleted.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(Pruned { count, more: rows.len() >= limit as usize })
    }

    async fn prune_audit(&self, kept_since: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        let mut tx = self.begin().await?;
        audit::retain_since(&mut tx, micros(kept_since)).await?;
        let pruned = sqlx::query("DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 ORDER BY at, seq LIMIT $2)")
            .bind(micros(kept_since))
            .bind(i64::from(limit))
            .execute(&mut *tx)
            .await?;
        audit::retain_since(&mut tx, i64::MIN).await?;
        tx.commit().await?;
        let count = pruned.rows_affected();
        Ok(Pruned { count, more: count >= u64::from(limit) })
    }

    async fn prune_artifacts(&self, needed_since: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(OLD_ARTIFACTS).bind(micros(needed_since)).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let hashes: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if hashes.is_empty() {
            return Ok(hashes);
        }
        // Not what a run has come to need meanwhile.
        let delete = concat!("DELETE FROM artifacts WHERE ", among!("sha256", "$1"), " AND needed_at <= $2 RETURNING sha256");
        let gone = sqlx::query(delete).bind(to_json(&hashes)?).bind(micros(needed_since)).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        gone.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn unknown_artifacts(&self, hashes: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT asked.value FROM ",
            asked!("$1"),
            " WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.sha256 = asked.value)"
        ));
        let rows = rows.bind(to_json(&hashes)?).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Deletes some of the rows of a run that is too large to go at once: pieces first, each of which has at least one attempt.
async fn thin(tx: &mut Tx, run: &str, limit: u32) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE run_id = $1 ORDER BY position DESC LIMIT $2)",
        "DELETE FROM contents WHERE run_id = $1 AND id IN (SELECT id FROM contents WHERE run_id = $1 LIMIT $2)",
        "DELETE FROM run_findings WHERE run_id = $1 AND (kind, number) IN (SELECT kind, number FROM run_findings WHERE run_id = $1 LIMIT $2)",
        "DELETE FROM run_events WHERE run_id = $1 AND number IN (SELECT number FROM run_events WHERE run_id = $1 LIMIT $2)",
    ] {
        let deleted = sqlx::query(statement).bind(run).bind(i64::from((limit / 2).max(1))).execute(&mut **tx).await?;
        if deleted.rows_affected() > 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Lets what is kept although it is old be looked at again later.
async fn keep(tx: &mut Tx, statement: &'static str, ids: &[&str], kept_since: Timestamp) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let again = kept_since.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
    sqlx::query(statement).bind(to_json(&ids)?).bind(micros(again)).execute(&mut **tx).await?;
    Ok(())
}

//! [`Consents`].

use async_trait::async_trait;
use pressrun_domain::audit::Change;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::id::{MembershipId, ScheduleId, SubscriptionRequestId};
use pressrun_domain::notice::Notice;
use pressrun_domain::schedule::Schedule;

use super::dialect::{DbRow, hold_schedule};
use super::row::Reader;
use super::schedules::readable;
use super::{Backend, Tx, audit, micros, notices};
use crate::{Agreed, Asked, Consents, Names, StoreError};

#[async_trait]
impl Consents for Backend {
    async fn put_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO ownership_offers (schedule_id, from_owner, to_owner, terms, offered_at, expires_at)
             SELECT id, $2, $3, $4, $5, $6 FROM schedules WHERE id = $1
             ON CONFLICT (schedule_id) DO UPDATE SET from_owner = excluded.from_owner, to_owner = excluded.to_owner, terms = excluded.terms,
                 offered_at = excluded.offered_at, expires_at = excluded.expires_at",
        )
        .bind(offer.schedule.to_string())
        .bind(offer.from.to_string())
        .bind(offer.to.to_string())
        .bind(&offer.terms)
        .bind(micros(offer.offered_at))
        .bind(micros(offer.expires_at))
        .execute(&mut *tx)
        .await?;
        if kept.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        notices::put(&mut tx, notices).await?;
        let written = about(&mut tx, change, offer.schedule, "to", offer.to).await?;
        audit::commit(tx, [written]).await
    }

    async fn offer(&self, schedule: ScheduleId) -> Result<Option<OwnershipOffer>, StoreError> {
        let row = sqlx::query("SELECT * FROM ownership_offers WHERE schedule_id = $1").bind(schedule.to_string());
        row.fetch_optional(&self.read).await?.map(|row| read_offer(&row)).transpose()
    }

    async fn drop_offer(&self, offer: &OwnershipOffer, notices: &[Notice], change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if !take_offer(&mut tx, offer).await? {
            return Ok(false);
        }
        notices::put(&mut tx, notices).await?;
        let written = about(&mut tx, change, offer.schedule, "to", offer.to).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }

    async fn put_request(&self, request: &SubscriptionRequest, notices: &[Notice], change: &Change) -> Result<Asked, StoreError> {
        let mut tx = self.begin().await?;
        hold_schedule(&mut tx, &request.schedule.to_string()).await?;
        // What lapsed, or was asked of somebody who owns it no longer, holds nobody up.
        sqlx::query("DELETE FROM subscription_requests WHERE schedule_id = $1 AND (expires_at <= $2 OR owner <> $3)")
            .bind(request.schedule.to_string())
            .bind(micros(request.requested_at))
            .bind(request.owner.to_string())
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT * FROM subscription_requests WHERE schedule_id = $1 AND member = $2")
            .bind(request.schedule.to_string())
            .bind(request.member.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = row {
            let reader = Reader::new("subscription_requests", &row);
            let declined = reader.instant_opt("declined_at")?.is_some();
            return Ok(if declined { Asked::Declined(reader.instant("expires_at")?) } else { Asked::Before });
        }
        let kept = sqlx::query(
            "INSERT INTO subscription_requests (id, schedule_id, member, owner, token_sha256, requested_at, expires_at)
             SELECT $2, id, $3, $4, $5, $6, $7 FROM schedules WHERE id = $1",
        )
        .bind(request.schedule.to_string())
        .bind(request.id.to_string())
        .bind(request.member.to_string())
        .bind(request.owner.to_string())
        .bind(request.token_sha256.to_vec())
        .bind(micros(request.requested_at))
        .bind(micros(request.expires_at))
        .execute(&mut *tx)
        .await?;
        if kept.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        notices::put(&mut tx, notices).await?;
        let written = about(&mut tx, change, request.schedule, "member", request.member).await?;
        audit::commit(tx, [written]).await?;
        Ok(Asked::Now)
    }

    async fn requests(&self, schedule: ScheduleId) -> Result<Vec<SubscriptionRequest>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM subscription_requests WHERE schedule_id = $1 AND declined_at IS NULL ORDER BY requested_at, id");
        Ok(readable(&rows.bind(schedule.to_string()).fetch_all(&self.read).await?, read_request))
    }

    async fn request(&self, id: SubscriptionRequestId) -> Result<Option<SubscriptionRequest>, StoreError> {
        let row = sqlx::query("SELECT * FROM subscription_requests WHERE id = $1 AND declined_at IS NULL").bind(id.to_string());
        row.fetch_optional(&self.read).await?.map(|row| read_request(&row)).transpose()
    }

    async fn decline_request(&self, id: SubscriptionRequestId, notices: &[Notice], change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let declined = sqlx::query("UPDATE subscription_requests SET declined_at = $2 WHERE id = $1 AND declined_at IS NULL RETURNING *")
            .bind(id.to_string())
            .bind(micros(change.at))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(request) = declined.map(|row| read_request(&row)).transpose()? else { return Ok(false) };
        notices::put(&mut tx, notices).await?;
        let written = about(&mut tx, change, request.schedule, "member", request.member).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }

    async fn drop_request(&self, schedule: ScheduleId, member: MembershipId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM subscription_requests WHERE schedule_id = $1 AND member = $2 AND declined_at IS NULL")
            .bind(schedule.to_string())
            .bind(member.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    async fn agree(
        &self,
        schedule: &Schedule,
        names: &Names,
        agreed: Agreed<'_>,
        notices: &[Notice],
        change: &Change,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let (version, written) = self.put_over(&mut tx, schedule, names, change).await?;
        let id = schedule.id.to_string();
        match agreed {
            Agreed::Ownership { offer } => {
                if let Some(offer) = offer
                    && !take_offer(&mut tx, offer).await?
                {
                    return Err(StoreError::Conflict);
                }
                for statement in [
                    "DELETE FROM ownership_offers WHERE schedule_id = $1",
                    "DELETE FROM subscription_requests WHERE schedule_id = $1",
                    "DELETE FROM baselines WHERE schedule_id = $1",
                ] {
                    sqlx::query(statement).bind(&id).execute(&mut *tx).await?;
                }
            }
            Agreed::Subscription { request, email } => {
                if let Some(request) = request {
                    answered(&mut tx, request).await?;
                }
                sqlx::query("DELETE FROM opt_outs WHERE schedule_id = $1 AND email_folded = $2")
                    .bind(&id)
                    .bind(email.folded())
                    .execute(&mut *tx)
                    .await?;
            }
        }
        notices::put(&mut tx, notices).await?;
        audit::commit(tx, [written]).await?;
        Ok(version)
    }
}

/// The entry of the audit about somebody who is offered a schedule, or asks to be on its list.
async fn about(tx: &mut Tx, change: &Change, schedule: ScheduleId, role: &str, member: MembershipId) -> Result<audit::Written, StoreError> {
    let object = audit::schedule_of(tx, schedule).await?;
    audit::put(tx, change, object, &audit::detail(role, member.to_string())).await
}

/// Removes exactly this offer; false when it is gone or another took its place.
async fn take_offer(tx: &mut Tx, offer: &OwnershipOffer) -> Result<bool, StoreError> {
    let taken = sqlx::query("DELETE FROM ownership_offers WHERE schedule_id = $1 AND to_owner = $2 AND offered_at = $3")
        .bind(offer.schedule.to_string())
        .bind(offer.to.to_string())
        .bind(micros(offer.offered_at))
        .execute(&mut **tx)
        .await?;
    Ok(taken.rows_affected() > 0)
}

/// A request is answered once.
async fn answered(tx: &mut Tx, request: SubscriptionRequestId) -> Result<(), StoreError> {
    let gone = sqlx::query("DELETE FROM subscription_requests WHERE id = $1 AND declined_at IS NULL").bind(request.to_string());
    if gone.execute(&mut **tx).await?.rows_affected() == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}

fn read_offer(row: &DbRow) -> Result<OwnershipOffer, StoreError> {
    let reader = Reader::new("ownership_offers", row);
    Ok(OwnershipOffer {
        schedule: reader.parsed("schedule_id")?,
        from: reader.parsed("from_owner")?,
        to: reader.parsed("to_owner")?,
        terms: reader.get("terms")?,
        offered_at: reader.instant("offered_at")?,
        expires_at: reader.instant("expires_at")?,
    })
}

fn read_request(row: &DbRow) -> Result<SubscriptionRequest, StoreError> {
    let reader = Reader::new("subscription_requests", row);
    let token = reader.get::<&[u8]>("token_sha256")?;
    Ok(SubscriptionRequest {
        id: reader.parsed("id")?,
        schedule: reader.parsed("schedule_id")?,
        member: reader.parsed("member")?,
        owner: reader.parsed("owner")?,
        token_sha256: token.try_into().map_err(|_| reader.corrupt("token_sha256", "no 32 bytes"))?,
        requested_at: reader.instant("requested_at")?,
        expires_at: reader.instant("expires_at")?,
    })
}

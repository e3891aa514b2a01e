//! [`Sessions`].

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind};
use pressrun_domain::id::{MembershipId, SessionId};
use pressrun_domain::key::ApiKey;
use pressrun_domain::session::{Opener, Session};
use sqlx::Row as _;

use super::dialect::{DbRow, clean};
use super::keys::{MINUTE, read_key};
use super::row::Reader;
use super::schedules::readable;
use super::{Backend, audit, micros};
use crate::sessions::SESSIONS_OF_A_MEMBER;
use crate::{Sessions, StoreError};

#[async_trait]
impl Sessions for Backend {
    async fn begin_session(&self, session: &Session, secret_sha256: [u8; 32], change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let (key, development) = match &session.opener {
            Opener::Key(id) => (Some(id.to_string()), None),
            Opener::Development(mark) => (None, Some(mark.clone())),
        };
        sqlx::query(
            "INSERT INTO sessions (id, secret_sha256, key_id, development_key, member, created_at, seen_at, expires_at, source, browser)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(session.id.to_string())
        .bind(secret_sha256.to_vec())
        .bind(key)
        .bind(development)
        .bind(session.member.to_string())
        .bind(micros(session.created_at))
        .bind(micros(session.seen_at))
        .bind(micros(session.expires_at))
        .bind(session.source.as_deref().map(clean))
        .bind(session.browser.as_deref().map(clean))
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(micros(change.at)).execute(&mut *tx).await?;
        sqlx::query(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE member = $1 ORDER BY created_at DESC, id DESC LIMIT 9223372036854775807 OFFSET $2)",
        )
        .bind(session.member.to_string())
        .bind(i64::from(SESSIONS_OF_A_MEMBER))
        .execute(&mut *tx)
        .await?;
        let written = audit::put(&mut tx, change, Object::new(ObjectKind::Session, session.id, ""), &Details::new()).await?;
        audit::commit(tx, [written]).await
    }

    async fn session_by_hash(&self, secret_sha256: [u8; 32]) -> Result<Option<(Session, Option<ApiKey>)>, StoreError> {
        // Looked up by the hash of a 256-bit random secret: how long the comparison takes tells nothing about it.
        let session = sqlx::query("SELECT * FROM sessions WHERE secret_sha256 = $1").bind(secret_sha256.to_vec());
        let Some(session) = session.fetch_optional(&self.read).await?.map(|row| read_session(&row)).transpose()? else { return Ok(None) };
        let key = match &session.opener {
            Opener::Key(id) => {
                let key = sqlx::query("SELECT * FROM api_keys WHERE id = $1").bind(id.to_string());
                key.fetch_optional(&self.read).await?.map(|row| read_key(&row)).transpose()?
            }
            Opener::Development(_) => None,
        };
        Ok(Some((session, key)))
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let touch = sqlx::query("UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at <= $3");
        touch.bind(id.to_string()).bind(micros(now)).bind(micros(now).saturating_sub(MINUTE)).execute(&self.write).await?;
        Ok(())
    }

    async fn sessions_of(&self, member: MembershipId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE member = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC");
        let rows = rows.bind(member.to_string()).bind(micros(now)).fetch_all(&self.read).await?;
        Ok(readable(&rows, read_session))
    }

    async fn end_session(&self, id: SessionId, member: MembershipId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE id = $1 AND member = $2").bind(id.to_string()).bind(member.to_string());
        if ended.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let written = audit::put(&mut tx, change, Object::new(ObjectKind::Session, id, ""), &Details::new()).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }

    async fn end_sessions_of(&self, member: MembershipId, kept: Option<SessionId>, change: &Change) -> Result<u32, StoreError> {
        let mut tx = self.begin().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE member = $1 AND id <> $2 RETURNING id")
            .bind(member.to_string())
            .bind(kept.map(|id| id.to_string()).unwrap_or_default())
            .fetch_all(&mut *tx)
            .await?;
        let mut written = Vec::with_capacity(ended.len());
        for row in &ended {
            let object = Object::new(ObjectKind::Session, row.try_get::<String, _>("id")?, "");
            written.push(audit::put(&mut tx, change, object, &Details::new()).await?);
        }
        audit::commit(tx, written).await?;
        Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX))
    }
}

fn read_session(row: &DbRow) -> Result<Session, StoreError> {
    let reader = Reader::new("sessions", row);
    let opener = match reader.parsed_opt("key_id")? {
        Some(id) => Opener::Key(id),
        None => Opener::Development(reader.get("development_key")?),
    };
    Ok(Session {
        id: reader.parsed("id")?,
        opener,
        member: reader.parsed("member")?,
        created_at: reader.instant("created_at")?,
        seen_at: reader.instant("seen_at")?,
        expires_at: reader.instant("expires_at")?,
        source: reader.get("source")?,
        browser: reader.get("browser")?,
    })
}

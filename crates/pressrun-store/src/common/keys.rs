//! [`Keys`].

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind};
use pressrun_domain::id::{ApiKeyId, MembershipId};
use pressrun_domain::key::{ApiKey, KeyKind};
use sqlx::Row as _;

use super::dialect::{DbRow, clean};
use super::row::Reader;
use super::schedules::readable;
use super::{Backend, audit, micros};
use crate::{Keys, StoreError};

/// Microseconds after which a use is recorded again.
pub(super) const MINUTE: i64 = 60_000_000;

#[async_trait]
impl Keys for Backend {
    async fn insert_key(&self, key: &ApiKey, token_sha256: [u8; 32], change: &Change) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, token_sha256, kind, member, name, prefix, created_at, revoked_at, scopes, expires_at, last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(key.id.to_string())
        .bind(token_sha256.to_vec())
        .bind(key.kind.as_str())
        .bind(key.member.to_string())
        .bind(clean(&key.name))
        .bind(&key.prefix)
        .bind(micros(key.created_at))
        .bind(key.revoked_at.map(micros))
        .bind(key.scopes.to_string())
        .bind(key.expires_at.map(micros))
        .bind(key.last_used_at.map(micros))
        .execute(&mut *tx)
        .await?;
        let object = Object::new(ObjectKind::Key, key.id, &key.name);
        let written = audit::put(&mut tx, change, object, &told(key)).await?;
        audit::commit(tx, [written]).await
    }

    async fn key_by_hash(&self, token_sha256: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        // Looked up by the hash of a 256-bit random token: how long the comparison takes tells nothing about the token.
        let row = sqlx::query("SELECT * FROM api_keys WHERE token_sha256 = $1").bind(token_sha256.to_vec());
        row.fetch_optional(&self.read).await?.map(|row| read_key(&row)).transpose()
    }

    async fn list_keys(&self, member: Option<MembershipId>) -> Result<Vec<ApiKey>, StoreError> {
        let rows = match member {
            Some(member) => {
                let own = sqlx::query("SELECT * FROM api_keys WHERE member = $1 ORDER BY created_at DESC, id DESC");
                own.bind(member.to_string()).fetch_all(&self.read).await?
            }
            None => sqlx::query("SELECT * FROM api_keys ORDER BY created_at DESC, id DESC").fetch_all(&self.read).await?,
        };
        Ok(readable(&rows, read_key))
    }

    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        let touch = sqlx::query("UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)");
        touch.bind(id.to_string()).bind(micros(now)).bind(micros(now).saturating_sub(MINUTE)).execute(&self.write).await?;
        Ok(())
    }

    async fn revoke_key(&self, id: ApiKeyId, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let revoked = sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING name")
            .bind(id.to_string())
            .bind(micros(change.at))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = revoked else { return Ok(false) };
        sqlx::query("DELETE FROM sessions WHERE key_id = $1").bind(id.to_string()).execute(&mut *tx).await?;
        let object = Object::new(ObjectKind::Key, id, row.try_get::<String, _>("name")?);
        let written = audit::put(&mut tx, change, object, &Details::new()).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }
}

/// A new key as the audit tells it.
fn told(key: &ApiKey) -> Details {
    let told = [
        ("type", Some(key.kind.as_str().to_owned())),
        ("member", Some(key.member.to_string())),
        ("prefix", Some(key.prefix.clone())),
        ("scopes", Some(key.scopes.to_string())),
        ("expiresAt", key.expires_at.map(|at| at.to_string())),
    ];
    told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), serde_json::json!({ "after": value? })))).collect()
}

pub(super) fn read_key(row: &DbRow) -> Result<ApiKey, StoreError> {
    let reader = Reader::new("api_keys", row);
    Ok(ApiKey {
        id: reader.parsed("id")?,
        kind: reader.word("kind", &[KeyKind::Organization, KeyKind::Personal], KeyKind::as_str)?,
        member: reader.parsed("member")?,
        name: reader.get("name")?,
        prefix: reader.get("prefix")?,
        scopes: reader.parsed("scopes")?,
        created_at: reader.instant("created_at")?,
        expires_at: reader.instant_opt("expires_at")?,
        last_used_at: reader.instant_opt("last_used_at")?,
        revoked_at: reader.instant_opt("revoked_at")?,
    })
}

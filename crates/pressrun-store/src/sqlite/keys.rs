//! [`Keys`] on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::id::ApiKeyId;
use pressrun_domain::key::{ApiKey, KeyKind};
use sqlx::sqlite::SqliteRow;

use super::row::Reader;
use super::schedules::readable;
use super::{SqliteStore, micros};
use crate::{Keys, StoreError};

#[async_trait]
impl Keys for SqliteStore {
    async fn insert_key(&self, key: &ApiKey, token_sha256: [u8; 32]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, token_sha256, kind, member, name, prefix, created_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id.to_string())
        .bind(token_sha256.to_vec())
        .bind(key.kind.as_str())
        .bind(key.member.to_string())
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(micros(key.created_at))
        .bind(key.revoked_at.map(micros))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn key_by_hash(&self, token_sha256: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        // Looked up by the hash of a 256-bit random token: how long the comparison takes tells nothing about the token.
        let row = sqlx::query("SELECT * FROM api_keys WHERE token_sha256 = $1").bind(token_sha256.to_vec());
        row.fetch_optional(&self.read).await?.map(|row| read_key(&row)).transpose()
    }

    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query("SELECT * FROM api_keys ORDER BY created_at DESC, id DESC").fetch_all(&self.read).await?;
        Ok(readable(&rows, read_key))
    }

    async fn revoke_key(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let revoked = sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id.to_string())
            .bind(micros(now))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }
}

fn read_key(row: &SqliteRow) -> Result<ApiKey, StoreError> {
    let reader = Reader::new("api_keys", row);
    Ok(ApiKey {
        id: reader.parsed("id")?,
        kind: reader.word("kind", &[KeyKind::Organization, KeyKind::Personal], KeyKind::as_str)?,
        member: reader.parsed("member")?,
        name: reader.get("name")?,
        prefix: reader.get("prefix")?,
        created_at: reader.instant("created_at")?,
        revoked_at: reader.instant_opt("revoked_at")?,
    })
}

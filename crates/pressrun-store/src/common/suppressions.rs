//! [`Suppressions`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use pressrun_domain::audit::{Change, Details, Object, ObjectKind, Verb};
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report, Suppression};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::notice::Notice;
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Db, DbRow, PLACE_IN, among, asked, clean};
use super::row::{Reader, to_json};
use super::schedules::readable;
use super::{Backend, audit, micros, notices};
use crate::collation::folded;
use crate::{Page, StoreError, Suppressions};

#[async_trait]
impl Suppressions for Backend {
    async fn mailed(&self, delivery: DeliveryId) -> Result<Option<Mailed>, StoreError> {
        let row = sqlx::query(
            "SELECT d.id, d.target AS email, r.id AS run_id, r.schedule_id FROM deliveries d JOIN runs r ON r.id = d.run_id
             WHERE d.id = $1 AND EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id)
             UNION ALL
             SELECT n.id, n.recipient AS email, (SELECT r.id FROM runs r WHERE r.id = n.run_id) AS run_id, n.schedule_id FROM notices n
             WHERE n.id = $1 AND n.attempts <> '[]' LIMIT 1",
        );
        let row = row.bind(delivery.to_string()).fetch_optional(&self.read).await?;
        let Some(row) = row else { return Ok(None) };
        let reader = Reader::new("deliveries", &row);
        // Slack ids and the names of other destinations are no addresses: nothing of ours was mailed there.
        let Ok(email) = reader.get::<&str>("email")?.parse() else { return Ok(None) };
        Ok(Some(Mailed { email, run: run_id(&reader)?, schedule: reader.parsed("schedule_id")? }))
    }

    async fn record_bounce(&self, bounce: &Bounce, mailed: &Mailed, notices: &[Notice]) -> Result<bool, StoreError> {
        let Report { kind, status, words } = &bounce.report;
        let mut tx = self.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO bounces (delivery_id, kind, run_id, status, words, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(bounce.delivery.to_string())
        .bind(kind.as_str())
        .bind(mailed.run.map(|run| run.to_string()))
        .bind(status)
        .bind(clean(words))
        .bind(micros(bounce.at))
        .execute(&mut *tx)
        .await?;
        if kept.rows_affected() == 0 {
            return Ok(false);
        }
        let mut told = None;
        if kind.suppresses() {
            let suppressed = sqlx::query(
                "INSERT INTO suppressions (email_folded, email, kind, status, words, at, delivery_id, run_id, schedule_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            )
            .bind(mailed.email.folded())
            .bind(mailed.email.as_str())
            .bind(kind.as_str())
            .bind(status)
            .bind(clean(words))
            .bind(micros(bounce.at))
            .bind(bounce.delivery.to_string())
            .bind(mailed.run.map(|run| run.to_string()))
            .bind(mailed.schedule.to_string())
            .execute(&mut *tx)
            .await?;
            if suppressed.rows_affected() > 0 {
                let change = Change::by_system(Verb::AddressSuppressed, bounce.at);
                let details = audit::detail("reason", words.as_str());
                told = Some(audit::put(&mut tx, &change, object(&mailed.email), &details).await?);
            }
        }
        notices::put(&mut tx, notices).await?;
        audit::commit(tx, told).await?;
        Ok(true)
    }

    async fn bounces_of(&self, pieces: &[DeliveryId]) -> Result<Vec<Bounce>, StoreError> {
        if pieces.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(concat!(
            "SELECT b.delivery_id AS id, b.kind, b.status, b.words, b.at FROM ",
            asked!("$1"),
            " CROSS JOIN bounces b
             WHERE b.delivery_id = asked.value ORDER BY b.at, b.delivery_id, b.kind"
        ));
        let rows = rows.bind(to_json(&pieces)?).fetch_all(&self.read).await?;
        let read = |row: &DbRow| {
            let reader = Reader::new("bounces", row);
            Ok(Bounce { delivery: reader.parsed("id")?, report: read_report(&reader)?, at: reader.instant("at")? })
        };
        Ok(readable(&rows, read))
    }

    async fn suppressed(&self, emails: &[EmailAddress]) -> Result<Vec<Suppression>, StoreError> {
        if emails.is_empty() {
            return Ok(Vec::new());
        }
        let asked: BTreeSet<String> = emails.iter().map(EmailAddress::folded).collect();
        let rows = sqlx::query(concat!(
            "SELECT *, email_folded AS id FROM suppressions WHERE ",
            among!("email_folded", "$1"),
            " ORDER BY email_folded"
        ));
        rows.bind(to_json(&asked)?).fetch_all(&self.read).await?.iter().map(read_suppression).collect()
    }

    async fn list_suppressions(&self, part: Option<&str>, after: Option<&str>, limit: u32) -> Result<Page<Suppression>, StoreError> {
        let part = part.map(|part| folded(&clean(part))).filter(|part| !part.is_empty());
        let narrow = |sql: &mut QueryBuilder<Db>| {
            if let Some(part) = &part {
                sql.push(" AND ").push(PLACE_IN).push("(email_folded, ").push_bind(part.clone()).push(") > 0");
            }
        };
        let mut tx = self.snapshot().await?;
        let mut count = QueryBuilder::new("SELECT count(*) FROM suppressions WHERE 1 = 1");
        narrow(&mut count);
        let total: i64 = count.build().fetch_one(&mut *tx).await?.try_get(0)?;
        let mut page = QueryBuilder::new("SELECT *, email_folded AS id FROM suppressions WHERE 1 = 1");
        narrow(&mut page);
        if let Some(after) = after {
            page.push(" AND email_folded > ").push_bind(folded(&clean(after)));
        }
        page.push(" ORDER BY email_folded LIMIT ").push_bind(i64::from(limit));
        let rows = page.build().fetch_all(&mut *tx).await?;
        Ok(Page { rows: readable(&rows, read_suppression), total: total.unsigned_abs() })
    }

    async fn lift_suppression(&self, email: &EmailAddress, change: &Change) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let lifted = sqlx::query("DELETE FROM suppressions WHERE email_folded = $1").bind(email.folded()).execute(&mut *tx).await?;
        if lifted.rows_affected() == 0 {
            return Ok(false);
        }
        let written = audit::put(&mut tx, change, object(email), &Details::new()).await?;
        audit::commit(tx, [written]).await?;
        Ok(true)
    }
}

/// What the audit calls an address.
fn object(email: &EmailAddress) -> Object {
    Object::new(ObjectKind::Address, email.folded(), email.as_str())
}

fn run_id(reader: &Reader<'_>) -> Result<Option<RunId>, StoreError> {
    let text: Option<&str> = reader.get("run_id")?;
    text.map(|text| text.parse().map_err(|fault| reader.corrupt("run_id", fault))).transpose()
}

fn read_report(reader: &Reader<'_>) -> Result<Report, StoreError> {
    Ok(Report {
        kind: reader.word("kind", &BounceKind::ALL, BounceKind::as_str)?,
        status: reader.get("status")?,
        words: reader.get("words")?,
    })
}

fn read_suppression(row: &DbRow) -> Result<Suppression, StoreError> {
    let reader = Reader::new("suppressions", row);
    Ok(Suppression {
        email: reader.parsed("email")?,
        report: read_report(&reader)?,
        at: reader.instant("at")?,
        delivery: reader.parsed("delivery_id")?,
        run: run_id(&reader)?,
        schedule: reader.parsed("schedule_id")?,
    })
}

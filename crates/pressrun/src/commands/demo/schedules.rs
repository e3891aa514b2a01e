//! The demo's schedules, made and triggered through its own HTTP API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use pressrun_cron::CronExpression;
use pressrun_domain::clock::Clock;
use pressrun_domain::delivery::{Delivery, DeliveryState, Outcome as AttemptOutcome};
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{Run, RunState};
use pressrun_domain::secret::Secret;
use pressrun_store::Store;
use serde_json::{Value, json};

use crate::clock::WallClock;

/// An SFTP server to upload to as well.
#[derive(Debug)]
pub(crate) struct Sftp {
    url: url::Url,
}

impl Sftp {
    /// Reads `sftp://user:password@host:port/folder`.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let form = "--sftp: write it as sftp://user:password@host:port/folder";
        let url = url::Url::parse(text).context(form)?;
        if url.scheme() != "sftp" || url.host_str().is_none() || url.username().is_empty() || url.password().is_none() {
            bail!(form);
        }
        Ok(Self { url })
    }

    /// Host and port, for the egress policy.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.url.port().unwrap_or(22))
    }

    fn body(&self) -> Value {
        let plain = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let path = plain(self.url.path().trim_end_matches('/'));
        json!({
            "identifier": "12db1a0a", "name": "Partner upload (sftp, xlsx)", "schedule": "0 6 ? * * *", "timezone": "UTC",
            "format": "xlsx", "destinationType": "sftp", "address": self.url.host_str(), "port": self.url.port().unwrap_or(22),
            "username": plain(self.url.username()), "passwordUnencrypted": self.url.password().map(plain), "path": (!path.is_empty()).then_some(path),
        })
    }
}

/// What became of one schedule.
pub(crate) struct Outcome {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub timezone: String,
    /// Its next instants.
    pub next: Vec<Timestamp>,
    /// How its run ended; `None` when it was there before.
    pub status: Option<String>,
    /// A line a delivery.
    pub delivered: Vec<String>,
}

/// A schedule that is there now.
pub(crate) struct Created {
    id: ScheduleId,
    name: String,
    cron: String,
    timezone: String,
    is_new: bool,
}

/// The demo as a client of its own API.
pub(crate) struct Demo {
    url: String,
    token: Secret,
    http: reqwest::Client,
    store: Arc<dyn Store>,
    mail: PathBuf,
}

impl Demo {
    /// A client of the server at `url`, whose mail is written to `mail`.
    pub(crate) fn new(url: &str, token: Secret, store: Arc<dyn Store>, mail: PathBuf) -> Self {
        Self { url: url.to_owned(), token, http: reqwest::Client::new(), store, mail }
    }

    /// Creates the schedules that are not there yet.
    pub(crate) async fn create(&self, receiver: &str, sftp: Option<&Sftp>) -> anyhow::Result<Vec<Created>> {
        let region = |values: Value| json!({ "region": values });
        let users = json!({ "users": [
            { "email": "emea@partner.example", "userAttributes": region(json!(["EU"])) },
            { "email": "americas@partner.example", "userAttributes": region(json!(["US", "LATAM"])) },
            { "email": "americas-copy@partner.example", "userAttributes": region(json!(["LATAM", "US"])) },
        ]});
        self.call(reqwest::Method::POST, "/api/v1/users/email-only/bulk", Some(&users)).await?;
        let mut created = Vec::new();
        for body in bodies(receiver).into_iter().chain(sftp.map(Sftp::body)) {
            let has_url = body.get("url").is_some();
            let schedule = self.create_one(body).await?;
            if has_url && !schedule.is_new {
                // The receiver may have had to move to another port.
                let path = format!("/api/v1/schedules/{}", schedule.id);
                self.call(reqwest::Method::PUT, &path, Some(&json!({ "url": receiver }))).await?;
            }
            created.push(schedule);
        }
        Ok(created)
    }

    /// Creates a schedule, unless there is one of its name.
    pub(crate) async fn create_one(&self, mut body: Value) -> anyhow::Result<Created> {
        let (name, cron, timezone) = (text(&body["name"]), text(&body["schedule"]), text(&body["timezone"]));
        let found = self.find(&name).await?;
        let is_new = found.is_none();
        let id = match found {
            Some(id) => id,
            None => {
                body["testNow"] = json!(false);
                let answer = self.call(reqwest::Method::POST, "/api/v1/schedules", Some(&body)).await?;
                text(&answer["id"]).parse().context("the create answer has no id")?
            }
        };
        Ok(Created { id, name, cron, timezone, is_new })
    }

    /// Triggers the new ones and waits until they have ended.
    pub(crate) async fn deliver(&self, created: Vec<Created>, mut say: impl FnMut(String)) -> anyhow::Result<Vec<Outcome>> {
        for schedule in created.iter().filter(|schedule| schedule.is_new) {
            self.call(reqwest::Method::POST, &format!("/api/v1/schedules/{}/trigger", schedule.id), None).await?;
        }
        let mut outcomes = Vec::new();
        for schedule in created {
            say(format!("delivering {}", schedule.name));
            let (status, delivered) = if schedule.is_new { self.ended(schedule.id).await? } else { (None, Vec::new()) };
            let cron: CronExpression = schedule.cron.parse()?;
            let zone = pressrun_cron::zone(&schedule.timezone)?;
            let next = cron.occurrences(WallClock.now(), &zone).take(3).map(|occurrence| occurrence.at).collect();
            outcomes.push(Outcome { name: schedule.name, timezone: schedule.timezone, next, status, delivered });
        }
        Ok(outcomes)
    }

    async fn ended(&self, schedule: ScheduleId) -> anyhow::Result<(Option<String>, Vec<String>)> {
        for _ in 0..1200 {
            let runs = self.store.list_runs(Some(schedule), 1, 1).await?;
            if let Some(Run { id, state: RunState::Ended { status, reason, .. }, record, .. }) = runs.rows.first() {
                let mut lines: Vec<_> = self.store.deliveries(*id).await?.iter().map(|delivery| line(delivery, &self.mail)).collect();
                lines.extend(reason.clone());
                lines.extend(record.error.clone());
                return Ok((Some(status.as_str().to_owned()), lines));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok((Some("still running after five minutes".to_owned()), Vec::new()))
    }

    async fn find(&self, name: &str) -> anyhow::Result<Option<ScheduleId>> {
        let answer = self.call(reqwest::Method::GET, "/api/v1/schedules?pageSize=100", None).await?;
        let records = answer["records"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = records.iter().find(|record| record["name"] == name);
        found.map(|record| text(&record["id"]).parse().context("a list row has no id")).transpose()
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("the demo could not reach its own server")?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| format!("{path} answered {status} without JSON"))?;
        if !status.is_success() {
            bail!("{path} answered {status}: {}", text(&answer["detail"]));
        }
        Ok(answer)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// One of each kind, over the sample catalog.
fn bodies(receiver: &str) -> Vec<Value> {
    let board = ["iamagoodblob@myorg.co", "blobmanager@myorg.co"];
    vec![
        json!({
            "identifier": "12db1a0a", "name": "Board report (email, pdf)", "schedule": "0 8 ? * MON-FRI *",
            "timezone": "America/New_York", "format": "pdf", "destinationType": "email", "paperFormat": "a4",
            "recipients": board, "subject": "{{entityName}} for {{currentDate}}", "textBody": "Good morning,\nhere are the orders.",
        }),
        json!({
            "identifier": "12db1a0a", "name": "Picture in the mail (email, png)", "schedule": "45 8 ? * MON *", "timezone": "Europe/Berlin",
            "format": "png", "destinationType": "email", "recipients": [board[0]], "subject": "Orders this week",
            "filterConfig": { "region": { "type": "string", "kind": "EQUALS", "values": ["EU"] } },
        }),
        json!({
            "identifier": "12db1a0a", "name": "Workbook (email, xlsx)", "schedule": "30 6 L * ? *", "timezone": "UTC",
            "format": "xlsx", "destinationType": "email", "recipients": [board[1]], "subject": "Month end workbook",
        }),
        json!({
            "identifier": "12db1a0a", "name": "One tile (email, csv)", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "csv",
            "queryIdentifierMapKey": "1", "destinationType": "email", "recipients": [board[1]], "subject": "Orders by month",
        }),
        json!({
            "identifier": "dashboard-abc123", "name": "Personal copies (email, pdf, fan-out)", "schedule": "0 7 1 * ? *", "timezone": "UTC",
            "format": "pdf", "destinationType": "email", "fanOut": true, "subject": "Your region",
            "recipients": ["emea@partner.example", "americas@partner.example", "americas-copy@partner.example"],
        }),
        json!({
            "identifier": "dashboard-abc123", "name": "Refunds alert (webhook, json)", "schedule": "0 */6 * * ? *", "timezone": "UTC",
            "format": "json", "destinationType": "webhook", "url": receiver, "conditionType": "RESULTS_PRESENT",
            "conditionQueryMapKey": "1", "queryIdentifierMapKey": "1",
        }),
    ]
}

fn line(delivery: &Delivery, mail: &Path) -> String {
    match &delivery.state {
        DeliveryState::Accepted { .. } => {
            let receipt = delivery.attempts.iter().rev().find_map(|attempt| match &attempt.outcome {
                Some(AttemptOutcome::Accepted { receipt }) => Some(receipt.as_str()),
                _ => None,
            });
            let place = match receipt.and_then(|receipt| receipt.strip_prefix("written to ")) {
                Some(file) => mail.join(file).display().to_string(),
                None => receipt.unwrap_or("accepted").to_owned(),
            };
            format!("delivered {} → {place}", delivery.target)
        }
        DeliveryState::Failed { reason, .. } => format!("failed    {} → {reason}", delivery.target),
        DeliveryState::Skipped { reason } => format!("skipped   {} → {reason}", delivery.target),
        DeliveryState::Pending { not_before } => format!("pending   {} → next attempt at {not_before}", delivery.target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sftp_address_may_hold_any_password() {
        let body = Sftp::parse("sftp://ann%40x:p%3Ass%20w0rd@127.0.0.1:2022/in%20box/").expect("an address").body();
        assert_eq!(body["username"], "ann@x");
        assert_eq!(body["passwordUnencrypted"], "p:ss w0rd");
        assert_eq!((&body["address"], &body["port"], &body["path"]), (&json!("127.0.0.1"), &json!(2022), &json!("/in box")));
    }

    #[test]
    fn an_sftp_address_without_a_password_is_refused() {
        assert!(Sftp::parse("sftp://ann@127.0.0.1").is_err());
    }
}

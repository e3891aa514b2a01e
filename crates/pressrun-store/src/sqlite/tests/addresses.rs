//! M3: addresses of webhooks that an older version stored in the open.

use std::path::Path;

use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::id::WorkerId;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Schedule;
use pressrun_domain::secret::Secret;
use sqlx::Row as _;

use super::files::{bytes_of, contains};
use super::in_file;
use crate::sqlite::SqliteStore;
use crate::sqlite::schedule_row::sealed_at;
use crate::{Runs as _, Schedules as _, sample};

const PARTS: [&str; 3] = ["hunter2", "SECRETPATH", "QUERYSECRET"];

fn address(number: usize) -> String {
    format!("https://bob:hunter2@hooks{number}.example.com/services/T000/SECRETPATH?key=QUERYSECRET")
}

fn hook(number: usize, signed: bool) -> Schedule {
    let secrets = if signed { vec![Secret::new("whsec_c2VjcmV0")] } else { Vec::new() };
    let mut schedule = sample::schedule(&format!("hook {number}"));
    schedule.definition.destination = Destination::Webhook(WebhookSettings::new(address(number), secrets));
    schedule
}

/// Makes the rows what they were before: the address in the definition, only signing secrets sealed, and the mark of the migration.
async fn as_before(store: &SqliteStore, schedules: &[Schedule]) {
    for (number, schedule) in schedules.iter().enumerate() {
        let id = schedule.id.to_string();
        let old = format!("old definition {number}");
        sqlx::query(
            "INSERT INTO definitions (id, json)
             SELECT $3, json_set(json_remove(json, '$.destination.origin', '$.destination.mark'), '$.destination.url', $2) FROM definitions
             WHERE id = (SELECT definition_id FROM schedules WHERE id = $1)",
        )
        .bind(&id)
        .bind(address(number))
        .bind(&old)
        .execute(&store.write)
        .await
        .unwrap();
        for update in ["UPDATE runs SET definition_id = $2 WHERE schedule_id = $1", "UPDATE schedules SET definition_id = $2 WHERE id = $1"]
        {
            sqlx::query(update).bind(&id).bind(&old).execute(&store.write).await.unwrap();
        }
        let Destination::Webhook(webhook) = &schedule.definition.destination else { panic!("a webhook") };
        let sealed = webhook.secrets.first().map(|secret| {
            let plain = serde_json::json!({ "secret_00": secret.expose() }).to_string();
            store.sealer.seal(sealed_at(&id), plain.as_bytes()).unwrap()
        });
        for update in
            ["UPDATE schedules SET sealed = $2 WHERE id = $1", "UPDATE runs SET sealed = $2 WHERE schedule_id = $1 AND state = 'queued'"]
        {
            sqlx::query(update).bind(&id).bind(&sealed).execute(&store.write).await.unwrap();
        }
    }
    sqlx::raw_sql("DELETE FROM definitions WHERE id NOT LIKE 'old %'").execute(&store.write).await.unwrap();
    sqlx::raw_sql("INSERT INTO meta (key, value) VALUES ('addresses_in_the_open', x'')").execute(&store.write).await.unwrap();
}

async fn reopened(path: &Path) -> Result<SqliteStore, crate::StoreError> {
    SqliteStore::open(path, sample::sealer()).await
}

async fn count(store: &SqliteStore, what: &'static str) -> i64 {
    sqlx::query(what).fetch_one(&store.read).await.unwrap().get(0)
}

#[tokio::test]
async fn m3_addresses_stored_in_the_open_are_sealed_at_the_next_start_also_after_a_crash() {
    let (store, folder) = in_file().await;
    let path = folder.path().join("pressrun.db");
    let schedules: Vec<Schedule> = (0..3).map(|number| hook(number, number != 1)).collect();
    for schedule in &schedules {
        store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        sample::occur(&store, &[schedule], sample::after(0)).await;
    }
    // One run is over, two wait.
    let over = store.claim(WorkerId::generate(), sample::after(1), sample::after(9), 1).await.unwrap().remove(0);
    store.finish(&over.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
    as_before(&store, &schedules).await;
    store.close().await;
    let bytes = bytes_of(folder.path());
    assert!(PARTS.iter().all(|part| contains(&bytes, part)), "they stand in the open");

    // The first start dies at the last of them.
    let store = raw_store(&path).await;
    let last: String = sqlx::query("SELECT id FROM schedules ORDER BY definition_id DESC LIMIT 1").fetch_one(&store).await.unwrap().get(0);
    let fault = format!("CREATE TRIGGER fault BEFORE UPDATE ON schedules WHEN old.id = '{last}' BEGIN SELECT raise(ABORT, 'crash'); END");
    sqlx::raw_sql(sqlx::AssertSqlSafe(fault)).execute(&store).await.unwrap();
    store.close().await;
    reopened(&path).await.unwrap_err();
    let store = raw_store(&path).await;
    sqlx::raw_sql("DROP TRIGGER fault").execute(&store).await.unwrap();
    store.close().await;

    // The second goes on.
    let store = reopened(&path).await.unwrap();
    for schedule in &schedules {
        assert_eq!(store.schedule(schedule.id).await.unwrap().unwrap().definition, schedule.definition, "nothing is lost");
    }
    let claimed = store.claim(WorkerId::generate(), sample::after(3), sample::after(9), 9).await.unwrap();
    assert_eq!(claimed.len(), 2);
    for claim in &claimed {
        let schedule = schedules.iter().find(|schedule| schedule.id == claim.run.schedule_id).unwrap();
        assert_eq!(claim.run.definition, schedule.definition, "a run that waited has its address");
    }
    let ended = store.run(over.run.id).await.unwrap().unwrap();
    let Destination::Webhook(webhook) = &ended.definition.destination else { panic!("a webhook") };
    assert!(webhook.origin().starts_with("https://hooks") && webhook.address().is_err(), "a run that is over knows where it went only");
    let same = schedules.iter().find(|schedule| schedule.id == ended.schedule_id).unwrap();
    assert!(ended.definition.destination.same_place(&same.definition.destination), "and can be sent again");
    assert_eq!(count(&store, "SELECT count(*) FROM meta WHERE key = 'addresses_in_the_open'").await, 0);
    assert_eq!(count(&store, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'addresses_%'").await, 0);
    assert_eq!(count(&store, "SELECT count(*) FROM definitions WHERE json LIKE '%\"url\"%'").await, 0);
    store.close().await;
    let bytes = bytes_of(folder.path());
    for part in PARTS {
        assert!(!contains(&bytes, part), "{part} is nowhere in the files");
    }
    assert!(contains(&bytes, "https://hooks1.example.com"), "the origin is, for lists");
}

#[tokio::test]
async fn m3_a_damaged_row_does_not_keep_the_store_from_opening() {
    let (store, folder) = in_file().await;
    let path = folder.path().join("pressrun.db");
    let schedules = [hook(0, true), hook(1, true)];
    for schedule in &schedules {
        store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    }
    as_before(&store, &schedules).await;
    sqlx::query("UPDATE schedules SET sealed = x'01' WHERE id = $1").bind(schedules[0].id.to_string()).execute(&store.write).await.unwrap();
    store.close().await;
    let store = reopened(&path).await.unwrap();
    assert_eq!(store.schedule(schedules[1].id).await.unwrap().unwrap().definition, schedules[1].definition);
    store.schedule(schedules[0].id).await.unwrap_err();
}

async fn raw_store(path: &Path) -> sqlx::SqlitePool {
    sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(path)).await.unwrap()
}

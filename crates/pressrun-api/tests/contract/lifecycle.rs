//! Rules of the delivery contract that a person causes through the API.

use pressrun_domain::audit::Verb;
use pressrun_domain::run::RunStatus;
use pressrun_store::sample as stored;
use pressrun_store::{ListQuery, StatusFilter};
use serde_json::json;

use crate::harness::{NOW, Server, mail, server, webhook};
use crate::sample;

#[tokio::test]
async fn x3_a_system_disabled_schedule_takes_update_transfer_and_delete_and_nothing_else() {
    let server = server().await;
    let path = async || format!("/api/v1/schedules/{}", crate::pause::system_disabled(&server).await);
    let off = path().await;
    server.put_empty(&format!("{off}/pause")).await.refuses(400, "Schedule is system disabled");
    server.put_empty(&format!("{off}/resume")).await.refuses(400, "Schedule is system disabled");
    server.call("org", "POST", &format!("{off}/trigger"), None).await.refuses(409, "Cannot trigger an inactive schedule");
    server.put(&off, &json!({"name": "Renamed"})).await.ok();
    server.put(&format!("{}/transfer-ownership", path().await), &json!({"userId": sample::HILL})).await.ok();
    server.call("org", "DELETE", &path().await, None).await.ok();
}

#[tokio::test]
async fn x4_a_pause_of_before_stays_when_the_disabling_ends() {
    let server = server().await;
    for way in ["update", "transfer"] {
        let id = crate::pause::system_disabled(&server).await;
        let mut schedule = server.stored(&id).await;
        schedule.disabled_at = Some(stored::at(NOW));
        server.store.replace_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleUpdated)).await.unwrap();
        match way {
            "update" => server.put_empty(&format!("/api/v1/schedules/{id}")).await.ok().clone(),
            _ => server.put(&format!("/api/v1/schedules/{id}/transfer-ownership"), &json!({"userId": sample::HILL})).await.ok().clone(),
        };
        let now = server.stored(&id).await;
        assert_eq!((now.system_disabled, now.disabled_at, now.next_at), (None, Some(stored::at(NOW)), None), "{way}");
    }
}

#[tokio::test]
async fn x6_the_list_still_names_an_owner_who_is_gone_and_a_transfer_revives() {
    let server = server().await;
    // The organization key is of somebody who stays: it would fall with its member (M4).
    let id = server.post(&format!("/api/v1/schedules?userId={}", sample::OUTER), &webhook(json!({"identifier": "12db1a0a"}))).await.id();
    let owner = server.get("/api/v1/schedules").await.ok()["records"][0]["ownerName"].clone();
    {
        let mut catalog = server.files.0.lock().unwrap();
        let others = catalog.members.iter().filter(|member| member.id.0 != sample::OUTER);
        catalog.members = others.cloned().collect::<Vec<_>>().into();
    }
    let off = pressrun_domain::schedule::SystemDisabled {
        at: stored::at(NOW),
        reason: pressrun_domain::schedule::SystemDisabledReason::NoAccess,
    };
    let version = server.stored(&id).await.version;
    server.store.system_disable(id.parse().unwrap(), version, off, &[]).await.unwrap();
    let list = server.get("/api/v1/schedules").await;
    let row = &list.ok()["records"][0];
    assert_eq!((&row["ownerName"], &row["systemDisabledReason"]), (&owner, &json!("noAccess")));
    server.put(&format!("/api/v1/schedules/{id}/transfer-ownership"), &json!({"userId": sample::HILL})).await.ok();
    let revived = server.stored(&id).await;
    assert!(revived.is_active() && revived.next_at.is_some());
}

#[tokio::test]
async fn a13_pause_and_resume_keep_the_baseline() {
    let server = server().await;
    let id = server.create(&mail(json!({"conditionType": "RESULTS_CHANGED", "conditionQueryMapKey": "1"}))).await.id();
    crate::update::baseline(&server, &id).await;
    server.put_empty(&format!("/api/v1/schedules/{id}/pause")).await.ok();
    server.put_empty(&format!("/api/v1/schedules/{id}/resume")).await.ok();
    assert!(server.store.baseline(id.parse().unwrap(), "").await.unwrap().is_some());
}

#[tokio::test]
async fn a20_a_test_of_an_alert_that_compares_is_refused_by_name() {
    let server = server().await;
    for kind in ["RESULTS_CHANGED", "RESULTS_UNCHANGED"] {
        let body = webhook(json!({"testNow": true, "conditionType": kind, "conditionQueryMapKey": "1"}));
        server.create(&body).await.refuses(400, &format!("Test delivery not supported for condition type {kind}"));
    }
    let body = webhook(json!({"testNow": true, "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"}));
    server.create(&body).await.ok();
}

/// A schedule of this name whose last run ended so.
async fn ended(server: &Server, status: RunStatus) {
    let mut schedule = stored::schedule(status.as_str());
    schedule.next_at = None;
    schedule.last_run = Some(pressrun_domain::schedule::LastRun { status, completed_at: stored::at(NOW), untold: None });
    server.store.insert_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleCreated)).await.unwrap();
}

#[tokio::test]
async fn s7_the_list_filters_by_what_a_status_means() {
    let server = server().await;
    for status in RunStatus::ALL {
        ended(&server, status).await;
    }
    let mut never = stored::schedule("never");
    never.next_at = None;
    server.store.insert_schedule(&never, &stored::names(), &stored::change(Verb::ScheduleCreated)).await.unwrap();
    for (filter, word, expected) in [
        (StatusFilter::Success, "success", vec!["COMPLETE", "CONDITION_UNMET"]),
        (StatusFilter::Error, "error", vec!["ERROR", "ERROR_DELIVERED"]),
        (StatusFilter::Canceled, "canceled", vec!["KILLED"]),
        (StatusFilter::None, "none", vec!["never"]),
    ] {
        let page = server.store.list_schedules(&ListQuery { status: Some(filter), ..stored::list() }).await.unwrap();
        let names: Vec<_> = page.rows.iter().map(|row| row.name().to_owned()).collect();
        assert_eq!(names, expected, "{word}");
        let answer = server.get(&format!("/api/v1/schedules?status={word}")).await;
        assert_eq!(answer.ok()["pageInfo"]["totalRecords"], expected.len(), "{word}");
    }
}

//! Our own additions to mail: copies, answers, people without values, suppressed addresses.

use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report};
use pressrun_domain::catalog::FanOutPolicy;
use pressrun_domain::id::{DeliveryId, ScheduleId, WorkerId};
use pressrun_store::sample as stored;
use serde_json::{Value, json};

use crate::harness::{Server, mail, server, server_with};

/// Mail to this address came back for good.
async fn came_back(server: &Server, email: &str) {
    let report = Report { kind: BounceKind::Permanent, status: Some("5.1.1".into()), words: "550 5.1.1 no such user".into() };
    let bounce = Bounce { delivery: DeliveryId::generate(), report, at: crate::harness::NOW.parse().unwrap() };
    let mailed = Mailed { email: email.parse().unwrap(), run: None, schedule: ScheduleId::generate() };
    assert!(server.store.record_bounce(&bounce, &mailed, &[]).await.unwrap());
}

fn warnings(answer: &Value) -> String {
    answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn copies_and_answers_are_saved_shown_changed_and_cleared() {
    let server = server().await;
    let body = mail(
        json!({"recipients": ["to@x.example"], "cc": ["cc@x.example", "TO@x.example"], "bcc": "bcc@x.example", "replyTo": "answers@x.example"}),
    );
    let created = server.create(&body).await;
    assert!(warnings(created.ok()).contains("TO@x.example is named more than once"), "{}", created.text);
    let path = format!("/api/v1/schedules/{}", created.id());
    let settings = async || server.get(&path).await.ok()["destinations"][0]["metadata"].clone();
    let shown = settings().await;
    assert_eq!(
        (&shown["cc"], &shown["bcc"], &shown["replyTo"]),
        (&json!(["cc@x.example"]), &json!(["bcc@x.example"]), &json!("answers@x.example"))
    );
    let listed = server.get(&format!("{path}/recipients")).await;
    assert_eq!((&listed.ok()["cc"][0]["email"], &listed.ok()["bcc"][0]["emailOnly"]), (&json!("cc@x.example"), &json!(true)));
    assert!(
        warnings(created.ok()).contains("3 recipient(s) without a login"),
        "Q1: copies show what the owner may see, too: {}",
        created.text
    );

    server.put(&path, &json!({"schedule": "0 10 ? * * *"})).await.ok();
    assert_eq!(settings().await, shown, "what is left out stays");
    server.put(&path, &json!({"cc": null, "replyTo": null, "bcc": []})).await.ok();
    let cleared = settings().await;
    assert_eq!((&cleared["cc"], &cleared["bcc"], &cleared["replyTo"]), (&json!([]), &json!([]), &Value::Null));
    for (fields, detail) in [
        (json!({"cc": ["x"]}), "cc: Invalid email address"),
        (json!({"replyTo": "Answers <answers@x.example>"}), "replyTo: Invalid email address"),
        (json!({"replyTo": "a@b.co\r\nBcc: x@y.zz"}), "replyTo: Invalid email address"),
        (json!({"bcc": 5}), "bcc: Expected array, received number"),
        (json!({"cc": ["blöb@x.example"]}), "cc: blöb@x.example has letters before the @ that not every mail server takes"),
    ] {
        server.put(&path, &fields).await.refuses(400, detail);
    }
}

#[tokio::test]
async fn p13_copies_are_recipients_where_domains_are_limited() {
    let server = server().await;
    server.files.0.lock().unwrap().organization.allowed_domains = vec!["myorg.co".into()];
    for field in ["cc", "bcc"] {
        let body = mail(json!({"recipients": ["blob@myorg.co"], field: ["x@elsewhere.example"]}));
        let detail = format!("{field}: x@elsewhere.example may not receive deliveries; addresses have to be in myorg.co");
        server.create(&body).await.refuses(400, &detail);
    }
}

#[tokio::test]
async fn p1_copies_of_personal_mail_are_refused() {
    let server = server().await;
    let refused = |field: &str| {
        format!(
            "{field}: Not possible with personal copies (fanOut): each holds one person's rows; name the address among recipients instead"
        )
    };
    server.create(&mail(json!({"fanOut": true, "cc": ["cc@x.example"]}))).await.refuses(400, &refused("cc"));
    assert_eq!(server.get("/api/v1/users/email-only").await.ok()["pageInfo"]["totalRecords"], 0, "nobody is made of what was refused");
    let id = server.create(&mail(json!({"bcc": ["bcc@x.example"]}))).await.id();
    server.put(&format!("/api/v1/schedules/{id}"), &json!({"fanOut": true})).await.refuses(400, &refused("bcc"));
    server.files.0.lock().unwrap().organization.fan_out = FanOutPolicy::Always;
    server.create(&mail(json!({"bcc": ["bcc@x.example"]}))).await.refuses(400, &refused("bcc"));
}

#[tokio::test]
async fn p12_whoever_gets_a_copy_is_on_the_list_when_recipients_are_added_and_removed() {
    let server = server().await;
    let id = server.create(&mail(json!({"cc": ["cc@x.example"]}))).await.id();
    let path = |verb: &str| format!("/api/v1/schedules/{id}/{verb}-recipients");
    server.put(&path("add"), &json!({"emails": ["CC@x.example"]})).await.ok();
    let schedule = server.stored(&id).await;
    let email = schedule.definition.destination.email().unwrap();
    assert!(email.recipients.iter().all(|place| place.email.as_str() != "CC@x.example") && email.cc.len() == 1);
    server.put(&path("remove"), &json!({"emails": ["cc@x.example"]})).await.ok();
    assert!(server.stored(&id).await.definition.destination.email().unwrap().cc.is_empty());
}

#[tokio::test]
async fn suppressed_addresses_are_warned_of_listed_and_lifted_by_those_who_may() {
    let server = server().await;
    for email in ["b@x.example", "Gone@x.example"] {
        came_back(&server, email).await;
    }
    let created = server.create(&mail(json!({"recipients": ["gone@X.example", "fine@x.example"]}))).await;
    let said = warnings(created.ok());
    assert!(said.contains("1 recipient(s) get nothing") && said.contains("Gone@x.example (550 5.1.1 no such user)"), "{said}");
    let added = server.put(&format!("/api/v1/schedules/{}/add-recipients", created.id()), &json!({"emails": ["B@x.example"]})).await;
    assert!(warnings(added.ok()).contains("2 recipient(s) get nothing"), "{}", added.text);
    let list = "/api/v1/suppressions";
    let page = server.get(&format!("{list}?pageSize=1")).await;
    assert_eq!((&page.ok()["records"][0]["email"], &page.ok()["pageInfo"]["nextCursor"]), (&json!("b@x.example"), &json!("b@x.example")));
    let next = server.get(&format!("{list}?pageSize=1&cursor=b@x.example")).await;
    let row = &next.ok()["records"][0];
    assert_eq!((&row["email"], &row["reason"], &row["status"]), (&json!("Gone@x.example"), &json!("bounced"), &json!("5.1.1")));
    assert_eq!(next.ok()["pageInfo"]["totalRecords"], 2);
    for (method, path) in [("GET", list.to_owned()), ("DELETE", format!("{list}/gone@x.example"))] {
        server.call("hill", method, &path, None).await.refuses(403, "Permission denied");
    }
    server.call("org", "DELETE", &format!("{list}/gone@x.example"), None).await.ok();
    server.call("org", "DELETE", &format!("{list}/gone@x.example"), None).await.refuses(404, "gone@x.example is not suppressed");
    server.call("org", "DELETE", &format!("{list}/nobody"), None).await.refuses(400, "email: Invalid email address");
    assert_eq!(server.get(list).await.ok()["pageInfo"]["totalRecords"], 1);
}

#[tokio::test]
async fn m1_no_save_tells_a_member_whether_an_address_is_suppressed() {
    let server = server().await;
    came_back(&server, "gone@x.example").await;
    let told = |answer: &crate::harness::Answer| warnings(answer.ok()).contains("get nothing");
    let body = mail(json!({"recipients": ["gone@x.example"]}));
    let created = server.call("hill", "POST", "/api/v1/schedules", Some(&body)).await;
    let path = format!("/api/v1/schedules/{}", created.id());
    let updated = server.call("hill", "PUT", &path, Some(&json!({"recipients": ["gone@x.example", "b@x.example"]}))).await;
    let added = server.call("hill", "PUT", &format!("{path}/add-recipients"), Some(&json!({"emails": ["c@x.example"]}))).await;
    assert!(!told(&created) && !told(&updated) && !told(&added), "{}", created.text);
    let admins = server.call("org", "PUT", &path, Some(&json!({"recipients": ["gone@x.example"]}))).await;
    assert!(told(&admins), "{}", admins.text);

    // What came back of the schedule's own mail its owner has heard of.
    let report = Report { kind: BounceKind::Complaint, status: None, words: "unwanted".into() };
    let bounce = Bounce { delivery: DeliveryId::generate(), report, at: crate::harness::NOW.parse().unwrap() };
    let mailed = Mailed { email: "b@x.example".parse().unwrap(), run: None, schedule: created.id().parse().unwrap() };
    assert!(server.store.record_bounce(&bounce, &mailed, &[]).await.unwrap());
    let updated = server.call("hill", "PUT", &path, Some(&json!({"recipients": ["gone@x.example", "b@x.example"]}))).await;
    let said = warnings(updated.ok());
    assert!(said.contains("1 recipient(s) get nothing") && said.contains("b@x.example") && !said.contains("gone@"), "{said}");
}

#[tokio::test]
async fn bounces_are_taken_in_from_organization_keys_and_only_with_a_return_path() {
    let server = server().await;
    let path = "/api/v1/mail/bounces";
    server.call("hill", "POST", path, Some(&json!({}))).await.refuses(403, "Permission denied");
    let detail = "Mail has no return path on this server; the operator sets mail.return_path";
    server.call("org", "POST", path, Some(&json!({}))).await.refuses(400, detail);
}

#[tokio::test]
async fn h7_a_schedule_by_mail_is_saved_with_a_warning_where_there_is_no_mail() {
    let server = server_with(pressrun_api::ApiConfig { requests_per_minute: 0, mail: false, ..Default::default() }).await;
    let created = server.create(&mail(json!({}))).await;
    assert!(warnings(created.ok()).contains("mail is not configured on this server"), "{}", created.text);
    assert!(!warnings(server.create(&crate::harness::webhook(json!({}))).await.ok()).contains("mail"));
}

#[tokio::test]
async fn what_came_back_is_shown_to_those_who_manage_the_schedule() {
    let server = server().await;
    let id = server.create(&mail(json!({}))).await.id();
    server.call("org", "POST", &format!("/api/v1/schedules/{id}/trigger"), None).await.ok();
    let now = stored::at(crate::harness::NOW);
    let claimed = server.store.claim(WorkerId::generate(), now, stored::at("2025-07-24T00:00:00Z"), 1).await.unwrap().remove(0);
    let piece = stored::piece(claimed.run.id, "gone@x.example");
    server.store.promise(&claimed.lease, std::slice::from_ref(&piece)).await.unwrap();
    server.store.begin_attempt(&claimed.lease, piece.id, now).await.unwrap();
    let mailed = server.store.mailed(piece.id).await.unwrap().unwrap();
    let report = Report { kind: BounceKind::Transient, status: None, words: "452 mailbox full".into() };
    server.store.record_bounce(&Bounce { delivery: piece.id, report, at: now }, &mailed, &[]).await.unwrap();
    let path = format!("/api/v1/runs/{}", claimed.run.id);
    let shown = server.get(&path).await;
    let delivery = &shown.ok()["deliveries"][0];
    let expected = json!([{"kind": "delayed", "status": null, "detail": "452 mailbox full", "at": crate::harness::NOW}]);
    assert_eq!((&delivery["role"], &delivery["bounces"]), (&json!("to"), &expected));
    let read = server.call("hill", "GET", &path, None).await;
    assert!(!read.ok().to_string().contains("mailbox full"), "{}", read.text);
}

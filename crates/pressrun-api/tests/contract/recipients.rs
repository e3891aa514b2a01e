//! §5.4 and §5.5.

use pressrun_domain::id::MembershipId;
use serde_json::{Value, json};

use crate::harness::{Answer, NOWHERE, Server, mail, refusals, server, webhook};
use crate::sample;

async fn mailing(server: &Server) -> (String, String) {
    let id = server.create(&mail(json!({}))).await.id();
    (format!("/api/v1/schedules/{id}/add-recipients"), format!("/api/v1/schedules/{id}/remove-recipients"))
}

const OTHER: &str = "00000000-0000-0000-0000-0000000000ff";

fn path(id: &str, verb: &str) -> String {
    format!("/api/v1/schedules/{id}/{verb}-recipients")
}

async fn changed(server: &Server, verb: &str, body: Value) -> Answer {
    changed_by(server, verb, Some(&body)).await
}

async fn changed_by(server: &Server, verb: &str, body: Option<&Value>) -> Answer {
    let id = server.create(&mail(json!({}))).await.id();
    server.call("org", "PUT", &path(&id, verb), body).await
}

async fn by(server: &Server, token: &str, method: &str, verb: &str) -> Answer {
    let id = server.create(&mail(json!({}))).await.id();
    server.call(token, method, &path(&id, verb), Some(&json!({"emails": ["a@b.co"]}))).await
}

async fn on_a_webhook(server: &Server, verb: &str) -> Answer {
    let id = server.create(&webhook(json!({}))).await.id();
    server.put(&path(&id, verb), &json!({"userIds": [NOWHERE]})).await
}

async fn nowhere(server: &Server, verb: &str) -> Answer {
    server.put(&path(NOWHERE, verb), &json!({"emails": ["a@b.co"]})).await
}

refusals! {
    add_recipients_01_schedule_id_is_no_uuid: |server| server.put("/api/v1/schedules/x/add-recipients", &json!({})) => 400 "scheduleId: Invalid uuid";
    add_recipients_02_user_id_is_no_uuid: |server| changed(&server, "add", json!({"userIds": [sample::HILL, "x"]})) => 400 "userIds: Invalid uuid";
    add_recipients_03_email_is_no_address: |server| changed(&server, "add", json!({"emails": ["a@b.co", "x"]})) => 400 "emails: Invalid email address";
    add_recipients_03_of_two_faults_the_user_id_comes_first: |server| changed(&server, "add", json!({"emails": ["x"], "userIds": ["x"]})) => 400 "userIds: Invalid uuid";
    add_recipients_04_no_body: |server| changed_by(&server, "add", None) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    add_recipients_04_empty_object: |server| changed(&server, "add", json!({})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    add_recipients_04_other_keys_only: |server| changed(&server, "add", json!({"other": 1})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    add_recipients_04_null_is_absent: |server| changed(&server, "add", json!({"emails": null})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    add_recipients_05_both_lists_empty: |server| changed(&server, "add", json!({"emails": [], "userIds": []})) => 400 "At least one recipient must be provided";
    add_recipients_06_emails_empty: |server| changed(&server, "add", json!({"emails": []})) => 400 "emails: Array must contain at least 1 element(s)";
    add_recipients_06_user_ids_empty: |server| changed(&server, "add", json!({"userIds": []})) => 400 "userIds: Array must contain at least 1 element(s)";
    add_recipients_06_one_list_empty_beside_another: |server| changed(&server, "add", json!({"userIds": [], "emails": ["a@b.co"]})) => 400 "userIds: Array must contain at least 1 element(s)";
    add_recipients_07_no_members: |server| changed(&server, "add", json!({"userIds": [NOWHERE, sample::HILL, OTHER]})) => 400 format!("Invalid recipient(s): The following members do not exist or do not have access to this organization: {NOWHERE}, {OTHER}");
    add_recipients_07_no_groups: |server| changed(&server, "add", json!({"userGroupIds": [NOWHERE]})) => 400 format!("Invalid recipient(s): The following user groups do not exist: {NOWHERE}");
    add_recipients_08_destination_is_not_email: |server| on_a_webhook(&server, "add") => 400 "Cannot add recipients to destination type webhook";
    add_recipients_09_no_such_schedule: |server| nowhere(&server, "add") => 404 format!("Scheduled task with id {NOWHERE} does not exist");
    add_recipients_10_wrong_method: |server| by(&server, "org", "POST", "add") => 400 "Invalid method";
    add_recipients_11_not_owner: |server| by(&server, "outer", "PUT", "add") => 403 "Permission denied";
    remove_recipients_01_schedule_id_is_no_uuid: |server| server.put("/api/v1/schedules/x/remove-recipients", &json!({})) => 400 "Bad Request: scheduleId: Invalid uuid";
    remove_recipients_02_user_id_is_no_uuid: |server| changed(&server, "remove", json!({"userIds": [sample::HILL, "x"]})) => 400 "Bad Request: userIds: Invalid uuid";
    remove_recipients_03_email_is_no_address: |server| changed(&server, "remove", json!({"emails": ["a@b.co", "x"]})) => 400 "Bad Request: emails: Invalid email address";
    remove_recipients_03_of_two_faults_the_user_id_comes_first: |server| changed(&server, "remove", json!({"emails": ["x"], "userIds": ["x"]})) => 400 "Bad Request: userIds: Invalid uuid";
    remove_recipients_04_no_body: |server| changed_by(&server, "remove", None) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    remove_recipients_04_empty_object: |server| changed(&server, "remove", json!({})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    remove_recipients_04_other_keys_only: |server| changed(&server, "remove", json!({"other": 1})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    remove_recipients_04_null_is_absent: |server| changed(&server, "remove", json!({"emails": null})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    remove_recipients_05_both_lists_empty: |server| changed(&server, "remove", json!({"emails": [], "userIds": []})) => 400 "At least one recipient must be provided";
    remove_recipients_06_emails_empty: |server| changed(&server, "remove", json!({"emails": []})) => 400 "emails: Array must contain at least 1 element(s)";
    remove_recipients_06_user_ids_empty: |server| changed(&server, "remove", json!({"userIds": []})) => 400 "userIds: Array must contain at least 1 element(s)";
    remove_recipients_06_one_list_empty_beside_another: |server| changed(&server, "remove", json!({"userIds": [], "emails": ["a@b.co"]})) => 400 "userIds: Array must contain at least 1 element(s)";
    remove_recipients_07_no_members: |server| changed(&server, "remove", json!({"userIds": [NOWHERE, sample::HILL, OTHER]})) => 400 format!("Invalid recipient(s): The following members do not exist or do not have access to this organization: {NOWHERE}, {OTHER}");
    remove_recipients_07_no_groups: |server| changed(&server, "remove", json!({"userGroupIds": [NOWHERE]})) => 400 format!("Invalid recipient(s): The following user groups do not exist: {NOWHERE}");
    remove_recipients_08_destination_is_not_email: |server| on_a_webhook(&server, "remove") => 400 "Cannot change recipients on a scheduled task destination of type webhook";
    remove_recipients_09_no_such_schedule: |server| nowhere(&server, "remove") => 404 format!("Scheduled task with id {NOWHERE} does not exist");
    remove_recipients_10_wrong_method: |server| by(&server, "org", "POST", "remove") => 400 "Invalid method";
    remove_recipients_11_not_owner: |server| by(&server, "outer", "PUT", "remove") => 403 "Permission denied";
}

#[tokio::test]
async fn add_and_remove_recipients_look_at_the_body_before_the_schedule() {
    let server = server().await;
    for verb in ["add", "remove"] {
        server.put(&path(NOWHERE, verb), &json!({"emails": []})).await.refuses(400, "emails: Array must contain at least 1 element(s)");
    }
}

#[tokio::test]
async fn add_recipients_deactivated_member_has_no_access() {
    let server = server().await;
    let (add, _) = mailing(&server).await;
    let text =
        format!("Invalid recipient(s): The following members do not exist or do not have access to this organization: {}", sample::GONE);
    server.put(&add, &json!({"userIds": [sample::GONE]})).await.refuses(400, &text);
}

#[tokio::test]
async fn m1_members_name_by_id_whom_they_may_look_up_and_learn_no_other_address() {
    let server = server().await;
    let user = server.post("/api/v1/users/email-only", &json!({"email": "partner@far.example", "userAttributes": {}})).await;
    let partner = user.ok()["userId"].as_str().unwrap().to_owned();
    let id = server.call("hill", "POST", "/api/v1/schedules", Some(&mail(json!({})))).await.id();
    let (add, remove) = (path(&id, "add"), path(&id, "remove"));
    let call = async |token: &str, path: &str, body: Value| server.call(token, "PUT", path, Some(&body)).await;
    let nobody = |id: &dyn std::fmt::Display| {
        format!("Invalid recipient(s): The following members do not exist or do not have access to this organization: {id}")
    };
    for stranger in [sample::OUTER.to_string(), sample::OUTER_USER.to_string(), partner.clone()] {
        call("hill", &add, json!({"userIds": [stranger]})).await.refuses(400, &nobody(&stranger));
        call("hill", &remove, json!({"userIds": [stranger]})).await.refuses(400, &nobody(&stranger));
    }
    let outers = server.call("outer", "POST", "/api/v1/schedules", Some(&mail(json!({})))).await.id();
    let text = format!("Invalid recipient(s): The following user groups do not exist: {}", sample::SALES);
    call("outer", &path(&outers, "add"), json!({"userGroupIds": [sample::SALES]})).await.refuses(400, &text);

    call("hill", &add, json!({"userIds": [sample::HILL], "userGroupIds": [sample::SALES]})).await.ok();
    call("org", &add, json!({"userIds": [sample::OUTER, partner]})).await.ok();
    let gone = call("hill", &remove, json!({"userIds": [sample::OUTER, partner]})).await;
    assert_eq!(gone.ok()["removedRecipientsCount"], 2, "who stands on her own list is no stranger");
}

#[tokio::test]
async fn add_recipients_p13_allowed_domains() {
    let server = server().await;
    let (add, _) = mailing(&server).await;
    server.files.0.lock().unwrap().organization.allowed_domains = vec!["myorg.co".into()];
    let text = "emails: a@b.co may not receive deliveries; addresses have to be in myorg.co";
    server.put(&add, &json!({"emails": ["a@b.co"]})).await.refuses(400, text);
}

#[tokio::test]
async fn add_and_remove_count_what_really_changed() {
    let server = server().await;
    let (add, remove) = mailing(&server).await;
    let added = |count: u32, groups: u32| json!({"addedRecipientsCount": count, "addedGroupRecipientsCount": groups, "success": true});
    let removed =
        |count: u32, groups: u32| json!({"removedRecipientsCount": count, "removedGroupRecipientsCount": groups, "success": true});
    for (path, body, expected) in [
        (&add, json!({"emails": ["NEW@b.co", "new@B.co", "iamagoodblob@myorg.co"]}), added(1, 0)),
        (&add, json!({"emails": ["blobby@blobsrus.com"], "userIds": [sample::HILL]}), added(1, 0)),
        (&add, json!({"userIds": [sample::HILL]}), added(0, 0)),
        (&add, json!({"userGroupIds": [sample::SALES, sample::SALES]}), added(0, 1)),
        (&remove, json!({"emails": ["stranger@b.co"], "userIds": [sample::OUTER]}), removed(0, 0)),
        (&remove, json!({"emails": ["Blobby@blobsrus.com"], "userIds": [sample::HILL]}), removed(1, 0)),
        (&remove, json!({"emails": ["new@b.co", "iamagoodblob@myorg.co"], "userGroupIds": [sample::SALES]}), removed(2, 1)),
    ] {
        let mut answer = server.put(path, &body).await.ok().clone();
        // What is said of outsiders (Q1) has a test of its own.
        answer.as_object_mut().unwrap().remove("warnings");
        assert_eq!(answer, expected, "{body}");
    }
    let left = server.get(&remove.replace("remove-recipients", "recipients")).await;
    assert_eq!(left.ok(), &json!({"type": "email", "recipients": [], "userGroupRecipients": []}));
}

#[tokio::test]
async fn p12_who_is_put_on_the_list_again_has_the_place_that_older_mails_name() {
    let server = server().await;
    let (add, remove) = mailing(&server).await;
    let schedule = add.replace("/add-recipients", "");
    let place = async || server.get(&schedule).await.ok()["destinations"][0]["recipients"][0]["id"].clone();
    let (first, body) = (place().await, json!({"emails": ["iamagoodblob@myorg.co"]}));
    server.put(&remove, &body).await.ok();
    assert_eq!(place().await, json!(null));
    server.put(&add, &body).await.ok();
    assert_eq!(place().await, first);
}

/// The member Hill of the list has this address now.
async fn hill_moves(server: &Server, address: &str) {
    let moved = [(MembershipId(sample::HILL), address.parse().unwrap())];
    assert_eq!(server.store.move_members(&moved).await.unwrap(), 1);
}

#[tokio::test]
async fn p7_a_member_who_moved_to_an_address_on_the_list_is_on_it_once_when_it_is_next_changed() {
    let server = server().await;
    let (add, remove) = mailing(&server).await;
    server.put(&add, &json!({"emails": ["blobby@blobsrus.com"]})).await.ok();
    hill_moves(&server, "iamagoodblob@myorg.co").await;
    let listed = async || {
        let read = server.get(&add.replace("add-recipients", "recipients")).await;
        read.ok()["recipients"].as_array().unwrap().iter().map(|person| person["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["iamagoodblob@myorg.co", "iamagoodblob@myorg.co"]);
    assert_eq!(server.put(&add, &json!({"emails": ["new@b.co"]})).await.ok()["addedRecipientsCount"], 1);
    assert_eq!(listed().await, ["iamagoodblob@myorg.co", "new@b.co"]);
    assert_eq!(server.put(&remove, &json!({"emails": ["iamagoodblob@myorg.co"]})).await.ok()["removedRecipientsCount"], 1);
    assert_eq!(listed().await, ["new@b.co"]);
}

#[tokio::test]
async fn p12_who_comes_with_the_old_address_of_a_member_has_another_place() {
    let server = server().await;
    let (add, _) = mailing(&server).await;
    server.put(&add, &json!({"emails": ["blobby@blobsrus.com"]})).await.ok();
    hill_moves(&server, "hill@new.example").await;
    server.put(&add, &json!({"emails": ["blobby@blobsrus.com"]})).await.ok();
    let read = server.get(&add.replace("/add-recipients", "")).await;
    let ids: Vec<_> = read.ok()["destinations"][0]["recipients"].as_array().unwrap().iter().map(|place| place["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn recipients_by_destination() {
    let server = server().await;
    let base = |changes: Value| crate::harness::changed(webhook(json!({"url": null})), changes);
    for (body, expected) in [
        (webhook(json!({})), json!({"type": "webhook", "url": "https://webhooksrus.com/1234566"})),
        (
            base(
                json!({"destinationType": "sftp", "address": "sftp.example.com", "port": "22", "username": "username", "passwordUnencrypted": "p"}),
            ),
            json!({"type": "sftp", "address": "sftp.example.com", "port": 22, "username": "username", "path": null}),
        ),
        (
            base(json!({"destinationType": "slack", "slackRecipientType": "channel", "recipients": "C123456789"})),
            json!({"type": "slack", "recipients": [{"recipientType": "channel", "slackId": "C123456789"}]}),
        ),
        (
            base(
                json!({"destinationType": "s3", "bucketName": "bucket", "region": "eu-west-1", "roleArn": "arn:aws:iam::123456789012:role/x", "keyPrefix": "/a//b/", "filename": "x"}),
            ),
            json!({"type": "s3", "bucketName": "bucket", "region": "eu-west-1", "roleArn": "arn:aws:iam::123456789012:role/x", "externalId": sample::ORGANIZATION, "keyPrefix": "a/b/", "filename": "x"}),
        ),
    ] {
        let id = server.create(&body).await.id();
        assert_eq!(server.get(&format!("/api/v1/schedules/{id}/recipients")).await.ok(), &expected);
    }
}

refusals! {
    recipients_01_bad_id: |server| server.get("/api/v1/schedules/x/recipients") => 400 "Bad Request: scheduleId: Invalid uuid";
    recipients_02_wrong_method: |server| server.put_empty("/api/v1/schedules/2abba91d-9bec-41a0-8a8d-6f133b4ff0b7/recipients") => 400 "Invalid method";
    recipients_03_no_such_schedule: |server| server.get("/api/v1/schedules/2abba91d-9bec-41a0-8a8d-6f133b4ff0b7/recipients") => 404 "Scheduled task with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist";
    recipients_04_not_readable: |server| read_by(&server, "outer") => 403 "Permission denied";
}

/// Reads the recipients of a schedule on a dashboard that only `sales` may view.
async fn read_by(server: &Server, token: &str) -> Answer {
    let id = server.create(&mail(json!({"identifier": "secret"}))).await.id();
    server.call(token, "GET", &format!("/api/v1/schedules/{id}/recipients"), None).await
}

#[tokio::test]
async fn p12_who_may_view_subscribes_and_unsubscribes_themselves_only() {
    let server = server().await;
    let id = server.create(&mail(json!({"fanOut": true}))).await.id();
    let act = async |who: &str, what: &str| server.call(who, "PUT", &format!("/api/v1/schedules/{id}/{what}"), None).await;
    let addresses = async || {
        let recipients = server.stored(&id).await.definition.destination.email().unwrap().recipients.clone();
        recipients.iter().map(|place| place.email.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(act("hill", "subscribe").await.ok(), &json!({"success": true}));
    act("hill", "subscribe").await.ok();
    let two = addresses().await;
    assert_eq!((two.len(), two[0].as_str()), (2, "iamagoodblob@myorg.co"), "once, beside who was there");
    act("hill", "unsubscribe").await.ok();
    assert_eq!(addresses().await, ["iamagoodblob@myorg.co"], "only oneself");
    assert_eq!(server.store.opted_out(id.parse().unwrap()).await.unwrap(), [two[1].to_lowercase()]);
    act("hill", "subscribe").await.ok();
    assert!(server.store.opted_out(id.parse().unwrap()).await.unwrap().is_empty(), "whoever comes back is back");

    let hook = server.create(&crate::harness::webhook(json!({}))).await.id();
    let path = format!("/api/v1/schedules/{hook}/subscribe");
    server.call("hill", "PUT", &path, None).await.refuses(400, "Cannot subscribe to destination type webhook");
    let secret = server.create(&mail(json!({"identifier": "secret"}))).await.id();
    server.call("outer", "PUT", &format!("/api/v1/schedules/{secret}/subscribe"), None).await.refuses(403, "Permission denied");
}

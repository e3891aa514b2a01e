//! §5.4 and §5.5.

use serde_json::{Value, json};

use crate::harness::{NOWHERE, Server, mail, server, webhook};
use crate::sample;

async fn mailing(server: &Server) -> (String, String) {
    let id = server.create(&mail(json!({}))).await.id();
    (format!("/api/v1/schedules/{id}/add-recipients"), format!("/api/v1/schedules/{id}/remove-recipients"))
}

/// The same faults of bodies at both endpoints, but for the prefix before faults of elements.
async fn body_faults(verb: &str, prefix: &str) {
    let server = server().await;
    let (add, remove) = mailing(&server).await;
    let path = if verb == "add" { add } else { remove };
    let nothing = "Please provide either valid email addresses, valid user IDs, or both";
    let at_least = "At least one recipient must be provided";
    for (body, detail) in [
        (json!({"userIds": ["x"]}), format!("{prefix}userIds: Invalid uuid")),
        (json!({"emails": ["x"]}), format!("{prefix}emails: Invalid email address")),
        (json!({"emails": ["x"], "userIds": ["x"]}), format!("{prefix}userIds: Invalid uuid")),
        (json!({}), nothing.to_owned()),
        (json!({"other": 1}), nothing.to_owned()),
        (json!({"emails": null}), nothing.to_owned()),
        (json!({"emails": [], "userIds": []}), at_least.to_owned()),
        (json!({"emails": []}), "emails: Array must contain at least 1 element(s)".to_owned()),
        (json!({"userIds": []}), "userIds: Array must contain at least 1 element(s)".to_owned()),
        (json!({"userIds": [], "emails": ["a@b.co"]}), "userIds: Array must contain at least 1 element(s)".to_owned()),
        (
            json!({"userIds": [NOWHERE, sample::HILL, "00000000-0000-0000-0000-0000000000ff"]}),
            format!(
                "Invalid recipient(s): The following members do not exist or do not have access to this organization: {NOWHERE}, 00000000-0000-0000-0000-0000000000ff"
            ),
        ),
    ] {
        server.put(&path, &body).await.refuses(400, &detail);
    }
    server.put_empty(&path).await.refuses(400, nothing);
}

#[tokio::test]
async fn add_recipients_body_rows() {
    body_faults("add", "").await;
}

#[tokio::test]
async fn remove_recipients_body_rows() {
    body_faults("remove", "Bad Request: ").await;
}

#[tokio::test]
async fn add_recipients_bad_id_has_no_prefix() {
    server().await.put("/api/v1/schedules/x/add-recipients", &json!({})).await.refuses(400, "scheduleId: Invalid uuid");
}

#[tokio::test]
async fn remove_recipients_bad_id_has_a_prefix() {
    server().await.put("/api/v1/schedules/x/remove-recipients", &json!({})).await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
}

#[tokio::test]
async fn add_and_remove_recipients_of_another_destination() {
    let server = server().await;
    let id = server.create(&webhook(json!({}))).await.id();
    let body = json!({"userIds": [NOWHERE]});
    let add = server.put(&format!("/api/v1/schedules/{id}/add-recipients"), &body).await;
    add.refuses(400, "Cannot add recipients to destination type webhook");
    let remove = server.put(&format!("/api/v1/schedules/{id}/remove-recipients"), &body).await;
    remove.refuses(400, "Cannot change recipients on a scheduled task destination of type webhook");
}

#[tokio::test]
async fn add_and_remove_recipients_no_such_schedule() {
    let server = server().await;
    for verb in ["add", "remove"] {
        let path = format!("/api/v1/schedules/{NOWHERE}/{verb}-recipients");
        server.put(&path, &json!({"emails": ["a@b.co"]})).await.refuses(404, &format!("Scheduled task with id {NOWHERE} does not exist"));
        server.put(&path, &json!({"emails": []})).await.refuses(400, "emails: Array must contain at least 1 element(s)");
    }
}

#[tokio::test]
async fn add_and_remove_recipients_wrong_method_and_not_owner() {
    let server = server().await;
    let (add, remove) = mailing(&server).await;
    for path in [&add, &remove] {
        server.post(path, &json!({})).await.refuses(400, "Invalid method");
        server.call("hill", "PUT", path, Some(&json!({"emails": ["a@b.co"]}))).await.refuses(403, "Permission denied");
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
        assert_eq!(server.put(path, &body).await.ok(), &expected, "{body}");
    }
    let left = server.get(&remove.replace("remove-recipients", "recipients")).await;
    assert_eq!(left.ok(), &json!({"type": "email", "recipients": [], "userGroupRecipients": []}));
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
                json!({"destinationType": "s3", "bucketName": "bucket", "region": "eu-west-1", "roleArn": "arn:aws:iam::1:role/x", "keyPrefix": "/a//b/", "filename": "x"}),
            ),
            json!({"type": "s3", "bucketName": "bucket", "region": "eu-west-1", "roleArn": "arn:aws:iam::1:role/x", "externalId": sample::ORGANIZATION, "keyPrefix": "a/b/", "filename": "x"}),
        ),
    ] {
        let id = server.create(&body).await.id();
        assert_eq!(server.get(&format!("/api/v1/schedules/{id}/recipients")).await.ok(), &expected);
    }
}

#[tokio::test]
async fn recipients_error_rows() {
    let server = server().await;
    server.get("/api/v1/schedules/x/recipients").await.refuses(400, "Bad Request: scheduleId: Invalid uuid");
    server.put_empty(&format!("/api/v1/schedules/{NOWHERE}/recipients")).await.refuses(400, "Invalid method");
    let text = format!("Scheduled task with id {NOWHERE} does not exist");
    server.get(&format!("/api/v1/schedules/{NOWHERE}/recipients")).await.refuses(404, &text);
}

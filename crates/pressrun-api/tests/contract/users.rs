//! §6 and §7.

use serde_json::{Value, json};

use crate::harness::{Answer, NOWHERE, Server, mail, refusals, server};
use crate::sample;

const ONE: &str = "/api/v1/users/email-only";
const BULK: &str = "/api/v1/users/email-only/bulk";

async fn one(server: &Server, item: Value) -> Answer {
    let answer = server.post(ONE, &item).await;
    assert_eq!(server.get(ONE).await.ok()["pageInfo"]["totalRecords"], 0, "nothing was stored");
    answer
}

/// The item stands after a good one, of which nothing may be stored; no index is named.
async fn several(server: &Server, item: Value) -> Answer {
    let answer = server.post(BULK, &json!({"users": [{"email": "fine@b.co"}, item]})).await;
    assert_eq!(server.get(ONE).await.ok()["pageInfo"]["totalRecords"], 0, "nothing was stored");
    answer
}

async fn removed(server: &Server, body: Value) -> Answer {
    server.call("org", "DELETE", BULK, Some(&body)).await
}

/// A body with a fault of its own: what the token may do is looked at first.
const BAD: &Value = &Value::Null;

refusals! {
    email_only_02_email_missing: |server| one(&server, json!({})) => 400 "email: email is required";
    email_only_02_email_null: |server| one(&server, json!({"email": null})) => 400 "email: email is required";
    email_only_03_email_empty: |server| one(&server, json!({"email": ""})) => 400 "email: Invalid email address";
    email_only_03_email_is_no_address: |server| one(&server, json!({"email": "nobody", "userAttributes": {"x": 1}})) => 400 "email: Invalid email address";
    email_only_04_attribute_unknown_even_to_unset: |server| one(&server, json!({"email": "a@b.co", "userAttributes": {"region": "US", "x": null, "omni_user_name": "x"}})) => 400 "The provided user attributes: \"x\", \"omni_user_name\" do not match the names of existing user attributes.";
    email_only_05_number_attribute_with_text: |server| one(&server, json!({"email": "a@b.co", "userAttributes": {"is_admin": "abc", "region": "US"}})) => 400 "User Attribute is_admin is type number, but passed-in value abc is not a number.";
    email_only_05_number_attribute_with_boolean: |server| one(&server, json!({"email": "a@b.co", "userAttributes": {"is_admin": true}})) => 400 "User Attribute is_admin is type number, but passed-in value true is not a number.";
    email_only_06_timezone_est: |server| one(&server, json!({"email": "a@b.co", "userAttributes": {"omni_user_timezone": "EST"}})) => 400 "The timezone EST is not supported. Please see the connection page or user profile page for the list of valid timezones. Use e.g. \"America/New_York\" instead of \"EST\"";
    email_only_07_multi_value_attribute_with_one_value: |server| one(&server, json!({"email": "a@b.co", "userAttributes": {"region": "US", "is_admin": "abc"}})) => 400 "User Attribute region has multiple values enabled, but the passed-in value is not an array. If passing a single value for a user attribute with multiple values enabled, please wrap the value in an array [x].";
    email_only_bulk_02_email_missing: |server| several(&server, json!({})) => 400 "email: email is required";
    email_only_bulk_02_email_null: |server| several(&server, json!({"email": null})) => 400 "email: email is required";
    email_only_bulk_03_email_empty: |server| several(&server, json!({"email": ""})) => 400 "email: Invalid email address";
    email_only_bulk_03_email_is_no_address: |server| several(&server, json!({"email": "nobody", "userAttributes": {"x": 1}})) => 400 "email: Invalid email address";
    email_only_bulk_04_attribute_unknown_even_to_unset: |server| several(&server, json!({"email": "a@b.co", "userAttributes": {"region": "US", "x": null, "omni_user_name": "x"}})) => 400 "The provided user attributes: \"x\", \"omni_user_name\" do not match the names of existing user attributes.";
    email_only_bulk_05_number_attribute_with_text: |server| several(&server, json!({"email": "a@b.co", "userAttributes": {"is_admin": "abc", "region": "US"}})) => 400 "User Attribute is_admin is type number, but passed-in value abc is not a number.";
    email_only_bulk_05_number_attribute_with_boolean: |server| several(&server, json!({"email": "a@b.co", "userAttributes": {"is_admin": true}})) => 400 "User Attribute is_admin is type number, but passed-in value true is not a number.";
    email_only_bulk_06_timezone_est: |server| several(&server, json!({"email": "a@b.co", "userAttributes": {"omni_user_timezone": "EST"}})) => 400 "The timezone EST is not supported. Please see the connection page or user profile page for the list of valid timezones. Use e.g. \"America/New_York\" instead of \"EST\"";
    email_only_bulk_07_multi_value_attribute_with_one_value: |server| several(&server, json!({"email": "a@b.co", "userAttributes": {"region": "US", "is_admin": "abc"}})) => 400 "User Attribute region has multiple values enabled, but the passed-in value is not an array. If passing a single value for a user attribute with multiple values enabled, please wrap the value in an array [x].";
    email_only_bulk_08_users_missing: |server| server.post(BULK, &json!({})) => 400 "users: users is required";
    email_only_bulk_08_users_null: |server| server.post(BULK, &json!({"users": null})) => 400 "users: users is required";
    email_only_bulk_08_users_is_no_list: |server| server.post(BULK, &json!({"users": "x"})) => 400 "users: Expected array, received string";
    email_only_bulk_08_more_than_20: |server| server.post(BULK, &json!({"users": vec![json!(5); 21]})) => 400 "users: Maximum of 20 users can be processed in a single request";
    email_only_bulk_08_no_users: |server| server.post(BULK, &json!({"users": []})) => 400 "users: Array must contain at least 1 element(s)";
    email_only_bulk_08_user_is_no_object: |server| server.post(BULK, &json!({"users": [5]})) => 400 "users: Expected object, received number";
    email_only_upsert_09_personal_token: |server| server.call("hill", "POST", ONE, Some(BAD)) => 403 "Permission denied";
    email_only_list_09_personal_token: |server| server.call("hill", "GET", ONE, Some(BAD)) => 403 "Permission denied";
    email_only_bulk_09_personal_token: |server| server.call("hill", "POST", BULK, Some(BAD)) => 403 "Permission denied";
    email_only_delete_09_personal_token: |server| server.call("hill", "DELETE", BULK, Some(BAD)) => 403 "Permission denied";
    email_only_delete_nothing_named: |server| removed(&server, json!({})) => 400 "Please provide either valid email addresses, valid user IDs, or both";
    email_only_delete_email_is_no_address: |server| removed(&server, json!({"emails": ["x"]})) => 400 "emails: Invalid email address";
    email_only_delete_user_id_is_no_uuid: |server| removed(&server, json!({"userIds": ["x"]})) => 400 "userIds: Invalid uuid";
    email_only_delete_more_than_100: |server| removed(&server, json!({"emails": vec!["a@b.co"; 60], "userIds": vec![NOWHERE; 41]})) => 400 "Maximum of 100 users can be processed in a single request";
}

#[tokio::test]
async fn email_only_01_body_is_not_json() {
    let server = server().await;
    for path in [ONE, BULK] {
        for body in ["", "{"] {
            let request = server.request(reqwest::Method::POST, path).header("Authorization", "Bearer org").body(body);
            server.send(request).await.refuses(400, "Invalid JSON");
        }
    }
}

#[tokio::test]
async fn email_only_upsert_merges_by_key_and_unsets() {
    let server = server().await;
    let first = server.post(ONE, &json!({"email": "Blob@myorg.co", "userAttributes": {"region": ["US", "EU"], "is_admin": "1"}})).await;
    let id = first.ok()["userId"].clone();
    for change in [
        json!({"region": []}),
        json!({"omni_user_timezone": "America/New_York"}),
        json!({"is_sales_team": 1.5}),
        json!({"is_sales_team": ""}),
    ] {
        let again = server.post(ONE, &json!({"email": "blob@MYORG.co", "userAttributes": change})).await;
        assert_eq!(again.ok(), &json!({"email": "blob@MYORG.co", "userId": id}));
    }
    server.post(ONE, &json!({"email": "blob@myorg.co"})).await.ok();
    let listed = server.get(ONE).await;
    let user = &listed.ok()["records"][0];
    assert_eq!(user["user_id"], id);
    assert_ne!(user["user_attributes"]["omni_user_id"], id);
    let attributes = crate::harness::changed(user["user_attributes"].clone(), json!({"omni_user_id": null}));
    assert_eq!(
        attributes,
        json!({"omni_user_email": "Blob@myorg.co", "omni_user_name": "Blob@myorg.co", "omni_is_org_admin": "false", "is_admin": 1, "omni_user_timezone": "America/New_York"})
    );
}

#[tokio::test]
async fn email_only_bulk_answers_in_order_and_one_user_for_one_address() {
    let server = server().await;
    let users = json!({"users": [{"email": "b@x.co"}, {"email": "A@x.co", "userAttributes": {"is_admin": 0}}, {"email": "B@X.co"}, {"email": "ross@blobsrus.com"}]});
    let answer = server.post(BULK, &users).await;
    let results = answer.ok()["results"].as_array().unwrap();
    let emails: Vec<_> = results.iter().map(|result| result["email"].as_str().unwrap()).collect();
    assert_eq!(emails, ["b@x.co", "A@x.co", "B@X.co", "ross@blobsrus.com"]);
    assert_eq!(results[0]["userId"], results[2]["userId"]);
    assert_eq!(server.get(ONE).await.ok()["pageInfo"]["totalRecords"], 2, "Q21: members stay members");
}

#[tokio::test]
async fn email_only_list_pages_by_address() {
    let server = server().await;
    for name in ["c", "a", "b"] {
        server.post(ONE, &json!({"email": format!("{name}@x.co")})).await.ok();
    }
    let emails = |answer: &Value| {
        answer["records"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = server.get(&format!("{ONE}?pageSize=2")).await;
    assert_eq!(emails(first.ok()), ["c@x.co", "b@x.co"]);
    assert_eq!(first.body["pageInfo"], json!({"hasNextPage": true, "nextCursor": "b@x.co", "pageSize": 2, "totalRecords": 3}));
    let second = server.get(&format!("{ONE}?pageSize=2&cursor=b@x.co")).await;
    assert_eq!(emails(second.ok()), ["a@x.co"]);
    assert_eq!(second.body["pageInfo"], json!({"hasNextPage": false, "nextCursor": null, "pageSize": 2, "totalRecords": 3}));
    assert_eq!(emails(server.get(&format!("{ONE}?sortDirection=asc&email=A%40X")).await.ok()), ["a@x.co"]);
    server.get(&format!("{ONE}?pageSize=21")).await.refuses(400, "Page size cannot exceed 20");
    server.get(&format!("{ONE}?pageSize=0")).await.refuses(400, "Page size must be at least 1");
    server.get(&format!("{ONE}?sortDirection=up")).await.refuses(400, "Invalid enum value");
}

#[tokio::test]
async fn email_only_delete_p9_takes_them_off_every_schedule() {
    let server = server().await;
    let id = server.create(&mail(json!({"recipients": ["a@x.co", "ross@blobsrus.com"]}))).await.id();
    let other = server.post(ONE, &json!({"email": "b@x.co"})).await.ok()["userId"].clone();
    let answer = server.call("org", "DELETE", BULK, Some(&json!({"emails": ["A@x.co", "no@x.co"], "userIds": [other, NOWHERE]}))).await;
    assert_eq!(answer.ok()["notFound"], json!({"emails": ["no@x.co"], "userIds": [NOWHERE]}));
    assert_eq!(answer.body["deleted"].as_array().unwrap().len(), 2);
    let left = server.get(&format!("/api/v1/schedules/{id}/recipients")).await;
    assert_eq!(left.ok()["recipients"].as_array().unwrap().len(), 1);
    assert_eq!(left.body["recipients"][0]["id"], json!(sample::ROSS));
}

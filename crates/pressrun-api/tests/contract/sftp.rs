//! Our own fields for SFTP servers that want it otherwise (F3, F5, F12, F14), beside the contract's (§5.1.4).

use pressrun_domain::destination::{Destination, SftpSettings};
use pressrun_domain::sftp_quirks::{SftpQuirks, UploadMode};
use serde_json::{Value, json};

use crate::harness::{Server, server, webhook};

fn sftp(changes: &Value) -> Value {
    let mut body = webhook(json!({"url": null, "format": "csv", "destinationType": "sftp", "address": "sftp.blobsrus.com", "port": "22",
        "username": "blobby", "passwordUnencrypted": "1am@g00dBL0b"}));
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

async fn stored(server: &Server, id: &str) -> SftpSettings {
    let destination = server.stored(id).await.definition.destination;
    let settings = if let Destination::Sftp(settings) = destination { Some(settings) } else { None };
    settings.expect("an SFTP destination")
}

#[tokio::test]
async fn f12_f14_the_settings_of_a_server_are_saved_shown_kept_and_cleared() {
    let server = server().await;
    let usual = server.create(&sftp(&json!({}))).await.id();
    assert_eq!(stored(&server, &usual).await.quirks, SftpQuirks::default());

    let id = server.create(&sftp(&json!({"uploadMode": "direct", "temporaryName": "{name}.tmp", "legacyAlgorithms": "true"}))).await.id();
    let path = format!("/api/v1/schedules/{id}");
    let expected =
        SftpQuirks { upload_mode: UploadMode::Direct, temporary_name: Some("{name}.tmp".parse().unwrap()), legacy_algorithms: true };
    assert_eq!(stored(&server, &id).await.quirks, expected);
    let shown = server.call("org", "GET", &path, None).await;
    let text = shown.ok().to_string();
    for part in [r#""uploadMode":"direct""#, r#""temporaryName":"{name}.tmp""#, r#""legacyAlgorithms":true"#] {
        assert!(text.contains(part), "{part}: {text}");
    }

    server.put(&path, &json!({"name": "Renamed"})).await.ok();
    assert_eq!(stored(&server, &id).await.quirks, expected, "what is left out keeps its value");
    server.put(&path, &json!({"uploadMode": null, "temporaryName": null, "legacyAlgorithms": null})).await.ok();
    assert_eq!(stored(&server, &id).await.quirks, SftpQuirks::default(), "null clears");
}

#[tokio::test]
async fn f14_what_can_only_fail_at_the_server_is_refused_at_save() {
    let server = server().await;
    for (field, value, words) in [
        ("uploadMode", json!("atomic"), "Invalid enum value. Expected 'rename' | 'direct', received 'atomic'"),
        ("temporaryName", json!("../{name}"), "no slash"),
        ("temporaryName", json!("upload.tmp"), "must contain {name} or {mark}"),
        ("temporaryName", json!("{name}"), "uploadMode"),
        ("temporaryName", json!(""), "at least 1 character"),
        ("legacyAlgorithms", json!("yes"), "Expected boolean"),
    ] {
        let answer = server.create(&sftp(&json!({field: value}))).await;
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.text);
        assert!(answer.text.contains(field) && answer.text.contains(words), "{field} {value}: {}", answer.text);
    }
}

#[tokio::test]
async fn f3_a_schedule_may_give_a_key_and_a_password() {
    let server = server().await;
    let id = server
        .create(&sftp(&json!({"privateKeyUnencrypted": "-----BEGIN OPENSSH PRIVATE KEY-----", "passphraseUnencrypted": "pa55"})))
        .await
        .id();
    let settings = stored(&server, &id).await;
    assert!(settings.password.is_some() && settings.private_key.is_some() && settings.passphrase.is_some());
}

#[tokio::test]
async fn f12_the_settings_mean_nothing_to_other_destinations() {
    let server = server().await;
    let answer = server.create(&webhook(json!({"uploadMode": "direct", "legacyAlgorithms": true}))).await;
    let warnings = answer.ok()["warnings"].to_string();
    assert!(warnings.contains("uploadMode is ignored") && warnings.contains("legacyAlgorithms is ignored"), "{warnings}");
}

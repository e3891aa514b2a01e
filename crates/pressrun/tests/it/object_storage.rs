//! M6: object storage with credentials that are not in the configuration.

use pressrun_testkit::ObjectServer;
use serde_json::json;

use crate::program::{Program, pressrun};
use crate::secrets::{NOWHERE, S3_KEY, place, to};

#[tokio::test]
async fn m6_credentials_of_the_environment_open_the_listed_buckets_and_no_other() {
    let server = ObjectServer::start("AKIAENV", S3_KEY, &["bucket", "payroll"]).await;
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, server.receiver().url("").trim_end_matches('/'));
    let text = std::fs::read_to_string(&place.config).unwrap();
    let (before, rest) = text.split_once("access_key_id = ").unwrap();
    let (_, after) = rest.split_once("endpoint = ").unwrap();
    std::fs::write(&place.config, format!("{before}credentials = 'environment'\nendpoint = {after}")).unwrap();
    let program = Program::serve_with(&place.config, &[("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", S3_KEY)]).await;
    let into = |bucket: &str| {
        to(json!({"destinationType": "s3", "bucketName": bucket, "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"}))
    };
    let (status, answer) = program.call(&place.token, "POST", "/api/v1/schedules", Some(&into("payroll"))).await;
    assert!(status == 400 && answer["detail"].as_str().unwrap().contains("[s3] buckets"), "{answer}");
    let id = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&into("bucket"))).await["id"].as_str().unwrap().to_owned();
    let run = program.run(&place.token, &id).await;
    assert_eq!(run["status"], "COMPLETE", "{run}");
    let objects = server.objects();
    assert!(objects.len() == 1 && objects.keys().all(|key| key.starts_with("bucket/")), "{objects:?}");
}

#[test]
fn m6_a_server_with_half_a_key_does_not_start() {
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let text = std::fs::read_to_string(&place.config).unwrap().replace("access_key_id = 'AKIAPLANTED'\n", "");
    std::fs::write(&place.config, text).unwrap();
    let refused = pressrun(&["serve", "--config", place.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("s3.access_key_id: half of the key is missing"), "{text}");
}

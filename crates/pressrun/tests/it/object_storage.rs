//! M6: object storage with credentials that are not in the configuration.

use pressrun_testkit::{HttpAnswer, HttpReceiver, ObjectServer};
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

/// The configuration, with rendered files in a bucket of `server`.
fn in_a_bucket(config: &std::path::Path, server: &ObjectServer) {
    let endpoint = server.receiver().url("").trim_end_matches('/').to_owned();
    let text = std::fs::read_to_string(config).unwrap();
    let table = format!(
        "[artifacts]\nurl = 's3://files/press'\nrequest_seconds = 5\n\
         options = {{ aws_endpoint = '{endpoint}', aws_access_key_id = 'AKIA', aws_secret_access_key = '{S3_KEY}', aws_region = 'us-east-1', allow_http = 'true' }}\n"
    );
    std::fs::write(config, text.replace("max_attempts = 1", "max_attempts = 5\nfirst_wait_seconds = 1") + &table).unwrap();
}

#[tokio::test]
async fn p6_what_was_rendered_is_in_the_bucket_and_any_machine_hands_it_out() {
    let (server, hook) = (ObjectServer::start("AKIA", S3_KEY, &["files"]).await, HttpReceiver::start().await);
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    in_a_bucket(&place.config, &server);
    let program = Program::serve(&place.config).await;
    let body = to(json!({"destinationType": "webhook", "url": hook.url("/in")}));
    let id = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
    let run = program.run(&place.token, &id).await;
    assert_eq!(run["status"], "COMPLETE", "{run}");
    let sha256 = run["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
    assert!(server.objects().contains_key(&format!("files/press/{}/{sha256}", &sha256[..2])), "{:?}", server.objects().keys());
    program.stop().await;

    // Another machine on the same rows: it has none of the files.
    let spool = place.config.parent().unwrap().join("../data/spool");
    std::fs::remove_dir_all(&spool).unwrap();
    let program = Program::serve(&place.config).await;
    let path = format!("/api/v1/runs/{}/artifacts/{sha256}", run["id"].as_str().unwrap());
    let answer = reqwest::Client::new().get(format!("{}{path}", program.url)).bearer_auth(&place.token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().to_vec()), (200, hook.requests()[0].body.clone()));
}

#[tokio::test]
async fn p6_a_bucket_that_does_not_answer_is_waited_for() {
    let (server, hook) = (ObjectServer::start("AKIA", S3_KEY, &["files"]).await, HttpReceiver::start().await);
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    in_a_bucket(&place.config, &server);
    let program = Program::serve(&place.config).await;
    let body = to(json!({"destinationType": "webhook", "url": hook.url("/in")}));
    let id = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
    // A server that starts looks through four folders for files without a row.
    server.receiver().wait_for(4).await;
    server.receiver().push([HttpAnswer::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let run = program.run(&place.token, &id).await;
    assert_eq!(run["status"], "COMPLETE", "{run}");
    let timeline = run["timeline"].to_string();
    assert!(timeline.contains("artifactRetry") && timeline.contains("the artifact store did not take an artifact"), "{timeline}");
    assert!(!timeline.contains("AccessDenied") && !timeline.contains("127.0.0.1"), "what it said is for operators: {timeline}");
    assert_eq!(hook.requests().len(), 1);
}

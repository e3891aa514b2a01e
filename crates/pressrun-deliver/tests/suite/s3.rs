//! D8 against a stand-in for S3 and STS.

use pressrun_deliver::{Carriers, S3Config, S3Credentials};
use pressrun_domain::destination::{Destination, S3Settings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, HttpReceiver};

use crate::bench::{Bench, LINK, accepted, carriers, noise, now, rejected, retry};

const MIB: usize = 1024 * 1024;

fn keys() -> S3Credentials {
    S3Credentials { access_key_id: "AKIAEXAMPLE".into(), secret_access_key: Secret::new("wJalrXUtnFEMI"), session_token: None }
}

fn store(receiver: &HttpReceiver, change: impl FnOnce(&mut S3Config)) -> Carriers {
    let mut s3 = S3Config::new(keys());
    s3.endpoint = Some(receiver.url(""));
    s3.sts_endpoint = Some(receiver.url("/sts"));
    s3.external_id = Some("org-1".into());
    s3.assume_role = false;
    s3.part_bytes = 5 * MIB as u64;
    change(&mut s3);
    carriers(|config| config.s3 = Some(s3))
}

fn bucket() -> S3Settings {
    S3Settings {
        bucket_name: "blob-reports".into(),
        region: "us-east-1".into(),
        role_arn: "arn:aws:iam::123456789012:role/deliver".into(),
        key_prefix: Some("a/b/".into()),
        filename: None,
    }
}

#[tokio::test]
async fn d8_a_small_object_is_put_whole_and_signed() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let mut parcel = bench.csv();
    parcel.artifact.as_mut().expect("a file").name = "Umsätze 1+1.csv".into();
    let delivered = store(&receiver, |_| {}).deliver(&Destination::S3(bucket()), &parcel, now()).await;
    assert_eq!(accepted(&delivered), "s3://blob-reports/a/b/Umsätze 1+1.csv");
    let request = receiver.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/blob-reports/a/b/Ums%C3%A4tze%201%2B1.csv"));
    let artifact = parcel.artifact.expect("a file");
    assert_eq!(request.body, std::fs::read(&artifact.path).expect("spool"));
    assert_eq!(request.header("content-type"), Some("text/csv"));
    assert_eq!(request.header("x-amz-content-sha256"), Some(artifact.sha256.as_str()));
    assert_eq!(request.header("x-amz-date"), Some("20261124T090005Z"));
    let authorization = request.header("authorization").expect("signed");
    assert!(
        authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/us-east-1/s3/aws4_request, \
             SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature="
        ),
        "{authorization}"
    );
}

#[tokio::test]
async fn d8_the_role_is_assumed_once_with_the_external_id() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    receiver.push([HttpAnswer::new(
        200,
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIATEMP</AccessKeyId><SecretAccessKey>temp-s3cret</SecretAccessKey>\
         <SessionToken>t0k&amp;en</SessionToken><Expiration>2026-11-24T10:00:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
    )]);
    let carriers = store(&receiver, |s3| s3.assume_role = true);
    for _ in 0..2 {
        accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
    }
    let requests = receiver.requests();
    assert_eq!(requests.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["POST", "PUT", "PUT"]);
    assert_eq!(requests[0].path, "/sts");
    let form = requests[0].text();
    assert!(form.contains("ExternalId=org-1") && form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeliver"), "{form}");
    assert!(requests[0].header("authorization").expect("signed").contains("/us-east-1/sts/aws4_request"));
    assert_eq!(requests[1].header("x-amz-security-token"), Some("t0k&en"));
    assert!(requests[1].header("authorization").expect("signed").contains("Credential=ASIATEMP/"));
}

#[tokio::test]
async fn d8_a_large_object_goes_in_parts() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    receiver.push([HttpAnswer::new(200, "<R><UploadId>up/1</UploadId></R>")]);
    receiver.push([1, 2, 3].map(|number| HttpAnswer::new(200, "").header("ETag", &format!("\"tag{number}\""))));
    receiver.push([HttpAnswer::new(200, "<CompleteMultipartUploadResult/>")]);
    accepted(&store(&receiver, |_| {}).deliver(&Destination::S3(bucket()), &bench.pdf(11 * MIB), now()).await);
    let requests = receiver.requests();
    let lines: Vec<_> = requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(
        lines,
        [
            "POST /blob-reports/a/b/Orders.pdf?uploads=",
            "PUT /blob-reports/a/b/Orders.pdf?partNumber=1&uploadId=up%2F1",
            "PUT /blob-reports/a/b/Orders.pdf?partNumber=2&uploadId=up%2F1",
            "PUT /blob-reports/a/b/Orders.pdf?partNumber=3&uploadId=up%2F1",
            "POST /blob-reports/a/b/Orders.pdf?uploadId=up%2F1",
        ]
    );
    let sent: Vec<u8> = requests[1..4].iter().flat_map(|request| request.body.clone()).collect();
    assert!(sent == noise(11 * MIB), "the parts are the file");
    assert!(requests[4].text().contains("<Part><PartNumber>3</PartNumber><ETag>&quot;tag3&quot;</ETag></Part>"), "{}", requests[4].text());
}

#[tokio::test]
async fn d8_parts_are_aborted_when_one_fails_and_a_late_error_counts() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let (carriers, destination, parcel) = (store(&receiver, |_| {}), Destination::S3(bucket()), bench.pdf(6 * MIB));
    let begun = || HttpAnswer::new(200, "<R><UploadId>u</UploadId></R>");
    let part = || HttpAnswer::new(200, "").header("ETag", "\"t\"");
    receiver.push([begun(), part(), HttpAnswer::new(503, "<Error><Code>SlowDown</Code><Message>busy</Message></Error>")]);
    assert_eq!(retry(&carriers.deliver(&destination, &parcel, now()).await), "s3: part: HTTP 503 SlowDown busy");
    let last = receiver.requests().pop().expect("abort");
    assert_eq!((last.method.as_str(), last.path.as_str()), ("DELETE", "/blob-reports/a/b/Orders.pdf?uploadId=u"));

    receiver.push([begun(), part(), part(), HttpAnswer::new(200, "<Error><Code>InternalError</Code></Error>")]);
    assert_eq!(retry(&carriers.deliver(&destination, &parcel, now()).await), "s3: complete parts: InternalError");
}

#[tokio::test]
async fn d8_answers_are_classified_and_settings_checked_again() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let carriers = store(&receiver, |_| {});
    receiver.push([HttpAnswer::new(403, "<Error><Code>AccessDenied</Code><Message>no wJalrXUtnFEMI</Message></Error>")]);
    let delivered = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
    assert_eq!(rejected(&delivered), "s3: put: HTTP 403 AccessDenied no [redacted]", "D13");
    receiver.push([HttpAnswer::new(400, "<Error><Code>RequestTimeout</Code><Message>slow</Message></Error>")]);
    retry(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
    for bad in [
        S3Settings { region: "us-east-1.evil.example/".into(), ..bucket() },
        S3Settings { bucket_name: "UPPER".into(), ..bucket() },
        S3Settings { bucket_name: "a/../b".into(), ..bucket() },
        S3Settings { key_prefix: Some("../".into()), ..bucket() },
    ] {
        rejected(&carriers.deliver(&Destination::S3(bad), &bench.csv(), now()).await);
    }
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn r1_link_only_is_a_small_json_object() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    accepted(&store(&receiver, |_| {}).deliver(&Destination::S3(bucket()), &bench.link_only(), now()).await);
    assert_eq!(receiver.requests()[0].text(), format!("{{\"url\":\"{LINK}\"}}\n"));
    assert!(receiver.requests()[0].path.ends_with("/a/b/Daily%20Orders_2026-11-24_090000.json"));
}

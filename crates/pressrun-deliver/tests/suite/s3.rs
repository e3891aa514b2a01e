//! D8 against a stand-in for S3 and STS.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pressrun_deliver::{Carriers, EgressPolicy, Resolve, S3Config, S3Credentials, S3Source};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, S3Settings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, HttpBehaviour, HttpReceiver, ObjectServer, instant};

use crate::aim::bucket;
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

/// A change of the operator's settings.
type Change = fn(&mut S3Config);

/// A store that checks every signature, and carriers for it.
async fn faithful(change: impl FnOnce(&mut S3Config)) -> (ObjectServer, Carriers) {
    let server = ObjectServer::start("AKIAEXAMPLE", "wJalrXUtnFEMI", &["blob-reports"]).await;
    server.allow_role("arn:aws:iam::123456789012:role/deliver", "org-1");
    let carriers = store(server.receiver(), |s3| {
        s3.assume_role = true;
        change(s3);
    });
    (server, carriers)
}

#[tokio::test]
async fn d8_a_store_that_checks_signatures_takes_odd_names_and_parts_with_an_assumed_role() {
    let (server, carriers) = faithful(|_| {}).await;
    let bench = Bench::new();
    let odd = "Ümsätze 1+1=2 & 'so' (50%) ~*!;,@$: 東京.csv";
    let mut small = bench.csv();
    small.artifact.as_mut().expect("a file").name = odd.into();
    let bytes = std::fs::read(&small.artifact.as_ref().expect("a file").path).expect("spool");
    for _ in 0..2 {
        accepted(&carriers.deliver(&Destination::S3(bucket()), &small, now()).await);
    }
    accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.pdf(11 * MIB), now()).await);
    let objects = server.objects();
    assert_eq!(
        objects.keys().collect::<Vec<_>>(),
        ["blob-reports/a/b/Orders.pdf", &format!("blob-reports/a/b/{odd}")],
        "I6: one name, replaced"
    );
    assert_eq!(objects[&format!("blob-reports/a/b/{odd}")].bytes, bytes);
    let large = &objects["blob-reports/a/b/Orders.pdf"];
    assert!(large.bytes == noise(11 * MIB) && large.media_type == "application/pdf");
    assert_eq!((server.unfinished(), server.assumed()), (0, 1));
}

#[tokio::test]
async fn d8_keys_that_ran_out_before_their_time_are_asked_for_anew_at_the_next_attempt() {
    let (server, carriers) = faithful(|_| {}).await;
    let (bench, destination) = (Bench::new(), Destination::S3(bucket()));
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    server.end_temporary_keys();
    assert!(retry(&carriers.deliver(&destination, &bench.csv(), now()).await).contains("ExpiredToken"));
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    assert_eq!(server.assumed(), 2);
}

#[tokio::test]
async fn d8_a_store_says_what_is_wrong_and_the_reason_says_what_to_do() {
    let bench = Bench::new();
    let elsewhere = S3Settings { bucket_name: "no-such-bucket".into(), ..bucket() };
    let cases: [(&str, Change, S3Settings, &str); 6] = [
        ("external id", |s3| s3.external_id = Some("org-2".into()), bucket(), "assume role: HTTP 403 AccessDenied"),
        ("no external id", |s3| s3.external_id = None, bucket(), "external id"),
        (
            "unknown key",
            |s3| s3.source = S3Source::Keys(S3Credentials { access_key_id: "AKIAOTHER".into(), ..keys() }),
            bucket(),
            "InvalidClientTokenId",
        ),
        (
            "wrong secret",
            |s3| s3.source = S3Source::Keys(S3Credentials { secret_access_key: Secret::new("wr0ng-s3cret"), ..keys() }),
            bucket(),
            "the operator checks the access key",
        ),
        (
            "unknown key, used as it is",
            |s3| {
                s3.assume_role = false;
                s3.source = S3Source::Keys(S3Credentials { access_key_id: "AKIAOTHER".into(), ..keys() });
            },
            bucket(),
            "InvalidAccessKeyId",
        ),
        ("bucket", |_| {}, elsewhere, "put: HTTP 404 NoSuchBucket The specified bucket does not exist; check the bucket's name"),
    ];
    for (case, change, settings, reason) in cases {
        let (server, carriers) = faithful(change).await;
        let delivered = carriers.deliver(&Destination::S3(settings), &bench.csv(), now()).await;
        let found = rejected(&delivered);
        assert!(found.contains(reason) && !found.contains("wr0ng-s3cret"), "{case}: {found}");
        assert!(server.objects().is_empty(), "{case}");
    }
    let (server, carriers) = faithful(|_| {}).await;
    server.put_clock_ahead(jiff::SignedDuration::from_hours(2));
    let skewed = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
    assert!(rejected(&skewed).contains("the clock of the machine that runs Pressrun is wrong"), "{skewed:?}");
    let (server, carriers) = faithful(|s3| s3.assume_role = false).await;
    server.put_clock_ahead(jiff::SignedDuration::from_hours(2));
    let skewed = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
    assert!(rejected(&skewed).contains("RequestTimeTooSkewed"), "{skewed:?}");
}

#[tokio::test]
async fn d8_an_upload_in_parts_that_fails_anywhere_is_aborted_in_the_store() {
    let bench = Bench::new();
    // begin, part, part, complete: each of them fails once.
    for good in 0..4 {
        let (server, carriers) = faithful(|s3| s3.assume_role = false).await;
        let (destination, parcel) = (Destination::S3(bucket()), bench.pdf(6 * MIB));
        server.receiver().fail_after(good, HttpAnswer::new(503, "<Error><Code>SlowDown</Code><Message>busy</Message></Error>"));
        assert!(retry(&carriers.deliver(&destination, &parcel, now()).await).contains("HTTP 503 SlowDown busy"), "{good}");
        assert_eq!((server.unfinished(), server.objects().len()), (0, 0), "{good}");
        accepted(&carriers.deliver(&destination, &parcel, now()).await);
        assert_eq!(server.objects().len(), 1);
    }
}

#[tokio::test]
async fn s9_a_store_that_asks_for_patience_gets_it() {
    let bench = Bench::new();
    for good in [0, 1] {
        let (server, carriers) = faithful(|_| {}).await;
        let busy = "<Error><Code>SlowDown</Code><Message>busy</Message></Error>";
        server.receiver().fail_after(good, HttpAnswer::new(503, busy).header("Retry-After", "40"));
        let delivered = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
        let Outcome::Retry { not_before, .. } = delivered.outcome else { panic!("{delivered:?}") };
        assert_eq!(not_before, Some(instant("2026-11-24T09:00:45Z")), "{good}");
    }
}

#[tokio::test]
async fn d8_a_completion_whose_answer_was_cut_is_no_success() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let carriers = store(&receiver, |_| {});
    let part = || HttpAnswer::new(200, "").header("ETag", "\"t\"");
    receiver.push([HttpAnswer::new(200, "<R><UploadId>u</UploadId></R>"), part(), part()]);
    receiver.push([HttpAnswer::new(200, "<Error><Code>InternalError</Code></Error>").behaving(HttpBehaviour::CutBody)]);
    let delivered = carriers.deliver(&Destination::S3(bucket()), &bench.pdf(6 * MIB), now()).await;
    assert!(retry(&delivered).starts_with("s3: complete parts: answer: "), "{delivered:?}");
}

#[tokio::test]
async fn s9_every_call_has_a_deadline_of_its_own_and_a_silent_abort_does_not_hold_it_up() {
    let bench = Bench::new();
    for (good, phase) in [(0, "assume role"), (1, "begin parts"), (2, "part"), (3, "part"), (4, "complete parts")] {
        for behaviour in [HttpBehaviour::Hang, HttpBehaviour::HangInBody] {
            let (server, carriers) = faithful(|_| {}).await;
            server.receiver().fail_after(good, HttpAnswer::new(200, "<a/>").behaving(behaviour));
            let (destination, parcel, hang) = (Destination::S3(bucket()), bench.pdf(6 * MIB), server.receiver().hang());
            let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
            tokio::time::resume();
            assert_eq!(retry(&delivered), format!("s3: {phase}: answer: timed out"));
        }
    }
    let receiver = HttpReceiver::start().await;
    let (carriers, destination, parcel) = (store(&receiver, |_| {}), Destination::S3(bucket()), bench.pdf(6 * MIB));
    receiver.push([
        HttpAnswer::new(200, "<R><UploadId>u</UploadId></R>"),
        HttpAnswer::new(503, ""),
        HttpAnswer::default().behaving(HttpBehaviour::Hang),
    ]);
    let hang = receiver.hang();
    let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
    assert_eq!(retry(&delivered), "s3: part: HTTP 503");
}

/// Everything is at home.
struct Home;

#[async_trait]
impl Resolve for Home {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

#[tokio::test]
async fn d5_amazons_addresses_of_a_tenants_region_and_bucket_must_be_public() {
    let bench = Bench::new();
    for (assume_role, phase) in [(true, "assume role"), (false, "put")] {
        let closed = carriers(|config| {
            config.egress = EgressPolicy::default();
            config.resolver = Arc::new(Home);
            config.s3 = Some(S3Config { assume_role, ..S3Config::new(keys()) });
        });
        let delivered = closed.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
        let reason = retry(&delivered);
        assert!(
            reason.starts_with(&format!("s3: {phase}: connect: ")) && reason.contains("no address that deliveries may go to"),
            "{reason}"
        );
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
    let day = &request.header("x-amz-date").expect("dated")[..8];
    let authorization = request.header("authorization").expect("signed");
    let expected = format!("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/{day}/us-east-1/s3/aws4_request, SignedHeaders=content-type;host;");
    assert!(authorization.starts_with(&expected), "{authorization}");
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
    let list = requests[4].text().replace("&quot;", "\"");
    assert!(list.contains("<Part><ETag>\"tag3\"</ETag><PartNumber>3</PartNumber></Part>"), "{list}");
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
    assert_eq!(
        rejected(&delivered),
        "s3: put: HTTP 403 AccessDenied no [redacted]; check the role's trust policy, its external id, and what it may do with the bucket",
        "D13"
    );
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

#[tokio::test]
async fn m6_a_machines_role_is_found_by_its_metadata_service_and_assumes_the_schedules_role() {
    let bench = Bench::new();
    let (server, _) = faithful(|_| {}).await;
    let metadata =
        |s3: &mut S3Config, server: &ObjectServer| s3.metadata_endpoint = Some(server.receiver().url("").trim_end_matches('/').to_owned());
    for (assume_role, calls) in [(false, ["PUT", "GET", "GET", "PUT"].as_slice()), (true, &["PUT", "GET", "GET", "POST", "PUT"])] {
        server.be_a_machine();
        let carriers = store(server.receiver(), |s3| {
            (s3.source, s3.assume_role) = (S3Source::Instance, assume_role);
            metadata(s3, &server);
        });
        let before = server.receiver().requests().len();
        accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
        let requests = server.receiver().requests().split_off(before);
        assert_eq!(requests.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), calls);
        assert_eq!(requests[1].path, "/latest/meta-data/iam/security-credentials/");
        assert!(requests.last().expect("put").header("x-amz-security-token").is_some_and(|token| token.starts_with("t0k&en/")));
        // The keys are kept as long as they hold.
        accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
        assert_eq!(server.receiver().requests().len(), before + calls.len() + 1);
    }
}

#[tokio::test]
async fn m6_a_token_in_a_file_is_exchanged_for_keys_and_read_anew() {
    let bench = Bench::new();
    let token_file = bench.spool.path().join("token");
    std::fs::write(&token_file, "first.to.ken").expect("writes");
    let source = S3Source::WebIdentity { token_file: token_file.clone(), role_arn: "arn:aws:iam::123456789012:role/deliver".into() };
    let (server, carriers) = faithful(|s3| (s3.source, s3.assume_role) = (source, false)).await;
    server.trust_identity("second.to.ken");
    let destination = Destination::S3(bucket());
    let refused = carriers.deliver(&destination, &bench.csv(), now()).await;
    let reason = retry(&refused);
    assert!(reason.starts_with("s3: own credentials: HTTP 400 InvalidIdentityToken") && !reason.contains("first.to.ken"), "{reason}");
    std::fs::write(&token_file, "second.to.ken").expect("writes");
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    std::fs::remove_file(&token_file).expect("removes");
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
}

#[tokio::test]
async fn m6_temporary_keys_carry_their_token_and_a_missing_role_says_whose_credentials_are_missing() {
    let bench = Bench::new();
    let receiver = HttpReceiver::start().await;
    let temporary = S3Credentials { session_token: Some(Secret::new("se55ion")), ..keys() };
    let carriers = store(&receiver, |s3| s3.source = S3Source::Keys(temporary));
    accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
    assert_eq!(receiver.requests()[0].header("x-amz-security-token"), Some("se55ion"));

    let (server, _) = faithful(|_| {}).await;
    let address = server.receiver().url("").trim_end_matches('/').to_owned();
    let carriers = store(server.receiver(), |s3| (s3.source, s3.metadata_endpoint) = (S3Source::Instance, Some(address)));
    let delivered = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
    assert_eq!(retry(&delivered), "s3: own credentials: HTTP 404 there is no role");
}

#[tokio::test]
async fn m6_only_the_operators_buckets_are_written_into() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let only = |name: &str| Some(std::collections::BTreeSet::from([name.to_owned()]));
    let carriers = store(&receiver, |s3| s3.buckets = only("another-bucket"));
    let reason = carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await;
    assert!(rejected(&reason).contains("[s3] buckets") && receiver.requests().is_empty(), "{reason:?}");
    let carriers = store(&receiver, |s3| s3.buckets = only("blob-reports"));
    accepted(&carriers.deliver(&Destination::S3(bucket()), &bench.csv(), now()).await);
}

/// Everything is where the machine keeps its credentials.
struct Metadata;

#[async_trait]
impl Resolve for Metadata {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([169, 254, 169, 254])])
    }
}

#[tokio::test]
async fn m6_no_region_and_no_bucket_of_a_tenant_leads_to_the_machines_metadata() {
    let bench = Bench::new();
    for settings in
        [bucket(), S3Settings { bucket_name: "a.b.c".into(), ..bucket() }, S3Settings { region: "cn-north-1".into(), ..bucket() }]
    {
        let carriers = carriers(|config| {
            config.resolver = Arc::new(Metadata);
            config.s3 = Some(S3Config { assume_role: false, ..S3Config::new(keys()) });
        });
        let delivered = carriers.deliver(&Destination::S3(settings), &bench.csv(), now()).await;
        // M12: a name that leads inside fails as one that does not exist.
        assert!(retry(&delivered).contains("no address that deliveries may go to"), "{delivered:?}");
    }
}

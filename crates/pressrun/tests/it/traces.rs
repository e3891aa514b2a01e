//! Traces of runs and requests, as a collector gets them, and what lines of the log say beside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use pressrun_testkit::{HttpAnswer, HttpReceiver};
use prost::Message as _;

use crate::observability::{address_after, told, watched};
use crate::process::{Site, eventually};

/// The spans that a collector has taken so far, with what was said of whose they are.
fn taken(collector: &HttpReceiver) -> (Vec<Span>, BTreeMap<String, String>) {
    let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
    for request in collector.requests() {
        assert_eq!((request.path.as_str(), request.header("content-type")), ("/v1/traces", Some("application/x-protobuf")));
        for of_one in ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap().resource_spans {
            resource.extend(texts(of_one.resource.unwrap().attributes));
            spans.extend(of_one.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    (spans, resource)
}

fn texts(attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value.and_then(|value| value.value)))).collect()
}

#[tokio::test]
async fn o3_a_run_is_one_trace_from_its_wait_to_each_attempt() {
    let (site, collector) = (Site::new("workers = 1").await, HttpReceiver::start().await);
    let endpoint = collector.url("/v1/traces");
    let variables = [
        ("PRESSRUN_TRACE__ENDPOINT", endpoint.as_str()),
        ("PRESSRUN_TRACE__HEADER_NAME", "x-tenant"),
        ("PRESSRUN_TRACE__HEADER_VALUE", "007"),
    ];
    site.http.push([HttpAnswer::new(503, "a moment")]);
    let schedule = site.due_once(site.webhook()).await;
    let (server, _) = watched(&site, &variables).await;
    let (run, _) = site.ended(schedule).await;
    let of_the_run = |span: &Span| span.trace_id == run.id.0.as_bytes();
    let spans = eventually("the whole trace has come", async || {
        let spans: Vec<Span> = taken(&collector).0.into_iter().filter(of_the_run).collect();
        // The last claim closes after the run.
        let claims = spans.iter().filter(|span| span.name == "claim").count();
        (spans.iter().any(|span| span.name == "run") && claims == 2).then_some(spans)
    })
    .await;
    let resource = taken(&collector).1;
    assert_eq!((resource["service.name"].as_str(), resource["service.version"].as_str()), ("pressrun", env!("CARGO_PKG_VERSION")));
    assert!(collector.requests().iter().all(|request| request.header("x-tenant") == Some("007")));

    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own");
    let by_id = |id: &[u8]| spans.iter().find(|span| span.span_id == id);
    let parent = |span: &Span| by_id(&span.parent_span_id).map_or("none", |parent| parent.name.as_str()).to_owned();
    let tree: BTreeSet<(String, String)> = spans.iter().map(|span| (parent(span), span.name.clone())).collect();
    for (above, below) in [
        ("none", "run"),
        ("run", "wait"),
        ("run", "claim"),
        ("claim", "query"),
        ("query", "execute"),
        ("execute", "step"),
        ("claim", "render"),
        ("claim", "attempt"),
    ] {
        assert!(tree.contains(&(above.to_owned(), below.to_owned())), "{below} below {above}: {tree:?}");
    }
    assert_eq!(tree.iter().filter(|(above, _)| above == "none").count(), 1, "all but the first hang together: {tree:?}");
    for span in &spans {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    }
    let attempts: Vec<&Span> = spans.iter().filter(|span| span.name == "attempt").collect();
    let said: Vec<_> = attempts.iter().map(|span| texts(span.attributes.clone())).collect();
    let outcomes: BTreeSet<&str> = said.iter().map(|said| said["pressrun.outcome"].as_str()).collect();
    assert_eq!(outcomes, BTreeSet::from(["accepted", "retry"]));
    for (span, said) in attempts.iter().zip(&said) {
        assert_eq!(said["pressrun.destination"], "webhook");
        assert!(said["pressrun.bytes"].parse::<u64>().unwrap() > 0, "{said:?}");
        let failed = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        assert_eq!(failed, said["pressrun.outcome"] == "retry");
    }
    // Whoever is sent something can go on with the trace.
    let expected: BTreeSet<String> =
        attempts.iter().map(|span| format!("00-{}-{}-01", run.id.0.simple(), hex::encode(&span.span_id))).collect();
    let sent: BTreeSet<String> = site.http.requests().iter().map(|request| request.header("traceparent").unwrap().to_owned()).collect();
    assert_eq!(sent, expected);
    let first = spans.iter().find(|span| span.name == "run").unwrap();
    let said = texts(first.attributes.clone());
    assert_eq!((said["pressrun.status"].as_str(), said["pressrun.claims"].as_str()), ("COMPLETE", "2"));
    assert_eq!(said["pressrun.schedule_id"], schedule.to_string());
    let everything = format!("{spans:?}").to_lowercase();
    for private in ["select", "sales.csv", "127.0.0.1", "blob.ross", "a moment", "whsec"] {
        assert!(!everything.contains(private), "{private}: {everything}");
    }
    server.stop().await;
}

#[tokio::test]
async fn o3_a_collector_that_hangs_or_is_not_there_holds_nothing_up_and_what_is_lost_is_counted() {
    let site = Site::new("workers = 1").await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hangs = HttpReceiver::start().await;
    let _hang = hangs.hang();
    for (case, endpoint, counts) in [("not there", format!("http://{nobody}/v1/traces"), true), ("hangs", hangs.url("/v1/traces"), false)] {
        let schedule = site.due_once(site.webhook()).await;
        let (server, admin) = watched(&site, &[("PRESSRUN_TRACE__ENDPOINT", &endpoint)]).await;
        site.ended(schedule).await;
        eventually(case, async || {
            let told = told(&admin).await;
            let made = told.value("pressrun_trace_spans_total", &[("outcome", "made")]);
            let failed = told.value("pressrun_trace_spans_total", &[("outcome", "failed")]);
            (made > 5.0 && (failed > 0.0 || !counts)).then_some(())
        })
        .await;
        // It ends in its time, whatever becomes of the spans that wait.
        server.stop().await;
    }
}

#[tokio::test]
async fn o3_a_request_goes_on_with_the_trace_of_its_caller() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (site, collector) = (Site::new("workers = 1").await, HttpReceiver::start().await);
    let endpoint = collector.url("/v1/traces");
    // Of what begins here nothing is told.
    let (server, _) = watched(&site, &[("PRESSRUN_TRACE__ENDPOINT", &endpoint), ("PRESSRUN_TRACE__SAMPLE", "0")]).await;
    let public = address_after(&server, "listening").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request_ids = Vec::new();
    for before in [
        None,
        Some(format!("00-{TRACE}-00f067aa0ba902b7-01")),
        Some("no such thing".to_owned()),
        Some(format!("00-{}-00f067aa0ba902b7-00", TRACE.replace('4', "5"))),
    ] {
        let mut request = client.get(format!("http://{public}/healthz"));
        if let Some(before) = &before {
            request = request.header("traceparent", before);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        request_ids.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let spans = eventually("the span", async || Some(taken(&collector).0).filter(|spans| !spans.is_empty())).await;
    assert_eq!(spans.len(), 1, "only that one asked for it: {spans:?}");
    let said = texts(spans[0].attributes.clone());
    assert_eq!((hex::encode(&spans[0].trace_id).as_str(), hex::encode(&spans[0].parent_span_id).as_str()), (TRACE, "00f067aa0ba902b7"));
    assert_eq!((said["pressrun.request_id"].as_str(), said["pressrun.status"].as_str()), (request_ids[1].as_str(), "200"));
    server.stop().await;
}

#[tokio::test]
async fn o4_lines_of_json_have_the_ids_of_what_they_are_about() {
    let site = Site::new("workers = 1").await;
    let variables = [
        ("PRESSRUN_LOG__FORMAT", "json"),
        ("PRESSRUN_LOG__NODE", "press-1"),
        ("PRESSRUN_LOG", "info,pressrun=debug,pressrun_engine=debug"),
    ];
    let schedule = site.due_once(Site::email(&["ann@x.example"])).await;
    let (server, _) = watched(&site, &variables).await;
    let public = address_after(&server, "listening").await;
    let (run, _) = site.ended(schedule).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{public}/healthz")).header("x-request-id", "theirs-7").send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    drop(answer.bytes().await);
    let lines = || -> Vec<serde_json::Value> { server.log().lines().map(|line| serde_json::from_str(line).expect(line)).collect() };
    let ended = eventually("the end is logged", async || lines().into_iter().find(|line| line["message"] == "the run ended")).await;
    for (name, expected) in [("run_id", run.id.to_string()), ("schedule_id", schedule.to_string()), ("node", "press-1".to_owned())] {
        assert_eq!(ended[name], expected, "{ended}");
    }
    assert_eq!((&ended["status"], &ended["level"], &ended["fence"]), (&"COMPLETE".into(), &"INFO".into(), &1.into()));
    let queried = lines().into_iter().find(|line| line["message"] == "a query has ended").expect("it is logged");
    assert_eq!(queried["run_id"], run.id.to_string(), "deep inside of the run too: {queried}");
    let request = eventually("the request is logged", async || lines().into_iter().find(|line| line["target"] == "pressrun::access")).await;
    assert_eq!((&request["request_id"], &request["client_request_id"]), (&request_id.into(), &"theirs-7".into()));
    assert!(lines().iter().all(|line| line["node"] == "press-1" && line["timestamp"].is_string()));
    assert!(!server.log().contains("ann@x.example"), "{}", server.log());
    server.stop().await;
}

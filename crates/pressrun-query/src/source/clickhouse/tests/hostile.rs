//! Against an answerer that does what no server should.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use pressrun_testkit::{HttpAnswer, HttpBehaviour, HttpReceiver, TestCertificate};

use super::*;
use crate::QueryErrorKind;
use crate::testing::clickhouse::{PASSWORD, spec};

const DESCRIBED: &str = r#"{"data": [{"name": "v", "type": "String"}]}"#;

fn stream(texts: &[&str]) -> Vec<u8> {
    let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let batch = RecordBatch::try_from_iter([("v", column)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for _ in 0..3 {
        writer.write(&batch).unwrap();
    }
    writer.into_inner().unwrap()
}

/// What comes of a query whose rows are `answer`.
async fn told(answer: HttpAnswer) -> Result<Vec<String>, QueryError> {
    let server = HttpReceiver::start().await;
    server.push([HttpAnswer::new(200, DESCRIBED), answer]);
    once(spec(&server.url("/")), "select v from t").await
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_what_it_is() {
    let rows = || stream(&["one", "two"]);
    assert_eq!(told(HttpAnswer::new(200, rows())).await.unwrap(), ["one", "two", "one", "two", "one", "two"]);
    let amid = |cut: usize| {
        [&rows()[..cut], b"Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.9)"].concat()
    };
    let half = rows().len() / 2;
    let mut bent = rows();
    let text = bent.windows(6).position(|bytes| bytes == b"onetwo").unwrap();
    bent[text] = 0xff;
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let other = RecordBatch::try_from_iter([("v", Arc::clone(&numbers)), ("w", numbers)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &other.schema()).unwrap();
    writer.write(&other).unwrap();
    let other = writer.into_inner().unwrap();
    let long = "x".repeat(50 << 20);
    for (case, answer, kind, said) in [
        ("an exception amid the rows", HttpAnswer::new(200, amid(half)), QueryErrorKind::Value, "throwIf"),
        ("an exception between the rows", HttpAnswer::new(200, amid(rows().len())), QueryErrorKind::Value, "throwIf"),
        ("rows that break off", HttpAnswer::new(200, rows()).behaving(HttpBehaviour::CutBody), QueryErrorKind::Connection, "broke off"),
        ("rows that end early", HttpAnswer::new(200, &rows()[..half]), QueryErrorKind::Connection, "broke off"),
        ("an exception in place of the end", HttpAnswer::new(200, amid(rows().len() - END.len())), QueryErrorKind::Value, "throwIf"),
        ("no byte", HttpAnswer::new(200, ""), QueryErrorKind::Connection, "broke off"),
        ("a closed connection", HttpAnswer::default().behaving(HttpBehaviour::Drop), QueryErrorKind::Connection, "cannot be reached"),
        ("text that is no UTF-8", HttpAnswer::new(200, bent), QueryErrorKind::Value, "not UTF-8"),
        ("columns that were not described", HttpAnswer::new(200, other), QueryErrorKind::Internal, "other columns"),
        ("no Arrow", HttpAnswer::new(200, "<html>hello</html>"), QueryErrorKind::Login, "no ClickHouse"),
        ("a redirect", HttpAnswer::new(302, "").header("Location", "http://127.0.0.1:1/"), QueryErrorKind::Login, "no ClickHouse"),
        ("a gateway", HttpAnswer::new(503, "busy"), QueryErrorKind::Connection, "503"),
        ("a long error", HttpAnswer::new(500, format!("Code: 47. DB::Exception: {long}")), QueryErrorKind::UnknownColumn, "xxx"),
    ] {
        let error = told(answer).await.expect_err(case);
        assert!(
            error.kind == kind && error.message.contains(said),
            "{case}: {:?} {}",
            error.kind,
            &error.message[..error.message.len().min(300)]
        );
        assert!(error.message.len() < 5000 && !error.message.contains('\n'), "{case}");
    }
}

/// How a stream ends.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[tokio::test]
async fn rows_that_read_like_an_error_of_the_server_are_rows() {
    let text = "Code: 60. DB::Exception: Unknown table (UNKNOWN_TABLE) (version 26.9)";
    assert_eq!(told(HttpAnswer::new(200, stream(&[text]))).await.unwrap(), [text; 3]);
}

#[tokio::test]
async fn an_answer_that_is_cut_between_two_batches_is_no_shorter_result() {
    // Eight numbers fill their place, so that the last of them stands where the end of the stream would.
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0xffff_ffff; 8]));
    let batch = RecordBatch::try_from_iter([("v", numbers)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let whole = writer.into_inner().unwrap();
    let cut = whole.strip_suffix(&END).unwrap();
    assert!(cut.ends_with(&END), "{:?}", &cut[cut.len() - 16..]);
    assert_eq!(told(HttpAnswer::new(200, whole.clone())).await.unwrap(), ["4294967295"; 8]);
    let texts = stream(&["one"]);
    for cut in [cut, texts.strip_suffix(&END).unwrap()] {
        let error = told(HttpAnswer::new(200, cut)).await.unwrap_err();
        assert!(error.kind == QueryErrorKind::Connection && error.message.contains("broke off amid"), "{error:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let server = HttpReceiver::start().await;
    let limits = QueryLimits { timeout_ms: 1, ..QueryLimits::default() };
    for behaviour in [HttpBehaviour::Hang, HttpBehaviour::HangInBody, HttpBehaviour::DripForever] {
        server.push([HttpAnswer::new(200, DESCRIBED), HttpAnswer::new(200, stream(&["one"])).behaving(behaviour)]);
        let error = run(spec(&server.url("/")), &asked("select v from t"), &limits).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (QueryErrorKind::Timeout, "the database stopped answering"), "{behaviour:?}");
    }
}

/// Rows without an end: what is wanted is taken, and the connection is closed.
#[tokio::test]
async fn a_result_without_an_end_stops_at_its_limit() {
    let server = HttpReceiver::start().await;
    let column: ArrayRef = Arc::new(StringArray::from(vec!["one"; 1000]));
    let batch = RecordBatch::try_from_iter([("v", column)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let head = writer.get_ref().len();
    writer.write(&batch).unwrap();
    let body = writer.get_ref().clone();
    assert!(head < body.len());
    server.push([HttpAnswer::new(200, DESCRIBED), HttpAnswer::new(200, body).behaving(HttpBehaviour::Endless)]);
    let mut query = asked("select v from t");
    query.limit = 500;
    let (_, stats) = run(spec(&server.url("/")), &query, &QueryLimits::default()).await.unwrap();
    assert_eq!((stats.rows, stats.truncated), (500, true));
}

#[tokio::test]
async fn b17_the_password_goes_in_a_header_and_the_settings_in_the_address() {
    let server = HttpReceiver::start().await;
    server.push([HttpAnswer::new(200, DESCRIBED), HttpAnswer::new(200, stream(&["one"]))]);
    once(spec(&server.url("/")), "select v from t").await.unwrap();
    for request in server.requests() {
        assert_eq!((request.method.as_str(), request.header("x-clickhouse-key")), ("POST", Some(PASSWORD)));
        assert!(!request.path.contains(PASSWORD) && !request.text().contains(PASSWORD));
        for word in [
            "readonly=2",
            "session_timezone=America%2FNew_York",
            "max_execution_time=300",
            "cancel_http_readonly_queries_on_client_close=1",
            "limit=1001",
            "query_id=pressrun-",
            "log_comment=pressrun",
            "timeout_overflow_mode=throw",
            "group_by_overflow_mode=throw",
        ] {
            assert!(request.path.contains(word), "{word}: {}", request.path);
        }
    }
}

#[tokio::test]
async fn a_certificate_is_of_an_authority_that_is_trusted() {
    let certificate = TestCertificate::generate();
    let server = HttpReceiver::start_tls(&certificate).await;
    server.always(HttpAnswer::new(200, DESCRIBED));
    let error = once(spec(&server.url("/")), "select v from t").await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.message.contains("certificate"), "{error:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &certificate.authority_pem).unwrap();
    server.push([HttpAnswer::new(200, DESCRIBED), HttpAnswer::new(200, stream(&["one"]))]);
    let trusting = ClickHouseSpec { authorities: Some(file.path().to_owned()), ..spec(&server.url("/")) };
    assert_eq!(once(trusting, "select v from t").await.unwrap().len(), 3);
}

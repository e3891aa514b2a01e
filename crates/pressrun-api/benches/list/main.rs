//! Figures of the list of schedules over HTTP: every filter, search, sort and page depth, with few and with many schedules stored. Run by
//! `cargo xtask bench list`; `PRESSRUN_BENCH_STORED` names the sizes, divided by commas.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::cast_precision_loss, missing_docs, reason = "a benchmark")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures")]

#[path = "../../tests/contract/harness.rs"]
#[allow(dead_code, unused_imports, unused_macros, unreachable_pub, reason = "shared with the contract's tests")]
mod harness;
#[path = "../../tests/contract/sample.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the contract's tests")]
mod sample;
mod seed;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use pressrun_api::ApiConfig;
use pressrun_store::{SqliteStore, sample as stored};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::runtime::Runtime;

/// Requests of each case.
const ROUNDS: usize = 200;

fn main() {
    let sizes = std::env::var("PRESSRUN_BENCH_STORED").unwrap_or_else(|_| "25,10000,1000000".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut figures = Vec::new();
    for size in sizes.split(',').map(|size| size.trim().parse::<u64>().unwrap()) {
        figures.push(measure(&runtime, size));
    }
    println!("{}", Value::Array(figures));
}

fn measure(runtime: &Runtime, size: u64) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.db");
    let (server, mut raw) = runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(&path, stored::sealer()).await.unwrap());
        let mut raw = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        seed::schedules(&mut raw, size).await;
        (harness::server_on(store, ApiConfig { requests_per_minute: 0, ..ApiConfig::default() }).await, raw)
    });
    let token = |user: uuid::Uuid| {
        let asked = json!({"type": "personal", "name": "x", "userId": user});
        let key = runtime.block_on(server.post("/api/v1/api-keys", &asked));
        key.ok()["token"].as_str().unwrap().to_owned()
    };
    let (admin, member) = (token(sample::ROSS), token(sample::HILL));
    let mut client = Client::to(&server.base, admin);
    let (before, began) = (memory(), Instant::now());
    client.get("pageSize=25");
    let first = began.elapsed().as_secs_f64() * 1e3;
    let index = memory().saturating_sub(before);
    println!("list: {size} schedules stored; the first list after a start took {first:.0} ms and {index} MiB, which is the index");
    println!("  {:<58} {:>9} {:>8} {:>8} {:>8}", "", "total", "p50 ms", "p99 ms", "CPU µs");
    let mut rows = Vec::new();
    for (name, query) in cases(size) {
        rows.push(client.repeat(&name, |_| query.clone()));
    }
    rows.push(client.repeat("another search each time, of two letters", |round| format!("q={}", letters(round, 2))));
    rows.push(client.repeat("another search each time, of four letters", |round| format!("q={}", letters(round * 31, 4))));
    rows.push(client.repeat("a run ended before each", |round| {
        runtime.block_on(seed::end_a_run(&mut raw, round as u64 * 7919 % size + 1));
        "sortField=lastRun&status=success".to_owned()
    }));
    rows.push(client.repeat("a search, and a run ended before each", |round| {
        runtime.block_on(seed::end_a_run(&mut raw, round as u64 * 7919 % size + 1));
        "q=report".to_owned()
    }));
    let mut client = Client::to(&server.base, member);
    for (name, query) in [("a member's list", ""), ("a member's list by last run", "sortField=lastRun"), ("a member's search", "q=report")]
    {
        rows.push(client.repeat(name, |_| query.to_owned()));
    }
    runtime.block_on(async { drop::<SqliteConnection>(raw) });
    let (file, memory) = (std::fs::metadata(&path).unwrap().len() >> 20, memory());
    println!("  the file has {file} MiB, the process {memory} MiB\n");
    json!({"stored": size, "firstMs": first, "indexMib": index, "fileMib": file, "memoryMib": memory, "cases": rows})
}

/// What is asked, by name.
fn cases(size: u64) -> Vec<(String, String)> {
    let mut cases = Vec::new();
    let last = size.div_ceil(25);
    for sort in ["scheduleName", "dashboardName", "ownerName", "lastRun", "lastRunStatus"] {
        for direction in ["asc", "desc"] {
            for (depth, page) in [("first", 1), ("middle", last.div_ceil(2)), ("last", last)] {
                cases.push((
                    format!("by {sort} {direction}, {depth} page"),
                    format!("sortField={sort}&sortDirection={direction}&cursor={page}"),
                ));
            }
        }
    }
    let owner = sample::ROSS;
    for filter in [
        "status=success",
        "status=error",
        "status=canceled",
        "status=none",
        "destination=email",
        "destination=slack",
        "destination=webhook",
        "destination=sftp",
        "destination=s3",
        "scheduleType=alert",
        "scheduleType=schedule",
        "contentType=dashboard",
        "contentType=single%20tile",
        "identifier=12db1a0a",
    ] {
        cases.push((filter.to_owned(), filter.to_owned()));
    }
    cases.push(("ownerId".to_owned(), format!("ownerId={owner}")));
    cases.push((
        "all filters at once".to_owned(),
        format!("status=success&destination=email&scheduleType=alert&contentType=dashboard&ownerId={owner}&q=e"),
    ));
    for (name, term) in [
        ("a common letter", "e"),
        ("a common word", "report"),
        ("a rare word", "zeppelin"),
        ("the middle of a word", "eport"),
        ("no ASCII", "%C3%A4"),
        ("%", "%25"),
        ("_", "_"),
        ("an owner", "Blob Ross"),
        ("a dashboard", "dashboard 7"),
        ("nothing that is there", "qqqqqq"),
    ] {
        for sort in ["scheduleName", "lastRun"] {
            cases.push((format!("search: {name}, by {sort}"), format!("q={}&sortField={sort}", term.replace(' ', "%20"))));
        }
    }
    cases
}

/// Letters that look like words, others for each number.
fn letters(number: usize, count: usize) -> String {
    const ORDER: &[u8] = b"etaoinshrdlucmfwypvbgkjqxz";
    (0..count).map(|place| char::from(ORDER[number / ORDER.len().pow(place as u32) % ORDER.len()])).collect()
}

/// One connection that is kept, on the thread of whoever asks.
struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    fn to(base: &str, token: String) -> Self {
        let stream = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), token }
    }

    /// How many match.
    fn get(&mut self, query: &str) -> u64 {
        let request = format!("GET /api/v1/schedules?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{query}: {line}");
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["pageInfo"]["totalRecords"].as_u64().unwrap()
    }

    fn repeat(&mut self, name: &str, mut query: impl FnMut(usize) -> String) -> Value {
        let (mut took, mut total, mut cpu) = (Vec::with_capacity(ROUNDS), 0, 0);
        for round in 0..ROUNDS {
            let query = format!("pageSize=25&{}", query(round));
            let (before, began) = (server_nanoseconds(), Instant::now());
            total = self.get(&query);
            took.push(began.elapsed().as_secs_f64() * 1e3);
            cpu += server_nanoseconds() - before;
        }
        took.sort_by(f64::total_cmp);
        let (p50, p99, cpu) = (took[ROUNDS / 2], took[ROUNDS * 99 / 100], cpu as f64 / 1e3 / ROUNDS as f64);
        println!("  {name:<58} {total:>9} {p50:>8.2} {p99:>8.2} {cpu:>8.0}");
        json!({"case": name, "total": total, "p50Ms": p50, "p99Ms": p99, "cpuUs": cpu})
    }
}

/// Processor time of all threads but this one.
fn server_nanoseconds() -> u64 {
    let own = std::process::id().to_string();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
    tasks.filter(|task| task.file_name().to_str() != Some(&own)).map(of).sum()
}

/// Memory that the process has, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() >> 10
}

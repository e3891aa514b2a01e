//! Every download over one kept-alive connection, its data written to look like the beginning of an answer.

use std::fmt::Write as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::live_pages::Live;

/// Bytes at which files are cut into pieces on their way out.
const PIECE: usize = 4096;

/// Bytes that stand before the cell: in csv the name of its column and a quote, which are seven; the others are near misses.
const BEFORE: [usize; 4] = [6, 7, 8, 10];

/// A connection on which one request follows the other, read to the byte as its peer announces.
struct KeptAlive(BufReader<TcpStream>);

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl KeptAlive {
    async fn open(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address.trim_start_matches("http://")).await.unwrap()))
    }

    async fn get(&mut self, path: &str, header: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: reports.example\r\n{header}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).await.unwrap() > 0, "{path}: the connection ended: {head}");
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
        let status = status.unwrap_or_else(|| panic!("{path}: this is no answer: {head}"));
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let length: usize = length.unwrap_or_else(|| panic!("{path}: no length: {head}")).parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Answer { status, head, body }
    }
}

/// A dashboard whose one cell looks like a whole refusal at each place where the file may be cut.
fn add_hostile(catalog: &Path) {
    let refusal = |first: usize| {
        let head = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n";
        let text = |more: usize| format!("{head}x-pad: {}\r\n\r\n", "a".repeat(more));
        format!("{}{}", "x".repeat(PIECE - first), text(PIECE - text(0).len()).repeat(12))
    };
    let as_sql = |text: &str| text.split("\r\n").map(|part| format!("'{part}'")).collect::<Vec<_>>().join(" || chr(13) || chr(10) || ");
    let mut tiles = String::new();
    for first in BEFORE {
        let at = first * 4;
        write!(
            tiles,
            "  t{first}:\n    title: T\n    sql: |\n      select {} as text\n    at: {{ x: 0, y: {at}, w: 24, h: 4 }}\n",
            as_sql(&refusal(first))
        )
        .unwrap();
    }
    // Pages cut long cells, so what they show of a refusal begins with it.
    let short = as_sql("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    write!(tiles, "  short:\n    title: T\n    sql: |\n      select {short} as text\n    at: {{ x: 0, y: 48, w: 24, h: 4 }}\n").unwrap();
    let text = format!("identifier: hostile\nname: Hostile\nconnection: files\ntiles:\n{tiles}");
    std::fs::write(catalog.join("dashboards/hostile.yaml"), text).unwrap();
}

/// The ended run of a schedule that was triggered.
async fn ended(live: &Live, schedule: &str) -> Value {
    live.api(Method::POST, &format!("/schedules/{schedule}/trigger"), None).await;
    let run = crate::process::eventually("the run ends", async || {
        let newest = live.api(Method::GET, &format!("/schedules/{schedule}/runs?pageSize=1"), None).await["records"][0].clone();
        (newest["state"] == "ended").then_some(newest)
    });
    let id = run.await["id"].as_str().unwrap().to_owned();
    live.api(Method::GET, &format!("/runs/{id}"), None).await
}

#[tokio::test]
async fn h4_data_that_looks_like_an_answer_is_only_data_in_every_download() {
    let live = Live::with("http://reports.example", add_hostile).await;
    let (_, link) = live.mailed_link("hostile", json!({})).await;
    let cookie = format!("Cookie: {}", live.sign_in().await);
    let token = format!("Authorization: Bearer {}", live.token);
    let mut line = KeptAlive::open(&live.address).await;
    let mut aligned = 0;
    for format in ["csv", "json"] {
        // All tiles together are an archive, so each is delivered alone.
        for first in BEFORE {
            let created = json!({
                "identifier": "hostile", "name": "Export", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": format,
                "queryIdentifierMapKey": format!("t{first}"), "destinationType": "webhook", "url": live.world.http.url("/hook"),
            });
            let schedule = live.api(Method::POST, "/schedules", Some(created)).await["id"].as_str().unwrap().to_owned();
            let run = ended(&live, &schedule).await;
            let (run_id, file) = (run["id"].as_str().unwrap(), &run["artifacts"][0]);
            let sha256 = file["sha256"].as_str().unwrap();
            for (path, header) in
                [(format!("/api/v1/runs/{run_id}/artifacts/{sha256}"), &token), (format!("/runs/{run_id}/artifacts/{sha256}"), &cookie)]
            {
                let answer = line.get(&path, header).await;
                assert_eq!((answer.status, hex::encode(Sha256::digest(&answer.body))), (200, sha256.to_owned()), "{path}: {}", answer.head);
                aligned += usize::from(answer.body.get(PIECE..).is_some_and(|rest| rest.starts_with(b"HTTP/1.1 404 Not Found\r\n")));
            }
        }
    }
    assert_eq!(aligned, 2, "by both faces one file begins its second piece like an answer");
    for (path, header) in [(link.as_str(), "Accept: text/html"), ("/dashboards/hostile", &cookie), ("/healthz", "Accept: */*")] {
        let answer = line.get(path, header).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        let body = String::from_utf8(answer.body).unwrap();
        assert!(path == "/healthz" || (body.trim_end().ends_with("</html>") && body.contains("HTTP/1.1 404")), "{path}: {}", body.len());
    }
}

//! A running server as a reader meets it: the link in a mail, opened without a login, and the same dashboard signed in.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::world::World;

const PARTNER: &str = "partner@x.example";

/// A server of its own over the catalog of a world, whose mail goes to that world's sink.
pub(crate) struct Live {
    pub(crate) world: World,
    pub(crate) address: String,
    pub(crate) token: String,
    client: Client,
    _server: Child,
}

impl Live {
    pub(crate) async fn start() -> Self {
        Self::with("http://reports.example", |_| {}).await
    }

    /// A server that people reach at `public_url`, over a catalog that was changed first.
    pub(crate) async fn with(public_url: &str, change: impl FnOnce(&Path)) -> Self {
        let world = World::new().await;
        change(&world.dir.path().join("catalog"));
        let (dir, smtp) = (world.dir.path(), world.smtp.port());
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
            command
                .env("PRESSRUN_SERVER__LISTEN", "127.0.0.1:0")
                .env("PRESSRUN_SERVER__PUBLIC_URL", public_url)
                .env("PRESSRUN_LIMITS__REQUESTS_PER_MINUTE", "0")
                .env("PRESSRUN_STORE__URL", format!("sqlite://{}", dir.join("live.db").display()))
                .env("PRESSRUN_CATALOG__PATH", dir.join("catalog"))
                .env("PRESSRUN_SPOOL__PATH", dir.join("live-spool"))
                .env("PRESSRUN_MAIL__URL", format!("smtp+plain://127.0.0.1:{smtp}"))
                .env("PRESSRUN_MAIL__FROM", "Reports <reports@myorg.co>")
                .env("PRESSRUN_EGRESS__ALLOW", "[\"127.0.0.1\"]")
                .env("PRESSRUN_LOG", "info");
            command
        };
        let key = command().args(["key", "create", "--kind", "organization", "--member", "blob.ross@myorg.co", "--json"]).output();
        let key = key.await.unwrap();
        assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
        let key: Value = serde_json::from_slice(&key.stdout).unwrap();
        let mut server =
            command().args(["serve", "--log-json"]).stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next_line().await.unwrap().expect("the server ended before it listened");
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "listening" {
                break entry["address"].as_str().unwrap().to_owned();
            }
        };
        // Its log is read on, so that the pipe never fills.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = key["token"].as_str().unwrap().to_owned();
        Self { world, address: format!("http://{address}"), token, client, _server: server }
    }

    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.address)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub(crate) async fn page(&self, path: &str, cookie: &str) -> (StatusCode, String) {
        let response = self.client.get(format!("{}{path}", self.address)).header(COOKIE, cookie).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
    /// The cookie of a session of the organization's key.
    pub(crate) async fn sign_in(&self) -> String {
        let form = format!("token={}&next=%2Fschedules", self.token);
        let request = self.client.post(format!("{}/sign-in", self.address)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let entered = request.body(form).send().await.unwrap();
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        entered.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// Saves a schedule that mails a link to somebody without a login, and returns its id and the link once it has come.
    pub(crate) async fn mailed_link(&self, identifier: &str, filters: Value) -> (String, String) {
        let created = self.api(
            Method::POST,
            "/schedules",
            Some(json!({
                "identifier": identifier, "name": "Weekly link", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "link_only",
                "destinationType": "email", "recipients": [PARTNER], "subject": "Sales", "filterConfig": filters, "testNow": false,
            })),
        );
        let id = created.await["id"].as_str().unwrap().to_owned();
        self.api(Method::POST, &format!("/schedules/{id}/trigger"), None).await;
        let mail = self.world.smtp.wait_for(1).await.remove(0).text();
        (id, address_in(&mail, "/shared/"))
    }

    /// What whoever brings this token is answered to `/metrics`.
    async fn metrics(&self, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.client.get(format!("{}/metrics", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// What `/metrics` says of a figure: the sum of its series.
    pub(crate) async fn figure(&self, name: &str) -> u64 {
        let (status, text) = self.metrics(Some(&self.token)).await;
        assert_eq!(status, StatusCode::OK);
        let series = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// Path and query of the first address of this kind in a mail.
fn address_in(mail: &str, start: &str) -> String {
    let text = mail.replace("=\r\n", "").replace("=3D", "=");
    let rest = text
        .split("http://reports.example")
        .find_map(|rest| Some(rest.split_once(start).filter(|(base, _)| base.len() < 20)?.1))
        .unwrap_or_else(|| panic!("no {start} in {text}"));
    format!("{start}{}", rest.split(['"', '\r', '\n', ' ']).next().unwrap())
}

#[tokio::test]
async fn n8_saving_personal_copies_names_who_has_no_value_for_what_they_show() {
    let live = Live::start().await;
    for (skip, outcome) in [(false, "they will see nothing of what depends on it"), (true, "they will be skipped")] {
        let body = json!({
            "identifier": "sales", "name": "Copies", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "csv", "queryIdentifierMapKey": "1",
            "destinationType": "email", "recipients": [PARTNER, "blob.ross@myorg.co"], "subject": "Sales", "fanOut": true,
            "skipRecipientsWithoutValues": skip,
        });
        let saved = live.api(Method::POST, "/schedules", Some(body)).await;
        assert_eq!(saved["warnings"], json!([format!("1 recipient has no value for `region`: {PARTNER}; {outcome}")]), "{saved}");
    }
}

#[tokio::test]
async fn d28_how_runs_end_is_counted_for_operators_and_for_no_member() {
    let live = Live::with("http://reports.example", |catalog| {
        let mut people = std::fs::OpenOptions::new().append(true).open(catalog.join("people.yaml")).unwrap();
        people.write_all(b"dev_keys: [{ token: member-0123456789abcdef, kind: personal, member: blobby.hill@myorg.co }]\n").unwrap();
    })
    .await;
    live.mailed_link("sales", json!({})).await;
    let (status, text) = live.metrics(Some(&live.token)).await;
    assert!(status == StatusCode::OK && text.contains("pressrun_"), "{status} {text}");
    let refused = [(None, StatusCode::UNAUTHORIZED), (Some("member-0123456789abcdef"), StatusCode::FORBIDDEN)];
    for (token, expected) in refused {
        let (status, text) = live.metrics(token).await;
        assert!(status == expected && !text.contains("pressrun_"), "{token:?}: {status} {text}");
    }
}

#[tokio::test]
async fn d1_a_mailed_link_opens_the_dashboard_with_its_filters_until_the_schedule_is_deleted() {
    let live = Live::start().await;
    let (id, link) = live.mailed_link("sales", json!({ "region": ["US"] })).await;
    let (status, page) = live.page(&link, "").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Sales by region") && page.contains("<td>US</td>") && page.contains("40"), "{page}");
    assert!(!page.contains("<td>EU</td>"), "the filters of the link are in force: {page}");
    for (case, changed) in [
        ("without its filters", link.split('?').next().unwrap().to_owned()),
        ("with other filters", link.replace("US", "EU")),
        ("of another server", link.replacen("/shared/A", "/shared/B", 1)),
    ] {
        let (status, page) = live.page(&changed, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{case}");
        assert!(!page.contains("Sales"), "{case}: {page}");
    }

    // Signed in, the same dashboard takes any filter, and a plain visitor is asked to sign in.
    let (status, _) = live.page("/dashboards/sales", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let form = format!("token={}&next=%2Fdashboards%2Fsales", live.token);
    let entered =
        live.client.post(format!("{}/sign-in", live.address)).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
    let entered = entered.send().await.unwrap();
    assert_eq!(entered.headers()[LOCATION], "/dashboards/sales");
    let cookie = entered.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let (status, page) = live.page("/dashboards/sales?filters=%7B%22region%22%3A%5B%22EU%22%5D%7D", &cookie).await;
    assert!(status == StatusCode::OK && page.contains("<td>EU</td>") && !page.contains("<td>US</td>"), "{page}");

    live.api(Method::DELETE, &format!("/schedules/{id}"), None).await;
    let (status, page) = live.page(&link, "").await;
    assert!(status == StatusCode::GONE && page.contains("This is no longer available"), "{page}");
}

#[tokio::test]
async fn m1_a_page_behind_a_link_quotes_no_cell_that_its_query_failed_of() {
    let late = "identifier: late\nname: Late\nconnection: files\ntiles:\n  '1':\n    title: Numbers\n    sql: select cell from casts where \
                cast(cell as integer) > 5 and {{ user_attribute('region', 'region') }}\n    at: { x: 0, y: 0, w: 24, h: 8 }\n";
    let live = Live::with("http://reports.example", |catalog| {
        std::fs::write(catalog.join("dashboards/late.yaml"), late).unwrap();
        std::fs::write(catalog.join("data/casts.csv"), "region,cell\nAPAC,SOMEBODY ELSE'S\nEU,7\n").unwrap();
    });
    let live = live.await;
    let (_, link) = live.mailed_link("late", json!({})).await;
    let cookie = live.sign_in().await;
    for (who, path, cookie) in [("a stranger", link.as_str(), ""), ("a member", "/dashboards/late", cookie.as_str())] {
        let (status, page) = live.page(path, cookie).await;
        assert!(status == StatusCode::OK && page.contains("a value in the data does not fit"), "{who}: {status} {page}");
        assert!(!page.contains("SOMEBODY"), "{who}: {page}");
    }
}

#[tokio::test]
async fn h9_two_hundred_readers_of_one_link_all_see_it_and_it_is_made_once() {
    let live = Arc::new(Live::start().await);
    let (id, link) = live.mailed_link("sales", json!({ "region": ["US"] })).await;
    let (made, queries) = (live.figure("pressrun_pages_made_total").await, live.figure("pressrun_queries_total").await);
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (live, link) = (Arc::clone(&live), link.clone());
        readers.spawn(async move {
            let began = Instant::now();
            let (status, page) = live.page(&link, "").await;
            assert_eq!(status, StatusCode::OK, "{page}");
            assert!(page.contains("<td>US</td>") && !page.contains("<td>EU</td>"), "{page}");
            began.elapsed()
        });
    }
    let slowest = readers.join_all().await.into_iter().max().unwrap_or(Duration::ZERO);
    eprintln!("the slowest of 200 readers waited {} ms", slowest.as_millis());
    assert_eq!(live.figure("pressrun_pages_made_total").await - made, 1);
    let once = live.figure("pressrun_queries_total").await - queries;
    assert!((1..=2).contains(&once), "each of the two tiles was queried once: {once}");
    // Whether the link is good is asked at each opening.
    live.api(Method::DELETE, &format!("/schedules/{id}"), None).await;
    assert_eq!(live.page(&link, "").await.0, StatusCode::GONE);
}

#[tokio::test]
async fn h9_two_hundred_readers_of_personal_links_are_all_answered() {
    const READERS: usize = 200;
    let live = Arc::new(Live::start().await);
    let readers: Vec<String> = (0..READERS).map(|number| format!("reader{number}@x.example")).collect();
    for some in readers.chunks(20) {
        // The value of each is another, so that no two of them share a page.
        let users: Vec<Value> = some.iter().map(|email| json!({"email": email, "userAttributes": {"region": ["US", email]}})).collect();
        live.api(Method::POST, "/users/email-only/bulk", Some(json!({"users": users}))).await;
    }
    let body = json!({
        "identifier": "sales", "name": "Personal links", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "link_only", "fanOut": true,
        "destinationType": "email", "recipients": readers, "subject": "Sales", "queryIdentifierMapKey": "1",
    });
    let created = live.api(Method::POST, "/schedules", Some(body)).await;
    let id = created["id"].as_str().unwrap().to_owned();
    live.api(Method::POST, &format!("/schedules/{id}/trigger"), None).await;
    let mails = live.world.smtp.wait_for(READERS).await;
    let made = live.figure("pressrun_pages_made_total").await;
    let mut opening = tokio::task::JoinSet::new();
    for mail in mails {
        let (live, link) = (Arc::clone(&live), address_in(&mail.text(), "/shared/"));
        opening.spawn(async move {
            let (began, mut turned_away) = (Instant::now(), 0);
            loop {
                let response = live.client.get(format!("{}{link}", live.address)).send().await.unwrap();
                let (status, again) = (response.status(), response.headers().get("retry-after").cloned());
                let page = response.text().await.unwrap();
                if status == StatusCode::OK {
                    assert!(page.contains("<td>US</td>") && !page.contains("<td>EU</td>"), "{page}");
                    return (began.elapsed(), turned_away);
                }
                // A machine that is much slower than ours turns some away after the bound, and says when to come back.
                assert!(status == StatusCode::SERVICE_UNAVAILABLE && again.is_some(), "{status} {page}");
                turned_away += 1;
            }
        });
    }
    let waits = opening.join_all().await;
    let slowest = waits.iter().map(|(wait, _)| *wait).max().unwrap_or(Duration::ZERO);
    let turned_away: usize = waits.iter().map(|(_, times)| times).sum();
    eprintln!("the slowest of {READERS} readers of personal links waited {} ms; turned away: {turned_away}", slowest.as_millis());
    assert_eq!(live.figure("pressrun_pages_made_total").await - made, READERS as u64, "each has a page of their own");
}

#[tokio::test]
async fn m10_links_of_a_server_under_a_path_lead_there_and_open() {
    let live = Live::with("http://reports.example/intra/reports", |_| {}).await;
    let (_, link) = live.mailed_link("sales", json!({})).await;
    for path in [link.clone(), format!("/intra/reports{link}")] {
        let (status, page) = live.page(&path, "").await;
        assert!(status == StatusCode::OK && page.contains("href=\"/intra/reports/assets/style.css\""), "{path}: {page}");
    }
    let (_, document) = live.page("/intra/reports/openapi.json", "").await;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["servers"], json!([{"url": "/intra/reports"}]));
    let (status, docs) = live.page("/intra/reports/docs", "").await;
    assert!(status == StatusCode::OK && docs.contains("href=\"/intra/reports/openapi.json\""));
    let (status, _) = live.page("/intra/reports/api/v1/schedules", "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

//! A running server as a reader meets it: the link in a mail, opened without a login, and the same dashboard signed in.

use std::process::Stdio;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::world::World;

const PARTNER: &str = "partner@x.example";

/// A server of its own over the catalog of a world, whose mail goes to that world's sink.
struct Live {
    world: World,
    address: String,
    token: String,
    client: Client,
    _server: Child,
}

impl Live {
    async fn start() -> Self {
        let world = World::new().await;
        let (dir, smtp) = (world.dir.path(), world.smtp.port());
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
            command
                .env("PRESSRUN_SERVER__LISTEN", "127.0.0.1:0")
                .env("PRESSRUN_SERVER__PUBLIC_URL", "http://reports.example")
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
            if entry["fields"]["message"] == "listening" {
                break entry["fields"]["address"].as_str().unwrap().to_owned();
            }
        };
        // Its log is read on, so that the pipe never fills.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = key["token"].as_str().unwrap().to_owned();
        Self { world, address: format!("http://{address}"), token, client, _server: server }
    }

    async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Value {
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

    async fn page(&self, path: &str, cookie: &str) -> (StatusCode, String) {
        let response = self.client.get(format!("{}{path}", self.address)).header(COOKIE, cookie).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

/// Path and query of the first address of this kind in a mail.
fn address_in(mail: &str, start: &str) -> String {
    let text = mail.replace("=\r\n", "").replace("=3D", "=");
    let rest = text.split(&format!("http://reports.example{start}")).nth(1).unwrap_or_else(|| panic!("no {start} in {text}"));
    format!("{start}{}", rest.split(['"', '\r', '\n', ' ']).next().unwrap())
}

#[tokio::test]
async fn d1_a_mailed_link_opens_the_dashboard_with_its_filters_until_the_schedule_is_deleted() {
    let live = Live::start().await;
    let created = live.api(
        Method::POST,
        "/schedules",
        Some(json!({
            "identifier": "sales", "name": "Weekly link", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "link_only",
            "destinationType": "email", "recipients": [PARTNER], "subject": "Sales", "filterConfig": { "region": ["US"] }, "testNow": false,
        })),
    );
    let id = created.await["id"].as_str().unwrap().to_owned();
    live.api(Method::POST, &format!("/schedules/{id}/trigger"), None).await;
    let mail = live.world.smtp.wait_for(1).await.remove(0).text();
    let link = address_in(&mail, "/shared/");

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

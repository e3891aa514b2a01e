//! Every page over the sample site, as a browser asks for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../examples/pages/sample.rs"]
mod sample;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use pressrun_domain::catalog::GridPosition;
use pressrun_store::{Keys, Schedules};
use pressrun_web::{DashboardPage, DashboardTile, router};
use tower::ServiceExt;

use sample::{ARTIFACT, HOSTILE, SECRET, SIGNATURE, Site};

struct Browser {
    router: Router,
    site: Site,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser {
    async fn new() -> Self {
        Self::at("http://127.0.0.1:8080").await
    }

    async fn at(public_url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tile = DashboardTile {
            key: "1".into(),
            title: HOSTILE.into(),
            subtitle: Some(HOSTILE.into()),
            at: GridPosition { x: 30, y: 0, w: 99, h: 0 },
            html: "<svg class=\"ours\"></svg>".into(),
        };
        let mut site = sample::site(dir.path(), vec![DashboardPage { name: Some(HOSTILE.into()), tiles: vec![tile] }]).await;
        site.state.public_url = public_url.into();
        Self { router: router(site.state.clone()), site, _dir: dir }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 22).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", cookie)], "").await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("content-type", "application/x-www-form-urlencoded")], headers].concat();
        self.send(Method::POST, path, &headers, body).await
    }

    /// The cookie of a sign-in with `token`.
    async fn sign_in(&self, token: &str) -> String {
        let answer = self.post("/sign-in", &[], &format!("token={token}&next=%2Fschedules")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn every_page_renders_with_hostile_names_inert() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let (schedule, run) = (browser.site.open, browser.site.run);
    for path in [
        "/schedules".to_owned(),
        "/schedules?q=%3Cscript%3E&status=%22&sort=x&page=-1".to_owned(),
        "/schedules?q=script".to_owned(),
        format!("/schedules/{schedule}"),
        format!("/schedules/{schedule}?page=99999999999999999999"),
        format!("/schedules/{}", browser.site.closed),
        format!("/runs/{run}"),
        "/dashboards".to_owned(),
        "/dashboards/12db1a0a".to_owned(),
        "/dashboards/12db1a0a?filters=%7B%22region%22%3A%5B%22%3Cscript%3E%22%5D%7D".to_owned(),
    ] {
        let answer = browser.get(&cookie, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<script") && !answer.body.contains("<img"), "{path}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{path} shows a secret");
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"), "{path}: {policy}");
        assert_eq!((answer.header(header::X_CONTENT_TYPE_OPTIONS), answer.header(header::CACHE_CONTROL)), ("nosniff", "no-store"));
    }
}

#[tokio::test]
async fn s12_a_schedule_says_of_every_occurrence_why_it_did_or_did_not_send() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let body = browser.get(&cookie, &format!("/schedules/{}", browser.site.open)).await.body;
    for text in [
        "Sent, but not all of it: one of two recipients refused.",
        "Not sent: the server was not running at this time.",
        "Not sent: the run before was still under way.",
        "The clock went forward over this time",
        "America/New_York",
        "At 09:00",
        "3 occurrences",
    ] {
        assert!(body.contains(text), "{text}: {body}");
    }
    let list = browser.get(&cookie, "/schedules?q=stock").await.body;
    assert!(list.contains("Stock alert") && list.contains("Nothing to say") && list.contains("Slack · channel"), "{list}");
}

#[tokio::test]
async fn t9_the_next_instants_tell_of_daylight_saving() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let mut schedule = browser.site.store.schedule(browser.site.closed).await.unwrap().unwrap();
    schedule.definition.cron = "30 2 ? 3,10 1L *".into();
    let names = pressrun_store::Names { dashboard: "D".into(), owner: "O".into(), condition_query: None };
    browser.site.store.replace_schedule(&schedule, &names).await.unwrap();
    let body = browser.get(&cookie, &format!("/schedules/{}", schedule.id)).await.body;
    assert!(body.contains("02:30 happens twice that day") && body.contains("02:30 does not exist that day"), "{body}");
}

#[tokio::test]
async fn s12_a_run_shows_attempts_answers_tiles_and_files() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let body = browser.get(&cookie, &format!("/runs/{}", browser.site.run)).await.body;
    for text in [
        "blobina@blobsrus.com",
        "250 2.0.0 Ok: queued as 4F2A91C0",
        "421 try later",
        "550 5.1.1 no such mailbox",
        "1,240 rows",
        "412 ms",
        "no such column: pice",
        "cut at the limit",
        ARTIFACT,
        "1.2 kB, 1 page",
        "queried",
        "one of two recipients refused",
    ] {
        assert!(body.contains(text), "{text}: {body}");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_comes_back() {
    let browser = Browser::new().await;
    let answer = browser.get("", "/runs/x?y=1&z=%2F").await;
    assert_eq!((answer.status, answer.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fruns%2Fx%3Fy%3D1%26z%3D%252F"));
    let form = browser.get("", answer.header(header::LOCATION)).await;
    assert!(form.body.contains("value=\"/runs/x?y=1&#38;z=%2F\""), "{}", form.body);
    assert_eq!(browser.get("", "/").await.header(header::LOCATION), "/schedules");
}

#[tokio::test]
async fn signing_in_sets_a_closed_cookie_and_signing_out_takes_it_away() {
    let browser = Browser::at("https://reports.example.com").await;
    let answer = browser.post("/sign-in", &[], "token=%20sales%0A&next=//evil.example").await;
    assert_eq!((answer.status, answer.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/schedules"));
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure") && !cookie.contains("sales"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert!(browser.get(pair, "/schedules").await.body.contains("Blobby Hill"));
    assert_eq!(browser.get(pair, "/sign-in").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&format!("{pair}0"), "/schedules").await.status, StatusCode::SEE_OTHER, "a forged cookie");
    let out = browser.post("/sign-out", &[("cookie", pair)], "").await;
    assert!(out.header(header::SET_COOKIE).starts_with("pressrun_session=;") && out.header(header::SET_COOKIE).contains("Max-Age=0"));
}

#[tokio::test]
async fn a_wrong_token_a_foreign_form_and_half_a_form_sign_nobody_in() {
    let browser = Browser::new().await;
    for (case, headers, body, status) in [
        ("wrong token", vec![], "token=nope", StatusCode::UNAUTHORIZED),
        ("empty", vec![], "token=", StatusCode::UNAUTHORIZED),
        ("no token", vec![], "next=%2F", StatusCode::BAD_REQUEST),
        ("foreign form", vec![("origin", "https://evil.example")], "token=admin", StatusCode::FORBIDDEN),
        ("cross site", vec![("sec-fetch-site", "cross-site")], "token=admin", StatusCode::FORBIDDEN),
    ] {
        let answer = browser.post("/sign-in", &headers, body).await;
        assert_eq!((answer.status, answer.header(header::SET_COOKIE)), (status, ""), "{case}");
    }
    let huge = format!("token={}", "x".repeat(100_000));
    assert_eq!(browser.post("/sign-in", &[], &huge).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&cookie, "/dashboards").await.status, StatusCode::OK);
    for key in browser.site.store.list_keys().await.unwrap() {
        browser.site.store.revoke_key(key.id, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    }
    assert_eq!(browser.get(&cookie, "/dashboards").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.post("/sign-in", &[], "token=guest").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_member_sees_own_schedules_and_those_of_open_dashboards() {
    let browser = Browser::new().await;
    let site = &browser.site;
    for (token, closed_is_seen) in [(site.admin, true), (site.sales, true), (site.guest, false)] {
        let cookie = browser.sign_in(token).await;
        let list = browser.get(&cookie, "/schedules").await.body;
        assert_eq!(list.contains("Nightly files for finance"), closed_is_seen, "{token}");
        assert!(list.contains("Stock alert"), "{token}");
        let status = if closed_is_seen { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(browser.get(&cookie, &format!("/schedules/{}", site.closed)).await.status, status, "{token}");
        assert_eq!(browser.get(&cookie, "/dashboards/da115a1c").await.status, status, "{token}");
        assert_eq!(browser.get(&cookie, "/dashboards").await.body.contains("Daily Slack update"), closed_is_seen, "{token}");
    }
}

#[tokio::test]
async fn d13_a_webhook_address_is_shown_to_those_who_manage_it_only() {
    let browser = Browser::new().await;
    for (token, path_is_seen) in [(browser.site.sales, true), (browser.site.guest, false)] {
        let cookie = browser.sign_in(token).await;
        let list = browser.get(&cookie, "/schedules?q=lake").await.body;
        let id = list.split("/schedules/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let body = browser.get(&cookie, &format!("/schedules/{id}")).await.body;
        assert!(body.contains("hooks.blobsrus.com"), "{token}");
        assert_eq!(body.contains("https://hooks.blobsrus.com/in"), path_is_seen, "{token}");
        assert!(!body.contains(SECRET) && body.contains("stored, not shown"), "{token}");
    }
}

#[tokio::test]
async fn files_are_for_those_who_manage_the_schedule() {
    let browser = Browser::new().await;
    let path = format!("/runs/{}/artifacts/{ARTIFACT}", browser.site.run);
    let cookie = browser.sign_in(browser.site.admin).await;
    let answer = browser.get(&cookie, &path).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "%PDF-1.7 sample"));
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/pdf");
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"Blob Sales.pdf\"; filename*=UTF-8''Blob%20Sales.pdf");
    assert_eq!(answer.header(header::CONTENT_SECURITY_POLICY), "sandbox; default-src 'none'");
    let other = format!("/runs/{}/artifacts/{}", browser.site.run, "b".repeat(64));
    let escape = format!("/runs/{}/artifacts/..%2F..%2Fetc%2Fpasswd", browser.site.run);
    for path in [&other, &escape] {
        assert_eq!(browser.get(&cookie, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let guest = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&guest, &path).await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get(&guest, &format!("/runs/{}", browser.site.run)).await.body.contains("href=\"/runs/"));
    assert_eq!(browser.get("", &path).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn p12_one_click_takes_off_that_address_only_and_needs_its_signature() {
    let browser = Browser::new().await;
    let site = &browser.site;
    let recipients = async || {
        let schedule = site.store.schedule(site.open).await.unwrap().unwrap();
        let recipients = &schedule.definition.destination.email().unwrap().recipients;
        recipients.iter().map(|one| one.email.to_string()).collect::<Vec<_>>()
    };
    let path = format!("/unsubscribe/{}/{}/{SIGNATURE}", site.open, site.recipient);
    let forged = format!("/unsubscribe/{}/{}/00", site.open, site.recipient);
    for path in [forged.as_str(), "/unsubscribe/x/y/z", "/unsubscribe/%FF/%00/5160"] {
        let answer = browser.post(path, &[], "List-Unsubscribe=One-Click").await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(browser.get("", path).await.status.is_client_error(), "{path}");
    }
    let page = browser.get("", &path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("blobina@blobsrus.com") && page.body.matches("<button").count() == 1, "{}", page.body);
    assert!(!page.body.contains("<script"));
    assert_eq!(recipients().await.len(), 2, "looking changes nothing");
    // Mail programs send no cookie and no origin of ours, and any form encoding.
    let headers = [("content-type", "multipart/form-data; boundary=x"), ("origin", "https://mail.example")];
    let answer = browser.send(Method::POST, &path, &headers, "--x--").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(recipients().await, ["blob.sato@myorg.com"]);
    for method in [Method::POST, Method::GET] {
        let again = browser.send(method, &path, &[], "").await;
        assert!(again.status == StatusCode::OK && again.body.contains("off the list"));
    }
    assert_eq!(recipients().await, ["blob.sato@myorg.com"]);
}

#[tokio::test]
async fn a_dashboard_shows_tiles_on_the_grid_and_passes_the_filters_on() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let answer = browser.get(&cookie, "/dashboards/12db1a0a?filters=%7B%22region%22%3A%5B%22US%22%2C%22CA%22%5D%7D").await;
    assert!(answer.body.contains("<svg class=\"ours\"></svg>"), "{}", answer.body);
    assert!(answer.body.contains("style=\"--x:24;--w:1;--y:1;--h:1\""), "out-of-range places are kept on the grid: {}", answer.body);
    assert!(answer.body.contains("name=\"f.region\" value=\"US, CA\""), "{}", answer.body);
    assert!(answer.body.contains("{&#34;region&#34;:[&#34;US&#34;,&#34;CA&#34;]}"), "{}", answer.body);
    for (query, status) in [
        ("filters=%7B%22nope%22%3A%5B%5D%7D", StatusCode::BAD_REQUEST),
        ("filters=%7B", StatusCode::BAD_REQUEST),
        ("filters=%5B1%5D", StatusCode::BAD_REQUEST),
        ("filters=%7B%22region%22%3A%5B%22boom%22%5D%7D", StatusCode::BAD_REQUEST),
        ("filters=&filters=x&x=%FF", StatusCode::OK),
    ] {
        let answer = browser.get(&cookie, &format!("/dashboards/12db1a0a?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
        assert!(!answer.body.contains("<script"), "{query}");
    }
    assert_eq!(browser.get(&cookie, "/dashboards/nope").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_filter_form_leads_to_the_address_that_mails_use() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let answer = browser.get(&cookie, "/dashboards/12db1a0a?filters=&f.region=US,%20EU&f.unknown=x").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let expected = "/dashboards/12db1a0a?filters=%7B%22region%22%3A%7B%22type%22%3A%22string%22%2C%22kind%22%3A%22EQUALS%22%2C%22values%22%3A%5B%22US%22%2C%22EU%22%5D%7D%7D";
    assert_eq!(answer.header(header::LOCATION), expected);
    assert!(browser.get(&cookie, expected).await.body.contains("value=\"US, EU\""));
}

#[tokio::test]
async fn the_style_sheet_loads_nothing_from_elsewhere() {
    let answer = Browser::new().await.get("", "/assets/style.css").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/css; charset=utf-8");
    assert!(!answer.body.contains("url(") && !answer.body.contains("@import"));
}

#[tokio::test]
async fn odd_addresses_are_answered_not_crashed_on() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    for path in [
        "/schedules/x",
        "/schedules/%FF",
        "/runs/%00",
        "/runs/00000000-0000-0000-0000-000000000000",
        "/dashboards/%F0%9F%8D%A3",
        "/nowhere",
    ] {
        assert!(browser.get(&cookie, path).await.status.is_client_error(), "{path}");
    }
    for cookie in ["pressrun_session", "pressrun_session=", "a=b; pressrun_session=....", "pressrun_session=k.99999999999999999999.00"] {
        assert_eq!(browser.get(cookie, "/schedules").await.status, StatusCode::SEE_OTHER, "{cookie}");
    }
}

//! Every page over the sample site, as a browser asks for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../examples/pages/sample.rs"]
mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, Method, StatusCode, header};
use pressrun_api::{CatalogFaults, CatalogProblem, CatalogSource, FaultyDocument};
use pressrun_domain::audit::{Origin, Verb};
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report};
use pressrun_domain::catalog::GridPosition;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{MembershipId, ScheduleId, SubscriptionRequestId, WorkerId};
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{RunKind, RunRecord, RunState, RunStatus};
use pressrun_store::{Asked, Audit, AuditQuery, Consents, Keys, RunEnd, Runs, Schedules, Sessions, Suppressions, sample as stored};
use pressrun_web::{DashboardPage, DashboardTile, WebState, front, router};

use sample::{ARTIFACT, HOSTILE, SECRET, SIGNATURE, Site};

/// A browser in front of a server of its own, on a real socket.
struct Browser {
    client: reqwest::Client,
    address: String,
    site: Site,
    _dir: tempfile::TempDir,
    _server: tokio::task::JoinHandle<()>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The token in the forms of this page.
    fn form_token(&self) -> &str {
        let rest = self.body.split("name=\"form_token\" value=\"").nth(1).expect("a form");
        rest.split('"').next().unwrap()
    }
}

impl Browser {
    async fn new() -> Self {
        Self::at("http://127.0.0.1:8080").await
    }

    async fn at(public_url: &str) -> Self {
        Self::with(|state| state.public_url = public_url.into()).await
    }

    /// In front of a server whose parts `edit` changed.
    async fn with(edit: impl FnOnce(&mut WebState)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tile = DashboardTile {
            key: "1".into(),
            title: HOSTILE.into(),
            subtitle: Some(HOSTILE.into()),
            at: GridPosition { x: 30, y: 0, w: 99, h: 0 },
            html: "<svg class=\"ours\"></svg>".into(),
        };
        let second = DashboardTile { html: "<svg class=\"second\"></svg>".into(), ..tile.clone() };
        let pages =
            [(HOSTILE, tile), ("Every order", second)].map(|(name, tile)| DashboardPage { name: Some(name.into()), tiles: vec![tile] });
        let mut site = sample::site(dir.path(), pages.into()).await;
        edit(&mut site.state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let pages = router(site.state.clone()).fallback(async || (StatusCode::NOT_FOUND, "{}"));
        let came = Origin { source: Some([127, 0, 0, 1].into()), request: None };
        let app = front(pages.layer(axum::Extension(came)), &site.state.public_url);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, address, site, _dir: dir, _server: server }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.address)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone(), body: response.text().await.unwrap() }
    }

    async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", cookie), ("accept", "text/html")], "").await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("content-type", "application/x-www-form-urlencoded")], headers].concat();
        self.send(Method::POST, path, &headers, body).await
    }

    /// Presses a button that carries `token`.
    async fn press(&self, cookie: &str, path: &str, token: &str) -> Answer {
        self.post(path, &[("cookie", cookie)], &format!("form_token={token}")).await
    }

    /// The cookie of a sign-in with `token`.
    async fn sign_in(&self, token: &str) -> String {
        let answer = self.post("/sign-in", &[], &format!("token={token}&next=%2Fschedules")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_dashboard_shows_each_of_its_pages_under_its_name() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    for path in ["/dashboards/12db1a0a", "/shared/good"] {
        let body = browser.get(&cookie, path).await.body;
        let at = |text: &str| body.find(text).unwrap_or_else(|| panic!("{path}: no {text} in {body}"));
        assert!(at("class=\"ours\"") < at("Every order") && at("Every order") < at("class=\"second\""), "{path}");
    }
}

/// Every place of a text that turns the order of what follows: alone in its element, whose direction is its own.
fn assert_isolated(path: &str, body: &str) {
    for (at, _) in body.match_indices('\u{202e}') {
        let tag = &body[body[..at].rfind('<').expect("inside a page")..at];
        let alone = ["<bdi", "<title", "<option", "<input", "<section"].iter().any(|start| tag.starts_with(start));
        assert!(alone || tag.contains("dir=\"auto\""), "{path}: {tag}");
    }
}

#[tokio::test]
async fn every_page_renders_with_hostile_names_inert() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let (schedule, run) = (browser.site.open, browser.site.run);
    for path in [
        "/sign-in".to_owned(),
        "/sign-in?next=%22%3E%3Cscript%3E".to_owned(),
        "/shared/good?filters=%7B%22region%22%3A%5B%22%3Cscript%3E%22%5D%7D".to_owned(),
        format!("/unsubscribe/{schedule}/{}/{SIGNATURE}", browser.site.recipient),
    ] {
        let answer = browser.get("", &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<script") && !answer.body.contains("<img"), "{path}: {}", answer.body);
        assert_isolated(&path, &answer.body);
    }
    for path in [
        "/schedules".to_owned(),
        "/schedules?q=%3Cscript%3E&status=%22&sort=x&page=-1".to_owned(),
        "/schedules?q=script".to_owned(),
        format!("/schedules/{schedule}"),
        format!("/schedules/{schedule}?page=99999999999999999999"),
        format!("/schedules/{}", browser.site.closed),
        format!("/runs/{run}"),
        "/dashboards".to_owned(),
        "/audit".to_owned(),
        "/suppressions".to_owned(),
        "/tokens".to_owned(),
        "/sessions".to_owned(),
        "/dashboards/12db1a0a".to_owned(),
        "/dashboards/12db1a0a?filters=%7B%22region%22%3A%5B%22%3Cscript%3E%22%5D%7D".to_owned(),
    ] {
        let answer = browser.get(&cookie, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<script") && !answer.body.contains("<img"), "{path}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{path} shows a secret");
        assert_isolated(&path, &answer.body);
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:;"),
            "{policy}"
        );
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
    browser.site.store.replace_schedule(&schedule, &names, &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    let body = browser.get(&cookie, &format!("/schedules/{}", schedule.id)).await.body;
    assert!(body.contains("02:30 happens twice that day") && body.contains("02:30 does not exist that day"), "{body}");
}

#[tokio::test]
async fn h2_a_schedule_says_from_when_on_an_occurrence_is_worth_nothing() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let page = format!("/schedules/{}", browser.site.open);
    assert!(!browser.get(&cookie, &page).await.body.contains("Worthless after"), "as the operator says");
    let mut schedule = browser.site.store.schedule(browser.site.open).await.unwrap().unwrap();
    schedule.definition.worthless_after = Some(jiff::civil::time(9, 30, 0, 0));
    let names = pressrun_store::Names { dashboard: "D".into(), owner: "O".into(), condition_query: None };
    browser.site.store.replace_schedule(&schedule, &names, &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    let body = browser.get(&cookie, &page).await.body;
    assert!(body.contains("Worthless after") && body.contains("09:30 in America/New_York: what has not gone out by then"), "{body}");
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
    let forged = browser.post("/sign-out", &[("cookie", pair)], "").await;
    assert_eq!((forged.status, forged.header(header::SET_COOKIE)), (StatusCode::FORBIDDEN, ""), "another site signs nobody out");
    let page = browser.get(pair, "/schedules").await;
    assert_eq!(page.header(header::STRICT_TRANSPORT_SECURITY), "max-age=31536000");
    let out = browser.press(pair, "/sign-out", page.form_token()).await;
    assert!(
        out.header(header::SET_COOKIE).starts_with("__Host-pressrun_session=;") && out.header(header::SET_COOKIE).contains("Max-Age=0")
    );
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
async fn low_tokens_are_not_guessed_at_the_sign_in_either() {
    let browser = Browser::with(|state| {
        state.api.config.failed_authentications_per_minute = 3;
        state.door = pressrun_api::Door::new(&state.api);
    })
    .await;
    for _ in 0..3 {
        assert_eq!(browser.post("/sign-in", &[], "token=wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = browser.post("/sign-in", &[], "token=wrong").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS, "{}", limited.body);
    let wait: u64 = limited.header(header::RETRY_AFTER).parse().expect("told when");
    assert!((1..=60).contains(&wait), "{wait}");
    browser.sign_in(browser.site.admin).await;
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&cookie, "/dashboards").await.status, StatusCode::OK);
    for key in browser.site.store.list_keys(None).await.unwrap() {
        browser.site.store.revoke_key(key.id, &stored::change_at(Verb::KeyRevoked, jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
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
        assert_eq!(body.contains("stored, not shown"), path_is_seen, "{token}");
        assert!(!body.contains(SECRET), "{token}");
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
    assert!(answer.body.contains("name=\"a.region\" value=\"US, CA\""), "{}", answer.body);
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
    let answer = browser.get(&cookie, "/dashboards/12db1a0a?filters=&how.region=is&a.region=US,%20EU&how.unknown=x").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let expected = "/dashboards/12db1a0a?filters=%7B%22region%22%3A%7B%22type%22%3A%22string%22%2C%22kind%22%3A%22EQUALS%22%2C%22values%22%3A%5B%22US%22%2C%22EU%22%5D%7D%7D";
    assert_eq!(answer.header(header::LOCATION), expected);
    assert!(browser.get(&cookie, expected).await.body.contains("value=\"US, EU\""));
    let wrong = browser.get(&cookie, "/dashboards/12db1a0a?filters=&how.region=%3Cscript%3E").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(!wrong.body.contains("<script") && wrong.body.contains("is none of the choices"), "{}", wrong.body);
}

#[tokio::test]
async fn a_link_without_a_login_shows_the_dashboard_and_tells_its_address_to_nobody() {
    let browser = Browser::new().await;
    let answer = browser.get("", "/shared/good?filters=%7B%22region%22%3A%5B%22US%22%5D%7D").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("<svg class=\"ours\"></svg>") && answer.body.contains("until 23 August 2025"), "{}", answer.body);
    for (name, expected) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive"),
    ] {
        assert_eq!(answer.header(name.clone()), expected, "{name}");
    }
    // Its filters cannot be changed, and nothing leads into the rest of the pages.
    for absent in ["<form", "/schedules", "/dashboards", "Sign out"] {
        assert!(!answer.body.contains(absent), "{absent}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_link_that_opens_nothing_says_so_and_tells_nothing() {
    let browser = Browser::new().await;
    for (token, status, heading) in [
        ("nope", StatusCode::NOT_FOUND, "This link does not work"),
        ("%FF", StatusCode::BAD_REQUEST, ""),
        ("expired", StatusCode::GONE, "This link has expired"),
        ("withdrawn", StatusCode::GONE, "This is no longer available"),
        ("busy", StatusCode::SERVICE_UNAVAILABLE, "Many people are reading just now"),
        ("broken", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong"),
    ] {
        let answer = browser.get("", &format!("/shared/{token}")).await;
        assert_eq!(answer.status, status, "{token}: {}", answer.body);
        assert!(answer.body.contains(heading), "{token}: {}", answer.body);
        for secret in ["finance", "12db1a0a", "Orders", "alert(1)", "/schedules", "<form"] {
            assert!(!answer.body.contains(secret), "{token} tells {secret}: {}", answer.body);
        }
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{token}");
        // h9: whoever was turned away for others is told when to come back, and their browser does.
        let again = if token == "busy" { "20" } else { "" };
        assert_eq!((answer.header(header::RETRY_AFTER), answer.header(header::REFRESH)), (again, again), "{token}");
    }
}

#[tokio::test]
async fn buttons_do_what_they_say_for_those_who_manage_the_schedule() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let path = format!("/schedules/{}", site.closed);
    let token = browser.get(&cookie, &path).await.form_token().to_owned();
    let paused = async || site.store.schedule(site.closed).await.unwrap().unwrap().disabled_at.is_some();
    let pressed = browser.press(&cookie, &format!("{path}/pause"), &token).await;
    assert_eq!((pressed.status, pressed.header(header::LOCATION)), (StatusCode::SEE_OTHER, path.as_str()));
    assert!(paused().await && browser.get(&cookie, &path).await.body.contains("Paused since"));
    let again = browser.press(&cookie, &format!("{path}/pause"), &token).await;
    assert!(again.status == StatusCode::CONFLICT && again.body.contains("Schedule is already paused."), "{}", again.body);
    assert_eq!(browser.press(&cookie, &format!("{path}/resume"), &token).await.status, StatusCode::SEE_OTHER);
    assert!(!paused().await);

    let run = browser.press(&cookie, &format!("{path}/run"), &token).await;
    let run = run.header(header::LOCATION).strip_prefix("/runs/").expect("its run").to_owned();
    let queued = site.store.run(run.parse().unwrap()).await.unwrap().unwrap();
    assert!(queued.kind == RunKind::Manual && matches!(queued.state, RunState::Queued { .. }));
    let page = browser.get(&cookie, &format!("/runs/{run}")).await;
    assert!(page.body.contains("http-equiv=\"refresh\"") && page.body.contains("Stop this run"), "{}", page.body);
    let twice = browser.press(&cookie, &format!("{path}/run"), &token).await;
    assert!(twice.status == StatusCode::CONFLICT && twice.body.contains("in progress"), "{}", twice.body);
    assert_eq!(browser.press(&cookie, &format!("/runs/{run}/stop"), &token).await.status, StatusCode::SEE_OTHER);
    let page = browser.get(&cookie, &format!("/runs/{run}")).await;
    assert!(!page.body.contains("http-equiv") && page.body.contains("Stopped"), "{}", page.body);
    assert_eq!(browser.press(&cookie, &format!("/runs/{run}/stop"), &token).await.status, StatusCode::CONFLICT);

    let gone = browser.press(&cookie, &format!("{path}/delete"), &token).await;
    assert_eq!(gone.header(header::LOCATION), "/schedules?done=deleted");
    assert!(browser.get(&cookie, "/schedules?done=deleted").await.body.contains("The schedule was deleted."));
    assert_eq!(browser.get(&cookie, &path).await.status, StatusCode::NOT_FOUND);
    assert!(site.store.schedule(site.closed).await.unwrap().is_none());
}

#[tokio::test]
async fn a_button_of_another_site_session_or_person_does_nothing() {
    let browser = Browser::new().await;
    let site = &browser.site;
    let (admin, guest) = (browser.sign_in(site.admin).await, browser.sign_in(site.guest).await);
    let own = browser.get(&admin, "/schedules").await.form_token().to_owned();
    let others = browser.get(&guest, "/schedules").await.form_token().to_owned();
    assert_ne!(own, others);
    for verb in ["pause", "run", "delete"] {
        let path = format!("/schedules/{}/{verb}", site.open);
        for (case, cookie, token, headers, status) in [
            ("no token", &admin, "", vec![], StatusCode::FORBIDDEN),
            ("token of another session", &admin, others.as_str(), vec![], StatusCode::FORBIDDEN),
            ("another site", &admin, own.as_str(), vec![("origin", "https://evil.example")], StatusCode::FORBIDDEN),
            ("cross site", &admin, own.as_str(), vec![("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
            ("somebody else's schedule", &guest, others.as_str(), vec![], StatusCode::NOT_FOUND),
            ("not signed in", &String::new(), own.as_str(), vec![], StatusCode::SEE_OTHER),
        ] {
            let headers = [vec![("cookie", cookie.as_str())], headers].concat();
            let answer = browser.post(&path, &headers, &format!("form_token={token}")).await;
            assert_eq!(answer.status, status, "{verb}, {case}: {}", answer.body);
        }
        assert_eq!(browser.get(&admin, &path).await.status, StatusCode::NOT_FOUND, "a link does not press a button");
    }
    let schedule = site.store.schedule(site.open).await.unwrap().expect("still there");
    assert!(schedule.disabled_at.is_none());
    let page = browser.get(&guest, &format!("/schedules/{}", site.open)).await;
    assert!(!page.body.contains("/delete") && !page.body.contains("Run now"), "buttons are shown to those who may press them");
    assert_eq!(browser.press(&admin, &format!("/schedules/{}/explode", site.open), &own).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn s12_what_did_not_go_out_and_why_is_seen_in_the_list() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let list = browser.get(&cookie, "/schedules").await.body;
    assert!(list.contains("<strong>1 schedule</strong> did not go out, or not completely, the last time."), "{list}");
    let narrowed = browser.get(&cookie, "/schedules?status=error&sort=last").await.body;
    assert!(narrowed.contains("Sent, but not all of it: one of two recipients refused."), "{narrowed}");
    assert!(narrowed.contains(&format!("/runs/{}", browser.site.run)) && !narrowed.contains("Stock alert"), "{narrowed}");
    for (query, seen, unseen) in [
        ("kind=alert", "Stock alert", "data lake"),
        ("kind=schedule", "data lake", "Stock alert"),
        ("to=sftp", "Nightly files", "data lake"),
    ] {
        let body = browser.get(&cookie, &format!("/schedules?{query}")).await.body;
        assert!(body.contains(seen) && !body.contains(unseen), "{query}: {body}");
    }
    let schedule = browser.get(&cookie, &format!("/schedules/{}", browser.site.open)).await.body;
    assert!(schedule.contains("1 of 2 deliveries accepted"), "{schedule}");
    for recipient in ["blobina@blobsrus.com", "Blobby Hill", "blob.sato@myorg.com"] {
        assert!(schedule.contains(recipient), "{recipient}: {schedule}");
    }
}

#[tokio::test]
async fn a_browser_gone_astray_sees_a_page_and_a_program_what_it_expects() {
    let browser = Browser::new().await;
    let page = browser.get("", "/nowhere").await;
    assert!(page.status == StatusCode::NOT_FOUND && page.body.contains("There is no such page."), "{}", page.body);
    assert!(page.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
    for (path, accept) in [("/nowhere", "application/json"), ("/api/v1/nowhere", "text/html")] {
        let answer = browser.send(Method::GET, path, &[("accept", accept)], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, "{}"), "{path}");
    }
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

#[tokio::test]
async fn m10_under_a_path_of_a_proxy_every_address_leads_back_there() {
    let browser = Browser::at("https://intra.example.com/reports").await;
    let site = &browser.site;
    let signed_in = browser.post("/reports/sign-in", &[], &format!("token={}&next=%2Fdashboards", site.admin)).await;
    assert_eq!(signed_in.header(header::LOCATION), "/reports/dashboards");
    let cookie = signed_in.header(header::SET_COOKIE);
    assert!(cookie.contains("; Path=/reports; "), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (open, run) = (site.open, site.run);
    for path in [
        "/schedules".to_owned(),
        format!("/schedules/{open}"),
        format!("/runs/{run}"),
        "/dashboards".to_owned(),
        "/dashboards/12db1a0a".to_owned(),
        "/shared/good".to_owned(),
        "/shared/none".to_owned(),
        "/sign-in".to_owned(),
        "/nothing".to_owned(),
        format!("/schedules/{}", "0".repeat(36)),
        format!("/unsubscribe/{open}/{}/{SIGNATURE}", site.recipient),
    ] {
        // One proxy takes the path away, another leaves it.
        let (stripped, whole) = (browser.get(&cookie, &path).await, browser.get(&cookie, &format!("/reports{path}")).await);
        assert_eq!((stripped.status, &stripped.body), (whole.status, &whole.body), "{path}");
        if whole.status.is_redirection() {
            assert!(whole.header(header::LOCATION).starts_with("/reports/"), "{path}: {}", whole.header(header::LOCATION));
            continue;
        }
        let addresses = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(|name| whole.body.split(name).skip(1));
        let addresses: Vec<&str> = addresses.map(|rest| rest.split('"').next().unwrap()).filter(|at| at.starts_with('/')).collect();
        assert!(addresses.len() >= 2 && addresses.iter().all(|at| at.starts_with("/reports/")), "{path}: {addresses:?}");
        assert!(browser.get(&cookie, addresses[0]).await.status.is_success(), "{path}: {}", addresses[0]);
    }
    let token = browser.get(&cookie, &format!("/reports/schedules/{open}")).await.form_token().to_owned();
    let pressed = browser.press(&cookie, &format!("/reports/schedules/{open}/pause"), &token).await;
    assert_eq!(pressed.header(header::LOCATION), format!("/reports/schedules/{open}"));
    let away = browser.get("", "/reports/runs/x?y=1").await;
    assert_eq!(away.header(header::LOCATION), "/reports/sign-in?next=%2Fruns%2Fx%3Fy%3D1");
}

#[tokio::test]
async fn low_a_page_for_a_browser_gone_astray_has_every_header_of_a_page() {
    let browser = Browser::at("https://reports.example.com").await;
    let answer = browser.get("", "/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header(header::STRICT_TRANSPORT_SECURITY), "max-age=31536000");
}

/// A run of the open schedule that is under way, and has promised so many pieces.
async fn under_way(site: &Site, pieces: usize) -> pressrun_store::ClaimedRun {
    let schedule = site.store.schedule(site.open).await.unwrap().unwrap();
    let now = site.state.clock.now();
    site.store.enqueue(&stored::manual(&schedule, now), &stored::change_at(Verb::RunTriggered, now)).await.unwrap();
    let until = now + jiff::SignedDuration::from_mins(5);
    let run = site.store.claim(WorkerId::generate(), now, until, 1).await.unwrap().remove(0);
    let piece = |number| stored::piece(run.run.id, &format!("person{number}@fan.example"));
    let pieces: Vec<_> = (0..pieces).map(piece).collect();
    site.store.promise(&run.lease, &pieces).await.unwrap();
    run
}

#[tokio::test]
async fn low_a_run_to_many_is_shown_page_by_page() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let run = under_way(&browser.site, 250).await.run.id;
    let shown = async |query: &str| browser.get(&cookie, &format!("/runs/{run}{query}")).await.body;
    for (query, first, count) in [("", 0, 100), ("?page=2", 100, 100), ("?page=3", 200, 50), ("?page=x", 0, 100)] {
        let body = shown(query).await;
        assert_eq!(body.matches("class=\"piece\"").count(), count, "{query}");
        assert!(body.contains(&format!("person{first}@fan.example")) && body.contains("of 3"), "{query}: {body}");
    }
}

#[tokio::test]
async fn m4_signing_out_ends_the_session_at_the_server() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let page = browser.get(&cookie, "/schedules").await;
    assert_eq!(page.status, StatusCode::OK);
    let out = browser.press(&cookie, "/sign-out", page.form_token()).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&cookie, "/schedules").await.status, StatusCode::SEE_OTHER, "a copy of the cookie opens nothing");
}

#[tokio::test]
async fn m4_the_cookie_is_bound_to_its_host_over_https_and_new_at_each_sign_in() {
    let https = Browser::at("https://reports.example.com").await;
    let secure = https.sign_in(https.site.sales).await;
    assert!(secure.starts_with("__Host-pressrun_session="), "{secure}");
    let plain = secure.replacen("__Host-", "", 1);
    assert_eq!(https.get(&plain, "/schedules").await.status, StatusCode::SEE_OTHER, "a name that a neighbour may set counts for nothing");
    let browser = Browser::new().await;
    let first = browser.sign_in(browser.site.sales).await;
    assert!(first.starts_with("pressrun_session=") && !first.contains("sales"), "{first}");
    let again = browser.post("/sign-in", &[("cookie", &first)], "token=sales").await;
    let second = again.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(browser.get(&first, "/schedules").await.status, StatusCode::SEE_OTHER, "the session before ended");
    assert_eq!(browser.get(&second, "/schedules").await.status, StatusCode::OK);
}

#[tokio::test]
async fn m4_people_see_their_sessions_and_end_them() {
    let browser = Browser::new().await;
    let (here, there) = (browser.sign_in(browser.site.sales).await, browser.sign_in(browser.site.sales).await);
    let other = browser.sign_in(browser.site.guest).await;
    let page = browser.get(&here, "/sessions").await;
    assert_eq!(page.body.matches("/end\"").count(), 2, "{}", page.body);
    assert_eq!(page.body.matches("this one").count(), 1);
    let end = |body: &str, at: usize| {
        let rest = body.split("action=\"/sessions/").nth(at).unwrap();
        format!("/sessions/{}", rest.split('"').next().unwrap())
    };
    let theirs = browser.get(&other, "/sessions").await;
    let token = page.form_token().to_owned();
    assert_eq!(browser.press(&here, &end(&theirs.body, 1), &token).await.status, StatusCode::NOT_FOUND, "somebody else's");
    assert_eq!(browser.press(&here, "/sessions/end-others", &token).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&there, "/schedules").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&other, "/schedules").await.status, StatusCode::OK);
    let own = end(&browser.get(&here, "/sessions").await.body, 1);
    assert_eq!(browser.press(&here, &own, &token).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&here, "/schedules").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn m4_people_make_and_revoke_their_own_tokens() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let form = browser.get(&cookie, "/tokens").await.form_token().to_owned();
    let make = |body: &str| {
        let body = format!("form_token={form}&{body}");
        let (browser, cookie) = (&browser, cookie.as_str());
        async move { browser.post("/tokens", &[("cookie", cookie)], &body).await }
    };
    for (case, body) in [("no name", "scope=read&days=30"), ("for nothing", "name=x&days=30"), ("for ever", "name=x&scope=read&days=99999")]
    {
        assert_eq!(make(body).await.status, StatusCode::BAD_REQUEST, "{case}");
    }
    let made = make(&format!("name={}&scope=read&days=30", HOSTILE.replace('&', "%26"))).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let token = made.body.split("<code class=\"token\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(token.starts_with("pr_pat_") && !browser.get(&cookie, "/tokens").await.body.contains(&token), "shown once");
    assert!(!made.body.contains("<script"));
    let reader = browser.sign_in(&token).await;
    let path = format!("/schedules/{}", browser.site.closed);
    assert_eq!(browser.get(&reader, &path).await.status, StatusCode::OK);
    let own_form = browser.get(&reader, "/schedules").await.form_token().to_owned();
    let refused = browser.press(&reader, &format!("{path}/pause"), &own_form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("schedules"), "it names the scope: {}", refused.body);
    assert_eq!(browser.get(&reader, "/tokens").await.status, StatusCode::FORBIDDEN);
    let revoke = browser.get(&cookie, "/tokens").await.body;
    let id = revoke.split("action=\"/tokens/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(browser.press(&cookie, &format!("/tokens/{id}/revoke"), &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&reader, &path).await.status, StatusCode::SEE_OTHER, "its sessions end with it");
}

#[tokio::test]
async fn h3_sign_ins_sign_outs_and_refused_tokens_are_in_the_audit() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let form = browser.get(&cookie, "/schedules").await.form_token().to_owned();
    browser.press(&cookie, "/sign-out", &form).await;
    browser.post("/sign-in", &[], "token=nope").await;
    let query = AuditQuery { object: Some((pressrun_domain::audit::ObjectKind::Session, None)), limit: 10, ..AuditQuery::default() };
    let verbs: Vec<Verb> = browser.site.store.audit(&query).await.unwrap().iter().map(|entry| entry.change.verb).collect();
    assert_eq!(verbs, [Verb::SignInRefused, Verb::SignedOut, Verb::SignedIn]);
    let admin = browser.sign_in(browser.site.admin).await;
    let page = browser.get(&admin, "/audit").await;
    assert!(page.body.contains("session.refused") && page.body.contains("Blobby Hill"), "{}", page.body);
    assert!(browser.get(&admin, "/audit?action=schedule.created").await.body.contains("schedule.created"));
    assert_eq!(browser.get(&admin, "/audit?action=%3Cscript%3E").await.status, StatusCode::CONFLICT);
    let guest = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&guest, "/audit").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get(&guest, "/schedules").await.body.contains("/audit"));
}

#[tokio::test]
async fn m4_a_page_is_read_with_one_row_of_the_keys_however_many_there_are() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(cookie.split_once('=').unwrap().1.as_bytes()).into();
    let (session, key) = browser.site.store.session_by_hash(hash).await.unwrap().expect("a row");
    assert_eq!(Some(session.opener), key.map(|key| pressrun_domain::session::Opener::Key(key.id)));
}

#[tokio::test]
async fn newcomer_30_those_who_manage_a_schedule_are_told_who_ran_stopped_and_paused_it() {
    let browser = Browser::new().await;
    let admin = browser.sign_in(browser.site.admin).await;
    let path = format!("/schedules/{}", browser.site.open);
    let token = browser.get(&admin, &path).await.form_token().to_owned();
    let run = browser.press(&admin, &format!("{path}/run"), &token).await.header(header::LOCATION).to_owned();
    browser.press(&admin, &format!("{run}/stop"), &token).await;
    browser.press(&admin, &format!("{path}/pause"), &token).await;
    let page = browser.get(&admin, &run).await.body;
    for text in ["Run by Blob Ross", "manual, by Blob Ross", "Blob Ross stopped it"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = browser.get(&admin, &path).await.body;
    for text in ["Run by Blob Ross", "Blob Ross stopped it"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("Paused since") && page.contains(" by Blob Ross.</p>"), "{page}");
    let guest = browser.sign_in(browser.site.guest).await;
    for page in [browser.get(&guest, &run).await.body, browser.get(&guest, &path).await.body] {
        assert!(page.contains("Run by hand") && page.contains("somebody stopped it"), "{page}");
        assert!(!page.contains("by Blob Ross") && !page.contains("Blob Ross stopped"), "who may not manage it is told no name: {page}");
    }
}

#[tokio::test]
async fn newcomer_24_a_schedule_that_waits_for_a_retry_says_until_when_and_why() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let run = under_way(&browser.site, 1).await;
    let listed = async || browser.get(&cookie, "/schedules").await.body;
    assert!(listed().await.contains("Is under way."));
    let later = browser.site.state.clock.now() + jiff::SignedDuration::from_mins(15);
    let mut news = pressrun_store::RunNews::default();
    news.progress.waits_for = Some("451 come again".to_owned());
    browser.site.store.release(&run.lease, later, &news).await.unwrap();
    for body in [listed().await, browser.get(&cookie, &format!("/runs/{}", run.run.id)).await.body] {
        assert!(body.contains("Waits for its next attempt at") && body.contains("(451 come again)"), "{body}");
    }
    assert!(listed().await.contains(&format!("/runs/{}", run.run.id)));
    let guest = browser.sign_in(browser.site.guest).await;
    let body = browser.get(&guest, &format!("/schedules/{}", browser.site.open)).await.body;
    assert!(
        body.contains("Waits for its next attempt at") && !body.contains("come again"),
        "who does not manage it is told no answers: {body}"
    );
}

/// Lets the first of the pieces of a run arrive.
async fn one_arrives(site: &Site, run: &pressrun_store::ClaimedRun) {
    use pressrun_domain::delivery::{Attempt, DeliveryState, Outcome};
    let now = site.state.clock.now();
    let piece = site.store.deliveries(run.run.id).await.unwrap().remove(0);
    let number = site.store.begin_attempt(&run.lease, piece.id, now).await.unwrap();
    let outcome = Some(Outcome::Accepted { receipt: "250 OK".into() });
    let attempt = Attempt { number, started_at: now, ended_at: Some(now), outcome };
    let state = DeliveryState::Accepted { at: now };
    site.store.end_attempt(&run.lease, piece.id, &attempt, &state, &pressrun_store::Learnt::default()).await.unwrap();
}

#[tokio::test]
async fn newcomer_7_how_a_schedule_does_follows_from_its_occurrences_and_not_from_what_was_sent_again() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let now = browser.site.state.clock.now();
    let store = &browser.site.store;
    let run = under_way(&browser.site, 3).await;
    one_arrives(&browser.site, &run).await;
    store.finish(&run.lease, &stored::end(RunStatus::ErrorDelivered), now).await.unwrap();
    let schedule = store.schedule(browser.site.open).await.unwrap().unwrap();
    let mut again = stored::manual(&schedule, now + jiff::SignedDuration::from_mins(1)).run;
    again.kind = RunKind::Resend;
    let piece = stored::piece(again.id, "person0@fan.example");
    store.enqueue_resend(&again, &piece, &stored::change_at(Verb::RunResent, now)).await.unwrap();
    let until = now + jiff::SignedDuration::from_mins(9);
    let again = store.claim(WorkerId::generate(), until, until, 1).await.unwrap().remove(0);
    let end = RunEnd { reason: Some("550 no such user".into()), ..stored::end(RunStatus::Error) };
    store.finish(&again.lease, &end, until).await.unwrap();
    let page = browser.get(&cookie, &format!("/schedules/{}", browser.site.open)).await.body;
    let latest = page.split("aria-label=\"Last run\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(latest.contains("Sent, but not all of it") && latest.contains("1 of 3 deliveries accepted"), "{latest}");
    let list = browser.get(&cookie, "/schedules").await.body;
    assert!(list.contains("Sent, but not all of it") && !list.contains("550 no such user"), "{list}");
}

#[tokio::test]
async fn newcomer_7_a_run_that_was_stopped_halfway_does_not_say_that_nothing_was_sent() {
    for (arrives, words) in [(true, "Not sent to everybody: it was stopped"), (false, "Not sent: it was stopped")] {
        let browser = Browser::new().await;
        let cookie = browser.sign_in(browser.site.admin).await;
        let run = under_way(&browser.site, 3).await;
        if arrives {
            one_arrives(&browser.site, &run).await;
        }
        let end = RunEnd { reason: Some("cancelled".into()), ..stored::end(RunStatus::Killed) };
        browser.site.store.finish(&run.lease, &end, browser.site.state.clock.now()).await.unwrap();
        for path in [format!("/runs/{}", run.run.id), format!("/schedules/{}", browser.site.open)] {
            let body = browser.get(&cookie, &path).await.body;
            assert!(body.contains(words), "{path}: {body}");
        }
    }
}

#[tokio::test]
async fn m4_a_deactivated_member_is_signed_out_everywhere() {
    let gone = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&gone);
    let browser = Browser::with(move |state| {
        let catalog = Arc::clone(&state.catalog);
        state.catalog = Arc::new(move || {
            let mut catalog = (*catalog()).clone();
            let mut members = catalog.members.to_vec();
            for member in &mut members {
                member.active &= !(switch.load(Ordering::SeqCst) && member.name == "Blobby Hill");
            }
            catalog.members = members.into();
            Arc::new(catalog)
        });
    })
    .await;
    let (hill, other) = (browser.sign_in(browser.site.sales).await, browser.sign_in(browser.site.guest).await);
    assert_eq!(browser.get(&hill, "/schedules").await.status, StatusCode::OK);
    gone.store(true, Ordering::SeqCst);
    assert_eq!(browser.get(&hill, "/schedules").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&other, "/schedules").await.status, StatusCode::OK);
}

/// The member behind a token of the site.
async fn member(site: &Site, token: &str) -> MembershipId {
    use sha2::{Digest, Sha256};
    site.store.key_by_hash(Sha256::digest(token.as_bytes()).into()).await.unwrap().unwrap().member
}

/// The schedule of this name, as the store has it.
async fn named(site: &Site, name: &str) -> pressrun_domain::schedule::Schedule {
    let query = pressrun_store::ListQuery { search: Some(name.to_owned()), ..pressrun_store::sample::list() };
    let listed = site.store.list_schedules(&query).await.unwrap().rows;
    let id = listed.iter().find(|row| row.schedule.definition.name == name).unwrap().schedule.id;
    site.store.schedule(id).await.unwrap().unwrap()
}

/// What the form of an offer's page says was seen.
fn seen_on(body: &str) -> String {
    let (_, rest) = body.split_once("name=\"seen\" value=\"").expect("an offer");
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn c1_an_offer_is_shown_whole_to_the_two_whom_it_concerns_and_accepted_on_its_page() {
    let browser = Browser::new().await;
    let site = &browser.site;
    let schedule = named(site, "Revenue to the data lake").await;
    let guest = member(site, site.guest).await;
    let offer = OwnershipOffer::new(schedule.id, &schedule.definition, guest, site.state.clock.now());
    site.store.put_offer(&offer, &[], &stored::change(Verb::OwnershipOffered)).await.unwrap();
    let (page, offer_page) = (format!("/schedules/{}", schedule.id), format!("/schedules/{}/offer", schedule.id));
    let (owner, asked) = (browser.sign_in(site.sales).await, browser.sign_in(site.guest).await);
    assert!(browser.get(&asked, &page).await.body.contains("wants to give this schedule to you"));
    let shown = browser.get(&asked, &offer_page).await;
    for text in [
        "https://hooks.blobsrus.com/in",
        "Blobby Hill",
        "those of its owner",
        "who reads it there is not decided here",
        "Accept: send my rows there",
    ] {
        assert!(shown.body.contains(text), "{text}: {}", shown.body);
    }
    let own = browser.get(&owner, &offer_page).await;
    assert!(own.body.contains("Take the offer back") && !own.body.contains("/accept-offer"), "{}", own.body);
    let pressed = browser.press(&owner, &format!("{page}/accept-offer"), own.form_token()).await;
    assert_eq!(pressed.status, StatusCode::NOT_FOUND, "nobody accepts what they offer");
    let pressed = browser.press(&asked, &format!("{page}/accept-offer"), shown.form_token()).await;
    assert_eq!(pressed.status, StatusCode::CONFLICT, "what is accepted has to be named: {}", pressed.body);
    let accept = async |seen: &str| {
        let form = format!("form_token={}&seen={seen}", shown.form_token());
        browser.post(&format!("{page}/accept-offer"), &[("cookie", asked.as_str())], &form).await
    };
    // While the page is read its owner changes the schedule, and offers that.
    let seen = seen_on(&shown.body);
    let mut changed = site.store.schedule(schedule.id).await.unwrap().unwrap();
    changed.definition.cron = "0 5 ? * * *".into();
    let names = pressrun_store::Names { dashboard: "D".into(), owner: "O".into(), condition_query: None };
    site.store.replace_schedule(&changed, &names, &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    let offer = OwnershipOffer::new(schedule.id, &changed.definition, guest, site.state.clock.now());
    site.store.put_offer(&offer, &[], &stored::change(Verb::OwnershipOffered)).await.unwrap();
    assert_eq!(accept(&seen).await.status, StatusCode::CONFLICT, "nobody accepts what they have not seen");
    let pressed = accept(&seen_on(&browser.get(&asked, &offer_page).await.body)).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.body);
    assert_eq!(named(site, "Revenue to the data lake").await.definition.owner, guest);
    assert_eq!(browser.get(&asked, &offer_page).await.status, StatusCode::NOT_FOUND, "it is answered");
}

#[tokio::test]
async fn c2_a_request_is_answered_from_the_mail_or_from_the_schedules_page() {
    let browser = Browser::new().await;
    let site = &browser.site;
    let owner = member(site, site.admin).await;
    let asking = member(site, site.sales).await;
    let now = site.state.clock.now();
    let request = |id: SubscriptionRequestId| {
        use sha2::{Digest, Sha256};
        SubscriptionRequest {
            id,
            schedule: site.open,
            member: asking,
            owner,
            token_sha256: Sha256::digest(b"word").into(),
            requested_at: now,
            expires_at: now + jiff::SignedDuration::from_hours(1),
        }
    };
    let receives = async || {
        let schedule = site.store.schedule(site.open).await.unwrap().unwrap();
        schedule.definition.destination.email().unwrap().recipients.iter().any(|place| place.email.as_str() == "blobby.hill@myorg.co")
    };
    let first = request(SubscriptionRequestId::generate());
    assert_eq!(site.store.put_request(&first, &[], &stored::change(Verb::SubscriptionRequested)).await.unwrap(), Asked::Now);
    let path = format!("/subscription-requests/{}/word", first.id);
    let asked = browser.get("", &path).await;
    assert!(asked.status == StatusCode::OK && asked.body.contains("blobby.hill@myorg.co"), "{}", asked.body);
    assert!(!asked.body.contains("<script") && asked.header(header::REFERRER_POLICY) == "no-referrer");
    for (case, path, body, status) in [
        ("another word", format!("/subscription-requests/{}/sword", first.id), "answer=yes", StatusCode::NOT_FOUND),
        ("another request", format!("/subscription-requests/{}/word", site.open), "answer=yes", StatusCode::NOT_FOUND),
        ("no id", "/subscription-requests/x/word".to_owned(), "answer=yes", StatusCode::NOT_FOUND),
        ("no button", path.clone(), "", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(browser.post(&path, &[], body).await.status, status, "{case}");
    }
    assert!(!receives().await, "looking changes nothing");
    let answered = browser.post(&path, &[], "answer=no").await;
    assert!(answered.status == StatusCode::OK && answered.body.contains("Declined"), "{}", answered.body);
    assert_eq!(browser.get("", &path).await.status, StatusCode::NOT_FOUND, "answered once");
    assert!(!receives().await);

    // What was declined is remembered until it lapses.
    let later = SubscriptionRequest {
        requested_at: first.expires_at,
        expires_at: now + jiff::SignedDuration::from_hours(9),
        ..request(SubscriptionRequestId::generate())
    };
    assert_eq!(site.store.put_request(&later, &[], &stored::change(Verb::SubscriptionRequested)).await.unwrap(), Asked::Now);
    let cookie = browser.sign_in(site.admin).await;
    let page = browser.get(&cookie, &format!("/schedules/{}", site.open)).await;
    assert!(page.body.contains("Ask to receive it") && page.body.contains("Blobby Hill (blobby.hill@myorg.co)"), "{}", page.body);
    let press = |verb: &str| format!("/schedules/{}/requests/{}/{verb}", site.open, later.id);
    assert_eq!(browser.press(&cookie, &press("explode"), page.form_token()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.press(&cookie, &press("confirm"), page.form_token()).await.status, StatusCode::SEE_OTHER);
    assert!(receives().await);
    let readers = browser.get(&browser.sign_in(site.sales).await, &format!("/schedules/{}", site.open)).await;
    assert!(!readers.body.contains("Ask to receive it"), "for those who answer only");
}

#[tokio::test]
async fn m11_one_button_withdraws_all_links_of_a_schedule() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let page = browser.get(&cookie, &format!("/schedules/{}", site.open)).await;
    let pressed = browser.press(&cookie, &format!("/schedules/{}/withdraw-links", site.open), page.form_token()).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.body);
    let epoch = async |id: ScheduleId| site.store.schedule(id).await.unwrap().unwrap().definition.link_epoch;
    assert_eq!(epoch(site.open).await, 1);
    let files = browser.get(&cookie, &format!("/schedules/{}", site.closed)).await;
    assert!(!files.body.contains("Withdraw links"), "files bring no links");
}

/// Suppresses `address`, as if the piece of a run had come back.
async fn suppress(site: &Site, address: &str) {
    let (delivery, schedule) = (pressrun_domain::id::DeliveryId::generate(), site.open);
    let report = Report { kind: BounceKind::Permanent, status: Some("5.1.1".into()), words: format!("550 no such user {HOSTILE}") };
    let bounce = Bounce { delivery, report, at: stored::after(5) };
    let mailed = Mailed { email: address.parse().unwrap(), run: Some(site.run), schedule };
    assert!(site.store.record_bounce(&bounce, &mailed, &[]).await.unwrap());
}

#[tokio::test]
async fn h6_admins_see_who_is_suppressed_why_and_since_when_and_lift_it() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    assert!(browser.get(&cookie, "/suppressions").await.body.contains("Every address gets its mail."));
    for address in ["gone@partner.example", "left@partner.example", "x@elsewhere.example"] {
        suppress(site, address).await;
    }
    let page = browser.get(&cookie, "/suppressions").await;
    for shown in ["gone@partner.example", "5.1.1", "550 no such user", &format!("/runs/{}", site.run)] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains(HOSTILE));
    let narrowed = browser.get(&cookie, "/suppressions?email=PARTNER&pageSize=1").await;
    assert!(narrowed.body.contains("gone@partner") && !narrowed.body.contains("left@partner"), "{}", narrowed.body);
    let onward = narrowed.body.split("rel=\"next\" href=\"").nth(1).expect("a next page").split('"').next().unwrap().replace("&amp;", "&");
    let second = browser.get(&cookie, &onward.replace("&#38;", "&")).await;
    assert!(second.body.contains("left@partner") && !second.body.contains("x@elsewhere"), "{}", second.body);

    let lift = format!("form_token={}&email=Gone%40partner.example", page.form_token());
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], "form_token=other&email=gone%40partner.example").await.status, 403);
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], &lift).await.status, StatusCode::SEE_OTHER);
    assert!(!browser.get(&cookie, "/suppressions").await.body.contains("gone@partner.example"));
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], &lift).await.status, StatusCode::CONFLICT, "it is lifted already");

    let sales = browser.sign_in(site.sales).await;
    assert_eq!(browser.get(&sales, "/suppressions").await.status, StatusCode::NOT_FOUND);
    let own = browser.get(&sales, "/schedules").await;
    assert!(!own.body.contains("/suppressions"));
    let lift = format!("form_token={}&email=left%40partner.example", own.form_token());
    assert_eq!(browser.post("/suppressions", &[("cookie", &sales)], &lift).await.status, StatusCode::NOT_FOUND);
    assert!(browser.get(&cookie, "/suppressions").await.body.contains("left@partner.example"));
}

#[tokio::test]
async fn newcomer_29_a_reader_sees_neither_recipients_nor_answers_on_a_page() {
    let browser = Browser::new().await;
    let guest = browser.sign_in(browser.site.guest).await;
    let schedule = browser.get(&guest, &format!("/schedules/{}", browser.site.open)).await;
    let run = browser.get(&guest, &format!("/runs/{}", browser.site.run)).await;
    for hidden in ["blobina@blobsrus.com", "250 2.0.0 Ok", "550 5.1.1", "no such column", "1,240 rows", "421 try later"] {
        assert!(!schedule.body.contains(hidden) && !run.body.contains(hidden), "{hidden}");
    }
    assert!(
        schedule.body.contains("blob.sato@myorg.com") && schedule.body.contains("1 on its list is shown to its owner only."),
        "{}",
        schedule.body
    );
    assert!(run.body.contains("blob.sato@myorg.com"), "their own piece: {}", run.body);
    assert!(run.body.contains("its owner can see why"), "{}", run.body);
}

/// The sample's catalog, with these faults.
struct Faulty(Arc<dyn CatalogSource>, CatalogFaults);

impl CatalogSource for Faulty {
    fn current(&self) -> Arc<pressrun_domain::catalog::Catalog> {
        self.0.current()
    }

    fn faults(&self) -> CatalogFaults {
        self.1.clone()
    }
}

#[tokio::test]
async fn b14_admins_see_what_of_the_catalog_is_not_in_force_and_nobody_else_does() {
    let document = |file: &str, kept| FaultyDocument { file: file.to_owned(), identifier: Some("orders".into()), kept };
    let faults = CatalogFaults {
        problems: vec![CatalogProblem {
            file: "dashboards/a.yaml".to_owned(),
            place: Some((3, 1)),
            message: format!("unknown key `{HOSTILE}`"),
            hint: "did you mean `title`?".to_owned(),
        }],
        documents: vec![document("dashboards/a.yaml", true), document("dashboards/b.yaml", false)],
        ..CatalogFaults::default()
    };
    let browser = Browser::with(|state| state.api.catalog = Arc::new(Faulty(Arc::clone(&state.api.catalog), faults))).await;
    let admin = browser.sign_in(browser.site.admin).await;
    let page = browser.get(&admin, "/catalog").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in [
        "dashboards/a.yaml",
        "it is what it was before",
        "dashboards/b.yaml",
        "its schedules wait",
        "dashboards/a.yaml:3:1: unknown key",
        "hint: did you mean",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains(HOSTILE), "escaped");
    let guest = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&guest, "/catalog").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get(&guest, "/schedules").await.body.contains("/catalog"));
}

/// An alert of Hill's with a personal copy for somebody else, that ran once; its page and that of its run.
async fn alert_of_hill(browser: &Browser, held: bool) -> [String; 2] {
    let store = &browser.site.store;
    let hill = (browser.site.state.catalog)().member_by_email(&"blobby.hill@myorg.co".parse().unwrap()).unwrap().id;
    let mut schedule = stored::schedule("Search");
    let definition = &mut schedule.definition;
    (definition.identifier, definition.owner) = ("12db1a0a".into(), hill);
    definition.condition = Some(stored::condition(ConditionKind::ResultsPresent));
    definition.destination = stored::to_members(&["colleague@myorg.co"]);
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
    }
    store.insert_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleCreated)).await.unwrap();
    store.enqueue(&stored::manual(&schedule, stored::after(1)), &stored::change_at(Verb::RunTriggered, stored::after(1))).await.unwrap();
    let claimed = store.claim(WorkerId::generate(), stored::after(2), stored::after(600), 100).await.unwrap();
    let Some(claim) = claimed.into_iter().find(|claim| claim.run.schedule_id == schedule.id) else { panic!("its run") };
    let mut outline = Outline::new(KnownTo::Admins);
    outline.held_for_others = held;
    let mut record = RunRecord { outline: Some(outline), ..RunRecord::default() };
    let (status, reason, at) =
        if held { (RunStatus::Complete, None, 90) } else { (RunStatus::ConditionUnmet, Some("conditionUnmet".into()), 3) };
    if held {
        let piece = stored::piece(claim.run.id, "colleague@myorg.co");
        store.promise(&claim.lease, std::slice::from_ref(&piece)).await.unwrap();
        record.note(stored::after(4), "rendered", Some("Search.csv (812 bytes) for a1".into()));
    }
    store.finish(&claim.lease, &RunEnd { record, reason, ..stored::end(status) }, stored::after(at)).await.unwrap();
    [format!("/schedules/{}", schedule.id), format!("/runs/{}", claim.run.id)]
}

#[tokio::test]
async fn d28_pages_show_an_owner_the_same_whichever_way_a_colleagues_condition_went() {
    let mut shown = Vec::new();
    for held in [true, false] {
        // A site of its own each, so that the lists can be compared.
        let browser = Browser::new().await;
        let pages = alert_of_hill(&browser, held).await;
        let read = async |token: &str| {
            let cookie = browser.sign_in(token).await;
            let mut bodies = String::new();
            for path in pages.iter().map(String::as_str).chain([
                "/schedules?q=search",
                "/schedules?q=search&sort=last",
                "/schedules?q=search&status=success",
            ]) {
                let answer = browser.get(&cookie, path).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                let body = answer.body.split("<main").nth(1).expect("a page").to_owned();
                bodies.push_str(&body);
            }
            let mut bodies = pages.iter().fold(bodies, |bodies, path| bodies.replace(path.rsplit('/').next().unwrap(), "ID"));
            while let Some((before, after)) = bodies.split_once("name=\"form_token\" value=\"") {
                bodies = format!("{before}TOKEN{}", after.split_once('"').unwrap().1);
            }
            bodies
        };
        shown.push((read(browser.site.sales).await, read(browser.site.admin).await));
    }
    let [(held, admins_held), (unmet, admins_unmet)] = shown.try_into().unwrap();
    assert!(held.contains("Checked") && !held.contains("colleague@myorg.co</bdi></strong>"), "{held}");
    assert_eq!(held, unmet);
    assert_ne!(admins_held, admins_unmet, "admins see which");
}

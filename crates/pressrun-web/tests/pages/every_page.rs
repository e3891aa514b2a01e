//! What holds for all pages: nothing that people typed acts, every address is answered.

use axum::http::{Method, StatusCode, header};

use crate::browser::Browser;
use crate::sample::{SECRET, SIGNATURE};

/// Every place of a text that turns the order of what follows: alone in its element, whose direction is its own.
fn assert_isolated(path: &str, body: &str) {
    for (at, _) in body.match_indices('\u{202e}') {
        let tag = &body[body[..at].rfind('<').expect("inside a page")..at];
        let alone = ["<bdi", "<title", "<option", "<input", "<section", "<textarea"].iter().any(|start| tag.starts_with(start));
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
        format!("/schedules/{schedule}/edit"),
        "/schedules/new".to_owned(),
        "/schedules/new?dashboard=12db1a0a&filters=%7B%22region%22%3A%5B%22%3Cscript%3E%22%5D%7D".to_owned(),
        format!("/runs/{run}"),
        "/dashboards".to_owned(),
        "/overview".to_owned(),
        "/people".to_owned(),
        "/people?q=%3Cscript%3E".to_owned(),
        "/people/outside?email=%3Cscript%3E&edit=%22".to_owned(),
        "/history".to_owned(),
        "/history?q=%3Cscript%3E&part=%22&page=-1".to_owned(),
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
        format!("/schedules/{open}/edit"),
        "/schedules/new".to_owned(),
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

//! Dashboards: their tiles and filters, and links that open one without a login.

use axum::http::{StatusCode, header};

use crate::browser::Browser;

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

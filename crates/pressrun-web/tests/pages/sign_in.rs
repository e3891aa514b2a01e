//! Signing in and out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{StatusCode, header};
use pressrun_domain::audit::Verb;
use pressrun_store::{Audit, AuditQuery, Keys, Sessions, sample as stored};

use crate::browser::Browser;

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

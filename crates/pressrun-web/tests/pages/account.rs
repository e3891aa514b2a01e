//! The page on which people see their sessions and make their tokens.

use axum::http::StatusCode;

use crate::browser::Browser;
use crate::sample::HOSTILE;

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

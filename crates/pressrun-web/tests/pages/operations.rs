//! What those see and do who answer for everything: overview, history, several schedules at once, a piece sent again.

use axum::http::{StatusCode, header};
use pressrun_domain::audit::Verb;
use pressrun_domain::run::RunKind;
use pressrun_store::{Runs, Schedules, sample as stored};

use crate::browser::Browser;
use crate::sample::HOSTILE;

#[tokio::test]
async fn an_overview_tells_admins_what_fails_first() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let page = browser.get(&cookie, "/overview").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for text in [
        "1 schedule did not go out, or not completely, the last time.",
        "Failed the last time",
        "schedules come due",
        "/history?part=failed",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(page.body.contains(&format!("/schedules/{}\"", browser.site.open)) && !page.body.contains("<script"), "{}", page.body);
    for who in [browser.site.sales, browser.site.guest] {
        let cookie = browser.sign_in(who).await;
        for path in ["/overview", "/history"] {
            assert_eq!(browser.get(&cookie, path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(!browser.get(&cookie, "/schedules").await.body.contains("/overview"));
    }
}

#[tokio::test]
async fn history_of_all_schedules_is_narrowed_by_outcome_name_and_day() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let run = format!("/runs/{}\"", browser.site.run);
    for (query, has_run, has_alert) in [
        ("", true, true),
        ("?part=failed", true, false),
        ("?part=unmet", false, true),
        ("?part=open", false, false),
        ("?q=stock", false, true),
        ("?q=nothing-like-it", false, false),
        ("?from=2025-07-01&to=2025-07-02", false, false),
        ("?from=2025-07-24&to=2025-07-24&part=failed", true, false),
    ] {
        let body = browser.get(&cookie, &format!("/history{query}")).await.body;
        assert_eq!((body.contains(&run), body.contains("Stock alert")), (has_run, has_alert), "{query}: {body}");
    }
    for query in ["?from=soon", "?from=2020-01-01", "?from=2025-07-03&to=2025-07-02"] {
        assert_eq!(browser.get(&cookie, &format!("/history{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn several_schedules_are_paused_resumed_and_deleted_at_once_and_each_outcome_is_said() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let token = browser.get(&cookie, "/schedules").await.form_token().to_owned();
    let send = async |verb: &str, more: &str| {
        let body = format!("form_token={token}&verb={verb}&id={}&id={}{more}", site.open, site.closed);
        browser.post("/schedules/bulk", &[("cookie", &cookie)], &body).await
    };
    let paused = async |id| site.store.schedule(id).await.unwrap().is_some_and(|schedule| schedule.disabled_at.is_some());
    let answer = send("pause", "").await;
    assert!(answer.status == StatusCode::OK && answer.body.matches(">paused<").count() == 2, "{}", answer.body);
    assert!(!answer.body.contains("<script") && answer.body.contains("alert(1)"), "{HOSTILE}: {}", answer.body);
    assert!(paused(site.open).await && paused(site.closed).await);
    let again = send("pause", "").await;
    assert_eq!(again.body.matches("Schedule is already paused.").count(), 2, "{}", again.body);
    assert_eq!(send("resume", "").await.body.matches(">resumed<").count(), 2);
    // What cannot be undone is asked once more.
    let asked = send("delete", "").await;
    assert!(asked.body.contains("Delete 2 schedules?") && site.store.schedule(site.open).await.unwrap().is_some(), "{}", asked.body);
    assert_eq!(send("delete", "&sure=yes").await.body.matches(">deleted<").count(), 2);
    assert!(site.store.schedule(site.open).await.unwrap().is_none());
    assert_eq!(send("delete", "&sure=yes").await.body.matches("not yours to change").count(), 2);
    let nothing = browser.post("/schedules/bulk", &[("cookie", &cookie)], &format!("form_token={token}&verb=pause")).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    let foreign = browser.post("/schedules/bulk", &[("cookie", &cookie)], &format!("form_token=x&verb=pause&id={}", site.closed)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn x7_schedules_are_given_at_once_by_admins_and_offered_by_others() {
    let browser = Browser::new().await;
    let (site, admin) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let token = browser.get(&admin, "/schedules").await.form_token().to_owned();
    let owner = async |id| site.store.schedule(id).await.unwrap().unwrap().definition.owner;
    let before = owner(site.closed).await;
    let send = async |to: &str| {
        let body = format!("form_token={token}&to={to}");
        browser.post(&format!("/schedules/{}/give", site.closed), &[("cookie", &admin)], &body).await
    };
    let nobody = send("nobody%40out.example").await;
    assert!(nobody.status == StatusCode::CONFLICT && nobody.body.contains("No member whom you may look up"), "{}", nobody.body);
    let given = send("BLOBBY.hill%40myorg.co").await;
    assert_eq!(given.header(header::LOCATION), format!("/schedules/{}?done=given", site.closed), "{}", given.body);
    let hill = owner(site.closed).await;
    assert_ne!(before, hill);
    // Hill offers it back, and has it until then.
    let sales = browser.sign_in(site.sales).await;
    let token = browser.get(&sales, &format!("/schedules/{}", site.closed)).await.form_token().to_owned();
    let form = format!("form_token={token}&verb=give&sure=yes&id={}&to=blobby.hill%40myorg.co", site.closed);
    let own = browser.post("/schedules/bulk", &[("cookie", &sales)], &form).await;
    assert!(own.body.contains("User is already the owner of this schedule."), "{}", own.body);
    // Whom one does not know one cannot give to, nor learn whether they are there.
    let form = format!("form_token={token}&verb=give&sure=yes&id={}&to=blob.sato%40myorg.com", site.closed);
    let stranger = browser.post("/schedules/bulk", &[("cookie", &sales)], &form).await;
    assert!(stranger.body.contains("No member whom you may look up"), "{}", stranger.body);
    assert_eq!(owner(site.closed).await, hill);
}

#[tokio::test]
async fn a_piece_is_sent_again_by_whoever_may_have_it() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let page = browser.get(&cookie, &format!("/runs/{}", site.run)).await;
    let address = page
        .body
        .split("class=\"again\" method=\"post\" action=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_else(|| panic!("{}", page.body));
    let again = browser.press(&cookie, address, page.form_token()).await;
    let run = again.header(header::LOCATION).strip_prefix("/runs/").unwrap_or_else(|| panic!("{}", again.body)).parse().unwrap();
    assert_eq!(site.store.run(run).await.unwrap().unwrap().kind, RunKind::Resend);
    let guest = browser.sign_in(site.guest).await;
    let shown = browser.get(&guest, &format!("/runs/{}", site.run)).await;
    assert!(shown.status == StatusCode::OK && !shown.body.contains("Send again"), "{}", shown.body);
    let refused = browser.press(&guest, address, shown.form_token()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.body);
    assert!(page.body.contains("no rows") || page.body.contains("no such column"), "zero rows are marked: {}", page.body);
}

#[tokio::test]
async fn history_says_when_a_search_found_more_schedules_than_it_looks_at() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    for number in 0..201 {
        let schedule = stored::schedule(&format!("Daily {number}"));
        browser.site.store.insert_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleCreated)).await.unwrap();
    }
    let said = "201 schedules have this in their name, dashboard or owner. Here are runs of the 200 of them that ran last";
    let page = browser.get(&cookie, "/history?q=daily").await.body;
    assert!(page.contains(said), "{page}");
    assert!(!browser.get(&cookie, "/history?q=stock").await.body.contains("that ran last"));
}

//! The page of a run.

use axum::http::{StatusCode, header};
use pressrun_domain::run::RunStatus;
use pressrun_store::{RunEnd, Runs, sample as stored};

use crate::browser::Browser;
use crate::sample::ARTIFACT;
use crate::site::{one_arrives, under_way};

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

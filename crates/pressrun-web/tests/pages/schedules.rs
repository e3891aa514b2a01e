//! The list and the page of schedules: what each says, and what its buttons do.

use axum::http::{StatusCode, header};
use pressrun_domain::audit::Verb;
use pressrun_domain::id::{ScheduleId, WorkerId};
use pressrun_domain::run::{RunKind, RunState, RunStatus};
use pressrun_store::{RunEnd, Runs, Schedules, sample as stored};

use crate::browser::Browser;
use crate::site::{one_arrives, under_way};

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
async fn i3_who_presses_twice_runs_a_schedule_once_however_quick_the_first_run_is() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    let path = format!("/schedules/{}", site.closed);
    let press = async |page: &str| {
        let form = page.split(&format!("{path}/run\"")).nth(1).and_then(|rest| rest.split("</form>").next()).expect("the form");
        let seen = form.split("name=\"seen\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("what was seen");
        let token = form.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the token");
        browser.post(&format!("{path}/run"), &[("cookie", &cookie)], &format!("form_token={token}&seen={seen}")).await
    };
    let now = site.state.clock.now();
    let finish = async || {
        let (then, until) = (now + jiff::SignedDuration::from_mins(9), now + jiff::SignedDuration::from_mins(10));
        for claimed in site.store.claim(WorkerId::generate(), then, until, 9).await.unwrap() {
            site.store.finish(&claimed.lease, &stored::end(RunStatus::Complete), then).await.unwrap();
        }
    };
    let page = browser.get(&cookie, &path).await.body;
    assert_eq!(press(&page).await.status, StatusCode::SEE_OTHER);
    finish().await;
    let twice = press(&page).await;
    assert!(twice.status == StatusCode::CONFLICT && twice.body.contains("It was run by hand since this page was made"), "{}", twice.body);
    let page = browser.get(&cookie, &path).await.body;
    assert_eq!(press(&page).await.status, StatusCode::SEE_OTHER, "whoever has seen the run may want another");
    let runs = site.store.list_runs(Some(site.closed), 1, 9).await.unwrap().rows;
    assert_eq!(runs.iter().filter(|run| run.kind == RunKind::Manual).count(), 2);
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

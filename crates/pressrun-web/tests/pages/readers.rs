//! Who sees what: members, readers and strangers.

use axum::http::StatusCode;
use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::WorkerId;
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{RunRecord, RunStatus};
use pressrun_store::{RunEnd, Runs, Schedules, sample as stored};

use crate::browser::Browser;
use crate::sample::SECRET;

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
        let id = list.split("class=\"main\"><a href=\"/schedules/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let body = browser.get(&cookie, &format!("/schedules/{id}")).await.body;
        assert!(body.contains("hooks.blobsrus.com"), "{token}");
        assert_eq!(body.contains("https://hooks.blobsrus.com/in"), path_is_seen, "{token}");
        assert_eq!(body.contains("stored, not shown"), path_is_seen, "{token}");
        assert!(!body.contains(SECRET), "{token}");
    }
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

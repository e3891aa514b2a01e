//! What somebody gets, seen and left from the link of a mail.

use axum::http::{HeaderName, StatusCode};
use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, Person};
use pressrun_store::{People as _, Schedules, sample as stored};

use crate::browser::Browser;
use crate::sample::SIGNATURE;

/// The address of the page for the first recipient of the open schedule.
fn mine(browser: &Browser) -> String {
    format!("/mine/{}/{}/{SIGNATURE}", browser.site.open, browser.site.recipient)
}

/// Another schedule that names the same address, and one that does not.
async fn two_more(browser: &Browser) -> [pressrun_domain::schedule::Schedule; 2] {
    let open = browser.site.store.schedule(browser.site.open).await.unwrap().unwrap();
    let address = open.definition.destination.email().unwrap().recipients[0].email.to_string();
    let mut made = Vec::new();
    for (name, to) in [("Second report", address.as_str()), ("Somebody else's", "other@out.example")] {
        let mut schedule = stored::schedule(name);
        schedule.definition.owner = open.definition.owner;
        schedule.definition.destination = stored::to_members(&[to]);
        let names = pressrun_store::Names { dashboard: "Orders".into(), owner: "Blob Ross".into(), condition_query: None };
        browser.site.store.insert_schedule(&schedule, &names, &stored::change(Verb::ScheduleCreated)).await.unwrap();
        made.push(schedule);
    }
    made.try_into().unwrap()
}

#[tokio::test]
async fn p12_a_link_shows_what_an_address_gets_when_why_and_from_whom() {
    let browser = Browser::new().await;
    two_more(&browser).await;
    let page = browser.get("", &mine(&browser)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for text in ["Second report", "from <bdi>Blob Ross</bdi>", "At 09:00", "you are on its list", "Leave all of them"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("Somebody else") && !page.body.contains("<script"), "{}", page.body);
    assert_eq!(page.header(HeaderName::from_static("referrer-policy")), "no-referrer");
    let ask = browser.get("", &mine(&browser).replace("/mine/", "/unsubscribe/")).await.body;
    assert!(ask.contains(&mine(&browser)), "{ask}");
    for wrong in [mine(&browser).replace(SIGNATURE, "0000"), format!("/mine/x/y/{SIGNATURE}")] {
        assert_eq!(browser.get("", &wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
        assert_eq!(browser.post(&wrong, &[], "all=yes").await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn p12_one_report_is_left_or_all_of_them_and_no_other_persons() {
    let browser = Browser::new().await;
    let [second, other] = two_more(&browser).await;
    let names = async |id| {
        let schedule = browser.site.store.schedule(id).await.unwrap().unwrap();
        let Destination::Email(email) = schedule.definition.destination else { panic!("mail") };
        email.named().map(|place| (place.email.to_string(), matches!(place.person, Person::Member(_)))).collect::<Vec<_>>()
    };
    let left = browser.post(&mine(&browser), &[], &format!("leave={}&leave={}", second.id, other.id)).await;
    assert!(left.status == StatusCode::OK && left.body.contains("You left: <bdi>Second report</bdi>."), "{}", left.body);
    assert_eq!((names(second.id).await.len(), names(other.id).await.len(), names(browser.site.open).await.len()), (0, 1, 2));
    let all = browser.post(&mine(&browser), &[], "all=yes").await;
    assert!(all.body.contains("You are off every list"), "{}", all.body);
    assert_eq!((names(browser.site.open).await.len(), names(other.id).await.len()), (1, 1));
    assert!(browser.get("", &mine(&browser)).await.body.contains("You are off the list"));
}

#[tokio::test]
async fn p12_all_are_left_also_those_that_are_too_many_to_list() {
    let browser = Browser::new().await;
    let open = browser.site.store.schedule(browser.site.open).await.unwrap().unwrap();
    let address = open.definition.destination.email().unwrap().recipients[0].email.clone();
    for number in 0..450 {
        let mut schedule = stored::schedule(&format!("Report {number}"));
        schedule.definition.destination = stored::to_members(&[address.as_str()]);
        browser.site.store.insert_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleCreated)).await.unwrap();
    }
    let page = browser.get("", &mine(&browser)).await;
    assert!(page.body.contains("and there are more") && page.body.contains("none of those that are not listed"), "{}", page.body);
    let all = browser.post(&mine(&browser), &[], "all=yes").await;
    assert!(all.body.contains("You are off every list"), "{}", all.body);
    assert_eq!(browser.site.store.lists_naming(&address, 10).await.unwrap(), []);
}

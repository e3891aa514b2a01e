//! Pages on which people agree to something or take it back: offers, requests, the way out of a list.

use axum::http::{Method, StatusCode, header};
use pressrun_domain::audit::Verb;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::id::SubscriptionRequestId;
use pressrun_store::{Asked, Consents, Schedules, sample as stored};

use crate::browser::Browser;
use crate::sample::SIGNATURE;
use crate::site::{member, named};

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

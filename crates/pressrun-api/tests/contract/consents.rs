//! Who gains rows: offers of ownership (C1), requests to be on a list (C2), and what readers are shown (M1, M2, newcomer 29).

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_domain::catalog::FanOutPolicy;
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::notice::{Notice, NoticeLane};
use serde_json::{Value, json};

use crate::harness::{Answer, NOWHERE, Server, mail, refusals, server, webhook};
use crate::sample;

const NO_OFFER: &str =
    "There is no offer of this schedule that stands; it lapsed, was answered or taken back, or the schedule was changed since";
const NO_REQUEST: &str =
    "There is no such request that stands; it lapsed, was answered or taken back, or the schedule has another owner now";
const DENIED: &str = "Permission denied";

/// Hill's schedule on a dashboard that everybody sees, which mails somebody outside.
async fn of_hill(server: &Server, changes: Value) -> String {
    server.call("hill", "POST", "/api/v1/schedules", Some(&mail(changes))).await.id()
}

async fn offer(server: &Server, id: &str, to: uuid::Uuid) -> Answer {
    server.call("hill", "PUT", &format!("/api/v1/schedules/{id}/transfer-ownership"), Some(&json!({"userId": to}))).await
}

async fn on_offer(server: &Server, who: &str, method: &str, id: &str, verb: &str) -> Answer {
    server.call(who, method, &format!("/api/v1/schedules/{id}/ownership-offer{verb}"), None).await
}

/// Accepts what is on offer now, as somebody does who has read it.
async fn accept(server: &Server, who: &str, id: &str) -> Answer {
    let tag = on_offer(server, who, "GET", id, "").await.header("etag").expect("it can be named").to_owned();
    accept_as(server, who, id, &tag).await
}

async fn accept_as(server: &Server, who: &str, id: &str, tag: &str) -> Answer {
    let request = server.request(reqwest::Method::POST, &format!("/api/v1/schedules/{id}/ownership-offer/accept"));
    server.send(request.header("Authorization", format!("Bearer {who}")).header("If-Match", tag)).await
}

async fn owner(server: &Server, id: &str) -> uuid::Uuid {
    server.stored(id).await.definition.owner.0
}

fn pass(server: &Server, by: SignedDuration) {
    let mut now = server.clock.0.lock().unwrap();
    *now += by;
}

/// What people were told since last asked, by event: event, address, text.
async fn told(server: &Server) -> Vec<(String, String, String)> {
    let now = *server.clock.0.lock().unwrap();
    let mut all = Vec::new();
    loop {
        let claimed: Vec<Notice> =
            server.store.claim_notices(NoticeLane::People, now, now + SignedDuration::from_mins(5), 50).await.unwrap();
        if claimed.is_empty() {
            all.sort();
            return all;
        }
        for notice in claimed {
            all.push((notice.kind.as_str().to_owned(), notice.to.to_string(), notice.text.clone()));
            let attempt = notice.attempts.last().unwrap();
            server.store.settle_notice(notice.id, attempt, &DeliveryState::Accepted { at: now }, &[]).await.unwrap();
        }
    }
}

fn events(told: &[(String, String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(event, to, _)| (event.as_str(), to.as_str())).collect()
}

#[tokio::test]
async fn c1_a_members_transfer_is_an_offer_until_the_new_owner_accepts() {
    let server = server().await;
    let id = of_hill(&server, json!({"filterConfig": {"region": ["EU"]}})).await;
    assert_eq!(offer(&server, &id, sample::ROSS).await.ok(), &json!({"success": true, "offered": true}));
    assert_eq!(owner(&server, &id).await, sample::HILL, "it goes on as the old owner's");
    let said = told(&server).await;
    assert_eq!(events(&said), [("ownership.offered", "ross@blobsrus.com")]);
    assert!(said[0].2.contains(&format!("/schedules/{id}/offer")) && said[0].2.contains("outside"), "{}", said[0].2);
    // Who is asked is shown all that the schedule does; others learn nothing.
    let answer = on_offer(&server, "org", "GET", &id, "").await;
    let shown = answer.ok();
    assert_eq!((&shown["from"]["name"], &shown["to"]["name"]), (&json!("Blobby Hill"), &json!("Blob Ross")));
    assert_eq!((&shown["leavesTheOrganization"], &shown["expiresAt"]), (&json!(true), &json!("2025-08-06T21:43:39.000Z")));
    assert_eq!(shown["schedule"]["destinations"][0]["recipients"][0]["membership"]["user"]["email"], "iamagoodblob@myorg.co");
    assert_eq!(shown["schedule"]["filterOverrides"], json!({"region": ["EU"]}));
    on_offer(&server, "outer", "GET", &id, "").await.refuses(404, NO_OFFER);
    on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
    on_offer(&server, "hill", "POST", &id, "/accept").await.refuses(403, DENIED);
    // The organization key here belongs to Ross.
    accept(&server, "org", &id).await.ok();
    assert_eq!(owner(&server, &id).await, sample::ROSS);
    assert_eq!(events(&told(&server).await), [("schedule.given", "blobby@blobsrus.com"), ("schedule.received", "ross@blobsrus.com")]);
    on_offer(&server, "org", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
    server.call("hill", "PUT", &format!("/api/v1/schedules/{id}/pause"), None).await.refuses(403, DENIED);
}

#[tokio::test]
async fn c1_an_offer_says_whose_rows_go_out_as_organization_and_schedule_have_it_together() {
    for (policy, fan_out, personal) in [
        (FanOutPolicy::Schedule, true, true),
        (FanOutPolicy::Schedule, false, false),
        (FanOutPolicy::Never, true, false),
        (FanOutPolicy::Always, false, true),
    ] {
        let server = server().await;
        server.files.0.lock().unwrap().organization.fan_out = policy;
        let id = of_hill(&server, json!({"fanOut": fan_out})).await;
        offer(&server, &id, sample::ROSS).await.ok();
        let said = told(&server).await;
        assert_eq!(said[0].2.contains("each with their own rows"), personal, "{policy:?} over {fan_out}: {}", said[0].2);
    }
}

#[tokio::test]
async fn c1_a_transfer_by_those_who_decide_is_immediate_and_both_are_told() {
    let server = server().await;
    let id = of_hill(&server, json!({})).await;
    let path = format!("/api/v1/schedules/{id}/transfer-ownership");
    assert_eq!(server.put(&path, &json!({"userId": sample::OUTER})).await.ok(), &json!({"success": true}));
    assert_eq!(owner(&server, &id).await, sample::OUTER);
    assert_eq!(events(&told(&server).await), [("schedule.given", "blobby@blobsrus.com"), ("schedule.received", "outer@blobsrus.com")]);
}

#[tokio::test]
async fn c1_an_offer_lapses_after_fourteen_days_and_with_every_change_of_what_was_shown() {
    let changes = [
        ("recipients", "PUT", "/add-recipients", json!({"emails": ["more@outside.example"]})),
        ("the list", "PUT", "", json!({"recipients": ["other@outside.example"]})),
        ("filters", "PUT", "", json!({"filterConfig": {"region": ["APAC"]}})),
        ("personal copies", "PUT", "", json!({"fanOut": true})),
        ("one tile", "PUT", "", json!({"queryIdentifierMapKey": "1"})),
        ("another dashboard", "PUT", "", json!({"identifier": "12db1a0a"})),
    ];
    for (case, method, verb, body) in changes {
        let server = server().await;
        let id = of_hill(&server, json!({})).await;
        offer(&server, &id, sample::OUTER).await.ok();
        server.call("hill", method, &format!("/api/v1/schedules/{id}{verb}"), Some(&body)).await.ok();
        on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
        assert_eq!(owner(&server, &id).await, sample::HILL, "{case}");
    }
    let server = server().await;
    let id = of_hill(&server, json!({})).await;
    offer(&server, &id, sample::OUTER).await.ok();
    server.call("hill", "PUT", &format!("/api/v1/schedules/{id}"), Some(&json!({"name": "Only its name"}))).await.ok();
    pass(&server, SignedDuration::from_hours(24 * 14) - SignedDuration::from_secs(1));
    on_offer(&server, "outer", "GET", &id, "").await.ok();
    pass(&server, SignedDuration::from_secs(1));
    on_offer(&server, "outer", "GET", &id, "").await.refuses(404, NO_OFFER);
    on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
}

#[tokio::test]
async fn c1_who_read_one_offer_does_not_accept_another_that_took_its_place() {
    let server = server().await;
    let id = of_hill(&server, json!({"recipients": ["outer@blobsrus.com"]})).await;
    offer(&server, &id, sample::OUTER).await.ok();
    let read = on_offer(&server, "outer", "GET", &id, "").await;
    let tag = read.header("etag").expect("it can be named");
    // While it is read the owner puts in an address of her own, and offers that.
    let path = format!("/api/v1/schedules/{id}");
    server.call("hill", "PUT", &path, Some(&json!({"recipients": ["hill.private@outside.example"]}))).await.ok();
    offer(&server, &id, sample::OUTER).await.ok();
    accept_as(&server, "outer", &id, tag)
        .await
        .refuses(412, "What is offered was changed and offered anew since it was read; read it again");
    let unseen = "Say what you accept: read the offer at GET /api/v1/schedules/{scheduleId}/ownership-offer, see what it sends and to whom, and name its \
                  `ETag` in `If-Match`";
    on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(428, unseen);
    accept_as(&server, "outer", &id, "*").await.refuses(428, unseen);
    accept_as(&server, "outer", &id, "")
        .await
        .refuses(412, "What is offered was changed and offered anew since it was read; read it again");
    assert_eq!(owner(&server, &id).await, sample::HILL, "nobody accepts what they have not seen");
    accept(&server, "outer", &id).await.ok();
    assert_eq!(owner(&server, &id).await, sample::OUTER);
}

#[tokio::test]
async fn c2_who_subscribed_to_their_own_rows_gets_none_of_the_owners_until_the_owner_names_them() {
    let server = server().await;
    let id = of_hill(&server, json!({"fanOut": true, "recipients": ["blobby@blobsrus.com"]})).await;
    let path = format!("/api/v1/schedules/{id}");
    let own = server.call("hill", "PUT", &path, Some(&json!({"fanOut": false}))).await;
    assert!(!own.text.contains("own data"), "nobody else is on the list: {}", own.text);
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": true}))).await.ok();
    assert_eq!(server.call("outer", "PUT", &format!("{path}/subscribe"), None).await.ok(), &json!({"success": true}));
    // Being named while copies are personal is no consent to more than that: clients write whole lists back.
    let whole = json!({"recipients": ["blobby@blobsrus.com", "outer@blobsrus.com"]});
    server.call("hill", "PUT", &path, Some(&whole)).await.ok();
    let off = server.call("hill", "PUT", &path, Some(&json!({"fanOut": false}))).await;
    let said = "1 member(s) subscribed to their own data and will receive nothing: add-recipients, or recipients in a later update, says who of them may have what the owner may see";
    assert_eq!(off.ok()["warnings"], json!([said]));
    assert!(held(&server, &id).await);
    // Asking again is asking the owner, like everybody who is not on the list.
    let again = server.call("outer", "PUT", &format!("{path}/subscribe"), None).await;
    assert_eq!(again.ok(), &json!({"success": true, "requested": true}));
    let shown = server.call("hill", "GET", &format!("{path}/recipients"), None).await;
    let waits: Vec<_> = shown.ok()["recipients"].as_array().unwrap().iter().map(|person| person.get("held").is_some()).collect();
    assert_eq!(waits, [false, true]);
    // Personal copies bring them back without a word: that is what they came for.
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": true}))).await.ok();
    assert!(!held(&server, &id).await);
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": false}))).await.ok();
    assert!(held(&server, &id).await);
    let added = server.call("hill", "PUT", &format!("{path}/add-recipients"), Some(&json!({"emails": ["outer@blobsrus.com"]}))).await;
    assert_eq!(added.ok()["addedRecipientsCount"], 1);
    assert!(!held(&server, &id).await, "the owner named them");
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": true}))).await.ok();
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": false}))).await.ok();
    assert!(!held(&server, &id).await, "and does not have to say it again");
}

#[tokio::test]
async fn c2_one_update_turns_personal_copies_off_and_says_who_stays() {
    let server = server().await;
    let id = of_hill(&server, json!({"fanOut": true, "recipients": ["blobby@blobsrus.com"]})).await;
    let path = format!("/api/v1/schedules/{id}");
    server.call("outer", "PUT", &format!("{path}/subscribe"), None).await.ok();
    let body = json!({"fanOut": false, "recipients": ["blobby@blobsrus.com", "outer@blobsrus.com"]});
    let off = server.call("hill", "PUT", &path, Some(&body)).await;
    let said = "1 member(s) and 0 group(s) received their own data and will receive what the owner may see";
    assert_eq!(off.ok()["warnings"], json!([said]));
    assert!(!held(&server, &id).await);
    // Whoever leaves and comes back starts anew.
    server.call("hill", "PUT", &path, Some(&json!({"fanOut": true, "recipients": ["blobby@blobsrus.com"]}))).await.ok();
    server.call("outer", "PUT", &format!("{path}/subscribe"), None).await.ok();
    server.call("hill", "PUT", &format!("{path}/remove-recipients"), Some(&json!({"emails": ["outer@blobsrus.com"]}))).await.ok();
    let subscribed = server.stored(&id).await.definition.destination.email().unwrap().subscribed.clone();
    assert!(subscribed.is_empty(), "{subscribed:?}");
}

/// Whether somebody on the list is there for their own rows only, while the owner's are sent.
async fn held(server: &Server, id: &str) -> bool {
    let definition = server.stored(id).await.definition;
    let catalog = server.files.0.lock().unwrap().clone();
    let email = definition.destination.email().unwrap();
    email.named().any(|place| pressrun_domain::access::is_held(&catalog, &definition, place))
}

#[tokio::test]
async fn c1_an_offer_is_declined_or_taken_back() {
    let server = server().await;
    let id = of_hill(&server, json!({})).await;
    offer(&server, &id, sample::OUTER).await.ok();
    on_offer(&server, "outer", "DELETE", &id, "").await.refuses(403, DENIED);
    on_offer(&server, "outer", "POST", &id, "/decline").await.ok();
    assert_eq!(events(&told(&server).await), [("ownership.declined", "blobby@blobsrus.com"), ("ownership.offered", "outer@blobsrus.com")]);
    on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
    offer(&server, &id, sample::OUTER).await.ok();
    on_offer(&server, "hill", "DELETE", &id, "").await.ok();
    on_offer(&server, "outer", "POST", &id, "/accept").await.refuses(404, NO_OFFER);
    assert_eq!(owner(&server, &id).await, sample::HILL);
}

#[tokio::test]
async fn x8_a_closed_document_takes_nobody_new_on_its_lists_and_another_owner_from_admins_only() {
    let server = server().await;
    let id = of_hill(&server, json!({"fanOut": true})).await;
    offer(&server, &id, sample::OUTER).await.ok();
    Arc::make_mut(server.files.0.lock().unwrap().documents.get_mut("dashboard-abc123").unwrap()).access.no_new_schedules = true;
    let path = |verb: &str| format!("/api/v1/schedules/{id}/{verb}");
    accept(&server, "outer", &id).await.refuses(403, DENIED);
    offer(&server, &id, sample::OUTER).await.refuses(403, DENIED);
    server.call("outer", "PUT", &path("subscribe"), None).await.refuses(403, DENIED);
    server.put(&path("add-recipients"), &json!({"emails": ["a@b.co"]})).await.refuses(403, DENIED);
    server.put(&path("pause"), &json!({})).await.ok();
    // Who leaves must not take it along: those who decide may give it to somebody else.
    server.put(&path("transfer-ownership"), &json!({"userId": sample::OUTER})).await.ok();
    assert_eq!(owner(&server, &id).await, sample::OUTER);
}

/// Hill's plain mail, to which `outer` has asked to be put.
async fn requested(server: &Server) -> (String, String) {
    let id = of_hill(server, json!({})).await;
    let answer = server.call("outer", "PUT", &format!("/api/v1/schedules/{id}/subscribe"), None).await;
    assert_eq!(answer.ok(), &json!({"success": true, "requested": true}));
    let listed = server.call("hill", "GET", &format!("/api/v1/schedules/{id}/subscription-requests"), None).await;
    let row = &listed.ok()["records"][0];
    assert_eq!((&row["name"], &row["email"]), (&json!("Outer Blob"), &json!("outer@blobsrus.com")));
    (id, row["id"].as_str().unwrap().to_owned())
}

async fn receives(server: &Server, id: &str, address: &str) -> bool {
    let definition = server.stored(id).await.definition;
    definition.destination.email().unwrap().recipients.iter().any(|place| place.email.as_str() == address)
}

#[tokio::test]
async fn c2_a_subscription_to_another_ones_rows_is_a_request_that_the_owner_answers() {
    let server = server().await;
    let (id, request) = requested(&server).await;
    assert!(!receives(&server, &id, "outer@blobsrus.com").await, "asked is not on the list");
    let said = told(&server).await;
    assert_eq!(events(&said), [("subscription.requested", "blobby@blobsrus.com")]);
    assert!(!said[0].2.contains("word-"), "the word that answers for the owner is put in when the mail goes: {}", said[0].2);
    let stored = server.store.request(request.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.token_sha256, pressrun_api::token_hash(&format!("word-{request}")), "and is kept as its hash");
    // Again and again is no nuisance.
    server.call("outer", "PUT", &format!("/api/v1/schedules/{id}/subscribe"), None).await.ok();
    assert!(told(&server).await.is_empty());
    let answer = |who: &str, verb: &str| {
        let (who, path) = (who.to_owned(), format!("/api/v1/subscription-requests/{request}/{verb}"));
        let server = &server;
        async move { server.call(&who, "POST", &path, None).await }
    };
    answer("outer", "confirm").await.refuses(404, NO_REQUEST);
    server.call("outer", "GET", &format!("/api/v1/schedules/{id}/subscription-requests"), None).await.refuses(403, DENIED);
    answer("hill", "confirm").await.ok();
    assert!(receives(&server, &id, "outer@blobsrus.com").await);
    assert_eq!(events(&told(&server).await), [("subscription.confirmed", "outer@blobsrus.com")]);
    answer("hill", "confirm").await.refuses(404, NO_REQUEST);
    let again = server.call("outer", "PUT", &format!("/api/v1/schedules/{id}/subscribe"), None).await;
    assert_eq!(again.ok(), &json!({"success": true}), "on the list already");
}

#[tokio::test]
async fn c2_who_gains_nothing_is_on_the_list_at_once_and_the_owner_is_told() {
    let server = server().await;
    let copies = of_hill(&server, json!({"fanOut": true})).await;
    let plain = of_hill(&server, json!({})).await;
    for (case, who, id, address, tells) in [
        ("personal copies", "outer", &copies, "outer@blobsrus.com", true),
        ("an admin", "org", &plain, "ross@blobsrus.com", true),
        ("the owner", "hill", &plain, "blobby@blobsrus.com", false),
    ] {
        let answer = server.call(who, "PUT", &format!("/api/v1/schedules/{id}/subscribe"), None).await;
        assert_eq!(answer.ok(), &json!({"success": true}), "{case}");
        assert!(receives(&server, id, address).await, "{case}");
        let expected: &[_] = if tells { &[("subscription.made", "blobby@blobsrus.com")] } else { &[] };
        assert_eq!(events(&told(&server).await), expected, "{case}");
    }
}

#[tokio::test]
async fn c2_a_request_lapses_is_declined_or_taken_back() {
    let server = server().await;
    let (id, request) = requested(&server).await;
    let subscribe = format!("/api/v1/schedules/{id}/subscribe");
    server.call("hill", "POST", &format!("/api/v1/subscription-requests/{request}/decline"), None).await.ok();
    let declined = "The owner declined; it can be asked again after 2025-08-06T21:43:39Z";
    server.call("outer", "PUT", &subscribe, None).await.refuses(409, declined);
    pass(&server, SignedDuration::from_hours(24 * 14));
    server.call("outer", "PUT", &subscribe, None).await.ok();
    let open = async || {
        let listed = server.call("hill", "GET", &format!("/api/v1/schedules/{id}/subscription-requests"), None).await;
        listed.ok()["records"].as_array().unwrap().len()
    };
    assert_eq!(open().await, 1);
    server.call("outer", "PUT", &format!("/api/v1/schedules/{id}/unsubscribe"), None).await.ok();
    assert_eq!(open().await, 0, "taken back");
    server.call("outer", "PUT", &subscribe, None).await.ok();
    pass(&server, SignedDuration::from_hours(24 * 14));
    assert_eq!(open().await, 0, "lapsed");
}

#[tokio::test]
async fn c2_a_request_is_of_no_use_to_the_next_owner_or_after_a_right_was_lost() {
    let server = server().await;
    let (id, request) = requested(&server).await;
    let confirm = format!("/api/v1/subscription-requests/{request}/confirm");
    for document in server.files.0.lock().unwrap().documents.values_mut().map(Arc::make_mut) {
        document.access.groups = vec!["sales".into()];
    }
    server.call("hill", "POST", &confirm, None).await.refuses(403, DENIED);
    for document in server.files.0.lock().unwrap().documents.values_mut().map(Arc::make_mut) {
        document.access.groups.clear();
    }
    server.put(&format!("/api/v1/schedules/{id}/transfer-ownership"), &json!({"userId": sample::ROSS})).await.ok();
    server.call("org", "POST", &confirm, None).await.refuses(404, NO_REQUEST);
    assert!(!receives(&server, &id, "outer@blobsrus.com").await);
}

#[tokio::test]
async fn low_q1_every_way_of_adding_an_outsider_says_so() {
    let server = server().await;
    let created = server.create(&mail(json!({"recipients": ["a@outside.example"]}))).await;
    let id = created.id();
    let warning = |count: usize| {
        format!("{count} recipient(s) without a login will receive what the owner may see; fanOut sends each their own data")
    };
    assert_eq!(created.body["warnings"], json!([warning(1)]));
    let added = server.put(&format!("/api/v1/schedules/{id}/add-recipients"), &json!({"emails": ["b@outside.example"]})).await;
    assert_eq!((&added.ok()["warnings"], &added.body["addedRecipientsCount"]), (&json!([warning(2)]), &json!(1)));
    let nobody_new = server.put(&format!("/api/v1/schedules/{id}/add-recipients"), &json!({"emails": ["b@outside.example"]})).await;
    assert_eq!(nobody_new.ok().get("warnings"), None);
    let updated = server.put(&format!("/api/v1/schedules/{id}"), &json!({"recipients": ["c@outside.example"]})).await;
    assert_eq!(updated.ok()["warnings"], json!([warning(1)]));
}

#[tokio::test]
async fn m11_withdrawn_links_are_another_epoch() {
    let server = server().await;
    let id = of_hill(&server, json!({})).await;
    let path = format!("/api/v1/schedules/{id}/withdraw-links");
    server.call("outer", "POST", &path, None).await.refuses(403, DENIED);
    for epoch in 1..3 {
        assert_eq!(server.call("hill", "POST", &path, None).await.ok(), &json!({"success": true}));
        assert_eq!(server.stored(&id).await.definition.link_epoch, epoch);
    }
    server.call("hill", "PUT", &format!("/api/v1/schedules/{id}"), Some(&json!({"name": "Another"}))).await.ok();
    assert_eq!(server.stored(&id).await.definition.link_epoch, 2, "an edit brings no old link back");
}

#[tokio::test]
async fn newcomer_29_readers_of_a_schedule_see_no_addresses_but_their_own() {
    let server = server().await;
    let id = of_hill(&server, json!({"fanOut": true, "recipients": ["outer@blobsrus.com", "secret.partner@outside.example"]})).await;
    for (who, sees) in [("hill", true), ("org", true), ("outer", false)] {
        for path in [format!("/api/v1/schedules/{id}"), format!("/api/v1/schedules/{id}/recipients")] {
            let answer = server.call(who, "GET", &path, None).await;
            answer.ok();
            assert_eq!(answer.text.contains("secret.partner@outside.example"), sees, "{who} {path}");
            assert!(answer.text.contains("outer@blobsrus.com"), "{who} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn m1_hidden_filters_and_drafts_are_shown_to_admins_only() {
    let server = server().await;
    for document in server.files.0.lock().unwrap().documents.values_mut().map(Arc::make_mut) {
        if let Some(filter) = document.dashboard.as_mut().and_then(|dashboard| dashboard.filters.get_mut("status")) {
            filter.hidden = true;
            filter.default = Some(json!(["layoff-list-2027"]));
        }
    }
    let own = of_hill(&server, json!({"filterConfig": {"status": ["mine-to-know"]}})).await;
    let others = server.create(&mail(json!({}))).await.id();
    let hooked = server.create(&webhook(json!({"filterConfig": {"status": ["not-yours"]}}))).await.id();
    let paths = [own.as_str(), &others, &hooked].map(|id| format!("/api/v1/schedules/{id}"));
    let all = [&paths[0], &paths[1], &paths[2], "/api/v1/dashboards", "/api/v1/dashboards/dashboard-abc123/filters", "/api/v1/documents"];
    for path in all {
        let admin = server.get(path).await;
        assert!(admin.text.contains("layoff") || admin.text.contains("status") || admin.text.contains("draft"), "{path}: {}", admin.text);
        let member = server.call("hill", "GET", path, None).await;
        for hidden in ["layoff-list-2027", "not-yours", "\"draft\""] {
            assert!(!member.text.contains(hidden), "{hidden} in {path}: {}", member.text);
        }
        assert_eq!(member.text.contains("mine-to-know"), path == paths[0], "{path}");
    }
    // Whoever mistypes a key is not told the hidden ones.
    let typo = server.call("hill", "PUT", &paths[0], Some(&json!({"filterConfig": {"statsu": []}}))).await;
    let detail = "Invalid filter keys found in schedule configuration: statsu. Available dashboard filter keys are: region.";
    typo.refuses(400, detail);
}

refusals! {
    offer_01_bad_id: |server| on_offer(&server, "org", "GET", "x", "") => 400 "Bad Request: scheduleId: Invalid uuid";
    offer_02_no_such_schedule: |server| on_offer(&server, "org", "GET", NOWHERE, "") => 404 format!("Scheduled task with id {NOWHERE} does not exist");
    offer_03_wrong_method: |server| on_offer(&server, "org", "PUT", NOWHERE, "/accept") => 400 "Invalid method";
    request_01_bad_id: |server| server.call("org", "POST", "/api/v1/subscription-requests/x/confirm", None) => 400 "Bad Request: requestId: Invalid uuid";
    request_02_no_such_request: |server| server.call("org", "POST", &format!("/api/v1/subscription-requests/{NOWHERE}/confirm"), None) => 404 NO_REQUEST;
    withdraw_01_no_such_schedule: |server| server.call("org", "POST", &format!("/api/v1/schedules/{NOWHERE}/withdraw-links"), None) => 404 format!("Scheduled task with id {NOWHERE} does not exist");
}

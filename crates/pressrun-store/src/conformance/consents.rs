//! Offers of ownership, and requests to be on a list.

use pressrun_domain::audit::Verb;
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::id::{ScheduleId, SubscriptionRequestId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo, notice_id};
use pressrun_domain::schedule::Schedule;

use super::{saved, stored};
use crate::{Agreed, Asked, Store, StoreError, sample};

fn offer(schedule: &Schedule, to: u128, at: i64) -> OwnershipOffer {
    OwnershipOffer::new(schedule.id, &schedule.definition, sample::member(to), sample::after(at))
}

fn request(schedule: &Schedule, member: u128, at: i64) -> SubscriptionRequest {
    SubscriptionRequest {
        id: SubscriptionRequestId::generate(),
        schedule: schedule.id,
        member: sample::member(member),
        owner: schedule.definition.owner,
        token_sha256: [u8::try_from(member).unwrap(); 32],
        requested_at: sample::after(at),
        expires_at: sample::after(at + 100),
    }
}

fn notice(schedule: &Schedule, kind: NoticeKind) -> Notice {
    let to = NoticeTo::Owner(sample::email("blob@myorg.co"));
    Notice {
        id: notice_id(schedule.id.0, kind, &to),
        kind,
        schedule: schedule.id,
        run: None,
        to,
        subject: "s".into(),
        text: "t".into(),
        body: "{}".into(),
        created_at: sample::after(0),
        state: DeliveryState::Pending { not_before: sample::after(0) },
        attempts: Vec::new(),
    }
}

async fn said(store: &impl Store) -> Vec<NoticeKind> {
    let claimed = store.claim_notices(NoticeLane::People, sample::after(500), sample::after(900), 50).await.unwrap();
    claimed.into_iter().map(|notice| notice.kind).collect()
}

pub async fn c1_a_schedule_has_one_offer_the_newest<S: Store>(store: &S) {
    let schedule = saved(store, "a").await;
    assert_eq!(store.offer(schedule.id).await.unwrap(), None);
    let (first, second) = (offer(&schedule, 2, 0), offer(&schedule, 3, 1));
    store.put_offer(&first, &[notice(&schedule, NoticeKind::OwnershipOffered)], &sample::change(Verb::OwnershipOffered)).await.unwrap();
    store.put_offer(&second, &[], &sample::change(Verb::OwnershipOffered)).await.unwrap();
    assert_eq!(store.offer(schedule.id).await.unwrap(), Some(second.clone()));
    assert!(
        !store
            .drop_offer(&first, &[notice(&schedule, NoticeKind::OwnershipDeclined)], &sample::change(Verb::OwnershipWithdrawn))
            .await
            .unwrap(),
        "another took its place"
    );
    assert!(store.drop_offer(&second, &[], &sample::change(Verb::OwnershipWithdrawn)).await.unwrap());
    assert_eq!(store.offer(schedule.id).await.unwrap(), None);
    assert_eq!(said(store).await, [NoticeKind::OwnershipOffered]);
    let nowhere = OwnershipOffer { schedule: ScheduleId::generate(), ..first };
    assert!(matches!(store.put_offer(&nowhere, &[], &sample::change(Verb::OwnershipOffered)).await, Err(StoreError::NotFound(_))));
}

pub async fn c1_an_agreed_owner_ends_offer_requests_and_baselines_in_one<S: Store>(store: &S) {
    let mut schedule = saved(store, "a").await;
    let made = offer(&schedule, 2, 0);
    store.put_offer(&made, &[], &sample::change(Verb::OwnershipOffered)).await.unwrap();
    store.put_request(&request(&schedule, 3, 0), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap();
    schedule.definition.owner = sample::member(2);
    let notices = [notice(&schedule, NoticeKind::ScheduleReceived)];
    let stale = Schedule { version: 9, ..schedule.clone() };
    let agreed = Agreed::Ownership { offer: Some(&made) };
    assert!(matches!(
        store.agree(&stale, &sample::names(), agreed, &notices, &sample::change(Verb::OwnershipAccepted)).await,
        Err(StoreError::Conflict)
    ));
    let withdrawn = offer(&schedule, 2, 9);
    let late = Agreed::Ownership { offer: Some(&withdrawn) };
    assert!(
        matches!(
            store.agree(&schedule, &sample::names(), late, &notices, &sample::change(Verb::OwnershipAccepted)).await,
            Err(StoreError::Conflict)
        ),
        "taken back meanwhile"
    );
    assert!(store.offer(schedule.id).await.unwrap().is_some() && said(store).await.is_empty(), "nothing half done");
    assert_eq!(store.agree(&schedule, &sample::names(), agreed, &notices, &sample::change(Verb::OwnershipAccepted)).await.unwrap(), 2);
    assert_eq!(stored(store, &schedule).await.definition.owner, sample::member(2));
    assert_eq!(store.offer(schedule.id).await.unwrap(), None);
    assert!(store.requests(schedule.id).await.unwrap().is_empty());
    assert_eq!(said(store).await, [NoticeKind::ScheduleReceived]);
}

pub async fn c2_a_member_asks_once_until_it_lapses<S: Store>(store: &S) {
    let schedule = saved(store, "a").await;
    let first = request(&schedule, 2, 0);
    assert_eq!(
        store
            .put_request(&first, &[notice(&schedule, NoticeKind::SubscriptionRequested)], &sample::change(Verb::SubscriptionRequested))
            .await
            .unwrap(),
        Asked::Now
    );
    assert_eq!(
        store.put_request(&request(&schedule, 2, 50), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Before
    );
    assert_eq!(
        store.put_request(&request(&schedule, 3, 1), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Now,
        "somebody else"
    );
    assert_eq!(store.request(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.requests(schedule.id).await.unwrap().len(), 2);
    assert!(store.decline_request(first.id, &[], &sample::change_at(Verb::SubscriptionDeclined, sample::after(2))).await.unwrap());
    assert!(
        !store.decline_request(first.id, &[], &sample::change_at(Verb::SubscriptionDeclined, sample::after(2))).await.unwrap(),
        "answered"
    );
    assert_eq!((store.request(first.id).await.unwrap(), store.requests(schedule.id).await.unwrap().len()), (None, 1));
    assert_eq!(
        store.put_request(&request(&schedule, 2, 99), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Declined(first.expires_at)
    );
    assert_eq!(
        store.put_request(&request(&schedule, 2, 100), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Now,
        "it lapsed"
    );
    store.drop_request(schedule.id, sample::member(2)).await.unwrap();
    assert_eq!(
        store.put_request(&request(&schedule, 2, 100), &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Now,
        "it was taken back"
    );
    let other = SubscriptionRequest { owner: sample::member(9), ..request(&schedule, 2, 100) };
    assert_eq!(
        store.put_request(&other, &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap(),
        Asked::Now,
        "somebody else owns it now"
    );
    assert_eq!(said(store).await, [NoticeKind::SubscriptionRequested]);
}

pub async fn c2_an_agreed_subscription_answers_its_request_once<S: Store>(store: &S) {
    let schedule = saved(store, "a").await;
    let asked = request(&schedule, 2, 0);
    let email = sample::email("two@myorg.co");
    store.put_request(&asked, &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap();
    store.opt_out(schedule.id, &email, &sample::change(Verb::Unsubscribed)).await.unwrap();
    let agreed = Agreed::Subscription { request: Some(asked.id), email: &email };
    let version = store.agree(&schedule, &sample::names(), agreed, &[], &sample::change(Verb::OwnershipAccepted)).await.unwrap();
    assert_eq!((store.request(asked.id).await.unwrap(), store.opted_out(schedule.id).await.unwrap()), (None, Vec::new()));
    let again = Schedule { version, ..schedule.clone() };
    assert!(matches!(
        store.agree(&again, &sample::names(), agreed, &[], &sample::change(Verb::OwnershipAccepted)).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(stored(store, &schedule).await.version, version, "what conflicts changes nothing");
}

pub async fn c1_consents_go_with_their_schedule<S: Store>(store: &S) {
    let schedule = saved(store, "a").await;
    let asked = request(&schedule, 2, 0);
    store.put_offer(&offer(&schedule, 2, 0), &[], &sample::change(Verb::OwnershipOffered)).await.unwrap();
    store.put_request(&asked, &[], &sample::change(Verb::SubscriptionRequested)).await.unwrap();
    assert!(store.delete_schedule(schedule.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap());
    assert_eq!((store.offer(schedule.id).await.unwrap(), store.request(asked.id).await.unwrap()), (None, None));
    assert!(matches!(
        store.put_request(&request(&schedule, 3, 0), &[], &sample::change(Verb::SubscriptionRequested)).await,
        Err(StoreError::NotFound(_))
    ));
}

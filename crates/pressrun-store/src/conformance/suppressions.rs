//! What came back of mail, and addresses that get nothing more.

use pressrun_domain::audit::{Change, ObjectKind, Verb};
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report};
use pressrun_domain::delivery::{Attempt, DeliveryState};
use pressrun_domain::id::DeliveryId;

use super::started;
use crate::{AuditQuery, ClaimedRun, Store, sample};

fn report(kind: BounceKind) -> Report {
    Report { kind, status: Some("5.1.1".into()), words: "550 5.1.1 no such user".into() }
}

fn bounce(delivery: DeliveryId, kind: BounceKind, seconds: i64) -> Bounce {
    Bounce { delivery, report: report(kind), at: sample::after(seconds) }
}

/// A run under way with one piece that was accepted.
async fn accepted<S: Store>(store: &S, target: &str) -> (ClaimedRun, DeliveryId) {
    let (_, claimed) = started(store, sample::schedule("mail")).await;
    let piece = sample::piece(claimed.run.id, target);
    store.promise(&claimed.lease, std::slice::from_ref(&piece)).await.unwrap();
    let number = store.begin_attempt(&claimed.lease, piece.id, sample::after(1)).await.unwrap();
    let attempt = Attempt { number, started_at: sample::after(1), ended_at: Some(sample::after(2)), outcome: None };
    store
        .end_attempt(&claimed.lease, piece.id, &attempt, &DeliveryState::Accepted { at: sample::after(2) }, &crate::Learnt::default())
        .await
        .unwrap();
    (claimed, piece.id)
}

pub async fn a_report_suppresses_the_address_that_the_piece_went_to<S: Store>(store: &S) {
    let (claimed, piece) = accepted(store, "Blob@MyOrg.co").await;
    let mailed = store.mailed(piece).await.unwrap().unwrap();
    let expected = Mailed { email: sample::email("Blob@MyOrg.co"), run: Some(claimed.run.id), schedule: claimed.run.schedule_id };
    assert_eq!(mailed, expected);
    let asked = [sample::email("blob@myorg.CO"), sample::email("other@myorg.co")];
    assert!(store.record_bounce(&bounce(piece, BounceKind::Transient, 5), &mailed, &[]).await.unwrap());
    assert!(store.suppressed(&asked).await.unwrap().is_empty(), "what is late may still come");
    assert!(store.record_bounce(&bounce(piece, BounceKind::Permanent, 6), &mailed, &[]).await.unwrap());
    assert!(!store.record_bounce(&bounce(piece, BounceKind::Permanent, 9), &mailed, &[]).await.unwrap(), "the same again is nothing new");
    let [found] = store.suppressed(&asked).await.unwrap().try_into().unwrap();
    assert_eq!((found.email, found.report, found.at), (mailed.email, report(BounceKind::Permanent), sample::after(6)));
    assert_eq!((found.delivery, found.run, found.schedule), (piece, mailed.run, mailed.schedule));
    let told = store.bounces_of(&[DeliveryId::generate(), piece]).await.unwrap();
    assert_eq!(told, [bounce(piece, BounceKind::Transient, 5), bounce(piece, BounceKind::Permanent, 6)]);
    assert_eq!(store.bounces_of(&[DeliveryId::generate()]).await.unwrap(), [], "those of other pages are not read");
    assert!(store.suppressed(&[]).await.unwrap().is_empty());
}

pub async fn only_what_was_mailed_can_come_back<S: Store>(store: &S) {
    let (_, claimed) = started(store, sample::schedule("mail")).await;
    let (owed, slack) = (sample::piece(claimed.run.id, "owed@myorg.co"), sample::piece(claimed.run.id, "C0123456789"));
    store.promise(&claimed.lease, &[owed.clone(), slack.clone()]).await.unwrap();
    store.begin_attempt(&claimed.lease, slack.id, sample::after(1)).await.unwrap();
    assert_eq!(store.mailed(owed.id).await.unwrap(), None, "never tried");
    assert_eq!(store.mailed(slack.id).await.unwrap(), None, "no address");
    assert_eq!(store.mailed(DeliveryId::generate()).await.unwrap(), None);
}

pub async fn suppressions_are_listed_by_address_and_lifted_once<S: Store>(store: &S) {
    let (claimed, piece) = accepted(store, "blob@myorg.co").await;
    let mailed = |email: &str| Mailed { email: sample::email(email), run: Some(claimed.run.id), schedule: claimed.run.schedule_id };
    for (nth, email) in ["c@x.example", "A@x.example", "b@elsewhere.example"].into_iter().enumerate() {
        let id = if nth == 0 { piece } else { DeliveryId::generate() };
        assert!(store.record_bounce(&bounce(id, BounceKind::Complaint, 3), &mailed(email), &[]).await.unwrap());
    }
    let list = async |part, after, limit| {
        let page = store.list_suppressions(part, after, limit).await.unwrap();
        (page.rows.iter().map(|row| row.email.to_string()).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(None, None, 2).await, (vec!["A@x.example".to_owned(), "b@elsewhere.example".to_owned()], 3));
    assert_eq!(list(None, Some("B@elsewhere.example"), 2).await, (vec!["c@x.example".to_owned()], 3));
    assert_eq!(list(Some("@X."), None, 9).await, (vec!["A@x.example".to_owned(), "c@x.example".to_owned()], 2));
    let change = sample::change(Verb::AddressReleased);
    assert!(store.lift_suppression(&sample::email("a@X.example"), &change).await.unwrap());
    assert!(!store.lift_suppression(&sample::email("a@x.example"), &change).await.unwrap());
    assert_eq!(list(None, None, 9).await.1, 2);
}

pub async fn h3_an_address_leaves_an_entry_when_its_mail_ends_and_when_somebody_lifts_that<S: Store>(store: &S) {
    let (_, piece) = accepted(store, "Gone@x.example").await;
    let mailed = store.mailed(piece).await.unwrap().unwrap();
    for (kind, seconds) in [(BounceKind::Transient, 4), (BounceKind::Permanent, 5), (BounceKind::Complaint, 6)] {
        store.record_bounce(&bounce(piece, kind, seconds), &mailed, &[]).await.unwrap();
    }
    let lifted = sample::change(Verb::AddressReleased);
    for _ in 0..2 {
        store.lift_suppression(&sample::email("gone@X.example"), &lifted).await.unwrap();
    }
    let object = Some((ObjectKind::Address, Some("gone@x.example".to_owned())));
    let entries = store.audit(&AuditQuery { object, limit: 9, ..AuditQuery::default() }).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| &entry.change).collect();
    assert_eq!(told, [&lifted, &Change::by_system(Verb::AddressSuppressed, sample::after(5))], "what changes nothing leaves none");
    assert_eq!(entries[1].details["reason"], "550 5.1.1 no such user");
}

//! The audit: an entry for each change, in its transaction, for good.

use std::net::IpAddr;

use pressrun_domain::audit::{Agent, Change, Entry, Object, ObjectKind, Origin, RequestId, Verb};
use pressrun_domain::id::{ApiKeyId, SessionId};
use pressrun_domain::key::KeyKind;

use super::{insert, saved, started};
use crate::{AuditQuery, Pruned, Store, StoreError, sample};

/// What member 1 does by a request.
fn by_request(verb: Verb) -> Change {
    let agent = Agent::Key {
        kind: KeyKind::Personal,
        member: sample::member(1),
        key: Some(ApiKeyId(uuid::Uuid::from_u128(7))),
        session: Some(SessionId(uuid::Uuid::from_u128(8))),
    };
    let origin = Origin { source: Some("2001:db8::7".parse::<IpAddr>().unwrap()), request: Some("req-1".parse::<RequestId>().unwrap()) };
    Change { at: sample::after(3), agent, origin, verb }
}

async fn all(store: &impl Store) -> Vec<Entry> {
    store.audit(&AuditQuery { limit: 1000, ..AuditQuery::default() }).await.unwrap()
}

async fn newest(store: &impl Store) -> Entry {
    all(store).await.remove(0)
}

pub async fn h3_each_change_leaves_who_what_where_and_before_and_after<S: Store>(store: &S) {
    let schedule = saved(store, "Blob Sales").await;
    let mut changed = schedule.clone();
    changed.definition.cron = "0 10 ? * * *".into();
    let change = by_request(Verb::ScheduleUpdated);
    store.replace_schedule(&changed, &sample::names(), &change).await.unwrap();
    let entry = newest(store).await;
    assert_eq!(entry.change, change);
    assert_eq!(entry.object, Object::new(ObjectKind::Schedule, schedule.id, "Blob Sales"));
    let told = serde_json::json!({ "cron": { "before": "0 9 ? * * *", "after": "0 10 ? * * *" } });
    assert_eq!(serde_json::Value::Object(entry.details), told);
    assert_eq!(entry.count, 1);
    store.delete_schedule(schedule.id, &by_request(Verb::ScheduleDeleted)).await.unwrap();
    let entry = newest(store).await;
    assert_eq!((entry.change.verb, entry.object.name.as_str()), (Verb::ScheduleDeleted, "Blob Sales"));
    assert_eq!(entry.details["cron"], serde_json::json!({ "before": "0 10 ? * * *" }), "what is gone can be told");
}

pub async fn h3_a_change_that_fails_leaves_no_entry<S: Store>(store: &S) {
    let schedule = saved(store, "Blob Sales").await;
    let before = all(store).await.len();
    let mut stale = schedule.clone();
    stale.version = 7;
    let change = by_request(Verb::ScheduleUpdated);
    assert!(matches!(store.replace_schedule(&stale, &sample::names(), &change).await, Err(StoreError::Conflict)));
    assert!(matches!(store.insert_schedule(&schedule, &sample::names(), &change).await, Err(StoreError::Conflict)));
    let nobody = sample::schedule("never saved").id;
    assert!(!store.delete_schedule(nobody, &change).await.unwrap());
    assert!(!store.revoke_key(ApiKeyId::generate(), &change).await.unwrap());
    assert!(matches!(store.opt_out(nobody, &sample::email("a@x.co"), &change).await, Err(StoreError::NotFound(_))));
    assert_eq!(all(store).await.len(), before);
}

pub async fn h3_runs_users_keys_and_lists_leave_entries<S: Store>(store: &S) {
    let user = sample::email("outside@x.co");
    let users = store.upsert_users(&[(user.clone(), vec![])], &sample::change(Verb::UserCreated)).await.unwrap();
    store.upsert_users(&[(user.clone(), vec![])], &sample::change(Verb::UserCreated)).await.unwrap();
    let mut schedule = sample::schedule("Blob Sales");
    schedule.definition.destination = sample::to_users(&[("outside@x.co", users[0].id)]);
    let schedule = insert(store, schedule).await;
    let run = sample::manual(&schedule, sample::after(0));
    store.enqueue(&run, &by_request(Verb::RunTriggered)).await.unwrap();
    store.cancel(run.run.id, &by_request(Verb::RunCancelled)).await.unwrap();
    let key = sample::api_key(KeyKind::Personal, sample::after(0));
    store.insert_key(&key, [9; 32], &by_request(Verb::KeyCreated)).await.unwrap();
    store.revoke_key(key.id, &by_request(Verb::KeyRevoked)).await.unwrap();
    let link = Change { agent: Agent::Recipient(user.clone()), ..by_request(Verb::Unsubscribed) };
    store.opt_out(schedule.id, &user, &link).await.unwrap();
    store.delete_users(std::slice::from_ref(&user), &[], &by_request(Verb::UserDeleted)).await.unwrap();
    let told: Vec<(Verb, ObjectKind, String)> =
        all(store).await.into_iter().rev().map(|entry| (entry.change.verb, entry.object.kind, entry.object.name)).collect();
    let expected = [
        (Verb::UserCreated, ObjectKind::User, "outside@x.co"),
        (Verb::ScheduleCreated, ObjectKind::Schedule, "Blob Sales"),
        (Verb::RunTriggered, ObjectKind::Run, "Blob Sales"),
        (Verb::RunCancelled, ObjectKind::Run, "Blob Sales"),
        (Verb::KeyCreated, ObjectKind::Key, key.name.as_str()),
        (Verb::KeyRevoked, ObjectKind::Key, key.name.as_str()),
        (Verb::Unsubscribed, ObjectKind::Schedule, "Blob Sales"),
        (Verb::UserDeleted, ObjectKind::User, "outside@x.co"),
    ];
    assert_eq!(told, expected.map(|(verb, kind, name)| (verb, kind, name.to_owned())), "an update that changes nothing leaves none");
    let of_run = store.audit_of_runs(&[run.run.id, pressrun_domain::id::RunId::generate()]).await.unwrap();
    assert_eq!(of_run.iter().map(|entry| entry.change.verb).collect::<Vec<_>>(), [Verb::RunTriggered, Verb::RunCancelled]);
    let of_schedule = AuditQuery { object: Some((ObjectKind::Schedule, Some(schedule.id.to_string()))), limit: 9, ..AuditQuery::default() };
    let unsubscribed = store.audit(&of_schedule).await.unwrap().remove(0);
    assert_eq!(unsubscribed.change.agent, Agent::Recipient(user));
    assert_eq!(unsubscribed.details["recipients"], serde_json::json!({ "removed": ["outside@x.co"] }));
}

pub async fn h3_thirty_thousand_users_of_one_call_are_one_entry<S: Store>(store: &S) {
    let users = |range: std::ops::Range<usize>| -> Vec<_> {
        range.map(|number| (sample::email(&format!("person{number}@elsewhere.example")), Vec::new())).collect()
    };
    let change = by_request(Verb::UserCreated);
    store.upsert_users(&users(0..50), &change).await.unwrap();
    assert_eq!(all(store).await.len(), 50, "a few are told one by one");
    store.upsert_users(&users(0..30_050), &change).await.unwrap();
    let entries = all(store).await;
    assert_eq!(entries.len(), 51);
    assert_eq!((&entries[0].change, &entries[0].object), (&change, &Object::new(ObjectKind::User, "", "")));
    assert_eq!(entries[0].count, 30_000, "who was known is not counted");
}

pub async fn h3_a_test_delivery_tells_to_whom_but_not_what_was_written<S: Store>(store: &S) {
    let mut schedule = sample::schedule("Blob Sales");
    if let pressrun_domain::destination::Destination::Email(email) = &mut schedule.definition.destination {
        email.text_body = Some("CONFIDENTIAL".into());
    }
    let run = sample::test_delivery(schedule.definition, sample::after(0));
    store.enqueue(&run, &by_request(Verb::RunTested)).await.unwrap();
    let entry = newest(store).await;
    let told = serde_json::Value::Object(entry.details);
    assert_eq!(told["recipients"], serde_json::json!({ "added": ["blob@myorg.co"] }));
    assert!(told["destination.subject"].is_object() && !told.to_string().contains("CONFIDENTIAL"), "{told}");
}

pub async fn x1_h3_what_pressrun_switches_off_is_told<S: Store>(store: &S) {
    let (schedule, run) = started(store, sample::schedule("Blob Sales")).await;
    let mut end = sample::end(pressrun_domain::run::RunStatus::Error);
    end.disable = Some(pressrun_domain::schedule::SystemDisabledReason::MissingQuery);
    store.finish(&run.lease, &end, sample::after(9)).await.unwrap();
    let entry = newest(store).await;
    assert_eq!(entry.change, Change::by_system(Verb::ScheduleSwitchedOff, sample::after(9)));
    assert_eq!((entry.object.id, entry.details["reason"].as_str()), (schedule.id.to_string(), Some("missingQuery")));
}

pub async fn h3_the_audit_is_narrowed_and_paged<S: Store>(store: &S) {
    for number in 0..5_i64 {
        let mut change = by_request(if number % 2 == 0 { Verb::SignedIn } else { Verb::SignedOut });
        change.at = sample::after(number);
        store.record(&change, &Object::new(ObjectKind::Session, number, ""), 1).await.unwrap();
    }
    let refused = Change { agent: Agent::Unknown, ..by_request(Verb::TokenRefused) };
    store.record(&refused, &Object::new(ObjectKind::Key, "", ""), 17).await.unwrap();
    let base = || AuditQuery { limit: 100, ..AuditQuery::default() };
    let member = Some(sample::member(1));
    for (case, query, expected) in [
        ("all", base(), 6),
        ("a member", AuditQuery { member, ..base() }, 5),
        ("another", AuditQuery { member: Some(sample::member(2)), ..base() }, 0),
        ("nobody known", AuditQuery { agent: Some("unknown"), ..base() }, 1),
        ("a verb", AuditQuery { verb: Some(Verb::SignedIn), ..base() }, 3),
        ("a kind", AuditQuery { object: Some((ObjectKind::Session, None)), ..base() }, 5),
        ("one object", AuditQuery { object: Some((ObjectKind::Session, Some("3".into()))), ..base() }, 1),
        ("from", AuditQuery { from: Some(sample::after(4)), ..base() }, 1),
        ("to, which is not of it", AuditQuery { to: Some(sample::after(1)), ..base() }, 1),
    ] {
        assert_eq!(store.audit(&query).await.unwrap().len(), expected, "{case}");
    }
    let first = store.audit(&AuditQuery { limit: 4, ..base() }).await.unwrap();
    assert_eq!(first[0].count, 17);
    let rest = store.audit(&AuditQuery { before: Some(first[3].seq), ..base() }).await.unwrap();
    let paged: Vec<u64> = first.iter().chain(&rest).map(|entry| entry.seq).collect();
    assert_eq!(paged, all(store).await.iter().map(|entry| entry.seq).collect::<Vec<_>>());
}

pub async fn h3_entries_go_by_age_and_in_small_steps<S: Store>(store: &S) {
    for second in 0..10 {
        let mut change = by_request(Verb::SignedIn);
        change.at = sample::after(second);
        store.record(&change, &Object::new(ObjectKind::Session, second, ""), 1).await.unwrap();
    }
    for (count, more) in [(3, true), (2, false), (0, false)] {
        assert_eq!(store.prune_audit(sample::after(5), 3).await.unwrap(), Pruned { count, more });
    }
    let kept: Vec<_> = all(store).await.into_iter().map(|entry| entry.change.at).collect();
    assert_eq!(kept, [9, 8, 7, 6, 5].map(sample::after));
}

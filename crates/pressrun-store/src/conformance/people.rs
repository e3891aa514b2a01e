//! Email-only users.

use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::{AttributeValue, Scalar};
use pressrun_domain::destination::{Destination, Person};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{RecipientId, UserId};
use pressrun_domain::schedule::{Definition, Schedule};

use super::{claim, insert, saved, stored};
use crate::{ListQuery, Store, Upserted, sample};

fn text(text: &str) -> AttributeValue {
    AttributeValue::One(Scalar::Text(text.into()))
}

fn plain(address: &str) -> Upserted {
    (sample::email(address), Vec::new())
}

fn addresses(schedule: &Schedule) -> Vec<String> {
    addresses_of(&schedule.definition)
}

fn addresses_of(definition: &Definition) -> Vec<String> {
    match &definition.destination {
        Destination::Email(email) => email.named().map(|recipient| recipient.email.to_string()).collect(),
        other => unreachable!("{other:?} is no mail"),
    }
}

pub async fn p8_addresses_are_one_user_whatever_their_case<S: Store>(store: &S) {
    let made = store
        .upsert_users(
            &[plain("Blob@MyOrg.co"), plain("other@myorg.co"), plain("BLOB@myorg.CO")],
            &sample::change_at(Verb::UserCreated, sample::after(0)),
        )
        .await
        .unwrap();
    assert_eq!((made.len(), made[0].id), (3, made[2].id));
    assert_ne!(made[0].id, made[1].id);
    assert_eq!((made[0].email.as_str(), made[0].created_at), ("Blob@MyOrg.co", sample::after(0)));
    let again = store.upsert_users(&[plain("blob@myorg.co")], &sample::change_at(Verb::UserCreated, sample::after(9))).await.unwrap();
    assert_eq!(again[0], made[0]);
    let wanted: [EmailAddress; 2] = [sample::email("bLOB@myorg.co"), sample::email("nobody@myorg.co")];
    assert_eq!(store.users_by_email(&wanted).await.unwrap(), [made[0].clone()]);
    assert_eq!(store.users_by_id(&[UserId::generate(), made[1].id]).await.unwrap(), [made[1].clone()]);
    assert!(store.users_by_id(&[]).await.unwrap().is_empty());
}

pub async fn p8_attributes_are_merged_by_key<S: Store>(store: &S) {
    let blob = sample::email("blob@myorg.co");
    let many = AttributeValue::Many(vec![Scalar::Text("US".into()), Scalar::Number(12.into())]);
    let first = vec![("region".to_owned(), Some(many.clone())), ("team".to_owned(), Some(text("red")))];
    store.upsert_users(&[(blob.clone(), first)], &sample::change_at(Verb::UserCreated, sample::after(0))).await.unwrap();
    let second = vec![("team".to_owned(), None), ("level".to_owned(), Some(AttributeValue::One(Scalar::Number(3.into()))))];
    let third = vec![("level".to_owned(), Some(text("high")))];
    let both = store
        .upsert_users(&[(blob.clone(), second), (blob.clone(), third)], &sample::change_at(Verb::UserCreated, sample::after(1)))
        .await
        .unwrap();
    assert_eq!(both[0], both[1], "an address given twice is one user, changed in order");
    let expected = [("level".to_owned(), text("high")), ("region".to_owned(), many)].into();
    assert_eq!(both[0].attributes, expected);
    assert_eq!(store.users_by_email(&[blob]).await.unwrap()[0].attributes, expected);
}

pub async fn users_are_listed_by_address<S: Store>(store: &S) {
    let users = ["b@myorg.co", "A@myorg.co", "d@elsewhere.co", "C@myorg.co", "100%_@myorg.co"].map(plain);
    store.upsert_users(&users, &sample::change_at(Verb::UserCreated, sample::after(0))).await.unwrap();
    for (case, part, after, limit, descending, expected, total) in [
        ("all", None, None, 9, false, &["100%_@myorg.co", "A@myorg.co", "b@myorg.co", "C@myorg.co", "d@elsewhere.co"][..], 5),
        ("downwards", None, None, 2, true, &["d@elsewhere.co", "C@myorg.co"], 5),
        ("downwards on", None, Some("C@myorg.co"), 2, true, &["b@myorg.co", "A@myorg.co"], 5),
        ("upwards on", Some("MYORG"), Some("a@myorg.co"), 9, false, &["b@myorg.co", "C@myorg.co"], 4),
        ("past the end", None, Some("z"), 9, false, &[], 5),
        ("taken literally", Some("%"), None, 9, false, &["100%_@myorg.co"], 1),
        ("an empty part is none", Some(""), None, 1, false, &["100%_@myorg.co"], 5),
    ] {
        let page = store.list_users(part, after, limit, descending).await.unwrap();
        let found: Vec<&str> = page.rows.iter().map(|user| user.email.as_str()).collect();
        assert_eq!((found.as_slice(), page.total), (expected, total), "{case}");
    }
}

pub async fn p9_a_deleted_user_is_off_every_list<S: Store>(store: &S) {
    let users = ["a@b.co", "c@d.co", "e@f.co"].map(plain);
    let users = store.upsert_users(&users, &sample::change_at(Verb::UserCreated, sample::after(0))).await.unwrap();
    let on = |name: &str, users: &[&pressrun_domain::users::EmailOnlyUser]| {
        let mut schedule = sample::schedule(name);
        schedule.definition.destination = sample::to_users(&users.iter().map(|user| (user.email.as_str(), user.id)).collect::<Vec<_>>());
        schedule
    };
    let both = insert(store, on("both", &[&users[0], &users[2]])).await;
    let alone = insert(store, on("alone", &[&users[0]])).await;
    let mut member = sample::schedule("a member of the same address");
    member.definition.destination = sample::to_members(&["a@b.co"]);
    let member = insert(store, member).await;

    let deleted = store
        .delete_users(
            &[sample::email("A@B.co"), sample::email("x@y.co")],
            &[users[1].id, UserId::generate()],
            &sample::change(Verb::UserDeleted),
        )
        .await
        .unwrap();
    assert_eq!(deleted, [users[0].clone(), users[1].clone()]);
    assert!(store.users_by_id(&[users[0].id, users[1].id]).await.unwrap().is_empty());
    let read = stored(store, &both).await;
    assert_eq!((addresses(&read), read.version), (vec!["e@f.co".to_owned()], 2));
    assert!(addresses(&stored(store, &alone).await).is_empty(), "it is kept, and its next run says noRecipients");
    assert_eq!(stored(store, &member).await, member);
    let listed = store.list_schedules(&ListQuery { search: Some("alone".into()), ..sample::list() }).await.unwrap();
    assert_eq!(listed.rows[0].recipient_count, 0);
    assert!(store.delete_users(&[sample::email("a@b.co")], &[], &sample::change(Verb::UserDeleted)).await.unwrap().is_empty());
    let again = store.upsert_users(&[plain("a@b.co")], &sample::change_at(Verb::UserCreated, sample::after(9))).await.unwrap();
    assert_ne!(again[0].id, users[0].id);
}

pub async fn p12_unsubscribing_takes_one_address_off_one_list<S: Store>(store: &S) {
    let mut schedule = sample::schedule("two");
    schedule.definition.destination = sample::to_members(&["a@b.co", "c@d.co"]);
    let (schedule, other) = (insert(store, schedule).await, saved(store, "other").await);
    let Destination::Email(email) = &schedule.definition.destination else { unreachable!("it is mail") };
    let place = email.recipients[0].id;
    assert!(store.remove_recipient(schedule.id, place, &sample::change_at(Verb::Unsubscribed, sample::after(3))).await.unwrap());
    assert!(!store.remove_recipient(schedule.id, place, &sample::change_at(Verb::Unsubscribed, sample::after(4))).await.unwrap());
    assert!(
        !store.remove_recipient(other.id, RecipientId::generate(), &sample::change_at(Verb::Unsubscribed, sample::after(4))).await.unwrap()
    );
    assert!(
        !store
            .remove_recipient(sample::schedule("unsaved").id, place, &sample::change_at(Verb::Unsubscribed, sample::after(4)))
            .await
            .unwrap()
    );
    let read = stored(store, &schedule).await;
    assert_eq!((addresses(&read), read.updated_at, read.version), (vec!["c@d.co".to_owned()], sample::after(3), 2));
    assert_eq!(stored(store, &other).await, other);
}

pub async fn p12_who_opted_out_is_off_the_list_and_out_of_its_groups<S: Store>(store: &S) {
    let mut schedule = sample::schedule("two");
    schedule.definition.destination = sample::to_members(&["a@b.co", "c@d.co"]);
    let (schedule, other) = (insert(store, schedule).await, saved(store, "other").await);
    for address in ["A@B.co", "a@b.co", "from.a.group@b.co"] {
        store.opt_out(schedule.id, &sample::email(address), &sample::change_at(Verb::Unsubscribed, sample::after(3))).await.unwrap();
    }
    let read = stored(store, &schedule).await;
    assert_eq!((addresses(&read), read.version), (vec!["c@d.co".to_owned()], 2), "only one address was on the list");
    assert_eq!(store.opted_out(schedule.id).await.unwrap(), ["a@b.co", "from.a.group@b.co"]);
    assert!(store.opted_out(other.id).await.unwrap().is_empty());
    store.opt_in(schedule.id, &sample::email("a@B.co"), &sample::change(Verb::Subscribed)).await.unwrap();
    assert_eq!(store.opted_out(schedule.id).await.unwrap(), ["from.a.group@b.co"]);
    let unsaved = sample::schedule("unsaved");
    assert!(matches!(
        store.opt_out(unsaved.id, &sample::email("a@b.co"), &sample::change_at(Verb::Unsubscribed, sample::after(3))).await,
        Err(crate::StoreError::NotFound(_))
    ));
}

pub async fn p12_a_copy_is_on_the_list_like_any_recipient<S: Store>(store: &S) {
    let user = store.upsert_users(&[plain("bcc@b.co")], &sample::change(Verb::UserCreated)).await.unwrap().remove(0);
    let mut schedule = sample::schedule("copies");
    schedule.definition.destination = sample::to_members(&["a@b.co"]);
    if let Destination::Email(email) = &mut schedule.definition.destination {
        email.cc = vec![sample::recipient("cc@b.co", Person::Member(sample::member(2)))];
        email.bcc = vec![sample::recipient("bcc@b.co", Person::EmailOnly(user.id))];
        email.reply_to = Some(sample::email("answers@b.co"));
    }
    let schedule = insert(store, schedule).await;
    assert_eq!(stored(store, &schedule).await, schedule);
    let count = async || {
        let listed = store.list_schedules(&ListQuery { search: Some("copies".into()), ..sample::list() }).await.unwrap();
        listed.rows[0].recipient_count
    };
    assert_eq!(count().await, 3);
    store.delete_users(&[sample::email("BCC@b.co")], &[], &sample::change(Verb::UserDeleted)).await.unwrap();
    assert_eq!(addresses(&stored(store, &schedule).await), ["a@b.co", "cc@b.co"], "P9");
    store.opt_out(schedule.id, &sample::email("cc@B.co"), &sample::change(Verb::Unsubscribed)).await.unwrap();
    assert_eq!((addresses(&stored(store, &schedule).await), count().await), (vec!["a@b.co".to_owned()], 1));
}

pub async fn h6_who_leaves_a_list_is_off_the_runs_that_wait<S: Store>(store: &S) {
    let mut schedule = sample::schedule("two");
    schedule.definition.destination = sample::to_members(&["a@b.co", "c@d.co"]);
    let schedule = insert(store, schedule).await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    store.opt_out(schedule.id, &sample::email("a@b.co"), &sample::change_at(Verb::Unsubscribed, sample::after(1))).await.unwrap();
    // The list is written anew with an edit, which the run that waits knows nothing of.
    let mut edited = stored(store, &schedule).await;
    edited.definition.name = "renamed".into();
    store.replace_schedule(&edited, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(addresses(&stored(store, &schedule).await), ["c@d.co"]);
    let run = claim(store).await.run;
    assert_eq!((addresses_of(&run.definition), run.definition.name.as_str()), (vec!["c@d.co".to_owned()], "two"));
    // Whoever is put on the list again is on it, also when it says what it said before.
    let mut again = stored(store, &schedule).await;
    again.definition = schedule.definition.clone();
    store.replace_schedule(&again, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(addresses(&stored(store, &schedule).await), ["a@b.co", "c@d.co"]);
}

pub async fn p12_the_lists_that_name_an_address_are_found_by_it<S: Store>(store: &S) {
    let named = |name: &str, address: &str| {
        let mut schedule = sample::schedule(name);
        schedule.definition.destination = sample::to_members(&[address]);
        schedule
    };
    let (first, second, other) = (named("first", "Blob@MyOrg.co"), named("second", "blob@myorg.co"), named("other", "other@myorg.co"));
    for schedule in [&first, &second, &other] {
        insert(store, schedule.clone()).await;
    }
    let address = sample::email("BLOB@myorg.co");
    let mut expected = vec![first.id, second.id];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(store.lists_naming(&address, 10).await.unwrap(), expected);
    assert_eq!(store.lists_naming(&address, 1).await.unwrap().len(), 1);
    store.opt_out(first.id, &address, &sample::change_at(Verb::Unsubscribed, sample::after(1))).await.unwrap();
    assert_eq!(store.lists_naming(&address, 10).await.unwrap(), [second.id]);
}

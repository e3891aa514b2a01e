//! Lists of recipients: rows beside the definition.

use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient};
use pressrun_domain::id::UserId;
use pressrun_domain::run::{ResendOf, RunKind, RunRecord, RunStatus};
use pressrun_domain::schedule::{Definition, Schedule};

use super::{claim, insert, started, stored};
use crate::{Store, sample};

fn mail(definition: &mut Definition) -> &mut EmailSettings {
    let Destination::Email(email) = &mut definition.destination else { unreachable!("mail") };
    email
}

fn addresses(definition: &Definition) -> Vec<String> {
    definition.destination.email().unwrap().named().map(|recipient| recipient.email.to_string()).collect()
}

/// A schedule that goes to these places.
fn to(recipients: &[Recipient]) -> Schedule {
    let mut schedule = sample::schedule("lists");
    mail(&mut schedule.definition).recipients = recipients.to_vec();
    schedule
}

fn member(number: u128, address: &str) -> Recipient {
    sample::recipient(address, Person::Member(sample::member(number)))
}

fn outsider(address: &str) -> Recipient {
    sample::recipient(address, Person::EmailOnly(UserId::generate()))
}

async fn replace<S: Store>(store: &S, schedule: &mut Schedule) {
    let change = sample::change(Verb::ScheduleUpdated);
    schedule.version = store.replace_schedule(schedule, &sample::names(), &change).await.unwrap();
    assert_eq!(stored(store, schedule).await.definition, schedule.definition);
}

async fn leave<S: Store>(store: &S, schedule: &Schedule, address: &str) {
    store.opt_out(schedule.id, &sample::email(address), &sample::change(Verb::Unsubscribed)).await.unwrap();
}

async fn now_at<S: Store>(store: &S, moves: &[(u128, &str)]) -> u64 {
    let moves: Vec<_> = moves.iter().map(|(number, address)| (sample::member(*number), sample::email(address))).collect();
    store.move_members(&moves).await.unwrap()
}

/// Everybody on the three parts of a list, and who of them is on it for their own rows.
pub async fn h6_lists_come_back_in_their_order_and_with_their_terms<S: Store>(store: &S) {
    let people: Vec<Recipient> = (0..6)
        .map(|number| {
            let address = format!("P{number}@MyOrg.co");
            if number % 2 == 0 { member(number, &address) } else { outsider(&address) }
        })
        .collect();
    let mut schedule = to(&people[..3]);
    let email = mail(&mut schedule.definition);
    (email.cc, email.bcc) = (people[3..5].to_vec(), people[5..].to_vec());
    email.subscribed = people[2].member().into_iter().chain([sample::member(77)]).collect();
    email.named_under_policy = people[5].outsider().into_iter().collect();
    let mut schedule = insert(store, schedule).await;
    assert_eq!(stored(store, &schedule).await.definition, schedule.definition);
    // From one part to another, backwards, and on other terms.
    let email = mail(&mut schedule.definition);
    email.recipients = vec![people[4].clone(), people[0].clone(), people[5].clone(), people[1].clone()];
    (email.cc, email.bcc) = (vec![people[2].clone()], vec![]);
    email.subscribed = people[0].member().into_iter().collect();
    replace(store, &mut schedule).await;
    // And to nobody by mail at all, and back.
    let mail = std::mem::replace(&mut schedule.definition.destination, sample::slack());
    replace(store, &mut schedule).await;
    schedule.definition.destination = mail;
    replace(store, &mut schedule).await;
}

pub async fn h6_a_run_that_waits_keeps_its_list_but_for_who_left<S: Store>(store: &S) {
    let mut schedule = insert(store, to(&[outsider("a@b.co"), outsider("c@d.co"), outsider("e@f.co")])).await;
    store.enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change(Verb::RunTriggered)).await.unwrap();
    // An edit is not the run's; whoever leaves wants nothing more.
    mail(&mut schedule.definition).recipients.remove(0);
    mail(&mut schedule.definition).recipients.push(outsider("new@d.co"));
    replace(store, &mut schedule).await;
    leave(store, &schedule, "c@d.co").await;
    assert_eq!(addresses(&claim(store).await.run.definition), ["a@b.co", "e@f.co"]);
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["e@f.co", "new@d.co"]);
}

pub async fn h6_a_run_takes_nobody_along_who_left_since_its_list_was_read<S: Store>(store: &S) {
    let schedule = insert(store, to(&[outsider("a@b.co"), outsider("c@d.co")])).await;
    let read = sample::manual(&schedule, sample::after(0));
    leave(store, &schedule, "a@b.co").await;
    store.enqueue(&read, &sample::change(Verb::RunTriggered)).await.unwrap();
    assert_eq!(addresses(&claim(store).await.run.definition), ["c@d.co"]);
}

pub async fn h6_a_run_of_what_the_schedule_was_has_a_list_of_its_own<S: Store>(store: &S) {
    let mut schedule = insert(store, to(&[outsider("a@b.co"), outsider("c@d.co")])).await;
    let read = sample::manual(&schedule, sample::after(0));
    mail(&mut schedule.definition).recipients.push(outsider("new@d.co"));
    replace(store, &mut schedule).await;
    store.enqueue(&read, &sample::change(Verb::RunTriggered)).await.unwrap();
    leave(store, &schedule, "a@b.co").await;
    assert_eq!(addresses(&claim(store).await.run.definition), ["c@d.co"], "who left wants nothing that waits either");
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["c@d.co", "new@d.co"]);
}

pub async fn h6_a_resend_has_the_list_of_its_run<S: Store>(store: &S) {
    let (mut schedule, run) = started(store, to(&[outsider("a@b.co"), outsider("c@d.co")])).await;
    let piece = sample::piece(run.run.id, "a@b.co");
    store.promise(&run.lease, std::slice::from_ref(&piece)).await.unwrap();
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
    mail(&mut schedule.definition).recipients = vec![outsider("new@d.co")];
    replace(store, &mut schedule).await;
    let of = ResendOf { run: run.run.id, delivery: piece.id };
    let mut again = sample::run(&schedule, RunKind::Resend, sample::after(3));
    again.definition = run.run.definition.clone();
    again.record = RunRecord { resend_of: Some(of), ..again.record };
    store.enqueue_resend(&again, &sample::piece(again.id, "a@b.co"), &sample::change(Verb::RunResent)).await.unwrap();
    let read = store.run(again.id).await.unwrap().unwrap();
    assert_eq!(read.definition, run.run.definition);
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["new@d.co"]);
}

pub async fn h6_pages_of_schedules_and_runs_read_no_recipients<S: Store>(store: &S) {
    let (schedule, run) = started(store, to(&[outsider("a@b.co"), outsider("c@d.co")])).await;
    let page = store.list_schedules(&sample::list()).await.unwrap();
    assert_eq!(page.rows[0].recipient_count, 2);
    assert!(addresses(page.rows[0].definition.as_ref().unwrap()).is_empty());
    for page in [store.list_runs(None, 1, 9).await.unwrap(), store.list_runs(Some(schedule.id), 1, 9).await.unwrap()] {
        assert!(addresses(&page.rows[0].definition).is_empty());
        assert_eq!(page.rows[0].definition.name, schedule.definition.name);
    }
    assert!(addresses(&store.runs_under_way(&[schedule.id]).await.unwrap()[0].definition).is_empty());
    assert_eq!(store.run(run.run.id).await.unwrap().unwrap().definition, schedule.definition);
}

pub async fn p10_a_member_who_moved_is_on_every_list_at_the_present_address<S: Store>(store: &S) {
    let mut one = to(&[member(1, "ann@old.co"), outsider("x@y.co"), member(2, "ben@b.co")]);
    mail(&mut one.definition).subscribed.insert(sample::member(1));
    let one = insert(store, one).await;
    let mut two = to(&[outsider("x@y.co")]);
    mail(&mut two.definition).bcc = vec![member(1, "ann@old.co")];
    let two = insert(store, two).await;
    let other = insert(store, to(&[member(2, "ben@b.co"), outsider("ann@old.co")])).await;
    assert_eq!(now_at(store, &[(1, "ann@new.co"), (2, "ben@b.co"), (9, "nobody@b.co")]).await, 2);
    let read = stored(store, &one).await;
    assert_eq!(read.version, one.version + 1, "whoever read it before does not write the old address back");
    let mut expected = one.definition.clone();
    mail(&mut expected).recipients[0].email = sample::email("ann@new.co");
    assert_eq!(read.definition, expected, "the place, its terms and the order are the same");
    assert_eq!(addresses(&stored(store, &two).await.definition), ["x@y.co", "ann@new.co"]);
    assert_eq!(stored(store, &other).await, other, "an address that somebody typed is theirs who has it");
    assert_eq!(now_at(store, &[(1, "ann@new.co")]).await, 0);
    leave(store, &one, "ANN@new.co").await;
    assert_eq!(addresses(&stored(store, &one).await.definition), ["x@y.co", "ben@b.co"]);
}

pub async fn p10_members_who_change_addresses_with_each_other_keep_their_places<S: Store>(store: &S) {
    let mut schedule = insert(store, to(&[member(1, "a@b.co"), member(2, "b@b.co"), member(3, "c@b.co")])).await;
    assert_eq!(now_at(store, &[(1, "b@b.co"), (2, "a@b.co"), (3, "C@b.co")]).await, 1);
    let people = mail(&mut schedule.definition);
    for (place, address) in people.recipients.iter_mut().zip(["b@b.co", "a@b.co", "C@b.co"]) {
        place.email = sample::email(address);
    }
    assert_eq!(stored(store, &schedule).await.definition, schedule.definition);
    schedule.version += 1;
    people_leave_one_by_one(store, schedule).await;
}

async fn people_leave_one_by_one<S: Store>(store: &S, schedule: Schedule) {
    leave(store, &schedule, "a@b.co").await;
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["b@b.co", "C@b.co"]);
    let ann = schedule.definition.destination.email().unwrap().recipients[0].id;
    assert!(store.remove_recipient(schedule.id, ann, &sample::change(Verb::RecipientsRemoved)).await.unwrap());
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["C@b.co"]);
}

pub async fn p10_a_run_that_waits_keeps_the_address_that_it_had<S: Store>(store: &S) {
    let schedule = insert(store, to(&[member(1, "ann@old.co")])).await;
    store.enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change(Verb::RunTriggered)).await.unwrap();
    now_at(store, &[(1, "ann@new.co")]).await;
    let run = claim(store).await;
    assert_eq!(addresses(&run.run.definition), ["ann@old.co"]);
    store.finish(&run.lease, &sample::end(RunStatus::Complete), sample::after(2)).await.unwrap();
    sample::occur(store, &[&schedule], sample::after(3)).await;
    assert_eq!(addresses(&claim(store).await.run.definition), ["ann@new.co"]);
}

pub async fn p7_p12_two_places_of_one_person_are_left_at_once<S: Store>(store: &S) {
    let schedule = insert(store, to(&[member(1, "ann@old.co"), outsider("ann@new.co"), outsider("x@y.co")])).await;
    assert_eq!(now_at(store, &[(1, "ann@new.co")]).await, 1);
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["ann@new.co", "ann@new.co", "x@y.co"]);
    leave(store, &schedule, "ann@new.co").await;
    assert_eq!(addresses(&stored(store, &schedule).await.definition), ["x@y.co"]);
}

pub async fn p10_long_lists_and_many_lists_move_step_by_step<S: Store>(store: &S) {
    let old = |number: u128| format!("p{number}@old.co");
    let long = insert(store, to(&(0..1_300).map(|number| member(number, &old(number))).collect::<Vec<_>>())).await;
    let mut short = Vec::new();
    for number in 0..30 {
        short.push(
            insert(store, to(&[outsider("x@y.co"), member(number, &old(number)), member(7, &old(7))][..if number == 7 { 2 } else { 3 }]))
                .await,
        );
    }
    let moves: Vec<_> = (0..1_300).map(|number| (sample::member(number), sample::email(&format!("p{number}@new.co")))).collect();
    assert!(store.move_members(&moves).await.unwrap() >= 31);
    for schedule in short.iter().chain([&long]) {
        let moved: Vec<String> = addresses(&schedule.definition).iter().map(|address| address.replace("@old.co", "@new.co")).collect();
        assert_eq!(addresses(&stored(store, schedule).await.definition), moved);
    }
    assert_eq!(store.move_members(&moves).await.unwrap(), 0);
    leave(store, &long, "p1299@new.co").await;
    assert_eq!(addresses(&stored(store, &long).await.definition).len(), 1_299);
}

pub async fn p10_members_on_lists_are_read_page_by_page<S: Store>(store: &S) {
    for number in [3, 1, 2] {
        insert(
            store,
            to(&[member(number, &format!("m{number}@b.co")), member(2, &format!("two-{number}@b.co")), outsider("x@y.co")]
                [..if number == 2 { 1 } else { 3 }]),
        )
        .await;
    }
    let (mut after, mut read) = (None, Vec::new());
    while let Some(listed) = store.listed_members(after, 1).await.unwrap().pop() {
        after = Some(listed.member);
        read.push((listed.member, listed.first, listed.last));
    }
    let expected = [(1, "m1@b.co", "m1@b.co"), (2, "m2@b.co", "two-3@b.co"), (3, "m3@b.co", "m3@b.co")];
    assert_eq!(read, expected.map(|(number, first, last)| (sample::member(number), first.to_owned(), last.to_owned())));
}

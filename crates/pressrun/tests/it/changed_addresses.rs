//! Members whose address changes in the catalog: their mail goes to where they are now, and to nobody else.

use std::collections::BTreeSet;

use base64::Engine as _;
use pressrun_domain::audit::Verb;
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient};
use pressrun_domain::id::{GroupId, MembershipId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{Run, RunKind, RunStatus};
use pressrun_domain::schedule::Definition;
use pressrun_store::{Enqueue, sample};
use pressrun_testkit::ReceivedMail;

use crate::lifecycle::publish;
use crate::process::{Site, eventually};
use crate::world::{HILL, OWNER, World, ended};

const OLD: &str = "blobby.hill@myorg.co";
const NEW: &str = "hill.now@myorg.co";

/// Hill has another address, and somebody else has hers.
fn people_of_now(file: &str) -> String {
    let newcomer = "  - { id: 0b10b004-5f6e-4f0c-9a35-0b7f3f1f2a14, name: Newcomer, email: blobby.hill@myorg.co, attributes: { region: [EU] } }\ngroups:";
    let moved = file.replacen(OLD, NEW, 1).replacen("groups:", newcomer, 1);
    moved.replacen("members: [blob.ross@myorg.co]", "members: [blob.ross@myorg.co, blobby.hill@myorg.co]", 1)
}

fn member(id: &str, address: &str, schedule: ScheduleId) -> Recipient {
    let email: pressrun_domain::email::EmailAddress = address.parse().unwrap();
    Recipient { id: email.place_on(schedule), email, person: Person::Member(MembershipId(id.parse().unwrap())) }
}

fn settings(definition: &mut Definition) -> &mut EmailSettings {
    let Destination::Email(email) = &mut definition.destination else { panic!("no mail") };
    email
}

/// The lines of the csv in a mail.
fn rows(mail: &ReceivedMail) -> String {
    let text = mail.text();
    let file = text.split("\r\n\r\n").zip(text.split("\r\n\r\n").skip(1)).find(|(head, _)| head.contains("text/csv")).unwrap().1;
    let encoded: String = file.split("\r\n--").next().unwrap().split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(&encoded).map_or(encoded, |bytes| String::from_utf8(bytes).unwrap())
}

async fn trigger(site: &Site, schedule: ScheduleId) {
    let stored = site.store.schedule(schedule).await.unwrap().unwrap();
    let run = Run::queued(schedule, stored.definition, RunKind::Manual, stored.created_at);
    site.store.enqueue(&Enqueue { run }, &sample::change(Verb::RunTriggered)).await.unwrap();
}

#[tokio::test]
async fn p10_a_member_whose_address_changes_while_the_server_runs_gets_their_rows_there_and_nobody_gets_them_besides() {
    let site = Site::new("workers = 1").await;
    let server = site.start(None);
    let mut definition = Site::email(&[]);
    definition.tile = Some("1".into());
    let email = settings(&mut definition);
    email.fan_out = true;
    let schedule = ScheduleId::generate();
    email.recipients = vec![member(OWNER, "blob.ross@myorg.co", schedule), member(HILL, OLD, schedule)];
    let schedule = site.due_once(definition).await;
    site.ended(schedule).await;

    let file = site.dir.path().join("catalog/people.yaml");
    let text = people_of_now(&std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    server.hang_up();
    eventually("the list has the new address", async || {
        let stored = site.store.schedule(schedule).await.unwrap().unwrap();
        stored.definition.destination.email().unwrap().named().any(|place| place.email.as_str() == NEW).then_some(())
    })
    .await;
    trigger(&site, schedule).await;
    let mails = site.smtp.wait_for(4).await;
    server.stop().await;
    let to = |mail: &ReceivedMail| mail.to.join(" ");
    let (before, now) = mails.split_at(2);
    let went = |mails: &[ReceivedMail]| mails.iter().map(to).collect::<BTreeSet<_>>();
    assert_eq!(went(before), BTreeSet::from([OLD.to_owned(), "blob.ross@myorg.co".to_owned()]));
    assert_eq!(went(now), BTreeSet::from([NEW.to_owned(), "blob.ross@myorg.co".to_owned()]), "the newcomer was not chosen");
    let hers: Vec<String> = mails.iter().filter(|mail| to(mail).contains("hill")).map(rows).collect();
    assert_eq!(hers[0], hers[1]);
    assert!(hers[0].contains("US") && !hers[0].contains("EU"), "{}", hers[0]);
}

#[tokio::test]
async fn p12_whoever_has_the_old_address_of_a_member_has_links_of_their_own() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &[]);
    let schedule = ScheduleId::generate();
    settings(&mut definition).recipients = vec![member(HILL, OLD, schedule)];
    settings(&mut definition).groups = vec![GroupId("0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01".parse().unwrap())];
    let stored = pressrun_domain::schedule::Schedule { id: schedule, definition, ..sample::schedule("lists") };
    world.store.insert_schedule(&stored, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let way_off = async |target: &str| {
        let run = world.trigger(schedule).await;
        world.engine.drain().await.unwrap();
        let (run, pieces) = world.run(run).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
        pieces.into_iter().find(|piece| piece.target == target).unwrap().message.unsubscribe.unwrap()
    };
    let before = way_off(OLD).await;
    let file = world.dir.path().join("catalog/people.yaml");
    std::fs::write(&file, people_of_now(&std::fs::read_to_string(&file).unwrap())).unwrap();
    publish(&world, "people.yaml", "name: Newcomer", "name: New Comer").await;
    assert_eq!(way_off(NEW).await, before, "the links in mails of before are hers still");
    assert_ne!(way_off(OLD).await, before, "and not those of whoever has her address");
}

//! Who gets what.

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::destination::{Destination, Person};
use pressrun_domain::id::{GroupId, UserId};
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Definition;
use pressrun_engine::pipeline::audience;

use crate::lifecycle::publish;
use crate::people::email_only;
use crate::world::{START, World, ended};

/// A personal csv of tile 1 to email-only users with these regions; `None` has none set.
pub(crate) async fn personal(world: &World, people: &[(&str, Option<&[&str]>)]) -> Definition {
    let mut definition = world.email(Format::Csv, &[]);
    definition.tile = Some("1".into());
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
        email.recipients = email_only(world.store.as_ref(), people).await;
    }
    definition
}

#[tokio::test]
async fn p1_each_sees_their_rows_and_nobody_without_a_value_sees_any() {
    let world = World::new().await;
    let people: [(&str, Option<&[&str]>); 3] = [("us@x.example", Some(&["US"])), ("eu@x.example", Some(&["EU"])), ("none@x.example", None)];
    let (run, deliveries) = world.run_now(personal(&world, &people).await).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    let rows = |target: &str| {
        let audience = &deliveries.iter().find(|delivery| delivery.target == target).unwrap().audience;
        run.record.tiles.iter().find(|tile| tile.audience == *audience).unwrap().rows
    };
    assert_eq!((rows("us@x.example"), rows("eu@x.example"), rows("none@x.example")), (1, 1, 0));
    assert_eq!(world.smtp.mails().len(), 3);
}

#[tokio::test]
async fn p3_people_who_see_the_same_share_one_query_and_one_render() {
    let world = World::new().await;
    let emails: Vec<String> = (0..30).map(|number| format!("p{number}@x.example")).collect();
    let regions: [&[&str]; 3] = [&["US"], &["EU"], &["EU", "US"]];
    let people: Vec<_> = emails.iter().enumerate().map(|(index, email)| (email.as_str(), Some(regions[index % 3]))).collect();
    let (run, deliveries) = world.run_now(personal(&world, &people).await).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!((deliveries.len(), run.record.artifacts.len(), run.record.tiles.len()), (30, 3, 3));
    assert_eq!(world.smtp.mails().len(), 30);
}

#[tokio::test]
async fn p7_a_group_is_expanded_and_each_address_gets_one_mail() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &["Blob.Ross@myorg.co"]);
    if let Destination::Email(email) = &mut definition.destination {
        email.groups = vec![GroupId("0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01".parse().unwrap())];
    }
    let (run, deliveries) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!(deliveries.len(), 1);
}

#[tokio::test]
async fn p9_nobody_left_is_an_error_with_that_reason() {
    let world = World::new().await;
    let (run, _) = world.run_now(world.email(Format::Pdf, &[])).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("noRecipients")));
}

#[tokio::test]
async fn p10_a_deactivated_member_is_skipped_with_a_warning() {
    let world = World::new().await;
    let (run, deliveries) = world.run_now(world.email(Format::LinkOnly, &["blob.ross@myorg.co", "gone@myorg.co"])).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert!(run.record.warnings.iter().any(|warning| warning.contains("gone@myorg.co (deactivated)")), "{:?}", run.record.warnings);
    assert!(deliveries.iter().any(|delivery| delivery.target == "gone@myorg.co" && delivery.state.as_str() == "skipped"));
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn p11_a_member_who_may_not_see_the_dashboard_gets_nothing() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &["blob.ross@myorg.co", "blobby.hill@myorg.co"]);
    definition.identifier = "secret".into();
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
    }
    let (run, deliveries) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let hill = deliveries.iter().find(|delivery| delivery.target == "blobby.hill@myorg.co").unwrap();
    assert_eq!(hill.state, pressrun_domain::delivery::DeliveryState::Skipped { reason: "noAccess".to_owned() });
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn q1_without_personal_copies_everybody_gets_what_the_owner_may_see() {
    let world = World::new().await;
    let mut definition = world.email(Format::Csv, &["blobby.hill@myorg.co"]);
    definition.tile = Some("1".into());
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    assert_eq!(run.record.tiles[0].rows, 2, "Hill may see US only, the owner sees US and EU");
}

#[tokio::test]
async fn p6_the_organization_decides_over_the_schedule_without_rewriting_it() {
    for (word, asked, copies) in [("always", false, 2), ("never", true, 1), ("schedule", true, 2), ("schedule", false, 1)] {
        let world = World::new().await;
        let people: [(&str, Option<&[&str]>); 2] = [("us@x.example", Some(&["US"])), ("eu@x.example", Some(&["EU"]))];
        let mut definition = personal(&world, &people).await;
        if let Destination::Email(email) = &mut definition.destination {
            email.fan_out = asked;
        }
        publish(&world, "people.yaml", "name: Blobs R Us }", &format!("name: Blobs R Us, fan_out: {word} }}")).await;
        let schedule = world.save(definition.clone()).await;
        let run = world.trigger(schedule).await;
        world.engine.drain().await.unwrap();
        let (run, _) = world.run(run).await;
        assert_eq!((ended(&run).0, run.record.artifacts.len()), (RunStatus::Complete, copies), "{word} over {asked}");
        assert_eq!(world.store.schedule(schedule).await.unwrap().unwrap().definition, definition, "{word}: what was saved stays");
    }
}

#[tokio::test]
async fn p9_a_schedule_whose_last_recipient_was_deleted_says_so() {
    let world = World::new().await;
    let schedule = world.save(personal(&world, &[("us@x.example", Some(&["US"]))]).await).await;
    world.store.delete_users(&["us@x.example".parse().unwrap()], &[], &pressrun_store::sample::change(Verb::UserDeleted)).await.unwrap();
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Error, Some("noRecipients")));
    assert!(world.store.schedule(schedule).await.unwrap().unwrap().is_active(), "it is kept");
}

#[tokio::test]
async fn p12_a_member_of_a_group_opts_out_for_good_and_nobody_else() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &["partner@example.com"]);
    if let Destination::Email(email) = &mut definition.destination {
        email.groups = vec![GroupId("0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01".parse().unwrap())];
    }
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (_, deliveries) = world.run(run).await;
    let links: std::collections::BTreeSet<_> =
        deliveries.iter().map(|delivery| delivery.message.unsubscribe.clone().expect("a way off")).collect();
    assert_eq!((deliveries.len(), links.len()), (2, 2), "each mail has its own link, whichever way it came");

    world
        .store
        .opt_out(
            schedule,
            &"Blob.Ross@myorg.co".parse().unwrap(),
            &pressrun_store::sample::change_at(Verb::Unsubscribed, START.parse().unwrap()),
        )
        .await
        .unwrap();
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let state = |target: &str| deliveries.iter().find(|delivery| delivery.target == target).unwrap().state.clone();
    assert_eq!(state("blob.ross@myorg.co"), DeliveryState::Skipped { reason: "unsubscribed".to_owned() });
    assert!(matches!(state("partner@example.com"), DeliveryState::Accepted { .. }));
}

#[tokio::test]
async fn p13_an_address_outside_of_the_allowed_domains_is_skipped_with_a_reason() {
    let world = World::new().await;
    publish(&world, "people.yaml", "name: Blobs R Us }", "name: Blobs R Us, allowed_domains: [myorg.co] }").await;
    let (run, deliveries) = world.run_now(world.email(Format::LinkOnly, &["partner@example.com", "blob.ross@MyOrg.co"])).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let partner = deliveries.iter().find(|delivery| delivery.target == "partner@example.com").unwrap();
    assert_eq!(partner.state, DeliveryState::Skipped { reason: "domainNotAllowed".to_owned() });
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn p1_an_address_that_nobody_has_yet_is_imagined_as_somebody_without_values() {
    let world = World::new().await;
    let mut definition = personal(&world, &[]).await;
    let Destination::Email(email) = &mut definition.destination else { panic!("mail") };
    email.recipients = vec![pressrun_store::sample::recipient("new@x.example", Person::EmailOnly(UserId::generate()))];
    for (identifier, tile, missing) in [("sales", Some("1"), &["region"][..]), ("empty", None, &[])] {
        (definition.identifier, definition.tile) = (identifier.into(), tile.map(Into::into));
        let found = audience::imagined(&world.catalog.current(), &definition, world.store.as_ref()).await.unwrap();
        assert!(found.skipped.is_empty() && found.audiences.len() == 1, "{identifier}: {found:?}");
        assert_eq!(found.audiences[0].missing, missing, "{identifier}: they see all of what asks for nothing");
    }
}

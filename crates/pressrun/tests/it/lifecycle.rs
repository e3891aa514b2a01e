//! Schedules that can no longer run, and what becomes of them.

use jiff::SignedDuration;
use pressrun_domain::audience::{Identity, TIMEZONE_ATTRIBUTE};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Scalar;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunState, RunStatus};
use pressrun_domain::schedule::{Definition, Schedule, SystemDisabledReason};
use pressrun_engine::pipeline::audience::{Scene, query_zone};

use crate::world::{START, World, ended, watching};

/// Changes a file of the catalog and publishes it as it is meant to be.
pub(crate) async fn publish(world: &World, file: &str, from: &str, to: &str) {
    let path = world.dir.path().join("catalog").join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(before.contains(from), "{file} has no {from:?}");
    std::fs::write(&path, before.replacen(from, to, 1)).unwrap();
    published(world).await;
}

async fn published(world: &World) {
    if let Err(error) = world.catalog.publish() {
        panic!("{error}");
    }
    pressrun_engine::publish::published(world.engine.context()).await.unwrap();
    world.engine.drain().await.unwrap();
}

async fn stored(world: &World, schedule: ScheduleId) -> Schedule {
    world.store.schedule(schedule).await.unwrap().unwrap()
}

fn reason(schedule: &Schedule) -> Option<SystemDisabledReason> {
    schedule.system_disabled.map(|disabled| disabled.reason)
}

/// Subjects of the mails so far.
fn subjects(world: &World) -> Vec<String> {
    world.smtp.mails().iter().map(|mail| mail.header("subject").unwrap_or_default()).collect()
}

#[tokio::test]
async fn x1_a_removed_tile_switches_off_when_it_is_published_and_the_owner_is_told_once() {
    for watched in [false, true] {
        let world = World::new().await;
        let mut definition = world.webhook(Format::Json);
        if watched {
            definition = watching(definition, ConditionKind::ResultsPresent, "total");
        } else {
            definition.tile = Some("total".into());
        }
        let schedule = world.save(definition).await;
        publish(&world, "dashboards/sales.yaml", "  total:\n", "  sum:\n").await;
        let off = stored(&world, schedule).await;
        assert_eq!((reason(&off), off.next_at), (Some(SystemDisabledReason::MissingQuery), None));
        assert_eq!(subjects(&world), ["Switched off: Daily sales"]);
        published(&world).await;
        world.pass(SignedDuration::from_hours(48)).await;
        assert!(world.runs(schedule).await.is_empty(), "X3: it does not run");
        assert_eq!(subjects(&world).len(), 1, "told once");
    }
}

#[tokio::test]
async fn x1_a_renamed_tile_with_the_same_key_is_not_missing() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.tile = Some("total".into());
    let schedule = world.save(definition).await;
    publish(&world, "dashboards/sales.yaml", "title: Total\n", "title: Grand total\n").await;
    assert_eq!(reason(&stored(&world, schedule).await), None);
}

#[tokio::test]
async fn x1_what_no_publication_saw_is_found_before_the_run_and_told_once() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.tile = Some("no-such-tile".into());
    let schedule = world.save(definition).await;
    world.go_to("2025-07-24T09:00:00Z").await;
    assert!(matches!(world.runs(schedule).await[0].state, RunState::Queued { .. }), "it may be missing for moments");
    world.go_to("2025-07-24T09:01:00Z").await;
    let runs = world.runs(schedule).await;
    assert_eq!(ended(&runs[0]), (RunStatus::Error, Some("missingQuery")));
    assert_eq!(reason(&stored(&world, schedule).await), Some(SystemDisabledReason::MissingQuery));
    published(&world).await;
    assert_eq!(subjects(&world), ["Switched off: Daily sales"]);
    assert!(world.http.requests().is_empty());
}

/// Reads the files and looks at them as the server does after each change, and when something is due to be looked at again.
async fn noticed(world: &World) -> pressrun_engine::publish::Published {
    let _ = world.catalog.reload();
    let done = pressrun_engine::publish::published(world.engine.context()).await.unwrap();
    world.engine.drain().await.unwrap();
    done
}

#[tokio::test]
async fn a14_a_file_that_is_away_for_moments_switches_nothing_off() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let (file, away) = (world.dir.path().join("catalog/dashboards/sales.yaml"), world.dir.path().join("away.yaml"));
    for _ in 0..3 {
        std::fs::rename(&file, &away).unwrap();
        let gone = noticed(&world).await;
        assert_eq!(gone.look_again, Some(SignedDuration::from_mins(1)));
        // A run that is due meanwhile waits.
        let run = world.trigger(schedule).await;
        world.engine.drain().await.unwrap();
        assert!(matches!(world.run(run).await.0.state, RunState::Queued { .. }));
        world.pass(SignedDuration::from_secs(50)).await;
        std::fs::rename(&away, &file).unwrap();
        assert_eq!(noticed(&world).await.look_again, None, "it is forgotten that it was away");
        world.pass(SignedDuration::from_secs(20)).await;
        assert_eq!(ended(&world.run(run).await.0).0, RunStatus::Complete);
    }
    assert_eq!((reason(&stored(&world, schedule).await), subjects(&world).len()), (None, 0));
}

#[tokio::test]
async fn a14_a_clock_that_is_set_forward_does_not_shorten_the_time_that_a_fault_has_to_hold() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    std::fs::remove_file(world.dir.path().join("catalog/dashboards/sales.yaml")).unwrap();
    assert_eq!(noticed(&world).await.disabled, 0);
    world.clock.jump(SignedDuration::from_mins(30));
    assert_eq!(noticed(&world).await.disabled, 0, "no time has passed");
    world.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(noticed(&world).await.disabled, 1);
    assert_eq!(reason(&stored(&world, schedule).await), Some(SystemDisabledReason::MissingQuery));
}

#[tokio::test]
async fn a14_a_dashboard_that_is_gone_for_good_switches_off_after_a_minute_and_on_again_when_it_is_back() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let path = world.dir.path().join("catalog/dashboards/sales.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(noticed(&world).await.disabled, 0);
    world.clock.advance(SignedDuration::from_secs(61));
    // No change wakes anybody: the second reading is made for this.
    let done = pressrun_engine::publish::published(world.engine.context()).await.unwrap();
    assert_eq!((done.disabled, done.look_again), (1, None));
    world.engine.drain().await.unwrap();
    let off = stored(&world, schedule).await;
    assert_eq!((reason(&off), off.next_at), (Some(SystemDisabledReason::MissingQuery), None));

    world.pass(SignedDuration::from_hours(30)).await;
    std::fs::write(&path, text).unwrap();
    assert_eq!(noticed(&world).await.enabled, 1);
    let back = stored(&world, schedule).await;
    assert_eq!((reason(&back), back.next_at), (None, Some("2025-07-26T09:00:00Z".parse().unwrap())), "from now on, and nothing is made up");
    assert_eq!(subjects(&world), ["Switched off: Daily sales", "Switched on again: Daily sales"]);
    assert_eq!(noticed(&world).await.enabled, 0);
    world.go_to("2025-07-26T09:00:00Z").await;
    assert_eq!(ended(&world.runs(schedule).await[0]).0, RunStatus::Complete);
    assert_eq!(subjects(&world).len(), 2, "each is said once");
}

#[tokio::test]
async fn a14_a_catalog_that_cannot_be_read_switches_nothing_off_however_long_it_takes() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let catalog = world.dir.path().join("catalog");
    std::fs::remove_file(catalog.join("dashboards/sales.yaml")).unwrap();
    noticed(&world).await;
    std::fs::rename(&catalog, world.dir.path().join("unmounted")).unwrap();
    for _ in 0..5 {
        world.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(noticed(&world).await.disabled, 0);
    }
    std::fs::rename(world.dir.path().join("unmounted"), &catalog).unwrap();
    assert_eq!(noticed(&world).await.disabled, 1, "it is there, and the file is still gone");
    assert_eq!(reason(&stored(&world, schedule).await), Some(SystemDisabledReason::MissingQuery));
}

/// A schedule whose dashboard was published without the filter that it sets.
async fn without_its_filter() -> (World, ScheduleId) {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.filters.insert("region".into(), serde_json::json!(["US"]));
    let schedule = world.save(definition).await;
    let sales = "dashboards/sales.yaml";
    publish(&world, sales, "{{ filter('region', 'region') }} and ", "").await;
    publish(&world, sales, "  region: { label", "  area: { label").await;
    (world, schedule)
}

#[tokio::test]
async fn x5_what_was_switched_off_on_purpose_does_not_come_back_by_itself() {
    let (world, schedule) = without_its_filter().await;
    publish(&world, "dashboards/sales.yaml", "  area: { label", "  region: { label").await;
    let off = stored(&world, schedule).await;
    assert_eq!((reason(&off), off.next_at), (Some(SystemDisabledReason::OrphanedFilterConfigKeys), None), "X5: never silently");
    assert_eq!(subjects(&world), ["Switched off: Daily sales", "Can be switched on again: Daily sales"]);
    published(&world).await;
    assert_eq!(subjects(&world).len(), 2, "X5: said once");
}

#[tokio::test]
async fn b14_schedules_on_a_dashboard_with_a_fault_wait_over_a_start_and_run_when_it_is_right() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let path = world.dir.path().join("catalog/dashboards/sales.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("mark: kpi", "mark: kpl")).unwrap();
    // A start of the server.
    let engine = world.another_engine(world.carriers());
    let context = engine.context();
    assert!(context.catalog.current().waits(&"sales".into()));
    for instant in ["2025-07-24T08:59:00Z", "2025-07-24T09:00:00Z", "2025-07-24T10:30:00Z", "2025-07-24T15:00:00Z"] {
        world.clock.set(instant.parse().unwrap());
        pressrun_engine::publish::published(context).await.unwrap();
        engine.tick().await.unwrap();
        engine.drain().await.unwrap();
    }
    let run = world.runs(schedule).await.remove(0);
    assert!(matches!(run.state, RunState::Queued { .. }), "{:?}", run.state);
    assert_eq!((reason(&stored(&world, schedule).await), subjects(&world).len()), (None, 0));

    std::fs::write(&path, text).unwrap();
    context.catalog.reload().unwrap();
    world.clock.set("2025-07-24T15:01:00Z".parse().unwrap());
    engine.drain().await.unwrap();
    let run = world.runs(schedule).await.remove(0);
    assert_eq!(ended(&run).0, RunStatus::Complete, "its time does not count what it waited: {:?}", run.record);
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn b14_an_occurrence_waits_for_a_day_and_who_tries_a_schedule_out_hears_at_once() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    std::fs::write(world.dir.path().join("catalog/dashboards/sales.yaml"), "identifier: sales\nname: [").unwrap();
    let engine = world.another_engine(world.carriers());
    let test = world.enqueue(ScheduleId::generate(), world.webhook(Format::Json), pressrun_domain::run::RunKind::Test).await;
    engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(test).await.0), (RunStatus::Error, Some("faultyDashboard")));
    for instant in ["2025-07-24T09:00:00Z", "2025-07-25T09:00:00Z"] {
        world.clock.set(instant.parse().unwrap());
        engine.tick().await.unwrap();
        engine.drain().await.unwrap();
    }
    assert_eq!(ended(&world.runs(schedule).await[0]), (RunStatus::Error, Some("faultyDashboard")));
    assert_eq!(reason(&stored(&world, schedule).await), None, "it runs again when the file is right");
}

#[tokio::test]
async fn x6_a_deactivated_owner_is_no_access_and_nobody_is_mailed() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    publish(&world, "people.yaml", "admin: true,", "admin: true, active: false,").await;
    let off = stored(&world, schedule).await;
    assert_eq!(reason(&off), Some(SystemDisabledReason::NoAccess));
    assert!(world.smtp.mails().is_empty(), "there is no owner to mail");
    world.pass(SignedDuration::from_hours(24)).await;
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn q2_an_owner_who_lost_access_has_nothing_run() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    definition.owner = pressrun_domain::id::MembershipId("0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12".parse().unwrap());
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    // Not published to the engine: the run finds out by itself, by two looks.
    let path = world.dir.path().join("catalog/dashboards/sales.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("identifier: sales", "identifier: sales\naccess: { groups: [sales] }")).unwrap();
    if let Err(error) = world.catalog.reload() {
        panic!("{error}");
    }
    world.engine.drain().await.unwrap();
    world.pass(SignedDuration::from_mins(1)).await;
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("noAccess")));
    assert!(run.record.tiles.is_empty() && deliveries.is_empty() && world.http.requests().is_empty());
    assert_eq!(reason(&stored(&world, schedule).await), Some(SystemDisabledReason::NoAccess));
}

#[tokio::test]
async fn f12_a_removed_filter_switches_off_when_it_is_published() {
    let (world, schedule) = without_its_filter().await;
    assert_eq!(reason(&stored(&world, schedule).await), Some(SystemDisabledReason::OrphanedFilterConfigKeys));
}

#[tokio::test]
async fn x9_a_schedule_deleted_while_its_run_waits_sends_nothing_and_its_history_stays() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let run = world.trigger(schedule).await;
    world
        .store
        .delete_schedule(schedule, &pressrun_store::sample::change_at(Verb::ScheduleDeleted, "2025-07-24T08:30:01Z".parse().unwrap()))
        .await
        .unwrap();
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Killed, Some("deleted")));
    assert!(world.http.requests().is_empty() && world.smtp.mails().is_empty());
}

#[tokio::test]
async fn q3_a_broken_edit_is_not_published_and_runs_go_on_with_what_was() {
    let world = World::new().await;
    let path = world.dir.path().join("catalog/dashboards/sales.yaml");
    std::fs::write(&path, "identifier: sales\nname: [").unwrap();
    world.catalog.reload().unwrap();
    assert_eq!(world.catalog.status().problems.len(), 1);
    let (run, _) = world.run_now(world.webhook(Format::Json)).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
}

#[tokio::test]
async fn q4_every_run_computes_anew() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Csv);
    definition.tile = Some("1".into());
    let schedule = world.save(definition).await;
    for amount in ["1", "2"] {
        world.write_data("sales.csv", &format!("day,region,amount\n2025-07-21,US,{amount}\n"));
        world.trigger(schedule).await;
        world.engine.drain().await.unwrap();
        let sent = world.http.requests().last().unwrap().text();
        assert_eq!(sent, format!("Region,Amount\r\nUS,{amount}\r\n"));
    }
}

#[tokio::test]
async fn q7_the_schedules_own_zone_never_touches_the_data() {
    let world = World::new().await;
    let mut bodies = Vec::new();
    for zone in ["UTC", "Asia/Tokyo"] {
        let mut definition = world.webhook(Format::Json);
        definition.timezone = zone.to_owned();
        definition.timezone_override = Some("America/New_York".to_owned());
        let (run, _) = world.run_now(definition).await;
        assert_eq!(ended(&run).0, RunStatus::Complete);
        bodies.push(world.http.requests().last().unwrap().body.clone());
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn q9_a_hidden_tile_is_run_only_when_it_is_watched_and_never_shown() {
    let world = World::new().await;
    let (run, _) = world.run_now(world.webhook(Format::Json)).await;
    let keys: Vec<_> = run.record.tiles.iter().map(|tile| tile.key.as_str()).collect();
    assert_eq!(keys, ["1", "total"]);
    let (watching_it, _) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsMissing, "refunds")).await;
    assert!(watching_it.record.tiles.iter().any(|tile| tile.key.as_str() == "refunds"));
    let bodies: Vec<_> = world.http.requests().iter().map(|request| request.body.clone()).collect();
    assert_eq!(bodies[0], bodies[1], "watching changes nothing of what is sent");
}

#[tokio::test]
async fn s1_everything_accepted_is_complete_and_s6_the_last_status_waits_for_the_end() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    world.http.push([pressrun_testkit::HttpAnswer::new(503, "busy")]);
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    assert!(matches!(world.run(run).await.0.state, RunState::Queued { .. }), "it waits for its retry");
    assert_eq!(stored(&world, schedule).await.last_run, None);
    world.pass(SignedDuration::from_mins(2)).await;
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Complete, None));
    assert_eq!(stored(&world, schedule).await.last_run.unwrap().status, RunStatus::Complete);
}

#[tokio::test]
async fn q6_the_override_then_the_recipient_then_the_owner_then_the_dashboard_then_the_connection() {
    let world = World::new().await;
    let mut definition = world.webhook(Format::Json);
    let zone = |definition: &Definition, recipient: Option<&str>| {
        let catalog = world.catalog.current();
        let document = catalog.documents.get(&definition.identifier).unwrap();
        let scene = Scene { catalog: &catalog, document, dashboard: document.dashboard.as_ref().unwrap(), definition };
        let of = |zone: &str| Identity { attributes: [(TIMEZONE_ATTRIBUTE.to_owned(), vec![Scalar::Text(zone.to_owned())])].into() };
        query_zone(scene, catalog.member(definition.owner.0), recipient.map(of).as_ref())
    };
    definition.timezone = "Pacific/Auckland".to_owned();
    assert_eq!(zone(&definition, None), "UTC", "the connection's, never the schedule's own");
    publish(&world, "dashboards/sales.yaml", "connection: files\n", "connection: files\ntimezone: Europe/Paris\n").await;
    assert_eq!(zone(&definition, None), "Europe/Paris");
    publish(&world, "people.yaml", "region: [US, EU] }", "region: [US, EU], omni_user_timezone: Asia/Tokyo }").await;
    assert_eq!(zone(&definition, None), "Europe/Paris", "members' own zones are off");
    publish(&world, "people.yaml", "name: Blobs R Us }", "name: Blobs R Us, member_timezones: true }").await;
    assert_eq!(zone(&definition, None), "Asia/Tokyo");
    assert_eq!(zone(&definition, Some("America/Lima")), "America/Lima");
    definition.timezone_override = Some("Africa/Cairo".to_owned());
    assert_eq!(zone(&definition, Some("America/Lima")), "Africa/Cairo");
}

#[tokio::test]
async fn s5_a_run_cancelled_in_the_middle_of_a_query_does_not_wait_for_it() {
    for (deleted, reason) in [(false, "cancelled"), (true, "deleted")] {
        let world = World::new().await;
        let mut definition = world.webhook(Format::Json);
        definition.identifier = "never-yields".into();
        let schedule = world.save(definition).await;
        let run = world.trigger(schedule).await;
        let stop = async {
            // The heartbeat, and the look whether the run is still wanted: the query is under way.
            world.clock.wait_for_sleepers(2).await;
            let now = START.parse().unwrap();
            assert!(if deleted {
                world.store.delete_schedule(schedule, &pressrun_store::sample::change_at(Verb::ScheduleDeleted, now)).await.unwrap()
            } else {
                world.store.cancel(run, &pressrun_store::sample::change_at(Verb::RunCancelled, now)).await.unwrap()
            });
            world.clock.advance(SignedDuration::from_secs(3));
        };
        let (worked, ()) = tokio::join!(world.engine.drain(), stop);
        assert_eq!(worked.unwrap(), 1);
        assert_eq!(ended(&world.run(run).await.0), (RunStatus::Killed, Some(reason)));
        assert!(world.http.requests().is_empty() && world.smtp.mails().is_empty());
    }
}

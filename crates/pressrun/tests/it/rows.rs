//! Who gains rows (C1, C2, M11): no sequence of calls lets a byte of another region's rows reach a member, unless somebody gave it to them
//! who has it.
//!
//! The engine, the store, the API on a socket, mail and webhooks are real. Every cell says whose it is. Sequences are drawn from a seed, which a
//! failure names: a member tries what the API lets her, while the owner of the schedule goes on with it, the admin gives it away, and whoever is
//! asked for something reads it and perhaps agrees. What they agree to is kept by [`consent`], apart from the server. After each move everything
//! that arrived is read: mails by their recipients, calls by the owner of the webhook, answers by whoever asked; every link that was ever mailed
//! is opened anew, and now and then somebody reads all files and the whole history.

mod consent;
mod moves;
mod oracle;
mod people;
mod scene;

use std::ops::Range;

use pressrun_testkit::Dice;
use reqwest::Method;
use serde_json::json;

use oracle::Alert;
use people::{Place, Who};
use scene::{Scene, in_clear, mail};

/// Moves of one sequence.
const MOVES: usize = 16;

/// What has to have happened somewhere, lest the search proves nothing.
const HAPPENED: [&str; 9] = [
    "rows arrived that were given",
    "links opened",
    "links withdrawn",
    "files read",
    "offers accepted",
    "subscriptions requested",
    "requests confirmed",
    "subscribers waited",
    "pieces sent again",
];

/// Plays one sequence for each seed, all on one server.
async fn search(seeds: Range<u64>) {
    let mut scene = Scene::new().await;
    for seed in seeds {
        let mut dice = Dice::new(seed);
        scene.open(&mut dice).await;
        for _ in 0..MOVES {
            scene.step(&mut dice).await;
            assert!(scene.leaks.is_empty(), "seed {seed}: {:#?} after {:#?}", scene.leaks, scene.moves);
        }
        for who in Who::ALL {
            scene.read(who).await;
        }
        scene.end().await;
        assert!(scene.leaks.is_empty(), "seed {seed}: {:#?} after {:#?}", scene.leaks, scene.moves);
    }
    eprintln!("{:?}", scene.happened);
    for what in HAPPENED {
        assert!(scene.happened.get(what).is_some_and(|times| *times > 0), "it never happened that {what}: {:?}", scene.happened);
    }
}

#[tokio::test]
async fn c1_c2_m11_no_sequence_of_a_members_calls_lets_a_row_of_another_region_reach_them_1() {
    search(0..60).await;
}

#[tokio::test]
async fn c1_c2_m11_no_sequence_of_a_members_calls_lets_a_row_of_another_region_reach_them_2() {
    search(60..120).await;
}

#[tokio::test]
async fn c1_c2_m11_no_sequence_of_a_members_calls_lets_a_row_of_another_region_reach_them_3() {
    search(120..180).await;
}

#[tokio::test]
async fn c1_c2_m11_no_sequence_of_a_members_calls_lets_a_row_of_another_region_reach_them_4() {
    search(180..240).await;
}

#[tokio::test]
async fn c2_outsiders_who_were_named_under_a_policy_get_none_of_the_owners_rows_when_it_ends() {
    let mut scene = Scene::new().await;
    let (eves, owens) = (Place::Private(Who::Eve), Place::Private(Who::Owen));
    scene.begin(Who::Owen, &mail(&json!({"recipients": [owens.name()]}))).await;
    scene.policy("always");
    scene.add(Who::Owen, &[eves]).await;
    scene.policy("schedule");
    scene.call(Who::Owen, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    assert!(scene.leaks.is_empty(), "{:?}", scene.leaks);
    let got = |scene: &Scene, place: Place| {
        scene.world.smtp.mails().iter().filter(|mail| mail.to.iter().any(|to| to.contains(&place.name()))).count()
    };
    assert_eq!((got(&scene, owens), got(&scene, eves)), (1, 0), "who was named before the policy gets the owner's rows, as ever");
    let listed = scene.call(Who::Owen, Method::GET, &scene.path("/recipients"), None).await.json;
    let held: Vec<_> = listed["recipients"].as_array().unwrap().iter().map(|person| person["held"] == json!(true)).collect();
    assert_eq!(held, [false, true], "{listed}");

    // The owner says so, now that it means what it says.
    scene.add(Who::Owen, &[eves]).await;
    scene.call(Who::Owen, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    assert_eq!(got(&scene, eves), 1);
    assert!(scene.leaks.is_empty(), "{:?}", scene.leaks);
}

/// Plays alerts of Eve's with and without the row of Owen's that they look for: she learns the same.
async fn ask(seeds: Range<u64>) {
    let mut told_apart = 0;
    for seed in seeds {
        let alert = Alert::drawn(&mut Dice::new(seed));
        let (with, without) = (oracle::play(&alert, true).await, oracle::play(&alert, false).await);
        if with.outcomes != without.outcomes {
            told_apart += 1;
            assert_ne!(with.admins, without.admins, "seed {seed}: the questions tell, of those who may know");
        }
        let difference = with.said.lines().zip(without.said.lines()).find(|(with, without)| with != without);
        assert!(with.said == without.said, "seed {seed}, {alert:?}: {difference:#?}; {:?} and {:?}", with.outcomes, without.outcomes);
    }
    assert!(told_apart > 3, "{told_apart} alerts came out differently");
}

#[tokio::test]
async fn d28_the_owner_is_told_where_everybody_sees_the_same_rows_and_so_the_play_can_tell() {
    let alert = Alert::alike();
    let (with, without) = (oracle::play(&alert, true).await, oracle::play(&alert, false).await);
    assert_ne!(with.outcomes, without.outcomes);
    assert!(without.said.contains("CONDITION_UNMET") && !without.said.contains("conditionWithheld"), "{}", without.said);
    assert!(with.said.matches("\"COMPLETE\"").count() > without.said.matches("\"COMPLETE\"").count(), "{}", with.said);
}

/// Plays an alert of Eve's in both worlds, which those who may know can tell apart: she learns the same.
async fn learns_nothing(alert: &Alert) {
    let (with, without) = (oracle::play(alert, true).await, oracle::play(alert, false).await);
    assert_ne!(with.admins, without.admins, "{alert:?}");
    let difference = with.said.lines().zip(without.said.lines()).find(|(with, without)| with != without);
    assert!(with.said == without.said, "{alert:?}: {difference:#?}; {:?} and {:?}", with.outcomes, without.outcomes);
}

#[tokio::test]
async fn d28_an_owner_who_is_left_out_does_not_learn_by_that_whether_a_colleagues_rows_met_the_condition() {
    learns_nothing(&Alert::to_nobody_but_a_colleague()).await;
}

#[tokio::test]
async fn d28_a_colleagues_query_that_fails_does_not_keep_the_owners_own_copy_from_her() {
    for alert in Alert::stopping() {
        learns_nothing(&alert).await;
    }
}

#[tokio::test]
async fn d28_an_owner_of_personal_copies_does_not_learn_whether_a_colleagues_rows_met_the_condition_1() {
    ask(0..10).await;
}

#[tokio::test]
async fn d28_an_owner_of_personal_copies_does_not_learn_whether_a_colleagues_rows_met_the_condition_2() {
    ask(10..20).await;
}

#[tokio::test]
async fn d28_what_failed_for_a_colleague_is_told_to_an_admin_and_not_to_the_owner() {
    let mut scene = Scene::new().await;
    let owen = Place::Inbox(Who::Owen).name();
    scene.world.smtp.follow(|script| drop(script.refuse.insert(owen.clone(), (550, "5.1.1 no such user".to_owned()))));
    let body = json!({"recipients": [owen], "fanOut": true, "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"});
    scene.begin(Who::Eve, &mail(&body)).await;
    scene.call(Who::Eve, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    scene.world.engine.tick().await.unwrap();
    scene.settle().await;
    let mails = scene.world.smtp.mails();
    let to = |who: Who| mails.iter().filter(|mail| mail.to.iter().any(|to| to.contains(&Place::Inbox(who).name()))).count();
    assert_eq!((to(Who::Root), to(Who::Eve)), (1, 0));
    assert!(in_clear(&mails[0].text()).contains("no such user"), "{}", mails[0].text());
    let mut told = Vec::new();
    for who in [Who::Root, Who::Eve] {
        let run = scene.call(who, Method::GET, &scene.path("/runs"), None).await.json["records"][0].clone();
        let last = scene.call(who, Method::GET, &scene.path(""), None).await.json["destinations"][0]["lastStatus"].clone();
        told.push((run["status"].clone(), run["reason"] == "conditionWithheld", last));
    }
    assert_eq!(told, [(json!("ERROR"), false, json!("ERROR")), (json!("COMPLETE"), true, json!("COMPLETE"))]);
}

#[tokio::test]
async fn d28_a_trigger_beside_a_run_that_waits_says_why_to_an_admin_and_not_to_the_owner() {
    let mut scene = Scene::new().await;
    let owen = Place::Inbox(Who::Owen).name();
    scene.world.smtp.follow(|script| drop(script.refuse.insert(owen.clone(), (451, "4.2.0 come back later".to_owned()))));
    let body = json!({"recipients": [owen], "fanOut": true, "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"});
    scene.begin(Who::Eve, &mail(&body)).await;
    scene.call(Who::Eve, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    let mut told = Vec::new();
    for who in [Who::Root, Who::Eve] {
        let answer = scene.call(who, Method::POST, &scene.path("/trigger"), None).await;
        told.push((answer.status.as_u16(), answer.json.to_string().contains("come back later"), answer.json.to_string().contains("until")));
    }
    assert_eq!(told, [(409, true, true), (409, false, false)]);
    // That it is not over yet can be seen; until when and for what it waits cannot.
    let run = scene.runs().await.remove(0).id;
    for (who, knows) in [(Who::Root, true), (Who::Eve, false)] {
        let read = scene.call(who, Method::GET, &format!("/runs/{run}"), None).await.json;
        assert_eq!((read["waitsUntil"].is_string(), read["waitsFor"].is_string()), (knows, knows), "{}: {read}", who.name());
    }
}

#[tokio::test]
async fn d28_a_colleagues_piece_that_an_admin_sends_again_is_not_in_the_owners_history() {
    let mut scene = Scene::new().await;
    let [eve, owen] = [Who::Eve, Who::Owen].map(|who| Place::Inbox(who).name());
    let body = json!({"recipients": [eve, owen], "fanOut": true, "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"});
    scene.begin(Who::Eve, &mail(&body)).await;
    scene.call(Who::Eve, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    let run = scene.runs().await.remove(0).id;
    let mut told = Vec::new();
    for place in [&owen, &eve] {
        let piece = uuid::Uuid::new_v5(&run.0, place.as_bytes());
        let again = scene.call(Who::Root, Method::POST, &format!("/runs/{run}/deliveries/{piece}/resend"), None).await;
        assert!(again.status.is_success(), "{}", again.json);
        scene.settle().await;
        for who in [Who::Root, Who::Eve] {
            let listed = scene.call(who, Method::GET, &scene.path("/runs"), None).await.json;
            let kinds: Vec<_> = listed["records"].as_array().unwrap().iter().map(|run| run["kind"].as_str().unwrap().to_owned()).collect();
            told.push((kinds.len(), kinds.iter().filter(|kind| *kind == "resend").count(), listed["pageInfo"]["totalRecords"].clone()));
        }
    }
    assert_eq!(told, [(2, 1, json!(2)), (1, 0, json!(1)), (3, 2, json!(3)), (2, 1, json!(2))]);
    for (who, again) in [(Who::Root, 2), (Who::Eve, 0)] {
        let read = scene.call(who, Method::GET, &format!("/runs/{run}"), None).await.json;
        assert_eq!(read["resends"].as_array().map(Vec::len), Some(again), "{}: {read}", who.name());
    }
}

/// Shows everybody the same, of what its filter lets through, which readers do not see.
const VEILED: &str = "
identifier: veiled
name: Veiled
connection: files
filters:
  region: { label: Region, type: string, hidden: true }
tiles:
  '1':
    title: Found
    sql: select 1 as found from marks where {{ filter('region', 'region') }} and cell = 'nowhere'
    at: { x: 0, y: 0, w: 24, h: 8 }
";

#[tokio::test]
async fn d28_readers_are_not_told_how_a_condition_went_over_a_hidden_filter_that_the_owner_set() {
    let mut scene = Scene::new().await;
    std::fs::write(scene.world.dir.path().join("catalog/dashboards/veiled.yaml"), VEILED).unwrap();
    scene.world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    for (filters, personal, readers) in [
        (json!({}), false, "CONDITION_UNMET"),
        (json!({"region": ["APAC"]}), false, "COMPLETE"),
        (json!({"region": ["APAC"]}), true, "COMPLETE"),
    ] {
        let body = json!({"identifier": "veiled", "recipients": [Place::Inbox(Who::Owen).name()], "fanOut": personal, "filterConfig": filters,
            "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"});
        scene.begin(Who::Owen, &mail(&body)).await;
        scene.call(Who::Owen, Method::POST, &scene.path("/trigger"), None).await;
        scene.settle().await;
        for (who, expected) in [(Who::Owen, "CONDITION_UNMET"), (Who::Eve, readers)] {
            let run = scene.call(who, Method::GET, &scene.path("/runs"), None).await.json["records"][0].clone();
            let last = scene.call(who, Method::GET, &scene.path(""), None).await.json["destinations"][0]["lastStatus"].clone();
            assert_eq!((&run["status"], last), (&json!(expected), json!(expected)), "{body}: {} is told {run}", who.name());
        }
    }
}

/// Reads the first cell as a number, which fails for some and names the cell.
const CASTS: &str = "
identifier: casts
name: Casts
connection: files
tiles:
  '1':
    title: Numbers
    sql: select cast(cell as integer) as number from casts where {{ user_attribute('region', 'region') }}
    at: { x: 0, y: 0, w: 24, h: 8 }
";

/// A schedule of Eve's over a dashboard whose query fails runs; she reads all that she may. What an admin is shown of it.
async fn failed(scene: &mut Scene, mut body: serde_json::Value, condition: bool) -> String {
    if condition {
        body["conditionType"] = json!("RESULTS_PRESENT");
        body["conditionQueryMapKey"] = json!("1");
    }
    scene.begin(Who::Eve, &mail(&body)).await;
    scene.call(Who::Eve, Method::POST, &scene.path("/trigger"), None).await;
    scene.settle().await;
    scene.world.engine.tick().await.unwrap();
    scene.settle().await;
    scene.read(Who::Eve).await;
    let mut admins = String::new();
    for run in scene.runs().await {
        admins.push_str(&scene.call(Who::Root, Method::GET, &format!("/runs/{}", run.id), None).await.json.to_string());
    }
    admins
}

/// With a dashboard over cells of which some are no numbers.
async fn with_casts(dashboard: &str) -> Scene {
    let scene = Scene::new().await;
    std::fs::write(scene.world.dir.path().join("catalog/dashboards/casts.yaml"), dashboard).unwrap();
    scene.world.write_data("casts.csv", "region,cell\nAPAC,ROW-APAC-7\nEU,7\nUS,8\n");
    scene.world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    scene
}

fn assert_only_admins_are_told(scene: &Scene, admins: &str) {
    let told = scene.world.smtp.mails().iter().filter(|mail| in_clear(&mail.text()).contains("an admin can see why")).count();
    assert!(told > 0, "she is told that it failed");
    assert!(admins.contains("ROW-APAC-7"), "an admin sees why: {admins}");
    assert!(scene.leaks.is_empty(), "{:?}", scene.leaks);
}

#[tokio::test]
async fn m1_no_error_of_another_readers_query_tells_the_owner_of_personal_copies_a_cell() {
    let mut scene = with_casts(CASTS).await;
    let (eve, owen) = (Place::Inbox(Who::Eve).name(), Place::Inbox(Who::Owen).name());
    let mut admins = String::new();
    for (recipients, condition) in [(json!([eve, owen]), false), (json!([owen]), false), (json!([eve, owen]), true)] {
        let body = json!({"identifier": "casts", "recipients": recipients, "fanOut": true});
        admins.push_str(&failed(&mut scene, body, condition).await);
    }
    assert_only_admins_are_told(&scene, &admins);
}

/// Reads cells as numbers before it asks whose they are.
const LATE: &str = "
identifier: casts
name: Casts
connection: files
tiles:
  '1':
    title: Numbers
    sql: select cell from casts where cast(cell as integer) > 5 and {{ user_attribute('region', 'region') }}
    at: { x: 0, y: 0, w: 24, h: 8 }
";

#[tokio::test]
async fn m1_no_error_of_ones_own_query_tells_a_cell_of_other_regions() {
    let mut scene = with_casts(LATE).await;
    let mut admins = String::new();
    for condition in [false, true] {
        let body = json!({"identifier": "casts", "recipients": [Place::Inbox(Who::Eve).name()]});
        admins.push_str(&failed(&mut scene, body, condition).await);
    }
    assert_only_admins_are_told(&scene, &admins);
}

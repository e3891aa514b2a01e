//! Alerts over real results.

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_domain::schedule::Schedule;
use pressrun_testkit::HttpAnswer;

use crate::audiences::personal;
use crate::lifecycle::publish;
use crate::world::{World, ended, watching};

const HEADER: &str = "day,region,amount\n";

/// Runs the alert daily; before each day the total is set. Returns the statuses.
async fn days(world: &World, kind: ConditionKind, tile: &str, amounts: &[&str]) -> Vec<RunStatus> {
    let schedule = world.save(watching(world.webhook(Format::Json), kind, tile)).await;
    for amount in amounts {
        let rows = amount.split(',').filter(|amount| !amount.is_empty()).map(|amount| format!("2025-07-21,US,{amount}\n"));
        world.write_data("sales.csv", &format!("{HEADER}2025-07-20,EU,1\n{}", rows.collect::<String>()));
        world.pass(SignedDuration::from_hours(24)).await;
    }
    world.runs(schedule).await.iter().map(|run| ended(run).0).collect()
}

#[tokio::test]
async fn a1_present_and_missing() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsPresent, "refunds", &["5", "-5"]).await, [ConditionUnmet, Complete]);
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsMissing, "refunds", &["5", "-5"]).await, [Complete, ConditionUnmet]);
}

#[tokio::test]
async fn a9_the_comparison_is_with_the_previous_evaluation() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    let statuses = days(&world, ConditionKind::ResultsChanged, "1", &["10", "12", "12", "10"]).await;
    assert_eq!(statuses, [ConditionUnmet, Complete, ConditionUnmet, Complete]);
    assert_eq!(world.http.requests().len(), 2);
}

#[tokio::test]
async fn a8_unchanged_delivers_when_nothing_moved() {
    use RunStatus::{Complete, ConditionUnmet};
    let world = World::new().await;
    assert_eq!(days(&world, ConditionKind::ResultsUnchanged, "1", &["10", "10", "11"]).await, [ConditionUnmet, Complete, ConditionUnmet]);
}

#[tokio::test]
async fn a10_a_change_that_nobody_heard_of_fires_again() {
    let world = World::new().await;
    let schedule = world.save(watching(world.webhook(Format::Json), ConditionKind::ResultsChanged, "1")).await;
    world.pass(SignedDuration::from_hours(24)).await;
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,12\n"));
    world.http.push([HttpAnswer::new(400, "no")]);
    world.pass(SignedDuration::from_hours(24)).await;
    world.pass(SignedDuration::from_hours(24)).await;
    let statuses: Vec<_> = world.runs(schedule).await.iter().map(|run| ended(run).0).collect();
    assert_eq!(statuses, [RunStatus::ConditionUnmet, RunStatus::Error, RunStatus::Complete]);
}

#[tokio::test]
async fn a4_an_unmet_condition_runs_nothing_else_and_mails_nobody() {
    let world = World::new().await;
    let (run, deliveries) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "refunds")).await;
    assert_eq!(ended(&run), (RunStatus::ConditionUnmet, Some("conditionUnmet")));
    assert_eq!(run.record.tiles.len(), 1, "only the watched query ran");
    assert!(deliveries.is_empty() && world.http.requests().is_empty() && world.smtp.mails().is_empty());
}

#[tokio::test]
async fn a11_a_failed_watched_query_is_an_error_never_missing() {
    let world = World::new().await;
    let mut alert = watching(world.webhook(Format::Json), ConditionKind::ResultsMissing, "1");
    alert.identifier = "unknown-column".into();
    let (run, _) = world.run_now(alert).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("conditionQueryFailed")));
    assert!(run.record.error.as_deref().unwrap().contains("regoin"), "{:?}", run.record.error);
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn a17_the_data_judged_is_the_data_sent() {
    let world = World::new().await;
    let (run, _) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "1")).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let judged = run.record.tiles.iter().find(|tile| tile.key.as_str() == "1").unwrap();
    let sent = run.record.tiles.iter().rfind(|tile| tile.key.as_str() == "1").unwrap();
    assert_eq!((judged.rows, judged.ms), (sent.rows, sent.ms), "one execution");
}

/// Lets a day pass, and returns how the schedule's last run ended.
async fn next_day(world: &World, schedule: ScheduleId) -> (RunStatus, Option<String>) {
    world.pass(SignedDuration::from_hours(24)).await;
    let runs = world.runs(schedule).await;
    let (status, reason) = ended(runs.last().unwrap());
    (status, reason.map(str::to_owned))
}

fn first() -> (RunStatus, Option<String>) {
    (RunStatus::ConditionUnmet, Some("baselineRecorded".to_owned()))
}

fn unmet() -> (RunStatus, Option<String>) {
    (RunStatus::ConditionUnmet, Some("conditionUnmet".to_owned()))
}

const DELIVERED: (RunStatus, Option<String>) = (RunStatus::Complete, None);

#[tokio::test]
async fn a2_a_row_of_nulls_is_a_row() {
    let world = World::new().await;
    world.write_data("sales.csv", &format!("{HEADER}2025-07-20,ASIA,1\n"));
    let (run, _) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "total")).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "a sum of nothing is one row without a value: {:?}", run.record);
}

#[tokio::test]
async fn a3_the_watched_query_keeps_its_own_limit_and_a15_says_when_it_was_cut() {
    let world = World::new().await;
    publish(&world, "dashboards/sales.yaml", "title: Sales by region\n", "title: Sales by region\n    limit: 1\n").await;
    let mut alert = watching(world.webhook(Format::Csv), ConditionKind::ResultsPresent, "1");
    alert.tile = Some("1".into());
    alert.options.override_row_limit = true;
    alert.options.max_row_limit = Some(5000);
    let (run, _) = world.run_now(alert).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!(run.record.conditions[0].rows, 1, "the schedule's own limit does not reach the watched query");
    assert!(run.record.warnings.contains(&"watchedResultTruncated".to_owned()), "{:?}", run.record.warnings);
    assert_eq!(world.http.requests()[0].text().lines().count(), 3, "the delivered rows are those that the schedule asks for");
}

#[tokio::test]
async fn a12_what_is_judged_makes_the_next_evaluation_a_first_one_and_nothing_else_does() {
    let sales = "dashboards/sales.yaml";
    for (case, file, from, to, stays) in [
        (
            "another query",
            sales,
            "select region, sum(amount) as amount from sales\n",
            "select region, sum(amount) as amount from sales s\n",
            false,
        ),
        ("a default of the dashboard", sales, "type: string }", "type: string, default: { kind: EQUALS, values: [US, EU] } }", false),
        ("another row limit", sales, "title: Sales by region\n", "title: Sales by region\n    limit: 7\n", false),
        ("another title", sales, "title: Sales by region\n", "title: Sales\n", true),
        ("another tile", sales, "title: Total\n", "title: Sum\n", true),
        ("another name of the owner", "people.yaml", "name: Blob Ross", "name: Blob Rossi", true),
    ] {
        let world = World::new().await;
        let schedule = world.save(watching(world.webhook(Format::LinkOnly), ConditionKind::ResultsUnchanged, "1")).await;
        assert_eq!(next_day(&world, schedule).await, first(), "{case}");
        publish(&world, file, from, to).await;
        let expected = if stays { DELIVERED } else { first() };
        assert_eq!(next_day(&world, schedule).await, expected, "{case}");
        assert_eq!(next_day(&world, schedule).await, DELIVERED, "{case}: the day after it compares again");
    }
}

#[tokio::test]
async fn a12_an_edit_of_overrides_zone_kind_or_owner_is_a_first_evaluation_whoever_saved_it() {
    type Edit = fn(&mut Schedule);
    let edits: [(&str, Edit, bool); 6] = [
        ("overrides", |s| drop(s.definition.filters.insert("region".into(), serde_json::json!(["US", "EU"]))), false),
        ("override zone", |s| s.definition.timezone_override = Some("Asia/Tokyo".to_owned()), false),
        (
            "a13 owner",
            |s| s.definition.owner = pressrun_domain::id::MembershipId("0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12".parse().unwrap()),
            false,
        ),
        ("name", |s| s.definition.name = "Other".to_owned(), true),
        ("format", |s| s.definition.format = Format::Json, true),
        ("cron", |s| s.definition.cron = "30 8 ? * * *".to_owned(), true),
    ];
    for (case, edit, stays) in edits {
        let world = World::new().await;
        let schedule = world.save(watching(world.webhook(Format::LinkOnly), ConditionKind::ResultsUnchanged, "1")).await;
        assert_eq!(next_day(&world, schedule).await, first(), "{case}");
        let mut stored = world.store.schedule(schedule).await.unwrap().unwrap();
        edit(&mut stored);
        let names = pressrun_engine::publish::names(&stored.definition, &world.catalog.current());
        world.store.replace_schedule(&stored, &names, &pressrun_store::sample::change(Verb::ScheduleUpdated)).await.unwrap();
        assert_eq!(next_day(&world, schedule).await, if stays { DELIVERED } else { first() }, "{case}");
    }
}

#[tokio::test]
async fn a16_the_watched_tile_need_not_be_part_of_what_is_sent() {
    let world = World::new().await;
    world.write_data("sales.csv", &format!("{HEADER}2025-07-20,US,-5\n"));
    let (run, _) = world.run_now(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "refunds")).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    let sent: serde_json::Value = serde_json::from_str(&world.http.requests()[0].text()).unwrap();
    let text = sent.to_string();
    assert!(text.contains("Sales by region") && text.contains("Total") && !text.contains("Refunds"), "{text}");
}

#[tokio::test]
async fn a18_each_recipient_is_judged_by_their_own_rows_and_baseline() {
    let world = World::new().await;
    let people: [(&str, Option<&[&str]>); 2] = [("us@x.example", Some(&["US"])), ("eu@x.example", Some(&["EU"]))];
    let schedule = world.save(watching(personal(&world, &people).await, ConditionKind::ResultsChanged, "1")).await;
    assert_eq!(next_day(&world, schedule).await, first());
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,11\n2025-07-22,EU,20.5\n"));
    assert_eq!(next_day(&world, schedule).await, DELIVERED);
    let mails = world.smtp.mails();
    assert_eq!(
        mails.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(),
        [vec!["us@x.example".to_owned()]],
        "only who has something new"
    );
    assert_eq!(next_day(&world, schedule).await, unmet());
}

#[tokio::test]
async fn a18_a_change_that_one_recipient_did_not_get_fires_again_for_that_one() {
    let world = World::new().await;
    let people: [(&str, Option<&[&str]>); 2] = [("us@x.example", Some(&["US"])), ("eu@x.example", Some(&["EU"]))];
    let schedule = world.save(watching(personal(&world, &people).await, ConditionKind::ResultsChanged, "1")).await;
    assert_eq!(next_day(&world, schedule).await, first());
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,11\n2025-07-22,EU,21\n"));
    world.smtp.follow(|script| drop(script.refuse.insert("eu@x.example".to_owned(), (550, "full".to_owned()))));
    assert_eq!(next_day(&world, schedule).await.0, RunStatus::ErrorDelivered);
    world.smtp.follow(|script| script.refuse.clear());
    let before = world.smtp.mails().len();
    assert_eq!(next_day(&world, schedule).await, DELIVERED);
    let after: Vec<_> = world.smtp.mails().split_off(before).into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(after.iter().filter(|to| to.ends_with("@x.example")).collect::<Vec<_>>(), ["eu@x.example"]);
}

#[tokio::test]
async fn a19_a_manual_run_judges_and_moves_the_baseline() {
    let world = World::new().await;
    let schedule = world.save(watching(world.webhook(Format::Json), ConditionKind::ResultsChanged, "1")).await;
    assert_eq!(next_day(&world, schedule).await, first());
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,12\n"));
    let manual = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(manual).await.0).0, RunStatus::Complete);
    assert_eq!(next_day(&world, schedule).await, unmet(), "the change was told");
}

#[tokio::test]
async fn a20_a_test_is_sent_only_if_the_condition_holds() {
    let world = World::new().await;
    for (kind, expected) in
        [(ConditionKind::ResultsPresent, RunStatus::ConditionUnmet), (ConditionKind::ResultsMissing, RunStatus::Complete)]
    {
        let alert = watching(world.webhook(Format::LinkOnly), kind, "refunds");
        let run = world.enqueue(ScheduleId::generate(), alert, RunKind::Test).await;
        world.engine.drain().await.unwrap();
        assert_eq!(ended(&world.run(run).await.0).0, expected, "{kind:?}");
    }
    assert_eq!(world.http.requests().len(), 1);
}

#[tokio::test]
async fn a21_a_message_says_what_fired_and_how_much_changed_and_its_subject_holds_no_data() {
    let world = World::new().await;
    let alert = watching(world.email(Format::LinkOnly, &["blob.ross@myorg.co"]), ConditionKind::ResultsChanged, "1");
    let schedule = world.save(alert).await;
    assert_eq!(next_day(&world, schedule).await, first());
    world.write_data("sales.csv", &format!("{HEADER}2025-07-21,US,40\n2025-07-22,EU,98765.5\n"));
    assert_eq!(next_day(&world, schedule).await, DELIVERED);
    let runs = world.runs(schedule).await;
    let (run, deliveries) = world.run(runs.last().unwrap().id).await;
    let text = world.smtp.mails().remove(0).text().replace("=\r\n", "");
    assert!(text.contains("Sales by region") && text.contains("1 row added, 1 row removed"), "{text}");
    assert!(!deliveries[0].message.subject.contains("98765"));
    let judged = &run.record.conditions[0];
    assert_eq!((judged.kind, judged.added, judged.removed), (Some(ConditionKind::ResultsChanged), Some(1), Some(1)));
    let baseline = judged.baseline.as_ref().expect("what it was compared with");
    assert_eq!((baseline.rows, baseline.at.to_string().as_str()), (2, "2025-07-25T08:30:00Z"));
    assert_ne!(Some(&baseline.fingerprint), judged.fingerprint.as_ref());
}

#[tokio::test]
async fn a22_an_unmet_condition_is_history_and_mails_nobody() {
    let world = World::new().await;
    let schedule = world.save(watching(world.webhook(Format::Json), ConditionKind::ResultsPresent, "refunds")).await;
    assert_eq!(next_day(&world, schedule).await, unmet());
    let last = world.store.schedule(schedule).await.unwrap().unwrap().last_run.unwrap();
    assert_eq!((last.status, last.completed_at.to_string().as_str()), (RunStatus::ConditionUnmet, "2025-07-25T08:30:00Z"));
    assert!(world.smtp.mails().is_empty());
}

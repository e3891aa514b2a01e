//! The planner on a real store: ahead of time, after outages, with clocks and zones that change.

use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::Tasks;
use pressrun_domain::run::{RunState, SkipReason};
use pressrun_domain::schedule::Schedule;
use pressrun_store::{PlanningNote, sample};
use tokio_util::sync::CancellationToken;

use crate::site::{DAILY, Site};

const MINUTELY: &str = "* * * * ? *";

/// Looks until something is found: a task does not tell what it has just done.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

/// The runs of a schedule with how each stands, oldest first.
async fn history(site: &Site, schedule: &Schedule) -> Vec<(Timestamp, String)> {
    let mut runs = site.store.list_runs(Some(schedule.id), 1, 100).await.unwrap().rows;
    runs.reverse();
    let word = |state: &RunState| match state {
        RunState::Queued { .. } => "queued".to_owned(),
        RunState::Skipped { reason } => reason.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    runs.iter().map(|run| (run.scheduled_for, word(&run.state))).collect()
}

#[tokio::test]
async fn t13_an_occurrence_is_planned_five_seconds_ahead_and_queued_at_its_instant() {
    let site = Site::at(sample::after(-6)).await;
    let schedule = site.save(DAILY, sample::after(0)).await;
    let planner = site.planner();
    for (second, queued, next_ready) in [(-6, 0, None), (-5, 0, Some(0)), (-1, 0, Some(0)), (0, 1, None)] {
        site.clock.set(sample::after(second));
        assert_eq!(planner.pass().await.unwrap(), queued, "{second}");
        assert_eq!(site.store.next_ready().await.unwrap(), next_ready.map(sample::after), "{second}");
    }
    assert_eq!(history(&site, &schedule).await, [(sample::after(0), "queued".to_owned())]);
}

#[tokio::test]
async fn h9_after_an_outage_one_row_says_what_was_missed_and_the_latest_instant_runs() {
    let site = Site::at(sample::after(0)).await;
    let schedule = site.save(MINUTELY, sample::after(60)).await;
    site.clock.set(sample::after(30 * 86_400 + 30));
    assert_eq!(site.planner().pass().await.unwrap(), 1);
    let last = sample::after(30 * 86_400);
    let before = last - SignedDuration::from_mins(1);
    assert_eq!(history(&site, &schedule).await, [(before, "missed".to_owned()), (last, "queued".to_owned())]);
    let told = site.store.list_runs(Some(schedule.id), 1, 100).await.unwrap().rows.remove(1);
    let words = format!("the service was down: 43199 instants from {} to {before} were missed", sample::after(60));
    assert_eq!(told.record.timeline[0].detail.as_deref(), Some(words.as_str()));
}

#[tokio::test]
async fn t14_what_was_planned_before_the_process_died_is_not_run_beside_what_came_later() {
    let site = Site::at(sample::after(-1)).await;
    let schedule = site.save(MINUTELY, sample::after(0)).await;
    site.planner().pass().await.unwrap();
    site.clock.set(sample::after(3600));
    assert_eq!(site.planner().pass().await.unwrap(), 1);
    let history = history(&site, &schedule).await;
    assert_eq!(history, [(sample::after(3540), "missed".to_owned()), (sample::after(3600), "queued".to_owned())]);
    let told = site.store.list_runs(Some(schedule.id), 1, 100).await.unwrap().rows.remove(1);
    assert!(told.record.timeline[0].detail.as_ref().unwrap().contains("60 instants"), "{:?}", told.record);
}

#[tokio::test]
async fn h7_a_clock_that_runs_ahead_for_a_moment_loses_no_instant() {
    let site = Site::at(sample::after(0)).await;
    let schedule = site.save(MINUTELY, sample::after(60)).await;
    let daily = site.save(DAILY, sample::after(86_400)).await;
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    site.clock.wait_for_sleepers(2).await;
    let ahead = sample::after(3 * 86_400);
    site.clock.jump(SignedDuration::from_hours(3 * 24));
    // It has looked, and waits for its next look.
    until(async || (site.clock.next_wake() > Some(ahead)).then_some(())).await;
    assert!(history(&site, &schedule).await.is_empty());
    site.clock.set(sample::after(20));
    // The steady clock that it waits by is the fake one here, which went back.
    site.wake.notify_one();
    until(async || (site.clock.next_wake() == Some(sample::after(35))).then_some(())).await;
    site.clock.set(sample::after(60));
    until(async || (!history(&site, &schedule).await.is_empty()).then_some(())).await;
    assert_eq!(history(&site, &schedule).await, [(sample::after(60), "queued".to_owned())]);
    assert_eq!(site.store.schedule(daily.id).await.unwrap().unwrap().next_at, Some(sample::after(86_400)));
    stop.cancel();
}

#[tokio::test]
async fn h7_what_a_clock_that_was_ahead_planned_is_planned_anew_at_the_next_start() {
    let site = Site::at(sample::after(0)).await;
    let schedule = site.save(MINUTELY, sample::after(60)).await;
    let daily = site.save(DAILY, sample::after(86_400)).await;
    // A process with such a clock, which dies.
    site.clock.set(sample::after(3 * 86_400));
    site.planner().pass().await.unwrap();
    site.store.keep_planning_note(PlanningNote::LastTick, &sample::after(3 * 86_400).to_string()).await.unwrap();
    site.store.keep_planning_note(PlanningNote::LastSure, &sample::after(0).to_string()).await.unwrap();
    site.store.keep_planning_note(PlanningNote::Rules, &pressrun_cron::rules()).await.unwrap();
    assert_eq!(history(&site, &schedule).await.len(), 2);
    site.clock.set(sample::after(10));
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    let next = async |schedule: &Schedule| site.store.schedule(schedule.id).await.unwrap().unwrap().next_at;
    until(async || (next(&schedule).await == Some(sample::after(60))).then_some(())).await;
    assert_eq!(next(&daily).await, Some(sample::after(86_400)));
    assert_eq!(history(&site, &schedule).await, [], "nobody says any more that what is to come was missed");
    stop.cancel();
}

/// A planner of a process that starts at what the clock shows, until `stop`; returns when it has looked.
async fn starts(site: &Site, tasks: &mut Tasks, stop: &CancellationToken) {
    site.store.keep_planning_note(PlanningNote::Rules, &pressrun_cron::rules()).await.unwrap();
    let stop = stop.clone();
    let planner = site.planner();
    tasks.spawn_pulsed("planner", |pulse| planner.run(stop, pulse));
    site.clock.wait_for_sleepers(2).await;
}

#[tokio::test]
async fn h7_a_start_by_a_clock_that_is_behind_runs_nothing_from_before_a_schedule_was_made() {
    for behind in [3_600, 86_400] {
        let site = Site::at(sample::after(30)).await;
        let schedule = site.save(MINUTELY, sample::after(60)).await;
        let (mut tasks, first) = (Tasks::default(), CancellationToken::new());
        starts(&site, &mut tasks, &first).await;
        first.cancel();
        until(async || (site.clock.sleepers() == 0).then_some(())).await;
        // A process that finds a clock which is behind.
        site.clock.set(sample::after(40 - behind));
        let second = CancellationToken::new();
        starts(&site, &mut tasks, &second).await;
        let next = async || site.store.schedule(schedule.id).await.unwrap().unwrap().next_at;
        assert_eq!(next().await, Some(sample::after(60)), "not at instants that came before it was made");
        site.clock.set(sample::after(60));
        until(async || (!history(&site, &schedule).await.is_empty()).then_some(())).await;
        assert_eq!(history(&site, &schedule).await, [(sample::after(60), "queued".to_owned())]);
        second.cancel();
    }
}

#[tokio::test]
async fn h7_t14_what_a_start_an_hour_ahead_told_as_missed_runs_when_the_clock_is_right_again() {
    let site = Site::at(sample::after(0)).await;
    let minutely = site.save(MINUTELY, sample::after(60)).await;
    let (mut tasks, first) = (Tasks::default(), CancellationToken::new());
    starts(&site, &mut tasks, &first).await;
    first.cancel();
    until(async || (site.clock.sleepers() == 0).then_some(())).await;
    // It dies, and the next one finds a clock that is an hour ahead.
    site.clock.set(sample::after(3_610));
    let second = CancellationToken::new();
    starts(&site, &mut tasks, &second).await;
    until(async || (history(&site, &minutely).await.len() == 2).then_some(())).await;
    assert_eq!(history(&site, &minutely).await, [(sample::after(3_540), "missed".to_owned()), (sample::after(3_600), "queued".to_owned())]);
    assert_eq!(site.store.planning_note(PlanningNote::LastSure).await.unwrap(), Some(sample::after(0).to_string()));
    let made = site.save("5 * ? * * *", sample::after(3_900)).await;
    second.cancel();
    until(async || (site.clock.sleepers() == 0).then_some(())).await;
    // It dies too, and the next one finds it right.
    site.clock.set(sample::after(70));
    let third = CancellationToken::new();
    starts(&site, &mut tasks, &third).await;
    until(async || (!history(&site, &minutely).await.is_empty()).then_some(())).await;
    assert_eq!(history(&site, &minutely).await, [(sample::after(60), "queued".to_owned())], "the minute that has come");
    let next = site.store.schedule(made.id).await.unwrap().unwrap().next_at;
    assert_eq!(next, Some(sample::after(300)), "what was made an hour ahead is not silent for an hour");
    third.cancel();
}

#[tokio::test]
async fn h8_t16_another_time_zone_database_moves_what_was_not_planned_yet() {
    let site = Site::at(sample::after(0)).await;
    // Nine in Berlin is seven by the clock of the world in summer; the database before knew of no summer time.
    let (wrong, right) = (sample::after(23 * 3600), sample::after(22 * 3600));
    let berlin = site.save_in("Europe/Berlin", DAILY, wrong).await;
    let here = site.save(DAILY, sample::after(86_400)).await;
    site.store.keep_planning_note(PlanningNote::Rules, "tzdb 1979a").await.unwrap();
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    tasks.spawn_pulsed("planner", |pulse| site.planner().run(stop.clone(), pulse));
    let rules = pressrun_cron::rules();
    until(async || (site.store.planning_note(PlanningNote::Rules).await.unwrap().as_ref() == Some(&rules)).then_some(())).await;
    let next = async |schedule: &Schedule| site.store.schedule(schedule.id).await.unwrap().unwrap().next_at;
    assert_eq!((next(&berlin).await, next(&here).await), (Some(right), Some(sample::after(86_400))));
    stop.cancel();
}

#[tokio::test]
async fn m10_a_schedule_that_cannot_be_planned_is_told_once_and_holds_up_no_other() {
    let site = Site::at(sample::after(0)).await;
    let gone = site.save_in("Mars/Olympus", DAILY, sample::after(0)).await;
    let fine = site.save(DAILY, sample::after(0)).await;
    let planner = site.planner();
    assert_eq!((planner.pass().await.unwrap(), planner.pass().await.unwrap()), (1, 0));
    assert_eq!(history(&site, &gone).await, []);
    assert_eq!(history(&site, &fine).await.len(), 1);
    let told = site.runner.unplannable.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == gone.id && told[0].1.contains("`Mars/Olympus` is not an IANA time zone"), "{told:?}");
    let said = sample::claim_notices(site.store.as_ref(), sample::after(1), sample::after(60)).await;
    assert_eq!(said.iter().map(|notice| notice.schedule).collect::<Vec<_>>(), [gone.id]);
}

#[tokio::test]
async fn i2_an_instant_beside_a_run_that_is_queued_is_an_overlap() {
    let site = Site::at(sample::after(0)).await;
    let schedule = site.save(MINUTELY, sample::after(0)).await;
    for minute in 0..2 {
        site.clock.set(sample::after(minute * 60));
        site.planner().pass().await.unwrap();
    }
    let overlap = SkipReason::Overlap.as_str().to_owned();
    assert_eq!(history(&site, &schedule).await, [(sample::after(0), "queued".to_owned()), (sample::after(60), overlap)]);
}

//! Rows that do not parse: named, and no harm to the others.

use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;
use pressrun_domain::notice::Notice;
use pressrun_domain::outline::KnownTo;
use pressrun_domain::run::{RunState, RunStatus};

use sqlx::Row as _;

use super::in_file;
use crate::{Notices as _, Runs as _, Schedules as _, SqliteStore, StoreError, UnreadableSchedule, sample};

async fn damage(store: &SqliteStore, sql: &'static str) {
    // The files of other programs do not honour our constraints.
    let sql = format!("PRAGMA ignore_check_constraints = ON; {sql}; PRAGMA ignore_check_constraints = OFF");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&store.write).await.unwrap();
}

#[tokio::test]
async fn a_corrupt_row_is_named_by_table_column_and_row() {
    for (sql, table, column) in [
        ("UPDATE definitions SET json = '{garbage'", "definitions", "json"),
        ("UPDATE definitions SET json = '{}'", "definitions", "json"),
        ("UPDATE schedules SET system_disabled_at = 0, system_disabled_reason = 'bored'", "schedules", "system_disabled_reason"),
        ("UPDATE schedules SET last_completed_at = 0, last_status = 'FINE'", "schedules", "last_status"),
        ("UPDATE due SET next_at = 9223372036854775807", "schedules", "next_at"),
        ("UPDATE schedules SET version = -1", "schedules", "version"),
    ] {
        let (store, _folder) = in_file().await;
        let schedule = sample::schedule("damaged");
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        damage(&store, sql).await;
        match store.schedule(schedule.id).await {
            Err(StoreError::Corrupt { table: t, column: c, row, .. }) => {
                assert_eq!((t, c), (table, column), "{sql}");
                assert!(row.contains(&schedule.id.to_string()), "{row}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

/// What the list says of the one schedule of this store that cannot be read.
async fn listed_fault(store: &SqliteStore) -> (String, UnreadableSchedule) {
    let page = store.list_schedules(&sample::list()).await.unwrap();
    let mut faults = page.rows.iter().filter_map(|row| Some((row.id.to_string(), row.definition.clone().err()?)));
    let fault = faults.next().expect("one cannot be read");
    assert_eq!((faults.next(), page.total, page.rows.len()), (None, 2, 2));
    fault
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_is_listed_with_the_reason() {
    for (sql, name, reason) in [
        ("UPDATE definitions SET json = '{garbage' WHERE json LIKE '%Damaged%'", "damaged one", "definitions"),
        // Of a newer version: what it says is sound, but not known here.
        (
            "UPDATE definitions SET json = json_set(json, '$.destination.type', 'pigeon') WHERE json LIKE '%Damaged%'",
            "Damaged One",
            "unknown variant `pigeon`",
        ),
        ("UPDATE schedules SET last_completed_at = 0, last_status = 'FINE' WHERE name_folded = 'damaged one'", "Damaged One", "`FINE`"),
        (
            "UPDATE schedules SET system_disabled_at = 0, system_disabled_reason = 'bored' WHERE name_folded = 'damaged one'",
            "Damaged One",
            "`bored`",
        ),
    ] {
        let (store, _folder) = in_file().await;
        let damaged = sample::schedule("Damaged One");
        for schedule in [&damaged, &sample::schedule("whole")] {
            store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        }
        damage(&store, sql).await;
        let (id, fault) = listed_fault(&store).await;
        assert_eq!((id, fault.name.as_str()), (damaged.id.to_string(), name), "{sql}");
        assert!(fault.reason.contains(reason) && fault.reason.contains(&damaged.id.to_string()), "{sql}: {}", fault.reason);
        assert_eq!((fault.cron.as_str(), fault.timezone.as_str()), ("0 9 ? * * *", "UTC"), "{sql}: planning still knows");
    }
}

#[tokio::test]
async fn a_corrupt_schedule_holds_up_no_other_one_and_its_run_says_why() {
    let (store, _folder) = in_file().await;
    let (damaged, whole) = (sample::schedule("damaged"), sample::schedule("whole"));
    for schedule in [&damaged, &whole] {
        store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    }
    damage(&store, "UPDATE definitions SET json = 'garbage' WHERE json LIKE '%damaged%'").await;
    // Planning does not read what it does; its run says what is wrong.
    assert_eq!(sample::occur(&store, &[&damaged, &whole], sample::after(0)).await, 2);
    let claimed = store.claim(WorkerId::generate(), sample::after(1), sample::after(9), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|run| run.run.schedule_id).collect::<Vec<_>>(), [whole.id]);
    let told = store.unread_runs(9).await.unwrap();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(told.schedule, damaged.id);
    assert!(told.fault.contains("definitions"), "{}", told.fault);
    let query = "SELECT state || ' ' || status || ' ' || reason FROM runs WHERE schedule_id = $1";
    let ended: String = sqlx::query(query).bind(damaged.id.to_string()).fetch_one(&store.read).await.unwrap().get(0);
    assert!(ended.starts_with("ended ERROR ") && ended.contains("definitions"), "{ended}");
    // Saving another definition mends it.
    let mut mended = damaged.clone();
    mended.definition.name = "mended".into();
    store.replace_schedule(&mended, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(store.schedule(damaged.id).await.unwrap().unwrap().definition, mended.definition);
}

#[tokio::test]
async fn a_corrupt_run_ends_visibly_instead_of_blocking_the_queue() {
    let (store, _folder) = in_file().await;
    let (damaged, whole) = (sample::schedule("damaged"), sample::schedule("whole"));
    for schedule in [&damaged, &whole] {
        store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        store.enqueue(&sample::manual(schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    }
    let id = damaged.id.to_string();
    sqlx::query("UPDATE runs SET scheduled_for = 9223372036854775807 WHERE schedule_id = $1")
        .bind(&id)
        .execute(&store.write)
        .await
        .unwrap();
    let worker = WorkerId::generate();
    let claimed = store.claim(worker, sample::after(1), sample::after(9), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|run| run.run.schedule_id).collect::<Vec<_>>(), [whole.id]);
    let last = store.schedule(damaged.id).await.unwrap().unwrap().last_run.unwrap();
    assert_eq!(last.status, RunStatus::Error);
    assert!(
        store.claim(worker, sample::after(99), sample::after(999), 10).await.unwrap().iter().all(|run| run.run.schedule_id == whole.id)
    );
    assert_eq!(store.list_runs(None, 1, 10).await.unwrap().rows.len(), 1, "the row is still damaged, the page is not");
}

#[tokio::test]
async fn d28_of_a_run_whose_outline_cannot_be_read_only_admins_are_told() {
    let (store, _folder) = in_file().await;
    let schedule = sample::schedule("damaged");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    store.enqueue(&sample::manual(&schedule, sample::after(0)), &sample::change_at(Verb::RunTriggered, sample::after(0))).await.unwrap();
    damage(&store, "UPDATE runs SET outline = '{garbage'").await;
    assert!(store.claim(WorkerId::generate(), sample::after(1), sample::after(9), 10).await.unwrap().is_empty());
    let last = store.schedule(schedule.id).await.unwrap().unwrap().last_run.unwrap();
    assert_eq!((last.status, last.untold.map(|untold| untold.known_to)), (RunStatus::Error, Some(KnownTo::Admins)));
}

#[tokio::test]
async fn m10_a_run_whose_secrets_do_not_open_ends_with_the_reason_and_is_told_of() {
    let (store, _folder) = in_file().await;
    let mut schedule = sample::schedule("sealed");
    schedule.definition.destination = sample::sftp("1am@g00dBL0b");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    sqlx::raw_sql("UPDATE schedules SET sealed = x'01020304'").execute(&store.write).await.unwrap();
    assert!(matches!(store.schedule(schedule.id).await, Err(StoreError::Sealing(_))));
    assert_eq!(sample::occur(&store, &[&schedule], sample::after(0)).await, 1, "it is due all the same");
    assert!(store.claim(WorkerId::generate(), sample::after(1), sample::after(9), 10).await.unwrap().is_empty());
    let run = store.list_runs(Some(schedule.id), 1, 1).await.unwrap().rows.remove(0);
    match run.state {
        RunState::Ended { status: RunStatus::Error, reason: Some(reason), .. } => {
            assert!(reason.contains("secrets cannot be read"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    // Somebody is told, once.
    let unread = store.unread_runs(9).await.unwrap();
    let [told] = unread.as_slice() else { panic!("{unread:?}") };
    assert_eq!((told.run, told.schedule, told.owner, told.name.as_str()), (run.id, schedule.id, schedule.definition.owner, "sealed"));
    assert!(told.fault.contains("secrets cannot be read"), "{}", told.fault);
    let notice = Notice { run: Some(run.id), ..sample::notice(schedule.id, sample::after(2)) };
    for _ in 0..2 {
        store.tell_unread(run.id, std::slice::from_ref(&notice)).await.unwrap();
        assert_eq!(store.notices_of(run.id).await.unwrap(), std::slice::from_ref(&notice));
    }
    assert_eq!(store.unread_runs(9).await.unwrap(), []);
}

//! Statements that run often are answered by an index, not by reading or sorting a table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pressrun_domain::audit::{ObjectKind, Verb};
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::id::{DeliveryId, WorkerId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo};
use sqlx::Row as _;

use super::in_memory;
use crate::sqlite::{SqliteStore, alarms, audit, dialect, history, list, moved, notices, places, queue, retention};
use crate::{AuditQuery, ClaimRequest, Notices as _, Retention as _, Runs as _, Schedules as _, sample};

async fn query_plan(sql: String) -> String {
    let (store, ()) = in_memory().await;
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&store.read).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_rows_of_a_list_are_read_by_their_keys_alone() {
    let plan = query_plan(list::ROWS.to_owned()).await;
    assert!(plan.contains("SEARCH s USING INTEGER PRIMARY KEY (rowid=?)") && !plan.contains("SCAN s"), "{plan}");
    assert!(plan.contains("SEARCH list_changes"), "{plan}");
}

#[tokio::test]
async fn due_schedules_and_claims_are_found_by_index() {
    for (sql, index) in [
        ("SELECT q.k FROM due q WHERE q.next_at IS NOT NULL AND q.next_at <= $1 ORDER BY q.next_at, q.k LIMIT $2", "due_next"),
        ("SELECT min(next_at) FROM due WHERE next_at IS NOT NULL", "due_next"),
        ("SELECT k, at FROM planned WHERE at <= $1 ORDER BY at, k LIMIT $2", "planned_at"),
        ("SELECT 1 FROM schedules s WHERE s.grounds = $1 AND (s.system_disabled_at IS NULL) = 0", "schedules_by_grounds (grounds=? AND"),
        (
            "SELECT min(s.dashboard_name) FROM schedules s WHERE s.identifier = $1 AND s.dashboard_name > $2",
            "schedules_dashboard_names (identifier=? AND dashboard_name>?)",
        ),
        (queue::READY, "queue_ready"),
        (queue::DUE, "queue_waiting (ready_at<?"),
        ("SELECT id FROM runs WHERE state = 'running' AND lease_until <= $1 ORDER BY lease_until, id LIMIT $2", "runs_lease"),
        (
            "SELECT 1 FROM runs WHERE schedule_id = $1 AND state IN ('queued', 'running') AND kind IN ('scheduled', 'manual')",
            "runs_under_way",
        ),
        ("SELECT max(q.turn) FROM queue q WHERE q.turn IS NOT NULL AND q.owner = $1", "queue_of_owner (owner=?"),
        (
            "SELECT d.id FROM deliveries d WHERE d.run_id = $1 AND d.state = 'pending' AND d.not_before <= $2 ORDER BY d.position LIMIT $3",
            "deliveries_owed",
        ),
        ("SELECT min(ready_at) FROM queue WHERE turn IS NULL AND ready_at > $1", "queue_waiting (ready_at>?"),
        (history::LAST_ENDINGS, "runs_ended_of_schedule"),
        (history::LATEST_FAILURES, "runs_failed_of_schedule"),
        (history::COUNT_FOR_READER, "runs_of_schedule"),
        (alarms::OF_SCHEDULE, "PRIMARY KEY"),
        (retention::OLD_RUNS, "runs_by_age"),
        (retention::OLD_NOTICES, "notices_by_age"),
        (retention::OLD_ARTIFACTS, "artifacts_by_age"),
    ] {
        let plan = query_plan(sql.to_owned()).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}

#[tokio::test]
async fn p10_members_on_lists_and_lists_that_are_behind_are_found_by_index() {
    let plan = query_plan(moved::LISTED.to_owned()).await;
    let walks = plan.matches("list_places_of_member (member").count();
    assert!(walks >= 4 && !plan.contains("SCAN list_places") && !plan.contains("SCAN p"), "{plan}");
    let plan = query_plan(moved::BEHIND.to_owned()).await;
    assert!(plan.contains("list_places_of_member (member=?"), "{plan}");
    for statement in [places::END, moved::AGAIN] {
        let plan = query_plan(statement.to_owned()).await;
        assert!(plan.contains("part=? AND place=?"), "{plan}");
    }
}

#[tokio::test]
async fn m1_documents_that_are_not_busy_are_found_one_by_one() {
    let plan = query_plan(dialect::READY_BESIDE_BUSY.to_owned()).await;
    assert!(plan.contains("queue_of_document (document=?") && plan.contains("queue_of_document (document>?"), "{plan}");
    assert!(!plan.lines().any(|line| line.starts_with("SCAN q") || line.starts_with("SCAN w")), "{plan}");
}

/// Instructions that the database works through for whatever `ask` asks, however fast the machine is.
async fn work_of<T>(store: &SqliteStore, ask: impl Future<Output = T>) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let mut connection = store.read.acquire().await.unwrap();
    let count = Arc::clone(&done);
    connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
        count.fetch_add(1, Ordering::Relaxed);
        true
    });
    drop(connection);
    ask.await;
    let mut connection = store.read.acquire().await.unwrap();
    connection.lock_handle().await.unwrap().remove_progress_handler();
    done.load(Ordering::Relaxed)
}

#[tokio::test]
async fn h3_notices_cost_the_same_whatever_was_said_before() {
    // One connection for everything.
    let (store, ()) = in_memory().await;
    let schedule = sample::schedule("daily");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let failure = |second: i64| Notice {
        id: DeliveryId::generate(),
        kind: NoticeKind::RunFailed,
        schedule: schedule.id,
        run: None,
        to: NoticeTo::Operator,
        subject: String::new(),
        text: String::new(),
        body: String::new(),
        created_at: sample::after(second),
        state: DeliveryState::Pending { not_before: sample::after(second) },
        attempts: Vec::new(),
    };
    let mut work = Vec::new();
    // The first round warms up.
    for round in 0..3 {
        store.add_notices(&[failure(1_000_000)]).await.unwrap();
        let claim = work_of(&store, async {
            store.claim_notices(NoticeLane::Operator, sample::after(1_000_000), sample::after(2_000_000), 9).await.unwrap()
        })
        .await;
        sqlx::query("UPDATE notices SET state = 'accepted' WHERE state = 'pending'").execute(&store.write).await.unwrap();
        let alarmed = work_of(&store, async { assert_eq!(store.alarmed(schedule.id).await.unwrap(), [NoticeTo::Operator]) }).await;
        let endings = work_of(&store, async { store.last_endings(schedule.id, 5).await.unwrap() }).await;
        work.push((claim, alarmed, endings));
        if round == 0 {
            continue;
        }
        // A minutely schedule that has failed for a week, beside as many tests and skipped occurrences.
        let before = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10080)
            INSERT OR IGNORE INTO notices (id, kind, schedule_id, recipient, subject, text, body, created_at, state, attempts)
                SELECT 'before ' || n, 'run.failed', $1, 'operator', '', '', '', n, 'accepted', '[]' FROM n";
        sqlx::query(before).bind(schedule.id.to_string()).execute(&store.write).await.unwrap();
        let skipped = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10080)
            INSERT OR IGNORE INTO runs (id, schedule_id, definition_id, kind, scheduled_for, owner, state, skip_reason, created_at)
                SELECT 'skipped ' || n, s.id, s.definition_id, 'scheduled', n, s.owner, 'skipped', 'missed', n FROM n, schedules s";
        sqlx::query(skipped).execute(&store.write).await.unwrap();
    }
    let [_, (claim, alarmed, endings), after] = work[..] else { unreachable!("three rounds") };
    assert!(alarmed > 0, "it was counted");
    assert!(after.0 <= claim && after.1 <= alarmed && after.2 <= endings, "{work:?}");
}

#[tokio::test]
async fn h6_h10_a_step_costs_the_same_whatever_is_kept() {
    let (store, ()) = in_memory().await;
    let schedule = sample::schedule("daily");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let mut work = Vec::new();
    // The first round warms up.
    for round in 0..3 {
        // Two that are old, of which one is the last of its schedule when nothing else is kept.
        for (id, at) in [("old 1", 1), ("old 2", 2)] {
            let over = "INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, owner, state, status, created_at, ended_at)
                SELECT $2, s.id, s.definition_id, 'test', $1, s.owner, 'ended', 'COMPLETE', $1, $1 FROM schedules s";
            sqlx::query(over).bind(at).bind(id).execute(&store.write).await.unwrap();
            let said = "INSERT INTO notices (id, kind, schedule_id, recipient, subject, text, body, created_at, state, attempts)
                VALUES ($2, 'run.failed', $3, 'operator', '', '', '', $1, 'accepted', '[]')";
            sqlx::query(said).bind(at).bind(id).bind(schedule.id.to_string()).execute(&store.write).await.unwrap();
            sqlx::query("INSERT INTO artifacts VALUES ($2, $1)").bind(at).bind(id).execute(&store.write).await.unwrap();
        }
        let runs = work_of(&store, async { assert_eq!(store.prune_runs(sample::after(0), 1000).await.unwrap().count, 2) }).await;
        let notices = work_of(&store, async { assert_eq!(store.prune_notices(sample::after(0), 1000).await.unwrap().count, 2) }).await;
        let files = work_of(&store, async { assert_eq!(store.prune_artifacts(sample::after(0), 500).await.unwrap().len(), 2) }).await;
        work.push((runs, notices, files));
        if round != 1 {
            continue;
        }
        let kept = sample::after(1).as_microsecond();
        for before in [
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
                INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, owner, state, status, created_at, ended_at)
                    SELECT 'kept ' || n, s.id, s.definition_id, 'scheduled', $1 + n, s.owner, 'ended', 'COMPLETE', $1 + n, $1 + n FROM n, schedules s",
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
                INSERT INTO notices (id, kind, schedule_id, recipient, subject, text, body, created_at, state, attempts)
                    SELECT 'kept ' || n, 'run.failed', s.id, 'operator', '', '', '', $1 + n, 'accepted', '[]' FROM n, schedules s",
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000) INSERT INTO artifacts SELECT 'kept ' || n, $1 + n FROM n",
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000) INSERT INTO artifacts SELECT 'held ' || n, NULL FROM n WHERE $1",
        ] {
            sqlx::query(before).bind(kept).execute(&store.write).await.unwrap();
        }
    }
    let [_, before, after] = work[..] else { unreachable!("three rounds") };
    assert!(before.0 > 0 && before.1 > 0 && before.2 > 0, "it was counted");
    // One step down a deeper index is a few instructions.
    let alike = |before: u64, after: u64| after <= before + 60;
    assert!(alike(before.0, after.0) && alike(before.1, after.1) && alike(before.2, after.2), "{work:?}");
}

#[tokio::test]
async fn h6_a_definition_that_nothing_names_is_gone() {
    let (store, ()) = in_memory().await;
    let definitions = async || -> i64 { sqlx::query("SELECT count(*) FROM definitions").fetch_one(&store.read).await.unwrap().get(0) };
    let mut schedule = sample::schedule("first");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    for edit in 0..20 {
        schedule.definition.name = format!("edit {edit}");
        schedule.version = store.replace_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    }
    assert_eq!(definitions().await, 1, "no run names the others");
    let test = sample::test_delivery(sample::definition("test"), sample::after(0));
    store.enqueue(&test, &sample::change(Verb::RunTested)).await.unwrap();
    store.cancel(test.run.id, &sample::change(Verb::RunCancelled)).await.unwrap();
    assert_eq!(definitions().await, 2);
    assert_eq!(store.prune_runs(sample::after(1), 1000).await.unwrap().count, 1);
    assert_eq!(definitions().await, 1);
    store.delete_schedule(schedule.id, &sample::change_at(Verb::ScheduleDeleted, sample::after(-1))).await.unwrap();
    assert_eq!(definitions().await, 0);
}

#[tokio::test]
async fn section5_planning_and_releasing_write_no_history() {
    let (store, ()) = in_memory().await;
    let schedule = sample::schedule("daily");
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let rows = async || sqlx::query("SELECT count(*) FROM runs").fetch_one(&store.read).await.unwrap().get::<i64, _>(0);
    assert_eq!(sample::occur(&store, &[&schedule], sample::after(0)).await, 1);
    assert_eq!(rows().await, 0);
    assert_eq!(store.claim(WorkerId::generate(), sample::after(1), sample::after(301), 8).await.unwrap().len(), 1);
    assert_eq!(rows().await, 1);
}

#[tokio::test]
async fn m1_a_claim_costs_the_same_whatever_waits_beside_it() {
    // One connection for everything.
    let (store, ()) = in_memory().await;
    let mut slow = sample::schedule("slow");
    slow.definition.identifier = "slow".into();
    for schedule in [&slow, &sample::schedule("quick")] {
        store.insert_schedule(schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    }
    sample::occur(&store, &[&slow], sample::after(0)).await;
    let mut request = ClaimRequest::new(WorkerId::generate(), sample::after(1), sample::after(301), 8);
    (request.busy, request.longest_wait) = (vec!["slow".into()], jiff::SignedDuration::from_hours(1));
    let mut work = Vec::new();
    // The first round warms up.
    for round in 0..3 {
        let test = sample::test_delivery(sample::definition("quick"), sample::after(0));
        store.enqueue(&test, &sample::change(Verb::RunTriggered)).await.unwrap();
        let claim = work_of(&store, async { assert_eq!(store.claim_some(&request).await.unwrap().len(), 1) }).await;
        let nothing = work_of(&store, async { assert!(store.claim_some(&request).await.unwrap().is_empty()) }).await;
        let next = work_of(&store, async { store.next_available(sample::after(1)).await.unwrap() }).await;
        let waits = work_of(&store, async { assert!(store.others_wait(sample::after(1)).await.unwrap()) }).await;
        work.push([claim, nothing, next, waits]);
        if round != 1 {
            continue;
        }
        // An outage of a relay and a warehouse that hangs, at nine.
        let busy = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)
            INSERT INTO queue (k, at, owner, document, ready_at, turn) SELECT q.k, n, q.owner, q.document, q.ready_at, n FROM n, queue q WHERE q.k IS NOT NULL";
        let retries = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
            INSERT INTO runs (id, schedule_id, definition_id, kind, scheduled_for, owner, identifier, state, available_at, created_at)
                SELECT 'retry ' || n, 'gone', r.definition_id, 'test', n, r.owner, r.identifier, 'queued', $1 + n, n FROM n, (SELECT * FROM runs LIMIT 1) r";
        let wait =
            "INSERT INTO queue (run, owner, document, again, ready_at) SELECT id, 1, 2, 1, available_at FROM runs WHERE state = 'queued'";
        for statement in [busy, retries, wait] {
            sqlx::query(statement).bind(sample::after(60).as_microsecond()).execute(&store.write).await.unwrap();
        }
    }
    let [_, before, after] = work[..] else { unreachable!("three rounds") };
    assert!(before.iter().all(|work| *work > 0), "it was counted");
    // A handful more for one number that is found where there was none.
    assert!(before.iter().zip(after).all(|(before, after)| after <= before + 50), "{work:?}");
}

#[tokio::test]
async fn h3_a_notice_waits_for_those_that_are_owed_and_looks_at_no_others() {
    for sql in [notices::CLAIMABLE, notices::NEXT] {
        let plan = query_plan(sql.to_owned()).await;
        assert!(plan.contains("notices_due (<expr>=?") && plan.contains("notices_owed") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn h3_every_way_of_narrowing_the_audit_is_read_in_the_order_of_an_index() {
    let (member, object) = (sample::member(1), (ObjectKind::Schedule, Some("1".to_owned())));
    let by_member = AuditQuery { member: Some(member), ..AuditQuery::default() };
    let by_verb = AuditQuery { verb: Some(Verb::ScheduleCreated), ..AuditQuery::default() };
    let by_object = AuditQuery { object: Some(object), ..AuditQuery::default() };
    for (narrowed, index, dated) in [
        (AuditQuery::default(), "SCAN audit", "audit_at"),
        (AuditQuery { agent: Some("personal"), ..AuditQuery::default() }, "SCAN audit", "audit_at"),
        (by_member, "audit_of_member", "audit_of_member"),
        (by_verb, "audit_verb", "audit_verb"),
        (by_object, "audit_of_object", "audit_of_object"),
    ] {
        for (dates, before) in [(false, None), (true, None), (true, Some(7))] {
            let date = |at| dates.then(|| sample::at(at));
            let (from, to) = (date("2025-07-01T00:00:00Z"), date("2025-07-02T00:00:00Z"));
            let query = AuditQuery { from, to, before, limit: 20, ..narrowed.clone() };
            let plan = query_plan(audit::select(&query).sql().as_str().to_owned()).await;
            assert!(plan.contains(if dates { dated } else { index }) && !plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
        }
    }
}

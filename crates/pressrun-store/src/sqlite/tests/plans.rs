//! Statements that run often are answered by an index, not by reading or sorting a table.

use pressrun_domain::audit::{ObjectKind, Verb};
use sqlx::Row as _;

use super::in_memory;
use crate::sqlite::{audit, list};
use crate::{AuditQuery, SortDirection, SortField, sample};

async fn query_plan(sql: String) -> String {
    let (store, ()) = in_memory().await;
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&store.read).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_order_of_the_list_comes_from_an_index() {
    for sort in [SortField::ScheduleName, SortField::DashboardName, SortField::OwnerName, SortField::LastRun, SortField::LastRunStatus] {
        for (direction, told) in
            [SortDirection::Ascending, SortDirection::Descending].into_iter().flat_map(|way| [(way, false), (way, true)])
        {
            let order = list::order_by(sort, direction, told);
            let plan = query_plan(format!("SELECT s.id FROM schedules s WHERE 1 = 1 ORDER BY {order} LIMIT 20 OFFSET 40")).await;
            assert!(plan.contains("COVERING INDEX") && !plan.contains("TEMP B-TREE"), "{sort:?} {direction:?}: {plan}");
        }
    }
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
        ("SELECT id FROM runs WHERE state = 'queued' AND available_at <= $1 ORDER BY turn, available_at, id LIMIT $2", "runs_queue"),
        ("SELECT id FROM runs WHERE state = 'running' AND lease_until <= $1 ORDER BY lease_until, id LIMIT $2", "runs_lease"),
        (
            "SELECT 1 FROM runs WHERE schedule_id = $1 AND state IN ('queued', 'running') AND kind IN ('scheduled', 'manual')",
            "runs_under_way",
        ),
        ("SELECT max(q.turn) + 1 FROM runs q WHERE q.state = 'queued' AND q.owner = $1", "runs_owner_turn"),
        (
            "SELECT d.id FROM deliveries d WHERE d.run_id = $1 AND d.state = 'pending' AND d.not_before <= $2 ORDER BY d.position LIMIT $3",
            "deliveries_owed",
        ),
        ("SELECT min(available_at) FROM runs WHERE state = 'queued'", "runs_available"),
    ] {
        let plan = query_plan(sql.to_owned()).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
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

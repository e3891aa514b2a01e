//! Entries cannot be changed, replaced or deleted, not even by a mistake of our own.

use pressrun_domain::audit::Verb;

use crate::{Audit, AuditQuery, Retention as _, Schedules, SqliteStore, sample};

#[tokio::test]
async fn h3_entries_are_neither_changed_nor_deleted() {
    let store = SqliteStore::open_in_memory(sample::sealer()).await.unwrap();
    store.insert_schedule(&sample::schedule("Blob Sales"), &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    let query = AuditQuery { limit: 9, ..AuditQuery::default() };
    let before = store.audit(&query).await.unwrap();
    assert_eq!(before.len(), 1);
    for statement in [
        "UPDATE audit SET verb = 'schedule.deleted'",
        "UPDATE audit SET source = NULL",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit (seq, at, agent, verb, object_kind, object_id, object_name, details)
             SELECT seq, at, agent, 'schedule.deleted', object_kind, object_id, object_name, details FROM audit",
    ] {
        let error = sqlx::query(statement).execute(&store.write).await.expect_err(statement);
        assert!(error.to_string().contains("entries of the audit"), "{statement}: {error}");
    }
    store.prune_audit(sample::at("2000-01-01T00:00:00Z"), 100).await.unwrap();
    assert_eq!(store.audit(&query).await.unwrap(), before);
    assert!(sqlx::query("DELETE FROM audit").execute(&store.write).await.is_err(), "pruning leaves the door shut");
}

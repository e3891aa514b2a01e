//! A query that fails in passing is asked again before anybody hears of it (A9), in the same window as a delivery (S9).

use jiff::SignedDuration;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::id::RunId;
use pressrun_domain::output::Format;
use pressrun_domain::run::{Run, RunState, RunStatus};
use pressrun_domain::schedule::Definition;
use pressrun_testkit::PostgresServer;

use crate::world::{World, ended, watching};

/// A world with the dashboard `remote` on a database, as somebody who may be kept out of it.
struct Case {
    world: World,
    server: PostgresServer,
}

impl Case {
    async fn new() -> Option<Self> {
        let server = PostgresServer::start()?;
        server.ask("create role app login; create table sales (n int); insert into sales values (1), (2)").await;
        server.ask("grant select on sales to app").await;
        let world = World::new().await;
        let catalog = world.dir.path().join("catalog");
        let connections = std::fs::read_to_string(catalog.join("connections.yaml")).unwrap();
        let url = server.url().replace("tester@", "app@");
        std::fs::write(catalog.join("connections.yaml"), format!("{connections}  remote: {{ kind: postgres, url: \"{url}\" }}\n")).unwrap();
        let remote = "identifier: remote\nname: Remote\nconnection: remote\ntiles:\n  \
                      '1': { title: Count, sql: select count(*) as n from sales, at: { x: 0, y: 0, w: 12, h: 8 } }\n  \
                      '2': { title: All, sql: select n from sales order by n, at: { x: 0, y: 8, w: 12, h: 8 } }\n";
        std::fs::write(catalog.join("dashboards/remote.yaml"), remote).unwrap();
        world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
        Some(Self { world, server })
    }

    fn definition(&self) -> Definition {
        Definition { identifier: "remote".into(), ..self.world.webhook(Format::Json) }
    }

    async fn begin(&self, definition: Definition) -> RunId {
        let schedule = self.world.save(definition).await;
        let run = self.world.trigger(schedule).await;
        self.world.engine.drain().await.unwrap();
        run
    }

    async fn after(&self, seconds: i64, run: RunId) -> Run {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
        self.world.engine.drain().await.unwrap();
        self.world.run(run).await.0
    }
}

fn lines<'a>(run: &'a Run, event: &str) -> Vec<&'a str> {
    run.record.timeline.iter().filter(|line| line.event == event).filter_map(|line| line.detail.as_deref()).collect()
}

#[tokio::test]
async fn a9_a_database_that_fails_over_is_asked_again_and_nobody_hears_of_it() {
    let Some(case) = Case::new().await else { return };
    for definition in [case.definition(), watching(case.definition(), ConditionKind::ResultsPresent, "2")] {
        case.server.halt();
        let watched = definition.condition.is_some();
        let before = case.world.http.requests().len();
        let run = case.begin(definition).await;
        let waiting = case.after(25, run).await;
        assert!(matches!(waiting.state, RunState::Queued { .. }), "waiting holds no worker: {:?}", waiting.record);
        assert!(waiting.record.tiles.is_empty() && waiting.record.error.is_none(), "{:?}", waiting.record);
        let said = lines(&waiting, "queryRetry");
        assert!(said.len() == 1 && said[0].contains("attempt 1 failed, the next one is at 2025-07-24T08:3"), "{said:?}");
        case.server.begin();
        let done = case.after(12, run).await;
        assert_eq!(ended(&done).0, RunStatus::Complete, "{:?}", done.record);
        assert_eq!(done.record.tiles.len(), if watched { 3 } else { 2 }, "the failed attempt left nothing: {:?}", done.record.tiles);
        assert_eq!(done.record.conditions.len(), usize::from(watched));
        assert_eq!(lines(&done, "queryRetry").len(), 1);
        assert_eq!(case.world.http.requests().len(), before + 1);
    }
    assert!(case.world.smtp.mails().is_empty(), "no owner was bothered");
}

#[tokio::test]
async fn a9_too_many_connections_are_waited_out_and_given_up_in_the_end() {
    let Some(case) = Case::new().await else { return };
    case.server.ask("alter role app connection limit 0").await;
    let run = case.begin(case.definition()).await;
    let second = case.after(37, run).await;
    assert!(matches!(second.state, RunState::Queued { .. }), "{:?}", second.record);
    assert_eq!(lines(&second, "queryRetry").len(), 2);
    assert!(lines(&second, "queryRetry")[1].contains("too many connections"), "{:?}", second.record.timeline);
    assert!(case.world.smtp.mails().is_empty());
    let third = case.after(145, run).await;
    assert_eq!(ended(&third), (RunStatus::Error, Some("everyQueryFailed")));
    let error = third.record.error.as_deref().unwrap();
    assert!(error.contains("too many connections") && error.ends_with("given up after 3 attempts"), "{error}");
    assert_eq!(case.world.smtp.mails().len(), 1, "the owner hears once, at the end");
    assert_eq!(third.record.tiles.len(), 2);

    // The next occurrence finds the database as it should be.
    case.server.ask("alter role app connection limit -1").await;
    let run = case.begin(case.definition()).await;
    assert_eq!(ended(&case.after(0, run).await).0, RunStatus::Complete);
}

#[tokio::test]
async fn a9_what_would_fail_again_is_not_asked_again() {
    let Some(case) = Case::new().await else { return };
    case.server.ask("revoke select on sales from app").await;
    let run = case.begin(case.definition()).await;
    let run = case.after(0, run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("everyQueryFailed")));
    assert!(lines(&run, "queryRetry").is_empty());
}

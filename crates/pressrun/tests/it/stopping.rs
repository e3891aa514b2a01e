//! A query that nobody waits for any more is stopped where it runs: in the database, whatever became of the processes between.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use indexmap::IndexMap;
use pressrun_domain::audience::Identity;
use pressrun_domain::catalog::QueryTile;
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::id::RunId;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_engine::executor::ExecutorPool;
use pressrun_query::{ConnectionSpec, QueryErrorKind, QueryJob, QueryLimits};
use pressrun_sql::{Dialect, EffectiveFilters, QueryClock, compile};
use pressrun_testkit::PostgresServer;

use crate::process::eventually;
use crate::world::{START, World, ended, executors, write_catalog};

const ENDLESS: &str = "select pg_sleep(3600)::text as x";

/// An order for the server, into the folder `dir`.
fn job(server: &PostgresServer, dir: &std::path::Path, sql: &str) -> QueryJob {
    let tile =
        QueryTile { sql: sql.to_owned(), limit: 10, filters: IndexMap::new(), fields: IndexMap::new(), chart: Chart::new(Mark::Table) };
    let clock = QueryClock::new(START.parse().unwrap(), "UTC");
    let compiled = compile(&tile, &EffectiveFilters::default(), &Identity::default(), &clock, Dialect::Postgres).unwrap();
    let connection = ConnectionSpec::Postgres { url: server.url(), secret_file: None };
    QueryJob { connection, compiled, limits: QueryLimits::default(), out: dir.join("out.arrow"), fingerprint: false }
}

/// Queries of ours that the server works on.
async fn at_work(server: &PostgresServer) -> usize {
    let asked = "select pid from pg_stat_activity where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()";
    server.ask(asked).await.len()
}

async fn until_at_work(server: &PostgresServer, expected: usize) {
    eventually(&format!("{expected} queries are at work"), async || (at_work(server).await == expected).then_some(())).await;
}

/// The server did not find out by itself that nobody is there any more: it was told so often to stop.
async fn was_told(server: &PostgresServer, times: usize) {
    let told = || server.log().matches("canceling statement due to user request").count();
    eventually("the server is told", async || (told() >= times).then_some(())).await;
    assert_eq!(told(), times, "{}", server.log());
}

#[tokio::test]
async fn a6_a_query_that_is_given_up_is_stopped_in_the_database_and_its_process_lives_on() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let asked = job(&server, dir.path(), ENDLESS);
    let waiting = tokio::spawn({
        let pool = ExecutorPool::clone(&pool);
        async move { pool.query(asked, Duration::from_secs(3600)).await }
    });
    until_at_work(&server, 1).await;
    waiting.abort();
    until_at_work(&server, 0).await;
    was_told(&server, 1).await;
    eventually("the process is idle again", async || (pool.idle_children() == 1).then_some(())).await;
    assert_eq!(pool.query(job(&server, dir.path(), "select 1 as one"), Duration::from_secs(60)).await.unwrap().rows, 1);
    assert_eq!(pool.idle_children(), 1, "the same process answered");
}

#[tokio::test]
async fn a6_a_query_past_its_deadline_is_stopped_in_the_database() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let pool = executors(dir.path().join("tmp"));
    let (asked, ()) = tokio::join!(pool.query(job(&server, dir.path(), ENDLESS), Duration::from_secs(10)), until_at_work(&server, 1));
    assert_eq!(asked.unwrap_err().kind, QueryErrorKind::Timeout);
    until_at_work(&server, 0).await;
    was_told(&server, 1).await;
}

#[tokio::test]
async fn a6_a_cancelled_run_is_stopped_in_the_database() {
    let Some(server) = PostgresServer::start() else { return };
    let world = World::new().await;
    slow_dashboard(&world, &server, 3);
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "slow".into();
    let schedule = world.save(definition).await;
    let run: RunId = world.trigger(schedule).await;
    let cancelling = async {
        until_at_work(&server, 3).await;
        world.store.cancel(run, &pressrun_store::sample::change(pressrun_domain::audit::Verb::RunCancelled)).await.unwrap();
        // The run looks every two seconds of its own clock whether it is still wanted.
        eventually("the queries are stopped", async || {
            world.clock.advance(jiff::SignedDuration::from_secs(2));
            (at_work(&server).await == 0).then_some(())
        })
        .await;
    };
    let (drained, ()) = tokio::join!(world.engine.drain(), cancelling);
    drained.unwrap();
    assert_eq!(ended(&world.run(run).await.0), (RunStatus::Killed, Some("cancelled")));
    was_told(&server, 3).await;
}

/// A dashboard `slow` of so many tiles that the server never answers.
pub(crate) fn slow_dashboard(world: &World, server: &PostgresServer, tiles: usize) {
    let catalog = world.dir.path().join("catalog");
    let connections = std::fs::read_to_string(catalog.join("connections.yaml")).unwrap();
    let slow = format!("  slow:\n    kind: postgres\n    url: {}\n    max_concurrency: 1000\n    timeout_seconds: 3600\n", server.url());
    std::fs::write(catalog.join("connections.yaml"), connections + &slow).unwrap();
    let tile = |at: usize| {
        format!("  't{at}': {{ title: T{at}, sql: \"select pg_sleep(3600)::text, {at}\", at: {{ x: 0, y: {}, w: 12, h: 8 }} }}\n", at * 8)
    };
    let tiles: String = (0..tiles).map(tile).collect();
    std::fs::write(catalog.join("dashboards/slow.yaml"), format!("identifier: slow\nname: Slow\nconnection: slow\ntiles:\n{tiles}"))
        .unwrap();
    world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
}

/// An executor process, as its parent starts it, with a pipe to write jobs into.
fn child() -> Child {
    let dir = std::env::temp_dir().display().to_string();
    Command::new(env!("CARGO_BIN_EXE_pressrun"))
        .args(["executor", "--memory-bytes", "1000000000", "--threads", "1", "--temp-dir", &dir])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes a job into the pipe of a child.
fn order(child: &mut Child, job: &QueryJob) {
    let message = serde_json::json!({ "message": "work", "job": { "kind": "query", "value": job } });
    let frame = serde_json::to_vec(&message).unwrap();
    let input = child.stdin.as_mut().unwrap();
    input.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).unwrap();
    input.write_all(&frame).unwrap();
    input.flush().unwrap();
}

#[tokio::test]
async fn a6_a_child_whose_pipe_closes_stops_its_query_and_ends() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut child = child();
    order(&mut child, &job(&server, dir.path(), ENDLESS));
    until_at_work(&server, 1).await;
    drop(child.stdin.take());
    until_at_work(&server, 0).await;
    was_told(&server, 1).await;
    let status = eventually("the child ends", async || child.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a6_signals_for_the_whole_service_leave_a_query_alone() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut child = child();
    order(&mut child, &job(&server, dir.path(), "select pg_sleep(5)::text as x"));
    until_at_work(&server, 1).await;
    let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT, rustix::process::Signal::HUP] {
        rustix::process::kill_process(process, signal).unwrap();
    }
    let mut length = [0; 4];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut length).unwrap();
    assert!(u32::from_be_bytes(length) > 0, "it answers: its parent has not said a word");
    drop(child.stdin.take());
    eventually("the child ends", async || child.try_wait().unwrap()).await;
}

/// A server that kills a child notices by the broken connection, where it looks (PostgreSQL 14 and later).
#[tokio::test]
async fn a6_a_database_notices_that_a_child_was_killed() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut child = child();
    order(&mut child, &job(&server, dir.path(), ENDLESS));
    until_at_work(&server, 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    until_at_work(&server, 0).await;
    was_told(&server, 0).await;
}

/// A real server process, killed: its children end, and their queries with them.
#[tokio::test]
async fn a6_a_killed_server_leaves_no_query_behind() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let catalog = dir.path().join("catalog");
    write_catalog(&catalog);
    let connection = format!("connections:\n  slow: {{ kind: postgres, url: \"{}\" }}\n  files: {{ kind: files }}\n", server.url());
    std::fs::write(catalog.join("connections.yaml"), connection).unwrap();
    let tile = format!(
        "identifier: slow\nname: Slow\nconnection: slow\ntiles:\n  '1': {{ title: T, sql: \"{ENDLESS}\", at: {{ x: 0, y: 0, w: 8, h: 8 }} }}\n"
    );
    std::fs::write(catalog.join("dashboards/slow.yaml"), tile).unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_pressrun"))
        .args(["render", "slow", "--format", "csv", "--catalog"])
        .arg(&catalog)
        .arg("-o")
        .arg(dir.path().join("out.csv"))
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let seen = eventually("the query is at work", async || match parent.try_wait().unwrap() {
        Some(status) => Some(Err(status)),
        None => (at_work(&server).await == 1).then_some(Ok(())),
    })
    .await;
    if let Err(status) = seen {
        let said: Vec<String> = BufReader::new(parent.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        panic!("{status}: {}", said.join("\n"));
    }
    let children = children_of(parent.id());
    assert!(!children.is_empty());
    parent.kill().unwrap();
    parent.wait().unwrap();
    until_at_work(&server, 0).await;
    was_told(&server, 1).await;
    eventually("its children end", async || children.iter().all(|child| !lives(*child)).then_some(())).await;
}

fn children_of(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let lists = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|child| child.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// Whether a process is there and not only waited for.
fn lives(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

#[tokio::test]
async fn a5_a_dashboard_on_files_never_waits_for_a_slow_database() {
    let Some(server) = PostgresServer::start() else { return };
    let world = World::new().await;
    slow_dashboard(&world, &server, 200);
    let mut slow = world.webhook(Format::Json);
    slow.identifier = "slow".into();
    let schedule = world.save(slow).await;
    let slow_run = world.trigger(schedule).await;
    let files = async {
        // As many as one connection may have: the rest is left to others, and 16 in all are there.
        until_at_work(&server, 12).await;
        let (run, _) = world.run_now(world.webhook(Format::Json)).await;
        assert_eq!(ended(&run).0, RunStatus::Complete);
        assert_eq!(at_work(&server).await, 12, "none of the slow ones has ended meanwhile");
        world.store.cancel(slow_run, &pressrun_store::sample::change(pressrun_domain::audit::Verb::RunCancelled)).await.unwrap();
        eventually("the queries are stopped", async || {
            world.clock.advance(jiff::SignedDuration::from_secs(2));
            (at_work(&server).await == 0).then_some(())
        })
        .await;
    };
    let (drained, ()) = tokio::join!(world.engine.drain(), files);
    drained.unwrap();
}

//! What a query costs the server, and what it leaves there.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::*;

/// Plans of what ran, with their workers, in the server's log.
const PLANS: &str = "&options=-c%20session_preload_libraries%3Dauto_explain%20-c%20auto_explain.log_min_duration%3D0%20\
                     -c%20auto_explain.log_analyze%3Don%20-c%20min_parallel_table_scan_size%3D0%20-c%20parallel_setup_cost%3D0%20\
                     -c%20parallel_tuple_cost%3D0";

#[tokio::test]
async fn queries_at_the_server() {
    let Some(server) = Server::start() else { return };
    server.admin("create table many as select n, (n % 7)::numeric / 3 as price from generate_series(1, 100000) n; analyze many").await;
    a8_the_server_uses_its_workers(&server).await;
    b7_a_query_runs_once_whatever_its_digits(&server).await;
    a7_wide_rows_are_passed_on_by_their_bytes(&server).await;
    a7_a_row_beyond_the_memory_is_refused(&server).await;
    a6_the_server_is_told_when_to_stop(&server).await;
    b8_sessions_are_used_again_and_leave_nothing(&server).await;
    // Before any query is broken off on purpose: nothing in the log that an administrator would be called for.
    let log = server.log();
    for alarm in ["unexpected EOF", "connection to client lost", "could not send data", "could not receive data", "FATAL"] {
        assert!(!log.contains(alarm), "b8: {alarm} in {log}");
    }
    b8_a_session_that_ended_unseen_is_replaced(&server).await;
}

/// The plan of the query with `mark` in the log.
fn plans(server: &Server, mark: &str) -> Vec<String> {
    let log = server.log();
    let entries = log.split("  plan:");
    entries.filter(|entry| entry.lines().nth(1).is_some_and(|line| line.contains(mark))).map(str::to_owned).collect()
}

async fn a8_the_server_uses_its_workers(server: &Server) {
    let url = format!("{}{PLANS}", server.url());
    let found = once(&url, "select /* a8 */ count(*), sum(n) from many").await.unwrap();
    assert_eq!(found, ["100000|5000050000"]);
    let plans = plans(server, "/* a8 */");
    assert!(plans.len() == 1 && plans[0].contains("Workers Launched: 2"), "{plans:#?}");
}

async fn b7_a_query_runs_once_whatever_its_digits(server: &Server) {
    let url = format!("{}{PLANS}", server.url());
    let sql = "select /* b7 */ n, case when n > 50000 then price else n::numeric end as v from many order by n";
    let mut query = asked(sql);
    query.limit = 200_000;
    let mut sink = Collected::default();
    source(url).run(&query, &QueryLimits::default(), &mut sink).await.unwrap();
    let all = rows(&sink);
    assert_eq!(all.len(), 100_000);
    assert!(all[0].starts_with("1|1.000000") && all[99_999].starts_with("100000|1.6666666666666667"), "{} {}", all[0], all[99_999]);
    assert_eq!(plans(server, "/* b7 */").len(), 1);
}

/// Notes the bytes of each batch.
#[derive(Default)]
struct Weighed(Vec<usize>, u64);

impl BatchSink for Weighed {
    fn begin(&mut self, _: &SchemaRef) -> Result<(), QueryError> {
        Ok(())
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        self.0.push(batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap()).sum());
        self.1 += batch.num_rows() as u64;
        Ok(())
    }

    fn widen(&mut self, _: &SchemaRef) -> Result<(), QueryError> {
        Ok(())
    }
}

async fn a7_wide_rows_are_passed_on_by_their_bytes(server: &Server) {
    let mut sink = Weighed::default();
    let mut query = asked("select n, repeat('x', 200000) as t from generate_series(1, 200) n");
    query.limit = 1000;
    source(server.url()).run(&query, &QueryLimits::default(), &mut sink).await.unwrap();
    assert_eq!(sink.1, 200);
    assert!(sink.0.len() >= 9 && sink.0.iter().all(|bytes| *bytes < 5 << 20), "{:?}", sink.0);
    // Two terabytes at the server, of which ten rows are asked for.
    let mut query = asked("select n, repeat('x', 200000) as t from generate_series(1, 10000000) n");
    query.limit = 10;
    let mut sink = Weighed::default();
    let stats = source(server.url()).run(&query, &QueryLimits::default(), &mut sink).await.unwrap();
    assert_eq!((stats, sink.1), (QueryStats { rows: 10, truncated: true }, 10));
}

async fn a7_a_row_beyond_the_memory_is_refused(server: &Server) {
    let limits = QueryLimits { memory_bytes: 64 << 20, ..QueryLimits::default() };
    let error = server.ask_limited("select repeat('x', 100000000) as t", any(), 10, &limits).await.unwrap_err();
    assert!(error.kind == QueryErrorKind::TooLarge && error.to_string().contains("one row of the result has 101 MB"), "{error}");
}

async fn a6_the_server_is_told_when_to_stop(server: &Server) {
    let sql = "select current_setting('statement_timeout'), current_setting('client_connection_check_interval'), \
               current_setting('transaction_isolation'), current_setting('transaction_read_only')";
    let (found, _) = server.ask(sql, any()).await.unwrap();
    assert_eq!(rows(&found), ["5min|2s|repeatable read|on"]);
}

async fn b8_sessions_are_used_again_and_leave_nothing(server: &Server) {
    let source = source(server.url());
    let first = run(&source, "select pg_backend_pid() as p").await.unwrap();
    // Neither a failure nor a lock that a function takes for the session changes what the next query meets.
    run(&source, "select nope").await.unwrap_err();
    assert_eq!(
        run(&source, "select pg_try_advisory_lock(7) as l, set_config('search_path', 'nowhere', false) as s").await.unwrap(),
        ["true|nowhere"]
    );
    assert_eq!(run(&source, "select pg_backend_pid() as p").await.unwrap(), first);
    let left = "select current_setting('search_path') as s, (select count(*) from pg_locks where locktype = 'advisory') as l, \
                (select count(*) from pg_prepared_statements) as p";
    assert_eq!(run(&source, left).await.unwrap(), ["\"$user\", public|0|0"]);
    // A result beyond its limit is broken off, or read to its end where that is near.
    for (rows, same) in [(20, true), (5_000_000, false)] {
        let before = run(&source, "select pg_backend_pid() as p").await.unwrap();
        let mut query = asked(&format!("select n from generate_series(1, {rows}) n"));
        query.limit = 10;
        let stats = source.run(&query, &QueryLimits::default(), &mut Collected::default()).await.unwrap();
        assert_eq!(stats, QueryStats { rows: 10, truncated: true });
        let after = run(&source, "select pg_backend_pid() as p").await.unwrap();
        assert_eq!(before == after, same, "{rows}");
    }
}

async fn b8_a_session_that_ended_unseen_is_replaced(server: &Server) {
    let source = source(server.url());
    let first = run(&source, "select pg_backend_pid() as p").await.unwrap();
    server.admin(&format!("select pg_terminate_backend({})", first[0])).await;
    let second = run(&source, "select pg_backend_pid() as p").await.unwrap();
    assert_ne!(first, second);
}

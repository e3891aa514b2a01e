//! Through PgBouncer, which hands a server's session to another client after each transaction.

use pressrun_testkit::PgBouncer;

use super::*;

/// The case `postgres-pgbouncer`: an enum, whose type a client with named statements would look up in one.
#[tokio::test]
async fn b8_forty_renders_in_a_row_through_a_pool_of_one() {
    let Some(server) = Server::start() else { return };
    server.admin("create type mood as enum ('sad', 'happy')").await;
    let Some(bouncer) = PgBouncer::start(server.port(), &server.file("pgbouncer.ini")).await else { return };
    for _ in 0..40 {
        let found = once(&bouncer.url(), "select 1::int as k, (select 'happy'::mood) as mo, array['sad']::mood[] as more").await;
        assert_eq!(found.unwrap(), ["1|happy|{sad}"]);
    }
    // Sessions that are kept hold no place at the server between their queries.
    let sources: Vec<_> = (0..3).map(|_| source(bouncer.url())).collect();
    for _ in 0..3 {
        for source in &sources {
            assert_eq!(run(source, "select current_setting('TimeZone') as z").await.unwrap(), ["America/New_York"]);
        }
    }
    // What is broken off breaks nobody else's query.
    for source in &sources {
        let mut query = asked("select n from generate_series(1, 5000000) n");
        query.limit = 10;
        let stats = source.run(&query, &QueryLimits::default(), &mut Collected::default()).await.unwrap();
        assert!(stats.truncated);
        assert_eq!(once(&bouncer.url(), "select 1 as one, count(*) as p from pg_prepared_statements").await.unwrap(), ["1|0"]);
    }
}

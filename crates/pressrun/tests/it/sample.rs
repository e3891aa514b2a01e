//! The sample catalog against the real engine: where files, templates and SQL meet.

use std::sync::Arc;
use std::time::Duration;

use pressrun_catalog::{load, sample};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::EngineConfig;
use pressrun_engine::content::{Content, Producer};
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::spool::Spool;
use pressrun_sql::{EffectiveFilters, QueryClock};

use crate::world::executors;

#[tokio::test]
async fn every_query_of_the_sample_dashboards_returns_rows() {
    let dir = tempfile::tempdir().unwrap();
    sample::write(dir.path()).unwrap();
    sample::generate_data(&dir.path().join("data"), &mut |_, _| {}).unwrap();
    let catalog = load(dir.path()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let producer = Producer::new(executors(dir.path().join("tmp")), Arc::new(EngineConfig::new("http://reports.example")));
    let spool = Spool::open(dir.path().join("spool")).unwrap();
    let viewer = member_identity(&catalog, &catalog.members[0]);
    let options = OutputOptions::default();
    let mut queries = 0;
    for document in catalog.documents.values() {
        let Some(dashboard) = &document.dashboard else { continue };
        let content = Content {
            catalog: &catalog,
            document,
            dashboard,
            tile: None,
            filters: EffectiveFilters::new(&dashboard.filters, &FilterConfig::new()).unwrap(),
            identity: &viewer,
            clock: QueryClock::new("2026-11-24T09:00:00Z".parse().unwrap(), "UTC"),
            format: Format::Pdf,
            options: &options,
        };
        let work = spool.work_dir(document.identifier.as_str()).unwrap();
        for (key, result) in producer.tiles(&content, &work, None, |_| false, Duration::from_secs(60)).await.unwrap() {
            let rows = result.unwrap_or_else(|error| panic!("{} {key}: {error}", document.name));
            assert!(rows.outcome.rows > 0, "{} {key} has no rows", document.name);
            queries += 1;
        }
    }
    assert!(queries >= 20, "only {queries} queries");
}

//! A server that the tests of this crate share, with a schema for each.

use pressrun_domain::audit::Verb;
use pressrun_domain::schedule::Schedule;
use pressrun_testkit::PostgresServer;

use crate::{PostgresSettings, PostgresStore, Schedules as _, sample};

/// A schema of its own.
pub(super) struct Schema {
    server: PostgresServer,
    url: String,
    name: String,
}

impl Schema {
    pub(super) async fn make() -> Self {
        Self::on(PostgresServer::shared(env!("CARGO_PKG_NAME"))).await
    }

    pub(super) async fn on(server: PostgresServer) -> Self {
        let url = server.schema().await;
        let name = url.rsplit('=').next().unwrap().to_owned();
        Self { server, url, name }
    }

    pub(super) fn server(&self) -> &PostgresServer {
        &self.server
    }

    pub(super) fn settings(&self) -> PostgresSettings {
        PostgresSettings { connections: 4, ..PostgresSettings::new(self.url.clone()) }
    }

    /// Another node on it, by the instants that tests make.
    pub(super) async fn open(&self) -> PostgresStore {
        self.open_by_its_clock().await.by_callers_clock()
    }

    /// Another node, by the server's clock.
    pub(super) async fn open_by_its_clock(&self) -> PostgresStore {
        PostgresStore::open(&self.settings(), sample::sealer()).await.unwrap()
    }

    /// The first column of the answer, asked by somebody else.
    pub(super) async fn ask(&self, sql: &str) -> Vec<String> {
        self.server.ask(&format!("SET search_path = {}; {sql}", self.name)).await
    }

    /// Cuts the connections of every node that `which` is true of; returns how many.
    pub(super) async fn cut(&self, which: &str) -> usize {
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}' AND {which}", self.name);
        self.server.ask(&cut).await.len()
    }

    /// Waits until some call of a node waits for what somebody else holds.
    pub(super) async fn until_somebody_waits(&self) {
        let waiting = format!("SELECT 1 FROM pg_stat_activity WHERE application_name = '{}' AND wait_event_type = 'Lock'", self.name);
        while self.server.ask(&waiting).await.is_empty() {}
    }
}

/// Saves `count` schedules of some owners, due at nine.
pub(super) async fn save(store: &PostgresStore, count: u128) -> Vec<Schedule> {
    let mut saved = Vec::new();
    for number in 0..count {
        let mut schedule = sample::schedule(&format!("daily {number}"));
        schedule.definition.owner = sample::member(number % 7);
        store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        saved.push(schedule);
    }
    saved
}

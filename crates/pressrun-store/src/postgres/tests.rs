//! The conformance suite on a real server, and what only many connections show.

mod clocks;
mod cuts;
mod months;
mod moving;
mod nodes;
mod opening;
mod quotas;
mod server;
mod versions;

use crate::{PostgresStore, conformance_suite};
use server::Schema;

async fn on_server() -> (PostgresStore, Schema) {
    let schema = Schema::make().await;
    (schema.open().await, schema)
}

conformance_suite!(server_of_our_own, on_server);

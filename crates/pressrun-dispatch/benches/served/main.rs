//! Figures of the whole server, seen from outside: the release build as a process of its own, receivers on this machine, and rows written as it would
//! write them. Run by `cargo xtask bench dispatch`, `fanout`, `start` or `soak`; `PRESSRUN_BENCH_BINARY` is the program.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs, reason = "a benchmark")]
#![allow(clippy::disallowed_methods, reason = "the server under test goes by the real clock")]

mod dispatch;
mod fanout;
mod figures;
mod receiver;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
mod site;
mod soak;
mod start;

use std::collections::BTreeMap;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match what.as_str() {
        "dispatch" => runtime.block_on(dispatch::run()),
        "fanout" => runtime.block_on(fanout::run()),
        "start" => runtime.block_on(start::run()),
        "soak" => runtime.block_on(soak::run()),
        other => panic!("no benchmark {other:?}"),
    }
}

/// Rounds of a benchmark by the names of what was measured.
type Figures = BTreeMap<&'static str, Vec<f64>>;

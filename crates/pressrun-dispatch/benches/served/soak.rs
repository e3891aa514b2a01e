//! An hour's work of a busy server in as many minutes as `PRESSRUN_BENCH_MINUTES` says, and whether its memory grows.
//!
//! `PRESSRUN_BENCH_DUE` webhooks are due every minute; after each the memory is looked at.

use std::time::Duration;

use crate::Figures;
use crate::figures::print;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::shared::setting;
use crate::site::Site;

pub(crate) async fn run() {
    let (due, minutes) = (setting("PRESSRUN_BENCH_DUE", 20_000), setting("PRESSRUN_BENCH_MINUTES", 6));
    let receiver = Receiver::of_posts();
    let site = Site::new("[scheduler]\nworkers = 64\ndeliveries_of_one_host = 64\n").await;
    site.save_many(&Site::webhook(receiver.port, "* * ? * * *"), usize::try_from(due).unwrap()).await;
    let (server, _) = Server::start(site.folder.path(), site.port);
    let mut after = Vec::new();
    let mut taken = 0;
    for minute in 0..minutes {
        while receiver.taken() < usize::try_from(due * (minute + 1)).unwrap() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        taken = receiver.taken();
        after.push(server.memory().0);
    }
    let (first, last) = (after[1.min(after.len() - 1)], after[after.len() - 1]);
    let mut figures = Figures::from([
        ("webhooks taken", vec![taken as f64]),
        ("memory after the second minute, MiB", vec![first]),
        ("memory after the last minute, MiB", vec![last]),
        ("the latter in parts of the former", vec![last / first]),
        ("CPU of the server, µs a run", vec![server.cpu_seconds() / taken as f64 * 1e6]),
    ]);
    print("soak", &format!("{due} webhooks a minute for {minutes} minutes (SQLite, over HTTP)"), &mut figures);
}

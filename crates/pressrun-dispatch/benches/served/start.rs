//! What a server costs that has `PRESSRUN_BENCH_STORED` schedules of which none is due: until it is ready, and while it waits.

use std::time::Duration;

use crate::Figures;
use crate::figures::print;
use crate::server::Server;
use crate::shared::setting;
use crate::site::Site;

pub(crate) async fn run() {
    let stored = usize::try_from(setting("PRESSRUN_BENCH_STORED", 1_000_000)).unwrap();
    let watched = Duration::from_secs(setting("PRESSRUN_BENCH_SECONDS", 60));
    let mut site = Site::new("").await;
    let idle = site.save(Site::webhook(9, "0 9 1 1 ? *")).await;
    site.clone_idle(idle, stored - 1).await;
    let mut figures = Figures::new();
    // By the rules of a time zone database that it has not seen, a server plans everything anew, once.
    let (server, ready) = Server::start(site.folder.path(), site.port);
    tokio::time::sleep(Duration::from_secs(60)).await;
    figures.insert("the first start: ready after, ms", vec![ready.as_secs_f64() * 1e3]);
    figures.insert("the first start: CPU of a minute, s", vec![server.cpu_seconds()]);
    drop(server);
    for _ in 0..setting("PRESSRUN_BENCH_RUNS", 3) {
        let (server, ready) = Server::start(site.folder.path(), site.port);
        // What is done once after the start is counted apart from what is done for ever.
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (begun, settled) = (server.cpu_seconds(), server.memory().1);
        tokio::time::sleep(watched).await;
        let idle = server.cpu_seconds() - begun;
        let (memory, most) = server.memory();
        for (name, value) in [
            ("ready after the start, ms", ready.as_secs_f64() * 1e3),
            ("CPU of the first 30 seconds, s", begun),
            ("memory in the first 30 seconds at most, MiB", settled),
            ("memory when idle, MiB", memory),
            ("memory at most, MiB", most),
            ("CPU when idle, % of a core", idle / watched.as_secs_f64() * 100.0),
        ] {
            figures.entry(name).or_default().push(value);
        }
    }
    print("start", &format!("{stored} schedules stored, none due (SQLite)"), &mut figures);
}

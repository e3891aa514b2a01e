//! Many at once, and little room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::RunId;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_engine::Carrier;
use pressrun_testkit::FakeClock;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::world::{World, ended};

/// A destination that takes six seconds for each parcel.
struct Slow {
    clock: FakeClock,
    busy: watch::Sender<usize>,
    done: watch::Sender<usize>,
}

#[async_trait]
impl Carrier for Slow {
    async fn deliver(&self, _: &Destination, _: &Parcel, now: Timestamp) -> Delivered {
        self.busy.send_modify(|busy| *busy += 1);
        self.clock.sleep_until(now + SignedDuration::from_secs(6)).await;
        self.busy.send_modify(|busy| *busy -= 1);
        self.done.send_modify(|done| *done += 1);
        Delivered { outcome: Outcome::Accepted { receipt: "ok".to_owned() }, learnt_host_key: None, warnings: Vec::new() }
    }
}

#[tokio::test]
async fn l1_a_thousand_schedules_due_at_one_instant_all_start_within_a_quarter_of_an_hour() {
    const SCHEDULES: usize = 1000;
    const WORKERS: usize = 8;
    let world = World::new().await;
    let slow = Arc::new(Slow { clock: FakeClock::clone(&world.clock), busy: watch::Sender::new(0), done: watch::Sender::new(0) });
    let engine = world.another_engine_with(Arc::clone(&slow) as _, |config| config.workers = WORKERS as u32);
    let mut schedules = Vec::new();
    for _ in 0..SCHEDULES {
        schedules.push(world.save(world.webhook(Format::LinkOnly)).await);
    }
    let nine: Timestamp = "2025-07-24T09:00:00Z".parse().unwrap();
    world.clock.set(nine);
    assert_eq!(engine.tick().await.unwrap(), 1000);
    let time = async {
        let (mut busy, mut done) = (slow.busy.subscribe(), slow.done.subscribe());
        let mut finished = 0;
        while finished < SCHEDULES {
            // Time passes when every worker waits for it.
            let all = WORKERS.min(SCHEDULES - finished);
            busy.wait_for(|busy| *busy == all).await.unwrap();
            world.clock.advance(SignedDuration::from_secs(6));
            finished += all;
            done.wait_for(|done| *done == finished).await.unwrap();
        }
    };
    let (worked, ()) = tokio::join!(engine.drain(), time);
    assert_eq!(worked.unwrap(), 1000);
    let mut latest = SignedDuration::ZERO;
    for schedule in schedules {
        let run = world.runs(schedule).await.remove(0);
        assert_eq!(ended(&run).0, RunStatus::Complete);
        latest = latest.max(run.started_at.unwrap().duration_since(nine));
    }
    assert!(latest <= SignedDuration::from_mins(15), "the last one started after {latest:#}");
}

/// A database that takes connections and says nothing; counts how many are open at once.
async fn silent_database() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
            seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut bytes = [0; 256];
                while let Ok(1..) = stream.read(&mut bytes).await {}
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, most)
}

#[tokio::test]
async fn l1_a_connection_sees_no_more_queries_at_once_than_it_allows() {
    let world = World::new().await;
    let (port, most) = silent_database().await;
    let catalog = world.dir.path().join("catalog");
    let connections = std::fs::read_to_string(catalog.join("connections.yaml")).unwrap();
    let slow = format!(
        "  slow:\n    kind: postgres\n    url: postgres://blob@127.0.0.1:{port}/blobs?sslmode=disable\n    max_concurrency: 1\n    timeout_seconds: 1\n"
    );
    std::fs::write(catalog.join("connections.yaml"), connections + &slow).unwrap();
    let tiles = (0..4)
        .map(|tile| format!("  't{tile}': {{ title: T{tile}, sql: select {tile} as n, at: {{ x: 0, y: {}, w: 12, h: 8 }} }}\n", tile * 8))
        .collect::<Vec<_>>()
        .concat();
    std::fs::write(catalog.join("dashboards/slow.yaml"), format!("identifier: slow\nname: Slow\nconnection: slow\ntiles:\n{tiles}"))
        .unwrap();
    world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "slow".into();
    // There are two executor processes: without the cap two connections would be open.
    let (run, _) = world.run_now(definition).await;
    // A database that does not answer may come back: it is asked again before the run gives up (A9).
    for _ in 0..2 {
        world.pass(SignedDuration::from_mins(3)).await;
    }
    let (run, _) = world.run(run.id).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("everyQueryFailed")));
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

/// A run whose file of this name finds no room in the first so many attempts, each by an engine of its own, whose files are numbered from zero.
async fn without_room(world: &World, full: &str, attempts: u32) -> RunId {
    let mut definition = world.webhook(Format::Csv);
    definition.tile = Some("total".into());
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    for attempt in 1..=attempts {
        let work = world.dir.path().join("spool").join("work").join(format!("{run}-{attempt}-0"));
        std::fs::create_dir_all(&work).unwrap();
        std::os::unix::fs::symlink("/dev/full", work.join(full)).unwrap();
        world.another_engine(world.carriers()).drain().await.unwrap();
        assert!(!work.exists(), "{full}: half-made files are gone");
        world.clock.advance(SignedDuration::from_mins(3));
    }
    run
}

#[tokio::test]
async fn l2_a_disk_that_stays_full_is_an_error_with_its_name_and_nothing_reaches_the_destination() {
    let world = World::new().await;
    for (full, status, what) in [("artifact.csv", RunStatus::Error, "diskFull"), ("0.arrow", RunStatus::Error, "everyQueryFailed")] {
        let run = without_room(&world, full, 3).await;
        let (run, deliveries) = world.run(run).await;
        assert_eq!(ended(&run), (status, Some(what)), "{full}: {:?}", run.record);
        let error = run.record.error.as_deref().unwrap().to_lowercase();
        assert!(error.contains("no space left"), "{full}: {error}");
        assert!(deliveries.is_empty(), "{full}");
    }
    assert!(world.http.requests().is_empty());
    let (run, _) = world.run_now(world.webhook(Format::Csv)).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "everything else goes on");
}

#[tokio::test]
async fn l2_a_disk_that_was_full_for_a_while_fails_nothing() {
    let world = World::new().await;
    for full in ["artifact.csv", "0.arrow"] {
        let run = without_room(&world, full, 1).await;
        let waits = world.run(run).await.0.progress.waits_for.unwrap();
        assert!(waits.to_lowercase().contains("no space left"), "{waits}");
        world.another_engine(world.carriers()).drain().await.unwrap();
        let (run, deliveries) = world.run(run).await;
        assert_eq!((ended(&run).0, deliveries.len()), (RunStatus::Complete, 1), "{full}: {:?}", run.record);
    }
}

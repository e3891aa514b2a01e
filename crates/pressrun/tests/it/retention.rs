//! What is older than it is kept, swept as the server does it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_store::PlanningNote;

use crate::world::{World, ended};

/// One whole sweep of a server that has swept every hour until now; its rests between steps take no time.
async fn sweep(world: &World) {
    world.store.keep_planning_note(PlanningNote::LastSweep, &world.now().to_string()).await.unwrap();
    sweep_anew(world).await;
}

/// One whole sweep, whenever the last one was.
async fn sweep_anew(world: &World) {
    let sweeping = world.engine.sweep();
    tokio::pin!(sweeping);
    loop {
        tokio::select! {
            biased;
            () = &mut sweeping => return,
            () = world.clock.wait_for_sleepers(1) => world.clock.advance(SignedDuration::from_millis(50)),
        }
    }
}

/// Makes a file look as if it was made two days ago, by the clock of the machine.
fn grow_old(file: &Path) {
    let file = File::options().append(true).open(file).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(modified - Duration::from_secs(2 * 86_400)).unwrap();
}

fn artifact(world: &World, sha256: &str) -> PathBuf {
    world.dir.path().join("spool/artifacts").join(&sha256[..2]).join(sha256)
}

#[tokio::test]
async fn h10_artifacts_go_when_they_were_kept_long_enough_and_with_them_what_a_crash_left() {
    let world = World::new().await;
    let (old, _) = world.run_now(world.webhook(Format::Csv)).await;
    let old = artifact(&world, &old.record.artifacts[0].sha256);
    world.clock.advance(SignedDuration::from_hours(24 * 31));
    let (kept, deliveries) = world.run_now(world.webhook(Format::Json)).await;
    assert_eq!(ended(&kept).0, RunStatus::Complete);
    let kept = artifact(&world, &deliveries[0].artifact.as_ref().unwrap().sha256);
    // Files without a row: one in a folder that is looked at in this hour, one in another, and one that was made just now.
    let hour = world.now().as_second().div_euclid(3600);
    let orphan = |place: i64, letters: &str| {
        let sha256 = format!("{:02x}{}", (hour * 4 + place).rem_euclid(256), letters.repeat(31));
        let path = artifact(&world, &sha256);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"left by a crash").unwrap();
        path
    };
    let (looked_at, later, young) = (orphan(1, "0a"), orphan(9, "0b"), orphan(1, "0c"));
    for file in [&old, &kept, &looked_at, &later] {
        grow_old(file);
    }
    sweep(&world).await;
    let there = [&old, &kept, &looked_at, &later, &young].map(|file| file.exists());
    assert_eq!(there, [false, true, false, true, true]);
    world.clock.advance(SignedDuration::from_hours(2));
    sweep(&world).await;
    assert!(kept.exists() && !later.exists(), "two hours later its folder has its turn");
}

#[tokio::test]
async fn h6_history_goes_by_age_and_the_status_of_a_schedule_keeps_what_it_stands_on() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Csv)).await;
    let first = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    world.clock.advance(SignedDuration::from_hours(24));
    let second = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    world.clock.advance(SignedDuration::from_hours(24 * 399) - SignedDuration::from_mins(1));
    sweep(&world).await;
    assert!(world.store.run(first).await.unwrap().is_some(), "it is kept for 400 days");
    world.clock.advance(SignedDuration::from_mins(2));
    sweep(&world).await;
    assert_eq!(world.store.run(first).await.unwrap(), None);
    world.clock.advance(SignedDuration::from_hours(24 * 100));
    sweep(&world).await;
    let last = world.store.schedule(schedule).await.unwrap().unwrap().last_run.unwrap();
    assert_eq!(last.status, RunStatus::Complete);
    assert_eq!(ended(&world.run(second).await.0).0, RunStatus::Complete, "it is the last");
}

#[tokio::test]
async fn h6_h7_a_clock_that_is_years_ahead_for_a_while_deletes_nothing() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Csv)).await;
    let first = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let file = artifact(&world, &world.run(first).await.0.record.artifacts[0].sha256);
    world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    grow_old(&file);
    sweep(&world).await;
    let (right, ahead) = (world.now(), SignedDuration::from_hours(24 * 3_650));
    world.clock.set(right + ahead);
    for _ in 0..2 {
        sweep_anew(&world).await;
    }
    world.clock.set(right);
    sweep_anew(&world).await;
    assert!(world.store.run(first).await.unwrap().is_some() && file.exists());
    // A clock that stays there is right in the end: a day a sweep.
    world.clock.set(right + ahead);
    for _ in 0..401 {
        sweep_anew(&world).await;
    }
    assert_eq!(world.store.run(first).await.unwrap(), None);
    assert!(!file.exists());
}

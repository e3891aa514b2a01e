//! Dying in the middle: what was promised is kept, what was accepted is not sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::destination::Destination;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_engine::Carrier;

use crate::world::{World, ended};

/// Passes so many parcels on, then never returns: the process dies in this delivery.
struct DiesAfter {
    left: AtomicUsize,
    inner: Arc<dyn Carrier>,
    reached: Arc<tokio::sync::Notify>,
    accepts_first: bool,
}

#[async_trait]
impl Carrier for DiesAfter {
    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return self.inner.deliver(destination, parcel, now).await;
        }
        if self.accepts_first {
            self.inner.deliver(destination, parcel, now).await;
        }
        self.reached.notify_one();
        std::future::pending().await
    }
}

/// Works until the carrier dies, drops everything that was under way, and goes on with a new engine once the lease has lapsed.
async fn die_and_resume(world: &World, left: usize, accepts_first: bool) {
    let reached = Arc::new(tokio::sync::Notify::new());
    let carrier = DiesAfter { left: AtomicUsize::new(left), inner: world.carriers(), reached: Arc::clone(&reached), accepts_first };
    let dying = world.another_engine(Arc::new(carrier));
    tokio::select! {
        result = dying.drain() => panic!("the run ended: {result:?}"),
        () = reached.notified() => {}
    }
    drop(dying);
    world.engine.drain().await.unwrap();
    world.clock.advance(SignedDuration::from_secs(61));
    world.engine.drain().await.unwrap();
}

#[tokio::test]
async fn i7_recipients_already_accepted_are_not_sent_again() {
    let world = World::with(|config| config.parallel_deliveries = 1).await;
    let people = ["a@x.example", "b@x.example", "c@x.example", "d@x.example"];
    let schedule = world.save(world.email(Format::Csv, &people)).await;
    let run = world.trigger(schedule).await;
    die_and_resume(&world, 2, false).await;
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert!(run.fence >= 2);
    let mails = world.smtp.mails();
    for person in people {
        let count = mails.iter().filter(|mail| mail.text().contains(&format!("To: {person}"))).count();
        assert_eq!(count, 1, "{person}");
    }
    assert_eq!(deliveries.len(), 4);
    assert_eq!(run.record.artifacts.len(), 1, "the artifact was rendered once");
}

#[tokio::test]
async fn i6_a_piece_accepted_but_not_recorded_is_repeated_under_the_same_mark() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let run = world.trigger(schedule).await;
    die_and_resume(&world, 0, true).await;
    assert_eq!(ended(&world.run(run).await.0).0, RunStatus::Complete);
    let requests = world.http.requests();
    assert_eq!(requests.len(), 2, "at most the one piece under way is repeated");
    assert!(requests[0].header("idempotency-key").is_some_and(|mark| Some(mark) == requests[1].header("idempotency-key")));
    assert_eq!(requests[0].body, requests[1].body);
}

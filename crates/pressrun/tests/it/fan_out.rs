//! Many recipients: one query and one render for all who see the same, and room for others meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::destination::Destination;
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::Definition;

use crate::audiences::personal;
use crate::carrier::Recorder;
use crate::people::email_only;
use crate::process::{Site, eventually};
use crate::world::{World, ended};

/// `count` people, spread over twelve regions.
fn people(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("p{number}@x.example"), format!("R{:02}", number % 12))).collect()
}

/// Twelve regions with a different amount each.
fn twelve_regions(world: &World) {
    let rows = (0..12).map(|region| format!("2025-07-21,R{region:02},{}\n", region + 1)).collect::<Vec<_>>().concat();
    world.write_data("sales.csv", &format!("day,region,amount\n{rows}"));
}

async fn in_twelve_regions(world: &World, count: usize) -> Definition {
    let people = people(count);
    let regions: Vec<[&str; 1]> = people.iter().map(|(_, region)| [region.as_str()]).collect();
    let people: Vec<_> = people.iter().zip(&regions).map(|((email, _), region)| (email.as_str(), Some(&region[..]))).collect();
    personal(world, &people).await
}

#[tokio::test]
async fn p3_five_hundred_people_in_twelve_regions_are_twelve_queries_and_twelve_renders() {
    let world = World::new().await;
    twelve_regions(&world);
    let carrier = Arc::new(Recorder::default());
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let schedule = world.save(in_twelve_regions(&world, 500).await).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!((run.record.tiles.len(), run.record.artifacts.len(), deliveries.len()), (12, 12, 500), "as the history shows it");
    let mut by_artifact: HashMap<_, HashSet<_>> = HashMap::new();
    for taken in carrier.taken() {
        let number: usize = taken.target.trim_start_matches('p').split('@').next().unwrap().parse().unwrap();
        by_artifact.entry(taken.sha256.unwrap()).or_default().insert(number % 12);
    }
    assert_eq!(by_artifact.len(), 12);
    assert!(by_artifact.values().all(|regions| regions.len() == 1), "nobody sees another region's numbers");
}

#[tokio::test]
async fn l1_ten_thousand_recipients_do_not_hold_up_another_schedule() {
    let world = World::new().await;
    twelve_regions(&world);
    let carrier = Arc::new(Recorder::default());
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.workers = 1);
    // Nothing is sent before all is prepared, so that what goes before the other is what holds it up.
    let big = Definition { kill_jobs_on_failure: true, ..in_twelve_regions(&world, 10_000).await };
    let big = world.save(big).await;
    let mut other = world.webhook(Format::LinkOnly);
    other.owner = crate::world::HILL.parse().map(pressrun_domain::id::MembershipId).unwrap();
    let small = world.save(other).await;
    world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
    // The big one is first in the queue.
    engine.tick().await.unwrap();
    engine.drain().await.unwrap();

    let run = world.runs(big).await.remove(0);
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record.warnings);
    assert_eq!((run.record.tiles.len(), run.record.artifacts.len()), (12, 12));
    let taken = carrier.taken();
    let marks: HashSet<_> = taken.iter().map(|taken| taken.mark.as_str()).collect();
    assert_eq!((taken.len(), marks.len()), (10_001, 10_001), "each once");
    let place = taken.iter().position(|taken| taken.schedule == small).unwrap();
    // How many of the big one are sent meanwhile depends on the machine; all of them would be ten thousand.
    assert!(place <= 1_000, "the other was delivered after {place} pieces of the big one, with one worker for both");
    // The one of the other schedule may be among them.
    assert!(carrier.most_at_once() <= engine.context().config.parallel_deliveries + 1);
    let tally = world.store.tally(run.id).await.unwrap();
    assert_eq!((tally.accepted, tally.pending), (10_000, 0));
}

#[tokio::test]
async fn p4_pieces_of_a_half_promised_run_are_never_sent_twice() {
    let world = World::new().await;
    twelve_regions(&world);
    let carrier = Arc::new(Recorder::default());
    let schedule = world.save(in_twelve_regions(&world, 24).await).await;
    let run = world.trigger(schedule).await;
    // A claim that died after it promised some pieces, with other bytes than those of now.
    let claimed = world.store.claim(pressrun_domain::id::WorkerId::generate(), world.now(), world.now(), 1).await.unwrap().remove(0);
    let stale = pressrun_store::sample::piece(run, "p3@x.example");
    world.store.promise(&claimed.lease, &[stale]).await.unwrap();
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    engine.drain().await.unwrap();
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    assert_eq!(deliveries.len(), 24);
    assert!(deliveries.iter().all(|delivery| matches!(delivery.state, DeliveryState::Accepted { .. })));
    let targets: HashSet<_> = carrier.taken().into_iter().map(|taken| taken.target).collect();
    assert_eq!((targets.len(), carrier.taken().len()), (24, 24));
}

#[tokio::test]
async fn s5_a_run_that_somebody_stops_sends_no_further_page() {
    let world = World::new().await;
    twelve_regions(&world);
    let mut definition = in_twelve_regions(&world, 450).await;
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = false;
    }
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    let carrier = Arc::new(StopsAt { inner: Recorder::default(), store: Arc::clone(&world.store), number: 150 });
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    engine.drain().await.unwrap();
    let (run, deliveries) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Killed, Some("cancelled")));
    assert_eq!(carrier.inner.taken().len(), 200, "the page under way ends");
    let skipped =
        deliveries.iter().filter(|delivery| matches!(&delivery.state, DeliveryState::Skipped { reason } if reason == "cancelled"));
    assert_eq!(skipped.count(), 250);
}

/// Somebody cancels the run while a piece is sent.
struct StopsAt {
    inner: Recorder,
    store: Arc<dyn pressrun_store::Store>,
    number: usize,
}

#[async_trait::async_trait]
impl pressrun_engine::Carrier for StopsAt {
    async fn deliver(
        &self,
        destination: &Destination,
        parcel: &pressrun_deliver::Parcel,
        now: jiff::Timestamp,
    ) -> pressrun_deliver::Delivered {
        if self.inner.taken().len() >= self.number {
            self.store.cancel(parcel.run_id, &pressrun_store::sample::change_at(Verb::RunCancelled, now)).await.unwrap();
        }
        self.inner.deliver(destination, parcel, now).await
    }
}

#[tokio::test]
async fn l1_a_server_stays_small_while_thousands_get_their_mail() {
    let site = Site::new("").await;
    let people = people(3000);
    let regions: Vec<_> = people.iter().map(|(_, region)| [region.as_str()]).collect();
    let people: Vec<_> = people.iter().zip(&regions).map(|((email, _), region)| (email.as_str(), Some(&region[..]))).collect();
    let mut definition = Site::email(&[]);
    definition.tile = Some("1".into());
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
        email.recipients = email_only(site.store.as_ref(), &people).await;
    }
    let server = site.start(None);
    let idle = eventually("the server listens", async || server.log().contains("listening").then(|| server.memory())).await;
    let (run, _) = site.ended(site.due_once(definition).await).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record.warnings);
    assert_eq!((run.record.artifacts.len(), site.smtp.mails().len()), (12, 3000));
    let grown = server.memory().saturating_sub(idle) >> 20;
    assert!(grown < 64, "{grown} MiB for 3,000 recipients");
    server.stop().await;
}

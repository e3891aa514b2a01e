//! A large personal run is sent while it is prepared: audiences are done one by one, and stay done whoever goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Delivery, DeliveryState, Outcome};
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{MembershipId, RunId, WorkerId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{Run, RunStatus, Worked};
use pressrun_domain::schedule::Definition;
use pressrun_engine::Carrier;
use pressrun_store::Store;
use pressrun_testkit::FakeClock;
use tokio::sync::Notify;

use crate::audiences::personal;
use crate::carrier::Recorder;
use crate::world::{HILL, World, ended};

/// People with a region each, so that each is an audience.
const MANY: usize = 24;

fn region(number: usize) -> String {
    format!("R{number:02}")
}

fn data(factor: usize) -> String {
    let rows = (0..MANY).map(|number| format!("2025-07-21,{},{}\n", region(number), (number + 1) * factor)).collect::<Vec<_>>().concat();
    format!("day,region,amount\n{rows}")
}

/// A personal csv for each of them.
async fn many(world: &World) -> Definition {
    world.write_data("sales.csv", &data(1));
    let people: Vec<(String, String)> = (0..MANY).map(|number| (format!("p{number}@x.example"), region(number))).collect();
    let regions: Vec<[&str; 1]> = people.iter().map(|(_, region)| [region.as_str()]).collect();
    let people: Vec<_> = people.iter().zip(&regions).map(|((email, _), region)| (email.as_str(), Some(&region[..]))).collect();
    personal(world, &people).await
}

fn accepted(pieces: &[Delivery]) -> usize {
    pieces.iter().filter(|piece| matches!(piece.state, DeliveryState::Accepted { .. })).count()
}

/// What somebody wants to happen at the first piece.
enum AtFirst {
    /// Nothing.
    Nothing,
    /// The run is cancelled.
    Cancel,
    /// So much time passes.
    Takes(SignedDuration),
    /// It never ends.
    Hang,
}

/// Takes everything, and looks with each piece whether all of the run is prepared.
struct Looks {
    inner: Recorder,
    store: Arc<dyn Store>,
    clock: Arc<FakeClock>,
    at_first: AtFirst,
    begun: AtomicBool,
    first: Notify,
    /// Pieces that were sent before all were promised.
    meanwhile: AtomicUsize,
}

impl Looks {
    fn new(world: &World, at_first: AtFirst) -> Arc<Self> {
        Arc::new(Self {
            inner: Recorder::default(),
            store: Arc::clone(&world.store),
            clock: Arc::clone(&world.clock),
            at_first,
            begun: AtomicBool::new(false),
            first: Notify::new(),
            meanwhile: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Carrier for Looks {
    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        let run = self.store.run(parcel.run_id).await.unwrap().unwrap();
        self.meanwhile.fetch_add(usize::from(run.progress.promised_at.is_none()), Ordering::SeqCst);
        if !self.begun.swap(true, Ordering::SeqCst) {
            self.first.notify_one();
            match self.at_first {
                AtFirst::Nothing => {}
                AtFirst::Cancel => {
                    self.store.cancel(run.id, &pressrun_store::sample::change_at(Verb::RunCancelled, now)).await.unwrap();
                    self.clock.advance(SignedDuration::from_secs(2));
                }
                AtFirst::Takes(time) => self.clock.advance(time),
                AtFirst::Hang => std::future::pending().await,
            }
        }
        self.inner.deliver(destination, parcel, now).await
    }
}

/// How often each target came, and with which bytes.
fn by_target(carrier: &Looks, run: RunId) -> BTreeMap<String, Vec<Option<String>>> {
    let mut taken: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for parcel in carrier.inner.taken().into_iter().filter(|parcel| parcel.run == run) {
        taken.entry(parcel.target).or_default().push(parcel.sha256);
    }
    taken
}

fn lines(run: &Run, event: &str) -> usize {
    run.record.timeline.iter().filter(|line| line.event == event).count()
}

#[tokio::test]
async fn h13_a_large_personal_run_begins_to_be_sent_while_it_is_prepared() {
    let world = World::new().await;
    let carrier = Looks::new(&world, AtFirst::Nothing);
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let run = world.trigger(world.save(many(&world).await).await).await;
    engine.drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record.error);
    assert_eq!((accepted(&pieces), run.record.artifacts.len(), lines(&run, "claimed")), (MANY, MANY, 1));
    assert!(carrier.meanwhile.load(Ordering::SeqCst) > 0, "nothing was sent before all was prepared");
    assert!(by_target(&carrier, run.id).values().all(|parcels| parcels.len() == 1));
}

#[tokio::test]
async fn s3_h13_nothing_is_sent_before_all_queries_have_run_where_a_failure_stops_the_run() {
    let world = World::new().await;
    let carrier = Looks::new(&world, AtFirst::Nothing);
    let engine = world.another_engine(Arc::clone(&carrier) as _);
    let definition = Definition { kill_jobs_on_failure: true, ..many(&world).await };
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    engine.drain().await.unwrap();
    assert_eq!(ended(&world.run(run).await.0).0, RunStatus::Complete);
    assert_eq!((carrier.inner.taken().len(), carrier.meanwhile.load(Ordering::SeqCst)), (MANY, 0));

    // The rows of the last one cannot be added up.
    let sum = "sum(amount) as amount";
    let failing = format!("sum(case region when '{}' then cast(region as bigint) else amount end) as amount", region(MANY - 1));
    let file = world.dir.path().join("catalog/dashboards/sales.yaml");
    let sales = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, sales.replacen(sum, &failing, 1)).unwrap();
    let run = world.trigger(schedule).await;
    world.another_engine(Arc::clone(&carrier) as _).drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Killed, Some("queryFailed")), "{:?}", run.record.error);
    // The owner is told of it by the same way.
    let copies = carrier.inner.taken().into_iter().filter(|parcel| parcel.target.ends_with("@x.example")).count();
    assert_eq!((accepted(&pieces), copies), (0, MANY), "nothing of the second one");
}

#[tokio::test]
async fn i6_h13_whoever_goes_on_prepares_only_what_is_not_done_and_nobody_gets_two_copies() {
    let world = World::new().await;
    let dying = Looks::new(&world, AtFirst::Hang);
    let first = world.another_engine_with(Arc::clone(&dying) as _, |config| config.parallel_deliveries = 1);
    let run = world.trigger(world.save(many(&world).await).await).await;
    tokio::select! {
        result = first.drain() => panic!("the run ended: {result:?}"),
        () = dying.first.notified() => {}
    }
    drop(first);
    let before = world.store.audiences_done(run).await.unwrap();
    assert!((1..MANY).contains(&before.len()), "{} audiences were done", before.len());
    let files: BTreeMap<String, Option<String>> =
        world.run(run).await.1.into_iter().map(|piece| (piece.target, file_of(piece.artifact))).collect();

    world.write_data("sales.csv", &data(100));
    world.clock.advance(SignedDuration::from_secs(61));
    let carrier = Looks::new(&world, AtFirst::Nothing);
    let second = world.another_engine(Arc::clone(&carrier) as _);
    // What the first was writing when it died is undone when the database notices: until then nobody else has the run.
    while second.drain().await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record.error);
    assert_eq!(accepted(&pieces), MANY);
    let taken = by_target(&carrier, run.id);
    assert_eq!((taken.len(), taken.values().map(Vec::len).sum::<usize>()), (MANY, MANY), "each once");
    for (target, file) in &files {
        assert_eq!(taken[target].as_slice(), std::slice::from_ref(file), "{target} gets the file that was made for them");
    }
    assert_eq!((run.record.tiles.len(), run.record.artifacts.len()), (MANY, MANY), "what was done was not prepared again");
    let keys: BTreeSet<_> = run.record.tiles.iter().map(|tile| tile.audience.as_str()).collect();
    assert_eq!(keys.len(), MANY, "each audience has a name of its own");
    assert!(world.store.audiences_done(run.id).await.unwrap().is_empty());
}

fn file_of(artifact: Option<pressrun_domain::run::ArtifactRecord>) -> Option<String> {
    artifact.map(|artifact| artifact.sha256)
}

#[tokio::test]
async fn s5_s10_h13_a_run_that_is_stopped_amid_its_audiences_keeps_what_arrived_and_names_who_gets_none() {
    let world = World::new().await;
    let carrier = Looks::new(&world, AtFirst::Cancel);
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.parallel_deliveries = 1);
    let run = world.trigger(world.save(many(&world).await).await).await;
    engine.drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Killed, Some("cancelled")));
    assert!(carrier.meanwhile.load(Ordering::SeqCst) > 0);
    assert_eq!(pieces.len(), MANY, "everybody is named");
    let (arrived, taken) = (accepted(&pieces), carrier.inner.taken().len());
    assert!(arrived == taken && (1..MANY).contains(&arrived), "{arrived} of {taken}");
    let unsent = DeliveryState::Skipped { reason: "cancelled".to_owned() };
    let others: Vec<_> =
        pieces.iter().filter(|piece| piece.state != unsent && !matches!(piece.state, DeliveryState::Accepted { .. })).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn l1_h13_a_run_of_many_audiences_gives_way_while_it_is_prepared() {
    let world = World::new().await;
    let carrier = Looks::new(&world, AtFirst::Takes(SignedDuration::from_secs(11)));
    let engine = world.another_engine_with(Arc::clone(&carrier) as _, |config| config.workers = 1);
    let big = world.trigger(world.save(many(&world).await).await).await;
    let mut other = world.webhook(Format::LinkOnly);
    other.owner = MembershipId(HILL.parse().unwrap());
    let small = world.trigger(world.save(other).await).await;
    engine.drain().await.unwrap();
    let (run, pieces) = world.run(big).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record.error);
    assert_eq!((lines(&run, "gaveWay"), accepted(&pieces), run.record.artifacts.len()), (1, MANY, MANY), "{:?}", run.record.timeline);
    let place = carrier.inner.taken().iter().position(|parcel| parcel.run == small).unwrap();
    assert!(place < MANY, "the other went after {place} of the big one's pieces, with one worker for both");
    assert!(by_target(&carrier, big).values().all(|parcels| parcels.len() == 1));
}

#[tokio::test]
async fn h13_preparing_is_bounded_for_each_audience_and_not_for_all_together() {
    /// Two minutes pass with a piece of an audience that is done when many are: whatever is prepared then was begun after some were done.
    struct Slow(Arc<FakeClock>, AtomicUsize);
    #[async_trait]
    impl Carrier for Slow {
        async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
            if self.1.fetch_add(1, Ordering::SeqCst) == MANY / 2 {
                self.0.advance(SignedDuration::from_mins(2));
            }
            Delivered { outcome: Outcome::Accepted { receipt: "ok".to_owned() }, learnt_host_key: None, warnings: Vec::new() }
        }
    }
    let world = World::new().await;
    let run = world.trigger(world.save(many(&world).await).await).await;
    // Half an hour is allowed, and all but a minute of it has been worked.
    let claim = world.store.claim(WorkerId::generate(), world.now(), world.now(), 1).await.unwrap().remove(0);
    let worked = Worked { preparing: SignedDuration::from_mins(29), ..Worked::default() };
    world.store.hand_back(&claim.lease, world.now(), &[], worked).await.unwrap();
    let carrier = Arc::new(Slow(Arc::clone(&world.clock), AtomicUsize::new(0)));
    world.another_engine_with(carrier, |config| config.parallel_deliveries = 1).drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Complete, None), "{:?}", run.record.error);
    assert_eq!(accepted(&pieces), MANY);
}

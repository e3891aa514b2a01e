//! What is not delivered in time is told outside of the queue: once, and once more when it is over.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_dispatch::{Pulse, Pulses};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::output::Format;
use pressrun_domain::overdue::LateWatch;
use pressrun_domain::secret::Secret;
use pressrun_engine::alarm::Alarm;
use pressrun_engine::{Carrier, Engine};
use pressrun_testkit::{HttpAnswer, HttpReceiver};
use serde_json::Value;
use tokio::sync::watch;

use crate::world::World;

const AFTER: SignedDuration = SignedDuration::from_mins(60);

/// A node's alarm, with what it remembers of the clock.
struct Node {
    alarm: Alarm,
    watch: LateWatch,
    pulse: Pulse,
}

impl Node {
    /// One that tells this receiver, and nobody by mail; its clock has been right for some minutes.
    fn telling(world: &World, operator: &HttpReceiver) -> Self {
        let engine = world.another_engine_with(world.carriers_to(&[operator]), |config| {
            config.operator = Some(WebhookSettings::new(operator.url("/operator"), vec![Secret::new("whsec_c2VjcmV0c2VjcmV0c2VjcmV0")]));
        });
        Self::of(world, &engine, &[])
    }

    fn of(world: &World, engine: &Engine, mail_to: &[&str]) -> Self {
        let mail_to = mail_to.iter().map(|address| address.parse().unwrap()).collect();
        let steady = world.clock.steady() - SignedDuration::from_mins(5);
        Self {
            alarm: Alarm { context: engine.shared_context(), after: AFTER, mail_to },
            watch: LateWatch::new(AFTER, world.now() - SignedDuration::from_mins(5), steady),
            pulse: Pulses::default().task("alarm"),
        }
    }

    async fn look(&mut self) {
        self.alarm.look(&mut self.watch, &self.pulse).await.unwrap();
    }
}

/// What an operator was told so far.
fn told(operator: &HttpReceiver) -> Vec<Value> {
    operator.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

fn events(operator: &HttpReceiver) -> Vec<(String, u64)> {
    told(operator).iter().map(|body| (body["event"].as_str().unwrap().to_owned(), body["count"].as_u64().unwrap())).collect()
}

/// The way out of whoever works: nothing comes back from it.
struct Stuck(watch::Sender<usize>);

#[async_trait]
impl Carrier for Stuck {
    async fn deliver(&self, _: &Destination, _: &Parcel, _: Timestamp) -> Delivered {
        self.0.send_modify(|stuck| *stuck += 1);
        std::future::pending().await
    }
}

#[tokio::test]
async fn o2_an_operator_hears_of_what_is_stuck_by_a_way_that_is_not() {
    let world = World::new().await;
    let operator = HttpReceiver::start().await;
    let stuck = Arc::new(Stuck(watch::Sender::new(0)));
    let worker = world.another_engine_with(Arc::clone(&stuck) as _, |config| config.workers = 1);
    let schedule = world.save(world.webhook(Format::LinkOnly)).await;
    world.clock.set("2025-07-24T09:00:00Z".parse().unwrap());
    assert_eq!(worker.tick().await.unwrap(), 1);
    let working = tokio::spawn(async move { worker.drain().await });
    stuck.0.subscribe().wait_for(|stuck| *stuck == 1).await.unwrap();

    let mut node = Node::telling(&world, &operator);
    world.clock.advance(SignedDuration::from_mins(59));
    node.look().await;
    assert_eq!(told(&operator), Vec::<Value>::new(), "it has another minute");
    world.clock.advance(SignedDuration::from_mins(2));
    node.look().await;
    node.look().await;
    let said = told(&operator);
    assert_eq!(said.len(), 1, "once: {said:?}");
    let delivery = &said[0]["deliveries"][0];
    assert_eq!((&said[0]["event"], &said[0]["count"]), (&"runs.overdue".into(), &1.into()));
    assert_eq!(delivery["schedule"]["id"], schedule.to_string());
    assert_eq!((&delivery["schedule"]["name"], &delivery["scheduledFor"]), (&"Daily sales".into(), &"2025-07-24T09:00:00Z".into()));
    assert!(delivery["run"]["url"].as_str().unwrap().starts_with("http://reports.example/runs/"), "{delivery}");
    let signed = operator.requests();
    assert!(signed[0].header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")));

    working.abort();
    let _ = working.await;
    // Its lease lapses, and another worker brings the run to its end.
    world.clock.advance(SignedDuration::from_mins(10));
    world.engine.drain().await.unwrap();
    node.look().await;
    node.look().await;
    let said = told(&operator);
    assert_eq!(events(&operator), [("runs.overdue".to_owned(), 1), ("runs.settled".to_owned(), 1)]);
    assert_eq!(said[1]["deliveries"][0]["stands"], "COMPLETE");
}

#[tokio::test]
async fn o2_people_are_told_by_mail_of_what_nobody_has_even_begun() {
    let world = World::new().await;
    world.save(world.webhook(Format::LinkOnly)).await;
    let mut node = Node::of(&world, &world.engine, &["night@myorg.co", "day@myorg.co"]);
    world.clock.set("2025-07-24T10:00:01Z".parse().unwrap());
    node.look().await;
    let mails = world.smtp.wait_for(2).await;
    let mut to: Vec<String> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["day@myorg.co", "night@myorg.co"]);
    let text = mails[0].text();
    for words in ["A delivery is overdue", "Daily sales", "2025-07-24 09:00 UTC", "nobody has begun it"] {
        assert!(text.replace("=\r\n", "").contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn o2_of_two_nodes_one_tells_and_what_was_not_taken_is_told_again() {
    let world = World::new().await;
    let operator = HttpReceiver::start().await;
    operator.push([HttpAnswer::new(500, "not now")]);
    world.save(world.webhook(Format::LinkOnly)).await;
    world.clock.set("2025-07-24T10:00:01Z".parse().unwrap());
    let (mut one, mut other) = (Node::telling(&world, &operator), Node::telling(&world, &operator));
    tokio::join!(one.look(), other.look());
    assert_eq!(operator.requests().len(), 1, "one of them tried");
    tokio::join!(one.look(), other.look());
    assert_eq!(operator.requests().len(), 1, "and waits a little before it tries again");
    world.clock.advance(SignedDuration::from_mins(3));
    tokio::join!(one.look(), other.look());
    tokio::join!(one.look(), other.look());
    let marks: Vec<_> = operator.requests().iter().map(|request| request.header("webhook-id").map(str::to_owned)).collect();
    assert_eq!(marks.len(), 2);
    assert_eq!(marks[0], marks[1], "whoever heard it the first time knows it");
}

#[tokio::test]
async fn o2_however_many_are_late_a_message_tells_of_them() {
    let world = World::new().await;
    let operator = HttpReceiver::start().await;
    for _ in 0..120 {
        world.save(world.webhook(Format::LinkOnly)).await;
    }
    world.clock.set("2025-07-24T10:00:01Z".parse().unwrap());
    let mut node = Node::telling(&world, &operator);
    node.look().await;
    assert_eq!(events(&operator), [("runs.overdue".to_owned(), 120)]);
    assert_eq!(told(&operator)[0]["deliveries"].as_array().unwrap().len(), 20, "some are named");
}

#[tokio::test]
async fn o2_a_clock_that_jumps_tells_nobody_of_what_is_done_within_minutes() {
    let world = World::new().await;
    let operator = HttpReceiver::start().await;
    for _ in 0..30 {
        world.save(world.webhook(Format::LinkOnly)).await;
    }
    let mut node = Node::telling(&world, &operator);
    node.look().await;
    world.clock.jump(SignedDuration::from_hours(10));
    node.look().await;
    world.clock.advance(SignedDuration::from_mins(2));
    world.engine.tick().await.unwrap();
    world.engine.drain().await.unwrap();
    world.clock.advance(SignedDuration::from_mins(20));
    node.look().await;
    assert_eq!(told(&operator), Vec::<Value>::new());
}

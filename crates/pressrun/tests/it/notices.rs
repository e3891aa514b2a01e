//! What owners and the operator hear.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_dispatch::Tasks;
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::id::{ScheduleId, SubscriptionRequestId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo, notice_id};
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use pressrun_domain::secret::Secret;
use pressrun_engine::{Carrier, Engine, EngineConfig};
use pressrun_testkit::HttpAnswer;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::publish;
use crate::world::{World, ended};

/// An engine over the same world that tells an operator.
fn with_operator(world: &World) -> Engine {
    let mut context = world.engine.context().clone();
    let operator = WebhookSettings::new(world.http.url("/ops"), vec![Secret::new("whsec_b3BlcmF0b3I=")]);
    context.config = Arc::new(EngineConfig { operator: Some(operator), ..(*context.config).clone() });
    Engine::new(context, Arc::default())
}

/// Lets time pass under `engine`.
async fn pass(world: &World, engine: &Engine, by: SignedDuration) {
    world.clock.advance(by);
    engine.tick().await.unwrap();
    engine.drain().await.unwrap();
}

/// What the operator was told, in order: the event and the whole body.
fn told(world: &World) -> Vec<(String, serde_json::Value)> {
    let requests = world.http.requests();
    let bodies = requests.iter().filter(|request| request.path == "/ops").map(|request| serde_json::from_str(&request.text()).unwrap());
    bodies.map(|body: serde_json::Value| (body["event"].as_str().unwrap().to_owned(), body)).collect()
}

fn events(world: &World) -> Vec<String> {
    told(world).into_iter().map(|(event, _)| event).collect()
}

fn refuse(world: &World, address: &str) {
    world.smtp.follow(|script| drop(script.refuse.insert(address.to_owned(), (550, "no such user".to_owned()))));
}

/// Mails to the owner, by subject.
fn to_owner(world: &World) -> Vec<String> {
    let mails = world.smtp.mails();
    let own = mails.iter().filter(|mail| mail.to == ["blob.ross@myorg.co"]);
    own.map(|mail| mail.header("subject").unwrap_or_default()).collect()
}

async fn failing_mail(world: &World) -> ScheduleId {
    refuse(world, "nobody@example.com");
    world.save(world.email(Format::LinkOnly, &["nobody@example.com"])).await
}

#[tokio::test]
async fn s10_owner_and_operator_hear_once_of_each_failure_and_once_of_the_recovery() {
    let world = World::new().await;
    let engine = with_operator(&world);
    let schedule = failing_mail(&world).await;
    let day = SignedDuration::from_hours(24);
    pass(&world, &engine, day).await;
    pass(&world, &engine, day).await;
    assert_eq!(to_owner(&world), ["Delivery failed: Daily sales"; 2], "once for each occurrence");
    assert_eq!(events(&world), ["run.failed"; 2]);
    world.smtp.follow(|script| script.refuse.clear());
    pass(&world, &engine, day).await;
    pass(&world, &engine, day).await;
    assert_eq!(to_owner(&world)[2..], ["Delivery works again: Daily sales"]);
    assert_eq!(events(&world)[2..], ["run.recovered"], "said once");
    let statuses: Vec<_> = world.runs(schedule).await.iter().map(|run| ended(run).0).collect();
    assert_eq!(statuses, [RunStatus::Error, RunStatus::Error, RunStatus::Complete, RunStatus::Complete]);
}

#[tokio::test]
async fn s10_the_operators_notice_is_signed_json_that_says_what_and_where() {
    let world = World::new().await;
    let engine = with_operator(&world);
    let schedule = failing_mail(&world).await;
    pass(&world, &engine, SignedDuration::from_hours(24)).await;
    let requests = world.http.requests();
    let request = requests.iter().find(|request| request.path == "/ops").unwrap();
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")), "{:?}", request.headers);
    let run = world.runs(schedule).await.remove(0);
    let (_, body) = told(&world).remove(0);
    assert_eq!(body["schedule"]["id"], schedule.to_string());
    assert_eq!((&body["run"]["id"], &body["run"]["status"]), (&run.id.to_string().into(), &"ERROR".into()));
    assert!(body["run"]["reason"].as_str().unwrap().contains("no such user"), "{body}");
    assert_eq!(body["run"]["url"], format!("http://reports.example/runs/{}", run.id));
    let notices = world.store.notices_of(run.id).await.unwrap();
    assert_eq!(notices.len(), 2);
    assert!(notices.iter().all(|notice| notice.state.as_str() == "accepted" && notice.attempts.len() == 1), "{notices:?}");
}

#[tokio::test]
async fn s13_an_owner_who_cannot_be_mailed_is_the_operators_matter() {
    let world = World::new().await;
    let engine = with_operator(&world);
    refuse(&world, "blob.ross@myorg.co");
    failing_mail(&world).await;
    pass(&world, &engine, SignedDuration::from_hours(24)).await;
    assert_eq!(events(&world), ["run.failed", "owner.unreachable"]);
    let (_, body) = told(&world).remove(1);
    assert_eq!(body["unsaid"]["to"], "blob.ross@myorg.co");
    assert!(body["unsaid"]["reason"].as_str().unwrap().contains("no such user"), "{body}");
}

#[tokio::test]
async fn s13_of_an_owner_who_is_gone_only_the_operator_hears() {
    let world = World::new().await;
    let engine = with_operator(&world);
    world.save(world.webhook(Format::Json)).await;
    let path = world.dir.path().join("catalog/people.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("admin: true,", "admin: true, active: false,", 1)).unwrap();
    assert!(engine.context().catalog.publish().is_ok());
    pressrun_engine::publish::published(engine.context()).await.unwrap();
    engine.drain().await.unwrap();
    let mut heard = events(&world);
    heard.sort();
    assert_eq!(heard, ["owner.unreachable", "schedule.disabled"]);
    assert!(world.smtp.mails().is_empty());
}

#[tokio::test]
async fn s13_a_webhook_that_is_gone_is_told_beside_the_failure() {
    let world = World::new().await;
    let engine = with_operator(&world);
    world.http.push([HttpAnswer::new(410, "gone")]);
    world.save(world.webhook(Format::Json)).await;
    pass(&world, &engine, SignedDuration::from_hours(1)).await;
    let mut heard = events(&world);
    heard.sort();
    assert_eq!(heard, ["destination.gone", "run.failed"]);
    assert_eq!(to_owner(&world), ["Delivery failed: Daily sales"], "the owner hears of it in one mail");
    let mail = world.smtp.mails().remove(0).text();
    assert!(mail.contains("gone for good"), "{mail}");
}

#[tokio::test]
async fn s13_five_failures_in_a_row_are_told_once() {
    let world = World::new().await;
    let engine = with_operator(&world);
    failing_mail(&world).await;
    for _ in 0..6 {
        pass(&world, &engine, SignedDuration::from_hours(24)).await;
    }
    let heard = events(&world);
    assert_eq!(heard.iter().filter(|event| *event == "destination.failing").count(), 1, "{heard:?}");
    assert_eq!(heard.iter().filter(|event| *event == "run.failed").count(), 6);
}

#[tokio::test]
async fn s10_a_notice_whose_sender_died_is_sent_later_under_its_mark() {
    let world = World::new().await;
    failing_mail(&world).await;
    world.smtp.follow(|script| drop(script.refuse.insert("blob.ross@myorg.co".to_owned(), (451, "try later".to_owned()))));
    world.pass(SignedDuration::from_hours(24)).await;
    assert!(to_owner(&world).is_empty(), "the first try is put off, and no run waits for it");
    world.smtp.follow(|script| drop(script.refuse.remove("blob.ross@myorg.co")));
    // What may be greylisting is waited for.
    world.clock.advance(SignedDuration::from_mins(6));
    let now = pressrun_domain::clock::Clock::now(world.clock.as_ref());
    let claimed = world.store.claim_notices(NoticeLane::People, now, now + SignedDuration::from_mins(5), 9).await.unwrap();
    assert_eq!(claimed.len(), 1, "a process takes it and dies");
    world.engine.drain().await.unwrap();
    assert!(to_owner(&world).is_empty(), "nobody else takes it meanwhile");
    world.pass(SignedDuration::from_mins(6)).await;
    assert_eq!(to_owner(&world), ["Delivery failed: Daily sales"]);
    let mail = world.smtp.mails().remove(0);
    assert!(mail.header("message-id").unwrap().contains(&format!("pressrun-{}", claimed[0].id)), "{}", mail.text());
}

#[tokio::test]
async fn x5_the_operator_hears_of_switching_off_and_of_what_can_be_switched_on() {
    let world = World::new().await;
    let engine = with_operator(&world);
    let mut definition = world.webhook(Format::Json);
    definition.tile = Some("total".into());
    world.save(definition).await;
    let sales = "dashboards/sales.yaml";
    let told_after = async |from: &str, to: &str| {
        let path = world.dir.path().join("catalog").join(sales);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert!(engine.context().catalog.publish().is_ok());
        pressrun_engine::publish::published(engine.context()).await.unwrap();
        engine.drain().await.unwrap();
        told(&world).pop().unwrap()
    };
    let (event, body) = told_after("  total:\n", "  sum:\n").await;
    assert_eq!((event.as_str(), &body["schedule"]["systemDisabledReason"]), ("schedule.disabled", &"missingQuery".into()));
    assert_eq!(body["run"], serde_json::Value::Null);
    let (event, _) = told_after("  sum:\n", "  total:\n").await;
    assert_eq!(event, "schedule.enabled");
}

#[tokio::test]
async fn a_test_that_fails_mails_nobody() {
    let world = World::new().await;
    publish(&world, "people.yaml", "name: Blobs R Us }", "name: Blobs }").await;
    refuse(&world, "nobody@example.com");
    let definition = world.email(Format::LinkOnly, &["nobody@example.com"]);
    world.enqueue(ScheduleId::generate(), definition, pressrun_domain::run::RunKind::Test).await;
    world.engine.drain().await.unwrap();
    assert!(to_owner(&world).is_empty(), "who asked for it looks at it");
}

#[tokio::test]
async fn c2_the_link_that_answers_a_request_is_in_the_mail_and_in_no_row() {
    let world = World::new().await;
    let (schedule, request) = (ScheduleId::generate(), SubscriptionRequestId::generate());
    let to = NoticeTo::Owner("blob.ross@myorg.co".parse().unwrap());
    let notice = Notice {
        id: notice_id(schedule.0, NoticeKind::SubscriptionRequested, &to),
        kind: NoticeKind::SubscriptionRequested,
        schedule,
        run: None,
        to,
        subject: "Somebody asks".to_owned(),
        text: "Hill asks.".to_owned(),
        body: json!({"request": request.to_string()}).to_string(),
        created_at: world.now(),
        state: DeliveryState::Pending { not_before: world.now() },
        attempts: Vec::new(),
    };
    world.store.add_notices(std::slice::from_ref(&notice)).await.unwrap();
    world.pass(SignedDuration::from_secs(1)).await;
    let mail = world.smtp.mails().pop().expect("a mail").text().replace("=\r\n", "").replace("=3D", "=");
    let links = &world.engine.context().links;
    assert!(mail.contains(&links.request(request)), "{mail}");
    let rows = std::fs::read(world.dir.path().join("pressrun.db")).unwrap();
    let log = std::fs::read(world.dir.path().join("pressrun.db-wal")).unwrap_or_default();
    let word = links.request_word(request);
    let holds = |bytes: &[u8], part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(holds(&rows, &request.to_string()) || holds(&log, &request.to_string()), "the notice is there");
    assert!(!holds(&rows, word.expose()) && !holds(&log, word.expose()), "its word is not");
}

/// Something to be said to `to` about a schedule of its own.
fn notice(world: &World, to: NoticeTo) -> Notice {
    let schedule = ScheduleId::generate();
    Notice {
        id: notice_id(schedule.0, NoticeKind::RunFailed, &to),
        kind: NoticeKind::RunFailed,
        schedule,
        run: None,
        to,
        subject: "Delivery failed".to_owned(),
        text: "It failed.".to_owned(),
        body: json!({"event": "run.failed"}).to_string(),
        created_at: world.now(),
        state: DeliveryState::Pending { not_before: world.now() },
        attempts: Vec::new(),
    }
}

/// Mail waits until it may go on; all else is passed on.
struct MailWaits {
    inner: Arc<dyn Carrier>,
    waiting: Arc<Semaphore>,
    may_go_on: Arc<Semaphore>,
}

#[async_trait]
impl Carrier for MailWaits {
    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        if destination.email().is_some() {
            self.waiting.add_permits(1);
            self.may_go_on.acquire().await.unwrap().forget();
        }
        self.inner.deliver(destination, parcel, now).await
    }
}

/// An engine with an operator whose mail waits; one permit each for what waits, and for what may go on.
fn whose_mail_waits(world: &World) -> (Engine, Arc<Semaphore>, Arc<Semaphore>) {
    let mut context = with_operator(world).context().clone();
    let (waiting, may_go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    context.carrier = Arc::new(MailWaits { inner: world.carriers(), waiting: Arc::clone(&waiting), may_go_on: Arc::clone(&may_go_on) });
    (Engine::new(context, Arc::default()), waiting, may_go_on)
}

#[tokio::test]
async fn h4_mail_that_hangs_does_not_keep_the_operator_from_hearing() {
    let world = World::new().await;
    let (engine, waiting, _) = whose_mail_waits(&world);
    let owner = || NoticeTo::Owner("blob.ross@myorg.co".parse().unwrap());
    let mut all: Vec<Notice> = (0..20).map(|_| notice(&world, owner())).collect();
    all.push(notice(&world, NoticeTo::Operator));
    world.store.add_notices(&all).await.unwrap();
    // So many mails have a place at once, and none of them gets on.
    let begun = 4;
    let heard = async {
        let requests = world.http.wait_for(1).await;
        drop(waiting.acquire_many(begun).await.unwrap());
        requests
    };
    tokio::select! {
        result = engine.drain() => panic!("mail hangs: {result:?}"),
        requests = heard => assert_eq!(requests[0].path, "/ops"),
    }
    let others = world.store.claim_notices(NoticeLane::People, world.now(), world.now() + SignedDuration::from_mins(5), 99).await.unwrap();
    assert_eq!(others.len() + begun as usize, 20, "what is not begun is hidden from nobody");
}

#[tokio::test]
async fn s10_a_notice_that_is_under_way_at_a_stop_is_heard_to_its_end() {
    let world = World::new().await;
    let (engine, waiting, may_go_on) = whose_mail_waits(&world);
    let engine = Arc::new(engine);
    let owner = NoticeTo::Owner("blob.ross@myorg.co".parse().unwrap());
    world.store.add_notices(&[notice(&world, owner)]).await.unwrap();
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    engine.start(&mut tasks, &stop, CancellationToken::new());
    waiting.acquire().await.unwrap().forget();
    stop.cancel();
    may_go_on.add_permits(1);
    tasks.into_inner().join_all().await;
    assert_eq!(to_owner(&world), ["Delivery failed"]);
    assert_eq!(world.store.next_notice(NoticeLane::People).await.unwrap(), None, "that it was taken is written down");
}

#[tokio::test]
async fn s10_a_notice_of_a_dead_sender_is_taken_over_within_a_lease_and_that_of_a_living_one_is_not() {
    let world = World::new().await;
    let (engine, waiting, may_go_on) = whose_mail_waits(&world);
    let lease = engine.context().config.lease;
    let engine = Arc::new(engine);
    let [mine, of_the_dead] = ["blob.ross@myorg.co", "blobby.hill@myorg.co"].map(|to| notice(&world, NoticeTo::Owner(to.parse().unwrap())));
    world.store.add_notices(std::slice::from_ref(&of_the_dead)).await.unwrap();
    // A process claims it and dies.
    world.store.claim_notices(NoticeLane::People, world.now(), world.now() + lease, 9).await.unwrap();
    world.store.add_notices(std::slice::from_ref(&mine)).await.unwrap();
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    engine.start(&mut tasks, &stop, CancellationToken::new());
    waiting.acquire().await.unwrap().forget();
    for _ in 0..3 {
        world.clock.advance(lease / 3);
    }
    waiting.acquire().await.unwrap().forget();
    // Both take longer than a lease.
    for _ in 0..6 {
        world.clock.advance(lease / 3);
        while world.store.next_notice(NoticeLane::People).await.unwrap() != Some(world.now() + lease) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(waiting.available_permits(), 0, "nobody has begun with mine again");
    stop.cancel();
    may_go_on.add_permits(2);
    tasks.into_inner().join_all().await;
    let mut told: Vec<_> = world.smtp.mails().into_iter().flat_map(|mail| mail.to).collect();
    told.sort();
    assert_eq!(told, ["blob.ross@myorg.co", "blobby.hill@myorg.co"]);
}
